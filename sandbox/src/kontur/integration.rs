//! «API интеграции»: the instances of the integrations in the workspace, their activation, features and web hooks, and
//! which of them is the main telephony.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::body::{self, Operation};
use super::caller::Server;
use crate::clock::{now, rfc3339};
use crate::data::{ANNA, INTEGRATION_ID, OTHER_INTEGRATION_ID, PUBLIC_INTEGRATION_ID, WORKSPACE_ID};
use crate::http::{Answer, Content, Heard};

/// The key of ui-settings under which the main telephony is kept.
const MAIN_TELEPHONY: &str = "@main-telephony-settings";
/// A new web hook's id before it has one.
const NO_ID: &str = "00000000-0000-0000-0000-000000000000";
/// What the CRM calls back by schedule.
pub(crate) const HOOKS: [&str; 2] = ["setup/upgrade", "communications/sync"];
/// Seconds between two calls of a web hook.
const PERIODS: std::ops::RangeInclusive<u32> = 60..=24 * 60 * 60;

/// Which integration an AccessKey belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Private,
    Public,
}

/// Which integration dials when a user presses «Позвонить».
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Main {
    /// The private one.
    Ours,
    Other,
    None,
}

/// A refusal on demand of the next requests for an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Refusal {
    InvalidPaths,
    InvalidValueTypes,
    InvalidDatas,
    InvalidConstraints,
    NotFound,
}

/// An integration in the workspace.
#[derive(Clone)]
struct Instance {
    id: &'static str,
    features: Features,
    /// A word, or its number, for the document knows both.
    status: Value,
    secrets: BTreeMap<String, String>,
    settings: BTreeMap<String, String>,
    web_hooks: Vec<Value>,
    created_at: i64,
    updated_at: i64,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Features {
    call: bool,
    hangup: bool,
    send_sms: bool,
}

/// A feature of an integration that has the CRM call its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Feature {
    Call,
    Hangup,
}

impl Instance {
    fn new(id: &'static str, status: &str) -> Self {
        Self {
            id,
            features: Features::default(),
            status: status.into(),
            secrets: BTreeMap::new(),
            settings: BTreeMap::from([("version".to_owned(), "1.0.0".to_owned())]),
            web_hooks: Vec::new(),
            created_at: now(),
            updated_at: now(),
        }
    }

    fn to_json(&self, base_url: &str) -> Value {
        let Features { call, hangup, send_sms } = self.features;
        let secret = |(id, value): (&String, &String)| json!({ "id": id, "value": value, "values": [value] });
        let setting = |(id, value): (&String, &String)| json!({ "id": id, "value": value });
        json!({
            "updateInfo": {
                "updatedAt": rfc3339(self.updated_at), "updatedWith": "WebApp", "createdAt": rfc3339(self.created_at),
                "createdByUserId": ANNA.user_id, "createdWith": "WebApp",
            },
            "baseUrl": base_url,
            "features": { "call": call, "hangup": hangup, "sendSms": send_sms },
            "status": self.status,
            "secrets": self.secrets.iter().map(secret).collect::<Vec<_>>(),
            "settings": self.settings.iter().map(setting).collect::<Vec<_>>(),
            "webHooks": self.web_hooks,
            "id": self.id,
        })
    }
}

/// The integrations' side of the CRM.
pub(crate) struct Integrations {
    private: Instance,
    public: Instance,
    pub main: Main,
    /// The private one's.
    pub server: Server,
    /// So many of the next requests are refused so.
    pub refusal: Option<(Refusal, u32)>,
}

impl Default for Integrations {
    fn default() -> Self {
        Self {
            private: Instance::new(INTEGRATION_ID, "active"),
            public: Instance::new(PUBLIC_INTEGRATION_ID, "notConfigured"),
            main: Main::Ours,
            server: Server::default(),
            refusal: None,
        }
    }
}

fn conflict(status: &str, message: String) -> Answer {
    Answer::json(StatusCode::CONFLICT, json!({ "status": status, "message": message }))
}

/// What is wrong with the operations of a patch, by the document's four lists.
#[derive(Default)]
struct Flaws {
    paths: Vec<Value>,
    value_types: Vec<Value>,
    datas: Vec<Value>,
    constraints: Map<String, Value>,
}

impl Flaws {
    fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.value_types.is_empty() && self.datas.is_empty() && self.constraints.is_empty()
    }

    fn answer(self) -> Answer {
        let info = json!({
            "invalidPaths": self.paths, "invalidValueTypes": self.value_types, "invalidDatas": self.datas,
            "invalidConstraints": self.constraints, "status": "invalidArgs", "message": "Patch contains invalid operations",
        });
        refused(info)
    }
}

/// The refusal of a patch.
fn refused(info: Value) -> Answer {
    Answer::json(StatusCode::CONFLICT, json!({ "errorInfo": info, "isSuccessful": false, "responseCode": "conflict" }))
}

/// Why a value is not what a path holds.
enum Flaw {
    Path,
    Type,
    Data,
    Constraint(&'static str),
}

impl Integrations {
    fn get(&self, which: Which) -> &Instance {
        match which {
            Which::Private => &self.private,
            Which::Public => &self.public,
        }
    }

    fn get_mut(&mut self, which: Which) -> &mut Instance {
        match which {
            Which::Private => &mut self.private,
            Which::Public => &mut self.public,
        }
    }

    /// The instance as it is told.
    pub fn to_json(&self, which: Which) -> Value {
        self.shown(which, self.get(which))
    }

    fn shown(&self, which: Which, instance: &Instance) -> Value {
        let base = self.server.base.as_ref().filter(|_| which == Which::Private);
        instance.to_json(&base.map_or_else(|| "https://telephony.example.com/v1".to_owned(), ToString::to_string))
    }

    /// The server that a system call is sent to: the main telephony's, where the feature is on.
    pub fn server_of(&self, feature: Feature) -> Option<&Server> {
        let features = self.private.features;
        let on = match feature {
            Feature::Call => features.call,
            Feature::Hangup => features.hangup,
        };
        (on && self.main == Main::Ours && self.server.base.is_some()).then_some(&self.server)
    }

    /// Switches the private one's features as an administrator does.
    pub fn set_features(&mut self, features: Features) {
        self.private.features = features;
    }

    /// How often a web hook of the private one is called; none where it is not registered, or disabled.
    pub fn period(&self, relative_url: &str) -> Option<Duration> {
        let says = |hook: &Value, key: &str, value: Value| hook.get(key) == Some(&value);
        let hook = self.private.web_hooks.iter().find(|hook| says(hook, "relativeUrl", relative_url.into()))?;
        let period = hook.pointer("/schedule/period").and_then(Value::as_str).and_then(seconds);
        period.filter(|_| says(hook, "disabled", false.into())).map(|period| Duration::from_secs(period.into()))
    }

    /// Both instances get this status: a word, or its number.
    pub fn set_status(&mut self, status: &Value) -> Result<(), String> {
        let words = ["notConfigured", "active", "paused", "hasErrors", "failed"];
        let known = status.as_str().is_some_and(|status| words.contains(&status))
            || status.as_u64().is_some_and(|number| number < 5);
        if !known {
            return Err(format!("`status` is one of {}, or 0 to 4", words.join(", ")));
        }
        for which in [Which::Private, Which::Public] {
            self.get_mut(which).status = status.clone();
        }
        Ok(())
    }

    /// Whether a request that only reads is answered that there is nothing.
    fn take_not_found(&mut self) -> bool {
        self.refusal.is_some_and(|(refusal, _)| refusal == Refusal::NotFound) && self.take_refusal().is_some()
    }

    fn take_refusal(&mut self) -> Option<Refusal> {
        let (refusal, count) = self.refusal.take()?;
        self.refusal = (count > 1).then(|| (refusal, count - 1));
        Some(refusal)
    }

    /// `POST integrations/{id}/setup`: activates the public integration with its arguments.
    pub fn set_up(&mut self, which: Which, id: &str, heard: &Heard) -> Answer {
        if !heard.says_json() {
            return Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Content::Empty)
                .violation("the content type is not application/json");
        }
        let arguments = match body::arguments(&heard.body) {
            Ok(arguments) => arguments,
            Err(refusal) => return refusal,
        };
        let unknown = || conflict("IntegrationNotFound", "Integration not found".to_owned());
        if id != PUBLIC_INTEGRATION_ID || which != Which::Public || self.take_refusal().is_some() {
            let answer = unknown();
            let ours = id == INTEGRATION_ID;
            return if ours { answer.violation("a private integration is not set up") } else { answer };
        }
        let instance = &mut self.public;
        for (name, value) in arguments {
            // As .NET writes them: `False`, and nothing for null.
            let text = match value {
                Value::Null => String::new(),
                Value::Bool(flag) => if flag { "True" } else { "False" }.to_owned(),
                Value::String(text) => text,
                other => other.to_string(),
            };
            let secret = name == "SecretKey";
            let values = if secret { &mut instance.secrets } else { &mut instance.settings };
            values.insert(name, text);
        }
        instance.status = "active".into();
        instance.updated_at = now();
        Answer::ok("OK".into())
    }

    /// `GET integrations/instances/{id}`.
    pub fn show(&mut self, which: Which, id: &str, heard: &Heard) -> Answer {
        if !heard.body.is_empty() {
            return Answer::new(StatusCode::BAD_REQUEST, Content::Empty).violation("a GET with a body");
        }
        let refused = self.take_not_found();
        let instance = self.get(which);
        if refused || instance.id != id {
            return conflict("notFound", format!("IntegrationInstance {id} not found"));
        }
        Answer::ok(self.to_json(which))
    }

    /// `PATCH integrations/instances/{id}`: features on and off, web hooks.
    pub fn patch(&mut self, which: Which, id: &str, heard: &Heard) -> Answer {
        if !heard.says("application/json-patch+json") {
            return Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Content::Empty)
                .violation("the content type is not application/json-patch+json");
        }
        let operations = match body::operations(&heard.body) {
            Ok(operations) => operations,
            Err(refusal) => return refusal,
        };
        let refusal = self.take_refusal();
        if self.get(which).id != id || refusal == Some(Refusal::NotFound) {
            let message = format!("IntegrationInstance {id} not found");
            return refused(json!({ "status": "notFound", "message": message }));
        }
        if let Some(refusal) = refusal {
            return on_demand(refusal, &operations);
        }
        let before = self.get(which).features;
        let mut patched = self.get(which).clone();
        let mut flaws = Flaws::default();
        for operation in &operations {
            match patched.apply(operation) {
                Ok(()) => {}
                Err(Flaw::Path) => flaws.paths.push(operation.to_json()),
                Err(Flaw::Type) => flaws.value_types.push(operation.to_json()),
                Err(Flaw::Data) => flaws.datas.push(operation.to_json()),
                Err(Flaw::Constraint(reason)) => {
                    flaws.constraints.insert(operation.path.clone(), json!([reason]));
                }
            }
        }
        if !flaws.is_empty() {
            return flaws.answer().violation("a patch with invalid operations");
        }
        patched.updated_at = now();
        // The document's own sample: the answer shows the features as they were.
        let shown = self.shown(which, &Instance { features: before, ..patched.clone() });
        *self.get_mut(which) = patched;
        Answer::ok(json!({ "isSuccessful": true, "responseCode": "ok", "result": shown }))
    }

    /// `GET ui-settings?key=@main-telephony-settings[=<id>]`.
    pub fn ui_settings(&mut self, heard: &Heard) -> Answer {
        let named = heard.parameter("key").and_then(|key| key.strip_prefix(MAIN_TELEPHONY));
        let Some(named) = named.filter(|rest| rest.is_empty() || rest.len() > 1 && rest.starts_with('=')) else {
            return Answer::new(StatusCode::BAD_REQUEST, Content::Empty)
                .violation("ui-settings without the key of the main telephony");
        };
        let named = named.trim_start_matches('=');
        let ids = [INTEGRATION_ID, PUBLIC_INTEGRATION_ID, OTHER_INTEGRATION_ID];
        if self.take_not_found() || !named.is_empty() && !ids.contains(&named) {
            return conflict("notFound", format!("Telephony {named} not found"));
        }
        let main = match self.main {
            Main::Ours => Some(INTEGRATION_ID),
            Main::Other => Some(OTHER_INTEGRATION_ID),
            Main::None => None,
        };
        let at = rfc3339(self.private.created_at);
        Answer::ok(json!({
            "userId": ANNA.user_id, "groupId": WORKSPACE_ID, "key": MAIN_TELEPHONY, "value": main, "canEditAll": true,
            "updateInfo": {
                "updatedAt": at, "updatedByUserId": ANNA.user_id, "updatedWith": "WebApp",
                "createdAt": at, "createdByUserId": ANNA.user_id, "createdWith": "WebApp",
            },
            "id": "3f6a0c1e-0000-4000-8000-0000000000f1",
        }))
    }
}

/// A refusal of all operations that no operation is to blame for.
fn on_demand(refusal: Refusal, operations: &[Operation]) -> Answer {
    let all: Vec<Value> = operations.iter().map(Operation::to_json).collect();
    let mut flaws = Flaws::default();
    match refusal {
        Refusal::InvalidPaths => flaws.paths = all,
        Refusal::InvalidValueTypes => flaws.value_types = all,
        Refusal::InvalidDatas => flaws.datas = all,
        Refusal::InvalidConstraints => {
            flaws.constraints =
                operations.iter().map(|one| (one.path.clone(), json!(["Constraint violated"]))).collect();
        }
        Refusal::NotFound => {}
    }
    flaws.answer()
}

impl Instance {
    fn apply(&mut self, operation: &Operation) -> Result<(), Flaw> {
        let Operation { op, path, value } = operation;
        match (op.as_str(), path.as_str()) {
            ("replace", "/features") => self.features = features(self.features, value)?,
            ("add", "/webHooks") => {
                let mut hook = checked(value)?;
                if hook.insert("id".to_owned(), Uuid::new_v4().to_string().into()).is_some_and(|id| id != NO_ID) {
                    return Err(Flaw::Data);
                }
                self.web_hooks.push(hook.into());
            }
            ("replace", "/webHooks") => {
                let hook = checked(value)?;
                let id = hook.get("id");
                let place = self.web_hooks.iter_mut().find(|old| id.is_some() && old.get("id") == id);
                *place.ok_or(Flaw::Data)? = hook.into();
            }
            _ => return Err(Flaw::Path),
        }
        let urls = || self.web_hooks.iter().filter_map(|hook| hook.get("relativeUrl"));
        if HOOKS.iter().any(|url| urls().filter(|other| **other == *url).count() > 1) {
            return Err(Flaw::Constraint("Two web hooks with the same relativeUrl"));
        }
        Ok(())
    }
}

/// A web hook as it may stand in an instance.
fn checked(value: &Value) -> Result<Map<String, Value>, Flaw> {
    let hook = value.as_object().ok_or(Flaw::Type)?;
    let known = ["id", "relativeUrl", "triggerType", "filter", "schedule", "disabled"];
    if hook.keys().any(|key| !known.contains(&key.as_str())) {
        return Err(Flaw::Data);
    }
    let text = |key: &str| hook.get(key).ok_or(Flaw::Data)?.as_str().ok_or(Flaw::Type);
    let object = |key: &str| hook.get(key).ok_or(Flaw::Data)?.as_object().ok_or(Flaw::Type);
    text("id")?;
    hook.get("disabled").ok_or(Flaw::Data)?.as_bool().ok_or(Flaw::Type)?;
    let items = object("filter")?.get("items").ok_or(Flaw::Data)?.as_array().ok_or(Flaw::Type)?;
    let period = object("schedule")?.get("period").ok_or(Flaw::Data)?.as_str().ok_or(Flaw::Type)?;
    // A filter is for events; what is called by schedule has none.
    if !HOOKS.contains(&text("relativeUrl")?) || text("triggerType")? != "schedule" || !items.is_empty() {
        return Err(Flaw::Data);
    }
    if !PERIODS.contains(&seconds(period).ok_or(Flaw::Data)?) {
        return Err(Flaw::Constraint("The period is a minute to a day"));
    }
    Ok(hook.clone())
}

fn features(mut features: Features, value: &Value) -> Result<Features, Flaw> {
    for (name, value) in value.as_object().ok_or(Flaw::Type)? {
        let feature = match name.as_str() {
            "call" => &mut features.call,
            "hangup" => &mut features.hangup,
            "sendSms" => &mut features.send_sms,
            _ => return Err(Flaw::Data),
        };
        *feature = value.as_bool().ok_or(Flaw::Type)?;
    }
    Ok(features)
}

/// `HH:MM:SS` in seconds.
fn seconds(period: &str) -> Option<u32> {
    let parts: Vec<&str> = period.split(':').collect();
    if parts.len() != 3 || parts.iter().any(|part| part.len() != 2) {
        return None;
    }
    parts.iter().try_fold(0, |sum, part| Some(sum * 60 + part.parse::<u32>().ok()?))
}
