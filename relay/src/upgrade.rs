//! `setup/upgrade`: the integration as the CRM has it is brought to what the relay needs: a public one is set up, the system calls
//! CALL and HANGUP are on, and the two web hooks come. What is so already is not touched.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::json;
use trubka::{
    private::Private,
    problem::Problem,
    protocol::{HookName, InstanceStatus, IntegrationView, Request},
};

use crate::services::Crm;

/// How often the web hooks come.
const MINUTES: u32 = 5;
/// The argument that says which version set a public integration up.
const VERSION: &str = "version";

/// Brings the integration up to date.
#[derive(Debug)]
pub struct Upgrade {
    crm: Arc<Crm>,
    /// Whether a public integration has been set up by this process: a CRM that does not show the version is not asked for ever.
    was_set_up: AtomicBool,
}

impl Upgrade {
    /// Of this CRM.
    pub fn new(crm: Arc<Crm>) -> Self {
        Self { crm, was_set_up: AtomicBool::new(false) }
    }

    /// The integration as it is.
    ///
    /// # Errors
    /// Each thing that is wrong.
    pub async fn look(&self) -> Result<IntegrationView, Vec<Problem>> {
        self.crm.integrate(Request::GetIntegration).await
    }

    /// Changes what is not as it should be, one thing after the other. Each change is believed only when the instance, read again,
    /// shows it.
    ///
    /// # Errors
    /// Each thing that is wrong; what was changed before stays.
    pub async fn run(&self) -> Result<IntegrationView, Vec<Problem>> {
        let mut view = self.look().await?;
        if self.is_to_be_set_up(&view) {
            self.was_set_up.store(true, Ordering::Relaxed);
            let arguments = json!({
                "SecretKey": null, "autoRedirect": false, "autoAnswer": false, VERSION: env!("CARGO_PKG_VERSION"),
            });
            view = self.change(Request::SetUpIntegration { arguments: Private::new(arguments.to_string()) }).await?;
        }
        if !(view.features.call && view.features.hang_up) {
            view = self.change(Request::SetFeatures { call: true, hang_up: true }).await?;
        }
        for hook in [HookName::Upgrade, HookName::Sync] {
            // A period that somebody chose is kept.
            if !comes(&view, hook) {
                view = self.change(Request::SetWebHook { hook, on: true, minutes: MINUTES }).await?;
            }
        }
        Ok(view)
    }

    async fn change(&self, wanted: Request) -> Result<IntegrationView, Vec<Problem>> {
        let what = match &wanted {
            Request::SetUpIntegration { .. } => "setup",
            Request::SetFeatures { .. } => "features",
            _ => "web hook",
        };
        let view = self.crm.integrate(wanted).await?;
        tracing::info!(what, "the integration was changed");
        Ok(view)
    }

    fn is_to_be_set_up(&self, view: &IntegrationView) -> bool {
        let version = view.settings.iter().find(|setting| setting.id == VERSION);
        let is_older = version.is_none_or(|version| version.value != env!("CARGO_PKG_VERSION"));
        let is_new = view.status == InstanceStatus::NotConfigured;
        view.is_public && (is_new || (is_older && !self.was_set_up.load(Ordering::Relaxed)))
    }
}

/// Whether a web hook comes by schedule.
pub fn comes(view: &IntegrationView, hook: HookName) -> bool {
    view.web_hooks.iter().any(|known| known.hook == Some(hook) && !known.disabled && known.minutes.is_some())
}
