//! UIS behind the port: one request at a time; a login before it where one is needed; and while a call of ours is live, the list of
//! calls again and again, for the service tells nothing by itself.

use std::{collections::VecDeque, fmt};

use serde_json::Value;

use super::{
    fault::{Failure, Secret},
    rpc::{self, Answer, Id, Limits},
    v1::{self, Authenticate, Authenticated, PlaceCalls, Placed},
    v4::{self, CallDirection, CallSession, ListCalls, LoggedIn, LoginUser, ReleaseCall, Released, StartCall, Started},
};
use crate::{
    Millis,
    exchange::{
        Abilities, CallEvent, Contact, Entity, EntityKind, EventKind, Exchange, ExchangeName, LegDirection, News,
    },
    http::{AccessKey, Body, HttpAnswer, HttpFailure, HttpRequest, Method},
    private::Private,
    problem::{Code, Problem},
    settings::{self, Credentials, UisVersion},
};

/// A session key is renewed before its hour is over.
const KEY_LIFETIME: Millis = Millis::mins(58);
/// How long the service may take to dial, in milliseconds: given up too early, nobody knows what became of the dial.
const DIAL_TIMEOUT: u32 = 20_000;
/// How long it may take for anything else: a click waits behind it.
const TIMEOUT: u32 = 8_000;
/// How often the calls are looked at while one rings.
const RINGING: Millis = Millis::secs(3);
/// How often, while people talk.
const TALKING: Millis = Millis::secs(5);
/// How often, while the minute's points run low: dials come first.
const SPARING: Millis = Millis::secs(15);
/// The longest wait between two looks, when they fail.
const LONGEST_WAIT: Millis = Millis::secs(60);
/// How long a new call may be missing from the list before it counts as over.
const UNLISTED: Millis = Millis::secs(10);
/// How late a dial may still go out: after that nobody waits for it.
const PROMPT: Millis = Millis::secs(10);
/// After so long without a look nobody can say when a call ended; and so often it is said that one still goes on.
const UNSEEN: Millis = Millis::mins(1);
/// How long the call of a dial without an answer is looked for.
const LOOKED_FOR: Millis = Millis::secs(60);
/// The code of both versions for a failure of the service's own.
const INTERNAL_ERROR: i64 = -32603;
/// What our names of calls begin with.
const CALL: &str = "uis-";

/// UIS as an exchange.
pub struct Uis {
    settings: settings::Uis,
    session: Option<AccessKey>,
    waiting: VecDeque<Task>,
    current: Option<Current>,
    calls: Vec<Call>,
    lost: Vec<Lost>,
    look_at: Millis,
    failed_looks: u32,
    /// Whether the company's tariff and the user's rights let us look at the calls, once it is known: else they are only dialled.
    sees: Option<bool>,
    news: VecDeque<News>,
}

/// What is to be done.
struct Task {
    errand: Errand,
    /// Whether a login was made for it.
    logged_in: bool,
    /// Whether the service refused a session key for it, which is borne once.
    renewed: bool,
}

impl Task {
    fn new(errand: Errand) -> Self {
        Self { errand, logged_in: false, renewed: false }
    }
}

enum Errand {
    Dial { key: String, number: Private<String>, asked_at: Millis },
    HangUp { call: String },
    Check,
    Look,
}

/// The request that is under way.
struct Current {
    http: u32,
    task: Task,
    secret: Secret,
}

/// A call of ours that is followed.
struct Call {
    session: u64,
    number: Private<String>,
    since: Millis,
    dial_at: Option<Millis>,
    bridge_at: Option<Millis>,
    answered: bool,
    listed: bool,
    /// When it was known to go on last, by this computer's clock.
    seen_at: Millis,
    /// How it was said to go on last, by this life of the worker, and when.
    told: Option<EventKind>,
    told_at: Millis,
    /// The key of its dial, while it is not known whether we may look at it.
    unannounced: Option<String>,
}

/// A dial of which nobody knows what became.
struct Lost {
    key: String,
    number: Private<String>,
    since: Millis,
    /// Whether that has been said.
    told: bool,
}

impl Uis {
    /// Goes on with the session key that memory-only storage kept.
    pub fn new(settings: &settings::Uis, session: Option<AccessKey>) -> Self {
        Self {
            settings: settings.clone(),
            session,
            waiting: VecDeque::new(),
            current: None,
            calls: Vec::new(),
            lost: Vec::new(),
            look_at: Millis(0),
            failed_looks: 0,
            sees: None,
            news: VecDeque::new(),
        }
    }

    fn is_v1(&self) -> bool {
        self.settings.version == UisVersion::V1
    }

    fn ask(&mut self, errand: Errand) {
        self.waiting.push_back(Task::new(errand));
    }

    fn is_following(&self) -> bool {
        !self.calls.is_empty() || !self.lost.is_empty()
    }

    /// A key that is good now, and which one it is.
    fn key(&self, now: Millis) -> Option<(Secret, Private<String>)> {
        if let (Credentials::Token { token }, false) = (&self.settings.credentials, self.is_v1()) {
            return Some((Secret::Token, token.clone()));
        }
        let fresh = |key: &&AccessKey| {
            let age = now - key.obtained_at;
            key.fingerprint == self.settings.fingerprint() && age >= Millis(0) && age < KEY_LIFETIME
        };
        self.session.as_ref().filter(fresh).map(|key| (Secret::SessionKey, key.key.clone()))
    }

    /// The request of a task, or the login that it needs first; the name of a parameter where it would be refused.
    fn request(&self, task: &Task, id: &Id, now: Millis) -> Result<(Secret, Private<String>), &'static str> {
        // In a check, the login itself is in question.
        let logs_in_first = matches!(task.errand, Errand::Check) && !task.logged_in;
        let key = self.key(now).filter(|(secret, _)| *secret == Secret::Token || !logs_in_first);
        let shown = key.as_ref().map(|(_, key)| key.clone()).unwrap_or_default();
        // Made even without a key: what would be refused needs no login.
        let body = match &task.errand {
            Errand::Dial { key, number, .. } => {
                let number = Private::new(number.reveal().trim_start_matches('+').to_owned());
                self.dial_request(id, key, number, shown)?
            }
            Errand::HangUp { call } => {
                let call_session_id = session_of(call).filter(|_| !self.is_v1()).ok_or("call_session_id")?;
                rpc::request(id, v4::RELEASE_CALL, &ReleaseCall { access_token: shown, call_session_id })
            }
            Errand::Check | Errand::Look => {
                let direction = Some(CallDirection::Out);
                rpc::request(
                    id,
                    v4::LIST_CALLS,
                    &ListCalls { access_token: shown, direction, virtual_phone_number: None },
                )
            }
        };
        match key {
            Some((secret, _)) => Ok((secret, body)),
            None => Ok((Secret::Login, self.login_request(id)?)),
        }
    }

    fn dial_request(
        &self,
        id: &Id,
        key: &str,
        number: Private<String>,
        shown: Private<String>,
    ) -> Result<Private<String>, &'static str> {
        if self.is_v1() {
            let params = PlaceCalls::new(&self.settings, shown, number);
            return params.wrong().map_or_else(|| Ok(rpc::request(id, v1::PLACE_CALLS, &params)), Err);
        }
        let params = StartCall::new(&self.settings, shown, number, key)?;
        Ok(rpc::request(id, params.agent.method(), &params))
    }

    fn login_request(&self, id: &Id) -> Result<Private<String>, &'static str> {
        // Only version 4.0 takes a permanent key.
        let Credentials::Login { login, password } = &self.settings.credentials else { return Err("login") };
        let (login, password) = (login.clone(), password.clone());
        Ok(if self.is_v1() {
            rpc::request(id, v1::AUTHENTICATE, &Authenticate { login, password })
        } else {
            rpc::request(id, v4::LOGIN_USER, &LoginUser { login, password })
        })
    }

    fn post(&self, task: &Task, secret: Secret, body: Private<String>) -> HttpRequest {
        let is_dial = matches!(task.errand, Errand::Dial { .. }) && secret != Secret::Login;
        HttpRequest {
            method: Method::Post,
            url: format!("{}{}", self.settings.address, if self.is_v1() { v1::PATH } else { v4::PATH }),
            // The document demands that the charset be named; it is what JSON has anyway.
            headers: vec![("Content-Type", "application/json; charset=UTF-8".into())],
            body: Body::Json(body),
            keep: false,
            cookies: false,
            timeout: if is_dial { DIAL_TIMEOUT } else { TIMEOUT },
        }
    }

    fn logged_in(&mut self, mut task: Task, result: &Value, now: Millis) -> Result<(), (Task, Failure)> {
        let key = if self.is_v1() {
            Authenticated::read(result).map(|authenticated| authenticated.session_key)
        } else {
            v4::data(result).and_then(LoggedIn::read).map(|logged_in| logged_in.access_token)
        };
        let Some(key) = key else { return Err((task, Failure::Unreadable)) };
        self.session = Some(AccessKey { key, obtained_at: now, fingerprint: self.settings.fingerprint() });
        if self.is_v1() && matches!(task.errand, Errand::Check) {
            self.news.push_back(News::Checked { problem: None });
        } else {
            task.logged_in = true;
            self.waiting.push_front(task);
        }
        Ok(())
    }

    /// A request has its result.
    fn done(&mut self, errand: &Errand, result: &Value, at: Millis, now: Millis) -> Result<(), Failure> {
        let data = || v4::data(result).ok_or(Failure::Unreadable);
        match errand {
            Errand::Dial { key, .. } if self.is_v1() => {
                let key = key.clone();
                self.news.push_back(match Placed::read(result).ok_or(Failure::Unreadable)? {
                    Placed::Success => News::Accepted { key, call: None },
                    Placed::Fail => News::Refused { key, problem: Problem::new(Code::UisDialFailed) },
                });
            }
            Errand::Dial { key, number, .. } => {
                let started = Started::read(data()?).ok_or(Failure::Unreadable)?;
                if self.sees == Some(false) {
                    self.news.push_back(News::Accepted { key: key.clone(), call: None });
                } else {
                    self.begin(key, number, started.call_session_id, at, now);
                }
            }
            Errand::HangUp { call } => {
                let released = Released::read(data()?).ok_or(Failure::Unreadable)?;
                let problem = (!released.success).then(|| Problem::new(Code::UisWrongState));
                // From now on it is over as soon as it is not listed, though it may never have been.
                let session = session_of(call).filter(|_| released.success);
                self.calls.iter_mut().filter(|call| Some(call.session) == session).for_each(|call| call.listed = true);
                self.news.push_back(News::HungUp { call: call.clone(), problem });
                self.look_at = now;
            }
            Errand::Check => {
                CallSession::read_all(data()?).ok_or(Failure::Unreadable)?;
                self.sees = Some(true);
                self.news.push_back(News::Checked { problem: None });
            }
            Errand::Look => {
                let sessions = CallSession::read_all(data()?).ok_or(Failure::Unreadable)?;
                self.looked(&sessions, at, now);
                let limits = v4::metadata(result).map(|metadata| metadata.limits).unwrap_or_default();
                self.look_at = now + self.pace(&limits);
                self.failed_looks = 0;
            }
        }
        Ok(())
    }

    fn failed(&mut self, mut task: Task, failure: &Failure, secret: Secret, now: Millis) {
        let version = self.settings.version;
        if let Failure::Fault(fault) = failure
            && fault.is_of_session(version, secret)
            && !task.renewed
        {
            task.renewed = true;
            self.session = None;
            self.waiting.push_front(task);
            return;
        }
        let problem = failure.problem(version, secret, &self.settings.address);
        match task.errand {
            Errand::Dial { key, number, .. } => {
                let code = match failure {
                    // The service itself failed, perhaps after it had begun.
                    Failure::Fault(fault) if fault.code == INTERNAL_ERROR => Some(Code::UisDialUnanswered),
                    Failure::Fault(_) => None,
                    Failure::Unreadable => Some(Code::UisDialUnclear),
                    Failure::Silence | Failure::Status(_) => Some(Code::UisDialUnanswered),
                };
                let Some(code) = code.filter(|_| secret != Secret::Login) else {
                    self.news.push_back(News::Refused { key, problem });
                    return;
                };
                self.news.push_back(News::Unknown { key: key.clone(), problem: Problem::new(code) });
                if !self.is_v1() {
                    self.lose(key, number, now, true);
                }
            }
            Errand::HangUp { call } => {
                self.news.push_back(News::HungUp { call, problem: Some(problem) });
                self.look_at = now;
            }
            Errand::Check => self.news.push_back(News::Checked { problem: Some(problem) }),
            Errand::Look if matches!(failure, Failure::Fault(fault) if fault.is_of_rights(version)) => self.go_blind(),
            Errand::Look => {
                self.failed_looks += 1;
                self.look_at = now + self.wait_after(failure);
            }
        }
    }

    /// Nobody may look at the calls: what goes on is lost sight of, and from now on calls are only dialled.
    fn go_blind(&mut self) {
        self.sees = Some(false);
        for call in std::mem::take(&mut self.calls) {
            self.news.push_back(match call.unannounced {
                Some(key) => News::Accepted { key, call: None },
                None => News::Lost { call: call.id() },
            });
        }
        let unknown = |lost: Lost| News::Unknown { key: lost.key, problem: Problem::new(Code::UisDialUnanswered) };
        self.news.extend(self.lost.drain(..).filter(|lost| !lost.told).map(unknown));
    }

    /// A task that would be refused, for its sake or for the settings'.
    fn refuse(&mut self, errand: Errand, parameter: &str, now: Millis) {
        let problem = Problem::about(Code::UisWrongParameter, &[parameter]);
        match errand {
            Errand::Dial { key, .. } => self.news.push_back(News::Refused { key, problem }),
            Errand::HangUp { call } => {
                self.news.push_back(News::HungUp { call, problem: Some(problem) });
            }
            Errand::Check => self.news.push_back(News::Checked { problem: Some(problem) }),
            Errand::Look => self.look_at = now + LONGEST_WAIT,
        }
    }

    fn begin(&mut self, key: &str, number: &Private<String>, session: u64, at: Millis, now: Millis) {
        let mut call = Call {
            session,
            number: number.clone(),
            since: now,
            dial_at: Some(at),
            bridge_at: None,
            answered: false,
            listed: false,
            seen_at: now,
            told: Some(EventKind::Dial),
            told_at: now,
            unannounced: Some(key.to_owned()),
        };
        // What cannot be followed is not told of: the first look says.
        let sees = self.sees == Some(true);
        if sees {
            self.announce(&mut call);
        }
        self.calls.push(call);
        self.look_at = if sees { now + RINGING } else { now };
    }

    fn announce(&mut self, call: &mut Call) {
        if let (Some(key), Some(at)) = (call.unannounced.take(), call.dial_at) {
            self.news.push_back(News::Accepted { key, call: Some(call.id()) });
            self.tell(call, EventKind::Dial, at);
        }
    }

    fn tell(&mut self, call: &Call, kind: EventKind, at: Millis) {
        self.news.push_back(News::Event(Box::new(CallEvent {
            exchange: ExchangeName::Uis,
            kind,
            uuid: call.id(),
            parent_uuid: None,
            direction: LegDirection::Outgoing,
            leg: Some(Entity { kind: EntityKind::User, ext: None, name: None, own: true }),
            leg2: None,
            client: Contact { number: Some(call.number.clone()), ..Contact::default() },
            dial_at: call.dial_at,
            bridge_at: call.bridge_at,
            server_time: Some(at),
            line: Some(self.settings.virtual_number.clone()),
            line_name: None,
        })));
    }

    fn lose(&mut self, key: String, number: Private<String>, since: Millis, told: bool) {
        self.lost.push(Lost { key, number, since, told });
        self.look_at = since;
    }

    fn looked(&mut self, sessions: &[CallSession], at: Millis, now: Millis) {
        self.sees = Some(true);
        for lost in std::mem::take(&mut self.lost) {
            let found = sessions.iter().find(|session| session.external_id.as_ref() == Some(&lost.key));
            match found {
                Some(session) => self.begin(&lost.key, &lost.number, session.call_session_id, at, now),
                None if !(lost.since + LOOKED_FOR).has_come(now, LOOKED_FOR) => self.lost.push(lost),
                None if lost.told => {}
                None => {
                    let problem = Problem::new(Code::UisDialUnanswered);
                    self.news.push_back(News::Unknown { key: lost.key, problem });
                }
            }
        }
        for mut call in std::mem::take(&mut self.calls) {
            let session = sessions.iter().find(|session| session.call_session_id == call.session);
            self.announce(&mut call);
            // Who looks too late knows only until when it went on.
            let unseen = if now - call.seen_at > UNSEEN { now - call.seen_at } else { Millis(0) };
            if let Some(session) = session {
                call.listed = true;
                call.seen_at = now;
                if !call.answered && session.is_answered() {
                    call.answered = true;
                    call.bridge_at = Some(at);
                }
            }
            let is_over = match session {
                Some(session) => session.is_over(),
                None => call.listed || (call.since + UNLISTED).has_come(now, UNLISTED),
            };
            if is_over {
                self.tell(&call, EventKind::Hangup, at - unseen);
                continue;
            }
            if let Some(session) = session {
                let goes_on = match (call.answered, session.is_held()) {
                    (false, _) => EventKind::Dial,
                    (true, false) => EventKind::Bridge,
                    (true, true) => EventKind::Hold,
                };
                if call.told != Some(goes_on) || (call.told_at + UNSEEN).has_come(now, UNSEEN) {
                    call.told = Some(goes_on);
                    call.told_at = now;
                    self.tell(&call, goes_on, at);
                }
            }
            self.calls.push(call);
        }
    }

    /// How long to wait until the next look.
    fn pace(&self, limits: &Limits) -> Millis {
        let is_talk = self.lost.is_empty() && self.calls.iter().all(|call| call.answered);
        let usual = if is_talk { TALKING } else { RINGING };
        match (limits.minute_remaining, limits.minute_limit) {
            (Some(0), _) => wait_of(limits).unwrap_or(SPARING),
            (Some(left), Some(limit)) if left < limit / 4 => SPARING,
            _ => usual,
        }
    }

    /// How long to wait after a look that failed.
    fn wait_after(&self, failure: &Failure) -> Millis {
        let told = match failure {
            Failure::Fault(fault) if fault.is_of_limits(self.settings.version) => fault.limits(),
            _ => None,
        };
        let doubled = RINGING.0 << self.failed_looks.min(5);
        told.as_ref().and_then(wait_of).unwrap_or(Millis(doubled)).min(LONGEST_WAIT)
    }
}

/// How long until the minute's points are there again.
fn wait_of(limits: &Limits) -> Option<Millis> {
    limits.minute_reset.map(|seconds| Millis::secs(i64::from(seconds).max(1)).min(LONGEST_WAIT))
}

/// The service's name of a call of ours.
fn session_of(call: &str) -> Option<u64> {
    call.strip_prefix(CALL)?.parse().ok()
}

impl Call {
    /// The call's `externalId`.
    fn id(&self) -> String {
        format!("{CALL}{}", self.session)
    }
}

impl fmt::Debug for Uis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Uis")
    }
}

impl Exchange for Uis {
    fn name(&self) -> ExchangeName {
        ExchangeName::Uis
    }

    fn abilities(&self) -> Abilities {
        let follows = !self.is_v1() && self.sees != Some(false);
        Abilities { dial: true, hang_up: follows, follow: follows, history: false, presence: false }
    }

    fn origin(&self) -> &str {
        &self.settings.address
    }

    fn dial(&mut self, key: &str, number: &Private<String>, now: Millis) {
        self.ask(Errand::Dial { key: key.to_owned(), number: number.clone(), asked_at: now });
    }

    fn look_for(&mut self, key: &str, number: &Private<String>, sent_at: Millis) {
        if self.is_v1() {
            let problem = Problem::new(Code::UisDialUnanswered);
            self.news.push_back(News::Unknown { key: key.to_owned(), problem });
        } else {
            self.lose(key.to_owned(), number.clone(), sent_at, false);
        }
    }

    fn follow(&mut self, call: &str, number: &Private<String>, answered: bool, heard_at: Millis, now: Millis) {
        let Some(session) = session_of(call).filter(|_| !self.is_v1()) else {
            return self.news.push_back(News::Lost { call: call.to_owned() });
        };
        if self.calls.iter().all(|call| call.session != session) {
            let number = number.clone();
            self.calls.push(Call {
                session,
                number,
                since: now,
                dial_at: None,
                bridge_at: None,
                answered,
                listed: false,
                seen_at: heard_at.min(now),
                told: None,
                told_at: heard_at.min(now),
                unannounced: None,
            });
        }
    }

    fn hang_up(&mut self, call: &str) {
        self.ask(Errand::HangUp { call: call.to_owned() });
    }

    fn check(&mut self) {
        self.ask(Errand::Check);
    }

    fn next(&mut self, http: u32, now: Millis) -> Option<HttpRequest> {
        if self.current.is_some() {
            return None;
        }
        loop {
            let task = match self.waiting.pop_front() {
                Some(task) => task,
                None if self.is_following() && self.look_at.has_come(now, LONGEST_WAIT) => Task::new(Errand::Look),
                None => return None,
            };
            if let Errand::Dial { key, asked_at, .. } = &task.errand
                && (*asked_at + PROMPT).has_come(now, PROMPT)
            {
                let problem = Problem::new(Code::DialOffline);
                self.news.push_back(News::Refused { key: key.clone(), problem });
                continue;
            }
            match self.request(&task, &Id::Number(http.into()), now) {
                Ok((secret, body)) => {
                    let request = self.post(&task, secret, body);
                    self.current = Some(Current { http, task, secret });
                    return Some(request);
                }
                Err(parameter) => self.refuse(task.errand, parameter, now),
            }
        }
    }

    fn answered(&mut self, http: u32, result: &Result<HttpAnswer, HttpFailure>, now: Millis) -> bool {
        let Some(Current { task, secret, .. }) = self.current.take_if(|current| current.http == http) else {
            return false;
        };
        let at = result.as_ref().ok().and_then(|answer| answer.date).unwrap_or(now);
        let outcome = read(result, &Id::Number(http.into()));
        let failure = match (outcome, secret) {
            (Ok(result), Secret::Login) => self.logged_in(task, &result, now).err(),
            (Ok(result), _) => self.done(&task.errand, &result, at, now).err().map(|failure| (task, failure)),
            (Err(failure), _) => Some((task, failure)),
        };
        if let Some((task, failure)) = failure {
            self.failed(task, &failure, secret, now);
        }
        true
    }

    fn news(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    fn next_wake(&self) -> Option<Millis> {
        (self.current.is_none() && self.is_following()).then_some(self.look_at)
    }

    fn session(&self) -> Option<&AccessKey> {
        self.session.as_ref()
    }
}

/// What an answer over HTTP is for the request of this name. Whatever a service that is down or a proxy says explains nothing.
fn read(result: &Result<HttpAnswer, HttpFailure>, id: &Id) -> Result<Value, Failure> {
    let answer = result.as_ref().map_err(|_| Failure::Silence)?;
    let body = Answer::read(answer.body.reveal(), id);
    match (answer.status, body) {
        (200..=299, Some(Answer::Result(result))) => Ok(result),
        (200..=299 | 400..=499, Some(Answer::Fault(fault))) => Err(Failure::Fault(Box::new(fault))),
        (200..=299, None) => Err(Failure::Unreadable),
        (status, _) => Err(Failure::Status(status)),
    }
}
