//! What goes wrong at UIS, as problems: each code of version 1, each mnemonic of version 4.0, and answers that are none.

use super::rpc::{Fault, Limits};
use crate::{
    problem::{Code, Problem},
    settings::UisVersion,
};

/// The longest explanation kept, in characters.
const LONGEST: usize = 300;

/// The secret that a request shows, which is what a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    /// The login and the password.
    Login,
    /// The session key that they brought.
    SessionKey,
    /// The permanent key.
    Token,
}

/// Why a request has no result.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Failure {
    /// No answer came.
    Silence,
    /// An answer came with this status, and explains nothing.
    Status(u16),
    /// An answer came, and it is no answer to this request.
    Unreadable,
    /// The service says why.
    Fault(Box<Fault>),
}

impl Failure {
    /// What to say where nothing was to be dialled.
    pub fn problem(&self, version: UisVersion, secret: Secret, origin: &str) -> Problem {
        let host = origin.split_once("://").map_or(origin, |(_, host)| host);
        match self {
            Self::Silence => Problem::about(Code::UisUnreachable, &[host]),
            Self::Status(status) => Problem::about(Code::UisStatus, &[&status.to_string()]),
            Self::Unreadable => Problem::about(Code::UisUnexpectedAnswer, &[host]),
            Self::Fault(fault) => fault.problem(version, secret),
        }
    }
}

impl Fault {
    /// Whether the session key is not good any more: the request was not executed, and a new key will do.
    pub fn is_of_session(&self, version: UisVersion, secret: Secret) -> bool {
        let told = match version {
            UisVersion::V1 => matches!(self.code, -32005 | -32002),
            UisVersion::V4 => {
                self.code == -32001 && matches!(self.mnemonic(), "access_token_expired" | "access_token_invalid")
            }
        };
        told && secret == Secret::SessionKey
    }

    /// Whether the limits are exceeded.
    pub fn is_of_limits(&self, version: UisVersion) -> bool {
        match version {
            UisVersion::V1 => self.code == -32004,
            UisVersion::V4 => self.code == -32029,
        }
    }

    /// Whether the tariff or the user's rights do not have the method.
    pub fn is_of_rights(&self, version: UisVersion) -> bool {
        version == UisVersion::V4 && matches!(self.mnemonic(), "component_disabled" | "forbidden")
    }

    /// What to say.
    pub fn problem(&self, version: UisVersion, secret: Secret) -> Problem {
        if self.message.to_ascii_lowercase().contains("version not supported") {
            return Problem::new(Code::UisVersionUnsupported);
        }
        let by_mnemonic = match self.mnemonic() {
            "access_token_expired" if secret == Secret::Token => Some(Code::UisTokenExpired),
            "access_token_blocked" => Some(Code::UisTokenBlocked),
            "auth_error" => Some(Code::UisLoginRefused),
            "contact_in_blacklist" => Some(Code::UisContactBlocked),
            "ip_not_whitelisted" => Some(Code::UisAddressRefused),
            "call_session_not_found" => Some(Code::HangUpOver),
            "tts_text_exceeded" => Some(Code::UisTextTooLong),
            "media_file_not_found" => Some(Code::UisMediaNotFound),
            "employee_not_found" => Some(Code::UisEmployeeNotFound),
            "no_active_phone_number" => Some(Code::UisEmployeeUnreachable),
            "own_virtual_phone_number_not_allowed" => Some(Code::UisOwnNumber),
            "character_encoding_not_allowed" => Some(Code::UisRequestRefused),
            _ => None,
        };
        match by_mnemonic.unwrap_or_else(|| self.by_code(version, secret)) {
            Code::UisAddressRefused => match self.param("ip") {
                Some(address) => Problem::about(Code::UisNamedAddressRefused, &[&address]),
                None => Problem::new(Code::UisAddressRefused),
            },
            Code::UisLimit => self.limit(),
            code @ (Code::UisWrongParameter | Code::UisRequestRefused | Code::UisRefused) => {
                Problem::about(code, &[&self.words()])
            }
            code => Problem::new(code),
        }
    }

    fn by_code(&self, version: UisVersion, secret: Secret) -> Code {
        let of_secret = match secret {
            Secret::Login => Code::UisLoginRefused,
            Secret::SessionKey => Code::UisSessionRefused,
            Secret::Token => Code::UisTokenRefused,
        };
        match (version, self.code) {
            (_, -32700 | -32600) => Code::UisRequestRefused,
            (_, -32601) => Code::UisMethodUnknown,
            (_, -32602) => Code::UisWrongParameter,
            (_, -32603) => Code::UisInternalError,
            (UisVersion::V1, -32001) => Code::UisAddressRefused,
            (UisVersion::V1, -32002 | -32005) | (UisVersion::V4, -32001) => of_secret,
            // Of a wrong login or password, too.
            (UisVersion::V1, -32003) if secret == Secret::Login => Code::UisLoginRefused,
            (_, -32003) => Code::UisForbidden,
            (UisVersion::V1, -32004) | (UisVersion::V4, -32029) => Code::UisLimit,
            (UisVersion::V4, -32002) => Code::UisDirectionForbidden,
            (UisVersion::V4, -32004) => Code::UisWrongState,
            (UisVersion::V4, -32007) => Code::UisVirtualNumberNotFound,
            (UisVersion::V4, -32008) => Code::UisComponentDisabled,
            (UisVersion::V4, -32009) => Code::UisAccountInactive,
            (UisVersion::V4, -32099) => Code::UisRequestRefused,
            _ => Code::UisRefused,
        }
    }

    fn limit(&self) -> Problem {
        let limits = self.limits().unwrap_or_default();
        let is_of = |name| self.param("limit_type").as_deref() == Some(name);
        match limits {
            Limits { day_reset: Some(wait), .. } if is_of("day") || limits.day_remaining == Some(0) => {
                let minutes = wait.div_ceil(60);
                Problem::about(Code::UisDayLimit, &[&(minutes / 60).to_string(), &(minutes % 60).to_string()])
            }
            Limits { minute_reset: Some(wait), .. } => Problem::about(Code::UisMinuteLimit, &[&wait.to_string()]),
            _ => Problem::new(Code::UisLimit),
        }
    }

    /// What it is about: a parameter's name, else the service's own words, else the bare code.
    fn words(&self) -> String {
        let field = self.data.as_ref().and_then(|data| data.field.as_ref());
        let words = [field, self.details.as_ref(), Some(&self.message)].into_iter().flatten();
        let words = words.map(|words| words.trim()).find(|words| !words.is_empty());
        words.map_or_else(|| self.code.to_string(), |words| words.chars().take(LONGEST).collect())
    }
}
