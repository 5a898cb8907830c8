//! Waiting for something to happen, so that no test sleeps.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde_json::{Value, json};

use super::verdict::delivered;
use crate::Error;
use crate::world::{Shared, World};

/// What can be waited for; what has already happened since the last reset counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// `socket:<subscriber>`: a socket of this subscriber (extension or e-mail) is open and hears.
    Socket(String),
    /// `registered:<externalId>`: the call is registered in the CRM.
    Registered(String),
    /// `event:<externalId>:<type>`: a `call-event` of this type was accepted.
    Event(String, String),
    /// `dial:<number>`: an exchange accepted a dial to this number; `uuid` is its call's, null where it was lost or
    /// refused. Of several the last.
    Dial(String),
    /// `failed:<communicationId>`: a call that the CRM asked for was told to have failed.
    Failed(String),
    /// `recorded:<externalId>`: a recording of the call is in the CRM.
    Recorded(String),
    /// `requests:<n>`: the ledger has at least so many entries.
    Requests(usize),
    /// `delivered:calls`: every ended call that is owed is registered; `delivered:recordings`: and has its recording.
    Delivered {
        /// Whether recordings are owed too.
        recordings: bool,
    },
}

impl FromStr for Wait {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "`{text}` is none of socket:, registered:, failed:, recorded:, event:, dial:, requests:, delivered:"
            )
        };
        let (kind, rest) = text.split_once(':').filter(|(_, rest)| !rest.is_empty()).ok_or_else(unknown)?;
        match kind {
            "socket" => Ok(Self::Socket(rest.to_owned())),
            "registered" => Ok(Self::Registered(rest.to_owned())),
            "failed" => Ok(Self::Failed(rest.to_owned())),
            "recorded" => Ok(Self::Recorded(rest.to_owned())),
            "delivered" if matches!(rest, "calls" | "recordings") => {
                Ok(Self::Delivered { recordings: rest == "recordings" })
            }
            "dial" => Ok(Self::Dial(rest.to_owned())),
            "requests" => rest.parse().map(Self::Requests).map_err(|_| unknown()),
            "event" => {
                let (id, kind) = rest.rsplit_once(':').ok_or_else(unknown)?;
                Ok(Self::Event(id.to_owned(), kind.to_owned()))
            }
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(subscriber) => write!(f, "socket:{subscriber}"),
            Self::Registered(id) => write!(f, "registered:{id}"),
            Self::Event(id, kind) => write!(f, "event:{id}:{kind}"),
            Self::Dial(number) => write!(f, "dial:{number}"),
            Self::Failed(id) => write!(f, "failed:{id}"),
            Self::Recorded(id) => write!(f, "recorded:{id}"),
            Self::Requests(count) => write!(f, "requests:{count}"),
            Self::Delivered { recordings } => {
                write!(f, "delivered:{}", if *recordings { "recordings" } else { "calls" })
            }
        }
    }
}

impl Wait {
    fn look(&self, world: &World) -> Option<Value> {
        match self {
            Self::Socket(name) => world
                .exchange
                .sockets()
                .iter()
                .find(|socket| socket.belongs_to(name) && !socket.deaf)
                .map(|_| json!({ "ok": true })),
            Self::Registered(id) => world.crm.book.get(id)?.registered.as_ref().map(|_| json!({ "ok": true })),
            Self::Event(id, kind) => {
                let call = world.crm.book.get(id)?;
                call.events.iter().find(|event| event.kind.word() == kind).map(|_| json!({ "ok": true }))
            }
            Self::Dial(number) => {
                let phonet = world.exchange.dialled.iter().rfind(|dialled| dialled.number == *number);
                let phonet = phonet.map(|dialled| (dialled.at, dialled.settled, dialled.uuid.clone()));
                let session = world.uis.sessions.iter().rfind(|session| session.order.contact == *number);
                let session = session.map(|session| (session.created_at, true, Some(session.uuid())));
                let (_, settled, uuid) = phonet.into_iter().chain(session).max_by_key(|(at, ..)| *at)?;
                settled.then(|| json!({ "ok": true, "uuid": uuid }))
            }
            Self::Failed(id) => {
                let failed = world.crm.book.one_to_json(id)?.get("state") == Some(&"failed".into());
                failed.then(|| json!({ "ok": true }))
            }
            Self::Recorded(id) => (!world.crm.book.get(id)?.recordings.is_empty()).then(|| json!({ "ok": true })),
            Self::Delivered { recordings } => delivered(world, *recordings).then(|| json!({ "ok": true })),
            Self::Requests(count) => {
                let seen = world.ledger.entries().len();
                (seen >= *count).then(|| json!({ "ok": true, "requests": seen }))
            }
        }
    }
}

/// Waits until `what` has happened.
pub(crate) async fn wait(shared: &Shared, what: Wait, timeout: Duration) -> Result<Value, Error> {
    let mut changes = shared.changes();
    let happened = async {
        loop {
            if let Some(found) = shared.read(|world| what.look(world)) {
                return Some(found);
            }
            changes.changed().await.ok()?;
        }
    };
    match tokio::time::timeout(timeout, happened).await {
        Ok(Some(found)) => Ok(found),
        Ok(None) | Err(_) => Err(Error::Timeout(what)),
    }
}
