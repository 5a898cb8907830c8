//! The exchange: who is connected, which calls are live, and whom each event is told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;
use uuid::Uuid;

use super::call::{Call, Client, Direction, Event, Quirk, party};
use super::recording::{Recording, Rules};
use crate::clock::{Ticker, now};
use crate::data::{Entity, Kind, MENU, PHONET_KEY, SALES, user_by_ext};
use crate::wire::Line;

/// A socket that ends this soon after a frame, in milliseconds, may have died before its browser read the frame: on a busy computer
/// browsers were seen to be 7 s behind.
const LAST_BREATH: i64 = 10_000;

/// What is put on a browser's socket.
#[derive(Debug)]
pub(crate) enum Push {
    Frame(String),
    Close,
}

/// An open connector socket.
pub(crate) struct Socket {
    pub id: u64,
    /// As the browser named itself, by extension or e-mail.
    pub subscriber: String,
    pub user: &'static Entity,
    pub since: i64,
    pub push: UnboundedSender<Push>,
    pub line: Line,
    /// Half-open: nobody hears what is said on it.
    pub deaf: bool,
}

impl Socket {
    /// Whether this subscriber, by extension or by the name it gave, is on it.
    pub fn belongs_to(&self, subscriber: &str) -> bool {
        self.subscriber == subscriber || self.user.ext == Some(subscriber)
    }
}

/// A click2call that was accepted for dialling.
pub(crate) struct Dialled {
    pub number: String,
    /// Whether its fate has been decided.
    pub settled: bool,
    /// Its call; none where it was refused or lost.
    pub uuid: Option<String>,
    pub at: i64,
}

#[derive(Default)]
pub(crate) struct Exchange {
    clock: Ticker,
    sockets: Vec<Socket>,
    next_socket: u64,
    calls: Vec<Call>,
    pub dialled: Vec<Dialled>,
    /// Sockets whose click2call is not yet answered.
    pub clicking: BTreeSet<u64>,
    away: BTreeSet<&'static str>,
    silenced: bool,
    key_revoked: bool,
    pub recordings: Rules,
    /// Extensions that have had a browser connected.
    known: BTreeSet<&'static str>,
    /// Frames put on sockets by hand.
    injected: Vec<String>,
    /// REST sessions and when they end.
    pub sessions: BTreeMap<String, i64>,
}

impl Exchange {
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    pub fn live(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(|call| call.live())
    }

    pub fn call(&self, uuid: &str) -> Option<&Call> {
        self.calls.iter().find(|call| call.uuid == uuid)
    }

    fn call_mut(&mut self, uuid: &str) -> Option<&mut Call> {
        self.calls.iter_mut().find(|call| call.uuid == uuid)
    }

    /// The legs of a group's or scenario's call.
    pub fn legs(&self, uuid: &str) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(move |call| call.parent.as_deref() == Some(uuid))
    }

    pub fn sockets(&self) -> &[Socket] {
        &self.sockets
    }

    /// Whether some hand-made frame speaks of this call.
    pub fn injected(&self, uuid: &str) -> bool {
        self.injected.iter().any(|text| text.contains(uuid))
    }

    pub fn connect(
        &mut self,
        subscriber: String,
        user: &'static Entity,
        push: UnboundedSender<Push>,
        line: Line,
    ) -> u64 {
        self.next_socket += 1;
        self.known.extend(user.ext);
        self.sockets.push(Socket { id: self.next_socket, subscriber, user, since: now(), push, line, deaf: false });
        self.next_socket
    }

    pub fn disconnect(&mut self, id: u64) {
        self.sockets.retain(|socket| socket.id != id);
        self.lose_ear(id);
    }

    /// A socket hears no more: neither its click2call's answer nor, perhaps, what it was told last.
    fn lose_ear(&mut self, id: u64) {
        self.clicking.remove(&id);
        let now = now();
        for call in self.calls.iter_mut().filter(|call| call.end_at.is_some_and(|end| end > now - LAST_BREATH)) {
            call.end_heard_by.retain(|socket| *socket != id);
        }
    }

    /// Closes the sockets of one subscriber, or all.
    pub fn drop_sockets(&mut self, subscriber: Option<&str>) {
        self.sockets.retain(|socket| {
            let keep = subscriber.is_some_and(|name| !socket.belongs_to(name));
            if !keep {
                self.clicking.remove(&socket.id);
                // A socket whose task is already gone needs no closing.
                let _ = socket.push.send(Push::Close);
            }
            keep
        });
    }

    /// Makes the sockets of one subscriber, or all, half-open; answers how many there were.
    pub fn half_open(&mut self, subscriber: Option<&str>) -> usize {
        let mut ids = Vec::new();
        for socket in self.sockets.iter_mut().filter(|socket| subscriber.is_none_or(|name| socket.belongs_to(name))) {
            socket.line.deafen();
            socket.deaf = true;
            ids.push(socket.id);
        }
        ids.iter().for_each(|id| self.lose_ear(*id));
        ids.len()
    }

    /// In silence the exchange accepts everything and tells nobody anything.
    pub fn silence(&mut self, on: bool) {
        self.silenced = on;
        if !on {
            self.clicking.clear();
        }
    }

    /// A revoked key ends its sessions and silences its sockets.
    pub fn revoke_key(&mut self, revoked: bool) {
        self.key_revoked = revoked;
        if revoked {
            self.sessions.clear();
        } else {
            self.clicking.clear();
        }
    }

    /// Whether this is the exchange's API key, and still valid.
    pub fn accepts_key(&self, key: &str) -> bool {
        key == PHONET_KEY && !self.key_revoked
    }

    pub fn silent(&self) -> bool {
        self.silenced || self.key_revoked
    }

    /// Puts a frame on one socket, by its id.
    pub fn tell(&self, socket: u64, frame: &Value) {
        if let Some(socket) = self.sockets.iter().find(|open| open.id == socket).filter(|_| !self.silent()) {
            let _ = socket.push.send(Push::Frame(frame.to_string()));
        }
    }

    /// Puts a raw text on a subscriber's sockets; answers how many there were.
    pub fn inject(&mut self, subscriber: &str, text: &str) -> usize {
        self.injected.push(text.to_owned());
        self.sockets
            .iter()
            .filter(|socket| socket.belongs_to(subscriber))
            .filter(|socket| socket.push.send(Push::Frame(text.to_owned())).is_ok())
            .count()
    }

    /// Puts a frame on all of a user's sockets; answers those that hear it.
    fn tell_user(&self, user: &Entity, frame: &Value) -> Vec<u64> {
        if self.silent() {
            return Vec::new();
        }
        self.sockets
            .iter()
            .filter(|socket| std::ptr::eq(socket.user, user) && !socket.deaf)
            .filter(|socket| socket.push.send(Push::Frame(frame.to_string())).is_ok())
            .map(|socket| socket.id)
            .collect()
    }

    /// Tells everybody concerned what just happened to a call; answers the event's `serverTime`.
    fn emit(&mut self, uuid: &str, event: Event) -> i64 {
        let at = self.clock.tick();
        let rules = self.recordings;
        let Some(call) = self.call_mut(uuid) else { return at };
        call.last = event;
        if event == Event::Hangup {
            call.end_at = Some(at);
            call.recording = (call.recorded() && !rules.missing)
                .then_some(Recording { ready_at: now() + rules.delay, bytes: rules.bytes });
        }
        let (frame, hearers, tellings) = (call.frame("event", event, at), call.hearers(), call.tellings(event));
        let mut heard_by = Vec::new();
        for _ in 0..tellings {
            heard_by = hearers.iter().flat_map(|user| self.tell_user(user, &frame)).collect();
        }
        if let Some(call) = self.call_mut(uuid).filter(|_| event == Event::Hangup) {
            call.end_heard_by = heard_by;
        }
        at
    }

    fn name(&self, quirks: &[Quirk], at: i64) -> String {
        let guid = Uuid::new_v4();
        if quirks.contains(&Quirk::DashedUuid) {
            guid.hyphenated().to_string()
        } else if quirks.contains(&Quirk::HexUuid) {
            guid.simple().to_string()
        } else {
            format!("23-{}.{}", at / 1000, self.calls.len() + 1)
        }
    }

    /// Opens a call and tells of its dial.
    fn dial(&mut self, new: NewCall) -> String {
        let dial_at = self.clock.tick();
        let uuid = self.name(&new.quirks, dial_at);
        self.calls.push(Call {
            uuid: uuid.clone(),
            parent: new.parent,
            direction: new.direction,
            leg: new.leg,
            leg2: new.leg2,
            number: new.number,
            clients: new.clients,
            quirks: new.quirks,
            dial_at,
            bridge_at: None,
            end_at: None,
            last: Event::Dial,
            recording: None,
            end_heard_by: Vec::new(),
            known: false,
        });
        self.emit(&uuid, Event::Dial);
        uuid
    }

    /// A client calls `to`: an extension, or `scenario`. Answers the call's uuid and its members' legs by extension.
    pub fn incoming(
        &mut self,
        number: Option<String>,
        to: &str,
        clients: Vec<Client>,
        quirks: Vec<Quirk>,
    ) -> Result<(String, BTreeMap<&'static str, String>), String> {
        let leg = match to {
            "scenario" => &MENU,
            ext if Some(ext) == SALES.ext => &SALES,
            ext => user_by_ext(ext).ok_or_else(|| format!("nobody has the extension `{ext}`"))?,
        };
        let new = NewCall { parent: None, direction: Direction::Inbound, leg, leg2: None, number, clients, quirks };
        let uuid = self.dial(new.clone());
        let mut legs = BTreeMap::new();
        if leg.kind != Kind::User {
            for (member, ext) in leg.members().into_iter().filter_map(|member| Some((member, member.ext?))) {
                legs.insert(ext, self.dial(NewCall { parent: Some(uuid.clone()), leg: member, ..new.clone() }));
            }
        }
        Ok((uuid, legs))
    }

    /// One user calls another.
    pub fn internal(&mut self, from: &str, to: &str) -> Result<String, String> {
        let leg = user_by_ext(from).ok_or_else(|| format!("nobody has the extension `{from}`"))?;
        let callee = user_by_ext(to).ok_or_else(|| format!("nobody has the extension `{to}`"))?;
        if std::ptr::eq(leg, callee) {
            return Err("an extension cannot call itself".to_owned());
        }
        let leg2 = Some(callee);
        Ok(self.dial(NewCall {
            parent: None,
            direction: Direction::Internal,
            leg,
            leg2,
            number: None,
            clients: Vec::new(),
            quirks: Vec::new(),
        }))
    }

    /// A user calls a client.
    pub fn outgoing(&mut self, leg: &'static Entity, number: &str) -> String {
        let number = Some(number.to_owned());
        let direction = Direction::Outbound;
        self.dial(NewCall { parent: None, direction, leg, leg2: None, number, clients: Vec::new(), quirks: Vec::new() })
    }

    /// Whether this user's call to this number is live.
    pub fn talking_to(&self, user: &Entity, number: &str) -> bool {
        self.live().any(|call| std::ptr::eq(call.leg, user) && call.number.as_deref() == Some(number))
    }

    fn find_live(&self, uuid: &str) -> Result<&Call, String> {
        self.live().find(|call| call.uuid == uuid).ok_or_else(|| format!("no live call `{uuid}`"))
    }

    /// Somebody picks up: on a group's or scenario's call the member `by`, or the first whose telephone rings.
    pub fn answer(&mut self, uuid: &str, by: Option<&str>) -> Result<(), String> {
        let call = self.find_live(uuid)?;
        let (leg, parent) = if call.leg.kind == Kind::User {
            (call, call.parent.clone())
        } else {
            let ringing = |leg: &&Call| leg.live() && by.is_none_or(|ext| leg.leg.ext == Some(ext));
            let leg = self.legs(uuid).find(ringing).ok_or("no such telephone rings in this call")?;
            (leg, Some(uuid.to_owned()))
        };
        let picks_up = leg.leg2.unwrap_or(leg.leg);
        if leg.last != Event::Dial {
            return Err("the call is already answered".to_owned());
        }
        if by.is_some_and(|ext| picks_up.ext != Some(ext)) && leg.direction != Direction::Outbound {
            return Err("this telephone does not ring in this call".to_owned());
        }
        let leg = leg.uuid.clone();
        let at = self.clock.tick();
        for uuid in [Some(&leg), parent.as_ref()].into_iter().flatten() {
            if let Some(call) = self.call_mut(uuid) {
                call.bridge_at = Some(at);
            }
            self.emit(uuid, Event::Bridge);
        }
        if let Some(parent) = parent {
            for other in self.live_legs(&parent).into_iter().filter(|other| *other != leg) {
                self.emit(&other, Event::Hangup);
            }
        }
        Ok(())
    }

    /// Somebody hangs up. A member who declines leaves a group's call ringing for the others.
    pub fn hang_up(&mut self, uuid: &str) -> Result<(), String> {
        let call = self.find_live(uuid)?;
        let (parent, answered) = (call.parent.clone(), call.bridge_at.is_some());
        for leg in self.live_legs(uuid) {
            self.emit(&leg, Event::Hangup);
        }
        match parent {
            None => self.end(uuid),
            Some(parent) => {
                self.emit(uuid, Event::Hangup);
                if answered || self.live_legs(&parent).is_empty() {
                    self.end(&parent);
                }
            }
        }
        Ok(())
    }

    /// The client's conversation with the company is over.
    fn end(&mut self, uuid: &str) {
        self.emit(uuid, Event::Hangup);
        let Some(call) = self.call(uuid) else { return };
        let answered = self.legs(uuid).find(|leg| leg.bridge_at.is_some());
        // An internal call is the caller's browser's to tell.
        let tellers = answered.unwrap_or(call).leg.members();
        let known = tellers.iter().any(|user| user.ext.is_some_and(|ext| self.known.contains(ext)));
        if let Some(call) = self.call_mut(uuid) {
            call.known = known;
        }
    }

    fn live_legs(&self, uuid: &str) -> Vec<String> {
        self.legs(uuid).filter(|leg| leg.live()).map(|leg| leg.uuid.clone()).collect()
    }

    /// A user goes away (32) or comes back (64): a short call to a feature code of the exchange.
    pub fn presence(&mut self, ext: &str, away: bool) -> Result<(), String> {
        let user = user_by_ext(ext).ok_or_else(|| format!("nobody has the extension `{ext}`"))?;
        if away {
            self.away.extend(user.ext);
        } else {
            self.away.retain(|other| *other != ext);
        }
        let dial_at = self.clock.tick();
        let uuid = format!("23-{}.{}", dial_at / 1000, if away { 32 } else { 64 });
        for event in [Event::Dial, Event::Hangup] {
            let frame = json!({
                "event": event.word(), "uuid": uuid, "parentUuid": null, "lgDirection": if away { 32 } else { 64 },
                "leg": party(user), "leg2": null, "otherLegs": [], "dialAt": dial_at, "bridgeAt": null,
                "serverTime": self.clock.tick(), "trunkNum": null, "trunkName": null,
            });
            self.tell_user(user, &frame);
        }
        Ok(())
    }

    /// Forgets calls and sessions; open sockets stay open.
    pub fn reset(&mut self) {
        let sockets = std::mem::take(&mut self.sockets);
        let known = sockets.iter().filter(|socket| !socket.deaf).filter_map(|socket| socket.user.ext).collect();
        let clock = std::mem::take(&mut self.clock);
        *self = Self { clock, sockets, known, next_socket: self.next_socket, ..Self::default() };
    }

    pub fn to_json(&self) -> Value {
        let sockets: Vec<Value> = self
            .sockets
            .iter()
            .map(|socket| {
                let Socket { subscriber, user, since, deaf, .. } = socket;
                json!({ "subscriber": subscriber, "ext": user.ext, "since": since, "halfOpen": deaf })
            })
            .collect();
        let (live, ended): (Vec<&Call>, Vec<&Call>) = self.calls.iter().partition(|call| call.live());
        json!({
            "sockets": sockets,
            "calls": live.into_iter().map(Call::to_json).collect::<Vec<_>>(),
            "history": ended.into_iter().map(Call::to_json).collect::<Vec<_>>(),
            "away": self.away, "silence": self.silenced, "keyValid": !self.key_revoked,
            "recordings": {
                "delay": self.recordings.delay / 1000, "bytes": self.recordings.bytes, "missing": self.recordings.missing,
            },
        })
    }
}

#[derive(Clone)]
struct NewCall {
    parent: Option<String>,
    direction: Direction,
    leg: &'static Entity,
    leg2: Option<&'static Entity>,
    number: Option<String>,
    clients: Vec<Client>,
    quirks: Vec<Quirk>,
}
