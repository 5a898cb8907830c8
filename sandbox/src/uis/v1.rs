//! Version 1: `authenticate` and `place_calls`, with the errors of its document.

use serde_json::{Map, Value, json};

use super::params::{self, Flaw, Params, Wrong};
use super::session::{First, Order, Side, Way};
use super::{Failure, Key, Malformed, Reply, Request, Uis, Version};
use crate::clock::now;
use crate::data::{UIS_LOGIN, UIS_PASSWORD, UIS_VIRTUAL_NUMBERS};

/// The codes and their messages.
const ERRORS: [(i64, &str); 10] = [
    (-32001, "IP address error"),
    (-32002, "Authentication error"),
    (-32003, "Permission denied"),
    (-32004, "Limit is exceeded"),
    (-32005, "Session key has expired"),
    (-32600, "Invalid Request"),
    (-32601, "Method not found"),
    (-32602, "Invalid params"),
    (-32603, "Internal error"),
    (-32700, "Parse error"),
];

fn failure(code: i64, data: &str) -> Failure {
    let message = ERRORS.iter().find(|(known, _)| *known == code).map_or("Error", |(_, message)| message);
    // The document's table calls it `data`, its sample of this very error `details`.
    let key = if code == -32002 { "details" } else { "data" };
    let mut details = Map::new();
    if !data.is_empty() {
        details.insert(key.to_owned(), data.into());
    }
    Failure { code, message: message.to_owned(), details: Box::new(details), violation: None }
}

impl Failure {
    fn violating(mut self, violation: impl Into<String>) -> Self {
        self.violation = Some(violation.into());
        self
    }
}

fn invalid(wrong: &Wrong) -> Failure {
    let what = match &wrong.flaw {
        Flaw::Missing => "is required",
        Flaw::Type(_) => "has a wrong type",
        Flaw::Value(_) => "has a wrong value",
        Flaw::Unexpected(_) => "is unknown",
    };
    let text = format!("`{}` {what}", wrong.field);
    failure(-32602, &text).violating(text.clone())
}

/// Answers a body.
pub(super) fn answer(uis: &mut Uis, body: &[u8]) -> Reply {
    match Request::read(body, |id| id.is_i64() || id.is_u64()) {
        Ok(Request { id, method, params }) => {
            let outcome = call(uis, &method, params);
            Reply { id, outcome, method: Some(method) }
        }
        Err((id, malformed)) => {
            let code = if matches!(malformed, Malformed::Json | Malformed::Encoding) { -32700 } else { -32600 };
            let reason = malformed.violation();
            Reply { id, outcome: Err(failure(code, reason).violating(reason)), method: None }
        }
    }
}

fn call(uis: &mut Uis, method: &str, params: Params) -> Result<Value, Failure> {
    if !matches!(method, "authenticate" | "place_calls") {
        return Err(failure(-32601, method).violating(format!("no method `{method}` is documented")));
    }
    if !uis.rules.ip_allowed {
        return Err(failure(-32001, "The IP address is not in the list of allowed ones"));
    }
    if let Some(error) = uis.rules.take_error(method) {
        let mut failure = failure(error.code.unwrap_or(-32603), "");
        failure.message = error.message.unwrap_or(failure.message);
        failure.details.extend(error.data.map(|data| ("data".to_owned(), data)));
        return Err(failure);
    }
    if method == "authenticate" { authenticate(uis, params) } else { place_calls(uis, params) }
}

fn authenticate(uis: &mut Uis, mut params: Params) -> Result<Value, Failure> {
    let (login, password) = read_credentials(&mut params).map_err(|wrong| invalid(&wrong))?;
    params.end().map_err(|wrong| invalid(&wrong))?;
    if login != UIS_LOGIN || password != UIS_PASSWORD {
        return Err(failure(-32003, "Wrong login or password"));
    }
    let (session_key, _) = uis.issue(Version::V1);
    Ok(json!({ "session_key": session_key }))
}

fn read_credentials(params: &mut Params) -> Result<(String, String), Wrong> {
    Ok((params.required("login", params::text)?, params.required("password", params::text)?))
}

fn place_calls(uis: &mut Uis, params: Params) -> Result<Value, Failure> {
    let (session_key, order) = read_order(params).map_err(|wrong| invalid(&wrong))?;
    match uis.keys.get(&session_key) {
        Some(Key { version: Version::V1, ends_at }) if *ends_at > now() => {}
        Some(Key { version: Version::V1, .. }) => return Err(failure(-32005, "")),
        _ => return Err(failure(-32002, "Invalid session key")),
    }
    for (allowed, reason) in [
        (uis.rules.permitted, "Access to Call API is forbidden"),
        (uis.rules.account_active, "The customer is inactive"),
        (uis.rules.basic_on, "The component is inactive"),
        (UIS_VIRTUAL_NUMBERS.contains(&order.virtual_number.as_str()), "Wrong number of the service"),
    ] {
        if !allowed {
            return Err(failure(-32003, reason));
        }
    }
    if let Some(exceeded) = uis.exceeded() {
        return Err(failure(-32004, &format!("The limit per {} is {}", exceeded.window, exceeded.limit)));
    }
    let unlucky = uis.rules.fail > 0;
    uis.rules.fail = uis.rules.fail.saturating_sub(1);
    if unlucky || uis.rules.blacklisted(&order.contact) || uis.rules.forbids(&order.contact) {
        return Ok("fail".into());
    }
    uis.quota.spend();
    let vanish = order.contact.ends_with("0001");
    uis.sessions.start(order, vanish);
    Ok("success".into())
}

/// The parameters of `place_calls`: the key and what it starts.
fn read_order(mut params: Params) -> Result<(String, Order), Wrong> {
    let session_key = params.required("session_key", params::text)?;
    let firsts = [("numc", First::One(Side::Operator)), ("numa", First::One(Side::Contact)), ("any", First::Any)];
    let first = params.required("first_call", |value| params::word(value, &firsts))?;
    params.required("switch_at_once", params::flag)?;
    params.optional("media_file", params::text)?;
    let queued = params.optional("is_queue", params::flag)?.unwrap_or(false);
    if params.optional("queue_timeout", params::positive)?.is_none() && queued {
        return Err(params.wrong("queue_timeout", Flaw::Missing));
    }
    params.optional("use_numb_as_numa", params::flag)?;
    let contact = params.required("numa", params::phone)?;
    let virtual_number = params.required("numb", params::phone)?;
    let operator = if params.is_list("numc") {
        let groups = params.list("numc", |group| read_group(group, queued))?;
        groups.into_iter().next().unwrap_or_default()
    } else {
        params.required("numc", params::phone)?
    };
    for key in ["numa_message", "numc_message"] {
        params.nested(key, |message| {
            message.required("type", |value| params::word(value, &[("media", ()), ("text", ())]))?;
            message.required("value", params::text)
        })?;
    }
    params.end()?;
    let order = Order {
        version: Version::V1,
        way: Way::Out,
        first,
        virtual_number,
        contact,
        operator,
        employee: None,
        external_id: None,
        dtmf: None,
    };
    Ok((session_key, order))
}

/// A group of numbers; answers the first. What a fan-out needs is asked for where several phones are not queued for.
fn read_group(group: &mut Params, queued: bool) -> Result<String, Wrong> {
    let increments = ["dialing_increment", "incremental_dialing_timeout"];
    let mut missing = None;
    for key in increments {
        if group.optional(key, params::positive)?.is_none() {
            missing = missing.or(Some(key));
        }
    }
    for key in ["lines_limit", "lines_start"] {
        group.optional(key, params::positive)?;
    }
    let phones = group.list("phones", |phone| {
        phone.optional("channels_count", params::positive)?;
        phone.optional("timeout", params::positive)?;
        phone.required("numb", params::phone)
    })?;
    match missing {
        Some(key) if phones.len() > 1 && !queued => Err(group.wrong(key, Flaw::Missing)),
        _ => Ok(phones.into_iter().next().unwrap_or_default()),
    }
}
