//! What balancers and administrators ask.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::bus::Health;
use crate::config::Config;
use crate::server::App;
use crate::services::http::Http;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether all is well. Without NATS an instance still serves the agents that are connected to it, so it is degraded and not dead.
pub fn healthz(app: &App) -> Response {
    let nats = app.bus.health();
    let status = if nats == Health::Gone { "degraded" } else { "ok" };
    Json(json!({ "status": status, "nats": nats.name() })).into_response()
}

/// Whether requests should come here: not any more once the relay stops.
pub fn readyz(app: &App) -> Response {
    if app.is_stopping() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response()
    } else {
        "ready\n".into_response()
    }
}

/// Asks the relay of these settings on this machine how it is: `trubka-relay health`, for what watches over its process.
///
/// # Errors
/// It does not answer, or not that it is well; in words.
pub async fn ask(config: &Config) -> Result<String, String> {
    let (scheme, address) = match (config.operations, &config.tls) {
        (Some(operations), _) => ("http", operations),
        (None, Some(_)) => ("https", config.listen),
        (None, None) => ("http", config.listen),
    };
    let url = format!("{scheme}://{}/healthz", reached(address));
    let http =
        Http::here().map_err(|_| "the system's certificates cannot be read: install the package ca-certificates")?;
    match http.get(&url, &[], PATIENCE).await {
        Ok((200, status)) => Ok(status),
        Ok((status, _)) => Err(format!("HTTP {status} from {url}")),
        Err(_) => Err(format!("no answer from {url}: the relay does not run, or hangs")),
    }
}

/// Where this machine reaches what listens there.
fn reached(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    address
}
