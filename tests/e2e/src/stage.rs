//! One sandbox, one browser, and the way from nothing to a working extension.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use trubka_sandbox::{Config, Sandbox};

use crate::{Browser, BrowserKind, Control, CrmPage, Options, Popup, Relay, User, until};

/// The settings that fit the sandbox.
pub const SETTINGS: &str = include_str!("../../../sandbox/settings.json");

/// Where the CRM's table of contacts is.
const CONTACTS: &str = "https://crm.kontur.ru/app/sandbox/contacts";

/// The project's root folder.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest).to_owned()
}

/// A sandbox and a browser.
pub struct Stage {
    /// The browser.
    pub browser: Browser,
    /// The hand that leads the sandbox.
    pub control: Control,
    tls: SocketAddr,
    /// None on a colleague's stage: it plays in the sandbox of another.
    sandbox: Option<Sandbox>,
    messages: HashMap<String, Text>,
}

#[derive(Deserialize)]
struct Text {
    message: String,
}

impl Stage {
    /// Starts both; the extension is loaded and knows nothing yet.
    pub async fn open(kind: BrowserKind, headless: bool) -> Result<Self> {
        let sandbox = sandbox().await?;
        let control = Control::new(format!("http://{}", sandbox.http()));
        let tls = sandbox.tls();
        Self::furnish(kind, headless, control, tls, Some(sandbox), User::default()).await
    }

    /// Another agent's browser in the same sandbox.
    pub async fn colleague(&self, kind: BrowserKind) -> Result<Self> {
        Self::furnish(kind, true, self.control.clone(), self.tls, None, User::default()).await
    }

    /// Another user's browser, of the same kind and in the same sandbox.
    pub async fn of(&self, user: User<'_>) -> Result<Self> {
        Self::furnish(self.browser.kind(), true, self.control.clone(), self.tls, None, user).await
    }

    /// Plays where policies are nobody else's: Chromium's go by the extension's folder, so it gets a browser with one of its own.
    pub async fn under_policies(&mut self, play: impl AsyncFnOnce(&mut Self) -> Result<()>) -> Result<()> {
        if self.browser.kind() == BrowserKind::Firefox {
            return play(self).await;
        }
        let mut own = self.of(User { granted: &["notifications"], ..User::default() }).await?;
        let outcome = play(&mut own).await;
        own.close().await?;
        outcome
    }

    async fn furnish(
        kind: BrowserKind,
        headless: bool,
        control: Control,
        tls: SocketAddr,
        sandbox: Option<Sandbox>,
        user: User<'_>,
    ) -> Result<Self> {
        let browser = Browser::start(kind, headless, tls, user).await?;
        let messages = messages(&browser).await?;
        Ok(Self { browser, control, tls, sandbox, messages })
    }

    /// Ends both.
    pub async fn close(self) -> Result<()> {
        let quit = self.browser.quit().await;
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
        quit
    }

    /// Where the sandbox speaks TLS.
    pub fn tls(&self) -> SocketAddr {
        self.tls
    }

    /// Ends the browser as a power cut does, and starts it again on the same profile.
    pub async fn restart(&mut self) -> Result<()> {
        self.browser.kill().await?;
        self.browser.start_again().await
    }

    /// Imports the sandbox's settings as a user does, and waits until the exchange sees the agent.
    pub async fn connect(&self) -> Result<()> {
        self.configure(SETTINGS).await?;
        self.control.wait("socket:001").await
    }

    /// Sets the extension up for an instance of the relay as well, as the agent `anna`, and has the CRM call that instance; `key`:
    /// with the integration's long-lived key, which a relay that hands out keys makes needless. Answers with the agent's token.
    pub async fn connect_by(&self, relay: &Relay, instance: usize, key: bool) -> Result<String> {
        let token = relay.token("anna").await?;
        let mut settings: Value = serde_json::from_str(SETTINGS)?;
        if let Some(settings) = settings.as_object_mut() {
            settings.insert("relay".to_owned(), json!({ "address": relay.address(instance)?, "token": token }));
        }
        if let Some(kontur) = settings.pointer_mut("/kontur").and_then(Value::as_object_mut).filter(|_| !key) {
            kontur.remove("apiKey");
        }
        relay.is_called(&self.control, instance).await?;
        self.browser.consent("http://127.0.0.1/*").await?;
        let options = Options::open(self).await?;
        options.import(&settings.to_string()).await?;
        options.saved().await?;
        options.click("#grant").await?;
        until("the permission", async || self.browser.find("#permission[hidden]").await).await?;
        self.control.wait("socket:001").await?;
        relay.has_agents(instance, 1).await?;
        Ok(token)
    }

    /// Imports a settings file as a user does.
    pub async fn configure(&self, settings: &str) -> Result<()> {
        let options = Options::open(self).await?;
        options.import(settings).await?;
        options.saved().await
    }

    /// Connects, and opens the CRM's table of contacts.
    pub async fn connected_crm(&self) -> Result<CrmPage<'_>> {
        self.connect().await?;
        self.crm("").await
    }

    /// Opens the CRM's table of contacts in a tab of its own; `rest` is what follows in the address.
    pub async fn crm(&self, rest: &str) -> Result<CrmPage<'_>> {
        CrmPage::open(self, &format!("{CONTACTS}{rest}")).await
    }

    /// Opens the popup in a tab of its own.
    pub async fn popup(&self) -> Result<Popup<'_>> {
        Popup::open(self).await
    }

    /// The first fixed words of the message `key`.
    pub fn message(&self, key: &str) -> Result<&str> {
        let text = self.messages.get(key).with_context(|| format!("no message {key}"))?;
        pieces(&text.message).next().map(str::trim).with_context(|| format!("message {key} has no fixed words"))
    }

    /// Whether `text` holds the message `key`, whatever fills its placeholders.
    pub fn says(&self, text: &str, key: &str) -> Result<bool> {
        let message = &self.messages.get(key).with_context(|| format!("no message {key}"))?.message;
        let mut rest = text;
        for piece in pieces(message) {
            match rest.split_once(piece) {
                Some((_, after)) => rest = after,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Fails unless the sandbox is content and neither the extension nor the page complained.
    pub async fn all_is_well(&self) -> Result<()> {
        let verdict = self.control.verdict().await?;
        ensure!(verdict.ok, "the sandbox's verdict:\n  {}", verdict.problems.join("\n  "));
        let complaints = self.browser.complaints();
        ensure!(complaints.is_empty(), "the extension complained:\n  {}", complaints.join("\n  "));
        Ok(())
    }
}

/// A sandbox on ports of its own.
pub(crate) async fn sandbox() -> Result<Sandbox> {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Ok(trubka_sandbox::start(Config { http: anywhere, tls: anywhere, lab: lab() }).await?)
}

/// The folders of the pages under <https://crm.kontur.ru/lab/>: those written by hand, and those that build.sh bundles.
fn lab() -> Vec<PathBuf> {
    ["sandbox/pages/lab", "target/lab"].map(|folder| root().join(folder)).into()
}

/// The texts in the language that the browser speaks.
async fn messages(browser: &Browser) -> Result<HashMap<String, Text>> {
    browser.web().goto(browser.page("popup/popup.html")).await?;
    let language: String = browser.script("return document.documentElement.lang", Vec::new()).await?;
    browser.web().goto("about:blank").await?;
    let language = language.split('-').next().unwrap_or_default();
    let path = root().join("extension/_locales").join(language).join("messages.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    Ok(serde_json::from_str(&text)?)
}

/// A message's fixed words: what lies between `$1` or `$NAME$`.
fn pieces(message: &str) -> impl Iterator<Item = &str> {
    let mut placeholder = false;
    message.split('$').filter_map(move |part| {
        let inside = placeholder && !part.is_empty() && part.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        placeholder = !inside;
        let fixed = if inside { "" } else { part.trim_start_matches(|c: char| c.is_ascii_digit()) };
        Some(fixed).filter(|fixed| !fixed.is_empty())
    })
}
