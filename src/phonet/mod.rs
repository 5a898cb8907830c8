//! Phonet's wire format: the WebSocket connector («Интеграция по протоколу WSS») and the REST calls that complete it.

pub mod connector;
mod lenient;
pub mod rest;

pub use connector::{Frame, FrameError};
