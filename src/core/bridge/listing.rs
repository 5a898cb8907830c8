//! The list of calls: what the database keeps of each that ended, and which missed ones nobody has looked at yet.

use super::Bridge;
use crate::{
    Millis,
    core::{
        calls::Call,
        io::{Toolbar, ToolbarState, Write},
    },
    private::Private,
    protocol::LinkState,
};

/// How many calls the list holds.
const LISTED: u32 = 5_000;
/// How many missed calls are counted.
const MOST_MISSED: usize = 999;

impl Bridge {
    /// The list is as the calls say, for each batch held both; or nobody knows how it is.
    pub(super) fn list_is_known(&mut self, known: bool) {
        for call in self.calls.ended_mut() {
            call.listed = known.then(|| call.to_list());
        }
    }

    /// Writes the entries of the ended calls of which something has changed.
    pub(super) fn write_calls(&mut self, now: Millis) {
        let seen = self.seen(now);
        let has_changed = |call: &&Call| call.listed.as_ref() != Some(&call.to_list());
        let entry = |call: &Call| {
            let json = serde_json::to_string(&seen.listed(call)).unwrap_or_default();
            Write::PutCall { key: format!("{:015}.{}", call.started_at.0, call.id), json: Private::new(json) }
        };
        let writes: Vec<_> = self.calls.ended().filter(has_changed).map(entry).collect();
        if !writes.is_empty() {
            self.storage.writes.extend(writes);
            self.storage.writes.push(Write::TrimCalls { keep: LISTED });
            self.list_is_known(true);
        }
    }

    /// The calls among these that are missed.
    pub(super) fn missed_among(&self, calls: impl Iterator<Item = String>) -> Vec<String> {
        calls.filter(|call| self.calls.get(call).is_some_and(Call::is_missed)).collect()
    }

    /// These calls are over, or go on again: of those that were not `missed_before`, the missed ones are news.
    pub(super) fn count_missed<'a>(&mut self, calls: impl Iterator<Item = &'a String>, missed_before: &[String]) {
        for call in calls {
            let is_missed = self.calls.get(call).is_some_and(Call::is_missed);
            self.missed.retain(|missed| missed != call || is_missed);
            if is_missed && !missed_before.contains(call) && !self.missed.contains(call) {
                self.missed.push(call.clone());
            }
        }
        let surplus = self.missed.len().saturating_sub(MOST_MISSED);
        self.missed.drain(..surplus);
    }

    /// The user looks at the list.
    pub(super) fn see_missed(&mut self) {
        self.storage.dirty |= !self.missed.is_empty();
        self.missed.clear();
    }

    /// What the browser's toolbar shows.
    pub(super) fn toolbar(&self, now: Millis) -> Toolbar {
        let can_dial = || self.seen(now).exchanges.iter().any(|exchange| exchange.problem.is_none());
        let state = match self.link.view().state {
            _ if self.calls.live().next().is_some() => ToolbarState::Call,
            LinkState::Live => ToolbarState::Live,
            LinkState::Connecting | LinkState::Reconnecting | LinkState::Offline => ToolbarState::Waiting,
            // Without Phonet there may be another exchange.
            LinkState::Off if can_dial() => ToolbarState::Live,
            LinkState::Off | LinkState::Refused | LinkState::PermissionMissing => ToolbarState::Off,
        };
        Toolbar { state, missed: u32::try_from(self.missed.len()).unwrap_or(u32::MAX) }
    }
}
