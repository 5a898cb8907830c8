//! Reading values as Phonet really sends them: numbers as text, text as numbers, seconds for milliseconds, nothing at all.

use serde_json::Value;

use crate::{Millis, json::Fields, private::Private};

/// Below this a moment is in seconds, though the documentation says milliseconds.
const SECONDS_BELOW: i64 = 1_000_000_000_000;

/// Text, given as text or as a number, trimmed; empty is absent.
pub fn text(fields: Fields<'_>, key: &str) -> Option<String> {
    let text = match fields.value(key)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.as_i64()?.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// As [`text`], for somebody's own.
pub fn private(fields: Fields<'_>, key: &str) -> Option<Private<String>> {
    text(fields, key).map(Private::new)
}

/// A whole number, given as a number or as text.
#[expect(clippy::cast_possible_truncation, reason = "a fraction of a millisecond means nothing")]
pub fn integer(fields: Fields<'_>, key: &str) -> Option<i64> {
    match fields.value(key)? {
        Value::Number(number) => {
            number.as_i64().or_else(|| number.as_f64().filter(|n| n.abs() < 9e15).map(|n| n as i64))
        }
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A moment, in milliseconds or seconds; zero is absent.
pub fn moment(fields: Fields<'_>, key: &str) -> Option<Millis> {
    let at = integer(fields, key).filter(|&at| at > 0)?;
    Some(if at < SECONDS_BELOW { Millis::secs(at) } else { Millis(at) })
}
