//! CALL, HANGUP and the web hooks.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use trubka::Millis;
use trubka::problem::{Code, Problem};
use trubka::relay::{Command, FromAgent, LONGEST_NAME, Outcome};
use trubka_relay::pace::Pace;
use trubka_relay::tokens::AgentId;

use crate::support::{
    ANNA, BORIS, Browser, LONG, PHONE, SECRET, Setup, VERA, call, call_body, get, post, raw, request,
};

/// Commands end soon.
fn hasty() -> Pace {
    Pace { command: Duration::from_millis(300), answer: Duration::from_millis(100), ..Pace::default() }
}

#[tokio::test]
async fn a_call_rings_at_the_users_browser_in_both_forms_of_the_path() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    let mut anna = Browser::connect(relay.address(), &setup.anna).await;
    for (communication, path) in [("c1", "communications/call"), ("c2", "api/v1/ws/communications/call")] {
        let body = call_body(communication, &ANNA.to_uppercase()).replace(PHONE, "+7 (945) 123-54-89");
        let (answer, (id, command)) = tokio::join!(post(relay.address(), path, "echo", &body), anna.accept());
        assert_eq!((answer.code, answer.body.as_str()), (200, "\"OK\""));
        assert_eq!(id, communication);
        let number = PHONE.into();
        assert_eq!(command, Command::Call { communication: communication.to_owned(), number, internal: false });
    }
}

#[tokio::test]
async fn an_internal_call_dials_the_colleagues_number() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    let mut boris = Browser::connect(relay.address(), &setup.boris).await;
    let body =
        json!({ "communicationId": "c", "fromUserId": BORIS, "toUserId": VERA, "clientPhone": null }).to_string();
    let (answer, (_, command)) = tokio::join!(post(relay.address(), "communications/call", "e", &body), boris.accept());
    assert_eq!(answer.code, 200);
    assert_eq!(command, Command::Call { communication: "c".to_owned(), number: "003".into(), internal: true });
}

#[tokio::test]
async fn a_hang_up_names_the_leg_and_a_replay_of_it_is_recognized() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    let mut anna = Browser::connect(relay.address(), &setup.anna).await;
    let body = r#"{"realtimeCallItemId":"leg","userId":"3f6a0c1e-0000-4000-8000-000000000001"}"#;
    for (path, echo) in [
        ("communications/hangup", "e1"),
        ("api/v1/ws/communications/hangup", "e2"),
        ("communications/c1/hangup", "e3"),
        ("api/v1/ws/communications/c1/hangup", "e4"),
    ] {
        let (answer, (_, command)) = tokio::join!(post(relay.address(), path, echo, body), anna.accept());
        assert_eq!(answer.code, 200);
        assert_eq!(command, Command::HangUp { leg: "leg".to_owned() });
    }
    // Nobody accepts this one: it is the fourth again.
    assert_eq!(post(relay.address(), "communications/c1/hangup", "e4", body).await.code, 200);
}

#[tokio::test]
async fn without_the_right_secret_there_is_nothing() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    let wrong = SECRET.replace('0', "1");
    for path in [
        format!("/{wrong}/communications/call"),
        "/communications/call".to_owned(),
        format!("//{SECRET}/communications/call"),
        format!("/x/../{SECRET}/communications/call"),
        format!("/{SECRET}%2Fcommunications/call"),
        format!("/{}/communications/call", SECRET.to_uppercase()),
        format!("/{SECRET}"),
        format!("/?{SECRET}/communications/call"),
    ] {
        let request =
            format!("POST {path} HTTP/1.1\r\nHost: relay\r\nX-XCOM-Integration-Echo: e\r\nContent-Length: 0\r\n\r\n");
        let answer = raw(relay.address(), request.into_bytes()).await.unwrap();
        assert_eq!((answer.code, answer.body.as_str()), (404, ""), "{path}");
        assert_eq!(answer.header("x-xcom-integration-echo"), None, "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_carried_out_is_refused_in_words() {
    let setup = Setup::new("");
    let relay = setup.start(Pace { body: Duration::from_millis(200), ..Pace::default() }).await;
    let address = relay.address();
    let refused = async |path: &str, body: &str| {
        let answer = post(address, path, "e", body).await;
        (answer.code, answer.status())
    };
    for (path, body, status) in [
        ("communications/call", call_body("c", ANNA), "agentNotConnected"),
        ("communications/call", call_body("c", VERA), "userUnknown"),
        ("communications/call", call_body("c", "nobody"), "userUnknown"),
        ("communications/call", r#"{"communicationId":"c","clientPhone":"7"}"#.to_owned(), "userUnknown"),
        (
            "communications/call",
            r#"{"communicationId":"c","fromUserId":"3f6a0c1e-0000-4000-8000-000000000001","toUserId":"x"}"#.to_owned(),
            "userUnknown",
        ),
        (
            "communications/call",
            r#"{"communicationId":"c","fromUserId":"3f6a0c1e-0000-4000-8000-000000000001"}"#.to_owned(),
            "invalidArgs",
        ),
        (
            "communications/call",
            r#"{"communicationId":"","fromUserId":"3f6a0c1e-0000-4000-8000-000000000001","clientPhone":"7"}"#
                .to_owned(),
            "invalidArgs",
        ),
        (
            "communications/call",
            r#"{"communicationId":"c","fromUserId":"3f6a0c1e-0000-4000-8000-000000000001","clientPhone":"abc"}"#
                .to_owned(),
            "invalidArgs",
        ),
        ("communications/call", r#"{"fromUserId":"3f6a0c1e-0000-4000-8000-000000000001"}"#.to_owned(), "invalidArgs"),
        ("communications/call", call_body(&"c".repeat(LONGEST_NAME), ANNA), "agentNotConnected"),
        ("communications/call", call_body(&"c".repeat(LONGEST_NAME + 1), ANNA), "invalidArgs"),
        ("communications/call", "{".to_owned(), "invalidArgs"),
        ("communications/call", "[".repeat(15_000), "invalidArgs"),
        ("communications/hangup", r#"{"realtimeCallItemId":"l"}"#.to_owned(), "userUnknown"),
        ("communications/hangup", r#"{"userId":"3f6a0c1e-0000-4000-8000-000000000001"}"#.to_owned(), "invalidArgs"),
        (
            "communications/hangup",
            r#"{"realtimeCallItemId":"l","userId":"3f6a0c1e-0000-4000-8000-000000000001"}"#.to_owned(),
            "agentNotConnected",
        ),
    ] {
        assert_eq!(refused(path, &body).await, (409, status.to_owned()), "{path} {body:.60}");
    }
    assert_eq!(refused("communications/dance", "{}").await, (404, "notFound".to_owned()));
    assert_eq!(refused("communications/call", &" ".repeat(17_000)).await, (413, "bodyTooLarge".to_owned()));
    let got = get(address, &format!("/{SECRET}/communications/call")).await;
    assert_eq!((got.code, got.status().as_str()), (405, "methodNotAllowed"));
    let mut bytes = request("communications/call", "e", "0123456789");
    bytes.truncate(bytes.len() - 5);
    let slow = timeout(LONG, raw(address, bytes)).await.unwrap().unwrap();
    assert_eq!((slow.code, slow.status().as_str()), (408, "bodyTooSlow"));
}

#[tokio::test]
async fn what_the_browser_says_reaches_the_crm_in_words() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    let mut anna = Browser::connect(relay.address(), &setup.anna).await;
    let refused = Outcome::Refused { problem: Problem::about(Code::DialRefused, &["занято"]) };
    let unknown = Outcome::Unknown { problem: Problem::new(Code::DialUnknown) };
    for (communication, outcome, status, words) in [
        ("c1", refused, "refused", "АТС отказалась звонить и ответила: «занято»."),
        ("c2", unknown, "unknown", "АТС приняла набор, но звонок не появился"),
    ] {
        let (answer, ()) = tokio::join!(call(relay.address(), communication, ANNA), async {
            let (id, _) = anna.command().await;
            anna.answer(&id, outcome).await;
        });
        assert_eq!((answer.code, answer.status().as_str()), (409, status));
        assert!(answer.body.contains(words), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_browser_that_says_nothing_or_dies_leaves_it_open_and_no_other_is_asked() {
    let setup = Setup::new("");
    let relay = setup.start(hasty()).await;
    let address = relay.address();
    let mut other = Browser::connect(address, &setup.anna).await;
    let mut anna = Browser::connect(address, &setup.anna).await;
    let (answer, (id, _)) = tokio::join!(call(address, "c1", ANNA), anna.command());
    assert_eq!((answer.code, answer.status().as_str()), (409, "timedOut"));
    // An answer after that changes nothing, and neither does a repeat.
    anna.answer(&id, Outcome::Accepted).await;
    assert_eq!(call(address, "c1", ANNA).await.status(), "timedOut");

    let (answer, ()) = tokio::join!(call(address, "c2", ANNA), async {
        anna.command().await;
        drop(anna);
    });
    assert_eq!((answer.code, answer.status().as_str()), (409, "agentLost"));
    assert_eq!(call(address, "c2", ANNA).await.status(), "agentLost");
    // The other browser has heard of neither: its first command is the third.
    let (answer, (id, _)) = tokio::join!(call(address, "c3", ANNA), other.accept());
    assert_eq!((answer.code, id.as_str()), (200, "c3"));
}

#[tokio::test]
async fn one_call_rings_once_however_often_it_is_asked_for() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    let address = relay.address();
    let mut anna = Browser::connect(address, &setup.anna).await;
    let asked =
        tokio::join!(call(address, "c1", ANNA), call(address, "c1", ANNA), call(address, "c1", ANNA), anna.accept());
    assert_eq!([asked.0.code, asked.1.code, asked.2.code], [200; 3]);
    assert_eq!(call(address, "c1", ANNA).await.code, 200);
    let (_, (id, _)) = tokio::join!(call(address, "c2", ANNA), anna.accept());
    assert_eq!(id, "c2");
}

#[tokio::test]
async fn a_relay_that_was_killed_knows_in_its_next_life_what_it_had_begun() {
    let setup = Setup::new("");
    let mut relay = setup.spawn().await;
    let mut anna = Browser::connect(relay.address, &setup.anna).await;
    let (answer, _) = tokio::join!(call(relay.address, "c1", ANNA), anna.accept());
    assert_eq!(answer.code, 200);
    let request = request("communications/call", "e", &call_body("c2", ANNA));
    let asked = tokio::spawn(raw(relay.address, request));
    assert_eq!(anna.command().await.0, "c2");
    relay.child.kill().await.unwrap();
    assert!(asked.await.unwrap().is_none());
    let relay = setup.spawn().await;
    let mut another = Browser::connect(relay.address, &setup.anna).await;
    assert_eq!(call(relay.address, "c2", ANNA).await.status(), "agentLost");
    assert_eq!(call(relay.address, "c1", ANNA).await.code, 200);
    let (answer, (id, _)) = tokio::join!(call(relay.address, "c3", ANNA), another.accept());
    assert_eq!((answer.code, id.as_str()), (200, "c3"), "it has heard of neither");
}

#[tokio::test]
async fn where_nothing_was_handed_over_the_call_may_be_asked_for_again() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    assert_eq!(call(relay.address(), "c1", ANNA).await.status(), "agentNotConnected");
    let mut anna = Browser::connect(relay.address(), &setup.anna).await;
    let (answer, (id, _)) = tokio::join!(call(relay.address(), "c1", ANNA), anna.accept());
    assert_eq!((answer.code, id.as_str()), (200, "c1"));
}

#[tokio::test]
async fn a_call_goes_on_when_the_crm_does_not_wait_for_it() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    let mut anna = Browser::connect(relay.address(), &setup.anna).await;
    let mut socket = TcpStream::connect(relay.address()).await.unwrap();
    socket.write_all(&request("communications/call", "e", &call_body("c1", ANNA))).await.unwrap();
    let (id, _) = anna.command().await;
    drop(socket);
    anna.answer(&id, Outcome::Accepted).await;
    assert_eq!(call(relay.address(), "c1", ANNA).await.code, 200);
}

#[tokio::test]
async fn the_browser_where_the_user_was_last_gets_the_command() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    let address = relay.address();
    let mut desk = Browser::connect(address, &setup.anna).await;
    let mut laptop = Browser::connect(address, &setup.anna).await;
    // Nobody was at either: the one that came last.
    let (answer, _) = tokio::join!(call(address, "c1", ANNA), laptop.accept());
    assert_eq!(answer.code, 200);
    desk.say(&FromAgent::Active).await;
    while relay.agents().freshness(AgentId::of("anna")).is_none_or(|freshness| freshness.active == Millis(0)) {
        tokio::task::yield_now().await;
    }
    let (answer, _) = tokio::join!(call(address, "c2", ANNA), desk.accept());
    assert_eq!(answer.code, 200);
}

#[tokio::test]
async fn web_hooks_are_answered_at_once_and_wake_the_work() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    for (path, bell) in [
        ("setup/upgrade", &relay.hooks().upgrade),
        ("api/v1/ws/setup/upgrade", &relay.hooks().upgrade),
        ("communications/sync", &relay.hooks().sync),
        ("api/v1/ws/communications/sync", &relay.hooks().sync),
    ] {
        let answer = post(relay.address(), path, "e", "").await;
        assert_eq!((answer.code, answer.body.as_str()), (200, "\"OK\""));
        timeout(LONG, bell.notified()).await.unwrap();
    }
}

#[tokio::test]
async fn too_many_calls_are_told_to_wait_and_strangers_cannot_use_up_the_crms_share() {
    let setup = Setup::new("[limits]\nper_secret = 1\nper_address = 1");
    let relay = setup.start(Pace::default()).await;
    let mut codes = Vec::new();
    for _ in 0..6 {
        codes.push(get(relay.address(), "/healthz").await.code);
    }
    assert_eq!(codes[..4], [200; 4]);
    assert!(codes.contains(&429), "{codes:?}");
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(call(relay.address(), "c", "nobody").await);
    }
    assert!(answers[..4].iter().all(|answer| answer.code == 409));
    let limited = answers.iter().find(|answer| answer.code == 429).unwrap();
    assert_eq!((limited.status().as_str(), limited.header("retry-after")), ("tooManyRequests", Some("1")));
}

#[tokio::test]
async fn what_came_to_the_proxy_in_the_clear_is_not_served() {
    let setup = Setup::new("[proxies]\ntrusted = [\"127.0.0.0/8\"]");
    let settings = std::fs::read_to_string(setup.settings()).unwrap();
    std::fs::write(setup.settings(), settings.replace("http://127.0.0.1:8470", "https://relay.example.com")).unwrap();
    let relay = setup.start(Pace::default()).await;
    for (protocol, code) in [("http", 403), ("https", 409)] {
        let forwarded = format!("Host: relay\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: {protocol}\r\n");
        let request = request("communications/call", "e", &call_body("c", "nobody"));
        let request = String::from_utf8(request).unwrap().replacen("Host: relay\r\n", &forwarded, 1);
        let answer = raw(relay.address(), request.into_bytes()).await.unwrap();
        assert_eq!(answer.code, code);
        assert_eq!(answer.header("x-xcom-integration-echo"), Some("e"));
    }
}
