//! Takes the pictures of `docs/tour` in real browsers against the sandbox: every screen of the extension as it is, light and dark; in
//! Firefox those that look otherwise there.
#![allow(clippy::print_stdout)]

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use thirtyfour::WebElement;
use trubka_e2e::{Appearance, BrowserKind, CrmPage, SETTINGS, Stage, root, until};

/// A number of the sandbox's CRM, as digits; the exchange knows it as «Петров Иван Иванович».
const CLIENT: &str = "79451235489";
/// Another one, whom the exchange knows not.
const STRANGER: &str = "79654568789";

#[tokio::main]
async fn main() -> Result<()> {
    let folder = root().join("docs/tour");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    for kind in [BrowserKind::Chromium, BrowserKind::Firefox] {
        println!("{}", kind.name());
        let stage = Stage::open(kind, true).await?;
        let album = Album { stage: &stage, folder: folder.clone() };
        let taken = album.fill().await;
        let closed = stage.close().await;
        taken?;
        closed?;
    }
    Ok(())
}

struct Album<'a> {
    stage: &'a Stage,
    folder: PathBuf,
}

impl Album<'_> {
    async fn fill(&self) -> Result<()> {
        let Self { stage, .. } = self;
        self.first_run().await.context("the first run")?;
        let crm = stage.connected_crm().await?;
        self.page(&crm).await.context("the page")?;
        self.popup().await.context("the popup")?;
        self.options().await.context("the options")
    }

    async fn first_run(&self) -> Result<()> {
        self.open("welcome/welcome.html", "#phonet-domain").await?;
        self.take("welcome", 720, 860).await?;
        self.stage.popup().await?.link("off").await?;
        self.take("popup-off", 380, 420).await?;
        // The connection doctor where something is wrong.
        self.stage.configure(&SETTINGS.replace("sandbox-kontur-key", "wrong")).await?;
        self.topic("connection").await?;
        self.find("#check").await?.click().await?;
        self.find("#checks [data-step=konturKey][data-state=failed]").await?;
        self.take("options-connection-failed", 1000, 760).await
    }

    /// The button, and the card of a call from its first ring to its end.
    async fn page(&self, crm: &CrmPage<'_>) -> Result<()> {
        let Self { stage, .. } = self;
        crm.phase(CLIENT, "idle").await?;
        self.take_in_both("buttons", 1200, 420).await?;
        let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
        crm.card_that("names the client", |card| card.contains("Петров Иван Иванович")).await?;
        let contact = stage.message("card_link_contact")?;
        crm.card_that("links to the client", |card| card.contains(contact)).await?;
        self.take_in_both("card-rings", 1200, 600).await?;
        stage.control.answer(&call).await?;
        let talking = stage.message("card_talking")?;
        crm.card_that("talks", |card| card.contains(talking)).await?;
        self.take("card-talks", 1200, 600).await?;
        let other = stage.control.incoming(Some(STRANGER), "001").await?.uuid;
        crm.card_that("names the stranger", |card| card.contains("456-87-89")).await?;
        self.take("cards", 1200, 600).await?;
        for call in [call, other] {
            stage.control.hang_up(&call).await?;
            stage.control.registered(&call).await?;
        }
        let hang_up = stage.message("hangUp")?;
        crm.card_that("is that of calls that are over", |card| !card.contains(hang_up)).await?;
        self.take("cards-end", 1200, 600).await
    }

    async fn popup(&self) -> Result<()> {
        let Self { stage, .. } = self;
        let refuse = json!({ "service": "kontur", "path": "register-call", "status": 400, "count": 1 });
        stage.control.act("fault", &refuse).await?;
        let call = stage.control.incoming(None, "001").await?.uuid;
        stage.control.hang_up(&call).await?;
        let popup = stage.popup().await?;
        popup.element("#recent .call[data-delivery=failed]").await?;
        let call = stage.control.incoming(Some(CLIENT), "001").await?.uuid;
        stage.control.answer(&call).await?;
        popup.element("#current .call[data-phase=talking]").await?;
        self.take_in_both("popup", 380, 640).await?;
        stage.control.hang_up(&call).await?;
        stage.control.registered(&call).await?;
        popup.element("#number").await?.send_keys("Пет").await?;
        popup.element("#suggestions:not([hidden]) [role=option]").await?;
        self.take("popup-dial", 380, 640).await
    }

    async fn options(&self) -> Result<()> {
        self.topic("exchange").await?;
        self.take_in_both("options-exchange", 1000, 760).await?;
        for topic in ["crm", "employees", "numbers", "calls", "relay", "advanced", "about"] {
            self.topic(topic).await?;
            self.take(&format!("options-{topic}"), 1000, 760).await?;
        }
        self.topic("connection").await?;
        self.find("#check").await?.click().await?;
        self.find("#checks [data-step=konturKey][data-state=passed]").await?;
        self.take("options-connection", 1000, 760).await?;
        self.topic("integration").await?;
        self.find("#integration-view:not([hidden])").await?;
        self.take("options-integration", 1000, 760).await?;
        self.find("#search").await?.send_keys("запис").await?;
        self.take("options-search", 1000, 520).await?;
        self.open("welcome/welcome.html", "#done:not([hidden])").await?;
        self.take("welcome-done", 720, 1400).await
    }

    async fn topic(&self, topic: &str) -> Result<()> {
        self.open(&format!("options/options.html#{topic}"), &format!("[data-topic={topic}]:not([hidden])")).await
    }

    async fn open(&self, page: &str, css: &str) -> Result<()> {
        self.stage.browser.open(&self.stage.browser.page(page)).await?;
        self.find(css).await.map(drop)
    }

    async fn find(&self, css: &str) -> Result<WebElement> {
        until(css, async || self.stage.browser.find(css).await).await
    }

    /// Where both browsers show the same, one picture is enough.
    async fn take(&self, name: &str, width: u32, height: u32) -> Result<()> {
        match self.stage.browser.kind() {
            BrowserKind::Chromium => self.shoot(name, width, height).await,
            BrowserKind::Firefox => Ok(()),
        }
    }

    async fn take_in_both(&self, name: &str, width: u32, height: u32) -> Result<()> {
        let browser = match self.stage.browser.kind() {
            BrowserKind::Chromium => "",
            BrowserKind::Firefox => "-firefox",
        };
        self.shoot(&format!("{name}{browser}"), width, height).await
    }

    async fn shoot(&self, name: &str, width: u32, height: u32) -> Result<()> {
        for (dark, ending) in [(false, ""), (true, "-dark")] {
            self.stage.browser.appear(Appearance { dark, width, height }).await?;
            // What moves comes to rest.
            let rest = "const moving = document.getAnimations().filter(({ effect }) =>
                    Number.isFinite(effect?.getComputedTiming().endTime));
                return Promise.allSettled(moving.map(({ finished }) => finished)).then(() => null)";
            self.stage.browser.script::<Value>(rest, Vec::new()).await?;
            let file = self.folder.join(format!("{name}{ending}.png"));
            self.stage.browser.web().screenshot(&file).await?;
            println!("  docs/tour/{name}{ending}.png");
        }
        Ok(())
    }
}
