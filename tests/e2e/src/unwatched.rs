//! A browser whose background nobody is attached to: a debugger or a driver would keep it alive. How it dies of idleness, and comes
//! back, can be seen only so.

use std::{net::SocketAddr, process::Stdio};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{process::Child, sync::Mutex};

use crate::{
    Browser, BrowserKind, User,
    browser::{chromium_arguments, unpacked_id},
    cdp::Cdp,
    processes, until,
};

/// A browser with the extension, and nobody attached to the background.
pub enum Unwatched {
    /// Started by ourselves and spoken to over CDP, which tells whether the worker runs without touching it.
    Chromium(Box<Chromium>),
    /// Led by WebDriver, which in Firefox does not touch the background.
    Firefox(Box<Browser>),
}

impl Unwatched {
    /// Starts it with a fresh profile; port 443 of both services' hosts leads to `tls`.
    pub async fn start(kind: BrowserKind, tls: SocketAddr) -> Result<Self> {
        Ok(match kind {
            BrowserKind::Chromium => Self::Chromium(Box::new(Chromium::start(tls).await?)),
            BrowserKind::Firefox => Self::Firefox(Box::new(Browser::start(kind, true, tls, User::default()).await?)),
        })
    }

    /// Whether the background runs.
    pub async fn runs(&self) -> Result<bool> {
        match self {
            Self::Chromium(chromium) => Ok(chromium.worker().await?.is_some()),
            Self::Firefox(browser) => browser.background_runs().await,
        }
    }

    /// Stops the background from outside.
    pub async fn stop_background(&self) -> Result<()> {
        match self {
            Self::Chromium(chromium) => {
                let worker = chromium.worker().await?.context("no worker to stop")?;
                chromium.end(&worker).await
            }
            Self::Firefox(browser) => browser.stop_background().await,
        }
    }

    /// Gives the extension its settings.
    pub async fn configure(&self, settings: &str) -> Result<()> {
        let message = json!({ "kind": "saveSettings", "document": settings });
        let save = format!("(globalThis.browser ?? chrome).runtime.sendMessage({message}).then(({{ kind }}) => kind)");
        let kind = self.page("popup/popup.html", &save).await?;
        ensure!(kind == "settings", "the settings are {kind}");
        Ok(())
    }

    /// How much the background's heap holds after a collection, in bytes; Firefox does not tell.
    pub async fn heap(&self) -> Result<Option<u64>> {
        match self {
            Self::Chromium(chromium) => chromium.heap().await.map(Some),
            Self::Firefox(_) => Ok(None),
        }
    }

    /// The memory of the extension's process, in bytes.
    pub fn memory(&self) -> Result<u64> {
        let process = match self {
            Self::Chromium(chromium) => {
                let ancestor = chromium.process.id().context("Chromium is over")?;
                processes::with_argument(&processes::descendants(ancestor)?, "--extension-process")
            }
            Self::Firefox(browser) => processes::named(&browser.processes()?, "WebExtensions"),
        };
        processes::memory(process.context("the extension has no process")?)
    }

    /// Opens one of the extension's own pages, waits until a script in it makes a text, and closes the page.
    pub async fn page(&self, path: &str, script: &str) -> Result<String> {
        match self {
            Self::Chromium(chromium) => chromium.page(path, script).await,
            Self::Firefox(browser) => {
                let before = browser.web().window().await?;
                browser.open(&browser.page(path)).await?;
                let script = format!("return {script}");
                let made = until(path, async || browser.script::<Option<String>>(&script, Vec::new()).await).await;
                browser.web().close_window().await?;
                browser.show(&before).await?;
                made
            }
        }
    }

    /// Closes the extension's pages, such as the options that open after installation.
    pub async fn close_pages(&self) -> Result<()> {
        match self {
            Self::Chromium(chromium) => {
                for target in chromium.targets().await?.iter().filter(|target| target.kind == "page") {
                    chromium.end(&target.id).await?;
                }
                Ok(())
            }
            Self::Firefox(browser) => browser.close_tabs().await,
        }
    }

    /// Ends it.
    pub async fn close(self) -> Result<()> {
        match self {
            Self::Chromium(mut chromium) => Ok(chromium.process.kill().await?),
            Self::Firefox(browser) => browser.quit().await,
        }
    }
}

/// Chromium under raw CDP.
pub struct Chromium {
    process: Child,
    _profile: TempDir,
    extension: String,
    cdp: Mutex<Cdp>,
}

impl Chromium {
    async fn start(tls: SocketAddr) -> Result<Self> {
        let profile = TempDir::with_prefix("trubka-profile-")?;
        let process = tokio::process::Command::new("chromium")
            .args(chromium_arguments(profile.path(), true, tls, &BrowserKind::Chromium.extension()))
            .args(["--remote-debugging-port=0", "about:blank"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("chromium does not start")?;
        let cdp = Mutex::new(Cdp::connect(profile.path()).await?);
        let extension = unpacked_id(&BrowserKind::Chromium.extension());
        Ok(Self { process, _profile: profile, extension, cdp })
    }

    /// The target of the extension's worker while it runs.
    async fn worker(&self) -> Result<Option<String>> {
        let mut own = self.targets().await?.into_iter();
        Ok(own.find(|target| target.kind == "service_worker").map(|worker| worker.id))
    }

    /// What runs of the extension: the worker and its pages.
    async fn targets(&self) -> Result<Vec<Target>> {
        let mut all: Targets = self.ask("Target.getTargets", json!({})).await?;
        all.targets.retain(|target| target.url.contains(&self.extension));
        Ok(all.targets)
    }

    async fn attach(&self, target: &str) -> Result<String> {
        self.cdp.lock().await.attach(target).await
    }

    async fn end(&self, target: &str) -> Result<()> {
        let closed = self.ask::<Value>("Target.closeTarget", json!({ "targetId": target })).await;
        // A page may have gone by itself since it was seen.
        let is_gone = closed.is_err() && !self.targets().await?.iter().any(|other| other.id == target);
        if is_gone { Ok(()) } else { closed.map(drop) }
    }

    async fn heap(&self) -> Result<u64> {
        let worker = self.worker().await?.context("no worker to measure")?;
        let session = self.attach(&worker).await?;
        self.command::<Value>(Some(&session), "HeapProfiler.collectGarbage", json!({})).await?;
        let heap: Heap = self.command(Some(&session), "Runtime.getHeapUsage", json!({})).await?;
        self.ask::<Value>("Target.detachFromTarget", json!({ "sessionId": session })).await?;
        Ok((heap.used_size + heap.embedder_heap_used_size + heap.backing_storage_size) as u64)
    }

    async fn page(&self, path: &str, script: &str) -> Result<String> {
        let url = format!("chrome-extension://{}/{path}", self.extension);
        let Opened { target } = self.ask("Target.createTarget", json!({ "url": url })).await?;
        let session = self.attach(&target).await?;
        let made = until(path, async || {
            let expression = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
            let answer: Evaluated = self.command(Some(&session), "Runtime.evaluate", expression).await?;
            Ok(answer.result.value)
        })
        .await;
        self.end(&target).await?;
        made
    }

    async fn ask<T: DeserializeOwned>(&self, method: &str, parameters: Value) -> Result<T> {
        self.command(None, method, parameters).await
    }

    async fn command<T: DeserializeOwned>(&self, session: Option<&str>, method: &str, parameters: Value) -> Result<T> {
        self.cdp.lock().await.ask(session, method, parameters).await
    }
}

#[derive(Deserialize)]
struct Targets {
    #[serde(rename = "targetInfos")]
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    #[serde(rename = "targetId")]
    id: String,
    #[serde(rename = "type")]
    kind: String,
    url: String,
}

#[derive(Deserialize)]
struct Opened {
    #[serde(rename = "targetId")]
    target: String,
}

/// In bytes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Heap {
    used_size: f64,
    embedder_heap_used_size: f64,
    /// Of what lies outside, WebAssembly's memory above all.
    backing_storage_size: f64,
}

#[derive(Deserialize)]
struct Evaluated {
    result: Evaluation,
}

#[derive(Deserialize)]
struct Evaluation {
    value: Option<String>,
}
