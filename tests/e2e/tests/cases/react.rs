//! Pages of real React, with and without Kontur's own widgets: they change at random, hundreds of times, and do not notice us.

use anyhow::{Result, ensure};
use serde_json::Value;
use thirtyfour::By;
use trubka_e2e::{Stage, until};

/// After so many changes the page is looked at.
const STEPS: u32 = 20;
const BURSTS: u32 = 15;

pub async fn version_17_with_react_ui_3_notices_nothing(stage: &Stage) -> Result<()> {
    play(stage, "react17-ui3").await
}

pub async fn version_17_with_react_ui_4_notices_nothing(stage: &Stage) -> Result<()> {
    play(stage, "react17-ui4").await
}

pub async fn version_18_with_react_ui_5_notices_nothing(stage: &Stage) -> Result<()> {
    play(stage, "react18-ui5").await
}

pub async fn version_19_notices_nothing(stage: &Stage) -> Result<()> {
    play(stage, "react19").await
}

pub async fn a_page_from_the_server_is_hydrated(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    for name in ["react17-ui3", "react18-ui5", "react19"] {
        let page = Page::open(stage, &format!("{name}-hydrated.html")).await?;
        page.is_right().await?;
        page.step(STEPS).await?;
        page.is_right().await?;
    }
    Ok(())
}

/// Where React takes the server's markup over only after the buttons have come, it finds more than it expects, says so, and
/// renders anew: nothing else goes wrong, then or later.
pub async fn a_page_hydrated_late_recovers(stage: &Stage) -> Result<()> {
    stage.connect().await?;
    for name in ["react17-ui3", "react18-ui5", "react19"] {
        let page = Page::open(stage, &format!("{name}-hydrated.html?late")).await?;
        page.is_right().await?;
        page.hydrate().await?;
        page.is_right().await?;
        page.step(STEPS).await?;
        page.is_right().await?;
    }
    Ok(())
}

async fn play(stage: &Stage, name: &str) -> Result<()> {
    stage.connect().await?;
    let page = Page::open(stage, &format!("{name}.html")).await?;
    page.is_right().await?;
    for _ in 0..BURSTS {
        page.step(STEPS).await?;
        page.is_right().await?;
    }
    Ok(())
}

/// A page that tests/react bundles; it gives us `window.lab`.
struct Page<'a> {
    stage: &'a Stage,
}

impl<'a> Page<'a> {
    async fn open(stage: &'a Stage, path: &str) -> Result<Self> {
        stage.browser.open(&format!("https://crm.kontur.ru/lab/react/{path}")).await?;
        Ok(Self { stage })
    }

    /// Lets React take over the server's markup; that it is not as React expects is all it may complain of.
    async fn hydrate(&self) -> Result<()> {
        self.stage.browser.web().execute_async("lab.hydrate().then(arguments[0])", Vec::new()).await?;
        let others = "return lab.complaints.splice(0).filter((text) => !/hydrat|server HTML/iu.test(text))";
        let others: Vec<String> = self.stage.browser.script(others, Vec::new()).await?;
        ensure!(others.is_empty(), "the page complains:\n{}", others.join("\n"));
        Ok(())
    }

    /// Lets it change so many times.
    async fn step(&self, count: u32) -> Result<()> {
        let script = "lab.step(arguments[0]).then(arguments[1])";
        Ok(self.stage.browser.web().execute_async(script, vec![count.into()]).await.map(drop)?)
    }

    /// Waits until each number has its button and nothing else has one; the page must never have complained, and every text of
    /// its must be what React made it.
    async fn is_right(&self) -> Result<()> {
        let complaints = until("the page to be right", async || {
            let complaints: Vec<String> = self.stage.browser.script("return lab.complaints", Vec::new()).await?;
            if complaints.is_empty() {
                let problems = self.audit().await?;
                ensure!(problems.is_empty(), "{}", problems.join("\n"));
            }
            Ok(Some(complaints))
        })
        .await?;
        ensure!(complaints.is_empty(), "the page complains:\n{}", complaints.join("\n"));
        Ok(())
    }

    /// What the page finds wrong with its texts and our buttons.
    async fn audit(&self) -> Result<Vec<String>> {
        let browser = &self.stage.browser;
        let hosts = browser.web().find_all(By::Css("trubka-call")).await?;
        let mut arguments: Vec<Value> = hosts.iter().map(|host| host.to_json()).collect::<Result<_, _>>()?;
        for host in &hosts {
            arguments.push(browser.shadow(host).await?);
        }
        let script = "const half = arguments.length / 2;
            const numbers = Array.from(arguments).slice(half).map((root) =>
                root.querySelector('button').ariaLabel.replace(/\\D/gu, '').slice(0, 11));
            return lab.audit(Array.from(arguments).slice(0, half), numbers);";
        browser.script(script, arguments).await
    }
}
