//! Phonet's REST: one question at a time, within a session that is opened when it is needed.

use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Bytes;
use tokio::sync::Mutex;
use trubka::{
    Millis,
    core::{
        recordings::{file_name, path_at},
        rest::{Progress, Rest, RestError, Task},
    },
    exchange::CallEvent,
    http::HttpAnswer,
    phonet::rest::{self, HISTORY_PAGE, HistoryList, HistoryRecord, User},
    private::Private,
    problem::{Code, Problem},
    settings::Phonet,
};

use super::http::{File, Http};
use crate::clock::now;

/// An exchange that gives full pages for ever is not read for ever.
const MOST_PAGES: u32 = 2_000;
/// Clocks that differ by less agree.
const SLACK: Millis = Millis::secs(5);
/// Clocks do not differ by more.
const FARTHEST: Millis = Millis::hours(48);

/// The exchange.
#[derive(Debug)]
pub struct Exchange {
    http: Http,
    phonet: Phonet,
    /// One question at a time: the session is shared.
    asking: Mutex<()>,
    /// How far its clock is ahead of this computer's, in milliseconds.
    ahead: AtomicI64,
}

/// What became of a recording that was asked for.
#[derive(Debug)]
pub enum Audio {
    /// It is here.
    Fetched(File),
    /// The exchange has no such recording, or not yet.
    NotThere,
    /// It cannot be had: too large, or on another host.
    Refused(Problem),
}

impl Exchange {
    /// # Errors
    /// The system's certificates cannot be read.
    pub fn new(phonet: Phonet) -> Result<Self, reqwest::Error> {
        Ok(Self { http: Http::new(true)?, phonet, asking: Mutex::new(()), ahead: AtomicI64::new(0) })
    }

    /// The employees; asked with the key itself, whatever session is open.
    ///
    /// # Errors
    /// Why the exchange gave no answer.
    pub async fn users(&self) -> Result<Vec<User>, Problem> {
        let (answer, _) = self.ask(rest::USERS.to_owned(), true, false).await.map_err(|error| self.problem(error))?;
        rest::users(answer.body.reveal()).ok_or_else(|| self.unexpected())
    }

    /// The calls that go on.
    ///
    /// # Errors
    /// Why the exchange gave no answer.
    pub async fn active_calls(&self) -> Result<Vec<CallEvent>, Problem> {
        let path = rest::ACTIVE_CALLS.to_owned();
        let (answer, _) = self.ask(path, false, false).await.map_err(|error| self.problem(error))?;
        rest::active_calls(answer.body.reveal()).ok_or_else(|| self.unexpected())
    }

    /// All that a list of the history has between two moments, the newest first.
    ///
    /// # Errors
    /// Why the exchange gave no answer.
    pub async fn history(&self, list: HistoryList, from: Millis, to: Millis) -> Result<Vec<HistoryRecord>, Problem> {
        let mut records: Vec<HistoryRecord> = Vec::new();
        let mut first = None;
        for page in 0..MOST_PAGES {
            let path = list.path(from, to, page * HISTORY_PAGE);
            let (answer, _) = self.ask(path, false, false).await.map_err(|error| self.problem(error))?;
            let (found, rows) = rest::history(answer.body.reveal()).ok_or_else(|| self.unexpected())?;
            // An exchange that gives the same page again does not heed the offset, and has no more to tell.
            let begins_with = found.first().map(|record| record.hangup.uuid.clone());
            let is_again = page > 0 && begins_with == first;
            first = begins_with;
            if !is_again {
                records.extend(found);
            }
            if is_again || rows < HISTORY_PAGE as usize {
                break;
            }
        }
        Ok(records)
    }

    /// The recording of a leg, from where the history says it is; only the exchange's own host is asked.
    ///
    /// # Errors
    /// Why the exchange gave no answer.
    pub async fn recording(&self, leg: &str, url: Option<&Private<String>>) -> Result<Audio, Problem> {
        let said = url.map(|url| path_at(url.reveal(), &self.phonet.address));
        let path = said.flatten().unwrap_or_else(|| rest::audio_path(leg));
        let (answer, bytes) = match self.ask(path, false, true).await {
            Ok(fetched) => fetched,
            Err(RestError::TooLarge) => return Ok(Audio::Refused(Problem::new(Code::RecordingTooLarge))),
            Err(RestError::Status(300..=399)) => return Ok(Audio::Refused(Problem::new(Code::RecordingElsewhere))),
            Err(RestError::Status(_)) => return Ok(Audio::NotThere),
            Err(error) => return Err(self.problem(error)),
        };
        // While a recording is being made, some answer with an empty file, or with a page that says so.
        let info = answer.file.filter(|file| file.length > 0);
        let named = info.and_then(|info| Some((file_name(leg, &info.content_type)?, info.content_type)));
        Ok(named.map_or(Audio::NotThere, |(name, content_type)| Audio::Fetched(File { name, content_type, bytes })))
    }

    /// This moment by the exchange's clock, as its last answer showed it.
    pub fn now(&self) -> Millis {
        now() + Millis(self.ahead.load(Ordering::Relaxed))
    }

    async fn ask(&self, path: String, fresh: bool, keep: bool) -> Result<(HttpAnswer, Bytes), RestError> {
        let _one_at_a_time = self.asking.lock().await;
        let mut rest = Rest::default();
        rest.ask_first(Task { question: (), path, fresh_session: fresh, keep });
        let mut request = rest.next(0, &self.phonet);
        while let Some(next) = request {
            let (result, bytes) = match self.http.send(&next, None).await {
                Ok((answer, bytes)) => {
                    self.learn_clock(&answer);
                    (Ok(answer), bytes)
                }
                Err(failure) => (Err(failure), Bytes::new()),
            };
            request = match rest.answered(0, &result, 0, &self.phonet) {
                Some(Progress::Next(next)) => Some(next),
                Some(Progress::Done((), result)) => return result.map(|answer| (answer, bytes)),
                None => None,
            };
        }
        Err(RestError::Unreachable)
    }

    /// A `Date` is a second wide, and nobody's clock is days off.
    fn learn_clock(&self, answer: &HttpAnswer) {
        let ahead = answer.date.map(|date| date - now()).filter(|ahead| ahead.0.abs() < FARTHEST.0);
        if let Some(ahead) = ahead {
            self.ahead.store(if ahead.0.abs() < SLACK.0 { 0 } else { ahead.0 }, Ordering::Relaxed);
        }
    }

    fn unexpected(&self) -> Problem {
        Problem::about(Code::PhonetUnexpectedAnswer, &[&self.phonet.domain])
    }

    fn problem(&self, error: RestError) -> Problem {
        match error {
            RestError::KeyRefused => Problem::about(Code::PhonetKeyRefused, &[&self.phonet.domain]),
            RestError::Unreachable => Problem::about(Code::PhonetUnreachable, &[&self.phonet.domain]),
            // Somebody else answers in its place, such as a network that asks to log in first.
            RestError::Status(300..=399) | RestError::TooLarge => self.unexpected(),
            RestError::Status(status) => Problem::about(Code::PhonetStatus, &[&status.to_string()]),
        }
    }
}
