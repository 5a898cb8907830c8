//! What an answer of Kontur means. The HTTP status decides; the body only explains, in any of five shapes.

use serde_json::Value;

/// The longest explanation kept, in characters.
const LONGEST: usize = 300;

/// A refusal in the CRM's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The machine's word, such as `communicationNotFound`; empty where there is none.
    pub status: String,
    /// The explanation; empty where there is none.
    pub message: String,
}

impl Refusal {
    /// Reads a refusal's body: `{status,message}`, RFC 7807 `{errors,title,…}`, `{errorInfo:{…}}`, a bare JSON string, or plain text.
    /// A page of HTML explains nothing.
    pub fn parse(body: &str) -> Self {
        let mut refusal = match serde_json::from_str(body) {
            Ok(Value::Object(object)) => {
                let object = object.get("errorInfo").and_then(Value::as_object).unwrap_or(&object);
                Self { status: text(object.get("status")), message: message(object) }
            }
            Ok(Value::String(text)) => Self { status: String::new(), message: text },
            _ if body.trim_start().starts_with('<') => Self::default(),
            _ => Self { status: String::new(), message: body.trim().to_owned() },
        };
        refusal.message = refusal.message.chars().take(LONGEST).collect();
        refusal
    }

    /// What to show: the explanation, else the word.
    pub fn words(self) -> String {
        if self.message.is_empty() { self.status } else { self.message }
    }
}

fn message(object: &serde_json::Map<String, Value>) -> String {
    if let Some(errors) = object.get("errors").and_then(Value::as_object) {
        let errors: Vec<_> = errors
            .iter()
            .map(|(field, reasons)| {
                let reasons: Vec<_> = reasons.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                format!("{field}: {}", reasons.join(" "))
            })
            .collect();
        return errors.join("; ");
    }
    let message = text(object.get("message"));
    if message.is_empty() { text(object.get("title")) } else { message }
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.as_i64().unwrap_or_default().to_string(),
        _ => String::new(),
    }
}

/// Whether the body of a success can be the CRM's: every documented one is JSON, a captive portal's page is not.
pub fn is_json(body: &str) -> bool {
    body.trim().is_empty() || serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: &str, message: &str) -> Refusal {
        Refusal { status: status.into(), message: message.into() }
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
            Refusal::parse(r#"{"errorInfo":{"status":"invalidArgs","message":"M"},"isSuccessful":false}"#),
            refusal("invalidArgs", "M")
        );
        assert_eq!(Refusal::parse(r#""Error""#), refusal("", "Error"));
        assert_eq!(Refusal::parse("Error"), refusal("", "Error"));
        assert_eq!(Refusal::parse("<html>"), Refusal::default());
        assert_eq!(Refusal::parse(""), Refusal::default());
    }
}
