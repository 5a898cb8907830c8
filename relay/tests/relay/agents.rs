//! The agents' link.

use std::time::Duration;

use futures_util::SinkExt;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use trubka::Millis;
use trubka::relay::{FromAgent, Handed, LARGEST_FROM_AGENT, Listed, RefusedReason, ToAgent};
use trubka_relay::pace::Pace;
use trubka_relay::tokens::AgentId;

use crate::support::{ANNA, BORIS, Browser, Heard, LONG, Setup, call};

/// 1008, 1009, 1003, 1012, 1013 of RFC 6455 and its registry.
const POLICY: Option<u16> = Some(1008);
const TOO_LARGE: Option<u16> = Some(1009);
const UNSUPPORTED: Option<u16> = Some(1003);
const RESTART: Option<u16> = Some(1012);
const LATER: Option<u16> = Some(1013);

fn refused(reason: RefusedReason) -> Heard {
    Heard::Frame(ToAgent::Refused { reason })
}

#[tokio::test]
async fn only_a_good_token_is_let_in() {
    let setup = Setup::new("");
    let relay = setup.start(Pace { hello: Duration::from_millis(300), ..Pace::default() }).await;
    let mut stranger = Browser::open(relay.address()).await;
    stranger.hello("0000").await;
    assert_eq!(stranger.hear().await, refused(RefusedReason::Token));
    assert_eq!(stranger.end().await, POLICY);

    let mut rude = Browser::open(relay.address()).await;
    rude.say(&FromAgent::Active).await;
    assert_eq!(rude.hear().await, refused(RefusedReason::Hello));
    assert_eq!(rude.end().await, POLICY);

    let mut mute = Browser::open(relay.address()).await;
    assert_eq!(mute.hear().await, refused(RefusedReason::Hello));
    assert_eq!(mute.end().await, POLICY);
    assert_eq!(call(relay.address(), "c", ANNA).await.status(), "agentNotConnected");
}

#[tokio::test]
async fn only_the_extension_may_open_the_socket() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    for origin in ["https://crm.kontur.ru", "null"] {
        assert_eq!(Browser::open_from(relay.address(), origin).await.err(), Some(403), "{origin}");
    }
    for origin in ["chrome-extension://abcdef", "moz-extension://abcdef"] {
        let mut browser = Browser::open_from(relay.address(), origin).await.unwrap();
        browser.hello(&setup.anna).await;
        assert!(matches!(browser.hear().await, Heard::Frame(ToAgent::Welcome { .. })), "{origin}");
    }
}

#[tokio::test]
async fn a_browsers_new_connection_takes_the_place_of_its_old_one() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    let mut other = Browser::connect(relay.address(), &setup.anna).await;
    let connect = async || {
        let mut browser = Browser::open(relay.address()).await;
        browser.hello_as(&setup.anna, Some(7)).await;
        assert!(matches!(browser.hear().await, Heard::Frame(ToAgent::Welcome { .. })));
        browser
    };
    let mut old = connect().await;
    old.say(&FromAgent::Active).await;
    let is_active = || relay.agents().freshness(AgentId::of("anna")).is_some_and(|it| it.active > Millis(0));
    while !is_active() {
        tokio::task::yield_now().await;
    }
    // Nobody has noticed that the old one is dead.
    let mut new = connect().await;
    let (answer, _) = tokio::join!(call(relay.address(), "c1", ANNA), new.accept());
    assert_eq!((answer.code, is_active()), (200, true));
    assert_eq!(old.end().await, None);
    drop(new);
    while is_active() {
        tokio::task::yield_now().await;
    }
    let (answer, _) = tokio::join!(call(relay.address(), "c2", ANNA), other.accept());
    assert_eq!(answer.code, 200);
}

#[tokio::test]
async fn an_agent_has_eight_browsers_at_most() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    let mut eight = Vec::new();
    for _ in 0..8 {
        eight.push(Browser::connect(relay.address(), &setup.anna).await);
    }
    let mut ninth = Browser::open(relay.address()).await;
    ninth.hello(&setup.anna).await;
    assert_eq!(ninth.hear().await, refused(RefusedReason::Full));
    assert_eq!(ninth.end().await, LATER);
    Browser::connect(relay.address(), &setup.boris).await;
}

#[tokio::test]
async fn what_is_handed_out_comes_with_the_welcome_and_anew_when_it_changes() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    let (mut anna, handed) = Browser::welcomed(relay.address(), &setup.anna).await;
    let exts: Vec<&str> = handed.directory.iter().map(|line| line.ext.as_str()).collect();
    assert_eq!(exts, ["001", "002", "003"]);
    // Longer than one piece, with letters that fall apart between two.
    let line = |ext: usize| Listed { ext: ext.to_string(), user_id: None, name: Some("Ъ".repeat(50).as_str().into()) };
    let handed = Handed { directory: (0..1000).map(line).collect(), access: None };
    relay.hand_out(handed.clone());
    assert_eq!(anna.hear().await, Heard::Frame(ToAgent::Handed(handed.clone())));
    assert_eq!(Browser::welcomed(relay.address(), &setup.boris).await.1, handed);
}

#[tokio::test]
async fn a_refused_key_wakes_whoever_hands_keys_out() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    let mut anna = Browser::connect(relay.address(), &setup.anna).await;
    anna.say(&FromAgent::KeyRefused).await;
    timeout(LONG, relay.hooks().key_refused.notified()).await.unwrap();
}

#[tokio::test]
async fn what_no_browser_says_ends_the_talk() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    for (message, code) in
        [(Message::text("x".repeat(LARGEST_FROM_AGENT + 1)), TOO_LARGE), (Message::binary(vec![1, 2, 3]), UNSUPPORTED)]
    {
        let mut anna = Browser::connect(relay.address(), &setup.anna).await;
        anna.0.send(message).await.unwrap();
        assert_eq!(anna.end().await, code);
    }
    // A flood of frames that are each allowed.
    let mut anna = Browser::connect(relay.address(), &setup.anna).await;
    for _ in 0..700 {
        // It may have been cut off by then.
        let _ = anna.0.feed(Message::text(FromAgent::Active.to_json().into_inner())).await;
    }
    let _ = anna.0.flush().await;
    assert!(matches!(anna.end().await, POLICY | None));
    // A word of a newer extension is none of these.
    let mut anna = Browser::connect(relay.address(), &setup.anna).await;
    anna.0.send(Message::text(r#"{"kind":"sings"}"#)).await.unwrap();
    let (answer, _) = tokio::join!(call(relay.address(), "c", ANNA), anna.accept());
    assert_eq!(answer.code, 200);
}

#[tokio::test]
async fn who_answers_pings_stays_and_who_is_silent_is_let_go() {
    let setup = Setup::new("");
    let pace = Pace { heartbeat: Duration::from_millis(100), silence: Duration::from_millis(700), ..Pace::default() };
    let relay = setup.start(pace).await;
    let mut anna = Browser::connect(relay.address(), &setup.anna).await;
    let mut silent = Browser::connect(relay.address(), &setup.boris).await;
    let mut pings = 0;
    let stays = async {
        loop {
            match anna.hear().await {
                Heard::Frame(ToAgent::Ping { .. }) => anna.say(&FromAgent::Pong).await,
                other => panic!("{other:?}"),
            }
            pings += 1;
        }
    };
    tokio::select! {
        () = stays => {}
        end = silent.end() => assert_eq!(end, None),
    }
    assert!(pings >= 3, "{pings}");
    assert_eq!(call(relay.address(), "c", BORIS).await.status(), "agentNotConnected");
    let (answer, _) = tokio::join!(call(relay.address(), "c2", ANNA), anna.accept());
    assert_eq!(answer.code, 200);
}

#[tokio::test]
async fn a_revoked_agent_is_dropped_within_seconds_and_an_added_one_let_in_at_once() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    let mut anna = Browser::connect(relay.address(), &setup.anna).await;
    let mut boris = Browser::connect(relay.address(), &setup.boris).await;
    assert!(setup.command(&["agent", "revoke", "anna"]).status().unwrap().success());
    assert_eq!(anna.hear().await, refused(RefusedReason::Token));
    assert_eq!(anna.end().await, POLICY);
    assert_eq!(call(relay.address(), "c1", ANNA).await.status(), "agentNotConnected");
    let (answer, _) = tokio::join!(call(relay.address(), "c2", BORIS), boris.accept());
    assert_eq!(answer.code, 200);

    let added = setup.command(&["agent", "add", "anna"]).output().unwrap();
    // The very first hello may come before the relay has looked at its file.
    let mut anna = Browser::connect(relay.address(), String::from_utf8(added.stdout).unwrap().trim()).await;
    let (answer, _) = tokio::join!(call(relay.address(), "c3", ANNA), anna.accept());
    assert_eq!(answer.code, 200);
}

#[tokio::test]
async fn who_does_not_read_is_dropped() {
    let setup = Setup::new("");
    let relay = setup.start(Pace { write: Duration::from_millis(300), ..Pace::default() }).await;
    let _slow = Browser::connect(relay.address(), &setup.anna).await;
    let mut round = 0;
    while relay.agents().freshness(AgentId::of("anna")).is_some() {
        round += 1;
        assert!(round < 3000, "it is still there");
        let name = Some(format!("{round} {}", "x".repeat(900_000)).as_str().into());
        relay.hand_out(Handed { directory: vec![Listed { ext: "1".to_owned(), user_id: None, name }], access: None });
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(call(relay.address(), "c", ANNA).await.status(), "agentNotConnected");
}

#[tokio::test]
async fn a_relay_that_stops_says_so() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    let mut anna = Browser::connect(relay.address(), &setup.anna).await;
    let (end, ()) = tokio::join!(anna.end(), relay.stop());
    assert_eq!(end, RESTART);
}
