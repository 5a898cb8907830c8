//! What the CRM is to be told: stored first, then sent in the order of each call, deleted when the CRM has said so.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use serde::Serialize;

use crate::{
    Millis,
    core::backoff::Backoff,
    http::{HttpAnswer, HttpFailure},
    json::{self, Fields},
    kontur::{
        answer::{Refusal, is_json},
        files::Recording,
        telephony::{Callback, Method, Started, with_communication, with_recording},
    },
    private::Private,
    problem::{Code, Problem},
};

const BACKOFF: Backoff = Backoff { base: Millis(500), cap: Millis::mins(5) };
/// How long a request is tried.
const PATIENCE: Millis = Millis::hours(7 * 24);
/// How long the queue rests when the CRM asks to slow down and does not say for how long.
const PAUSE: Millis = Millis::secs(30);
/// The longest rest the CRM may ask for.
pub const LONGEST_PAUSE: Millis = Millis::mins(60);
/// How long a call that was found in the history waits for its recordings, to be registered with them.
const RECORDINGS: Millis = Millis::mins(1);
/// How many requests may be under way at a time.
const PARALLEL: usize = 6;

/// One request to the CRM that is not delivered yet.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Its key in the database; a later one of the same call is told later.
    pub id: u32,
    /// The call's `externalId`.
    pub call: String,
    /// How it is told.
    method: Method,
    /// What is told: the body's JSON, but for the communication's id.
    body: Private<String>,
    /// Whether the CRM may have it from somebody else.
    shared: bool,
    /// Whether the CRM may have seen it before.
    maybe_sent: bool,
    /// When it was written, by this computer's clock.
    created_at: Millis,
    /// Why the CRM refused it; a person decides what becomes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_aside: Option<Problem>,
    #[serde(skip)]
    life: Life,
}

/// What a row has seen in this life of the worker.
#[derive(Debug, Default)]
struct Life {
    stored: Stored,
    in_flight: bool,
    failures: u32,
    not_before: Option<Millis>,
    /// Whether a 401 has brought it a fresh key already.
    refreshed: bool,
    /// Why it failed last.
    problem: Option<Problem>,
}

#[derive(Debug, Default, PartialEq)]
enum Stored {
    /// Read from the database.
    #[default]
    Yes,
    /// With the batch of this number, or the next one.
    With(Option<u32>),
}

/// The rows, in the order of their keys.
#[derive(Debug, Default)]
pub struct Outbox {
    rows: Vec<Row>,
    paused_until: Option<Millis>,
    paused_for: Option<Problem>,
}

/// What an answer means for the rest.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// The CRM has it; the row is gone. `call-started` brings the communication.
    Delivered(Option<Box<Delivered>>),
    /// It will be sent again, or a person will decide.
    Kept,
    /// The key was refused: a fresh one is needed.
    FreshKey,
}

/// What the answer to `call-started` told.
#[derive(Debug, PartialEq)]
pub struct Delivered {
    /// The call's `externalId`.
    pub call: String,
    /// The communication's id.
    pub communication: String,
    /// The client's cards.
    pub links: crate::kontur::telephony::Links,
}

impl Outbox {
    /// The rows of an earlier life, in the order of their keys: the CRM may have seen any of them but those it refused at once.
    pub fn restored(mut rows: Vec<Row>) -> Self {
        for row in &mut rows {
            row.maybe_sent |= row.set_aside.is_none();
        }
        Self { rows, ..Self::default() }
    }

    fn next_id(&self) -> u32 {
        self.rows.last().map_or(1, |row| row.id.wrapping_add(1))
    }

    /// Adds what the CRM is to be told of a call, and returns its key; nothing is sent before it is stored.
    pub fn add(&mut self, call: &str, callback: &Callback, now: Millis) -> u32 {
        let id = self.next_id();
        let waits = matches!(callback, Callback::RegisterCall(body) if body.awaits_recordings);
        let not_before = waits.then(|| now + RECORDINGS);
        self.rows.push(Row {
            id,
            call: call.to_owned(),
            method: callback.method(),
            body: callback.body(),
            shared: callback.is_shared(),
            maybe_sent: false,
            created_at: now,
            set_aside: None,
            life: Life { stored: Stored::With(None), not_before, ..Life::default() },
        });
        id
    }

    /// A call is to be registered anew, with all that an earlier registration held: the keys of those that are not needed any more.
    pub fn supersede(&mut self, call: &str) -> Vec<u32> {
        let is_older = |row: &mut Row| row.call == call && row.method == Method::RegisterCall && !row.life.in_flight;
        self.rows.extract_if(.., is_older).map(|row| row.id).collect()
    }

    /// Names a recording in the call's registration, if the CRM cannot have seen that yet; the key of the row to be stored anew.
    pub fn name_recording(&mut self, call: &str, item: &str, recording: &Recording) -> Option<u32> {
        let rows = self.rows.iter_mut().filter(|row| row.call == call && row.method == Method::RegisterCall);
        let mut unseen = rows.filter(|row| !row.life.in_flight && !row.maybe_sent && row.set_aside.is_none());
        unseen.find_map(|row| {
            row.body = with_recording(&row.body, item, recording)?;
            row.life.stored = Stored::With(None);
            Some(row.id)
        })
    }

    /// Nothing more is to be named in the call's registration: it need not wait any longer.
    pub fn release(&mut self, call: &str) {
        for row in self.rows.iter_mut().filter(|row| row.call == call && row.life.failures == 0) {
            row.life.not_before = None;
        }
    }

    /// All rows, to be stored anew after the database failed.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// A row by its key.
    pub fn get(&self, id: u32) -> Option<&Row> {
        self.rows.iter().find(|row| row.id == id)
    }

    fn get_mut(&mut self, id: u32) -> Option<&mut Row> {
        self.rows.iter_mut().find(|row| row.id == id)
    }

    /// The rows not yet given to the database go with this batch.
    pub fn batched(&mut self, batch: u32) {
        for row in &mut self.rows {
            if row.life.stored == Stored::With(None) {
                row.life.stored = Stored::With(Some(batch));
            }
        }
    }

    /// A batch is stored; or it failed, and memory carries on.
    pub fn stored(&mut self, batch: u32) {
        for row in &mut self.rows {
            if matches!(row.life.stored, Stored::With(Some(with)) if with <= batch) {
                row.life.stored = Stored::Yes;
            }
        }
    }

    /// The rows that may be sent now: of each call the first that nobody set aside, and not too many at a time.
    pub fn due(&self, now: Millis) -> Vec<u32> {
        if self.is_paused(now) {
            return Vec::new();
        }
        let under_way = self.rows.iter().filter(|row| row.life.in_flight).count();
        let has_come = |at: Millis| at.has_come(now, LONGEST_PAUSE);
        let due = self.heads().filter(|row| row.is_ready() && row.life.not_before.is_none_or(has_come));
        due.map(|row| row.id).take(PARALLEL.saturating_sub(under_way)).collect()
    }

    /// Whether the whole queue rests.
    pub fn is_paused(&self, now: Millis) -> bool {
        self.paused_until.is_some_and(|until| !until.has_come(now, LONGEST_PAUSE))
    }

    /// Whether the queue rests because the CRM asked to slow down.
    pub fn is_asked_to_rest(&self, now: Millis) -> bool {
        self.is_paused(now) && self.paused_for.as_ref().is_some_and(|problem| problem.code == Code::KonturTooMany)
    }

    fn heads(&self) -> impl Iterator<Item = &Row> {
        let mut calls = BTreeSet::new();
        self.rows.iter().filter(move |row| row.set_aside.is_none() && calls.insert(row.call.as_str()))
    }

    /// The row goes out, naming the communication if the CRM has told it. The same request again names the same.
    pub fn sending(&mut self, id: u32, communication: Option<&str>) -> Option<(Method, Private<String>)> {
        let row = self.get_mut(id)?;
        row.life.in_flight = true;
        let body = communication.map(|id| with_communication(&row.body, id));
        Some((row.method, body.unwrap_or_else(|| row.body.clone())))
    }

    /// The CRM answered, or did not.
    pub fn answered(
        &mut self,
        id: u32,
        result: &Result<HttpAnswer, HttpFailure>,
        now: Millis,
        rng: &mut Rng,
    ) -> Verdict {
        let Some(row) = self.get_mut(id) else { return Verdict::Kept };
        row.life.in_flight = false;
        let repeated = row.maybe_sent || row.shared;
        let answer = match result {
            Ok(answer) => answer,
            Err(_) => return self.again(id, Problem::new(Code::KonturUnreachable), None, now, rng),
        };
        let body = answer.body.reveal();
        match (answer.status, row.method) {
            (200..=299, Method::CallStarted) => match Started::parse(body) {
                Some(started) => self.delivered(id, Some(started)),
                None => self.again(id, Problem::new(Code::KonturUnexpectedAnswer), None, now, rng),
            },
            (200..=299, _) if is_json(body) => self.delivered(id, None),
            (200..=399, _) => self.again(id, Problem::new(Code::KonturUnexpectedAnswer), None, now, rng),
            (401, _) if !row.life.refreshed => {
                row.life.refreshed = true;
                Verdict::FreshKey
            }
            (401, _) => {
                row.life.refreshed = false;
                self.pause(now + Millis::mins(5), Problem::new(Code::KonturKeyRefused));
                Verdict::Kept
            }
            (429, _) => {
                self.slow_down(answer.retry_after, now);
                Verdict::Kept
            }
            (408 | 425 | 500..=599, _) => {
                let problem = Problem::about(Code::KonturStatus, &[&answer.status.to_string()]);
                self.again(id, problem, answer.retry_after, now, rng)
            }
            // The CRM has the same call already: the answer to an earlier try was lost, or another browser was first.
            (409, Method::RegisterCall) if repeated && Refusal::parse(body).words() == "Error" => {
                self.delivered(id, None)
            }
            (status, _) => {
                let words = Refusal::parse(body).words();
                row.set_aside = Some(match words.as_str() {
                    "" => Problem::about(Code::KonturStatus, &[&status.to_string()]),
                    _ => Problem::about(Code::KonturRefused, &[&words]),
                });
                Verdict::Kept
            }
        }
    }

    fn delivered(&mut self, id: u32, started: Option<Started>) -> Verdict {
        let Some(place) = self.rows.iter().position(|row| row.id == id) else { return Verdict::Kept };
        let row = self.rows.remove(place);
        Verdict::Delivered(
            started
                .map(|started| Box::new(Delivered { call: row.call, communication: started.id, links: started.links })),
        )
    }

    fn again(&mut self, id: u32, problem: Problem, at_least: Option<Millis>, now: Millis, rng: &mut Rng) -> Verdict {
        if let Some(row) = self.get_mut(id) {
            row.maybe_sent = true;
            row.life.failures += 1;
            let wait = BACKOFF.wait(row.life.failures, rng).max(at_least.unwrap_or_default().min(LONGEST_PAUSE));
            row.life.not_before = Some(now + wait);
            row.life.problem = Some(problem);
            if row.created_at + PATIENCE <= now {
                row.set_aside = Some(Problem::new(Code::KonturGaveUp));
            }
        }
        Verdict::Kept
    }

    /// The whole queue rests; every row is kept.
    pub fn pause(&mut self, until: Millis, problem: Problem) {
        self.paused_until = Some(until);
        self.paused_for = Some(problem);
    }

    /// The CRM asks to slow down: for this long, or it does not say.
    pub fn slow_down(&mut self, wait: Option<Millis>, now: Millis) {
        self.pause(now + wait.unwrap_or(PAUSE).min(LONGEST_PAUSE), Problem::new(Code::KonturTooMany));
    }

    /// What failed is tried at once: the network is back. A rest that the CRM asked for goes on.
    pub fn hurry(&mut self) {
        for row in &mut self.rows {
            row.life.not_before = None;
        }
    }

    /// The queue goes on at once: the settings have changed, or a person asks for it.
    pub fn resume(&mut self) {
        self.paused_until = None;
        self.paused_for = None;
        self.hurry();
    }

    /// A person has the refused rows sent once more, of one call or of all; their keys.
    pub fn retry(&mut self, call: Option<&str>) -> Vec<u32> {
        let mut changed = Vec::new();
        for row in self.rows.iter_mut().filter(|row| call.is_none_or(|call| row.call == call)) {
            row.life.not_before = None;
            if row.set_aside.take().is_some() {
                changed.push(row.id);
            }
        }
        changed
    }

    /// A person gives up the refused rows of a call; their keys.
    pub fn discard(&mut self, call: &str) -> Vec<u32> {
        self.rows.extract_if(.., |row| row.call == call && row.set_aside.is_some()).map(|row| row.id).collect()
    }

    /// Whether the CRM refused to register this call, so that it does not have it.
    pub fn has_refused_registration(&self, call: &str) -> bool {
        let mut rows = self.rows.iter().filter(|row| row.call == call && row.set_aside.is_some());
        rows.any(|row| row.method == Method::RegisterCall)
    }

    /// Whether any row waits to be sent.
    pub fn waits(&self) -> bool {
        self.rows.iter().any(|row| row.set_aside.is_none())
    }

    /// Why nothing goes out at present, if anything is the matter with the CRM.
    pub fn problem(&self, now: Millis) -> Option<&Problem> {
        self.paused_for
            .as_ref()
            .filter(|_| self.is_paused(now))
            .or_else(|| self.heads().find_map(|row| row.life.problem.as_ref()))
    }

    /// What is not delivered of each call: why it was refused, or why it waits.
    pub fn by_call(&self) -> BTreeMap<&str, Undelivered<'_>> {
        let mut calls = BTreeMap::new();
        for row in &self.rows {
            let waiting = || Undelivered::Waiting(row.life.problem.as_ref());
            let state = calls.entry(row.call.as_str()).or_insert_with(waiting);
            match (&row.set_aside, &state) {
                (_, Undelivered::Refused(_)) => {}
                (Some(problem), _) => *state = Undelivered::Refused(problem),
                (None, Undelivered::Waiting(None)) => *state = waiting(),
                (None, Undelivered::Waiting(Some(_))) => {}
            }
        }
        calls
    }

    /// When something here is due by itself.
    pub fn next_wake(&self, now: Millis) -> Option<Millis> {
        if self.is_paused(now) {
            return self.paused_until;
        }
        self.heads().filter(|row| row.is_ready()).filter_map(|row| row.life.not_before).min()
    }
}

/// Why a call is not delivered.
pub enum Undelivered<'a> {
    /// It waits; the reason of the last failure.
    Waiting(Option<&'a Problem>),
    /// The CRM refused some of it.
    Refused(&'a Problem),
}

impl Row {
    /// Reads a row as it is stored; `None` when it is none.
    pub fn read(json: &str) -> Option<Self> {
        let row = json::parse(json)?;
        let fields = Fields::of(&row)?;
        Some(Self {
            id: fields.number("id")?,
            call: fields.text("call")?,
            method: Method::read(&fields.text("method")?)?,
            body: fields.private("body")?,
            shared: fields.flag("shared").unwrap_or_default(),
            maybe_sent: fields.flag("maybeSent").unwrap_or_default(),
            created_at: fields.millis("createdAt")?,
            set_aside: fields.object("setAside").and_then(Problem::read),
            life: Life::default(),
        })
    }

    /// What it tells, by the method's name.
    pub fn method(&self) -> Method {
        self.method
    }

    fn is_ready(&self) -> bool {
        self.life.stored == Stored::Yes && !self.life.in_flight
    }
}
