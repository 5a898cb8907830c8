//! Dial intents: one click, one dial, whatever else happens.

use std::collections::VecDeque;

use serde::Serialize;

use crate::{
    Millis,
    exchange::ExchangeName,
    json::Fields,
    private::Private,
    problem::{Code, Problem},
    relay::Outcome,
};

/// How long an accepted dial may stay without its call before nobody can say what became of it.
const PATIENCE: Millis = Millis::secs(60);
/// How long a dial that is over is shown.
const SHOWN: Millis = Millis::mins(10);
/// How many dials are remembered, so that a late repeat of a click is known.
const KEPT: usize = 100;

/// The dials, oldest first.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Dials {
    dials: VecDeque<Dial>,
}

/// One dial.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dial {
    /// The click's idempotency key.
    pub key: String,
    /// The number in E.164, or a colleague's internal number.
    pub number: Private<String>,
    /// Whether it is a colleague's.
    #[serde(skip_serializing_if = "is_false")]
    pub internal: bool,
    /// The exchange that dials.
    pub exchange: ExchangeName,
    /// When it was asked for.
    pub asked_at: Millis,
    /// Until when it may be sent: then nobody waits for it any more.
    #[serde(skip)]
    pub send_by: Millis,
    /// The CRM's communication, where the CRM asked for the dial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub communication: Option<String>,
    /// How far it is.
    #[serde(flatten)]
    pub state: DialState,
}

/// How far a dial is. Stored before the exchange hears of it, and after a restart never sent again.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum DialState {
    /// Being stored, then to be sent.
    Saving,
    /// Sent, or about to be when the worker died.
    Sent,
    /// The exchange said `success`; its call is to come.
    Accepted,
    /// The exchange took it, and cannot tell how it goes on.
    Placed,
    /// Its call is here.
    Bound {
        /// The call's `externalId`.
        call: String,
    },
    /// It did not come about.
    Failed {
        /// Why.
        problem: Problem,
    },
    /// Nobody can say what became of it.
    Unknown {
        /// Why not.
        problem: Problem,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl Dial {
    fn read(fields: Fields<'_>) -> Option<Self> {
        let state = match fields.text("state")?.as_str() {
            "saving" | "sent" => DialState::Sent,
            "accepted" => DialState::Accepted,
            "bound" => DialState::Bound { call: fields.text("call")? },
            "placed" => DialState::Placed,
            "failed" => DialState::Failed { problem: Problem::read(fields.object("problem")?)? },
            _ => {
                DialState::Unknown { problem: fields.object("problem").and_then(Problem::read).unwrap_or_else(unknown) }
            }
        };
        let exchange = fields.text("exchange").as_deref().and_then(ExchangeName::read);
        let exchange = exchange.unwrap_or(ExchangeName::Phonet);
        let (key, number) = (fields.text("key")?, fields.private("number")?);
        let (communication, internal) = (fields.text("communication"), fields.flag("internal").unwrap_or_default());
        let asked_at = fields.millis("askedAt")?;
        // It is never sent again.
        Some(Self { key, number, internal, exchange, asked_at, send_by: asked_at, communication, state })
    }

    /// Whether its fate is open and no call is bound to it.
    pub fn is_pending(&self) -> bool {
        matches!(self.state, DialState::Saving | DialState::Sent | DialState::Accepted)
    }

    /// What became of it, once the exchange has said so or nobody will.
    pub fn outcome(&self) -> Option<Outcome> {
        match &self.state {
            DialState::Saving | DialState::Sent => None,
            DialState::Accepted | DialState::Placed | DialState::Bound { .. } => Some(Outcome::Accepted),
            DialState::Failed { problem } => Some(Outcome::Refused { problem: problem.clone() }),
            DialState::Unknown { problem } => Some(Outcome::Unknown { problem: problem.clone() }),
        }
    }

    /// Whether its call may yet be found at an exchange that lists calls.
    pub fn is_looked_for(&self, now: Millis) -> bool {
        let is_recent = !(self.asked_at + PATIENCE).has_come(now, PATIENCE);
        self.exchange != ExchangeName::Phonet
            && (self.state == DialState::Sent || (is_recent && matches!(self.state, DialState::Unknown { .. })))
    }

    /// Whether it is recent enough to be shown after its end.
    pub fn is_recent(&self, now: Millis) -> bool {
        !(self.asked_at + SHOWN).has_come(now, SHOWN)
    }

    /// Whether it is one of Phonet's, which names no dial in what it says.
    fn is_phonets(&self) -> bool {
        self.exchange == ExchangeName::Phonet
    }
}

impl Dials {
    /// Reads them as they are stored. What was being stored when the worker died may have been sent.
    pub fn read<'a>(dials: impl Iterator<Item = Fields<'a>>) -> Self {
        Self { dials: dials.filter_map(Dial::read).collect() }
    }

    /// The dial of this click.
    pub fn get(&self, key: &str) -> Option<&Dial> {
        self.dials.iter().find(|dial| dial.key == key)
    }

    /// A dial that Phonet must answer first: its `success` names none, so only one may be in flight.
    pub fn in_flight(&self) -> Option<&Dial> {
        let is_in_flight = |dial: &&Dial| matches!(dial.state, DialState::Saving | DialState::Sent);
        self.dials.iter().find(|dial| dial.is_phonets() && is_in_flight(dial))
    }

    /// The dial whose call this is.
    pub fn of_call(&self, id: &str) -> Option<&Dial> {
        self.dials.iter().find(|dial| matches!(&dial.state, DialState::Bound { call } if call == id))
    }

    /// A new dial, to be stored.
    pub fn add(&mut self, dial: Dial) {
        self.dials.push_back(dial);
        while self.dials.len() > KEPT {
            self.dials.pop_front();
        }
    }

    /// Sets the state of one dial.
    pub fn set(&mut self, key: &str, state: DialState) {
        if let Some(dial) = self.dials.iter_mut().find(|dial| dial.key == key) {
            dial.state = state;
        }
    }

    /// Phonet said `success`; false when nobody had asked.
    pub fn accepted(&mut self) -> bool {
        self.sent().map(|dial| dial.state = DialState::Accepted).is_some()
    }

    /// Phonet said `error`: the dial that it refuses, if anybody had asked.
    pub fn refused(&mut self, problem: Problem) -> Option<&Dial> {
        let dial = self.sent()?;
        dial.state = DialState::Failed { problem };
        Some(dial)
    }

    fn sent(&mut self) -> Option<&mut Dial> {
        self.dials.iter_mut().find(|dial| dial.is_phonets() && dial.state == DialState::Sent)
    }

    /// A call to a client or to a colleague appeared at Phonet: the dial that waited for it, if one did, is bound to it. The history
    /// tells of older calls, too: what was asked for later than `asked_by` is none of them.
    pub fn bind(
        &mut self,
        call: &str,
        internal: bool,
        asked_by: Option<Millis>,
        same: &dyn Fn(&str) -> bool,
    ) -> Option<&Dial> {
        let is_in_time = |dial: &Dial| asked_by.is_none_or(|moment| dial.asked_at <= moment);
        let is_it =
            |dial: &&mut Dial| dial.is_phonets() && dial.is_pending() && dial.internal == internal && is_in_time(dial);
        let dial = self.dials.iter_mut().filter(is_it).find(|dial| same(dial.number.reveal()))?;
        dial.state = DialState::Bound { call: call.to_owned() };
        Some(dial)
    }

    /// Gives up the dials that waited too long; true when there was one.
    pub fn expire(&mut self, now: Millis) -> bool {
        let mut changed = false;
        for dial in self.dials.iter_mut().filter(|dial| dial.is_pending()) {
            // The clock may have been set back.
            dial.asked_at = dial.asked_at.min(now);
            if dial.asked_at + PATIENCE <= now {
                dial.state = DialState::Unknown { problem: unknown() };
                changed = true;
            }
        }
        changed
    }

    /// The dials, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Dial> {
        self.dials.iter()
    }

    /// When something here changes by itself.
    pub fn next_wake(&self, now: Millis) -> Option<Millis> {
        let given_up = self.dials.iter().filter(|dial| dial.is_pending()).map(|dial| dial.asked_at + PATIENCE);
        let hidden = self.dials.iter().map(|dial| dial.asked_at + SHOWN);
        given_up.chain(hidden).filter(|at| *at > now).min()
    }
}

/// What an unknown fate is called.
fn unknown() -> Problem {
    Problem::new(Code::DialUnknown)
}
