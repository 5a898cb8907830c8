//! The stand-in for Kontur.CRM: authorization, files, the telephony callbacks and the integrations, judged by «API телефонии» and
//! «API интеграции».

pub(crate) mod body;
pub(crate) mod book;
pub(crate) mod files;
pub(crate) mod integration;

use std::collections::BTreeMap;

use axum::http::{self, StatusCode, header};
use serde_json::{Value, json};
use uuid::Uuid;

use self::body::{boundary, failure, leg_event, recording, registration};
use self::book::Book;
use self::files::Files;
use self::integration::{Integrations, Which};
use crate::clock::{now, rfc3339};
use crate::data::{KONTUR_KEY, KONTUR_PUBLIC_KEY, KONTUR_SECRET, WORKSPACE, WORKSPACE_ID, contact_by_phone};
use crate::http::{Answer, Content, Heard};

const API_KEY: &str = "x-xcom-integration-apikey";
const SECRET: &str = "x-xcom-integration-secret";
const ACCESS_KEY: &str = "x-xcom-accesskey";

/// The CRM's side of the world.
pub(crate) struct Crm {
    pub book: Book,
    pub files: Files,
    pub integrations: Integrations,
    /// AccessKeys: whose they are, and when they end.
    keys: BTreeMap<String, (Which, i64)>,
    /// Milliseconds an AccessKey lives.
    pub key_lifetime: i64,
}

impl Default for Crm {
    fn default() -> Self {
        Self {
            book: Book::default(),
            files: Files::default(),
            integrations: Integrations::default(),
            keys: BTreeMap::new(),
            key_lifetime: 20 * 60 * 1000,
        }
    }
}

fn unauthorized() -> Answer {
    Answer::json(StatusCode::UNAUTHORIZED, "Unauthorized".into())
}

fn not_found(message: String) -> Answer {
    Answer::json(StatusCode::NOT_FOUND, json!({ "status": "notFound", "message": message }))
}

/// A system call: the CRM passes it on to an integration's own server, of which there is none.
fn system_call(heard: &Heard, feature: &str, read: fn(&[u8]) -> Result<(), Answer>) -> Answer {
    if !heard.says_json() {
        return Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Content::Empty)
            .violation("the content type is not application/json");
    }
    let message = format!("Feature {feature} is not supported by any integration");
    let body = json!({ "invalidDatas": [], "invalidConstraints": {}, "status": "notSupported", "message": message });
    read(&heard.body).map_or_else(|refusal| refusal, |()| Answer::json(StatusCode::CONFLICT, body))
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
    Authorize(Which),
    /// One within the workspace of this name.
    Within(&'a str, Method<'a>),
}

/// What a workspace offers.
enum Method<'a> {
    Files,
    Callback(Callback),
    Redirect,
    SetUp { id: &'a str },
    Instance { id: &'a str },
    UiSettings,
    SystemCall,
    SystemHangUp,
}

impl<'a> Endpoint<'a> {
    fn of(path: &'a str) -> Option<Self> {
        let path = path.strip_prefix("/api/v1/")?;
        let parts: Vec<&str> = path.split('/').collect();
        let (workspace, method) = match *parts.as_slice() {
            ["authorization", "authorize-private-integration"] => return Some(Self::Authorize(Which::Private)),
            ["authorization", "authorize-integration"] => return Some(Self::Authorize(Which::Public)),
            [workspace, "files"] => (workspace, Method::Files),
            [workspace, "integrations", "instances", id] => (workspace, Method::Instance { id }),
            [workspace, "integrations", id, "setup"] => (workspace, Method::SetUp { id }),
            [workspace, "ui-settings"] => (workspace, Method::UiSettings),
            [workspace, "communications", "call"] => (workspace, Method::SystemCall),
            // The link has the communication's id, the example has not.
            [workspace, "communications", "hangup"] | [workspace, "communications", _, "hangup"] => {
                (workspace, Method::SystemHangUp)
            }
            [workspace, "communications", "callbacks", "telephony", "call-redirect"] => (workspace, Method::Redirect),
            [workspace, "communications", "callbacks", "telephony", name] => {
                (workspace, Method::Callback(Callback::named(name)?))
            }
            _ => return None,
        };
        Some(Self::Within(workspace, method))
    }

    /// The HTTP methods it takes.
    fn verbs(&self) -> &'static [http::Method] {
        match self {
            Self::Within(_, Method::Redirect | Method::UiSettings) => &[http::Method::GET],
            Self::Within(_, Method::Instance { .. }) => &[http::Method::GET, http::Method::PATCH],
            _ => &[http::Method::POST],
        }
    }

    /// The query parameters it knows.
    fn parameters(&self) -> &'static [&'static str] {
        match self {
            Self::Within(_, Method::Redirect) => &["externalId", "phoneNumber"],
            Self::Within(_, Method::UiSettings) => &["key"],
            _ => &[],
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
        let verbs = endpoint.verbs();
        if !verbs.contains(&heard.method) {
            let allowed = verbs.iter().map(http::Method::as_str).collect::<Vec<_>>().join(", ");
            return Answer::new(StatusCode::METHOD_NOT_ALLOWED, Content::Empty)
                .violation(format!("this path takes {allowed} only"))
                .header(header::ALLOW, &allowed);
        }
        if let Some(fault) = heard.query_fault(endpoint.parameters()) {
            return Answer::new(StatusCode::BAD_REQUEST, Content::Empty).violation(fault);
        }
        let (workspace, method) = match endpoint {
            Endpoint::Authorize(which) => return self.authorize(heard, which),
            Endpoint::Within(workspace, method) => (workspace, method),
        };
        let which = match self.admit(heard, workspace) {
            Ok(which) => which,
            Err(refusal) => return refusal,
        };
        match method {
            Method::Files => self.files.upload(heard),
            Method::Callback(callback) => self.callback(heard, callback),
            Method::Redirect => self.redirect(heard),
            Method::SetUp { id } => self.integrations.set_up(which, id, heard),
            Method::Instance { id } if heard.method == http::Method::PATCH => self.integrations.patch(which, id, heard),
            Method::Instance { id } => self.integrations.show(which, id, heard),
            Method::UiSettings => self.integrations.ui_settings(heard),
            Method::SystemCall => system_call(heard, "Call", body::system_call),
            Method::SystemHangUp => system_call(heard, "Hangup", body::system_hang_up),
        }
    }

    fn authorize(&mut self, heard: &Heard, which: Which) -> Answer {
        let (key, secret) = match which {
            Which::Private => (KONTUR_KEY, None),
            Which::Public => (KONTUR_PUBLIC_KEY, Some(KONTUR_SECRET)),
        };
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
        self.keys.insert(access_key.clone(), (which, now() + self.key_lifetime));
        let update = json!({
            "updatedAt": rfc3339(now()), "updatedWith": "WebApp", "createdAt": rfc3339(now()), "createdWith": "WebApp",
        });
        Answer::ok(json!({
            "workspace": { "id": WORKSPACE_ID, "name": WORKSPACE, "title": "Песочница", "updateInfo": update },
            "integrationInstance": self.integrations.to_json(which),
            "accessKey": access_key,
        }))
    }

    /// Whether a request may reach into the workspace, and for which integration it does.
    fn admit(&self, heard: &Heard, workspace: &str) -> Result<Which, Answer> {
        let Some(key) = heard.header(ACCESS_KEY) else {
            return Err(unauthorized().violation("X-XCOM-AccessKey is missing"));
        };
        let Some((which, _)) = self.keys.get(key).filter(|(_, end)| *end > now()) else {
            return Err(unauthorized());
        };
        if workspace != WORKSPACE && workspace != WORKSPACE_ID {
            return Err(not_found(format!("Workspace {workspace} not found")));
        }
        if [API_KEY, SECRET].into_iter().any(|name| heard.headers.contains_key(name)) {
            return Err(unauthorized().violation("the integration's key or secret sent beside the AccessKey"));
        }
        Ok(*which)
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

    /// `call-redirect`: who is responsible for a call's client, or for the client with a number.
    fn redirect(&self, heard: &Heard) -> Answer {
        let refuse = |why: &str| Answer::new(StatusCode::BAD_REQUEST, Content::Empty).violation(why);
        if !heard.body.is_empty() {
            return refuse("a GET with a body");
        }
        match (heard.parameter("externalId"), heard.parameter("phoneNumber")) {
            (Some(id), None) => self.book.redirect(id.split_once('/').map_or(id, |(_, bare)| bare)),
            (None, Some(number)) if number.len() >= 3 && number.bytes().all(|byte| byte.is_ascii_digit()) => {
                contact_by_phone(number).map_or_else(book::nobody, book::responsible)
            }
            (None, Some(_)) => refuse("`phoneNumber` is not digits only"),
            _ => refuse("call-redirect takes either externalId or phoneNumber"),
        }
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
