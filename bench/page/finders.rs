//! The finder alone, as the browser runs it, beside libphonenumber-js: how fast, how exact, and how it bears the worst of texts. Its
//! goals: twice the peer's speed with better precision and recall, and time in proportion to the text's length.

use std::collections::HashMap;

use anyhow::{Context, Result};
use serde_json::json;

use crate::{
    Bench,
    corpus::{self, Answer, quality},
    median::median,
};

const FINDERS: [&str; 2] = ["trubka", "libphonenumber-js"];
/// How often each goes over the corpus, in turn with the other; medians count.
const ROUNDS: usize = 15;
/// So many times `8 ` is the worst of texts.
const WORST: u32 = 16_000;

/// Prints how both fare.
pub async fn compare(bench: &mut Bench<'_>) -> Result<()> {
    let lines = corpus::lines()?;
    let tab = bench.stage.browser.open("about:blank").await?;
    // The lab's policy keeps wasm out of its pages.
    let session = bench.cdp.attach(&tab.to_string()).await?;
    bench.cdp.ask::<serde_json::Value>(Some(&session), "Page.setBypassCSP", json!({ "enabled": true })).await?;
    let address = format!("https://localhost:{}/lab/bench/finders.html", bench.stage.tls().port());
    bench.stage.browser.web().goto(address).await?;
    let ready = "return 'finders' in globalThis";
    trubka_e2e::until("the finders", async || {
        Ok(bench.stage.browser.script::<bool>(ready, Vec::new()).await?.then_some(()))
    })
    .await?;
    let texts = serde_json::to_string(&lines)?;
    bench.run::<()>(&format!("void (globalThis.lines = {texts})")).await?;

    println!("\nThe finders alone in Chromium, {} lines of the corpus, medians of {ROUNDS}:", lines.len());
    println!("{:<20}{:>10}{:>12}{:>9}{:>18}", "", "time", "precision", "recall", "16,000 × `8 `");
    let mut times: HashMap<&str, Vec<f64>> = HashMap::new();
    let mut answers = HashMap::new();
    for _ in 0..ROUNDS {
        for finder in FINDERS {
            let answer: Answer = bench.run(&format!("finders.find('{finder}', lines)")).await?;
            times.entry(finder).or_default().push(answer.time);
            answers.insert(finder, answer);
        }
    }
    for finder in FINDERS {
        let time = median(times.remove(finder).unwrap_or_default());
        let (precision, recall) = quality(&lines, answers.get(finder).context("no answer")?)?;
        let whole = worst(bench, finder, WORST).await?;
        let growth = whole / worst(bench, finder, WORST / 2).await?;
        println!("{finder:<20}{time:>7.1} ms{precision:>12.4}{recall:>9.4}{whole:>10.1} ms, ×{growth:.1} of half");
    }
    bench.stage.browser.web().close_window().await?;
    Ok(())
}

/// The median of a few runs over the worst of texts, in milliseconds.
async fn worst(bench: &Bench<'_>, finder: &str, repeats: u32) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..5 {
        times.push(bench.run(&format!("finders.worst('{finder}', {repeats})")).await?);
    }
    Ok(median(times))
}
