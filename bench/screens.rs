//! How long the popup takes to show its last calls, and a call to have its card on the page, in Chromium; beside each the least that it
//! could take in the same run: a file of the extension that runs nothing, an empty element.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark measures and prints")]

mod median;

use std::time::SystemTime;

use anyhow::{Context, Result};
use median::median;
use serde_json::{Value, json};
use trubka_e2e::{BrowserKind, Cdp, CrmPage, Stage, until};

/// How often each is shown.
const TIMES: usize = 15;
/// In milliseconds.
const POPUP_GOAL: f64 = 100.0;

/// In a page that is about to be loaded: resolves when an element has been painted, with the milliseconds since the page was asked for.
const AWAIT: &str = "globalThis.shown = new Promise((resolve) => {
    const look = () => document.querySelector(SELECTOR) !== null;
    const tell = () => requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
    if (look()) return tell();
    const observer = new MutationObserver(() => {
        if (!look()) return;
        observer.disconnect();
        tell();
    });
    observer.observe(document, { subtree: true, childList: true, attributes: true });
})";

fn main() -> Result<()> {
    // `cargo test --benches` runs this, too; without a browser it has nothing to do.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    tokio::runtime::Runtime::new()?.block_on(async {
        let stage = Stage::open(BrowserKind::Chromium, true).await?;
        let crm = stage.connected_crm().await?;
        let (card, element) = cards(&stage, &crm).await?;
        let (popup, page) = popups(&stage).await?;
        println!("In Chromium, medians of {TIMES}:");
        println!(
            "the popup with its calls: {popup:.0} ms, goal {POPUP_GOAL} ms; a file of the extension: {page:.0} ms"
        );
        println!("a call's card, from the exchange's event: {card:.0} ms; an empty element: {element:.0} ms");
        stage.close().await
    })
}

/// The popup, and a file of the extension that runs nothing.
async fn popups(stage: &Stage) -> Result<(f64, f64)> {
    let tab = stage.browser.open("about:blank").await?;
    let mut cdp = Cdp::connect(stage.browser.folder()).await?;
    let session = cdp.attach(&tab.to_string()).await?;
    cdp.ask::<Value>(Some(&session), "Page.enable", json!({})).await?;
    let pages = [("popup/popup.html", "#recent .call"), ("manifest.json", "body")];
    let mut times = [const { Vec::new() }; 2];
    for round in 0..=TIMES {
        for ((path, element), times) in pages.iter().zip(&mut times) {
            let source = AWAIT.replace("SELECTOR", &json!(element).to_string());
            let script: Value =
                cdp.ask(Some(&session), "Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await?;
            stage.browser.web().goto(stage.browser.page(path)).await?;
            let shown: f64 = stage.browser.script("return globalThis.shown", Vec::new()).await?;
            cdp.ask::<Value>(Some(&session), "Page.removeScriptToEvaluateOnNewDocument", script).await?;
            // The first one only warms up.
            if round > 0 {
                times.push(shown);
            }
        }
    }
    let [popup, page] = times.map(median);
    Ok((popup, page))
}

/// A card from the moment that the exchange is to tell of a call, and an element that a page's script puts there itself.
async fn cards(stage: &Stage, crm: &CrmPage<'_>) -> Result<(f64, f64)> {
    let (mut cards, mut elements) = (Vec::new(), Vec::new());
    let host = until("the place of cards", async || stage.browser.find("trubka-card").await).await?;
    let root = stage.browser.shadow(&host).await?;
    for round in 0..=TIMES {
        let script = "const [root] = arguments;
            const count = () => root.querySelectorAll('article').length;
            const before = count();
            globalThis.shown = new Promise((resolve) => {
                const observer = new MutationObserver(() => {
                    if (count() <= before) return;
                    observer.disconnect();
                    requestAnimationFrame(() => setTimeout(() => resolve(performance.timeOrigin + performance.now())));
                });
                observer.observe(root, { subtree: true, childList: true });
            })";
        stage.browser.script::<Value>(&format!("{script}; return null"), vec![root.clone()]).await?;
        let asked = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64() * 1e3;
        let call = stage.control.incoming(None, "001").await?.uuid;
        let shown: f64 = stage.browser.script("return globalThis.shown", Vec::new()).await?;
        let element: f64 = stage
            .browser
            .script(
                "const since = performance.now();
                 document.body.append(document.createElement('div'));
                 return new Promise((resolve) =>
                     requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - since))))",
                Vec::new(),
            )
            .await?;
        stage.control.hang_up(&call).await?;
        stage.control.registered(&call).await?;
        crm.show().await.context("the CRM's page")?;
        if round > 0 {
            cards.push(shown - asked);
            elements.push(element);
        }
    }
    Ok((median(cards), median(elements)))
}
