//! The messages between the background and everybody else: one tagged type each way.
//!
//! A [`Request`] is answered by exactly one [`Message`]; a [`Message::View`] or [`Message::Status`] also goes out unasked
//! whenever what it shows has changed, whole each time, so that losing one loses nothing.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    Millis,
    exchange::{Abilities, ExchangeName},
    json::{self, Fields},
    private::Private,
    problem::Problem,
};

/// The most bytes of JSON a request from a page may have.
pub const MAX_PAGE_REQUEST: usize = 256 * 1024;

/// Who sent a request, as the browser says, never as the message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Our content script on a page: hostile until checked.
    Page {
        /// The origin of its document; `null` where the page is none that we answer.
        origin: String,
    },
    /// A page of the extension itself: popup or options.
    Extension,
}

/// What a content script, the popup or the options ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// A content script starts. Answered by [`Message::View`], by [`Message::Reload`] when `version` is not ours, or by
    /// [`Message::Off`].
    Hello {
        /// The version of the extension that the content script came with.
        version: String,
    },
    /// Which parts of these texts are phone numbers? Answered by [`Message::Numbers`].
    FindNumbers {
        /// Returned as it is, so that an answer to text that has changed can be told apart.
        batch: u32,
        /// The texts.
        items: Vec<TextItem>,
    },
    /// The user clicked a number. Answered by [`Message::Dial`].
    Dial {
        /// The click's own idempotency key (a UUID): the same key never dials twice.
        key: String,
        /// The number in E.164, with `+`.
        number: Private<String>,
    },
    /// Hang up the agent's own leg of a live call. Answered by [`Message::HungUp`].
    HangUp {
        /// The call's `externalId`.
        call: String,
    },
    /// Hang up the agent's own leg of the call that goes on; of several, of the one that is talked on. Answered by
    /// [`Message::HungUp`], which names no call where there is none such.
    HangUpCurrent,
    /// Take a call's card away, in every tab. Answered by [`Message::View`].
    DismissCall {
        /// The call's `externalId`.
        call: String,
    },
    /// Show a call's card as one line, or whole, in every tab. Answered by [`Message::View`].
    FoldCall {
        /// The call's `externalId`.
        call: String,
        /// As one line.
        folded: bool,
    },
    /// Put the cards elsewhere, in every tab. Answered by [`Message::View`].
    MoveCards(Place),
    /// The user says that a guess about a number was wrong. Answered by [`Message::View`].
    Correct {
        /// The number as it is written on the page, and nothing else.
        text: Private<String>,
        /// The words that name its field.
        label: Option<String>,
        /// Whether it is a phone.
        phone: bool,
    },
    /// Everything the popup shows. Answered by [`Message::Status`].
    GetStatus,
    /// The user looks at the list of calls: none of them is missed unseen any more. Answered by [`Message::Status`].
    SeeMissed,
    /// Shows the user the phone numbers of a selection before anything is dialled; an empty one takes them away.
    /// Answered by [`Message::Status`].
    Select {
        /// The selection.
        text: Private<String>,
    },
    /// Switch a site on, as soon as the browser grants access to it, or off. Answered by [`Message::Status`].
    SetSite {
        /// Its origin.
        origin: String,
        /// On or off.
        on: bool,
    },
    /// Try the connection to the exchange now instead of waiting. Answered by [`Message::Status`].
    Reconnect,
    /// Send what the CRM refused for this call once more, its recording too. Answered by [`Message::Status`].
    RetryDelivery {
        /// The call's `externalId`.
        call: String,
    },
    /// Send all that waits or was refused, of every call. Answered by [`Message::Status`].
    RetryAll,
    /// Give up what the CRM refused for this call, its recording too. Answered by [`Message::Status`].
    DiscardDelivery {
        /// The call's `externalId`.
        call: String,
    },
    /// The settings without their secrets. Answered by [`Message::Settings`].
    GetSettings,
    /// Change single settings, all or none of them. Answered by [`Message::Settings`] or [`Message::Invalid`].
    ChangeSettings {
        /// By path, as in `phonet.domain`; `null` takes the user's own value away.
        changes: Private<Map<String, Value>>,
    },
    /// Take all settings of the user's own away, with their secrets. Answered by [`Message::Settings`].
    ResetSettings,
    /// Take the last change of the settings back. Answered by [`Message::Settings`] or [`Message::Invalid`].
    UndoSettings,
    /// The user's own settings as a file. Answered by [`Message::Exported`].
    ExportSettings {
        /// Whether its secrets are wanted, too.
        secrets: bool,
    },
    /// Who the exchange's users are. Answered by [`Message::People`], or by [`Message::Invalid`] where it does not tell.
    ListUsers,
    /// Read a list of employees, without taking it. Answered by [`Message::People`].
    ReadPeople {
        /// As CSV: see `settings::read_people`.
        text: Private<String>,
    },
    /// Take back what was said of such numbers in fields of this name. Answered by [`Message::Settings`].
    ForgetCorrection {
        /// The correction's own.
        label: Option<String>,
        /// The correction's own.
        pattern: String,
    },
    /// Replace the settings; a secret left out stays as it was. Answered by [`Message::Settings`] or [`Message::Invalid`].
    SaveSettings {
        /// The settings document, as JSON text: a whole file may be given as it is.
        document: String,
    },
    /// What the CRM knows of the integration. Answered by [`Message::Integration`] or [`Message::Invalid`].
    GetIntegration,
    /// Activate a public integration. Answered as [`Request::GetIntegration`].
    SetUpIntegration {
        /// Its arguments: a JSON object, as text. May hold secrets.
        arguments: Private<String>,
    },
    /// Switch the CRM's system calls on or off. Answered as [`Request::GetIntegration`].
    SetFeatures {
        /// CALL.
        call: bool,
        /// HANGUP.
        hang_up: bool,
    },
    /// Register, change or disable a web hook. Answered as [`Request::GetIntegration`].
    SetWebHook {
        /// Which.
        hook: HookName,
        /// On or off.
        on: bool,
        /// Its period.
        minutes: u32,
    },
    /// Try each service with the saved settings. Answered by [`Message::Checks`], which also goes out at every step.
    CheckConnection,
    /// The log for the support. Answered by [`Message::Log`].
    ExportLog,
}

impl Request {
    /// Reads a request; `None` when it is none, or brings a field that its kind does not have.
    pub fn parse(json: &str) -> Option<Self> {
        let value = json::parse(json)?;
        let fields = Fields::of(&value)?;
        let (request, arguments) = match fields.text("kind")?.as_str() {
            "hello" => (Self::Hello { version: fields.text("version")? }, 1),
            "findNumbers" => {
                let items = fields.value("items")?.as_array()?.iter().map(TextItem::read).collect::<Option<_>>()?;
                (Self::FindNumbers { batch: fields.number("batch")?, items }, 2)
            }
            "dial" => (Self::Dial { key: fields.text("key")?, number: fields.private("number")? }, 2),
            "hangUp" => (Self::HangUp { call: fields.text("call")? }, 1),
            "hangUpCurrent" => (Self::HangUpCurrent, 0),
            "dismissCall" => (Self::DismissCall { call: fields.text("call")? }, 1),
            "foldCall" => (Self::FoldCall { call: fields.text("call")?, folded: fields.flag("folded")? }, 2),
            "moveCards" => (Self::MoveCards(Place::read(fields)?), 2),
            "correct" => {
                let label = fields.text("label");
                let count = 2 + usize::from(label.is_some());
                (Self::Correct { text: fields.private("text")?, label, phone: fields.flag("phone")? }, count)
            }
            "getStatus" => (Self::GetStatus, 0),
            "seeMissed" => (Self::SeeMissed, 0),
            "select" => (Self::Select { text: fields.private("text")? }, 1),
            "setSite" => (Self::SetSite { origin: fields.text("origin")?, on: fields.flag("on")? }, 2),
            "reconnect" => (Self::Reconnect, 0),
            "retryDelivery" => (Self::RetryDelivery { call: fields.text("call")? }, 1),
            "retryAll" => (Self::RetryAll, 0),
            "discardDelivery" => (Self::DiscardDelivery { call: fields.text("call")? }, 1),
            "getSettings" => (Self::GetSettings, 0),
            "forgetCorrection" => {
                let label = fields.text("label");
                let count = 1 + usize::from(label.is_some());
                (Self::ForgetCorrection { label, pattern: fields.text("pattern")? }, count)
            }
            "changeSettings" => {
                let changes = fields.value("changes")?.as_object()?.clone();
                (Self::ChangeSettings { changes: Private::new(changes) }, 1)
            }
            "resetSettings" => (Self::ResetSettings, 0),
            "undoSettings" => (Self::UndoSettings, 0),
            "exportSettings" => (Self::ExportSettings { secrets: fields.flag("secrets")? }, 1),
            "listUsers" => (Self::ListUsers, 0),
            "readPeople" => (Self::ReadPeople { text: fields.private("text")? }, 1),
            "saveSettings" => (Self::SaveSettings { document: fields.text("document")? }, 1),
            "getIntegration" => (Self::GetIntegration, 0),
            "setUpIntegration" => (Self::SetUpIntegration { arguments: fields.private("arguments")? }, 1),
            "setFeatures" => (Self::SetFeatures { call: fields.flag("call")?, hang_up: fields.flag("hangUp")? }, 2),
            "setWebHook" => {
                let (hook, on) = (HookName::read(&fields.text("hook")?)?, fields.flag("on")?);
                (Self::SetWebHook { hook, on, minutes: fields.number("minutes")? }, 3)
            }
            "checkConnection" => (Self::CheckConnection, 0),
            "exportLog" => (Self::ExportLog, 0),
            _ => return None,
        };
        (fields.count() == arguments + 1).then_some(request)
    }
}

/// Where the cards stand: of the space that the window leaves them, in thousandths from its left and its upper edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// 0 at the left edge, 1000 at the right one.
    pub x: u32,
    /// 0 at the upper edge, 1000 at the lower one.
    pub y: u32,
}

impl Place {
    /// The farthest right, and the farthest down.
    const END: u32 = 1000;

    /// Reads one, as it is stored or sent; none that is not in the window.
    pub fn read(fields: Fields<'_>) -> Option<Self> {
        let part = |name| fields.number(name).filter(|part| *part <= Self::END);
        Some(Self { x: part("x")?, y: part("y")? })
    }
}

impl Default for Place {
    fn default() -> Self {
        Self { x: Self::END, y: Self::END }
    }
}

/// One text of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct TextItem {
    /// The page's name for it.
    pub id: u32,
    /// The text as it stands on the page, or the address of a `tel:` link.
    pub text: Private<String>,
    /// The words that name the field: its label or its column's header.
    pub label: Option<String>,
}

impl TextItem {
    fn read(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        let label = fields.text("label");
        let count = 2 + usize::from(label.is_some());
        let item = Self { id: fields.number("id")?, text: fields.private("text")?, label };
        (fields.count() == count).then_some(item)
    }
}

/// What the background says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Message {
    /// What a page shows.
    View(PageView),
    /// Trubka does not work on this site, or not any more: a page of it puts its part away.
    Off {
        /// The site's origin.
        origin: String,
    },
    /// The content script is older than the extension: the page must be reloaded.
    Reload {
        /// The sentence to show.
        problem: Problem,
    },
    /// The phone numbers found.
    Numbers {
        /// The request's batch.
        batch: u32,
        /// Only the texts that hold a number.
        items: Vec<FoundItem>,
    },
    /// What became of a click.
    Dial {
        /// The dial with the request's key, or the one that keeps it from going out.
        dial: DialView,
    },
    /// What became of hanging up.
    HungUp {
        /// The call's `externalId`.
        call: String,
        /// Why the exchange did not hang up, or nothing.
        #[serde(skip_serializing_if = "Option::is_none")]
        problem: Option<Problem>,
    },
    /// What the popup shows.
    Status(Box<StatusView>),
    /// The settings in force.
    Settings(SettingsView),
    /// The user's own settings as a file.
    Exported {
        /// The document, as JSON text.
        document: Private<String>,
    },
    /// Employees: the exchange's users, or those of a list.
    People {
        /// In the order of the list.
        people: Vec<PersonView>,
        /// What is wrong with it, line by line.
        problems: Vec<Problem>,
    },
    /// The integration as the CRM knows it.
    Integration(IntegrationView),
    /// The settings were not taken, or the CRM refused a change, and nothing has changed.
    Invalid {
        /// Each thing that is wrong.
        problems: Vec<Problem>,
    },
    /// What the check of the connections found, a line each.
    Checks {
        /// The steps in the order in which they were tried.
        items: Vec<CheckItem>,
    },
    /// The log for the support: no keys, names or numbers.
    Log {
        /// A line for each event, the oldest first.
        text: String,
    },
    /// The request could not be served.
    Refused {
        /// Why.
        problem: Problem,
    },
}

/// The numbers in one text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoundItem {
    /// The page's name for the text.
    pub id: u32,
    /// In the order of the text.
    pub matches: Vec<FoundNumber>,
}

/// One phone number in a text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoundNumber {
    /// Where it starts, in UTF-16 units, as JavaScript counts.
    pub start: u32,
    /// Where it ends, exclusive, in UTF-16 units.
    pub end: u32,
    /// The number in E.164, with `+`.
    pub e164: Private<String>,
    /// The number for people, in its international format.
    pub display: Private<String>,
    /// The extension behind it, digits only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ext: Option<String>,
}

/// The state a page shows: buttons by number, the card by call.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PageView {
    /// What the finder goes by. When it changes, the answers so far count no more.
    pub finder: u32,
    /// The connection to Phonet.
    pub link: LinkView,
    /// What dials.
    pub dialling: DiallingView,
    /// What dials on the sites where it is another exchange, by origin.
    #[serde(serialize_with = "json::pairs")]
    pub elsewhere: Vec<(String, DiallingView)>,
    /// The dials of the last minutes, oldest first.
    pub dials: Vec<DialView>,
    /// The calls that ended less than a minute ago, then the live ones, each oldest first.
    pub calls: Vec<CallView>,
    /// Their cards, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cards: Option<CardsView>,
}

/// The cards of the calls, the same in every tab.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CardsView {
    /// Where they stand.
    pub place: Place,
    /// The calls whose cards were taken away.
    pub dismissed: Vec<String>,
    /// The calls whose cards are one line.
    pub folded: Vec<String>,
}

/// What draws the agent's attention outside the pages.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertsView {
    /// The calls that the browser is to tell of while they ring.
    pub notifications: Vec<NotificationView>,
    /// Whether it tells of them though one of our pages is in sight: there are no cards on it.
    pub in_sight: bool,
    /// How loud it rings, in percent; nothing where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<u8>,
}

/// An incoming call that rings.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationView {
    /// The call's `externalId`.
    pub call: String,
    /// Who calls, where that may be seen on the screen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientView>,
    /// The address of the client's card in the CRM, where it is certain which one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Private<String>>,
    /// Whether it can be hung up.
    pub can_hang_up: bool,
}

/// An exchange as a way to dial.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DiallingView {
    /// Which.
    pub exchange: ExchangeName,
    /// What it can do.
    pub can: Abilities,
    /// Why it cannot dial at present, or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

impl Default for DiallingView {
    fn default() -> Self {
        Self { exchange: ExchangeName::Phonet, can: Abilities::PHONET, problem: None }
    }
}

/// A connection, to Phonet or to the relay, as it truly is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkView {
    /// Where it stands.
    pub state: LinkState,
    /// Since when, in epoch milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Millis>,
    /// When it is tried again, in epoch milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Millis>,
    /// Why it is not live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// Where the connection stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkState {
    /// Not set up.
    #[default]
    Off,
    /// Being opened for the first time.
    Connecting,
    /// Open.
    Live,
    /// Lost, and tried again.
    Reconnecting,
    /// The browser says that there is no network.
    Offline,
    /// The other side refuses the key, the subscriber or the token; tried again rarely.
    Refused,
    /// The browser does not grant access to it.
    PermissionMissing,
}

/// One dial: from the click to the end of its call.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DialView {
    /// The click's idempotency key.
    pub key: String,
    /// The number in E.164, with `+`; a colleague's internal number, where the CRM asked for that.
    pub number: Private<String>,
    /// How far it is.
    pub phase: DialPhase,
    /// Its call's `externalId`, once it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// Why it failed, or what is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// How far a dial is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DialPhase {
    /// Asked of the exchange.
    Dialling,
    /// Its call rings.
    Ringing,
    /// Answered.
    Talking,
    /// Over.
    Ended,
    /// Handed to an exchange that cannot tell how it goes on.
    Placed,
    /// It did not come about; it may be tried again.
    Failed,
    /// Nobody can say whether it rang; it is not repeated by itself.
    Unknown,
}

impl DialPhase {
    /// Whether the dial or its call still goes on.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Dialling | Self::Ringing | Self::Talking)
    }
}

/// One call for the card and the popup.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallView {
    /// The call's `externalId`.
    pub id: String,
    /// Whose call it is.
    pub exchange: ExchangeName,
    /// Which way it goes.
    pub direction: Direction,
    /// Whether it is the agent who is called.
    pub incoming: bool,
    /// How far it is.
    pub phase: CallPhase,
    /// Whether anybody talked, once it has ended.
    pub answered: bool,
    /// Whether a client called in vain, once it has ended. One that rang here in vain and may have been answered elsewhere is not.
    pub missed: bool,
    /// The other party; empty for a withheld number.
    pub client: ClientView,
    /// The client's number in E.164, with `+`, to call back; absent for a colleague and where it is withheld.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_back: Option<Private<String>>,
    /// The company's own line that the client called or was called from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<Private<String>>,
    /// The caption of that line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_name: Option<Private<String>>,
    /// When it began to ring, in epoch milliseconds, by the exchange's clock.
    pub started_at: Millis,
    /// When it was answered, in epoch milliseconds, by the exchange's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Millis>,
    /// When it ended, in epoch milliseconds, by the exchange's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Millis>,
    /// The client's cards in the CRM and in the exchange's address books, or where one is made.
    pub links: Vec<CardLink>,
    /// The names of those who are responsible for the client in the CRM.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub responsible: Vec<Private<String>>,
    /// Whether the agent's own leg of it can be hung up.
    pub can_hang_up: bool,
    /// Whether the CRM has it.
    pub delivery: DeliveryView,
    /// Whether the CRM has its recording: `None` where there is none to come.
    pub recording: DeliveryView,
}

/// Which way a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// A client calls.
    Inbound,
    /// A client is called.
    Outbound,
    /// Colleagues among themselves.
    Internal,
}

impl Direction {
    /// Reads it as it is stored.
    pub fn read(name: &str) -> Option<Self> {
        match name {
            "inbound" => Some(Self::Inbound),
            "outbound" => Some(Self::Outbound),
            "internal" => Some(Self::Internal),
            _ => None,
        }
    }
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CallPhase {
    /// It rings.
    Ringing,
    /// It was answered and goes on.
    Talking,
    /// It is over.
    Ended,
}

/// The other party of a call.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientView {
    /// The name by which the exchange's address book knows the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Private<String>>,
    /// The company by which the exchange's address book knows the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<Private<String>>,
    /// The number for people: international format, or a colleague's extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<Private<String>>,
}

/// One card of the client.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CardLink {
    /// What it is a card of.
    pub card: CardKind,
    /// Its address.
    pub url: Private<String>,
    /// Whether nobody knows the client, and the card is yet to be made.
    #[serde(skip_serializing_if = "is_false")]
    pub is_new: bool,
    /// Whose card it is, where that is not the CRM: the exchange's name, or another host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The name on it, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Private<String>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// What a card is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CardKind {
    /// A person.
    Contact,
    /// A company.
    Company,
    /// A deal.
    Deal,
}

/// Whether the CRM has a call, or its recording.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DeliveryView {
    /// Where it stands.
    pub state: DeliveryState,
    /// Why it waits or was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// Where the delivery of a call or of its recording stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DeliveryState {
    /// Nothing to say: the call goes on, or another browser tells the CRM.
    #[default]
    None,
    /// Something is on its way or waits to be sent.
    Waiting,
    /// The CRM has it all.
    Delivered,
    /// The CRM refused something; to be retried or discarded.
    Failed,
}

/// What the popup shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusView {
    /// The connection to Phonet.
    pub link: LinkView,
    /// What dials from the popup.
    pub dialling: DiallingView,
    /// Every exchange that is set up.
    pub exchanges: Vec<DiallingView>,
    /// The connection to the relay, where one is set up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay: Option<Box<LinkView>>,
    /// What keeps the CRM from being told, if anything does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crm: Option<Problem>,
    /// What keeps the browser's database from saving, if anything does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<Problem>,
    /// The last message of the exchange that could not be read, if one came lately.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Problem>,
    /// «Нет на месте», as the exchange said last; absent while it has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub away: Option<bool>,
    /// Live calls, oldest first.
    pub current: Vec<CallView>,
    /// The last calls that ended, newest first; the database lists the older ones.
    pub recent: Vec<CallView>,
    /// The ended calls of which the CRM has not everything, newest first.
    pub undelivered: Vec<UndeliveredView>,
    /// The ids of the missed calls that the user has not looked at, the oldest first.
    pub missed: Vec<String>,
    /// The dials of the last minutes, oldest first.
    pub dials: Vec<DialView>,
    /// The selection that the user wants to call, until it is dialled or put away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selected: Option<SelectedView>,
    /// The origins of the sites that Trubka works on: switched on, and granted by the browser.
    pub sites: Vec<String>,
    /// Whether the administrator alone says which sites these are.
    pub sites_locked: bool,
    /// Calls of which something waits to be told to the CRM.
    pub waiting: u32,
    /// Calls of which the CRM refused something, or whose recording cannot be had.
    pub failed: u32,
}

/// An ended call of which the CRM has not everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UndeliveredView {
    /// The call's `externalId`.
    pub call: String,
    /// Whether the CRM has it.
    pub delivery: DeliveryView,
    /// Whether the CRM has its recording.
    pub recording: DeliveryView,
}

/// The phone numbers of a selection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SelectedView {
    /// In the order of the text; none where it holds none.
    pub numbers: Vec<FoundNumber>,
}

/// The settings in force, with what stands behind them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SettingsView {
    /// The document without its secrets, as JSON text.
    pub document: String,
    /// Which secrets are set, by path.
    pub secrets: Vec<String>,
    /// What is still to be filled in before a service that is partly set up can be used.
    pub missing: Vec<Problem>,
    /// Which values the administrator has set and the user may change, and has not, by path.
    pub preset: Vec<String>,
    /// Which of them the user has put others over, by path.
    pub overridden: Vec<String>,
    /// Which values the administrator has locked, by path.
    pub locked: Vec<String>,
    /// What is wrong with what the administrator says.
    pub policy: Vec<Problem>,
    /// Whether the last change can be taken back.
    pub undo: bool,
}

/// An employee.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonView {
    /// The extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ext: Option<String>,
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Private<String>>,
    /// The user's id in the CRM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The e-mail address at the exchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// One step of the check of the connections.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckItem {
    /// What is tried; its name is `check_<step>` in the message files.
    pub step: CheckStep,
    /// What came of it.
    pub state: CheckState,
    /// What is wrong, or why it was not tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// What came of a step of the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CheckState {
    /// Nothing yet.
    Waiting,
    /// All is well.
    Passed,
    /// Something is wrong.
    Failed,
    /// It was not tried, for an earlier step failed or nothing can be known of it.
    NotTried,
}

/// What the check of the connections tries, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CheckStep {
    /// The browser lets us reach Phonet.
    PhonetPermission,
    /// Phonet's address leads to Phonet.
    PhonetReachable,
    /// Phonet's key.
    PhonetKey,
    /// The subscriber at Phonet.
    PhonetSubscriber,
    /// The live connection to Phonet.
    PhonetLink,
    /// The browser lets us reach UIS.
    UisPermission,
    /// The address of UIS leads to UIS.
    UisReachable,
    /// This computer's address is on the list of UIS.
    UisAddress,
    /// The key to UIS.
    UisKey,
    /// The virtual number is the company's.
    UisNumber,
    /// The connection to the relay, and its token.
    RelayLink,
    /// The CRM's own buttons are switched on, whose calls the relay brings.
    RelayFeatures,
    /// The browser lets us reach the CRM.
    KonturPermission,
    /// The CRM's address leads to the CRM.
    KonturReachable,
    /// The CRM's key.
    KonturKey,
    /// The key is for this workspace, and the integration is installed in it.
    KonturWorkspace,
    /// The integration works.
    KonturIntegration,
    /// Who the agent is in the CRM.
    KonturUser,
}

impl CheckStep {
    /// The steps of Phonet, in order.
    pub const PHONET: [Self; 5] =
        [Self::PhonetPermission, Self::PhonetReachable, Self::PhonetKey, Self::PhonetSubscriber, Self::PhonetLink];
    /// The steps of UIS, in order.
    pub const UIS: [Self; 5] =
        [Self::UisPermission, Self::UisReachable, Self::UisAddress, Self::UisKey, Self::UisNumber];
    /// The steps of the relay.
    pub const RELAY: [Self; 2] = [Self::RelayLink, Self::RelayFeatures];
    /// The steps of the CRM, in order.
    pub const KONTUR: [Self; 6] = [
        Self::KonturPermission,
        Self::KonturReachable,
        Self::KonturKey,
        Self::KonturWorkspace,
        Self::KonturIntegration,
        Self::KonturUser,
    ];
}

/// The integration as the CRM knows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationView {
    /// Its id, and that of its instance in the workspace.
    pub id: String,
    /// Whether it is a public one, which is to be set up.
    pub is_public: bool,
    /// The workspace it is installed in.
    pub workspace: String,
    /// How it does.
    pub status: InstanceStatus,
    /// Where the CRM's system calls and web hooks go.
    pub base_url: String,
    /// The system calls that the CRM makes.
    pub features: FeaturesView,
    /// The web hooks.
    pub web_hooks: Vec<WebHookView>,
    /// What it was set up with, but for secrets.
    pub settings: Vec<SettingView>,
    /// Whether outgoing calls go through this integration.
    pub main_telephony: MainTelephony,
}

/// The status of an integration's instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum InstanceStatus {
    /// Installed, and not set up.
    NotConfigured,
    /// It works.
    Active,
    /// It rests.
    Paused,
    /// It works, with errors.
    HasErrors,
    /// It does not work.
    Failed,
    /// One that is not known.
    Unknown,
}

/// The system calls that the CRM makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FeaturesView {
    /// CALL.
    pub call: bool,
    /// HANGUP.
    pub hang_up: bool,
    /// Text messages, which no telephone exchange of ours has.
    pub send_sms: bool,
}

/// A web hook.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebHookView {
    /// Its id in the CRM.
    pub id: String,
    /// Which of ours it is, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook: Option<HookName>,
    /// Where it goes, under the integration's own address.
    pub relative_url: String,
    /// Its period, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u32>,
    /// Whether it rests.
    pub disabled: bool,
}

/// The web hooks that a telephony has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum HookName {
    /// `setup/upgrade`: the integration's version has changed.
    Upgrade,
    /// `communications/sync`: the history of calls is to be brought up to date.
    Sync,
}

impl HookName {
    fn read(name: &str) -> Option<Self> {
        match name {
            "upgrade" => Some(Self::Upgrade),
            "sync" => Some(Self::Sync),
            _ => None,
        }
    }
}

/// One of the integration's settings in the CRM.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SettingView {
    /// Its name.
    pub id: String,
    /// Its value.
    pub value: String,
}

/// Which telephony the CRM's outgoing calls go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum MainTelephony {
    /// This integration.
    Ours,
    /// Another one.
    Other,
    /// None is chosen.
    None,
    /// The CRM does not say.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_exactly_what_its_kind_has() {
        let dial = Request::Dial { key: "k".into(), number: "+79161234567".into() };
        assert_eq!(Request::parse(r#"{"kind":"dial","key":"k","number":"+79161234567"}"#), Some(dial));
        let items = vec![TextItem { id: 7, text: "т".into(), label: Some("Телефон".into()) }];
        assert_eq!(
            Request::parse(r#"{"kind":"findNumbers","batch":1,"items":[{"id":7,"text":"т","label":"Телефон"}]}"#),
            Some(Request::FindNumbers { batch: 1, items })
        );
        let moved = Request::MoveCards(Place { x: 0, y: 1000 });
        assert_eq!(Request::parse(r#"{"kind":"moveCards","x":0,"y":1000}"#), Some(moved));
        let correct = Request::Correct { text: "12 34".into(), label: None, phone: false };
        assert_eq!(Request::parse(r#"{"kind":"correct","text":"12 34","phone":false}"#), Some(correct));
        for json in [
            "",
            "7",
            "{}",
            r#"{"kind":"dial","key":"k"}"#,
            r#"{"kind":"dial","key":1,"number":"+7"}"#,
            r#"{"kind":"dial","key":"k","number":"+7","url":"https://evil.example"}"#,
            r#"{"kind":"findNumbers","batch":-1,"items":[]}"#,
            r#"{"kind":"findNumbers","batch":1,"items":[{"id":7,"text":"t","html":"x"}]}"#,
            r#"{"kind":"correct","text":"12 34","label":"ИНН"}"#,
            r#"{"kind":"moveCards","x":0,"y":1001}"#,
            r#"{"kind":"foldCall","call":"u1"}"#,
            r#"{"kind":"setSite","origin":"https://crm.example","on":"yes"}"#,
            r#"{"kind":"eval"}"#,
        ] {
            assert_eq!(Request::parse(json), None, "{json}");
        }
    }
}
