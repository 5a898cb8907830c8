//! Reading JSON by looking into it. Derived readers would check more, and cost a third of the wasm's own code; what is read
//! here comes from other systems or from an older version of ours, and is taken leniently, field by field.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{Millis, private::Private};

/// Reads a JSON document; `None` when it is none.
pub fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// Writes pairs as an object, for `serialize_with`. A map of its own type would cost the wasm ten times as much.
pub fn pairs<V: Serialize, S: Serializer>(pairs: &[(String, V)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(key, value)| (key, value)))
}

/// The fields of an object; whatever is of another type than asked for is absent.
#[derive(Clone, Copy)]
pub struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// The fields of an object; `None` for anything else.
    pub fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(Self)
    }

    /// How many fields there are, asked for or not.
    pub fn count(self) -> usize {
        self.0.len()
    }

    /// Any value.
    pub fn value(self, key: &str) -> Option<&'a Value> {
        self.0.get(key)
    }

    /// Text.
    pub fn text(self, key: &str) -> Option<String> {
        self.value(key).and_then(Value::as_str).map(str::to_owned)
    }

    /// Text that is somebody's own.
    pub fn private(self, key: &str) -> Option<Private<String>> {
        self.text(key).map(Private::new)
    }

    /// A whole number of at most 32 bits.
    pub fn number(self, key: &str) -> Option<u32> {
        self.value(key).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok())
    }

    /// Yes or no.
    pub fn flag(self, key: &str) -> Option<bool> {
        self.value(key).and_then(Value::as_bool)
    }

    /// A moment in milliseconds.
    pub fn millis(self, key: &str) -> Option<Millis> {
        self.value(key).and_then(Value::as_i64).map(Millis)
    }

    /// An object within.
    pub fn object(self, key: &str) -> Option<Self> {
        Self::of(self.value(key)?)
    }

    /// The values of a list within; none where there is no list.
    pub fn list(self, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.value(key).and_then(Value::as_array).into_iter().flatten()
    }

    /// The objects of a list within.
    pub fn objects(self, key: &str) -> impl Iterator<Item = Self> + use<'a> {
        self.list(key).filter_map(Self::of)
    }

    /// The texts of a list within.
    pub fn texts(self, key: &str) -> Vec<String> {
        self.list(key).filter_map(Value::as_str).map(str::to_owned).collect()
    }
}
