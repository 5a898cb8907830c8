//! The core: a pure state machine. Inputs in, outputs out; no clock, no randomness and no I/O of its own.

mod access;
mod backoff;
mod bridge;
mod calls;
mod check;
mod commands;
mod dials;
mod integration;
pub mod io;
mod link;
mod log;
mod outbox;
mod recordings;
mod recovery;
mod redirect;
mod relay;
mod rest;
mod views;

pub use bridge::Bridge;
