//! What goes into the core and what comes out: the whole of its contact with the world.

use serde::Serialize;

use crate::{
    Millis,
    http::{AccessKey, HttpAnswer, HttpFailure, HttpRequest},
    json::{self, Fields},
    private::Private,
    protocol::{AlertsView, CheckItem, Message, PageView, Request, Sender, StatusView},
};

/// The sockets there are: one of each at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SocketName {
    /// To Phonet.
    Exchange,
    /// To the relay.
    Relay,
}

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
        /// Which.
        socket: SocketName,
        /// The epoch of its `Output::OpenSocket`.
        epoch: u32,
    },
    /// A text frame arrived.
    SocketFrame {
        /// Which socket it came by.
        socket: SocketName,
        /// The epoch of its socket.
        epoch: u32,
        /// The frame.
        text: Private<String>,
    },
    /// The socket is closed, or could not be opened: a browser does not say why.
    SocketClosed {
        /// Which.
        socket: SocketName,
        /// The epoch of its socket.
        epoch: u32,
        /// Whether the other side said that it closes it.
        clean: bool,
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
    /// The administrator says something else: the JSON of what managed storage holds, or nothing.
    Policy(Option<Private<String>>),
}

/// Something to do. The shell does it in order, and reports back by an [`Input`] where one is named.
#[derive(Clone, Debug)]
pub enum Output {
    /// Open a socket; then `SocketOpened` or `SocketClosed`. Any older one of this name is to be closed first.
    OpenSocket {
        /// Which.
        socket: SocketName,
        /// Names this socket from now on.
        epoch: u32,
        /// The address. May hold a key: it must reach no log and no error text.
        url: Private<String>,
    },
    /// Close the socket, if it is still of this epoch. No report is needed.
    CloseSocket {
        /// Which.
        socket: SocketName,
        /// The epoch of the socket.
        epoch: u32,
    },
    /// Send a text frame, if the socket is still of this epoch.
    SendFrame {
        /// By which socket.
        socket: SocketName,
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
    Status(Box<StatusView>),
    /// What the browser's toolbar shows has changed.
    Toolbar(Toolbar),
    /// What draws the agent's attention has changed; whatever was told before is to fit it.
    Alerts(AlertsView),
    /// A check of the connections has come further.
    Checks(Vec<CheckItem>),
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

/// What the extension's button in the browser's toolbar shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Toolbar {
    /// How things stand.
    pub state: ToolbarState,
    /// How many missed calls the user has not looked at.
    pub missed: u32,
}

/// How things stand, as the button in the toolbar tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolbarState {
    /// Calls can be made and are heard of.
    Live,
    /// A call goes on.
    Call,
    /// The connection is being opened or restored.
    Waiting,
    /// There is none, and none comes by itself.
    Off,
}

impl ToolbarState {
    /// Its name for the platform.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Call => "call",
            Self::Waiting => "waiting",
            Self::Off => "off",
        }
    }
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
    /// Insert or replace a call in the list of those that ended.
    PutCall {
        /// Its key: in their order the oldest comes first.
        key: String,
        /// Its [`CallView`](crate::protocol::CallView) as JSON.
        json: Private<String>,
    },
    /// Delete the oldest calls of the list, but for so many.
    TrimCalls {
        /// How many stay.
        keep: u32,
    },
}

/// The documents stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentName {
    /// The settings with their secrets.
    Settings,
    /// The calls and the dials.
    State,
    /// What the relay handed out last, but for keys. It may be long, and changes rarely.
    Handed,
}

impl DocumentName {
    /// Its key in the database.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::State => "state",
            Self::Handed => "handed",
        }
    }
}

/// What was stored when the worker started: JSON as it was written, to be read leniently.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The state document.
    pub state: Option<Private<String>>,
    /// What the relay handed out.
    pub handed: Option<Private<String>>,
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
    /// The CRM's AccessKey, good for 20 minutes.
    pub access: Option<AccessKey>,
    /// The integration's id in the CRM, as the exchange of keys told it.
    pub integration: Option<String>,
    /// The session key at UIS, good for an hour.
    pub uis: Option<AccessKey>,
    /// The user's own settings as they were before each of the last changes, the last one last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undo: Vec<Private<String>>,
}

impl Session {
    /// Reads it as it was kept; nothing where it cannot be read.
    pub fn read(json: &str) -> Self {
        let kept = json::parse(json);
        let Some(fields) = kept.as_ref().and_then(Fields::of) else { return Self::default() };
        let key = |name| fields.object(name).and_then(AccessKey::read);
        let undo = fields.texts("undo").into_iter().map(Private::new).collect();
        Self { access: key("access"), integration: fields.text("integration"), uis: key("uis"), undo }
    }
}
