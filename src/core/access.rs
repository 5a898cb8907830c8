//! The CRM's AccessKey: exchanged when needed, renewed before it ends, never by two requests at a time.

use crate::{
    Millis,
    core::io::{AccessKey, HttpAnswer, HttpFailure, HttpRequest, Method},
    kontur::{
        API_KEY, SECRET,
        answer::Refusal,
        auth::{AUTHORIZE_PRIVATE, AUTHORIZE_PUBLIC, Authorized, LIFETIME},
    },
    private::Private,
    problem::{Code, Problem},
    settings::Kontur,
};

/// A key is renewed when less than this is left of its life.
const MARGIN: Millis = Millis::mins(2);
/// How long the CRM may take to answer; under what Chrome lets a worker's request take.
pub const TIMEOUT: u32 = 20_000;

/// The AccessKey and the exchange that brings it.
#[derive(Debug, Default)]
pub struct Access {
    key: Option<AccessKey>,
    exchange: Option<u32>,
}

/// Why there is no key, and whether it is worth to try soon.
#[derive(Clone, Debug, PartialEq)]
pub enum AccessError {
    /// The CRM did not answer or failed: try again with backoff.
    Later(Problem),
    /// The CRM refuses the integration: only a person can mend that.
    Refused(Problem),
}

impl Access {
    /// Goes on with the key that memory-only storage kept, if the worker died in between.
    pub fn restored(key: Option<AccessKey>) -> Self {
        Self { key, exchange: None }
    }

    /// The key, as long as it is good for these settings.
    pub fn key(&self, kontur: &Kontur, now: Millis) -> Option<&Private<String>> {
        let fresh = |key: &&AccessKey| {
            let age = now - key.obtained_at;
            key.fingerprint == kontur.fingerprint() && age >= Millis(0) && age < LIFETIME - MARGIN
        };
        self.key.as_ref().filter(fresh).map(|key| &key.key)
    }

    /// What memory-only storage is to keep.
    pub fn kept(&self) -> Option<&AccessKey> {
        self.key.as_ref()
    }

    /// The CRM said 401 to this key. Another one that came meanwhile stays.
    pub fn forget(&mut self, refused: &Private<String>) {
        self.key.take_if(|key| key.key == *refused);
    }

    /// Whether an exchange is going on.
    pub fn is_exchanging(&self) -> bool {
        self.exchange.is_some()
    }

    /// The settings have changed: whatever an exchange with the old ones brings is not wanted.
    pub fn abandon(&mut self) {
        self.exchange = None;
    }

    /// Starts the exchange under this HTTP id.
    pub fn exchange(&mut self, id: u32, kontur: &Kontur) -> HttpRequest {
        self.exchange = Some(id);
        let mut headers = vec![(API_KEY, kontur.api_key.clone())];
        headers.extend(kontur.secret.clone().map(|secret| (SECRET, secret)));
        let path = if kontur.secret.is_some() { AUTHORIZE_PUBLIC } else { AUTHORIZE_PRIVATE };
        HttpRequest {
            method: Method::Post,
            url: format!("{}{path}", kontur.address),
            headers,
            json: None,
            cookies: false,
            timeout: TIMEOUT,
        }
    }

    /// The exchange is over. `None` when it is not the one that is awaited.
    pub fn exchanged(
        &mut self,
        id: u32,
        result: &Result<HttpAnswer, HttpFailure>,
        kontur: &Kontur,
        now: Millis,
    ) -> Option<Result<(), AccessError>> {
        self.exchange.take_if(|exchange| *exchange == id)?;
        Some(self.read(result, kontur, now))
    }

    fn read(
        &mut self,
        result: &Result<HttpAnswer, HttpFailure>,
        kontur: &Kontur,
        now: Millis,
    ) -> Result<(), AccessError> {
        let later = |problem| Err(AccessError::Later(problem));
        let refused = |problem| Err(AccessError::Refused(problem));
        let answer = match result {
            Ok(answer) => answer,
            Err(_) => return later(Problem::new(Code::KonturUnreachable)),
        };
        match answer.status {
            200..=299 => {}
            401 | 403 => return refused(Problem::new(Code::KonturKeyRefused)),
            409 => {
                let refusal = Refusal::parse(answer.body.reveal());
                return refused(match refusal.status.as_str() {
                    "notInstalled" => Problem::new(Code::KonturNotInstalled),
                    _ => Problem::about(Code::KonturRefused, &[&refusal.words()]),
                });
            }
            429 => return later(Problem::new(Code::KonturTooMany)),
            status => return later(Problem::about(Code::KonturStatus, &[&status.to_string()])),
        }
        let Some(authorized) = Authorized::parse(answer.body.reveal()) else {
            return later(Problem::new(Code::KonturUnexpectedAnswer));
        };
        if let Some(workspace) = authorized.workspace.filter(|workspace| !workspace.is(&kontur.workspace)) {
            return refused(Problem::about(Code::KonturWrongWorkspace, &[&workspace.name, &kontur.workspace]));
        }
        self.key = Some(AccessKey { key: authorized.access_key, obtained_at: now, fingerprint: kontur.fingerprint() });
        Ok(())
    }
}
