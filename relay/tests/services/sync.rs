//! The history of the sandbox's exchange against the sandbox's CRM: what nobody told, the relay registers; what somebody told, it leaves.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::nats_server::NatsServer;
use crate::support::{ANNA, BORIS, Bench, Browser, CLIENT, Connection, Relay, Rest};
use axum::{Json, Router, http::Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use trubka::{
    Millis,
    core::calls::{Calls, Source},
    exchange::CallEvent,
    kontur::telephony::Callback,
    phonet::rest::history,
    problem::Code,
    settings::Settings,
};
use trubka_relay::{
    bus::Bus,
    clock,
    services::{self, Services},
    sync::{Attendance, Pace, Stopped, Summary, Sync},
    tokens::AgentId,
};

/// Nobody is waited for, but for services that do not answer.
const AT_ONCE: Pace = Pace { grace: Millis(0), stretch: Millis::hours(3), deadline: Duration::from_secs(60) };

struct Stage {
    bench: Bench,
    relay: Relay,
    sync: Sync,
    attendance: Attendance,
}

impl Stage {
    /// Both people have had a browser once, so that all their later calls are owed; and the history has begun.
    async fn new() -> Self {
        Self::with("").await
    }

    /// The same, with more in the relay's settings file.
    async fn with(more: &str) -> Self {
        let bench = crate::support::sandbox().await;
        let relay = Relay::of(&bench, more);
        let attendance = Attendance::default();
        let sync = sync(&relay, attendance.clone()).await;
        let stage = Self { bench, relay, sync, attendance };
        for ext in ["001", "002"] {
            stage.bench.connect(ext).await.close();
        }
        stage.runs().await;
        stage
    }

    /// A run to its end.
    async fn runs(&self) -> Summary {
        self.catch_up().await;
        let (summary, result) = self.sync.run(None, &|_| {}).await;
        result.unwrap();
        summary
    }

    /// The exchange gives no two events the same millisecond, so that quick calls end in the near future.
    async fn catch_up(&self) {
        let (_, state) = self.bench.get("/control/state").await;
        let ended = state["history"].as_array().unwrap().iter().filter_map(|call| call["endAt"].as_i64()).max();
        while ended.is_some_and(|at| at >= clock::now().0) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// A client calls, somebody picks up, and it ends.
    async fn talk(&self, to: &str, by: &str) -> String {
        let call = self.bench.incoming(to).await;
        self.bench.control(&format!("calls/{call}/answer"), json!({ "by": by })).await;
        self.bench.hang_up(&call).await;
        call
    }

    async fn missed(&self, from: Option<&str>, to: &str) -> String {
        let answer = self.bench.control("incoming", json!({ "from": from, "to": to })).await;
        let call = answer["uuid"].as_str().unwrap().to_owned();
        self.bench.hang_up(&call).await;
        call
    }

    async fn fault(&self, fault: Value) {
        self.bench.control("fault", fault).await;
    }

    /// The CRM's communication of a call.
    async fn communication(&self, call: &str) -> Value {
        let (_, crm) = self.bench.get("/control/crm").await;
        let all = crm["communications"].as_array().unwrap().clone();
        all.into_iter().find(|it| it["externalId"] == call).unwrap_or(Value::Null)
    }

    /// Requests of this callback that the CRM saw.
    fn told(&self, callback: &str) -> Vec<Value> {
        let ledger = self.bench.sandbox.ledger();
        let entries = ledger["entries"].as_array().unwrap().clone();
        entries.into_iter().filter(|it| it["path"].as_str().unwrap().ends_with(callback)).collect()
    }

    /// The CRM holds every owed call as it was, with its recording, and nobody broke a rule.
    async fn is_well(&self) {
        let (_, verdict) = self.bench.get("/control/verdict?recordings=true").await;
        assert_eq!(verdict["problems"], json!([]));
    }
}

async fn sync(relay: &Relay, attendance: Attendance) -> Sync {
    let services = Services::of(&relay.config).unwrap();
    let agents = BTreeMap::from([("001", "anna"), ("002", "boris")]);
    let agents = agents.into_iter().map(|(ext, name)| (ext.to_owned(), AgentId::of(name))).collect();
    let bus = Bus::start(&relay.config).await.unwrap();
    let settings = services::settings(&relay.config);
    Sync::new(bus, services.exchange.unwrap(), services.crm.unwrap(), settings, agents, attendance).at(AT_ONCE)
}

/// A run to its end; the lease of one that died ends when its task has noticed.
async fn runs_once_it_may(sync: &Sync) -> Summary {
    loop {
        match sync.run(None, &|_| {}).await {
            (_, Err(Stopped::Busy)) => tokio::time::sleep(Duration::from_millis(5)).await,
            (summary, result) => {
                result.unwrap();
                return summary;
            }
        }
    }
}

/// Model browsers of these people, for as long as calls are made.
async fn browsers(bench: &Bench, subscribers: &[&str]) -> Vec<(Connection, Browser)> {
    let mut all = Vec::new();
    for subscriber in subscribers {
        all.push((bench.connect(subscriber).await, Browser::default()));
    }
    all
}

/// Each tells the CRM of so many frames.
async fn tell(bench: &Bench, browser: &mut (Connection, Browser), frames: usize) {
    let crm = bench.crm().await;
    for _ in 0..frames {
        let frame = browser.0.frame().await;
        browser.1.tell(&crm, &frame).await;
    }
}

#[tokio::test]
async fn what_nobody_heard_is_registered_once_with_its_recording() {
    let stage = Stage::new().await;
    let mut calls = vec![
        stage.talk("001", "001").await,
        stage.missed(Some(CLIENT), "002").await,
        stage.missed(None, "001").await,
        stage.talk("900", "002").await,
        stage.missed(Some(CLIENT), "900").await,
        stage.missed(Some(CLIENT), "scenario").await,
    ];
    let internal = stage.bench.control("internal", json!({ "from": "001", "to": "002" })).await;
    let internal = internal["uuid"].as_str().unwrap().to_owned();
    stage.bench.answer(&internal).await;
    stage.bench.hang_up(&internal).await;
    calls.push(internal.clone());
    let rest = Rest::authorize(&stage.bench).await;
    let (_, outgoing) =
        rest.post("/rest/user/makeCall", json!({ "legExt": "001", "otherLegNum": "+79654568789" })).await;
    let outgoing = outgoing["uuid"].as_str().unwrap().to_owned();
    stage.bench.answer(&outgoing).await;
    stage.bench.hang_up(&outgoing).await;
    calls.push(outgoing);

    let summary = stage.runs().await;
    assert_eq!((summary.calls, summary.registered, summary.known, summary.recordings), (8, 8, 0, 4));
    assert_eq!(summary.refused, []);
    for call in &calls {
        assert_eq!(stage.communication(call).await["state"], "registered", "{call}");
    }
    let sides = stage.communication(&internal).await["items"][0].clone();
    assert_eq!((&sides["from"]["userId"], &sides["to"]["userId"]), (&json!(ANNA), &json!(BORIS)));
    stage.is_well().await;
    let again = stage.runs().await;
    assert_eq!((again.calls, stage.told("register-call").len()), (0, 8));
}

#[tokio::test]
async fn what_browsers_tell_is_left_to_them() {
    let stage = Stage::new().await;
    let mut both = browsers(&stage.bench, &["001", "002"]).await;
    let [anna, boris] = both.as_mut_slice() else { unreachable!() };
    let direct = stage.talk("001", "001").await;
    tell(&stage.bench, anna, 3).await;
    let missed = stage.missed(Some(CLIENT), "002").await;
    tell(&stage.bench, boris, 2).await;
    // Of a group's call each hears the group's own events and those of their own leg.
    let group = stage.talk("900", "002").await;
    tell(&stage.bench, anna, 5).await;
    tell(&stage.bench, boris, 6).await;
    stage.attendance.note(AgentId::of("boris"));
    let before = stage.told("register-call").len();
    let summary = stage.runs().await;
    assert_eq!((summary.calls, summary.known, summary.registered), (3, 3, 0));
    assert_eq!((before, stage.told("register-call").len()), (3, 3));
    for call in [direct, missed, group] {
        assert_eq!(stage.communication(&call).await["state"], "registered");
    }
    assert_eq!(stage.bench.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn a_group_call_that_others_began_to_tell_is_registered_for_the_colleague_without_a_browser() {
    let stage = Stage::new().await;
    let mut anna = browsers(&stage.bench, &["001"]).await.pop().unwrap();
    let group = stage.talk("900", "002").await;
    tell(&stage.bench, &mut anna, 5).await;
    assert_eq!(stage.communication(&group).await["state"], "started");
    let summary = stage.runs().await;
    assert_eq!((summary.registered, summary.recordings), (1, 1));
    let item = stage.communication(&group).await["items"][0].clone();
    assert_eq!(item["to"]["userId"], BORIS);
    stage.is_well().await;
}

#[tokio::test]
async fn a_browser_that_comes_back_tells_the_same_of_a_call() {
    let stage = Stage::new().await;
    for (to, by) in [("001", "001"), ("900", "001")] {
        stage.talk(to, by).await;
    }
    stage.missed(Some(CLIENT), "001").await;
    let internal = stage.bench.control("internal", json!({ "from": "001", "to": "002" })).await;
    stage.bench.hang_up(internal["uuid"].as_str().unwrap()).await;
    assert_eq!(stage.runs().await.registered, 4);

    // Анна's browser starts, and finds her calls in the history.
    let rest = Rest::authorize(&stage.bench).await;
    let mut found: Vec<CallEvent> = Vec::new();
    let window = format!("timeFrom=1500000000000&timeTo={}&limit=50&offset=0", i64::MAX / 2);
    for list in ["users", "company"] {
        let page =
            rest.request(&format!("/rest/calls/{list}.api?{window}")).send().await.unwrap().text().await.unwrap();
        let (records, _) = history(&page).unwrap();
        let own = |event: &CallEvent| {
            [&event.leg, &event.leg2].into_iter().flatten().any(|side| side.ext.as_deref() == Some("001"))
        };
        found.extend(records.into_iter().rev().map(|record| record.hangup).filter(own));
    }
    let settings = json!({
        "version": 1,
        "phonet": { "domain": "demo.phonet.com.ua", "apiKey": "sandbox-phonet-key", "subscriber": "001" },
        "kontur": { "workspace": "sandbox", "apiKey": "sandbox-kontur-key", "userId": ANNA },
        "directory": [{ "ext": "001", "userId": ANNA }, { "ext": "002", "userId": BORIS }],
    });
    let settings = Settings::default().replaced_by(&settings.to_string()).unwrap();
    let events: Vec<&CallEvent> = found.iter().collect();
    let told = Calls::default().apply(&events, Source::History, &settings, Millis(1_800_000_000_000));
    let crm = stage.bench.crm().await;
    let mut registrations = 0;
    for callback in told.into_iter().flat_map(|told| told.callbacks) {
        assert!(matches!(callback, Callback::RegisterCall(_)));
        let body = serde_json::from_str(callback.body().reveal()).unwrap();
        assert_eq!(crm.tell("register-call", body).await, (409, json!("Error")));
        let last = stage.bench.last();
        assert_eq!((&last["repeat"], &last["violations"]), (&json!(true), &json!([])), "{last}");
        registrations += 1;
    }
    assert_eq!(registrations, 4);
    stage.is_well().await;
}

#[tokio::test]
async fn a_run_that_dies_is_gone_on_with() {
    let stage = Stage::new().await;
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls.push(stage.talk("001", "001").await);
    }
    // The second registration reaches the CRM, and its answer nobody: the relay dies meanwhile.
    stage
        .fault(json!({ "service": "kontur", "path": "register-call", "kind": "latency", "millis": 60_000, "count": 1 }))
        .await;
    stage.catch_up().await;
    let wait = format!("registered:{}", calls[0]);
    tokio::select! {
        _ = stage.sync.run(None, &|_| {}) => panic!("it waits for the answer"),
        _ = stage.bench.wait(&wait) => {}
    }
    let reborn = sync(&stage.relay, stage.attendance.clone()).await;
    let summary = runs_once_it_may(&reborn).await;
    assert_eq!((summary.calls, summary.known, summary.registered), (4, 1, 3));
    for call in &calls {
        assert_eq!(stage.communication(call).await["state"], "registered");
    }
    assert_eq!(stage.told("register-call").len(), 4);
    stage.is_well().await;
}

#[tokio::test]
async fn a_run_out_of_time_is_gone_on_with() {
    let stage = Stage::new().await;
    stage.talk("001", "001").await;
    stage.catch_up().await;
    let hurried = sync(&stage.relay, stage.attendance.clone()).await.at(Pace { deadline: Duration::ZERO, ..AT_ONCE });
    let (summary, result) = hurried.run(None, &|_| {}).await;
    assert!(matches!(result, Err(Stopped::OutOfTime)), "{result:?}");
    assert_eq!(summary.registered, 0);
    assert_eq!(stage.runs().await.registered, 1);
    stage.is_well().await;
}

#[tokio::test]
async fn a_crm_that_fails_gets_everything_in_the_end() {
    let stage = Stage::new().await;
    stage.talk("001", "001").await;
    stage.missed(Some(CLIENT), "001").await;
    // What fails for a moment is tried again within the run; so is what was taken and its answer lost.
    for fault in [
        json!({ "service": "kontur", "path": "call-redirect", "status": 503, "count": 1 }),
        json!({ "service": "kontur", "path": "/files", "status": 500, "count": 1 }),
        json!({ "service": "kontur", "path": "register-call", "kind": "resetAfter", "count": 1 }),
    ] {
        stage.fault(fault).await;
    }
    stage.bench.control("expire-keys", json!({})).await;
    let summary = stage.runs().await;
    assert_eq!((summary.calls, summary.registered + summary.known, summary.refused), (2, 2, Vec::new()));
    // What fails for long ends the run, and the next one goes on.
    stage.talk("001", "001").await;
    stage.catch_up().await;
    stage
        .fault(json!({ "service": "kontur", "path": "register-call", "status": 429, "retryAfter": 60, "count": 1 }))
        .await;
    let (_, result) = stage.sync.run(None, &|_| {}).await;
    assert!(matches!(result, Err(Stopped::Service(ref problem)) if problem.code == Code::KonturTooMany), "{result:?}");
    assert_eq!(stage.runs().await.registered, 1);
    stage.is_well().await;
}

#[tokio::test]
async fn an_exchange_that_is_down_ends_the_run_and_moves_nothing() {
    let stage = Stage::new().await;
    stage.talk("001", "001").await;
    stage.fault(json!({ "service": "phonet", "kind": "refuse", "seconds": 600 })).await;
    let (summary, result) = stage.sync.run(None, &|_| {}).await;
    assert!(matches!(result, Err(Stopped::Service(ref it)) if it.code == Code::PhonetUnreachable), "{result:?}");
    assert_eq!(summary, Summary::default());
    stage.fault(json!({ "service": "phonet", "kind": "refuse", "count": 0 })).await;
    stage.bench.control("phonet-key", json!({ "valid": false })).await;
    let (_, result) = stage.sync.run(None, &|_| {}).await;
    assert!(matches!(result, Err(Stopped::Service(ref it)) if it.code == Code::PhonetKeyRefused), "{result:?}");
    stage.bench.control("phonet-key", json!({ "valid": true })).await;
    assert_eq!(stage.runs().await.registered, 1);
    stage.is_well().await;
}

#[tokio::test]
async fn two_at_a_time_are_one() {
    let stage = Stage::new().await;
    for _ in 0..3 {
        stage.talk("001", "001").await;
    }
    let stage = Arc::new(stage);
    stage.catch_up().await;
    let (first, second) = tokio::join!(stage.sync.run(None, &|_| {}), stage.sync.run(None, &|_| {}));
    let busy = [&first.1, &second.1].into_iter().filter(|result| matches!(result, Err(Stopped::Busy))).count();
    assert_eq!((busy, first.0.registered + second.0.registered), (1, 3));
    // Whichever it was, it counts for both.
    assert!(!stage.sync.is_unread_for(Millis::mins(10)).await && stage.sync.is_unread_for(Millis(0)).await);
    stage.is_well().await;
}

/// How far the history was read is nobody's own, and neither is who reads it.
#[tokio::test]
async fn instances_that_share_a_nats_go_on_where_the_other_one_got_to() {
    let nats = NatsServer::start();
    let stage = Stage::with(&nats.settings()).await;
    let other = Relay::of(&stage.bench, &nats.settings());
    let other = sync(&other, stage.attendance.clone()).await;
    for _ in 0..3 {
        stage.talk("001", "001").await;
    }
    stage.catch_up().await;
    let (first, second) = tokio::join!(stage.sync.run(None, &|_| {}), other.run(None, &|_| {}));
    let busy = [&first.1, &second.1].into_iter().filter(|result| matches!(result, Err(Stopped::Busy))).count();
    assert_eq!((busy, first.0.registered + second.0.registered), (1, 3), "{first:?} {second:?}");
    for instance in [&other, &stage.sync] {
        stage.talk("001", "001").await;
        stage.catch_up().await;
        let summary = runs_once_it_may(instance).await;
        assert_eq!((summary.calls, summary.registered), (1, 1), "what the other one did is not done again");
    }
    stage.is_well().await;
}

#[tokio::test]
async fn a_recording_that_is_made_late_is_named_late() {
    let stage = Stage::new().await;
    stage.bench.control("recordings", json!({ "delay": 1 })).await;
    let call = stage.talk("001", "001").await;
    let summary = stage.runs().await;
    assert_eq!((summary.registered, summary.recordings, summary.awaited), (1, 0, 1));
    let rest = Rest::authorize(&stage.bench).await;
    let audio = format!("/rest/public/calls/{call}/audio");
    while rest.request(&audio).send().await.unwrap().status() != 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(stage.runs().await.recordings, 1);
    stage.is_well().await;
}

#[tokio::test]
async fn a_call_that_goes_on_is_not_registered_yet_and_not_forgotten() {
    let stage = Stage::new().await;
    let call = stage.bench.incoming("900").await;
    // One member declines, so that a leg of the call is in the history already.
    let legs = stage.bench.get("/control/state").await.1["calls"].as_array().unwrap().clone();
    let leg = legs.iter().find(|leg| leg["parentUuid"] == call.as_str()).unwrap()["uuid"].as_str().unwrap().to_owned();
    stage.bench.hang_up(&leg).await;
    assert_eq!(stage.runs().await.registered, 0);
    stage.bench.answer(&call).await;
    stage.bench.hang_up(&call).await;
    assert_eq!(stage.runs().await.registered, 1);
    assert_eq!(stage.communication(&call).await["state"], "registered");
    stage.is_well().await;
}

/// An exchange that has nothing but a transferred call: its two legs ended so many minutes ago.
async fn exchange_with(ended: [i64; 2]) -> String {
    let leg = |number: usize, minutes: i64| {
        json!({
            "uuid": format!("leg{number}"), "parentUuid": (number > 1).then_some("leg1"), "lgDirection": 4, "disposition": 0,
            "endAt": (clock::now() - Millis::mins(minutes)).0, "billSecs": 60, "duration": 65, "trunk": "74951234567",
            "otherLegNum": format!("+{CLIENT}"), "leg": { "type": 1, "ext": format!("00{number}") },
        })
    };
    let legs = [leg(2, ended[1]), leg(1, ended[0])];
    let answer = async move |uri: Uri| {
        let query = uri.query().unwrap_or_default();
        let moment = |key| query.split('&').find_map(|pair| pair.strip_prefix(key)?.parse::<i64>().ok());
        Json(match (uri.path(), moment("timeFrom="), moment("timeTo=")) {
            ("/rest/calls/users.api", Some(from), Some(to)) => {
                legs.into_iter().filter(|leg| (from..=to).contains(&leg["endAt"].as_i64().unwrap())).collect()
            }
            ("/rest/security/authorize", ..) => json!({}),
            _ => json!([]),
        })
    };
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", socket.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(socket, Router::new().fallback(answer)).await });
    address
}

/// A relay that has everything from so many minutes ago on before it, of this exchange.
async fn relay_of(bench: &Bench, exchange: String, minutes: i64) -> Relay {
    let mut relay = Relay::of(bench, "");
    relay.config.phonet.as_mut().unwrap().address = exchange;
    relay.config.kontur.as_mut().unwrap().recordings = false;
    let cursor = json!({ "certain": (clock::now() - Millis::mins(minutes)).0, "lookedAt": clock::now().0 });
    Bus::start(&relay.config).await.unwrap().set_cursor(&cursor.to_string()).await.unwrap();
    relay
}

/// The legs of each registration that the CRM was sent.
fn registered(bench: &Bench) -> Vec<usize> {
    let ledger = bench.sandbox.ledger();
    let entries = ledger["entries"].as_array().unwrap().iter();
    let entries = entries.filter(|it| it["path"].as_str().unwrap().ends_with("register-call"));
    entries.map(|it| it["request"]["items"].as_array().unwrap().len()).collect()
}

#[tokio::test]
async fn a_call_whose_last_leg_ended_a_moment_ago_waits_for_it() {
    let bench = crate::support::sandbox().await;
    let relay = relay_of(&bench, exchange_with([15, 5]).await, 60).await;
    let patient = sync(&relay, Attendance::default()).await.at(Pace::default());
    let (summary, result) = patient.run(None, &|_| {}).await;
    result.unwrap();
    assert_eq!((summary.calls, registered(&bench)), (0, Vec::new()));
    // When all of it is old enough, all of it is there.
    let summary = runs_once_it_may(&patient.at(Pace { grace: Millis::mins(4), ..AT_ONCE })).await;
    assert_eq!((summary.calls, registered(&bench)), (1, vec![2]));
}

#[tokio::test]
async fn a_call_that_ends_in_the_next_stretch_or_began_before_the_first_is_told_whole() {
    for since in [None, Some(4 * 60)] {
        let bench = crate::support::sandbox().await;
        // Three hours after the beginning a stretch ends.
        let relay = relay_of(&bench, exchange_with([4 * 60 + 5, 4 * 60 - 5]).await, 7 * 60).await;
        let since = since.map(|minutes| clock::now() - Millis::mins(minutes));
        let (summary, result) = sync(&relay, Attendance::default()).await.run(since, &|_| {}).await;
        result.unwrap();
        assert_eq!((summary.calls, registered(&bench)), (1, vec![2]), "{since:?}");
    }
}

#[tokio::test]
async fn a_call_that_the_crm_does_not_want_to_hear_of_keeps_no_other_waiting() {
    let stage = Stage::new().await;
    stage.talk("001", "001").await;
    let second = stage.talk("001", "001").await;
    stage.fault(json!({ "service": "kontur", "path": "call-redirect", "status": 422, "count": 1 })).await;
    let summary = stage.runs().await;
    assert_eq!((summary.calls, summary.refused.len(), summary.registered), (2, 1, 1));
    assert_eq!(stage.communication(&second).await["state"], "registered");
    assert_eq!(stage.runs().await.calls, 0);
}

#[tokio::test]
async fn a_recording_that_breaks_keeps_no_call_waiting_and_is_named_late() {
    let stage = Stage::new().await;
    for fault in [
        json!({ "service": "phonet", "path": "/audio", "kind": "resetBefore", "seconds": 600 }),
        json!({ "service": "kontur", "path": "/files", "status": 500, "seconds": 600 }),
    ] {
        stage.talk("001", "001").await;
        stage.fault(fault.clone()).await;
        let summary = stage.runs().await;
        assert_eq!((summary.registered, summary.recordings, summary.awaited), (1, 0, 1));
        let (service, path) = (&fault["service"], &fault["path"]);
        stage.fault(json!({ "service": service, "path": path, "count": 0 })).await;
        assert_eq!(stage.runs().await.recordings, 1);
    }
    stage.is_well().await;
}

#[tokio::test]
async fn a_recording_that_takes_too_long_is_named_late_and_the_run_ends_in_time() {
    let stage = Stage::new().await;
    stage.talk("001", "001").await;
    stage.catch_up().await;
    stage
        .fault(json!({ "service": "kontur", "path": "/files", "kind": "latency", "millis": 60_000, "count": 1 }))
        .await;
    let hurried = sync(&stage.relay, stage.attendance.clone()).await;
    let (summary, result) = hurried.at(Pace { deadline: Duration::from_secs(4), ..AT_ONCE }).run(None, &|_| {}).await;
    result.unwrap();
    assert_eq!((summary.registered, summary.awaited), (1, 1));
    assert_eq!(runs_once_it_may(&stage.sync).await.recordings, 1);
    // What is too much for one run alone ends it, too.
    stage.talk("001", "001").await;
    stage.catch_up().await;
    stage
        .fault(json!({ "service": "kontur", "path": "call-redirect", "kind": "latency", "millis": 60_000, "count": 1 }))
        .await;
    let hurried = sync(&stage.relay, stage.attendance.clone()).await;
    let (_, result) = hurried.at(Pace { deadline: Duration::from_secs(1), ..AT_ONCE }).run(None, &|_| {}).await;
    assert!(matches!(result, Err(Stopped::OutOfTime)), "{result:?}");
    assert_eq!(runs_once_it_may(&stage.sync).await.registered, 1);
}

#[tokio::test]
async fn by_hand_an_earlier_time_is_read_and_nothing_moves_for_the_others() {
    let stage = Stage::new().await;
    stage.talk("001", "001").await;
    stage.catch_up().await;
    let since = Some(Millis(1_700_000_000_000).max(clock::now() - Millis::hours(1)));
    let (summary, result) = stage.sync.run(since, &|_| {}).await;
    result.unwrap();
    assert_eq!((summary.registered, summary.calls), (1, 1));
    let next = stage.runs().await;
    assert_eq!((next.calls, next.registered), (0, 0));
    stage.is_well().await;
}
