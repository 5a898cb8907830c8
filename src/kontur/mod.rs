//! Kontur.CRM's wire format: the exchange of keys, «API телефонии», «API интеграции» and API Files.

pub mod answer;
pub mod auth;
pub mod files;
pub mod integration;
pub mod redirect;
pub mod system;
pub mod telephony;

use crate::{private::Private, url};

/// The header that bears the AccessKey.
pub const ACCESS_KEY: &str = "X-XCOM-AccessKey";
/// The header that bears the integration's long-lived key, for the exchange of keys alone.
pub const API_KEY: &str = "X-XCOM-Integration-ApiKey";
/// The header that bears a public integration's secret as `name=value`.
pub const SECRET: &str = "X-XCOM-Integration-Secret";

/// Where the methods of a workspace begin; it is named by its name or id.
fn workspace_path(workspace: &str) -> String {
    format!("/api/v1/{}", url::segment(workspace))
}

/// Digits only: how numbers go to Kontur. `None` where no digit is left.
pub fn digits(number: &Private<String>) -> Option<Private<String>> {
    let digits: String = number.reveal().chars().filter(char::is_ascii_digit).collect();
    (!digits.is_empty()).then(|| Private::new(digits))
}
