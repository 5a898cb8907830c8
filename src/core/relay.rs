//! The connection to the relay: one socket at a time, each with an epoch. What a command's expiry means here is told by the relay's
//! own clock, as its pings bring it.

use fastrand::Rng;

use crate::{
    Millis,
    core::backoff::Backoff,
    problem::{Code, Problem},
    protocol::{LinkState, LinkView},
    relay::{RefusedReason, SILENCE},
};

const BACKOFF: Backoff = Backoff { base: Millis(500), cap: Millis::secs(30) };
/// A connection that held this long counts as healthy: the backoff starts anew.
const HEALTHY: Millis = Millis::secs(10);
/// Within which time all browsers come back to a relay that said goodbye: it is started anew, and has to take every one of them.
const SPREAD: Millis = Millis::secs(15);
/// How long a handshake may take.
const HANDSHAKE: Millis = Millis::secs(15);
/// How long the relay may take to welcome. A clock told by a later welcome would be too wrong.
const WELCOME: Millis = Millis::secs(10);
/// When a refused token is tried again by itself.
const REFUSED: Millis = Millis::mins(5);
/// Within which time a relay that was full is tried again.
const FULL: Millis = Millis::mins(1);
/// The longest wait of all.
const LONGEST: Millis = REFUSED;
/// How often the relay is told that somebody uses this browser.
const ACTIVE: Millis = Millis::secs(30);
/// Somebody who used this browser so lately is at it still, when the connection is back.
const LATELY: Millis = Millis::mins(5);
/// No command is meant to wait longer.
const LONGEST_COMMAND: Millis = Millis::mins(1);

/// The connection.
#[derive(Debug)]
pub struct Relay {
    state: State,
    epoch: u32,
    /// What this browser calls itself, as long as it lives.
    browser: u32,
    online: bool,
    host: String,
    /// Since when the state shown holds.
    since: Option<Millis>,
    /// Connections in a row that did not come about, or were lost before they were healthy.
    failures: u32,
    /// When the relay was heard last.
    heard_at: Millis,
    /// How far the relay's clock is ahead of this computer's, at least: what it says has been on its way for a while.
    ahead: Millis,
    /// When somebody used this browser last, and when the relay was told of it.
    used_at: Option<Millis>,
    told_at: Option<Millis>,
    problem: Option<Problem>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Off,
    Forbidden,
    Waiting { until: Millis },
    Opening { deadline: Millis },
    Greeting { deadline: Millis },
    Open { since: Millis },
    Refused { until: Millis },
}

/// What the connection wants done.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Open a socket of this epoch.
    Open(u32),
    /// Close the socket of this epoch.
    Close(u32),
}

impl Relay {
    /// A connection that does nothing yet.
    pub fn new(online: bool, browser: u32) -> Self {
        Self {
            state: State::Off,
            epoch: 0,
            browser,
            online,
            host: String::new(),
            since: None,
            failures: 0,
            heard_at: Millis(0),
            ahead: Millis(0),
            used_at: None,
            told_at: None,
            problem: None,
        }
    }

    /// Starts anew with the host that is configured, if one is, and permitted. Closes what was open.
    pub fn configure(&mut self, host: Option<&str>, forbidden: Option<Problem>, now: Millis) -> Option<Step> {
        let close = self.has_socket().then_some(Step::Close(self.epoch));
        self.failures = 0;
        self.host = host.unwrap_or_default().to_owned();
        self.state = match (host, &forbidden) {
            (None, _) => State::Off,
            (Some(_), Some(_)) => State::Forbidden,
            (Some(_), None) => State::Waiting { until: now },
        };
        self.problem = forbidden;
        self.since = Some(now);
        close
    }

    /// What this browser calls itself.
    pub fn browser(&self) -> u32 {
        self.browser
    }

    fn has_socket(&self) -> bool {
        matches!(self.state, State::Opening { .. } | State::Greeting { .. } | State::Open { .. })
    }

    /// The browser says so. A connection from before the network was gone is dead, though it may not know it.
    pub fn online(&mut self, online: bool, now: Millis) -> Option<Step> {
        let is_back = online && !std::mem::replace(&mut self.online, online);
        match self.state {
            State::Waiting { .. } if online => {
                self.state = State::Waiting { until: now };
                None
            }
            _ if is_back => self.woke(now),
            _ => None,
        }
    }

    /// The computer slept or its clock was set: neither an open socket nor what is known of the relay's clock can be trusted.
    pub fn woke(&mut self, now: Millis) -> Option<Step> {
        self.has_socket().then(|| {
            self.failures = 0;
            self.since = Some(now);
            self.state = State::Waiting { until: now };
            Step::Close(self.epoch)
        })
    }

    /// A person asks to try now.
    pub fn reconnect(&mut self, now: Millis) {
        if matches!(self.state, State::Waiting { .. } | State::Refused { .. }) {
            self.failures = 0;
            self.state = State::Waiting { until: now };
        }
    }

    /// What is due now.
    pub fn step(&mut self, now: Millis, rng: &mut Rng) -> Option<Step> {
        match self.state {
            State::Waiting { until } | State::Refused { until } if until.has_come(now, LONGEST) => {
                self.epoch = self.epoch.wrapping_add(1);
                self.state = State::Opening { deadline: now + HANDSHAKE };
                Some(Step::Open(self.epoch))
            }
            State::Opening { deadline } | State::Greeting { deadline } if deadline.has_come(now, LONGEST) => {
                Some(self.give_up(None, now, rng))
            }
            State::Open { .. } if (self.heard_at + SILENCE).has_come(now, LONGEST) => {
                Some(self.give_up(None, now, rng))
            }
            _ => None,
        }
    }

    /// When something here is due by itself.
    pub fn next_wake(&self) -> Option<Millis> {
        match self.state {
            State::Off | State::Forbidden => None,
            State::Waiting { until } | State::Refused { until } => Some(until),
            State::Opening { deadline } | State::Greeting { deadline } => Some(deadline),
            State::Open { .. } => Some(self.heard_at + SILENCE),
        }
    }

    /// Whether frames of this epoch count.
    pub fn is_current(&self, epoch: u32) -> bool {
        epoch == self.epoch && matches!(self.state, State::Greeting { .. } | State::Open { .. })
    }

    /// The epoch of the socket by which the relay has welcomed.
    pub fn open_epoch(&self) -> Option<u32> {
        matches!(self.state, State::Open { .. }).then_some(self.epoch)
    }

    /// The socket is open: true when the relay is to be greeted by it.
    pub fn opened(&mut self, epoch: u32, now: Millis) -> bool {
        let is_awaited = epoch == self.epoch && matches!(self.state, State::Opening { .. });
        if is_awaited {
            self.state = State::Greeting { deadline: now + WELCOME };
        }
        is_awaited
    }

    /// The relay welcomes, and tells its clock; false where nobody waits for that, or not any more.
    pub fn welcomed(&mut self, clock: Millis, now: Millis) -> bool {
        let is_awaited = matches!(self.state, State::Greeting { deadline } if !deadline.has_come(now, LONGEST));
        if is_awaited {
            self.state = State::Open { since: now };
            self.since = Some(now);
            self.heard_at = now;
            self.ahead = clock - now;
            self.told_at = None;
            self.problem = None;
        }
        is_awaited
    }

    /// A frame came.
    pub fn heard(&mut self, now: Millis) {
        self.heard_at = now;
    }

    /// The relay tells its clock. What was longest on its way tells least: it would make an old command a fresh one.
    pub fn tells_clock(&mut self, clock: Millis, now: Millis) {
        self.ahead = self.ahead.max(clock - now);
    }

    /// A moment of the relay's clock, by this computer's.
    pub fn here(&self, moment: Millis) -> Millis {
        moment - self.ahead
    }

    /// Whether a command that expires at this moment of the relay's clock is not to be carried out any more.
    pub fn is_over(&self, expires_at: Millis, now: Millis) -> bool {
        expires_at.has_come(now + self.ahead, LONGEST_COMMAND)
    }

    /// The relay lets nobody in.
    pub fn refused(&mut self, reason: RefusedReason, now: Millis, rng: &mut Rng) -> Option<Step> {
        if !self.has_socket() {
            return None;
        }
        let (code, wait) = match reason {
            RefusedReason::Token => (Code::RelayTokenRefused, REFUSED),
            RefusedReason::Full => (Code::RelayFull, Millis(rng.i64(FULL.0 / 2..=FULL.0))),
            RefusedReason::Hello => return Some(self.give_up(Some(Code::RelayUnexpectedAnswer), now, rng)),
        };
        self.problem = Some(Problem::about(code, &[&self.host]));
        self.since = Some(now);
        self.failures = self.failures.saturating_add(1);
        self.state = State::Refused { until: now + wait };
        Some(Step::Close(self.epoch))
    }

    /// What answers is no relay, or its clock is not what it was taken for: the socket is given up.
    pub fn give_up(&mut self, code: Option<Code>, now: Millis, rng: &mut Rng) -> Step {
        self.lost(code, false, now, rng);
        Step::Close(self.epoch)
    }

    /// The socket is closed, or was never opened; `clean` where the relay itself has closed it.
    pub fn closed(&mut self, epoch: u32, clean: bool, now: Millis, rng: &mut Rng) {
        if epoch == self.epoch && self.has_socket() {
            self.lost(None, clean, now, rng);
        }
    }

    fn lost(&mut self, code: Option<Code>, clean: bool, now: Millis, rng: &mut Rng) {
        let was_open = matches!(self.state, State::Open { .. });
        if matches!(self.state, State::Open { since } if since + HEALTHY <= now) {
            self.failures = 0;
        }
        if was_open {
            self.since = Some(now);
        }
        self.problem = Some(match code {
            None if was_open => Problem::new(Code::RelayConnectionLost),
            _ => Problem::about(code.unwrap_or(Code::RelayUnreachable), &[&self.host]),
        });
        self.failures = self.failures.saturating_add(1);
        let wait =
            if clean && self.failures == 1 { Millis(rng.i64(0..=SPREAD.0)) } else { BACKOFF.wait(self.failures, rng) };
        self.state = State::Waiting { until: now + wait };
    }

    /// Somebody uses this browser; the epoch of the socket by which the relay is to be told so now.
    pub fn used(&mut self, now: Millis) -> Option<u32> {
        self.used_at = Some(now);
        self.tell_use(now)
    }

    /// As [`Relay::used`], of what was used lately: after the relay has welcomed.
    pub fn tell_use(&mut self, now: Millis) -> Option<u32> {
        let is_used = self.used_at.is_some_and(|at| !(at + LATELY).has_come(now, LATELY));
        let is_told = self.told_at.is_some_and(|at| !(at + ACTIVE).has_come(now, ACTIVE));
        let epoch = self.open_epoch().filter(|_| is_used && !is_told)?;
        self.told_at = Some(now);
        Some(epoch)
    }

    /// The truth, for the screen; nothing where no relay is set up.
    pub fn view(&self) -> Option<LinkView> {
        let (state, retry_at) = match self.state {
            State::Off => return None,
            State::Forbidden => (LinkState::PermissionMissing, None),
            State::Open { .. } => (LinkState::Live, None),
            State::Refused { until } => (LinkState::Refused, Some(until)),
            State::Waiting { until } if !self.online => (LinkState::Offline, Some(until)),
            _ if !self.online => (LinkState::Offline, None),
            _ if self.failures == 0 => (LinkState::Connecting, None),
            State::Waiting { until } => (LinkState::Reconnecting, Some(until)),
            State::Opening { .. } | State::Greeting { .. } => (LinkState::Reconnecting, None),
        };
        Some(LinkView { state, since: self.since, retry_at, problem: self.problem.clone() })
    }
}
