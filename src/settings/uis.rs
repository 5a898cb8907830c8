//! The settings of UIS.

use super::{
    fingerprint,
    section::{Section, is_international, is_secret},
};
use crate::{private::Private, problem::Code};

/// The address of the UIS Call API.
pub(super) const UIS: &str = "https://callapi.uiscom.ru";
/// The Call API of UIS (CoMagic).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Uis {
    /// The version of the API.
    pub version: UisVersion,
    /// What lets us in.
    pub credentials: Credentials,
    /// The company's line that the client sees, digits only.
    pub virtual_number: Private<String>,
    /// The agent's own phone, digits only; not needed where an employee or groups are named.
    pub operator: Option<Private<String>>,
    /// The agent as the exchange knows them (v4.0).
    pub employee_id: Option<u32>,
    /// Who is called first.
    pub first_call: FirstCall,
    /// Whether the two are joined as soon as the second answers, a message to the first broken off.
    pub switch_at_once: bool,
    /// Whether the agent hears the client's line while it rings (v4.0).
    pub early_switching: bool,
    /// Whether the agent's phone shows the company's line rather than the client's number.
    pub show_virtual_number: bool,
    /// What is played while one waits: the name of a file (v1) or its id (v4.0).
    pub media: Option<String>,
    /// What the client hears first.
    pub client_message: Option<SpokenMessage>,
    /// What the agent hears first.
    pub operator_message: Option<SpokenMessage>,
    /// Whether calls wait in a queue (v1), and for how many seconds.
    pub queue: Option<Queue>,
    /// Whom to call in the agent's place (v1).
    pub groups: Vec<Group>,
    /// The origin of its addresses, `https://callapi.uiscom.ru` unless set otherwise.
    pub address: String,
}

/// The versions of the UIS Call API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UisVersion {
    /// The first one: it dials, and can say nothing of the call.
    V1,
    /// The present one.
    V4,
}

/// What lets us in at UIS.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Credentials {
    /// A user of the API; brings a session key for an hour.
    Login {
        /// The user's login.
        login: String,
        /// The password.
        password: Private<String>,
    },
    /// A permanent key (v4.0).
    Token {
        /// The key.
        token: Private<String>,
    },
}

/// Who is called first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FirstCall {
    /// The agent.
    Operator,
    /// The client.
    Client,
    /// Both at once (v1).
    Any,
}

/// What somebody hears when they answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpokenMessage {
    /// What `value` is.
    pub kind: SpokenKind,
    /// A file's name (v1) or id (v4.0), or the text.
    pub value: String,
}

/// What a message is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpokenKind {
    /// A file.
    Media,
    /// A text that is read aloud.
    Text,
}

/// A queue (v1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Queue {
    /// How long a call may wait in it, in seconds.
    pub timeout: u32,
}

/// A group of phones that is called in the agent's place (v1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// How many lines are added at a time while all are busy; needed unless calls wait in a queue.
    pub dialing_increment: Option<u32>,
    /// After how many seconds they are added; needed unless calls wait in a queue.
    pub incremental_dialing_timeout: Option<u32>,
    /// At most so many lines; 1 unless set.
    pub lines_limit: Option<u32>,
    /// At first so many lines; 1 unless set.
    pub lines_start: Option<u32>,
    /// The phones.
    pub phones: Vec<GroupPhone>,
}

/// A phone of a group (v1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupPhone {
    /// Its number, digits only.
    pub number: Private<String>,
    /// How many calls it takes at a time; 1 unless set.
    pub channels_count: Option<u32>,
    /// For how many seconds it rings; 60 unless set.
    pub timeout: Option<u32>,
}

impl Uis {
    /// Names these credentials, so that a session key obtained with others is not used. Not reversible in practice.
    pub fn fingerprint(&self) -> u32 {
        fingerprint(&(self.version, &self.address, &self.credentials))
    }
}

/// Reads the section; what is wrong is told to it.
pub(super) fn read(section: &mut Section<'_, '_>, address: Option<String>) -> Option<Uis> {
    let version = match section.optional("version", |text| matches!(text, "v1" | "v4.0")).as_deref() {
        Some("v1") => UisVersion::V1,
        _ => UisVersion::V4,
    };
    let is_v1 = version == UisVersion::V1;
    let names = |key| section.fields.contains_key(key);
    let credentials = if !is_v1 && names("token") && !names("login") && !names("password") {
        let token = section.required("token", is_secret);
        token.map(|token| Credentials::Token { token: Private::new(token) })
    } else {
        let login = section.required("login", |text| !text.trim().is_empty());
        let password = section.required("password", |text| !text.is_empty());
        login.zip(password).map(|(login, password)| Credentials::Login {
            login: login.trim().to_owned(),
            password: Private::new(password),
        })
    };
    let virtual_number = section.required("virtualNumber", is_international);
    let groups = section.list("groups", |group| {
        let mut lines = |key| group.count(key);
        let (dialing_increment, incremental_dialing_timeout) =
            (lines("dialingIncrement"), lines("incrementalDialingTimeout"));
        let (lines_limit, lines_start) = (lines("linesLimit"), lines("linesStart"));
        let phones = group.list("phones", |phone| {
            let number = phone.required("number", is_international);
            let (channels_count, timeout) = (phone.count("channelsCount"), phone.count("timeout"));
            Some(GroupPhone { number: Private::new(number?), channels_count, timeout })
        });
        if phones.is_empty() {
            group.problem(Code::SettingsMissing, "phones");
        }
        Some(Group { dialing_increment, incremental_dialing_timeout, lines_limit, lines_start, phones })
    });
    let employee_id = section.count("employeeId");
    let operator = section.optional("operator", is_international);
    let is_named = operator.is_some() || if is_v1 { !groups.is_empty() } else { employee_id.is_some() };
    if !is_named && !section.fields.contains_key("operator") {
        section.problem(Code::SettingsMissing, "operator");
    }
    let first_call =
        section.optional("firstCall", |text| matches!(text, "operator" | "client") || (is_v1 && text == "any"));
    let first_call = match first_call.as_deref() {
        Some("client") => FirstCall::Client,
        Some("any") => FirstCall::Any,
        _ => FirstCall::Operator,
    };
    let switch_at_once = section.flag("switchAtOnce").unwrap_or(true);
    let early_switching = section.flag("earlySwitching").unwrap_or(false);
    if early_switching && (is_v1 || !switch_at_once || first_call != FirstCall::Operator) {
        section.problem(Code::SettingsWrongValue, "earlySwitching");
    }
    let show_virtual_number = section.flag("showVirtualNumber").unwrap_or(true);
    let is_media = |text: &str| !text.is_empty() && (is_v1 || text.bytes().all(|byte| byte.is_ascii_digit()));
    let media = section.optional("media", is_media);
    let mut message = |key| {
        section.section(key, |message| {
            let kind = message.required("type", |text| matches!(text, "media" | "text"))?;
            let kind = if kind == "media" { SpokenKind::Media } else { SpokenKind::Text };
            let is_right =
                |text: &str| if kind == SpokenKind::Media { is_media(text) } else { !text.trim().is_empty() };
            Some(SpokenMessage { kind, value: message.required("value", is_right)? })
        })
    };
    let (client_message, operator_message) = (message("clientMessage"), message("operatorMessage"));
    let queue = section.section("queue", |queue| match queue.count("timeout") {
        Some(timeout) => Some(Queue { timeout }),
        None => {
            queue.problem(Code::SettingsMissing, "timeout");
            None
        }
    });
    Some(Uis {
        version,
        credentials: credentials?,
        virtual_number: Private::new(virtual_number?),
        operator: operator.map(Private::new),
        employee_id,
        first_call,
        switch_at_once,
        early_switching,
        show_virtual_number,
        media,
        client_message,
        operator_message,
        queue,
        groups,
        address: address.unwrap_or_else(|| UIS.to_owned()),
    })
}
