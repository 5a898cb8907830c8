//! Kontur.CRM's API: with the AccessKey that the integration's key is exchanged for, renewed when it is needed.

use std::time::Duration;

use fastrand::Rng;
use tokio::sync::Mutex;
use trubka::{
    Millis,
    core::{
        access::{self, Access, AccessError},
        backoff::Backoff,
        integration::{self, Integration, Progress},
    },
    http::{Body, HttpAnswer, HttpFailure, HttpRequest, Method},
    kontur::{
        answer::{Refusal, is_json},
        auth::LIFETIME,
        files::{self, Recording, TOO_LARGE},
        redirect::{self, By},
        telephony::Callback,
    },
    private::Private,
    problem::{Code, Problem},
    protocol::{IntegrationView, Request},
    relay::HandedKey,
    settings::Kontur,
};

use super::http::{File, Http};
use crate::clock::now;

/// How often a request is tried that found no answer, and how long to wait in between.
const TRIES: u32 = 4;
const BACKOFF: Backoff = Backoff { base: Millis(500), cap: Millis::secs(4) };
/// A longer wait than this, the CRM does not get here: who asks comes back later.
const LONGEST_WAIT: Millis = Millis::secs(20);
/// How long an upload may take: 100 MB on a line of 3 Mbit/s.
const UPLOAD_TIMEOUT: u32 = 300_000;

/// The CRM.
#[derive(Debug)]
pub struct Crm {
    http: Http,
    kontur: Kontur,
    access: Mutex<Access>,
}

/// What became of something that the CRM was told.
#[derive(Debug, PartialEq)]
pub enum Told {
    /// It has it now.
    Taken,
    /// It had it already.
    Had,
    /// It will not have it.
    Refused(Problem),
}

impl Crm {
    /// # Errors
    /// The system's certificates cannot be read.
    pub fn new(kontur: Kontur) -> Result<Self, reqwest::Error> {
        Ok(Self { http: Http::new(false)?, kontur, access: Mutex::default() })
    }

    /// The CRM as it is set up.
    pub fn kontur(&self) -> &Kontur {
        &self.kontur
    }

    /// A key that was just exchanged, whichever there was before.
    ///
    /// # Errors
    /// Why there is none, and whether it is worth to try soon.
    pub async fn fresh_key(&self) -> Result<HandedKey, AccessError> {
        let mut access = self.access.lock().await;
        self.exchange(&mut access).await?;
        let obtained = access.kept().ok_or(AccessError::Later(Problem::new(Code::KonturUnexpectedAnswer), None))?;
        Ok(HandedKey {
            key: obtained.key.clone(),
            workspace: self.kontur.workspace.clone(),
            integration: access.integration().map(str::to_owned),
            ends_at: obtained.obtained_at + LIFETIME,
        })
    }

    /// Whether the CRM knows a call, by its `externalId`: somebody has begun to tell it, or registered it. `Err` within is why the CRM
    /// does not want to be asked of this one.
    ///
    /// # Errors
    /// The CRM does not answer, or not as it should.
    pub async fn knows(&self, call: &str) -> Result<Result<bool, Problem>, AccessError> {
        let unexpected = || AccessError::Later(Problem::new(Code::KonturUnexpectedAnswer), None);
        let path = By::Call(call).path(&self.kontur.workspace).ok_or_else(unexpected)?;
        let answer = self.ask(Method::Get, &path, Body::Empty, None).await?;
        let body = answer.body.reveal();
        match answer.status {
            200..=299 if redirect::users(body).is_some() => Ok(Ok(true)),
            404 | 409 if Refusal::parse(body).status.eq_ignore_ascii_case("notFound") => Ok(Ok(false)),
            400 | 409 | 422 => Ok(Err(refused(&answer))),
            400..=499 => Err(AccessError::Later(refused(&answer), None)),
            _ => Err(unexpected()),
        }
    }

    /// Tells the CRM of a call.
    ///
    /// # Errors
    /// The CRM does not answer.
    pub async fn tell(&self, callback: &Callback) -> Result<Told, AccessError> {
        let path = callback.method().path(&self.kontur.workspace);
        let answer = self.ask(Method::Post, &path, Body::Json(callback.body()), None).await?;
        match answer.status {
            200..=299 if is_json(answer.body.reveal()) => Ok(Told::Taken),
            200..=399 => Err(AccessError::Later(Problem::new(Code::KonturUnexpectedAnswer), None)),
            // It has the same call already: an answer was lost, or another was first.
            409 if callback.is_shared() && Refusal::parse(answer.body.reveal()).words() == "Error" => Ok(Told::Had),
            _ => Ok(Told::Refused(refused(&answer))),
        }
    }

    /// Uploads a recording, to be named in a callback within a day; `None` is why the CRM does not want it.
    ///
    /// # Errors
    /// The CRM does not answer.
    pub async fn upload(&self, file: &File) -> Result<Result<Recording, Problem>, AccessError> {
        let path = files::upload_path(&self.kontur.workspace);
        let body = Body::File { kept: 0, name: file.name.clone() };
        let answer = self.ask(Method::Post, &path, body, Some(file)).await?;
        match answer.status {
            200..=299 => Recording::parse(answer.body.reveal())
                .map(Ok)
                .ok_or_else(|| AccessError::Later(Problem::new(Code::KonturUnexpectedAnswer), None)),
            413 => Ok(Err(Problem::new(Code::RecordingTooLarge))),
            400..=499 if Refusal::parse(answer.body.reveal()).status == TOO_LARGE => {
                Ok(Err(Problem::new(Code::RecordingTooLarge)))
            }
            400..=499 => Ok(Err(refused(&answer))),
            _ => Err(AccessError::Later(Problem::new(Code::KonturUnexpectedAnswer), None)),
        }
    }

    /// Does a job for the integration; whatever it changes is read again before it is believed.
    ///
    /// # Errors
    /// Each thing that is wrong.
    pub async fn integrate(&self, wanted: Request) -> Result<IntegrationView, Vec<Problem>> {
        if let Some(problem) = integration::objection(&wanted, &self.kontur) {
            return Err(vec![problem]);
        }
        let mut jobs = Integration::default();
        jobs.ask(Some(0), wanted, &self.kontur);
        loop {
            let key = self.key().await.map_err(|error| vec![problem_of(error)])?;
            let id = self.access.lock().await.integration().map(str::to_owned);
            let Some(id) = id else { return Err(vec![Problem::new(Code::IntegrationUnnamed)]) };
            let Some(request) = jobs.next(0, &self.kontur, &key, &id) else { return Err(Vec::new()) };
            let result = self.http.send(&request, None).await.map(|(answer, _)| answer);
            match jobs.answered(0, &result, &self.kontur) {
                Some(Progress::Next) => {}
                Some(Progress::FreshKey(refused)) => self.access.lock().await.forget(&refused),
                Some(Progress::Done(_, result)) => return result,
                None => return Err(Vec::new()),
            }
        }
    }

    /// Sends a request with a good key, patiently: it is sent again where no answer came and where the CRM failed, for it knows the same
    /// request again. What comes back is a success or a refusal for good.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Body,
        file: Option<&File>,
    ) -> Result<HttpAnswer, AccessError> {
        let (mut failures, mut refreshed) = (0, false);
        loop {
            let (problem, wait) = match self.send_once(method, path, &body, file).await {
                Ok((HttpAnswer { status: 401, .. }, key)) if !refreshed => {
                    refreshed = true;
                    self.access.lock().await.forget(&key);
                    continue;
                }
                Ok((answer, _)) => match answer.status {
                    401 => return Err(AccessError::Refused(Problem::new(Code::KonturKeyRefused))),
                    429 => (Problem::new(Code::KonturTooMany), answer.retry_after),
                    status @ (408 | 425 | 500..=599) => {
                        (Problem::about(Code::KonturStatus, &[&status.to_string()]), answer.retry_after)
                    }
                    _ => return Ok(answer),
                },
                Err(AccessError::Later(problem, wait)) => (problem, wait),
                Err(refused) => return Err(refused),
            };
            failures += 1;
            let pause = BACKOFF.wait(failures, &mut Rng::new()).max(wait.unwrap_or_default());
            if failures >= TRIES || pause > LONGEST_WAIT {
                return Err(AccessError::Later(problem, wait));
            }
            tokio::time::sleep(Duration::from_millis(pause.0.unsigned_abs())).await;
        }
    }

    async fn send_once(
        &self,
        method: Method,
        path: &str,
        body: &Body,
        file: Option<&File>,
    ) -> Result<(HttpAnswer, Private<String>), AccessError> {
        let key = self.key().await?;
        let request = access::request(&self.kontur, &key, method, path, body.clone());
        let timeout = if file.is_some() { UPLOAD_TIMEOUT } else { request.timeout };
        match self.http.send(&HttpRequest { timeout, ..request }, file).await {
            Ok((answer, _)) => Ok((answer, key)),
            Err(HttpFailure::Network | HttpFailure::Timeout | HttpFailure::TooLarge) => {
                Err(AccessError::Later(Problem::new(Code::KonturUnreachable), None))
            }
        }
    }

    async fn key(&self) -> Result<Private<String>, AccessError> {
        let mut access = self.access.lock().await;
        if let Some(key) = access.key(&self.kontur, now()) {
            return Ok(key.clone());
        }
        self.exchange(&mut access).await?;
        let key = access.key(&self.kontur, now()).cloned();
        key.ok_or(AccessError::Later(Problem::new(Code::KonturUnexpectedAnswer), None))
    }

    async fn exchange(&self, access: &mut Access) -> Result<(), AccessError> {
        // The relay's own settings always hold the integration's key.
        let Some(request) = access.exchange(0, &self.kontur) else {
            return Err(AccessError::Refused(Problem::new(Code::KonturKeyRefused)));
        };
        let result = self.http.send(&request, None).await.map(|(answer, _)| answer);
        access.exchanged(0, &result, &self.kontur, now()).unwrap_or(Ok(()))
    }
}

/// What is the matter, whether or not it is worth to try again.
pub fn problem_of(error: AccessError) -> Problem {
    match error {
        AccessError::Later(problem, _) | AccessError::Refused(problem) => problem,
    }
}

fn refused(answer: &HttpAnswer) -> Problem {
    match Refusal::parse(answer.body.reveal()).words().as_str() {
        "" => Problem::about(Code::KonturStatus, &[&answer.status.to_string()]),
        words => Problem::about(Code::KonturRefused, &[words]),
    }
}
