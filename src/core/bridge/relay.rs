//! The bridge's side towards the relay: what the CRM asks for, and what the relay hands out.

use serde::Serialize;

use super::{Asker, Bridge, dialling::Wanted, storing::Unsaved};
use crate::{
    Millis,
    core::{
        commands::{Awaited, What},
        dials::{Dial, DialState},
        io::{DocumentName, Output, SocketName, Write},
        log,
        relay::Step,
    },
    json::{self, Fields},
    phone,
    private::Private,
    problem::{Code, Problem},
    relay::{Command, FromAgent, Handed, LARGEST_TO_AGENT, LONGEST_NAME, Listed, Outcome, PATH, ToAgent},
};

/// The most characters of what an answer quotes, such as the exchange's own words.
const LONGEST_QUOTE: usize = 200;

/// What the relay handed out, as it is stored: nothing in it is a key.
#[derive(Serialize)]
struct Stored<'a> {
    /// Whose it is.
    fingerprint: u32,
    directory: &'a [Listed],
}

impl Bridge {
    // ── The connection ───────────────────────────────────────────────────────────────────────────────────────────

    /// Starts anew with the settings in force. What another relay handed out is forgotten.
    pub(super) fn configure_relay(&mut self, now: Millis) {
        let relay = self.settings.relay.as_ref();
        let forbidden = relay.and_then(|relay| self.missing_permission(&relay.address));
        let host = relay.map(|relay| relay.address.rsplit('/').next().unwrap_or_default());
        let step = self.relay.configure(host, forbidden, now);
        self.take_relay_step(step);
        let stored = json::parse(self.handed.reveal());
        let stored = stored.as_ref().and_then(Fields::of);
        let fingerprint = self.settings.relay.as_ref().map(crate::settings::Relay::fingerprint);
        match stored.filter(|stored| fingerprint.is_some() && stored.number("fingerprint") == fingerprint) {
            Some(stored) => self.settings.learn_people(&Handed::read(stored).directory),
            None if self.handed.reveal().is_empty() => {}
            None => {
                self.handed = Private::default();
                self.store_handed();
            }
        }
    }

    pub(super) fn take_relay_step(&mut self, step: Option<Step>) {
        let socket = SocketName::Relay;
        match (step, &self.settings.relay) {
            (Some(Step::Open(epoch)), Some(relay)) => {
                // https → wss, http → ws.
                let url = Private::new([&relay.address.replacen("http", "ws", 1), PATH].concat());
                self.out.push_back(Output::OpenSocket { socket, epoch, url });
            }
            (Some(Step::Close(epoch)), _) => self.out.push_back(Output::CloseSocket { socket, epoch }),
            _ => {}
        }
    }

    fn say(&mut self, epoch: u32, frame: &FromAgent) {
        self.out.push_back(Output::SendFrame { socket: SocketName::Relay, epoch, text: frame.to_json() });
    }

    pub(super) fn relay_opened(&mut self, epoch: u32, now: Millis) {
        if let (true, Some(relay)) = (self.relay.opened(epoch, now), &self.settings.relay) {
            let version = env!("CARGO_PKG_VERSION").to_owned();
            let browser = Some(self.relay.browser());
            let hello = FromAgent::Hello { token: relay.token.clone(), version, browser };
            self.say(epoch, &hello);
        }
    }

    /// Somebody uses this browser.
    pub(super) fn used(&mut self, now: Millis) {
        if let Some(epoch) = self.relay.used(now) {
            self.say(epoch, &FromAgent::Active);
        }
    }

    pub(super) fn relay_frame(&mut self, text: &str, epoch: u32, now: Millis) {
        let frame = ToAgent::parse(text).filter(|_| text.len() <= LARGEST_TO_AGENT);
        if self.relay.open_epoch().is_some() {
            self.relay.heard(now);
        }
        match frame {
            Some(ToAgent::Welcome { now: clock, handed }) if self.relay.welcomed(clock, now) => {
                self.log.add(now, "relay", "welcome");
                self.take_handed(&handed, now);
                if let Some(epoch) = self.relay.tell_use(now) {
                    self.say(epoch, &FromAgent::Active);
                }
            }
            Some(ToAgent::Refused { reason }) => {
                self.log.add(now, "relay", "refused");
                let step = self.relay.refused(reason, now, &mut self.rng);
                self.take_relay_step(step);
            }
            // What is said before the welcome, and is no refusal, no relay says.
            _ if self.relay.open_epoch().is_none() => {
                self.log.add(now, "relay", "no welcome");
                let step = self.relay.give_up(Some(Code::RelayUnexpectedAnswer), now, &mut self.rng);
                self.take_relay_step(Some(step));
            }
            Some(ToAgent::Ping { now: clock }) => {
                self.relay.tells_clock(clock, now);
                self.say(epoch, &FromAgent::Pong);
            }
            Some(ToAgent::Handed(handed)) => self.take_handed(&handed, now),
            Some(ToAgent::Command { id, expires_at, command }) if is_sound(&id, &command) => {
                self.command(id, expires_at, command, epoch, now);
            }
            // A newer relay may say what this version does not know.
            Some(ToAgent::Welcome { .. } | ToAgent::Command { .. }) | None => {
                self.log.add(now, "relay", "a frame of an unknown kind")
            }
        }
    }

    // ── Commands ─────────────────────────────────────────────────────────────────────────────────────────────────

    fn command(&mut self, id: String, expires_at: Millis, command: Command, epoch: u32, now: Millis) {
        let until = self.relay.here(expires_at);
        let expired = self.relay.is_over(expires_at, now).then(|| Problem::new(Code::CommandExpired));
        let (what, is_stale) = match command {
            Command::Call { communication, number, internal } => {
                self.log.add(now, "relay", &["CALL", &log::id(&communication)].join(" "));
                let is_new = self.dials.get(&communication).is_none();
                let is_stale = is_new && expired.is_some();
                if is_new {
                    self.system_call(communication.clone(), number, internal, until, expired, now);
                }
                (What::Call(communication), is_stale)
            }
            Command::HangUp { leg } => {
                self.log.add(now, "relay", &["HANGUP", &log::id(&leg)].join(" "));
                let is_new = self.commands.hang_up(&id).is_none();
                let is_stale = is_new && expired.is_some();
                if is_new {
                    let over = || Problem::new(Code::HangUpOver);
                    let problem = expired.or_else(|| self.calls.call_of(&leg).is_none().then(over));
                    if problem.is_none() {
                        self.storage.unsaved.push(Unsaved::HangUp(id.clone()));
                    }
                    self.commands.add(&id, leg, until, problem.map(|problem| Outcome::Refused { problem }));
                    self.storage.dirty = true;
                }
                (What::HangUp, is_stale)
            }
        };
        self.commands.answer(id, epoch, what, until, is_stale);
    }

    /// CALL: a user of the CRM asks to dial, and the CRM has its communication already. What keeps it from going out is remembered, so
    /// that a repeat changes nothing, and told to the CRM.
    fn system_call(
        &mut self,
        communication: String,
        number: Private<String>,
        internal: bool,
        until: Millis,
        expired: Option<Problem>,
        now: Millis,
    ) {
        let client = phone::of_the_crm(number.reveal(), self.settings.region.0).filter(|_| !internal);
        let number = client.map_or(number, |client| client.as_private().clone());
        let problem = expired.or_else(|| {
            let (key, number) = (communication.clone(), number.clone());
            let communication = Some((communication.clone(), until));
            let dial = self.dial(Wanted { key, number, internal, origin: None, communication }, now);
            // Another dial of the same number keeps it from going out, too.
            dial.problem.or_else(|| Some(Problem::new(Code::DialAlreadyLive)))
        });
        let (None, Some(problem)) = (self.dials.get(&communication), problem) else { return };
        self.log.add(now, "dial", problem.code.name());
        let exchange = self.settings.dials_with(None);
        self.dials.add(Dial {
            key: communication.clone(),
            number,
            internal,
            exchange,
            asked_at: now,
            send_by: now,
            communication: Some(communication.clone()),
            state: DialState::Failed { problem },
        });
        self.call_failed(Some(communication), now);
    }

    /// HANGUP, once it is stored.
    pub(super) fn carry_out_hang_up(&mut self, id: String, now: Millis) {
        let Some(hang_up) = self.commands.hang_up(&id) else { return };
        let (leg, is_over) = (hang_up.leg.clone(), hang_up.until <= now);
        match self.calls.call_of(&leg).map(|call| call.id.clone()) {
            _ if is_over => self.relay_hung_up(&id, Some(Problem::new(Code::CommandExpired))),
            Some(call) => self.hang_up(Asker::Relay(id), call, Some(&leg), now),
            None => self.relay_hung_up(&id, Some(Problem::new(Code::HangUpOver))),
        }
    }

    /// The exchange has said what became of a HANGUP, or nobody knows.
    pub(super) fn relay_hung_up(&mut self, id: &str, problem: Option<Problem>) {
        let outcome = match problem {
            None => Outcome::Accepted,
            Some(problem) if is_uncertain(problem.code) => Outcome::Unknown { problem },
            Some(problem) => Outcome::Refused { problem },
        };
        self.commands.settle(id, outcome);
        self.storage.dirty = true;
    }

    /// Answers the commands of which it is known, and stored, what became. Where the socket is gone that one came by, nobody waits for
    /// its answer: the relay has told the CRM that nobody knows, and a repeat of the command brings the answer.
    pub(super) fn answer_relay(&mut self, now: Millis) {
        let dial = |key: &str| self.dials.get(key).and_then(Dial::outcome);
        let (last, stored) = (self.storage.batch, self.storage.stored);
        for (Awaited { id, epoch, stale, .. }, outcome) in self.commands.answers(dial, last, stored, now) {
            if self.relay.open_epoch() != Some(epoch) {
                continue;
            }
            self.say(epoch, &FromAgent::Answer { id, outcome: short(outcome) });
            // Either it was very long on its way, or the relay's clock is not what it was taken for.
            if stale {
                let step = self.relay.give_up(None, now, &mut self.rng);
                self.take_relay_step(Some(step));
            }
        }
        if let Some(epoch) = self.relay.open_epoch()
            && self.crm.access.take_refusal()
        {
            self.say(epoch, &FromAgent::KeyRefused);
        }
    }

    // ── What the relay hands out ─────────────────────────────────────────────────────────────────────────────────

    fn take_handed(&mut self, handed: &Handed, now: Millis) {
        let directory = &handed.directory;
        if let Some(relay) = &self.settings.relay {
            let stored = Stored { fingerprint: relay.fingerprint(), directory };
            let json = Private::new(serde_json::to_string(&stored).unwrap_or_default());
            if self.handed != json {
                self.handed = json;
                self.store_handed();
            }
        }
        self.settings.learn_people(directory);
        let (Some(key), Some(kontur)) = (&handed.access, &self.settings.kontur) else { return };
        match self.crm.access.hand(key, self.relay.here(key.ends_at), kontur, now) {
            Ok(true) => {
                self.crm.foreign_key = None;
                self.fresh_key(now);
            }
            Ok(false) => {}
            Err(problem) => {
                self.log.add(now, "crm", problem.code.name());
                if kontur.api_key.is_none() && self.crm.problem.is_some() {
                    self.crm.problem = Some(problem.clone());
                }
                self.crm.foreign_key = Some(problem);
            }
        }
    }

    /// Stores what the relay handed out, but for keys.
    pub(super) fn store_handed(&mut self) {
        self.storage.writes.push(Write::Document { name: DocumentName::Handed, json: self.handed.clone() });
    }
}

/// Whether an exchange that says so may have done what it was asked for.
fn is_uncertain(code: Code) -> bool {
    matches!(
        code,
        Code::HangUpUnknown
            | Code::PhonetUnreachable
            | Code::PhonetConnectionLost
            | Code::PhonetStatus
            | Code::PhonetUnexpectedAnswer
            | Code::UisUnreachable
            | Code::UisStatus
            | Code::UisUnexpectedAnswer
    )
}

/// Whether a command's names are such as anybody gives.
fn is_sound(id: &str, command: &Command) -> bool {
    let name = match command {
        Command::Call { communication, .. } => communication,
        Command::HangUp { leg } => leg,
    };
    [id, name].iter().all(|name| !name.is_empty() && name.len() <= LONGEST_NAME)
}

/// An outcome that fits into a frame, whatever it quotes.
fn short(mut outcome: Outcome) -> Outcome {
    if let Outcome::Refused { problem } | Outcome::Unknown { problem } = &mut outcome {
        for arg in &mut problem.args {
            *arg = arg.chars().take(LONGEST_QUOTE).collect();
        }
    }
    outcome
}
