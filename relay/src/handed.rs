//! The short-lived key to the CRM that is handed out to the agents' browsers beside the directory, where the administrator chooses so:
//! then no browser holds the integration's own.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use tokio::sync::{Notify, watch};
use trubka::{
    Millis,
    core::{access::AccessError, backoff::Backoff},
    kontur::auth::LIFETIME,
    relay::{Handed, HandedKey},
};

use crate::{clock::now, services::Crm};

/// Between tries where the CRM does not answer.
const TRIES: Backoff = Backoff { base: Millis::secs(10), cap: Millis::mins(1) };
/// When a refused integration is tried again.
const REFUSED: Millis = Millis::mins(5);

/// When keys are renewed.
#[derive(Clone, Copy, Debug)]
pub struct Renewal {
    /// So long before its end a key gives way to the next one.
    pub lead: Millis,
    /// The shortest time from one exchange to the next.
    pub least: Millis,
}

impl Default for Renewal {
    fn default() -> Self {
        // A browser takes a key with less than two minutes for none; the CRM may be away for a while.
        Self { lead: Millis::mins(7), least: Millis::secs(5) }
    }
}

/// Keeps a key of this CRM handed out, for as long as somebody listens. `refused` rings where a browser says that the CRM refuses it.
pub async fn keep_handed(sender: watch::Sender<Handed>, crm: Arc<Crm>, refused: Arc<Notify>, renewal: Renewal) {
    tokio::select! {
        () = renew(&sender, &crm, &refused, renewal) => {}
        () = sender.closed() => {}
    }
}

async fn renew(sender: &watch::Sender<Handed>, crm: &Crm, refused: &Notify, renewal: Renewal) {
    let mut failures = 0;
    loop {
        let wait = match crm.fresh_key().await {
            Ok(key) => {
                failures = 0;
                let wait = key.ends_at - now() - renewal.lead;
                tracing::debug!("a fresh key is handed out");
                sender.send_modify(|handed| handed.access = Some(key));
                wait
            }
            Err(error) => {
                failures += 1;
                sender.send_if_modified(|handed| handed.access.take_if(|key| has_ended(key)).is_some());
                let (problem, wait) = match error {
                    AccessError::Later(problem, wait) => {
                        (problem, TRIES.wait(failures, &mut Rng::new()).max(wait.unwrap_or_default()))
                    }
                    AccessError::Refused(problem) => (problem, REFUSED),
                };
                tracing::warn!(problem = problem.code.name(), "no key to hand out");
                wait
            }
        };
        // However often browsers ask.
        sleep(renewal.least).await;
        tokio::select! {
            () = sleep(wait.min(LIFETIME) - renewal.least) => {}
            () = refused.notified() => {}
        }
    }
}

async fn sleep(wait: Millis) {
    tokio::time::sleep(Duration::from_millis(wait.max(Millis(0)).0.unsigned_abs())).await;
}

fn has_ended(key: &HandedKey) -> bool {
    key.ends_at <= now()
}
