//! «API интеграции»: the activation of a public integration, its instance with the features and the web hooks, and which
//! telephony is the main one.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::workspace_path;
use crate::{
    json::{self, Fields},
    private::Private,
    protocol::{HookName, InstanceStatus, MainTelephony, SettingView},
    url,
};

/// The id of a web hook that has none yet.
const NO_ID: &str = "00000000-0000-0000-0000-000000000000";
/// The setting that names the main telephony.
const MAIN_TELEPHONY: &str = "@main-telephony-settings";

/// «Активация интеграции»: `POST`, with an object of the telephony's own arguments. Answers `"OK"`.
pub fn setup_path(workspace: &str, integration: &str) -> String {
    format!("{}/integrations/{}/setup", workspace_path(workspace), url::segment(integration))
}

/// «Проверка статуса»: `GET`; «Включение системных вызовов», «Настройка webhook»: `PATCH` with [`patch`].
pub fn instance_path(workspace: &str, integration: &str) -> String {
    format!("{}/integrations/instances/{}", workspace_path(workspace), url::segment(integration))
}

/// «Выбор основной телефонии»: `GET`.
pub fn ui_settings_path(workspace: &str, integration: &str) -> String {
    format!("{}/ui-settings?key={MAIN_TELEPHONY}={}", workspace_path(workspace), url::segment(integration))
}

// ── The instance ─────────────────────────────────────────────────────────────────────────────────────────────────

/// An integration in a workspace. Its secrets are not read, nor who changed it when.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Its id, the same as the integration's.
    pub id: String,
    /// Where the CRM sends its system calls and web hooks.
    pub base_url: String,
    /// What it can do.
    pub features: Features,
    /// How it is.
    pub status: InstanceStatus,
    /// What it was set up with.
    pub settings: Vec<SettingView>,
    /// What it wants to be told.
    pub web_hooks: Vec<WebHook>,
}

/// Which system calls an integration takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Features {
    /// CALL: «Позвонить».
    pub call: bool,
    /// HANGUP: «Положить трубку».
    #[serde(rename = "hangup")]
    pub hang_up: bool,
    /// Text messages; no telephony of ours sends them, and what is there already is kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub send_sms: bool,
}

/// Reads a status: a number or a word in any case.
fn status(value: Option<&Value>) -> InstanceStatus {
    let word = match value {
        Some(Value::String(word)) => word.to_ascii_lowercase(),
        Some(Value::Number(number)) => number.as_u64().map(|number| number.to_string()).unwrap_or_default(),
        _ => String::new(),
    };
    match word.as_str() {
        "0" | "notconfigured" => InstanceStatus::NotConfigured,
        "1" | "active" => InstanceStatus::Active,
        "2" | "paused" => InstanceStatus::Paused,
        "3" | "haserrors" => InstanceStatus::HasErrors,
        "4" | "failed" => InstanceStatus::Failed,
        _ => InstanceStatus::Unknown,
    }
}

impl Instance {
    /// Reads the answer to `GET`, or what the answer to `PATCH` has as its result; `None` when it is none.
    pub fn parse(body: &str) -> Option<Self> {
        let body = json::parse(body)?;
        let answer = Fields::of(&body)?;
        let fields = answer.object("result").unwrap_or(answer);
        let features = fields.object("features");
        let feature = |name| features.and_then(|features| features.flag(name)).unwrap_or_default();
        let (mut settings, mut web_hooks) = (Vec::new(), Vec::new());
        for setting in fields.objects("settings") {
            if let Some(id) = setting.text("id") {
                settings.push(SettingView { id, value: setting.text("value").unwrap_or_default() });
            }
        }
        for web_hook in fields.objects("webHooks") {
            web_hooks.extend(WebHook::read(web_hook));
        }
        Some(Self {
            id: fields.text("id")?,
            base_url: fields.text("baseUrl").unwrap_or_default(),
            features: Features { call: feature("call"), hang_up: feature("hangup"), send_sms: feature("sendSms") },
            status: status(fields.value("status")),
            settings,
            web_hooks,
        })
    }
}

// ── Web hooks ────────────────────────────────────────────────────────────────────────────────────────────────────

/// Where a web hook comes to, below the integration's base URL.
pub fn relative_url(hook: HookName) -> &'static str {
    match hook {
        HookName::Upgrade => "setup/upgrade",
        HookName::Sync => "communications/sync",
    }
}

/// A web hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebHook {
    /// Its id; the nil GUID of one that is to be added.
    pub id: String,
    /// Where it comes to, below the integration's base URL.
    pub relative_url: String,
    /// What brings it about.
    pub trigger_type: Trigger,
    /// Which events, where these bring it about.
    pub filter: Filter,
    /// How often, where time brings it about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Whether it is switched off.
    pub disabled: bool,
}

/// What brings a web hook about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Trigger {
    /// A change in the CRM. No telephony asks for one; one that is there is kept.
    EntityEvent,
    /// Time.
    Schedule,
}

/// Which events bring a web hook about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Filter {
    /// Any of these.
    pub items: Vec<FilterItem>,
}

/// One kind of events, in the CRM's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FilterItem {
    /// The event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// Of what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_type: Option<String>,
    /// What changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_type: Option<String>,
}

/// How often a web hook comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// Every so many minutes; `"00:05:00"` on the wire.
    #[serde(rename = "period", serialize_with = "period")]
    pub minutes: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn period<S: Serializer>(minutes: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:02}:{:02}:00", minutes / 60, minutes % 60))
}

impl Schedule {
    /// The most minutes that hours and minutes of a day can say.
    pub const LONGEST: u32 = 24 * 60 - 1;

    /// Reads `[days.]hours:minutes:seconds`; what is less than a minute is dropped.
    fn read(fields: Fields<'_>) -> Option<Self> {
        let period = fields.text("period")?;
        let mut parts = period.split(':');
        let (hours, minutes) = (parts.next()?, parts.next()?);
        let (days, hours) = hours.split_once('.').unwrap_or(("0", hours));
        let number = |text: &str| text.parse::<u32>().ok();
        let hours = number(days)?.checked_mul(24)?.checked_add(number(hours)?)?;
        Some(Self { minutes: hours.checked_mul(60)?.checked_add(number(minutes)?)? })
    }
}

impl WebHook {
    /// A web hook that is to be added.
    pub fn new(hook: HookName, minutes: u32) -> Self {
        Self {
            id: NO_ID.to_owned(),
            relative_url: relative_url(hook).to_owned(),
            trigger_type: Trigger::Schedule,
            filter: Filter::default(),
            schedule: Some(Schedule { minutes }),
            disabled: false,
        }
    }

    /// Whether the CRM sends it so often.
    pub fn is_sent_every(&self, minutes: u32) -> bool {
        !self.disabled && self.trigger_type == Trigger::Schedule && self.schedule == Some(Schedule { minutes })
    }

    /// Which of a telephony's own it is, if it is one.
    pub fn name(&self) -> Option<HookName> {
        let is_at = |hook: &HookName| relative_url(*hook) == self.relative_url.trim_matches('/');
        [HookName::Upgrade, HookName::Sync].into_iter().find(is_at)
    }

    fn read(fields: Fields<'_>) -> Option<Self> {
        let mut items = Vec::new();
        if let Some(filter) = fields.object("filter") {
            for item in filter.objects("items") {
                items.push(FilterItem {
                    event_type: item.text("eventType"),
                    entity_type: item.text("entityType"),
                    change_type: item.text("changeType"),
                });
            }
        }
        let is_scheduled = fields.text("triggerType")?.eq_ignore_ascii_case("schedule");
        Some(Self {
            id: fields.text("id")?,
            relative_url: fields.text("relativeUrl")?,
            trigger_type: if is_scheduled { Trigger::Schedule } else { Trigger::EntityEvent },
            filter: Filter { items },
            schedule: fields.object("schedule").and_then(Schedule::read),
            disabled: fields.flag("disabled").unwrap_or_default(),
        })
    }
}

// ── Patches ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// One change of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Operation {
    op: &'static str,
    path: &'static str,
    value: Change,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Change {
    Features(Features),
    WebHook(WebHook),
}

impl Operation {
    /// Other features.
    pub fn features(features: Features) -> Self {
        Self { op: "replace", path: "/features", value: Change::Features(features) }
    }

    /// One web hook more.
    pub fn add(hook: WebHook) -> Self {
        Self { op: "add", path: "/webHooks", value: Change::WebHook(hook) }
    }

    /// Another web hook in place of the one with its id. The documentation shows the adding alone.
    pub fn replace(hook: WebHook) -> Self {
        Self { op: "replace", path: "/webHooks", value: Change::WebHook(hook) }
    }
}

/// The body of `PATCH`, as `application/json-patch+json`.
pub fn patch(operations: &[Operation]) -> Private<String> {
    #[derive(Serialize)]
    struct Patch<'a> {
        operations: &'a [Operation],
    }
    // These types hold nothing that JSON cannot write.
    Private::new(serde_json::to_string(&Patch { operations }).unwrap_or_default())
}

// ── The main telephony ───────────────────────────────────────────────────────────────────────────────────────────

/// Reads which telephony is the main one. Of the setting only its value counts: the integration's id, or a document that names it.
pub fn main_telephony(body: &str, integration: &str) -> MainTelephony {
    let body = json::parse(body);
    match body.as_ref().and_then(Fields::of).and_then(|fields| fields.value("value")) {
        Some(Value::Null) => MainTelephony::None,
        Some(Value::String(value)) if value.is_empty() => MainTelephony::None,
        Some(Value::String(value)) if value.to_ascii_lowercase().contains(&integration.to_ascii_lowercase()) => {
            MainTelephony::Ours
        }
        Some(Value::String(_)) => MainTelephony::Other,
        _ => MainTelephony::Unknown,
    }
}
