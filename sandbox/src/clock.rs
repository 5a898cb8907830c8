//! Time as both services write it.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Milliseconds since 1970, UTC.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds as an RFC 3339 text in UTC.
pub(crate) fn rfc3339(millis: i64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_default()
}

/// An RFC 3339 text with offset as milliseconds; `None` where it is no such text.
pub(crate) fn millis(text: &str) -> Option<i64> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
}

/// A clock that never shows the same millisecond twice, so that no two events of a call share a time.
#[derive(Default)]
pub(crate) struct Ticker {
    last: i64,
}

impl Ticker {
    pub fn tick(&mut self) -> i64 {
        self.last = now().max(self.last + 1);
        self.last
    }
}
