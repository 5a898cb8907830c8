//! What goes into the core and what comes out: the whole of its contact with the world.

use serde::Serialize;

use crate::{
    Millis,
    json::{self, Fields},
    private::Private,
    protocol::{Message, PageView, Request, Sender, StatusView},
};

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The worker has started and everything stored is loaded; the first input of each life.
    Started {
        /// Whether the browser believes to be online.
        online: bool,
        /// The origins of `Output::Origins` that the browser does not let us reach.
        forbidden: Vec<String>,
    },
    /// The socket is open.
    SocketOpened {
        /// The epoch of its `Output::OpenSocket`.
        epoch: u32,
    },
    /// A text frame arrived.
    SocketFrame {
        /// The epoch of its socket.
        epoch: u32,
        /// The frame.
        text: Private<String>,
    },
    /// The socket is closed, or could not be opened: a browser does not say why.
    SocketClosed {
        /// The epoch of its socket.
        epoch: u32,
    },
    /// An HTTP exchange is over.
    HttpDone {
        /// The id of its `Output::Http`.
        id: u32,
        /// What the service answered, or why it did not.
        result: Result<HttpAnswer, HttpFailure>,
    },
    /// A batch is stored for good, or is not.
    Persisted {
        /// The number of its `Output::Persist`.
        batch: u32,
        /// Whether it is stored.
        stored: bool,
    },
    /// Somebody asks.
    Asked {
        /// To be named in the `Output::Reply`.
        ask: u32,
        /// Who, as the browser says.
        sender: Sender,
        /// What.
        request: Request,
    },
    /// The moment of `Output::WakeAt` has come, or the alarm rang: whichever comes, as often as it likes.
    Wake,
    /// The browser went online or offline.
    Online(bool),
    /// The user granted or withdrew access to hosts.
    Permissions {
        /// As in `Input::Started`.
        forbidden: Vec<String>,
    },
}

/// An answer over HTTP, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The `Retry-After` header, if any.
    pub retry_after: Option<String>,
    /// The body as text, cut at 1 MiB.
    pub body: Private<String>,
}

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpFailure {
    /// No connection, no name, no permission: the browser does not say which.
    Network,
    /// The answer took longer than the request's timeout.
    Timeout,
}

/// A request over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// GET or POST.
    pub method: Method,
    /// The whole address. Holds no secret.
    pub url: String,
    /// Further headers; their values may be secret.
    pub headers: Vec<(&'static str, Private<String>)>,
    /// The body, sent as `application/json`.
    pub json: Option<Private<String>>,
    /// Whether the browser may send and store cookies: only for the exchange, whose REST sessions are cookies.
    pub cookies: bool,
    /// Milliseconds to wait for the whole answer; under 25 s, or Chrome may stop the worker.
    pub timeout: u32,
}

/// The methods we use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
}

/// Something to do. The shell does it in order, and reports back by an [`Input`] where one is named.
#[derive(Clone, Debug)]
pub enum Output {
    /// Open a socket; then `SocketOpened` or `SocketClosed`. Any older one is to be closed first.
    OpenSocket {
        /// Names this socket from now on.
        epoch: u32,
        /// The address. Holds the key: it must reach no log and no error text.
        url: Private<String>,
    },
    /// Close the socket, if it is still of this epoch. No report is needed.
    CloseSocket {
        /// The epoch of the socket.
        epoch: u32,
    },
    /// Send a text frame, if the socket is still of this epoch.
    SendFrame {
        /// The epoch of the socket.
        epoch: u32,
        /// The frame.
        text: Private<String>,
    },
    /// Ask over HTTP; then `HttpDone`.
    Http {
        /// Names this exchange.
        id: u32,
        /// The request.
        request: HttpRequest,
    },
    /// Store a batch in one strictly durable transaction, in the order of the batches; then `Persisted`.
    Persist {
        /// The batch's number.
        batch: u32,
        /// What to write, all or nothing.
        writes: Vec<Write>,
    },
    /// Keep this in memory-only storage, so that the next life of the worker finds it.
    Remember(Session),
    /// Answer a request.
    Reply {
        /// The `ask` of the request.
        ask: u32,
        /// The answer.
        message: Message,
    },
    /// What the CRM's pages show has changed.
    View(PageView),
    /// What the popup shows has changed.
    Status(StatusView),
    /// Whether the worker is to be kept alive, and brought back when it dies: while a connection is wanted.
    KeepAlive(bool),
    /// The origins we need to reach (`https://host`); their permission is to be checked, then `Permissions`.
    Origins(Vec<String>),
    /// Wake the core at this moment; replaces the moment said before.
    WakeAt(Option<Millis>),
    /// A line for the developer's console; holds nobody's data.
    Log(String),
}

/// One write of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Replace a document.
    Document {
        /// Which.
        name: DocumentName,
        /// Its JSON.
        json: Private<String>,
    },
    /// Delete every row of the outbox: all of them follow in the same batch.
    ClearRows,
    /// Insert or replace a row of the outbox.
    PutRow {
        /// Its key: rows are read back in this order.
        id: u32,
        /// Its JSON.
        json: Private<String>,
    },
    /// Delete a row of the outbox.
    DeleteRow {
        /// Its key.
        id: u32,
    },
}

/// The documents stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentName {
    /// The settings with their secrets.
    Settings,
    /// The calls and the dials.
    State,
}

impl DocumentName {
    /// Its key in the database.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::State => "state",
        }
    }
}

/// What was stored when the worker started: JSON as it was written, to be read leniently.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The state document.
    pub state: Option<Private<String>>,
    /// The rows of the outbox in the order of their keys.
    pub rows: Vec<Private<String>>,
    /// The memory-only part.
    pub session: Session,
    /// Whether the database could not be opened.
    pub storage_failed: bool,
}

/// What lives in memory-only storage: gone with the browser, out of reach of content scripts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The CRM's AccessKey.
    pub access: Option<AccessKey>,
}

impl Session {
    /// Reads it as it was kept; nothing where it cannot be read.
    pub fn read(json: &str) -> Self {
        let kept = json::parse(json);
        let access = kept.as_ref().and_then(Fields::of).and_then(|fields| fields.object("access"));
        let read = |fields: Fields<'_>| {
            let (key, obtained_at) = (fields.private("key")?, fields.millis("obtainedAt")?);
            Some(AccessKey { key, obtained_at, fingerprint: fields.number("fingerprint")? })
        };
        Self { access: access.and_then(read) }
    }
}

/// Kontur's AccessKey, good for 20 minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessKey {
    /// The key.
    pub key: Private<String>,
    /// When it was obtained, by this computer's clock.
    pub obtained_at: Millis,
    /// Which settings it was obtained with, so that changed settings do not use it.
    pub fingerprint: u32,
}
