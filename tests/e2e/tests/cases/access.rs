//! For everybody: axe-core finds no fault with any page of ours in any state, light or dark, nor with what we put on a site's pages; and
//! the browser's own tree for screen readers has our buttons, though they are in closed shadow roots.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use thirtyfour::By;
use trubka_e2e::{Appearance, Options, SETTINGS, Stage, until};

use super::{
    CLIENT,
    menu::popup_of_selection,
    settings::{changed, configure},
};

pub async fn the_popup_has_no_fault_in_any_state(stage: &Stage) -> Result<()> {
    stage.popup().await?.link("off").await?;
    faultless(stage, "the popup without settings", 380).await?;
    configure(stage, "/phonet/apiKey", "wrong").await?;
    stage.popup().await?.link("refused").await?;
    faultless(stage, "the popup with a key that is refused", 380).await?;
    configure(stage, "/phonet/domain", "nowhere.phonet.com.ua").await?;
    stage.popup().await?.says("#link-problem", "problem_phonetUnreachable").await?;
    faultless(stage, "the popup without a connection", 380).await?;

    let selected = popup_of_selection(stage).await?;
    selected.text("#selected-numbers .who").await?;
    selected.audit().await.context("the popup with a selection")?;
    selected.close().await?;
    let page = stage.browser.web().windows().await?.into_iter().next().context("no tab")?;
    stage.browser.show(&page).await?;

    stage.popup().await?.link("live").await?;
    faultless(stage, "the popup without calls", 380).await?;
    // One that the CRM refused, one that was missed, one that talks, one that rings.
    let refuse = json!({ "service": "kontur", "path": "call-event", "status": 400, "count": 1 });
    stage.control.act("fault", &refuse).await?;
    for is_answered in [true, false] {
        let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
        if is_answered {
            stage.control.answer(&call).await?;
        }
        stage.control.hang_up(&call).await?;
        stage.control.registered(&call).await?;
    }
    let talking = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    stage.control.answer(&talking).await?;
    let ringing = stage.control.incoming(None, "001").await?.uuid;
    let popup = stage.popup().await?;
    popup.element("#current .call[data-phase=talking]").await?;
    popup.element("#current .call[data-phase=ringing]").await?;
    popup.element("#recent .call[data-delivery=failed]").await?;
    faultless(stage, "the popup with calls", 380).await?;
    for call in [ringing, talking] {
        stage.control.hang_up(&call).await?;
        stage.control.registered(&call).await?;
    }
    popup.click("#recent [id^='discard-']").await?;
    faultless(stage, "the popup with a question", 380).await?;
    popup.click("#discard button[value=discard]").await?;
    popup.element("#undelivered[hidden]").await?;
    popup.element("#number").await?.send_keys("Петров").await?;
    popup.element("#suggestions:not([hidden]) [role=option]").await?;
    faultless(stage, "the popup with suggestions", 380).await?;
    popup.element("#search").await?.send_keys("никого").await?;
    popup.element("#no-recent:not(:empty)").await?;
    faultless(stage, "the popup that finds nothing", 380).await
}

pub async fn the_options_have_no_fault_in_any_state(stage: &Stage) -> Result<()> {
    let options = Options::open(stage).await?;
    topics(stage, &options, "empty").await?;
    // Everything there is to show: both exchanges, employees, corrections, another site, and a permission that is withheld.
    let everything = changed(&[
        ("/uis", json!({ "login": "l", "password": "p", "virtualNumber": "74993720692", "operator": "79164572521" })),
        ("/sites", json!(["https://crm.example.com"])),
        ("/corrections", json!([{ "label": "инн", "pattern": "#########", "phone": false }])),
        ("/interface", json!({ "notifications": "named", "ring": true })),
        ("/kontur/apiKey", json!("wrong")),
    ])?;
    options.import(&everything).await?;
    options.saved().await?;
    options.has("#permission:not([hidden])").await?;
    options.click("#check").await?;
    options.has("#checks [data-step=konturKey][data-state=failed]").await?;
    options.enter("#phonet-subscriber", "nobody").await?;
    options.says("#phonet-subscriber-error", "problem_settingsWrongValue").await?;
    topics(stage, &options, "full, with something wrong").await?;

    options.import(SETTINGS).await?;
    options.saved().await?;
    options.topic("integration").await?;
    options.has("#integration-view:not([hidden])").await?;
    faultless(stage, "the integration", 1000).await?;
    options.import("{").await?;
    options.has("#problems:not([hidden])").await?;
    faultless(stage, "a file that is none", 1000).await?;
    stage.browser.find("#search").await?.context("no search")?.send_keys("никогда").await?;
    options.has("#found:not(:empty)").await?;
    faultless(stage, "a search in vain", 1000).await?;
    for (button, dialog) in [("#export-sealed", "#phrase"), ("#reset", "#reset-dialog")] {
        let options = Options::open(stage).await?;
        options.click(button).await?;
        options.has(&format!("{dialog}[open]")).await?;
        faultless(stage, dialog, 1000).await?;
    }
    Ok(())
}

pub async fn the_first_run_has_no_fault_in_any_state(stage: &Stage) -> Result<()> {
    let welcome = stage.browser.page("welcome/welcome.html");
    stage.browser.open(&welcome).await?;
    until("the first page", async || stage.browser.find("#phonet-domain").await).await?;
    faultless(stage, "at first", 800).await?;
    configure(stage, "/phonet/apiKey", "wrong").await?;
    stage.browser.open(&welcome).await?;
    let check = "#exchange [data-part=check]";
    until(check, async || stage.browser.find(check).await).await?.click().await?;
    let failed = "#exchange [data-state=failed]";
    until(failed, async || stage.browser.find(failed).await).await?;
    faultless(stage, "with a wrong key", 800).await?;
    stage.configure(SETTINGS).await?;
    stage.browser.open(&welcome).await?;
    let done = "#done:not([hidden])";
    until(done, async || stage.browser.find(done).await).await?;
    faultless(stage, "at its end", 800).await
}

/// Audits every topic of the options.
async fn topics(stage: &Stage, options: &Options<'_>, how: &str) -> Result<()> {
    let names = "return [...document.querySelectorAll('[data-nav]')].map((link) => link.dataset.nav)";
    let names: Vec<String> = stage.browser.script(names, Vec::new()).await?;
    ensure!(names.len() > 5, "the topics are {names:?}");
    for name in names {
        options.topic(&name).await?;
        faultless(stage, &format!("{name}, {how}"), 1000).await?;
    }
    Ok(())
}

pub async fn what_we_put_on_a_page_has_no_fault(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    crm.phase(CLIENT, "idle").await?;
    audit(stage, "trubka-call", "the buttons").await?;
    let name = format!("{} +7 945 123-54-89", stage.message("button_idle")?);
    hears_of_button(stage, &name).await?;

    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    crm.card_that("rings", |card| card.contains("Петров Иван Иванович")).await?;
    audit(stage, "trubka-card", "the card of a call that rings").await?;
    stage.control.answer(&call).await?;
    let talking = stage.message("card_talking")?;
    crm.card_that("talks", |card| card.contains(talking)).await?;
    audit(stage, "trubka-call", "the buttons in a talk").await?;
    audit(stage, "trubka-card", "the card of a talk").await?;
    hears_of_button(stage, stage.message("hangUp")?).await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await?;
    crm.phase(CLIENT, "idle").await?;
    audit(stage, "trubka-card", "the card of a call that is over").await
}

/// Waits until the browser's tree for screen readers has a button of this name.
async fn hears_of_button(stage: &Stage, name: &str) -> Result<()> {
    until(&format!("a button named {name}"), async || {
        let tree = stage.browser.accessible().await?;
        // Chromium and Firefox name the role each in its way.
        let mut buttons = tree.iter().filter(|(role, _)| matches!(role.as_str(), "button" | "pushbutton"));
        ensure!(buttons.any(|(_, its)| its == name), "there is {tree:?}");
        Ok(Some(()))
    })
    .await
}

/// Audits what we put on the page looked at, light and dark.
async fn audit(stage: &Stage, host: &str, what: &str) -> Result<()> {
    let hosts = stage.browser.web().find_all(By::Css(host)).await?;
    for dark in [false, true] {
        stage.browser.appear(Appearance { dark, width: 1280, height: 900 }).await?;
        stage.browser.audit_hosts(&hosts).await.with_context(|| format!("{what}, dark: {dark}"))?;
    }
    Ok(())
}

/// Audits the page looked at, light and dark.
async fn faultless(stage: &Stage, what: &str, width: u32) -> Result<()> {
    for dark in [false, true] {
        stage.browser.appear(Appearance { dark, width, height: 900 }).await?;
        stage.browser.audit().await.with_context(|| format!("{what}, dark: {dark}"))?;
    }
    Ok(())
}
