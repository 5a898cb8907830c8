//! The finder alone, as the browser runs it, beside libphonenumber-js: how fast, how exact, and how it bears the worst of texts. Its
//! goals: twice the peer's speed with better precision and recall, and time in proportion to the text's length.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;
use trubka_e2e::root;

use crate::{Bench, median};

const FINDERS: [&str; 2] = ["trubka", "libphonenumber-js"];
/// How often each goes over the corpus, in turn with the other; medians count.
const ROUNDS: usize = 15;
/// So many times `8 ` is the worst of texts.
const WORST: u32 = 16_000;

/// A line of the labelled corpus.
#[derive(Deserialize, Serialize)]
struct Line {
    text: String,
    label: Option<String>,
    region: String,
    #[serde(skip_serializing)]
    matches: Vec<Match>,
}

#[derive(Deserialize)]
struct Match {
    e164: String,
}

/// What a finder says of every line.
#[derive(Deserialize)]
struct Answer {
    numbers: Vec<Vec<String>>,
    /// In milliseconds.
    time: f64,
}

/// Prints how both fare.
pub async fn compare(bench: &mut Bench<'_>) -> Result<()> {
    let corpus = corpus()?;
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
    let lines = serde_json::to_string(&corpus)?;
    bench.run::<()>(&format!("void (globalThis.lines = {lines})")).await?;

    println!("\nThe finders alone in Chromium, {} lines of the corpus, medians of {ROUNDS}:", corpus.len());
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
        let (precision, recall) = quality(&corpus, answers.get(finder).context("no answer")?)?;
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

/// Of what was found, how much is right; of what is there, how much was found.
fn quality(corpus: &[Line], answer: &Answer) -> Result<(f64, f64)> {
    ensure!(corpus.len() == answer.numbers.len(), "answers are missing");
    let (mut right, mut found, mut there) = (0, 0, 0);
    for (line, numbers) in corpus.iter().zip(&answer.numbers) {
        let mut wanted: Vec<&str> = line.matches.iter().map(|wanted| wanted.e164.as_str()).collect();
        found += numbers.len();
        there += wanted.len();
        for number in numbers {
            if let Some(place) = wanted.iter().position(|wanted| wanted == number) {
                wanted.swap_remove(place);
                right += 1;
            }
        }
    }
    let share = |whole: usize| f64::from(right) / whole as f64;
    Ok((share(found), share(there)))
}

/// Every line of the labelled corpus.
fn corpus() -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for file in std::fs::read_dir(root().join("tests/corpus"))? {
        for line in std::fs::read_to_string(file?.path())?.lines().filter(|line| !line.is_empty()) {
            lines.push(serde_json::from_str(line)?);
        }
    }
    Ok(lines)
}
