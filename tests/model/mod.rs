//! A seeded model of the world around the core, in virtual time: the exchange, the CRM, the database and the network.
//! Nothing here shares code with what it judges: frames and answers are written out as the documentation has them.

#![allow(dead_code, reason = "each test binary uses its own part of the model")]

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use serde_json::{Value, json};
use trubka::{
    Millis,
    core::{
        Bridge,
        io::{DocumentName, HttpAnswer, HttpFailure, HttpRequest, Input, Output, Session, Snapshot, Write},
    },
    private::Private,
    protocol::{Message, PageView, Request, Sender, StatusView},
    settings::Settings,
};

pub const START: Millis = Millis(1_700_000_000_000);
pub const ANNA: &str = "3f6a0c1e-0000-4000-8000-000000000001";
pub const BORIS: &str = "3f6a0c1e-0000-4000-8000-000000000002";

/// The settings of Anna, 001, who knows Boris, 002.
pub fn settings() -> Settings {
    let document = json!({
        "version": 1,
        "phonet": { "domain": "demo.phonet.com.ua", "apiKey": "phonet-key", "subscriber": "001" },
        "kontur": { "workspace": "ws", "apiKey": "kontur-key", "userId": ANNA,
            "cards": { "contact": "https://crm.kontur.ru/app/{ws}/contacts/{id}" } },
        "directory": [{ "ext": "001", "userId": ANNA, "name": "Анна" }, { "ext": "002", "userId": BORIS, "name": "Борис" }]
    });
    Settings::default().replaced_by(&document.to_string()).expect("the test's own settings are right")
}

/// Everything around one browser, and the browser's Trubka in it.
pub struct World {
    pub now: Millis,
    pub bridge: Bridge,
    pub crm: Crm,
    pub exchange: Exchange,
    pub store: Store,
    /// What the exchange was asked to dial.
    pub dialled: Vec<String>,
    pub replies: BTreeMap<u32, Message>,
    pub view: PageView,
    pub status: Option<StatusView>,
    pub settings: Settings,
    rng: Rng,
    due: BTreeMap<(Millis, u64), Input>,
    sequence: u64,
    wake_at: Option<Millis>,
    asks: u32,
    /// The latest an answer may take, in milliseconds; every one takes something up to it.
    pub latency: i64,
}

/// The database.
#[derive(Default)]
pub struct Store {
    pub settings: Option<Private<String>>,
    pub state: Option<Private<String>>,
    pub rows: BTreeMap<u32, Private<String>>,
    pub session: Session,
    pub fails: bool,
}

/// The exchange.
#[derive(Default)]
pub struct Exchange {
    pub refuses_key: bool,
    pub unreachable: bool,
    /// Whether a handshake is never answered.
    pub swallows: bool,
    /// Whether REST refuses the key, though the socket takes it.
    pub rest_refuses: bool,
    /// Whether a click2call is answered.
    pub silent: bool,
    pub socket: Option<u32>,
    pub opened: u32,
    /// The active calls that REST tells of.
    pub active: Vec<Value>,
    /// The history that REST tells of.
    pub history: Vec<Value>,
    pub requests: Vec<String>,
}

/// The CRM: strict about the order within a call.
#[derive(Default)]
pub struct Crm {
    pub calls: BTreeMap<String, Communication>,
    /// What broke a rule.
    pub violations: Vec<String>,
    /// Answers to give instead, first to last: a status, or `0` for no answer at all, or `1` for an answer lost on its way.
    pub faults: Vec<u16>,
    /// A call of which every request fails.
    pub fails_for: Option<String>,
    pub exchanges: u32,
    pub keys: BTreeSet<String>,
    pub refuses_key: bool,
    pub requests: Vec<(String, Value)>,
}

/// A communication in the CRM.
#[derive(Default, Debug, Clone)]
pub struct Communication {
    pub started: Option<Value>,
    pub events: Vec<Value>,
    pub finished: Option<Value>,
    pub registered: Option<Value>,
    pub repeats: u32,
}

impl World {
    /// A world that has come up: the socket is open.
    pub fn live(seed: u64) -> Self {
        let mut world = Self::new(seed, settings());
        world.run_for(Millis::secs(5));
        assert_eq!(world.view.link.state, trubka::protocol::LinkState::Live);
        world
    }

    pub fn new(seed: u64, settings: Settings) -> Self {
        let mut world = Self {
            now: START,
            bridge: Bridge::new(settings.clone(), Snapshot::default(), seed),
            crm: Crm::default(),
            exchange: Exchange::default(),
            store: Store::default(),
            dialled: Vec::new(),
            replies: BTreeMap::new(),
            view: PageView::default(),
            status: None,
            settings,
            rng: Rng::with_seed(seed),
            due: BTreeMap::new(),
            sequence: 0,
            wake_at: None,
            asks: 0,
            latency: 200,
        };
        world.input(Input::Started { online: true, forbidden: Vec::new() });
        world
    }

    /// The worker dies here and now; a new one starts from what is stored. Answers under way find nobody.
    pub fn crash(&mut self) {
        let seed = self.rng.u64(..);
        let snapshot = Snapshot {
            state: self.store.state.clone(),
            rows: self.store.rows.values().cloned().collect(),
            session: self.store.session.clone(),
            storage_failed: false,
        };
        self.due.clear();
        self.exchange.socket = None;
        self.wake_at = None;
        self.bridge = Bridge::new(self.settings.clone(), snapshot, seed);
        self.input(Input::Started { online: true, forbidden: Vec::new() });
    }

    /// Gives an input now and does all that follows at once.
    pub fn input(&mut self, input: Input) {
        self.bridge.handle(self.now, input);
        let mut outputs = 0;
        while let Some(output) = self.bridge.poll() {
            self.perform(output);
            outputs += 1;
            assert!(outputs < 10_000, "the core does not come to rest");
        }
    }

    /// A frame of the exchange, if somebody listens.
    pub fn frame(&mut self, frame: &Value) {
        self.raw_frame(&frame.to_string());
    }

    pub fn raw_frame(&mut self, text: &str) {
        if let Some(epoch) = self.exchange.socket {
            self.input(Input::SocketFrame { epoch, text: text.into() });
        }
    }

    /// Somebody asks; the number to find the reply by.
    pub fn ask(&mut self, sender: Sender, request: Request) -> u32 {
        self.asks += 1;
        let ask = self.asks;
        self.input(Input::Asked { ask, sender, request });
        ask
    }

    pub fn dial(&mut self, key: &str, number: &str) -> trubka::protocol::DialView {
        let ask = self.ask(Sender::Page, Request::Dial { key: key.into(), number: number.into() });
        match self.replies.remove(&ask) {
            Some(Message::Dial { dial }) => dial,
            other => panic!("{other:?}"),
        }
    }

    /// Lets time pass: everything that falls due meanwhile happens at its moment.
    pub fn run_for(&mut self, span: Millis) {
        let end = self.now + span;
        for _ in 0..100_000 {
            let next_input = self.due.keys().next().copied();
            let next = next_input.map(|(at, _)| at).into_iter().chain(self.wake_at).min();
            let Some(at) = next.filter(|at| *at <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(at);
            match next_input.filter(|(due, _)| *due <= at) {
                Some(place) => {
                    let input = self.due.remove(&place).expect("just seen");
                    self.input(input);
                }
                None => {
                    self.wake_at = None;
                    self.input(Input::Wake);
                    assert!(self.wake_at.is_none_or(|again| again > self.now), "woken for nothing, again and again");
                }
            }
        }
        panic!("too much happens");
    }

    fn later(&mut self, input: Input) {
        let at = self.now + Millis(self.rng.i64(1..=self.latency));
        self.sequence += 1;
        self.due.insert((at, self.sequence), input);
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::OpenSocket { epoch, .. } => {
                self.exchange.socket = None;
                if self.exchange.swallows {
                    // Neither opened nor refused.
                } else if self.exchange.refuses_key || self.exchange.unreachable {
                    self.later(Input::SocketClosed { epoch });
                } else {
                    self.exchange.opened += 1;
                    self.exchange.socket = Some(epoch);
                    // Frames come only after the opening: it happens at once here.
                    self.sequence += 1;
                    self.due.insert((self.now, self.sequence), Input::SocketOpened { epoch });
                }
            }
            Output::CloseSocket { epoch } => {
                self.exchange.socket.take_if(|open| *open == epoch);
            }
            Output::SendFrame { epoch, text } => {
                assert_eq!(self.exchange.socket, Some(epoch), "a frame for a socket that is not open");
                let frame: Value = serde_json::from_str(text.reveal()).expect("JSON");
                assert_eq!(frame["action"], "call");
                self.dialled.push(frame["to"].as_str().expect("a number").to_owned());
                if !self.exchange.silent {
                    self.later(Input::SocketFrame { epoch, text: r#"{"event":"success"}"#.into() });
                }
            }
            Output::Http { id, request } => {
                let result = self.answer(&request);
                self.later(Input::HttpDone { id, result });
            }
            Output::Persist { batch, writes } => {
                let stored = !self.store.fails;
                if stored {
                    writes.into_iter().for_each(|write| self.store.write(write));
                }
                self.later(Input::Persisted { batch, stored });
            }
            Output::Remember(session) => self.store.session = session,
            Output::Reply { ask, message } => {
                assert!(self.replies.insert(ask, message).is_none(), "two replies to one request");
            }
            Output::View(view) => self.view = view,
            Output::Status(status) => self.status = Some(status),
            Output::WakeAt(at) => self.wake_at = at,
            Output::Log(line) => assert!(!line.contains("key") && !line.contains("7916"), "{line}"),
            Output::KeepAlive(_) | Output::Origins(_) => {}
        }
    }

    fn answer(&mut self, request: &HttpRequest) -> Result<HttpAnswer, HttpFailure> {
        if request.url.starts_with("https://crm.kontur.ru/") {
            assert!(!request.cookies, "the user's own cookies must not go to the CRM");
            return self.crm.answer(request);
        }
        assert!(request.url.starts_with("https://demo.phonet.com.ua/rest/"), "{}", request.url);
        self.exchange.answer(request)
    }
}

impl Store {
    fn write(&mut self, write: Write) {
        match write {
            Write::Document { name: DocumentName::Settings, json } => self.settings = Some(json),
            Write::Document { name: DocumentName::State, json } => self.state = Some(json),
            Write::ClearRows => self.rows.clear(),
            Write::PutRow { id, json } => {
                self.rows.insert(id, json);
            }
            Write::DeleteRow { id } => {
                self.rows.remove(&id);
            }
        }
    }
}

fn ok(status: u16, body: impl Into<String>) -> Result<HttpAnswer, HttpFailure> {
    Ok(HttpAnswer { status, retry_after: None, body: Private::new(body.into()) })
}

impl Exchange {
    fn answer(&mut self, request: &HttpRequest) -> Result<HttpAnswer, HttpFailure> {
        let path = request.url.trim_start_matches("https://demo.phonet.com.ua");
        self.requests.push(path.to_owned());
        if self.unreachable {
            return Err(HttpFailure::Network);
        }
        if path == "/rest/security/authorize" {
            return if self.refuses_key || self.rest_refuses { ok(403, "") } else { ok(200, "{}") };
        }
        if self.refuses_key || self.rest_refuses {
            return ok(403, "");
        }
        match path.split('?').next() {
            Some("/rest/users") => ok(200, r#"[{"ext":"001","email":"anna@example.com"},{"ext":"002"}]"#),
            Some("/rest/calls/active/v3") => ok(200, Value::Array(self.active.clone()).to_string()),
            Some("/rest/calls/company.api") => ok(200, Value::Array(self.history.clone()).to_string()),
            _ => ok(404, ""),
        }
    }
}

impl Crm {
    fn answer(&mut self, request: &HttpRequest) -> Result<HttpAnswer, HttpFailure> {
        let header = |name| {
            let header = request.headers.iter().find(|(header, _)| *header == name);
            header.map(|(_, value)| value.reveal().clone()).unwrap_or_default()
        };
        let path = request.url.trim_start_matches("https://crm.kontur.ru");
        if path == "/api/v1/authorization/authorize-private-integration" {
            assert_eq!(header("X-XCOM-Integration-ApiKey"), "kontur-key");
            self.exchanges += 1;
            if self.refuses_key {
                return ok(401, r#""Unauthorized""#);
            }
            let key = format!("access-{}", self.exchanges);
            self.keys.insert(key.clone());
            return ok(200, json!({ "workspace": { "id": "1", "name": "ws" }, "accessKey": key }).to_string());
        }
        let fault = (!self.faults.is_empty()).then(|| self.faults.remove(0));
        match fault {
            Some(0) => return Err(HttpFailure::Network),
            Some(409) => return ok(409, r#""Error""#),
            Some(status) if status > 1 && status != 200 => {
                return ok(status, r#"{"status":"fault","message":"Fault"}"#);
            }
            _ => {}
        }
        if !self.keys.contains(&header("X-XCOM-AccessKey")) {
            return ok(401, r#""Unauthorized""#);
        }
        let is_failing =
            |call: &String| request.json.as_ref().is_some_and(|body| body.reveal().contains(call.as_str()));
        if self.fails_for.as_ref().is_some_and(is_failing) {
            return ok(500, "");
        }
        let method = path.trim_start_matches("/api/v1/ws/communications/callbacks/telephony/");
        let body =
            request.json.as_ref().map(|body| serde_json::from_str(body.reveal()).expect("JSON")).unwrap_or_default();
        self.requests.push((method.to_owned(), body));
        let (method, body) = self.requests.last().cloned().expect("just pushed");
        let (status, text) = self.take(&method, body);
        // The CRM has done it, yet its answer is lost.
        if fault == Some(1) { Err(HttpFailure::Timeout) } else { ok(status, text) }
    }

    fn take(&mut self, method: &str, body: Value) -> (u16, String) {
        let id = body["externalId"].as_str().unwrap_or_default().to_owned();
        let call = self.calls.entry(id.clone()).or_default();
        let communication = format!("communication-of-{id}");
        let mut broken = Vec::new();
        if body["communicationId"].as_str().is_some_and(|named| named != communication) {
            broken.push("names another communication");
        }
        let repeat = match method {
            "call-started" => call.started.as_ref() == Some(&body),
            "call-event" => call.events.contains(&body),
            "call-finished" => call.finished.as_ref() == Some(&body),
            "register-call" => call.registered.as_ref() == Some(&body),
            _ => false,
        };
        if repeat {
            call.repeats += 1;
        }
        let answer = match method {
            "call-started" => {
                if call.started.is_some() && !repeat {
                    broken.push("started twice");
                }
                call.started = Some(body.clone());
                (200, json!({ "id": communication, "links": { "contactIds": ["c1"] } }).to_string())
            }
            "call-event" => {
                if call.started.is_none() {
                    broken.push("an event before the start");
                }
                if call.finished.is_some() && !repeat {
                    broken.push("an event after the end");
                }
                let leg = &body["realtimeCallItemId"];
                let of_leg: Vec<_> = call.events.iter().filter(|event| event["realtimeCallItemId"] == *leg).collect();
                let has = |kind: &str| of_leg.iter().any(|event| event["type"] == kind);
                match body["type"].as_str() {
                    _ if repeat => {}
                    Some("appeared") if !of_leg.is_empty() => broken.push("appeared twice"),
                    Some("connected") if !has("appeared") || has("connected") => broken.push("connected out of order"),
                    Some("disconnected") if !has("appeared") => broken.push("disconnected out of order"),
                    _ if has("disconnected") => broken.push("an event after disconnected"),
                    _ => {}
                }
                let before = call.events.last().map_or("", |event| event["timestamp"].as_str().unwrap_or_default());
                if !repeat && body["timestamp"].as_str().unwrap_or_default() < before {
                    broken.push("time runs backwards");
                }
                if !repeat {
                    call.events.push(body.clone());
                }
                (200, r#""OK""#.to_owned())
            }
            "call-finished" => {
                if call.started.is_none() || (call.finished.is_some() && !repeat) {
                    broken.push("finished out of order");
                }
                call.finished = Some(body.clone());
                (200, r#""OK""#.to_owned())
            }
            "register-call" => {
                if call.finished.is_none() {
                    broken.push("registered before the end");
                }
                // A call that comes back after its end is registered anew, with a leg that was not in it.
                let ids = |body: &Value| -> BTreeSet<String> {
                    body["items"].as_array().into_iter().flatten().map(|item| item["id"].to_string()).collect()
                };
                if call.registered.as_ref().is_some_and(|old| ids(&body).is_subset(&ids(old))) {
                    if !repeat {
                        broken.push("registered with another body");
                    }
                    (409, r#""Error""#.to_owned())
                } else {
                    call.registered = Some(body.clone());
                    (200, r#""OK""#.to_owned())
                }
            }
            other => panic!("no such method: {other}"),
        };
        self.violations.extend(broken.into_iter().map(|what| format!("{id} {method}: {what}")));
        answer
    }
}

/// An event of the exchange, as the documentation has it; `more` overrides.
pub fn event(name: &str, uuid: &str, direction: i64, at: Millis, more: &Value) -> Value {
    let mut event = json!({
        "event": name, "uuid": uuid, "parentUuid": null, "lgDirection": direction,
        "leg": { "id": 29, "type": 1, "displayName": "Анна", "ext": "001" }, "leg2": null,
        "otherLegs": [{ "id": "1", "name": "Пётр", "num": "+79161234567", "companyName": "Первый клиент", "priority": 1 }],
        "dialAt": at.0, "bridgeAt": null, "serverTime": at.0.to_string(), "trunkNum": "74951234567", "trunkName": "М"
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        event[key] = value.clone();
    }
    event
}
