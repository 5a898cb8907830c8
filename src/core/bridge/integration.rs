//! The bridge's side towards the integration itself: what the administrator asks of it, and who is responsible for a client.

use super::Bridge;
use crate::{
    Millis,
    core::{
        access::request,
        integration::{Progress, objection},
        io::Output,
        redirect::Redirected,
    },
    http::{Body, HttpAnswer, HttpFailure, Method},
    problem::{Code, Problem},
    protocol::{IntegrationView, Message, Request},
};

impl Bridge {
    /// Takes a job for the integration, or says why it is none.
    pub(super) fn integrate(&mut self, ask: u32, wanted: Request, now: Millis) {
        let objection = match &self.settings.kontur {
            None => Some(Problem::new(Code::KonturNotConfigured)),
            Some(kontur) => self.missing_permission(&kontur.address).or_else(|| objection(&wanted, kontur)),
        };
        let rests = || self.crm.outbox.is_asked_to_rest(now).then(|| Problem::new(Code::KonturTooMany));
        match (objection.or_else(rests), &self.settings.kontur) {
            (None, Some(kontur)) => self.integration.ask(Some(ask), wanted, kontur),
            (problem, _) => self.reply(ask, Message::Invalid { problems: problem.into_iter().collect() }),
        }
    }

    /// Makes the next request of the jobs; has a key exchanged first where there is none, or none that tells the integration's id.
    pub(super) fn drive_integration(&mut self, now: Millis) {
        if self.integration.is_foreign(self.settings.kontur.as_ref()) {
            self.give_up_jobs(&Problem::new(Code::IntegrationUncertain));
        }
        let Some(kontur) = self.settings.kontur.as_ref().filter(|_| self.integration.is_waiting()) else { return };
        if let Some(problem) = self.missing_permission(&kontur.address) {
            return self.give_up_jobs(&problem);
        }
        if self.crm.outbox.is_asked_to_rest(now) {
            return self.give_up_jobs(&Problem::new(Code::KonturTooMany));
        }
        if let (Some(key), Some(integration)) = (self.crm.access.key(kontur, now), self.crm.access.integration()) {
            let request = self.integration.next(self.http.wrapping_add(1), kontur, key, integration);
            if let Some(request) = request {
                let id = self.next_http();
                self.out.push_back(Output::Http { id, request });
            }
        } else if self.crm.access.is_exchanging() || self.crm.renew {
            // The exchange of keys brings the next step.
        } else if self.integration.renew() {
            self.crm.renew = true;
        } else {
            let problem = self.crm.problem.clone();
            self.give_up_jobs(&problem.unwrap_or_else(|| Problem::new(Code::IntegrationUnnamed)));
        }
    }

    fn give_up_jobs(&mut self, problem: &Problem) {
        for ask in self.integration.give_up() {
            self.job_done(ask, Err(vec![problem.clone()]));
        }
    }

    /// Tells who asked what came of a job.
    fn job_done(&mut self, ask: Option<u32>, result: Result<IntegrationView, Vec<Problem>>) {
        match (ask, result) {
            (Some(ask), Ok(view)) => self.reply(ask, Message::Integration(view)),
            (Some(ask), Err(problems)) => self.reply(ask, Message::Invalid { problems }),
            (None, result) => {
                let unnamed = || Problem::new(Code::IntegrationUnnamed);
                let told = result.map_err(|problems| problems.into_iter().next().unwrap_or_else(unnamed));
                self.checks.iter_mut().for_each(|check| check.integration(&told));
            }
        }
    }

    /// Asks the CRM how the integration does, for the check.
    pub(super) fn look_for_check(&mut self) {
        let told = match &self.settings.kontur {
            _ if self.integration.is_checking() => return,
            Some(kontur) if self.crm.access.integration().is_some() => {
                return self.integration.ask(None, Request::GetIntegration, kontur);
            }
            _ => Err(Problem::new(Code::IntegrationUnnamed)),
        };
        self.checks.iter_mut().for_each(|check| check.integration(&told));
    }

    /// The CRM answered a job's request, or whom a client is to be passed to; false when this was none.
    pub(super) fn integration_answered(
        &mut self,
        id: u32,
        result: &Result<HttpAnswer, HttpFailure>,
        now: Millis,
    ) -> bool {
        let Some(kontur) = &self.settings.kontur else { return false };
        let what = if let Some(progress) = self.integration.answered(id, result, kontur) {
            match progress {
                Progress::Next => {}
                Progress::FreshKey(key) => self.crm.access.forget(&key),
                Progress::Done(ask, result) => self.job_done(ask, result),
            }
            "integration"
        } else if let Some(redirected) = self.redirects.answered(id, result, now) {
            match redirected {
                Redirected::To(call, users) => {
                    if let Some(call) = self.calls.get_mut(&call) {
                        call.responsible = users;
                        self.storage.dirty = true;
                    }
                }
                Redirected::FreshKey(key) => self.crm.access.forget(&key),
                Redirected::Nobody => {}
            }
            "call-redirect"
        } else {
            return false;
        };
        if let Ok(HttpAnswer { status: 429, retry_after, .. }) = result {
            self.crm.outbox.slow_down(*retry_after, now);
        }
        let answer = result.as_ref().map_or_else(|_| "no answer".to_owned(), |answer| answer.status.to_string());
        self.log.add(now, "crm", &[what, &answer].join(" "));
        true
    }

    /// Asks who is responsible for the clients who call.
    pub(super) fn ask_responsible(&mut self, now: Millis) {
        let Some(kontur) = &self.settings.kontur else { return };
        if self.crm.problem.is_some() || self.crm.outbox.is_paused(now) || self.forbidden.contains(&kontur.address) {
            return;
        }
        let Some(key) = self.crm.access.key(kontur, now) else { return };
        let refused = |call: &str| self.crm.outbox.rows().iter().any(|row| row.call == call && row.set_aside.is_some());
        loop {
            let id = self.http.wrapping_add(1);
            let Some(path) = self.redirects.next(id, key, &kontur.workspace, &self.calls, refused, now) else { return };
            self.http = id;
            self.out.push_back(Output::Http { id, request: request(kontur, key, Method::Get, &path, Body::Empty) });
        }
    }
}
