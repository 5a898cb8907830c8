//! What goes on behind the web hooks: they are answered at once, and ring a bell.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use fastrand::Rng;
use tokio::{sync::watch, task::JoinSet};
use trubka::{
    Millis,
    core::backoff::Backoff,
    problem::Problem,
    protocol::{HookName, InstanceStatus, IntegrationView},
    relay::Handed,
};

use crate::{
    agents::Agents,
    bus::Bus,
    check::leads_here,
    clock::now,
    config::{self, Config},
    handed::{Renewal, keep_handed},
    hooks::Hooks,
    services::{self, Services},
    sync::{Attendance, Stopped, Sync},
    tokens::AgentId,
    upgrade::{Upgrade, comes},
};

/// Between tries to bring the integration to what it should be.
const TRIES: Backoff = Backoff { base: Millis::secs(5), cap: Millis::mins(5) };
/// How often it is looked whether the base URL leads here by now.
const LOOK: Millis = Millis::mins(3);
/// How often the integration is looked at while the CRM sends no `setup/upgrade`.
const WATCH: Millis = Millis::mins(15);
/// How often the history is read at least. The CRM sends no more web hooks to whom it could not reach for hours, and a period that
/// somebody chose may be longer than what the browsers are given to tell.
const READ: Millis = Millis::mins(10);

/// The work; it ends where this is dropped, and is gone on with by whoever starts next.
#[derive(Debug)]
pub struct Work(#[expect(dead_code, reason = "held for its end")] JoinSet<()>);

/// Waits for the web hooks and does what they ask for; hands out keys. The integration is looked after without being asked until it is
/// as it should be, so that the hooks come at all.
pub fn start(
    config: &Config,
    services: &Services,
    bus: &Bus,
    agents: &Arc<Agents>,
    hooks: &Hooks,
    handed: watch::Sender<Handed>,
) -> Work {
    let mut work = JoinSet::new();
    if let Some(crm) = &services.crm {
        let upgrade = Upgrade::new(Arc::clone(crm));
        let (settings, bells) = (config.clone(), hooks.clone());
        work.spawn(async move { keep_up(&settings, &upgrade, &bells).await });
        if config.agents.hand_out_key {
            work.spawn(keep_handed(handed, Arc::clone(crm), Arc::clone(&hooks.key_refused), Renewal::default()));
        }
    }
    if let Some(sync) = sync(config, services, bus, agents.attendance()) {
        let (bell, bus, agents) = (Arc::clone(&hooks.sync), bus.clone(), Arc::clone(agents));
        work.spawn(async move {
            // Until the CRM is known to come to us, somebody else may read it.
            bell.notified().await;
            loop {
                note_present(&sync, &agents, &bus);
                read_on(&sync).await;
                tokio::select! {
                    () = bell.notified() => {}
                    () = overdue(&sync) => tracing::info!("no communications/sync has come for a while: the history is read without"),
                }
            }
        });
    }
    Work(work)
}

/// The reader of the history, where both services are set up.
pub fn sync(config: &Config, services: &Services, bus: &Bus, attendance: &Attendance) -> Option<Sync> {
    let (exchange, crm) = (services.exchange.clone()?, services.crm.clone()?);
    let agent = |person: &config::Person| Some((person.ext.clone(), AgentId::of(person.agent.as_ref()?.reveal())));
    let agents: BTreeMap<String, AgentId> = config.directory.iter().filter_map(agent).collect();
    Some(Sync::new(bus.clone(), exchange, crm, services::settings(config), agents, attendance.clone()))
}

/// Whose browsers are connected now, here or to another instance.
fn note_present(sync: &Sync, agents: &Agents, bus: &Bus) {
    for agent in sync.agents() {
        if agents.freshness(agent).is_some() || bus.freshness_elsewhere(agent).is_some() {
            agents.attendance().note(agent);
        }
    }
}

/// Comes when no instance has read the history for long.
async fn overdue(sync: &Sync) {
    loop {
        sleep(READ).await;
        if sync.is_unread_for(READ).await {
            return;
        }
    }
}

async fn sleep(wait: Millis) {
    tokio::time::sleep(Duration::from_millis(wait.0.unsigned_abs())).await;
}

async fn keep_up(config: &Config, upgrade: &Upgrade, hooks: &Hooks) {
    let (mut is_asked, mut is_up, mut is_ours, mut failures) = (false, false, false, 0);
    loop {
        let view = if is_up { upgrade.look().await.map(Some) } else { bring_up(config, upgrade, is_asked).await };
        let wait = match view {
            Ok(Some(view)) => {
                warn_of(&view);
                if !is_ours {
                    hooks.sync.notify_one();
                }
                (is_up, is_ours, failures) = (true, true, 0);
                WATCH
            }
            Ok(None) => {
                tracing::warn!(
                    "the integration's base URL leads elsewhere: it is left as it is; see trubka-relay check"
                );
                LOOK
            }
            Err(problems) => {
                let problems: Vec<&str> = problems.iter().map(|problem| problem.code.name()).collect();
                tracing::warn!(?problems, "the integration is not as it should be");
                failures += 1;
                TRIES.wait(failures, &mut Rng::new())
            }
        };
        tokio::select! {
            () = hooks.upgrade.notified() => (is_asked, is_up) = (true, false),
            () = sleep(wait) => {}
        }
    }
}

/// Brings the integration to what the relay needs; nothing where nobody has said yet that the CRM's calls come to us: elsewhere
/// somebody else may answer them.
async fn bring_up(config: &Config, upgrade: &Upgrade, is_asked: bool) -> Result<Option<IntegrationView>, Vec<Problem>> {
    let leads_here = is_asked || leads_here(config, &upgrade.look().await?);
    if leads_here { upgrade.run().await.map(Some) } else { Ok(None) }
}

/// Of what only somebody in the CRM can mend.
fn warn_of(view: &IntegrationView) {
    let is_silent =
        matches!(view.status, InstanceStatus::NotConfigured | InstanceStatus::Paused | InstanceStatus::Failed);
    if is_silent || !comes(view, HookName::Sync) {
        tracing::warn!(status = ?view.status, "the CRM does not send what the relay lives by: see trubka-relay check");
    }
}

async fn read_on(sync: &Sync) {
    let (summary, result) = sync.run(None, &|_| {}).await;
    for (outcome, count) in [("registered", summary.registered), ("known", summary.known)] {
        metrics::counter!("trubka_relay_history_calls_total", "outcome" => outcome).increment(u64::from(count));
    }
    let refused = u64::try_from(summary.refused.len()).unwrap_or(u64::MAX);
    metrics::counter!("trubka_relay_history_calls_total", "outcome" => "refused").increment(refused);
    metrics::counter!("trubka_relay_history_recordings_total").increment(u64::from(summary.recordings));
    let (calls, registered, reached) = (summary.calls, summary.registered, summary.reached.to_rfc3339());
    match result {
        Ok(()) => {
            metrics::gauge!("trubka_relay_history_read_seconds")
                .set(Duration::from_millis(now().0.unsigned_abs()).as_secs_f64());
            tracing::info!(calls, registered, reached, "the history is read");
        }
        Err(Stopped::Busy) => tracing::debug!("the history is read elsewhere"),
        Err(Stopped::Service(problem)) => {
            tracing::warn!(calls, registered, reached, problem = problem.code.name(), "the history is read in part");
        }
        Err(Stopped::Bus(error)) => tracing::error!(calls, registered, reached, %error, "the history is read in part"),
        Err(stopped) => tracing::info!(calls, registered, reached, %stopped, "the history is read in part"),
    }
}
