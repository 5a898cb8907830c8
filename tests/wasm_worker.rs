//! The shell in a service worker, as in Chrome's background.
#![cfg(target_arch = "wasm32")]

#[path = "wasm/suite.rs"]
mod suite;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_service_worker);
