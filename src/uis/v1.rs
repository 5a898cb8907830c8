//! Version 1 («Call API», инструкция по применению): it dials, and names no call.

use serde::Serialize;
use serde_json::Value;

use super::{first_wrong, is_number, optional};
use crate::{
    json::Fields,
    private::Private,
    settings::{self, FirstCall, SpokenKind},
};

/// Its path.
pub const PATH: &str = "/v1";
/// Brings a session key, good for an hour.
pub const AUTHENTICATE: &str = "authenticate";
/// Calls two parties and joins them.
pub const PLACE_CALLS: &str = "place_calls";

/// The parameters of [`AUTHENTICATE`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Authenticate {
    /// The API user's login.
    pub login: String,
    /// The password.
    pub password: Private<String>,
}

impl Authenticate {
    /// Reads them.
    pub fn read(params: Fields<'_>) -> Option<Self> {
        Some(Self { login: params.text("login")?, password: params.private("password")? })
    }
}

/// The result of [`AUTHENTICATE`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Authenticated {
    /// The session key.
    pub session_key: Private<String>,
}

impl Authenticated {
    /// Reads it; `None` where there is no key in it.
    pub fn read(result: &Value) -> Option<Self> {
        let session_key = Fields::of(result)?.private("session_key").filter(|key| !key.reveal().is_empty())?;
        Some(Self { session_key })
    }
}

/// The parameters of [`PLACE_CALLS`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlaceCalls {
    /// The session key.
    pub session_key: Private<String>,
    /// Who is called first.
    pub first_call: First,
    /// Whether the message to the one is broken off as soon as the other answers.
    pub switch_at_once: bool,
    /// The name of the file that is played while one waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_file: Option<String>,
    /// Whether the call waits in a queue.
    pub is_queue: bool,
    /// For how many seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_timeout: Option<u32>,
    /// Whether the operator's phone shows the company's line.
    pub use_numb_as_numa: bool,
    /// The client's number.
    pub numa: Private<String>,
    /// What the client hears.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numa_message: Option<Message>,
    /// The company's line.
    pub numb: Private<String>,
    /// The operator's side.
    pub numc: Numc,
    /// What the operator hears.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numc_message: Option<Message>,
}

/// Who is called first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum First {
    /// The operator.
    Numc,
    /// The client.
    Numa,
    /// Both at once.
    Any,
}

/// The operator's side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Numc {
    /// One number.
    One(Private<String>),
    /// Groups of numbers.
    Groups(Vec<Group>),
}

/// A group of numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// How many lines are added at a time while all are busy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialing_increment: Option<u32>,
    /// After how many seconds they are added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incremental_dialing_timeout: Option<u32>,
    /// At most so many lines; 1 unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines_limit: Option<u32>,
    /// At first so many lines; 1 unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines_start: Option<u32>,
    /// The phones.
    pub phones: Vec<Phone>,
}

/// A phone of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Phone {
    /// How many calls it takes at a time; 1 unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels_count: Option<u32>,
    /// Its number.
    pub numb: Private<String>,
    /// For how many seconds it rings; 60 unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// What `value` is.
    #[serde(rename = "type")]
    pub kind: MessageKind,
    /// A file's name, or a text.
    pub value: String,
}

/// What a message is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// A file.
    Media,
    /// A text that is read aloud.
    Text,
}

impl PlaceCalls {
    /// Joins the agent to a client's number, as the settings have it.
    pub fn new(settings: &settings::Uis, session_key: Private<String>, numa: Private<String>) -> Self {
        let group = |group: &settings::Group| Group {
            dialing_increment: group.dialing_increment,
            incremental_dialing_timeout: group.incremental_dialing_timeout,
            lines_limit: group.lines_limit,
            lines_start: group.lines_start,
            phones: group.phones.iter().map(phone).collect(),
        };
        Self {
            session_key,
            first_call: match settings.first_call {
                FirstCall::Operator => First::Numc,
                FirstCall::Client => First::Numa,
                FirstCall::Any => First::Any,
            },
            switch_at_once: settings.switch_at_once,
            media_file: settings.media.clone(),
            is_queue: settings.queue.is_some(),
            queue_timeout: settings.queue.map(|queue| queue.timeout),
            use_numb_as_numa: settings.show_virtual_number,
            numa,
            numa_message: settings.client_message.as_ref().map(message),
            numb: settings.virtual_number.clone(),
            numc: if settings.groups.is_empty() {
                Numc::One(settings.operator.clone().unwrap_or_default())
            } else {
                Numc::Groups(settings.groups.iter().map(group).collect())
            },
            numc_message: settings.operator_message.as_ref().map(message),
        }
    }

    /// Reads them; what has a default may be missing.
    pub fn read(params: Fields<'_>) -> Option<Self> {
        let numc = match params.private("numc") {
            Some(number) => Numc::One(number),
            None => {
                let groups = params.value("numc")?.as_array()?;
                Numc::Groups(groups.iter().map(|group| Group::read(Fields::of(group)?)).collect::<Option<_>>()?)
            }
        };
        Some(Self {
            session_key: params.private("session_key")?,
            first_call: match params.text("first_call")?.as_str() {
                "numc" => First::Numc,
                "numa" => First::Numa,
                "any" => First::Any,
                _ => return None,
            },
            switch_at_once: params.flag("switch_at_once")?,
            media_file: params.text("media_file"),
            is_queue: params.flag("is_queue").unwrap_or(false),
            queue_timeout: params.number("queue_timeout"),
            use_numb_as_numa: params.flag("use_numb_as_numa").unwrap_or(true),
            numa: params.private("numa")?,
            numa_message: optional(params, "numa_message", Message::read)?,
            numb: params.private("numb")?,
            numc,
            numc_message: optional(params, "numc_message", Message::read)?,
        })
    }

    /// The first parameter that the service would refuse.
    pub fn wrong(&self) -> Option<&'static str> {
        let is_empty = |message: &Option<Message>| message.as_ref().is_some_and(|message| message.value.is_empty());
        let wrong_in = |group: &Group| {
            let are_several = group.phones.len() > 1 || group.lines_limit.max(group.lines_start) > Some(1);
            let is_fan = are_several && !self.is_queue;
            first_wrong(&[
                ("numc.dialing_increment", is_fan && group.dialing_increment.is_none()),
                ("numc.incremental_dialing_timeout", is_fan && group.incremental_dialing_timeout.is_none()),
                ("numc.phones", group.phones.is_empty()),
                ("numc.phones.numb", group.phones.iter().any(|phone| !is_number(&phone.numb))),
            ])
        };
        let wrong_in_numc = || match &self.numc {
            Numc::One(number) => first_wrong(&[("numc", !is_number(number))]),
            Numc::Groups(groups) => {
                first_wrong(&[("numc", groups.is_empty())]).or_else(|| groups.iter().find_map(wrong_in))
            }
        };
        first_wrong(&[
            ("media_file", self.media_file.as_ref().is_some_and(String::is_empty)),
            ("queue_timeout", self.is_queue && self.queue_timeout.is_none()),
            ("numa", !is_number(&self.numa)),
            ("numa_message.value", is_empty(&self.numa_message)),
            ("numb", !is_number(&self.numb)),
            ("numc_message.value", is_empty(&self.numc_message)),
        ])
        .or_else(wrong_in_numc)
    }
}

fn phone(phone: &settings::GroupPhone) -> Phone {
    Phone { channels_count: phone.channels_count, numb: phone.number.clone(), timeout: phone.timeout }
}

fn message(message: &settings::SpokenMessage) -> Message {
    let kind = match message.kind {
        SpokenKind::Media => MessageKind::Media,
        SpokenKind::Text => MessageKind::Text,
    };
    Message { kind, value: message.value.clone() }
}

impl Group {
    fn read(group: Fields<'_>) -> Option<Self> {
        let phone = |phone: Fields<'_>| {
            let (channels_count, timeout) = (phone.number("channels_count"), phone.number("timeout"));
            Some(Phone { channels_count, numb: phone.private("numb")?, timeout })
        };
        Some(Self {
            dialing_increment: group.number("dialing_increment"),
            incremental_dialing_timeout: group.number("incremental_dialing_timeout"),
            lines_limit: group.number("lines_limit"),
            lines_start: group.number("lines_start"),
            phones: group.objects("phones").map(phone).collect::<Option<_>>()?,
        })
    }
}

impl Message {
    fn read(message: Fields<'_>) -> Option<Self> {
        let kind = match message.text("type")?.as_str() {
            "media" => MessageKind::Media,
            "text" => MessageKind::Text,
            _ => return None,
        };
        Some(Self { kind, value: message.text("value")? })
    }
}

/// The result of [`PLACE_CALLS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Placed {
    /// The calls are made.
    Success,
    /// They are not: an error, though the answer is a result.
    Fail,
}

impl Placed {
    /// Reads it.
    pub fn read(result: &Value) -> Option<Self> {
        match result.as_str()? {
            "success" => Some(Self::Success),
            "fail" => Some(Self::Fail),
            _ => None,
        }
    }
}
