//! What the settings are made of: the administrator's presets, over them what the user has set, over both what the administrator
//! has locked. Each layer is a document of its own, or a part of one, so that taking a value away shows what is beneath it.

use serde_json::{Map, Value};

use super::{CRM, Settings, VERSION, uis::UIS};
use crate::{
    private::Private,
    problem::{Code, Problem},
};

type Document = Map<String, Value>;

/// The layers. None of them holds a value that is wrong by itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers {
    preset: Private<Document>,
    own: Private<Document>,
    locked: Private<Document>,
    /// What is wrong with what the administrator says, and is therefore left out.
    complaints: Vec<Problem>,
}

/// A secret of the document.
struct Secret {
    section: &'static str,
    key: &'static str,
}

impl Secret {
    fn path(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    fn of<'d>(&self, document: &'d Document) -> Option<&'d Value> {
        document.get(self.section)?.as_object()?.get(self.key)
    }

    fn take_from(&self, document: &mut Document) {
        set(document, &self.path(), &Value::Null);
    }

    /// Whom the secret is shown to in this document; `None` while nobody is named.
    fn host(&self, document: &Document) -> Option<String> {
        let text = |section: &str, key: &str| {
            let text = document.get(section)?.get(key)?.as_str()?;
            Some(text.trim_end_matches('/').to_ascii_lowercase())
        };
        if self.section == "relay" {
            return text("relay", "address");
        }
        let address = text("advanced", ADDRESSES.iter().find(|(section, ..)| *section == self.section)?.1);
        match self.section {
            "phonet" => match (text("phonet", "domain"), address) {
                (None, None) => None,
                // The domain, too, goes along with the key.
                (domain, address) => Some(format!("{domain:?} {address:?}")),
            },
            "kontur" => Some(address.unwrap_or_else(|| CRM.to_owned())),
            _ => Some(address.unwrap_or_else(|| UIS.to_owned())),
        }
    }
}

const SECRETS: [Secret; 6] = [
    Secret { section: "phonet", key: "apiKey" },
    Secret { section: "kontur", key: "apiKey" },
    Secret { section: "kontur", key: "secret" },
    Secret { section: "uis", key: "password" },
    Secret { section: "uis", key: "token" },
    Secret { section: "relay", key: "token" },
];

/// Where each section's service is reached, if not at its usual address: a key of `advanced`.
const ADDRESSES: [(&str, &str); 3] = [("phonet", "phonetAddress"), ("kontur", "konturAddress"), ("uis", "uisAddress")];

impl Layers {
    /// The user's own layer as it was stored.
    pub(super) fn load(stored: &str) -> Self {
        let document = match serde_json::from_str(stored) {
            Ok(Value::Object(document)) => document,
            _ => Document::new(),
        };
        Self { own: Private::new(sound(document).0), ..Self::default() }
    }

    /// With the user's own layer as it once was.
    pub(super) fn restored(&self, stored: &str) -> Self {
        Self { own: Self::load(stored).own, ..self.clone() }
    }

    /// Under another policy of the administrator's. What is wrong with it is left out, and told by [`Layers::complaints`].
    pub(super) fn governed_by(&self, policy: Option<&str>) -> Self {
        let mut complaints = Vec::new();
        let policy = policy.and_then(|policy| serde_json::from_str::<Value>(policy).ok()).unwrap_or_default();
        let mut layer = |name: &str| {
            let document = policy.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
            let (document, problems) = sound(document);
            complaints.extend(problems);
            Private::new(document)
        };
        let (preset, locked) = (layer("preset"), layer("locked"));
        Self { preset, own: self.own.clone(), locked, complaints }
    }

    /// All layers as one document.
    pub(super) fn merged(&self) -> Document {
        let mut merged = Document::new();
        for layer in [&self.preset, &self.own, &self.locked] {
            lay(&mut merged, layer.reveal());
        }
        let policy = self.policy();
        for secret in &SECRETS {
            let is_own = secret.of(self.own.reveal()).is_some() && secret.of(self.locked.reveal()).is_none();
            // The administrator's key goes to the host that the administrator gave it for, and to no other.
            if !is_own && secret.of(&policy).is_some() && secret.host(&policy) != secret.host(&merged) {
                secret.take_from(&mut merged);
            }
        }
        merged.insert("version".to_owned(), VERSION.into());
        merged
    }

    fn policy(&self) -> Document {
        let mut policy = self.preset.reveal().clone();
        lay(&mut policy, self.locked.reveal());
        policy
    }

    /// Takes a whole document in place of the user's own; secrets it leaves out stay.
    pub(super) fn replaced_by(&self, document: &str) -> Result<Self, Vec<Problem>> {
        let not_json = |error: serde_json::Error| vec![Problem::about(Code::SettingsNotJson, &[&place_of(&error)])];
        let document: Value = serde_json::from_str(document.trim_start_matches('\u{feff}')).map_err(not_json)?;
        let problems = wrong(&document);
        let Value::Object(mut own) = document else { return Err(problems) };
        if !problems.is_empty() {
            return Err(problems);
        }
        let given: Vec<_> = SECRETS.iter().filter(|secret| secret.of(&own).is_some()).map(Secret::path).collect();
        own.remove("$schema");
        let after = Self { own: Private::new(own.clone()), ..self.clone() }.merged();
        for secret in &SECRETS {
            if let Some(kept) = secret.of(self.own.reveal())
                && secret.of(&own).is_none()
                && is_wanted(secret, &own, &after)
            {
                set(&mut own, &secret.path(), kept);
            }
        }
        self.with_own(own, |secret| given.contains(&secret.path()))
    }

    /// Changes single values of the user's own layer.
    pub(super) fn changed(&self, changes: &Document) -> Result<Self, Vec<Problem>> {
        let locked: Vec<_> = changes.keys().filter(|path| self.is_locked(path)).collect();
        if !locked.is_empty() {
            return Err(locked.iter().map(|path| Problem::about(Code::SettingsLocked, &[path])).collect());
        }
        let mut own = self.own.reveal().clone();
        for (path, value) in changes {
            set(&mut own, path, value);
        }
        self.with_own(own, |secret| changes.contains_key(&secret.path()))
    }

    /// With another layer of the user's own, unless that makes something wrong that was not. `given` says which secrets are new.
    fn with_own(&self, own: Document, given: impl Fn(&Secret) -> bool) -> Result<Self, Vec<Problem>> {
        let mut next = Self { own: Private::new(own), ..self.clone() };
        let (before, after) = (self.merged(), next.merged());
        let mut own = next.own.into_inner();
        // A key goes to the host it was given for, and to no other.
        for secret in SECRETS.iter().filter(|secret| !given(secret)) {
            let host = secret.host(&before);
            if host.is_some() && host != secret.host(&after) {
                secret.take_from(&mut own);
            }
        }
        // An empty secret of the CRM's takes the one away that is there.
        for secret in SECRETS.iter().filter(|secret| secret.section == "kontur") {
            if secret.of(&own).and_then(Value::as_str) == Some("") {
                secret.take_from(&mut own);
            }
        }
        next.own = Private::new(own);
        let known = wrong(&before.into());
        let mut problems = wrong(&next.merged().into());
        problems.retain(|problem| !known.contains(problem));
        if problems.is_empty() { Ok(next) } else { Err(problems) }
    }

    /// The user's own layer as a document, with its secrets or without.
    pub(super) fn own(&self, secrets: bool) -> Private<String> {
        let mut own = self.own.reveal().clone();
        if !secrets {
            SECRETS.iter().for_each(|secret| secret.take_from(&mut own));
        }
        own.insert("version".to_owned(), VERSION.into());
        Private::new(Value::from(own).to_string())
    }

    /// All layers as one document, without secrets.
    pub(super) fn without_secrets(&self) -> Document {
        let mut shown = self.merged();
        for secret in &SECRETS {
            // A section of secrets alone is there all the same.
            if let Some(section) = shown.get_mut(secret.section).and_then(Value::as_object_mut) {
                section.remove(secret.key);
            }
        }
        shown
    }

    /// The paths of the secrets that are set.
    pub(super) fn secrets(&self) -> Vec<String> {
        let merged = self.merged();
        SECRETS.iter().filter(|secret| secret.of(&merged).is_some()).map(Secret::path).collect()
    }

    /// The paths of the values that the administrator has set and the user may change, and has not.
    pub(super) fn preset(&self) -> Vec<String> {
        let mut preset = self.preset.reveal().clone();
        for layer in [&self.own, &self.locked] {
            leaves(layer.reveal(), "").iter().for_each(|path| set(&mut preset, path, &Value::Null));
        }
        leaves(&preset, "")
    }

    /// The paths of the administrator's values that the user has put others over.
    pub(super) fn overridden(&self) -> Vec<String> {
        let preset = self.preset();
        let mut overridden = leaves(self.preset.reveal(), "");
        overridden.retain(|path| !preset.contains(path) && !self.is_locked(path));
        overridden
    }

    /// The paths of the values that the administrator has locked.
    pub(super) fn locked(&self) -> Vec<String> {
        leaves(self.locked.reveal(), "")
    }

    pub(super) fn complaints(&self) -> &[Problem] {
        &self.complaints
    }

    /// Whether something at this path, above it or below it is locked.
    pub(super) fn is_locked(&self, path: &str) -> bool {
        let is_within = |outer: &str, inner: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.locked().iter().any(|locked| is_within(locked, path) || is_within(path, locked))
    }
}

/// Puts one layer over another: objects are joined, everything else is replaced.
fn lay(under: &mut Document, over: &Document) {
    for (key, value) in over {
        match (under.get_mut(key), value) {
            (Some(Value::Object(under)), Value::Object(over)) => {
                if key == "uis" {
                    choose_way_in(under, over);
                }
                lay(under, over);
            }
            _ => {
                under.insert(key.clone(), value.clone());
            }
        }
    }
}

/// UIS takes a password or a permanent key: who says the one wants nothing of the other.
fn choose_way_in(under: &mut Document, over: &Document) {
    if over.contains_key("token") {
        under.remove("login");
        under.remove("password");
    } else if over.contains_key("login") || over.contains_key("password") {
        under.remove("token");
    }
}

/// Whether a secret that the user's own document leaves out belongs to what it says: UIS takes a password or a permanent key. The
/// login may be the administrator's.
fn is_wanted(secret: &Secret, own: &Document, merged: &Document) -> bool {
    let names_login = |document: &Document| document.get("uis").and_then(|uis| uis.get("login")).is_some();
    match (secret.section, secret.key) {
        ("uis", "password") => names_login(merged),
        ("uis", "token") => !names_login(own),
        _ => true,
    }
}

/// Sets the value at a path; `null` takes it away, and with it what is empty then.
fn set(document: &mut Document, path: &str, value: &Value) {
    let Some((key, rest)) = path.split_once('.') else {
        match value {
            Value::Null => drop(document.remove(path)),
            value => drop(document.insert(path.to_owned(), value.clone())),
        }
        return;
    };
    if value.is_null() {
        let Some(Value::Object(within)) = document.get_mut(key) else { return };
        set(within, rest, value);
        if within.is_empty() {
            document.remove(key);
        }
        return;
    }
    let within = document.entry(key).or_insert_with(|| Document::new().into());
    if !within.is_object() {
        *within = Document::new().into();
    }
    if let Value::Object(within) = within {
        set(within, rest, value);
    }
}

/// The paths of all values that are no objects; an object whose keys are origins is one value.
fn leaves(document: &Document, path: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (key, value) in document.iter().filter(|(key, _)| !matches!(key.as_str(), "version" | "$schema")) {
        let path = super::section::join(path, key);
        match value {
            Value::Object(within) if path != "dialling.sites" => paths.extend(leaves(within, &path)),
            _ => paths.push(path),
        }
    }
    paths
}

/// A document without what is wrong in it, and what that was.
pub(super) fn sound(mut document: Document) -> (Document, Vec<Problem>) {
    document.insert("version".to_owned(), VERSION.into());
    document.remove("$schema");
    let mut all = Vec::new();
    loop {
        let mut value = Value::from(document);
        let problems = wrong(&value);
        let (mut is_changed, mut taken) = (false, "");
        // From the last one on: what is taken from a list moves what follows.
        for path in problems.iter().rev().filter_map(|problem| problem.args.first()) {
            if item(path) != taken {
                taken = item(path);
                is_changed |= take(&mut value, path);
            }
        }
        all.extend(problems.iter().cloned());
        document = match value {
            Value::Object(document) => document,
            _ => Document::new(),
        };
        if problems.is_empty() {
            return (document, all);
        }
        if !is_changed {
            // Nothing of it can be told apart from what is wrong.
            return (Document::new(), all);
        }
    }
}

/// The beginning of a path that names an item of a list; the whole path where it names none.
fn item(path: &str) -> &str {
    let is_index = |key: &&str| key.bytes().all(|byte| byte.is_ascii_digit());
    let keys: usize = path.split('.').take_while(|key| !is_index(key)).map(|key| key.len() + 1).sum();
    let index = path.get(keys..).and_then(|rest| rest.split('.').next()).map_or(0, str::len);
    path.get(..keys + index).unwrap_or(path)
}

/// Takes away what stands at a path, or the nearest thing around it that is there; false where nothing is.
fn take(value: &mut Value, path: &str) -> bool {
    match value {
        Value::Object(fields) => {
            let is_on_the_way = |key: &&String| {
                path.strip_prefix(key.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            let Some(key) = fields.keys().filter(is_on_the_way).max_by_key(|key| key.len()).cloned() else {
                return false;
            };
            let rest = path.get(key.len() + 1..).unwrap_or_default();
            let is_taken_within = !rest.is_empty() && fields.get_mut(&key).is_some_and(|within| take(within, rest));
            is_taken_within || fields.remove(&key).is_some()
        }
        Value::Array(items) => {
            let index = path.split('.').next().and_then(|index| index.parse::<usize>().ok());
            let Some(index) = index.filter(|index| *index < items.len()) else { return false };
            items.remove(index);
            true
        }
        _ => false,
    }
}

/// What is wrong with a document, but for what it lacks of a service that is partly set up.
fn wrong(document: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    Settings::read(document, &mut problems);
    problems.retain(|problem| !is_to_come(problem));
    problems
}

/// What a document lacks of services that are partly set up.
pub(super) fn missing(document: &Document) -> Vec<Problem> {
    let mut problems = Vec::new();
    Settings::read(&document.clone().into(), &mut problems);
    problems.retain(is_to_come);
    problems
}

/// Whether a problem is only that a service is not set up to the end.
fn is_to_come(problem: &Problem) -> bool {
    let depth = |path: &String| path.split('.').count();
    problem.code == Code::SettingsMissing && problem.args.first().map(depth) == Some(2)
}

/// Where a JSON error is, without quoting what stands there.
fn place_of(error: &serde_json::Error) -> String {
    format!("{}:{}", error.line(), error.column())
}
