//! A soak: calls without end in all weathers, and what memory and database make of it.

use std::{fmt, time::Duration};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use serde::Deserialize;
use tokio::{
    task::JoinSet,
    time::{Instant, interval, sleep_until},
};

use crate::{BrowserKind, Control, SETTINGS, Script, Unwatched, clear, stage::sandbox, weather};

/// A new call begins this often.
const PACE: Duration = Duration::from_millis(300);
/// A fault strikes at every so manieth call.
const BAD: usize = 20;
/// Until recordings are fetched at the pace of the calls, all grows; what is measured begins after it.
const WARM_UP: Duration = Duration::from_secs(45);
/// How many times is measured after that.
const SAMPLES: u32 = 12;
/// How long the last delivery may take.
const AFTERMATH: Duration = Duration::from_secs(180);
/// Lines the log may hold, and alarms the extension may have set.
const LINES: u64 = 1000;
const ALARMS: u64 = 2;

/// What may differ between the halves of a soak: a part of the first half's median, and something for noise.
struct Margin {
    percent: u64,
    noise: u64,
}

const MEGABYTE: u64 = 1 << 20;
const MEMORY: Margin = Margin { percent: 20, noise: 8 * MEGABYTE };
const DATABASE: Margin = Margin { percent: 50, noise: 2 * MEGABYTE };
const ROWS: Margin = Margin { percent: 50, noise: 50 };

/// What was measured at one moment.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Seconds since the start.
    at: u64,
    calls: usize,
    /// The worker's heap after a collection in bytes, where the browser tells it.
    heap: Option<u64>,
    /// Of the extension's process, in bytes.
    memory: u64,
    database: Database,
}

type Measure = fn(&Sample) -> u64;

/// What the extension's own page sees of it.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Database {
    /// Bytes of all that the extension stores.
    bytes: u64,
    /// Rows of the outbox.
    rows: u64,
    /// Lines of the log.
    lines: u64,
    alarms: u64,
}

/// The course of a soak.
#[derive(Debug)]
pub struct Soak {
    samples: Vec<Sample>,
    /// What grew, or nothing.
    pub growth: Vec<String>,
}

/// Lets calls come for so long, sees to it that each is delivered, and measures meanwhile.
pub async fn soak(kind: BrowserKind, length: Duration, seed: u64) -> Result<Soak> {
    let sandbox = sandbox().await?;
    let control = Control::new(format!("http://{}", sandbox.http()));
    let browser = Unwatched::start(kind, sandbox.tls()).await?;
    let outcome = play(&browser, &control, length, seed).await;
    browser.close().await?;
    sandbox.stop().await;
    outcome
}

async fn play(browser: &Unwatched, control: &Control, length: Duration, seed: u64) -> Result<Soak> {
    browser.configure(SETTINGS).await?;
    browser.close_pages().await?;
    control.wait("socket:001").await?;

    let began = Instant::now();
    let measured = length.saturating_sub(WARM_UP).max(PACE * SAMPLES);
    let mut samples = Vec::new();
    let mut calls = 0;
    let mut rng = Rng::with_seed(seed);
    let mut pace = interval(PACE);
    let mut day = JoinSet::new();
    for number in 1..=SAMPLES {
        let moment = sleep_until(began + WARM_UP + measured * number / SAMPLES);
        tokio::pin!(moment);
        loop {
            tokio::select! {
                () = &mut moment => break,
                _ = pace.tick() => {
                    calls += 1;
                    let (telephones, script) = (control.clone(), Script::draw(&mut rng));
                    day.spawn(async move { script.play(&telephones).await });
                    if calls % BAD == 0 {
                        control.act("fault", &weather(&mut rng)).await?;
                    }
                }
                Some(done) = day.join_next() => done??,
            }
        }
        samples.push(Sample {
            at: began.elapsed().as_secs(),
            calls,
            heap: browser.heap().await?,
            memory: browser.memory()?,
            database: database(browser).await?,
        });
    }
    while let Some(done) = day.join_next().await {
        done??;
    }
    clear(control).await?;
    let delivered = control.wait_within("delivered:calls", AFTERMATH).await;
    // The verdict names the calls that were waited for in vain.
    let verdict = control.verdict().await?;
    ensure!(verdict.ok, "the sandbox's verdict:\n  {}", verdict.problems.join("\n  "));
    delivered?;
    Ok(Soak { growth: growth(&samples), samples })
}

async fn database(browser: &Unwatched) -> Result<Database> {
    let script = "(async () => {
        const database = await new Promise((resolve, reject) => {
            const request = indexedDB.open('trubka');
            request.onsuccess = () => resolve(request.result);
            request.onerror = () => reject(request.error);
        });
        const count = (store) => new Promise((resolve, reject) => {
            if (!database.objectStoreNames.contains(store)) return resolve(0);
            const request = database.transaction(store).objectStore(store).count();
            request.onsuccess = () => resolve(request.result);
            request.onerror = () => reject(request.error);
        });
        const [rows, lines] = [await count('outbox'), await count('log')];
        database.close();
        const { usage } = await navigator.storage.estimate();
        const alarms = await (globalThis.browser ?? chrome).alarms.getAll();
        return JSON.stringify({ bytes: usage, rows, lines, alarms: alarms.length });
    })()";
    let text = browser.page("popup/popup.html", script).await?;
    serde_json::from_str(&text).with_context(|| format!("the page says {text}"))
}

/// What is above its margin in the second half.
fn growth(samples: &[Sample]) -> Vec<String> {
    let (first, second) = samples.split_at(samples.len() / 2);
    let measures: [(&str, &Margin, Measure); 4] = [
        ("the worker's heap", &MEMORY, |sample| sample.heap.unwrap_or_default()),
        ("the process", &MEMORY, |sample| sample.memory),
        ("the database", &DATABASE, |sample| sample.database.bytes),
        ("the outbox", &ROWS, |sample| sample.database.rows),
    ];
    let mut grown: Vec<String> = measures
        .into_iter()
        .filter_map(|(name, margin, measure)| {
            let (before, after) = (median(first, measure), median(second, measure));
            let limit = before + before * margin.percent / 100 + margin.noise;
            (after > limit).then(|| format!("{name} grew from {before} to {after}, over {limit}"))
        })
        .collect();
    if samples.iter().any(|sample| sample.database.lines > LINES) {
        grown.push(format!("the log has more than {LINES} lines"));
    }
    if samples.iter().any(|sample| sample.database.alarms > ALARMS) {
        grown.push(format!("more than {ALARMS} alarms are set"));
    }
    grown
}

fn median(samples: &[Sample], measure: Measure) -> u64 {
    let mut values: Vec<u64> = samples.iter().map(measure).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

impl fmt::Display for Soak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>6} {:>7} {:>9} {:>11} {:>12} {:>7} {:>6} {:>7}",
            "s", "calls", "heap kB", "process kB", "database kB", "outbox", "log", "alarms"
        )?;
        for Sample { at, calls, heap, memory, database: Database { bytes, rows, lines, alarms } } in &self.samples {
            let heap = heap.map_or("–".to_owned(), |heap| (heap / 1024).to_string());
            let (memory, bytes) = (memory / 1024, bytes / 1024);
            writeln!(f, "{at:>6} {calls:>7} {heap:>9} {memory:>11} {bytes:>12} {rows:>7} {lines:>6} {alarms:>7}")?;
        }
        for grown in &self.growth {
            writeln!(f, "{grown}")?;
        }
        if self.growth.is_empty() {
            let calls = self.samples.last().map_or(0, |sample| sample.calls);
            write!(f, "{calls} calls, every one delivered; nothing grows")?;
        }
        Ok(())
    }
}
