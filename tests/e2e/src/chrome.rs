//! What belongs to the browser and not to a page: the extension's icon, the context menu, and the user's consent.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use thirtyfour::WebElement;
use tokio::sync::Mutex;

use crate::{Browser, BrowserKind, Cdp, browser::GECKO_ID, until};

/// A target of Chromium's.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    target_id: String,
    r#type: String,
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Targets {
    target_infos: Vec<Target>,
}

impl Browser {
    /// Has the browser say yes when the extension asks for a host: nobody can click on its question here.
    pub async fn consent(&self, pattern: &str) -> Result<()> {
        match self.kind() {
            BrowserKind::Chromium => self.site_access("addHostPermission", pattern).await,
            BrowserKind::Firefox => {
                let script = "Services.prefs.setBoolPref('extensions.webextOptionalPermissionPrompts', false)";
                self.chrome_script(script, json!([])).await.map(drop)
            }
        }
    }

    /// Has Firefox keep the extension's notifications until they are cleared: without a screen they would be over at once.
    pub async fn keep_notifications(&self) -> Result<()> {
        if self.kind() == BrowserKind::Chromium {
            return Ok(());
        }
        let script = "const shown = new Map();
            const service = {
                QueryInterface: ChromeUtils.generateQI(['nsIAlertsService']),
                showAlert(alert, listener) {
                    shown.set(alert.name, listener);
                    listener?.observe(null, 'alertshow', alert.cookie);
                },
                closeAlert(name) {
                    shown.get(name)?.observe(null, 'alertfinished', '');
                    shown.delete(name);
                },
            };
            const factory = { createInstance: (id) => service.QueryInterface(id) };
            const registrar = Components.manager.QueryInterface(Ci.nsIComponentRegistrar);
            registrar.registerFactory(Services.uuid.generateUUID(), '', '@mozilla.org/alerts-service;1', factory);";
        self.chrome_script(script, json!([])).await.map(drop)
    }

    /// Takes a host from the extension as the user does in the browser's own settings.
    pub async fn withdraw(&self, pattern: &str) -> Result<()> {
        match self.kind() {
            BrowserKind::Chromium => self.site_access("removeHostPermission", pattern).await,
            BrowserKind::Firefox => {
                let script = "const { ExtensionPermissions } =
                        ChromeUtils.importESModule('resource://gre/modules/ExtensionPermissions.sys.mjs');
                    const { extension } = WebExtensionPolicy.getByID(arguments[0]);
                    return ExtensionPermissions.remove(arguments[0], { permissions: [], origins: [arguments[1]] }, extension);";
                self.chrome_script(script, json!([GECKO_ID, pattern])).await.map(drop)
            }
        }
    }

    /// What Chromium's page of the extension does about a host.
    async fn site_access(&self, action: &str, pattern: &str) -> Result<()> {
        let before = self.web().window().await?;
        self.open("chrome://extensions").await?;
        let script = "const [action, id, pattern, done] = arguments;
            chrome.developerPrivate[action](id, pattern).then(() => done(''), ({ message }) => done(message));";
        let id = self.unpacked_id();
        let arguments = vec![action.into(), id.into(), pattern.into()];
        let refusal: String = self.web().execute_async(script, arguments).await?.convert()?;
        self.web().close_window().await?;
        self.show(&before).await?;
        if refusal.is_empty() { Ok(()) } else { bail!("{action} of {pattern}: {refusal}") }
    }

    /// Clicks on the extension's icon in the tab looked at.
    pub async fn click_icon(&self) -> Result<IconPopup<'_>> {
        match self.kind() {
            BrowserKind::Chromium => {
                let url = self.web().current_url().await?.to_string();
                let mut cdp = Cdp::connect(self.folder()).await?;
                let targets: Targets =
                    cdp.ask(None, "Target.getTargets", json!({ "filter": [{ "type": "tab" }] })).await?;
                let tab = targets.target_infos.into_iter().find(|target| target.url == url).context("no such tab")?;
                let id = self.unpacked_id();
                let parameters = json!({ "id": id, "targetId": tab.target_id });
                cdp.ask::<Value>(None, "Extensions.triggerAction", parameters).await?;
                self.popup().await
            }
            BrowserKind::Firefox => {
                let script = "const { tabManager } = WebExtensionPolicy.getByID(arguments[0]).extension;
                    const tab = Services.wm.getMostRecentBrowserWindow().gBrowser.selectedTab;
                    tabManager.addActiveTabPermission(tab);
                    return tabManager.getWrapper(tab).id;";
                let tab = self.chrome_script(script, json!([GECKO_ID])).await?;
                self.open(&self.page(&format!("popup/popup.html?tab={tab}"))).await?;
                Ok(IconPopup { browser: self, line: None })
            }
        }
    }

    /// The popup that the extension has opened by itself.
    pub async fn popup(&self) -> Result<IconPopup<'_>> {
        match self.kind() {
            BrowserKind::Chromium => {
                let cdp = Mutex::new(Cdp::connect(self.folder()).await?);
                let page = self.page("popup/popup.html");
                let target = until("the popup", async || {
                    let targets: Targets = cdp.lock().await.ask(None, "Target.getTargets", json!({})).await?;
                    let is_popup = |target: &Target| target.r#type == "page" && target.url.starts_with(&page);
                    Ok(targets.target_infos.into_iter().find(is_popup))
                })
                .await?;
                let session = cdp.lock().await.attach(&target.target_id).await?;
                Ok(IconPopup { browser: self, line: Some((cdp, session)) })
            }
            BrowserKind::Firefox => {
                let script = "const { document } = Services.wm.getMostRecentBrowserWindow();
                    return document.querySelector('.webextension-popup-browser') !== null;";
                until("the popup", async || Ok((self.chrome_script(script, json!([])).await? == true).then_some(())))
                    .await?;
                self.open(&self.page("popup/popup.html")).await?;
                Ok(IconPopup { browser: self, line: None })
            }
        }
    }

    /// What an expression is in Chromium's worker, or what it promises.
    async fn in_worker(&self, expression: &str) -> Result<Value> {
        let mut cdp = Cdp::connect(self.folder()).await?;
        let targets: Targets = cdp.ask(None, "Target.getTargets", json!({})).await?;
        let main = self.page("background/main.js");
        let is_worker = |target: &Target| target.r#type == "service_worker" && target.url == main;
        let worker = targets.target_infos.into_iter().find(is_worker).context("no worker")?;
        let session = cdp.attach(&worker.target_id).await?;
        let parameters = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer: Value = cdp.ask(Some(&session), "Runtime.evaluate", parameters).await?;
        Ok(answer.pointer("/result/value").cloned().unwrap_or_default())
    }

    /// Presses the keys of a command in the tab looked at. In Firefox they are the real ones; Chromium's are out of reach, so there the
    /// command is told to the extension as Chromium does, and that it has keys is asked of Chromium.
    pub async fn press(&self, command: &str) -> Result<()> {
        let pressed = match self.kind() {
            BrowserKind::Chromium => {
                self.in_worker(&format!(
                    "chrome.commands.getAll()
                        .then((all) => Promise.all([all.some(({{ name, shortcut }}) => name === '{command}' && shortcut),
                            chrome.tabs.query({{ active: true, lastFocusedWindow: true }})]))
                        .then(([known, [tab]]) => known && (chrome.commands.onCommand.dispatch('{command}', tab), true))"
                ))
                .await?
            }
            BrowserKind::Firefox => {
                let script = "const { extension } = WebExtensionPolicy.getByID(arguments[0]);
                    const { document } = Services.wm.getMostRecentBrowserWindow();
                    // A test that looks elsewhere would close the popup that this may open.
                    Services.prefs.setBoolPref('ui.popup.disable_autohide', true);
                    return extension.shortcuts.allCommands().then((commands) => {
                        const { shortcut } = commands.find(({ name }) => name === arguments[1]);
                        const keys = Array.from(document.querySelectorAll('keyset[id^=ext-keyset-id] key'));
                        const key = keys.find((key) => key.getAttribute('key') === shortcut.at(-1));
                        key?.doCommand();
                        return key !== undefined;
                    });";
                self.chrome_script(script, json!([GECKO_ID, command])).await?
            }
        };
        ensure!(pressed == true, "the command {command} has no keys");
        Ok(())
    }

    /// Has an administrator say something of the extension's settings: in Firefox by a native manifest in its home folder, in Chromium by
    /// a policy, which is the whole computer's and goes by the extension's id. Both are read when the browser starts.
    pub async fn govern(&mut self, policy: &Value) -> Result<Policy> {
        let (folder, name, content) = match self.kind() {
            BrowserKind::Chromium => {
                let id = self.unpacked_id();
                let content = json!({ "3rdparty": { "extensions": { id.as_str(): policy } } });
                (PathBuf::from(POLICIES), format!("trubka-{id}.json"), content)
            }
            BrowserKind::Firefox => {
                let content = json!({ "name": GECKO_ID, "description": "a policy", "type": "storage", "data": policy });
                (self.folder().join(".mozilla/managed-storage"), format!("{GECKO_ID}.json"), content)
            }
        };
        let policy = Policy(folder.join(name));
        std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&policy.0, content.to_string())).with_context(
            || format!("an administrator writes into {}: be root, or let this user do it", folder.display()),
        )?;
        self.reopen().await?;
        Ok(policy)
    }

    /// Chooses an item of the context menu on an element of the tab looked at. `title` names it in Firefox, whose menu is the real
    /// one; Chromium's is out of reach, so there the item's id is told to the extension as Chromium does, and that it is offered is
    /// asked of Chromium.
    pub async fn choose(&self, element: &WebElement, id: &str, title: &str, selection: &str) -> Result<()> {
        self.web().action_chain().context_click_element(element).perform().await?;
        match self.kind() {
            BrowserKind::Chromium => {
                let info = json!({ "menuItemId": id, "selectionText": selection, "frameId": 0 });
                let chosen = self
                    .in_worker(&format!(
                        "chrome.contextMenus.update('{id}', {{}})
                        .then(() => chrome.tabs.query({{ active: true, lastFocusedWindow: true }}))
                        .then(([tab]) => chrome.contextMenus.onClicked.dispatch({info}, tab))
                        .then(() => 'chosen', ({{ message }}) => message)"
                    ))
                    .await?;
                ensure!(chosen == "chosen", "the item {id} cannot be chosen: {chosen}");
                Ok(())
            }
            BrowserKind::Firefox => {
                let script = "const { document } = Services.wm.getMostRecentBrowserWindow();
                    const item = Array.from(document.querySelectorAll('#contentAreaContextMenu [id^=trubka_]'))
                        .find((item) => item.label === arguments[0] && !item.hidden);
                    // A test that looks elsewhere would close the popup that this may open.
                    Services.prefs.setBoolPref('ui.popup.disable_autohide', true);
                    item?.doCommand();
                    document.getElementById('contentAreaContextMenu').hidePopup();
                    return item !== undefined;";
                until(&format!("the item {title} in the context menu"), async || {
                    Ok((self.chrome_script(script, json!([title])).await? == true).then_some(()))
                })
                .await
            }
        }
    }
}

/// Where Debian's Chromium looks for policies.
const POLICIES: &str = "/etc/chromium/policies/managed";

/// What an administrator has said; it is taken back when this is dropped.
pub struct Policy(PathBuf);

impl Drop for Policy {
    fn drop(&mut self) {
        // Firefox's is gone already where the browser is.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The popup of the extension's icon. WebDriver does not know Chromium's, so that is spoken to over CDP; Firefox's own is out of reach
/// altogether, so there what it shows is shown in a tab.
pub struct IconPopup<'a> {
    browser: &'a Browser,
    line: Option<(Mutex<Cdp>, String)>,
}

impl IconPopup<'_> {
    /// Waits until an element matches, and answers with its text.
    pub async fn text(&self, css: &str) -> Result<String> {
        until(&format!("{css} in the popup"), async || {
            let text = self.evaluate(&format!("document.querySelector({})?.textContent", json!(css))).await?;
            let text = text.as_str().map(str::to_owned);
            ensure!(text.is_some(), "it says {}", self.evaluate("document.body.innerText").await?);
            Ok(text)
        })
        .await
    }

    /// Clicks an element as a person does, as soon as it is there.
    pub async fn click(&self, css: &str) -> Result<()> {
        self.text(css).await?;
        let Some((cdp, session)) = &self.line else {
            return Ok(self.browser.find(css).await?.context("it is gone")?.click().await?);
        };
        let center = format!(
            "(({{ x, y, width, height }}) => [x + width / 2, y + height / 2])(document.querySelector({}).getBoundingClientRect())",
            json!(css)
        );
        let [x, y]: [f64; 2] = serde_json::from_value(self.evaluate(&center).await?)?;
        for r#type in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": r#type, "x": x, "y": y, "button": "left", "clickCount": 1 });
            cdp.lock().await.ask::<Value>(Some(session), "Input.dispatchMouseEvent", event).await?;
        }
        Ok(())
    }

    /// What an expression is in it, or what it promises.
    pub async fn evaluate(&self, expression: &str) -> Result<Value> {
        let Some((cdp, session)) = &self.line else {
            return self.browser.script(&format!("return {expression}"), Vec::new()).await;
        };
        let parameters = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer: Value = cdp.lock().await.ask(Some(session), "Runtime.evaluate", parameters).await?;
        Ok(answer.pointer("/result/value").cloned().unwrap_or_default())
    }

    /// Closes it.
    pub async fn close(self) -> Result<()> {
        match self.line {
            Some(_) => self.evaluate("setTimeout(() => window.close())").await.map(drop),
            None => Ok(self.browser.web().close_window().await?),
        }
    }
}
