//! The one door: every input is taken here, and every output comes out here.

mod crm;
mod exchange;
mod requests;

use std::collections::VecDeque;

use fastrand::Rng;
use serde::Serialize;

use crate::{
    Millis,
    core::{
        access::Access,
        calls::Calls,
        check::Check,
        dials::{DialState, Dials},
        io::{DocumentName, HttpAnswer, HttpFailure, Input, Output, Session, Snapshot, Write},
        link::{Link, Step},
        outbox::{Outbox, Row},
        rest::{Progress, Rest},
        views::RECENT,
    },
    json::{self, Fields},
    phonet::connector,
    private::Private,
    problem::{Code, Problem},
    protocol::StatusView,
    settings::Settings,
};

/// The version of the state document.
const VERSION: u32 = 1;
/// How long the exchange's last unreadable message is shown.
const COMPLAINT: Millis = Millis::mins(10);
/// The shell wakes the core every half minute while a connection is wanted: after a longer gap the computer slept.
const SLEPT: Millis = Millis::secs(90);
/// How soon a failed database is tried again.
const RESAVE: Millis = Millis::secs(30);

/// The state machine. Feed it with [`Bridge::handle`], then drain [`Bridge::poll`].
#[derive(Debug)]
pub struct Bridge {
    settings: Settings,
    link: Link,
    rest: Rest<Question>,
    calls: Calls,
    dials: Dials,
    crm: Crm,
    away: Option<bool>,
    unsettled: Option<Unsettled>,
    complaint: Option<(Problem, Millis)>,
    checks: Vec<Check>,
    forbidden: Vec<String>,
    storage: Storage,
    rng: Rng,
    http: u32,
    last_input: Option<Millis>,
    shown: Shown,
    out: VecDeque<Output>,
}

/// The CRM's side.
#[derive(Debug)]
struct Crm {
    outbox: Outbox,
    deliveries: Vec<Delivery>,
    access: Access,
    exchange_failures: u32,
    /// No exchange of keys before this moment.
    exchange_at: Millis,
    /// Somebody wants to know whether the key is good now.
    renew: bool,
    /// Why there is no key.
    problem: Option<Problem>,
}

/// A row under way.
#[derive(Debug)]
struct Delivery {
    http: u32,
    row: u32,
    key: Private<String>,
}

/// What the exchange is asked over REST.
#[derive(Debug, PartialEq)]
enum Question {
    /// Is the key right, and does the subscriber exist?
    Key,
    /// Which internal number is behind the subscriber's e-mail address?
    OwnExt,
    /// Which calls go on? Asked at this moment, while this socket was open, which may be in doubt.
    Calls { asked_at: Millis, epoch: u32, in_doubt: bool },
    /// What became of the legs that are gone? The page of the history, and its end.
    History { to: Millis, offset: u32 },
}

/// Legs that the exchange does not know as active any more, though their end was never heard.
#[derive(Debug)]
struct Unsettled {
    legs: Vec<String>,
    tries: u32,
    not_before: Millis,
}

#[derive(Debug, Default)]
struct Storage {
    /// The number of the last batch.
    batch: u32,
    writes: Vec<Write>,
    dirty: bool,
    /// Whether a batch was lost, and none since has held everything.
    failed: bool,
    /// The batch under way that holds everything.
    resaving: Option<u32>,
    resave_at: Option<Millis>,
    /// The dial that waits for the next batch.
    unsaved_dial: Option<String>,
    /// The dials that go with each batch under way.
    dials: Vec<(u32, String)>,
}

/// What was put out last, so that only changes go out.
#[derive(Debug, Default)]
struct Shown {
    page: Private<String>,
    status: Private<String>,
    keep_alive: Option<bool>,
    wake_at: Option<Option<Millis>>,
    session: Session,
}

/// The state document.
#[derive(Serialize)]
struct State<'a> {
    version: u32,
    calls: &'a Calls,
    dials: &'a Dials,
    away: Option<bool>,
}

/// Whether a view differs from the one put out last, which is kept as its JSON.
fn has_changed(shown: &mut Private<String>, view: &impl Serialize) -> bool {
    let json = Private::new(serde_json::to_string(view).unwrap_or_default());
    let changed = *shown != json;
    *shown = json;
    changed
}

impl Bridge {
    /// A bridge as it was left: what is stored is read leniently, and what cannot be read is left out.
    /// `seed` is fresh entropy; tests give a fixed one.
    pub fn new(settings: Settings, snapshot: Snapshot, seed: u64) -> Self {
        let state = snapshot.state.and_then(|state| json::parse(state.reveal()));
        let state = state.as_ref().and_then(Fields::of);
        let rows = snapshot.rows.iter().filter_map(|row| Row::read(row.reveal()));
        Self {
            settings,
            link: Link::new(true),
            rest: Rest::default(),
            calls: state.and_then(|state| state.object("calls")).map(Calls::read).unwrap_or_default(),
            dials: state.map(|state| Dials::read(state.objects("dials"))).unwrap_or_default(),
            crm: Crm {
                outbox: Outbox::restored(rows.collect()),
                deliveries: Vec::new(),
                access: Access::restored(snapshot.session.access.clone()),
                exchange_failures: 0,
                exchange_at: Millis(0),
                renew: false,
                problem: None,
            },
            shown: Shown { session: snapshot.session, ..Shown::default() },
            away: state.and_then(|state| state.flag("away")),
            unsettled: None,
            complaint: None,
            checks: Vec::new(),
            forbidden: Vec::new(),
            storage: Storage { failed: snapshot.storage_failed, ..Storage::default() },
            rng: Rng::with_seed(seed),
            http: 0,
            last_input: None,
            out: VecDeque::new(),
        }
    }

    /// Takes what happened at this moment. Then [`Bridge::poll`] is to be drained.
    pub fn handle(&mut self, now: Millis, input: Input) {
        if self.last_input.is_some_and(|last| now - last > SLEPT) {
            let step = self.link.woke(now);
            self.take_step(step, now);
        }
        self.last_input = Some(now);
        match input {
            Input::Started { online, forbidden } => {
                self.link = Link::new(online);
                self.forbidden = forbidden;
                self.configure(now);
            }
            Input::SocketOpened { epoch } => {
                let step = self.link.opened(epoch, now);
                self.ask_own_ext();
                self.take_step(step, now);
            }
            Input::SocketFrame { epoch, text } => {
                if self.link.is_current(epoch) {
                    self.link.heard(now);
                    self.frame(text.reveal(), now);
                }
            }
            Input::SocketClosed { epoch } => {
                let step = self.link.closed(epoch, now, &mut self.rng);
                self.take_step(step, now);
            }
            Input::HttpDone { id, result } => self.http_done(id, &result, now),
            Input::Persisted { batch, stored } => self.persisted(batch, stored, now),
            Input::Asked { ask, sender, request } => self.asked(ask, sender, request, now),
            // Said anew below, for the shell forgets a moment that has come.
            Input::Wake => self.shown.wake_at = None,
            Input::Online(online) => {
                let step = self.link.online(online, now);
                self.take_step(step, now);
                if online {
                    self.crm.outbox.hurry();
                    self.crm.exchange_at = Millis(0);
                }
            }
            Input::Permissions { forbidden } => {
                if forbidden != self.forbidden {
                    self.forbidden = forbidden;
                    self.configure(now);
                }
            }
        }
        self.drive(now);
    }

    /// The next thing to do, until there is none.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Starts everything anew with the settings in force.
    fn configure(&mut self, now: Millis) {
        self.rest.clear();
        self.crm.access.abandon();
        self.crm.exchange_failures = 0;
        self.crm.exchange_at = Millis(0);
        self.crm.problem = None;
        self.crm.outbox.resume();
        let phonet = self.settings.phonet.as_ref();
        let forbidden = phonet.and_then(|phonet| self.missing_permission(&phonet.address));
        let step = self.link.configure(phonet.is_some(), forbidden, now);
        self.take_step(step, now);
        self.ask_for_checks();
    }

    /// What to tell the user where the browser does not let us reach an origin.
    fn missing_permission(&self, origin: &String) -> Option<Problem> {
        self.forbidden.contains(origin).then(|| Problem::about(Code::PermissionMissing, &[origin]))
    }

    /// Does everything that is due, stores what has changed, shows it, and says when to be woken.
    fn drive(&mut self, now: Millis) {
        let live = self.calls.live().next().is_some();
        // A handshake that timed out is closed, asked about, and perhaps tried again, all at once.
        for _ in 0..3 {
            let step = self.link.step(live, now, &mut self.rng);
            self.take_step(step, now);
        }
        if self.dials.expire(now) {
            self.storage.dirty = true;
        }
        self.settle_history(now);
        self.ask_exchange();
        self.deliver(now);
        self.finish_checks();
        self.persist(now);
        self.show(now);
    }

    fn take_step(&mut self, step: Option<Step>, now: Millis) {
        match step {
            None => {}
            Some(Step::Open(epoch)) => {
                if let Some(phonet) = &self.settings.phonet {
                    let url = connector::connector_url(
                        &phonet.address,
                        &phonet.domain,
                        phonet.api_key.reveal(),
                        &phonet.subscriber,
                    );
                    self.out.push_back(Output::OpenSocket { epoch, url });
                }
            }
            Some(Step::Close(epoch)) => self.out.push_back(Output::CloseSocket { epoch }),
            Some(Step::AskKey) => self.ask_key(),
            Some(Step::AskCalls { in_doubt }) => self.ask_calls(in_doubt, now),
        }
    }

    fn http_done(&mut self, id: u32, result: &Result<HttpAnswer, HttpFailure>, now: Millis) {
        if self.delivery_answered(id, result, now) || self.key_exchanged(id, result, now) {
            return;
        }
        let Some(phonet) = &self.settings.phonet else { return };
        match self.rest.answered(id, result, self.http.wrapping_add(1), phonet) {
            Some(Progress::Next(request)) => {
                let id = self.next_http();
                self.out.push_back(Output::Http { id, request });
            }
            Some(Progress::Done(question, result)) => self.exchange_answered(question, result, now),
            None => {}
        }
    }

    fn next_http(&mut self) -> u32 {
        self.http = self.http.wrapping_add(1);
        self.http
    }

    // ── Storing ──────────────────────────────────────────────────────────────────────────────────────────────────

    fn store_row(&mut self, id: u32) {
        if let Some(json) = self.crm.outbox.get(id).and_then(|row| serde_json::to_string(row).ok()) {
            self.storage.writes.push(Write::PutRow { id, json: Private::new(json) });
        }
    }

    /// Stores what has changed, in one batch. After a failure everything is stored anew.
    fn persist(&mut self, now: Millis) {
        let resave = self.storage.resave_at.is_some_and(|at| at <= now);
        if !self.storage.dirty && self.storage.writes.is_empty() && !resave {
            return;
        }
        if self.storage.failed {
            self.storage.resave_at = None;
            self.storage.resaving = Some(self.storage.batch + 1);
            self.storage.writes.clear();
            self.storage.writes.push(Write::ClearRows);
            let rows: Vec<_> = self.crm.outbox.rows().iter().map(|row| row.id).collect();
            rows.into_iter().for_each(|id| self.store_row(id));
            let json = self.settings.to_json();
            self.storage.writes.push(Write::Document { name: DocumentName::Settings, json });
        }
        let state = State { version: VERSION, calls: &self.calls, dials: &self.dials, away: self.away };
        if let Ok(json) = serde_json::to_string(&state) {
            self.storage.writes.push(Write::Document { name: DocumentName::State, json: Private::new(json) });
        }
        self.storage.batch += 1;
        self.storage.dirty = false;
        let batch = self.storage.batch;
        self.crm.outbox.batched(batch);
        self.storage.dials.extend(self.storage.unsaved_dial.take().map(|key| (batch, key)));
        self.out.push_back(Output::Persist { batch, writes: std::mem::take(&mut self.storage.writes) });
    }

    /// What waited for this batch may go out now. Where the database fails, the user is told and memory carries on.
    fn persisted(&mut self, batch: u32, stored: bool, now: Millis) {
        if !stored {
            self.storage.failed = true;
            self.storage.resaving = None;
            self.storage.resave_at = Some(now + RESAVE);
        } else if self.storage.resaving == Some(batch) {
            self.storage.failed = false;
            self.storage.resaving = None;
        }
        self.crm.outbox.stored(batch);
        let keys: Vec<_> = self.storage.dials.extract_if(.., |(with, _)| *with <= batch).map(|(_, key)| key).collect();
        for key in keys {
            self.send_dial(&key);
        }
    }

    fn send_dial(&mut self, key: &str) {
        let Some(dial) = self.dials.get(key).filter(|dial| dial.state == DialState::Saving) else { return };
        let state = match self.link.open_epoch() {
            Some(epoch) => {
                let text = connector::click2call(dial.number.reveal());
                self.out.push_back(Output::SendFrame { epoch, text });
                DialState::Sent
            }
            None => DialState::Failed { problem: Problem::new(Code::DialOffline) },
        };
        self.dials.set(key, state);
        self.storage.dirty = true;
    }

    // ── Showing ──────────────────────────────────────────────────────────────────────────────────────────────────

    fn status(&self, now: Millis) -> StatusView {
        let seen = self.seen(now);
        let (waiting, failed) = self.crm.outbox.counts();
        StatusView {
            link: self.link.view(),
            crm: self.crm_problem(now),
            storage: self.storage.failed.then(|| Problem::new(Code::StorageFailed)),
            exchange: self
                .complaint
                .as_ref()
                .filter(|(_, at)| *at + COMPLAINT > now)
                .map(|(problem, _)| problem.clone()),
            away: self.away,
            current: self.calls.live().map(|call| seen.call(call)).collect(),
            recent: self
                .calls
                .ended()
                .enumerate()
                // An older one that is not delivered yet must stay within reach.
                .filter(|(place, call)| *place < RECENT || self.crm.outbox.of_call(&call.id).is_some())
                .map(|(_, call)| seen.call(call))
                .collect(),
            dials: seen.dials(),
            waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
            failed: u32::try_from(failed).unwrap_or(u32::MAX),
        }
    }

    /// Puts out what has changed for anybody outside, and the moment of the next wake.
    fn show(&mut self, now: Millis) {
        let page = self.seen(now).page(self.link.view());
        if has_changed(&mut self.shown.page, &page) {
            self.out.push_back(Output::View(page));
        }
        let status = self.status(now);
        if has_changed(&mut self.shown.status, &status) {
            self.out.push_back(Output::Status(status));
        }
        let session = Session { access: self.crm.access.kept().cloned() };
        if self.shown.session != session {
            self.shown.session = session.clone();
            self.out.push_back(Output::Remember(session));
        }
        let wanted = self.settings.phonet.is_some();
        if self.shown.keep_alive.replace(wanted) != Some(wanted) {
            self.out.push_back(Output::KeepAlive(wanted));
        }
        let wake_at = self.next_wake(now);
        if self.shown.wake_at.replace(wake_at) != Some(wake_at) {
            self.out.push_back(Output::WakeAt(wake_at));
        }
    }

    fn next_wake(&self, now: Millis) -> Option<Millis> {
        let live = self.calls.live().next().is_some();
        let exchange = (self.crm.outbox.counts().0 > 0).then_some(self.crm.exchange_at);
        let history = self.unsettled.as_ref().map(|unsettled| unsettled.not_before);
        let complaint = self.complaint.as_ref().map(|(_, at)| *at + COMPLAINT);
        [
            self.link.next_wake(live),
            self.dials.next_wake(now),
            self.crm.outbox.next_wake(now),
            self.seen(now).next_wake(),
            self.storage.resave_at,
            exchange,
            history,
            complaint,
        ]
        .into_iter()
        .flatten()
        // What was due is under way: its answer brings the next step.
        .filter(|at| *at > now)
        .min()
    }
}
