//! The stand-in for Kontur.CRM: authorization, files and the telephony callbacks, judged by «API телефонии».

pub(crate) mod body;
pub(crate) mod book;
pub(crate) mod files;

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use uuid::Uuid;

use self::body::{boundary, failure, leg_event, recording, registration};
use self::book::Book;
use self::files::Files;
use crate::clock::{now, rfc3339};
use crate::data::{INTEGRATION_ID, KONTUR_KEY, KONTUR_PUBLIC_KEY, KONTUR_SECRET, WORKSPACE, WORKSPACE_ID};
use crate::http::{Answer, Content, Heard};

const API_KEY: &str = "x-xcom-integration-apikey";
const SECRET: &str = "x-xcom-integration-secret";
const ACCESS_KEY: &str = "x-xcom-accesskey";

/// The CRM's side of the world.
pub(crate) struct Crm {
    pub book: Book,
    pub files: Files,
    /// AccessKeys and when they end.
    keys: BTreeMap<String, i64>,
    /// Milliseconds an AccessKey lives.
    pub key_lifetime: i64,
}

impl Default for Crm {
    fn default() -> Self {
        Self { book: Book::default(), files: Files::default(), keys: BTreeMap::new(), key_lifetime: 20 * 60 * 1000 }
    }
}

fn unauthorized() -> Answer {
    Answer::json(StatusCode::UNAUTHORIZED, "Unauthorized".into())
}

fn not_found(message: String) -> Answer {
    Answer::json(StatusCode::NOT_FOUND, json!({ "status": "notFound", "message": message }))
}

/// Which callback a path names.
#[derive(Clone, Copy)]
enum Callback {
    Started,
    Event,
    Finished,
    Failed,
    Recording,
    Register,
}

impl Callback {
    fn named(name: &str) -> Option<Self> {
        match name {
            "call-started" => Some(Self::Started),
            "call-event" => Some(Self::Event),
            "call-finished" => Some(Self::Finished),
            "call-failed" => Some(Self::Failed),
            "call-recording" => Some(Self::Recording),
            "register-call" => Some(Self::Register),
            _ => None,
        }
    }
}

/// Which endpoint a path names.
enum Endpoint<'a> {
    AuthorizePrivate,
    AuthorizePublic,
    Files { workspace: &'a str },
    Callback { workspace: &'a str, callback: Callback },
}

impl<'a> Endpoint<'a> {
    fn of(path: &'a str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match *parts.as_slice() {
            ["api", "v1", "authorization", "authorize-private-integration"] => Some(Self::AuthorizePrivate),
            ["api", "v1", "authorization", "authorize-integration"] => Some(Self::AuthorizePublic),
            ["api", "v1", workspace, "files"] => Some(Self::Files { workspace }),
            ["api", "v1", workspace, "communications", "callbacks", "telephony", name] => {
                Some(Self::Callback { workspace, callback: Callback::named(name)? })
            }
            _ => None,
        }
    }
}

impl Crm {
    /// Every AccessKey is invalid from now on.
    pub fn expire_keys(&mut self) {
        self.keys.clear();
    }

    /// Judges an API request and answers it.
    pub fn judge(&mut self, heard: &Heard) -> Answer {
        let mut answer = self.route(heard);
        for (name, why) in [
            ("cookie", "the user's own session cookie came along: credentials must be omitted"),
            ("authorization", "an Authorization header: only an AccessKey may be used"),
        ] {
            if heard.headers.contains_key(name) {
                answer = answer.violation(why);
            }
        }
        answer
    }

    fn route(&mut self, heard: &Heard) -> Answer {
        let Some(endpoint) = Endpoint::of(&heard.path) else {
            return not_found(format!("No method at {}", heard.path)).violation("no such path is documented");
        };
        if heard.method != Method::POST {
            return Answer::new(StatusCode::METHOD_NOT_ALLOWED, Content::Empty)
                .violation("this path takes POST only")
                .header(header::ALLOW, "POST");
        }
        if let Some(fault) = heard.query_fault(&[]) {
            return Answer::new(StatusCode::BAD_REQUEST, Content::Empty).violation(fault);
        }
        match endpoint {
            Endpoint::AuthorizePrivate => self.authorize(heard, KONTUR_KEY, None),
            Endpoint::AuthorizePublic => self.authorize(heard, KONTUR_PUBLIC_KEY, Some(KONTUR_SECRET)),
            Endpoint::Files { workspace } => match self.admit(heard, workspace) {
                Ok(()) => self.files.upload(heard),
                Err(refusal) => refusal,
            },
            Endpoint::Callback { workspace, callback } => match self.admit(heard, workspace) {
                Ok(()) => self.callback(heard, callback),
                Err(refusal) => refusal,
            },
        }
    }

    fn authorize(&mut self, heard: &Heard, key: &str, secret: Option<&str>) -> Answer {
        if !heard.body.is_empty() && (!heard.says_json() || heard.body_value() != json!({})) {
            return Answer::new(StatusCode::BAD_REQUEST, Content::Empty).violation("an authorization has no body");
        }
        let said = heard.header(SECRET);
        if heard.header(API_KEY).is_none() || (secret.is_some() && said.is_none()) {
            return unauthorized().violation("a header with the integration's key or secret is missing");
        }
        if secret.is_none() && said.is_some() {
            return unauthorized().violation("a private integration has no secret");
        }
        if said.is_some_and(|said| said.split_once('=').is_none_or(|(name, value)| name.is_empty() || value.is_empty()))
        {
            return unauthorized().violation("the secret is not name=value");
        }
        if heard.header(API_KEY) != Some(key) || said != secret {
            return unauthorized();
        }
        let access_key = Uuid::new_v4().to_string();
        self.keys.insert(access_key.clone(), now() + self.key_lifetime);
        let update = json!({
            "updatedAt": rfc3339(now()), "updatedWith": "WebApp", "createdAt": rfc3339(now()), "createdWith": "WebApp",
        });
        Answer::ok(json!({
            "workspace": { "id": WORKSPACE_ID, "name": WORKSPACE, "title": "Песочница", "updateInfo": update },
            "integrationInstance": {
                "updateInfo": update,
                "baseUrl": null,
                "features": { "call": false, "hangup": false, "sendSms": false },
                "status": "active", "secrets": [], "settings": [], "webHooks": [],
                "id": INTEGRATION_ID,
            },
            "accessKey": access_key,
        }))
    }

    /// Whether a request may reach into the workspace.
    fn admit(&self, heard: &Heard, workspace: &str) -> Result<(), Answer> {
        match heard.header(ACCESS_KEY) {
            None => return Err(unauthorized().violation("X-XCOM-AccessKey is missing")),
            Some(key) if self.keys.get(key).is_none_or(|end| *end <= now()) => return Err(unauthorized()),
            Some(_) => {}
        }
        if workspace != WORKSPACE && workspace != WORKSPACE_ID {
            return Err(not_found(format!("Workspace {workspace} not found")));
        }
        if [API_KEY, SECRET].into_iter().any(|name| heard.headers.contains_key(name)) {
            return Err(unauthorized().violation("the integration's key or secret sent beside the AccessKey"));
        }
        Ok(())
    }

    fn callback(&mut self, heard: &Heard, callback: Callback) -> Answer {
        if !heard.says_json() {
            return Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Content::Empty)
                .violation("the content type is not application/json");
        }
        let judged = match callback {
            Callback::Started => boundary(&heard.body, "callStartedInfo").map(|body| self.book.start(&body)),
            Callback::Event => leg_event(&heard.body).map(|body| self.book.event(body)),
            Callback::Finished => boundary(&heard.body, "callFinishedInfo").map(|body| self.book.finish(&body)),
            Callback::Failed => failure(&heard.body).map(|id| self.book.fail(&id)),
            Callback::Recording => recording(&heard.body).map(|body| self.book.record(&body, &self.files)),
            Callback::Register => {
                registration(&heard.body).map(|body| self.book.register(body, heard.body_value(), &self.files))
            }
        };
        judged.unwrap_or_else(|refusal| refusal)
    }

    /// A failure on demand answered a request for good: what it said of its call is lost, which is no fault of the client.
    pub fn lose(&mut self, heard: &Heard, status: StatusCode) {
        if status.is_client_error()
            && !matches!(status.as_u16(), 401 | 408 | 425 | 429)
            && let Some(id) = heard.body_value().get("externalId").and_then(Value::as_str)
        {
            self.book.excuse(id.split_once('/').map_or(id, |(_, bare)| bare));
        }
    }
}
