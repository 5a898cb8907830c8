//! What the extension costs a page, beside two peers on the same page in the same Chromium. Its goals: at most a fifth of the faster
//! peer's time on the main thread, no task over 50 ms, and a new number's button within 100 ms.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark measures and prints")]

#[path = "../corpus.rs"]
mod corpus;
mod finders;
#[path = "../median.rs"]
mod median;
mod trace;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use median::median;
use serde::Deserialize;
use serde_json::json;
use thirtyfour::WindowHandle;
use trace::{Busy, Trace};
use trubka_e2e::{BrowserKind, Cdp, Stage};

/// How often each contender is measured, in turn with the others, after one round that only warms up. Of what it costs the least
/// counts, for what interferes only adds.
const ROUNDS: usize = 5;
/// How many single numbers appear.
const NUMBERS: u32 = 20;
/// The page has come to rest when its main thread was busy for less than `REST` of a `SPAN`; the slowest peer begins a second late.
const SPAN: Duration = Duration::from_millis(1_500);
const REST: Duration = Duration::from_millis(15);

const MAIN_THREAD_GOAL: f64 = 0.2;
/// In milliseconds.
const TASK_GOAL: f64 = 50.0;
/// In milliseconds.
const SLICE_GOAL: f64 = 8.0;
/// In milliseconds.
const BUTTON_GOAL: f64 = 100.0;

/// Who works on the page.
#[derive(Clone, Copy, PartialEq)]
enum Contender {
    /// Nobody: what the page itself costs.
    Nobody,
    Trubka,
    Peer(&'static str),
}

const CONTENDERS: [Contender; 4] =
    [Contender::Nobody, Contender::Trubka, Contender::Peer("ringcentral-c2d"), Contender::Peer("libphonenumber-js")];

impl Contender {
    fn name(self) -> &'static str {
        match self {
            Self::Nobody => "the page alone",
            Self::Trubka => "trubka",
            Self::Peer(name) => name,
        }
    }
}

/// What happens to the page, in the past tense and as its script does it.
const PHASES: [(&str, &str); 3] =
    [("rendered", "bench.render()"), ("changed", "bench.churn(40)"), ("scrolled", "bench.scroll()")];
/// How many of them the goals are for: scrolling is shown because we alone put work off until then.
const PHASES_THAT_COUNT: usize = 2;

/// What one contender did on one load of the page.
struct Load {
    /// In each phase.
    busy: Vec<Busy>,
    /// How long each single number waited for its button, in milliseconds.
    waits: Vec<f64>,
    /// The longest call into the extension's scripts, where that was recorded.
    slice: Duration,
}

impl Load {
    /// Of a phase, in milliseconds.
    fn total(&self, phase: usize) -> f64 {
        self.busy.get(phase).map_or(0.0, |busy| busy.total.as_secs_f64() * 1e3)
    }

    /// Of all phases that count, in milliseconds.
    fn longest(&self) -> f64 {
        let longest = self.busy.iter().take(PHASES_THAT_COUNT).map(|busy| busy.longest).max();
        longest.unwrap_or_default().as_secs_f64() * 1e3
    }
}

fn main() -> Result<()> {
    // `cargo test --benches` runs this, too; without a browser it has nothing to do.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    tokio::runtime::Runtime::new()?.block_on(async {
        let stage = Stage::open(BrowserKind::Chromium, true).await?;
        stage.connect().await?;
        let mut bench = Bench { cdp: Cdp::connect(stage.browser.folder()).await?, stage: &stage };
        bench.pages().await?.print()?;
        finders::compare(&mut bench).await?;
        stage.close().await
    })
}

/// A connected extension in a browser.
struct Bench<'a> {
    cdp: Cdp,
    stage: &'a Stage,
}

/// Every load of the page, by contender, and one more of ours that shows what its scripts do.
struct Pages {
    loads: Vec<(Contender, Vec<Load>)>,
    watched: Load,
}

impl Bench<'_> {
    async fn pages(&mut self) -> Result<Pages> {
        let mut all: Vec<_> = CONTENDERS.map(|contender| (contender, Vec::new())).into();
        for round in 0..=ROUNDS {
            for (contender, loads) in &mut all {
                let load = self.load(*contender, trace::TASKS).await;
                let load = load.with_context(|| format!("{} on the page", contender.name()))?;
                if round > 0 {
                    loads.push(load);
                }
            }
        }
        let watched = self.load(Contender::Trubka, trace::SCRIPTS).await.context("our scripts on the page")?;
        Ok(Pages { loads: all, watched })
    }

    async fn load(&mut self, contender: Contender, categories: &[&str]) -> Result<Load> {
        // Only on the CRM's own host is the extension at work.
        let host = match contender {
            Contender::Trubka => "crm.kontur.ru".to_owned(),
            _ => format!("localhost:{}", self.stage.tls().port()),
        };
        let before = self.stage.browser.web().window().await?;
        trace::start(&mut self.cdp, categories).await?;
        let tab = self.stage.browser.open(&format!("https://{host}/lab/bench/page.html")).await?;
        if let Contender::Peer(name) = contender {
            self.run::<()>(&format!("bench.bring('{name}')")).await?;
        }
        self.rest(&tab).await?;
        for (name, happen) in PHASES {
            self.collect_garbage(&tab).await?;
            self.run::<()>(&format!("performance.mark('{happen}'), {happen}")).await?;
            self.rest(&tab).await?;
            self.run::<()>(&format!("void performance.mark('{name}')")).await?;
            if contender == Contender::Trubka {
                let Count { numbers, buttons } = self.run("bench.count()").await?;
                ensure!(numbers > 0 && buttons == numbers, "{name}: {buttons} buttons for {numbers} numbers in view");
            }
        }
        let waits = match contender {
            Contender::Trubka => self.run(&format!("bench.appear({NUMBERS})")).await?,
            _ => Vec::new(),
        };
        let trace: Trace = trace::stop(&mut self.cdp).await?;
        self.stage.browser.web().close_window().await?;
        self.stage.browser.show(&before).await?;
        let busy = PHASES.iter().map(|(name, happen)| trace.busy(happen, name)).collect::<Result<_>>()?;
        let origin = self.stage.browser.page("");
        let slices = PHASES.iter().map(|(name, happen)| trace.longest_call(happen, name, &origin));
        let slice = slices.collect::<Result<Vec<_>>>()?.into_iter().max().unwrap_or_default();
        Ok(Load { busy, waits, slice })
    }

    /// What an expression in the page comes to.
    async fn run<T: serde::de::DeserializeOwned>(&self, expression: &str) -> Result<T> {
        let script = format!("Promise.resolve(({expression}) ?? null).then(arguments[0])");
        Ok(self.stage.browser.web().execute_async(script, Vec::new()).await?.convert()?)
    }

    /// Waits until the page's main thread has nothing left to do.
    async fn rest(&mut self, tab: &WindowHandle) -> Result<()> {
        let session = self.cdp.attach(&tab.to_string()).await?;
        let threads = json!({ "timeDomain": "threadTicks" });
        self.cdp.ask::<serde_json::Value>(Some(&session), "Performance.enable", threads).await?;
        loop {
            let before = self.tasks(&session).await?;
            tokio::time::sleep(SPAN).await;
            if self.tasks(&session).await? - before < REST.as_secs_f64() {
                break;
            }
        }
        self.detach(session).await
    }

    /// Clears away what was made before: else it would fall into the phase that follows, by chance, and of one contender only.
    async fn collect_garbage(&mut self, tab: &WindowHandle) -> Result<()> {
        let session = self.cdp.attach(&tab.to_string()).await?;
        self.cdp.ask::<serde_json::Value>(Some(&session), "HeapProfiler.collectGarbage", json!({})).await?;
        self.detach(session).await
    }

    async fn detach(&mut self, session: String) -> Result<()> {
        let parameters = json!({ "sessionId": session });
        self.cdp.ask::<serde_json::Value>(None, "Target.detachFromTarget", parameters).await.map(drop)
    }

    /// How long the main thread has been busy so far, in seconds.
    async fn tasks(&mut self, session: &str) -> Result<f64> {
        let all: Metrics = self.cdp.ask(Some(session), "Performance.getMetrics", json!({})).await?;
        let tasks = all.metrics.iter().find(|metric| metric.name == "TaskDuration");
        tasks.map(|metric| metric.value).context("Chromium does not tell how busy the page is")
    }
}

/// Of what is in view.
#[derive(Deserialize)]
struct Count {
    numbers: u32,
    buttons: u32,
}

#[derive(Deserialize)]
struct Metrics {
    metrics: Vec<Metric>,
}

#[derive(Deserialize)]
struct Metric {
    name: String,
    value: f64,
}

impl Pages {
    /// Prints what each contender cost over the page alone, and how that compares with the goals.
    fn print(&self) -> Result<()> {
        let loads = |contender| {
            let found = self.loads.iter().find(|(each, _)| *each == contender);
            found.map(|(_, loads)| loads.as_slice()).context("nobody was measured")
        };
        let alone = loads(Contender::Nobody)?;
        println!("A page of 10,000 texts with 2,000 numbers: what each costs its main thread over the page alone");
        println!("(time of the processor, the least of {ROUNDS}; the longest task: the median)");
        println!("{:<20}{:>12}{:>12}{:>12}{:>14}", "", "rendered", "changed", "scrolled", "longest task");
        let mut costs = Vec::new();
        for &contender in &CONTENDERS {
            let own = loads(contender)?;
            let of = |loads: &[Load], phase| least(loads.iter().map(|load: &Load| load.total(phase)));
            let cost = |phase| of(own, phase) - if contender == Contender::Nobody { 0.0 } else { of(alone, phase) };
            let longest = median(own.iter().map(Load::longest).collect());
            let phases: String = (0..PHASES.len()).map(|phase| format!("{:>9.0} ms", cost(phase))).collect();
            println!("{:<20}{phases}{longest:>11.0} ms", contender.name());
            costs.push((contender, (0..PHASES_THAT_COUNT).map(cost).sum::<f64>(), longest));
        }
        let own = costs.iter().find(|(contender, ..)| *contender == Contender::Trubka);
        let (_, own, longest) = own.context("we were not measured")?;
        let peers = costs.iter().filter(|(contender, ..)| matches!(contender, Contender::Peer(_)));
        let fastest = least(peers.map(|(_, cost, _)| *cost));
        let waits: Vec<f64> = loads(Contender::Trubka)?.iter().flat_map(|load| load.waits.clone()).collect();
        let worst = waits.iter().copied().fold(0.0, f64::max);
        println!("rendered and changed: {:.2} of the faster peer's time, goal {MAIN_THREAD_GOAL}", own / fastest);
        println!("longest task: {longest:.0} ms, goal {TASK_GOAL} ms");
        let slice = self.watched.slice;
        ensure!(!slice.is_zero(), "the timeline shows no work of ours");
        println!("longest slice of our own work: {:.1} ms, goal {SLICE_GOAL} ms", slice.as_secs_f64() * 1e3);
        println!("a new number's button: {:.0} ms, at worst {worst:.0} ms, goal {BUTTON_GOAL} ms", median(waits));
        Ok(())
    }
}

fn least(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::INFINITY, f64::min)
}
