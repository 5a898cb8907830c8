//! Waiting for what a page will show.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep};

/// How long anything may take before a test fails; far more than a noisy machine needs.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Browsers have no event for "this element now says that": looked at this often.
const GLANCE: Duration = Duration::from_millis(50);

/// Looks until `glance` finds a value. An error counts as "not yet", since a page may be in the middle of rendering.
///
/// # Errors
/// After [`PATIENCE`], with the last error if there was one.
pub async fn until<T>(what: &str, glance: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    until_within(PATIENCE, what, glance).await
}

/// The same for what may take longer than anything else.
pub async fn until_within<T>(
    patience: Duration,
    what: &str,
    mut glance: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        let seen = glance().await;
        match seen {
            Ok(Some(value)) => return Ok(value),
            _ if Instant::now() < deadline => sleep(GLANCE).await,
            Ok(None) => bail!("waited in vain for {what}"),
            Err(error) => return Err(error).with_context(|| format!("waited in vain for {what}")),
        }
    }
}
