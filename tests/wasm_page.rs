//! The shell in a page, as in Firefox's event page.
#![cfg(target_arch = "wasm32")]

#[path = "wasm/suite.rs"]
mod suite;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
