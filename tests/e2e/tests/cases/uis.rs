//! UIS as the exchange that dials, alone and beside Phonet.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::time::sleep;
use trubka_e2e::{Options, Stage, until};

use super::{CLIENT, settings::changed};

/// Where UIS is reached; the browser has to be asked for it.
const UIS: &str = "https://callapi.uiscom.ru/*";

pub async fn a_click_is_followed_and_hung_up(stage: &Stage) -> Result<()> {
    connect(stage, "v4.0", "uis").await?;
    let crm = stage.crm("").await?;
    crm.click(CLIENT).await?;
    let call = stage.control.dialled(CLIENT).await?;
    ensure!(call.starts_with("uis-"), "{call} was dialled by another exchange");
    crm.phase(CLIENT, "ringing").await?;
    for leg in ["operator", "contact"] {
        stage.control.act(&format!("calls/{call}/answer"), &json!({ "by": leg })).await?;
    }
    crm.phase(CLIENT, "talking").await?;
    stage.control.wait(&format!("event:{call}:connected")).await?;
    stage.control.act(&format!("calls/{call}/legs"), &json!({ "contact": "На удержании" })).await?;
    stage.control.wait(&format!("event:{call}:paused")).await?;
    stage.control.act(&format!("calls/{call}/legs"), &json!({ "contact": "Разговор" })).await?;
    // A click this soon after the button has turned would be taken for a double click's second.
    sleep(Duration::from_millis(600)).await;
    crm.click(CLIENT).await?;
    crm.phase(CLIENT, "idle").await?;
    let held = stage.control.registered(&call).await?;
    ensure!(held.direction == "outbound" && held.client_phone.as_deref() == Some(CLIENT), "the CRM holds {held:?}");
    once(stage).await
}

pub async fn version_1_places_a_call_and_says_that_it_cannot_follow(stage: &Stage) -> Result<()> {
    connect(stage, "v1", "uis").await?;
    let crm = stage.crm("").await?;
    crm.click(CLIENT).await?;
    let button = crm.phase(CLIENT, "placed").await?;
    ensure!(stage.says(&button.name, "dial_placedHint")?, "the button is named {:?}", button.name);
    once(stage).await?;
    let popup = stage.popup().await?;
    popup.says("#dials [data-phase=placed]", "dial_placedHint").await?;
    popup.element("#current:empty").await?;
    let abilities = popup.says("#exchange-list [data-exchange=uis]", "can_dial").await?;
    for lacking in ["can_hangUp", "can_follow", "can_history", "can_presence"] {
        ensure!(!stage.says(&abilities, lacking)?, "it is said to do more than it can: {abilities:?}");
    }
    Ok(())
}

pub async fn an_address_that_is_not_allowed_is_said(stage: &Stage) -> Result<()> {
    stage.control.act("uis", &json!({ "ipAllowed": false })).await?;
    connect(stage, "v4.0", "uis").await?;
    let crm = stage.crm("").await?;
    crm.click(CLIENT).await?;
    let button = crm.phase(CLIENT, "failed").await?;
    let said = ["problem_uisAddressRefused", "problem_uisNamedAddressRefused"].map(|key| stage.says(&button.name, key));
    ensure!(said.into_iter().collect::<Result<Vec<_>>>()?.contains(&true), "the button is named {:?}", button.name);
    stage.control.act("uis", &json!({ "ipAllowed": true })).await?;
    crm.click(CLIENT).await?;
    let call = stage.control.dialled(CLIENT).await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await.map(drop)
}

pub async fn each_site_has_the_exchange_that_is_chosen_for_it(stage: &Stage) -> Result<()> {
    connect(stage, "v4.0", "phonet").await?;
    stage.control.wait("socket:001").await?;
    dials_by(stage, "phonet", CLIENT).await?;
    for (exchange, number) in [("uis", "79654568789"), ("phonet", "76046851124")] {
        let options = Options::open(stage).await?;
        options.choose("#sites select[data-site='https://crm.kontur.ru']", exchange).await?;
        options.saved().await?;
        // The popup goes by the default.
        stage.popup().await?.element("#exchange-list [data-exchange=phonet][data-dials]").await?;
        dials_by(stage, exchange, number).await?;
    }
    Ok(())
}

pub async fn either_way_in_is_written_and_checked(stage: &Stage) -> Result<()> {
    connect(stage, "v4.0", "uis").await?;
    let options = Options::open(stage).await?;
    let ways = [
        ("token", "#uis-token", "wrong", "failed"),
        ("token", "#uis-token", "sandbox-uis-token", "passed"),
        ("login", "#uis-password", "sandbox-uis-password", "passed"),
    ];
    for (way, field, secret, state) in ways {
        options.choose("#uis-access", way).await?;
        if way == "login" {
            options.write("#uis-login", "sandbox-uis").await?;
        }
        options.write(field, secret).await?;
        options.click("#check").await?;
        let shown = format!("#checks [data-step=uisKey][data-state={state}]");
        until(&shown, async || stage.browser.find(&shown).await).await?;
        let placeholder = stage.message("options_secretSaved")?;
        let kept = format!("{field}[placeholder='{placeholder}']");
        until(&kept, async || stage.browser.find(&kept).await).await?;
    }
    // Version 1 knows no permanent key.
    options.choose("#uis-access", "token").await?;
    options.enter("#uis-token", "sandbox-uis-token").await?;
    options.has("#uis-token-clear").await?;
    options.choose("#uis-version", "v1").await?;
    options.has("body:not(:has(#uis-token-clear))").await?;
    options.saved().await?;
    options.has("#uis-login:enabled").await
}

/// A click on the CRM's page is dialled by this exchange; then it is over.
async fn dials_by(stage: &Stage, exchange: &str, number: &str) -> Result<()> {
    let crm = stage.crm("").await?;
    crm.click(number).await?;
    let call = stage.control.dialled(number).await?;
    ensure!(call.starts_with("uis-") == (exchange == "uis"), "{call} was not dialled by {exchange}");
    crm.phase(number, "ringing").await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await?;
    crm.phase(number, "idle").await.map(drop)
}

/// Sets both exchanges up, as a user does, and lets the extension reach UIS.
async fn connect(stage: &Stage, version: &str, exchange: &str) -> Result<()> {
    let uis = json!({
        "version": version,
        "login": "sandbox-uis",
        "password": "sandbox-uis-password",
        "virtualNumber": "74993720692",
        "operator": "79164572521",
    });
    let settings = changed(&[("/uis", uis), ("/dialling", json!({ "exchange": exchange }))])?;
    stage.browser.consent(UIS).await?;
    let options = Options::open(stage).await?;
    options.import(&settings).await?;
    options.saved().await?;
    options.click("#grant").await?;
    until("the permission", async || stage.browser.find("#permission[hidden]").await).await?;
    // The button is gone, and the focus with the topic.
    options.has("#advanced-title:focus").await
}

/// UIS was asked to call just once.
async fn once(stage: &Stage) -> Result<()> {
    let is_dial = |method: &str| method == "place_calls" || method.starts_with("start.");
    let ledger = stage.control.ledger().await?;
    let methods = ledger.iter().filter_map(|entry| entry.request.pointer("/method").and_then(Value::as_str));
    let dials = methods.filter(|method| is_dial(method)).count();
    ensure!(dials == 1, "UIS was asked {dials} times");
    Ok(())
}
