//! The integration's key is exchanged for an AccessKey that lives 20 minutes.

use crate::{
    Millis,
    json::{self, Fields},
    private::Private,
};

/// How long an AccessKey lives.
pub const LIFETIME: Millis = Millis::mins(20);

/// `POST`, with the key alone.
pub const AUTHORIZE_PRIVATE: &str = "/api/v1/authorization/authorize-private-integration";
/// `POST`, with the key and the secret.
pub const AUTHORIZE_PUBLIC: &str = "/api/v1/authorization/authorize-integration";

/// What the exchange of keys answers.
#[derive(Clone, Debug)]
pub struct Authorized {
    /// The key for all further requests.
    pub access_key: Private<String>,
    /// The workspace the integration is installed in.
    pub workspace: Option<Workspace>,
    /// The id of the integration's instance there, which is that of the integration.
    pub integration: Option<String>,
}

/// A workspace of the CRM.
#[derive(Clone, Debug)]
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
        let body = json::parse(body)?;
        let fields = Fields::of(&body)?;
        let workspace = fields.object("workspace").map(|workspace| Workspace {
            id: workspace.text("id").unwrap_or_default(),
            name: workspace.text("name").unwrap_or_default(),
        });
        let integration = fields.object("integrationInstance").and_then(|instance| instance.text("id"));
        Some(Self { access_key: fields.private("accessKey")?, workspace, integration })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_key_the_workspace_and_the_instance() {
        let body = r#"{"workspace":{"id":"3FA8","name":"my-ws","title":"T","updateInfo":{}},"integrationInstance":{"id":"103"},"accessKey":"dda"}"#;
        let authorized = Authorized::parse(body).unwrap();
        assert_eq!(authorized.access_key.reveal(), "dda");
        assert_eq!(authorized.integration.as_deref(), Some("103"));
        let workspace = authorized.workspace.unwrap();
        assert!(workspace.is("My-WS") && workspace.is("3fa8") && !workspace.is("other"));
        assert!(Authorized::parse(r#"{"workspace":{}}"#).is_none());
        assert!(Authorized::parse("<html>").is_none());
    }
}
