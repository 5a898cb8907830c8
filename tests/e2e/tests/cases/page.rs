//! The CRM page with our buttons on it.

use std::collections::HashSet;

use anyhow::{Result, ensure};
use trubka_e2e::{Stage, until};

use super::CLIENT;

pub async fn buttons_survive_a_page_that_renders_all_the_time(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let crm = stage.crm("?churn=1").await?;
    crm.phase(CLIENT, "idle").await?;
    // A button that the page's renderings outlived is clicked like any other.
    crm.renderings(10).await?;
    until("one button for each number", async || {
        let names: Vec<String> = crm.buttons().await?.into_iter().map(|button| button.name).collect();
        let distinct = names.iter().collect::<HashSet<_>>().len();
        ensure!(distinct == names.len(), "doubled: {names:?}");
        Ok((distinct == 4).then_some(()))
    })
    .await?;
    crm.click(CLIENT).await?;
    let call = stage.control.dialled(CLIENT).await?;
    crm.phase(CLIENT, "ringing").await?;
    stage.control.hang_up(&call).await?;
    crm.phase(CLIENT, "idle").await?;
    stage.control.registered(&call).await?;
    ensure!(crm.errors().await? == 0, "the page's own script failed");
    Ok(())
}

pub async fn what_is_no_phone_number_gets_no_button(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    for page in ["", "/3f6a0c1e-0000-4000-8000-0000000000e1", "/3f6a0c1e-0000-4000-8000-0000000000e3"] {
        let crm = stage.crm(page).await?;
        crm.phase(CLIENT, "idle").await?;
        for button in crm.buttons().await? {
            let digits: String = button.name.chars().filter(char::is_ascii_digit).collect();
            let known = ["79451235489", "79654568789", "78123854136", "76046851124"];
            ensure!(known.iter().any(|number| digits.contains(number)), "{page} has a button {button:?}");
        }
        ensure!(crm.errors().await? == 0, "the page's own script failed");
    }
    Ok(())
}

pub async fn a_page_older_than_the_extension_says_so(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    crm.phase(CLIENT, "idle").await?;
    renew(stage).await?;
    crm.show().await?;
    let outdated = stage.message("problem_pageOutdated")?.to_owned();
    crm.card_that("says that the page is to be reloaded", |card| card.contains(&outdated)).await.map(drop)
}

/// Firefox runs the new extension's script in the pages that are open.
pub async fn a_page_older_than_the_extension_goes_on(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    crm.phase(CLIENT, "idle").await?;
    renew(stage).await?;
    crm.show().await?;
    until("the renewed extension to connect", async || {
        let ledger = stage.control.ledger().await?;
        Ok((ledger.iter().filter(|entry| entry.path.contains("/connector/")).count() == 2).then_some(()))
    })
    .await?;
    stage.popup().await?.link("live").await?;
    crm.show().await?;
    crm.click(CLIENT).await?;
    let call = stage.control.dialled(CLIENT).await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await.map(drop)
}

/// Loads the extension anew, as an update does.
async fn renew(stage: &Stage) -> Result<()> {
    stage.popup().await?;
    // The popup goes with the old extension.
    let reload = "setTimeout(() => (globalThis.browser ?? chrome).runtime.reload())";
    stage.browser.script(reload, Vec::new()).await
}
