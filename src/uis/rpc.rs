//! The envelope: JSON-RPC 2.0 without batches and notifications. Strict towards answers: what is not surely an answer to our
//! request says nothing of it.

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    json::{self, Fields},
    private::Private,
};

const VERSION: &str = "2.0";

/// Names a request; its answer names it, too. Version 1 takes numbers only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Id {
    /// A number.
    Number(u64),
    /// A text.
    Text(String),
}

impl Id {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.as_u64().map(Self::Number),
            Value::String(text) => Some(Self::Text(text.clone())),
            _ => None,
        }
    }
}

/// Writes a request.
pub fn request<P: Serialize>(id: &Id, method: &str, params: &P) -> Private<String> {
    // No parameter holds anything that JSON cannot write.
    envelope(id, method, &serde_json::to_string(params).unwrap_or_default())
}

/// By hand: a derived envelope would be there once for each type of parameters.
fn envelope(id: &Id, method: &str, params: &str) -> Private<String> {
    let id = serde_json::to_string(id).unwrap_or_default();
    Private::new(format!(r#"{{"jsonrpc":"{VERSION}","method":"{method}","id":{id},"params":{params}}}"#))
}

/// A request as it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Its name.
    pub id: Id,
    /// The method.
    pub method: String,
    /// Its parameters.
    pub params: Value,
}

impl Request {
    /// Reads a request; `None` where any of the four fields is missing.
    pub fn read(text: &str) -> Option<Self> {
        let body = json::parse(text)?;
        let fields = Fields::of(&body).filter(is_ours)?;
        let params = fields.value("params").filter(|params| params.is_object())?.clone();
        Some(Self { id: Id::read(fields.value("id")?)?, method: fields.text("method")?, params })
    }
}

fn is_ours(fields: &Fields<'_>) -> bool {
    fields.text("jsonrpc").as_deref() == Some(VERSION)
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The method's result.
    Result(Value),
    /// Why there is none.
    Fault(Fault),
}

impl Answer {
    /// Reads the answer to the request of this name. `None` where it is none: not JSON, another request's, both a result and an error
    /// or neither of them. An error may leave the name out, for the service may not have understood the request so far.
    pub fn read(text: &str, id: &Id) -> Option<Self> {
        let mut body = json::parse(text)?;
        Fields::of(&body).filter(is_ours)?;
        let mut take = |key| body.get_mut(key).map(Value::take).filter(|value| !value.is_null());
        let named = take("id").map(|id| Id::read(&id));
        let is_its = named == Some(Some(id.clone()));
        match (take("result"), take("error")) {
            (Some(result), None) if is_its => Some(Self::Result(result)),
            (None, Some(error)) if is_its || named.is_none() => Fault::read(error).map(Self::Fault),
            _ => None,
        }
    }

    /// Writes it.
    pub fn write(&self, id: &Id) -> String {
        let (key, value) = match self {
            Self::Result(result) => ("result", result.clone()),
            Self::Fault(fault) => ("error", json!(fault)),
        };
        json!({ "jsonrpc": VERSION, "id": id, key: value }).to_string()
    }
}

/// An error of the service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// The code; what it means depends on the version.
    pub code: i64,
    /// The error's general name.
    pub message: String,
    /// Version 1: the place in the request, as text. Its documentation names the field both `details` and `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// Version 4.0: the details.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<FaultData>,
}

/// The details of an error of version 4.0.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FaultData {
    /// The error's unique name.
    pub mnemonic: String,
    /// The parameter it is about; one within another behind a dot: `employee.phone_number`.
    pub field: Option<String>,
    /// What was sent in it.
    pub value: Option<Private<String>>,
    /// What fills the places of the message.
    pub params: Option<Value>,
    /// An address with an explanation.
    pub extended_helper: Option<String>,
    /// The limits, where the error is counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

impl Fault {
    fn read(mut error: Value) -> Option<Self> {
        let params = error.get_mut("data").and_then(|data| data.get_mut("params")).map(Value::take);
        let fields = Fields::of(&error)?;
        Some(Self {
            code: fields.value("code")?.as_i64()?,
            message: fields.text("message").unwrap_or_default(),
            details: fields.text("details").or_else(|| fields.text("data")),
            data: fields.object("data").map(|data| FaultData {
                mnemonic: data.text("mnemonic").unwrap_or_default(),
                field: data.text("field"),
                value: data.private("value"),
                params: params.filter(Value::is_object),
                extended_helper: data.text("extended_helper"),
                metadata: Metadata::read(data),
            }),
        })
    }

    /// The error's unique name; empty in version 1.
    pub fn mnemonic(&self) -> &str {
        self.data.as_ref().map_or("", |data| &data.mnemonic)
    }

    /// What fills this place of the message.
    pub fn param(&self, key: &str) -> Option<String> {
        match self.data.as_ref()?.params.as_ref()?.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => number.as_i64().map(|number| number.to_string()),
            _ => None,
        }
    }

    /// The limits, where the answer tells them.
    pub fn limits(&self) -> Option<Limits> {
        self.data.as_ref()?.metadata.map(|metadata| metadata.limits)
    }
}

/// «Мета-параметры» of version 4.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// How far the points go.
    pub limits: Limits,
}

impl Metadata {
    /// Reads it out of a result or out of an error's details.
    pub fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self { limits: Limits::read(fields.object("metadata")?.object("limits")?) })
    }
}

/// «Лимиты»: each method costs points, of which there are so many a minute and a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Points a day.
    pub day_limit: Option<u32>,
    /// Points left of the day.
    pub day_remaining: Option<u32>,
    /// Seconds until the day's points are all there again.
    pub day_reset: Option<u32>,
    /// Points a minute.
    pub minute_limit: Option<u32>,
    /// Points left of the minute.
    pub minute_remaining: Option<u32>,
    /// Seconds until the minute's points are all there again.
    pub minute_reset: Option<u32>,
}

impl Limits {
    fn read(limits: Fields<'_>) -> Self {
        Self {
            day_limit: limits.number("day_limit"),
            day_remaining: limits.number("day_remaining"),
            day_reset: limits.number("day_reset"),
            minute_limit: limits.number("minute_limit"),
            minute_remaining: limits.number("minute_remaining"),
            minute_reset: limits.number("minute_reset"),
        }
    }
}
