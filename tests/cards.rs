//! The cards of the calls, and what else draws the agent's attention: the same in every tab and window, whatever dies.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod model;

use model::{START, World, document, event, page};
use serde_json::{Value, json};
use trubka::{
    Millis,
    protocol::{CardLink, CardsView, Message, NotificationView, PageView, Place, Request, Sender},
    settings::Settings,
};

const T: i64 = START.0 + 10_000;

fn at(seconds: i64) -> Millis {
    Millis(T + seconds * 1_000)
}

/// A world with these changes to the settings, by the path of what is changed.
fn world(seed: u64, changes: &[(&str, Value)]) -> World {
    let mut document = document();
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[key] = value.clone();
    }
    let settings = Settings::default().replaced_by(&document.to_string()).unwrap();
    let mut world = World::new(seed, settings);
    world.run_for(Millis::secs(5));
    world
}

fn ring(world: &mut World, call: &str) {
    world.frame(&event("call.dial", call, 4, at(0), &json!({})));
}

fn answer(world: &mut World, call: &str) {
    world.frame(&event("call.bridge", call, 4, at(0), &json!({ "bridgeAt": at(3).0 })));
}

fn hang_up(world: &mut World, call: &str) {
    world.frame(&event("call.hangup", call, 4, at(0), &json!({ "serverTime": at(9).0 })));
}

/// What a page asks, and the view that it is answered with.
fn asked(world: &mut World, request: Request) -> PageView {
    let ask = world.ask(page(), request);
    match world.replies.remove(&ask) {
        Some(Message::View(view)) => view,
        other => panic!("{other:?}"),
    }
}

fn dismiss(world: &mut World, call: &str) -> PageView {
    asked(world, Request::DismissCall { call: call.into() })
}

fn fold(world: &mut World, call: &str, folded: bool) -> PageView {
    asked(world, Request::FoldCall { call: call.into(), folded })
}

fn cards(world: &World) -> &CardsView {
    world.view.cards.as_ref().expect("cards")
}

fn notified(world: &World) -> Vec<&str> {
    world.alerts.notifications.iter().map(|notification| notification.call.as_str()).collect()
}

fn names(links: &[CardLink]) -> Vec<(bool, Option<&str>, &str)> {
    links.iter().map(|link| (link.is_new, link.place.as_deref(), link.url.reveal().as_str())).collect()
}

#[test]
fn what_is_done_to_a_card_in_one_tab_holds_in_all_and_after_a_death() {
    let mut world = world(1, &[]);
    for call in ["u1", "u2", "u3"] {
        ring(&mut world, call);
    }
    let answered = dismiss(&mut world, "u1");
    assert_eq!(world.view, answered, "every tab is told what the tab that asked is told");
    fold(&mut world, "u2", true);
    asked(&mut world, Request::MoveCards(Place { x: 0, y: 250 }));
    let wanted = CardsView { place: Place { x: 0, y: 250 }, dismissed: vec!["u1".into()], folded: vec!["u2".into()] };
    assert_eq!(cards(&world), &wanted);
    assert_eq!(world.view.calls.len(), 3, "the buttons still know of the call");
    world.run_for(Millis::secs(1));
    world.crash();
    world.run_for(Millis::secs(1));
    assert_eq!(cards(&world), &wanted);
    fold(&mut world, "u2", false);
    assert_eq!(cards(&world).folded, Vec::<String>::new());
}

#[test]
fn nothing_is_kept_of_calls_that_have_no_card() {
    let mut world = world(2, &[]);
    dismiss(&mut world, "nobody");
    assert_eq!(cards(&world).dismissed, Vec::<String>::new());
    ring(&mut world, "u1");
    dismiss(&mut world, "u1");
    hang_up(&mut world, "u1");
    assert_eq!(cards(&world).dismissed, ["u1"], "dismissed while it rang, its end brings it back to nobody");
    world.run_for(Millis::mins(3));
    fold(&mut world, "u1", true);
    world.run_for(Millis::secs(1));
    let state: Value = serde_json::from_str(world.store.state.as_ref().unwrap().reveal()).unwrap();
    assert_eq!(state["cards"], json!({ "place": { "x": 1000, "y": 1000 }, "dismissed": [], "folds": [] }));
}

#[test]
fn of_many_calls_only_those_talked_on_are_whole() {
    let mut world = world(3, &[]);
    let calls: Vec<String> = (0..10).map(|n| format!("u{n}")).collect();
    for call in calls.iter().take(3) {
        ring(&mut world, call);
    }
    assert_eq!(cards(&world).folded, Vec::<String>::new());
    for call in calls.iter().skip(3) {
        ring(&mut world, call);
    }
    answer(&mut world, "u4");
    fold(&mut world, "u7", false);
    let folded: Vec<&String> = calls.iter().filter(|call| !["u4", "u7"].contains(&call.as_str())).collect();
    assert_eq!(cards(&world).folded.iter().collect::<Vec<_>>(), folded);
    for call in calls.iter().skip(2) {
        dismiss(&mut world, call);
    }
    assert_eq!(cards(&world).folded, Vec::<String>::new(), "two are not many");
}

#[test]
fn cards_can_be_switched_off() {
    let mut world = world(4, &[("/interface", json!({ "card": false, "notifications": "named" }))]);
    ring(&mut world, "u1");
    assert_eq!(world.view.cards, None);
    assert!(world.alerts.in_sight, "the browser tells of a call that no page shows");
}

#[test]
fn the_call_that_goes_on_is_hung_up_and_of_several_the_one_talked_on() {
    let mut world = world(6, &[]);
    let hung_up = |world: &mut World| {
        let ask = world.ask(Sender::Extension, Request::HangUpCurrent);
        world.run_for(Millis::secs(2));
        match world.replies.remove(&ask) {
            Some(Message::HungUp { call, problem }) => (call, problem.is_none()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(hung_up(&mut world), (String::new(), false));
    ring(&mut world, "u1");
    // The model's exchange knows of no such leg, which is an answer, too.
    assert_eq!(hung_up(&mut world).0, "u1");
    ring(&mut world, "u2");
    assert_eq!(hung_up(&mut world).0, "", "which of two that ring nobody can say");
    answer(&mut world, "u2");
    assert_eq!(hung_up(&mut world).0, "u2");
}

#[test]
fn the_browser_tells_of_a_call_while_it_rings_and_no_longer() {
    let mut world = world(7, &[("/interface", json!({ "notifications": "named" }))]);
    ring(&mut world, "u1");
    world.run_for(Millis::secs(3));
    let [NotificationView { call, client, url, can_hang_up: true }] = world.alerts.notifications.as_slice() else {
        panic!("{:?}", world.alerts);
    };
    assert_eq!(call, "u1");
    assert_eq!(client.as_ref().unwrap().name.as_ref().unwrap().reveal(), "Пётр");
    assert_eq!(url.as_ref().unwrap().reveal(), "https://crm.kontur.ru/app/ws/contacts/c1");
    answer(&mut world, "u1");
    assert_eq!(notified(&world), Vec::<&str>::new(), "answered");
    ring(&mut world, "u2");
    ring(&mut world, "u3");
    assert_eq!(notified(&world), ["u2", "u3"]);
    dismiss(&mut world, "u2");
    hang_up(&mut world, "u3");
    assert_eq!(notified(&world), Vec::<&str>::new(), "dismissed, and over");
    world.frame(&event("call.dial", "u4", 2, at(0), &json!({})));
    assert_eq!(notified(&world), Vec::<&str>::new(), "the agent's own");
}

#[test]
fn a_colleagues_call_is_told_to_the_colleague_who_is_called() {
    let mut world = world(8, &[("/interface", json!({ "notifications": "named" }))]);
    let internal = |uuid: &str, from: &str, to: &str| {
        let side = |ext: &str| json!({ "id": 1, "type": 1, "displayName": format!("N{ext}"), "ext": ext });
        event("call.dial", uuid, 1, at(0), &json!({ "leg": side(from), "leg2": side(to), "otherLegs": [] }))
    };
    world.frame(&internal("u1", "001", "007"));
    assert_eq!(notified(&world), Vec::<&str>::new());
    assert!(!world.view.calls[0].incoming);
    world.frame(&internal("u2", "007", "001"));
    assert_eq!(notified(&world), ["u2"]);
    let client = world.alerts.notifications[0].client.as_ref().unwrap();
    assert_eq!(client.name.as_ref().unwrap().reveal(), "N007", "who is not in the directory has the exchange's name");
    assert_eq!(client.number.as_ref().unwrap().reveal(), "007");
}

#[test]
fn a_notification_can_keep_who_calls_to_itself() {
    let mut world = world(9, &[("/interface", json!({ "notifications": "unnamed" }))]);
    ring(&mut world, "u1");
    assert_eq!(world.alerts.notifications[0].client, None);
    let mut silent = self::world(10, &[]);
    ring(&mut silent, "u1");
    assert_eq!(notified(&silent), Vec::<&str>::new(), "there are none unless they are switched on");
}

#[test]
fn it_rings_once_for_all_calls_and_never_into_a_talk() {
    let mut world = world(11, &[("/interface", json!({ "ring": true, "volume": 30 }))]);
    assert_eq!(world.alerts.volume, None);
    ring(&mut world, "u1");
    ring(&mut world, "u2");
    assert_eq!(world.alerts.volume, Some(30));
    answer(&mut world, "u1");
    assert_eq!(world.alerts.volume, None, "the agent talks");
    hang_up(&mut world, "u1");
    assert_eq!(world.alerts.volume, Some(30), "the other one rings still");
    dismiss(&mut world, "u2");
    assert_eq!(world.alerts.volume, None);
    ring(&mut world, "u3");
    assert_eq!(world.alerts.volume, Some(30));
    world.drop_socket();
    assert_eq!(world.alerts.volume, None, "nobody knows whether it rings still");
}

#[test]
fn several_cards_are_a_choice_and_none_is_chosen_for_the_agent() {
    let several = [("/interface", json!({ "notifications": "named" }))];
    let mut world = world(12, &several);
    world.crm.links = Some(json!({ "contactIds": ["c1", "c2"], "companyIds": ["k1"], "dealIds": [] }));
    ring(&mut world, "u1");
    world.run_for(Millis::secs(3));
    let links: Vec<_> = names(&world.view.calls[0].links).into_iter().map(|(_, _, url)| url).collect();
    assert_eq!(links, ["https://crm.kontur.ru/app/ws/contacts/c1", "https://crm.kontur.ru/app/ws/contacts/c2"]);
    assert_eq!(world.alerts.notifications[0].url, None);
}

#[test]
fn whom_the_crm_does_not_know_can_be_made_a_contact() {
    let template = "https://crm.kontur.ru/app/{ws}/contacts/new?phone={phone}";
    let mut world = world(13, &[("/kontur/cards/newContact", json!(template))]);
    world.crm.links = Some(json!({ "contactIds": [], "companyIds": [], "dealIds": [] }));
    ring(&mut world, "u1");
    assert_eq!(names(&world.view.calls[0].links), [], "as long as the CRM has not answered, nobody knows");
    world.run_for(Millis::secs(3));
    let made = (true, None, "https://crm.kontur.ru/app/ws/contacts/new?phone=79161234567");
    assert_eq!(names(&world.view.calls[0].links), [made]);
    world.crm.links = Some(json!({ "contactIds": [], "companyIds": ["k1"], "dealIds": [] }));
    ring(&mut world, "u2");
    world.run_for(Millis::secs(3));
    assert_eq!(names(&world.view.calls[1].links), [], "a company it does know");
}

#[test]
fn the_contact_at_the_exchange_is_linked_where_it_is_known_or_can_be_made() {
    let mut world = world(14, &[]);
    let links = |world: &mut World, call: &str, legs: Value| {
        world.frame(&event("call.dial", call, 4, at(0), &json!({ "otherLegs": legs })));
        let links = &world.view.calls.last().unwrap().links;
        let name = |link: &CardLink| link.name.as_ref().map(|name| name.reveal().clone());
        let link = |link: &CardLink| (link.is_new, link.place.clone().unwrap(), name(link));
        links.iter().map(link).collect::<Vec<_>>()
    };
    let at_phonet = json!({ "id": 1, "name": "Пётр", "num": "+79161234567", "url": "https://demo.phonet.com.ua/c/1" });
    let elsewhere = json!({ "id": "7", "name": "П.", "num": "+79161234567", "url": "https://crm.example:8443/7" });
    let unknown = json!({ "id": null, "name": null, "num": "+79161234567", "url": "https://demo.phonet.com.ua/new" });
    let disguised =
        json!({ "id": 9, "name": "?", "num": "+79161234567", "url": "https://demo.phonet.com.ua@evil.example/" });
    assert_eq!(links(&mut world, "u1", json!([at_phonet])), [(false, "Phonet".into(), None)]);
    let both = [
        (false, "Phonet".to_owned(), Some("Пётр".to_owned())),
        (false, "crm.example:8443".to_owned(), Some("П.".to_owned())),
    ];
    assert_eq!(links(&mut world, "u2", json!([at_phonet, elsewhere, unknown])), both);
    assert_eq!(links(&mut world, "u3", json!([unknown])), [(true, "Phonet".into(), None)]);
    assert_eq!(links(&mut world, "u4", json!([disguised])), []);
}
