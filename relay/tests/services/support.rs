//! A sandbox, and a relay's settings for it.
#![allow(dead_code, reason = "each test file uses its own part")]

#[path = "../../../sandbox/tests/support/mod.rs"]
mod bench;

use std::path::PathBuf;

use tempfile::TempDir;
use trubka_relay::config::Config;

pub use self::bench::*;

/// The secret of the relay's address.
pub const PATH_SECRET: &str = "00112233445566778899aabbccddeeff";

/// A sandbox on free ports.
pub async fn sandbox() -> Bench {
    // Before the first client is built; whoever comes first installs the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Bench::new().await
}

/// A relay's folder with its settings.
pub struct Relay {
    pub folder: TempDir,
    pub config: Config,
}

impl Relay {
    /// Set to this sandbox, both people in its directory; `more` is appended to the file.
    pub fn of(bench: &Bench, more: &str) -> Self {
        let http = bench.sandbox.http();
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            r#"
            listen = "127.0.0.1:0"
            base_url = "http://127.0.0.1:8470"
            path_secret = "{PATH_SECRET}"
            [phonet]
            domain = "demo.phonet.com.ua"
            api_key = "sandbox-phonet-key"
            address = "http://{http}"
            [kontur]
            workspace = "sandbox"
            api_key = "sandbox-kontur-key"
            address = "http://{http}"
            [[directory]]
            ext = "001"
            user_id = "{ANNA}"
            name = "Анна"
            agent = "anna"
            [[directory]]
            ext = "002"
            user_id = "{BORIS}"
            agent = "boris"
            {more}
            "#
        );
        let file = folder.path().join("relay.toml");
        std::fs::write(&file, text).unwrap();
        let config = Config::load(&file).unwrap();
        Self { folder, config }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("relay.toml")
    }
}
