//! The core at a desk: what it asks of the CRM lies there until the test answers it, in virtual time.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};
use trubka::{
    Millis,
    core::{
        Bridge,
        io::{Input, Output, Session, Snapshot, SocketName},
    },
    http::{Body, FileInfo, HttpAnswer, HttpFailure, HttpRequest, Method},
    protocol::{Message, PageView, Request, Sender},
    settings::Settings,
};

const CRM: &str = "https://crm.kontur.ru";
/// The integration's id.
pub const ID: &str = "1032a396-0000-4000-8000-000000000000";
pub const PRIVATE: &str = "POST /api/v1/authorization/authorize-private-integration";
pub const PUBLIC: &str = "POST /api/v1/authorization/authorize-integration";

pub struct Desk {
    bridge: Bridge,
    pub now: Millis,
    /// The requests to the CRM, oldest first.
    asked: VecDeque<(u32, HttpRequest)>,
    /// The request that was taken up last.
    taken: u32,
    /// The recording that the exchange is asked for.
    recording: Option<u32>,
    replies: BTreeMap<u32, Message>,
    asks: u32,
    epoch: u32,
    pub view: PageView,
    pub session: Session,
    wake_at: Option<Millis>,
}

impl Desk {
    pub fn new(document: &Value) -> Self {
        Self::restored(document, Session::default())
    }

    pub fn restored(document: &Value, session: Session) -> Self {
        let settings = Settings::default().replaced_by(&document.to_string()).expect("right settings");
        let mut desk = Self {
            bridge: Bridge::new(settings, Snapshot { session, ..Snapshot::default() }, 7),
            now: Millis(1_700_000_000_000),
            asked: VecDeque::new(),
            taken: 0,
            recording: None,
            replies: BTreeMap::new(),
            asks: 0,
            epoch: 0,
            view: PageView::default(),
            session: Session::default(),
            wake_at: None,
        };
        desk.input(Input::Started { online: true, forbidden: Vec::new() });
        desk
    }

    pub fn input(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.bridge.handle(self.now, input);
            while let Some(output) = self.bridge.poll() {
                match output {
                    Output::Http { id, request } if request.url.starts_with(CRM) => {
                        assert!(!request.cookies, "the user's own cookies");
                        self.asked.push_back((id, request));
                    }
                    Output::Http { id, request } if request.keep => self.recording = Some(id),
                    Output::Persist { batch, .. } => inputs.push_back(Input::Persisted { batch, stored: true }),
                    Output::OpenSocket { socket, epoch, .. } => {
                        self.epoch = epoch;
                        inputs.push_back(Input::SocketOpened { socket, epoch });
                    }
                    Output::Reply { ask, message } => assert!(self.replies.insert(ask, message).is_none()),
                    Output::View(view) => self.view = view,
                    Output::Remember(session) => self.session = session,
                    Output::WakeAt(at) => self.wake_at = at,
                    _ => {}
                }
            }
        }
    }

    /// Lets time pass; the core is woken when it asked to be.
    pub fn pass(&mut self, span: Millis) {
        let until = self.now + span;
        while let Some(at) = self.wake_at.filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.wake_at = None;
            self.input(Input::Wake);
        }
        self.now = until;
    }

    pub fn ask(&mut self, request: Request) -> u32 {
        self.asks += 1;
        self.input(Input::Asked { ask: self.asks, sender: Sender::Extension, request });
        self.asks
    }

    pub fn reply(&mut self, ask: u32) -> Option<Message> {
        self.replies.remove(&ask)
    }

    /// What the exchange tells.
    pub fn frame(&mut self, frame: &Value) {
        let input = Input::SocketFrame {
            socket: SocketName::Exchange,
            epoch: self.epoch,
            text: frame.to_string().as_str().into(),
        };
        self.input(input);
    }

    /// Takes up the next request to the CRM: its method and path.
    pub fn next(&mut self) -> Option<(String, HttpRequest)> {
        let (id, request) = self.asked.pop_front()?;
        self.taken = id;
        let method = match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Patch => "PATCH",
        };
        Some((format!("{method} {}", request.url.strip_prefix(CRM).expect("the CRM's")), request))
    }

    /// The next request is this one; its body.
    #[track_caller]
    pub fn expect(&mut self, asked: &str) -> Value {
        let (line, request) = self.next().unwrap_or_else(|| panic!("not asked: {asked}"));
        assert_eq!(line, asked);
        if !line.contains("/authorization/") {
            assert_eq!(request.headers.len(), 1);
            assert_eq!(request.headers[0].0, "X-XCOM-AccessKey");
        }
        match (&request.body, request.method) {
            (Body::Empty, _) => Value::Null,
            (Body::File { name, .. }, Method::Post) => json!(name),
            (Body::Json(body), Method::Post) | (Body::JsonPatch(body), Method::Patch) => {
                serde_json::from_str(body.reveal()).expect("JSON")
            }
            (body, method) => panic!("{method:?} with {body:?}"),
        }
    }

    /// Nothing is asked.
    #[track_caller]
    pub fn idle(&mut self) {
        assert_eq!(self.next().map(|(line, _)| line), None);
    }

    /// The exchange answers with the recording it was asked for.
    pub fn recorded(&mut self) {
        let file = FileInfo { content_type: "audio/mpeg".to_owned(), length: 9216 };
        let answer = HttpAnswer { status: 200, retry_after: None, date: None, body: "".into(), file: Some(file) };
        let id = self.recording.take().expect("a recording is asked for");
        self.done(id, Ok(answer));
    }

    /// The CRM answers what was taken up last.
    pub fn answer(&mut self, status: u16, body: &str) {
        self.answer_after(status, body, None);
    }

    pub fn answer_after(&mut self, status: u16, body: &str, retry_after: Option<Millis>) {
        let answer = HttpAnswer { status, retry_after, date: None, body: body.into(), file: None };
        self.done(self.taken, Ok(answer));
    }

    /// It does not.
    pub fn lose(&mut self) {
        self.done(self.taken, Err(HttpFailure::Timeout));
    }

    fn done(&mut self, id: u32, result: Result<HttpAnswer, HttpFailure>) {
        self.input(Input::HttpDone { id, result });
    }

    /// The keys are exchanged.
    #[track_caller]
    pub fn authorize(&mut self, path: &str) {
        self.expect(path);
        self.answer(200, &authorized("access").to_string());
    }
}

/// What the exchange of keys answers.
pub fn authorized(key: &str) -> Value {
    json!({
        "workspace": { "id": "1", "name": "ws", "title": "W", "updateInfo": {} },
        "integrationInstance": { "id": ID, "status": "active" }, "accessKey": key
    })
}
