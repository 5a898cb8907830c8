//! What holds for frames in any order, also one that no exchange would send; tests/day.rs has the days as they are.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod model;

use std::collections::BTreeMap;

use model::{START, World, event};
use proptest::prelude::*;
use serde_json::{Value, json};
use trubka::Millis;

/// One thing that happens in a random day.
#[derive(Clone, Debug)]
enum Happening {
    /// The frame of one step of one of the day's calls.
    Frame { call: u8, step: u8 },
    /// The frame before, once more.
    Again,
    /// Text that is no event.
    Noise(String),
    /// A click, of one of a few keys on one of a few numbers.
    Click { key: u8, number: u8 },
    /// The CRM's next answer: a status, or none, or a lost one.
    Fault(u16),
    /// The worker dies and starts anew.
    Crash,
    /// The socket closes.
    Drop,
    /// Time passes, in milliseconds.
    Pass(u16),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        12 => (0..6u8, 0..4u8).prop_map(|(call, step)| Happening::Frame { call, step }),
        2 => Just(Happening::Again),
        1 => ".{0,40}".prop_map(Happening::Noise),
        3 => (0..4u8, 0..3u8).prop_map(|(key, number)| Happening::Click { key, number }),
        3 => prop::sample::select(vec![0, 1, 500, 503, 429, 408, 401]).prop_map(Happening::Fault),
        1 => Just(Happening::Crash),
        1 => Just(Happening::Drop),
        6 => (0..3_000u16).prop_map(Happening::Pass),
    ]
}

/// The day's calls: incoming, outgoing, internal, a leg of a group, a group, a menu. Each has its three or four frames.
fn frame(call: u8, step: u8) -> Value {
    let at = Millis(START.0 + 10_000 + i64::from(call) * 1_000);
    let later = |seconds: i64| at.0 + seconds * 1_000;
    let (uuid, direction, more) = match call {
        0 => ("in", 4, json!({})),
        1 => ("out", 2, json!({})),
        2 => ("internal", 1, json!({ "leg2": { "type": 1, "ext": "002" } })),
        3 => ("leg", 4, json!({ "parentUuid": "group" })),
        4 => ("group", 4, json!({ "leg": { "type": 2, "ext": "900" } })),
        _ => ("menu", 4, json!({ "leg": { "type": 4, "ext": null } })),
    };
    let (name, changes) = match step {
        0 => ("call.dial", json!({})),
        1 => ("call.bridge", json!({ "bridgeAt": later(5), "serverTime": later(5) })),
        2 => ("call.hangup", json!({ "serverTime": later(20) })),
        _ => ("call.hangup", json!({ "bridgeAt": later(5), "serverTime": later(30) })),
    };
    let mut event = event(name, uuid, direction, at, &more);
    for (key, value) in changes.as_object().expect("an object") {
        event[key] = value.clone();
    }
    event
}

fn play(world: &mut World, happenings: &[Happening]) {
    let mut last = frame(0, 0);
    for happening in happenings {
        match happening {
            Happening::Frame { call, step } => {
                last = frame(*call, *step);
                world.frame(&last);
            }
            Happening::Again => world.frame(&last.clone()),
            Happening::Noise(text) => world.raw_frame(text),
            Happening::Click { key, number } => {
                world.dial(&format!("key-{key}"), &format!("+7916123456{number}"));
            }
            Happening::Fault(status) => world.crm.faults.push(*status),
            Happening::Crash => world.crash(),
            Happening::Drop => world.drop_socket(),
            Happening::Pass(millis) => world.run_for(Millis(i64::from(*millis))),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_048, failure_persistence: None, ..ProptestConfig::default() })]

    /// No order of events panics or breaks the CRM's order, and in the end the CRM has everything that was stored:
    /// started, each leg in order, finished, registered, once each, with times that never run backwards.
    #[test]
    fn the_crm_hears_every_call_in_order(seed: u64, happenings in prop::collection::vec(happening(), 0..60)) {
        let mut world = World::live(seed);
        play(&mut world, &happenings);
        world.crm.faults.clear();
        world.run_for(Millis::mins(60));
        prop_assert_eq!(&world.crm.violations, &Vec::<String>::new());
        prop_assert_eq!(world.store.rows.len(), 0, "everything is delivered");
        for (id, call) in &world.crm.calls {
            prop_assert_eq!(call.finished.is_some(), call.registered.is_some(), "{} is finished and registered, or neither", id);
        }
    }

    /// However often a number is clicked and whatever dies, a key dials once, and a number has one dial at a time.
    #[test]
    fn a_key_dials_once(seed: u64, happenings in prop::collection::vec(happening(), 0..60)) {
        let mut world = World::live(seed);
        let clicks = happenings.iter().filter_map(|happening| match happening {
            Happening::Click { key, number } => Some((*key, *number)),
            _ => None,
        });
        // The first click of a key that the exchange could have heard names its number.
        let mut keys: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
        clicks.for_each(|(key, number)| keys.entry(key).or_default().push(number));
        play(&mut world, &happenings);
        world.run_for(Millis::mins(5));
        prop_assert!(world.dialled.len() <= keys.len(), "{:?} for {:?}", world.dialled, keys);
    }
}
