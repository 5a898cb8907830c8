//! The CRM's own «Позвонить» and «Положить трубку» by way of the relay.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::time::{Instant, timeout};
use trubka_e2e::{Answer, Relay, RelaySettings, Stage, until};

use super::CLIENT;

/// The card of the client whose number is `CLIENT`, and how it writes the number.
const CARD: &str = "/3f6a0c1e-0000-4000-8000-0000000000e1";
const WRITTEN: &str = "+7 945 123-54-89";

/// Numbers that are dialled without a page.
const OTHERS: [&str; 4] = ["79165550011", "79165550012", "79165550013", "79165550014"];
const REFUSED: &str = "74957770000";

/// A command has ten seconds, and its answer a little more. What is known earlier is told earlier.
const HONESTY: Duration = Duration::from_secs(20);
const AT_ONCE: Duration = Duration::from_secs(7);

pub async fn the_crms_own_buttons_ring_and_hang_up(stage: &mut Stage) -> Result<()> {
    let relay = Relay::start(RelaySettings::default()).await?;
    let refused = {
        relay.is_called(&stage.control, 0).await?;
        stage.control.ask_to_call(&id(1), CLIENT).await?
    };
    ensure!(refused.word == "agentNotConnected", "with no browser it is {refused:?}");
    let token = stage.connect_by(&relay, 0, true).await?;

    rings_and_hangs_up(stage, 0).await?;
    let Answer { status, word, message } = stage.control.ask_to_call(&id(2), REFUSED).await?;
    ensure!(status == 409 && word == "refused" && message.contains("Номер заблокирован"), "{word}: {message}");
    let unknown = json!({ "communicationId": id(3), "fromUserId": id(4), "clientPhone": CLIENT });
    let answer = stage.control.press("call", &unknown).await?;
    ensure!(answer.word == "userUnknown", "a stranger is {answer:?}");
    let answer = stage.control.ask_to_hang_up("no.such.leg").await?;
    ensure!(answer.status == 409, "a leg that nobody knows is {answer:?}");
    relay.keeps_silent_about(&[&token, CLIENT, REFUSED, "Смирнова", "Номер заблокирован"])
}

pub async fn two_instances_share_the_agents(stage: &mut Stage) -> Result<()> {
    let services = Some(stage.control.address().to_owned());
    let settings = RelaySettings { instances: 2, services, hand_out_key: true, ..RelaySettings::default() };
    let mut relay = Relay::start(settings).await?;
    // The agent is connected to one, the CRM calls the other, and no browser has the integration's key.
    stage.connect_by(&relay, 1, false).await?;
    relay.is_called(&stage.control, 0).await?;
    rings_and_hangs_up(stage, 0).await?;

    // A replay that reaches the other instance is recognized there.
    let [number, by_local, by_nobody, again] = OTHERS;
    let answer = stage.control.ask_to_call(&id(5), number).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let call = stage.control.dialled(number).await?;
    relay.is_called(&stage.control, 1).await?;
    for fresh in [false, true] {
        let sent = stage.control.call_again(fresh).await?;
        ensure!(sent.get("outcome").is_some_and(|outcome| outcome == "done"), "a repeat is {sent}");
    }
    end(stage, &call, number).await?;

    // An instance that is killed is missed at once; its agents come back to it.
    relay.kill(1).await?;
    relay.is_called(&stage.control, 0).await?;
    let answer = soon(stage.control.ask_to_call(&id(6), again)).await?;
    ensure!(answer.status == 409 && answer.word != "integrationFailed", "with the instance killed it is {answer:?}");
    relay.start_again(1).await?;
    relay.has_agents(1, 1).await?;
    stage.control.wait("socket:001").await?;
    // What was handed to nobody may be asked for again; that the agent is back has to go from one instance to the other first.
    until("the call to be taken", async || {
        let sent = stage.control.call_again(true).await?;
        ensure!(sent.get("outcome").is_some_and(|outcome| outcome == "done"), "{sent}");
        Ok(Some(()))
    })
    .await?;
    let call = stage.control.dialled(again).await?;
    end(stage, &call, again).await?;

    // Without NATS the agents beside an instance ring, the other's do not, and its health says why.
    relay.cut_nats()?;
    relay.is_called(&stage.control, 1).await?;
    let answer = soon(stage.control.ask_to_call(&id(7), by_local)).await?;
    ensure!(answer.status == 200, "without NATS the browser beside it is {answer:?}");
    let call = stage.control.dialled(by_local).await?;
    end(stage, &call, by_local).await?;
    relay.is_called(&stage.control, 0).await?;
    let answer = soon(stage.control.ask_to_call(&id(8), by_nobody)).await?;
    let honest = ["agentNotConnected", "agentLost", "timedOut"].contains(&answer.word.as_str());
    ensure!(honest, "without NATS the other's browser is {answer:?}");
    ensure!(stage.control.dials(by_nobody).await? == 0, "it rang all the same");
    relay.health(0, "degraded").await
}

pub async fn whoever_dies_the_crm_is_told_the_truth(stage: &mut Stage) -> Result<()> {
    let mut relay = Relay::start(RelaySettings::default()).await?;
    stage.connect_by(&relay, 0, true).await?;
    // What was installed and granted is noted for good only by an end in good order.
    stage.browser.reopen().await?;
    relay.has_agents(0, 1).await?;
    stage.control.wait("socket:001").await?;

    let [number, next, ..] = OTHERS;
    relay.kill(0).await?;
    let answer = stage.control.ask_to_call(&id(2), next).await?;
    ensure!(answer.word == "integrationFailed", "with nobody there it is {answer:?}");
    relay.start_again(0).await?;
    relay.has_agents(0, 1).await?;
    stage.control.wait("socket:001").await?;
    let answer = stage.control.ask_to_call(&id(3), next).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let call = stage.control.dialled(next).await?;
    end(stage, &call, next).await?;

    // The exchange has the dial and says nothing: the browser dies between the command and its answer.
    stage.control.act("silence", &json!({ "on": true })).await?;
    let control = stage.control.clone();
    let asked = tokio::spawn(async move { control.ask_to_call(&id(1), number).await });
    until("the exchange to be asked", async || Ok((stage.control.dials(number).await? == 1).then_some(()))).await?;
    let killed = Instant::now();
    stage.browser.kill().await?;
    let answer = asked.await??;
    ensure!(answer.status == 409 && killed.elapsed() < AT_ONCE, "{answer:?} after {:?}", killed.elapsed());
    ensure!(answer.word == "agentLost", "it is {answer:?}");
    stage.control.act("silence", &json!({ "on": false })).await?;
    stage.browser.start_again().await?;
    relay.has_agents(0, 1).await?;
    once(stage, number).await
}

/// Анна presses the CRM's own buttons on its page.
async fn rings_and_hangs_up(stage: &Stage, instance: usize) -> Result<()> {
    let crm = stage.crm(CARD).await?;
    crm.phase(CLIENT, "idle").await?;
    crm.press_call(WRITTEN).await?;
    let call = stage.control.dialled(CLIENT).await?;
    let calling = crm.calling("appeared").await?;
    ensure!(calling.error.is_empty(), "{calling:?} at instance {instance}");
    let held = stage.control.communication(&calling.communication).await?;
    ensure!(held.external_id.as_deref() == Some(&call), "the CRM's communication is {held:?}, the call {call}");
    crm.phase(CLIENT, "ringing").await?;
    let nested: u32 =
        stage.browser.script("return document.querySelectorAll('button trubka-call').length", Vec::new()).await?;
    ensure!(nested == 0, "the CRM's own buttons have {nested} of ours in them");
    // What comes twice, or again by itself, rings once.
    for fresh in [false, true] {
        let sent = stage.control.call_again(fresh).await?;
        ensure!(sent.get("outcome").is_some_and(|outcome| outcome == "done"), "a repeat is {sent}");
    }
    stage.control.answer(&call).await?;
    crm.calling("connected").await?;
    crm.press_hang_up().await?;
    crm.calling("ended").await?;
    let held = stage.control.registered(&call).await?;
    ensure!(held.id == calling.communication, "registered as {held:?}");
    ensure!(crm.errors().await? == 0, "the page's own script failed");
    once(stage, CLIENT).await
}

/// An answer that must come, whatever is broken.
async fn soon(asking: impl Future<Output = Result<Answer>>) -> Result<Answer> {
    timeout(HONESTY, asking).await.context("the CRM waits in vain")?
}

async fn end(stage: &Stage, call: &str, number: &str) -> Result<()> {
    stage.control.hang_up(call).await?;
    stage.control.registered(call).await?;
    once(stage, number).await
}

async fn once(stage: &Stage, number: &str) -> Result<()> {
    let dials = stage.control.dials(number).await?;
    ensure!(dials == 1, "{number} was dialled {dials} times");
    Ok(())
}

/// An id of a communication, or of nobody.
fn id(number: u8) -> String {
    format!("3f6a0c1e-0000-4000-8000-0000000002{number:02}")
}
