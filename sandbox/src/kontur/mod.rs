//! The stand-in for Kontur.CRM: authorization, files, the telephony callbacks and the integrations, judged by «API телефонии» and
//! «API интеграции».

pub(crate) mod body;
pub(crate) mod book;
pub(crate) mod caller;
pub(crate) mod files;
pub(crate) mod integration;

use std::collections::BTreeMap;

use axum::http::{self, StatusCode, header};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use self::body::{boundary, failure, leg_event, recording, registration};
use self::book::Book;
use self::caller::Order;
use self::files::Files;
use self::integration::{Feature, Integrations, Which};
use crate::clock::{now, rfc3339};
use crate::data::{KONTUR_KEY, KONTUR_PUBLIC_KEY, KONTUR_SECRET, SESSION, WORKSPACE, WORKSPACE_ID, contact_by_phone};
use crate::http::{Answer, Content, Heard};

const API_KEY: &str = "x-xcom-integration-apikey";
const SECRET: &str = "x-xcom-integration-secret";
pub(crate) const ACCESS_KEY: &str = "x-xcom-accesskey";

/// The CRM's side of the world.
pub(crate) struct Crm {
    pub book: Book,
    pub files: Files,
    pub integrations: Integrations,
    /// AccessKeys: whose they are, and when they end.
    keys: BTreeMap<String, (Which, i64)>,
    /// Milliseconds an AccessKey lives.
    pub key_lifetime: i64,
    /// The last CALL and HANGUP that were sent to the integration's server.
    last: BTreeMap<Feature, Order>,
    /// What calls the web hooks by their schedule, while that is on.
    pub schedule: JoinSet<()>,
}

impl Default for Crm {
    fn default() -> Self {
        Self {
            book: Book::default(),
            files: Files::default(),
            integrations: Integrations::default(),
            keys: BTreeMap::new(),
            key_lifetime: 20 * 60 * 1000,
            last: BTreeMap::new(),
            schedule: JoinSet::new(),
        }
    }
}

fn unauthorized() -> Answer {
    Answer::json(StatusCode::UNAUTHORIZED, "Unauthorized".into())
}

fn not_found(message: String) -> Answer {
    Answer::json(StatusCode::NOT_FOUND, json!({ "status": "notFound", "message": message }))
}

/// A system call that no integration's server takes.
fn not_supported(feature: Feature) -> Answer {
    let message = format!("Feature {feature:?} is not supported by any integration");
    let body = json!({ "invalidDatas": [], "invalidConstraints": {}, "status": "notSupported", "message": message });
    Answer::json(StatusCode::CONFLICT, body)
}

fn must_be_json(heard: &Heard) -> Result<(), Answer> {
    let refuse = || {
        Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Content::Empty)
            .violation("the content type is not application/json")
    };
    if heard.says_json() { Ok(()) } else { Err(refuse()) }
}

/// Whether this is the CRM's own page, on behalf of its user.
fn is_users_own(heard: &Heard) -> bool {
    !heard.headers.contains_key(ACCESS_KEY) && Endpoint::of(&heard.path).is_some_and(|endpoint| endpoint.is_button())
}

/// Whether the user is logged in, and no other site's page makes use of that.
fn has_session(heard: &Heard) -> bool {
    let logged_in = heard.header("cookie").is_some_and(|cookies| cookies.split("; ").any(|cookie| cookie == SESSION));
    let own = |origin: &str| origin.split_once("://").map(|(_, host)| host) == heard.header("host");
    logged_in && heard.header("origin").is_some_and(own)
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
    SystemHangUp { id: Option<&'a str> },
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
            [workspace, "communications", "hangup"] => (workspace, Method::SystemHangUp { id: None }),
            [workspace, "communications", id, "hangup"] => (workspace, Method::SystemHangUp { id: Some(id) }),
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

    /// Whether it is what the CRM's own page asks for when its user presses a button.
    fn is_button(&self) -> bool {
        matches!(self, Self::Within(_, Method::SystemCall | Method::SystemHangUp { .. }))
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
        let cookie = heard.headers.contains_key("cookie");
        if cookie && !is_users_own(heard) {
            answer = answer.violation("the user's own session cookie came along: credentials must be omitted");
        }
        if heard.headers.contains_key("authorization") {
            answer = answer.violation("an Authorization header: only an AccessKey may be used");
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
        if is_users_own(heard) && !has_session(heard) {
            return unauthorized();
        }
        let admitted = if is_users_own(heard) { Ok(Which::Private) } else { self.admit(heard, workspace) };
        let which = match admitted {
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
            Method::SystemCall => self.call(heard).unwrap_or_else(|refusal| refusal),
            Method::SystemHangUp { id } => self.hang_up(heard, id).unwrap_or_else(|refusal| refusal),
        }
    }

    /// «Позвонить»: the communication is in the book from now on, and the integration's server is asked to dial.
    fn call(&mut self, heard: &Heard) -> Result<Answer, Answer> {
        must_be_json(heard)?;
        let call = body::system_call(&heard.body)?;
        let server = self.integrations.server_of(Feature::Call).cloned().ok_or_else(|| not_supported(Feature::Call))?;
        let id = call.id.clone();
        self.book.call(call)?;
        let order = server.call(&id, self.issue(Which::Private), heard.body_value());
        self.send(Feature::Call, order)
    }

    /// «Положить трубку».
    fn hang_up(&mut self, heard: &Heard, id: Option<&str>) -> Result<Answer, Answer> {
        must_be_json(heard)?;
        let leg = body::system_hang_up(&heard.body)?;
        let server = self.integrations.server_of(Feature::Hangup).cloned();
        let server = server.ok_or_else(|| not_supported(Feature::Hangup))?;
        let access_key = self.issue(Which::Private);
        let id = id.or_else(|| self.book.with_leg(&leg).map(|call| call.id.as_str()));
        let order = server.hang_up(id, access_key, heard.body_value());
        self.send(Feature::Hangup, order)
    }

    fn send(&mut self, feature: Feature, order: Option<Order>) -> Result<Answer, Answer> {
        let order = order.ok_or_else(|| not_supported(feature))?;
        self.last.insert(feature, order.clone());
        Ok(Answer::after(order))
    }

    /// The last CALL or HANGUP once more, to where the server is now: word for word, or with an echo of its own.
    pub fn again(&self, feature: Feature, fresh: bool) -> Result<Order, String> {
        let mut order = self.last.get(&feature).cloned().ok_or("none was sent yet")?;
        order.base = self.integrations.server.base.clone().ok_or("no `baseUrl` is set")?;
        Ok(if fresh { order.renewed() } else { order })
    }

    /// The web hook with this address, to be called now.
    pub fn web_hook(&mut self, relative_url: &str) -> Result<Order, String> {
        self.integrations.period(relative_url).ok_or("no such web hook is registered, or it is disabled")?;
        let access_key = self.issue(Which::Private);
        self.integrations.server.web_hook(relative_url, access_key).ok_or_else(|| "no `baseUrl` is set".to_owned())
    }

    /// The integration with a server, for the control page.
    pub fn integration_to_json(&self) -> Value {
        let instance = self.integrations.to_json(Which::Private);
        let features = instance.get("features");
        let base = self.integrations.server.base.as_ref().map(ToString::to_string);
        json!({ "baseUrl": base, "features": features, "scheduled": !self.schedule.is_empty() })
    }

    fn issue(&mut self, which: Which) -> String {
        let access_key = Uuid::new_v4().to_string();
        self.keys.insert(access_key.clone(), (which, now() + self.key_lifetime));
        access_key
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
        let access_key = self.issue(which);
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
        if let Err(refusal) = must_be_json(heard) {
            return refusal;
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
    fn redirect(&mut self, heard: &Heard) -> Answer {
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
