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
    time::Duration,
};

use tokio::time::timeout;
use trubka::{
    Millis,
    core::access::AccessError,
    kontur::{
        files::Recording,
        telephony::{CallRecording, Callback},
    },
    phonet::rest::{HistoryList, HistoryRecord},
    private::Private,
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
/// A call that the exchange takes for live is waited for so long.
const LONGEST_CALL: Millis = Millis::hours(24);
/// An agent's browser may have been there so long after it was heard last.
const BREATH: Millis = Millis::mins(1);

/// How long things are waited for.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// So long after a call's end, and after the CRM could not be reached, the browsers have the word; the history, too, may lag.
    pub grace: Millis,
    /// So much of the history is settled at a time.
    pub stretch: Millis,
    /// A run ends after so long; a recording may take half of it.
    pub deadline: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        // The web hook comes every five minutes.
        Self { grace: Millis::mins(10), stretch: Millis::hours(3), deadline: Duration::from_secs(4 * 60) }
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

    /// Whether no instance has read for so long, as far as is known.
    pub async fn is_unread_for(&self, period: Millis) -> bool {
        let stored = self.bus.cursor().await.ok().flatten();
        let looked_at = stored.as_deref().and_then(Progress::read).and_then(|progress| progress.looked_at());
        looked_at.is_none_or(|at| at + period <= now())
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
        let mut run = Run { sync: self, progress, summary, watch, by_hand: since };
        let result = timeout(self.pace.deadline, run.go()).await.unwrap_or(Err(Stopped::OutOfTime));
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
}

/// What became of a recording.
enum Handed {
    /// The CRM has it.
    Over(Recording),
    /// The exchange has not made it yet, or it does not get through.
    NotYet,
    /// It cannot be had, or the CRM does not want it.
    Never(Problem),
}

impl Run<'_> {
    async fn go(&mut self) -> Result<(), Stopped> {
        let active = self.sync.exchange.active_calls().await.map_err(Stopped::Service)?;
        let active: BTreeSet<String> = active.iter().map(|event| missing::id_of(event).to_owned()).collect();
        let (now_there, Pace { grace, stretch, .. }) = (self.sync.exchange.now(), self.sync.pace);
        let until = now_there - grace;
        let Some(from) = self.by_hand.or(self.progress.certain()) else {
            self.progress.begin_at(until, now());
            (self.summary.from, self.summary.until, self.summary.reached) = (until, until, until);
            return Ok(());
        };
        let from = from.min(until);
        (self.summary.from, self.summary.until, self.summary.reached) = (from, until, from);
        (self.watch)(self.summary);
        if self.progress.is_the_browsers_turn(grace, self.by_hand.is_some(), now()) {
            return Err(Stopped::BrowsersFirst);
        }
        self.name_late_recordings().await?;
        let mut legs = Vec::new();
        // By hand it begins anywhere: in the middle of a call, too.
        let mut read = if self.by_hand.is_some() { from - stretch } else { from };
        let mut settled = from;
        while settled < until {
            let end = until.min(settled + stretch);
            // A call is settled with its last leg, which may end a while after the others.
            let ahead = now_there.min(end + stretch);
            if read < ahead {
                legs.splice(0..0, self.read(read, ahead).await?);
                read = ahead;
            }
            let held = self.walk(&mut legs, end, &active).await?;
            if self.by_hand.is_none() {
                // Its first legs are read again when it is over.
                self.progress.settled_until(held.map_or(end, |held| end.min(held.max(until - LONGEST_CALL))));
                self.keep().await?;
            }
            self.summary.reached = end;
            (self.watch)(self.summary);
            settled = end;
        }
        Ok(())
    }

    /// What the history has between two moments.
    async fn read(&self, from: Millis, to: Millis) -> Result<Vec<HistoryRecord>, Stopped> {
        let mut records = Vec::new();
        for list in [HistoryList::Users, HistoryList::Company, HistoryList::Missed] {
            records.extend(self.sync.exchange.history(list, from, to).await.map_err(Stopped::Service)?);
        }
        Ok(records)
    }

    /// Settles the calls that were over at a moment, and takes their legs away. What comes back is when the first of the legs that
    /// are left ended.
    async fn walk(
        &mut self,
        legs: &mut Vec<HistoryRecord>,
        to: Millis,
        active: &BTreeSet<String>,
    ) -> Result<Option<Millis>, Stopped> {
        let id = |leg: &HistoryRecord| missing::id_of(&leg.hangup).to_owned();
        let goes_on = |leg: &&HistoryRecord| active.contains(&id(leg)) || leg.hangup.server_time > Some(to);
        let open: BTreeSet<String> = legs.iter().filter(goes_on).map(id).collect();
        let (left, over): (Vec<_>, Vec<_>) = std::mem::take(legs).into_iter().partition(|leg| open.contains(&id(leg)));
        *legs = left;
        for call in missing::calls(&over, &self.sync.settings) {
            let is_settled = self.by_hand.is_none() && self.progress.is_settled(call.id());
            if call.ended_at < self.summary.from || is_settled {
                continue;
            }
            self.settle(&call).await?;
            self.summary.calls += 1;
            self.summary.reached = self.summary.reached.max(call.ended_at);
            (self.watch)(self.summary);
        }
        Ok(legs.iter().filter_map(|leg| leg.hangup.server_time).min())
    }

    /// Registers a call if it is missing.
    async fn settle(&mut self, call: &Found) -> Result<(), Stopped> {
        match self.sync.crm.knows(call.id()).await.map_err(service)? {
            Ok(true) if !self.is_nobodys(call) => self.summary.known += 1,
            Ok(_) => self.register(call).await?,
            Err(problem) => self.refused(call.id(), problem),
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
            match self.hand_over(call.id(), &item.id, url).await? {
                Handed::Over(recording) => item.recordings.push(recording),
                Handed::NotYet => awaited.push(Late::new(call.id(), &item.id, url, call.ended_at)),
                Handed::Never(problem) => self.refused(call.id(), problem),
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

    /// Hands a recording from the exchange to the CRM. One that does not get through keeps nothing else waiting, as long as both
    /// answer otherwise.
    async fn hand_over(&self, call: &str, leg: &str, url: Option<&Private<String>>) -> Result<Handed, Stopped> {
        let Sync { exchange, crm, pace, .. } = self.sync;
        let handing = async {
            let file = match exchange.recording(leg, url).await? {
                Audio::Fetched(file) => file,
                Audio::NotThere => return Ok(Handed::NotYet),
                Audio::Refused(problem) => return Ok(Handed::Never(problem)),
            };
            crm.upload(&file).await.map(|taken| taken.map_or_else(Handed::Never, Handed::Over)).map_err(problem_of)
        };
        match timeout(pace.deadline / 2, handing).await {
            Ok(Ok(handed)) => return Ok(handed),
            Ok(Err(problem)) => tracing::warn!(call, problem = problem.code.name(), "a recording does not get through"),
            Err(_) => tracing::warn!(call, "a recording takes too long"),
        }
        // Where they do not, everything waits.
        exchange.active_calls().await.map_err(Stopped::Service)?;
        let _ = crm.knows(call).await.map_err(service)?;
        Ok(Handed::NotYet)
    }

    /// Recordings that could not be handed over when their calls were registered.
    async fn name_late_recordings(&mut self) -> Result<(), Stopped> {
        let due: Vec<Late> = self.progress.late.iter().filter(|late| late.is_due(now())).cloned().collect();
        for mut late in due {
            let is_over = self.name_late(&late).await? || !late.again(now());
            self.progress.late.retain(|other| other.leg != late.leg);
            if !is_over {
                self.progress.late.push(late);
            }
        }
        Ok(())
    }

    /// Whether nothing more is to be looked for.
    async fn name_late(&mut self, late: &Late) -> Result<bool, Stopped> {
        let recording = match self.hand_over(&late.call, &late.leg, late.url.as_ref()).await? {
            Handed::Over(recording) => recording,
            Handed::NotYet => return Ok(false),
            Handed::Never(problem) => {
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
