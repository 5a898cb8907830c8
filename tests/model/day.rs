//! A day of calls and troubles, and what the CRM's ledger must hold in the course.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use serde_json::{Value, json};
use trubka::{
    Millis,
    core::io::Input,
    http::HttpFailure,
    protocol::{DialPhase, Message, Request, Sender},
};

use super::{
    ANNA, BORIS, CRM_HOST, Death, Fact, Fault, START, Service, Trouble, World,
    crm::{Communication, moment},
    document,
    exchange::{self, LINE, Leg, SUBSCRIBER, Side, Step},
    page, read, relay, with_relay,
};

/// This long after the last call of the plan began, all troubles are over.
const EVENING: Millis = Millis::mins(32);
/// After this long in peace everything is where it belongs: it is longer than any wait for the next try.
const PEACE: Millis = Millis::mins(45);
/// The most a state document may have.
const LARGEST_STATE: usize = 256 * 1024;
/// The most requests of twenty quiet minutes.
const QUIET: u32 = 100;

/// Three numbers name a day: its seed, and which of its sixteen calls and sixteen troubles take place.
#[derive(Clone, Copy, Debug)]
pub struct Day {
    pub seed: u64,
    pub calls: u16,
    pub troubles: u16,
}

impl Day {
    /// The day's name: by it the same day can be run again.
    pub fn name(&self) -> String {
        format!("TRUBKA_DAY={:x}/{:x}/{:x}", self.seed, self.calls, self.troubles)
    }

    pub fn named(name: &str) -> Self {
        let numbers: Vec<_> =
            name.split('/').map(|number| u64::from_str_radix(number, 16).expect("a number")).collect();
        let [seed, calls, troubles] = numbers[..] else { panic!("seed/calls/troubles") };
        Self { seed, calls: calls as u16, troubles: troubles as u16 }
    }
}

/// What happens to the browser, its services and its user.
#[derive(Clone, Debug)]
enum Happening {
    /// The worker dies after so many more outputs.
    Doom(u32, Death),
    Fault(Service, Fault, Millis, u8),
    /// The network is gone, and whether the browser says so.
    Offline {
        is_told: bool,
    },
    Online,
    HalfOpen,
    Drop,
    TellsNothing(bool),
    /// The exchange refuses the key, and whether it closes the socket, too.
    RefusesKey {
        closes: bool,
    },
    AcceptsKey,
    SessionEnds,
    AccessKeysEnd,
    CrmRefusesKey(bool),
    Clock {
        ahead: Millis,
    },
    Sleep(Millis),
    StoreFails(bool),
    Forbidden(Vec<String>),
    Update,
    Click {
        key: u8,
        number: u8,
    },
    /// The relay ends the connection, and whether it says goodbye.
    DropRelay {
        clean: bool,
    },
    /// The relay's socket is dead without the browser's knowing it.
    RelayHalfOpen,
    /// The relay lets nobody in.
    RelayRefuses(Option<&'static str>),
    /// CALL: the same one as often as its number says, and whether it was too long on its way.
    Call {
        id: u8,
        number: u8,
        stale: bool,
    },
    /// HANGUP of whatever goes on.
    SystemHangUp {
        id: u8,
    },
    HangUp,
    RetryAll,
    Export,
    Reconnect,
}

/// What the ledger must say of a call.
enum Expected {
    /// It is there, with these items at least and at most.
    There { required: BTreeSet<String>, allowed: BTreeSet<String> },
    /// It may be there, with this item.
    Perhaps(String),
    /// It is not registered: another browser does it, or nobody.
    NotRegistered,
}

/// Runs a day; what was wrong with it.
pub fn run(day: Day) -> Result<(), String> {
    let mut rng = Rng::with_seed(day.seed);
    // Most companies have no relay.
    let mut document = if rng.u8(0..8) == 0 { with_relay() } else { document() };
    let recordings = rng.u8(0..5) > 0;
    if !recordings {
        document["kontur"]["recordings"] = json!(false);
    }
    let missed_calls = rng.u8(0..5) == 0;
    if missed_calls {
        document["kontur"]["missedCalls"] = json!(true);
    }
    let mut course =
        Course { world: World::new(rng.u64(..), read(&document)), accepted: BTreeMap::new(), recordings, missed_calls };
    course.world.exchange.takes_clicks = true;
    course.world.relay.ahead = Millis(one_of(&mut rng, [0, 1, -1]) * rng.i64(0..7_200_000));
    let span = one_of(&mut rng, [Millis::mins(3), Millis::mins(15), Millis::mins(60)]);
    for place in 0..16 {
        let mut own = rng.fork();
        if day.calls >> place & 1 == 1 {
            call(place, span, &mut own).into_iter().for_each(|leg| course.world.plan(leg));
        }
    }
    // Now and then the colleague is busy: there is more than a page of the history can hold.
    if rng.u8(0..6) == 0 {
        for place in 0..90 {
            let at = START + Millis(rng.i64(10_000..span.0));
            let leg = Leg::outgoing(format!("other-{place}"), clickable(9), at, &mut rng);
            course.world.plan(Leg { side: Side::User("002"), ..leg });
        }
    }
    let mut happenings = BTreeMap::new();
    for place in 0..16 {
        let mut own = rng.fork();
        if day.troubles >> place & 1 == 1 {
            happenings.extend(
                trouble(span, &mut own).into_iter().enumerate().map(|(step, (at, what))| ((at, place, step), what)),
            );
        }
    }
    for ((at, ..), what) in happenings {
        course.until(START + at);
        course.happen(what);
    }
    course.until(START + span + EVENING);
    course.peace();
    course.judge()
}

// ── The plan ─────────────────────────────────────────────────────────────────────────────────────────────────────

impl Leg {
    fn new(uuid: String, direction: i64, side: Side, dial_at: Millis, rng: &mut Rng) -> Self {
        let ring = Millis(rng.i64(800..30_000));
        let longest = one_of(rng, [20_000, 600_000]);
        let talk = Millis(rng.i64(300..longest));
        let answer_at = rng.bool().then_some(dial_at + ring);
        Self {
            uuid,
            parent: None,
            direction,
            side,
            callee: None,
            number: None,
            is_told: false,
            dial_at,
            answer_at,
            over_at: answer_at.map_or(dial_at + ring, |at| at + talk),
            rang: false,
            bridged_at: None,
            ended_at: None,
            lag: Millis(if rng.bool() { 0 } else { rng.i64(0..120_000) }),
            rounding: one_of(rng, [0, 500, 999]),
            recorded_after: (rng.u8(0..8) > 0).then(|| Millis(rng.i64(0..600_000))),
        }
    }

    /// A call to a client.
    pub fn outgoing(uuid: String, number: String, dial_at: Millis, rng: &mut Rng) -> Self {
        Self { number: Some(number), ..Self::new(uuid, 2, Side::User(SUBSCRIBER), dial_at, rng) }
    }

    fn of(self, parent: &str) -> Self {
        Self { parent: Some(parent.to_owned()), ..self }
    }
}

/// The legs of one of the day's calls.
fn call(place: u8, span: Millis, rng: &mut Rng) -> Vec<Leg> {
    let at = START + Millis(rng.i64(10_000..span.0));
    let number = format!("791612345{:02}", rng.u8(0..20));
    let id = format!("c{place}");
    let incoming = |uuid: String, ext, at, rng: &mut Rng| Leg {
        number: Some(number.clone()),
        ..Leg::new(uuid, 4, Side::User(ext), at, rng)
    };
    let internal = |caller, callee, rng: &mut Rng| Leg {
        callee: Some(callee),
        ..Leg::new(id.clone(), 1, Side::User(caller), at, rng)
    };
    match rng.u8(0..12) {
        0 | 1 => vec![incoming(id, SUBSCRIBER, at, rng)],
        2 | 3 => vec![Leg::outgoing(id, number, at, rng)],
        4 => vec![Leg { number: None, ..incoming(id, SUBSCRIBER, at, rng) }],
        5 => vec![internal(SUBSCRIBER, "002", rng)],
        6 => vec![internal("002", SUBSCRIBER, rng)],
        7 => vec![internal("777", SUBSCRIBER, rng)],
        8 => vec![incoming(id, "002", at, rng)],
        9 => {
            // A group: one of two answers, or nobody; the first may decline.
            let mut group =
                Leg { side: Side::Group, is_told: rng.bool(), answer_at: None, ..incoming(id.clone(), "", at, rng) };
            let mut legs = [SUBSCRIBER, "002"].map(|ext| {
                let rings = at + Millis(rng.i64(1..900));
                Leg { dial_at: rings, ..incoming(format!("{id}-{ext}"), ext, rings, rng) }.of(&id)
            });
            let answered = legs.iter().any(|leg| leg.answer_at.is_some());
            group.over_at = at + Millis::mins(if answered { 30 } else { 1 });
            if !answered && rng.bool() {
                legs.iter_mut().for_each(|leg| leg.over_at = group.over_at);
            }
            legs.into_iter().chain([group]).collect()
        }
        10 => {
            // A menu, and perhaps somebody behind it.
            let menu =
                Leg { side: Side::Scenario, is_told: rng.bool(), answer_at: None, ..incoming(id.clone(), "", at, rng) };
            let behind = incoming(format!("{id}-u"), SUBSCRIBER, menu.over_at - Millis(rng.i64(100..700)), rng).of(&id);
            if rng.bool() {
                vec![Leg { over_at: behind.over_at + Millis::secs(20), ..menu }, behind]
            } else {
                vec![menu]
            }
        }
        _ => {
            // Transferred to a colleague, and back later.
            let first = incoming(id.clone(), SUBSCRIBER, at, rng);
            let gone = incoming(format!("{id}-away"), "002", first.over_at + Millis(rng.i64(1..900)), rng).of(&id);
            let back = incoming(format!("{id}-back"), SUBSCRIBER, gone.over_at + Millis(rng.i64(1..900)), rng).of(&id);
            if first.answer_at.is_some() { vec![first, gone, back] } else { vec![first] }
        }
    }
}

/// One of the numbers that are clicked.
fn clickable(number: u8) -> String {
    format!("7916765432{number}")
}

/// One trouble: what happens, and when it is over.
fn trouble(calls: Millis, rng: &mut Rng) -> Vec<(Millis, Happening)> {
    let at = Millis(rng.i64(20_000..(calls + Millis::mins(10)).0));
    let longest = one_of(rng, [30_000, 300_000, 1_200_000]);
    let span = Millis(rng.i64(1_000..longest));
    let during = |start, end| vec![(at, start), (at + span, end)];
    match rng.u8(0..36) {
        0..=7 => {
            let of_browser = rng.u8(0..4) == 0;
            let longest = one_of(rng, [2_000, 60_000, if of_browser { 2_400_000 } else { 200_000 }]);
            let pause = Millis(rng.i64(0..longest));
            vec![(at, Happening::Doom(rng.u32(0..24), Death { of_browser, pause }))]
        }
        8..=14 => {
            let service = one_of(rng, [Service::Exchange, Service::Crm]);
            let failure = one_of(rng, [HttpFailure::Network, HttpFailure::Timeout]);
            let fault = match rng.u8(0..8) {
                0 => Fault::Status(one_of(rng, [500, 502, 503, 408, 425]), None),
                1 => Fault::Status(429, rng.bool().then(|| rng.i64(1..300))),
                2 => Fault::Status(503, Some(rng.i64(1..60))),
                3 => Fault::Status(one_of(rng, [400, 403]), None),
                4 => Fault::Unreached(failure),
                5 => Fault::Html,
                6 => Fault::Slow(rng.i64(500..7_900)),
                _ => Fault::Lost(failure),
            };
            vec![(at, Happening::Fault(service, fault, span, one_of(rng, [10, 50, 100])))]
        }
        15 => during(Happening::Offline { is_told: rng.bool() }, Happening::Online),
        16 => vec![(at, Happening::HalfOpen)],
        17 => vec![(at, Happening::Drop)],
        18 => during(Happening::TellsNothing(true), Happening::TellsNothing(false)),
        19 => during(Happening::RefusesKey { closes: rng.bool() }, Happening::AcceptsKey),
        20 => vec![(at, Happening::SessionEnds)],
        21 => vec![(at, Happening::AccessKeysEnd)],
        22 => during(Happening::CrmRefusesKey(true), Happening::CrmRefusesKey(false)),
        23 => {
            let furthest = one_of(rng, [600_000, 7_200_000]);
            let ahead = Millis(rng.i64(-furthest..furthest));
            during(Happening::Clock { ahead }, Happening::Clock { ahead: Millis(0) })
        }
        24 => vec![(at, Happening::Sleep(span))],
        25 => during(Happening::StoreFails(true), Happening::StoreFails(false)),
        26 => {
            let host = one_of(rng, [exchange::HOST, CRM_HOST, relay::HOST]).to_owned();
            during(Happening::Forbidden(vec![host]), Happening::Forbidden(Vec::new()))
        }
        27 => vec![(at, Happening::Update)],
        28 | 29 => (0..rng.i64(1..6))
            .map(|click| {
                (at + Millis(click * rng.i64(0..40_000)), Happening::Click { key: rng.u8(0..4), number: rng.u8(0..3) })
            })
            .collect(),
        30 => vec![(at, Happening::HangUp)],
        31 | 32 => {
            // Whatever came between, the same CALL is handed over again.
            let (id, number) = (rng.u8(0..8), rng.u8(0..3));
            let longest = one_of(rng, [300, 20_000, 600_000]);
            let call = |rng: &mut Rng| Happening::Call { id, number, stale: rng.u8(0..5) == 0 };
            (0..rng.i64(1..4)).map(|again| (at + Millis(again * rng.i64(0..longest)), call(rng))).collect()
        }
        33 => (0..rng.i64(1..3))
            .map(|again| (at + Millis(again * rng.i64(0..9_000)), Happening::SystemHangUp { id: 0 }))
            .collect(),
        34 => match rng.u8(0..3) {
            0 => vec![(at, Happening::RelayHalfOpen)],
            1 => vec![(at, Happening::DropRelay { clean: rng.bool() })],
            _ => {
                let reason = one_of(rng, ["token", "full", "hello"]);
                vec![
                    (at, Happening::RelayRefuses(Some(reason))),
                    (at, Happening::DropRelay { clean: rng.bool() }),
                    (at + span, Happening::RelayRefuses(None)),
                ]
            }
        },
        _ => vec![(at, one_of(rng, [Happening::RetryAll, Happening::Export, Happening::Reconnect]))],
    }
}

fn one_of<T, const N: usize>(rng: &mut Rng, choices: [T; N]) -> T {
    let place = rng.usize(0..N);
    choices.into_iter().nth(place).expect("a choice")
}

// ── The day ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// A day under way.
struct Course {
    world: World,
    /// Which keys the core accepted for each number.
    accepted: BTreeMap<String, BTreeSet<String>>,
    recordings: bool,
    missed_calls: bool,
}

impl Course {
    fn until(&mut self, at: Millis) {
        self.world.run_until(at);
    }

    fn pass(&mut self, span: Millis) {
        self.world.run_for(span);
    }

    fn happen(&mut self, what: Happening) {
        let world = &mut self.world;
        match what {
            Happening::Doom(outputs, death) => world.doom(outputs, death),
            Happening::Fault(service, fault, span, percent) => {
                let until = world.now + span;
                world.troubles.push(Trouble { service, fault, until, percent });
            }
            Happening::Offline { is_told } => {
                world.network = false;
                world.exchange.half_open = true;
                world.relay.half_open = true;
                if is_told {
                    self.set_online(false);
                }
            }
            Happening::Online => {
                world.network = true;
                self.set_online(true);
            }
            Happening::HalfOpen => world.exchange.half_open = true,
            Happening::Drop => world.drop_socket(),
            Happening::TellsNothing(nothing) => world.exchange.tells_nothing = nothing,
            Happening::RefusesKey { closes } => {
                world.exchange.refuses_key = true;
                world.exchange.session = false;
                if closes {
                    world.drop_socket();
                } else {
                    world.exchange.half_open = true;
                }
            }
            Happening::AcceptsKey => world.exchange.refuses_key = false,
            Happening::SessionEnds => world.exchange.session = false,
            Happening::AccessKeysEnd => world.crm.keys.clear(),
            Happening::CrmRefusesKey(refuses) => {
                world.crm.refuses_key = refuses;
                world.crm.keys.clear();
            }
            Happening::Clock { ahead } => world.ahead = ahead,
            Happening::Sleep(span) => world.sleep(span),
            Happening::StoreFails(fails) => world.store.fails = fails,
            Happening::Forbidden(origins) => {
                world.forbidden.clone_from(&origins);
                if origins.iter().any(|origin| origin == exchange::HOST) {
                    world.exchange.half_open = true;
                }
                if origins.iter().any(|origin| origin == relay::HOST) {
                    world.relay.half_open = true;
                }
                world.input(Input::Permissions { forbidden: origins });
            }
            Happening::Update => world.input(Input::UpdateAvailable),
            Happening::Click { key, number } => self.click(key, number),
            Happening::DropRelay { clean } => world.drop_relay(clean),
            Happening::RelayHalfOpen => world.relay.half_open = true,
            Happening::RelayRefuses(reason) => world.relay.refuses = reason,
            Happening::Call { id, number, stale } => {
                let (id, number) = (format!("system-{id}"), clickable(number));
                let is_new = !world.relay.handed_over.contains_key(&id);
                world.crm.system_calls.entry(id.clone()).or_default();
                let expiry = if stale { Millis::secs(-1) } else { relay::EXPIRY };
                let call = json!({ "command": "call", "communication": id, "number": number, "internal": false });
                world.command(&id, expiry, &call);
                if world.relay.handed_over.contains_key(&id) {
                    world.clicked.insert(number.clone(), world.now);
                }
                if is_new {
                    self.accepted.entry(number).or_default().insert(id);
                }
            }
            Happening::SystemHangUp { id } => {
                let live = world.exchange.legs.values().filter(|leg| leg.rang && leg.ended_at.is_none());
                let leg = live.filter(|leg| leg.is_of(SUBSCRIBER)).map(|leg| leg.uuid.clone()).next();
                world.system_hang_up(&format!("hang-up-{id}"), leg.as_deref().unwrap_or("none"));
            }
            Happening::HangUp => {
                let call = world.view.calls.iter().find(|call| call.can_hang_up).map(|call| call.id.clone());
                if let Some(call) = call {
                    world.ask(page(), Request::HangUp { call });
                }
            }
            Happening::RetryAll => {
                world.ask(Sender::Extension, Request::RetryAll);
            }
            Happening::Reconnect => {
                world.ask(Sender::Extension, Request::Reconnect);
            }
            Happening::Export => {
                let ask = world.ask(Sender::Extension, Request::ExportLog);
                if let Some(Message::Log { text }) = world.replies.get(&ask)
                    && super::SECRETS.iter().any(|secret| text.contains(secret))
                {
                    world.violations.push("the log tells what it must not".to_owned());
                }
            }
        }
    }

    fn set_online(&mut self, online: bool) {
        if std::mem::replace(&mut self.world.online, online) != online {
            self.world.input(Input::Online(online));
        }
    }

    /// A click: whether it may dial is the core's word; then it goes out soon or never.
    fn click(&mut self, key: u8, number: u8) {
        if !self.world.is_awake() {
            return;
        }
        let (key, number) = (format!("key-{key}"), clickable(number));
        self.world.clicked.insert(number.clone(), self.world.now);
        let request = Request::Dial { key: key.clone(), number: format!("+{number}").as_str().into() };
        let ask = self.world.ask(page(), request);
        if let Some(Message::Dial { dial }) = self.world.replies.get(&ask)
            && (dial.key == key && dial.phase == DialPhase::Dialling)
        {
            self.accepted.entry(number).or_default().insert(key);
        }
    }

    /// All faults end; what a person can mend is mended; and time passes.
    fn peace(&mut self) {
        let world = &mut self.world;
        world.troubles.clear();
        for peaceful in [
            Happening::RelayRefuses(None),
            Happening::AcceptsKey,
            Happening::Online,
            Happening::TellsNothing(false),
            Happening::CrmRefusesKey(false),
            Happening::Clock { ahead: Millis(0) },
            Happening::StoreFails(false),
            Happening::Forbidden(Vec::new()),
        ] {
            self.happen(peaceful);
        }
        self.pass(Millis::mins(3));
        // A database that could not be opened is opened by the next life.
        self.world.crash();
        self.pass(PEACE);
        for _ in 0..2 {
            self.happen(Happening::RetryAll);
            self.pass(Millis::mins(10));
        }
    }

    // ── The judgement ────────────────────────────────────────────────────────────────────────────────────────────

    fn judge(&mut self) -> Result<(), String> {
        let before = self.world.requests;
        self.pass(Millis::mins(20));
        let mut wrong: Vec<String> = self.world.violations.clone();
        wrong.extend(self.world.crm.violations.iter().cloned());
        wrong.extend(self.world.relay.violations.iter().cloned());
        let quiet = self.world.requests - before;
        if quiet > QUIET {
            wrong.push(format!("{quiet} requests in twenty quiet minutes"));
        }
        if self.world.largest_state > LARGEST_STATE {
            wrong.push(format!("the state grew to {} bytes", self.world.largest_state));
        }
        if self.world.store.lines.len() > 1_000 {
            wrong.push("the log grows".to_owned());
        }
        // A call that was told by a worker that could not remember it: the CRM says «Error» to its repetition, and a person decides.
        let is_known = |row: &str| {
            row.contains("register-call")
                && row.contains("setAside")
                && self.world.lost.iter().any(|id| row.contains(&format!("\"call\":\"{id}\"")))
        };
        let left = self.world.store.rows.values().filter(|row| !is_known(row.reveal()));
        wrong.extend(left.map(|row| format!("left in the outbox: {}", row.reveal())));
        if self.world.view.calls.iter().any(|call| call.ended_at.is_none()) {
            wrong.push("a call goes on though all have ended".to_owned());
        }
        self.judge_dials(&mut wrong);
        let mut calls: BTreeMap<String, Vec<&Leg>> = BTreeMap::new();
        for leg in self.world.exchange.legs.values() {
            calls.entry(leg.parent.clone().unwrap_or_else(|| leg.uuid.clone())).or_default().push(leg);
        }
        let nothing = Communication::default();
        for (id, legs) in &calls {
            let told = self.world.crm.calls.get(id).unwrap_or(&nothing);
            let mut about = Vec::new();
            self.judge_call(id, legs, told, &mut about);
            wrong.extend(about.into_iter().map(|what| format!("{id}: {what}")));
        }
        let invented = self.world.crm.calls.keys().filter(|id| !calls.contains_key(*id));
        wrong.extend(invented.map(|id| format!("{id}: the exchange had no such call")));
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
    }

    fn judge_dials(&self, wrong: &mut Vec<String>) {
        // A database that loses what it was given may lose a key, too.
        if !self.world.lost.is_empty() {
            return;
        }
        for (id, answers) in &self.world.relay.answers {
            let has = |outcome: &str| answers.iter().any(|answer| answer["outcome"] == outcome);
            // A fate that nobody knew may come to be known.
            if has("accepted") && has("refused") {
                wrong.push(format!("{id}: answered in two ways: {answers:?}"));
            }
            if has("accepted") && self.world.crm.system_calls.get(id) == Some(&true) {
                wrong.push(format!("{id}: accepted, and the CRM was told that it failed"));
            }
        }
        for (number, keys) in &self.accepted {
            let dials = self.world.dialled.iter().filter(|dialled| *dialled == number).count();
            if dials > keys.len() {
                wrong.push(format!("{dials} dials of {} keys", keys.len()));
            }
        }
    }

    fn judge_call(&self, id: &str, legs: &[&Leg], told: &Communication, wrong: &mut Vec<String>) {
        let mut not = |what: String| wrong.push(what);
        let own: Vec<_> = legs.iter().copied().filter(|leg| concerns(leg)).collect();
        let entity = legs.iter().copied().find(|leg| leg.is_entity());
        let (required, allowed) = match self.expected(&own, entity) {
            Expected::There { required, allowed } => (Some(required), allowed),
            Expected::Perhaps(item) => (None, BTreeSet::from([item])),
            Expected::NotRegistered => (None, BTreeSet::new()),
        };
        let items: BTreeSet<String> = told.items.keys().cloned().collect();
        if let Some(required) = &required
            && !required.is_subset(&items)
        {
            not(format!("registered with {items:?} instead of {required:?}"));
        }
        if !items.is_subset(&allowed) {
            not(format!("registered with {items:?}, allowed {allowed:?}"));
        }
        let forgiven = self.world.crm.forgiven.contains(id);
        if !forgiven && told.finished.is_some() != (told.started.is_some() && told.registered.is_some()) {
            not("finished and registered, or neither".to_owned());
        }
        if own.is_empty() && entity.is_none() && told.started.is_some() {
            not("told of, though it is none of this browser's".to_owned());
        }
        let known: Vec<_> = own
            .iter()
            .copied()
            .chain(entity)
            .chain(legs.iter().copied().filter(|leg| items.contains(&leg.uuid)))
            .collect();
        for boundary in [&told.started, &told.finished, &told.registered].into_iter().flatten() {
            self.judge_body(boundary, &known, &mut not);
        }
        let dials: BTreeSet<_> = known.iter().flat_map(|leg| self.times(leg, Step::Dial)).collect();
        let mut last = Millis(0);
        if let Some(started) = &told.started {
            last = moment(&started["timestamp"]);
            if !dials.contains(&last) {
                not(format!("started at {last:?}, not {dials:?}"));
            }
        }
        if let Some(registered) = &told.registered
            && !dials.contains(&moment(&registered["externalCreatedAt"]))
        {
            not(format!("created at {:?}, not {dials:?}", moment(&registered["externalCreatedAt"])));
        }
        for event in told.events.iter().filter(|_| !forgiven) {
            let (at, uuid) = (moment(&event["timestamp"]), event["realtimeCallItemId"].as_str().unwrap_or_default());
            let step = match event["type"].as_str() {
                Some("appeared") => Step::Dial,
                Some("connected") => Step::Bridge,
                _ => Step::Hangup,
            };
            let Some(leg) = own.iter().find(|leg| leg.uuid == uuid) else {
                not(format!("an event of {uuid}"));
                continue;
            };
            let times = self.times(leg, step);
            // One that would lie before the last one told is told with that one's time.
            if !(times.contains(&at) || at == last && times.iter().any(|true_time| *true_time < last)) {
                not(format!("{uuid} {step:?} at {at:?}, not {times:?}"));
            }
            last = at;
        }
        let ends = |uuid: &str| {
            told.events.iter().any(|event| event["realtimeCallItemId"] == uuid && event["type"] == "disconnected")
        };
        for event in told.events.iter().filter(|event| !forgiven && event["type"] == "appeared") {
            if !ends(event["realtimeCallItemId"].as_str().unwrap_or_default()) {
                not(format!("{} never ends", event["realtimeCallItemId"]));
            }
        }
        for leg in legs.iter().copied().filter(|leg| items.contains(&leg.uuid)) {
            self.judge_item(id, leg, told, &mut not);
        }
    }

    /// Who answers for a call, and what must be told of it.
    fn expected(&self, own: &[&Leg], entity: Option<&Leg>) -> Expected {
        let names = |legs: &mut dyn Iterator<Item = &&Leg>| legs.map(|leg| leg.uuid.clone()).collect::<BTreeSet<_>>();
        let answered = names(&mut own.iter().filter(|leg| leg.bridged_at.is_some()));
        let all = names(&mut own.iter());
        if !answered.is_empty() {
            return Expected::There { required: answered, allowed: all };
        }
        if let Some(entity) = entity {
            let one = BTreeSet::from([entity.uuid.clone()]);
            return match () {
                () if entity.bridged_at.is_some() => Expected::NotRegistered,
                () if self.missed_calls || self.world.knows(&Fact::Heard(entity.uuid.clone(), Step::Hangup)) => {
                    Expected::There { required: one.clone(), allowed: one }
                }
                () => Expected::Perhaps(entity.uuid.clone()),
            };
        }
        if !all.is_empty() {
            let undistributed = names(&mut own.iter().filter(|leg| leg.parent.is_none()));
            return Expected::There { required: undistributed, allowed: all };
        }
        Expected::NotRegistered
    }

    /// What may be told as the time of a step: the exact one where it was heard, else also what the history tells.
    fn times(&self, leg: &Leg, step: Step) -> BTreeSet<Millis> {
        let by_history = leg.told_by_history();
        let (exact, derived) = match step {
            Step::Dial => (Some(leg.dial_at), by_history.map(|(dial, _)| dial)),
            Step::Bridge => (leg.bridged_at, by_history.and_then(|(_, bridge)| bridge)),
            Step::Hangup => (leg.ended_at, None),
        };
        let heard = self.world.knows(&Fact::Heard(leg.uuid.clone(), step));
        // Rounded seconds may lead back before the ring that was heard.
        let derived = derived.filter(|_| !heard).into_iter().flat_map(|at| [at, at.max(leg.dial_at)]);
        exact.into_iter().chain(derived).collect()
    }

    fn judge_body(&self, body: &Value, legs: &[&Leg], mut not: impl FnMut(String)) {
        let Some(first) = legs.iter().find(|leg| leg.parent.is_none()).or(legs.first()) else { return };
        let direction = ["", "internal", "outbound", "", "inbound"][first.direction as usize];
        if body["direction"] != direction {
            not(format!("{} instead of {direction}", body["direction"]));
        }
        let number = legs.iter().find_map(|leg| leg.number.clone());
        if body.get("clientPhone").and_then(Value::as_str) != number.as_deref() {
            not("another client".to_owned());
        }
        let line = (first.direction != 1).then_some(LINE);
        let told = body.get("externalVatsPhone").and_then(Value::as_str);
        if told != line && told.is_some() {
            not("another line".to_owned());
        }
    }

    fn judge_item(&self, id: &str, leg: &Leg, told: &Communication, mut not: impl FnMut(String)) {
        let item = &told.items[&leg.uuid];
        let user = |ext: &str| match ext {
            "001" => json!({ "type": "user", "userId": ANNA }),
            "002" => json!({ "type": "user", "userId": BORIS }),
            _ => json!({ "type": "user" }),
        };
        let client = json!({ "type": "client" });
        let side = match leg.side {
            Side::User(ext) => user(ext),
            Side::Group | Side::Scenario => user(""),
        };
        let (from, to) = match leg.direction {
            4 => (client, side),
            2 => (side, client),
            _ => (side, user(leg.callee.unwrap_or_default())),
        };
        if item["from"] != from || item["to"] != to {
            not(format!("{}: from {} to {}", leg.uuid, item["from"], item["to"]));
        }
        let begun = if leg.bridged_at.is_some() { Step::Bridge } else { Step::Dial };
        let (started, finished) = (moment(&item["startedAt"]), moment(&item["finishedAt"]));
        let (starts, ends) = (self.times(leg, begun), self.times(leg, Step::Hangup));
        if !starts.contains(&started) {
            not(format!("{}: startedAt {started:?}, not {starts:?}", leg.uuid));
        }
        if !ends.contains(&finished) {
            not(format!("{}: finishedAt {finished:?}, not {ends:?}", leg.uuid));
        }
        let recorded =
            usize::from(self.recordings && leg.bridged_at.is_some() && leg.recorded_after.is_some() && concerns(leg));
        let named = told.recordings.get(&leg.uuid).map_or(0, Vec::len);
        if named != recorded && !self.world.lost.contains(id) {
            not(format!("{}: {named} recordings, not {recorded}", leg.uuid));
        }
    }
}

/// Whether this agent's browser answers for a leg: its own, an internal one by its caller, or by its callee where the directory
/// does not know the caller.
fn concerns(leg: &Leg) -> bool {
    match leg.direction {
        1 => leg.side == Side::User(SUBSCRIBER) || leg.side == Side::User("777"),
        _ => leg.side == Side::User(SUBSCRIBER),
    }
}
