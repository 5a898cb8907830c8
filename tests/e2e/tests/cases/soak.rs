//! The short soak; a long one is the program of that name.

use std::time::Duration;

use anyhow::{Result, ensure};
use trubka_e2e::{Stage, soak};

pub async fn memory_and_database_stay_flat(stage: &Stage) -> Result<()> {
    let soak = soak(stage.browser.kind(), Duration::from_secs(75), fastrand::u64(..)).await?;
    println!("{soak}");
    ensure!(soak.growth.is_empty(), "{soak}");
    Ok(())
}
