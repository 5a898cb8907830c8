//! The bridge's side towards the exchange: frames, questions over REST, and what was missed.

use super::{Bridge, Question, Unsettled};
use crate::{
    Millis,
    core::{backoff::Backoff, check::KeyVerdict, io::Output, rest::RestError},
    phone,
    phonet::{CallEvent, Frame, LegDirection, rest},
    problem::{Code, Problem},
};

/// Between looks into the history for legs whose end the socket missed.
const HISTORY: Backoff = Backoff { base: Millis::secs(5), cap: Millis::mins(5) };

impl Bridge {
    pub(super) fn frame(&mut self, text: &str, now: Millis) {
        match Frame::parse(text) {
            Ok(Frame::Call(event)) => self.call_event(&event, now),
            Ok(Frame::Presence { ext, away }) => {
                let own = self.settings.own_ext();
                if ext.is_none() || own.is_none() || ext.as_deref() == own {
                    self.away = Some(away);
                    self.storage.dirty = true;
                }
            }
            Ok(Frame::Success) => self.storage.dirty |= self.dials.accepted(),
            Ok(Frame::Error(words)) => {
                let problem = Problem::about(Code::DialRefused, &[&words]);
                if self.dials.refused(problem.clone()) {
                    self.storage.dirty = true;
                } else {
                    self.complain(problem, now);
                }
            }
            Ok(Frame::Unknown(event)) => self.complain(Problem::about(Code::PhonetUnknownEvent, &[&event]), now),
            Err(error) => {
                self.out.push_back(Output::Log(format!("exchange: {error}")));
                self.complain(Problem::new(Code::PhonetBadFrame), now);
            }
        }
    }

    fn complain(&mut self, problem: Problem, now: Millis) {
        self.complaint = Some((problem, now));
    }

    fn call_event(&mut self, event: &CallEvent, now: Millis) {
        let is_new = !self.calls.knows(&event.uuid);
        let (call, tell) = self.calls.apply(event, &self.settings, now);
        for callback in tell {
            let id = self.crm.outbox.add(&call, &callback, now);
            self.store_row(id);
        }
        if let Some(number) =
            event.client.number.as_ref().filter(|_| is_new && event.direction == LegDirection::Outgoing)
        {
            let region = self.settings.region.0;
            self.dials.bind(&call, |dialled| phone::same(dialled, number.reveal(), region));
        }
        self.storage.dirty = true;
    }

    pub(super) fn ask_key(&mut self) {
        if !self.rest.is_asking(|question| *question == Question::Key) {
            self.rest.ask(Question::Key, rest::USERS.to_owned(), true);
        }
    }

    /// Asks who the subscriber is, where the settings name an e-mail address and nothing else tells.
    pub(super) fn ask_own_ext(&mut self) {
        if self.settings.phonet.is_some() && self.settings.own_ext().is_none() {
            self.rest.ask(Question::OwnExt, rest::USERS.to_owned(), false);
        }
    }

    /// Asks which calls go on. A socket in doubt is replaced when the answer contradicts it.
    pub(super) fn ask_calls(&mut self, in_doubt: bool, now: Millis) {
        let Some(epoch) = self.link.open_epoch() else { return };
        if !self.rest.is_asking(|question| matches!(question, Question::Calls { epoch: asked, .. } if *asked == epoch))
        {
            self.rest.ask(Question::Calls { asked_at: now, epoch, in_doubt }, rest::ACTIVE_CALLS.to_owned(), false);
        }
    }

    pub(super) fn ask_exchange(&mut self) {
        let Some(phonet) = &self.settings.phonet else { return };
        if self.forbidden.contains(&phonet.address) {
            return;
        }
        if let Some(request) = self.rest.next(self.http.wrapping_add(1), phonet) {
            let id = self.next_http();
            self.out.push_back(Output::Http { id, request });
        }
    }

    pub(super) fn exchange_answered(&mut self, question: Question, result: Result<String, RestError>, now: Millis) {
        match question {
            Question::Key => self.key_answered(&result, now),
            Question::OwnExt => {
                let users = result.ok().and_then(|body| rest::users(&body)).unwrap_or_default();
                self.settings.learn_own_ext(&users);
            }
            // What was asked of an older socket says nothing of this one.
            Question::Calls { epoch, .. } if self.link.open_epoch() != Some(epoch) => {}
            Question::Calls { asked_at, in_doubt, .. } => self.calls_answered(asked_at, in_doubt, result, now),
            Question::History { to, offset } => self.history_answered(to, offset, result, now),
        }
    }

    fn key_answered(&mut self, result: &Result<String, RestError>, now: Millis) {
        let Some(phonet) = &self.settings.phonet else { return };
        let verdict = KeyVerdict::read(result, phonet);
        for check in &mut self.checks {
            check.phonet(&verdict);
        }
        match verdict {
            KeyVerdict::Right => self.link.explained(Problem::new(Code::PhonetConnectionLost)),
            KeyVerdict::NoAnswer(problem) => self.link.explained(problem),
            KeyVerdict::WrongKey(problem) | KeyVerdict::WrongSubscriber(problem) => {
                let step = self.link.refused(problem, now);
                self.take_step(step, now);
            }
        }
    }

    fn calls_answered(&mut self, asked_at: Millis, in_doubt: bool, result: Result<String, RestError>, now: Millis) {
        let active = match result.map(|body| rest::active_calls(&body)) {
            Ok(Some(active)) => active,
            // It is there and answers something: the socket has the benefit of the doubt. So has a new one.
            Ok(None) | Err(RestError::Status(_) | RestError::KeyRefused) => return self.link.heard(now),
            Err(RestError::Unreachable) if !in_doubt => return,
            Err(RestError::Unreachable) => {
                let step = self.link.replace(now);
                return self.take_step(step, now);
            }
        };
        let mut gone = self.calls.silent_since(asked_at);
        gone.retain(|uuid| !active.iter().any(|event| event.uuid == *uuid));
        let unheard = |event: &CallEvent| !self.calls.knows(&event.uuid) && self.is_own(event);
        let contradicted = !gone.is_empty() || active.iter().any(unheard);
        // What is known may have gone on while nobody listened, so both kinds are taken.
        for event in active {
            if self.calls.knows(&event.uuid) || self.is_own(&event) {
                self.call_event(&event, now);
            }
        }
        // The patience with legs that are looked for already goes on.
        if self.unsettled.as_ref().is_none_or(|unsettled| unsettled.legs != gone) {
            self.unsettled = (!gone.is_empty()).then_some(Unsettled { legs: gone, tries: 0, not_before: now });
        }
        self.link.heard(now);
        if in_doubt && contradicted {
            let step = self.link.replace(now);
            self.take_step(step, now);
        }
    }

    /// The active calls are the whole company's: only the agent's own concern this browser.
    fn is_own(&self, event: &CallEvent) -> bool {
        let own = self.settings.own_ext();
        let sides = [&event.leg, &event.leg2];
        own.is_some() && sides.into_iter().flatten().any(|side| side.ext.as_deref() == own)
    }

    /// Looks for the ends of legs that were missed, with patience: the history may lag behind.
    pub(super) fn settle_history(&mut self, now: Millis) {
        let Some(unsettled) = self.unsettled.as_ref().filter(|unsettled| unsettled.not_before <= now) else { return };
        if self.rest.is_asking(|question| matches!(question, Question::History { .. })) {
            return;
        }
        match self.calls.earliest(&unsettled.legs) {
            None => self.unsettled = None,
            Some(_) => self.ask_history(now, 0),
        }
    }

    fn ask_history(&mut self, to: Millis, offset: u32) {
        let legs = self.unsettled.as_ref().map(|unsettled| unsettled.legs.as_slice()).unwrap_or_default();
        if let Some(from) = self.calls.earliest(legs) {
            let path = rest::history_path(from - Millis::mins(1), to + Millis::mins(1), offset);
            self.rest.ask(Question::History { to, offset }, path, false);
        }
    }

    fn history_answered(&mut self, to: Millis, offset: u32, result: Result<String, RestError>, now: Millis) {
        let records = result.ok().and_then(|body| rest::history(&body));
        let full = records.as_ref().is_some_and(|records| records.len() >= rest::HISTORY_PAGE as usize);
        for record in records.into_iter().flatten() {
            let wanted = self.unsettled.as_ref().is_some_and(|unsettled| unsettled.legs.contains(&record.uuid));
            let hangup = wanted.then(|| self.calls.missed_hangup(&record.uuid, record.bridge_at, record.end_at));
            if let Some(event) = hangup.flatten() {
                self.call_event(&event, now);
            }
        }
        let Some(unsettled) = &mut self.unsettled else { return };
        if self.calls.earliest(&unsettled.legs).is_none() {
            self.unsettled = None;
        } else if full {
            self.ask_history(to, offset + rest::HISTORY_PAGE);
        } else {
            unsettled.tries += 1;
            unsettled.not_before = now + Millis::secs(1) + HISTORY.wait(unsettled.tries, &mut self.rng);
        }
    }
}
