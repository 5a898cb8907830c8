use trubka::{
    core::io::{Input, SocketName},
    private::Private,
    shell::socket::Socket,
};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::fakes::{FakeSocket, Inputs, Patched, fake_sockets};

fn open(epoch: u32, url: &str, inputs: &Inputs) -> Result<Socket, JsValue> {
    Socket::open(SocketName::Relay, epoch, &Private::from(url), inputs.reporter())
}

#[wasm_bindgen_test]
fn reports_in_order_and_under_its_epoch() {
    let _patched = Patched;
    let sockets = fake_sockets();
    let inputs = Inputs::default();
    let socket = open(7, "wss://example.com/?key=1", &inputs).unwrap();
    let other_end: FakeSocket = sockets.get(0).unchecked_into();
    assert_eq!(other_end.url(), "wss://example.com/?key=1");

    other_end.open();
    socket.send(&Private::from("out"));
    other_end.receive(&"one".into());
    other_end.receive(&js_sys::ArrayBuffer::new(3));
    other_end.receive(&"two".into());
    other_end.end(true);

    assert_eq!(other_end.sent(), ["out"]);
    let reports = inputs.take_all();
    let [
        Input::SocketOpened { socket: SocketName::Relay, epoch: 7 },
        Input::SocketFrame { socket: SocketName::Relay, epoch: 7, text: one },
        Input::SocketFrame { socket: SocketName::Relay, epoch: 7, text: two },
        Input::SocketClosed { socket: SocketName::Relay, epoch: 7, clean: true },
    ] = reports.as_slice()
    else {
        panic!("{reports:?}");
    };
    assert_eq!((one.reveal().as_str(), two.reveal().as_str()), ("one", "two"));
}

#[wasm_bindgen_test]
fn dropped_it_is_closed_and_silent() {
    let _patched = Patched;
    let sockets = fake_sockets();
    let inputs = Inputs::default();
    drop(open(1, "wss://example.com/", &inputs).unwrap());
    let other_end: FakeSocket = sockets.get(0).unchecked_into();
    other_end.open();
    other_end.receive(&"late".into());
    other_end.end(false);
    assert!(other_end.closed());
    assert!(inputs.take_all().is_empty());
}

#[wasm_bindgen_test]
async fn a_refused_connection_is_closed() {
    let inputs = Inputs::default();
    let _socket = open(3, "ws://127.0.0.1:2/", &inputs).unwrap();
    assert!(matches!(inputs.next().await, Input::SocketClosed { epoch: 3, clean: false, .. }));
}

#[wasm_bindgen_test]
fn an_impossible_address_is_refused_at_once() {
    assert!(open(1, "ftp://exa mple.com/", &Inputs::default()).is_err());
}
