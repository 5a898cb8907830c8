//! The sites on which numbers have buttons.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use trubka_e2e::{BrowserKind, CrmPage, Options, Stage, until};

use super::CLIENT;

/// The host of the sandbox's plain pages: for the extension a site as any other.
const SITE: &str = "http://127.0.0.1/*";

pub async fn a_site_is_switched_on_and_off_in_the_popup(stage: &Stage) -> Result<()> {
    let page = strange(stage).await?;
    ensure!(page.buttons().await?.is_empty(), "it has buttons though nobody switched it on");
    switch(stage, &page, true).await?;
    dial(stage, &page, CLIENT).await?;

    // Another page of it, in another life of the background.
    stage.browser.stop_background().await?;
    let other = site(stage, "?other=1").await?;
    other.phase(CLIENT, "idle").await?;
    switch(stage, &other, false).await?;
    for left in [&page, &other] {
        left.show().await?;
        bare(left).await?;
    }
    stage.popup().await?;
    let contains = "return (globalThis.browser ?? chrome).permissions.contains({ origins: [arguments[0]] })";
    until("the permission to be given back", async || {
        let kept = stage.browser.script::<bool>(contains, vec![json!(SITE)]).await?;
        Ok((!kept).then_some(()))
    })
    .await?;
    stage.browser.web().close_window().await?;

    // Once more in the page that was left.
    page.show().await?;
    stage.browser.consent(SITE).await?;
    switch(stage, &page, true).await?;
    dial(stage, &page, "79654568789").await
}

pub async fn a_site_is_switched_off_in_the_options(stage: &Stage) -> Result<()> {
    let page = strange(stage).await?;
    switch(stage, &page, true).await?;
    page.phase(CLIENT, "idle").await?;
    let options = Options::open(stage).await?;
    options.click("#sites li:last-child button").await?;
    until("one site in the options", async || stage.browser.find("#sites li:only-child").await).await?;
    page.show().await?;
    bare(&page).await
}

pub async fn a_site_that_the_user_withdraws_in_the_browser_is_left(stage: &Stage) -> Result<()> {
    let page = strange(stage).await?;
    switch(stage, &page, true).await?;
    page.phase(CLIENT, "idle").await?;
    stage.browser.withdraw(SITE).await?;
    page.show().await?;
    bare(&page).await?;
    Options::open(stage).await?.says("#permission-text", "options_permission").await?;
    let text = stage.browser.find("#permission-text").await?.context("no notice")?.text().await?;
    ensure!(text.contains("127.0.0.1"), "it says {text:?}");
    Ok(())
}

pub async fn the_crm_is_switched_off_and_on(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    crm.phase(CLIENT, "idle").await?;
    switch(stage, &crm, false).await?;
    crm.show().await?;
    bare(&crm).await?;
    stage.browser.web().refresh().await?;
    bare(&crm).await?;
    switch(stage, &crm, true).await?;
    dial(stage, &crm, CLIENT).await
}

pub async fn a_page_of_the_browser_has_no_switch(stage: &Stage) -> Result<()> {
    let page = match stage.browser.kind() {
        BrowserKind::Chromium => "chrome://version/",
        BrowserKind::Firefox => "about:license",
    };
    stage.browser.open(page).await?;
    let popup = stage.browser.click_icon().await?;
    popup.text("#site-none:not([hidden])").await?;
    popup.text("#site-switch[hidden]").await.map(drop)
}

/// The browser's question may stand longer than the background lives.
pub async fn a_wish_outlives_the_background(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let page = site(stage, "").await?;
    stage.popup().await?.link("live").await?;
    let api = "const api = globalThis.browser ?? chrome;";
    let origin = stage.control.address().to_owned();
    let wish = format!(
        "{api}
         const [origin, done] = arguments;
         api.runtime.sendMessage({{ kind: 'setSite', origin, on: true }}).then(() => done(true));"
    );
    stage.browser.web().execute_async(&wish, vec![json!(origin)]).await?;
    stage.browser.stop_background().await?;
    // Chromium grants at once, Firefox when it is asked within a click.
    stage.browser.consent(SITE).await?;
    let ask = format!(
        "{api}
         const [site] = arguments;
         document.body.onclick = () => api.permissions.request({{ origins: [site] }});"
    );
    stage.browser.script::<()>(&ask, vec![json!(SITE)]).await?;
    stage.browser.find("body").await?.context("no popup")?.click().await?;
    page.show().await?;
    page.phase(CLIENT, "idle").await.map(drop)
}

/// What the user withdraws while the background is dead no page is told of: it learns from the next answer.
pub async fn a_page_that_asks_in_vain_is_left(stage: &Stage) -> Result<()> {
    let page = strange(stage).await?;
    switch(stage, &page, true).await?;
    page.phase(CLIENT, "idle").await?;
    // Or it would ask as soon as it is looked at again.
    page.run("addEventListener('visibilitychange', (event) => event.stopImmediatePropagation(), { capture: true })")
        .await?;
    stage.browser.stop_background().await?;
    stage.browser.withdraw(SITE).await?;
    page.show().await?;
    page.write("+7 912 345-00-10").await?;
    bare(&page).await
}

/// A page of a site that nobody has switched on, and a browser that lets the extension have it.
async fn strange(stage: &Stage) -> Result<CrmPage<'_>> {
    stage.connect().await?;
    stage.browser.consent(SITE).await?;
    let page = site(stage, "").await?;
    until("the page's numbers", async || stage.browser.find("td").await).await?;
    Ok(page)
}

async fn site<'a>(stage: &'a Stage, rest: &str) -> Result<CrmPage<'a>> {
    CrmPage::open(stage, &format!("{}/app/sandbox/contacts{rest}", stage.control.address())).await
}

/// Uses the switch of the popup.
async fn switch(stage: &Stage, page: &CrmPage<'_>, on: bool) -> Result<()> {
    page.show().await?;
    let popup = stage.browser.click_icon().await?;
    popup.text("#site:not([hidden])").await?;
    popup.click(&format!("#site-switch[aria-checked={}]", !on)).await?;
    popup.text(&format!("#site-switch[aria-checked={on}]")).await?;
    popup.close().await?;
    page.show().await
}

/// Waits until nothing of ours is on the page.
async fn bare(page: &CrmPage<'_>) -> Result<()> {
    until("the page to be left", async || {
        let hosts = page.hosts().await?.len();
        ensure!(hosts == 0, "{hosts} buttons are there");
        Ok(page.card().await?.is_empty().then_some(()))
    })
    .await
}

async fn dial(stage: &Stage, page: &CrmPage<'_>, number: &str) -> Result<()> {
    page.show().await?;
    page.click(number).await?;
    let call = stage.control.dialled(number).await?;
    page.phase(number, "ringing").await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await?;
    page.phase(number, "idle").await.map(drop)
}
