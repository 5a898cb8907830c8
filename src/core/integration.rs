//! What the administrator asks of the integration: jobs, one after the other, one exchange over HTTP at a time. Whatever a job
//! changes, it reads what the CRM has before and after: the answer to a change itself is not believed.

use crate::{
    core::access::request,
    http::{Body, HttpAnswer, HttpFailure, HttpRequest, Method},
    json,
    kontur::{
        answer::{FaultKind, Refusal, is_failure, is_json},
        integration::{
            Features, Instance, Operation, Schedule, WebHook, instance_path, main_telephony, patch, setup_path,
            ui_settings_path,
        },
    },
    private::Private,
    problem::{Code, Problem},
    protocol::{FeaturesView, IntegrationView, MainTelephony, Request, WebHookView},
    settings::Kontur,
};

/// The jobs, of which the first is under way.
#[derive(Debug, Default)]
pub struct Integration {
    jobs: Vec<Job>,
    /// The settings they were asked with: they are meant for no other integration.
    fingerprint: u32,
}

/// Something that somebody waits for.
#[derive(Debug)]
struct Job {
    /// Who asked; nobody where it is a step of the check.
    ask: Option<u32>,
    wanted: Request,
    stage: Stage,
    /// The instance as it was read last.
    instance: Option<Instance>,
    /// The exchange under way, and its key.
    under_way: Option<(u32, Private<String>)>,
    /// Whether a key was exchanged for its next request.
    renewed: bool,
    /// Whether a 401 has brought it a fresh key already.
    refreshed: bool,
}

/// What a job does next.
#[derive(Debug)]
enum Stage {
    /// Activate the integration with these arguments.
    SetUp(Private<String>),
    /// Read the instance, to know what is to be changed.
    Look,
    /// Change it.
    Change(Vec<Operation>),
    /// Read the instance, to know what came of it.
    Read,
    /// Read which telephony is the main one; the job's last request.
    MainTelephony,
}

/// What an answer means for the rest.
#[derive(Debug)]
pub enum Progress {
    /// There is a further request.
    Next,
    /// The key was refused: with a fresh one there is a further request.
    FreshKey(Private<String>),
    /// Who asked can be told.
    Done(Option<u32>, Result<IntegrationView, Vec<Problem>>),
}

/// Why this is not asked of the CRM at all.
pub fn objection(wanted: &Request, kontur: &Kontur) -> Option<Problem> {
    let wrong = |field: &str| Some(Problem::about(Code::IntegrationWrongField, &[field]));
    match wanted {
        Request::SetUpIntegration { .. } if kontur.secret.is_none() => Some(Problem::new(Code::IntegrationPrivate)),
        Request::SetUpIntegration { arguments }
            if !json::parse(arguments.reveal()).is_some_and(|it| it.is_object()) =>
        {
            wrong("arguments")
        }
        Request::SetWebHook { on: true, minutes, .. } if !(1..=Schedule::LONGEST).contains(minutes) => wrong("minutes"),
        _ => None,
    }
}

impl Integration {
    /// Takes a job, to be done after those asked for before.
    pub fn ask(&mut self, ask: Option<u32>, wanted: Request, kontur: &Kontur) {
        let stage = match &wanted {
            Request::SetUpIntegration { arguments } => Stage::SetUp(arguments.clone()),
            Request::SetFeatures { .. } | Request::SetWebHook { .. } => Stage::Look,
            _ => Stage::Read,
        };
        let (instance, under_way) = (None, None);
        self.jobs.push(Job { ask, wanted, stage, instance, under_way, renewed: false, refreshed: false });
        self.fingerprint = kontur.fingerprint();
    }

    /// Whether nobody waits for a job.
    pub fn is_idle(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Whether there is a job for the check.
    pub fn is_checking(&self) -> bool {
        self.jobs.iter().any(|job| job.ask.is_none())
    }

    /// Whether a request is to be made.
    pub fn is_waiting(&self) -> bool {
        self.jobs.first().is_some_and(|job| job.under_way.is_none())
    }

    /// Whether there are jobs, and they were asked with other settings than these.
    pub fn is_foreign(&self, kontur: Option<&Kontur>) -> bool {
        !self.jobs.is_empty() && kontur.map(Kontur::fingerprint) != Some(self.fingerprint)
    }

    /// Gives up every job, and tells who asked.
    pub fn give_up(&mut self) -> Vec<Option<u32>> {
        self.jobs.drain(..).map(|job| job.ask).collect()
    }

    /// The settings are saved: an exchange of keys for the first job may have been given up.
    pub fn begin_anew(&mut self) {
        self.jobs.first_mut().into_iter().for_each(|job| job.renewed = false);
    }

    /// Whether a key is to be exchanged for the next request: once.
    pub fn renew(&mut self) -> bool {
        self.jobs.first_mut().is_some_and(|job| !std::mem::replace(&mut job.renewed, true))
    }

    /// The next request, under this id, if none is under way.
    pub fn next(
        &mut self,
        http: u32,
        kontur: &Kontur,
        key: &Private<String>,
        integration: &str,
    ) -> Option<HttpRequest> {
        let job = self.jobs.first_mut().filter(|job| job.under_way.is_none())?;
        job.under_way = Some((http, key.clone()));
        job.renewed = false;
        let instance = instance_path(&kontur.workspace, integration);
        let (method, path, body) = match &job.stage {
            Stage::SetUp(arguments) => {
                (Method::Post, setup_path(&kontur.workspace, integration), Body::Json(arguments.clone()))
            }
            Stage::Look | Stage::Read => (Method::Get, instance, Body::Empty),
            Stage::Change(operations) => (Method::Patch, instance, Body::JsonPatch(patch(operations))),
            Stage::MainTelephony => (Method::Get, ui_settings_path(&kontur.workspace, integration), Body::Empty),
        };
        Some(request(kontur, key, method, &path, body))
    }

    /// The CRM answered, or did not; `None` when this was no request of a job.
    pub fn answered(
        &mut self,
        http: u32,
        result: &Result<HttpAnswer, HttpFailure>,
        kontur: &Kontur,
    ) -> Option<Progress> {
        let job = self.jobs.first_mut()?;
        let (_, key) = job.under_way.take_if(|(id, _)| *id == http)?;
        if matches!(result, Ok(HttpAnswer { status: 401, .. })) && !job.refreshed {
            job.refreshed = true;
            return Some(Progress::FreshKey(key));
        }
        let result = match job.advance(result) {
            Ok(None) => return Some(Progress::Next),
            Ok(Some(main_telephony)) => {
                let instance = job.instance.take();
                instance.map(|instance| view(instance, main_telephony, kontur)).ok_or_else(Vec::new)
            }
            Err(problems) => Err(problems),
        };
        Some(Progress::Done(self.jobs.remove(0).ask, result))
    }
}

impl Job {
    /// Takes an answer: the last one says which telephony is the main one.
    fn advance(&mut self, result: &Result<HttpAnswer, HttpFailure>) -> Result<Option<MainTelephony>, Vec<Problem>> {
        self.stage = match &self.stage {
            Stage::SetUp(_) | Stage::Change(_) => {
                changed(result)?;
                Stage::Read
            }
            Stage::Look => {
                let instance = read(result)?;
                let operations = operations(&self.wanted, &instance);
                self.instance = Some(instance);
                if operations.is_empty() { Stage::MainTelephony } else { Stage::Change(operations) }
            }
            Stage::Read => {
                let instance = read(result)?;
                if !operations(&self.wanted, &instance).is_empty() {
                    return Err(vec![Problem::new(Code::IntegrationUnchanged)]);
                }
                self.instance = Some(instance);
                Stage::MainTelephony
            }
            Stage::MainTelephony => return Ok(Some(self.main_telephony(result))),
        };
        Ok(None)
    }

    /// Where the CRM does not say which telephony is the main one, all else is shown nevertheless.
    fn main_telephony(&self, result: &Result<HttpAnswer, HttpFailure>) -> MainTelephony {
        let id = self.instance.as_ref().map_or("", |instance| &instance.id);
        match result {
            Ok(answer) if (200..=299).contains(&answer.status) => main_telephony(answer.body.reveal(), id),
            Ok(answer) if is_not_found(answer) => MainTelephony::None,
            _ => MainTelephony::Unknown,
        }
    }
}

/// What is still to be changed for the instance to be as it is wanted.
fn operations(wanted: &Request, instance: &Instance) -> Vec<Operation> {
    match *wanted {
        Request::SetFeatures { call, hang_up } => {
            let features = Features { call, hang_up, ..instance.features };
            if features == instance.features { Vec::new() } else { vec![Operation::features(features)] }
        }
        Request::SetWebHook { hook, on, minutes } => {
            let (mut operations, mut known) = (Vec::new(), None);
            for web_hook in instance.web_hooks.iter().filter(|web_hook| web_hook.name() == Some(hook)) {
                if on && web_hook.is_sent_every(minutes) {
                    return Vec::new();
                }
                if !on && !web_hook.disabled {
                    operations.push(Operation::replace(WebHook { disabled: true, ..web_hook.clone() }));
                }
                known = known.or(Some(web_hook));
            }
            if on {
                let web_hook = WebHook::new(hook, minutes);
                operations.push(match known {
                    Some(known) => Operation::replace(WebHook { id: known.id.clone(), ..web_hook }),
                    None => Operation::add(web_hook),
                });
            }
            operations
        }
        _ => Vec::new(),
    }
}

/// Reads the instance.
fn read(result: &Result<HttpAnswer, HttpFailure>) -> Result<Instance, Vec<Problem>> {
    let answer = success(result)?;
    Instance::parse(answer.body.reveal()).ok_or_else(|| vec![Problem::new(Code::KonturUnexpectedAnswer)])
}

/// Whether the CRM took a change. Where it did not answer as it should, nobody knows.
fn changed(result: &Result<HttpAnswer, HttpFailure>) -> Result<(), Vec<Problem>> {
    let mut problems = match success(result) {
        Ok(answer) if is_failure(answer.body.reveal()) => refusal(answer),
        Ok(answer) if is_json(answer.body.reveal()) => return Ok(()),
        Ok(_) => vec![Problem::new(Code::KonturUnexpectedAnswer)],
        Err(problems) => problems,
    };
    if result.as_ref().map_or(true, |answer| matches!(answer.status, 408 | 500..=599)) {
        problems.push(Problem::new(Code::IntegrationUncertain));
    }
    Err(problems)
}

fn success(result: &Result<HttpAnswer, HttpFailure>) -> Result<&HttpAnswer, Vec<Problem>> {
    let problem = match result {
        Ok(answer) => match answer.status {
            200..=299 => return Ok(answer),
            401 => Problem::new(Code::KonturKeyRefused),
            429 => Problem::new(Code::KonturTooMany),
            400..=499 => return Err(refusal(answer)),
            status => Problem::about(Code::KonturStatus, &[&status.to_string()]),
        },
        Err(_) => Problem::new(Code::KonturUnreachable),
    };
    Err(vec![problem])
}

/// A refusal in words, with each thing that is wrong.
fn refusal(answer: &HttpAnswer) -> Vec<Problem> {
    if is_not_found(answer) {
        return vec![Problem::new(Code::IntegrationNotFound)];
    }
    let mut refusal = Refusal::parse(answer.body.reveal());
    let faults = std::mem::take(&mut refusal.faults);
    let words = refusal.words();
    let mut problems = vec![match words.as_str() {
        "" => Problem::about(Code::KonturStatus, &[&answer.status.to_string()]),
        _ => Problem::about(Code::KonturRefused, &[&words]),
    }];
    for fault in faults {
        let code = match fault.kind {
            FaultKind::Path => Code::IntegrationInvalidPath,
            FaultKind::ValueType => Code::IntegrationInvalidType,
            FaultKind::Data => Code::IntegrationInvalidData,
            FaultKind::Constraint => Code::IntegrationConstraint,
        };
        problems.push(Problem::about(code, &[&fault.place]));
    }
    problems
}

fn is_not_found(answer: &HttpAnswer) -> bool {
    let status = Refusal::parse(answer.body.reveal()).status.to_ascii_lowercase();
    answer.status == 404 || (answer.status == 409 && matches!(status.as_str(), "notfound" | "integrationnotfound"))
}

fn view(instance: Instance, main_telephony: MainTelephony, kontur: &Kontur) -> IntegrationView {
    let mut web_hooks = Vec::new();
    for web_hook in instance.web_hooks {
        web_hooks.push(WebHookView {
            hook: web_hook.name(),
            id: web_hook.id,
            relative_url: web_hook.relative_url,
            minutes: web_hook.schedule.map(|schedule| schedule.minutes),
            disabled: web_hook.disabled,
        });
    }
    let Features { call, hang_up, send_sms } = instance.features;
    IntegrationView {
        id: instance.id,
        is_public: kontur.secret.is_some(),
        workspace: kontur.workspace.clone(),
        status: instance.status,
        base_url: instance.base_url,
        features: FeaturesView { call, hang_up, send_sms },
        web_hooks,
        settings: instance.settings,
        main_telephony,
    }
}
