//! The bridge's side towards the CRM: the AccessKey, the deliveries and the recordings.

use super::{Bridge, Delivery, Recording};
use crate::{
    Millis,
    core::{
        access::{self, AccessError},
        backoff::Backoff,
        io::{Output, Write},
        log,
        outbox::{LONGEST_PAUSE, Verdict},
        rest::RestError,
    },
    http::{Body, HttpAnswer, HttpFailure, HttpRequest, Method},
    kontur::{
        files,
        telephony::{CallRecording, Callback},
    },
    problem::{Code, Problem},
    protocol::LinkState,
};

/// Between exchanges of keys that fail.
const EXCHANGE: Backoff = Backoff { base: Millis::secs(1), cap: Millis::mins(5) };
/// How long an upload may take: 100 MB on a line of 3 Mbit/s. The heartbeat keeps Chrome from stopping the worker meanwhile.
const UPLOAD_TIMEOUT: u32 = 300_000;
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
        let may_exchange = self.crm.exchange_at.has_come(now, LONGEST_PAUSE);
        // A problem is shown until it is over, and recordings wait for its end.
        let is_troubled = self.crm.problem.is_some();
        let waits = is_troubled || (key.is_none() && (!due.is_empty() || self.recordings.waits_for_key()));
        let wanted = self.crm.renew || (waits && may_exchange);
        if wanted && !self.crm.access.is_exchanging() {
            match self.crm.access.exchange(self.http.wrapping_add(1), &kontur) {
                Some(request) => {
                    self.crm.renew = false;
                    let id = self.next_http();
                    self.out.push_back(Output::Http { id, request });
                }
                None => self.await_handed_key(key.is_some(), now),
            }
        }
        let Some(key) = key else { return };
        for row in due {
            let call = self.crm.outbox.get(row).map(|row| row.call.clone()).unwrap_or_default();
            let communication = self.calls.get(&call).and_then(|call| call.communication.clone());
            let id = self.next_http();
            let Some((method, body)) = self.crm.outbox.sending(row, communication.as_deref()) else { continue };
            let path = method.path(&kontur.workspace);
            let request = access::request(&kontur, &key, Method::Post, &path, Body::Json(body));
            self.crm.deliveries.push(Delivery { http: id, row, key: key.clone() });
            self.out.push_back(Output::Http { id, request });
        }
    }

    /// The CRM answered a delivery; false when this was none.
    pub(super) fn delivery_answered(&mut self, id: u32, result: &Result<HttpAnswer, HttpFailure>, now: Millis) -> bool {
        let Some(place) = self.crm.deliveries.iter().position(|delivery| delivery.http == id) else { return false };
        let Delivery { row, key, .. } = self.crm.deliveries.swap_remove(place);
        self.log_answer(row, result, now);
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
            Verdict::Kept if was_set_aside(self) => {
                self.store_row(row);
                let call = self.crm.outbox.get(row).map(|row| row.call.clone()).unwrap_or_default();
                self.discard_unknown(&call);
            }
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
                self.fresh_key(now);
                None
            }
            Err(AccessError::Later(problem, at_least)) => {
                self.crm.exchange_failures = self.crm.exchange_failures.saturating_add(1);
                let wait = EXCHANGE.wait(self.crm.exchange_failures, &mut self.rng);
                self.crm.exchange_at = now + wait.max(at_least.unwrap_or_default().min(LONGEST_PAUSE));
                Some(problem)
            }
            Err(AccessError::Refused(problem)) => {
                self.crm.exchange_at = now + REFUSED;
                Some(problem)
            }
        };
        if let Some(problem) = &problem {
            self.log.add(now, "crm", problem.code.name());
            // A recording that waits for the key would fill the memory.
            self.drop_file();
            self.recordings.put_off(now, &mut self.rng);
        }
        for check in &mut self.checks {
            check.kontur_key(problem.clone());
        }
        self.crm.problem = problem;
        true
    }

    /// There is a key again.
    pub(super) fn fresh_key(&mut self, now: Millis) {
        self.log.add(now, "crm", "a fresh key");
        self.crm.exchange_failures = 0;
        self.crm.exchange_at = Millis(0);
        // A queue that rests because its key was refused may go on with the new one.
        if self.crm.problem.take().is_some() {
            self.crm.outbox.resume();
        }
    }

    /// Only the relay can give a key. While its connection is being opened, nobody knows whether it does.
    fn await_handed_key(&mut self, is_there: bool, now: Millis) {
        if !is_there && self.relay.view().is_some_and(|relay| relay.state == LinkState::Connecting) {
            return;
        }
        self.crm.renew = false;
        self.crm.problem = (!is_there).then(|| {
            self.crm.exchange_at = now + REFUSED;
            self.crm.foreign_key.clone().unwrap_or_else(|| Problem::new(Code::RelayKeyMissing))
        });
        for check in &mut self.checks {
            check.kontur_key(self.crm.problem.clone());
        }
    }

    fn log_answer(&mut self, row: u32, result: &Result<HttpAnswer, HttpFailure>, now: Millis) {
        let Some(row) = self.crm.outbox.get(row) else { return };
        let answer = match result {
            Ok(answer) => answer.status.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        let what = [row.method().name(), &log::id(&row.call), &answer].join(" ");
        self.log.add(now, "crm", &what);
    }

    // ── Recordings ───────────────────────────────────────────────────────────────────────────────────────────────

    /// Fetches the next recording that is due, and uploads one that is fetched.
    pub(super) fn transfer(&mut self, now: Millis) {
        let (Some(phonet), Some(kontur)) = (&self.settings.phonet, &self.settings.kontur) else { return };
        if self.forbidden.contains(&phonet.address) || self.forbidden.contains(&kontur.address) {
            return;
        }
        // A recording is only fetched for a CRM that takes something at present.
        if self.crm.problem.is_none()
            && !self.crm.outbox.is_paused(now)
            && let Some(task) = self.recordings.next(now, Recording, &mut self.rng)
        {
            self.storage.dirty = true;
            self.files.ask_first(task);
        }
        let fetch = self.files.next(self.http.wrapping_add(1), phonet);
        let key = self.crm.access.key(kontur, now).cloned();
        let upload = key.zip(self.recordings.to_upload()).map(|(key, (kept, name))| {
            let path = files::upload_path(&kontur.workspace);
            let request = access::request(kontur, &key, Method::Post, &path, Body::File { kept, name });
            HttpRequest { timeout: UPLOAD_TIMEOUT, ..request }
        });
        if let Some(request) = fetch {
            let id = self.next_http();
            self.out.push_back(Output::Http { id, request });
        }
        if let Some(request) = upload {
            let id = self.next_http();
            self.recordings.uploading(id);
            self.out.push_back(Output::Http { id, request });
        }
    }

    /// The exchange answered with a recording, or with something else.
    pub(super) fn recording_answered(&mut self, http: u32, result: &Result<HttpAnswer, RestError>, now: Millis) {
        let is_kept = result.as_ref().is_ok_and(|answer| answer.file.is_some());
        let is_recording = self.recordings.fetched(http, result, now, &mut self.rng);
        self.log.add(now, "recording", if is_recording { "fetched" } else { "not there" });
        if is_kept && !is_recording {
            self.out.push_back(Output::DropFile { id: http });
        }
        self.storage.dirty = true;
    }

    /// The CRM answered an upload; false when this was none.
    pub(super) fn upload_answered(&mut self, id: u32, result: &Result<HttpAnswer, HttpFailure>, now: Millis) -> bool {
        if !self.recordings.is_uploading(id) {
            return false;
        }
        self.drop_file();
        match result.as_ref().map(|answer| (answer.status, answer.retry_after)) {
            Ok((401, _)) => self.crm.access.forget_any(),
            Ok((429, wait)) => self.crm.outbox.slow_down(wait, now),
            _ => {}
        }
        let uploaded = self.recordings.uploaded(result, now, &mut self.rng);
        self.log.add(now, "recording", if uploaded.is_some() { "uploaded" } else { "not uploaded" });
        self.storage.dirty = true;
        let Some((call, leg, recording)) = uploaded else { return true };
        let file = recording.file_id.clone();
        let row = self.crm.outbox.name_recording(&call, &leg, &recording).unwrap_or_else(|| {
            let callback = Callback::CallRecording(CallRecording {
                external_id: call.clone(),
                external_call_item_id: leg.clone(),
                realtime_call_item_id: leg.clone(),
                recording_file_id: file,
            });
            self.crm.outbox.add(&call, &callback, now)
        });
        self.store_row(row);
        self.crm.outbox.release(&call);
        if let Some(call) = self.calls.get_mut(&call) {
            call.recorded(leg, recording);
        }
        true
    }

    /// Forgets the file that is kept for an upload.
    pub(super) fn drop_file(&mut self) {
        if let Some(id) = self.recordings.kept() {
            self.out.push_back(Output::DropFile { id });
        }
    }

    /// What keeps the CRM from being told, if anything does.
    pub(super) fn crm_problem(&self, now: Millis) -> Option<Problem> {
        let Some(kontur) = &self.settings.kontur else { return Some(Problem::new(Code::KonturNotConfigured)) };
        let why = || self.crm.problem.as_ref().or_else(|| self.crm.outbox.problem(now)).cloned();
        self.missing_permission(&kontur.address).or_else(why)
    }
}
