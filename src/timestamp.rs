//! Moments: epoch milliseconds inside, RFC 3339 towards Kontur.

use std::ops::{Add, Sub};

use serde::{Serialize, Serializer};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Milliseconds: a moment since 1970-01-01 UTC, or the distance between two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// So many seconds.
    pub const fn secs(seconds: i64) -> Self {
        Self(seconds * 1_000)
    }

    /// So many minutes.
    pub const fn mins(minutes: i64) -> Self {
        Self::secs(minutes * 60)
    }

    /// So many hours.
    pub const fn hours(hours: i64) -> Self {
        Self::mins(hours * 60)
    }

    /// Whether a moment that was set at most `longest` ahead has come. One farther ahead was set by a clock that has been set back
    /// since: it counts as come, too, or all would stand still.
    pub fn has_come(self, now: Self, longest: Self) -> bool {
        self <= now || self > now + longest
    }

    /// The moment in RFC 3339 with offset, as Kontur wants it: `2022-03-22T10:38:35.615Z`.
    /// A moment outside the years that RFC 3339 can write is clamped to 1970.
    pub fn to_rfc3339(self) -> String {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|moment| moment.format(&Rfc3339).ok())
            .unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned())
    }

    /// Reads RFC 3339; anything else is `None`.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok().map(Self)
    }
}

impl Add for Millis {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Millis {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// Serializes a moment as RFC 3339: `#[serde(serialize_with = "crate::timestamp::rfc3339")]`.
pub fn rfc3339<S: Serializer>(moment: &Millis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&moment.to_rfc3339())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_both_ways() {
        let moment = Millis(1_473_973_200_123);
        assert_eq!(moment.to_rfc3339(), "2016-09-15T21:00:00.123Z");
        assert_eq!(Millis::from_rfc3339("2016-09-15T21:00:00.123Z"), Some(moment));
        assert_eq!(Millis::from_rfc3339("2022-03-22T10:38:35.6152798+00:00"), Some(Millis(1_647_945_515_615)));
        assert_eq!(Millis(i64::MAX).to_rfc3339(), "1970-01-01T00:00:00Z");
    }
}
