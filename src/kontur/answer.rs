//! What an answer of Kontur means. The HTTP status decides; the body only explains, in any of five shapes.

use serde_json::{Map, Value};

use crate::json::{self, Fields};

/// The longest explanation kept, in characters.
const LONGEST: usize = 300;
/// The most faults kept.
const MOST_FAULTS: usize = 20;

/// A refusal in the CRM's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The machine's word, such as `communicationNotFound`; empty where there is none.
    pub status: String,
    /// The explanation; empty where there is none.
    pub message: String,
    /// What is wrong with the request, where the CRM says where.
    pub faults: Vec<Fault>,
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// In which way.
    pub kind: FaultKind,
    /// Where, such as `/webHooks`, with the CRM's own reason behind it where it gives one: `/webHooks: reason`.
    pub place: String,
}

/// In which way something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// `invalidPaths`: there is no such place, or it is not to be changed.
    Path,
    /// `invalidValueTypes`: the value is of another type.
    ValueType,
    /// `invalidDatas`: the value cannot be right.
    Data,
    /// `invalidConstraints`: the value breaks a rule.
    Constraint,
}

impl Refusal {
    /// Reads a refusal's body: `{status,message}`, RFC 7807 `{errors,title,…}`, `{errorInfo:{…}}`, a bare JSON string, or plain text.
    /// A page of HTML explains nothing.
    pub fn parse(body: &str) -> Self {
        let mut refusal = match serde_json::from_str(body) {
            Ok(Value::Object(object)) => {
                let object = object.get("errorInfo").and_then(Value::as_object).unwrap_or(&object);
                Self { status: text(object.get("status")), message: message(object), faults: faults(object) }
            }
            Ok(Value::String(message)) => Self { message, ..Self::default() },
            _ if body.trim_start().starts_with('<') => Self::default(),
            _ => Self { message: body.trim().to_owned(), ..Self::default() },
        };
        refusal.message = shortened(&refusal.message);
        refusal
    }

    /// What to show: the explanation, else the word.
    pub fn words(self) -> String {
        if self.message.is_empty() { self.status } else { self.message }
    }
}

fn message(object: &Map<String, Value>) -> String {
    let errors = object.get("errors").map(places).unwrap_or_default().join("; ");
    let words = [errors, text(object.get("message")), text(object.get("detail")), text(object.get("title"))];
    words.into_iter().find(|words| !words.is_empty()).unwrap_or_default()
}

fn faults(object: &Map<String, Value>) -> Vec<Fault> {
    let kinds = [
        ("invalidPaths", FaultKind::Path),
        ("invalidValueTypes", FaultKind::ValueType),
        ("invalidDatas", FaultKind::Data),
        ("invalidConstraints", FaultKind::Constraint),
    ];
    let mut faults = Vec::new();
    for (key, kind) in kinds {
        for place in object.get(key).map(places).unwrap_or_default() {
            faults.push(Fault { kind, place });
        }
    }
    faults.truncate(MOST_FAULTS);
    faults
}

/// What a list of wrong things names, or an object of places with their reasons; nothing for what names none.
fn places(list: &Value) -> Vec<String> {
    let mut places = Vec::new();
    match list {
        Value::Array(items) => {
            for item in items {
                places.push(place(item));
            }
        }
        Value::Object(reasons) => {
            for (place, reason) in reasons {
                places.push(joined(place, &self::places(reason).join(" ")));
            }
        }
        other => places.push(place(other)),
    }
    places.retain(|place| !place.is_empty());
    places
}

/// One wrong thing: an operation of a patch by its path, or a text. Its value is not repeated: it may be a secret.
fn place(item: &Value) -> String {
    match item {
        Value::Object(object) => joined(&text(object.get("path")), &message(object)),
        _ => shortened(&text(Some(item))),
    }
}

fn joined(place: &str, reason: &str) -> String {
    let separator = if place.is_empty() || reason.is_empty() { "" } else { ": " };
    shortened(&[place, separator, reason].concat())
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.as_i64().unwrap_or_default().to_string(),
        _ => String::new(),
    }
}

/// Whether the body says itself that the request failed, whatever its HTTP status.
pub fn is_failure(body: &str) -> bool {
    let body = json::parse(body);
    body.as_ref().and_then(Fields::of).and_then(|fields| fields.flag("isSuccessful")) == Some(false)
}

/// Whether the body of a success can be the CRM's: every documented one is JSON, a captive portal's page is not.
pub fn is_json(body: &str) -> bool {
    body.trim().is_empty() || serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: &str, message: &str) -> Refusal {
        Refusal { status: status.into(), message: message.into(), faults: Vec::new() }
    }

    #[test]
    fn reads_every_documented_shape() {
        assert_eq!(
            Refusal::parse(r#"{"status":"communicationNotFound","message":"Communication not found. Id: 4"}"#),
            refusal("communicationNotFound", "Communication not found. Id: 4")
        );
        assert_eq!(
            Refusal::parse(r#"{"errors":{"direction":["Bad.","Worse."],"x":["Missing."]},"title":"T","status":400}"#),
            refusal("400", "direction: Bad. Worse.; x: Missing.")
        );
        assert_eq!(
            Refusal::parse(r#"{"errors":{"":["A body is required."]},"title":"T"}"#),
            refusal("", "A body is required.")
        );
        assert_eq!(Refusal::parse(r#"{"errors":{},"title":"T","status":400}"#), refusal("400", "T"));
        assert_eq!(Refusal::parse(r#"{"title":"T","detail":"Why.","status":400}"#), refusal("400", "Why."));
        assert_eq!(
            Refusal::parse(r#"{"errorInfo":{"status":"invalidArgs","message":"M"},"isSuccessful":false}"#),
            refusal("invalidArgs", "M")
        );
        assert_eq!(Refusal::parse(r#""Error""#), refusal("", "Error"));
        assert_eq!(Refusal::parse("Error"), refusal("", "Error"));
        assert_eq!(Refusal::parse("<html>"), Refusal::default());
        assert_eq!(Refusal::parse(""), Refusal::default());
    }

    #[test]
    fn names_what_is_wrong_with_a_patch_whatever_shape_it_is_told_in() {
        let places = |body| {
            let faults = Refusal::parse(body).faults;
            faults.into_iter().map(|fault| (fault.kind, fault.place)).collect::<Vec<_>>()
        };
        let body = r#"{"errorInfo":{"invalidPaths":[{"op":"replace","path":"/id","value":"secret"},"/x"],
            "invalidValueTypes":[{"path":"/features","message":"Not a flag"}],"invalidDatas":["period"],
            "invalidConstraints":{"baseUrl":"Empty","webHooks":["Too many.","Too often."]},"status":"invalidArgs"}}"#;
        assert_eq!(
            places(body),
            [
                (FaultKind::Path, "/id".to_owned()),
                (FaultKind::Path, "/x".to_owned()),
                (FaultKind::ValueType, "/features: Not a flag".to_owned()),
                (FaultKind::Data, "period".to_owned()),
                (FaultKind::Constraint, "baseUrl: Empty".to_owned()),
                (FaultKind::Constraint, "webHooks: Too many. Too often.".to_owned()),
            ]
        );
        assert_eq!(places(r#"{"invalidDatas":[],"invalidConstraints":{},"status":"notSupported"}"#), []);
        assert_eq!(places(r#"{"invalidPaths":"/id","invalidDatas":null}"#), [(FaultKind::Path, "/id".to_owned())]);
        // What names no place is no sentence, and what is within names it.
        assert_eq!(places(r#"{"invalidPaths":[null,{},[],""],"invalidConstraints":{"":[]}}"#), []);
        assert_eq!(
            places(r#"{"invalidConstraints":{"/webHooks":{"period":["Too short."]}}}"#),
            [(FaultKind::Constraint, "/webHooks: period: Too short.".to_owned())]
        );
    }

    #[test]
    fn a_success_may_say_that_it_is_none() {
        assert!(is_failure(r#"{"isSuccessful":false,"responseCode":"conflict"}"#));
        assert!(!is_failure(r#"{"isSuccessful":true}"#) && !is_failure(r#""OK""#) && !is_failure(""));
    }
}
