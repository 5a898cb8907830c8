//! The relay's commands: each is carried out once at most, and answered by what became of it. A CALL is a dial, and known by that; a
//! HANGUP is remembered here.

use std::collections::VecDeque;

use serde::Serialize;

use crate::{
    Millis,
    json::Fields,
    problem::{Code, Problem},
    relay::Outcome,
};

/// How many hang-ups are remembered, so that a late repeat is known.
const KEPT: usize = 100;
/// No answer is awaited longer.
const LONGEST: Millis = Millis::mins(1);

/// The commands.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Commands {
    /// Oldest first.
    hang_ups: VecDeque<HangUp>,
    #[serde(skip)]
    awaited: Vec<Awaited>,
}

/// A hang-up. Stored before the exchange hears of it.
#[derive(Debug, Serialize)]
pub struct HangUp {
    /// The command's id.
    id: String,
    /// The leg.
    pub leg: String,
    /// What became of it, once that is known.
    #[serde(flatten)]
    outcome: Option<Outcome>,
    /// When it is not to be carried out any more, by this computer's clock.
    #[serde(skip)]
    pub until: Millis,
}

/// The relay waits for an answer.
#[derive(Debug)]
pub struct Awaited {
    /// The command's id.
    pub id: String,
    /// The socket that it came by.
    pub epoch: u32,
    /// What it was.
    pub what: What,
    /// When the relay waits no longer, by this computer's clock.
    until: Millis,
    /// Whether it was over when it came.
    pub stale: bool,
    /// The batch that stores what became of it: once answered, nothing else may come of a repeat in another life.
    stored_with: Option<u32>,
}

/// What a command asks for.
#[derive(Debug)]
pub enum What {
    /// The dial of this key.
    Call(String),
    /// The hang-up that bears the command's id.
    HangUp,
}

impl Commands {
    /// Reads them as they are stored. What was under way when the worker died may have been carried out.
    pub fn read<'a>(hang_ups: impl Iterator<Item = Fields<'a>>) -> Self {
        let hang_up = |fields: Fields<'_>| {
            let unknown = || Outcome::Unknown { problem: Problem::new(Code::HangUpUnknown) };
            let outcome = Outcome::read(fields).unwrap_or_else(unknown);
            Some(HangUp { id: fields.text("id")?, leg: fields.text("leg")?, outcome: Some(outcome), until: Millis(0) })
        };
        Self { hang_ups: hang_ups.filter_map(hang_up).collect(), awaited: Vec::new() }
    }

    /// The hang-up of this command.
    pub fn hang_up(&self, id: &str) -> Option<&HangUp> {
        self.hang_ups.iter().find(|hang_up| hang_up.id == id)
    }

    /// A new hang-up, to be stored, and then carried out until this moment; its outcome where it is not to be carried out.
    pub fn add(&mut self, id: &str, leg: String, until: Millis, outcome: Option<Outcome>) {
        self.hang_ups.push_back(HangUp { id: id.to_owned(), leg, outcome, until });
        while self.hang_ups.len() > KEPT {
            self.hang_ups.pop_front();
        }
    }

    /// What became of a hang-up; it is settled once.
    pub fn settle(&mut self, id: &str, outcome: Outcome) {
        if let Some(hang_up) = self.hang_ups.iter_mut().find(|hang_up| hang_up.id == id) {
            hang_up.outcome.get_or_insert(outcome);
        }
    }

    /// The relay waits until this moment for the answer to a command that came by the socket of this epoch.
    pub fn answer(&mut self, id: String, epoch: u32, what: What, until: Millis, stale: bool) {
        // A relay that asks for more than anybody could answer has forgotten the first.
        if self.awaited.len() >= KEPT {
            self.awaited.remove(0);
        }
        self.awaited.push(Awaited { id, epoch, what, until, stale, stored_with: None });
    }

    /// Whether the relay waits for any answer.
    pub fn is_idle(&self) -> bool {
        self.awaited.is_empty()
    }

    /// The answers that can be given: what is known and stored, or that nobody knows in time. `dial` tells what became of a dial; what
    /// is known now is stored with the batch `last` at the latest, and all up to the batch `stored` is.
    pub fn answers(
        &mut self,
        dial: impl Fn(&str) -> Option<Outcome>,
        last: u32,
        stored: u32,
        now: Millis,
    ) -> Vec<(Awaited, Outcome)> {
        let mut answers = Vec::new();
        for mut awaited in std::mem::take(&mut self.awaited) {
            let (known, code) = match &awaited.what {
                What::Call(key) => (dial(key), Code::DialUnknown),
                What::HangUp => (self.hang_up(&awaited.id).and_then(|it| it.outcome.clone()), Code::HangUpUnknown),
            };
            match known {
                Some(outcome) if *awaited.stored_with.get_or_insert(last) <= stored => answers.push((awaited, outcome)),
                None if awaited.until.has_come(now, LONGEST) => {
                    answers.push((awaited, Outcome::Unknown { problem: Problem::new(code) }));
                }
                _ => self.awaited.push(awaited),
            }
        }
        answers
    }

    /// When the relay waits no longer for something.
    pub fn next_wake(&self) -> Option<Millis> {
        self.awaited.iter().filter(|awaited| awaited.stored_with.is_none()).map(|awaited| awaited.until).min()
    }
}
