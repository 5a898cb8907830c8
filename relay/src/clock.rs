//! The computer's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use trubka::Millis;

/// This moment.
pub fn now() -> Millis {
    millis(SystemTime::now())
}

/// A moment in milliseconds; one before 1970 counts as 1970.
pub fn millis(moment: SystemTime) -> Millis {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
