//! Services that refuse, fail or talk nonsense, and a background that dies.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use trubka_e2e::{Stage, until};

use super::{CLIENT, settings::configure};

/// However the connection is broken, what is shown is true again by then.
const TRUTH: Duration = Duration::from_secs(30);

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

pub async fn a_half_open_socket_is_replaced(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    stage.control.wait(&format!("event:{call}:appeared")).await?;
    stage.control.act("half-open", &json!({})).await?;
    stage.control.answer(&call).await?;
    // What the dead socket does not tell is learned by another way.
    stage.control.wait_within(&format!("event:{call}:connected"), TRUTH).await?;
    stage.control.hang_up(&call).await?;
    stage.control.wait_within(&format!("registered:{call}"), TRUTH).await?;
    stage.control.wait("socket:001").await
}

pub async fn a_key_revoked_while_connected_is_said(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let popup = stage.popup().await?;
    popup.link("live").await?;
    // The socket stays open and falls silent.
    stage.control.act("phonet-key", &json!({ "valid": false })).await?;
    popup.link_within("refused", TRUTH).await?;
    popup.says("#link-problem", "problem_phonetKeyRefused").await?;
    stage.control.act("phonet-key", &json!({ "valid": true })).await?;
    popup.click("#reconnect").await?;
    popup.link("live").await
}

pub async fn a_captive_portal_is_believed_nothing(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    stage.control.wait(&format!("event:{call}:appeared")).await?;
    let portals = |count| {
        [("kontur", "/api/", "contentType"), ("phonet", "/rest/", "portal"), ("phonet", "/live/", "portal")]
            .map(|(service, path, kind)| json!({ "service": service, "path": path, "kind": kind, "count": count }))
    };
    for portal in portals(1000) {
        stage.control.act("fault", &portal).await?;
    }
    stage.control.act("drop", &json!({})).await?;
    stage.control.answer(&call).await?;
    stage.control.hang_up(&call).await?;
    let popup = stage.popup().await?;
    popup.element("#link:not([data-state=live])").await?;
    popup.element("#link-problem:not([hidden])").await?;
    for portal in portals(0) {
        stage.control.act("fault", &portal).await?;
    }
    popup.link_within("live", TRUTH).await?;
    stage.control.registered(&call).await.map(drop)
}

pub async fn a_withdrawn_permission_is_said(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let popup = stage.popup().await?;
    popup.link("live").await?;
    let hosts = json!({ "origins": ["https://*.phonet.com.ua/*"] });
    let withdrawn: bool = stage.browser.script("return browser.permissions.remove(arguments[0])", vec![hosts]).await?;
    ensure!(withdrawn, "the browser keeps the permission");
    popup.link_within("permissionMissing", TRUTH).await
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
