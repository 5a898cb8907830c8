//! A day of calls on which the background and the browser die again and again, and the weather is bad.
//!
//! `TRUBKA_SEED=<number>` plays a day anew; without it each run draws its own.

use std::{env, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use trubka_e2e::{Control, Script, Stage, Verdict, clear, weather};

const CALLS: usize = 200;
/// How many of the calls are clicks on the CRM's page.
const CLICKS: usize = 25;
/// How many times the background is stopped, and how many times the browser gets SIGKILL.
const STOPS: usize = 42;
const KILLS: usize = 8;
/// How long all of it takes, about, in milliseconds: the calls and the faults begin at random moments within.
const DAY: u64 = 110_000;
const FAULTS: usize = 30;

/// How long the last delivery may take after the last death: what failed again and again waits long for its next try.
const AFTERMATH: Duration = Duration::from_secs(120);

pub async fn a_day_of_deaths(stage: &mut Stage) -> Result<()> {
    let seed = match env::var("TRUBKA_SEED") {
        Ok(seed) => seed.parse().context("TRUBKA_SEED is no number")?,
        Err(_) => fastrand::u64(..),
    };
    let browser = stage.browser.kind().name();
    println!("{browser}: a day of deaths, TRUBKA_SEED={seed}");
    let began = Instant::now();
    stage.browser.reopen().await?;
    stage.connect().await?;

    let mut rng = Rng::with_seed(seed);
    let control = stage.control.clone();
    let mut day = JoinSet::new();
    for _ in CLICKS..CALLS {
        let (control, script, after) = (control.clone(), Script::draw(&mut rng), moment(&mut rng));
        day.spawn(async move {
            sleep(after).await;
            script.play(&control).await
        });
    }
    for _ in 0..FAULTS {
        let (control, fault, after) = (control.clone(), weather(&mut rng), moment(&mut rng));
        day.spawn(async move {
            sleep(after).await;
            control.act("fault", &fault).await
        });
    }
    let clicked = deaths(stage, &mut rng, &mut day).await?;
    while let Some(done) = day.join_next().await {
        done??;
    }
    clear(&control).await?;

    let popup = stage.popup().await?;
    popup.link("live").await?;
    let delivered = control.wait_within("delivered:recordings", AFTERMATH).await;
    let Verdict { ok, problems } = control.verdict_with_recordings().await?;
    ensure!(ok, "TRUBKA_SEED={seed}, the sandbox's verdict:\n  {}", problems.join("\n  "));
    delivered?;
    if let Err(error) = popup.element("#undelivered[hidden]").await {
        popup.click("#show-undelivered").await?;
        bail!("TRUBKA_SEED={seed}, {error}: {}", popup.element("#recent").await?.text().await?);
    }

    for number in &clicked {
        let dials = control.dials(number).await?;
        ensure!(dials <= 1, "{number} was dialled {dials} times");
    }
    let ledger = control.ledger().await?;
    let repeats = ledger.iter().filter(|entry| entry.repeat).count();
    println!(
        "{browser}: {CALLS} calls, {FAULTS} faults, {STOPS} stops of the background, {KILLS} SIGKILLs, {} requests, \
         {repeats} repeats, nothing lost, nothing doubled, {} s",
        ledger.len(),
        began.elapsed().as_secs(),
    );
    Ok(())
}

/// Kills and clicks in a random order and rhythm; the numbers that were clicked.
async fn deaths(stage: &mut Stage, rng: &mut Rng, day: &mut JoinSet<Result<()>>) -> Result<Vec<String>> {
    let mut acts: Vec<Act> = [(Act::Stop, STOPS), (Act::Kill, KILLS), (Act::Click, CLICKS)]
        .into_iter()
        .flat_map(|(act, count)| std::iter::repeat_n(act, count))
        .collect();
    rng.shuffle(&mut acts);
    let mut clicked = Vec::new();
    for act in acts {
        sleep(millis(rng, 2000)).await;
        match act {
            Act::Stop => {
                stage.browser.stop_background().await?;
                sleep(millis(rng, 1000)).await;
                // Whatever wakes it will do; a user who opens the popup is one such thing.
                stage.popup().await?;
            }
            Act::Kill => {
                stage.browser.kill().await?;
                sleep(millis(rng, 3000)).await;
                stage.browser.start_again().await?;
            }
            Act::Click => {
                let number = format!("7495000{:04}", 1000 + clicked.len() * 10 + 5);
                let crm = stage.crm("").await?;
                crm.write(&format!("+{number}")).await?;
                crm.click(&number).await?;
                day.spawn(talk(stage.control.clone(), number.clone(), millis(rng, 3000)));
                clicked.push(number);
            }
        }
    }
    Ok(clicked)
}

#[derive(Clone, Copy)]
enum Act {
    Stop,
    Kill,
    Click,
}

/// The clicked call's course, if the click came to one: without a connection it does not.
async fn talk(control: Control, number: String, talking: Duration) -> Result<()> {
    let Ok(call) = control.dialled(&number).await else { return Ok(()) };
    control.answer(&call).await?;
    sleep(talking).await;
    control.hang_up(&call).await
}

fn moment(rng: &mut Rng) -> Duration {
    millis(rng, DAY)
}

fn millis(rng: &mut Rng, below: u64) -> Duration {
    Duration::from_millis(rng.u64(..below))
}
