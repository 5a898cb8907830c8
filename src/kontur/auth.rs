//! The integration's key is exchanged for an AccessKey that lives 20 minutes.

use serde::Deserialize;

use crate::{Millis, private::Private};

/// How long an AccessKey lives.
pub const LIFETIME: Millis = Millis::mins(20);

/// `POST`, with the key alone.
pub const AUTHORIZE_PRIVATE: &str = "/api/v1/authorization/authorize-private-integration";
/// `POST`, with the key and the secret.
pub const AUTHORIZE_PUBLIC: &str = "/api/v1/authorization/authorize-integration";

/// What the exchange of keys answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorized {
    /// The key for all further requests.
    pub access_key: Private<String>,
    /// The workspace the integration is installed in.
    #[serde(default)]
    pub workspace: Option<Workspace>,
}

/// A workspace of the CRM.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Workspace {
    /// Its GUID.
    pub id: String,
    /// Its unique name, as it stands in addresses.
    pub name: String,
}

impl Workspace {
    /// Whether this is the workspace that the settings name, by name or by id.
    pub fn is(&self, named: &str) -> bool {
        self.name.eq_ignore_ascii_case(named) || self.id.eq_ignore_ascii_case(named)
    }
}

impl Authorized {
    /// Reads the answer; `None` when it is none.
    pub fn parse(body: &str) -> Option<Self> {
        serde_json::from_str(body).ok()
    }
}
