//! The core's hands in the browser: socket, fetch, database, timers and the extension's APIs. It decides nothing; it carries
//! inputs in, drains the outputs after each, and performs them in order.

mod browser;
pub mod http;
pub mod platform;
pub mod socket;
pub mod store;
pub mod timers;

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
};

use js_sys::{Function, JSON, JsString, Promise};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use crate::{
    core::{
        Bridge,
        io::{Input, Output, Session, Snapshot, Toolbar},
    },
    http::LARGEST_FILE,
    private::Private,
    problem::{Code, Problem},
    protocol::{MAX_PAGE_REQUEST, Message, Request, Sender},
    settings::Settings,
};
use http::Http;
use platform::Platform;
use socket::Socket;
use store::{Store, Stored};
use timers::Timers;

/// The database of the extension.
const DATABASE: &str = "trubka";

/// Loads what is stored and starts the core.
#[wasm_bindgen]
pub async fn start(platform: Platform) -> Shell {
    browser::report_panics();
    Shell::start(platform, DATABASE).await
}

/// The running core with everything it reaches the browser by.
#[wasm_bindgen]
pub struct Shell(Rc<Inner>);

struct Inner {
    bridge: RefCell<Bridge>,
    /// What waits until the core has done with what came before.
    inputs: RefCell<VecDeque<Input>>,
    busy: Cell<bool>,
    /// Whether the core broke down, and that has been dealt with.
    rested: Cell<bool>,
    /// Brings an input in from outside.
    report: Rc<dyn Fn(Input)>,
    platform: Platform,
    http: Rc<Http>,
    store: Rc<Store>,
    timers: Rc<Timers>,
    /// One of each name at most.
    sockets: RefCell<Vec<Socket>>,
    /// The `resolve` of each request that waits for its answer.
    asks: RefCell<Vec<(u32, Function)>>,
    last_ask: Cell<u32>,
    origins: RefCell<Vec<String>>,
}

impl Shell {
    /// Loads what is stored in the database of this name and starts the core.
    pub async fn start(platform: Platform, database: &str) -> Self {
        let session = recall(&platform).await;
        let (store, stored) = Store::open(database).await;
        let storage_failed = stored.is_err();
        let Stored { settings, state, handed, rows, lines } = stored.unwrap_or_default();
        let settings = Settings::load(settings.as_ref().map(|json| json.reveal().as_str()));
        let policy = managed(&platform).await;
        let settings = settings.governed_by(policy.as_ref().map(|json| json.reveal().as_str()));
        let origins = settings.origins();
        let snapshot = Snapshot { state, handed, rows, lines, session, storage_failed };

        let inner = Rc::new_cyclic(|me: &Weak<Inner>| {
            let me = me.clone();
            let report: Rc<dyn Fn(Input)> = Rc::new(move |input| {
                if let Some(inner) = me.upgrade() {
                    inner.handle(input);
                }
            });
            Inner {
                bridge: RefCell::new(Bridge::new(settings, snapshot, browser::seed())),
                inputs: RefCell::default(),
                busy: Cell::default(),
                rested: Cell::default(),
                timers: Timers::new(platform.clone(), {
                    let report = Rc::clone(&report);
                    move || report(Input::Wake)
                }),
                report,
                platform,
                http: Rc::new(Http::new(LARGEST_FILE)),
                store,
                sockets: RefCell::default(),
                asks: RefCell::default(),
                last_ask: Cell::default(),
                origins: RefCell::new(origins),
            }
        });
        let started = Input::Started { online: inner.platform.is_online(), forbidden: inner.forbidden().await };
        inner.handle(started);
        if storage_failed {
            // Another life may be able to open it: idle from now on, this one ends.
            inner.platform.rest();
        }
        Self(inner)
    }
}

#[wasm_bindgen]
impl Shell {
    /// Answers a request of a content script (`sender` is its document's origin) or of one of the extension's pages (`"extension"`).
    /// The promise always resolves, to a `Message`, or to `undefined` when the core broke down; what is no request, or too large
    /// for a page, is refused.
    pub fn ask(&self, request: &JsValue, sender: &str) -> Promise {
        // No origin is called that.
        let sender = match sender {
            "extension" => Sender::Extension,
            origin => Sender::Page { origin: origin.to_owned() },
        };
        match decode(request, &sender) {
            Some(request) => self.0.ask(sender, request),
            None => Promise::resolve(&to_js(&Message::Refused { problem: Problem::new(Code::BadRequest) })),
        }
    }

    /// An alarm rang.
    pub fn wake(&self) {
        self.0.handle(Input::Wake);
    }

    /// The browser went online or offline.
    pub fn online(&self, online: bool) {
        self.0.handle(Input::Online(online));
    }

    /// A newer version of the extension waits to be started.
    #[wasm_bindgen(js_name = updateAvailable)]
    pub fn update_available(&self) {
        self.0.handle(Input::UpdateAvailable);
    }

    /// The administrator has changed what managed storage holds.
    #[wasm_bindgen(js_name = policyChanged)]
    pub fn policy_changed(&self) {
        let inner = Rc::clone(&self.0);
        spawn_local(async move {
            let policy = managed(&inner.platform).await;
            inner.handle(Input::Policy(policy));
        });
    }

    /// The user granted or withdrew access to hosts.
    #[wasm_bindgen(js_name = permissionsChanged)]
    pub fn permissions_changed(&self) {
        self.0.check_permissions();
    }
}

impl Inner {
    /// Gives the core an input, at once or, while it is at work, in its turn; and performs what it says.
    fn handle(self: &Rc<Self>, input: Input) {
        if browser::panicked() {
            return self.rest();
        }
        self.inputs.borrow_mut().push_back(input);
        if self.busy.replace(true) {
            return;
        }
        while let Some(input) = self.next_input() {
            self.bridge.borrow_mut().handle(browser::now(), input);
            while let Some(output) = self.next_output() {
                self.perform(output);
            }
        }
        self.busy.set(false);
    }

    /// The core broke down. Whoever waits is answered with nothing; idle from now on, the worker is stopped by the browser, and
    /// then the alarm starts a sound one from what is stored.
    fn rest(&self) {
        self.sockets.take();
        for (_, resolve) in self.asks.take() {
            let _ = resolve.call0(&JsValue::UNDEFINED);
        }
        // The alarm once set must not be put off by each further input.
        if !self.rested.replace(true) {
            self.platform.rest();
        }
    }

    fn next_input(&self) -> Option<Input> {
        self.inputs.borrow_mut().pop_front()
    }

    fn next_output(&self) -> Option<Output> {
        self.bridge.borrow_mut().poll()
    }

    fn perform(self: &Rc<Self>, output: Output) {
        match output {
            Output::OpenSocket { socket: name, epoch, url } => {
                self.sockets.borrow_mut().retain(|socket| socket.name() != name);
                match Socket::open(name, epoch, &url, Rc::clone(&self.report)) {
                    Ok(socket) => self.sockets.borrow_mut().push(socket),
                    Err(_) => self.handle(Input::SocketClosed { socket: name, epoch, clean: false }),
                }
            }
            Output::CloseSocket { socket: name, epoch } => {
                self.sockets.borrow_mut().retain(|socket| !socket.is(name, epoch));
            }
            Output::SendFrame { socket: name, epoch, text } => {
                if let Some(socket) = self.sockets.borrow().iter().find(|socket| socket.is(name, epoch)) {
                    socket.send(&text);
                }
            }
            Output::Http { id, request } => {
                let (http, report) = (Rc::clone(&self.http), Rc::clone(&self.report));
                spawn_local(async move {
                    let result = http.send(id, request).await;
                    report(Input::HttpDone { id, result });
                });
            }
            Output::DropFile { id } => self.http.drop_file(id),
            Output::Persist { batch, writes } => {
                let report = Rc::clone(&self.report);
                self.store.persist(writes, move |stored| report(Input::Persisted { batch, stored }));
            }
            Output::Remember(session) => self.platform.remember(&to_json(&session)),
            Output::Reply { ask, message } => {
                let place = self.asks.borrow().iter().position(|(id, _)| *id == ask);
                if let Some(place) = place {
                    let (_, resolve) = self.asks.borrow_mut().swap_remove(place);
                    let _ = resolve.call1(&JsValue::UNDEFINED, &to_js(&message));
                }
            }
            Output::View(view) => self.platform.send_to_pages(&to_js(&Message::View(view))),
            Output::Status(status) => self.platform.send_to_extension(&to_js(&Message::Status(status))),
            Output::Toolbar(Toolbar { state, missed }) => self.platform.show_in_toolbar(state.name(), missed),
            Output::Alerts(alerts) => self.platform.alert(&to_js(&alerts)),
            Output::Checks(items) => self.platform.send_to_extension(&to_js(&Message::Checks { items })),
            Output::KeepAlive(on) => self.timers.keep_alive(on),
            Output::Origins(origins) => {
                self.origins.replace(origins);
                self.check_permissions();
            }
            Output::Sites(origins) => self.platform.run_on(origins),
            Output::Off { origin } => {
                self.platform.leave(&to_js(&Message::Off { origin }), self.origins.borrow().clone());
            }
            Output::WakeAt(moment) => self.timers.wake_at(moment),
            Output::Reload => self.platform.reload(),
        }
    }

    fn ask(self: &Rc<Self>, sender: Sender, request: Request) -> Promise {
        let ask = self.last_ask.get().wrapping_add(1);
        self.last_ask.set(ask);
        let answer = Promise::new(&mut |resolve, _| {
            self.asks.borrow_mut().push((ask, resolve));
        });
        self.handle(Input::Asked { ask, sender, request });
        answer
    }

    fn check_permissions(self: &Rc<Self>) {
        let inner = Rc::clone(self);
        spawn_local(async move {
            let asked = inner.origins.borrow().clone();
            let forbidden = inner.forbidden().await;
            // Where others are asked about by now, their answer is on its way.
            if *inner.origins.borrow() == asked {
                inner.handle(Input::Permissions { forbidden });
            }
        });
    }

    /// The origins that the core needs and the browser does not let us reach.
    async fn forbidden(&self) -> Vec<String> {
        let origins = self.origins.borrow().clone();
        let forbidden = self.platform.forbidden(origins).await;
        forbidden.map(|origins| origins.iter().filter_map(|origin| origin.as_string()).collect()).unwrap_or_default()
    }
}

/// What the last life of the worker left in memory-only storage; nothing when it cannot be read.
async fn recall(platform: &Platform) -> Session {
    let json = platform.recall().await.ok().and_then(|json| json.as_string());
    json.map(|json| Session::read(&json)).unwrap_or_default()
}

/// What the administrator says; nothing when there is none, or it cannot be read.
async fn managed(platform: &Platform) -> Option<Private<String>> {
    platform.managed().await.ok().and_then(|json| json.as_string()).map(Private::new)
}

/// A message as it came from the browser; `None` when it is no request, or larger than its sender may send.
fn decode(request: &JsValue, sender: &Sender) -> Option<Request> {
    let json = JSON::stringify(request).ok()?.dyn_into::<JsString>().ok()?;
    let limit = match sender {
        Sender::Page { .. } => MAX_PAGE_REQUEST,
        Sender::Extension => usize::MAX,
    };
    // UTF-16 units are never more than the bytes of UTF-8: what is far too large is not even copied.
    if json.length() as usize > limit {
        return None;
    }
    let json = String::from(json);
    if json.len() > limit {
        return None;
    }
    Request::parse(&json)
}

/// As a plain JavaScript value that the browser can send.
fn to_js(value: &impl Serialize) -> JsValue {
    JSON::parse(&to_json(value)).unwrap_or_default()
}

/// As JSON; the types that leave here cannot fail to be written.
fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
