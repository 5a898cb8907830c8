//! «Проверить соединение»: each service tried with the saved settings, and what is wrong said in words.

use crate::{
    core::rest::RestError,
    http::HttpAnswer,
    phonet::rest,
    problem::{Code, Problem},
    protocol::{CheckItem, CheckStep, LinkState, LinkView},
    settings::Phonet,
};

/// A check that somebody waits for.
#[derive(Debug)]
pub struct Check {
    /// Who asked.
    pub ask: u32,
    phonet: Option<Vec<CheckItem>>,
    uis: Option<Vec<CheckItem>>,
    kontur: Option<CheckItem>,
}

impl Check {
    /// A check that has heard from nobody yet.
    pub fn new(ask: u32) -> Self {
        Self { ask, phonet: None, uis: None, kontur: None }
    }

    /// The exchange has told what it thinks of the key and the subscriber.
    pub fn phonet(&mut self, verdict: &KeyVerdict) {
        self.phonet.get_or_insert_with(|| match verdict {
            KeyVerdict::Right => {
                let right = |step| CheckItem { step, problem: None };
                vec![right(CheckStep::PhonetKey), right(CheckStep::PhonetSubscriber)]
            }
            KeyVerdict::WrongSubscriber(problem) => vec![
                CheckItem { step: CheckStep::PhonetKey, problem: None },
                CheckItem { step: CheckStep::PhonetSubscriber, problem: Some(problem.clone()) },
            ],
            KeyVerdict::WrongKey(problem) | KeyVerdict::NoAnswer(problem) => {
                vec![CheckItem { step: CheckStep::PhonetKey, problem: Some(problem.clone()) }]
            }
        });
    }

    /// Phonet is not set up, and another exchange is.
    pub fn without_phonet(&mut self) {
        self.phonet.get_or_insert_default();
    }

    /// UIS has told what it thinks of the key; nothing where it is not set up.
    pub fn uis(&mut self, told: Option<Option<Problem>>) {
        let item = |problem| CheckItem { step: CheckStep::UisKey, problem };
        self.uis.get_or_insert_with(|| told.into_iter().map(item).collect());
    }

    /// The CRM has told what it thinks of the key.
    pub fn kontur(&mut self, problem: Option<Problem>) {
        self.kontur.get_or_insert(CheckItem { step: CheckStep::KonturKey, problem });
    }

    /// All lines, once there are all. The connections are awaited while they are being opened.
    pub fn finished(&self, link: &LinkView, relay: Option<&LinkView>) -> Option<Vec<CheckItem>> {
        let (phonet, uis, kontur) = (self.phonet.as_ref()?, self.uis.as_ref()?, self.kontur.as_ref()?);
        let mut items = phonet.clone();
        if !items.is_empty() && items.iter().all(|item| item.problem.is_none()) {
            let problem = missing(link, Code::PhonetConnectionLost)?;
            items.push(CheckItem { step: CheckStep::PhonetLink, problem });
        }
        items.extend(uis.iter().cloned());
        if let Some(relay) = relay {
            let problem = missing(relay, Code::RelayConnectionLost)?;
            items.push(CheckItem { step: CheckStep::RelayLink, problem });
        }
        items.push(kontur.clone());
        Some(items)
    }
}

/// What is wrong with a connection; `None` while that is not known.
fn missing(link: &LinkView, usual: Code) -> Option<Option<Problem>> {
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
        match result {
            Err(RestError::KeyRefused) => Self::WrongKey(Problem::about(Code::PhonetKeyRefused, &[&phonet.domain])),
            Err(RestError::Unreachable) => Self::NoAnswer(Problem::about(Code::PhonetUnreachable, &[&phonet.domain])),
            // The session was opened, so the key is right; some keys may not list the users.
            Err(RestError::Status(401 | 403)) => Self::Right,
            Err(RestError::TooLarge) => Self::NoAnswer(Problem::about(Code::PhonetUnexpectedAnswer, &[&phonet.domain])),
            Err(RestError::Status(status)) => {
                Self::NoAnswer(Problem::about(Code::PhonetStatus, &[&status.to_string()]))
            }
            Ok(answer) => match rest::users(answer.body.reveal()) {
                None => Self::NoAnswer(Problem::about(Code::PhonetUnexpectedAnswer, &[&phonet.domain])),
                Some(users) if users.iter().any(|user| user.is(&phonet.subscriber)) => Self::Right,
                Some(_) => {
                    let args = [phonet.subscriber.as_str(), &phonet.domain];
                    Self::WrongSubscriber(Problem::about(Code::PhonetSubscriberRefused, &args))
                }
            },
        }
    }
}
