//! Version 4.0: `login.user`, `start.simple_call`, `start.employee_call`, `release.call`, `list.calls`, with the errors
//! of its document.

use serde_json::{Map, Value, json};

use super::params::{self, Flaw, Params, Wrong};
use super::rules::{OnDemand, Token};
use super::session::{First, Order, Side, Way};
use super::{DAY, Failure, Key, MINUTE, Malformed, Reply, Request, Uis, Version};
use crate::clock::now;
use crate::data::{EMPLOYEES, Employee, UIS_LOGIN, UIS_MEDIA, UIS_PASSWORD, UIS_TOKEN, UIS_VIRTUAL_NUMBERS};

/// Mnemonics, codes and messages; what stands in braces is taken from `params`.
const ERRORS: [(&str, i64, &str); 30] = [
    ("parse_error", -32700, "Invalid JSON was received by the server."),
    ("invalid_request", -32600, "Invalid Request The JSON sent is not a valid Request object"),
    ("batch_opreations_not_supported", -32099, "Batch operations not supported"),
    ("notifications_not_supported", -32099, "Notifications not supported"),
    ("method_not_found", -32601, "The method does not exist / is not available"),
    ("ip_not_whitelisted", -32003, "Your IP {ip} is not whitelisted"),
    ("auth_error", -32001, "Login or password is wrong"),
    ("access_token_expired", -32001, "Access token has been expired"),
    ("access_token_blocked", -32001, "Access token has been blocked"),
    ("access_token_invalid", -32001, "Access token is invalid"),
    (
        "limit_exceeded",
        -32029,
        "Limit per {limit_type} has been exceeded. Value of current limit per {limit_type} is {limit_max_value}",
    ),
    ("component_disabled", -32008, "Component {component_name} has been disabled"),
    ("account_inactive", -32009, "Your account has been disabled, contact the support service"),
    ("forbidden", -32003, "Permission denied"),
    ("internal_error", -32603, "Internal error, contact the support service"),
    ("invalid_state", -32004, "This method can not be called in this state"),
    ("required_parameter_missed", -32602, "The required parameter has been missed"),
    ("data_type_error", -32602, "Data supplied is of wrong type"),
    ("invalid_parameter_value", -32602, "Invalid parameter value"),
    ("unexpected_parameters", -32602, "Unexpected method parameter(s)"),
    ("invalid_parameters_combination", -32602, "The combination of parameters is not permitted"),
    ("character_encoding_not_allowed", -32602, "The character encoding must be UTF-8"),
    (
        "tts_text_exceeded",
        -32602,
        "The maximum length of Text-to-Speech message is {tts_message_max_length}. The length of your message is {sent_tts_message_length}",
    ),
    ("media_file_not_found", -32602, "The media file with id {media_file_id} not found"),
    ("employee_not_found", -32602, "Employee with id {employee_id} not found. It is not your employee."),
    ("no_active_phone_number", -32602, "The phone number does not exist or inactive"),
    ("own_virtual_phone_number_not_allowed", -32602, "Parameter `contact` can not contain own virtual phone number"),
    ("call_session_not_found", -32602, "Call session not found"),
    (
        "virtual_phone_number_not_found",
        -32007,
        "Virtual phone number {virtual_phone_number} not found. It is not your virtual phone number.",
    ),
    ("contact_in_blacklist", -32002, "The contact {contact} has been found in the blacklist"),
];

/// The longest text that may be spoken.
const LONGEST_TTS: usize = 500;

/// The address a request comes from, as the exchange sees it.
const CLIENT_IP: &str = "203.0.113.7";

const BASIC: &str = "Call API Базовый набор";
const MANAGEMENT: &str = "Call API Управление вызовами";

/// A documented error, by its mnemonic.
fn failure(mnemonic: &str) -> Failure {
    let known = ERRORS.iter().find(|(known, ..)| *known == mnemonic);
    let (code, message) = known.map_or((-32603, mnemonic), |(_, code, message)| (*code, message));
    let data = json!({ "mnemonic": mnemonic, "field": null, "value": null, "params": {}, "extended_helper": null });
    Failure {
        code,
        message: message.to_owned(),
        details: Box::new(Map::from_iter([("data".to_owned(), data)])),
        violation: None,
    }
}

impl Failure {
    fn data(&mut self) -> Option<&mut Map<String, Value>> {
        self.details.get_mut("data")?.as_object_mut()
    }

    fn mnemonic(&self) -> Option<&str> {
        self.details.get("data")?.get("mnemonic")?.as_str()
    }

    fn with(mut self, key: &str, value: Value) -> Self {
        if let Some(data) = self.data() {
            data.insert(key.to_owned(), value);
        }
        self
    }

    /// Names the parameter, and what was passed in it.
    fn of(self, field: &str, value: Value) -> Self {
        let value = if value.is_null() || value.is_string() { value } else { value.to_string().into() };
        self.with("field", field.into()).with("value", value)
    }

    /// Puts a substitution into `params` and into the message.
    fn param(mut self, name: &str, value: Value) -> Self {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.message = self.message.replace(&format!("{{{name}}}"), &text);
        if let Some(Value::Object(params)) = self.data().and_then(|data| data.get_mut("params")) {
            params.insert(name.to_owned(), value);
        }
        self
    }

    fn violates(mut self, violation: impl Into<String>) -> Self {
        self.violation = Some(violation.into());
        self
    }
}

impl From<Wrong> for Failure {
    fn from(Wrong { field, flaw }: Wrong) -> Self {
        let (mnemonic, value) = match flaw {
            Flaw::Missing => ("required_parameter_missed", Value::Null),
            Flaw::Type(value) => ("data_type_error", value),
            Flaw::Value(value) => ("invalid_parameter_value", value),
            Flaw::Unexpected(value) => ("unexpected_parameters", value),
        };
        failure(mnemonic).of(&field, value).violates(format!("`{field}`: {mnemonic}"))
    }
}

/// Whether a refusal does not count, so that its answer does not speak of limits.
fn is_free_of_limits(mnemonic: &str) -> bool {
    matches!(
        mnemonic,
        "parse_error"
            | "invalid_request"
            | "batch_opreations_not_supported"
            | "notifications_not_supported"
            | "method_not_found"
            | "access_token_blocked"
            | "access_token_invalid"
            | "access_token_expired"
            | "auth_error"
            | "ip_not_whitelisted"
    )
}

/// Answers a body; `arrival` is when the answer reaches the client, as long as nothing goes wrong with it.
pub(super) fn answer(uis: &mut Uis, body: &[u8], arrival: Option<i64>) -> Reply {
    let (id, outcome, method) = match Request::read(body, |id| id.is_string() || id.is_number()) {
        Ok(Request { id, method, params }) => {
            let arrival = arrival.filter(|_| !uis.rules.spoils(&method));
            (id, call(uis, &method, params, arrival), Some(method))
        }
        Err((id, malformed)) => {
            let mnemonic = match malformed {
                Malformed::Encoding => "character_encoding_not_allowed",
                Malformed::Json => "parse_error",
                Malformed::Batch => "batch_opreations_not_supported",
                Malformed::Notification => "notifications_not_supported",
                Malformed::Invalid(_) => "invalid_request",
            };
            (id, Err(failure(mnemonic).violates(malformed.violation())), None)
        }
    };
    let outcome = match outcome {
        Ok(data) => Ok(json!({ "data": data, "metadata": metadata(uis, true) })),
        Err(failure) => {
            let limited = failure.mnemonic().is_some_and(|mnemonic| !is_free_of_limits(mnemonic));
            Err(failure.with("metadata", metadata(uis, limited)))
        }
    };
    Reply { id, outcome, method }
}

fn metadata(uis: &Uis, limited: bool) -> Value {
    let mut metadata = Map::new();
    if uis.rules.deprecated {
        // The document's own spelling.
        let version =
            json!({ "current_version_depricated": true, "current_version": "v4.0", "latest_version": "v5.0" });
        metadata.insert("api_version".to_owned(), version);
    }
    if limited {
        let (rules, quota) = (&uis.rules, &uis.quota);
        let limits = json!({
            "day_limit": rules.day_limit, "day_remaining": rules.day_limit.saturating_sub(quota.day.used),
            "day_reset": quota.day.reset(DAY),
            "minute_limit": rules.minute_limit, "minute_remaining": rules.minute_limit.saturating_sub(quota.minute.used),
            "minute_reset": quota.minute.reset(MINUTE),
        });
        metadata.insert("limits".to_owned(), limits);
    }
    metadata.into()
}

fn call(uis: &mut Uis, method: &str, params: Params, arrival: Option<i64>) -> Result<Value, Failure> {
    let component = match method {
        "login.user" | "start.simple_call" | "start.employee_call" | "release.call" => (uis.rules.basic_on, BASIC),
        "list.calls" => (uis.rules.management_on, MANAGEMENT),
        _ => return Err(failure("method_not_found").violates(format!("`{method}` is no method the sandbox knows"))),
    };
    if !uis.rules.ip_allowed {
        return Err(failure("ip_not_whitelisted").param("ip", CLIENT_IP.into()));
    }
    if let Some(error) = uis.rules.take_error(method) {
        return Err(on_demand(error));
    }
    let (token, task) = Task::read(method, params)?;
    if let Some(token) = &token {
        admit(uis, token)?;
    }
    if !uis.rules.account_active {
        return Err(failure("account_inactive"));
    }
    if !uis.rules.permitted {
        return Err(failure("forbidden"));
    }
    if let (false, name) = component {
        return Err(failure("component_disabled").param("component_name", name.into()));
    }
    if let Some(exceeded) = uis.exceeded() {
        return Err(failure("limit_exceeded")
            .param("limit_type", exceeded.window.into())
            .param("limit_max_value", exceeded.limit.into()));
    }
    let data = task.run(uis, arrival)?;
    if token.is_some() {
        uis.quota.spend();
    }
    Ok(data)
}

fn on_demand(error: OnDemand) -> Failure {
    let mut failure = failure(error.mnemonic.as_deref().unwrap_or("internal_error"));
    failure.code = error.code.unwrap_or(failure.code);
    failure.message = error.message.unwrap_or(failure.message);
    failure.details.extend(error.data.map(|data| ("data".to_owned(), data)));
    failure
}

/// Whether a token opens the API.
fn admit(uis: &Uis, token: &str) -> Result<(), Failure> {
    if token == UIS_TOKEN {
        return match uis.rules.token {
            Token::Valid => Ok(()),
            Token::Expired => Err(failure("access_token_expired")),
            Token::Blocked => Err(failure("access_token_blocked")),
        };
    }
    match uis.keys.get(token) {
        Some(Key { version: Version::V4, ends_at }) if *ends_at > now() => Ok(()),
        _ => Err(failure("access_token_invalid").of("access_token", Value::Null)),
    }
}

/// What a request asks for, its parameters read.
enum Task {
    LogIn { login: String, password: String },
    Start(Box<Start>),
    Release { session: u64 },
    List { way: Option<&'static str>, number: Option<String> },
}

/// A call to begin.
struct Start {
    /// Its operator is still to be filled in.
    order: Order,
    agent: Agent,
    /// Ids of the media files it plays.
    media: Vec<Value>,
    /// The lengths of the texts it speaks.
    texts: Vec<usize>,
}

/// Who talks to the contact.
enum Agent {
    Operator(String),
    Employee { id: u64, number: Option<String> },
}

impl Task {
    /// Reads a request's token, which all but a login need, and its task.
    fn read(method: &str, mut params: Params) -> Result<(Option<String>, Self), Failure> {
        let is_login = method == "login.user";
        let token = if is_login { None } else { Some(params.required("access_token", params::text)?) };
        let task = match method {
            "login.user" => Self::LogIn {
                login: params.required("login", params::text)?,
                password: params.required("password", params::text)?,
            },
            "release.call" => Self::Release { session: params.required("call_session_id", params::number)? },
            "list.calls" => {
                let is_russian = |text: &str| text.starts_with('7') && params::is_phone(text);
                Self::List {
                    way: params.optional("direction", |value| params::word(value, &[("in", "in"), ("out", "out")]))?,
                    number: params.optional("virtual_phone_number", |value| params::text_where(value, is_russian))?,
                }
            }
            start => Self::Start(Box::new(Start::read(start == "start.simple_call", &mut params)?)),
        };
        params.end()?;
        Ok((token, task))
    }

    fn run(self, uis: &mut Uis, arrival: Option<i64>) -> Result<Value, Failure> {
        if let Some(at) = arrival {
            uis.sessions.note_telling(at);
        }
        match self {
            Self::LogIn { login, password } => {
                if login != UIS_LOGIN || password != UIS_PASSWORD {
                    return Err(failure("auth_error"));
                }
                let (access_token, ends_at) = uis.issue(Version::V4);
                Ok(json!({ "access_token": access_token, "expire_at": ends_at / 1000 }))
            }
            Self::Start(start) => start.run(uis, arrival),
            Self::Release { session } => match uis.sessions.end(&format!("uis-{session}")) {
                // A text here, a boolean elsewhere.
                Ok(()) => Ok(json!({ "success": "true" })),
                Err(_) => Err(failure("call_session_not_found").of("call_session_id", json!(session))),
            },
            Self::List { way, number } => {
                let linger = i64::from(uis.rules.linger) * 1000;
                Ok(uis.sessions.list(linger, way, number.as_deref(), arrival))
            }
        }
    }
}

impl Start {
    fn read(simple: bool, params: &mut Params) -> Result<Self, Failure> {
        let name = if simple { "operator" } else { "employee" };
        let (mut media, mut texts) = (Vec::new(), Vec::new());
        let sides = [(name, Side::Operator), ("contact", Side::Contact)];
        let first = params.required("first_call", |value| params::word(value, &sides))?;
        let switched = params.optional("switch_at_once", params::flag)?.unwrap_or(false);
        let early = params.optional("early_switching", params::flag)?.unwrap_or(false);
        media.extend(params.optional("media_file_id", params::number)?.map(Value::from));
        let virtual_number = params.required("virtual_phone_number", params::phone)?;
        params.optional("show_virtual_phone_number", params::flag)?;
        let contact = params.required("contact", params::phone)?;
        let external_id = params.optional("external_id", params::text)?;
        let dtmf = params.optional("dtmf_string", |value| {
            params::text_where(value, |text| text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '*' | '#')))
        })?;
        let way = params.optional("direction", |value| params::word(value, &[("in", Way::In), ("out", Way::Out)]))?;
        let agent = Agent::read(name, params)?;
        for key in ["contact_message".to_owned(), format!("{name}_message")] {
            let message = params.nested(&key, |message| {
                let spoken =
                    message.required("type", |value| params::word(value, &[("media", false), ("tts", true)]))?;
                Ok((spoken, message.required("value", params::text)?))
            })?;
            match message {
                Some((true, text)) => texts.push(text.chars().count()),
                Some((false, file)) => media.push(file.into()),
                None => {}
            }
        }
        if early && !(switched && first == Side::Operator) {
            let reason = "early_switching without switch_at_once, or with the contact first";
            return Err(failure("invalid_parameters_combination").of("early_switching", true.into()).violates(reason));
        }
        let order = Order {
            version: Version::V4,
            way: way.unwrap_or(if simple { Way::In } else { Way::Out }),
            first: First::One(first),
            virtual_number,
            contact,
            operator: String::new(),
            employee: None,
            external_id,
            dtmf,
        };
        Ok(Self { order, agent, media, texts })
    }

    fn run(mut self, uis: &mut Uis, arrival: Option<i64>) -> Result<Value, Failure> {
        self.check(uis)?;
        match self.agent {
            Agent::Operator(number) => self.order.operator = number,
            Agent::Employee { id, number } => {
                let (employee, number) = find_employee(id, number.as_deref())?;
                self.order.employee = Some(employee);
                self.order.operator = number.to_owned();
            }
        }
        let order = self.order;
        let twice = order.external_id.is_some()
            && uis.sessions.iter().any(|session| session.order.external_id == order.external_id);
        if twice {
            return Err(failure("internal_error").violates("a second call under one `external_id`"));
        }
        let vanish = order.contact.ends_with("0001");
        let id = uis.sessions.start(order, vanish);
        if arrival.is_some() {
            uis.sessions.tell(id);
        }
        Ok(json!({ "call_session_id": id }))
    }

    /// What only the exchange can know to be wrong.
    fn check(&self, uis: &Uis) -> Result<(), Failure> {
        let Order { virtual_number, contact, .. } = &self.order;
        let is_ours = |number: &str| UIS_VIRTUAL_NUMBERS.contains(&number);
        if let Some(length) = self.texts.iter().find(|length| **length > LONGEST_TTS) {
            return Err(failure("tts_text_exceeded")
                .param("tts_message_max_length", LONGEST_TTS.into())
                .param("sent_tts_message_length", (*length).into()));
        }
        let known = |file: &Value| UIS_MEDIA.iter().any(|id| *file == *id || *file == *id.to_string());
        if let Some(file) = self.media.iter().find(|file| !known(file)) {
            return Err(failure("media_file_not_found").param("media_file_id", file.clone()));
        }
        if !is_ours(virtual_number) {
            return Err(failure("virtual_phone_number_not_found")
                .of("virtual_phone_number", virtual_number.as_str().into())
                .param("virtual_phone_number", virtual_number.as_str().into()));
        }
        if is_ours(contact) {
            return Err(failure("own_virtual_phone_number_not_allowed").of("contact", contact.as_str().into()));
        }
        if uis.rules.blacklisted(contact) {
            return Err(failure("contact_in_blacklist")
                .of("contact", contact.as_str().into())
                .param("contact", contact.as_str().into()));
        }
        if uis.rules.forbids(contact) {
            let mut refused = failure("forbidden").of("contact", contact.as_str().into());
            // The group of codes for directions and the black list; the document gives no mnemonic of its own.
            refused.code = -32002;
            return Err(refused);
        }
        Ok(())
    }
}

impl Agent {
    /// Reads the parameter of this name: an employee, or an operator's number. The document's sample writes an operator as
    /// an employee.
    fn read(name: &str, params: &mut Params) -> Result<Self, Wrong> {
        let by_number = name == "operator";
        if by_number && !params.is_object(name) {
            return Ok(Self::Operator(params.required(name, params::phone)?));
        }
        let agent = params.nested(name, |agent| {
            let id = agent.required("id", params::number)?;
            if by_number {
                return Ok(Self::Operator(agent.required("phone_number", params::phone)?));
            }
            Ok(Self::Employee { id, number: agent.optional("phone_number", params::text)? })
        })?;
        agent.ok_or_else(|| params.wrong(name, Flaw::Missing))
    }
}

/// The employee and which of their numbers is rung.
fn find_employee(id: u64, number: Option<&str>) -> Result<(&'static Employee, &'static str), Failure> {
    let Some(employee) = EMPLOYEES.iter().find(|employee| employee.id == id) else {
        return Err(failure("employee_not_found").of("employee.id", id.into()).param("employee_id", id.into()));
    };
    match employee.numbers.iter().find(|own| number.is_none_or(|number| number == **own)) {
        Some(own) => Ok((employee, own)),
        None => Err(failure("no_active_phone_number").of("employee.phone_number", number.into())),
    }
}
