//! What the relay and an agent's browser say to each other: JSON text frames over one WebSocket, which the browser opens.
//!
//! The browser says [`FromAgent::Hello`] first and hears [`ToAgent::Welcome`], or [`ToAgent::Refused`] and the end of the socket. From
//! then on the relay sends pings, commands, and what it hands out anew; the browser answers each ping and each command once. The
//! answer to a command goes to the socket that it came by, or nowhere: where that is gone, the relay has told the CRM already that
//! nobody knows.

use serde::Serialize;

use crate::{
    Millis,
    json::{self, Fields},
    private::Private,
    problem::Problem,
};

/// The path of the agents' WebSocket at the relay.
pub const PATH: &str = "/agents/v1";
/// How often the relay pings: well within the idle times of proxies, which are a minute at least.
pub const HEARTBEAT: Millis = Millis::secs(20);
/// A side that has heard nothing for so long takes the connection for dead.
pub const SILENCE: Millis = Millis::secs(50);
/// The most bytes of a command's id, and of a name in it, such as `communicationId`.
pub const LONGEST_NAME: usize = 200;
/// The most bytes of a frame that a browser sends.
pub const LARGEST_FROM_AGENT: usize = 4 * 1024;
/// The most bytes of a frame that the relay sends: a directory of some thousand people.
pub const LARGEST_TO_AGENT: usize = 1024 * 1024;

/// What a browser says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum FromAgent {
    /// The first frame.
    Hello {
        /// The agent's token.
        token: Private<String>,
        /// The extension's version.
        version: String,
        /// A number that this browser gives itself: its new connection takes the place of one that is dead, though nobody noticed.
        #[serde(skip_serializing_if = "Option::is_none")]
        browser: Option<u32>,
    },
    /// The user is at this browser: of an agent's browsers, a command goes to the last active one. Said at most every half minute.
    Active,
    /// The answer to a ping.
    Pong,
    /// The CRM refused the AccessKey that was handed out last: another one is wanted. Said once of each key.
    KeyRefused,
    /// The answer to a command.
    Answer {
        /// The command's id.
        id: String,
        /// What became of it.
        #[serde(flatten)]
        outcome: Outcome,
    },
}

/// What became of a command, as the browser tells it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub enum Outcome {
    /// The exchange has taken it.
    Accepted,
    /// It was not carried out, and will not be.
    Refused {
        /// Why.
        problem: Problem,
    },
    /// It was handed to the exchange, which has not said what became of it.
    Unknown {
        /// What is not known.
        problem: Problem,
    },
}

/// What the relay says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ToAgent {
    /// The token is good. All that the relay hands out follows from it.
    Welcome {
        /// The relay's clock.
        now: Millis,
        /// What the relay hands out.
        #[serde(flatten)]
        handed: Handed,
    },
    /// What the relay hands out has changed; it replaces what was handed out before.
    Handed(Handed),
    /// The token is not good, or the relay takes nobody: the socket ends.
    Refused {
        /// Why.
        reason: RefusedReason,
    },
    /// To be answered by [`FromAgent::Pong`].
    Ping {
        /// The relay's clock.
        now: Millis,
    },
    /// Something to be done, and then answered by [`FromAgent::Answer`].
    Command {
        /// Its id: the same one is never carried out twice.
        id: String,
        /// After this moment, by the relay's clock, it is refused.
        expires_at: Millis,
        /// What.
        #[serde(flatten)]
        command: Command,
    },
}

/// Why an agent is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RefusedReason {
    /// The token is unknown or was revoked.
    Token,
    /// The relay has as many connections as it takes, of this agent or of all.
    Full,
    /// The first frame was no `hello`, or came too late.
    Hello,
}

/// What the relay hands out to its agents.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Handed {
    /// Who is who; empty where the administrator keeps it elsewhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub directory: Vec<Listed>,
    /// A key to the CRM, where the administrator chooses so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<HandedKey>,
}

/// One line of the directory.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// The internal number at the exchange.
    pub ext: String,
    /// The user in the CRM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Private<String>>,
}

/// A short-lived AccessKey of the CRM. The relay hands out a fresh one in time.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HandedKey {
    /// The key.
    pub key: Private<String>,
    /// The workspace that it is good for.
    pub workspace: String,
    /// The integration's id in the CRM, where the CRM told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration: Option<String>,
    /// When it ends, by the relay's clock.
    pub ends_at: Millis,
}

/// Something that the CRM asks for by a system call.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "command", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Command {
    /// CALL: dial.
    Call {
        /// `communicationId`: the call that follows bears it.
        communication: String,
        /// Whom: a client's number, digits only, or a colleague's internal number.
        number: Private<String>,
        /// Whether it is an internal number.
        internal: bool,
    },
    /// HANGUP: hang up.
    HangUp {
        /// `realtimeCallItemId`: the leg.
        leg: String,
    },
}

impl FromAgent {
    /// Reads a frame; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let value = json::parse(text)?;
        let fields = Fields::of(&value)?;
        Some(match fields.text("kind")?.as_str() {
            "hello" => Self::Hello {
                token: fields.private("token")?,
                version: fields.text("version")?,
                browser: fields.number("browser"),
            },
            "active" => Self::Active,
            "pong" => Self::Pong,
            "keyRefused" => Self::KeyRefused,
            "answer" => Self::Answer { id: fields.text("id")?, outcome: Outcome::read(fields)? },
            _ => return None,
        })
    }

    /// The frame.
    pub fn to_json(&self) -> Private<String> {
        written(self)
    }
}

impl Outcome {
    /// Reads it where it stands among other fields.
    pub fn read(fields: Fields<'_>) -> Option<Self> {
        let problem = || Problem::read(fields.object("problem")?);
        Some(match fields.text("outcome")?.as_str() {
            "accepted" => Self::Accepted,
            "refused" => Self::Refused { problem: problem()? },
            "unknown" => Self::Unknown { problem: problem()? },
            _ => return None,
        })
    }
}

impl ToAgent {
    /// Reads a frame; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let value = json::parse(text)?;
        let fields = Fields::of(&value)?;
        Some(match fields.text("kind")?.as_str() {
            "welcome" => Self::Welcome { now: fields.millis("now")?, handed: Handed::read(fields) },
            "handed" => Self::Handed(Handed::read(fields)),
            "refused" => Self::Refused { reason: RefusedReason::read(&fields.text("reason")?)? },
            "ping" => Self::Ping { now: fields.millis("now")? },
            "command" => Self::Command {
                id: fields.text("id")?,
                expires_at: fields.millis("expiresAt")?,
                command: Command::read(fields)?,
            },
            _ => return None,
        })
    }

    /// The frame.
    pub fn to_json(&self) -> Private<String> {
        written(self)
    }
}

impl RefusedReason {
    fn read(name: &str) -> Option<Self> {
        Some(match name {
            "token" => Self::Token,
            "full" => Self::Full,
            "hello" => Self::Hello,
            _ => return None,
        })
    }
}

impl Handed {
    /// Reads it where it stands among other fields.
    pub fn read(fields: Fields<'_>) -> Self {
        let listed = |line: Fields<'_>| {
            Some(Listed { ext: line.text("ext")?, user_id: line.text("userId"), name: line.private("name") })
        };
        let access = |key: Fields<'_>| {
            Some(HandedKey {
                key: key.private("key")?,
                workspace: key.text("workspace")?,
                integration: key.text("integration"),
                ends_at: key.millis("endsAt")?,
            })
        };
        Self {
            directory: fields.objects("directory").filter_map(listed).collect(),
            access: fields.object("access").and_then(access),
        }
    }
}

impl Command {
    fn read(fields: Fields<'_>) -> Option<Self> {
        Some(match fields.text("command")?.as_str() {
            "call" => Self::Call {
                communication: fields.text("communication")?,
                number: fields.private("number")?,
                internal: fields.flag("internal")?,
            },
            "hangUp" => Self::HangUp { leg: fields.text("leg")? },
            _ => return None,
        })
    }
}

/// As JSON; the types that leave here cannot fail to be written.
fn written(frame: &impl Serialize) -> Private<String> {
    Private::new(serde_json::to_string(frame).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Code;

    #[test]
    fn what_one_side_writes_the_other_reads() {
        let problem = || Problem::about(Code::DialRefused, &["занято"]);
        for frame in [
            FromAgent::Hello { token: Private::new("t".to_owned()), version: "0.1.0".to_owned(), browser: None },
            FromAgent::Hello { token: Private::new("t".to_owned()), version: "0.1.0".to_owned(), browser: Some(7) },
            FromAgent::Active,
            FromAgent::Pong,
            FromAgent::KeyRefused,
            FromAgent::Answer { id: "1".to_owned(), outcome: Outcome::Accepted },
            FromAgent::Answer { id: "1".to_owned(), outcome: Outcome::Refused { problem: problem() } },
            FromAgent::Answer { id: "1".to_owned(), outcome: Outcome::Unknown { problem: problem() } },
        ] {
            assert_eq!(FromAgent::parse(frame.to_json().reveal()), Some(frame));
        }
        let handed = || Handed {
            directory: vec![Listed {
                ext: "001".to_owned(),
                user_id: Some("u".to_owned()),
                name: Some(Private::new("Анна".to_owned())),
            }],
            access: Some(HandedKey {
                key: Private::new("k".to_owned()),
                workspace: "w".to_owned(),
                integration: None,
                ends_at: Millis(2),
            }),
        };
        let command = |command| ToAgent::Command { id: "1".to_owned(), expires_at: Millis(3), command };
        for frame in [
            ToAgent::Welcome { now: Millis(1), handed: handed() },
            ToAgent::Welcome { now: Millis(1), handed: Handed::default() },
            ToAgent::Handed(handed()),
            ToAgent::Refused { reason: RefusedReason::Token },
            ToAgent::Ping { now: Millis(1) },
            command(Command::Call {
                communication: "c".to_owned(),
                number: Private::new("79451235489".to_owned()),
                internal: false,
            }),
            command(Command::HangUp { leg: "l".to_owned() }),
        ] {
            assert_eq!(ToAgent::parse(frame.to_json().reveal()), Some(frame));
        }
    }

    #[test]
    fn what_is_no_frame_is_none() {
        for text in ["", "7", "{}", r#"{"kind":"hello"}"#, r#"{"kind":"answer","id":"1","outcome":"perhaps"}"#] {
            assert_eq!(FromAgent::parse(text), None, "{text}");
        }
        for text in
            ["", "[]", r#"{"kind":"welcome"}"#, r#"{"kind":"command","id":"1","expiresAt":1,"command":"dance"}"#]
        {
            assert_eq!(ToAgent::parse(text), None, "{text}");
        }
    }
}
