//! Who is responsible for a client who calls: the CRM is asked once for each call, and once more where it does not answer.

use crate::{
    Millis,
    core::calls::Calls,
    http::{HttpAnswer, HttpFailure},
    kontur::redirect::{By, users},
    private::Private,
    protocol::Direction,
};

/// How long the CRM is given to hear of the call, and then to get over a failure.
const PATIENCE: Millis = Millis::secs(3);
/// How often a call is asked about.
const TRIES: u32 = 2;

/// The calls that are asked about: live ones from clients.
#[derive(Debug, Default)]
pub struct Redirects {
    asked: Vec<Asked>,
}

#[derive(Debug)]
struct Asked {
    /// The call's `externalId`.
    call: String,
    /// How often it may still be asked about.
    tries: u32,
    /// When it is asked about by the number, or once more.
    not_before: Millis,
    /// The exchange under way, and its key.
    under_way: Option<(u32, Private<String>)>,
}

/// What an answer means for the rest.
#[derive(Debug, PartialEq)]
pub enum Redirected {
    /// Those who are responsible for the client of this call, by GUID.
    To(String, Vec<String>),
    /// The key was refused.
    FreshKey(Private<String>),
    /// Nobody, as far as is known.
    Nobody,
}

impl Redirects {
    /// The path to ask next, under this id; `is_refused` says of a call whether the CRM refused to hear of it.
    pub fn next(
        &mut self,
        http: u32,
        key: &Private<String>,
        workspace: &str,
        calls: &Calls,
        is_refused: impl Fn(&str) -> bool,
        now: Millis,
    ) -> Option<String> {
        self.asked.retain(|asked| calls.live().any(|call| call.id == asked.call));
        for call in calls.live() {
            let is_client = call.direction == Direction::Inbound && call.is_told();
            if !is_client || !call.responsible.is_empty() {
                continue;
            }
            let Some(asked) = self.about(&call.id, now) else { continue };
            let is_due = asked.not_before.has_come(now, PATIENCE);
            let by = match (&call.communication, &call.client.number) {
                _ if asked.tries == 0 || asked.under_way.is_some() => continue,
                (Some(_), _) if is_due || asked.tries == TRIES => By::Call(&call.id),
                (None, Some(number)) if is_due || is_refused(&call.id) => By::Phone(number),
                _ => continue,
            };
            if let Some(path) = by.path(workspace) {
                asked.tries -= 1;
                asked.under_way = Some((http, key.clone()));
                return Some(path);
            }
        }
        None
    }

    fn about(&mut self, call: &str, now: Millis) -> Option<&mut Asked> {
        if !self.asked.iter().any(|asked| asked.call == call) {
            let call = call.to_owned();
            self.asked.push(Asked { call, tries: TRIES, not_before: now + PATIENCE, under_way: None });
        }
        self.asked.iter_mut().find(|asked| asked.call == call)
    }

    /// The CRM answered, or did not; `None` when this was no such question.
    pub fn answered(&mut self, http: u32, result: &Result<HttpAnswer, HttpFailure>, now: Millis) -> Option<Redirected> {
        let is_it = |asked: &&mut Asked| asked.under_way.as_ref().is_some_and(|(id, _)| *id == http);
        let asked = self.asked.iter_mut().find(is_it)?;
        let (_, key) = asked.under_way.take()?;
        asked.not_before = now + PATIENCE;
        let Ok(answer) = result else { return Some(Redirected::Nobody) };
        match (answer.status, users(answer.body.reveal())) {
            (200..=299, Some(users)) => {
                asked.tries = 0;
                return Some(Redirected::To(asked.call.clone(), users));
            }
            (401, _) => return Some(Redirected::FreshKey(key)),
            // The CRM's own no, which it would only repeat.
            (400..=407 | 409..=499, _) => asked.tries = 0,
            _ => {}
        }
        Some(Redirected::Nobody)
    }

    /// When a call is asked about by itself.
    pub fn next_wake(&self) -> Option<Millis> {
        let waiting = self.asked.iter().filter(|asked| asked.tries > 0 && asked.under_way.is_none());
        waiting.map(|asked| asked.not_before).min()
    }
}
