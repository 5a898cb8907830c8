//! Dialling: the click, the exchange that takes it, and what the exchanges beside Phonet say.

use super::{Asker, Bridge, storing::Unsaved};
use crate::{
    Millis,
    core::{
        dials::{Dial, DialState},
        io::{Output, SocketName},
    },
    exchange::{Abilities, EventKind, ExchangeName, News},
    phone::{self, E164},
    phonet::connector,
    private::Private,
    problem::{Code, Problem},
    protocol::{DialPhase, DialView, DiallingView, Direction, LinkState},
    relay::LONGEST_NAME,
    settings::is_ext,
    uis::Uis,
};

/// How long after a click its call is expected.
const AWAITED: Millis = Millis::secs(10);

/// What somebody wants dialled.
pub(super) struct Wanted<'a> {
    /// The idempotency key: a page's own, or the CRM's communication.
    pub(super) key: String,
    /// The number in E.164, or a colleague's internal number.
    pub(super) number: Private<String>,
    /// Whether it is a colleague's.
    pub(super) internal: bool,
    /// The page it was clicked on, if it was one.
    pub(super) origin: Option<&'a str>,
    /// The CRM's communication, and until when the CRM waits, where it is the CRM that asks.
    pub(super) communication: Option<(String, Millis)>,
}

impl Bridge {
    /// One click, or one CALL of the CRM's: the same again changes nothing, and what keeps a dial from going out is said.
    pub(super) fn dial(&mut self, wanted: Wanted<'_>, now: Millis) -> DialView {
        let Wanted { key, number, internal, origin, communication } = wanted;
        if let Some(dial) = self.dials.get(&key) {
            return self.seen(now).dial(dial);
        }
        let refused = |number, problem| DialView {
            key: key.clone(),
            number,
            phase: DialPhase::Failed,
            call: None,
            problem: Some(problem),
        };
        let read = if internal {
            is_ext(number.reveal()).then(|| number.clone())
        } else {
            E164::parse(number.reveal()).map(|number| number.as_private().clone())
        };
        let Some(number) = read.filter(|_| !key.is_empty() && key.len() <= LONGEST_NAME) else {
            return refused(number, Problem::new(Code::DialNotANumber));
        };
        if let Some(dial) = self.live_dial(&number, now) {
            return dial;
        }
        if self.is_talking_to(&number, internal) {
            return refused(number, Problem::new(Code::DialAlreadyLive));
        }
        // Internal numbers are Phonet's.
        let exchange = if internal { ExchangeName::Phonet } else { self.settings.dials_with(origin) };
        if let Some(problem) = self.seen(now).dialling(exchange).problem {
            return refused(number, problem);
        }
        if exchange == ExchangeName::Phonet && self.dials.in_flight().is_some() {
            return refused(number, Problem::new(Code::DialBusy));
        }
        self.log.add(now, "dial", exchange.name());
        let (communication, until) = communication.unzip();
        let send_by = until.unwrap_or(now + AWAITED).min(now + AWAITED);
        self.dials.add(Dial {
            key: key.clone(),
            number: number.clone(),
            internal,
            exchange,
            asked_at: now,
            send_by,
            communication,
            state: DialState::Saving,
        });
        self.storage.dirty = true;
        self.storage.unsaved.push(Unsaved::Dial(key.clone()));
        DialView { key, number, phase: DialPhase::Dialling, call: None, problem: None }
    }

    /// The dial of this number that is still going on.
    fn live_dial(&self, number: &Private<String>, now: Millis) -> Option<DialView> {
        let seen = self.seen(now);
        seen.dials().into_iter().rev().find(|dial| dial.number == *number && dial.phase.is_live())
    }

    fn is_talking_to(&self, number: &Private<String>, internal: bool) -> bool {
        if internal {
            let mut talks = self.calls.live().filter(|call| call.direction == Direction::Internal);
            return talks.any(|call| call.colleague.as_ref() == Some(number.reveal()));
        }
        let region = self.settings.region.0;
        let mut clients = self.calls.live().filter_map(|call| call.client.number.as_ref());
        clients.any(|client| phone::same(client.reveal(), number.reveal(), region))
    }

    /// Hands a dial that is stored to its exchange.
    pub(super) fn send_dial(&mut self, key: &str, now: Millis) {
        let Some(dial) = self.dials.get(key).filter(|dial| dial.state == DialState::Saving) else { return };
        let (number, exchange, communication) = (dial.number.clone(), dial.exchange, dial.communication.clone());
        // Nobody waits any more for a dial that was long in being stored, such as through a sleep.
        let late = if communication.is_some() { Code::CommandExpired } else { Code::DialOffline };
        let problem = match exchange {
            _ if dial.send_by <= now => Some(Problem::new(late)),
            ExchangeName::Phonet => match self.link.open_epoch() {
                Some(epoch) => {
                    let (socket, text) = (SocketName::Exchange, connector::click2call(number.reveal()));
                    self.out.push_back(Output::SendFrame { socket, epoch, text });
                    None
                }
                None => Some(Problem::new(Code::DialOffline)),
            },
            ExchangeName::Uis => match self.elsewhere.iter_mut().find(|known| known.name() == exchange) {
                Some(uis) => {
                    uis.dial(key, &number, now);
                    None
                }
                None => Some(Problem::new(Code::UisNotConfigured)),
            },
        };
        self.log.add(now, "dial", if problem.is_none() { "sent" } else { "offline" });
        let state = match problem {
            None => DialState::Sent,
            Some(problem) => {
                self.call_failed(communication, now);
                DialState::Failed { problem }
            }
        };
        self.dials.set(key, state);
        self.storage.dirty = true;
    }

    /// The exchanges that are set up, each as a way to dial.
    pub(super) fn exchanges(&self) -> Vec<DiallingView> {
        let phonet = self.settings.phonet.as_ref().map(|_| {
            let is_live = self.link.view().state == LinkState::Live;
            let problem = (!is_live).then(|| Problem::new(Code::DialOffline));
            DiallingView { exchange: ExchangeName::Phonet, can: Abilities::PHONET, problem }
        });
        let elsewhere = self.elsewhere.iter().map(|exchange| DiallingView {
            exchange: exchange.name(),
            can: exchange.abilities(),
            problem: self
                .missing_permission(exchange.origin())
                .or_else(|| (!self.link.is_online()).then(|| Problem::new(Code::DialOffline))),
        });
        phonet.into_iter().chain(elsewhere).collect()
    }

    // ── The exchanges beside Phonet ──────────────────────────────────────────────────────────────────────────────

    /// Joins what the settings name, and lets it take over what is going on there.
    pub(super) fn join_exchanges(&mut self, now: Millis) {
        for (asker, call) in std::mem::take(&mut self.hang_ups) {
            self.told_hung_up(asker, call, Some(Problem::new(Code::PhonetConnectionLost)));
        }
        let session = self.shown.session.uis.clone();
        let uis = self.settings.uis.as_ref().map(|settings| Uis::new(settings, session));
        self.elsewhere = uis.into_iter().map(|uis| Box::new(uis) as _).collect();
        for exchange in &mut self.elsewhere {
            let name = exchange.name();
            for dial in self.dials.iter().filter(|dial| dial.exchange == name && dial.is_looked_for(now)) {
                exchange.look_for(&dial.key, &dial.number, dial.asked_at);
            }
            for call in self.calls.live().filter(|call| call.exchange == name) {
                if let (Some(number), Some(heard_at)) = (&call.client.number, self.calls.heard_at(&call.id)) {
                    exchange.follow(&call.id, number, call.answered_at().is_some(), heard_at, now);
                }
            }
        }
        // Of an exchange that is gone nobody will hear any more.
        let gone =
            [(ExchangeName::Phonet, self.settings.phonet.is_none()), (ExchangeName::Uis, self.settings.uis.is_none())];
        for (exchange, _) in gone.into_iter().filter(|(_, is_gone)| *is_gone) {
            for leg in self.calls.silent_since(exchange, now, now) {
                self.give_up_leg(&leg, now);
            }
        }
    }

    /// Asks them what is due, and takes what they say.
    pub(super) fn drive_exchanges(&mut self, now: Millis) {
        self.give_up_silent(ExchangeName::Uis, now);
        for place in 0..self.elsewhere.len() {
            let next = self.http.wrapping_add(1);
            let Some(exchange) = self.elsewhere.get_mut(place) else { continue };
            let request = (!self.forbidden.iter().any(|origin| origin == exchange.origin()))
                .then(|| exchange.next(next, now))
                .flatten();
            if let Some(request) = request {
                let id = self.next_http();
                self.out.push_back(Output::Http { id, request });
            }
            while let Some(news) = self.elsewhere.get_mut(place).and_then(|exchange| exchange.news()) {
                self.take_news(news, now);
            }
        }
    }

    fn take_news(&mut self, news: News, now: Millis) {
        self.storage.dirty = true;
        match news {
            News::Accepted { key, call } => {
                self.log.add(now, "dial", "accepted");
                self.dials.set(&key, call.map_or(DialState::Placed, |call| DialState::Bound { call }));
            }
            News::Refused { key, problem } => {
                self.log.add(now, "dial", problem.code.name());
                let communication = self.dials.get(&key).and_then(|dial| dial.communication.clone());
                self.dials.set(&key, DialState::Failed { problem });
                self.call_failed(communication, now);
            }
            News::Unknown { key, problem } => {
                self.log.add(now, "dial", problem.code.name());
                self.dials.set(&key, DialState::Unknown { problem });
            }
            // What was given up does not come back.
            News::Event(event) if event.kind != EventKind::Dial && !self.calls.is_live(&event.uuid) => {}
            News::Event(event) => {
                let what = [event.kind.name(), &event.uuid].join(" ");
                self.log.add(now, event.exchange.name(), &what);
                self.call_event(&event, now);
            }
            News::Lost { call } => {
                if let Some(key) = self.dials.of_call(&call).map(|dial| dial.key.clone()) {
                    self.dials.set(&key, DialState::Placed);
                }
                // A call of such an exchange has one leg, of its own name.
                self.give_up_leg(&call, now);
            }
            News::HungUp { call, problem } => {
                let askers: Vec<_> = self.hang_ups.extract_if(.., |(_, asked)| *asked == call).collect();
                for (asker, call) in askers {
                    self.told_hung_up(asker, call, problem.clone());
                }
            }
            News::Checked { problem } => {
                let number = self.number_told();
                for check in &mut self.checks {
                    check.uis(problem.clone(), number.clone());
                }
            }
        }
    }

    /// What the last dial by UIS has told of the virtual number, if any has.
    fn number_told(&self) -> Option<Result<(), Problem>> {
        let of_uis = self.dials.iter().filter(|dial| dial.exchange == ExchangeName::Uis);
        of_uis
            .filter_map(|dial| match &dial.state {
                DialState::Failed { problem } if problem.code == Code::UisVirtualNumberNotFound => {
                    Some(Err(problem.clone()))
                }
                DialState::Placed | DialState::Bound { .. } => Some(Ok(())),
                _ => None,
            })
            .last()
    }

    /// Hangs up a call of an exchange beside Phonet. Who else asks for the same hears the same.
    pub(super) fn hang_up_elsewhere(&mut self, asker: Asker, call: String, now: Millis) {
        let known = self.calls.get(&call).filter(|call| call.leg_to_hang_up().is_some());
        let name = known.map(|call| call.exchange);
        let place = self.elsewhere.iter().position(|exchange| Some(exchange.name()) == name);
        let origin = place.and_then(|place| self.elsewhere.get(place)).map(|exchange| exchange.origin());
        let problem = match origin {
            Some(origin) => self.missing_permission(origin),
            None => Some(Problem::new(Code::HangUpOver)),
        };
        if problem.is_some() {
            return self.told_hung_up(asker, call, problem);
        }
        if !self.hang_ups.iter().any(|(_, asked)| *asked == call)
            && let Some(exchange) = place.and_then(|place| self.elsewhere.get_mut(place))
        {
            exchange.hang_up(&call);
            self.log.add(now, "hang up", &call);
        }
        self.hang_ups.push((asker, call));
    }
}
