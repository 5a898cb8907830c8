//! The relay as Kontur.CRM, the agents' browsers and its administrators meet it, over sockets on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod agents;
mod hostile;
mod nats;
#[path = "../shared/nats_server.rs"]
mod nats_server;
mod operations;
mod support;
mod system_calls;
