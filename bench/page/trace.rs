//! What a page's main thread was busy with, as Chromium's own timeline tells it.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;
use trubka_e2e::Cdp;

/// Tasks, and the marks that the page sets.
const CATEGORIES: [&str; 2] = ["toplevel", "blink.user_timing"];

/// What was recorded since [`start`].
pub struct Trace {
    events: Vec<Event>,
}

/// What the main thread did between two marks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Busy {
    /// All its tasks together, in time of the processor: what other programs do meanwhile does not count.
    pub total: Duration,
    /// Its longest task, likewise.
    pub longest: Duration,
}

#[derive(Deserialize)]
struct Batch {
    value: Vec<Event>,
}

/// Times are in microseconds.
#[derive(Deserialize)]
struct Event {
    name: String,
    pid: u64,
    tid: u64,
    #[serde(default)]
    ts: u64,
    #[serde(default)]
    dur: u64,
    /// How long it held the processor.
    #[serde(default)]
    tdur: u64,
}

/// Begins to record.
pub async fn start(cdp: &mut Cdp) -> Result<()> {
    let configuration = json!({ "includedCategories": CATEGORIES, "excludedCategories": ["*"] });
    let parameters = json!({ "transferMode": "ReportEvents", "traceConfig": configuration });
    cdp.ask::<serde_json::Value>(None, "Tracing.start", parameters).await.map(drop)
}

/// Ends it.
pub async fn stop(cdp: &mut Cdp) -> Result<Trace> {
    let batches: Vec<Batch> = cdp.collect("Tracing.end", "Tracing.dataCollected", "Tracing.tracingComplete").await?;
    Ok(Trace { events: batches.into_iter().flat_map(|batch| batch.value).collect() })
}

impl Trace {
    /// What the thread that set both marks did between them.
    pub fn busy(&self, from: &str, to: &str) -> Result<Busy> {
        let mark = |name: &str| {
            let mut marks = self.events.iter().filter(|event| event.name == name);
            marks.next().with_context(|| format!("the timeline has no mark {name}"))
        };
        let (from, to) = (mark(from)?, mark(to)?);
        let tasks = self.events.iter().filter(|event| {
            event.name == "ThreadControllerImpl::RunTask"
                && (event.pid, event.tid) == (from.pid, from.tid)
                && event.ts < to.ts
                && event.ts + event.dur > from.ts
        });
        Ok(tasks
            .map(|task| Duration::from_micros(task.tdur))
            .fold(Busy::default(), |busy, task| Busy { total: busy.total + task, longest: busy.longest.max(task) }))
    }
}
