//! The bridge's side towards the exchange: frames, questions over REST, and what was missed.

use super::{Asker, Bridge, Question};
use crate::{
    Millis,
    core::{
        calls::{Source, Told},
        check::{KeyVerdict, users},
        io::Output,
        log,
        recovery::{GIVEN_UP, Page},
        rest::{RestError, Task},
    },
    exchange::{CallEvent, Entity, ExchangeName, LegDirection},
    http::HttpAnswer,
    kontur::telephony::{CallFailed, Callback},
    phone,
    phonet::{
        Frame,
        rest::{self, HistoryList, HistoryRecord, User},
    },
    problem::{Code, Problem},
    protocol::{Message, PersonView},
};

/// How long the frame may take that tells what REST has told already.
const LATE: Millis = Millis::secs(4);

impl Bridge {
    pub(super) fn frame(&mut self, text: &str, now: Millis) {
        match Frame::parse(text) {
            Ok(Frame::Call(event)) => {
                let what = [event.kind.name(), &log::id(&event.uuid)].join(" ");
                self.log.add(now, "exchange", &what);
                self.call_event(&event, now);
            }
            Ok(Frame::Presence { ext, away }) => {
                let own = self.settings.own_ext();
                if ext.is_none() || own.is_none() || ext.as_deref() == own {
                    self.away = Some(away);
                    self.storage.dirty = true;
                }
            }
            Ok(Frame::Success) => {
                self.log.add(now, "exchange", "success");
                self.storage.dirty |= self.dials.accepted();
            }
            Ok(Frame::Error(words)) => {
                self.log.add(now, "exchange", "error");
                let problem = Problem::about(Code::DialRefused, &[&words]);
                match self.dials.refused(problem.clone()).map(|dial| dial.communication.clone()) {
                    Some(communication) => self.call_failed(communication, now),
                    None => self.complain(problem, now),
                }
            }
            Ok(Frame::Unknown(event)) => {
                self.log.add(now, "exchange", "an event of an unknown kind");
                self.complain(Problem::about(Code::PhonetUnknownEvent, &[&event]), now);
            }
            Err(error) => {
                self.log.add(now, "exchange", &error.to_string());
                self.complain(Problem::new(Code::PhonetBadFrame), now);
            }
        }
    }

    fn complain(&mut self, problem: Problem, now: Millis) {
        self.complaint = Some((problem, now));
    }

    pub(super) fn call_event(&mut self, event: &CallEvent, now: Millis) {
        self.events(&[event], Source::Live, now);
    }

    /// Takes events: what the CRM is to be told of them is told, and a dial that waited for one of these calls is bound to it.
    fn events(&mut self, events: &[&CallEvent], source: Source, now: Millis) {
        let is_new = |event: &&&CallEvent| !self.calls.knows(&event.uuid);
        let new: Vec<_> = events.iter().filter(is_new).copied().collect();
        let missed_before = self.missed_among(events.iter().map(|event| self.calls.id_of(event)));
        let told = self.calls.apply(events, source, &self.settings, now);
        self.count_missed(told.iter().map(|told| &told.call), &missed_before);
        for event in new {
            let began_at = event.dial_at.filter(|_| source == Source::History);
            self.bind_dial(event, began_at.map(|at| self.recovery.asked_by(at)));
        }
        self.tell(told, now);
    }

    fn bind_dial(&mut self, event: &CallEvent, asked_by: Option<Millis>) {
        let (call, region) = (self.calls.id_of(event), self.settings.region.0);
        let ext = |side: &Option<Entity>| side.as_ref().and_then(|side| side.ext.clone());
        let dial = match (event.exchange, event.direction) {
            (ExchangeName::Uis, _) => self.dials.of_call(&call),
            (ExchangeName::Phonet, LegDirection::Outgoing) => {
                let Some(number) = &event.client.number else { return };
                self.dials.bind(&call, false, asked_by, &|dialled| phone::same(dialled, number.reveal(), region))
            }
            // Who calls a colleague: the agent, as far as is known.
            (ExchangeName::Phonet, LegDirection::Internal) if self.calls_out(event) => {
                let Some(callee) = ext(&event.leg2) else { return };
                self.dials.bind(&call, true, asked_by, &|dialled| dialled == callee)
            }
            _ => None,
        };
        if let Some(communication) = dial.and_then(|dial| dial.communication.clone())
            && let Some(call) = self.calls.get_mut(&call)
        {
            call.communication = Some(communication);
        }
    }

    /// Whether it is the agent who calls on an internal call, as far as is known.
    fn calls_out(&self, event: &CallEvent) -> bool {
        let caller = event.leg.as_ref().and_then(|leg| leg.ext.as_deref());
        event.parent_uuid.is_none() && self.settings.own_ext().is_none_or(|own| caller == Some(own))
    }

    /// Puts into the outbox what the CRM is to be told, and looks for the recordings of what has ended.
    fn tell(&mut self, told: Vec<Told>, now: Millis) {
        let wants_recordings = self.settings.kontur.as_ref().is_some_and(|kontur| kontur.recordings);
        for Told { call, callbacks } in told {
            let is_elsewhere = self.calls.get(&call).is_some_and(|call| call.exchange != ExchangeName::Phonet);
            let wants_recordings = wants_recordings && !is_elsewhere;
            for callback in callbacks {
                if let Callback::RegisterCall(_) = &callback {
                    let older = self.crm.outbox.supersede(&call);
                    self.delete_rows(older);
                }
                let id = self.crm.outbox.add(&call, &callback, now);
                self.store_row(id);
                if let Callback::RegisterCall(body) = &callback
                    && wants_recordings
                {
                    let known = |leg: &str| self.calls.get(&call).is_some_and(|call| call.has_recording(leg));
                    for item in body.items.iter().filter(|item| item.answered && !known(&item.id)) {
                        self.recordings.add(&call, &item.id, !body.awaits_recordings, now);
                    }
                }
            }
            if !wants_recordings {
                self.crm.outbox.release(&call);
            }
        }
        self.storage.dirty = true;
    }

    /// What the CRM refused of a call that is not known any more, nobody could see, retry or discard.
    pub(super) fn discard_unknown(&mut self, call: &str) {
        if self.calls.get(call).is_none() {
            let discarded = self.crm.outbox.discard(call);
            self.delete_rows(discarded);
        }
    }

    /// A dial that the CRM asked for did not come about.
    pub(super) fn call_failed(&mut self, communication: Option<String>, now: Millis) {
        self.storage.dirty = true;
        if let Some(communication) = communication {
            let callback = Callback::CallFailed(CallFailed { communication_id: communication.clone() });
            let id = self.crm.outbox.add(&communication, &callback, now);
            self.store_row(id);
        }
    }

    // ── Questions over REST ──────────────────────────────────────────────────────────────────────────────────────

    pub(super) fn ask_key(&mut self) {
        if !self.rest.is_asking(|question| *question == Question::Key) {
            let path = rest::USERS.to_owned();
            self.rest.ask_first(Task { question: Question::Key, path, fresh_session: true, keep: false });
        }
    }

    /// Asks who the subscriber is, where the settings name an e-mail address and nothing else tells.
    pub(super) fn ask_own_ext(&mut self) {
        if self.settings.phonet.is_some()
            && self.settings.own_ext().is_none()
            && !self.rest.is_asking(|question| *question == Question::OwnExt)
        {
            self.rest.ask(Question::OwnExt, rest::USERS.to_owned());
        }
    }

    /// Asks which calls go on. A socket in doubt is replaced when the answer contradicts it.
    pub(super) fn ask_calls(&mut self, in_doubt: bool, now: Millis) {
        let in_doubt = self.link.open_epoch().filter(|_| in_doubt);
        let is_asked = |question: &Question| matches!(question, Question::Calls { in_doubt: asked, .. } if in_doubt.is_none() || *asked == in_doubt);
        if !self.rest.is_asking(is_asked) {
            let question = Question::Calls { asked_at: now, in_doubt };
            let path = rest::ACTIVE_CALLS.to_owned();
            self.rest.ask_first(Task { question, path, fresh_session: false, keep: false });
        }
    }

    /// Hangs up the agent's own leg of a call: this one, or the one that goes on. Who asks hears of it when the exchange has answered.
    pub(super) fn hang_up(&mut self, asker: Asker, call: String, leg: Option<&str>, now: Millis) {
        if self.calls.get(&call).is_some_and(|call| call.exchange != ExchangeName::Phonet) {
            return self.hang_up_elsewhere(asker, call, now);
        }
        let leg = leg.or_else(|| self.calls.get(&call).and_then(|call| call.leg_to_hang_up()));
        let reason = match (leg, &self.settings.phonet) {
            (Some(_), Some(phonet)) => self.missing_permission(&phonet.address),
            _ => Some(Problem::new(Code::HangUpOver)),
        };
        match leg.filter(|_| reason.is_none()).map(rest::hang_up_path) {
            Some(path) => {
                self.log.add(now, "hang up", &log::id(&call));
                let question = Question::HangUp { asker, call };
                self.rest.ask_first(Task { question, path, fresh_session: false, keep: false });
            }
            None => self.told_hung_up(asker, call, reason),
        }
    }

    /// Tells who asked what became of hanging up.
    pub(super) fn told_hung_up(&mut self, asker: Asker, call: String, problem: Option<Problem>) {
        match asker {
            Asker::Person(ask) => self.reply(ask, Message::HungUp { call, problem }),
            Asker::Relay(id) => self.relay_hung_up(&id, problem),
        }
    }

    pub(super) fn ask_exchange(&mut self) {
        let Some(phonet) = self.settings.keyed_phonet() else { return };
        if self.forbidden.contains(&phonet.address) {
            return;
        }
        if let Some(request) = self.rest.next(self.http.wrapping_add(1), phonet) {
            let id = self.next_http();
            self.out.push_back(Output::Http { id, request });
        }
    }

    pub(super) fn exchange_answered(&mut self, question: Question, result: Result<HttpAnswer, RestError>, now: Millis) {
        if let Ok(answer) = &result
            && let Some(date) = answer.date
        {
            self.storage.dirty |= self.recovery.clock(date, now);
        }
        if matches!(result, Err(RestError::Unreachable)) {
            // Whoever waits to ask the same exchange about a silent socket has the answer, too.
            let epoch = self.link.open_epoch();
            let asks = |question: &Question| matches!(question, Question::Calls { in_doubt, .. } if in_doubt.is_some() && *in_doubt == epoch);
            if let Some(doubt) = self.rest.withdraw(asks) {
                self.exchange_answered(doubt, Err(RestError::Unreachable), now);
            }
        }
        match question {
            Question::Key => self.key_answered(&result, now),
            Question::OwnExt => {
                let users = result.ok().and_then(|answer| rest::users(answer.body.reveal())).unwrap_or_default();
                self.settings.learn_own_ext(&users);
                if self.settings.own_ext().is_none() {
                    self.recovery.failed(now, &mut self.rng);
                }
            }
            Question::Calls { asked_at, in_doubt } => self.calls_answered(asked_at, in_doubt, result, now),
            Question::History(page) => self.history_answered(page, result, now),
            Question::HangUp { asker, call } => self.hung_up(asker, call, result),
            Question::Users { ask } => self.users_told(ask, &result),
        }
    }

    /// Asks who the users are, within a fresh session: the key may be another one than a moment ago.
    pub(super) fn ask_users(&mut self, ask: u32) {
        let problem = match self.settings.keyed_phonet() {
            None => Some(Problem::new(Code::PhonetNotConfigured)),
            Some(phonet) => self.missing_permission(&phonet.address),
        };
        match problem {
            Some(problem) => self.reply(ask, Message::Invalid { problems: vec![problem] }),
            None => {
                let (question, path) = (Question::Users { ask }, rest::USERS.to_owned());
                self.rest.ask_first(Task { question, path, fresh_session: true, keep: false });
            }
        }
    }

    fn users_told(&mut self, ask: u32, result: &Result<HttpAnswer, RestError>) {
        let Some(phonet) = self.settings.keyed_phonet() else { return };
        let message = match users(result, phonet) {
            Ok(users) => Message::People {
                people: users.into_iter().map(|user| self.person(user)).collect(),
                problems: Vec::new(),
            },
            Err(problem) => Message::Invalid { problems: vec![problem] },
        };
        self.reply(ask, message);
    }

    fn person(&self, User { ext, email, name }: User) -> PersonView {
        let user_id = ext.as_deref().and_then(|ext| self.settings.user_id(ext)).map(str::to_owned);
        PersonView { ext, name, user_id, email }
    }

    fn key_answered(&mut self, result: &Result<HttpAnswer, RestError>, now: Millis) {
        let Some(phonet) = self.settings.keyed_phonet() else { return };
        let verdict = KeyVerdict::read(result, phonet);
        for check in &mut self.checks {
            check.phonet(&verdict);
        }
        if self.settings.phonet.is_none() {
            return;
        }
        let is_open = self.link.open_epoch().is_some();
        match verdict {
            KeyVerdict::Right => {
                self.rest_works = true;
                self.link.explained(Problem::new(Code::PhonetConnectionLost));
            }
            KeyVerdict::NoAnswer(problem) => self.link.explained(problem),
            // An open socket is right against a REST that never answered this key.
            KeyVerdict::WrongKey(_) if is_open && !self.rest_works => {}
            KeyVerdict::WrongSubscriber(_) if is_open => {}
            KeyVerdict::WrongKey(problem) | KeyVerdict::WrongSubscriber(problem) => {
                let step = self.link.refused(problem, now);
                self.take_step(step, now);
            }
        }
    }

    fn hung_up(&mut self, asker: Asker, call: String, result: Result<HttpAnswer, RestError>) {
        let domain = self.settings.phonet.as_ref().map(|phonet| phonet.domain.clone()).unwrap_or_default();
        let problem = match result {
            Ok(_) => None,
            Err(RestError::Status(404)) => Some(Problem::new(Code::HangUpOver)),
            Err(RestError::Unreachable) => Some(Problem::about(Code::PhonetUnreachable, &[&domain])),
            Err(RestError::KeyRefused) => Some(Problem::about(Code::PhonetKeyRefused, &[&domain])),
            Err(RestError::Status(status)) => Some(Problem::about(Code::PhonetStatus, &[&status.to_string()])),
            Err(RestError::TooLarge) => Some(Problem::about(Code::PhonetUnexpectedAnswer, &[&domain])),
        };
        self.told_hung_up(asker, call, problem);
    }

    // ── What was missed ──────────────────────────────────────────────────────────────────────────────────────────

    fn calls_answered(
        &mut self,
        asked_at: Millis,
        in_doubt: Option<u32>,
        result: Result<HttpAnswer, RestError>,
        now: Millis,
    ) {
        // What was asked of an older socket says nothing of this one.
        let in_doubt = in_doubt.is_some() && self.link.open_epoch() == in_doubt;
        let domain = self.settings.phonet.as_ref().map(|phonet| phonet.domain.clone()).unwrap_or_default();
        self.give_up_refused(&result, now);
        let active = result.map(|answer| rest::active_calls(answer.body.reveal()));
        let active = match active {
            Ok(Some(active)) => active,
            failed => {
                self.recovery.failed(now, &mut self.rng);
                let doubt = match failed {
                    // The socket of an exchange whose REST never worked has the benefit of the doubt.
                    _ if !self.rest_works => None,
                    Err(RestError::Unreachable) => Some(Problem::about(Code::PhonetUnreachable, &[&domain])),
                    Err(RestError::KeyRefused) => {
                        let step = self.link.refused(Problem::about(Code::PhonetKeyRefused, &[&domain]), now);
                        return self.take_step(step, now);
                    }
                    // Somebody else answers in its place, such as a network that asks to log in first.
                    Ok(_) | Err(RestError::Status(300..=399)) => {
                        Some(Problem::about(Code::PhonetUnexpectedAnswer, &[&domain]))
                    }
                    Err(RestError::Status(_) | RestError::TooLarge) => None,
                };
                match doubt {
                    _ if !in_doubt => {}
                    Some(problem) => self.replace_socket(problem, now),
                    None => self.link.confirmed(now),
                }
                return;
            }
        };
        self.rest_works = true;
        let mut gone = self.calls.silent_since(ExchangeName::Phonet, asked_at, now);
        gone.retain(|uuid| !active.iter().any(|event| event.uuid == *uuid));
        let unheard =
            |event: &CallEvent| self.calls.is_behind(event) || (!self.calls.knows(&event.uuid) && self.is_own(event));
        // What is looked for already was the fault of an older socket.
        let newly_gone = gone.iter().any(|uuid| !self.recovery.gone().contains(uuid));
        let contradicted = newly_gone || active.iter().any(unheard);
        // What is known may have gone on while nobody listened, so both kinds are taken.
        // A leg of a colleague's, though ours came from it, is not ours.
        for event in active {
            let is_calls_own = self.calls.knows(&event.uuid) && event.is_of_entity();
            if self.calls.knows_leg(&event.uuid) || is_calls_own || self.is_own(&event) {
                self.call_event(&event, now);
            }
        }
        if contradicted && in_doubt {
            self.link.contradicted(now);
        } else {
            self.link.confirmed(now);
        }
        // A leg may be gone only because its hangup is still on its way.
        if newly_gone {
            self.recovery.due_by(now + if in_doubt { LATE } else { Millis(0) });
        }
        if self.recovery.is_due(now) && self.settings.own_ext().is_some() {
            let earliest = self.calls.earliest(&gone);
            // A clock may have been set back since it was asked.
            self.recovery.begin(gone, earliest, asked_at.min(now));
            self.storage.dirty = true;
            self.ask_history();
        }
    }

    fn replace_socket(&mut self, problem: Problem, now: Millis) {
        self.log.add(now, "connection", problem.code.name());
        let step = self.link.replace(problem, now);
        self.take_step(step, now);
    }

    /// The active calls and the history are the whole company's: only the agent's own concern this browser.
    fn is_own(&self, event: &CallEvent) -> bool {
        let own = self.settings.own_ext();
        let sides = [&event.leg, &event.leg2];
        own.is_some() && sides.into_iter().flatten().any(|side| side.ext.as_deref() == own)
    }

    /// Looks for what was missed, when it is time; first for what goes on, then for what is over.
    pub(super) fn recover(&mut self, now: Millis) {
        if self.settings.phonet.is_none() || !self.recovery.is_due(now) {
            return;
        }
        if self.settings.own_ext().is_none() {
            return self.ask_own_ext();
        }
        if !self.rest.is_asking(|question| matches!(question, Question::History(_))) {
            self.ask_calls(false, now);
        }
    }

    fn ask_history(&mut self) {
        if let Some(page) = self.recovery.page()
            && !self.rest.is_asking(|question| matches!(question, Question::History(_)))
        {
            self.rest.ask(Question::History(page), page.list.path(page.from, page.to, page.offset));
        }
    }

    fn history_answered(&mut self, page: Page, result: Result<HttpAnswer, RestError>, now: Millis) {
        self.give_up_refused(&result, now);
        let Some((records, rows)) = result.ok().and_then(|answer| rest::history(answer.body.reveal())) else {
            return self.recovery.failed(now, &mut self.rng);
        };
        let wanted: Vec<_> = records.iter().filter(|record| self.is_wanted(record, page.list)).collect();
        let mut events: Vec<_> = wanted.iter().map(|record| &record.hangup).collect();
        // The newest stands first.
        events.reverse();
        self.events(&events, Source::History, now);
        if let Some(phonet) = &self.settings.phonet {
            for record in &wanted {
                if let Some(url) = &record.audio {
                    self.recordings.learn(&record.hangup.uuid, url, &phonet.address);
                }
            }
        }
        let first = records.first().map(|record| record.hangup.uuid.as_str());
        if self.recovery.turn(page, rows, first, self.history_lists()) {
            self.walked(now);
        } else {
            self.ask_history();
        }
    }

    fn history_lists(&self) -> &'static [HistoryList] {
        match &self.settings.kontur {
            Some(kontur) if kontur.missed_calls => &[HistoryList::Users, HistoryList::Company, HistoryList::Missed],
            _ => &[HistoryList::Users, HistoryList::Company],
        }
    }

    /// Whether a leg of the history concerns this browser: it went on when it was heard of last; or it is one of the agent's own, or
    /// a client's call that nobody answered where this workstation registers those, and it ended when nobody may have listened.
    fn is_wanted(&self, record: &HistoryRecord, list: HistoryList) -> bool {
        let hangup = &record.hangup;
        let is_new = self.recovery.certain().is_some_and(|certain| hangup.server_time > Some(certain));
        let is_missed = list == HistoryList::Missed && hangup.is_of_entity() && hangup.bridge_at.is_none();
        self.calls.is_live(&hangup.uuid)
            || (is_new && !self.calls.knows_leg(&hangup.uuid) && (self.is_own(hangup) || is_missed))
            || (is_new && self.recordings.is_looked_for(&hangup.uuid))
    }

    /// The history is walked to its end: what is gone and was not in it is looked for again, and in the end given up.
    fn walked(&mut self, now: Millis) {
        self.give_up(now);
        let is_looking = self.recovery.gone().iter().any(|uuid| self.calls.is_live(uuid));
        self.recovery.rest(is_looking, now, &mut self.rng);
        self.storage.dirty = true;
    }

    /// Where the exchange refuses to tell, nobody will ever know.
    fn give_up_refused(&mut self, result: &Result<HttpAnswer, RestError>, now: Millis) {
        if matches!(result, Err(RestError::KeyRefused | RestError::Status(400..=407 | 409..=428))) {
            self.give_up(now);
        }
    }

    fn give_up(&mut self, now: Millis) {
        self.give_up_silent(ExchangeName::Phonet, now);
    }

    /// Gives up the legs of an exchange of which nobody has heard for too long.
    pub(super) fn give_up_silent(&mut self, exchange: ExchangeName, now: Millis) {
        for uuid in self.calls.silent_since(exchange, now - GIVEN_UP, now) {
            // One heard of in the future was heard of by a clock that has been set back since.
            if self.calls.heard_at(&uuid).is_some_and(|at| at + GIVEN_UP <= now) {
                self.give_up_leg(&uuid, now);
            }
        }
    }

    /// Nobody will tell how this leg ended.
    pub(super) fn give_up_leg(&mut self, uuid: &str, now: Millis) {
        self.log.add(now, "given up", &log::id(uuid));
        let told = self.calls.give_up(uuid, now);
        let call = told.as_ref().map(|told| told.call.clone()).unwrap_or_default();
        self.tell(told.into_iter().collect(), now);
        self.discard_unknown(&call);
    }
}
