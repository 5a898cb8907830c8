//! Phonet's REST calls, as its public clients use them: a session cookie, users, active calls, history, recordings, dial,
//! hang up.

use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use uuid::Uuid;

use super::call::{Call, Direction};
use super::exchange::{Dialled, Exchange};
use super::recording::audio;
use crate::clock::now;
use crate::data::{Kind, PHONET_DOMAIN, USERS, user_by_ext};
use crate::http::{Answer, Content, Heard};

const SESSION_LIFETIME: i64 = 30 * 60 * 1000;

/// Judges a REST request and answers it.
pub(crate) fn judge(exchange: &mut Exchange, heard: &Heard) -> Answer {
    let parts: Vec<&str> = heard.path.trim_start_matches('/').split('/').collect();
    let method = match parts.as_slice() {
        ["rest", "security", "authorize"] | ["rest", "user", "makeCall"] => Method::POST,
        ["rest", "users"]
        | ["rest", "calls", "active", "v3"]
        | ["rest", "calls", "active", _, "hangup"]
        | ["rest", "public", "calls", _, "audio"]
        | ["rest", "calls", "company.api" | "users.api" | "missed.api"] => Method::GET,
        _ => return error(StatusCode::NOT_FOUND, "Not Found").violation("no such path is documented"),
    };
    if heard.method != method {
        return error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
            .violation(format!("this path takes {method} only"))
            .header(header::ALLOW, method.as_str());
    }
    if method == Method::POST && !heard.says_json() {
        return error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type")
            .violation("the content type is not application/json");
    }
    if method == Method::GET && !heard.body.is_empty() {
        return error(StatusCode::BAD_REQUEST, "Bad Request").violation("a GET with a body");
    }
    let history = matches!(parts.as_slice(), ["rest", "calls", _]);
    let parameters: &[&str] = if history { &["timeFrom", "timeTo", "limit", "offset"] } else { &[] };
    if let Some(fault) = heard.query_fault(parameters) {
        return error(StatusCode::BAD_REQUEST, "Bad Request").violation(fault);
    }
    if parts.as_slice() == ["rest", "security", "authorize"] {
        return authorize(exchange, heard);
    }
    if !has_session(exchange, heard) {
        return error(StatusCode::FORBIDDEN, "Forbidden");
    }
    match parts.as_slice() {
        ["rest", "users"] => Answer::ok(users()),
        ["rest", "user", "makeCall"] => make_call(exchange, heard),
        ["rest", "calls", "active", "v3"] => {
            Answer::ok(exchange.live().map(|call| call.frame("lastEvent", call.last, now())).collect())
        }
        ["rest", "calls", "active", uuid, "hangup"] => match exchange.hang_up(uuid) {
            Ok(()) => Answer::new(StatusCode::OK, Content::Empty),
            Err(_) => error(StatusCode::NOT_FOUND, "No such call"),
        },
        ["rest", "public", "calls", uuid, "audio"] => recording_of(exchange, uuid),
        ["rest", "calls", list] => history_page(exchange, heard, list),
        _ => error(StatusCode::NOT_FOUND, "Not Found"),
    }
}

fn error(status: StatusCode, message: &str) -> Answer {
    Answer::json(status, json!({ "message": message }))
}

/// The body as an object of exactly these string fields.
fn strings<const N: usize>(heard: &Heard, keys: [&str; N]) -> Option<[String; N]> {
    let Ok(Value::Object(object)) = serde_json::from_slice(&heard.body) else { return None };
    let values: Vec<String> = keys.iter().filter_map(|key| object.get(*key)?.as_str()).map(str::to_owned).collect();
    if object.len() == N { values.try_into().ok() } else { None }
}

fn authorize(exchange: &mut Exchange, heard: &Heard) -> Answer {
    let Some([domain, key]) = strings(heard, ["domain", "apiKey"]) else {
        return error(StatusCode::BAD_REQUEST, "Bad Request").violation("the body is not exactly {domain, apiKey}");
    };
    if domain != PHONET_DOMAIN || !exchange.accepts_key(&key) {
        return error(StatusCode::FORBIDDEN, "Forbidden");
    }
    let session = Uuid::new_v4().simple().to_string().to_uppercase();
    let cookie = format!("JSESSIONID={session}; Path=/; HttpOnly");
    exchange.sessions.insert(session, now() + SESSION_LIFETIME);
    Answer::new(StatusCode::OK, Content::Empty).header(header::SET_COOKIE, &cookie)
}

fn has_session(exchange: &Exchange, heard: &Heard) -> bool {
    heard
        .headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix("JSESSIONID="))
        .any(|session| exchange.sessions.get(session).is_some_and(|end| *end > now()))
}

fn users() -> Value {
    USERS
        .iter()
        .map(|user| json!({ "id": user.id, "displayName": user.name, "ext": user.ext, "email": user.email }))
        .collect()
}

fn make_call(exchange: &mut Exchange, heard: &Heard) -> Answer {
    let Some([ext, number]) = strings(heard, ["legExt", "otherLegNum"]) else {
        return error(StatusCode::BAD_REQUEST, "Bad Request")
            .violation("the body is not exactly {legExt, otherLegNum}");
    };
    let digits = number.strip_prefix('+').unwrap_or_default();
    if !(3..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return error(StatusCode::BAD_REQUEST, "Bad Request").violation("`otherLegNum` is not + and 3 to 15 digits");
    }
    let Some(user) = user_by_ext(&ext) else { return error(StatusCode::BAD_REQUEST, "No such extension") };
    if digits.ends_with("0000") {
        return error(StatusCode::BAD_REQUEST, "Номер заблокирован");
    }
    if exchange.talking_to(user, digits) {
        return error(StatusCode::BAD_REQUEST, "Busy")
            .violation("this number is already being called by this extension");
    }
    let uuid = exchange.outgoing(user, digits);
    exchange.dialled.push(Dialled { number: digits.to_owned(), settled: true, uuid: Some(uuid.clone()), at: now() });
    Answer::ok(json!({ "uuid": uuid }))
}

fn recording_of(exchange: &Exchange, uuid: &str) -> Answer {
    match exchange.call(uuid).and_then(Call::ready_recording) {
        Some(ready) => Answer::new(StatusCode::OK, Content::Audio(audio(uuid, ready.bytes).into())),
        None => error(StatusCode::NOT_FOUND, "No such recording"),
    }
}

/// `company` lists the clients' calls, `users` every user's legs, `missed` the clients' unanswered calls; newest first.
fn history_page(exchange: &Exchange, heard: &Heard, list: &str) -> Answer {
    let number = |name: &str, default: Option<i64>| match heard.parameter(name) {
        Some(text) => text.parse::<i64>().ok().filter(|value| *value >= 0),
        None => default,
    };
    let (from, to) = (number("timeFrom", None), number("timeTo", None));
    let (limit, offset) =
        (number("limit", Some(50)).filter(|limit| (1..=50).contains(limit)), number("offset", Some(0)));
    let (Some(from), Some(to), Some(limit), Some(offset)) = (from, to, limit, offset) else {
        return error(StatusCode::BAD_REQUEST, "Bad Request")
            .violation("history takes timeFrom and timeTo in milliseconds, limit 1 to 50 and offset");
    };
    if from > to || from < 1_000_000_000_000 {
        return error(StatusCode::BAD_REQUEST, "Bad Request")
            .violation("timeFrom is no earlier millisecond than timeTo");
    }
    let listed = |call: &&Call| match list {
        "company.api" => call.parent.is_none() && call.direction != Direction::Internal,
        "users.api" => call.leg.kind == Kind::User,
        _ => call.parent.is_none() && call.direction == Direction::Inbound && call.bridge_at.is_none(),
    };
    let mut ended: Vec<&Call> = exchange
        .calls()
        .iter()
        .filter(|call| call.end_at.is_some_and(|end| (from..=to).contains(&end)))
        .filter(listed)
        .collect();
    ended.sort_by_key(|call| std::cmp::Reverse(call.end_at));
    let page = |count: i64| usize::try_from(count).unwrap_or(usize::MAX);
    Answer::ok(ended.into_iter().skip(page(offset)).take(page(limit)).filter_map(Call::record).collect())
}
