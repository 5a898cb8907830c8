//! The CRM's AccessKey: exchanged when needed, renewed before it ends, never by two requests at a time; or handed out by the relay.
//! With it comes the id of the integration in the CRM.

use crate::{
    Millis,
    http::{AccessKey, Body, HttpAnswer, HttpFailure, HttpRequest, Method},
    kontur::{
        ACCESS_KEY, API_KEY, SECRET,
        answer::Refusal,
        auth::{AUTHORIZE_PRIVATE, AUTHORIZE_PUBLIC, Authorized, LIFETIME},
    },
    private::Private,
    problem::{Code, Problem},
    relay::HandedKey,
    settings::Kontur,
};

/// A key is renewed when less than this is left of its life.
const MARGIN: Millis = Millis::mins(2);
/// How long the CRM may take to answer.
pub const TIMEOUT: u32 = 20_000;

/// A request with the AccessKey.
pub fn request(kontur: &Kontur, key: &Private<String>, method: Method, path: &str, body: Body) -> HttpRequest {
    HttpRequest {
        method,
        url: [&kontur.address, path].concat(),
        headers: vec![(ACCESS_KEY, key.clone())],
        body,
        keep: false,
        cookies: false,
        timeout: TIMEOUT,
    }
}

/// The AccessKey and the exchange that brings it.
#[derive(Debug, Default)]
pub struct Access {
    key: Option<AccessKey>,
    /// The id of the integration that the key belongs to, where the CRM told it.
    integration: Option<String>,
    exchange: Option<u32>,
    /// The key that the relay handed out last.
    handed: Option<Private<String>>,
    /// Whether the CRM has refused that one, and whether the relay is still to be told.
    handed_is_refused: bool,
    refusal_is_untold: bool,
}

/// Why there is no key, and whether it is worth to try soon.
#[derive(Clone, Debug, PartialEq)]
pub enum AccessError {
    /// The CRM did not answer or failed: try again with backoff, and not before the CRM's own wait is over.
    Later(Problem, Option<Millis>),
    /// The CRM refuses the integration: only a person can mend that.
    Refused(Problem),
}

impl Access {
    /// Goes on with what memory-only storage kept, if the worker died in between.
    pub fn restored(key: Option<AccessKey>, integration: Option<String>) -> Self {
        Self { key, integration, ..Self::default() }
    }

    /// The key, as long as it is good for these settings.
    pub fn key(&self, kontur: &Kontur, now: Millis) -> Option<&Private<String>> {
        let fresh = |key: &&AccessKey| {
            let age = now - key.obtained_at;
            key.fingerprint == kontur.fingerprint() && age >= Millis(0) && age < LIFETIME - MARGIN
        };
        self.key.as_ref().filter(fresh).map(|key| &key.key)
    }

    /// The id of the integration that [`Access::key`] belongs to, where the CRM told it.
    pub fn integration(&self) -> Option<&str> {
        self.integration.as_deref()
    }

    /// The key that memory-only storage is to keep, with [`Access::integration`].
    pub fn kept(&self) -> Option<&AccessKey> {
        self.key.as_ref()
    }

    /// The CRM said 401 to this key. Another one that came meanwhile stays.
    pub fn forget(&mut self, refused: &Private<String>) {
        self.key.take_if(|key| key.key == *refused);
        if self.handed.as_ref() == Some(refused) && !self.handed_is_refused {
            self.handed_is_refused = true;
            self.refusal_is_untold = true;
        }
    }

    /// The CRM said 401 to whichever key it was.
    pub fn forget_any(&mut self) {
        if let Some(key) = self.key.take() {
            self.forget(&key.key);
        }
    }

    /// The relay hands out a key that ends at this moment of this computer's clock: true where it is taken. It is used to its end, for
    /// the relay hands out the next one in time.
    ///
    /// # Errors
    /// It is good for another workspace.
    pub fn hand(&mut self, handed: &HandedKey, ends_at: Millis, kontur: &Kontur, now: Millis) -> Result<bool, Problem> {
        if !handed.workspace.eq_ignore_ascii_case(&kontur.workspace) {
            return Err(Problem::about(Code::KonturWrongWorkspace, &[&handed.workspace, &kontur.workspace]));
        }
        if self.handed.as_ref() != Some(&handed.key) {
            self.handed = Some(handed.key.clone());
            self.handed_is_refused = false;
        } else if self.handed_is_refused {
            self.refusal_is_untold = true;
        }
        if self.handed_is_refused || ends_at <= now {
            return Ok(false);
        }
        let obtained_at = (ends_at - (LIFETIME - MARGIN)).min(now);
        self.integration.clone_from(&handed.integration);
        self.key = Some(AccessKey { key: handed.key.clone(), obtained_at, fingerprint: kontur.fingerprint() });
        Ok(true)
    }

    /// Whether the relay is to be told that the CRM refuses the key that it handed out; once.
    pub fn take_refusal(&mut self) -> bool {
        std::mem::take(&mut self.refusal_is_untold)
    }

    /// Whether an exchange is going on.
    pub fn is_exchanging(&self) -> bool {
        self.exchange.is_some()
    }

    /// The settings have changed: whatever an exchange with the old ones brings is not wanted.
    pub fn abandon(&mut self) {
        self.exchange = None;
    }

    /// Starts the exchange under this HTTP id; nothing where the settings hold no key to exchange.
    pub fn exchange(&mut self, id: u32, kontur: &Kontur) -> Option<HttpRequest> {
        let mut headers = vec![(API_KEY, kontur.api_key.clone()?)];
        self.exchange = Some(id);
        headers.extend(kontur.secret.clone().map(|secret| (SECRET, secret)));
        let path = if kontur.secret.is_some() { AUTHORIZE_PUBLIC } else { AUTHORIZE_PRIVATE };
        Some(HttpRequest {
            method: Method::Post,
            url: format!("{}{path}", kontur.address),
            headers,
            body: Body::Empty,
            keep: false,
            cookies: false,
            timeout: TIMEOUT,
        })
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
        let later = |problem| {
            let wait = result.as_ref().ok().and_then(|answer| answer.retry_after);
            Err(AccessError::Later(problem, wait))
        };
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
        self.integration = authorized.integration;
        self.key = Some(AccessKey { key: authorized.access_key, obtained_at: now, fingerprint: kontur.fingerprint() });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kontur(secret: Option<&str>) -> Kontur {
        Kontur {
            workspace: "ws".into(),
            api_key: Some("key".into()),
            secret: secret.map(Private::from),
            user_id: None,
            recordings: true,
            missed_calls: false,
            cards: crate::settings::Cards::default(),
            address: "https://crm.kontur.ru".into(),
        }
    }

    fn answer(status: u16, body: &str) -> Result<HttpAnswer, HttpFailure> {
        Ok(HttpAnswer { status, retry_after: None, date: None, body: body.into(), file: None })
    }

    #[test]
    fn a_private_and_a_public_integration_authorize_each_in_its_way() {
        let request = Access::default().exchange(1, &kontur(None)).unwrap();
        assert_eq!(request.url, "https://crm.kontur.ru/api/v1/authorization/authorize-private-integration");
        assert_eq!(request.headers, [("X-XCOM-Integration-ApiKey", "key".into())]);
        let request = Access::default().exchange(1, &kontur(Some("name=value"))).unwrap();
        assert_eq!(request.url, "https://crm.kontur.ru/api/v1/authorization/authorize-integration");
        assert_eq!(request.headers.last(), Some(&("X-XCOM-Integration-Secret", "name=value".into())));
    }

    #[test]
    fn a_key_is_good_for_its_settings_and_until_shortly_before_its_end() {
        let mut access = Access::default();
        let settings = kontur(None);
        access.exchange(7, &settings);
        let body = r#"{"workspace":{"id":"1","name":"ws"},"integrationInstance":{"id":"103"},"accessKey":"access"}"#;
        assert_eq!(access.exchanged(6, &answer(200, body), &settings, Millis(0)), None, "another exchange's answer");
        assert_eq!(access.exchanged(7, &answer(200, body), &settings, Millis(0)), Some(Ok(())));
        assert_eq!(access.integration(), Some("103"));
        assert!(access.key(&settings, Millis::mins(17)).is_some());
        assert!(access.key(&settings, Millis::mins(18)).is_none());
        assert!(access.key(&settings, Millis(-1)).is_none(), "a clock that was set back proves nothing");
        assert!(access.key(&kontur(Some("name=value")), Millis::mins(1)).is_none());
    }

    #[test]
    fn a_key_that_the_relay_hands_out_is_used_to_its_end_and_refused_once() {
        let keyless = Kontur { api_key: None, ..kontur(None) };
        let handed = |key: &str, workspace: &str| HandedKey {
            key: key.into(),
            workspace: workspace.to_owned(),
            integration: Some("103".to_owned()),
            ends_at: Millis(0),
        };
        let mut access = Access::default();
        assert!(access.exchange(1, &keyless).is_none() && !access.is_exchanging());
        let hand = |access: &mut Access, key, at| access.hand(&handed(key, "WS"), Millis::mins(10), &keyless, at);
        assert_eq!(hand(&mut access, "one", Millis(0)), Ok(true));
        assert_eq!(access.integration(), Some("103"));
        let last = Millis::mins(10) - Millis(1);
        assert!(access.key(&keyless, last).is_some() && access.key(&keyless, Millis::mins(10)).is_none());
        access.forget(&"another".into());
        assert!(!access.take_refusal());
        access.forget_any();
        access.forget(&"one".into());
        assert!(access.take_refusal() && !access.take_refusal(), "told once");
        assert_eq!(hand(&mut access, "one", Millis(1)), Ok(false), "what was refused is not taken again");
        assert!(access.take_refusal() && access.key(&keyless, Millis(1)).is_none());
        assert_eq!(hand(&mut access, "two", Millis(2)), Ok(true));
        assert!(!access.take_refusal());
        assert_eq!(hand(&mut access, "three", Millis::mins(10)), Ok(false), "it is over");
        let other = access.hand(&handed("four", "other"), Millis::mins(10), &keyless, Millis(0)).unwrap_err();
        assert_eq!((other.code, other.args[0].as_str()), (Code::KonturWrongWorkspace, "other"));
    }

    #[test]
    fn each_answer_says_whether_it_is_worth_to_try_again() {
        let read = |status, body| {
            let mut access = Access::default();
            access.exchange(1, &kontur(None));
            access.exchanged(1, &answer(status, body), &kontur(None), Millis(0)).unwrap().unwrap_err()
        };
        let refused = |code| AccessError::Refused(Problem::new(code));
        assert_eq!(read(401, r#""Unauthorized""#), refused(Code::KonturKeyRefused));
        assert_eq!(read(409, r#"{"status":"notInstalled","message":"m"}"#), refused(Code::KonturNotInstalled));
        assert!(matches!(read(200, r#"{"workspace":{"name":"other"},"accessKey":"k"}"#), AccessError::Refused(_)));
        assert_eq!(read(200, "<html>"), AccessError::Later(Problem::new(Code::KonturUnexpectedAnswer), None));
        assert!(matches!(read(500, ""), AccessError::Later(..)));
    }
}
