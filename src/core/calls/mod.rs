//! The model: calls and their legs, and what the CRM is told of them.
//!
//! An event only asserts what is true of a leg: that it rang, was answered, ended. [`Calls::apply`] compares that with
//! what is known and tells the difference, so that repeated, late and missing events all come out right.

mod call;
mod leg;

use std::collections::VecDeque;

use serde::Serialize;

pub use self::call::Call;
use self::leg::Leg;
use crate::{
    Millis,
    exchange::{CallEvent, EventKind, ExchangeName},
    json::Fields,
    kontur::telephony::Callback,
    settings::Settings,
};

/// How many ended calls are remembered at least: for the popup's list, and to know late and repeated events by.
const ENDED_KEPT: usize = 50;
/// The clocks of the exchange's events and of its history may differ by less than this.
const SLACK: Millis = Millis::mins(1);

/// Every call this browser knows.
#[derive(Debug, Default, Serialize)]
pub struct Calls {
    live: Vec<Call>,
    /// Newest first.
    ended: VecDeque<Call>,
    /// Legs of ended calls that are forgotten but for this: the history may still tell of them.
    past: Vec<Past>,
}

/// A leg that is over and told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Past {
    uuid: String,
    /// When its call ended.
    ended_at: Millis,
}

/// Where an event was heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The exchange tells it now.
    Live,
    /// The history tells it afterwards.
    History,
}

/// What the CRM is to be told of one call.
#[derive(Debug)]
pub struct Told {
    /// The call's `externalId`.
    pub call: String,
    /// In this order.
    pub callbacks: Vec<Callback>,
}

impl Calls {
    /// Reads them as a state document of this version has them; a call that cannot be read is left out.
    pub fn read(fields: Fields<'_>, version: u32) -> Self {
        let calls = |key| fields.objects(key).filter_map(|call| Call::read(call, version));
        let past = |past: Fields<'_>| Some(Past { uuid: past.text("uuid")?, ended_at: past.millis("endedAt")? });
        Self {
            live: calls("live").collect(),
            ended: calls("ended").collect(),
            past: fields.objects("past").filter_map(past).collect(),
        }
    }

    /// Takes events of the exchange and returns what the CRM is to be told, call by call. The events of one call are taken together
    /// before it is said to be over.
    pub fn apply(&mut self, events: &[&CallEvent], source: Source, settings: &Settings, now: Millis) -> Vec<Told> {
        let mut calls: Vec<(String, Vec<&CallEvent>)> = Vec::new();
        for event in events {
            let id = self.id_of(event);
            let is_over = self.ended.iter().any(|call| call.id == id && call.has_leg(&event.uuid));
            if !is_over && !self.is_past(&event.uuid) {
                match calls.iter_mut().find(|(call, _)| *call == id) {
                    Some((_, events)) => events.push(event),
                    None => calls.push((id, vec![event])),
                }
            }
        }
        calls.into_iter().map(|(id, events)| self.apply_to(id, &events, source, settings, now)).collect()
    }

    fn apply_to(
        &mut self,
        id: String,
        events: &[&CallEvent],
        source: Source,
        settings: &Settings,
        now: Millis,
    ) -> Told {
        let mut callbacks = Vec::new();
        let mut known = self.take(&id);
        for event in events {
            let mut call = match known.take() {
                Some(mut call) => {
                    call.learn(event, settings);
                    call
                }
                None => Call::open(id.clone(), event, settings, now),
            };
            call.begin(source, &mut callbacks);
            call.step(event, settings, now, &mut callbacks);
            known = Some(call);
        }
        if let Some(mut call) = known {
            if call.settle(source, now, &mut callbacks) {
                self.put_ended(call);
            } else {
                self.put_live(call);
            }
        }
        Told { call: id, callbacks }
    }

    fn put_live(&mut self, call: Call) {
        let place = self.live.partition_point(|other| (other.started_at, &other.id) <= (call.started_at, &call.id));
        self.live.insert(place, call);
    }

    fn put_ended(&mut self, call: Call) {
        let place = self.ended.iter().position(|other| other.ended_at <= call.ended_at).unwrap_or(self.ended.len());
        self.ended.insert(place, call);
    }

    /// Forgets ended calls, but for the newest and those that somebody needs; of those that the history may still tell of, it keeps
    /// the legs' names.
    pub fn forget(&mut self, certain: Option<Millis>, is_needed: impl Fn(&str) -> bool) {
        let is_recent = |at: Millis| certain.is_none_or(|certain| at + SLACK > certain);
        self.past.retain(|past| is_recent(past.ended_at));
        if self.ended.len() <= ENDED_KEPT {
            return;
        }
        let (mut place, past) = (0, &mut self.past);
        self.ended.retain(|call| {
            place += 1;
            let is_kept = place <= ENDED_KEPT || is_needed(&call.id);
            // Only Phonet has a history.
            let may_be_told = !is_kept && call.exchange == ExchangeName::Phonet;
            if let Some(ended_at) = call.ended_at.filter(|at| may_be_told && is_recent(*at)) {
                past.extend(call.all_legs().map(|leg| Past { uuid: leg.uuid.clone(), ended_at }));
            }
            is_kept
        });
    }

    fn is_past(&self, uuid: &str) -> bool {
        self.past.iter().any(|past| past.uuid == uuid)
    }

    /// A leg that went on when it was heard of last, and that nobody knows any more, is given up: the call goes on without it, or
    /// is forgotten. Its end is nowhere told, so none is invented.
    pub fn give_up(&mut self, uuid: &str, now: Millis) -> Option<Told> {
        let place = self.live.iter().position(|call| call.has_leg(uuid))?;
        let mut call = self.live.remove(place);
        let mut told = Told { call: call.id.clone(), callbacks: Vec::new() };
        if !call.drop_leg(uuid) {
            return Some(told);
        }
        if call.settle(Source::History, now, &mut told.callbacks) {
            self.put_ended(call);
        } else {
            self.put_live(call);
        }
        Some(told)
    }

    /// Live calls, oldest first.
    pub fn live(&self) -> impl Iterator<Item = &Call> {
        self.live.iter()
    }

    /// Ended calls, newest first.
    pub fn ended(&self) -> impl Iterator<Item = &Call> {
        self.ended.iter()
    }

    /// Ended calls, newest first.
    pub fn ended_mut(&mut self) -> impl Iterator<Item = &mut Call> {
        self.ended.iter_mut()
    }

    /// The call with this `externalId`.
    pub fn get(&self, id: &str) -> Option<&Call> {
        self.live.iter().chain(&self.ended).find(|call| call.id == id)
    }

    /// As [`Calls::get`], to note what the CRM answered.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Call> {
        self.live.iter_mut().chain(&mut self.ended).find(|call| call.id == id)
    }

    /// The live legs of an exchange that have been silent since `moment`, by this computer's clock.
    pub fn silent_since(&self, exchange: ExchangeName, moment: Millis, now: Millis) -> Vec<String> {
        let calls = self.live.iter().filter(|call| call.exchange == exchange);
        let legs = calls.flat_map(Call::all_legs).filter(|leg| leg.end_at.is_none());
        let silent = legs.filter(|leg| leg.heard_at <= moment || leg.heard_at > now);
        silent.map(|leg| leg.uuid.clone()).collect()
    }

    fn live_legs(&self) -> impl Iterator<Item = &Leg> {
        self.live.iter().flat_map(Call::all_legs).filter(|leg| leg.end_at.is_none())
    }

    /// Whether an active call was answered, though nobody has told so here.
    pub fn is_behind(&self, active: &CallEvent) -> bool {
        let was_answered = active.kind == EventKind::Bridge || active.bridge_at.is_some();
        was_answered && self.live_legs().any(|leg| leg.uuid == active.uuid && leg.bridge_at.is_none())
    }

    /// Whether a leg is known.
    pub fn knows(&self, uuid: &str) -> bool {
        self.live.iter().chain(&self.ended).any(|call| call.knows(uuid)) || self.is_past(uuid)
    }

    /// Whether a leg is known, and not only its call.
    pub fn knows_leg(&self, uuid: &str) -> bool {
        self.live.iter().chain(&self.ended).any(|call| call.has_leg(uuid)) || self.is_past(uuid)
    }

    /// Whether this leg, or the call's stay with a group or scenario, is known to go on.
    pub fn is_live(&self, uuid: &str) -> bool {
        self.live_legs().any(|leg| leg.uuid == uuid)
    }

    /// The live call that this leg, which goes on, is one of.
    pub fn call_of(&self, leg: &str) -> Option<&Call> {
        self.live.iter().find(|call| call.is_talked_on(leg))
    }

    /// Since when a live leg has been silent, by this computer's clock.
    pub fn heard_at(&self, uuid: &str) -> Option<Millis> {
        self.live_legs().find(|leg| leg.uuid == uuid).map(|leg| leg.heard_at)
    }

    /// When the oldest live leg of these began: from there the history is to be read.
    pub fn earliest(&self, uuids: &[String]) -> Option<Millis> {
        self.live_legs().filter(|leg| uuids.contains(&leg.uuid)).map(|leg| leg.dial_at).min()
    }

    /// `externalId`: the call that knows the leg or its parent; else `parentUuid ?? uuid`.
    pub fn id_of(&self, event: &CallEvent) -> String {
        let known = |uuid: &str| self.live.iter().chain(&self.ended).find(|call| call.knows(uuid));
        let parent = event.parent_uuid.as_deref();
        let call = known(&event.uuid).or_else(|| parent.and_then(known));
        call.map_or_else(|| parent.unwrap_or(&event.uuid).to_owned(), |call| call.id.clone())
    }

    /// Takes a call out: a live one, or an ended one that a further leg brings back.
    fn take(&mut self, id: &str) -> Option<Call> {
        if let Some(place) = self.live.iter().position(|call| call.id == id) {
            return Some(self.live.remove(place));
        }
        let place = self.ended.iter().position(|call| call.id == id)?;
        let mut call = self.ended.remove(place)?;
        call.reopen();
        Some(call)
    }
}
