//! `communications/sync`: what the exchange's history has and the CRM lacks is registered, with its recordings.
//!
//! Which calls those are, and why nothing is lost and nothing doubled, says `docs/relay.md`. One run at a time among all instances; a
//! run that is cut off is gone on with by the next.

mod attendance;
pub mod by_hand;
pub mod missing;
mod progress;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use trubka::{
    Millis,
    core::access::AccessError,
    kontur::telephony::{CallRecording, Callback},
    phonet::rest::HistoryList,
    problem::Problem,
    settings::Settings,
};

pub use self::attendance::Attendance;
use self::{
    missing::Found,
    progress::{Late, Progress},
};
use crate::{
    bus::{Bus, BusError},
    clock::now,
    services::{
        Crm, Exchange,
        crm::{Told, problem_of},
        exchange::Audio,
    },
    tokens::AgentId,
};

/// The lease under which one instance works.
const LEASE: &str = "sync";
/// How much of the history is read at a time.
const STRETCH: Millis = Millis::hours(3);
/// A call that the exchange takes for live is waited for so long.
const LONGEST_CALL: Millis = Millis::hours(24);
/// An agent's browser may have been there so long after it was heard last.
const BREATH: Millis = Millis::mins(1);

/// How long things are waited for.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// So long after a call's end, and after the CRM could not be reached, the browsers have the word; the history, too, may lag.
    pub grace: Millis,
    /// A run ends after so long.
    pub deadline: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        // The web hook comes every five minutes.
        Self { grace: Millis::mins(10), deadline: Duration::from_secs(4 * 60) }
    }
}

/// Reads the history and registers what is missing.
pub struct Sync {
    bus: Bus,
    exchange: Arc<Exchange>,
    crm: Arc<Crm>,
    /// The company: no subscriber, so that everybody's calls are told.
    settings: Settings,
    /// Whose browsers dial for an internal number.
    agents: BTreeMap<String, AgentId>,
    attendance: Attendance,
    pace: Pace,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Where in the history it began, by the exchange's clock.
    pub from: Millis,
    /// Where it was to end: what is younger, the browsers may still tell.
    pub until: Millis,
    /// How far it got.
    pub reached: Millis,
    /// Calls looked at.
    pub calls: u32,
    /// Of these, the CRM had or was being told by a browser.
    pub known: u32,
    /// Registered now.
    pub registered: u32,
    /// Recordings handed over, with a registration or afterwards.
    pub recordings: u32,
    /// Recordings that are looked for again later.
    pub awaited: u32,
    /// What the CRM refused, by `externalId`.
    pub refused: Vec<(String, Problem)>,
}

/// Why a run did not come to its end. What it did is done; the next one goes on.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// Another run is under way.
    #[error("another run is under way")]
    Busy,
    /// The time was up.
    #[error("the time was up")]
    OutOfTime,
    /// The browsers have the word for a while after the CRM could not be reached.
    #[error("the CRM could not be reached a while ago: the browsers tell first")]
    BrowsersFirst,
    /// A service does not answer, or refuses us.
    #[error("a service does not answer as it should")]
    Service(Problem),
    /// The progress cannot be kept.
    #[error(transparent)]
    Bus(#[from] BusError),
}

impl Sync {
    /// `settings` hold the CRM and the directory, and no exchange; `agents` whose browsers dial for an internal number.
    pub fn new(
        bus: Bus,
        exchange: Arc<Exchange>,
        crm: Arc<Crm>,
        settings: Settings,
        agents: BTreeMap<String, AgentId>,
        attendance: Attendance,
    ) -> Self {
        Self { bus, exchange, crm, settings, agents, attendance, pace: Pace::default() }
    }

    /// Everybody whose browsers dial for somebody.
    pub fn agents(&self) -> impl Iterator<Item = AgentId> {
        self.agents.values().copied()
    }

    /// At another pace.
    #[must_use]
    pub fn at(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// Reads on from where the last run stopped; by hand from `since`, which moves nothing for the others. The very first run only
    /// notes where the history begins. `watch` sees the summary grow.
    ///
    /// # Errors
    /// Why it did not come to its end; the summary says what it did.
    pub async fn run(
        &self,
        since: Option<Millis>,
        watch: &(dyn Fn(&Summary) + Send + std::marker::Sync),
    ) -> (Summary, Result<(), Stopped>) {
        let mut summary = Summary::default();
        let lease = match self.bus.lease(LEASE).await {
            Ok(Some(lease)) => lease,
            Ok(None) => return (summary, Err(Stopped::Busy)),
            Err(error) => return (summary, Err(error.into())),
        };
        let result = tokio::select! {
            result = self.work(since, &mut summary, watch) => result,
            () = lease.lost() => Err(Stopped::Busy),
        };
        (summary, result)
    }

    async fn work(
        &self,
        since: Option<Millis>,
        summary: &mut Summary,
        watch: &(dyn Fn(&Summary) + Send + std::marker::Sync),
    ) -> Result<(), Stopped> {
        let stored = self.bus.cursor().await?;
        let mut progress = stored.as_deref().and_then(Progress::read).unwrap_or_default();
        progress.attended(&self.attendance.all());
        let mut run =
            Run { sync: self, progress, summary, watch, by_hand: since, ends_at: Instant::now() + self.pace.deadline };
        let result = run.go().await;
        if matches!(&result, Err(Stopped::Service(problem)) if problem.code.name().starts_with("kontur")) {
            run.progress.troubled(now());
        }
        let kept = run.keep().await;
        result.and(kept)
    }
}

/// One run.
struct Run<'a> {
    sync: &'a Sync,
    progress: Progress,
    summary: &'a mut Summary,
    watch: &'a (dyn Fn(&Summary) + Send + std::marker::Sync),
    by_hand: Option<Millis>,
    ends_at: Instant,
}

impl Run<'_> {
    async fn go(&mut self) -> Result<(), Stopped> {
        let active = self.sync.exchange.active_calls().await.map_err(Stopped::Service)?;
        let active: BTreeSet<String> = active.iter().map(|event| missing::id_of(event).to_owned()).collect();
        let until = self.sync.exchange.now() - self.sync.pace.grace;
        let Some(from) = self.by_hand.or(self.progress.certain()) else {
            self.progress.begin_at(until, now());
            (self.summary.from, self.summary.until, self.summary.reached) = (until, until, until);
            return Ok(());
        };
        let from = from.min(until);
        (self.summary.from, self.summary.until, self.summary.reached) = (from, until, from);
        (self.watch)(self.summary);
        if self.progress.is_the_browsers_turn(self.sync.pace.grace, self.by_hand.is_some(), now()) {
            return Err(Stopped::BrowsersFirst);
        }
        self.name_late_recordings().await?;
        let mut certain = None;
        let mut stretch = from;
        while stretch < until {
            let end = until.min(stretch + STRETCH);
            let held = self.walk(stretch, end, &active).await?;
            // What goes on yet began to end earlier: its first legs are read again when it is over.
            certain = certain.or(held.map(|held| held.max(until - LONGEST_CALL)));
            if self.by_hand.is_none() {
                self.progress.settled_until(certain.unwrap_or(end));
                self.keep().await?;
            }
            self.summary.reached = end;
            (self.watch)(self.summary);
            stretch = end;
        }
        Ok(())
    }

    /// Settles the calls that ended between two moments. What comes back is the end of the first leg of a call that still goes on.
    async fn walk(&mut self, from: Millis, to: Millis, active: &BTreeSet<String>) -> Result<Option<Millis>, Stopped> {
        let mut records = Vec::new();
        for list in [HistoryList::Users, HistoryList::Company, HistoryList::Missed] {
            records.extend(self.sync.exchange.history(list, from, to).await.map_err(Stopped::Service)?);
        }
        let is_active = |id: &str| active.contains(id);
        let held = records.iter().filter(|record| is_active(missing::id_of(&record.hangup)));
        let held = held.filter_map(|record| record.hangup.server_time).min();
        for call in missing::calls(&records, &self.sync.settings) {
            let is_settled = self.by_hand.is_none() && self.progress.is_settled(call.id());
            if is_active(call.id()) || is_settled {
                continue;
            }
            if Instant::now() >= self.ends_at {
                return Err(Stopped::OutOfTime);
            }
            self.settle(&call).await?;
            self.summary.calls += 1;
            self.summary.reached = self.summary.reached.max(call.ended_at);
            (self.watch)(self.summary);
        }
        Ok(held)
    }

    /// Registers a call if it is missing.
    async fn settle(&mut self, call: &Found) -> Result<(), Stopped> {
        let is_known = self.sync.crm.knows(call.id()).await.map_err(service)?;
        if is_known && !self.is_nobodys(call) {
            self.summary.known += 1;
        } else {
            self.register(call).await?;
        }
        self.progress.settle(call.id(), call.ended_at);
        Ok(())
    }

    /// A group's call that the CRM knows, for members' browsers heard it begin: whether nobody else will tell how it ended, for no
    /// browser of those who talked was there at its end.
    fn is_nobodys(&self, call: &Found) -> bool {
        let was_there = |ext: &String| {
            let seen = self.sync.agents.get(ext).and_then(|agent| self.progress.seen(*agent));
            seen.is_some_and(|at| at + BREATH >= call.ended_at)
        };
        !call.taken_by.is_empty() && !call.taken_by.iter().any(was_there)
    }

    async fn register(&mut self, call: &Found) -> Result<(), Stopped> {
        let (mut body, mut awaited) = (call.body.clone(), Vec::new());
        let wants_recordings = self.sync.crm.kontur().recordings;
        for item in body.items.iter_mut().filter(|item| item.answered && wants_recordings) {
            let url = call.audio_of(&item.id);
            match self.sync.exchange.recording(&item.id, url).await.map_err(Stopped::Service)? {
                Audio::Fetched(file) => match self.sync.crm.upload(&file).await.map_err(service)? {
                    Ok(recording) => item.recordings.push(recording),
                    Err(problem) => self.refused(call.id(), problem),
                },
                Audio::Refused(problem) => self.refused(call.id(), problem),
                Audio::NotThere => awaited.push(Late::new(call.id(), &item.id, url, call.ended_at)),
            }
        }
        let uploaded = body.items.iter().map(|item| item.recordings.len()).sum::<usize>();
        match self.sync.crm.tell(&Callback::RegisterCall(body)).await.map_err(service)? {
            Told::Taken => {
                tracing::info!(call = call.id(), recordings = uploaded, "registered");
                self.summary.registered += 1;
                self.summary.recordings += u32::try_from(uploaded).unwrap_or(u32::MAX);
                self.summary.awaited += u32::try_from(awaited.len()).unwrap_or(u32::MAX);
                self.progress.late.extend(awaited);
            }
            Told::Had => self.summary.known += 1,
            Told::Refused(problem) => self.refused(call.id(), problem),
        }
        self.progress.settle(call.id(), call.ended_at);
        self.keep().await
    }

    /// Recordings that the exchange had not made when their calls were registered.
    async fn name_late_recordings(&mut self) -> Result<(), Stopped> {
        let mut waiting = std::mem::take(&mut self.progress.late).into_iter();
        let mut result = Ok(());
        for mut late in waiting.by_ref() {
            if !late.is_due(now()) || result.is_err() {
                self.progress.late.push(late);
                continue;
            }
            match self.name_late(&late).await {
                Ok(true) => {}
                Ok(false) => {
                    if late.again(now()) {
                        self.progress.late.push(late);
                    }
                }
                Err(error) => {
                    self.progress.late.push(late);
                    result = Err(error);
                }
            }
        }
        result
    }

    /// Whether nothing more is to be looked for.
    async fn name_late(&mut self, late: &Late) -> Result<bool, Stopped> {
        let audio = self.sync.exchange.recording(&late.leg, late.url.as_ref()).await.map_err(Stopped::Service)?;
        let file = match audio {
            Audio::Fetched(file) => file,
            Audio::NotThere => return Ok(false),
            Audio::Refused(problem) => {
                self.refused(&late.call, problem);
                return Ok(true);
            }
        };
        let recording = match self.sync.crm.upload(&file).await.map_err(service)? {
            Ok(recording) => recording,
            Err(problem) => {
                self.refused(&late.call, problem);
                return Ok(true);
            }
        };
        let callback = Callback::CallRecording(CallRecording {
            external_id: late.call.clone(),
            external_call_item_id: late.leg.clone(),
            realtime_call_item_id: late.leg.clone(),
            recording_file_id: recording.file_id,
        });
        match self.sync.crm.tell(&callback).await.map_err(service)? {
            Told::Taken | Told::Had => self.summary.recordings += 1,
            Told::Refused(problem) => self.refused(&late.call, problem),
        }
        Ok(true)
    }

    fn refused(&mut self, call: &str, problem: Problem) {
        tracing::warn!(call, problem = problem.code.name(), "refused");
        self.summary.refused.push((call.to_owned(), problem));
    }

    async fn keep(&self) -> Result<(), Stopped> {
        Ok(self.sync.bus.set_cursor(&self.progress.write()).await?)
    }
}

fn service(error: AccessError) -> Stopped {
    Stopped::Service(problem_of(error))
}
