//! Recordings: each talk's is fetched from the exchange, when it has made it, and handed to the CRM; one at a time.

use fastrand::Rng;
use serde::Serialize;

use crate::{
    Millis,
    core::{
        backoff::Backoff,
        rest::{RestError, Task},
    },
    http::{HttpAnswer, HttpFailure},
    json::Fields,
    kontur::{
        answer::Refusal,
        files::{Recording, TOO_LARGE},
    },
    phonet::rest::audio_path,
    private::Private,
    problem::{Code, Problem},
};

/// The exchange needs a moment to make a recording: before that it is not asked for.
const FIRST: Millis = Millis::secs(30);
/// Between looks for a recording that is not there, and between tries where somebody fails; on top of the shortest wait.
const LOOKS: Backoff = Backoff { base: Millis::secs(30), cap: Millis::hours(4) };
const TRIES: Backoff = Backoff { base: Millis::secs(30), cap: Millis::mins(30) };
const SHORTEST: Millis = Millis::secs(5);
/// The longest wait between two looks.
const LONGEST: Millis = Millis::mins(4 * 60 + 1);
/// How long a recording is looked for that the exchange says it does not have.
const PATIENCE: Millis = Millis::hours(24);
/// How long it is tried at all.
const LAST: Millis = Millis::hours(7 * 24);

/// The recordings that are not with the CRM yet.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Recordings {
    jobs: Vec<Job>,
    #[serde(skip)]
    transfer: Option<Transfer>,
}

/// One recording.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Job {
    /// The call's `externalId`.
    call: String,
    /// The leg.
    leg: String,
    /// Since when it is looked for, by this computer's clock.
    created_at: Millis,
    /// Where it is at the exchange, if not where all are.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Private<String>>,
    /// Whether the exchange says that it is on another host.
    elsewhere: bool,
    /// Why it cannot be had; a person decides what becomes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    set_aside: Option<Problem>,
    /// When it is to be tried next, by this computer's clock.
    not_before: Millis,
    tries: u32,
}

/// The recording under way, by its leg.
#[derive(Debug)]
struct Transfer {
    leg: String,
    stage: Stage,
}

/// How far it is.
#[derive(Debug)]
enum Stage {
    Fetching,
    /// The shell keeps it, to be uploaded by this name.
    Fetched {
        kept: u32,
        name: String,
    },
    Uploading {
        kept: u32,
        http: u32,
    },
}

/// Why a transfer came to nothing.
enum Failure {
    /// The exchange has no such recording, or not yet.
    NotThere,
    /// Somebody did not answer, or not as they should.
    Later,
    /// It cannot be had.
    Refused(Problem),
}

/// How far a call's recordings are.
#[derive(Debug)]
pub enum Pending<'a> {
    /// Looked for.
    Waiting,
    /// Not to be had.
    Refused(&'a Problem),
}

impl Recordings {
    /// Reads them as they were stored.
    pub fn read<'a>(jobs: impl Iterator<Item = Fields<'a>>) -> Self {
        Self { jobs: jobs.filter_map(Job::read).collect(), transfer: None }
    }

    /// A talk has ended: its recording is looked for; soon where it ended just now, at once where it was over long ago.
    pub fn add(&mut self, call: &str, leg: &str, ended_just_now: bool, now: Millis) {
        if !self.is_looked_for(leg) {
            self.jobs.push(Job {
                call: call.to_owned(),
                leg: leg.to_owned(),
                created_at: now,
                path: None,
                elsewhere: false,
                set_aside: None,
                not_before: if ended_just_now { now + FIRST } else { now },
                tries: 0,
            });
        }
    }

    /// Whether the recording of a leg is looked for.
    pub fn is_looked_for(&self, leg: &str) -> bool {
        self.jobs.iter().any(|job| job.leg == leg)
    }

    /// The history says where the recording of a leg is. Only the exchange's own host is asked.
    pub fn learn(&mut self, leg: &str, url: &Private<String>, address: &str) {
        let Some(job) = self.jobs.iter_mut().find(|job| job.leg == leg) else { return };
        match path_at(url.reveal(), address) {
            Some(path) => job.path = Some(Private::new(path)),
            None => job.elsewhere = true,
        }
    }

    /// The next recording to fetch, if none is under way; `question` is what its answer is asked by. That it is tried is to be
    /// stored: a worker may die over one that takes long, and the next one is not to begin with it at once.
    pub fn next<Q>(&mut self, now: Millis, question: Q, rng: &mut Rng) -> Option<Task<Q>> {
        if self.transfer.is_some() {
            return None;
        }
        let is_due = |job: &&mut Job| job.set_aside.is_none() && job.not_before.has_come(now, LONGEST);
        let job = self.jobs.iter_mut().find(is_due)?;
        job.tries = job.tries.saturating_add(1);
        job.not_before = now + SHORTEST + TRIES.wait(job.tries, rng);
        self.transfer = Some(Transfer { leg: job.leg.clone(), stage: Stage::Fetching });
        let path = job.path.as_ref().map_or_else(|| audio_path(&job.leg), |path| path.reveal().clone());
        Some(Task { question, path, fresh_session: false, keep: true })
    }

    /// The exchange answered the request of this id. True with a recording, which the shell keeps under that id; else it is looked for
    /// again, or set aside.
    pub fn fetched(&mut self, http: u32, result: &Result<HttpAnswer, RestError>, now: Millis, rng: &mut Rng) -> bool {
        let file = result.as_ref().ok().and_then(|answer| answer.file.as_ref());
        // While a recording is being made, some answer with an empty file, or with a page that says so.
        let file = file.filter(|file| file.length > 0);
        let leg = self.transfer.as_ref().map_or("", |transfer| &transfer.leg);
        let name = file.and_then(|file| file_name(leg, &file.content_type));
        match (name, &mut self.transfer) {
            (Some(name), Some(transfer)) => {
                transfer.stage = Stage::Fetched { kept: http, name };
                true
            }
            _ => {
                let failure = match result {
                    Err(RestError::TooLarge) => Failure::Refused(Problem::new(Code::RecordingTooLarge)),
                    // It is said to be elsewhere.
                    Err(RestError::Status(300..=399)) => Failure::Refused(Problem::new(Code::RecordingElsewhere)),
                    Ok(_) | Err(RestError::Status(400..=428)) => Failure::NotThere,
                    Err(_) => Failure::Later,
                };
                self.over(failure, now, rng);
                false
            }
        }
    }

    /// The file to upload now: where it is kept, and by which name.
    pub fn to_upload(&self) -> Option<(u32, String)> {
        match &self.transfer.as_ref()?.stage {
            Stage::Fetched { kept, name } => Some((*kept, name.clone())),
            Stage::Fetching | Stage::Uploading { .. } => None,
        }
    }

    /// Whether a file waits to be uploaded.
    pub fn waits_for_key(&self) -> bool {
        self.to_upload().is_some()
    }

    /// Its upload starts under this id.
    pub fn uploading(&mut self, http: u32) {
        if let Some(transfer) = &mut self.transfer
            && let Stage::Fetched { kept, .. } = transfer.stage
        {
            transfer.stage = Stage::Uploading { kept, http };
        }
    }

    /// Whether this is the upload under way.
    pub fn is_uploading(&self, id: u32) -> bool {
        let stage = self.transfer.as_ref().map(|transfer| &transfer.stage);
        stage.is_some_and(|stage| matches!(stage, Stage::Uploading { http, .. } if *http == id))
    }

    /// The file that the shell keeps.
    pub fn kept(&self) -> Option<u32> {
        match self.transfer.as_ref()?.stage {
            Stage::Fetching => None,
            Stage::Fetched { kept, .. } | Stage::Uploading { kept, .. } => Some(kept),
        }
    }

    /// The CRM answered the upload: the call, the leg and the recording; or it is tried again, or set aside.
    pub fn uploaded(
        &mut self,
        result: &Result<HttpAnswer, HttpFailure>,
        now: Millis,
        rng: &mut Rng,
    ) -> Option<(String, String, Recording)> {
        let answer = result.as_ref().ok();
        let taken = answer.filter(|answer| (200..=299).contains(&answer.status));
        let recording = taken.and_then(|answer| Recording::parse(answer.body.reveal()));
        let Some(recording) = recording else {
            self.over(answer.and_then(refusal).map_or(Failure::Later, Failure::Refused), now, rng);
            return None;
        };
        let leg = self.transfer.take()?.leg;
        let place = self.jobs.iter().position(|job| job.leg == leg)?;
        Some((self.jobs.remove(place).call, leg, recording))
    }

    /// The transfer came to nothing: it is tried again, set aside, or there is nothing to be had. Most often nothing was recorded.
    fn over(&mut self, failure: Failure, now: Millis, rng: &mut Rng) {
        let Some(leg) = self.transfer.take().map(|transfer| transfer.leg) else { return };
        let Some(place) = self.jobs.iter().position(|job| job.leg == leg) else { return };
        let Some(job) = self.jobs.get_mut(place) else { return };
        // The clock may have been set back.
        job.created_at = job.created_at.min(now);
        let backoff = if matches!(failure, Failure::NotThere) { LOOKS } else { TRIES };
        job.not_before = now + SHORTEST + backoff.wait(job.tries, rng);
        match failure {
            Failure::Refused(problem) => job.set_aside = Some(problem),
            Failure::NotThere if job.created_at + PATIENCE <= now => {
                if job.elsewhere {
                    job.set_aside = Some(Problem::new(Code::RecordingElsewhere));
                } else {
                    self.jobs.remove(place);
                }
            }
            Failure::Later if job.created_at + LAST <= now => job.set_aside = Some(Problem::new(Code::RecordingGaveUp)),
            Failure::NotThere | Failure::Later => {}
        }
    }

    /// A file that is fetched cannot be handed on at present: it is fetched again later.
    pub fn put_off(&mut self, now: Millis, rng: &mut Rng) {
        if self.kept().is_some() {
            self.over(Failure::Later, now, rng);
        }
    }

    /// Gives up the transfer under way, to be started anew: the settings have changed.
    pub fn abandon(&mut self) {
        if let Some(Transfer { leg, .. }) = self.transfer.take()
            && let Some(job) = self.jobs.iter_mut().find(|job| job.leg == leg)
        {
            job.not_before = job.created_at;
        }
    }

    /// How far the recordings of a call are; nothing where none is looked for.
    pub fn of_call(&self, call: &str) -> Option<Pending<'_>> {
        let mut jobs = self.jobs.iter().filter(|job| job.call == call).peekable();
        jobs.peek()?;
        Some(jobs.find_map(|job| job.set_aside.as_ref()).map_or(Pending::Waiting, Pending::Refused))
    }

    /// The calls with a recording that was set aside.
    pub fn refused_calls(&self) -> impl Iterator<Item = &str> {
        self.jobs.iter().filter(|job| job.set_aside.is_some()).map(|job| job.call.as_str())
    }

    /// A person has them tried once more, those of one call or all; true when something changed.
    pub fn retry(&mut self, call: Option<&str>, now: Millis) -> bool {
        let mut changed = false;
        for job in self.jobs.iter_mut().filter(|job| call.is_none_or(|call| job.call == call)) {
            changed = true;
            // The patience starts anew only with what had been given up.
            if job.set_aside.take().is_some() {
                job.created_at = now;
            }
            job.not_before = now;
        }
        changed
    }

    /// A person gives up those of a call that were set aside; true when there were any.
    pub fn discard(&mut self, call: &str) -> bool {
        self.forget(|job| job.call == call && job.set_aside.is_some())
    }

    /// None is wanted any more.
    pub fn discard_all(&mut self) -> bool {
        self.forget(|_| true)
    }

    fn forget(&mut self, is: impl Fn(&Job) -> bool) -> bool {
        let before = self.jobs.len();
        self.jobs.retain(|job| !is(job));
        before != self.jobs.len()
    }

    /// When something here is due by itself.
    pub fn next_wake(&self) -> Option<Millis> {
        let jobs = self.jobs.iter().filter(|job| job.set_aside.is_none());
        jobs.map(|job| job.not_before).min().filter(|_| self.transfer.is_none())
    }

    /// Whether a file is under way.
    pub fn is_busy(&self) -> bool {
        self.transfer.is_some()
    }
}

impl Job {
    fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            call: fields.text("call")?,
            leg: fields.text("leg")?,
            created_at: fields.millis("createdAt")?,
            path: fields.private("path"),
            elsewhere: fields.flag("elsewhere").unwrap_or_default(),
            set_aside: fields.object("setAside").and_then(Problem::read),
            not_before: fields.millis("notBefore")?,
            tries: fields.number("tries").unwrap_or_default(),
        })
    }
}

/// Where a recording is at the exchange's own address, by what the history says of it; `None` where it is elsewhere.
pub fn path_at(url: &str, address: &str) -> Option<String> {
    let path = url.strip_prefix(address).unwrap_or(url);
    (path.starts_with('/') && !path.starts_with("//")).then(|| path.to_owned())
}

/// The name to give the recording of a leg; `None` for what is no recording.
pub fn file_name(leg: &str, content_type: &str) -> Option<String> {
    Some([leg, ".", extension(content_type)?].concat())
}

/// What a name of a file of this type ends in; `None` for what is no recording.
fn extension(content_type: &str) -> Option<&'static str> {
    let content_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Some(match content_type.as_str() {
        "audio/mpeg" | "audio/mp3" | "audio/x-mpeg" | "" | "application/octet-stream" => "mp3",
        "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => "wav",
        "audio/ogg" | "application/ogg" => "ogg",
        "audio/mp4" | "audio/x-m4a" | "audio/aac" => "m4a",
        other if other.starts_with("audio/") => "audio",
        _ => return None,
    })
}

/// Why the CRM refuses a file for good; nothing where it is worth to try again.
fn refusal(answer: &HttpAnswer) -> Option<Problem> {
    let refusal = Refusal::parse(answer.body.reveal());
    match answer.status {
        400..=499 if refusal.status == TOO_LARGE => Some(Problem::new(Code::RecordingTooLarge)),
        413 => Some(Problem::new(Code::RecordingTooLarge)),
        401 | 408 | 425 | 429 => None,
        400..=499 => Some(match refusal.words().as_str() {
            "" => Problem::about(Code::KonturStatus, &[&answer.status.to_string()]),
            words => Problem::about(Code::KonturRefused, &[words]),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_that_the_worker_dies_over_has_been_tried() {
        let (mut rng, now) = (Rng::with_seed(1), Millis::hours(1));
        let mut recordings = Recordings::default();
        recordings.add("u1", "u1", false, now);
        for _ in 0..3 {
            let due = recordings.next_wake().unwrap();
            assert!(recordings.next(due, (), &mut rng).is_some());
            // The next life has what was stored.
            let stored = serde_json::to_value(&recordings).unwrap();
            recordings = Recordings::read(stored.as_array().unwrap().iter().filter_map(Fields::of));
            assert!(recordings.next(due + Millis::secs(1), (), &mut rng).is_none());
            assert!(recordings.next_wake().unwrap() >= due + SHORTEST);
        }
        // Whoever changes the settings starts it anew.
        let due = recordings.next_wake().unwrap();
        assert!(recordings.next(due, (), &mut rng).is_some());
        recordings.abandon();
        assert!(recordings.next(due, (), &mut rng).is_some());
    }
}
