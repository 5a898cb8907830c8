//! What the relay adds between the CRM and an agent's browser, and what a connected browser costs it. The floor is a bare axum that
//! echoes, over the same loopback, asked in turn with the relay. Its goals: the 99th percentile within three times the floor's and
//! under 10 ms, and at most 30 kB for a connected browser.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark measures and prints")]

mod agents;
mod floor;

use std::time::{Duration, Instant};

use agents::Agent;
use anyhow::{Context, Result, ensure};
use floor::Floor;
use reqwest::Client;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use trubka_e2e::{Relay, RelaySettings, memory};

const WARM_UP: usize = 300;
const CALLS: usize = 3_000;
/// Connected browsers, and how many of them an agent may have.
const BROWSERS: usize = 10_000;
const BROWSERS_OF_AN_AGENT: usize = 8;
/// How many browsers connect at a time.
const AT_A_TIME: usize = 64;

const RATIO_GOAL: f64 = 3.0;
const TIME_GOAL: Duration = Duration::from_millis(10);
const MEMORY_GOAL: u64 = 30_000;

/// Анна, as the CRM knows her.
const ANNA: &str = "3f6a0c1e-0000-4000-8000-000000000001";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Runtime::new()?;
    if arguments.iter().any(|argument| argument == floor::ARGUMENT) {
        return runtime.block_on(floor::serve());
    }
    // `cargo test --benches` runs this, too; without the relay's program it has nothing to do.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    runtime.block_on(async {
        let floor = Floor::start().await?;
        calls(&floor, 1).await?;
        calls(&floor, 2).await?;
        browsers().await
    })
}

/// As a relay is set up for this: nothing of what it would refuse is measured here.
fn settings(instances: usize) -> RelaySettings {
    RelaySettings { instances, limits: Some((1_000_000, 20_000)), ..RelaySettings::default() }
}

/// CALL → the browser accepts → 200. Of two instances the CRM calls one, and the browser is connected to the other.
async fn calls(floor: &Floor, instances: usize) -> Result<()> {
    let relay = Relay::start(settings(instances)).await?;
    let agent = Agent::connect(&relay.address(instances - 1)?, &relay.token("anna").await?, 1).await?;
    let client = Client::builder().no_proxy().build()?;
    let (floor_url, relay_url) = (floor.url(), format!("{}/communications/call", relay.base_url(0)?));
    let (mut floors, mut times) = (Vec::new(), Vec::new());
    for number in 0..WARM_UP + CALLS {
        let (floor, time) = (call(&client, &floor_url).await?, call(&client, &relay_url).await?);
        if number >= WARM_UP {
            floors.push(floor);
            times.push(time);
        }
    }
    drop(agent);
    let (floors, times) = (Times::of(floors), Times::of(times));
    let ratio = |of: fn(&Times) -> Duration| of(&times).as_secs_f64() / of(&floors).as_secs_f64();
    let what = if instances == 1 { "one instance" } else { "two instances over NATS" };
    println!(
        "relay, {what}, CALL to 200: median {:?}, p99 {:?}; bare axum: median {:?}, p99 {:?}; {:.1} and {:.1} times",
        times.median,
        times.p99,
        floors.median,
        floors.p99,
        ratio(|times| times.median),
        ratio(|times| times.p99),
    );
    if instances == 1 {
        let met = ratio(|times| times.p99) <= RATIO_GOAL && times.p99 < TIME_GOAL;
        println!("  goal (p99 within {RATIO_GOAL} times and under {TIME_GOAL:?}): {}", said(met));
    }
    Ok(())
}

fn said(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

/// One system call, each with an id of its own, and how long its answer takes.
async fn call(client: &Client, url: &str) -> Result<Duration> {
    let id = format!("{:08x}-0000-4000-8000-{:012x}", fastrand::u32(..), fastrand::u64(..1 << 48));
    let body = json!({ "communicationId": id, "fromUserId": ANNA, "clientPhone": "79451235489" });
    let request = client.post(url).header("x-xcom-accesskey", "key").header("x-xcom-integration-echo", &id).json(&body);
    let start = Instant::now();
    let answer = request.send().await?;
    let (status, echo) = (answer.status(), answer.headers().get("x-xcom-integration-echo").cloned());
    let text = answer.text().await?;
    let took = start.elapsed();
    ensure!(status == 200 && echo.is_some_and(|echo| echo == id), "{url} answers {status}: {text}");
    Ok(took)
}

/// What counts of many times.
struct Times {
    median: Duration,
    p99: Duration,
}

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
        Self { median: at(50), p99: at(99) }
    }
}

/// What connected browsers that nobody calls cost an instance, and what a CALL takes among them.
async fn browsers() -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // The relay inherits it.
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    let relay = Relay::start(settings(1)).await?;
    let address = relay.address(0)?;
    let anna = Agent::connect(&address, &relay.token("anna").await?, 1).await?;
    let before = memory(relay.process(0)?)?;
    let mut agents = Vec::new();
    for agent in 0..BROWSERS.div_ceil(BROWSERS_OF_AN_AGENT) {
        let token = relay.token(&format!("agent{agent}")).await?;
        agents.extend((0..BROWSERS_OF_AN_AGENT).map(|_| token.clone()));
    }
    let agents = Agent::connect_all(&address, agents, AT_A_TIME).await.context("connecting the browsers")?;
    relay.has_agents(0, agents.len() + 1).await?;
    let each = memory(relay.process(0)?)?.saturating_sub(before) / agents.len() as u64;
    println!("relay, {} browsers connected: {each} bytes each", agents.len());
    println!("  goal (at most {MEMORY_GOAL}): {}", said(each <= MEMORY_GOAL));
    let client = Client::builder().no_proxy().build()?;
    let url = format!("{}/communications/call", relay.base_url(0)?);
    let mut times = Vec::new();
    for _ in 0..CALLS / 3 {
        times.push(call(&client, &url).await?);
    }
    let times = Times::of(times);
    println!("  CALL to 200 among them: median {:?}, p99 {:?}", times.median, times.p99);
    drop((anna, agents));
    Ok(())
}
