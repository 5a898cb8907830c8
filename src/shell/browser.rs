//! The clock, the entropy and the console: the only place that asks the browser for them.

use std::{cell::Cell, panic};

use wasm_bindgen::prelude::*;

use crate::Millis;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    fn fill_with_random(bytes: &mut [u8]);

    #[wasm_bindgen(js_namespace = console)]
    fn error(line: &str);
}

thread_local! {
    static PANICKED: Cell<bool> = const { Cell::new(false) };
}

/// This computer's clock.
#[allow(clippy::disallowed_methods, reason = "the one place where time comes in")]
pub fn now() -> Millis {
    Millis(js_sys::Date::now() as i64)
}

/// Fresh entropy for the core.
pub fn seed() -> u64 {
    let mut seed = [0; 8];
    fill_with_random(&mut seed);
    u64::from_le_bytes(seed)
}

/// Makes a panic leave one line in the console: the place, never the message, which could hold somebody's data.
pub fn report_panics() {
    panic::set_hook(Box::new(|info| {
        PANICKED.set(true);
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        error(&format!("Trubka: internal error at {place}"));
    }));
}

/// Whether the core broke down. Then nothing is to keep this worker alive.
pub fn panicked() -> bool {
    PANICKED.get()
}
