//! The REST calls used beside the connector («HTTPS API v4.1»). A session is a cookie that the browser keeps.

use serde::Serialize;
use serde_json::Value;

use super::{connector::CallEvent, lenient};
use crate::{
    Millis,
    json::{self, Fields},
    private::Private,
};

/// `POST`: opens a session.
pub const AUTHORIZE: &str = "/rest/security/authorize";
/// `GET`: the employees.
pub const USERS: &str = "/rest/users";
/// `GET`: the calls that are going on.
pub const ACTIVE_CALLS: &str = "/rest/calls/active/v3";

/// The body of [`AUTHORIZE`].
pub fn authorize_body(domain: &str, api_key: &str) -> Private<String> {
    Private::new(serde_json::to_string(&Credentials { domain, api_key }).unwrap_or_default())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Credentials<'a> {
    domain: &'a str,
    api_key: &'a str,
}

/// The most records that one page of the history may have.
pub const HISTORY_PAGE: u32 = 50;

/// `GET`: a page of the company's history, `from` to `to`.
pub fn history_path(from: Millis, to: Millis, offset: u32) -> String {
    format!("/rest/calls/company.api?timeFrom={}&timeTo={}&limit={HISTORY_PAGE}&offset={offset}", from.0, to.0)
}

/// An employee.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// The internal number.
    pub ext: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
}

impl User {
    /// Whether this is whom the settings name as the subscriber, by internal number or by e-mail address.
    pub fn is(&self, subscriber: &str) -> bool {
        let is_email = |email: &String| email.eq_ignore_ascii_case(subscriber);
        self.ext.as_deref() == Some(subscriber) || self.email.as_ref().is_some_and(is_email)
    }
}

/// Reads the answer of [`USERS`]; `None` when it is no list.
pub fn users(body: &str) -> Option<Vec<User>> {
    let rows = json::parse(body)?;
    let users = rows.as_array()?.iter().filter_map(Fields::of);
    Some(users.map(|user| User { ext: lenient::text(user, "ext"), email: lenient::text(user, "email") }).collect())
}

/// Reads the answer of [`ACTIVE_CALLS`]; `None` when it is no list. Rows that are no calls are left out.
pub fn active_calls(body: &str) -> Option<Vec<CallEvent>> {
    Some(json::parse(body)?.as_array()?.iter().filter_map(CallEvent::from_active).collect())
}

/// One leg of the history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRecord {
    /// The leg.
    pub uuid: String,
    /// When it ended; the history counts in whole seconds.
    pub end_at: Millis,
    /// When it was answered: absent where nobody talked.
    pub bridge_at: Option<Millis>,
}

/// Reads a page of the history; `None` when it is no list. Rows without a name or an end are left out.
pub fn history(body: &str) -> Option<Vec<HistoryRecord>> {
    Some(json::parse(body)?.as_array()?.iter().filter_map(HistoryRecord::read).collect())
}

impl HistoryRecord {
    fn read(row: &Value) -> Option<Self> {
        let fields = Fields::of(row)?;
        let end_at = lenient::moment(fields, "endAt")?;
        let talked = lenient::integer(fields, "billSecs").filter(|&seconds| seconds >= 0).unwrap_or(0);
        let answered = lenient::integer(fields, "disposition") == Some(0);
        Some(Self {
            uuid: lenient::text(fields, "uuid")?,
            end_at,
            bridge_at: answered.then(|| end_at - Millis::secs(talked)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_exchange_answers() {
        let calls = active_calls(r#"[{"lastEvent":"call.bridge","uuid":"a","lgDirection":2},{"uuid":"b"},7]"#).unwrap();
        assert_eq!(calls.len(), 1);
        assert_eq!(active_calls("<html>"), None);
        assert_eq!(users(r#"[{"id":1,"ext":1,"email":"a@b.c"}]"#).unwrap()[0].ext.as_deref(), Some("1"));
        let records = history(
            r#"[{"uuid":"a","endAt":1473973210000,"billSecs":4,"disposition":0},{"uuid":"b","endAt":1473973210,"disposition":1}]"#,
        )
        .unwrap();
        assert_eq!(records[0].bridge_at, Some(Millis(1_473_973_206_000)));
        assert_eq!((records[1].end_at, records[1].bridge_at), (Millis(1_473_973_210_000), None));
    }
}
