//! Hostile input from every side: bytes, and documents that were right until something in them was changed. Nothing panics, nothing
//! hangs, nothing grows.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says how much it tried"
)]

mod model;

use model::{
    START, World, document, event,
    exchange::{Leg, Side},
    page, settings,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use trubka::{
    Millis,
    core::{
        Bridge,
        io::{Input, Output, Session, Snapshot, SocketName, Write},
    },
    http::{FileInfo, HttpAnswer, HttpFailure},
    private::Private,
    protocol::{Request, Sender, TextItem},
    settings::Settings,
};

/// How many cases each property is tried with.
const CASES: u32 = 4_096;
/// The most that is stored of calls that never end.
const LARGEST_STATE: usize = 1024 * 1024;

/// Anna's settings, half of her dials by UIS.
fn both() -> Settings {
    let mut document = document();
    document["uis"] = json!({ "token": "u-token", "virtualNumber": "74993720692", "employeeId": 25 });
    document["relay"] = json!({ "address": "https://relay.example.com", "token": "r-token" });
    document["dialling"] = json!({ "exchange": "phonet", "sites": { "https://crm.kontur.ru": "uis" } });
    Settings::default().replaced_by(&document.to_string()).expect("the test's own settings are right")
}

fn check<S: Strategy>(name: &str, strategy: S, test: impl Fn(S::Value)) {
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let run = |value| {
        test(value);
        Ok(())
    };
    TestRunner::new(config).run(&strategy, run).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{name}: {CASES} cases");
}

// ── What is hostile ──────────────────────────────────────────────────────────────────────────────────────────────

/// What a field may hold instead of what it should.
fn hostile() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![0, -1, 1, i64::MAX, i64::MIN, 1_473_973_200, 253_402_300_800_000])
            .prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        prop::sample::select(
            vec!["", "9".repeat(5_000).as_str(), "\u{202e}\0\u{feff}", "../../..", "call.dial", "c0"]
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        )
        .prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[[[[[[[{}]]]]]]]])),
    ]
}

/// One change of a document: at which of its places, and what to put there; nothing takes the place out.
fn change() -> impl Strategy<Value = (prop::sample::Index, Option<Value>)> {
    (any::<prop::sample::Index>(), prop::option::weighted(0.8, hostile()))
}

fn places(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(places).sum(),
        Value::Object(fields) => fields.values().map(places).sum(),
        _ => 0,
    }
}

/// Changes the place that is so many places away; those left to go, or nothing when it is done.
fn put(value: &mut Value, mut place: usize, with: Option<&Value>) -> Option<usize> {
    if place == 0 {
        *value = with.cloned().unwrap_or_default();
        return None;
    }
    place -= 1;
    match value {
        Value::Array(items) => items.iter_mut().try_fold(place, |place, item| put(item, place, with)),
        Value::Object(fields) if with.is_none() => {
            let mut gone = None;
            for (name, field) in fields.iter_mut() {
                if place == 0 {
                    gone = Some(name.clone());
                    break;
                }
                place = put(field, place, with)?;
            }
            gone.is_none_or(|name| fields.remove(&name).is_none()).then_some(place)
        }
        Value::Object(fields) => fields.values_mut().try_fold(place, |place, field| put(field, place, with)),
        _ => Some(place),
    }
}

/// A text: bytes of any kind, one of these documents as it is or changed in places, or its first part.
fn text(documents: Vec<Value>) -> impl Strategy<Value = String> {
    let changed =
        (prop::sample::select(documents), prop::collection::vec(change(), 0..4)).prop_map(|(mut document, changes)| {
            for (place, with) in changes {
                let count = places(&document);
                put(&mut document, place.index(count), with.as_ref());
            }
            document.to_string()
        });
    let cut = (changed, prop::option::weighted(0.1, any::<prop::sample::Index>())).prop_map(|(mut text, end)| {
        if let Some(end) = end.filter(|_| !text.is_empty()) {
            text = text.chars().take(end.index(text.chars().count().max(1))).collect();
        }
        text
    });
    prop_oneof![
        8 => cut,
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        1 => Just("[".repeat(100_000)),
    ]
}

/// Frames of the exchange.
fn frames() -> Vec<Value> {
    let more = |name, more: &Value| event(name, "c0", 4, START, more);
    vec![
        more("call.dial", &json!({})),
        more("call.bridge", &json!({ "bridgeAt": START.0 })),
        more("call.hangup", &json!({ "parentUuid": "g" })),
        more("call.dial", &json!({ "lgDirection": 1, "leg2": { "type": 1, "ext": "002" } })),
        more("call.dial", &json!({ "leg": { "type": 2, "ext": "900" } })),
        more("call.dial", &json!({ "lgDirection": 32 })),
        json!({ "event": "success" }),
        json!({ "event": "error", "message": "занято" }),
    ]
}

/// Frames of the relay.
fn relays() -> Vec<Value> {
    let handed = json!({ "directory": [{ "ext": "003", "userId": "3f6a0c1e-0000-4000-8000-000000000003", "name": "Вера" }],
        "access": { "key": "access", "workspace": "ws", "integration": "i", "endsAt": START.0 + 1_200_000 } });
    let with = |mut frame: Value| {
        frame["directory"] = handed["directory"].clone();
        frame["access"] = handed["access"].clone();
        frame
    };
    let command = |mut frame: Value| {
        frame["kind"] = json!("command");
        frame["id"] = json!("id");
        frame["expiresAt"] = json!(START.0 + 9_000);
        frame
    };
    vec![
        with(json!({ "kind": "welcome", "now": START.0 })),
        with(json!({ "kind": "handed" })),
        json!({ "kind": "refused", "reason": "token" }),
        json!({ "kind": "ping", "now": START.0 }),
        command(json!({ "command": "call", "communication": "c", "number": "79161234567", "internal": false })),
        command(json!({ "command": "call", "communication": "c2", "number": "002", "internal": true })),
        command(json!({ "command": "hangUp", "leg": "c0" })),
    ]
}

/// Answers of both services.
fn answers() -> Vec<Value> {
    let row = json!({ "uuid": "c0", "parentUuid": null, "endAt": START.0, "lgDirection": 4, "leg": { "type": 1, "ext": "001" },
        "leg2": null, "otherLegNum": "+79161234567", "otherLegName": null, "billSecs": 5, "duration": 9, "disposition": 0,
        "transferHistory": null, "audioRecUrl": "https://demo.phonet.com.ua/rest/public/calls/c0/audio ", "trunk": "o=380" });
    vec![
        json!([row]),
        Value::Array(vec![row; 50]),
        json!([event("call.dial", "c0", 4, START, &json!({ "lastEvent": "call.bridge" }))]),
        json!([{ "ext": "001", "email": "anna@example.com" }]),
        json!({ "workspace": { "id": "1", "name": "ws" }, "integrationInstance": { "id": "i" }, "accessKey": "access" }),
        json!({ "id": "i", "baseUrl": "https://relay.example", "features": { "call": false, "hangup": true, "sendSms": false },
            "status": 3, "settings": [{ "id": "version", "value": "1" }], "webHooks": [{ "id": "w", "relativeUrl": "communications/sync",
            "triggerType": "schedule", "filter": { "items": [] }, "schedule": { "period": "1.00:05:00" }, "disabled": false }] }),
        json!({ "errorInfo": { "invalidPaths": [{ "op": "add", "path": "/webHooks", "value": {} }], "invalidValueTypes": ["x"],
            "invalidDatas": [], "invalidConstraints": { "webHooks": ["Too many."] } }, "isSuccessful": false }),
        json!({ "key": "@main-telephony-settings", "value": "i" }),
        json!({ "userIds": ["u"] }),
        json!({ "jsonrpc": "2.0", "id": 7, "result": { "data": { "access_token": "u", "expire_at": 1, "call_session_id": 100 } } }),
        json!({ "jsonrpc": "2.0", "id": 7, "result": { "data": [{ "call_session_id": 100, "direction": "out", "external_id": "k",
            "legs": [{ "leg_id": 1, "is_operator": true, "state": "Разговор" }, { "leg_id": 2, "is_operator": false, "state": "Разговор" }] }],
            "metadata": { "limits": { "minute_limit": 150, "minute_remaining": 0, "minute_reset": 1 } } } }),
        json!({ "jsonrpc": "2.0", "id": 7, "error": { "code": -32001, "message": "m", "data": { "mnemonic": "access_token_invalid" } } }),
        json!({ "id": "communication", "links": { "contactIds": ["c1"], "companyIds": [], "dealIds": ["d"] } }),
        json!({ "fileId": "f", "fileName": "c0.mp3", "contentType": "audio/mpeg", "contentLength": "9216" }),
        json!({ "status": "fileTooLarge", "message": "Too large" }),
        json!({ "errors": { "direction": ["Bad."] }, "title": "T", "status": 400 }),
        json!({ "isSuccessful": false, "responseCode": 400, "errorInfo": { "status": "s", "message": "m" } }),
        json!("OK"),
        json!("Error"),
    ]
}

/// An answer over HTTP, or none.
fn answer() -> impl Strategy<Value = Result<HttpAnswer, HttpFailure>> {
    let status = prop_oneof![4 => Just(200), 1 => prop::sample::select(vec![204, 302, 400, 401, 403, 404, 408, 409, 425, 429, 500, 503]), 1 => any::<u16>()];
    let moment = || prop::option::of(any::<i64>().prop_map(Millis));
    let file = prop::option::weighted(
        0.3,
        (".{0,20}", any::<u64>()).prop_map(|(content_type, length)| FileInfo { content_type, length }),
    );
    let answer =
        (status, moment(), moment(), text(answers()), file).prop_map(|(status, retry_after, date, body, file)| {
            HttpAnswer { status, retry_after, date, body: Private::new(body), file }
        });
    let failure = prop::sample::select(vec![HttpFailure::Network, HttpFailure::Timeout, HttpFailure::TooLarge]);
    prop_oneof![6 => answer.prop_map(Ok), 1 => failure.prop_map(Err)]
}

/// What a page or a page of the extension may ask for.
fn requests() -> Vec<Value> {
    vec![
        json!({ "kind": "hello", "version": env!("CARGO_PKG_VERSION") }),
        json!({ "kind": "findNumbers", "batch": 1, "items": [{ "id": 7, "text": "+7 916 123-45-67 доб. 5", "label": "Телефон" }] }),
        json!({ "kind": "dial", "key": "k", "number": "+79161234567" }),
        json!({ "kind": "hangUp", "call": "c0" }),
        json!({ "kind": "correct", "text": "7701234567", "label": "ИНН", "phone": false }),
        json!({ "kind": "getStatus" }),
        json!({ "kind": "select", "text": "тел. 8 916 123-45-67, +380441234567" }),
        json!({ "kind": "setSite", "origin": "https://crm.example:8443", "on": true }),
        json!({ "kind": "setSite", "origin": "https://crm.kontur.ru", "on": false }),
        json!({ "kind": "reconnect" }),
        json!({ "kind": "retryDelivery", "call": "c0" }),
        json!({ "kind": "retryAll" }),
        json!({ "kind": "discardDelivery", "call": "c0" }),
        json!({ "kind": "getSettings" }),
        json!({ "kind": "forgetCorrection", "label": "инн", "pattern": "##########" }),
        json!({ "kind": "saveSettings", "document": document().to_string() }),
        json!({ "kind": "changeSettings", "changes": { "phonet.subscriber": "002", "directory": [], "uis.token": null, "dialling.sites": {} } }),
        json!({ "kind": "resetSettings" }),
        json!({ "kind": "undoSettings" }),
        json!({ "kind": "exportSettings", "secrets": true }),
        json!({ "kind": "listUsers" }),
        json!({ "kind": "readPeople", "text": "ext;name;id\n001;\"А;Б\";\n,,\n" }),
        json!({ "kind": "getIntegration" }),
        json!({ "kind": "setUpIntegration", "arguments": r#"{"SecretKey":null,"autoAnswer":false}"# }),
        json!({ "kind": "setFeatures", "call": true, "hangUp": false }),
        json!({ "kind": "setWebHook", "hook": "sync", "on": true, "minutes": 5 }),
        json!({ "kind": "checkConnection" }),
        json!({ "kind": "exportLog" }),
    ]
}

/// One thing that comes to the core.
#[derive(Clone, Debug)]
enum Hostility {
    Frame(String),
    Request(Sender, String),
    Relay(String),
    Closed(SocketName, bool),
    Online(bool),
    Update,
    Policy(String),
    Pass(i64),
}

fn hostility() -> impl Strategy<Value = Hostility> {
    let sender = prop::sample::select(vec![page(), Sender::Extension]);
    prop_oneof![
        8 => text(frames()).prop_map(Hostility::Frame),
        4 => (sender, text(requests())).prop_map(|(sender, request)| Hostility::Request(sender, request)),
        4 => text(relays()).prop_map(Hostility::Relay),
        1 => (prop::sample::select(vec![SocketName::Exchange, SocketName::Relay]), any::<bool>())
            .prop_map(|(socket, clean)| Hostility::Closed(socket, clean)),
        1 => any::<bool>().prop_map(Hostility::Online),
        1 => Just(Hostility::Update),
        1 => text(vec![json!({ "preset": document(), "locked": { "region": "UA", "uis": { "token": "t" } } })]).prop_map(Hostility::Policy),
        3 => prop_oneof![0..60_000i64, -600_000..86_400_000i64, any::<i64>()].prop_map(Hostility::Pass),
    ]
}

// ── What takes it ────────────────────────────────────────────────────────────────────────────────────────────────

/// A core of which every question is answered at once: over HTTP with what comes next of these answers.
struct Core {
    bridge: Bridge,
    now: Millis,
    /// The epochs of the exchange's socket and of the relay's.
    epoch: u32,
    relay: u32,
    answers: Vec<Result<HttpAnswer, HttpFailure>>,
    next: usize,
    state: Option<Private<String>>,
}

impl Core {
    fn new(settings: Settings, snapshot: Snapshot, answers: Vec<Result<HttpAnswer, HttpFailure>>) -> Self {
        let bridge = Bridge::new(settings, snapshot, 1);
        let mut core = Self { bridge, now: START, epoch: 0, relay: 0, answers, next: 0, state: None };
        core.input(Input::Started { online: true, forbidden: Vec::new() });
        core
    }

    /// Gives an input, and the answers to what follows, so far as they go.
    fn input(&mut self, input: Input) {
        let mut inputs = vec![input];
        for _ in 0..50 {
            let Some(input) = inputs.pop() else { return };
            self.bridge.handle(self.now, input);
            for outputs in 0.. {
                assert!(outputs < 10_000, "the core does not come to rest");
                let Some(output) = self.bridge.poll() else { break };
                inputs.extend(self.perform(output));
            }
        }
    }

    fn perform(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::OpenSocket { socket, epoch, .. } => {
                *self.epoch_of(socket) = epoch;
                Some(Input::SocketOpened { socket, epoch })
            }
            // Every other time it is let in at once.
            Output::SendFrame { socket: SocketName::Relay, epoch, text } => {
                assert!(text.reveal().len() <= trubka::relay::LARGEST_FROM_AGENT);
                let is_hello = text.reveal().contains("\"hello\"") && epoch % 2 == 1;
                let welcome = json!({ "kind": "welcome", "now": self.now.0 }).to_string();
                let (socket, text) = (SocketName::Relay, Private::new(welcome));
                is_hello.then_some(Input::SocketFrame { socket, epoch, text })
            }
            Output::Http { id, request } => {
                let mut result = self.answers.get(self.next % self.answers.len().max(1))?.clone();
                self.next += 1;
                if let Ok(answer) = &mut result {
                    answer.file.take_if(|_| !request.keep);
                }
                Some(Input::HttpDone { id, result })
            }
            Output::Persist { batch, writes } => {
                for write in writes {
                    if let Write::Document { name: trubka::core::io::DocumentName::State, json } = write {
                        self.state = Some(json);
                    }
                }
                Some(Input::Persisted { batch, stored: batch % 7 != 0 })
            }
            _ => None,
        }
    }

    fn epoch_of(&mut self, socket: SocketName) -> &mut u32 {
        match socket {
            SocketName::Exchange => &mut self.epoch,
            SocketName::Relay => &mut self.relay,
        }
    }

    fn hear(&mut self, socket: SocketName, text: String) {
        let epoch = *self.epoch_of(socket);
        self.input(Input::SocketFrame { socket, epoch, text: Private::new(text) });
    }

    fn suffer(&mut self, hostility: Hostility) {
        match hostility {
            Hostility::Frame(text) => self.hear(SocketName::Exchange, text),
            Hostility::Relay(text) => self.hear(SocketName::Relay, text),
            Hostility::Request(sender, text) => {
                if let Some(request) = Request::parse(&text) {
                    self.input(Input::Asked { ask: 1, sender, request });
                }
            }
            Hostility::Closed(socket, clean) => {
                let epoch = *self.epoch_of(socket);
                self.input(Input::SocketClosed { socket, epoch, clean });
            }
            Hostility::Online(online) => self.input(Input::Online(online)),
            Hostility::Update => self.input(Input::UpdateAvailable),
            Hostility::Policy(policy) => self.input(Input::Policy(Some(Private::new(policy)))),
            Hostility::Pass(span) => {
                self.now = self.now + Millis(span);
                self.input(Input::Wake);
            }
        }
    }
}

/// What a browser has stored that was in the middle of much.
fn stored() -> Snapshot {
    let mut world = World::new(1, model::read(&model::with_relay()));
    world.relay.handed = json!({ "directory": [{ "ext": "003", "name": "Вера" }] });
    world.run_for(Millis::secs(5));
    world.crm.fails_for = Some("c1".to_owned());
    for (uuid, answered) in [("c1", true), ("c2", true), ("c3", false)] {
        let mut leg =
            Leg::outgoing(uuid.to_owned(), "79161234567".to_owned(), world.now, &mut fastrand::Rng::with_seed(7));
        leg.side = Side::User("001");
        leg.answer_at = answered.then_some(world.now + Millis::secs(1));
        leg.over_at = world.now + Millis::secs(if uuid == "c2" { 900 } else { 9 });
        leg.recorded_after = None;
        world.plan(leg);
    }
    world.dial("key", "+79167654321");
    world.system_call("communication", "79167654322");
    world.system_hang_up("hang-up", "c3");
    world.run_for(Millis::mins(2));
    Snapshot {
        state: world.store.state.clone(),
        handed: world.store.handed.clone(),
        rows: world.store.rows.values().cloned().collect(),
        lines: world.store.lines.values().cloned().collect(),
        session: world.store.session.clone(),
        storage_failed: false,
    }
}

fn parsed(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<Value> {
    texts.into_iter().map(|text| serde_json::from_str(text.as_ref()).unwrap()).collect()
}

// ── What holds ───────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn whatever_comes_in_the_core_goes_on() {
    let answers = prop::collection::vec(answer(), 1..12);
    check("inputs", (answers, prop::collection::vec(hostility(), 1..24)), |(answers, hostilities)| {
        let mut core = Core::new(both(), Snapshot::default(), answers);
        hostilities.into_iter().for_each(|hostility| core.suffer(hostility));
    });
}

#[test]
fn whatever_was_stored_the_core_starts_and_goes_on() {
    let good = stored();
    let states = parsed(good.state.iter().map(|state| state.reveal()));
    let rows = parsed(good.rows.iter().map(Private::reveal));
    let lines = parsed(&good.lines);
    assert!(!rows.is_empty() && !lines.is_empty());
    let session = serde_json::to_value(&good.session).unwrap();
    let handed = parsed(good.handed.iter().map(|handed| handed.reveal()));
    assert!(!handed.is_empty());
    let strategy = (
        prop::option::of(text(states)),
        prop::collection::vec(text(rows), 0..4),
        prop::collection::vec(text(lines), 0..4),
        text(vec![session]),
        prop::option::of(text(handed)),
        text(vec![model::with_relay()]),
        prop::collection::vec(hostility(), 0..6),
    );
    let fine =
        vec![Ok(HttpAnswer { status: 200, retry_after: None, date: Some(START), body: "[]".into(), file: None })];
    check("stored", strategy, |(state, rows, lines, session, handed, document, hostilities)| {
        let snapshot = Snapshot {
            state: state.map(Private::new),
            handed: handed.map(Private::new),
            rows: rows.into_iter().map(Private::new).collect(),
            lines,
            session: Session::read(&session),
            storage_failed: false,
        };
        let read = Settings::load(Some(&document));
        let settings = if read.phonet.is_some() { read } else { settings() };
        let mut core = Core::new(settings.clone(), snapshot, fine.clone());
        hostilities.into_iter().for_each(|hostility| core.suffer(hostility));
        // What it stores itself it reads again.
        let snapshot = Snapshot { state: core.state.take(), ..Snapshot::default() };
        Core::new(settings, snapshot, fine.clone());
    });
}

#[test]
fn whatever_stands_in_a_file_of_settings_is_read_or_refused() {
    check("settings", text(vec![model::with_relay()]), |text| match settings().replaced_by(&text) {
        Ok(settings) => {
            let again = Settings::load(Some(settings.to_json().reveal()));
            assert_eq!(again.to_json(), settings.to_json(), "what is taken is stored as it is");
        }
        Err(problems) => assert!(!problems.is_empty()),
    });
}

#[test]
fn whatever_stands_on_a_page_is_searched() {
    let item = (".{0,200}", prop::option::of(".{0,20}")).prop_map(|(text, label)| (text, label));
    let fine = vec![Err(HttpFailure::Network)];
    check("pages", prop::collection::vec(item, 0..8), |items| {
        let mut core = Core::new(settings(), Snapshot::default(), fine.clone());
        let items =
            items.into_iter().map(|(text, label)| TextItem { id: 1, text: Private::new(text), label }).collect();
        core.input(Input::Asked { ask: 1, sender: page(), request: Request::FindNumbers { batch: 1, items } });
    });
}

/// An exchange gone mad: thousands of calls that never end, each with all that a call can have.
#[test]
fn calls_that_never_end_do_not_fill_the_database() {
    let fine =
        vec![Ok(HttpAnswer { status: 200, retry_after: None, date: None, body: r#"{"id":"c"}"#.into(), file: None })];
    let mut core = Core::new(settings(), Snapshot::default(), fine);
    for call in 0..3_000 {
        core.now = core.now + Millis(10);
        let uuid = format!("c{call}");
        let frame = event("call.dial", &uuid, 4, core.now, &json!({ "parentUuid": format!("p{}", call % 500) }));
        core.suffer(Hostility::Frame(frame.to_string()));
    }
    let state = core.state.map_or(0, |state| state.reveal().len());
    assert!(state < LARGEST_STATE, "{state} bytes");
}
