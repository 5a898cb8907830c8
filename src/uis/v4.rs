//! Version 4.0 («Call API»): it dials, names the call, tells how it goes on, and ends it. A result's own part is its `data`.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use super::{first_wrong, is_number, optional, rpc::Metadata};
use crate::{
    json::Fields,
    private::Private,
    settings::{self, FirstCall, SpokenKind},
};

/// Its path.
pub const PATH: &str = "/v4.0";
/// «Вход»: brings a session key, good for an hour.
pub const LOGIN_USER: &str = "login.user";
/// «Простой звонок»: joins a number to a contact.
pub const START_SIMPLE_CALL: &str = "start.simple_call";
/// «Вызов на сотрудника»: joins an employee to a contact.
pub const START_EMPLOYEE_CALL: &str = "start.employee_call";
/// «Получить список активных разговоров».
pub const LIST_CALLS: &str = "list.calls";
/// «Завершение сессии звонка».
pub const RELEASE_CALL: &str = "release.call";

/// A result's own part.
pub fn data(result: &Value) -> Option<&Value> {
    result.get("data")
}

/// What a result tells beside it.
pub fn metadata(result: &Value) -> Option<Metadata> {
    Metadata::read(Fields::of(result)?)
}

/// The parameters of [`LOGIN_USER`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoginUser {
    /// The user's login.
    pub login: String,
    /// The password.
    pub password: Private<String>,
}

impl LoginUser {
    /// Reads them.
    pub fn read(params: Fields<'_>) -> Option<Self> {
        Some(Self { login: params.text("login")?, password: params.private("password")? })
    }
}

/// What [`LOGIN_USER`] brings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoggedIn {
    /// The session key.
    pub access_token: Private<String>,
    /// When it ends, in seconds since 1970, by the service's clock.
    pub expire_at: Option<i64>,
}

impl LoggedIn {
    /// Reads it; `None` where there is no key in it.
    pub fn read(data: &Value) -> Option<Self> {
        let data = Fields::of(data)?;
        let access_token = data.private("access_token").filter(|key| !key.reveal().is_empty())?;
        Some(Self { access_token, expire_at: data.value("expire_at").and_then(Value::as_i64) })
    }
}

/// The parameters of [`START_SIMPLE_CALL`] and of [`START_EMPLOYEE_CALL`]: they differ in who the agent is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartCall {
    /// The session key or the permanent one.
    pub access_token: Private<String>,
    /// Whether the agent is called first, then the contact; else the other way round.
    pub agent_first: bool,
    /// Whether the message to the one is broken off as soon as the other answers; false unless set.
    pub switch_at_once: Option<bool>,
    /// Whether the agent hears the contact's line while it rings; false unless set.
    pub early_switching: Option<bool>,
    /// The file that is played while one waits.
    pub media_file_id: Option<u64>,
    /// The company's line.
    pub virtual_phone_number: Private<String>,
    /// Whether the agent's phone shows it; true unless set.
    pub show_virtual_phone_number: Option<bool>,
    /// The number to call.
    pub contact: Private<String>,
    /// Our own name of the call.
    pub external_id: Option<String>,
    /// Tones for the contact; a dot is a second of silence.
    pub dtmf_string: Option<String>,
    /// How the call is counted. We always name it, for the documents do not agree about what it is otherwise.
    pub direction: Option<CallDirection>,
    /// Who is to talk to the contact.
    pub agent: Agent,
    /// What the contact hears.
    pub contact_message: Option<Message>,
    /// What the agent hears.
    pub agent_message: Option<Message>,
}

/// The agent of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agent {
    /// A number that belongs to nobody. The documentation's table calls it an object and its sample shows an employee's; its text
    /// describes a number, and that is what the service takes.
    Operator(Private<String>),
    /// An employee.
    Employee(Employee),
}

impl Agent {
    /// The method that calls such an agent.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Operator(_) => START_SIMPLE_CALL,
            Self::Employee(_) => START_EMPLOYEE_CALL,
        }
    }

    fn first(&self) -> &'static str {
        match self {
            Self::Operator(_) => "operator",
            Self::Employee(_) => "employee",
        }
    }

    fn message(&self) -> &'static str {
        match self {
            Self::Operator(_) => "operator_message",
            Self::Employee(_) => "employee_message",
        }
    }
}

/// An employee of the company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Employee {
    /// Their id.
    pub id: u32,
    /// Which of their phones; one after another unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<Private<String>>,
}

/// How a call is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CallDirection {
    /// From a client.
    In,
    /// To a client.
    Out,
}

impl CallDirection {
    fn read(name: &str) -> Option<Self> {
        match name {
            "in" => Some(Self::In),
            "out" => Some(Self::Out),
            _ => None,
        }
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// What `value` is.
    #[serde(rename = "type")]
    pub kind: MessageKind,
    /// A file's id, or a text.
    pub value: String,
}

/// What a message is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// A file.
    Media,
    /// A text that is read aloud.
    Tts,
}

impl StartCall {
    /// Joins the agent to a contact, as the settings have it; the name of a parameter where they name none.
    pub fn new(
        settings: &settings::Uis,
        access_token: Private<String>,
        contact: Private<String>,
        external_id: &str,
    ) -> Result<Self, &'static str> {
        let agent = match settings.employee_id {
            Some(id) => Agent::Employee(Employee { id, phone_number: settings.operator.clone() }),
            None => Agent::Operator(settings.operator.clone().ok_or("operator")?),
        };
        let call = Self {
            access_token,
            agent_first: match settings.first_call {
                FirstCall::Operator => true,
                FirstCall::Client => false,
                FirstCall::Any => return Err("first_call"),
            },
            switch_at_once: Some(settings.switch_at_once),
            early_switching: Some(settings.early_switching),
            media_file_id: settings.media.as_deref().map(str::parse).transpose().map_err(|_| "media_file_id")?,
            virtual_phone_number: settings.virtual_number.clone(),
            show_virtual_phone_number: Some(settings.show_virtual_number),
            contact,
            external_id: Some(external_id.to_owned()),
            dtmf_string: None,
            direction: Some(CallDirection::Out),
            agent,
            contact_message: settings.client_message.as_ref().map(message),
            agent_message: settings.operator_message.as_ref().map(message),
        };
        call.wrong().map_or(Ok(call), Err)
    }

    /// Reads the parameters of this method; what has a default may be missing.
    pub fn read(method: &str, params: Fields<'_>) -> Option<Self> {
        let agent = match method {
            START_SIMPLE_CALL => Agent::Operator(params.private("operator")?),
            START_EMPLOYEE_CALL => {
                let employee = params.object("employee")?;
                let phone_number = employee.private("phone_number");
                Agent::Employee(Employee { id: employee.number("id")?, phone_number })
            }
            _ => return None,
        };
        let agent_first = match params.text("first_call")?.as_str() {
            "contact" => false,
            first if first == agent.first() => true,
            _ => return None,
        };
        Some(Self {
            access_token: params.private("access_token")?,
            agent_first,
            switch_at_once: params.flag("switch_at_once"),
            early_switching: params.flag("early_switching"),
            media_file_id: params.value("media_file_id").and_then(Value::as_u64),
            virtual_phone_number: params.private("virtual_phone_number")?,
            show_virtual_phone_number: params.flag("show_virtual_phone_number"),
            contact: params.private("contact")?,
            external_id: params.text("external_id"),
            dtmf_string: params.text("dtmf_string"),
            direction: params.text("direction").as_deref().and_then(CallDirection::read),
            contact_message: optional(params, "contact_message", Message::read)?,
            agent_message: optional(params, agent.message(), Message::read)?,
            agent,
        })
    }

    /// The first parameter that the service would refuse.
    pub fn wrong(&self) -> Option<&'static str> {
        let early = self.early_switching == Some(true);
        let line = self.virtual_phone_number.reveal();
        let is_toll_free = ["7800", "8800", "800"].iter().any(|prefix| line.starts_with(prefix));
        let is_tone = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'*' | b'#' | b'.');
        let wrong_in = |message: &Option<Message>| message.as_ref().is_some_and(|message| !message.is_sound());
        let is_empty = |number: &Private<String>| number.reveal().is_empty();
        let (agent, is_agent_wrong, agent_message) = match &self.agent {
            Agent::Operator(number) => ("operator", !is_number(number), "operator_message.value"),
            // An internal number or one of SIP will do, too.
            Agent::Employee(Employee { phone_number, .. }) => {
                ("employee.phone_number", phone_number.as_ref().is_some_and(is_empty), "employee_message.value")
            }
        };
        first_wrong(&[
            ("early_switching", early && !(self.agent_first && self.switch_at_once == Some(true))),
            ("virtual_phone_number", !is_number(&self.virtual_phone_number) || is_toll_free),
            ("contact", !is_number(&self.contact)),
            ("dtmf_string", !self.dtmf_string.as_deref().unwrap_or_default().bytes().all(is_tone)),
            (agent, is_agent_wrong),
            ("contact_message.value", wrong_in(&self.contact_message)),
            (agent_message, wrong_in(&self.agent_message)),
        ])
    }
}

impl Serialize for StartCall {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("access_token", &self.access_token)?;
        map.serialize_entry("first_call", if self.agent_first { self.agent.first() } else { "contact" })?;
        let flags = [
            ("switch_at_once", self.switch_at_once),
            ("early_switching", self.early_switching),
            ("show_virtual_phone_number", self.show_virtual_phone_number),
        ];
        for (name, flag) in flags {
            if let Some(flag) = flag {
                map.serialize_entry(name, &flag)?;
            }
        }
        if let Some(file) = &self.media_file_id {
            map.serialize_entry("media_file_id", file)?;
        }
        map.serialize_entry("virtual_phone_number", &self.virtual_phone_number)?;
        map.serialize_entry("contact", &self.contact)?;
        for (name, text) in [("external_id", &self.external_id), ("dtmf_string", &self.dtmf_string)] {
            if let Some(text) = text {
                map.serialize_entry(name, text)?;
            }
        }
        if let Some(direction) = &self.direction {
            map.serialize_entry("direction", direction)?;
        }
        match &self.agent {
            Agent::Operator(number) => map.serialize_entry("operator", number)?,
            Agent::Employee(employee) => map.serialize_entry("employee", employee)?,
        }
        let messages = [("contact_message", &self.contact_message), (self.agent.message(), &self.agent_message)];
        for (name, message) in messages {
            if let Some(message) = message {
                map.serialize_entry(name, message)?;
            }
        }
        map.end()
    }
}

fn message(message: &settings::SpokenMessage) -> Message {
    let kind = match message.kind {
        SpokenKind::Media => MessageKind::Media,
        SpokenKind::Text => MessageKind::Tts,
    };
    Message { kind, value: message.value.clone() }
}

impl Message {
    fn read(message: Fields<'_>) -> Option<Self> {
        let kind = match message.text("type")?.as_str() {
            "media" => MessageKind::Media,
            "tts" => MessageKind::Tts,
            _ => return None,
        };
        Some(Self { kind, value: message.text("value")? })
    }

    fn is_sound(&self) -> bool {
        let is_file = || self.value.bytes().all(|byte| byte.is_ascii_digit());
        !self.value.is_empty() && (self.kind == MessageKind::Tts || is_file())
    }
}

/// What [`START_SIMPLE_CALL`] and [`START_EMPLOYEE_CALL`] bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Started {
    /// Names the call.
    pub call_session_id: u64,
}

impl Started {
    /// Reads it.
    pub fn read(data: &Value) -> Option<Self> {
        Some(Self { call_session_id: data.get("call_session_id")?.as_u64()? })
    }
}

/// The parameters of [`RELEASE_CALL`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReleaseCall {
    /// The session key or the permanent one.
    pub access_token: Private<String>,
    /// The call.
    pub call_session_id: u64,
}

impl ReleaseCall {
    /// Reads them.
    pub fn read(params: Fields<'_>) -> Option<Self> {
        let call_session_id = params.value("call_session_id")?.as_u64()?;
        Some(Self { access_token: params.private("access_token")?, call_session_id })
    }
}

/// What [`RELEASE_CALL`] brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Released {
    /// Whether it is done. A text here (`"true"`), a boolean elsewhere.
    #[serde(serialize_with = "as_text")]
    pub success: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn as_text<S: Serializer>(value: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if *value { "true" } else { "false" })
}

impl Released {
    /// Reads it.
    pub fn read(data: &Value) -> Option<Self> {
        let success = match data.get("success")? {
            Value::Bool(success) => *success,
            Value::String(text) => text == "true",
            _ => return None,
        };
        Some(Self { success })
    }
}

/// The parameters of [`LIST_CALLS`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListCalls {
    /// The session key or the permanent one.
    pub access_token: Private<String>,
    /// Only calls that are counted so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<CallDirection>,
    /// Only calls of this line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_phone_number: Option<Private<String>>,
}

impl ListCalls {
    /// Reads them.
    pub fn read(params: Fields<'_>) -> Option<Self> {
        Some(Self {
            access_token: params.private("access_token")?,
            direction: params.text("direction").as_deref().and_then(CallDirection::read),
            virtual_phone_number: params.private("virtual_phone_number"),
        })
    }
}

/// A call that is going on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallSession {
    /// Names the call.
    pub call_session_id: u64,
    /// How it is counted.
    pub direction: Option<CallDirection>,
    /// When it began: a local time without its zone, so that it says nothing certain.
    pub start_time: Option<String>,
    /// The company's line.
    pub virtual_phone_number: Option<Private<String>>,
    /// The other party.
    pub contact_phone_number: Option<Private<String>>,
    /// The name that it was started under.
    pub external_id: Option<String>,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// Who takes part.
    pub legs: Vec<CallLeg>,
}

/// A tag of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tag {
    /// Its id.
    pub tag_id: u64,
    /// Its name.
    pub tag_name: String,
}

/// Somebody who takes part in a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallLeg {
    /// Names it.
    pub leg_id: Option<u64>,
    /// Who called it.
    pub calling_phone_number: Option<Private<String>>,
    /// Its number.
    pub called_phone_number: Option<Private<String>>,
    /// Whether it may lead the call: the agent's.
    pub is_operator: bool,
    /// Whose it is.
    pub employee_id: Option<u64>,
    /// Their name.
    pub employee_full_name: Option<Private<String>>,
    /// Whether it is recorded.
    pub record_call_enabled: Option<bool>,
    /// Its state, as one of the words of the documentation.
    pub state: String,
}

impl CallSession {
    /// Reads all of a list. `None` where any of it lacks what makes it a call: nobody knows then whether ours is in it.
    pub fn read_all(data: &Value) -> Option<Vec<Self>> {
        data.as_array()?.iter().map(|session| Self::read(Fields::of(session)?)).collect()
    }

    fn read(session: Fields<'_>) -> Option<Self> {
        let tag =
            |tag: Fields<'_>| Some(Tag { tag_id: tag.value("tag_id")?.as_u64()?, tag_name: tag.text("tag_name")? });
        let legs = session.value("legs")?.as_array()?;
        Some(Self {
            call_session_id: session.value("call_session_id")?.as_u64()?,
            direction: session.text("direction").as_deref().and_then(CallDirection::read),
            start_time: session.text("start_time"),
            virtual_phone_number: session.private("virtual_phone_number"),
            contact_phone_number: session.private("contact_phone_number"),
            external_id: session.text("external_id"),
            tags: session.objects("tags").filter_map(tag).collect(),
            legs: legs.iter().map(|leg| CallLeg::read(Fields::of(leg)?)).collect::<Option<_>>()?,
        })
    }

    /// Whether the agent and the contact talk to each other, or have.
    pub fn is_answered(&self) -> bool {
        let talks = |agents: bool| self.legs.iter().any(|leg| leg.is_operator == agents && leg.has_talked());
        talks(true) && talks(false)
    }

    /// Whether one of them lets the other wait.
    pub fn is_held(&self) -> bool {
        self.legs.iter().any(|leg| leg.state == HELD)
    }

    /// Whether everybody who took part has gone.
    pub fn is_over(&self) -> bool {
        !self.legs.is_empty() && self.legs.iter().all(|leg| leg.state == DISCONNECTED)
    }
}

/// The state of somebody who has gone.
const DISCONNECTED: &str = "Разъединено";
/// The state of somebody who waits, or lets wait.
const HELD: &str = "На удержании";
/// The states of somebody who talks, or has talked and is still there.
const TALKED: [&str; 9] = [
    "Разговор",
    "Разговор операторов",
    HELD,
    "Перевод вызова",
    "Отправка dtmf",
    "Получение факса",
    "Факс получен",
    "Отправка факса",
    "Факс отправлен",
];

impl CallLeg {
    fn read(leg: Fields<'_>) -> Option<Self> {
        let id = |key| leg.value(key).and_then(Value::as_u64);
        Some(Self {
            leg_id: id("leg_id"),
            calling_phone_number: leg.private("calling_phone_number"),
            called_phone_number: leg.private("called_phone_number"),
            is_operator: leg.flag("is_operator")?,
            employee_id: id("employee_id"),
            employee_full_name: leg.private("employee_full_name"),
            record_call_enabled: leg.flag("record_call_enabled"),
            state: leg.text("state")?,
        })
    }

    /// «Дозвон» and «На очереди» come before the talk; a state that we do not know says nothing.
    fn has_talked(&self) -> bool {
        TALKED.contains(&self.state.as_str())
    }
}
