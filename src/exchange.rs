//! What exchanges have in common: the events they tell of calls, and the port by which one that is asked over HTTP is joined.
//!
//! Phonet tells by a socket and has a history: the core leads it itself. Any other exchange implements [`Exchange`] in a folder of its
//! own; beside that it has a name in [`ExchangeName`], a section in the settings, a session key in `core::io::Session`, and a line where
//! `core::bridge` makes it and where the check of the connections asks it.

use std::fmt;

use serde::Serialize;

use crate::{
    Millis,
    http::{AccessKey, HttpAnswer, HttpFailure, HttpRequest},
    json::Fields,
    private::Private,
    problem::Problem,
};

/// The exchanges there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ExchangeName {
    /// Phonet.
    Phonet,
    /// UIS (CoMagic).
    Uis,
}

impl ExchangeName {
    /// As it is written in the settings and stored.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Phonet => "phonet",
            Self::Uis => "uis",
        }
    }

    /// Reads it as it is written.
    pub fn read(name: &str) -> Option<Self> {
        [Self::Phonet, Self::Uis].into_iter().find(|exchange| exchange.name() == name)
    }
}

/// What an exchange can do; people are shown only that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Abilities {
    /// Ring the agent and then a number.
    pub dial: bool,
    /// End a call.
    pub hang_up: bool,
    /// Tell how a call goes on, so that the CRM is told of it.
    pub follow: bool,
    /// Tell of calls that are over, with their recordings.
    pub history: bool,
    /// Say whether the agent is away.
    pub presence: bool,
}

impl Abilities {
    /// Phonet's.
    pub const PHONET: Self = Self { dial: true, hang_up: true, follow: true, history: true, presence: true };
}

/// The port: an exchange that is asked over HTTP, one request at a time. Pure: the bridge asks it for the next request, hands it the
/// answers, and takes its news.
pub trait Exchange {
    /// Which one it is.
    fn name(&self) -> ExchangeName;

    /// What it can do with these settings.
    fn abilities(&self) -> Abilities;

    /// The origin at which it is reached.
    fn origin(&self) -> &str;

    /// Dials a number in E.164. Asked once for each key, after the dial is stored; the answer is [`News::Accepted`],
    /// [`News::Refused`] or [`News::Unknown`].
    fn dial(&mut self, key: &str, number: &Private<String>, now: Millis);

    /// Looks for the call of a dial that an earlier life of the worker sent at this moment, where the exchange can tell.
    fn look_for(&mut self, key: &str, number: &Private<String>, sent_at: Millis);

    /// Follows a call on from where an earlier life of the worker left it: of which it heard last at this moment.
    fn follow(&mut self, call: &str, number: &Private<String>, answered: bool, heard_at: Millis, now: Millis);

    /// Hangs a call up; the answer is [`News::HungUp`].
    fn hang_up(&mut self, call: &str);

    /// Asks whether the key is good; the answer is [`News::Checked`].
    fn check(&mut self);

    /// The next request, if one is due and none is under way.
    fn next(&mut self, http: u32, now: Millis) -> Option<HttpRequest>;

    /// Takes an answer; false where it is to no request of this exchange's.
    fn answered(&mut self, http: u32, result: &Result<HttpAnswer, HttpFailure>, now: Millis) -> bool;

    /// What has come about since it was asked last, oldest first, until there is nothing.
    fn news(&mut self) -> Option<News>;

    /// When a request is due though nothing happens.
    fn next_wake(&self) -> Option<Millis>;

    /// The session key, for memory-only storage.
    fn session(&self) -> Option<&AccessKey>;
}

/// Its name is enough; the rest would take its whole state into the wasm as text.
impl fmt::Debug for dyn Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(f)
    }
}

/// What an exchange says.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// A dial is taken.
    Accepted {
        /// The dial's key.
        key: String,
        /// The call's `externalId`, where the exchange can follow it.
        call: Option<String>,
    },
    /// A dial did not come about.
    Refused {
        /// The dial's key.
        key: String,
        /// Why.
        problem: Problem,
    },
    /// Nobody can say what became of a dial.
    Unknown {
        /// The dial's key.
        key: String,
        /// Why.
        problem: Problem,
    },
    /// Something happened to a call.
    Event(Box<CallEvent>),
    /// A call can be followed no further, and nobody will tell how it ends.
    Lost {
        /// The call's `externalId`.
        call: String,
    },
    /// A call is hung up, or is not.
    HungUp {
        /// The call's `externalId`.
        call: String,
        /// Why not.
        problem: Option<Problem>,
    },
    /// The key is good, or is not.
    Checked {
        /// Why not.
        problem: Option<Problem>,
    },
}

/// What happened to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// `call.dial`: it began to ring.
    Dial,
    /// `call.bridge`: it was answered, or the talk goes on after a hold.
    Bridge,
    /// The talk is on hold. Phonet tells of none.
    Hold,
    /// `call.hangup`: it, or the talk, is over.
    Hangup,
}

impl EventKind {
    /// Its name, as Phonet has it or would.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dial => "call.dial",
            Self::Bridge => "call.bridge",
            Self::Hold => "call.hold",
            Self::Hangup => "call.hangup",
        }
    }
}

/// Which way a leg goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegDirection {
    /// Between colleagues.
    Internal,
    /// To a client.
    Outgoing,
    /// From a client.
    Incoming,
}

/// What a leg leads to or comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntityKind {
    /// An employee.
    User,
    /// A department.
    Group,
    /// An IVR menu.
    Scenario,
}

/// The company's side of a leg.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// User, group or scenario.
    pub kind: EntityKind,
    /// The internal number; a scenario has none.
    pub ext: Option<String>,
    /// The name, as the exchange has it.
    pub name: Option<Private<String>>,
    /// Whether it is this browser's own agent, though the exchange may name no internal number.
    pub own: bool,
}

/// The other party.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Contact {
    /// The number as the exchange writes it; absent where withheld.
    pub number: Option<Private<String>>,
    /// The name, where a CRM connected to the exchange knows it.
    pub name: Option<Private<String>>,
    /// The company, where a CRM connected to the exchange knows it.
    pub company: Option<Private<String>>,
    /// What each of those CRMs has of the number, the one that counts most first.
    pub entries: Vec<Entry>,
}

/// A client in a CRM that is connected to the exchange.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Whether the client is known there.
    pub known: bool,
    /// The name.
    pub name: Option<Private<String>>,
    /// Where the client is shown, or, where unknown, made.
    pub url: Private<String>,
}

impl Entry {
    /// Reads one as it is stored.
    pub fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self { known: fields.flag("known")?, name: fields.private("name"), url: fields.private("url")? })
    }
}

/// Something that happened to a leg of a call, with only what is true in it.
#[derive(Clone, Debug, PartialEq)]
pub struct CallEvent {
    /// Whose call it is.
    pub exchange: ExchangeName,
    /// What happened.
    pub kind: EventKind,
    /// The leg.
    pub uuid: String,
    /// The call that distributed this leg, if one did.
    pub parent_uuid: Option<String>,
    /// Which way the leg goes.
    pub direction: LegDirection,
    /// The user, group or scenario whose leg this is; the caller of an internal call.
    pub leg: Option<Entity>,
    /// The callee of an internal call.
    pub leg2: Option<Entity>,
    /// The client; empty on internal calls.
    pub client: Contact,
    /// When it began to ring.
    pub dial_at: Option<Millis>,
    /// When it was answered.
    pub bridge_at: Option<Millis>,
    /// When the exchange sent the event.
    pub server_time: Option<Millis>,
    /// The company's line; absent on internal calls.
    pub line: Option<Private<String>>,
    /// The caption of that line.
    pub line_name: Option<Private<String>>,
}

impl CallEvent {
    /// Whether it speaks of a group or a scenario that a client's call came to.
    pub fn is_of_entity(&self) -> bool {
        let is_user = self.leg.as_ref().is_none_or(|leg| leg.kind == EntityKind::User);
        self.direction == LegDirection::Incoming && !is_user
    }
}
