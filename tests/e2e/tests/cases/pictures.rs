//! Pictures for people to look at; here it is only seen to that the pages stay within their width.

use anyhow::{Result, ensure};
use trubka_e2e::{Appearance, Options, Stage};

use super::CLIENT;

pub async fn of_popup_and_options(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    stage.control.answer(&call).await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await?;
    stage.control.incoming(Some(CLIENT), "001").await?;
    crm.card_that("rings", |card| card.contains("Петров Иван Иванович")).await?;
    all(stage, "crm", &[1280, 600]).await?;
    let popup = stage.popup().await?;
    popup.element("#current .call[data-phase=ringing]").await?;
    popup.element("#recent .call[data-delivery=delivered]").await?;
    all(stage, "popup", &[392, 320]).await?;
    Options::open(stage).await?;
    all(stage, "options", &[1000, 480]).await
}

async fn all(stage: &Stage, page: &str, widths: &[u32]) -> Result<()> {
    let folder = format!("screens/{}", stage.browser.kind().name());
    for &width in widths {
        for dark in [false, true] {
            stage.browser.appear(Appearance { dark, width, height: 900 }).await?;
            let scheme = if dark { "dark" } else { "light" };
            stage.browser.picture(&folder, &format!("{page}-{width}-{scheme}")).await?;
            let overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            let overflow: i32 = stage.browser.script(overflow, Vec::new()).await?;
            ensure!(overflow <= 0, "{page} is {overflow} px too wide at {width}");
        }
    }
    Ok(())
}
