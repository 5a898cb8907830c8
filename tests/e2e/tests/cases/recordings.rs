//! Recordings reach the CRM.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use trubka_e2e::{Stage, Verdict};

use super::CLIENT;

/// A recording is looked for from half a minute after the end, then again and again.
const PATIENCE: Duration = Duration::from_secs(110);

pub async fn of_two_calls_reach_the_crm_soon_and_late(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    // The first is ready before it is looked for, the second is not.
    let soon = recorded(stage, 0).await?;
    let late = recorded(stage, 32).await?;
    for call in [soon, late] {
        stage.control.wait_within(&format!("recorded:{call}"), PATIENCE).await?;
    }
    let Verdict { ok, problems } = stage.control.verdict_with_recordings().await?;
    ensure!(ok, "the sandbox's verdict: {problems:?}");
    stage.popup().await?.element("#recent [data-recording=delivered]:nth-child(2)").await.map(drop)
}

/// A call whose recording is ready so many seconds after its end.
async fn recorded(stage: &Stage, delay: u32) -> Result<String> {
    stage.control.act("recordings", &json!({ "delay": delay })).await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    stage.control.answer(&call).await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await?;
    Ok(call)
}
