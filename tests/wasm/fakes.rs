//! `fakes.js`, and a queue of inputs to await.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

use js_sys::Array;
use trubka::{core::io::Input, shell::platform::Platform};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/tests/wasm/fakes.js")]
extern "C" {
    pub type FakePlatform;
    #[wasm_bindgen(constructor)]
    pub fn new() -> FakePlatform;
    #[wasm_bindgen(method, getter)]
    pub fn log(this: &FakePlatform) -> Vec<String>;
    #[wasm_bindgen(method, getter)]
    pub fn pages(this: &FakePlatform) -> Array;
    #[wasm_bindgen(method, setter)]
    pub fn set_session(this: &FakePlatform, json: &str);
    #[wasm_bindgen(method, setter, js_name = forbiddenOrigins)]
    pub fn set_forbidden_origins(this: &FakePlatform, origins: Vec<String>);

    #[wasm_bindgen(method, js_name = nextPage)]
    pub async fn next_page(this: &FakePlatform);

    #[wasm_bindgen(js_name = spyDurability)]
    pub fn spy_durability() -> Array;
    pub fn poison(value: &str);
    #[wasm_bindgen(js_name = abortOnce)]
    pub fn abort_once();
    #[wasm_bindgen(js_name = createNewer)]
    pub async fn create_newer(name: &str);
    #[wasm_bindgen(js_name = createFirst)]
    pub async fn create_first(name: &str);
    #[wasm_bindgen(js_name = callKeys)]
    async fn call_keys_of(name: &str) -> JsValue;
    #[wasm_bindgen(js_name = deleteDatabase)]
    pub async fn delete_database(name: &str);

    #[wasm_bindgen(js_name = fakeFetch)]
    pub fn fake_fetch(answer: &str) -> Array;

    pub type FakeSocket;
    #[wasm_bindgen(method, getter)]
    pub fn url(this: &FakeSocket) -> String;
    #[wasm_bindgen(method, getter)]
    pub fn sent(this: &FakeSocket) -> Vec<String>;
    #[wasm_bindgen(method, getter)]
    pub fn closed(this: &FakeSocket) -> bool;
    #[wasm_bindgen(method)]
    pub fn open(this: &FakeSocket);
    #[wasm_bindgen(method)]
    pub fn receive(this: &FakeSocket, data: &JsValue);
    #[wasm_bindgen(method)]
    pub fn end(this: &FakeSocket, clean: bool);
    #[wasm_bindgen(method, js_name = nextSent)]
    pub async fn next_sent(this: &FakeSocket);
    #[wasm_bindgen(js_name = fakeSockets)]
    pub fn fake_sockets() -> Array;

    pub type FakeTimers;
    #[wasm_bindgen(constructor)]
    pub fn new() -> FakeTimers;
    #[wasm_bindgen(method)]
    pub fn delays(this: &FakeTimers) -> Vec<u32>;
    #[wasm_bindgen(method)]
    pub fn fire(this: &FakeTimers);

    #[wasm_bindgen(js_name = setClock)]
    pub fn set_clock(moment: f64);
    pub fn fails(call: &JsValue) -> bool;
    pub fn cyclic() -> JsValue;
    fn restore();
}

/// The keys of the list of calls.
pub async fn call_keys(name: &str) -> Vec<String> {
    Array::from(&call_keys_of(name).await).iter().filter_map(|key| key.as_string()).collect()
}

impl FakePlatform {
    pub fn as_platform(&self) -> Platform {
        self.unchecked_ref::<JsValue>().clone().unchecked_into()
    }
}

/// Puts the browser back together at the end of a test.
pub struct Patched;

impl Drop for Patched {
    fn drop(&mut self) {
        restore();
    }
}

/// Inputs in the order of their reports.
#[derive(Clone, Default)]
pub struct Inputs(Rc<RefCell<(VecDeque<Input>, Option<Waker>)>>);

impl Inputs {
    pub fn reporter(&self) -> Rc<dyn Fn(Input)> {
        let Self(inner) = self.clone();
        Rc::new(move |input| {
            let mut inner = inner.borrow_mut();
            inner.0.push_back(input);
            if let Some(waker) = inner.1.take() {
                waker.wake();
            }
        })
    }

    pub async fn next(&self) -> Input {
        poll_fn(|context| {
            let mut inner = self.0.borrow_mut();
            match inner.0.pop_front() {
                Some(input) => Poll::Ready(input),
                None => {
                    inner.1 = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    pub fn take_all(&self) -> Vec<Input> {
        self.0.borrow_mut().0.drain(..).collect()
    }
}
