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
    /// A newer version of the extension waits to be started.
    UpdateAvailable,
    /// Kontur's system call CALL: a user of the CRM asks to dial, and the CRM has its communication already.
    SystemCall {
        /// `communicationId`; the same one never dials twice.
        communication: String,
        /// `clientPhone`.
        number: Private<String>,
    },
}

/// An answer over HTTP, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// How long the `Retry-After` header asks to wait, if there is one.
    pub retry_after: Option<Millis>,
    /// The service's clock, from the `Date` header.
    pub date: Option<Millis>,
    /// The body as text, cut at 1 MiB; empty where it is kept as a file.
    pub body: Private<String>,
    /// The body as a file, where [`HttpRequest::keep`] asked for it and the status is a success.
    pub file: Option<FileInfo>,
}

/// A file that the shell keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// The `Content-Type` as it came; empty where there was none.
    pub content_type: String,
    /// In bytes.
    pub length: u64,
}

/// The most bytes of a file that is kept: what Kontur's API Files takes.
pub const LARGEST_FILE: u64 = 100 * 1024 * 1024;

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpFailure {
    /// No connection, no name, no permission: the browser does not say which.
    Network,
    /// The answer took longer than the request's timeout.
    Timeout,
    /// The file is larger than [`LARGEST_FILE`].
    TooLarge,
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
    /// What is sent.
    pub body: Body,
    /// Whether the body of a success is a file: kept under the exchange's id until `Output::DropFile`, and told by
    /// [`HttpAnswer::file`].
    pub keep: bool,
    /// Whether the browser may send and store cookies: only for the exchange, whose REST sessions are cookies.
    pub cookies: bool,
    /// Milliseconds to wait for the whole answer; where it is a file, for its head and then for each further piece.
    pub timeout: u32,
}

/// What a request sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// A text, as `application/json`.
    Json(Private<String>),
    /// A file kept of an earlier exchange, as the part `file` of `multipart/form-data`.
    File {
        /// The id of that exchange.
        kept: u32,
        /// The name to give it.
        name: String,
    },
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
    /// Forget a file that was kept.
    DropFile {
        /// The id of its exchange.
        id: u32,
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
    /// What the pages show has changed.
    View(PageView),
    /// What the popup shows has changed.
    Status(StatusView),
    /// Whether the worker is to be kept alive, and brought back when it dies: while a connection is wanted.
    KeepAlive(bool),
    /// The origins we need to reach (`https://host`); their permission is to be checked, then `Permissions`.
    Origins(Vec<String>),
    /// The origins of the sites whose pages are to have our content scripts, those that are open too.
    Sites(Vec<String>),
    /// A site has gone from them: its pages put their part away, and the browser gets its permission back.
    Off {
        /// Its origin.
        origin: String,
    },
    /// Wake the core at this moment; replaces the moment said before.
    WakeAt(Option<Millis>),
    /// Start the newer version of the extension: nothing is going on that it would break off.
    Reload,
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
    /// Insert a line of the log.
    PutLine {
        /// Its key: lines are read back in this order.
        id: u32,
        /// Its JSON.
        json: String,
    },
    /// Delete a line of the log.
    DeleteLine {
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
    /// The lines of the log in the order of their keys.
    pub lines: Vec<String>,
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
