//! `/diagnostics/ping` and `/diagnostics/health`, for those who have no token.
//!
//! The first line of health is one word; what is wrong follows, a line each. How durable an acknowledgement is, and what
//! memory the hub takes of what it may take, stand in headers: a mode never degrades in silence.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;

use super::Shared;
use crate::wiring::progress::trouble_code;

pub(super) const PING: &str = "/diagnostics/ping";
pub(super) const HEALTH: &str = "/diagnostics/health";

/// Whether a path is answered whatever else is going on.
pub(super) fn is_about_health(path: &str) -> bool {
    [PING, HEALTH].contains(&path)
}

pub(super) async fn ping() -> &'static str {
    "OK"
}

pub(super) async fn health(State(shared): State<Shared>) -> Response {
    let (taken, max) = (shared.memory.taken_bytes(), shared.memory.bytes_max());
    let headers =
        [("X-OMS-Durability", shared.durability.to_string()), ("X-OMS-Memory", format!("{taken} of {max} bytes"))];
    if let Some(fault) = shared.progress.fault() {
        return (StatusCode::SERVICE_UNAVAILABLE, headers, format!("Unhealthy\n{fault}")).into_response();
    }
    let mut reasons = Vec::new();
    // Reads go on, and so does everything once there is room.
    if let Some(trouble) = shared.progress.storage_trouble() {
        reasons.push(format!("{}: {trouble}", trouble_code(&trouble)));
    }
    if taken > max {
        reasons.push(format!("Memory: {taken} bytes are taken, memory_bytes_max is {max}: bodies are refused"));
    }
    if reasons.is_empty() {
        return (headers, "Healthy").into_response();
    }
    (headers, format!("Degraded\n{}", reasons.join("\n"))).into_response()
}
