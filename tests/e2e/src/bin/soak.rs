//! Lets calls come for minutes or hours and says whether memory and database stay flat.
#![allow(clippy::print_stdout)]

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use clap::Parser;
use trubka_e2e::{BrowserKind, soak};

/// Calls without end, in all weathers.
#[derive(Parser)]
struct Arguments {
    /// How long.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The browser to use.
    #[arg(long, value_enum, default_value = "chromium")]
    browser: BrowserKind,
    /// Plays the same calls again.
    #[arg(long)]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let Arguments { minutes, browser, seed } = Arguments::parse();
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("{} for {minutes} minutes, --seed {seed}", browser.name());
    let soak = soak(browser, Duration::from_secs(minutes * 60), seed).await?;
    println!("{soak}");
    Ok(if soak.growth.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
