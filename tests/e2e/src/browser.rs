//! One browser with the extension in it, led by WebDriver.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::ValueEnum;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use thirtyfour::{
    Capabilities, RequestData, SessionId, WebDriver, WebElement, WindowHandle, common::command::FormatRequestData,
    prelude::By,
};

use crate::{driver::Driver, processes, root, wait::until};

/// Firefox's id of the extension, from the manifest.
pub(crate) const GECKO_ID: &str = "trubka@trubka.example";
/// The address Firefox gives to the extension in these sessions.
const GECKO_UUID: &str = "7a1cbb5e-0000-4000-8000-000000000001";

/// The hosts that the sandbox plays.
const HOSTS: [&str; 3] = ["crm.kontur.ru", "demo.phonet.com.ua", "callapi.uiscom.ru"];

/// A tab of the browser.
pub type Tab = WindowHandle;

/// Which browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BrowserKind {
    /// Chromium with `dist/chrome`.
    Chromium,
    /// Firefox ESR with `dist/firefox`.
    Firefox,
}

impl BrowserKind {
    /// Its name in file and test names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
        }
    }

    /// Where the built extension is.
    pub(crate) fn extension(self) -> PathBuf {
        root().join(match self {
            Self::Chromium => "dist/chrome",
            Self::Firefox => "dist/firefox",
        })
    }
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Appearance {
    /// `prefers-color-scheme: dark`.
    pub dark: bool,
    /// Of the viewport in Chromium, of the window in Firefox; in CSS pixels.
    pub width: u32,
    /// Likewise.
    pub height: u32,
}

/// Whose browser it is.
#[derive(Clone, Copy, Debug)]
pub struct User<'a> {
    /// The language of Chromium; Firefox speaks English here.
    pub language: &'static str,
    /// The optional permissions that the user has granted: Chromium asks for them where no test can answer, so they come with the
    /// extension.
    pub granted: &'a [&'a str],
}

impl Default for User<'_> {
    fn default() -> Self {
        Self { language: "ru", granted: &[] }
    }
}

/// A running browser.
pub struct Browser {
    kind: BrowserKind,
    headless: bool,
    tls: SocketAddr,
    language: &'static str,
    /// The folder of the extension.
    extension: PathBuf,
    web: WebDriver,
    driver: Driver,
    profile: TempDir,
    /// What was printed before it was started again.
    said: Vec<String>,
}

impl Browser {
    /// Starts the browser with a fresh profile and the extension; port 443 of the services' hosts leads to `tls`.
    pub async fn start(kind: BrowserKind, headless: bool, tls: SocketAddr, user: User<'_>) -> Result<Self> {
        let User { language, granted } = user;
        let profile = TempDir::with_prefix("trubka-profile-")?;
        let extension = if granted.is_empty() {
            kind.extension()
        } else {
            with_granted(&kind.extension(), &profile.path().join("extension"), granted)?
        };
        let (driver, web) = lead(kind, headless, tls, language, profile.path(), &extension).await?;
        let browser = Self { kind, headless, tls, language, extension, web, driver, profile, said: Vec::new() };
        if kind == BrowserKind::Firefox {
            let archive = browser.folder().join("trubka.xpi");
            pack(&browser.extension, &archive)?;
            browser.command("moz/addon/install", json!({ "path": archive, "temporary": false })).await?;
        }
        Ok(browser)
    }

    /// Ends it in good order, and starts it again on the same profile. Firefox notes for good what is installed only when it ends:
    /// killed before its first end, it forgets the extension.
    pub async fn reopen(&mut self) -> Result<()> {
        self.web.clone().quit().await?;
        self.start_again().await
    }

    /// Ends it as a power cut does: SIGKILL for every process it has. The profile stays as it is at that moment.
    pub async fn kill(&self) -> Result<()> {
        // WebDriver's session dies with it and is not to be ended in good order.
        let _ = self.web.clone().leak();
        processes::kill(&self.processes()?).await
    }

    /// Starts it again on the same profile after [`Browser::kill`].
    pub async fn start_again(&mut self) -> Result<()> {
        // What geckodriver would take for the port of the Firefox that is to come.
        match std::fs::remove_file(self.folder().join("MarionetteActivePort")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let Self { kind, headless, tls, language, .. } = *self;
        let (driver, web) = lead(kind, headless, tls, language, self.profile.path(), &self.extension).await?;
        self.web = web;
        self.said.append(&mut std::mem::replace(&mut self.driver, driver).said());
        Ok(())
    }

    /// Its processes, the first one first.
    pub fn processes(&self) -> Result<Vec<u32>> {
        processes::descendants(self.driver.process().context("the driver is over")?)
    }

    /// Ends it in good order.
    pub async fn quit(self) -> Result<()> {
        Ok(self.web.quit().await?)
    }

    /// Which browser it is.
    pub fn kind(&self) -> BrowserKind {
        self.kind
    }

    /// Everything WebDriver itself offers.
    pub fn web(&self) -> &WebDriver {
        &self.web
    }

    /// A folder that lives as long as the browser.
    pub fn folder(&self) -> &Path {
        self.profile.path()
    }

    /// The address of one of the extension's own pages.
    pub fn page(&self, path: &str) -> String {
        match self.kind {
            BrowserKind::Chromium => format!("chrome-extension://{}/{path}", self.unpacked_id()),
            BrowserKind::Firefox => format!("moz-extension://{GECKO_UUID}/{path}"),
        }
    }

    /// Chromium's id of the extension.
    pub(crate) fn unpacked_id(&self) -> String {
        unpacked_id(&self.extension)
    }

    /// Opens `url` in a new tab and looks at it.
    pub async fn open(&self, url: &str) -> Result<Tab> {
        let tab = self.web.new_tab().await?;
        self.show(&tab).await?;
        self.web.goto(url).await?;
        Ok(tab)
    }

    /// Closes every tab, and looks at a fresh one.
    pub async fn close_tabs(&self) -> Result<()> {
        let old = self.web.windows().await?;
        let fresh = self.web.new_tab().await?;
        for tab in old {
            self.show(&tab).await?;
            self.web.close_window().await?;
        }
        self.show(&fresh).await
    }

    /// Looks at a tab: what follows speaks of it.
    pub async fn show(&self, tab: &Tab) -> Result<()> {
        Ok(self.web.switch_to_window(tab.clone()).await?)
    }

    /// The first element that matches in the tab looked at, or nothing.
    pub async fn find(&self, css: &str) -> Result<Option<WebElement>> {
        Ok(self.web.find_all(By::Css(css)).await?.into_iter().next())
    }

    /// The shadow root of an element, open or closed, as an argument for a script.
    pub async fn shadow(&self, host: &WebElement) -> Result<Value> {
        let path = format!("element/{}/shadow", host.element_id());
        Ok(self.web.handle().cmd(Raw { path, body: None }).await?.value()?)
    }

    /// The first element that matches within an element's shadow root, open or closed.
    pub async fn find_in_shadow(&self, host: &WebElement, css: &str) -> Result<WebElement> {
        let shadow = WebElement::from_json(self.shadow(host).await?, self.web.handle().clone())?;
        let query = json!({ "using": "css selector", "value": css });
        let found = self.command(&format!("shadow/{}/element", shadow.element_id()), query).await?;
        Ok(WebElement::from_json(found, self.web.handle().clone())?)
    }

    /// What a script makes of its arguments in the tab looked at.
    pub async fn script<T: serde::de::DeserializeOwned>(&self, script: &str, arguments: Vec<Value>) -> Result<T> {
        Ok(self.web.execute(script, arguments).await?.convert()?)
    }

    /// Sets how the tab looked at is shown.
    pub async fn appear(&self, appearance: Appearance) -> Result<()> {
        let Appearance { dark, width, height } = appearance;
        match self.kind {
            BrowserKind::Chromium => {
                let scheme = if dark { "dark" } else { "light" };
                let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
                self.cdp("Emulation.setEmulatedMedia", media).await?;
                let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
                self.cdp("Emulation.setDeviceMetricsOverride", metrics).await
            }
            BrowserKind::Firefox => {
                self.chrome_script(
                    // The browser's own pages go by the first, web pages by the second.
                    "Services.prefs.setIntPref('ui.systemUsesDarkTheme', arguments[0]);
                     Services.prefs.setIntPref('layout.css.prefers-color-scheme.content-override', 1 - arguments[0]);",
                    json!([u8::from(dark)]),
                )
                .await?;
                self.web.set_window_rect(0, 0, width, height).await?;
                // The page hears of it a moment later.
                until("the page to be light or dark", async || {
                    let is_dark = "return matchMedia('(prefers-color-scheme: dark)').matches";
                    Ok((self.script::<bool>(is_dark, Vec::new()).await? == dark).then_some(()))
                })
                .await
            }
        }
    }

    /// Saves a picture of the tab looked at as `target/<folder>/<name>.png`; answers with the path from the project's root.
    pub async fn picture(&self, folder: &str, name: &str) -> Result<String> {
        let path = format!("target/{folder}/{name}.png");
        let file = root().join(&path);
        std::fs::create_dir_all(file.parent().context("no folder")?)?;
        self.web.screenshot(&file).await?;
        Ok(path)
    }

    /// Kills the background as the browser does when it wants the memory back.
    pub async fn stop_background(&self) -> Result<()> {
        match self.kind {
            BrowserKind::Chromium => {
                self.cdp("ServiceWorker.enable", json!({})).await?;
                self.cdp("ServiceWorker.stopAllWorkers", json!({})).await
            }
            BrowserKind::Firefox => {
                let script = "return WebExtensionPolicy.getByID(arguments[0]).extension.terminateBackground(\
                    { ignoreDevToolsAttached: true, disableResetIdleForTest: true })";
                self.chrome_script(script, json!([GECKO_ID])).await.map(drop)
            }
        }
    }

    /// Whether Firefox has the background running; to ask does not keep it alive.
    pub(crate) async fn background_runs(&self) -> Result<bool> {
        let script = "return WebExtensionPolicy.getByID(arguments[0]).extension.backgroundState";
        Ok(self.chrome_script(script, json!([GECKO_ID])).await? == "running")
    }

    /// What the extension said to a console. It says nothing when all is well, but names nonsense from the exchange; what browsers
    /// print by themselves about a refused connection, or about a form with a password, is left out, too.
    pub fn complaints(&self) -> Vec<String> {
        let expected = ["Trubka: exchange: ", "WebSocket connection to", "Failed to load resource", "LoginRecipes: "];
        let is_ours = |line: &str| match self.kind {
            BrowserKind::Chromium => line.contains(":CONSOLE") && line.contains("chrome-extension://"),
            BrowserKind::Firefox => line.contains("moz-extension://") || line.contains("Trubka: "),
        };
        let said = self.said.iter().cloned().chain(self.driver.said());
        said.filter(|line| is_ours(line) && !expected.iter().any(|expected| line.contains(expected))).collect()
    }

    /// Has Chromium show the tab looked at as it is printed.
    pub async fn show_as_printed(&self) -> Result<()> {
        self.cdp("Emulation.setEmulatedMedia", json!({ "media": "print" })).await
    }

    /// Has the browser forget what the tab looked at holds no more.
    pub async fn collect_garbage(&self) -> Result<()> {
        match self.kind {
            BrowserKind::Chromium => self.cdp("HeapProfiler.collectGarbage", json!({})).await,
            BrowserKind::Firefox => {
                // Every process of the browser's hears of it.
                let script = "Services.obs.notifyObservers(null, 'memory-pressure', 'heap-minimize')";
                self.chrome_script(script, json!([])).await.map(drop)
            }
        }
    }

    async fn cdp(&self, command: &str, parameters: Value) -> Result<()> {
        self.ask_cdp(command, parameters).await.map(drop)
    }

    async fn ask_cdp(&self, command: &str, parameters: Value) -> Result<Value> {
        self.command("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    /// What the tab looked at says to those who do not see it: each thing's role and name, in the order of the page, closed shadow
    /// trees too.
    pub async fn accessible(&self) -> Result<Vec<(String, String)>> {
        match self.kind {
            BrowserKind::Chromium => {
                let tree = self.ask_cdp("Accessibility.getFullAXTree", json!({})).await?;
                let nodes = tree.pointer("/nodes").and_then(Value::as_array).context("no tree")?;
                let text =
                    |node: &Value, what| node.pointer(what).and_then(Value::as_str).unwrap_or_default().to_owned();
                let shown = nodes.iter().filter(|node| node.pointer("/ignored") != Some(&json!(true)));
                Ok(shown.map(|node| (text(node, "/role/value"), text(node, "/name/value"))).collect())
            }
            BrowserKind::Firefox => {
                let script =
                    "const service = Cc['@mozilla.org/accessibilityService;1'].getService(Ci.nsIAccessibilityService);
                    const things = [];
                    const walk = (thing) => {
                        things.push([service.getStringRole(thing.role), thing.name ?? '']);
                        for (let child = thing.firstChild; child; child = child.nextSibling) walk(child);
                    };
                    const browser = Services.wm.getMostRecentBrowserWindow().gBrowser.selectedBrowser;
                    walk(service.getAccessibleFor(browser));
                    return things;";
                Ok(serde_json::from_value(self.chrome_script(script, json!([])).await?)?)
            }
        }
    }

    /// Runs a script with Firefox's own rights; a promise it returns is awaited.
    pub(crate) async fn chrome_script(&self, script: &str, arguments: Value) -> Result<Value> {
        self.command("moz/context", json!({ "context": "chrome" })).await?;
        let ran = self.command("execute/sync", json!({ "script": script, "args": arguments })).await;
        self.command("moz/context", json!({ "context": "content" })).await?;
        ran
    }

    async fn command(&self, path: &str, body: Value) -> Result<Value> {
        Ok(self.web.handle().cmd(Raw { path: path.to_owned(), body: Some(body) }).await?.value_json()?)
    }
}

/// Starts a driver and by it a browser on this profile.
async fn lead(
    kind: BrowserKind,
    headless: bool,
    tls: SocketAddr,
    language: &str,
    profile: &Path,
    extension: &Path,
) -> Result<(Driver, WebDriver)> {
    let (driver, capabilities) = match kind {
        BrowserKind::Chromium => {
            let driver = Driver::start("chromedriver", &["--enable-chrome-logs"], None, language).await?;
            let mut arguments = chromium_arguments(profile, headless, tls, extension);
            arguments.push("--enable-logging=stderr".to_owned());
            (driver, json!({ "goog:chromeOptions": { "args": arguments } }))
        }
        BrowserKind::Firefox => {
            let driver = Driver::start("geckodriver", &["--allow-system-access"], Some(profile), language).await?;
            (driver, firefox(profile, headless, tls))
        }
    };
    let web = WebDriver::new(driver.address(), serde_json::from_value::<Capabilities>(capabilities)?).await?;
    Ok((driver, web))
}

/// Copies the extension with these of its optional permissions among those that it has from the start.
fn with_granted(extension: &Path, copy: &Path, granted: &[&str]) -> Result<PathBuf> {
    let mut folders = vec![PathBuf::new()];
    while let Some(next) = folders.pop() {
        std::fs::create_dir_all(copy.join(&next))?;
        for entry in std::fs::read_dir(extension.join(&next))? {
            let path = next.join(entry?.file_name());
            if extension.join(&path).is_dir() {
                folders.push(path);
            } else {
                std::fs::copy(extension.join(&path), copy.join(&path))?;
            }
        }
    }
    let file = copy.join("manifest.json");
    let mut manifest: Value = serde_json::from_str(&std::fs::read_to_string(&file)?)?;
    let list = |key| manifest.get(key).and_then(Value::as_array).cloned().with_context(|| format!("no {key}"));
    let (mut given, mut optional) = (list("permissions")?, list("optional_permissions")?);
    optional.retain(|permission| !granted.iter().any(|name| permission == name));
    given.extend(granted.iter().map(|&name| Value::from(name)));
    let fields = manifest.as_object_mut().context("no manifest")?;
    fields.insert("permissions".to_owned(), given.into());
    fields.insert("optional_permissions".to_owned(), optional.into());
    std::fs::write(&file, manifest.to_string())?;
    Ok(copy.to_owned())
}

/// Packs a folder into an archive.
fn pack(folder: &Path, archive: &Path) -> Result<()> {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(archive)?);
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let options =
                    zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
                zip.start_file_from_path(path.strip_prefix(folder)?, options)?;
                std::io::copy(&mut std::fs::File::open(path)?, &mut zip)?;
            }
        }
    }
    zip.finish()?;
    Ok(())
}

/// The arguments of a Chromium with the extension, whose port 443 of the services' hosts leads to `tls`.
pub(crate) fn chromium_arguments(profile: &Path, headless: bool, tls: SocketAddr, extension: &Path) -> Vec<String> {
    let extension = extension.display();
    let mut arguments = vec![
        format!("--user-data-dir={}", profile.display()),
        format!("--load-extension={extension}"),
        format!("--disable-extensions-except={extension}"),
        format!("--host-resolver-rules={}", HOSTS.map(|host| format!("MAP {host} {tls}")).join(", ")),
        "--window-size=1280,900".to_owned(),
    ];
    let switches = [
        "--ignore-certificate-errors",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // For `Extensions.triggerAction`, a click on the extension's icon.
        "--enable-unsafe-extension-debugging",
    ];
    arguments.extend(switches.map(str::to_owned));
    if headless {
        arguments.push("--headless=new".to_owned());
    }
    arguments
}

fn firefox(profile: &Path, headless: bool, tls: SocketAddr) -> Value {
    let mut arguments = vec!["-profile".to_owned(), profile.display().to_string()];
    if headless {
        arguments.push("-headless".to_owned());
    }
    json!({
        "acceptInsecureCerts": true,
        "moz:firefoxOptions": {
            "args": arguments,
            "prefs": {
                "extensions.webextensions.uuids": json!({ GECKO_ID: GECKO_UUID }).to_string(),
                "network.dns.localDomains": HOSTS.join(","),
                "network.socket.forcePort": format!("443={}", tls.port()),
                "devtools.console.stdout.content": true,
                "browser.dom.window.dump.enabled": true,
                "browser.shell.checkDefaultBrowser": false,
                "xpinstall.signatures.required": false,
                "datareporting.policy.dataSubmissionEnabled": false,
            },
        },
    })
}

/// Chromium names an unpacked extension after its path: the first half of the SHA-256, a letter for each half-byte.
pub(crate) fn unpacked_id(path: &Path) -> String {
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    digest.iter().take(16).flat_map(|byte| [byte >> 4, byte & 15]).map(|half| char::from(b'a' + half)).collect()
}

/// A command that WebDriver's client has no method for.
#[derive(Debug)]
struct Raw {
    path: String,
    body: Option<Value>,
}

impl FormatRequestData for Raw {
    fn format_request(&self, session: &SessionId) -> RequestData {
        let uri = format!("/session/{session}/{}", self.path);
        match &self.body {
            None => RequestData::new(Method::GET, uri),
            Some(body) => RequestData::new(Method::POST, uri).add_body(body.clone()),
        }
    }
}
