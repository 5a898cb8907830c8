//! What a page's main thread was busy with, as Chromium's own timeline tells it.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use trubka_e2e::Cdp;

/// Tasks, and the marks that the page sets.
pub const TASKS: &[&str] = &["toplevel", "blink.user_timing"];
/// Also what scripts do. It costs more than some contenders, so it is not for comparing them.
pub const SCRIPTS: &[&str] = &["toplevel", "blink.user_timing", "devtools.timeline"];

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
    #[serde(default)]
    args: Value,
}

/// Begins to record these categories.
pub async fn start(cdp: &mut Cdp, categories: &[&str]) -> Result<()> {
    let configuration = json!({ "includedCategories": categories, "excludedCategories": ["*"] });
    let parameters = json!({ "transferMode": "ReportEvents", "traceConfig": configuration });
    cdp.ask::<Value>(None, "Tracing.start", parameters).await.map(drop)
}

/// Ends it.
pub async fn stop(cdp: &mut Cdp) -> Result<Trace> {
    let batches: Vec<Batch> = cdp.collect("Tracing.end", "Tracing.dataCollected", "Tracing.tracingComplete").await?;
    Ok(Trace { events: batches.into_iter().flat_map(|batch| batch.value).collect() })
}

impl Trace {
    /// What the thread that set both marks did between them.
    pub fn busy(&self, from: &str, to: &str) -> Result<Busy> {
        let tasks = self.between(from, to)?.filter(|event| event.name == "ThreadControllerImpl::RunTask");
        Ok(tasks
            .map(|task| Duration::from_micros(task.tdur))
            .fold(Busy::default(), |busy, task| Busy { total: busy.total + task, longest: busy.longest.max(task) }))
    }

    /// The longest call of a function of this origin's scripts between both marks, without the styling and the layout in it: they are
    /// due to what the page itself changed. Nothing where [`SCRIPTS`] were not recorded.
    pub fn longest_call(&self, from: &str, to: &str, origin: &str) -> Result<Duration> {
        let is_layout = |event: &&Event| matches!(event.name.as_str(), "Layout" | "UpdateLayoutTree");
        let layouts: Vec<_> = self.between(from, to)?.filter(is_layout).collect();
        let is_call = |event: &&Event| {
            let url = event.args.pointer("/data/url").and_then(Value::as_str);
            event.name == "FunctionCall" && url.is_some_and(|url| url.starts_with(origin))
        };
        let own = |call: &Event| {
            let within = layouts.iter().filter(|layout| call.ts <= layout.ts && layout.ts < call.ts + call.dur);
            Duration::from_micros(call.tdur.saturating_sub(within.map(|layout| layout.tdur).sum()))
        };
        Ok(self.between(from, to)?.filter(is_call).map(own).max().unwrap_or_default())
    }

    /// What happened between both marks on the thread that set them.
    fn between(&self, from: &str, to: &str) -> Result<impl Iterator<Item = &Event>> {
        let mark = |name: &str| {
            let mut marks = self.events.iter().filter(|event| event.name == name);
            marks.next().with_context(|| format!("the timeline has no mark {name}"))
        };
        let (from, to) = (mark(from)?, mark(to)?);
        Ok(self.events.iter().filter(|event| {
            (event.pid, event.tid) == (from.pid, from.tid) && event.ts < to.ts && event.ts + event.dur > from.ts
        }))
    }
}
