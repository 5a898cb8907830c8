//! The connection doctor: each service tried with the saved settings, step by step, and what is wrong said in words.

use crate::{
    core::rest::RestError,
    http::HttpAnswer,
    phonet::rest::{self, User},
    problem::{Code, Problem},
    protocol::{CheckItem, CheckState, CheckStep, InstanceStatus, IntegrationView, LinkState, LinkView},
    settings::Phonet,
};

/// A check that somebody waits for.
#[derive(Debug)]
pub struct Check {
    /// Who asked.
    pub ask: u32,
    items: Vec<CheckItem>,
}

impl Check {
    /// A check that has tried nothing yet.
    pub fn new(ask: u32) -> Self {
        Self { ask, items: Vec::new() }
    }

    /// Begins, or begins anew with other settings.
    pub fn begin(&mut self, services: &[&[CheckStep]]) {
        let steps = services.iter().copied().flatten();
        self.items = steps.map(|step| CheckItem { step: *step, state: CheckState::Waiting, problem: None }).collect();
    }

    /// What is known by now.
    pub fn items(&self) -> &[CheckItem] {
        &self.items
    }

    /// Whether every step is settled.
    pub fn is_finished(&self) -> bool {
        self.items.iter().all(|item| item.state != CheckState::Waiting)
    }

    fn state(&self, step: CheckStep) -> Option<CheckState> {
        self.items.iter().find(|item| item.step == step).map(|item| item.state)
    }

    fn settle(&mut self, step: CheckStep, state: CheckState, problem: Option<Problem>) {
        let waiting = |item: &&mut CheckItem| item.step == step && item.state == CheckState::Waiting;
        if let Some(item) = self.items.iter_mut().find(waiting) {
            *item = CheckItem { step, state, problem };
        }
    }

    fn conclude(&mut self, step: CheckStep, problem: Option<Problem>) {
        let state = if problem.is_some() { CheckState::Failed } else { CheckState::Passed };
        self.settle(step, state, problem);
    }

    fn skip(&mut self, step: CheckStep, why: Option<Problem>) {
        self.settle(step, CheckState::NotTried, why);
    }

    /// The steps of a service up to this one are settled by it: those before it passed, those after it cannot be tried.
    fn reach(&mut self, service: &[CheckStep], step: CheckStep, problem: Option<Problem>) {
        for &before in service.iter().take_while(|other| **other != step) {
            self.settle(before, CheckState::Passed, None);
        }
        let failed = problem.is_some();
        self.conclude(step, problem);
        if failed {
            for &after in service.iter().skip_while(|other| **other != step) {
                self.skip(after, None);
            }
        }
    }

    /// The first step of a service fails: it is not set up, or the browser does not let us reach it.
    pub fn forbidden(&mut self, service: &[CheckStep], problem: &Problem) {
        if let Some(first) = service.first() {
            self.reach(service, *first, Some(problem.clone()));
        }
    }

    /// Phonet has told what it thinks of the key and the subscriber.
    pub fn phonet(&mut self, verdict: &KeyVerdict) {
        let (step, problem) = match verdict {
            KeyVerdict::Right => (CheckStep::PhonetSubscriber, None),
            KeyVerdict::WrongSubscriber(problem) => (CheckStep::PhonetSubscriber, Some(problem.clone())),
            KeyVerdict::WrongKey(problem) => (CheckStep::PhonetKey, Some(problem.clone())),
            KeyVerdict::NoAnswer(problem) => (CheckStep::PhonetReachable, Some(problem.clone())),
        };
        self.reach(&CheckStep::PHONET, step, problem);
    }

    /// Takes the connection to Phonet as it stands; while it is being opened it is waited for.
    pub fn link(&mut self, link: &LinkView) {
        if self.state(CheckStep::PhonetSubscriber) != Some(CheckState::Passed) {
            return;
        }
        if let Some(problem) = lacking(link, Code::PhonetConnectionLost) {
            self.reach(&CheckStep::PHONET, CheckStep::PhonetLink, problem);
        }
    }

    /// Takes the connection to the relay as it stands, where there is one; while it is being opened it is waited for. Whether the CRM's
    /// buttons are on is not known where the integration cannot be asked for.
    pub fn relay(&mut self, link: Option<&LinkView>) {
        match link.map(|link| lacking(link, Code::RelayConnectionLost)) {
            None => self.skip(CheckStep::RelayLink, None),
            Some(None) => {}
            Some(Some(problem)) => self.reach(&CheckStep::RELAY, CheckStep::RelayLink, problem),
        }
        if self.state(CheckStep::KonturIntegration) == Some(CheckState::NotTried) {
            self.skip(CheckStep::RelayFeatures, None);
        }
    }

    /// UIS has told what it thinks of the key. Where it refuses this computer's address or the key, nobody knows of the other.
    /// `number` is what dials have told of the virtual number.
    pub fn uis(&mut self, problem: Option<Problem>, number: Option<Result<(), Problem>>) {
        let Some(problem) = problem else {
            self.reach(&CheckStep::UIS, CheckStep::UisKey, None);
            return match number {
                Some(told) => self.reach(&CheckStep::UIS, CheckStep::UisNumber, told.err()),
                None => self.skip(CheckStep::UisNumber, Some(Problem::new(Code::UisNumberUnproven))),
            };
        };
        match problem.code {
            Code::UisUnreachable | Code::UisStatus | Code::UisUnexpectedAnswer | Code::UisInternalError => {
                self.reach(&CheckStep::UIS, CheckStep::UisReachable, Some(problem));
            }
            Code::UisAddressRefused | Code::UisNamedAddressRefused => {
                self.reach(&CheckStep::UIS, CheckStep::UisAddress, Some(problem));
            }
            _ => {
                self.skip(CheckStep::UisAddress, None);
                self.reach(&CheckStep::UIS, CheckStep::UisKey, Some(problem));
            }
        }
    }

    /// The CRM has told what it thinks of the key.
    pub fn kontur_key(&mut self, problem: Option<Problem>) {
        let step = match problem.as_ref().map(|problem| problem.code) {
            // Nobody could be asked without it.
            Some(Code::RelayKeyMissing) => {
                self.skip(CheckStep::KonturReachable, None);
                CheckStep::KonturKey
            }
            None | Some(Code::KonturNotInstalled | Code::KonturWrongWorkspace) => CheckStep::KonturWorkspace,
            Some(Code::KonturKeyRefused | Code::KonturRefused) => CheckStep::KonturKey,
            Some(_) => CheckStep::KonturReachable,
        };
        self.reach(&CheckStep::KONTUR, step, problem);
    }

    /// Whether what the CRM knows of the integration is asked for.
    pub fn awaits_integration(&self) -> bool {
        self.state(CheckStep::KonturWorkspace) == Some(CheckState::Passed)
            && self.state(CheckStep::KonturIntegration) == Some(CheckState::Waiting)
    }

    /// The CRM has told how the integration does.
    pub fn integration(&mut self, told: &Result<IntegrationView, Problem>) {
        match told {
            // It works though its id is told to nobody.
            Err(problem) if problem.code == Code::IntegrationUnnamed => {
                self.skip(CheckStep::KonturIntegration, Some(problem.clone()));
            }
            Err(problem) => {
                self.settle(CheckStep::KonturIntegration, CheckState::Failed, Some(problem.clone()));
                self.skip(CheckStep::RelayFeatures, None);
            }
            Ok(IntegrationView { status, features, .. }) => {
                let code = match status {
                    InstanceStatus::NotConfigured => Some(Code::IntegrationNotConfigured),
                    InstanceStatus::Paused => Some(Code::IntegrationPaused),
                    InstanceStatus::Failed => Some(Code::IntegrationFailed),
                    InstanceStatus::Active | InstanceStatus::HasErrors | InstanceStatus::Unknown => None,
                };
                self.conclude(CheckStep::KonturIntegration, code.map(Problem::new));
                let is_on = features.call && features.hang_up;
                self.conclude(CheckStep::RelayFeatures, (!is_on).then(|| Problem::new(Code::RelayFeaturesOff)));
            }
        }
    }

    /// Who the agent is in the CRM, once the CRM has let us in.
    pub fn user(&mut self, problem: Option<&Problem>) {
        if self.state(CheckStep::KonturWorkspace) == Some(CheckState::Passed) {
            self.conclude(CheckStep::KonturUser, problem.cloned());
        }
    }
}

/// What is wrong with a connection; `None` while that is not known.
fn lacking(link: &LinkView, usual: Code) -> Option<Option<Problem>> {
    match link.state {
        LinkState::Live => Some(None),
        LinkState::Connecting => None,
        _ => Some(link.problem.clone().or_else(|| Some(Problem::new(usual)))),
    }
}

/// What the exchange thinks of the key and the subscriber.
#[derive(Debug)]
pub enum KeyVerdict {
    /// Both are known.
    Right,
    /// The key is not.
    WrongKey(Problem),
    /// The subscriber is not.
    WrongSubscriber(Problem),
    /// It does not say.
    NoAnswer(Problem),
}

impl KeyVerdict {
    /// Reads the answer to the list of users, asked for within a fresh session.
    pub fn read(result: &Result<HttpAnswer, RestError>, phonet: &Phonet) -> Self {
        match users(result, phonet) {
            Err(problem) if problem.code == Code::PhonetKeyRefused => Self::WrongKey(problem),
            // Nobody is named yet.
            _ if phonet.subscriber.is_empty() && is_let_in(result) => {
                Self::WrongSubscriber(Problem::new(Code::SubscriberMissing))
            }
            // The session was opened, so the key is right; some keys may not list the users.
            Err(_) if matches!(result, Err(RestError::Status(401 | 403))) => Self::Right,
            Err(problem) => Self::NoAnswer(problem),
            Ok(users) if users.iter().any(|user| user.is(&phonet.subscriber)) => Self::Right,
            Ok(_) => {
                let args = [phonet.subscriber.as_str(), &phonet.domain];
                Self::WrongSubscriber(Problem::about(Code::PhonetSubscriberRefused, &args))
            }
        }
    }
}

fn is_let_in(result: &Result<HttpAnswer, RestError>) -> bool {
    match result {
        Ok(answer) => rest::users(answer.body.reveal()).is_some(),
        Err(error) => matches!(error, RestError::Status(401 | 403)),
    }
}

/// The exchange's users, or why it does not tell.
pub fn users(result: &Result<HttpAnswer, RestError>, phonet: &Phonet) -> Result<Vec<User>, Problem> {
    let about = |code| Problem::about(code, &[&phonet.domain]);
    match result {
        Err(RestError::KeyRefused) => Err(about(Code::PhonetKeyRefused)),
        Err(RestError::Unreachable) => Err(about(Code::PhonetUnreachable)),
        Err(RestError::TooLarge) => Err(about(Code::PhonetUnexpectedAnswer)),
        Err(RestError::Status(status)) => Err(Problem::about(Code::PhonetStatus, &[&status.to_string()])),
        Ok(answer) => rest::users(answer.body.reveal()).ok_or_else(|| about(Code::PhonetUnexpectedAnswer)),
    }
}
