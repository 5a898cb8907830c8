//! Calls that go well, and calls that nobody answers.

use anyhow::{Context, Result, ensure};
use trubka_e2e::{Ringing, Stage};

use super::{CLIENT, settings::configure};

pub async fn a_click_rings_and_the_call_is_in_the_crm(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    crm.phase(CLIENT, "idle").await?;
    crm.click(CLIENT).await?;
    let call = stage.control.dialled(CLIENT).await?;
    crm.phase(CLIENT, "ringing").await?;
    stage.control.answer(&call).await?;
    crm.phase(CLIENT, "talking").await?;
    stage.control.hang_up(&call).await?;
    crm.phase(CLIENT, "idle").await?;
    let held = stage.control.registered(&call).await?;
    ensure!(held.direction == "outbound" && held.client_phone.as_deref() == Some(CLIENT), "the CRM holds {held:?}");
    once(stage, CLIENT).await
}

pub async fn a_double_click_dials_once(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    crm.double_click(CLIENT).await?;
    let call = stage.control.dialled(CLIENT).await?;
    crm.phase(CLIENT, "ringing").await?;
    stage.control.answer(&call).await?;
    crm.phase(CLIENT, "talking").await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await?;
    once(stage, CLIENT).await
}

pub async fn a_refused_number_says_why(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    crm.write("Справочная: +7 495 777-00-00").await?;
    crm.click("74957770000").await?;
    let button = crm.phase("74957770000", "failed").await?;
    ensure!(button.name.contains("Номер заблокирован"), "the button is named {:?}", button.name);
    crm.phase(CLIENT, "idle").await.map(drop)
}

pub async fn a_click_without_a_connection_says_so(stage: &Stage) -> Result<()> {
    configure(stage, "/phonet/apiKey", "wrong").await?;
    let crm = stage.crm("").await?;
    crm.click(CLIENT).await?;
    let button = crm.phase(CLIENT, "failed").await?;
    ensure!(stage.says(&button.name, "problem_dialOffline")?, "the button is named {:?}", button.name);
    Ok(())
}

pub async fn an_incoming_call_has_a_card_to_its_end(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    let card = crm.card_that("rings", |card| card.contains("Петров Иван Иванович")).await?;
    ensure!(card.contains("Первый клиент") && digits(&card).contains(CLIENT), "it says {card:?}");
    stage.control.answer(&call).await?;
    let talking = stage.message("card_talking")?;
    crm.card_that("talks", |card| card.contains(talking)).await?;
    stage.control.hang_up(&call).await?;
    let delivered = stage.message("card_delivery_delivered")?;
    crm.card_that("is in the CRM", |card| card.contains(delivered)).await?;
    let links = crm.card_links().await?;
    let contact = "https://crm.kontur.ru/app/sandbox/contacts/3f6a0c1e-0000-4000-8000-0000000000e1";
    ensure!(links.iter().any(|link| link == contact), "it links to {links:?}");
    stage.control.registered(&call).await.map(drop)
}

pub async fn a_missed_call_is_registered(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
    crm.card_that("rings", |card| card.contains("Петров Иван Иванович")).await?;
    stage.control.hang_up(&call).await?;
    let missed = stage.message("card_missed")?;
    crm.card_that("was missed", |card| card.contains(missed)).await?;
    stage.control.registered(&call).await.map(drop)
}

pub async fn a_withheld_number_is_said_to_be(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    let call = stage.control.incoming(None, "001").await?.uuid;
    let withheld = stage.message("card_withheld")?;
    crm.card_that("names nobody", |card| card.contains(withheld)).await?;
    stage.control.answer(&call).await?;
    stage.control.hang_up(&call).await?;
    let held = stage.control.registered(&call).await?;
    ensure!(held.client_phone.is_none(), "the CRM holds {held:?}");
    Ok(())
}

pub async fn a_group_call_is_one_call(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    let Ringing { uuid: call, legs } = stage.control.incoming(Some(CLIENT), "900").await?;
    let leg = legs.get("001").context("no leg")?;
    crm.card_that("rings", |card| card.matches("Петров Иван Иванович").count() == 1).await?;
    stage.control.answer(leg).await?;
    let talking = stage.message("card_talking")?;
    crm.card_that("talks", |card| card.contains(talking)).await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await?;
    let all = stage.control.communications().await?;
    ensure!(all.len() == 1, "the CRM holds {all:?}");
    Ok(())
}

pub async fn a_group_call_that_nobody_answers_is_registered_once(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    let call = stage.control.incoming(Some(CLIENT), "900").await?.uuid;
    crm.card_that("rings", |card| card.contains("Петров Иван Иванович")).await?;
    stage.control.hang_up(&call).await?;
    let missed = stage.message("card_missed")?;
    crm.card_that("was missed", |card| card.contains(missed)).await?;
    stage.control.registered(&call).await.map(drop)
}

pub async fn a_call_through_the_voice_menu_is_one_call(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    let Ringing { uuid: call, legs } = stage.control.incoming(Some(CLIENT), "scenario").await?;
    crm.card_that("rings", |card| card.matches("Петров Иван Иванович").count() == 1).await?;
    stage.control.answer(legs.get("001").context("no leg")?).await?;
    let talking = stage.message("card_talking")?;
    crm.card_that("talks", |card| card.contains(talking)).await?;
    stage.control.hang_up(&call).await?;
    stage.control.registered(&call).await.map(drop)
}

pub async fn an_internal_call_is_registered(stage: &Stage) -> Result<()> {
    let crm = stage.connected_crm().await?;
    let call = stage.control.internal("001", "002").await?.uuid;
    crm.card_that("names the colleague", |card| card.contains("Борис Орлов")).await?;
    stage.control.answer(&call).await?;
    stage.control.hang_up(&call).await?;
    let held = stage.control.registered(&call).await?;
    ensure!(held.direction == "internal" && held.client_phone.is_none(), "the CRM holds {held:?}");
    Ok(())
}

async fn once(stage: &Stage, number: &str) -> Result<()> {
    let dials = stage.control.dials(number).await?;
    ensure!(dials == 1, "the exchange was asked {dials} times");
    Ok(())
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}
