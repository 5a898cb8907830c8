//! A method's parameters, read one by one: the first that is missing, unknown, or of a wrong type or value is named.

use serde_json::{Map, Value};

/// What is wrong with a parameter.
#[derive(Debug, PartialEq)]
pub(crate) enum Flaw {
    Missing,
    Type(Value),
    Value(Value),
    Unexpected(Value),
}

/// A parameter that is refused; nested names are joined by dots.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub field: String,
    pub flaw: Flaw,
}

type Read<T> = Result<T, Flaw>;

/// An object, taken apart parameter by parameter.
pub(crate) struct Params {
    object: Map<String, Value>,
    path: String,
}

impl Params {
    pub fn new(object: Map<String, Value>) -> Self {
        Self { object, path: String::new() }
    }

    fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub fn wrong(&self, key: &str, flaw: Flaw) -> Wrong {
        Wrong { field: self.at(key), flaw }
    }

    pub fn optional<T>(&mut self, key: &str, read: impl FnOnce(Value) -> Read<T>) -> Result<Option<T>, Wrong> {
        self.object.remove(key).map(read).transpose().map_err(|flaw| self.wrong(key, flaw))
    }

    pub fn required<T>(&mut self, key: &str, read: impl FnOnce(Value) -> Read<T>) -> Result<T, Wrong> {
        self.optional(key, read)?.ok_or_else(|| self.wrong(key, Flaw::Missing))
    }

    /// A nested object, read to its end.
    pub fn nested<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Self) -> Result<T, Wrong>,
    ) -> Result<Option<T>, Wrong> {
        self.optional(key, object)?.map(|object| read_whole(object, self.at(key), read)).transpose()
    }

    /// A list of objects, each read to its end.
    pub fn list<T>(&mut self, key: &str, read: impl Fn(&mut Self) -> Result<T, Wrong>) -> Result<Vec<T>, Wrong> {
        let path = self.at(key);
        let items = self.required(key, array)?;
        let read_item = |(at, item): (usize, Value)| {
            let path = format!("{path}.{at}");
            match object(item) {
                Ok(item) => read_whole(item, path, &read),
                Err(flaw) => Err(Wrong { field: path, flaw }),
            }
        };
        items.into_iter().enumerate().map(read_item).collect()
    }

    /// Whether this parameter is here as a list.
    pub fn is_list(&self, key: &str) -> bool {
        self.object.get(key).is_some_and(Value::is_array)
    }

    /// Whether this parameter is here as an object.
    pub fn is_object(&self, key: &str) -> bool {
        self.object.get(key).is_some_and(Value::is_object)
    }

    /// Everything known has been taken: what is left is refused.
    pub fn end(self) -> Result<(), Wrong> {
        match self.object.iter().next() {
            None => Ok(()),
            Some((key, value)) => Err(self.wrong(key, Flaw::Unexpected(value.clone()))),
        }
    }
}

fn read_whole<T>(
    object: Map<String, Value>,
    path: String,
    read: impl FnOnce(&mut Params) -> Result<T, Wrong>,
) -> Result<T, Wrong> {
    let mut params = Params { object, path };
    let value = read(&mut params)?;
    params.end()?;
    Ok(value)
}

fn object(value: Value) -> Read<Map<String, Value>> {
    match value {
        Value::Object(object) => Ok(object),
        other => Err(Flaw::Type(other)),
    }
}

/// A list that is not empty.
fn array(value: Value) -> Read<Vec<Value>> {
    match value {
        Value::Array(items) if items.is_empty() => Err(Flaw::Value(items.into())),
        Value::Array(items) => Ok(items),
        other => Err(Flaw::Type(other)),
    }
}

/// A text that is not empty.
pub(crate) fn text(value: Value) -> Read<String> {
    match value {
        Value::String(text) if text.is_empty() => Err(Flaw::Value(text.into())),
        Value::String(text) => Ok(text),
        other => Err(Flaw::Type(other)),
    }
}

/// A text that `fits`.
pub(crate) fn text_where(value: Value, fits: impl FnOnce(&str) -> bool) -> Read<String> {
    let text = text(value)?;
    if fits(&text) { Ok(text) } else { Err(Flaw::Value(text.into())) }
}

/// Whether a text is a number in E.164, digits only.
pub(crate) fn is_phone(text: &str) -> bool {
    (7..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0')
}

pub(crate) fn phone(value: Value) -> Read<String> {
    text_where(value, is_phone)
}

/// One of these words.
pub(crate) fn word<T: Copy>(value: Value, words: &[(&str, T)]) -> Read<T> {
    let text = text(value)?;
    let known = words.iter().find(|(word, _)| *word == text);
    known.map(|(_, meaning)| *meaning).ok_or(Flaw::Value(text.into()))
}

pub(crate) fn flag(value: Value) -> Read<bool> {
    value.as_bool().ok_or(Flaw::Type(value))
}

/// A whole number, not negative.
pub(crate) fn number(value: Value) -> Read<u64> {
    match value.as_u64() {
        Some(number) => Ok(number),
        None if value.is_number() => Err(Flaw::Value(value)),
        None => Err(Flaw::Type(value)),
    }
}

/// A whole number above zero.
pub(crate) fn positive(value: Value) -> Read<u64> {
    let number = number(value)?;
    if number == 0 { Err(Flaw::Value(number.into())) } else { Ok(number) }
}
