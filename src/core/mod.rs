//! The core: a pure state machine. Inputs in, outputs out; no clock, no randomness and no I/O of its own.
//!
//! Its parts that are public, the relay goes by, too: so both ask the services in the same way and tell the CRM the same of a call.

pub mod access;
pub mod backoff;
mod bridge;
pub mod calls;
mod cards;
mod check;
mod commands;
mod dials;
pub mod integration;
pub mod io;
mod link;
mod log;
mod outbox;
pub mod recordings;
mod recovery;
mod redirect;
mod relay;
pub mod rest;
mod views;

pub use bridge::Bridge;
