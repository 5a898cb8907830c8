//! Every case in both browsers, each on a stage of its own: `cargo test -p trubka-e2e -- firefox::` runs some of them.

// Some cases have figures to tell.
#![allow(clippy::print_stdout)]

mod cases;

use std::{
    pin::Pin,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::{runtime::Runtime, time::timeout};
use trubka_e2e::{BrowserKind, Stage, root};

type Play = for<'a> fn(&'a mut Stage) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// One case; after it the sandbox must be content and the consoles empty.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    /// The browser it is for, where it is for one alone.
    only: Option<BrowserKind>,
    /// Whether nothing else may run meanwhile.
    alone: bool,
    /// How long it may take, all its waiting together.
    limit: Duration,
    play: Play,
}

fn main() {
    let mut arguments = Arguments::from_args();
    // A case waits more than it works: two at a time take little more than half the time.
    arguments.test_threads.get_or_insert(2);
    let trials = [BrowserKind::Chromium, BrowserKind::Firefox].into_iter().flat_map(|kind| {
        cases::ALL.iter().filter(move |case| case.only.is_none_or(|only| only == kind)).map(move |&case| {
            let name = format!("{}::{}", kind.name(), case.name);
            let title = name.replace("::", "-");
            Trial::test(name, move || run(kind, &title, case).map_err(|error| Failed::from(format!("{error:#}"))))
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

/// Whoever has it for reading shares the machine, whoever has it for writing has it alone.
static MACHINE: RwLock<()> = RwLock::new(());

fn run(kind: BrowserKind, title: &str, case: Case) -> Result<()> {
    let _alone = case.alone.then(|| MACHINE.write().unwrap_or_else(PoisonError::into_inner));
    let _shared = (!case.alone).then(|| MACHINE.read().unwrap_or_else(PoisonError::into_inner));
    Runtime::new()?.block_on(async {
        let mut stage = Stage::open(kind, true).await?;
        let outcome = match play(&mut stage, case).await {
            Ok(()) => Ok(()),
            Err(error) => Err(anyhow!("{error:#}\n{}", traces(&stage, title).await)),
        };
        let closed = stage.close().await;
        outcome.and(closed)
    })
}

async fn play(stage: &mut Stage, case: Case) -> Result<()> {
    timeout(case.limit, (case.play)(stage)).await.context("it takes too long")??;
    stage.all_is_well().await
}

/// How many of the last requests a failure shows; all of them are in a file.
const LAST_REQUESTS: usize = 10;

/// What helps to understand a failure.
async fn traces(stage: &Stage, title: &str) -> String {
    let picture = stage.browser.picture("failures", title).await.unwrap_or_else(|error| error.to_string());
    let ledger = stage.control.ledger().await.unwrap_or_default();
    let ledger: Vec<String> = ledger.iter().map(|entry| format!("{entry:?}")).collect();
    let path = format!("target/failures/{title}.ledger.txt");
    let kept = std::fs::write(root().join(&path), ledger.join("\n")).map_or_else(|error| error.to_string(), |()| path);
    let last: Vec<String> = ledger.iter().rev().take(LAST_REQUESTS).rev().map(|entry| shortened(entry)).collect();
    let complaints = stage.browser.complaints();
    format!(
        "picture: {picture}\nledger: {kept}, of {} requests the last:\n{}\nconsole:\n{}\n",
        ledger.len(),
        last.join("\n"),
        complaints.join("\n"),
    )
}

/// The beginning of a line, where it is long.
fn shortened(line: &str) -> String {
    line.chars().take(300).collect()
}
