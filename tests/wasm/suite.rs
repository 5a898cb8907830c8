//! The tests of the shell, for every scope it runs in.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "fakes.rs"]
mod fakes;
#[path = "http.rs"]
mod http;
#[path = "shell.rs"]
mod shell;
#[path = "socket.rs"]
mod socket;
#[path = "store.rs"]
mod store;
#[path = "timers.rs"]
mod timers;
