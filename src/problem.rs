//! What went wrong, as data: a code and its arguments. The sentence a person reads is `problem_<code>` in
//! `extension/_locales`, in that person's language; it says what happened, to whom, and what to do.

use serde::Serialize;

use crate::json::Fields;

/// A problem shown to the user. `{"code": "phonetKeyRefused", "args": ["demo.phonet.com.ua"]}` on the wire;
/// the arguments fill `$1`, `$2`… of the message. They hold no key, and a number or a name only where the user
/// who reads the sentence typed or sees it anyway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Which sentence to show.
    pub code: Code,
    /// What the sentence speaks of, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
}

impl Problem {
    /// A problem whose sentence takes no arguments.
    pub fn new(code: Code) -> Self {
        Self { code, args: Vec::new() }
    }

    /// A problem whose sentence names one or more things.
    pub fn about(code: Code, args: &[&str]) -> Self {
        Self { code, args: args.iter().copied().map(str::to_owned).collect() }
    }

    /// Reads it as it is stored; `None` where this version knows no such problem.
    pub fn read(fields: Fields<'_>) -> Option<Self> {
        let name = fields.text("code")?;
        let (code, _) = Code::ALL.iter().find(|(_, known)| *known == name)?;
        Some(Self { code: *code, args: fields.texts("args") })
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The closed set of problems.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        pub enum Code { $($(#[$doc])* #[serde(rename = $text)] $name,)* }

        impl Code {
            /// Every code, so that a test can hold the message files against them.
            pub const ALL: &[(Code, &str)] = &[$((Code::$name, $text),)*];

            /// Its name on the wire.
            pub fn name(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }
        }
    };
}

codes! {
    // Settings.
    /// No exchange is set up yet.
    PhonetNotConfigured = "phonetNotConfigured",
    /// UIS is not set up yet.
    UisNotConfigured = "uisNotConfigured",
    /// No CRM is set up yet.
    KonturNotConfigured = "konturNotConfigured",
    /// The settings are no JSON: `$1` what the parser says.
    SettingsNotJson = "settingsNotJson",
    /// A key the settings do not know: `$1` its path.
    SettingsUnknownKey = "settingsUnknownKey",
    /// A value of the wrong type or shape: `$1` its path.
    SettingsWrongType = "settingsWrongType",
    /// A required value is missing: `$1` its path.
    SettingsMissing = "settingsMissing",
    /// A value that cannot be right: `$1` its path.
    SettingsWrongValue = "settingsWrongValue",
    /// Plain http or ws to anything but this computer: `$1` its path.
    SettingsInsecureAddress = "settingsInsecureAddress",
    /// The settings come from a newer Trubka: `$1` their version.
    SettingsTooNew = "settingsTooNew",
    /// The administrator has set this value, and nobody else may: `$1` its path.
    SettingsLocked = "settingsLocked",
    /// There is nothing to undo.
    SettingsNothingToUndo = "settingsNothingToUndo",
    /// Nobody is named whose telephone this is.
    SubscriberMissing = "subscriberMissing",
    /// Who the agent is in the CRM is not known.
    UserMissing = "userMissing",
    /// The directory names another user of the CRM for the agent's own extension `$1`.
    UserMismatch = "userMismatch",

    // A list of employees.
    /// Line `$1` has no extension.
    PeopleNoExt = "peopleNoExt",
    /// What stands in line `$1` in place of a user's id is none.
    PeopleWrongUserId = "peopleWrongUserId",
    /// Line `$1` has the extension `$2` of a line before it.
    PeopleTwice = "peopleTwice",
    /// No line has an employee.
    PeopleNone = "peopleNone",
    /// There are more than `$1` employees.
    PeopleTooMany = "peopleTooMany",

    // The exchange.
    /// The exchange does not answer: `$1` its host.
    PhonetUnreachable = "phonetUnreachable",
    /// The exchange refuses the key: `$1` its host.
    PhonetKeyRefused = "phonetKeyRefused",
    /// The key is good, yet the connection is refused: the subscriber `$1` is not known at `$2`.
    PhonetSubscriberRefused = "phonetSubscriberRefused",
    /// The exchange answered with HTTP status `$1`.
    PhonetStatus = "phonetStatus",
    /// The exchange at `$1` answered something that is not its API.
    PhonetUnexpectedAnswer = "phonetUnexpectedAnswer",
    /// A message of the exchange could not be read and was left out.
    PhonetBadFrame = "phonetBadFrame",
    /// The exchange sent an event of a kind we do not know: `$1`.
    PhonetUnknownEvent = "phonetUnknownEvent",
    /// The connection was lost.
    PhonetConnectionLost = "phonetConnectionLost",
    /// The exchange went silent and the connection is made anew.
    PhonetSilent = "phonetSilent",

    // Dialling.
    /// Not connected to the exchange, so nothing was dialled.
    DialOffline = "dialOffline",
    /// What was asked to be dialled is no phone number.
    DialNotANumber = "dialNotANumber",
    /// Another dial is still waiting for the exchange.
    DialBusy = "dialBusy",
    /// This number is being dialled or talked to already.
    DialAlreadyLive = "dialAlreadyLive",
    /// The exchange refused: `$1` its words.
    DialRefused = "dialRefused",
    /// The exchange accepted, and then no call appeared; it is not repeated by itself.
    DialUnknown = "dialUnknown",

    /// The call to be hung up is over already.
    HangUpOver = "hangUpOver",
    /// The exchange was asked to hang up, and nobody knows whether it did.
    HangUpUnknown = "hangUpUnknown",

    // The relay.
    /// The relay does not answer: `$1` its host.
    RelayUnreachable = "relayUnreachable",
    /// The connection to the relay was lost.
    RelayConnectionLost = "relayConnectionLost",
    /// The relay does not know the token, or it was revoked: `$1` its host.
    RelayTokenRefused = "relayTokenRefused",
    /// The relay takes no more browsers, of this agent or of all: `$1` its host.
    RelayFull = "relayFull",
    /// There is a relay, and the CRM does not make the system calls that it is for.
    RelayFeaturesOff = "relayFeaturesOff",
    /// What answers at `$1` is no relay, or one of another version.
    RelayUnexpectedAnswer = "relayUnexpectedAnswer",
    /// The settings hold no key to the CRM, and the relay has handed none out yet.
    RelayKeyMissing = "relayKeyMissing",
    /// What the CRM asked for came too late to be carried out.
    CommandExpired = "commandExpired",

    // UIS.
    /// UIS does not answer: `$1` its host.
    UisUnreachable = "uisUnreachable",
    /// UIS answered with HTTP status `$1`.
    UisStatus = "uisStatus",
    /// What answers at `$1` is not its API.
    UisUnexpectedAnswer = "uisUnexpectedAnswer",
    /// UIS did not answer a dial, and nobody knows whether it calls; it is not repeated by itself.
    UisDialUnanswered = "uisDialUnanswered",
    /// The answer to a dial cannot be read, and nobody knows whether UIS calls; it is not repeated by itself.
    UisDialUnclear = "uisDialUnclear",
    /// Version 1 answered `fail`: the calls were not made.
    UisDialFailed = "uisDialFailed",
    /// This computer's address is not on the list of those allowed.
    UisAddressRefused = "uisAddressRefused",
    /// This computer's address `$1` is not on the list of those allowed.
    UisNamedAddressRefused = "uisNamedAddressRefused",
    /// The login or the password is wrong.
    UisLoginRefused = "uisLoginRefused",
    /// A session key is refused though it is new.
    UisSessionRefused = "uisSessionRefused",
    /// The permanent key is unknown.
    UisTokenRefused = "uisTokenRefused",
    /// The permanent key has ended.
    UisTokenExpired = "uisTokenExpired",
    /// The permanent key is blocked.
    UisTokenBlocked = "uisTokenBlocked",
    /// The user may not do that.
    UisForbidden = "uisForbidden",
    /// The points of the minute or of the day are used up.
    UisLimit = "uisLimit",
    /// The minute's points are used up: `$1` seconds until they are there again.
    UisMinuteLimit = "uisMinuteLimit",
    /// The day's points are used up: `$1` hours and `$2` minutes until they are there again.
    UisDayLimit = "uisDayLimit",
    /// UIS has withdrawn this version of its API.
    UisVersionUnsupported = "uisVersionUnsupported",
    /// UIS does not understand the request: `$1` its words.
    UisRequestRefused = "uisRequestRefused",
    /// UIS does not know the method.
    UisMethodUnknown = "uisMethodUnknown",
    /// A parameter that is wrong, whether we or UIS found it so: `$1` its name, else the service's words.
    UisWrongParameter = "uisWrongParameter",
    /// UIS failed inside.
    UisInternalError = "uisInternalError",
    /// The security rules forbid calls to such numbers.
    UisDirectionForbidden = "uisDirectionForbidden",
    /// The number is on the account's black list.
    UisContactBlocked = "uisContactBlocked",
    /// The call is not in a state for that.
    UisWrongState = "uisWrongState",
    /// The virtual number is not the company's, or begins with 800.
    UisVirtualNumberNotFound = "uisVirtualNumberNotFound",
    /// The tariff lacks the component.
    UisComponentDisabled = "uisComponentDisabled",
    /// The account is blocked.
    UisAccountInactive = "uisAccountInactive",
    /// A message that is read aloud is too long.
    UisTextTooLong = "uisTextTooLong",
    /// UIS judges a virtual number only when somebody calls.
    UisNumberUnproven = "uisNumberUnproven",
    /// There is no such file.
    UisMediaNotFound = "uisMediaNotFound",
    /// There is no such employee.
    UisEmployeeNotFound = "uisEmployeeNotFound",
    /// The employee has no active phone.
    UisEmployeeUnreachable = "uisEmployeeUnreachable",
    /// The number to call is the company's own.
    UisOwnNumber = "uisOwnNumber",
    /// UIS refused: `$1` its words.
    UisRefused = "uisRefused",

    // Corrections.
    /// What the user calls a phone, or none, holds no number.
    CorrectionNotNumber = "correctionNotNumber",
    /// There are as many corrections as are kept.
    CorrectionsFull = "correctionsFull",

    // Recordings.
    /// The recording is larger than the CRM takes.
    RecordingTooLarge = "recordingTooLarge",
    /// The exchange keeps the recording elsewhere, where it is not fetched from.
    RecordingElsewhere = "recordingElsewhere",
    /// The recording could not be handed from the exchange to the CRM within seven days.
    RecordingGaveUp = "recordingGaveUp",

    // The CRM.
    /// The CRM does not answer.
    KonturUnreachable = "konturUnreachable",
    /// The CRM refuses the integration's key.
    KonturKeyRefused = "konturKeyRefused",
    /// The integration is not installed in the workspace.
    KonturNotInstalled = "konturNotInstalled",
    /// The key belongs to another workspace: `$1` the one it belongs to, `$2` the one in the settings.
    KonturWrongWorkspace = "konturWrongWorkspace",
    /// The CRM answered with HTTP status `$1`.
    KonturStatus = "konturStatus",
    /// The CRM refused the request: `$1` its words.
    KonturRefused = "konturRefused",
    /// The CRM answered something that is not its API.
    KonturUnexpectedAnswer = "konturUnexpectedAnswer",
    /// The CRM asks to slow down.
    KonturTooMany = "konturTooMany",
    /// The CRM could not take the call within seven days.
    KonturGaveUp = "konturGaveUp",

    // The integration.
    /// The CRM does not know the integration.
    IntegrationNotFound = "integrationNotFound",
    /// The CRM accepts the key and does not say which integration it belongs to.
    IntegrationUnnamed = "integrationUnnamed",
    /// The integration is installed, and not set up.
    IntegrationNotConfigured = "integrationNotConfigured",
    /// The integration rests.
    IntegrationPaused = "integrationPaused",
    /// The integration does not work.
    IntegrationFailed = "integrationFailed",
    /// A private integration works without activation.
    IntegrationPrivate = "integrationPrivate",
    /// A field that the CRM would not take, so nothing was sent: `$1` its name.
    IntegrationWrongField = "integrationWrongField",
    /// The CRM lets nobody change this place: `$1` its path.
    IntegrationInvalidPath = "integrationInvalidPath",
    /// The CRM wants a value of another type: `$1` where.
    IntegrationInvalidType = "integrationInvalidType",
    /// The CRM calls a value impossible: `$1` where.
    IntegrationInvalidData = "integrationInvalidData",
    /// A value breaks one of the CRM's rules: `$1` which.
    IntegrationConstraint = "integrationConstraint",
    /// The CRM said that it took the change, and the integration is as it was.
    IntegrationUnchanged = "integrationUnchanged",
    /// Nobody knows whether the CRM took the change.
    IntegrationUncertain = "integrationUncertain",

    // This browser.
    /// Saving to the browser's database fails: calls are kept in memory only.
    StorageFailed = "storageFailed",
    /// The browser has not granted access to `$1`.
    PermissionMissing = "permissionMissing",
    /// The page runs an older content script than the extension: reload it.
    PageOutdated = "pageOutdated",
    /// A request that this sender may not make.
    NotAllowed = "notAllowed",
    /// A message that could not be understood.
    BadRequest = "badRequest",
}
