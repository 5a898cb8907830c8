//! Services that refuse, fail or talk nonsense, and a background that dies.

use anyhow::{Result, ensure};
use serde_json::json;
use trubka_e2e::{Stage, until};

use super::{CLIENT, settings::configure};

pub async fn a_refused_key_is_said(stage: &Stage) -> Result<()> {
    configure(stage, "/phonet/apiKey", "wrong").await?;
    let popup = stage.popup().await?;
    popup.link("refused").await?;
    popup.says("#link-problem", "problem_phonetKeyRefused").await.map(drop)
}

pub async fn an_unreachable_exchange_is_said(stage: &Stage) -> Result<()> {
    configure(stage, "/phonet/domain", "nowhere.phonet.com.ua").await?;
    let popup = stage.popup().await?;
    popup.says("#link-problem", "problem_phonetUnreachable").await.map(drop)
}

pub async fn a_failing_crm_loses_nothing(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let failures = |count| json!({ "service": "kontur", "status": 500, "count": count, "path": "/communications/" });
    stage.control.act("fault", &failures(1000)).await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    stage.popup().await?.says("#crm", "problem_konturStatus").await?;
    stage.control.answer(&call).await?;
    stage.control.hang_up(&call).await?;
    stage.control.act("fault", &failures(0)).await?;
    stage.control.registered(&call).await.map(drop)
}

pub async fn a_frame_that_is_no_json_is_survived(stage: &Stage) -> Result<()> {
    nonsense(stage, "{\"event\": \"call.dial\", ", "problem_phonetBadFrame").await
}

pub async fn an_unknown_event_is_survived(stage: &Stage) -> Result<()> {
    nonsense(stage, "{\"event\": \"call.transferred\"}", "problem_phonetUnknownEvent").await
}

pub async fn an_expired_access_key_is_renewed_once(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    stage.control.wait(&format!("event:{call}:appeared")).await?;
    let before = authorizations(stage).await?;
    stage.control.act("expire-keys", &json!({})).await?;
    stage.control.answer(&call).await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await?;
    let renewed = authorizations(stage).await? - before;
    ensure!(renewed == 1, "{renewed} keys were asked for");
    Ok(())
}

pub async fn a_background_killed_in_a_call_loses_nothing(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    stage.control.answer(&call).await?;
    stage.control.wait(&format!("event:{call}:connected")).await?;
    stage.browser.stop_background().await?;
    until("the connection to die with the background", async || {
        Ok((stage.control.connections().await? == 0).then_some(()))
    })
    .await?;
    stage.control.hang_up(&call).await?;
    // Whatever wakes it will do; a user who opens the popup is one such thing.
    stage.popup().await?.link("live").await?;
    stage.control.registered(&call).await?;
    crm.show().await?;
    crm.phase(CLIENT, "idle").await.map(drop)
}

/// The popup names the nonsense, and the next call goes on as ever.
async fn nonsense(stage: &Stage, frame: &str, problem: &str) -> Result<()> {
    stage.connect().await?;
    stage.control.act("frame", &json!({ "subscriber": "001", "text": frame })).await?;
    stage.popup().await?.says("#exchange", problem).await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    stage.control.answer(&call).await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await.map(drop)
}

async fn authorizations(stage: &Stage) -> Result<usize> {
    let ledger = stage.control.ledger().await?;
    Ok(ledger.iter().filter(|entry| entry.path.contains("/authorization/")).count())
}
