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
  | { kind: "correct"; text: string; label?: string; phone: boolean }
  | { kind: "getStatus" }
  | { kind: "select"; text: string }
  | { kind: "setSite"; origin: string; on: boolean }
  | { kind: "reconnect" }
  | { kind: "retryDelivery"; call: string }
  | { kind: "retryAll" }
  | { kind: "discardDelivery"; call: string }
  | { kind: "getSettings" }
  | { kind: "forgetCorrection"; label?: string; pattern: string }
  | { kind: "saveSettings"; document: string }
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
  | { kind: "settings"; document: string; secrets: string[] }
  | { kind: "invalid"; problems: Problem[] }
  | { kind: "checks"; items: CheckItem[] }
  | { kind: "log"; text: string }
  | { kind: "refused"; problem: Problem };

export type ViewMessage = { kind: "view" } & PageView;
export type StatusMessage = { kind: "status" } & StatusView;

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
  dials: DialView[];
  calls: CallView[];
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

export type DialPhase = "dialling" | "ringing" | "talking" | "ended" | "failed" | "unknown";

export interface CallView {
  id: string;
  direction: Direction;
  phase: CallPhase;
  answered: boolean;
  client: ClientView;
  line?: string;
  startedAt: number;
  answeredAt?: number;
  endedAt?: number;
  links: CardLink[];
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
}

export type CardKind = "contact" | "company" | "deal";

export interface DeliveryView {
  state: DeliveryState;
  problem?: Problem;
}

export type DeliveryState = "none" | "waiting" | "delivered" | "failed";

export interface StatusView {
  link: LinkView;
  crm?: Problem;
  storage?: Problem;
  exchange?: Problem;
  away?: boolean;
  current: CallView[];
  recent: CallView[];
  dials: DialView[];
  selected?: SelectedView;
  sites: string[];
  waiting: number;
  failed: number;
}

export interface SelectedView {
  numbers: FoundNumber[];
}

export interface CheckItem {
  step: CheckStep;
  problem?: Problem;
}

export type CheckStep = "phonetKey" | "phonetSubscriber" | "phonetLink" | "konturKey";

export interface Problem {
  code: ProblemCode;
  args?: string[];
}

/** What can go wrong, as `src/problem.rs` defines it. */
export type ProblemCode =
  | "phonetNotConfigured"
  | "konturNotConfigured"
  | "settingsNotJson"
  | "settingsUnknownKey"
  | "settingsWrongType"
  | "settingsMissing"
  | "settingsWrongValue"
  | "settingsInsecureAddress"
  | "settingsTooNew"
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
  | "correctionNotNumber"
  | "correctionsFull"
  | "storageFailed"
  | "permissionMissing"
  | "pageOutdated"
  | "notAllowed"
  | "badRequest";
