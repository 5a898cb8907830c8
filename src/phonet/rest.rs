//! The REST calls used beside the connector («HTTPS API v4.1»). A session is a cookie that the browser keeps.

use serde::Serialize;
use serde_json::Value;

use super::{
    connector::{active_event, event_of_history},
    lenient,
};
use crate::{
    Millis,
    exchange::CallEvent,
    json::{self, Fields},
    private::Private,
    url,
};

/// `POST`: opens a session.
pub const AUTHORIZE: &str = "/rest/security/authorize";
/// `GET`: the employees.
pub const USERS: &str = "/rest/users";
/// `GET`: the calls that are going on.
pub const ACTIVE_CALLS: &str = "/rest/calls/active/v3";
const ACTIVE: &str = "/rest/calls/active";

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

/// `GET`: hangs up this leg; the answer is empty.
pub fn hang_up_path(uuid: &str) -> String {
    format!("{ACTIVE}/{}/hangup", url::segment(uuid))
}

/// `GET`: the recording of this leg, where the history names no other place.
pub fn audio_path(uuid: &str) -> String {
    format!("/rest/public/calls/{}/audio", url::segment(uuid))
}

/// The most records that one page of the history may have.
pub const HISTORY_PAGE: u32 = 50;

/// The lists of the history. What each holds is documented nowhere: a record may stand in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum HistoryList {
    /// The employees' calls.
    Users,
    /// The company's calls.
    Company,
    /// The company's missed calls.
    Missed,
}

impl HistoryList {
    /// Its name in the path, and as it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Company => "company",
            Self::Missed => "missed",
        }
    }

    /// Reads it as it is stored.
    pub fn read(name: &str) -> Option<Self> {
        [Self::Users, Self::Company, Self::Missed].into_iter().find(|list| list.name() == name)
    }

    /// `GET`: a page of the list, `from` to `to`.
    pub fn path(self, from: Millis, to: Millis, offset: u32) -> String {
        let (list, from, to) = (self.name(), from.0, to.0);
        format!("/rest/calls/{list}.api?timeFrom={from}&timeTo={to}&limit={HISTORY_PAGE}&offset={offset}")
    }
}

/// An employee.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// The internal number.
    pub ext: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// `displayName`: the name.
    pub name: Option<Private<String>>,
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
    let read = |user| User {
        ext: lenient::text(user, "ext"),
        email: lenient::text(user, "email"),
        name: lenient::private(user, "displayName"),
    };
    Some(users.map(read).collect())
}

/// Reads the answer of [`ACTIVE_CALLS`]; `None` when it is no list. Rows that are no calls are left out.
pub fn active_calls(body: &str) -> Option<Vec<CallEvent>> {
    Some(json::parse(body)?.as_array()?.iter().filter_map(active_event).collect())
}

/// One leg of the history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRecord {
    /// All that happened, told as its end. The history counts in whole seconds.
    pub hangup: CallEvent,
    /// `audioRecUrl`: where its recording is.
    pub audio: Option<Private<String>>,
}

/// Reads a page of the history: the legs, and how many rows there were; `None` when it is no list. Rows that are no legs are left
/// out.
pub fn history(body: &str) -> Option<(Vec<HistoryRecord>, usize)> {
    let rows = json::parse(body)?;
    let rows = rows.as_array()?;
    Some((rows.iter().filter_map(HistoryRecord::read).collect(), rows.len()))
}

impl HistoryRecord {
    fn read(row: &Value) -> Option<Self> {
        let fields = Fields::of(row)?;
        let end_at = lenient::moment(fields, "endAt")?;
        let seconds = |key| lenient::integer(fields, key).filter(|seconds| (0..=MAX_SECONDS).contains(seconds));
        let talked = seconds("billSecs").unwrap_or(0);
        let lasted = seconds("duration").unwrap_or(0).max(talked);
        let answered = lenient::integer(fields, "disposition") == Some(0);
        let mut hangup = event_of_history(fields)?;
        hangup.dial_at = Some(end_at - Millis::secs(lasted));
        hangup.bridge_at = answered.then(|| end_at - Millis::secs(talked));
        hangup.server_time = Some(end_at);
        Some(Self { hangup, audio: lenient::private(fields, "audioRecUrl") })
    }
}

/// No call lasts longer than a month.
const MAX_SECONDS: i64 = 31 * 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_exchange_answers() {
        let calls = active_calls(r#"[{"lastEvent":"call.bridge","uuid":"a","lgDirection":2},{"uuid":"b"},7]"#).unwrap();
        assert_eq!(calls.len(), 1);
        assert_eq!(active_calls("<html>"), None);
        let users =
            users(r#"[{"id":1,"ext":1,"email":"a@b.c","displayName":"Анна"},{"id":2,"displayName":7},"x"]"#).unwrap();
        assert_eq!((users.len(), users[0].ext.as_deref()), (2, Some("1")));
        assert_eq!(users[0].name.as_ref().map(Private::reveal).map(String::as_str), Some("Анна"));
        let (records, rows) = history(
            r#"[{"uuid":"a","lgDirection":4,"endAt":1473973210000,"billSecs":4,"duration":9,"disposition":0,"otherLegNum":"+7916",
            "trunk":"o=380671234567;","audioRecUrl":"https://demo.phonet.com.ua/a.mp3 ","leg":{"ext":"001"}},
            {"uuid":"b","lgDirection":"2","endAt":1473973210,"disposition":1},{"uuid":"c","endAt":1},null]"#,
        )
        .unwrap();
        assert_eq!(rows, 4);
        let [answered, missed] = &*records else { panic!("{records:?}") };
        assert_eq!(answered.hangup.dial_at, Some(Millis(1_473_973_201_000)));
        assert_eq!(answered.hangup.bridge_at, Some(Millis(1_473_973_206_000)));
        assert_eq!(answered.hangup.client.number.as_ref().unwrap().reveal(), "+7916");
        assert_eq!(answered.hangup.line.as_ref().unwrap().reveal(), "380671234567");
        assert_eq!(answered.audio.as_ref().unwrap().reveal(), "https://demo.phonet.com.ua/a.mp3");
        assert_eq!((missed.hangup.server_time, missed.hangup.bridge_at), (Some(Millis(1_473_973_210_000)), None));
    }
}
