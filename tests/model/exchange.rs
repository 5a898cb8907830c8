//! The exchange: calls that live by themselves, whether anybody listens or not, and what it tells of them over REST.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::{Value, json};
use trubka::{
    Millis,
    http::{FileInfo, HttpRequest},
};

use super::Reply;

pub const HOST: &str = "https://demo.phonet.com.ua";
/// The line that clients call.
pub const LINE: &str = "74951234567";
/// The internal number whose events the socket tells.
pub const SUBSCRIBER: &str = "001";
/// The most rows of a page.
const PAGE: usize = 50;

/// The exchange.
#[derive(Default)]
pub struct Exchange {
    pub refuses_key: bool,
    pub unreachable: bool,
    /// Whether a handshake is never answered.
    pub swallows: bool,
    /// Whether REST refuses the key, though the socket takes it.
    pub rest_refuses: bool,
    /// Whether a hang-up is done and a proxy answers for the exchange.
    pub hang_up_breaks: bool,
    /// Whether a click2call is not answered.
    pub silent: bool,
    /// Whether a click2call brings a call that lives by itself.
    pub takes_clicks: bool,
    pub socket: Option<u32>,
    /// Whether the open socket is dead without the browser's knowing it.
    pub half_open: bool,
    /// Whether sockets are taken and then told nothing.
    pub tells_nothing: bool,
    pub opened: u32,
    /// Whether REST has a session.
    pub session: bool,
    /// Active calls that REST tells of beside the legs.
    pub active: Vec<Value>,
    /// History that REST tells of beside the legs.
    pub history: Vec<Value>,
    pub requests: Vec<String>,
    /// The legs that live by themselves, by uuid.
    pub legs: BTreeMap<String, Leg>,
}

/// One leg: its plan, and what has come of it.
#[derive(Clone, Debug)]
pub struct Leg {
    pub uuid: String,
    pub parent: Option<String>,
    /// `lgDirection`.
    pub direction: i64,
    /// The company's side, the caller's of an internal call.
    pub side: Side,
    /// The callee's internal number, of an internal call.
    pub callee: Option<&'static str>,
    /// The client's number, unless withheld.
    pub number: Option<String>,
    /// Whether the subscriber's socket is told of a group's or scenario's own leg.
    pub is_told: bool,
    /// When it begins to ring.
    pub dial_at: Millis,
    /// When it is to be answered, if nothing comes between.
    pub answer_at: Option<Millis>,
    /// When it is to end, if nothing comes between.
    pub over_at: Millis,
    pub rang: bool,
    pub bridged_at: Option<Millis>,
    pub ended_at: Option<Millis>,
    /// How long after its end the history has it.
    pub lag: Millis,
    /// How the history rounds its seconds: what is added before the milliseconds are cut off.
    pub rounding: i64,
    /// How long after its end the recording is there; never, where there is none.
    pub recorded_after: Option<Millis>,
}

/// The company's side of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    User(&'static str),
    Group,
    Scenario,
}

/// What befalls a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Dial,
    Bridge,
    Hangup,
}

impl Leg {
    fn is_live(&self) -> bool {
        self.rang && self.ended_at.is_none()
    }

    pub fn is_entity(&self) -> bool {
        !matches!(self.side, Side::User(_))
    }

    /// Whether one of its sides is this internal number.
    pub fn is_of(&self, ext: &str) -> bool {
        self.side == Side::User(match_static(ext)) || self.callee == Some(ext)
    }

    fn is_heard(&self) -> bool {
        if self.is_entity() { self.is_told } else { self.is_of(SUBSCRIBER) }
    }

    /// When it began and was answered, as the history tells it: from its end back, in whole seconds.
    pub fn told_by_history(&self) -> Option<(Millis, Option<Millis>)> {
        let end = self.ended_at?;
        let back = |from: Millis| Millis(end.0 - self.seconds(end, from) * 1_000);
        Some((back(self.dial_at), self.bridged_at.map(back)))
    }

    fn seconds(&self, end: Millis, from: Millis) -> i64 {
        (end.0 - from.0 + self.rounding) / 1_000
    }

    fn sides(&self) -> (Value, Value) {
        let user = |ext: &str| json!({ "id": 29, "type": 1, "displayName": format!("User {ext}"), "ext": ext });
        let side = match self.side {
            Side::User(ext) => user(ext),
            Side::Group => json!({ "id": 7, "type": 2, "displayName": "Продажи", "ext": "900" }),
            Side::Scenario => json!({ "id": 3, "type": 4, "displayName": "Меню", "ext": null }),
        };
        (side, self.callee.map_or(Value::Null, user))
    }

    fn event(&self, kind: &str, key: &str, now: Millis) -> Value {
        let (leg, leg2) = self.sides();
        let client =
            |number: &String| json!([{ "id": "1", "name": "Пётр", "num": format!("+{number}"), "priority": 1 }]);
        json!({
            key: kind, "uuid": self.uuid, "parentUuid": self.parent, "lgDirection": self.direction, "leg": leg, "leg2": leg2,
            "otherLegs": self.number.as_ref().map(client), "dialAt": self.dial_at.0,
            "bridgeAt": self.bridged_at.map(|at| at.0), "serverTime": now.0.to_string(),
            "trunkNum": (self.direction != 1).then_some(LINE), "trunkName": "М"
        })
    }

    fn record(&self, now: Millis) -> Option<Value> {
        let end = self.ended_at.filter(|end| *end + self.lag <= now)?;
        let (leg, leg2) = self.sides();
        let recorded = self.recording_is_there(now).then(|| format!("{HOST}/rest/public/calls/{}/audio ", self.uuid));
        Some(json!({
            "uuid": self.uuid, "parentUuid": self.parent, "endAt": end.0, "lgDirection": self.direction, "leg": leg,
            "leg2": leg2, "otherLegNum": self.number.as_ref().map(|number| format!("+{number}")), "otherLegName": null,
            "billSecs": self.bridged_at.map_or(0, |at| self.seconds(end, at)), "duration": self.seconds(end, self.dial_at),
            "disposition": i64::from(self.bridged_at.is_none()), "transferHistory": null, "audioRecUrl": recorded,
            "trunk": (self.direction != 1).then_some(LINE)
        }))
    }

    fn recording_is_there(&self, now: Millis) -> bool {
        let ready = self.ended_at.zip(self.recorded_after).map(|(end, after)| end + after);
        self.bridged_at.is_some() && ready.is_some_and(|ready| ready <= now)
    }
}

fn match_static(ext: &str) -> &'static str {
    ["001", "002", "777"].into_iter().find(|known| *known == ext).unwrap_or("")
}

impl Exchange {
    /// Lets a leg take a step, if it is still to be taken; what the subscriber's socket is told of it.
    pub fn step(&mut self, now: Millis, uuid: &str, step: Step) -> Vec<(String, Step, Value)> {
        let mut told = Vec::new();
        let Some(leg) = self.legs.get_mut(uuid) else { return told };
        let taken = match step {
            Step::Dial => !std::mem::replace(&mut leg.rang, true),
            Step::Bridge => leg.is_live() && leg.bridged_at.replace(leg.bridged_at.unwrap_or(now)).is_none(),
            Step::Hangup => leg.is_live() && leg.ended_at.replace(now).is_none(),
        };
        if !taken {
            return told;
        }
        let leg = leg.clone();
        let of_entity = leg.parent.clone().filter(|parent| self.legs.get(parent).is_some_and(|leg| leg.is_entity()));
        // Nobody rings any longer when a group gives up.
        if leg.is_entity() && step == Step::Hangup {
            self.others_of(uuid, "").iter().for_each(|leg| told.extend(self.step(now, leg, Step::Hangup)));
        }
        if leg.is_heard() {
            let name = ["call.dial", "call.bridge", "call.hangup"][step as usize];
            told.push((uuid.to_owned(), step, leg.event(name, "event", now)));
        }
        // One answers: the group is answered, the others ring no longer. The one who answered ends it all.
        if let Some(group) = of_entity {
            match step {
                Step::Bridge => {
                    told.extend(self.step(now, &group, Step::Bridge));
                    self.others_of(&group, uuid).iter().for_each(|leg| told.extend(self.step(now, leg, Step::Hangup)));
                }
                Step::Hangup if leg.bridged_at.is_some() => told.extend(self.step(now, &group, Step::Hangup)),
                _ => {}
            }
        }
        told
    }

    fn others_of(&self, group: &str, but: &str) -> Vec<String> {
        let legs = self.legs.values().filter(|leg| leg.parent.as_deref() == Some(group) && leg.uuid != but);
        legs.map(|leg| leg.uuid.clone()).collect()
    }

    /// Whether the subscriber is in a call with this number.
    pub fn is_talking_to(&self, number: &str) -> bool {
        let mut own = self.legs.values().filter(|leg| leg.is_live() && leg.is_of(SUBSCRIBER));
        own.any(|leg| leg.number.as_deref() == Some(number))
    }

    /// Answers over REST; what the socket is told of a leg that is hung up by it.
    pub fn answer(&mut self, now: Millis, request: &HttpRequest, rng: &mut Rng) -> (Reply, Vec<(String, Step, Value)>) {
        let path = request.url.strip_prefix(HOST).expect("the exchange's own address").to_owned();
        self.requests.push(path.clone());
        let (path, query) = path.split_once('?').unwrap_or((path.as_str(), ""));
        let reply = match path {
            _ if self.unreachable => Reply::Network,
            "/rest/security/authorize" => {
                self.session = !self.refuses_key && !self.rest_refuses;
                if self.session { Reply::json(&json!({})) } else { Reply::status(403, "") }
            }
            _ if self.refuses_key || self.rest_refuses || !self.session => Reply::status(403, ""),
            "/rest/users" => Reply::json(&json!([{ "ext": "001", "email": "anna@example.com" }, { "ext": "002" }])),
            "/rest/calls/active/v3" => {
                let live = self.legs.values().filter(|leg| leg.is_live());
                let row = |leg: &Leg| {
                    let last = if leg.bridged_at.is_some() { "call.bridge" } else { "call.dial" };
                    leg.event(last, "lastEvent", now)
                };
                Reply::json(&self.active.iter().cloned().chain(live.map(row)).collect())
            }
            "/rest/calls/users.api" | "/rest/calls/company.api" | "/rest/calls/missed.api" => {
                Reply::json(&self.page(now, path, query))
            }
            _ => return self.of_a_leg(now, path, request.keep, rng),
        };
        (reply, Vec::new())
    }

    /// A page of the history, newest first.
    fn page(&self, now: Millis, path: &str, query: &str) -> Value {
        let asked: BTreeMap<_, _> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let number = |name: &str| asked[name].parse::<i64>().expect("a number");
        assert!((1..=50).contains(&number("limit")), "the exchange gives no more than 50 rows a page");
        let is_clients = |row: &Value| row["lgDirection"] != 1 && row["parentUuid"].is_null();
        let belongs = |row: &Value| match path {
            "/rest/calls/users.api" => row["leg"]["type"].as_i64().unwrap_or(1) == 1,
            "/rest/calls/company.api" => is_clients(row),
            _ => is_clients(row) && row["lgDirection"] == 4 && row["disposition"] != 0,
        };
        let rows = self.history.iter().cloned().chain(self.legs.values().filter_map(|leg| leg.record(now)));
        let end = |row: &Value| row["endAt"].as_i64().expect("an end");
        let mut rows: Vec<_> =
            rows.filter(|row| belongs(row) && (number("timeFrom")..=number("timeTo")).contains(&end(row))).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(end(row)));
        let (offset, limit) = (number("offset") as usize, number("limit") as usize);
        rows.into_iter().skip(offset).take(limit.min(PAGE)).collect()
    }

    fn of_a_leg(&mut self, now: Millis, path: &str, keep: bool, rng: &mut Rng) -> (Reply, Vec<(String, Step, Value)>) {
        if let Some(uuid) = path.strip_prefix("/rest/calls/active/").and_then(|path| path.strip_suffix("/hangup")) {
            let told = match self.legs.get(uuid).filter(|leg| leg.is_live()) {
                Some(_) => self.step(now, uuid, Step::Hangup),
                None => return (Reply::status(404, ""), Vec::new()),
            };
            return (Reply::status(if self.hang_up_breaks { 502 } else { 200 }, ""), told);
        }
        let recorded = path.strip_prefix("/rest/public/calls/").and_then(|path| path.strip_suffix("/audio"));
        let reply = match recorded.and_then(|uuid| self.legs.get(uuid)) {
            Some(leg) if leg.recording_is_there(now) => {
                assert!(keep, "a recording is a file");
                let file = FileInfo { content_type: "audio/mpeg".to_owned(), length: rng.u64(1..100_000) };
                Reply::File(leg.uuid.clone(), file)
            }
            _ => Reply::status(404, ""),
        };
        (reply, Vec::new())
    }
}

/// An event of the exchange, as the documentation has it; `more` overrides.
pub fn event(name: &str, uuid: &str, direction: i64, at: Millis, more: &Value) -> Value {
    let mut event = json!({
        "event": name, "uuid": uuid, "parentUuid": null, "lgDirection": direction,
        "leg": { "id": 29, "type": 1, "displayName": "Анна", "ext": "001" }, "leg2": null,
        "otherLegs": [{ "id": "1", "name": "Пётр", "num": "+79161234567", "companyName": "Первый клиент", "priority": 1 }],
        "dialAt": at.0, "bridgeAt": null, "serverTime": at.0.to_string(), "trunkNum": LINE, "trunkName": "М"
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        event[key] = value.clone();
    }
    event
}
