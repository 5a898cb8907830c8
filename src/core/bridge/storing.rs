//! What is stored, and what waits for it: rows and dials go out only after the database has them.

use serde::Serialize;

use super::Bridge;
use crate::{
    Millis,
    core::{
        calls::Calls,
        cards::Cards,
        commands::Commands,
        dials::Dials,
        io::{DocumentName, Output, Write},
        recordings::Recordings,
        recovery::Recovery,
    },
    private::Private,
};

/// The version of the state document. 2 knows the history and the recordings, which begin anew where they are absent, and tells
/// calls in three ways; a later one is read as far as it is known.
pub(super) const VERSION: u32 = 2;
/// How soon a failed database is tried again.
const RESAVE: Millis = Millis::secs(30);

/// The writes on their way to the database.
#[derive(Debug, Default)]
pub(super) struct Storage {
    /// The number of the last batch.
    pub(super) batch: u32,
    /// The number of the last batch that was reported on.
    pub(super) stored: u32,
    pub(super) writes: Vec<Write>,
    pub(super) dirty: bool,
    /// Whether a batch was lost, and none since has held everything.
    pub(super) failed: bool,
    /// Whether it could not be opened: what it holds is not known here, and only another life of the worker may try again.
    pub(super) unopened: bool,
    /// The batch under way that holds everything.
    pub(super) resaving: Option<u32>,
    pub(super) resave_at: Option<Millis>,
    /// What waits for the next batch before an exchange hears of it.
    pub(super) unsaved: Vec<Unsaved>,
    /// What goes with each batch under way.
    pub(super) saving: Vec<(u32, Unsaved)>,
}

/// What must be stored before an exchange hears of it.
#[derive(Debug)]
pub(super) enum Unsaved {
    /// The dial of this key.
    Dial(String),
    /// The hang-up of this command.
    HangUp(String),
}

/// The state document.
#[derive(Serialize)]
struct State<'a> {
    version: u32,
    calls: &'a Calls,
    cards: &'a Cards,
    dials: &'a Dials,
    commands: &'a Commands,
    recordings: &'a Recordings,
    recovery: &'a Recovery,
    away: Option<bool>,
    missed: &'a [String],
    /// Whether the ended calls have their entries in the list.
    listed: bool,
}

impl Bridge {
    pub(super) fn store_row(&mut self, id: u32) {
        if let Some(json) = self.crm.outbox.get(id).and_then(|row| serde_json::to_string(row).ok()) {
            self.storage.writes.push(Write::PutRow { id, json: Private::new(json) });
        }
    }

    pub(super) fn delete_rows(&mut self, ids: Vec<u32>) {
        self.storage.writes.extend(ids.into_iter().map(|id| Write::DeleteRow { id }));
    }

    /// Stores what has changed, in one batch. After a failure everything is stored anew.
    pub(super) fn persist(&mut self, now: Millis) {
        let resave = self.storage.resave_at.is_some_and(|at| at.has_come(now, RESAVE));
        if !self.storage.dirty && self.storage.writes.is_empty() && !resave && !self.log.is_due(now) {
            return;
        }
        if self.storage.failed {
            self.storage.resave_at = None;
            self.storage.resaving = Some(self.storage.batch + 1);
            self.storage.writes.clear();
            self.storage.writes.push(Write::ClearRows);
            let rows: Vec<_> = self.crm.outbox.rows().iter().map(|row| row.id).collect();
            rows.into_iter().for_each(|id| self.store_row(id));
            self.store_settings();
            self.store_handed();
        }
        if self.storage.dirty || self.storage.failed {
            self.write_state(now);
        }
        self.storage.writes.extend(self.log.take_writes());
        self.storage.batch += 1;
        self.storage.dirty = false;
        let batch = self.storage.batch;
        self.crm.outbox.batched(batch);
        self.storage.saving.extend(self.storage.unsaved.drain(..).map(|unsaved| (batch, unsaved)));
        self.out.push_back(Output::Persist { batch, writes: std::mem::take(&mut self.storage.writes) });
    }

    fn write_state(&mut self, now: Millis) {
        let undelivered = self.crm.outbox.by_call();
        let recordings = &self.recordings;
        let is_needed = |call: &str| undelivered.contains_key(call) || recordings.of_call(call).is_some();
        self.calls.forget(self.recovery.reaches_back_to(now), is_needed);
        self.forget_cards(now);
        let state = State {
            version: VERSION,
            calls: &self.calls,
            cards: &self.cards,
            dials: &self.dials,
            commands: &self.commands,
            recordings: &self.recordings,
            recovery: &self.recovery,
            away: self.away,
            missed: &self.missed,
            listed: true,
        };
        if let Ok(json) = serde_json::to_string(&state) {
            self.storage.writes.push(Write::Document { name: DocumentName::State, json: Private::new(json) });
        }
        self.write_calls(now);
    }

    /// What waited for this batch may go out now. Where the database fails, the user is told and memory carries on.
    pub(super) fn persisted(&mut self, batch: u32, stored: bool, now: Millis) {
        self.storage.stored = batch;
        if !stored {
            if !self.storage.failed {
                self.log.add(now, "storage", "failed");
            }
            self.storage.failed = true;
            self.list_is_known(false);
            self.storage.resaving = None;
            self.storage.resave_at = (!self.storage.unopened).then(|| now + RESAVE);
        } else if self.storage.resaving == Some(batch) {
            self.storage.failed = false;
            self.storage.resaving = None;
        }
        self.crm.outbox.stored(batch);
        let saved: Vec<_> = self.storage.saving.extract_if(.., |(with, _)| *with <= batch).collect();
        for (_, saved) in saved {
            match saved {
                Unsaved::Dial(key) => self.send_dial(&key, now),
                Unsaved::HangUp(id) => self.carry_out_hang_up(id, now),
            }
        }
    }
}
