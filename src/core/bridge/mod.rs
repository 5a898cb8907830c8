//! The one door: every input is taken here, and every output comes out here.

mod crm;
mod dialling;
mod integration;
mod listing;
mod phonet;
mod relay;
mod requests;
mod storing;

use std::collections::VecDeque;

use fastrand::Rng;

use self::storing::{Storage, VERSION};
use crate::{
    Millis,
    core::{
        access::Access,
        calls::Calls,
        cards::Cards,
        check::Check,
        commands::Commands,
        dials::{Dial, Dials},
        integration::Integration,
        io::{Input, Output, Session, Snapshot, SocketName, Toolbar},
        link::{Link, Step},
        log::Log,
        outbox::{Outbox, Row},
        recordings::Recordings,
        recovery::{Page, Recovery},
        redirect::Redirects,
        relay::Relay,
        rest::{Progress, Rest},
    },
    exchange::{Exchange, ExchangeName},
    http::{HttpAnswer, HttpFailure},
    json::{self, Fields},
    phonet::connector,
    private::Private,
    problem::{Code, Problem},
    protocol::{AlertsView, CheckItem, LinkState, Message, PageView, SelectedView, StatusView},
    settings::Settings,
};

/// How long the exchange's last unreadable message is shown.
const COMPLAINT: Millis = Millis::mins(10);
/// The shell wakes the core every half minute while a connection is wanted: after a longer gap the computer slept.
const SLEPT: Millis = Millis::secs(90);
/// Within which time after the opening of the socket the history is read.
const AFTER_OPENING: Millis = Millis::secs(10);
/// A clock that is set back by less than this is only being corrected.
const CORRECTED: Millis = Millis::secs(5);

/// The state machine. Feed it with [`Bridge::handle`], then drain [`Bridge::poll`].
#[derive(Debug)]
pub struct Bridge {
    settings: Settings,
    link: Link,
    rest: Rest<Question>,
    /// Whether REST has answered as it should since the settings are in force.
    rest_works: bool,
    /// The exchanges beside Phonet.
    elsewhere: Vec<Box<dyn Exchange>>,
    /// Who waits for what they are hanging up there: who asked, and the call.
    hang_ups: Vec<(Asker, String)>,
    /// A lane of its own for recordings: they take long.
    files: Rest<Recording>,
    recordings: Recordings,
    recovery: Recovery,
    calls: Calls,
    /// The missed calls that the user has not looked at, the oldest first.
    missed: Vec<String>,
    cards: Cards,
    dials: Dials,
    relay: Relay,
    commands: Commands,
    /// What the relay handed out, as it is stored.
    handed: Private<String>,
    crm: Crm,
    integration: Integration,
    redirects: Redirects,
    away: Option<bool>,
    complaint: Option<(Problem, Millis)>,
    checks: Vec<Check>,
    /// The user's own settings before each of the last changes.
    undo: Vec<Private<String>>,
    forbidden: Vec<String>,
    /// The site to switch on once the browser grants access to it.
    wanted_site: Option<String>,
    /// The selection that the user wants to call.
    selected: Option<SelectedView>,
    storage: Storage,
    log: Log,
    /// Whether a newer version of the extension waits.
    update_waits: bool,
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
    /// Why the key that the relay handed out last is not taken.
    foreign_key: Option<Problem>,
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
    /// Which calls go on? Asked at this moment, where a socket is in doubt because of this one.
    Calls { asked_at: Millis, in_doubt: Option<u32> },
    /// Which calls are over?
    History(Page),
    /// Hang up a leg of this call; somebody waits for the answer.
    HangUp { asker: Asker, call: String },
    /// Who are the users? Somebody waits for the answer.
    Users { ask: u32 },
}

/// Who waits for what becomes of hanging up.
#[derive(Debug, PartialEq)]
enum Asker {
    /// Whoever asked under this number.
    Person(u32),
    /// The relay, by this command.
    Relay(String),
}

/// The recording under way is asked for.
#[derive(Debug)]
struct Recording;

/// What was put out last, so that only changes go out.
#[derive(Debug, Default)]
struct Shown {
    page: Option<PageView>,
    status: Option<Box<StatusView>>,
    alerts: Option<AlertsView>,
    keep_alive: Option<bool>,
    wake_at: Option<Option<Millis>>,
    session: Session,
    link: Option<LinkState>,
    checks: Vec<CheckItem>,
    sites: Option<Vec<String>>,
    toolbar: Option<Toolbar>,
}

/// Keeps a view as the one put out last, where it differs from that.
fn changed<T: Clone + PartialEq>(shown: &mut Option<T>, view: T) -> Option<T> {
    (shown.as_ref() != Some(&view)).then(|| shown.insert(view).clone())
}

impl Bridge {
    /// A bridge as it was left: what is stored is read leniently, and what cannot be read is left out.
    /// `seed` is fresh entropy; tests give a fixed one.
    pub fn new(settings: Settings, snapshot: Snapshot, seed: u64) -> Self {
        let state = snapshot.state.and_then(|state| json::parse(state.reveal()));
        let state = state.as_ref().and_then(Fields::of);
        let version = state.and_then(|state| state.number("version")).unwrap_or(VERSION);
        let rows = snapshot.rows.iter().filter_map(|row| Row::read(row.reveal()));
        let is_listed = state.and_then(|state| state.flag("listed")).unwrap_or_default();
        let mut bridge = Self {
            settings,
            link: Link::new(true),
            rest: Rest::default(),
            rest_works: false,
            elsewhere: Vec::new(),
            hang_ups: Vec::new(),
            files: Rest::default(),
            recordings: state.map(|state| Recordings::read(state.objects("recordings"))).unwrap_or_default(),
            recovery: state.and_then(|state| state.object("recovery")).map(Recovery::read).unwrap_or_default(),
            missed: state.map(|state| state.texts("missed")).unwrap_or_default(),
            calls: state
                .and_then(|state| state.object("calls"))
                .map(|calls| Calls::read(calls, version))
                .unwrap_or_default(),
            cards: state.and_then(|state| state.object("cards")).map(Cards::read).unwrap_or_default(),
            dials: state.map(|state| Dials::read(state.objects("dials"))).unwrap_or_default(),
            relay: Relay::new(true, Rng::with_seed(seed).u32(..)),
            commands: state.map(|state| Commands::read(state.objects("commands"))).unwrap_or_default(),
            handed: snapshot.handed.unwrap_or_default(),
            crm: Crm {
                outbox: Outbox::restored(rows.collect()),
                deliveries: Vec::new(),
                access: Access::restored(snapshot.session.access.clone(), snapshot.session.integration.clone()),
                exchange_failures: 0,
                exchange_at: Millis(0),
                renew: false,
                problem: None,
                foreign_key: None,
            },
            integration: Integration::default(),
            redirects: Redirects::default(),
            away: state.and_then(|state| state.flag("away")),
            complaint: None,
            checks: Vec::new(),
            undo: snapshot.session.undo.clone(),
            shown: Shown { session: snapshot.session, ..Shown::default() },
            forbidden: Vec::new(),
            wanted_site: None,
            selected: None,
            storage: Storage {
                failed: snapshot.storage_failed,
                unopened: snapshot.storage_failed,
                ..Storage::default()
            },
            log: Log::restored(&snapshot.lines),
            update_waits: false,
            rng: Rng::with_seed(seed),
            http: 0,
            last_input: None,
            out: VecDeque::new(),
        };
        bridge.list_is_known(is_listed);
        bridge
    }

    /// Takes what happened at this moment. Then [`Bridge::poll`] is to be drained.
    pub fn handle(&mut self, now: Millis, input: Input) {
        if let Some(last) = self.last_input
            && (now - last > SLEPT || last - now > CORRECTED)
        {
            self.log.add(now, "clock", if now > last { "slept" } else { "set back" });
            let step = self.link.woke(now);
            self.take_step(step, now);
            let step = self.relay.woke(now);
            self.take_relay_step(step);
            self.recovery.hurry();
        }
        self.last_input = Some(now);
        match input {
            Input::Started { online, forbidden } => {
                self.log.add(now, "started", env!("CARGO_PKG_VERSION"));
                self.link = Link::new(online);
                self.relay = Relay::new(online, self.relay.browser());
                self.forbidden = forbidden;
                self.configure(now);
            }
            Input::SocketOpened { socket: SocketName::Relay, epoch } => self.relay_opened(epoch, now),
            Input::SocketFrame { socket: SocketName::Relay, epoch, text } => {
                if self.relay.is_current(epoch) {
                    self.relay_frame(text.reveal(), epoch, now);
                }
            }
            Input::SocketClosed { socket: SocketName::Relay, epoch, clean } => {
                self.log.add(now, "relay", "closed");
                self.relay.closed(epoch, clean, now, &mut self.rng);
            }
            Input::SocketOpened { socket: SocketName::Exchange, epoch } => {
                self.log.add(now, "connection", "open");
                let step = self.link.opened(epoch, now);
                self.take_step(step, now);
                // All browsers come back at a time when the exchange does; they need not read its history at once.
                let spread = Millis(self.rng.i64(0..=AFTER_OPENING.0));
                self.recovery.due_by(now + spread);
            }
            Input::SocketFrame { socket: SocketName::Exchange, epoch, text } => {
                if self.link.is_current(epoch) {
                    self.link.heard(now);
                    self.frame(text.reveal(), now);
                }
            }
            Input::SocketClosed { socket: SocketName::Exchange, epoch, .. } => {
                self.log.add(now, "connection", "closed");
                let step = self.link.closed(epoch, now, &mut self.rng);
                self.take_step(step, now);
            }
            Input::HttpDone { id, result } => self.http_done(id, &result, now),
            Input::Persisted { batch, stored } => self.persisted(batch, stored, now),
            Input::Asked { ask, sender, request } => self.asked(ask, sender, request, now),
            // Said anew below, for the shell forgets a moment that has come.
            Input::Wake => self.shown.wake_at = None,
            Input::Online(online) => {
                self.log.add(now, "network", if online { "online" } else { "offline" });
                let step = self.link.online(online, now);
                self.take_step(step, now);
                let step = self.relay.online(online, now);
                self.take_relay_step(step);
                if online {
                    self.crm.outbox.hurry();
                    self.crm.exchange_at = Millis(0);
                    self.recovery.hurry();
                }
            }
            Input::Permissions { forbidden } => self.permitted(forbidden, now),
            Input::UpdateAvailable => self.update_waits = true,
            Input::Policy(policy) => self.governed(policy.as_ref(), now),
        }
        self.drive(now);
    }

    /// The next thing to do, until there is none.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Starts everything anew with the settings in force.
    fn configure(&mut self, now: Millis) {
        self.configure_phonet(now);
        self.configure_crm();
        self.configure_relay(now);
        self.join_exchanges(now);
        self.ask_for_checks();
    }

    /// Takes other settings. What they say otherwise starts anew; what they do not touch goes on.
    fn take_settings(&mut self, settings: Settings, now: Millis) {
        let before = std::mem::replace(&mut self.settings, settings);
        let after = &self.settings;
        let phonet = before.phonet != after.phonet || before.keyed_phonet() != after.keyed_phonet();
        let (uis, crm, relay) = (before.uis != after.uis, before.kontur != after.kontur, before.relay != after.relay);
        if before.origins() != after.origins() {
            self.ask_for_origins();
        }
        if phonet {
            self.configure_phonet(now);
        }
        if crm {
            self.configure_crm();
        }
        if relay {
            self.configure_relay(now);
        }
        if phonet || uis {
            self.join_exchanges(now);
        }
        if phonet || uis || crm || relay {
            self.ask_for_checks();
        }
    }

    fn configure_phonet(&mut self, now: Millis) {
        for question in self.rest.clear().collect::<Vec<_>>() {
            let problem = Problem::new(Code::PhonetConnectionLost);
            match question {
                Question::HangUp { asker, call } => self.told_hung_up(asker, call, Some(problem)),
                Question::Users { ask } => self.reply(ask, Message::Invalid { problems: vec![problem] }),
                _ => {}
            }
        }
        self.rest_works = false;
        self.break_transfer_off();
        if let Some(phonet) = &self.settings.phonet {
            self.storage.dirty |= self.recovery.configure(phonet.fingerprint(), now);
        }
        let phonet = self.settings.phonet.as_ref();
        let forbidden = phonet.and_then(|phonet| self.missing_permission(&phonet.address));
        let step = self.link.configure(phonet.is_some(), forbidden, now);
        self.take_step(step, now);
    }

    fn configure_crm(&mut self) {
        self.break_transfer_off();
        self.crm.access.abandon();
        self.crm.exchange_failures = 0;
        self.crm.exchange_at = Millis(0);
        self.crm.problem = None;
        self.crm.foreign_key = None;
        self.crm.outbox.resume();
        self.integration.begin_anew();
        if self.settings.kontur.as_ref().is_none_or(|kontur| !kontur.recordings) {
            self.storage.dirty |= self.recordings.discard_all();
        }
    }

    /// The recording under way from the exchange to the CRM begins anew.
    fn break_transfer_off(&mut self) {
        self.files = Rest::default();
        self.drop_file();
        self.recordings.abandon();
    }

    /// What to tell the user where the browser does not let us reach an origin.
    fn missing_permission(&self, origin: &str) -> Option<Problem> {
        self.forbidden.iter().any(|known| known == origin).then(|| Problem::about(Code::PermissionMissing, &[origin]))
    }

    /// Does everything that is due, stores what has changed, shows it, and says when to be woken.
    fn drive(&mut self, now: Millis) {
        // A handshake that timed out is closed, asked about, and perhaps tried again, all at once.
        for _ in 0..3 {
            let step = self.link.step(now, &mut self.rng);
            self.take_step(step, now);
        }
        let step = self.relay.step(now, &mut self.rng);
        self.take_relay_step(step);
        self.storage.dirty |= self.dials.expire(now);
        self.recover(now);
        self.ask_exchange();
        self.drive_exchanges(now);
        self.drive_integration(now);
        self.deliver(now);
        self.ask_responsible(now);
        self.transfer(now);
        self.advance_checks(now);
        self.persist(now);
        self.answer_relay(now);
        self.show(now);
        self.update(now);
    }

    /// Starts the newer version when nothing would be broken off.
    fn update(&mut self, now: Millis) {
        let is_idle = self.calls.live().next().is_none()
            && self.dials.iter().all(|dial| !dial.is_pending() && !dial.is_looked_for(now))
            && self.crm.deliveries.is_empty()
            && !self.recordings.is_busy()
            && self.integration.is_idle()
            && self.commands.is_idle()
            && self.storage.stored == self.storage.batch
            && !self.storage.failed;
        if self.update_waits && is_idle {
            self.update_waits = false;
            self.out.push_back(Output::Reload);
        }
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
                    self.out.push_back(Output::OpenSocket { socket: SocketName::Exchange, epoch, url });
                }
            }
            Some(Step::Close(epoch)) => {
                self.out.push_back(Output::CloseSocket { socket: SocketName::Exchange, epoch });
            }
            Some(Step::AskKey) => self.ask_key(),
            Some(Step::AskCalls { in_doubt }) => self.ask_calls(in_doubt, now),
        }
    }

    fn http_done(&mut self, id: u32, result: &Result<HttpAnswer, HttpFailure>, now: Millis) {
        if self.delivery_answered(id, result, now)
            || self.key_exchanged(id, result, now)
            || self.upload_answered(id, result, now)
            || self.integration_answered(id, result, now)
            || self.elsewhere.iter_mut().any(|exchange| exchange.answered(id, result, now))
        {
            return;
        }
        let Some(phonet) = self.settings.keyed_phonet() else { return };
        let next = self.http.wrapping_add(1);
        let request = match self.rest.answered(id, result, next, phonet) {
            Some(Progress::Next(request)) => request,
            Some(Progress::Done(question, result)) => return self.exchange_answered(question, result, now),
            None => match self.files.answered(id, result, next, phonet) {
                Some(Progress::Next(request)) => request,
                Some(Progress::Done(Recording, result)) => return self.recording_answered(id, &result, now),
                // Nobody waits any more for what the settings before had asked.
                None => {
                    return self.out.extend(
                        result.as_ref().ok().and_then(|answer| answer.file.as_ref()).map(|_| Output::DropFile { id }),
                    );
                }
            },
        };
        let id = self.next_http();
        self.out.push_back(Output::Http { id, request });
    }

    fn next_http(&mut self) -> u32 {
        self.http = self.http.wrapping_add(1);
        self.http
    }

    // ── Showing ──────────────────────────────────────────────────────────────────────────────────────────────────

    fn status(&self, now: Millis) -> Box<StatusView> {
        let seen = self.seen(now);
        let (waiting, failed) = seen.counts();
        Box::new(StatusView {
            link: self.link.view(),
            dialling: seen.dialling(self.settings.dials_with(None)),
            exchanges: seen.exchanges.clone(),
            relay: self.relay.view().map(Box::new),
            crm: self.crm_problem(now),
            storage: self.storage.failed.then(|| Problem::new(Code::StorageFailed)),
            exchange: self
                .complaint
                .as_ref()
                .filter(|(_, at)| !(*at + COMPLAINT).has_come(now, COMPLAINT))
                .map(|(problem, _)| problem.clone()),
            away: self.away,
            current: self.calls.live().map(|call| seen.call(call)).collect(),
            recent: seen.recent(),
            undelivered: seen.undelivered(),
            missed: self.missed.clone(),
            dials: seen.dials(),
            selected: self.selected.clone(),
            sites: self.sites(),
            sites_locked: self.settings.is_locked("sites"),
            waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
            failed: u32::try_from(failed).unwrap_or(u32::MAX),
        })
    }

    /// Puts out what has changed for anybody outside, and the moment of the next wake.
    fn show(&mut self, now: Millis) {
        let link = self.link.view();
        if self.shown.link.replace(link.state) != Some(link.state) {
            let why = link.problem.as_ref().map_or("", |problem| problem.code.name());
            self.log.add(now, "connection", format!("{:?} {why}", link.state).trim_end());
        }
        let sites = self.sites();
        if self.shown.sites.as_ref() != Some(&sites) {
            let shown = self.shown.sites.replace(sites.clone()).unwrap_or_default();
            self.out.push_back(Output::Sites(sites.clone()));
            let gone = shown.into_iter().filter(|origin| !sites.contains(origin));
            self.out.extend(gone.map(|origin| Output::Off { origin }));
        }
        let page = self.seen(now).page(link);
        self.out.extend(changed(&mut self.shown.page, page).map(Output::View));
        let alerts = self.seen(now).alerts(&self.link.view());
        self.out.extend(changed(&mut self.shown.alerts, alerts).map(Output::Alerts));
        let status = self.status(now);
        self.out.extend(changed(&mut self.shown.status, status).map(Output::Status));
        let toolbar = self.toolbar(now);
        if self.shown.toolbar.replace(toolbar) != Some(toolbar) {
            self.out.push_back(Output::Toolbar(toolbar));
        }
        let session = Session {
            access: self.crm.access.kept().cloned(),
            integration: self.crm.access.integration().map(str::to_owned),
            uis: self.elsewhere.iter().find_map(|exchange| exchange.session()).cloned(),
            undo: self.undo.clone(),
        };
        if self.shown.session != session {
            self.shown.session = session.clone();
            self.out.push_back(Output::Remember(session));
        }
        // Without a connection the worker is needed while a call of another exchange goes on.
        let is_elsewhere =
            |dial: &Dial| dial.is_looked_for(now) || (dial.exchange != ExchangeName::Phonet && dial.is_pending());
        let wanted = self.settings.phonet.is_some()
            || self.settings.relay.is_some()
            || self.calls.live().any(|call| call.exchange != ExchangeName::Phonet)
            || self.dials.iter().any(is_elsewhere);
        // Where the settings could not be read, nobody knows whether a connection is wanted.
        if !self.storage.unopened && self.shown.keep_alive.replace(wanted) != Some(wanted) {
            self.out.push_back(Output::KeepAlive(wanted));
        }
        let wake_at = self.next_wake(now);
        if self.shown.wake_at.replace(wake_at) != Some(wake_at) {
            self.out.push_back(Output::WakeAt(wake_at));
        }
    }

    fn next_wake(&self, now: Millis) -> Option<Millis> {
        let exchange = (self.crm.outbox.waits() || self.crm.problem.is_some()).then_some(self.crm.exchange_at);
        let recovery = self.settings.phonet.as_ref().map(|_| self.recovery.due_at());
        let complaint = self.complaint.as_ref().map(|(_, at)| *at + COMPLAINT);
        [
            self.link.next_wake(),
            self.relay.next_wake(),
            self.commands.next_wake(),
            self.dials.next_wake(now),
            self.crm.outbox.next_wake(now),
            self.recordings.next_wake(),
            self.redirects.next_wake(),
            self.seen(now).next_wake(),
            self.storage.resave_at,
            self.log.due_at(),
            exchange,
            recovery,
            complaint,
            self.elsewhere.iter().filter_map(|exchange| exchange.next_wake()).min(),
        ]
        .into_iter()
        .flatten()
        // What was due is under way: its answer brings the next step.
        .filter(|at| *at > now)
        .min()
    }
}
