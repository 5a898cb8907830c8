//! Asking the exchange over REST: one question at a time, within a session that is opened when it is needed.

use std::collections::VecDeque;

use crate::{
    http::{Body, HttpAnswer, HttpFailure, HttpRequest, Method},
    phonet::rest::{AUTHORIZE, authorize_body},
    settings::Phonet,
};

/// How long the exchange may take to answer: together with the silence before it, what is shown must be true within half a minute.
const TIMEOUT: u32 = 8_000;
/// How long a recording may take to begin to come, and then from each piece to the next.
const FILE_TIMEOUT: u32 = 20_000;

/// The questions that wait, and the one that is being asked.
#[derive(Debug)]
pub struct Rest<Q> {
    waiting: VecDeque<Task<Q>>,
    current: Option<Current<Q>>,
}

/// A question and how it is asked.
#[derive(Debug)]
pub struct Task<Q> {
    /// Handed back with the answer.
    pub question: Q,
    /// What to GET, at the exchange's own address.
    pub path: String,
    /// Whether the key itself is in question, so that an open session must not answer for it.
    pub fresh_session: bool,
    /// Whether the answer is a file, to be kept.
    pub keep: bool,
}

#[derive(Debug)]
struct Current<Q> {
    http: u32,
    task: Task<Q>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// Asked within the session that may be there.
    Trying,
    /// The session is being opened.
    Authorizing,
    /// Asked within a session just opened.
    Authorized,
}

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestError {
    /// The exchange refuses the key.
    KeyRefused,
    /// The exchange does not answer.
    Unreachable,
    /// The exchange answers with another status than it should.
    Status(u16),
    /// The file is too large.
    TooLarge,
}

impl<Q> Default for Rest<Q> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), current: None }
    }
}

impl<Q> Rest<Q> {
    /// Asks, after all that was asked before.
    pub fn ask(&mut self, question: Q, path: String) {
        self.waiting.push_back(Task { question, path, fresh_session: false, keep: false });
    }

    /// Asks, before all that waits.
    pub fn ask_first(&mut self, task: Task<Q>) {
        self.waiting.push_front(task);
    }

    /// Whether such a question waits or is being asked.
    pub fn is_asking(&self, is: impl Fn(&Q) -> bool) -> bool {
        let current = self.current.as_ref().map(|current| &current.task);
        self.waiting.iter().chain(current).any(|task| is(&task.question))
    }

    /// Takes back a question that waits.
    pub fn withdraw(&mut self, is: impl Fn(&Q) -> bool) -> Option<Q> {
        let place = self.waiting.iter().position(|task| is(&task.question))?;
        self.waiting.remove(place).map(|task| task.question)
    }

    /// Gives up every question, for the settings have changed, and hands them back.
    pub fn clear(&mut self) -> impl Iterator<Item = Q> + use<Q> {
        let Self { waiting, current } = std::mem::take(self);
        current.map(|current| current.task).into_iter().chain(waiting).map(|task| task.question)
    }

    /// The next request, if nothing is under way.
    pub fn next(&mut self, http: u32, phonet: &Phonet) -> Option<HttpRequest> {
        if self.current.is_some() {
            return None;
        }
        let task = self.waiting.pop_front()?;
        let stage = if task.fresh_session { Stage::Authorizing } else { Stage::Trying };
        let request = request(stage, &task, phonet);
        self.current = Some(Current { http, task, stage });
        Some(request)
    }

    /// An answer came: either the next request of the same question, or the question's own answer.
    pub fn answered(
        &mut self,
        http: u32,
        result: &Result<HttpAnswer, HttpFailure>,
        next_http: u32,
        phonet: &Phonet,
    ) -> Option<Progress<Q>> {
        let current = self.current.take_if(|current| current.http == http)?;
        let step = match result {
            Err(HttpFailure::TooLarge) => Err(Err(RestError::TooLarge)),
            Err(HttpFailure::Network | HttpFailure::Timeout) => Err(Err(RestError::Unreachable)),
            Ok(answer) => match (answer.status, current.stage) {
                // A session that has run out shows as 401, 403 or a redirect to a login page.
                (300..=399 | 401 | 403, Stage::Trying) => Ok(Stage::Authorizing),
                (200..=299, Stage::Authorizing) => Ok(Stage::Authorized),
                (401 | 403, Stage::Authorizing) => Err(Err(RestError::KeyRefused)),
                (200..=299, _) => Err(Ok(answer.clone())),
                (status, _) => Err(Err(RestError::Status(status))),
            },
        };
        let stage = match step {
            Ok(stage) => stage,
            Err(result) => return Some(Progress::Done(current.task.question, result)),
        };
        let request = request(stage, &current.task, phonet);
        self.current = Some(Current { http: next_http, task: current.task, stage });
        Some(Progress::Next(request))
    }
}

/// How a question goes on.
pub enum Progress<Q> {
    /// A further request, under the id that was offered.
    Next(HttpRequest),
    /// The answer, or why there is none.
    Done(Q, Result<HttpAnswer, RestError>),
}

fn request<Q>(stage: Stage, task: &Task<Q>, phonet: &Phonet) -> HttpRequest {
    let authorizing = stage == Stage::Authorizing;
    let keep = task.keep && !authorizing;
    HttpRequest {
        method: if authorizing { Method::Post } else { Method::Get },
        url: format!("{}{}", phonet.address, if authorizing { AUTHORIZE } else { &task.path }),
        headers: Vec::new(),
        body: if authorizing {
            Body::Json(authorize_body(&phonet.domain, phonet.api_key.reveal()))
        } else {
            Body::Empty
        },
        keep,
        cookies: true,
        timeout: if keep { FILE_TIMEOUT } else { TIMEOUT },
    }
}
