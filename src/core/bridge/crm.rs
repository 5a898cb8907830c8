//! The bridge's side towards the CRM: the AccessKey and the deliveries.

use super::{Bridge, Delivery};
use crate::{
    Millis,
    core::{
        access::{AccessError, TIMEOUT},
        backoff::Backoff,
        io::{HttpAnswer, HttpFailure, HttpRequest, Method, Output, Write},
        outbox::Verdict,
    },
    kontur::ACCESS_KEY,
    problem::{Code, Problem},
};

/// Between exchanges of keys that fail.
const EXCHANGE: Backoff = Backoff { base: Millis::secs(1), cap: Millis::mins(5) };
/// When a refused integration is tried again by itself.
const REFUSED: Millis = Millis::mins(5);

impl Bridge {
    /// Sends what is due, with a key that is good; asks for one first where there is none.
    pub(super) fn deliver(&mut self, now: Millis) {
        let Some(kontur) = self.settings.kontur.clone() else { return };
        if self.forbidden.contains(&kontur.address) {
            return;
        }
        let due = self.crm.outbox.due(now);
        let key = self.crm.access.key(&kontur, now).cloned();
        let wanted = self.crm.renew || (key.is_none() && !due.is_empty() && self.crm.exchange_at <= now);
        if wanted && !self.crm.access.is_exchanging() {
            self.crm.renew = false;
            let id = self.next_http();
            let request = self.crm.access.exchange(id, &kontur);
            self.out.push_back(Output::Http { id, request });
        }
        let Some(key) = key else { return };
        for row in due {
            let call = self.crm.outbox.get(row).map(|row| row.call.clone()).unwrap_or_default();
            let communication = self.calls.get(&call).and_then(|call| call.communication.clone());
            let id = self.next_http();
            let Some((method, body)) = self.crm.outbox.sending(row, communication.as_deref()) else { continue };
            let request = HttpRequest {
                method: Method::Post,
                url: format!("{}{}", kontur.address, method.path(&kontur.workspace)),
                headers: vec![(ACCESS_KEY, key.clone())],
                json: Some(body),
                cookies: false,
                timeout: TIMEOUT,
            };
            self.crm.deliveries.push(Delivery { http: id, row, key: key.clone() });
            self.out.push_back(Output::Http { id, request });
        }
    }

    /// The CRM answered a delivery; false when this was none.
    pub(super) fn delivery_answered(&mut self, id: u32, result: &Result<HttpAnswer, HttpFailure>, now: Millis) -> bool {
        let Some(place) = self.crm.deliveries.iter().position(|delivery| delivery.http == id) else { return false };
        let Delivery { row, key, .. } = self.crm.deliveries.swap_remove(place);
        let was_set_aside = |bridge: &Self| bridge.crm.outbox.get(row).is_some_and(|row| row.set_aside.is_some());
        match self.crm.outbox.answered(row, result, now, &mut self.rng) {
            Verdict::Delivered(started) => {
                self.storage.writes.push(Write::DeleteRow { id: row });
                if let Some(started) = started
                    && let Some(call) = self.calls.get_mut(&started.call)
                {
                    call.communication = Some(started.communication);
                    call.links = started.links;
                    self.storage.dirty = true;
                }
            }
            Verdict::FreshKey => self.crm.access.forget(&key),
            Verdict::Kept if was_set_aside(self) => self.store_row(row),
            Verdict::Kept => {}
        }
        true
    }

    /// The exchange of keys is over; false when this was none.
    pub(super) fn key_exchanged(&mut self, id: u32, result: &Result<HttpAnswer, HttpFailure>, now: Millis) -> bool {
        let Some(kontur) = &self.settings.kontur else { return false };
        let Some(result) = self.crm.access.exchanged(id, result, kontur, now) else { return false };
        let problem = match result {
            Ok(()) => {
                self.crm.exchange_failures = 0;
                self.crm.exchange_at = Millis(0);
                // A queue that rests because its key was refused may go on with the new one.
                if self.crm.problem.is_some() {
                    self.crm.outbox.resume();
                }
                None
            }
            Err(AccessError::Later(problem)) => {
                self.crm.exchange_failures += 1;
                self.crm.exchange_at = now + EXCHANGE.wait(self.crm.exchange_failures, &mut self.rng);
                Some(problem)
            }
            Err(AccessError::Refused(problem)) => {
                self.crm.exchange_at = now + REFUSED;
                Some(problem)
            }
        };
        for check in &mut self.checks {
            check.kontur(problem.clone());
        }
        self.crm.problem = problem;
        true
    }

    /// What keeps the CRM from being told, if anything does.
    pub(super) fn crm_problem(&self, now: Millis) -> Option<Problem> {
        let Some(kontur) = &self.settings.kontur else { return Some(Problem::new(Code::KonturNotConfigured)) };
        let why = || self.crm.problem.as_ref().or_else(|| self.crm.outbox.problem(now)).cloned();
        self.missing_permission(&kontur.address).or_else(why)
    }
}
