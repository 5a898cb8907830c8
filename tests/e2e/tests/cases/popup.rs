//! What the popup's buttons do.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::time::sleep;
use trubka_e2e::{Entry, SETTINGS, Stage, until};

use super::CLIENT;

pub async fn a_call_is_hung_up_from_the_popup(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let call = talking(stage).await?;
    let popup = stage.popup().await?;
    popup.click(&format!("[id='hang-up-{call}']")).await?;
    stage.control.registered(&call).await?;
    popup.element("#no-current:not([hidden])").await.map(drop)
}

pub async fn a_call_is_hung_up_from_the_card(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    let call = talking(stage).await?;
    crm.hang_up_on_card().await?;
    stage.control.registered(&call).await.map(drop)
}

pub async fn a_call_is_hung_up_from_the_button(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    crm.click(CLIENT).await?;
    let call = stage.control.dialled(CLIENT).await?;
    stage.control.answer(&call).await?;
    crm.phase(CLIENT, "talking").await?;
    // A click this soon after the button has turned would be taken for a double click's second.
    sleep(Duration::from_millis(600)).await;
    crm.click(CLIENT).await?;
    stage.control.registered(&call).await?;
    crm.phase(CLIENT, "idle").await?;
    let dials = stage.control.dials(CLIENT).await?;
    ensure!(dials == 1, "the exchange was asked {dials} times");
    Ok(())
}

pub async fn hanging_up_says_when_it_fails(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let call = talking(stage).await?;
    let failures = |count| json!({ "service": "phonet", "path": "/hangup", "status": 500, "count": count });
    stage.control.act("fault", &failures(1000)).await?;
    let popup = stage.popup().await?;
    popup.click(&format!("[id='hang-up-{call}']")).await?;
    popup.says("#current .error", "problem_phonetStatus").await?;
    stage.control.act("fault", &failures(0)).await?;
    popup.click(&format!("[id='hang-up-{call}']")).await?;
    stage.control.registered(&call).await.map(drop)
}

pub async fn what_was_refused_is_sent_again(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let call = refused(stage, "register-call").await?;
    let popup = stage.popup().await?;
    popup.click(&format!("[id='retry-{call}']")).await?;
    stage.control.registered(&call).await?;
    popup.element("#undelivered[hidden]").await.map(drop)
}

pub async fn all_that_was_refused_is_sent_again(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let first = refused(stage, "register-call").await?;
    let second = refused(stage, "register-call").await?;
    let popup = stage.popup().await?;
    popup.element("#recent [data-delivery=failed]:nth-child(2)").await?;
    popup.click("#retry-all").await?;
    stage.control.registered(&first).await?;
    stage.control.registered(&second).await?;
    popup.element("#undelivered[hidden]").await.map(drop)
}

pub async fn what_was_refused_is_given_up_after_a_question(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    let call = refused(stage, "call-event").await?;
    let popup = stage.popup().await?;
    let discard = format!("[id='discard-{call}']");
    popup.click(&discard).await?;
    popup.click("#discard button[value=keep]").await?;
    popup.click(&discard).await?;
    popup.click("#discard button[value=discard]").await?;
    popup.element("#undelivered[hidden]").await?;
    popup.element("#recent .call:not([data-delivery=failed])").await.map(drop)
}

pub async fn the_exported_log_names_nobody(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    crm.click(CLIENT).await?;
    let call = stage.control.dialled(CLIENT).await?;
    stage.control.answer(&call).await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await?;
    stage.popup().await?;
    let script = "const done = arguments[0];
        URL.createObjectURL = (blob) => (blob.text().then(done), 'about:blank');
        HTMLAnchorElement.prototype.click = () => {};
        document.getElementById('export-log').click();";
    let log: String = stage.browser.web().execute_async(script, Vec::new()).await?.convert()?;
    let lines = log.lines().count();
    ensure!(lines > 10, "it has only {lines} lines:\n{log}");
    let settings: Value = serde_json::from_str(SETTINGS)?;
    let secrets = ["/phonet/apiKey", "/kontur/apiKey"].map(|secret| settings.pointer(secret).and_then(Value::as_str));
    let named = [CLIENT, "1235489", "74951234567", "Петров", "Иван", "Первый клиент", "Анна", "Смирнова"];
    for word in named.into_iter().map(Some).chain(secrets) {
        let word = word.unwrap_or("no such secret");
        ensure!(!log.contains(word), "it says {word}:\n{log}");
    }
    Ok(())
}

/// A client talks with 001.
async fn talking(stage: &Stage) -> Result<String> {
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    stage.control.answer(&call).await?;
    stage.control.wait(&format!("event:{call}:connected")).await?;
    Ok(call)
}

/// A call of which the CRM has refused a request, for good.
async fn refused(stage: &Stage, path: &str) -> Result<String> {
    stage.control.act("fault", &json!({ "service": "kontur", "path": path, "status": 400, "count": 1 })).await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    stage.control.hang_up(&call).await?;
    until("the CRM to refuse it", async || {
        let refused = |entry: &Entry| entry.status == 400 && entry.path.ends_with(path);
        let of_call = |entry: &Entry| entry.request.pointer("/externalId").and_then(Value::as_str) == Some(&call);
        Ok(stage.control.ledger().await?.iter().any(|entry| refused(entry) && of_call(entry)).then_some(()))
    })
    .await?;
    Ok(call)
}
