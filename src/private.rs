//! Values that must not reach a log: their `Debug` hides them, and they have no `Display`.

use std::fmt;

use serde::Serialize;

/// A phone number, a name, a key or anything else that is somebody's own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Private<T>(T);

impl<T> Private<T> {
    /// Hides a value from logs.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the wire and for the screen; never for a log.
    pub fn reveal(&self) -> &T {
        &self.0
    }

    /// Gives the value away, for the wire and for the screen; never for a log.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl From<&str> for Private<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Some(Private::from("79161234567"))), "Some(•••)");
    }
}
