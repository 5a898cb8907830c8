//! Trubka joins a telephone exchange to Kontur.CRM. Imports point one way: `shell` → `core` → the services' wire formats;
//! everything but `shell` is pure and builds without a browser.

pub mod core;
pub mod exchange;
pub mod http;
pub mod json;
pub mod kontur;
pub mod phone;
pub mod phonet;
pub mod private;
pub mod problem;
pub mod protocol;
pub mod relay;
pub mod settings;
pub mod timestamp;
pub mod uis;
pub mod url;

#[cfg(target_arch = "wasm32")]
pub mod shell;

pub use timestamp::Millis;
