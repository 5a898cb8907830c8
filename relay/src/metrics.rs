//! The figures for Prometheus. One recorder serves the process; a part counts where it happens.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// In seconds: a command takes milliseconds, or as long as a browser is waited for.
const BUCKETS: [f64; 10] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 12.0];
/// How often what was recorded is summed up.
const UPKEEP: Duration = Duration::from_secs(5);

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Begins to count; further times do nothing.
pub fn start() {
    RECORDER.get_or_init(|| {
        let handle = PrometheusBuilder::new().set_buckets(&BUCKETS).ok()?.install_recorder().ok()?;
        describe();
        let upkept = handle.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                upkept.run_upkeep();
            }
        });
        Some(handle)
    });
}

/// The figures as Prometheus reads them.
pub fn render() -> String {
    RECORDER.get().and_then(Option::as_ref).map(PrometheusHandle::render).unwrap_or_default()
}

fn describe() {
    describe_gauge!("trubka_relay_agents", "Browsers that are connected");
    describe_counter!("trubka_relay_agents_closed_total", "Browsers' connections that have ended, by reason");
    describe_counter!("trubka_relay_system_calls_total", "What the CRM asked for, by call and answered status");
    describe_histogram!("trubka_relay_system_call_seconds", "From the end of a system call's head to its answer");
    describe_counter!("trubka_relay_repeated_commands_total", "Commands that were recognized as repeated");
    describe_counter!("trubka_relay_requests_total", "Requests, by the part that answered and the HTTP status");
    describe_counter!("trubka_relay_limited_total", "What went over a limit, by limit");
    describe_counter!("trubka_relay_panics_total", "Requests that have panicked");
    describe_gauge!("trubka_relay_nats_connected", "Whether the other instances can be reached");
}
