//! Reading values as Phonet really sends them: numbers as text, text as numbers, seconds for milliseconds, nothing at all.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::{Millis, private::Private};

/// Below this a moment is in seconds, though the documentation says milliseconds.
const SECONDS_BELOW: i64 = 1_000_000_000_000;

/// A moment: a number or text, in milliseconds or seconds; anything else, and zero, is absent.
pub fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Millis>, D::Error> {
    Ok(integer_of(&Value::deserialize(deserializer)?)
        .filter(|&at| at > 0)
        .map(|at| Millis(if at < SECONDS_BELOW { at * 1_000 } else { at })))
}

/// A whole number, given as a number or as text; anything else is absent.
pub fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(integer_of(&Value::deserialize(deserializer)?))
}

/// Text, given as text or as a number, trimmed; empty is absent.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(text_of(&Value::deserialize(deserializer)?))
}

/// As [`text`], for somebody's own.
pub fn private_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Private<String>>, D::Error> {
    Ok(text_of(&Value::deserialize(deserializer)?).map(Private::new))
}

/// A list; anything that is no list is empty, and so is what cannot be read in it.
pub fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    Ok(match Value::deserialize(deserializer)? {
        Value::Array(items) => items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect(),
        _ => Vec::new(),
    })
}

/// An object; anything that cannot be read as one is absent.
pub fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

#[expect(clippy::cast_possible_truncation, reason = "a fraction of a millisecond means nothing")]
fn integer_of(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => {
            number.as_i64().or_else(|| number.as_f64().filter(|n| n.abs() < 9e15).map(|n| n as i64))
        }
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn text_of(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}
