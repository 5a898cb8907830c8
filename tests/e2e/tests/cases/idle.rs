//! What idleness does to the background, with nobody attached to it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep, timeout};
use trubka_e2e::{SETTINGS, Stage, Unwatched};

/// Both browsers stop an idle background after 30 s; this is surely later.
const LATER: Duration = Duration::from_secs(45);

/// How long anything here may take: the alarm rings every half a minute.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often the background is looked at.
const GLANCE: Duration = Duration::from_millis(500);

pub async fn death_and_return(stage: &Stage) -> Result<()> {
    let kind = stage.browser.kind();
    let fresh = Unwatched::start(kind, stage.tls()).await?;
    let configured = Unwatched::start(kind, stage.tls()).await?;
    let outcome = tokio::try_join!(dies_idle(&fresh), stays_connected(stage, &configured));
    fresh.close().await?;
    configured.close().await?;
    outcome.map(drop)
}

/// Without settings nothing keeps it alive; when the popup asks, it is back and says what is true.
async fn dies_idle(browser: &Unwatched) -> Result<()> {
    until_it_runs(browser, true).await.context("never started")?;
    until_it_runs(browser, false).await.context("does not die though it is idle")?;
    ensure!(state(browser).await? == "off", "the popup shows a wrong state");
    until_it_runs(browser, true).await.context("does not come back for the popup")
}

/// A silent connection does not keep a background alive: the extension itself does. Where it dies all the same, the alarm alone brings it
/// back, and with it the connection.
async fn stays_connected(stage: &Stage, browser: &Unwatched) -> Result<()> {
    browser.configure(SETTINGS).await?;
    stage.control.wait("socket:001").await?;
    browser.close_pages().await?;
    let until = Instant::now() + LATER;
    while Instant::now() < until {
        ensure!(browser.runs().await?, "it died, though it is to stay connected");
        sleep(GLANCE).await;
    }
    let ledger = stage.control.ledger().await?;
    let handshakes = ledger.iter().filter(|entry| entry.path.contains("/connector/")).count();
    ensure!(handshakes == 1, "it connected {handshakes} times");

    browser.stop_background().await?;
    until_it_runs(browser, false).await.context("does not stop")?;
    until_it_runs(browser, true).await.context("the alarm does not bring it back")?;
    stage.control.wait("socket:001").await?;
    ensure!(state(browser).await? == "live", "the popup shows a wrong state");
    Ok(())
}

async fn until_it_runs(browser: &Unwatched, wanted: bool) -> Result<()> {
    timeout(PATIENCE, async {
        while browser.runs().await? != wanted {
            sleep(GLANCE).await;
        }
        Ok(())
    })
    .await?
}

/// The state of the connection as the popup shows it.
async fn state(browser: &Unwatched) -> Result<String> {
    browser.page("popup/popup.html", "document.querySelector('#link:not([hidden])')?.dataset.state").await
}
