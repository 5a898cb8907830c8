//! A browser that is ended by force and started again on the same profile.

use std::time::Duration;

use anyhow::{Result, ensure};
use trubka_e2e::Stage;

use super::CLIENT;

pub async fn a_call_outlives_the_browser(stage: &mut Stage) -> Result<()> {
    stage.browser.reopen().await?;
    stage.connect().await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    stage.control.answer(&call).await?;
    stage.control.wait(&format!("event:{call}:connected")).await?;
    stage.restart().await?;
    // Nothing but the browser's own start wakes the extension.
    stage.control.wait("socket:001").await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await.map(drop)
}

pub async fn a_call_that_ends_while_the_browser_is_dead_is_registered(stage: &mut Stage) -> Result<()> {
    stage.browser.reopen().await?;
    stage.connect().await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    stage.control.answer(&call).await?;
    stage.control.wait(&format!("event:{call}:connected")).await?;
    stage.browser.kill().await?;
    stage.control.hang_up(&call).await?;
    stage.browser.start_again().await?;
    stage.control.registered(&call).await.map(drop)
}

pub async fn a_call_that_came_and_went_while_the_browser_was_dead_is_registered(stage: &mut Stage) -> Result<()> {
    stage.browser.reopen().await?;
    stage.connect().await?;
    stage.browser.kill().await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    stage.control.answer(&call).await?;
    stage.control.hang_up(&call).await?;
    stage.browser.start_again().await?;
    // It may wait a minute for its recording.
    stage.control.wait_within(&format!("registered:{call}"), Duration::from_secs(100)).await?;
    // The CRM's screen has nothing to show of a call that is over.
    let ledger = stage.control.ledger().await?;
    ensure!(!ledger.iter().any(|entry| entry.path.ends_with("/call-started")), "told as if it went on");
    Ok(())
}
