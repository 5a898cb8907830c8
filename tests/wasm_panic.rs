//! The shell when the core has broken down. A suite of its own: a panic leaves its mark on the whole instance.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code, reason = "the other suites use the rest of it")]
#[path = "wasm/fakes.rs"]
mod fakes;

use fakes::{FakePlatform, fails};
use js_sys::JSON;
use trubka::shell;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_service_worker);

#[wasm_bindgen_test]
async fn after_a_panic_everybody_is_answered_and_the_worker_rests() {
    let platform = FakePlatform::new();
    let shell = shell::start(platform.as_platform()).await;
    let breaking = Closure::<dyn FnMut()>::new(|| panic!("on purpose"));
    assert!(fails(breaking.as_ref()));

    let request = JSON::parse(r#"{ "kind": "getStatus" }"#).unwrap();
    let answer = JsFuture::from(shell.ask(&request, "extension")).await;
    assert_eq!(answer, Ok(JsValue::UNDEFINED));
    assert_eq!(platform.log().last().unwrap(), "rest");
}
