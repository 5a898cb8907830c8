//! The relay as Kontur.CRM, the agents' browsers and its administrators meet it, over sockets on loopback.

mod agents;
mod hostile;
mod nats;
mod operations;
mod support;
mod system_calls;
