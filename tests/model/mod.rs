//! A seeded model of the world around the core, in virtual time: the exchange, the CRM, the browser with its database and the
//! network. Nothing here shares code with what it judges: frames and answers are written out as the documentation has them.

#![allow(dead_code, reason = "each test binary uses its own part of the model")]

pub mod crm;
pub mod day;
pub mod exchange;
pub mod relay;
pub mod uis;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use fastrand::Rng;
use serde_json::{Value, json};
use trubka::{
    Millis,
    core::{
        Bridge,
        io::{DocumentName, Input, Output, Session, Snapshot, SocketName, Toolbar, Write},
    },
    http::{Body, FileInfo, HttpAnswer, HttpFailure, HttpRequest},
    private::Private,
    protocol::{AlertsView, CheckItem, Message, PageView, Request, Sender, StatusView},
    settings::Settings,
};

pub use crm::Crm;
pub use exchange::Exchange;
#[allow(unused_imports, reason = "only scripted worlds write their own events")]
pub use exchange::event;

use exchange::{Leg, Step};

pub const START: Millis = Millis(1_700_000_000_000);
/// A site that is switched on from the beginning.
pub const CRM_SITE: &str = "https://crm.kontur.ru";
pub const ANNA: &str = "3f6a0c1e-0000-4000-8000-000000000001";
pub const BORIS: &str = "3f6a0c1e-0000-4000-8000-000000000002";
/// How often the shell gives a sign of life while a connection is wanted.
const HEARTBEAT: Millis = Millis::secs(30);
/// How long after its click a number may still be dialled.
const PROMPT: Millis = Millis::secs(60);
/// Parts of every key, number and name of the model: none of them may stand in a log.
pub const SECRETS: [&str; 9] =
    ["relay-token", "u-password", "u-session", "t-key", "r-key", "access-", "791612345", "Пётр", "Анна"];
const CRM_HOST: &str = "https://crm.kontur.ru";
const UIS_HOST: &str = "https://callapi.uiscom.ru";

/// The settings document of Anna, 001, who knows Boris, 002.
pub fn document() -> Value {
    json!({
        "version": 1,
        "phonet": { "domain": "demo.phonet.com.ua", "apiKey": "phonet-key", "subscriber": "001" },
        "kontur": { "workspace": "ws", "apiKey": "kontur-key", "userId": ANNA,
            "cards": { "contact": "https://crm.kontur.ru/app/{ws}/contacts/{id}" } },
        "directory": [{ "ext": "001", "userId": ANNA, "name": "Анна" }, { "ext": "002", "userId": BORIS, "name": "Борис" }]
    })
}

/// The settings of [`document`] with a relay.
pub fn with_relay() -> Value {
    let mut document = document();
    document["relay"] = json!({ "address": relay::HOST, "token": relay::TOKEN });
    document
}

/// The settings of [`document`].
pub fn settings() -> Settings {
    read(&document())
}

pub fn read(document: &Value) -> Settings {
    Settings::default().replaced_by(&document.to_string()).expect("the test's own settings are right")
}

/// Everything around one browser, and the browser's Trubka in it.
pub struct World {
    /// What the checks have told at each step.
    pub checks: Vec<Vec<CheckItem>>,
    /// The time as it is. This computer's clock may be ahead of it.
    pub now: Millis,
    pub ahead: Millis,
    /// The worker, while it lives.
    pub bridge: Option<Bridge>,
    pub crm: Crm,
    pub exchange: Exchange,
    pub uis: uis::Uis,
    pub relay: relay::Relay,
    pub store: Store,
    /// What the exchange was asked to dial.
    pub dialled: Vec<String>,
    /// When each number was clicked last, where that is watched.
    pub clicked: BTreeMap<String, Millis>,
    /// Calls that a worker could not store what it knew of, or not read what was stored.
    pub lost: BTreeSet<String>,
    pub replies: BTreeMap<u32, Message>,
    pub view: PageView,
    pub status: Option<StatusView>,
    pub toolbar: Option<Toolbar>,
    pub alerts: AlertsView,
    /// The sites whose pages have content scripts, and those of which the core said that it leaves them.
    pub sites: Vec<String>,
    pub left: Vec<String>,
    pub settings: Settings,
    /// What the core must not do, and did.
    pub violations: Vec<String>,
    /// The latest an answer may take, in milliseconds; every one takes something up to it.
    pub latency: i64,
    /// Whether there is a network, and whether the browser believes so.
    pub network: bool,
    pub online: bool,
    /// What it does not let us reach, and what the core was told of that.
    pub forbidden: Vec<String>,
    told_forbidden: Vec<String>,
    /// What is wrong with a service for a while.
    pub troubles: Vec<Trouble>,
    /// What the core surely knows: it heard it, and no crash can take it away any more or none has.
    pub facts: BTreeSet<Fact>,
    /// How many requests were made to the services.
    pub requests: u32,
    /// How long the state document was at its longest.
    pub largest_state: usize,
    rng: Rng,
    due: BTreeMap<(Millis, u64), Due>,
    sequence: u64,
    life: u32,
    wake_at: Option<Millis>,
    asks: u32,
    keeps_alive: bool,
    asleep_until: Option<Millis>,
    /// After how many more outputs the worker dies, and how.
    fuse: Option<(u32, Death)>,
    /// Files that the shell keeps: what is recorded in each.
    files: BTreeMap<u32, String>,
    /// Callbacks under way.
    callbacks: BTreeMap<u32, String>,
    /// Facts, with the batch that makes each of them last.
    unsaved: Vec<(u32, Fact)>,
}

/// Something that a worker knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// The socket told of a leg's step.
    Heard(String, Step),
    /// The CRM acknowledged this callback.
    Acknowledged(String),
}

/// How a worker dies.
#[derive(Clone, Copy, Debug)]
pub struct Death {
    /// Whether the whole browser ends, and with it the memory-only storage.
    pub of_browser: bool,
    /// How long nothing runs.
    pub pause: Millis,
}

/// What is wrong with a service for a while.
#[derive(Clone, Copy, Debug)]
pub struct Trouble {
    pub service: Service,
    pub fault: Fault,
    pub until: Millis,
    /// How many of 100 requests it meets.
    pub percent: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Exchange,
    Crm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Another answer, with `Retry-After` in seconds where it has one.
    Status(u16, Option<i64>),
    /// No answer, before anything was done.
    Unreached(HttpFailure),
    /// No answer, though all was done.
    Lost(HttpFailure),
    /// A page where JSON is expected, as a captive portal gives.
    Html,
    /// It takes this long, in milliseconds.
    Slow(i64),
}

/// What a service answers.
pub enum Reply {
    Answer { status: u16, body: String, retry_after: Option<i64> },
    File(String, FileInfo),
    Network,
    Timeout,
}

impl Reply {
    pub fn status(status: u16, body: impl Into<String>) -> Self {
        Self::Answer { status, body: body.into(), retry_after: None }
    }

    pub fn json(body: &Value) -> Self {
        Self::status(200, body.to_string())
    }
}

/// What is to happen.
enum Due {
    /// Something comes to the worker of this life.
    Input(u32, Input),
    /// A request reaches its service.
    Arrival(u32, u32, HttpRequest),
    /// A batch reaches the disk.
    Commit(u32),
    /// A sign of life.
    Beat(u32),
    /// A new worker starts.
    Start,
    /// A leg takes a step.
    Leg(String, Step),
    /// The relay pings by the socket of this epoch.
    Ping(u32, u32),
}

/// The database.
#[derive(Default)]
pub struct Store {
    pub settings: Option<Private<String>>,
    pub state: Option<Private<String>>,
    pub handed: Option<Private<String>>,
    pub rows: BTreeMap<u32, Private<String>>,
    pub lines: BTreeMap<u32, String>,
    pub calls: BTreeMap<String, Private<String>>,
    pub session: Session,
    pub fails: bool,
    /// Whether the worker that lives could not open it.
    closed: bool,
    batches: VecDeque<Batch>,
    /// The last batch that was given, and the last one up to which nothing is missing.
    given: u32,
    complete: u32,
    /// Whether a batch was lost, and none since has held everything.
    lost: bool,
}

struct Batch {
    number: u32,
    writes: Vec<Write>,
    stored: bool,
}

/// A page of the CRM.
pub fn page() -> Sender {
    Sender::Page { origin: CRM_SITE.to_owned() }
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
            ahead: Millis(0),
            bridge: None,
            crm: Crm::default(),
            exchange: Exchange::default(),
            uis: uis::Uis::default(),
            relay: relay::Relay::default(),
            store: Store::default(),
            dialled: Vec::new(),
            clicked: BTreeMap::new(),
            lost: BTreeSet::new(),
            replies: BTreeMap::new(),
            view: PageView::default(),
            status: None,
            toolbar: None,
            alerts: AlertsView::default(),
            sites: Vec::new(),
            left: Vec::new(),
            settings,
            violations: Vec::new(),
            latency: 200,
            network: true,
            online: true,
            forbidden: Vec::new(),
            told_forbidden: Vec::new(),
            troubles: Vec::new(),
            facts: BTreeSet::new(),
            requests: 0,
            largest_state: 0,
            rng: Rng::with_seed(seed),
            due: BTreeMap::new(),
            sequence: 0,
            life: 0,
            wake_at: None,
            asks: 0,
            keeps_alive: false,
            asleep_until: None,
            fuse: None,
            files: BTreeMap::new(),
            callbacks: BTreeMap::new(),
            unsaved: Vec::new(),
            checks: Vec::new(),
        };
        world.start();
        world
    }

    // ── Life and death ───────────────────────────────────────────────────────────────────────────────────────────

    /// The worker starts from what is stored.
    fn start(&mut self) {
        if self.bridge.is_some() {
            return;
        }
        self.life += 1;
        self.store.closed = self.store.fails;
        self.store.lost = self.store.fails;
        if self.store.fails {
            self.forgive_all();
        }
        let session = self.store.session.clone();
        let snapshot = if self.store.fails {
            Snapshot { session, storage_failed: true, ..Snapshot::default() }
        } else {
            Snapshot {
                state: self.store.state.clone(),
                handed: self.store.handed.clone(),
                rows: self.store.rows.values().cloned().collect(),
                lines: self.store.lines.values().cloned().collect(),
                session,
                storage_failed: false,
            }
        };
        let saved = self.store.settings.as_ref().map(|json| Settings::load(Some(json.reveal())));
        let settings = saved.unwrap_or_else(|| self.settings.clone());
        self.bridge = Some(Bridge::new(settings, snapshot, self.rng.u64(..)));
        self.input(Input::Started { online: self.online, forbidden: self.forbidden.clone() });
    }

    /// The worker dies here and now; a new one starts from what is stored, which is all it gave the database. Answers under way
    /// find nobody.
    pub fn crash(&mut self) {
        while !self.store.batches.is_empty() {
            self.commit();
        }
        self.die(Death { of_browser: false, pause: Millis(0) });
        self.due.retain(|_, due| !matches!(due, Due::Start));
        self.start();
    }

    /// The worker dies after so many more outputs, if it lives.
    pub fn doom(&mut self, outputs: u32, death: Death) {
        if self.bridge.is_some() && self.fuse.is_none() {
            self.fuse = Some((outputs, death));
        }
    }

    /// Whether somebody who asks is answered now.
    pub fn is_awake(&self) -> bool {
        self.bridge.is_some() && self.asleep_until.is_none()
    }

    /// The worker dies. Of what it gave the database and has no answer to, any first part is stored; of what it sent, each
    /// request was heard or never will be.
    pub fn die(&mut self, death: Death) {
        self.bridge = None;
        self.fuse = None;
        self.wake_at = None;
        self.keeps_alive = false;
        for _ in 0..self.rng.usize(0..=self.store.batches.len()) {
            self.commit();
        }
        if self.store.lost {
            self.forgive_all();
        }
        self.store.batches.clear();
        self.store.given = 0;
        self.store.complete = 0;
        self.unsaved.clear();
        self.files.clear();
        self.callbacks.clear();
        self.exchange.socket = None;
        self.relay.socket = None;
        let life = self.life;
        let underway: Vec<_> = self.due.extract_if(.., |_, due| due.life() == Some(life)).collect();
        for (_, due) in underway {
            if let Due::Arrival(_, _, request) = due
                && self.rng.bool()
            {
                self.serve(&request);
            }
        }
        if death.of_browser {
            self.store.session = Session::default();
        }
        self.at(self.now + death.pause, Due::Start);
    }

    /// What the database lost cannot be held against the core: neither the order of the calls so far nor a repetition, nor a dial that
    /// the CRM asks for once more and that failed in an earlier life.
    fn forgive_all(&mut self) {
        let names = |leg: &Leg| [Some(leg.uuid.clone()), leg.parent.clone()];
        self.lost.extend(self.exchange.legs.values().filter(|leg| leg.rang).flat_map(names).flatten());
        self.crm.forgiven.extend(self.lost.iter().cloned());
        self.crm.system_calls.values_mut().for_each(|failed| *failed = false);
        self.facts.clear();
    }

    /// The computer sleeps: its sockets die without a word.
    pub fn sleep(&mut self, span: Millis) {
        self.asleep_until = Some(self.now + span);
        self.exchange.half_open = true;
        self.relay.half_open = self.rng.bool();
        if let Some(epoch) = self.exchange.socket.filter(|_| self.rng.bool()) {
            self.at(self.now + span + Millis::secs(1), Due::Input(self.life, closed(SocketName::Exchange, epoch)));
        }
    }

    /// The socket is lost, and the browser knows it.
    pub fn drop_socket(&mut self) {
        if let Some(epoch) = self.exchange.socket.take() {
            self.input(closed(SocketName::Exchange, epoch));
        }
    }

    /// The relay ends the connection, as it does when it is started anew.
    pub fn drop_relay(&mut self, clean: bool) {
        if let Some(epoch) = self.relay.socket.take() {
            self.input(Input::SocketClosed { socket: SocketName::Relay, epoch, clean });
        }
    }

    /// Gives an input now and does all that follows at once.
    pub fn input(&mut self, input: Input) {
        if let Some(until) = self.asleep_until {
            return self.at(until, Due::Input(self.life, input));
        }
        let Some(bridge) = &mut self.bridge else { return };
        if let Input::Started { forbidden, .. } | Input::Permissions { forbidden } = &input {
            self.told_forbidden.clone_from(forbidden);
        }
        bridge.handle(self.now + self.ahead, input);
        let life = self.life;
        let mut outputs = 0;
        while let Some(output) = self.bridge.as_mut().filter(|_| life == self.life).and_then(Bridge::poll) {
            self.perform(output);
            outputs += 1;
            assert!(outputs < 10_000, "the core does not come to rest");
            if let Some((left, death)) = &mut self.fuse {
                if *left == 0 {
                    let death = *death;
                    return self.die(death);
                }
                *left -= 1;
            }
        }
    }

    /// The core knows something from the input just given: for good once what it has given the database by now is stored.
    fn know(&mut self, fact: Fact) {
        if self.bridge.is_some() {
            self.unsaved.push((self.store.given, fact));
            self.save_facts();
        }
    }

    fn save_facts(&mut self) {
        let complete = self.store.complete;
        if !self.store.lost {
            self.facts.extend(self.unsaved.extract_if(.., |(batch, _)| *batch <= complete).map(|(_, fact)| fact));
        }
    }

    /// Whether the core knows this, for good or as long as it lives.
    pub fn knows(&self, fact: &Fact) -> bool {
        self.facts.contains(fact) || self.unsaved.iter().any(|(_, known)| known == fact)
    }

    fn commit(&mut self) {
        if let Some(batch) = self.store.batches.pop_front() {
            self.store.commit(batch);
            self.largest_state =
                self.largest_state.max(self.store.state.as_ref().map_or(0, |state| state.reveal().len()));
            self.save_facts();
        }
    }

    // ── What people and the exchange do ──────────────────────────────────────────────────────────────────────────

    /// A frame of the exchange, if somebody listens.
    pub fn frame(&mut self, frame: &Value) {
        self.raw_frame(&frame.to_string());
    }

    pub fn raw_frame(&mut self, text: &str) {
        if let Some(epoch) = self.exchange.socket {
            self.input(framed(SocketName::Exchange, epoch, text));
        }
    }

    // ── The relay ────────────────────────────────────────────────────────────────────────────────────────────────

    /// A frame of the relay, in order, if somebody listens.
    pub fn relay_says(&mut self, frame: &Value) {
        let Some(epoch) = self.relay.socket.filter(|_| !self.relay.half_open) else { return };
        let is_frame = |due: &Due| matches!(due, Due::Input(_, Input::SocketFrame { socket: SocketName::Relay, .. }));
        let last = self.due.iter().rev().find(|(_, due)| is_frame(due)).map_or(self.now, |((at, _), _)| *at);
        let at = (self.now + Millis(self.rng.i64(1..=self.latency))).max(last);
        self.at(at, Due::Input(self.life, framed(SocketName::Relay, epoch, &frame.to_string())));
    }

    /// The relay hands a command over, that expires after this time; as often as it is called.
    pub fn command(&mut self, id: &str, expires_in: Millis, command: &Value) {
        if self.relay.socket.is_none() || !self.relay.greeted {
            return;
        }
        *self.relay.handed_over.entry(id.to_owned()).or_default() += 1;
        let expires_at = self.relay.clock(self.now) + expires_in;
        let mut frame = json!({ "kind": "command", "id": id, "expiresAt": expires_at.0 });
        for (key, value) in command.as_object().expect("a command") {
            frame[key] = value.clone();
        }
        self.relay_says(&frame);
    }

    /// CALL: a user of the CRM calls a client, under this communication.
    pub fn system_call(&mut self, communication: &str, number: &str) {
        self.crm.system_calls.entry(communication.to_owned()).or_default();
        let command = json!({ "command": "call", "communication": communication, "number": number, "internal": false });
        self.command(communication, relay::EXPIRY, &command);
    }

    /// HANGUP.
    pub fn system_hang_up(&mut self, id: &str, leg: &str) {
        self.command(id, relay::EXPIRY, &json!({ "command": "hangUp", "leg": leg }));
    }

    /// The browser says something to the relay.
    fn relay_hears(&mut self, epoch: u32, text: &str) {
        let is_closing = |due: &Due| matches!(due, Due::Input(_, Input::SocketClosed { socket: SocketName::Relay, epoch: closed, .. }) if *closed == epoch);
        // Of a half-open socket the relay may have taken leave already, and the browser cannot know.
        if self.relay.socket.is_none() && (self.relay.half_open || self.due.values().any(is_closing)) {
            return;
        }
        assert_eq!(self.relay.socket, Some(epoch), "a frame for a socket that is not open: {text}");
        if self.relay.half_open {
            return;
        }
        let frame: Value = serde_json::from_str(text).expect("JSON");
        let (said, closes) = self.relay.hear(self.now, &frame);
        if let Some(said) = said {
            self.relay_says(&said);
        }
        if closes {
            self.relay.socket = None;
            self.at(
                self.now + Millis(self.latency),
                Due::Input(self.life, Input::SocketClosed { socket: SocketName::Relay, epoch, clean: true }),
            );
        }
    }

    /// The relay pings, or takes the browser for dead.
    fn ping(&mut self, epoch: u32) {
        if self.relay.socket != Some(epoch) {
            return;
        }
        if self.now - self.relay.heard_at >= relay::SILENCE {
            self.relay.socket = None;
            if !self.relay.half_open {
                self.later(Input::SocketClosed { socket: SocketName::Relay, epoch, clean: true });
            }
            return;
        }
        if !self.relay.silent && self.relay.greeted {
            let ping = self.relay.ping(self.now);
            self.relay_says(&ping);
        }
        self.at(self.now + relay::PING, Due::Ping(self.life, epoch));
    }

    /// Puts a leg into the exchange, which lives by itself from now on.
    pub fn plan(&mut self, leg: Leg) {
        self.at(leg.dial_at, Due::Leg(leg.uuid.clone(), Step::Dial));
        leg.answer_at.into_iter().for_each(|at| self.at(at, Due::Leg(leg.uuid.clone(), Step::Bridge)));
        self.at(leg.over_at, Due::Leg(leg.uuid.clone(), Step::Hangup));
        self.exchange.legs.insert(leg.uuid.clone(), leg);
    }

    /// Tells the socket of steps, if it is there and works.
    fn tell(&mut self, told: Vec<(String, Step, Value)>) {
        let (life, epoch) = (self.life, self.exchange.socket);
        let works = !self.exchange.half_open && !self.exchange.tells_nothing && self.asleep_until.is_none();
        for (uuid, step, frame) in told {
            let Some(epoch) = epoch.filter(|epoch| works && self.exchange.socket == Some(*epoch) && life == self.life)
            else {
                return;
            };
            self.input(framed(SocketName::Exchange, epoch, &frame.to_string()));
            if life == self.life {
                self.know(Fact::Heard(uuid, step));
            }
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
        let ask = self.ask(page(), Request::Dial { key: key.into(), number: number.into() });
        match self.replies.remove(&ask) {
            Some(Message::Dial { dial }) => dial,
            other => panic!("{other:?}"),
        }
    }

    // ── Time ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Lets time pass.
    pub fn run_for(&mut self, span: Millis) {
        self.run_until(self.now + span);
    }

    /// Lets time pass: everything that falls due meanwhile happens at its moment.
    pub fn run_until(&mut self, end: Millis) {
        for _ in 0..1_000_000 {
            let next_due = self.due.keys().next().copied();
            let next = next_due.map(|(at, _)| at).into_iter().chain(self.wake_at).chain(self.asleep_until).min();
            let Some(at) = next.filter(|at| *at <= end) else {
                self.now = self.now.max(end);
                return;
            };
            self.now = self.now.max(at);
            if self.asleep_until.is_some_and(|until| until <= self.now) {
                self.asleep_until = None;
            } else if let Some(place) = next_due.filter(|(due, _)| *due <= at) {
                if let Some(due) = self.due.remove(&place) {
                    self.happen(due);
                }
            } else if let Some(until) = self.asleep_until {
                self.wake_at = Some(until + Millis(1));
            } else {
                self.wake_at = None;
                self.input(Input::Wake);
                let again = self.wake_at.is_some_and(|again| again <= self.now);
                assert!(!again, "woken for nothing, again and again");
            }
        }
        panic!("too much happens");
    }

    fn happen(&mut self, mut due: Due) {
        if let Some(until) = self.asleep_until.filter(|_| due.needs_the_computer()) {
            if let Due::Input(_, Input::HttpDone { result, .. }) = &mut due {
                *result = Err(HttpFailure::Network);
            }
            return self.at(until, due);
        }
        match due {
            Due::Input(life, input) if life == self.life => self.arrive(input),
            Due::Arrival(life, id, request) if life == self.life => self.answer(id, request),
            Due::Commit(life) if life == self.life => {
                let Some((batch, stored)) = self.store.batches.front().map(|batch| (batch.number, batch.stored)) else {
                    return;
                };
                self.commit();
                self.input(Input::Persisted { batch, stored });
            }
            Due::Beat(life) if life == self.life && self.keeps_alive => {
                self.at(self.now + HEARTBEAT, Due::Beat(life));
                self.input(Input::Wake);
            }
            Due::Ping(life, epoch) if life == self.life => self.ping(epoch),
            Due::Start => self.start(),
            Due::Leg(uuid, step) => {
                let told = self.exchange.step(self.now, &uuid, step);
                self.tell(told);
            }
            _ => {}
        }
    }

    fn arrive(&mut self, input: Input) {
        let acknowledged = match &input {
            Input::HttpDone { id, result } => {
                let callback = self.callbacks.remove(id);
                callback.filter(
                    |_| matches!(result, Ok(answer) if answer.status == 200 && !answer.body.reveal().starts_with('<')),
                )
            }
            Input::SocketOpened { socket: SocketName::Relay, epoch } => {
                self.relay.open(*epoch, self.now);
                self.at(self.now + relay::PING, Due::Ping(self.life, *epoch));
                None
            }
            Input::SocketClosed { socket: SocketName::Relay, epoch, .. } => {
                self.relay.socket.take_if(|open| open == epoch);
                None
            }
            Input::SocketOpened { epoch, .. } => {
                self.exchange.socket = Some(*epoch);
                self.exchange.half_open = false;
                None
            }
            Input::SocketClosed { epoch, .. } => {
                self.exchange.socket.take_if(|open| open == epoch);
                None
            }
            _ => None,
        };
        let life = self.life;
        self.input(input);
        if let Some(callback) = acknowledged.filter(|_| life == self.life) {
            self.know(Fact::Acknowledged(callback));
        }
    }

    fn at(&mut self, at: Millis, due: Due) {
        self.sequence += 1;
        self.due.insert((at.max(self.now), self.sequence), due);
    }

    fn later(&mut self, input: Input) {
        let at = self.now + Millis(self.rng.i64(1..=self.latency));
        self.at(at, Due::Input(self.life, input));
    }

    // ── The shell ────────────────────────────────────────────────────────────────────────────────────────────────

    fn perform(&mut self, output: Output) {
        match output {
            Output::Checks(items) => self.checks.push(items),
            Output::OpenSocket { socket: SocketName::Relay, epoch, url } => {
                assert_eq!(url.reveal(), "wss://relay.example.com/agents/v1");
                self.relay.socket = None;
                if self.is_forbidden(relay::HOST) {
                    self.violations.push("a socket to where it is forbidden".to_owned());
                }
                if self.relay.unreachable || !self.network {
                    self.later(closed(SocketName::Relay, epoch));
                } else {
                    let opened = Input::SocketOpened { socket: SocketName::Relay, epoch };
                    self.at(self.now, Due::Input(self.life, opened));
                }
            }
            Output::OpenSocket { socket: SocketName::Exchange, epoch, .. } => {
                self.exchange.socket = None;
                if self.is_forbidden(exchange::HOST) {
                    self.violations.push("a socket to where it is forbidden".to_owned());
                }
                if self.exchange.swallows {
                    // Neither opened nor refused.
                } else if self.exchange.refuses_key || self.exchange.unreachable || !self.network {
                    self.later(closed(SocketName::Exchange, epoch));
                } else {
                    self.exchange.opened += 1;
                    let opened = Input::SocketOpened { socket: SocketName::Exchange, epoch };
                    self.at(self.now, Due::Input(self.life, opened));
                }
            }
            Output::CloseSocket { socket, epoch } => {
                let open = match socket {
                    SocketName::Exchange => &mut self.exchange.socket,
                    SocketName::Relay => &mut self.relay.socket,
                };
                open.take_if(|open| *open == epoch);
                self.due.retain(|_, due| {
                    !matches!(due, Due::Input(_, Input::SocketOpened { socket: of, epoch: opened }) if *of == socket && *opened == epoch)
                });
            }
            Output::SendFrame { socket: SocketName::Relay, epoch, text } => self.relay_hears(epoch, text.reveal()),
            Output::SendFrame { socket: SocketName::Exchange, epoch, text } => self.click_to_call(epoch, text.reveal()),
            Output::Http { id, request } => self.ask_service(id, request),
            Output::DropFile { id } => {
                if self.files.remove(&id).is_none() {
                    self.violations.push("a file is forgotten that nobody keeps".to_owned());
                }
            }
            Output::Persist { batch, writes } => {
                let stored = !self.store.fails && !self.store.closed;
                self.store.given = batch;
                self.store.batches.push_back(Batch { number: batch, writes, stored });
                let last = self.due.iter().rev().find(|(_, due)| matches!(due, Due::Commit(_))).map(|((at, _), _)| *at);
                let at = (self.now + Millis(self.rng.i64(1..=self.latency))).max(last.unwrap_or(self.now));
                self.at(at, Due::Commit(self.life));
            }
            Output::Remember(session) => self.store.session = session,
            Output::Reply { ask, message } => {
                assert!(self.replies.insert(ask, message).is_none(), "two replies to one request");
            }
            Output::Toolbar(toolbar) => self.toolbar = Some(toolbar),
            Output::View(view) => self.view = view,
            Output::Status(status) => self.status = Some(*status),
            Output::Alerts(alerts) => self.alerts = alerts,
            Output::WakeAt(at) => self.wake_at = at.map(|at| self.now + (at - self.now - self.ahead).max(Millis(0))),
            Output::KeepAlive(on) => {
                self.keeps_alive = on;
                self.due.retain(|_, due| !matches!(due, Due::Beat(_)));
                if on {
                    self.at(self.now + HEARTBEAT, Due::Beat(self.life));
                }
            }
            Output::Origins(_) => {}
            Output::Off { origin } => self.left.push(origin),
            Output::Sites(sites) => self.sites = sites,
            Output::Reload => {
                if !self.view.calls.iter().all(|call| call.ended_at.is_some()) || !self.callbacks.is_empty() {
                    self.violations.push("started anew in the middle of something".to_owned());
                }
                self.die(Death { of_browser: false, pause: Millis::secs(1) });
            }
        }
    }

    /// Whether the browser forbids this address, and has said so.
    fn is_forbidden(&self, url: &str) -> bool {
        let forbids = |origins: &[String]| origins.iter().any(|origin| url.starts_with(origin.as_str()));
        forbids(&self.forbidden) && forbids(&self.told_forbidden)
    }

    fn click_to_call(&mut self, epoch: u32, frame: &str) {
        let is_closing = |due: &Due| matches!(due, Due::Input(_, Input::SocketClosed { socket: SocketName::Exchange, epoch: closed, .. }) if *closed == epoch);
        if self.exchange.socket.is_none() && self.due.values().any(is_closing) {
            // The socket is gone, and the browser has yet to say so: the frame is lost.
            return;
        }
        assert_eq!(self.exchange.socket, Some(epoch), "a frame for a socket that is not open");
        let frame: Value = serde_json::from_str(frame).expect("JSON");
        assert_eq!(frame["action"], "call");
        let number = frame["to"].as_str().expect("a number").to_owned();
        if self.exchange.is_talking_to(&number) && !self.exchange.half_open {
            let heard = |leg: &&Leg| leg.number.as_ref() == Some(&number) && leg.ended_at.is_none();
            let known = self
                .exchange
                .legs
                .values()
                .filter(heard)
                .any(|leg| self.knows(&Fact::Heard(leg.uuid.clone(), Step::Dial)));
            if known {
                self.violations.push("a number is dialled whose call goes on".to_owned());
            }
        }
        if self.clicked.get(&number).is_some_and(|at| *at + PROMPT < self.now) {
            self.violations.push("a number is dialled long after its click".to_owned());
        }
        self.dialled.push(number.clone());
        if self.exchange.silent || self.exchange.half_open {
            return;
        }
        let luck = if self.exchange.takes_clicks { self.rng.u8(0..10) } else { 1 };
        let answer = if luck == 0 { r#"{"event":"error","message":"занято"}"# } else { r#"{"event":"success"}"# };
        self.later(framed(SocketName::Exchange, epoch, answer));
        if self.exchange.takes_clicks && luck > 1 {
            let uuid = format!("click-{}", self.dialled.len());
            let dial_at = self.now + Millis(self.rng.i64(500..5_000));
            let leg = Leg::outgoing(uuid, number, dial_at, &mut self.rng);
            self.plan(leg);
        }
    }

    fn ask_service(&mut self, id: u32, request: HttpRequest) {
        self.requests += 1;
        let of_crm = request.url.starts_with(CRM_HOST);
        assert!(!of_crm || !request.cookies, "the user's own cookies must not go to the CRM");
        if self.is_forbidden(&request.url) {
            self.violations.push("a request to where it is forbidden".to_owned());
        }
        if let (true, Body::Json(body)) = (of_crm, &request.body) {
            let mut body: Value = serde_json::from_str(body.reveal()).expect("JSON");
            // The communication becomes known between a request and its repetition.
            if body.get("externalId").is_some() {
                body.as_object_mut().expect("an object").remove("communicationId");
            }
            let callback = format!("{} {body}", request.url.trim_start_matches(CRM_HOST));
            if self.knows(&Fact::Acknowledged(callback.clone())) {
                self.violations.push(format!("sent again after its acknowledgement: {callback}"));
            }
            self.callbacks.insert(id, callback);
        }
        let at = self.now + Millis(self.rng.i64(1..=self.latency / 2));
        self.at(at, Due::Arrival(self.life, id, request));
    }

    /// A request has reached its service, or the trouble on the way.
    fn answer(&mut self, id: u32, request: HttpRequest) {
        let service = if request.url.starts_with(CRM_HOST) { Service::Crm } else { Service::Exchange };
        let now = self.now;
        self.troubles.retain(|trouble| trouble.until > now);
        let troubles = self.troubles.iter().filter(|trouble| trouble.service == service);
        let fault =
            troubles.filter(|trouble| self.rng.u8(0..100) < trouble.percent).map(|trouble| trouble.fault).next();
        let mut takes = self.rng.i64(1..=self.latency / 2);
        let reply = match fault {
            Some(Fault::Status(status, retry_after)) => {
                if service == Service::Crm && matches!(status, 400..=404 | 409) {
                    self.forgive(&request);
                }
                Reply::Answer { status, body: r#"{"status":"fault","message":"Fault"}"#.to_owned(), retry_after }
            }
            Some(Fault::Unreached(failure)) => failed(failure),
            Some(Fault::Lost(failure)) => {
                self.serve(&request);
                failed(failure)
            }
            Some(Fault::Html) => Reply::status(200, "<html>"),
            Some(Fault::Slow(millis)) => {
                takes = millis;
                self.serve(&request)
            }
            None if !self.network => Reply::Network,
            None => self.serve(&request),
        };
        let date = Some(Millis(self.now.0 / 1_000 * 1_000));
        let result = match reply {
            Reply::Answer { status, body, retry_after } => {
                let retry_after = retry_after.map(Millis::secs);
                let file = (request.keep && (200..300).contains(&status))
                    .then(|| FileInfo { content_type: "text/html".to_owned(), length: body.len() as u64 });
                if file.is_some() {
                    self.files.insert(id, body.clone());
                }
                let body = if file.is_some() { String::new() } else { body };
                Ok(HttpAnswer { status, retry_after, date, body: Private::new(body), file })
            }
            Reply::File(recorded, file) => {
                self.files.insert(id, recorded);
                Ok(HttpAnswer { status: 200, retry_after: None, date, body: Private::default(), file: Some(file) })
            }
            Reply::Network => Err(HttpFailure::Network),
            Reply::Timeout => {
                takes = i64::from(request.timeout);
                Err(HttpFailure::Timeout)
            }
        };
        self.at(self.now + Millis(takes), Due::Input(self.life, Input::HttpDone { id, result }));
    }

    fn serve(&mut self, request: &HttpRequest) -> Reply {
        if request.url.starts_with(CRM_HOST) {
            let file = match &request.body {
                Body::File { kept, .. } => match self.files.get(kept) {
                    Some(file) => Some(file.as_str()),
                    None => return Reply::Network,
                },
                _ => None,
            };
            return self.crm.answer(self.now, request, file);
        }
        if request.url.starts_with(UIS_HOST) {
            return self.uis.answer(request);
        }
        let (reply, told) = self.exchange.answer(self.now, request, &mut self.rng);
        self.tell(told);
        reply
    }

    /// What the CRM refused for no reason cannot come in order any more.
    fn forgive(&mut self, request: &HttpRequest) {
        if let Body::Json(body) = &request.body {
            let body: Value = serde_json::from_str(body.reveal()).expect("JSON");
            self.crm.forgiven.extend(body["externalId"].as_str().map(str::to_owned));
        }
    }
}

fn framed(socket: SocketName, epoch: u32, text: &str) -> Input {
    Input::SocketFrame { socket, epoch, text: text.into() }
}

/// The socket is lost, without a word from the other side.
fn closed(socket: SocketName, epoch: u32) -> Input {
    Input::SocketClosed { socket, epoch, clean: false }
}

fn failed(failure: HttpFailure) -> Reply {
    if failure == HttpFailure::Timeout { Reply::Timeout } else { Reply::Network }
}

impl Due {
    /// Whose it is, if it ends with a worker.
    fn life(&self) -> Option<u32> {
        match self {
            Self::Input(life, _)
            | Self::Arrival(life, _, _)
            | Self::Commit(life)
            | Self::Beat(life)
            | Self::Ping(life, _) => Some(*life),
            Self::Start | Self::Leg(..) => None,
        }
    }

    fn needs_the_computer(&self) -> bool {
        !matches!(self, Self::Leg(..) | Self::Arrival(..) | Self::Ping(..))
    }
}

impl Store {
    fn commit(&mut self, batch: Batch) {
        if !batch.stored {
            self.lost = true;
            return;
        }
        self.lost &= !batch.writes.contains(&Write::ClearRows);
        self.complete = batch.number;
        batch.writes.into_iter().for_each(|write| self.write(write));
    }

    fn write(&mut self, write: Write) {
        match write {
            Write::Document { name: DocumentName::Settings, json } => self.settings = Some(json),
            Write::Document { name: DocumentName::State, json } => self.state = Some(json),
            Write::Document { name: DocumentName::Handed, json } => self.handed = Some(json),
            Write::ClearRows => self.rows.clear(),
            Write::PutRow { id, json } => {
                self.rows.insert(id, json);
            }
            Write::DeleteRow { id } => {
                self.rows.remove(&id);
            }
            Write::PutLine { id, json } => {
                assert!(!SECRETS.iter().any(|secret| json.contains(secret)), "{json}");
                self.lines.insert(id, json);
            }
            Write::DeleteLine { id } => {
                self.lines.remove(&id);
            }
            Write::PutCall { key, json } => {
                self.calls.insert(key, json);
            }
            Write::TrimCalls { keep } => {
                while self.calls.len() > keep as usize {
                    self.calls.pop_first();
                }
            }
        }
    }
}
