//! A random day of calls and troubles, a thousand times over: in the evening the CRM has every call exactly once, in order, with
//! its true times and its recording, whatever died on the way.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod model;

use model::{
    START, World,
    day::{self, Day},
    exchange::Leg,
    settings,
};
use proptest::{
    bits,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use trubka::Millis;

/// How many days each test runs. The tests share the processor's cores.
const CASES: u32 = 2_560;

/// Days with so many calls and troubles. A failing one is told by three numbers; [`a_day_by_its_name`] runs it again.
fn days(calls: std::ops::Range<usize>, troubles: std::ops::Range<usize>) {
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let strategy = (any::<u64>().no_shrink(), bits::u16::sampled(calls, 0..16), bits::u16::sampled(troubles, 0..16));
    TestRunner::new(config)
        .run(&strategy, |(seed, calls, troubles)| {
            let day = Day { seed, calls, troubles };
            day::run(day).map_err(|wrong| TestCaseError::fail(format!("{}\n{wrong}", day.name())))
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn a_day_with_a_trouble() {
    days(1..4, 1..2);
}

#[test]
fn a_day_with_a_few_troubles() {
    days(1..6, 2..6);
}

#[test]
fn a_busy_day() {
    days(8..16, 0..8);
}

#[test]
fn a_day_of_disasters() {
    days(2..10, 8..16);
}

/// Two days with a call every five minutes, and a quiet one after them: what is kept does not grow with what was.
#[test]
fn a_long_time_leaves_nothing_behind() {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut world = World::new(1, settings());
    let calls = 2 * 24 * 12;
    for call in 0..calls {
        let at = START + Millis::mins(1 + 5 * call);
        world.plan(Leg::outgoing(format!("c{call}"), format!("7916{call:07}"), at, &mut rng));
    }
    world.run_for(Millis::hours(24));
    let after_a_day = world.largest_state;
    world.run_for(Millis::hours(48));
    assert_eq!((&world.violations, &world.crm.violations), (&Vec::new(), &Vec::new()));
    assert_eq!(world.crm.calls.values().filter(|call| call.registered.is_some()).count() as i64, calls);
    assert_eq!(world.store.rows.len(), 0);
    assert!(world.largest_state < after_a_day * 5 / 4, "{after_a_day}, then {}", world.largest_state);
    assert!(world.store.lines.len() <= 1_000, "the log forgets");
}

/// `TRUBKA_DAY=seed/calls/troubles cargo test --test day a_day_by_its_name` runs the day that a failure named.
#[test]
fn a_day_by_its_name() {
    if let Ok(name) = std::env::var("TRUBKA_DAY") {
        day::run(Day::named(&name)).unwrap_or_else(|wrong| panic!("{wrong}"));
    }
}
