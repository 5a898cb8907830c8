/**
 * The messages between the background and everybody else, as `src/protocol.rs` defines them: meaning, units and errors
 * are told there.
 */

// Content scripts are no modules: they name these types as `Protocol.Request`.
export as namespace Protocol;

export type Request =
  | { kind: "hello"; version: string }
  | { kind: "findNumbers"; batch: number; items: TextItem[] }
  | { kind: "dial"; key: string; number: string }
  | { kind: "hangUp"; call: string }
  | { kind: "hangUpCurrent" }
  | { kind: "dismissCall"; call: string }
  | { kind: "foldCall"; call: string; folded: boolean }
  | ({ kind: "moveCards" } & Place)
  | { kind: "correct"; text: string; label?: string; phone: boolean }
  | { kind: "getStatus" }
  | { kind: "seeMissed" }
  | { kind: "select"; text: string }
  | { kind: "setSite"; origin: string; on: boolean }
  | { kind: "reconnect" }
  | { kind: "retryDelivery"; call: string }
  | { kind: "retryAll" }
  | { kind: "discardDelivery"; call: string }
  | { kind: "getSettings" }
  | { kind: "forgetCorrection"; label?: string; pattern: string }
  | { kind: "saveSettings"; document: string }
  | { kind: "changeSettings"; changes: Record<string, unknown> }
  | { kind: "resetSettings" }
  | { kind: "undoSettings" }
  | { kind: "exportSettings"; secrets: boolean }
  | { kind: "listUsers" }
  | { kind: "readPeople"; text: string }
  | { kind: "getIntegration" }
  | { kind: "setUpIntegration"; arguments: string }
  | { kind: "setFeatures"; call: boolean; hangUp: boolean }
  | { kind: "setWebHook"; hook: HookName; on: boolean; minutes: number }
  | { kind: "checkConnection" }
  | { kind: "exportLog" };

export interface TextItem {
  id: number;
  text: string;
  label?: string;
}

export type Message =
  | ViewMessage
  | { kind: "off"; origin: string }
  | { kind: "reload"; problem: Problem }
  | { kind: "numbers"; batch: number; items: FoundItem[] }
  | { kind: "dial"; dial: DialView }
  | { kind: "hungUp"; call: string; problem?: Problem }
  | StatusMessage
  | SettingsMessage
  | { kind: "exported"; document: string }
  | { kind: "people"; people: Person[]; problems: Problem[] }
  | IntegrationMessage
  | { kind: "invalid"; problems: Problem[] }
  | { kind: "checks"; items: CheckItem[] }
  | { kind: "log"; text: string }
  | { kind: "refused"; problem: Problem };

export type ViewMessage = { kind: "view" } & PageView;
export type SettingsMessage = { kind: "settings" } & SettingsView;
export type StatusMessage = { kind: "status" } & StatusView;
export type IntegrationMessage = { kind: "integration" } & IntegrationView;

/**
 * What the background tells the frame in which an item of the context menu was clicked: what stands there is a phone, or is none.
 * Not the core's.
 */
export type MenuMessage = { kind: "menu"; phone: boolean; selection: string };

/** The settings as `docs/settings.schema.json` describes them. */
export type SettingsDocument = Record<string, unknown>;

/** One of the settings' corrections. */
export type Correction = { label?: string; pattern: string; phone: boolean };

export interface FoundItem {
  id: number;
  matches: FoundNumber[];
}

export interface FoundNumber {
  start: number;
  end: number;
  e164: string;
  display: string;
  ext?: string;
}

export interface PageView {
  finder: number;
  link: LinkView;
  dialling: DiallingView;
  elsewhere: Record<string, DiallingView>;
  dials: DialView[];
  calls: CallView[];
  cards?: CardsView;
}

export interface CardsView {
  place: Place;
  dismissed: string[];
  folded: string[];
}

export interface Place {
  x: number;
  y: number;
}

/** What the background is to draw the agent's attention by. Sent to nobody. */
export interface AlertsView {
  notifications: NotificationView[];
  inSight: boolean;
  volume?: number;
}

export interface NotificationView {
  call: string;
  client?: ClientView;
  url?: string;
  canHangUp: boolean;
}

export interface DiallingView {
  exchange: ExchangeName;
  can: Abilities;
  problem?: Problem;
}

export type ExchangeName = "phonet" | "uis";

export interface Abilities {
  dial: boolean;
  hangUp: boolean;
  follow: boolean;
  history: boolean;
  presence: boolean;
}

export interface LinkView {
  state: LinkState;
  since?: number;
  retryAt?: number;
  problem?: Problem;
}

export type LinkState = "off" | "connecting" | "live" | "reconnecting" | "offline" | "refused" | "permissionMissing";

export interface DialView {
  key: string;
  number: string;
  phase: DialPhase;
  call?: string;
  problem?: Problem;
}

export type DialPhase = "dialling" | "ringing" | "talking" | "ended" | "placed" | "failed" | "unknown";

export interface CallView {
  id: string;
  exchange: ExchangeName;
  direction: Direction;
  incoming: boolean;
  phase: CallPhase;
  answered: boolean;
  missed: boolean;
  client: ClientView;
  callBack?: string;
  line?: string;
  lineName?: string;
  startedAt: number;
  answeredAt?: number;
  endedAt?: number;
  links: CardLink[];
  responsible?: string[];
  canHangUp: boolean;
  delivery: DeliveryView;
  recording: DeliveryView;
}

export type Direction = "inbound" | "outbound" | "internal";
export type CallPhase = "ringing" | "talking" | "ended";

export interface ClientView {
  name?: string;
  company?: string;
  number?: string;
}

export interface CardLink {
  card: CardKind;
  url: string;
  isNew?: boolean;
  place?: string;
  name?: string;
}

export type CardKind = "contact" | "company" | "deal";

export interface DeliveryView {
  state: DeliveryState;
  problem?: Problem;
}

export type DeliveryState = "none" | "waiting" | "delivered" | "failed";

export interface StatusView {
  link: LinkView;
  dialling: DiallingView;
  exchanges: DiallingView[];
  relay?: LinkView;
  crm?: Problem;
  storage?: Problem;
  exchange?: Problem;
  away?: boolean;
  current: CallView[];
  recent: CallView[];
  undelivered: UndeliveredView[];
  missed: string[];
  dials: DialView[];
  selected?: SelectedView;
  sites: string[];
  sitesLocked: boolean;
  waiting: number;
  failed: number;
}

export interface UndeliveredView {
  call: string;
  delivery: DeliveryView;
  recording: DeliveryView;
}

export interface SelectedView {
  numbers: FoundNumber[];
}

export interface SettingsView {
  document: string;
  secrets: string[];
  missing: Problem[];
  preset: string[];
  overridden: string[];
  locked: string[];
  policy: Problem[];
  undo: boolean;
}

export interface Person {
  ext?: string;
  name?: string;
  userId?: string;
  email?: string;
}

export interface CheckItem {
  step: CheckStep;
  state: CheckState;
  problem?: Problem;
}

export type CheckState = "waiting" | "passed" | "failed" | "notTried";

export type CheckStep =
  | "phonetPermission"
  | "phonetReachable"
  | "phonetKey"
  | "phonetSubscriber"
  | "phonetLink"
  | "uisPermission"
  | "uisReachable"
  | "uisAddress"
  | "uisKey"
  | "uisNumber"
  | "relayLink"
  | "relayFeatures"
  | "konturPermission"
  | "konturReachable"
  | "konturKey"
  | "konturWorkspace"
  | "konturIntegration"
  | "konturUser";

export interface IntegrationView {
  id: string;
  isPublic: boolean;
  workspace: string;
  status: InstanceStatus;
  baseUrl: string;
  features: FeaturesView;
  webHooks: WebHookView[];
  settings: SettingView[];
  mainTelephony: MainTelephony;
}

export type InstanceStatus = "notConfigured" | "active" | "paused" | "hasErrors" | "failed" | "unknown";

export interface FeaturesView {
  call: boolean;
  hangUp: boolean;
  sendSms: boolean;
}

export interface WebHookView {
  id: string;
  hook?: HookName;
  relativeUrl: string;
  minutes?: number;
  disabled: boolean;
}

export type HookName = "upgrade" | "sync";

export interface SettingView {
  id: string;
  value: string;
}

export type MainTelephony = "ours" | "other" | "none" | "unknown";

export interface Problem {
  code: ProblemCode;
  args?: string[];
}

/** What can go wrong, as `src/problem.rs` defines it. */
export type ProblemCode =
  | "phonetNotConfigured"
  | "uisNotConfigured"
  | "konturNotConfigured"
  | "settingsNotJson"
  | "settingsUnknownKey"
  | "settingsWrongType"
  | "settingsMissing"
  | "settingsWrongValue"
  | "settingsInsecureAddress"
  | "settingsTooNew"
  | "settingsLocked"
  | "settingsNothingToUndo"
  | "subscriberMissing"
  | "userMissing"
  | "userMismatch"
  | "peopleNoExt"
  | "peopleWrongUserId"
  | "peopleTwice"
  | "peopleNone"
  | "peopleTooMany"
  | "phonetUnreachable"
  | "phonetKeyRefused"
  | "phonetSubscriberRefused"
  | "phonetStatus"
  | "phonetUnexpectedAnswer"
  | "phonetBadFrame"
  | "phonetUnknownEvent"
  | "phonetConnectionLost"
  | "phonetSilent"
  | "dialOffline"
  | "dialNotANumber"
  | "dialBusy"
  | "dialAlreadyLive"
  | "dialRefused"
  | "dialUnknown"
  | "hangUpOver"
  | "hangUpUnknown"
  | "relayUnreachable"
  | "relayConnectionLost"
  | "relayTokenRefused"
  | "relayFull"
  | "relayUnexpectedAnswer"
  | "relayKeyMissing"
  | "commandExpired"
  | "uisUnreachable"
  | "uisStatus"
  | "uisUnexpectedAnswer"
  | "uisDialUnanswered"
  | "uisDialUnclear"
  | "uisDialFailed"
  | "uisAddressRefused"
  | "uisNamedAddressRefused"
  | "uisLoginRefused"
  | "uisSessionRefused"
  | "uisTokenRefused"
  | "uisTokenExpired"
  | "uisTokenBlocked"
  | "uisForbidden"
  | "uisLimit"
  | "uisMinuteLimit"
  | "uisDayLimit"
  | "uisVersionUnsupported"
  | "uisRequestRefused"
  | "uisMethodUnknown"
  | "uisWrongParameter"
  | "uisInternalError"
  | "uisDirectionForbidden"
  | "uisContactBlocked"
  | "uisWrongState"
  | "uisVirtualNumberNotFound"
  | "uisComponentDisabled"
  | "uisAccountInactive"
  | "uisTextTooLong"
  | "uisNumberUnproven"
  | "uisMediaNotFound"
  | "uisEmployeeNotFound"
  | "uisEmployeeUnreachable"
  | "uisOwnNumber"
  | "uisRefused"
  | "correctionNotNumber"
  | "correctionsFull"
  | "recordingTooLarge"
  | "recordingElsewhere"
  | "recordingGaveUp"
  | "konturUnreachable"
  | "konturKeyRefused"
  | "konturNotInstalled"
  | "konturWrongWorkspace"
  | "konturStatus"
  | "konturRefused"
  | "konturUnexpectedAnswer"
  | "konturTooMany"
  | "konturGaveUp"
  | "integrationNotFound"
  | "integrationUnnamed"
  | "integrationNotConfigured"
  | "integrationPaused"
  | "integrationFailed"
  | "integrationPrivate"
  | "integrationWrongField"
  | "integrationInvalidPath"
  | "integrationInvalidType"
  | "integrationInvalidData"
  | "integrationConstraint"
  | "integrationUnchanged"
  | "integrationUncertain"
  | "storageFailed"
  | "permissionMissing"
  | "pageOutdated"
  | "notAllowed"
  | "badRequest";
