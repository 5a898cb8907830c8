//! The relay and the services: the history, the integration, the keys that are handed out, and the commands of the administrator,
//! against the sandbox.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod commands;
mod integration;
#[path = "../shared/nats_server.rs"]
mod nats_server;
mod support;
mod sync;
