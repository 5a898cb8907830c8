//! The first run.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use thirtyfour::Key;
use trubka_e2e::{Stage, until};

use super::CLIENT;

/// From the first look at the extension to the first call.
const NEWCOMER: Duration = Duration::from_secs(120);

/// A newcomer with a keyboard alone: what is wrong is said at once, what is right is tried at once, and then there is a call.
pub async fn a_newcomer_calls_within_two_minutes(stage: &Stage) -> Result<()> {
    let began = Instant::now();
    stage.browser.open(&stage.browser.page("welcome/welcome.html")).await?;
    focused(stage, "phonet-domain").await?;
    keys(stage, "demo.phonet.com.ua").await?;
    tab_to(stage, "phonet-apiKey").await?;
    keys(stage, "wrong").await?;
    tab_to(stage, "kontur-workspace").await?;
    said(stage, "#exchange [data-step=phonetKey][data-state=failed]", "problem_phonetKeyRefused").await?;
    // Back to the key, to mend it.
    back_to(stage, "phonet-apiKey").await?;
    let select_all = Key::Control + "a";
    stage.browser.web().active_element().await?.send_keys(select_all).await?;
    keys(stage, "sandbox-phonet-key").await?;
    tab_to(stage, "kontur-workspace").await?;
    there(stage, "#exchange[data-state=passed]").await?;
    keys(stage, "sandbox").await?;
    tab_to(stage, "kontur-apiKey").await?;
    keys(stage, "sandbox-kontur-key").await?;
    there(stage, "#phonet-subscriber:enabled option:nth-child(3)").await?;
    tab_to(stage, "phonet-subscriber").await?;
    there(stage, "#crm[data-state=passed]").await?;
    keys(stage, &Key::Down.value().to_string()).await?;
    tab_to(stage, "kontur-userId").await?;
    keys(stage, "3f6a0c1e-0000-4000-8000-000000000001").await?;
    keys(stage, &Key::Tab.value().to_string()).await?;
    there(stage, "#done:not([hidden])").await?;
    there(stage, "#me [data-step=phonetLink][data-state=passed]").await?;
    stage.control.wait("socket:001").await?;
    let crm = stage.crm("").await?;
    crm.click(CLIENT).await?;
    let call = stage.control.dialled(CLIENT).await?;
    let took = began.elapsed();
    ensure!(took < NEWCOMER, "the first call took {took:?}");
    crm.phase(CLIENT, "ringing").await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await.map(drop)
}

/// Of what a company sets up nothing is asked for; what it leaves to its agents is, and the browser's leave is asked for on the spot.
pub async fn what_the_administrator_gives_is_asked_of_nobody(stage: &mut Stage) -> Result<()> {
    stage.under_policies(governed).await
}

async fn governed(stage: &mut Stage) -> Result<()> {
    let policy = json!({
        "preset": { "uis": { "token": "sandbox-uis-token", "employeeId": 25 } },
        "locked": {
            "uis": { "virtualNumber": "74993720692" }, "relay": { "address": "https://relay.example.com" },
            "kontur": { "workspace": "sandbox" }
        }
    });
    let _policy = stage.browser.govern(&policy).await?;
    for origin in ["https://callapi.uiscom.ru/*", "https://relay.example.com/*"] {
        stage.browser.consent(origin).await?;
    }
    stage.browser.open(&stage.browser.page("welcome/welcome.html")).await?;
    let grant = "#exchange [data-step=uisPermission][data-state=failed] button";
    until(grant, async || stage.browser.find(grant).await).await?.click().await?;
    there(stage, "#exchange[data-state=passed]").await?;
    let check = "#crm [data-part=check]";
    until(check, async || stage.browser.find(check).await).await?.click().await?;
    said(stage, "#relay-token-error", "problem_settingsMissing").await?;
    there(stage, "#kontur-apiKey:not([aria-invalid])").await
}

async fn keys(stage: &Stage, text: &str) -> Result<()> {
    Ok(stage.browser.web().active_element().await?.send_keys(text).await?)
}

/// Waits until this element has the focus.
async fn focused(stage: &Stage, id: &str) -> Result<()> {
    let active = "return document.activeElement?.id ?? ''";
    until(&format!("the focus on {id}"), async || {
        Ok((stage.browser.script::<String>(active, Vec::new()).await? == id).then_some(()))
    })
    .await
}

async fn tab_to(stage: &Stage, id: &str) -> Result<()> {
    step_to(stage, id, &Key::Tab.value().to_string()).await
}

async fn back_to(stage: &Stage, id: &str) -> Result<()> {
    let back = format!("{}{}", Key::Shift.value(), Key::Tab.value());
    step_to(stage, id, &back).await
}

/// Presses a key until this element has the focus, and sees to it that each that has it shows it.
async fn step_to(stage: &Stage, id: &str, key: &str) -> Result<()> {
    for _ in 0..20 {
        keys(stage, key).await?;
        let active = "const { activeElement: element } = document;
            return [element.id, element !== document.body && getComputedStyle(element).outlineStyle !== 'none']";
        let (now, is_shown): (String, bool) = stage.browser.script(active, Vec::new()).await?;
        ensure!(is_shown, "the focus on {now:?} is not to be seen");
        if now == id {
            return Ok(());
        }
    }
    anyhow::bail!("{id} is not reached by the keyboard")
}

async fn there(stage: &Stage, css: &str) -> Result<()> {
    until(css, async || stage.browser.find(css).await).await.map(drop)
}

async fn said(stage: &Stage, css: &str, key: &str) -> Result<()> {
    until(&format!("{css} to say {key}"), async || {
        let text = stage.browser.find(css).await?.context("it is not there")?.text().await?;
        ensure!(stage.says(&text, key)?, "it says {text:?}");
        Ok(Some(()))
    })
    .await
}
