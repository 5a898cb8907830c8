//! What the exchange's history has, as calls that may be missing in the CRM: each as the browser of the agent who talked would
//! register it, built by the same code, so that the same call has the same body whoever registers it.

use std::collections::BTreeSet;

use trubka::{
    Millis,
    core::calls::{Calls, Source},
    exchange::CallEvent,
    kontur::telephony::{Callback, RegisterCall},
    phonet::rest::HistoryRecord,
    private::Private,
    settings::Settings,
};

/// A call of the history that is over.
#[derive(Clone, Debug)]
pub struct Found {
    /// What the CRM is told of it.
    pub body: RegisterCall,
    /// When it ended, by the exchange's clock.
    pub ended_at: Millis,
    /// Where the recordings of its legs are said to be.
    pub audio: Vec<(String, Private<String>)>,
    /// The internal numbers of those who talked, where a group or a scenario distributed the call: browsers of other members hear it
    /// begin, and only theirs can tell how it ended. Empty for any other call.
    pub taken_by: BTreeSet<String>,
}

impl Found {
    /// `externalId`.
    pub fn id(&self) -> &str {
        &self.body.external_id
    }

    /// Where the recording of a leg is said to be.
    pub fn audio_of(&self, leg: &str) -> Option<&Private<String>> {
        self.audio.iter().find(|(of, _)| of == leg).map(|(_, url)| url)
    }
}

/// The calls of these records, the first ended first. The lists of the history overlap; of each list the newest record stands first.
/// `settings` name no subscriber: every call of the company is to be told.
pub fn calls(records: &[HistoryRecord], settings: &Settings) -> Vec<Found> {
    let (mut seen, mut ids) = (BTreeSet::new(), Vec::new());
    let mut legs: Vec<&HistoryRecord> = records.iter().filter(|record| seen.insert(&record.hangup.uuid)).collect();
    // As a browser takes them: the oldest first.
    legs.reverse();
    let mut known = BTreeSet::new();
    for leg in &legs {
        let id = id_of(&leg.hangup);
        if known.insert(id) {
            ids.push(id);
        }
    }
    let mut calls: Vec<Found> = Vec::new();
    for id in ids {
        let legs: Vec<_> = legs.iter().copied().filter(|leg| id_of(&leg.hangup) == id).collect();
        calls.extend(call(&legs, settings));
    }
    calls.sort_by_key(|call| call.ended_at);
    calls
}

/// `externalId`, as a browser names it that hears of its own leg alone.
pub fn id_of(event: &CallEvent) -> &str {
    event.parent_uuid.as_deref().unwrap_or(&event.uuid)
}

fn call(legs: &[&HistoryRecord], settings: &Settings) -> Option<Found> {
    let ended_at = legs.iter().filter_map(|leg| leg.hangup.server_time).max()?;
    let talks = legs.iter().filter(|leg| !leg.hangup.is_of_entity() && leg.hangup.bridge_at.is_some());
    let talked: BTreeSet<&str> = talks.clone().filter_map(|leg| agent(&leg.hangup)).collect();
    let is_distributed = talks.clone().any(|leg| leg.hangup.parent_uuid.is_some());
    let has_talk = talks.count() > 0;
    let has_entity = legs.iter().any(|leg| leg.hangup.is_of_entity());
    let is_wanted = |leg: &&&HistoryRecord| {
        let event = &leg.hangup;
        if has_talk {
            // The browser of who talked knows its own legs, answered or not, and nobody else's.
            !event.is_of_entity() && (event.bridge_at.is_some() || agent(event).is_some_and(|ext| talked.contains(ext)))
        } else {
            // What nobody answered is told by the end of the group, else by the user's own leg.
            event.is_of_entity() == has_entity
        }
    };
    let wanted: Vec<&CallEvent> = legs.iter().filter(is_wanted).map(|leg| &leg.hangup).collect();
    let told = Calls::default().apply(&wanted, Source::History, settings, ended_at);
    let body = told.into_iter().flat_map(|told| told.callbacks).find_map(|callback| match callback {
        Callback::RegisterCall(body) => Some(body),
        _ => None,
    })?;
    let audio = legs.iter().filter_map(|leg| Some((leg.hangup.uuid.clone(), leg.audio.clone()?))).collect();
    let taken_by = if is_distributed { talked.into_iter().map(str::to_owned).collect() } else { BTreeSet::new() };
    Some(Found { body, ended_at, audio, taken_by })
}

/// Whose browser tells of a leg: the caller's on an internal call.
fn agent(event: &CallEvent) -> Option<&str> {
    event.leg.as_ref()?.ext.as_deref()
}
