//! The integration in the options: what the CRM knows of it, and what an administrator changes.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use trubka_e2e::{Options, Stage, until};

use super::settings::changed;

pub async fn is_read_with_each_of_its_states(stage: &Stage) -> Result<()> {
    let options = open(stage).await?;
    options.says("#integration-facts", "status_active").await?;
    options.says("#integration-facts", "main_ours").await?;
    let states = ["notConfigured", "paused", "hasErrors", "failed", "active"];
    for (state, main) in states.into_iter().zip(["other", "none", "ours", "other", "none"]) {
        stage.control.act("integration", &json!({ "status": state, "main": main })).await?;
        options.click("#integration-read").await?;
        options.says("#integration-facts", &format!("status_{state}")).await?;
        options.says("#integration-facts", &format!("main_{main}")).await?;
    }
    Ok(())
}

pub async fn system_calls_are_switched_on_and_off(stage: &Stage) -> Result<()> {
    let options = open(stage).await?;
    options.click("#feature-call").await?;
    shown(stage, "#feature-call:checked").await?;
    options.click("#feature-hangUp").await?;
    shown(stage, "#feature-hangUp:checked").await?;
    options.click("#feature-call").await?;
    shown(stage, "#feature-call:not(:checked)").await?;
    // Another page reads the same.
    open(stage).await?;
    shown(stage, "#feature-call:not(:checked)").await?;
    shown(stage, "#feature-hangUp:checked").await
}

pub async fn web_hooks_are_registered_changed_and_disabled(stage: &Stage) -> Result<()> {
    let options = open(stage).await?;
    for hook in ["upgrade", "sync"] {
        let part = |name: &str| format!("#hook-{hook} [data-part={name}]");
        options.says(&part("state"), "options_hookNone").await?;
        options.click(&part("on")).await?;
        let state = options.says(&part("state"), "options_hookEvery").await?;
        ensure!(state.contains('5'), "it says {state:?}");
        options.write(&part("minutes"), "15").await?;
        options.click(&part("on")).await?;
        until("the new period", async || {
            let state = stage.browser.find(&part("state")).await?.context("no state")?.text().await?;
            Ok(state.contains("15").then_some(()))
        })
        .await?;
        options.click(&part("off")).await?;
        options.says(&part("state"), "options_hookDisabled").await?;
        options.click(&part("on")).await?;
        options.says(&part("state"), "options_hookEvery").await?;
    }
    // A period that is none is not sent.
    options.write("#hook-sync [data-part=minutes]", "0").await?;
    options.click("#hook-sync [data-part=on]").await?;
    options.says("#integration-problems", "problem_integrationWrongField").await?;
    shown(stage, "#hook-sync [aria-invalid=true]").await
}

pub async fn what_the_crm_refuses_is_said_with_its_place(stage: &Stage) -> Result<()> {
    let options = open(stage).await?;
    let refusals = [
        ("invalidPaths", "problem_integrationInvalidPath"),
        ("invalidValueTypes", "problem_integrationInvalidType"),
        ("invalidDatas", "problem_integrationInvalidData"),
        ("invalidConstraints", "problem_integrationConstraint"),
        ("notFound", "problem_integrationNotFound"),
    ];
    for (refusal, problem) in refusals {
        stage.control.act("integration", &json!({ "refuse": refusal, "count": 1 })).await?;
        options.click("#feature-call").await?;
        let said = options.says("#integration-problems", problem).await?;
        ensure!(refusal != "invalidPaths" || said.contains("/features"), "{said:?} names no path");
        shown(stage, "#feature-call:not(:checked)").await?;
    }
    options.click("#feature-call").await?;
    shown(stage, "#feature-call:checked").await?;
    shown(stage, "#integration-problems[hidden]").await
}

pub async fn a_public_one_is_activated(stage: &Stage) -> Result<()> {
    let keys = [("/kontur/apiKey", "sandbox-public-key"), ("/kontur/secret", "clientId=sandbox-secret")];
    stage.configure(&changed(&keys)?).await?;
    let options = open(stage).await?;
    options.says("#integration-facts", "status_notConfigured").await?;
    options.write("#activation-arguments", "autoAnswer").await?;
    options.click("#activation button").await?;
    options.says("#integration-problems", "problem_integrationWrongField").await?;
    shown(stage, "#activation-arguments[aria-invalid=true]").await?;
    let arguments = json!({ "SecretKey": null, "autoRedirect": false, "autoAnswer": false });
    options.write("#activation-arguments", &arguments.to_string()).await?;
    options.click("#activation button").await?;
    options.says("#integration-facts", "status_active").await?;
    shown(stage, "#integration-problems[hidden]").await
}

/// The options with the integration read, of the sandbox's settings unless others are saved.
async fn open(stage: &Stage) -> Result<Options<'_>> {
    let options = Options::open(stage).await?;
    if stage.browser.find("#kontur-apiKey[placeholder='']").await?.is_some() {
        options.import(trubka_e2e::SETTINGS).await?;
        options.saved().await?;
    }
    options.topic("integration").await?;
    shown(stage, "#integration-view[aria-busy=false]:not([hidden])").await?;
    Ok(options)
}

async fn shown(stage: &Stage, css: &str) -> Result<()> {
    until(&format!("{css} in the options"), async || stage.browser.find(css).await).await.map(drop)
}
