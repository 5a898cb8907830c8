//! A WebSocket. Bound by web-sys: what it says is passed on at once and in order, without a task in between.

use std::rc::Rc;

use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, WebSocket};

use crate::{
    core::io::{Input, SocketName},
    private::Private,
};

#[wasm_bindgen]
extern "C" {
    /// The end of a socket.
    type CloseEvent;

    /// Whether the other side said goodbye.
    #[wasm_bindgen(method, getter, js_name = wasClean)]
    fn was_clean(this: &CloseEvent) -> bool;
}

/// A socket that reports what happens to it, and is closed and silent once dropped.
pub struct Socket {
    name: SocketName,
    epoch: u32,
    socket: WebSocket,
    _on_open: Closure<dyn FnMut()>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut(CloseEvent)>,
}

impl Socket {
    /// Opens a socket. Every report bears its name and epoch; binary frames, which no service sends, are left out.
    ///
    /// # Errors
    /// The browser refuses the address itself; the value may hold the address and must not be shown.
    pub fn open(
        name: SocketName,
        epoch: u32,
        url: &Private<String>,
        report: Rc<dyn Fn(Input)>,
    ) -> Result<Self, JsValue> {
        let socket = WebSocket::new(url.reveal())?;

        let on_open = Closure::new({
            let report = Rc::clone(&report);
            move || report(Input::SocketOpened { socket: name, epoch })
        });
        let on_message = Closure::new({
            let report = Rc::clone(&report);
            move |event: MessageEvent| {
                if let Some(text) = event.data().as_string() {
                    report(Input::SocketFrame { socket: name, epoch, text: Private::new(text) });
                }
            }
        });
        // A failure is an `error` event and then always a `close`.
        let on_close = Closure::new(move |event: CloseEvent| {
            report(Input::SocketClosed { socket: name, epoch, clean: event.was_clean() });
        });

        socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        Ok(Self { name, epoch, socket, _on_open: on_open, _on_message: on_message, _on_close: on_close })
    }

    /// Its name in inputs and outputs.
    pub fn name(&self) -> SocketName {
        self.name
    }

    /// Whether it is this one.
    pub fn is(&self, name: SocketName, epoch: u32) -> bool {
        self.name == name && self.epoch == epoch
    }

    /// Sends a text frame. One that the browser does not take is lost with the socket, which then reports its end.
    pub fn send(&self, text: &Private<String>) {
        let _ = self.socket.send_with_str(text.reveal());
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}
