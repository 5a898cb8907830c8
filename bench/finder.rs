//! The finder natively, beside libphonenumber-js in Node.js on the same texts. Its goals: twice the peer's speed with better precision
//! and recall, and time in proportion to the text's length.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark measures and prints")]

mod corpus;
mod median;

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use corpus::{Answer, Line, quality};
use median::median;
use trubka::phone::{self, Field, Region};

/// How often each goes over the texts, in turn with the other; medians count.
const ROUNDS: usize = 15;
/// So many times `8 ` is the worst of texts.
const WORST: usize = 16_000;

const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/page/native.cjs");

const SPEED_GOAL: f64 = 2.0;

fn main() -> Result<()> {
    // `cargo test --benches` runs this, too; the peer is not there then.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let mut peer = Peer::start()?;
    let lines = corpus::lines()?;
    let (ours, its) = race(&mut peer, &lines)?;
    println!("The finders natively, {} lines of the corpus, medians of {ROUNDS}:", lines.len());
    println!("{:<20}{:>10}{:>12}{:>9}{:>18}", "", "time", "precision", "recall", "16,000 × `8 `");
    let (whole, half) = (race(&mut peer, &worst(WORST))?, race(&mut peer, &worst(WORST / 2))?);
    for (name, answer, whole, half) in
        [("trubka", &ours, whole.0, half.0), ("libphonenumber-js", &its, whole.1, half.1)]
    {
        let (precision, recall) = quality(&lines, answer)?;
        let growth = whole.time / half.time;
        let (time, whole) = (answer.time, whole.time);
        println!("{name:<20}{time:>7.1} ms{precision:>12.4}{recall:>9.4}{whole:>10.1} ms, ×{growth:.1} of half");
    }
    println!("{:.1} times the peer's speed, goal {SPEED_GOAL}", its.time / ours.time);
    peer.stop()
}

/// What both say of the same texts, with the medians of their times: ours, then the peer's.
fn race(peer: &mut Peer, lines: &[Line]) -> Result<(Answer, Answer)> {
    peer.take(lines)?;
    let (mut ours, mut its) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(find(lines)?);
        its.push(peer.find()?);
    }
    let middle = |answers: Vec<Answer>| {
        let time = median(answers.iter().map(|answer| answer.time).collect());
        let answer = answers.into_iter().next_back().context("no round")?;
        anyhow::Ok(Answer { time, ..answer })
    };
    Ok((middle(ours)?, middle(its)?))
}

/// What our finder says.
fn find(lines: &[Line]) -> Result<Answer> {
    let since = Instant::now();
    let numbers = lines.iter().map(|Line { text, label, region, .. }| {
        let region = region.parse().unwrap_or(Region::RU);
        let found = phone::find(text, &Field { label: label.as_deref(), region, corrections: &[] });
        found.iter().map(|found| found.number.as_private().reveal().clone()).collect()
    });
    let numbers = numbers.collect();
    Ok(Answer { numbers, time: since.elapsed().as_secs_f64() * 1e3 })
}

fn worst(repeats: usize) -> [Line; 1] {
    [Line { text: "8 ".repeat(repeats), label: None, region: "RU".to_owned(), matches: Vec::new() }]
}

/// libphonenumber-js in a Node.js of its own.
struct Peer {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Peer {
    fn start() -> Result<Self> {
        let mut child = Command::new("node").arg(PEER).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let to = child.stdin.take().context("no way to the peer")?;
        let from = BufReader::new(child.stdout.take().context("no way from the peer")?);
        Ok(Self { child, to, from })
    }

    /// Gives it the texts.
    fn take(&mut self, lines: &[Line]) -> Result<()> {
        Ok(writeln!(self.to, "{}", serde_json::to_string(lines)?)?)
    }

    /// What it says of them.
    fn find(&mut self) -> Result<Answer> {
        writeln!(self.to)?;
        let mut answer = String::new();
        self.from.read_line(&mut answer)?;
        serde_json::from_str(&answer).context("the peer does not answer")
    }

    fn stop(self) -> Result<()> {
        let Self { mut child, to, .. } = self;
        drop(to);
        ensure!(child.wait()?.success(), "the peer failed");
        Ok(())
    }
}
