//! The connection to the exchange: one socket at a time, each with an epoch, and a state that is never a guess.

use fastrand::Rng;

use crate::{
    Millis,
    core::backoff::Backoff,
    problem::{Code, Problem},
    protocol::{LinkState, LinkView},
};

const BACKOFF: Backoff = Backoff { base: Millis(500), cap: Millis::secs(30) };
/// A connection that held this long counts as healthy: the backoff starts anew.
const HEALTHY: Millis = Millis::secs(10);
/// How long a handshake may take.
const HANDSHAKE: Millis = Millis::secs(15);
/// How long a socket may be silent before the exchange is asked over REST: with the time that an answer may take, what is shown is
/// true within half a minute. A browser cannot send a ping.
const SILENCE: Millis = Millis::secs(20);
/// How long a frame may be on its way that REST has told of already.
const OVERTAKEN: Millis = Millis::secs(3);
/// Whoever is woken later than that is on a computer that is busy, and frames may lie unread.
const LATE: Millis = Millis::secs(1);
/// The longest wait of all.
const LONGEST: Millis = REFUSED;
/// When a refused key is tried again by itself.
const REFUSED: Millis = Millis::mins(5);
/// After this many handshakes that failed the key is asked about, for a browser does not say why they fail.
const SUSPICIOUS: u32 = 2;

/// The connection.
#[derive(Debug)]
pub struct Link {
    state: State,
    epoch: u32,
    online: bool,
    /// Since when the state shown holds.
    since: Option<Millis>,
    was_live: bool,
    /// Connections lost in a row that were not healthy.
    failures: u32,
    /// Handshakes in a row that failed.
    unopened: u32,
    /// Whether a handshake that timed out is still to be asked about.
    suspicious: bool,
    /// When the socket last proved alive.
    heard_at: Millis,
    /// REST has contradicted the socket: unless a frame comes before this moment, it is replaced.
    doubted_until: Option<Millis>,
    problem: Option<Problem>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Off,
    Forbidden,
    Waiting { until: Millis },
    Opening { deadline: Millis },
    Open { since: Millis },
    Refused { until: Millis },
}

/// What the link wants done.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Open a socket of this epoch.
    Open(u32),
    /// Close the socket of this epoch.
    Close(u32),
    /// Ask over REST whether the key and the subscriber are right.
    AskKey,
    /// Ask over REST for the active calls. A socket that is in doubt is replaced when the answer contradicts it.
    AskCalls {
        /// Whether the socket is in doubt, rather than new.
        in_doubt: bool,
    },
}

impl Link {
    /// A link that does nothing yet.
    pub fn new(online: bool) -> Self {
        Self {
            state: State::Off,
            epoch: 0,
            online,
            since: None,
            was_live: false,
            failures: 0,
            unopened: 0,
            suspicious: false,
            heard_at: Millis(0),
            doubted_until: None,
            problem: None,
        }
    }

    /// Starts anew with what is configured and permitted. Closes what was open.
    pub fn configure(&mut self, wanted: bool, forbidden: Option<Problem>, now: Millis) -> Option<Step> {
        let close = matches!(self.state, State::Open { .. } | State::Opening { .. }).then_some(Step::Close(self.epoch));
        self.failures = 0;
        self.unopened = 0;
        self.was_live = false;
        self.state = match (wanted, &forbidden) {
            (false, _) => State::Off,
            (true, Some(_)) => State::Forbidden,
            (true, None) => State::Waiting { until: now },
        };
        self.problem = forbidden;
        self.since = wanted.then_some(now);
        close
    }

    /// The browser says so. Going online is worth a try at once; going offline is worth a question.
    pub fn online(&mut self, online: bool, now: Millis) -> Option<Step> {
        self.online = online;
        match self.state {
            State::Waiting { .. } if online => {
                self.state = State::Waiting { until: now };
                None
            }
            State::Open { .. } => Some(Step::AskCalls { in_doubt: true }),
            _ => None,
        }
    }

    /// Whether the browser believes to be online.
    pub fn is_online(&self) -> bool {
        self.online
    }

    /// The computer slept: an open socket may be dead without knowing it, and a wait is over.
    pub fn woke(&mut self, now: Millis) -> Option<Step> {
        self.online(self.online, now)
    }

    /// A person asks to try now.
    pub fn reconnect(&mut self, now: Millis) {
        if matches!(self.state, State::Waiting { .. } | State::Refused { .. }) {
            self.failures = 0;
            self.unopened = 0;
            self.state = State::Waiting { until: now };
        }
    }

    /// What is due now.
    pub fn step(&mut self, now: Millis, rng: &mut Rng) -> Option<Step> {
        if self.doubted_until.is_some_and(|until| until + LATE < now) {
            self.doubted_until = Some(now + OVERTAKEN);
        }
        match self.state {
            State::Waiting { .. } if self.suspicious => {
                self.suspicious = false;
                Some(Step::AskKey)
            }
            State::Waiting { until } | State::Refused { until } if until.has_come(now, LONGEST) => {
                self.epoch = self.epoch.wrapping_add(1);
                self.state = State::Opening { deadline: now + HANDSHAKE };
                Some(Step::Open(self.epoch))
            }
            State::Opening { deadline } if deadline.has_come(now, LONGEST) => {
                let epoch = self.epoch;
                self.lost(now, rng);
                self.suspicious = self.unopened >= SUSPICIOUS;
                Some(Step::Close(epoch))
            }
            State::Open { .. } if self.doubted_until.is_some_and(|until| until.has_come(now, OVERTAKEN)) => {
                self.replace(Problem::new(Code::PhonetSilent), now)
            }
            State::Open { .. } if self.silent_at().has_come(now, LONGEST) => Some(Step::AskCalls { in_doubt: true }),
            _ => None,
        }
    }

    /// When something here is due by itself.
    pub fn next_wake(&self) -> Option<Millis> {
        match self.state {
            State::Off | State::Forbidden => None,
            State::Waiting { until } | State::Refused { until } => Some(until),
            State::Opening { deadline } => Some(deadline),
            State::Open { .. } => self.doubted_until.into_iter().chain([self.silent_at()]).min(),
        }
    }

    fn silent_at(&self) -> Millis {
        self.heard_at + SILENCE
    }

    /// Whether frames of this epoch count.
    pub fn is_current(&self, epoch: u32) -> bool {
        epoch == self.epoch && matches!(self.state, State::Open { .. })
    }

    /// The epoch of the open socket.
    pub fn open_epoch(&self) -> Option<u32> {
        matches!(self.state, State::Open { .. }).then_some(self.epoch)
    }

    /// The socket is open: what happened meanwhile is asked for.
    pub fn opened(&mut self, epoch: u32, now: Millis) -> Option<Step> {
        if epoch != self.epoch || !matches!(self.state, State::Opening { .. }) {
            return None;
        }
        self.state = State::Open { since: now };
        self.since = Some(now);
        self.was_live = true;
        self.unopened = 0;
        self.heard_at = now;
        self.doubted_until = None;
        self.problem = None;
        Some(Step::AskCalls { in_doubt: false })
    }

    /// A frame came: the socket is alive.
    pub fn heard(&mut self, now: Millis) {
        self.heard_at = now;
        self.doubted_until = None;
    }

    /// REST agrees with the socket, or cannot tell.
    pub fn confirmed(&mut self, now: Millis) {
        self.heard_at = now;
    }

    /// REST tells of something that the socket has not told.
    pub fn contradicted(&mut self, now: Millis) {
        self.heard_at = now;
        self.doubted_until.get_or_insert(now + OVERTAKEN);
    }

    /// The socket is closed, or was never opened.
    pub fn closed(&mut self, epoch: u32, now: Millis, rng: &mut Rng) -> Option<Step> {
        if epoch != self.epoch || !matches!(self.state, State::Open { .. } | State::Opening { .. }) {
            return None;
        }
        self.lost(now, rng);
        (self.unopened >= SUSPICIOUS).then_some(Step::AskKey)
    }

    /// The socket is not to be trusted any more: another one takes its place at once.
    pub fn replace(&mut self, problem: Problem, now: Millis) -> Option<Step> {
        matches!(self.state, State::Open { .. }).then(|| {
            self.problem = Some(problem);
            self.since = Some(now);
            self.state = State::Waiting { until: now };
            Step::Close(self.epoch)
        })
    }

    /// REST has told that the key or the subscriber is refused: why the handshakes fail, or, where the key was good before, that it
    /// has been revoked.
    pub fn refused(&mut self, problem: Problem, now: Millis) -> Option<Step> {
        if !matches!(self.state, State::Waiting { .. } | State::Opening { .. } | State::Open { .. }) {
            return None;
        }
        let close = matches!(self.state, State::Opening { .. } | State::Open { .. }).then_some(Step::Close(self.epoch));
        self.problem = Some(problem);
        self.since = Some(now);
        self.state = State::Refused { until: now + REFUSED };
        close
    }

    /// REST has told why the handshakes fail: something else, so they go on.
    pub fn explained(&mut self, problem: Problem) {
        if matches!(self.state, State::Waiting { .. } | State::Opening { .. }) {
            self.problem = Some(problem);
        }
    }

    fn lost(&mut self, now: Millis, rng: &mut Rng) {
        match self.state {
            State::Open { since } => {
                if since + HEALTHY <= now {
                    self.failures = 0;
                }
                self.since = Some(now);
                self.problem = Some(Problem::new(Code::PhonetConnectionLost));
            }
            _ => {
                self.unopened = self.unopened.saturating_add(1);
                self.problem.get_or_insert_with(|| Problem::new(Code::PhonetConnectionLost));
            }
        }
        self.failures = self.failures.saturating_add(1);
        self.state = State::Waiting { until: now + BACKOFF.wait(self.failures, rng) };
    }

    /// The truth, for the screen.
    pub fn view(&self) -> LinkView {
        let (state, retry_at) = match self.state {
            State::Off => (LinkState::Off, None),
            State::Forbidden => (LinkState::PermissionMissing, None),
            State::Open { .. } => (LinkState::Live, None),
            State::Refused { until } => (LinkState::Refused, Some(until)),
            State::Waiting { until } if !self.online => (LinkState::Offline, Some(until)),
            State::Opening { .. } if !self.online => (LinkState::Offline, None),
            State::Waiting { .. } | State::Opening { .. } if !self.was_live && self.failures == 0 => {
                (LinkState::Connecting, None)
            }
            State::Waiting { until } => (LinkState::Reconnecting, Some(until)),
            State::Opening { .. } => (LinkState::Reconnecting, None),
        };
        let problem =
            if state == LinkState::Off { Some(Problem::new(Code::PhonetNotConfigured)) } else { self.problem.clone() };
        LinkView { state, since: self.since, retry_at, problem }
    }
}
