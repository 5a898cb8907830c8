//! What balancers and administrators ask.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::bus::Health;
use crate::server::App;

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
