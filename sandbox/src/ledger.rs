//! Everything the services were asked, what they answered, and what was wrong with it. Keys are masked.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::clock::rfc3339;
use crate::fault::Kind;

/// Where a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Service {
    Phonet,
    Kontur,
    Uis,
}

impl Service {
    pub fn name(self) -> &'static str {
        match self {
            Self::Phonet => "phonet",
            Self::Kontur => "kontur",
            Self::Uis => "uis",
        }
    }
}

/// One line of the ledger.
pub(crate) struct Entry {
    pub seq: u64,
    pub at: i64,
    pub service: Service,
    /// An HTTP method, or `FRAME` for what came over an open socket.
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    /// 0 where it was never answered.
    pub status: u16,
    pub request: Value,
    pub answer: Value,
    pub violations: Vec<String>,
    pub repeat: bool,
    /// The fault it met.
    pub fault: Option<Kind>,
}

impl Entry {
    pub fn to_json(&self) -> Value {
        let query: Map<String, Value> = self
            .query
            .iter()
            .map(|(key, value)| (key.clone(), mask_value(key, &Value::from(value.as_str()))))
            .collect();
        json!({
            "seq": self.seq, "at": rfc3339(self.at), "service": self.service.name(), "method": self.method,
            "path": self.path, "query": query, "status": self.status, "request": mask(&self.request),
            "answer": mask(&self.answer), "violations": self.violations, "repeat": self.repeat,
            "fault": self.fault,
        })
    }
}

/// The ledger, oldest first.
#[derive(Default)]
pub(crate) struct Ledger {
    entries: Vec<Entry>,
}

impl Ledger {
    /// Writes an entry; its number is given here.
    pub fn write(&mut self, mut entry: Entry) {
        entry.seq = self.entries.len() as u64 + 1;
        for violation in &entry.violations {
            tracing::warn!(seq = entry.seq, service = entry.service.name(), path = %entry.path, %violation);
        }
        self.entries.push(entry);
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn to_json(&self) -> Value {
        json!({ "entries": self.entries.iter().map(Entry::to_json).collect::<Vec<_>>() })
    }
}

fn mask_value(key: &str, value: &Value) -> Value {
    let secret = matches!(key, "apiKey" | "accessKey" | "access_token" | "session_key" | "password" | "SecretKey");
    if secret { Value::from("***") } else { mask(value) }
}

fn mask(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.clone(), mask_value(key, value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(mask).collect(),
        other => other.clone(),
    }
}
