//! One owner for everything: however many tabs, clicks, restarts and agents there are.

use anyhow::{Context, Result, ensure};
use trubka_e2e::{BrowserKind, CrmPage, Stage};

use super::{CLIENT, settings::changed};

/// A number whose dial the exchange accepts and then loses: nothing rings that a click could hang up.
const LOST: &str = "74950000001";

pub async fn clicks_in_two_of_five_tabs_dial_once(stage: &Stage) -> Result<()> {
    let tabs = five_tabs(stage).await?;
    for tab in &tabs {
        tab.show().await?;
        tab.write(&format!("+{LOST}")).await?;
        tab.phase(LOST, "idle").await?;
    }
    for tab in tabs.iter().take(2) {
        tab.show().await?;
        tab.click(LOST).await?;
    }
    for tab in &tabs {
        tab.show().await?;
        tab.phase(LOST, "dialling").await?;
    }
    once(stage, LOST).await
}

pub async fn a_call_rings_in_every_tab(stage: &Stage) -> Result<()> {
    let tabs = five_tabs(stage).await?;
    tabs.last().context("no tab")?.click(CLIENT).await?;
    let call = stage.control.dialled(CLIENT).await?;
    for tab in &tabs {
        tab.show().await?;
        tab.phase(CLIENT, "ringing").await?;
    }
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await?;
    once(stage, CLIENT).await
}

pub async fn a_restart_between_click_and_answer_dials_once(stage: &mut Stage) -> Result<()> {
    stage.browser.reopen().await?;
    stage.connected_crm().await?.click(CLIENT).await?;
    let call = stage.control.dialled(CLIENT).await?;
    stage.restart().await?;
    let crm = stage.crm("").await?;
    crm.phase(CLIENT, "ringing").await?;
    stage.control.answer(&call).await?;
    crm.phase(CLIENT, "talking").await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await?;
    once(stage, CLIENT).await
}

pub async fn two_agents_in_one_group_call_make_one_communication(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let colleague = stage.colleague(BrowserKind::Chromium).await?;
    let outcome = group_calls(stage, &colleague).await;
    let complaints = colleague.browser.complaints();
    colleague.close().await?;
    ensure!(complaints.is_empty(), "the colleague's extension complained:\n  {}", complaints.join("\n  "));
    outcome
}

/// One that the colleague answers, one that I answer, and one that nobody answers.
async fn group_calls(stage: &Stage, colleague: &Stage) -> Result<()> {
    let boris = "3f6a0c1e-0000-4000-8000-000000000002";
    colleague.configure(&changed(&[("/phonet/subscriber", "002"), ("/kontur/userId", boris)])?).await?;
    stage.control.wait("socket:002").await?;
    for answers in [Some("002"), Some("001"), None] {
        let call = stage.control.incoming(Some(CLIENT), "900").await?;
        if let Some(ext) = answers {
            stage.control.answer(call.legs.get(ext).context("no leg")?).await?;
        }
        stage.control.hang_up(&call.uuid).await?;
        stage.control.registered(&call.uuid).await?;
    }
    let held = stage.control.communications().await?;
    ensure!(held.len() == 3, "the CRM holds {held:?}");
    Ok(())
}

/// Of the CRM, each with its buttons; the last one is looked at.
async fn five_tabs(stage: &Stage) -> Result<Vec<CrmPage<'_>>> {
    stage.connect().await?;
    let mut tabs = Vec::new();
    for _ in 0..5 {
        let tab = stage.crm("").await?;
        tab.phase(CLIENT, "idle").await?;
        tabs.push(tab);
    }
    Ok(tabs)
}

async fn once(stage: &Stage, number: &str) -> Result<()> {
    let dials = stage.control.dials(number).await?;
    ensure!(dials == 1, "the exchange was asked {dials} times");
    Ok(())
}
