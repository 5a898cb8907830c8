//! The extension's APIs, as `extension/background/platform.js` joins those of both browsers into one object.

use js_sys::Array;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Any object with these methods. None of them throws; the ones that answer nothing deal with their own failures.
    #[derive(Clone)]
    pub type Platform;

    /// Makes a call that both browsers take as a sign of life of the worker.
    #[wasm_bindgen(method)]
    pub fn heartbeat(this: &Platform);

    /// Sets or clears the periodic alarm that brings a dead worker back.
    #[wasm_bindgen(method, js_name = keepAlive)]
    pub fn keep_alive(this: &Platform, on: bool);

    /// Has the worker brought back so late that the browser stops it first, if nothing else happens.
    #[wasm_bindgen(method)]
    pub fn rest(this: &Platform);

    /// Sets the alarm that rings once, at this moment in epoch milliseconds or as soon after it as the browser allows; or clears it.
    #[wasm_bindgen(method, js_name = wakeAt)]
    pub fn wake_at(this: &Platform, moment: Option<f64>);

    /// Keeps a text in memory-only storage.
    #[wasm_bindgen(method)]
    pub fn remember(this: &Platform, json: &str);

    /// The text kept last, or `undefined`.
    #[wasm_bindgen(method, catch)]
    pub async fn recall(this: &Platform) -> Result<JsValue, JsValue>;

    /// The JSON of what the administrator has set by the browser's policies, or `undefined`.
    #[wasm_bindgen(method, catch)]
    pub async fn managed(this: &Platform) -> Result<JsValue, JsValue>;

    /// Sends a message to the content scripts of all pages that have them.
    #[wasm_bindgen(method, js_name = sendToPages)]
    pub fn send_to_pages(this: &Platform, message: &JsValue);

    /// Sends a message to the extension's own pages.
    #[wasm_bindgen(method, js_name = sendToExtension)]
    pub fn send_to_extension(this: &Platform, message: &JsValue);

    /// Shows in the browser's toolbar how things stand (`"live"`, `"call"`, `"waiting"`, `"off"`), and how many calls were missed.
    #[wasm_bindgen(method, js_name = showInToolbar)]
    pub fn show_in_toolbar(this: &Platform, state: &str, missed: u32);

    /// Has the browser tell of the calls that ring, and ring, as this `AlertsView` says and no more.
    #[wasm_bindgen(method)]
    pub fn alert(this: &Platform, alerts: &JsValue);

    /// Sees to it that the pages of these origins have our content scripts, those that are open too, and no others.
    #[wasm_bindgen(method, js_name = runOn)]
    pub fn run_on(this: &Platform, origins: Vec<String>);

    /// Sends this `Message::Off` to every page, and gives the browser the permission for its origin back unless one of the
    /// origins that are still needed shares it.
    #[wasm_bindgen(method)]
    pub fn leave(this: &Platform, off: &JsValue, needed: Vec<String>);

    /// Which of these origins the user has not granted.
    #[wasm_bindgen(method, catch)]
    pub async fn forbidden(this: &Platform, origins: Vec<String>) -> Result<Array, JsValue>;

    /// Starts the extension anew, in its newest version.
    #[wasm_bindgen(method)]
    pub fn reload(this: &Platform);

    /// Whether the browser believes to be online.
    #[wasm_bindgen(method, js_name = isOnline)]
    pub fn is_online(this: &Platform) -> bool;
}
