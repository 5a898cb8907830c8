//! What a person or a test makes of the exchange: who may do what, and which answers go wrong.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The state of the permanent key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Token {
    Valid,
    Expired,
    Blocked,
}

/// An error on demand, instead of what the next requests ask for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OnDemand {
    /// Version 4.0: a documented mnemonic, or any other together with a code.
    pub mnemonic: Option<String>,
    pub code: Option<i64>,
    /// The documented one where it is left out.
    pub message: Option<String>,
    pub data: Option<Value>,
    /// Only requests for this method.
    pub method: Option<String>,
    /// So many requests.
    #[serde(default = "one")]
    pub count: u32,
}

/// How a processed request's answer goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Slip {
    /// The `id` of another request.
    OtherId,
    /// Both `result` and `error`.
    Both,
    /// Neither.
    Neither,
    /// Keys without quotes.
    Unquoted,
    /// A `result` of another shape.
    WrongShape,
}

/// A [`Slip`] that waits for its requests.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Quirk {
    pub kind: Slip,
    /// Only requests for this method.
    pub method: Option<String>,
    /// So many requests.
    #[serde(default = "one")]
    pub count: u32,
}

fn one() -> u32 {
    1
}

/// Everything that can be set; the defaults let all through.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Rules {
    /// Whether the client's IP address is in the allow-list.
    pub ip_allowed: bool,
    pub account_active: bool,
    /// Whether the user has the right to Call API.
    pub permitted: bool,
    /// The component «Базовый набор».
    pub basic_on: bool,
    /// The component «Управление вызовами».
    pub management_on: bool,
    pub v1_on: bool,
    pub v4_on: bool,
    /// Version 4.0 is not the latest any more.
    pub deprecated: bool,
    pub token: Token,
    /// Seconds that keys issued from now on live.
    pub key_lifetime: u32,
    /// Points.
    pub day_limit: u32,
    /// Points.
    pub minute_limit: u32,
    /// Numbers that are never called.
    pub blacklist: Vec<String>,
    /// Beginnings of the numbers that may be called.
    pub directions: Vec<String>,
    /// Seconds for which an ended session stays in the list.
    pub linger: u32,
    /// So many of the next `place_calls` answer `fail`.
    pub fail: u32,
    pub error: Option<OnDemand>,
    pub quirk: Option<Quirk>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            ip_allowed: true,
            account_active: true,
            permitted: true,
            basic_on: true,
            management_on: true,
            v1_on: true,
            v4_on: true,
            deprecated: false,
            token: Token::Valid,
            key_lifetime: 3600,
            day_limit: 30_000,
            minute_limit: 300,
            blacklist: Vec::new(),
            directions: vec!["7".to_owned()],
            linger: 0,
            fail: 0,
            error: None,
            quirk: None,
        }
    }
}

/// Whether what is meant for `only` one method, or for all, is meant for this one.
fn is_for(only: Option<&str>, method: &str) -> bool {
    only.is_none_or(|only| only == method)
}

impl Rules {
    /// These rules, some of them changed.
    pub fn changed(&self, changes: Value) -> Result<Self, String> {
        let (Ok(Value::Object(mut rules)), Value::Object(changes)) = (serde_json::to_value(self), changes) else {
            return Err("the rules are an object".to_owned());
        };
        rules.extend(changes);
        serde_json::from_value(rules.into()).map_err(|error| error.to_string())
    }

    /// Whether a number is one that is never called.
    pub fn blacklisted(&self, number: &str) -> bool {
        number.ends_with("0000") || self.blacklist.iter().any(|listed| listed == number)
    }

    /// Whether the safety rules forbid to call there.
    pub fn forbids(&self, number: &str) -> bool {
        !self.directions.iter().any(|prefix| number.starts_with(prefix))
    }

    /// The error on demand that a request for this method meets, if any.
    pub fn take_error(&mut self, method: &str) -> Option<OnDemand> {
        let error = self.error.as_mut().filter(|error| is_for(error.method.as_deref(), method))?;
        let taken = error.clone();
        error.count = error.count.saturating_sub(1);
        self.error.take_if(|error| error.count == 0);
        Some(taken)
    }

    /// Whether the answer to a request for this method will go wrong.
    pub fn spoils(&self, method: &str) -> bool {
        self.quirk.as_ref().is_some_and(|quirk| is_for(quirk.method.as_deref(), method))
    }

    /// What goes wrong with the answer to a request for this method, if anything.
    pub fn take_slip(&mut self, method: &str) -> Option<Slip> {
        let quirk = self.quirk.as_mut().filter(|quirk| is_for(quirk.method.as_deref(), method))?;
        let kind = quirk.kind;
        quirk.count = quirk.count.saturating_sub(1);
        self.quirk.take_if(|quirk| quirk.count == 0);
        Some(kind)
    }
}
