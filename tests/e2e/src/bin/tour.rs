//! Shows Trubka at work: without `--headless` and with a display, a browser to play with; else a short tour that prints what happens.
#![allow(clippy::print_stdout)]

use std::env;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use trubka_e2e::{Browser, BrowserKind, CrmPage, Entry, Relay, RelaySettings, Stage};

/// A number of the sandbox's CRM, as digits; the exchange knows it as «Петров Иван Иванович».
const CLIENT: &str = "79451235489";

/// Trubka in a real browser against the sandbox.
#[derive(Parser)]
struct Arguments {
    /// Play a short tour by itself instead of waiting for you.
    #[arg(long)]
    headless: bool,
    /// The browser to use.
    #[arg(long, value_enum, default_value = "chromium")]
    browser: BrowserKind,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { headless, browser } = Arguments::parse();
    let headless = headless || (env::var_os("DISPLAY").is_none() && env::var_os("WAYLAND_DISPLAY").is_none());
    let stage = Stage::open(browser, headless).await?;
    let relay = Relay::start(RelaySettings::default()).await?;
    let done = if headless { tour(&stage, &relay).await } else { playground(&stage, &relay).await };
    let closed = stage.close().await;
    done?;
    if headless { closed } else { Ok(()) }
}

/// Opens the CRM and the control page, and stays until the browser is closed or the user has had enough.
async fn playground(stage: &Stage, relay: &Relay) -> Result<()> {
    stage.connect_by(relay, 0, true).await?;
    let others = stage.browser.web().windows().await?;
    let crm = stage.crm("").await?;
    stage.browser.open(stage.control.address()).await?;
    for other in others {
        stage.browser.show(&other).await?;
        stage.browser.web().close_window().await?;
    }
    crm.show().await?;
    println!("The CRM page has call buttons: click one, then answer on the control page in the other tab.");
    println!("A contact's card has the CRM's own blue handset, too: that call comes by the relay.");
    println!("There a client can call you, too. The control page is also at {}", stage.control.address());
    println!("Close the browser or press Ctrl-C to end.");
    tokio::select! {
        () = closed(&stage.browser) => Ok(()),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}

/// Resolves when the browser is gone.
async fn closed(browser: &Browser) {
    let mut tick = tokio::time::interval(std::time::Duration::from_secs(1));
    loop {
        tick.tick().await;
        if browser.web().windows().await.map_or(true, |windows| windows.is_empty()) {
            return;
        }
    }
}

async fn tour(stage: &Stage, relay: &Relay) -> Result<()> {
    let tour = Tour { stage };
    println!("A tour of Trubka in {}.\n", stage.browser.kind().name());
    stage.connect_by(relay, 0, true).await?;
    println!("  The settings are imported; the exchange and the relay see the agent's connections.");
    let crm = stage.crm("").await?;
    tour.click_to_call(&crm).await.context("click-to-call")?;
    tour.incoming(&crm).await.context("the incoming call")?;
    tour.own_button().await.context("the CRM's own button")?;
    tour.popup().await.context("the popup")?;
    tour.ledger().await?;
    let verdict = stage.control.verdict().await?;
    if !verdict.ok {
        bail!("the sandbox's verdict:\n  {}", verdict.problems.join("\n  "));
    }
    println!("\nVerdict: every call is in the CRM, once, with the exchange's times.");
    Ok(())
}

struct Tour<'a> {
    stage: &'a Stage,
}

impl Tour<'_> {
    async fn click_to_call(&self, crm: &CrmPage<'_>) -> Result<()> {
        println!("\nClick-to-call");
        crm.phase(CLIENT, "idle").await?;
        println!("  The CRM page shows {} call buttons.", crm.buttons().await?.len());
        self.picture("1-buttons").await?;
        crm.click(CLIENT).await?;
        let call = self.stage.control.dialled(CLIENT).await?;
        println!("  The agent clicks the button beside +7 945 123-54-89: the exchange dials.");
        crm.phase(CLIENT, "ringing").await?;
        println!("  The button shows that it rings.");
        self.picture("2-ringing").await?;
        self.stage.control.answer(&call).await?;
        crm.phase(CLIENT, "talking").await?;
        println!("  The client answers: the button shows the talk.");
        self.picture("3-talking").await?;
        self.stage.control.hang_up(&call).await?;
        crm.phase(CLIENT, "idle").await?;
        println!("  They hang up: the button is free again.");
        self.registered(&call, "outbound").await
    }

    async fn incoming(&self, crm: &CrmPage<'_>) -> Result<()> {
        println!("\nA client calls");
        let call = &self.stage.control.incoming(Some(CLIENT), "001").await?.uuid;
        crm.card_that("names the client", |text| text.contains("Петров Иван Иванович")).await?;
        println!("  The card says who calls: Петров Иван Иванович, Первый клиент.");
        self.picture("4-incoming").await?;
        self.stage.control.answer(call).await?;
        self.stage.control.wait(&format!("event:{call}:connected")).await?;
        println!("  The agent answers.");
        self.picture("5-incoming-talking").await?;
        self.stage.control.hang_up(call).await?;
        self.registered(call, "inbound").await?;
        ensure!(!crm.card_links().await?.is_empty(), "the card has no links to the client");
        println!("  The card links to the client's cards in the CRM.");
        self.picture("6-incoming-ended").await
    }

    async fn own_button(&self) -> Result<()> {
        println!("\nThe CRM's own «Позвонить»");
        let crm = self.stage.crm("/3f6a0c1e-0000-4000-8000-0000000000e1").await?;
        crm.press_call("+7 945 123-54-89").await?;
        // Until then the last dial of this number is the agent's own.
        let calling = crm.calling("appeared").await?;
        let call = self.stage.control.dialled(CLIENT).await?;
        println!("  Kontur calls the relay, the relay this browser: the exchange dials, and the CRM's panel shows it.");
        self.picture("7-own-button").await?;
        crm.press_hang_up().await?;
        crm.calling("ended").await?;
        println!("  «Положить трубку» goes the same way.");
        let held = self.stage.control.registered(&call).await?;
        ensure!(held.id == calling.communication, "the CRM holds it as {}", held.id);
        println!("  The CRM holds the call as the communication that it asked for.");
        Ok(())
    }

    async fn popup(&self) -> Result<()> {
        println!("\nThe popup");
        let popup = self.stage.popup().await?;
        popup.link("live").await?;
        popup.element("#recent .call[data-delivery=delivered]:nth-child(3)").await?;
        println!("  It says that the connections are live, and that all calls are in the CRM.");
        self.picture("8-popup").await
    }

    async fn registered(&self, call: &str, direction: &str) -> Result<()> {
        let held = self.stage.control.registered(call).await?;
        ensure!(held.direction == direction, "the CRM holds it as {}", held.direction);
        println!("  The CRM holds the call.");
        Ok(())
    }

    async fn picture(&self, name: &str) -> Result<()> {
        let path = self.stage.browser.picture("tour", &format!("{}-{name}", self.stage.browser.kind().name())).await?;
        println!("    picture: {path}");
        Ok(())
    }

    async fn ledger(&self) -> Result<()> {
        println!("\nThe ledger: every request of the extension and the page\n");
        for Entry { seq, service, method, path, status, .. } in self.stage.control.ledger().await? {
            println!("  {seq:>3}  {service:6}  {method:6}  {status}  {path}");
        }
        Ok(())
    }
}
