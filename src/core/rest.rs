//! Asking the exchange over REST: one question at a time, within a session that is opened when it is needed.

use std::collections::VecDeque;

use crate::{
    core::io::{HttpAnswer, HttpFailure, HttpRequest, Method},
    phonet::rest::{AUTHORIZE, authorize_body},
    settings::Phonet,
};

/// How long the exchange may take to answer.
const TIMEOUT: u32 = 15_000;

/// The questions that wait, and the one that is being asked.
#[derive(Debug)]
pub struct Rest<Q> {
    waiting: VecDeque<Task<Q>>,
    current: Option<Current<Q>>,
}

#[derive(Debug)]
struct Task<Q> {
    question: Q,
    path: String,
    /// Whether the key itself is in question, so that an open session must not answer for it.
    fresh_session: bool,
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
}

impl<Q> Default for Rest<Q> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), current: None }
    }
}

impl<Q> Rest<Q> {
    /// Asks, after all that was asked before.
    pub fn ask(&mut self, question: Q, path: String, fresh_session: bool) {
        self.waiting.push_back(Task { question, path, fresh_session });
    }

    /// Whether such a question waits or is being asked.
    pub fn is_asking(&self, is: impl Fn(&Q) -> bool) -> bool {
        let current = self.current.as_ref().map(|current| &current.task);
        self.waiting.iter().chain(current).any(|task| is(&task.question))
    }

    /// Gives up every question: the settings have changed.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The next request, if nothing is under way.
    pub fn next(&mut self, http: u32, phonet: &Phonet) -> Option<HttpRequest> {
        if self.current.is_some() {
            return None;
        }
        let task = self.waiting.pop_front()?;
        let stage = if task.fresh_session { Stage::Authorizing } else { Stage::Trying };
        let request = request(stage, &task.path, phonet);
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
        let stage = match (result, current.stage) {
            (Err(_), _) => return Some(Progress::Done(current.task.question, Err(RestError::Unreachable))),
            // A session that has run out shows as 401, 403 or a redirect to a login page.
            (Ok(answer), Stage::Trying) if matches!(answer.status, 300..=399 | 401 | 403) => Stage::Authorizing,
            (Ok(answer), Stage::Authorizing) => match answer.status {
                200..=299 => Stage::Authorized,
                300..=399 | 401 | 403 => {
                    return Some(Progress::Done(current.task.question, Err(RestError::KeyRefused)));
                }
                status => return Some(Progress::Done(current.task.question, Err(RestError::Status(status)))),
            },
            (Ok(answer), _) => {
                let result = match answer.status {
                    200..=299 => Ok(answer.body.reveal().clone()),
                    status => Err(RestError::Status(status)),
                };
                return Some(Progress::Done(current.task.question, result));
            }
        };
        let request = request(stage, &current.task.path, phonet);
        self.current = Some(Current { http: next_http, task: current.task, stage });
        Some(Progress::Next(request))
    }
}

/// How a question goes on.
pub enum Progress<Q> {
    /// A further request, under the id that was offered.
    Next(HttpRequest),
    /// The answer's body, or why there is none.
    Done(Q, Result<String, RestError>),
}

fn request(stage: Stage, path: &str, phonet: &Phonet) -> HttpRequest {
    let authorizing = stage == Stage::Authorizing;
    HttpRequest {
        method: if authorizing { Method::Post } else { Method::Get },
        url: format!("{}{}", phonet.address, if authorizing { AUTHORIZE } else { path }),
        headers: Vec::new(),
        json: authorizing.then(|| authorize_body(&phonet.domain, phonet.api_key.reveal())),
        cookies: true,
        timeout: TIMEOUT,
    }
}
