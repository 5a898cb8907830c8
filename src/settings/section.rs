//! Reading a document section by section, so that all that is wrong with it can be told at once.

use serde_json::{Map, Value};

use crate::problem::{Code, Problem};

/// One object of the document while it is read: collects what is wrong, and in the end what nobody asked for.
pub(super) struct Section<'d, 'p> {
    pub(super) fields: &'d Map<String, Value>,
    path: String,
    asked: Vec<&'static str>,
    pub(super) problems: &'p mut Vec<Problem>,
}

impl<'d, 'p> Section<'d, 'p> {
    pub(super) fn open(value: &'d Value, path: String, problems: &'p mut Vec<Problem>) -> Option<Self> {
        match value.as_object() {
            Some(fields) => Some(Self { fields, path, asked: Vec::new(), problems }),
            None => {
                problems.push(Problem::about(Code::SettingsWrongType, &[if path.is_empty() { "/" } else { &path }]));
                None
            }
        }
    }

    pub(super) fn close(self) {
        for key in self.fields.keys().filter(|key| !self.asked.contains(&key.as_str())) {
            let shown: String = join(&self.path, key).chars().take(100).collect();
            self.problems.push(Problem::about(Code::SettingsUnknownKey, &[&shown]));
        }
    }

    pub(super) fn problem(&mut self, code: Code, key: &str) {
        self.problems.push(Problem::about(code, &[&join(&self.path, key)]));
    }

    pub(super) fn value(&mut self, key: &'static str) -> Option<&'d Value> {
        self.asked.push(key);
        self.fields.get(key)
    }

    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'d, '_>) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(key)?;
        let mut section = Section::open(value, join(&self.path, key), self.problems)?;
        let read = read(&mut section);
        section.close();
        read
    }

    pub(super) fn list<T>(&mut self, key: &'static str, read: impl Fn(&mut Section<'d, '_>) -> Option<T>) -> Vec<T> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(items) = value.as_array() else {
            self.problem(Code::SettingsWrongType, key);
            return Vec::new();
        };
        let mut list = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = join(&join(&self.path, key), &index.to_string());
            if let Some(mut section) = Section::open(item, path, self.problems) {
                list.extend(read(&mut section));
                section.close();
            }
        }
        list
    }

    /// A list of texts, each of them once.
    pub(super) fn texts(&mut self, key: &'static str, is_right: impl Fn(&str) -> bool) -> Option<Vec<String>> {
        let Some(items) = self.value(key)?.as_array() else {
            self.problem(Code::SettingsWrongType, key);
            return None;
        };
        let mut texts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match item.as_str() {
                Some(text) if is_right(text) && !texts.iter().any(|known| known == text) => texts.push(text.to_owned()),
                text => {
                    let code = if text.is_some() { Code::SettingsWrongValue } else { Code::SettingsWrongType };
                    self.problem(code, &join(key, &index.to_string()));
                }
            }
        }
        Some(texts)
    }

    pub(super) fn optional(&mut self, key: &'static str, is_right: impl Fn(&str) -> bool) -> Option<String> {
        match self.value(key)? {
            Value::String(text) if is_right(text) => Some(text.clone()),
            Value::String(_) => {
                self.problem(Code::SettingsWrongValue, key);
                None
            }
            _ => {
                self.problem(Code::SettingsWrongType, key);
                None
            }
        }
    }

    /// A whole number from 1.
    pub(super) fn count(&mut self, key: &'static str) -> Option<u32> {
        let value = self.value(key)?;
        let count = value.as_u64().and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0);
        if count.is_none() {
            let code = if value.is_u64() { Code::SettingsWrongValue } else { Code::SettingsWrongType };
            self.problem(code, key);
        }
        count
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        if !value.is_boolean() {
            self.problem(Code::SettingsWrongType, key);
        }
        value.as_bool()
    }

    pub(super) fn required(&mut self, key: &'static str, is_right: impl Fn(&str) -> bool) -> Option<String> {
        if !self.fields.contains_key(key) {
            self.asked.push(key);
            self.problem(Code::SettingsMissing, key);
            return None;
        }
        self.optional(key, is_right)
    }

    pub(super) fn required_address(&mut self, key: &'static str) -> Option<String> {
        if !self.fields.contains_key(key) { self.required(key, |_| true) } else { self.address(key) }
    }

    pub(super) fn address(&mut self, key: &'static str) -> Option<String> {
        let address = self.optional(key, |text| origin_scheme(text).is_some())?;
        if origin_scheme(&address) == Some(Scheme::PlainRemote) {
            self.problem(Code::SettingsInsecureAddress, key);
        }
        Some(address.trim_end_matches('/').to_ascii_lowercase())
    }
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[derive(PartialEq)]
enum Scheme {
    Secure,
    PlainLocal,
    PlainRemote,
}

/// Reads `https://host[:port]`; anything else is `None`.
fn origin_scheme(text: &str) -> Option<Scheme> {
    let (scheme, rest) = text.trim_end_matches('/').split_once("://")?;
    let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
    if !is_host(host) || port.is_some_and(|port| port.starts_with('+') || port.parse::<u16>().is_err()) {
        return None;
    }
    match scheme {
        "https" => Some(Scheme::Secure),
        "http" if host == "127.0.0.1" || host == "localhost" => Some(Scheme::PlainLocal),
        "http" => Some(Scheme::PlainRemote),
        _ => None,
    }
}

pub(super) fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.len() <= 63 && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    // A browser takes a name that ends in digits for an address, and no other.
    let ends_in_digits = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    let is_address = || text.parse::<std::net::Ipv4Addr>().is_ok();
    text.len() <= 253 && text.split('.').all(label) && (!ends_in_digits || is_address())
}

/// Whether this is the origin of a web site as a browser writes it; http too, for many a company's own CRM has nothing else.
pub fn is_site(text: &str) -> bool {
    origin_scheme(text).is_some() && !text.ends_with('/') && !text.bytes().any(|byte| byte.is_ascii_uppercase())
}

pub(super) fn is_secret(text: &str) -> bool {
    // What a header can carry: a key pasted with a line break would otherwise fail far from here.
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether this is an internal number.
pub fn is_ext(text: &str) -> bool {
    (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// E.164 without its `+`.
pub(super) fn is_international(text: &str) -> bool {
    (7..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn is_subscriber(text: &str) -> bool {
    let is_email = text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && is_host(host));
    is_ext(text) || (is_email && !text.contains(char::is_whitespace))
}

/// Whether a text is written as the CRM writes the ids of its users.
pub fn is_guid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// An address with places to be filled in: secure, or on this computer; or none.
pub(super) fn is_template(text: &str) -> bool {
    let local = ["http://127.0.0.1", "http://localhost"].iter().any(|start| text.starts_with(start));
    text.is_empty() || local || text.starts_with("https://")
}

pub(super) fn is_card_template(text: &str) -> bool {
    text.is_empty() || (text.contains("{id}") && is_template(text))
}
