//! The agents' link: which browsers are connected, and the talk with each of them.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message, handshake};
use tokio_util::task::TaskTracker;
use trubka::Millis;
use trubka::relay::{FromAgent, Handed, LARGEST_FROM_AGENT, Outcome, RefusedReason, ToAgent};

use crate::clock;
use crate::commands::{Ending, Order};
use crate::guard::{Seat, Speaker};
use crate::pace::Pace;
use crate::sync::Attendance;
use crate::tokens::{AgentId, SEEN_WITHIN, TokenHash, Tokens};

/// How many browsers an agent may have connected at once.
const MOST_BROWSERS: usize = 8;
/// How many commands wait for a browser that does not read.
const QUEUE: usize = 32;
/// More frames than these between two pings are no talk but a flood.
const MOST_FRAMES: u32 = 600;
/// What is sent is cut into frames of this size, so that no connection keeps a buffer of a whole directory.
const PIECE: usize = 4 * 1024;
/// Most frames of a browser are smaller.
const READ_BUFFER: usize = 512;

/// How recently the user was at a browser; between browsers where nobody was, the one connected last wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Freshness {
    /// When the user was last there; zero before the first time.
    pub active: Millis,
    /// When it was connected.
    pub since: Millis,
}

/// A browser that is connected here.
struct Browser {
    serial: u64,
    /// What it calls itself.
    name: Option<u32>,
    token: TokenHash,
    freshness: Freshness,
    queue: mpsc::Sender<Errand>,
}

/// A command on its way to a browser.
struct Errand {
    id: String,
    frame: String,
    answer: oneshot::Sender<Outcome>,
}

/// Whose connections have changed, for whoever tells other instances.
#[derive(Default)]
pub struct Changes {
    agents: Mutex<HashSet<AgentId>>,
    bell: Notify,
}

impl Changes {
    fn add(&self, agent: AgentId) {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner).insert(agent);
        self.bell.notify_one();
    }

    /// Waits for some.
    pub async fn next(&self) -> HashSet<AgentId> {
        loop {
            let changed = std::mem::take(&mut *self.agents.lock().unwrap_or_else(PoisonError::into_inner));
            if !changed.is_empty() {
                return changed;
            }
            self.bell.notified().await;
        }
    }
}

/// The browsers that are connected here.
pub struct Agents {
    browsers: Mutex<HashMap<AgentId, Vec<Browser>>>,
    /// Only where somebody listens.
    changes: Option<Changes>,
    tokens: watch::Receiver<Arc<Tokens>>,
    /// What is handed out, as the end of a frame.
    handed: watch::Receiver<Bytes>,
    key_refused: Arc<Notify>,
    pace: Pace,
    attendance: Attendance,
    serial: AtomicU64,
    stopping: AtomicBool,
    talks: TaskTracker,
}

impl Agents {
    /// Nobody is connected yet. `key_refused` rings when a browser says so; `shared` says whether other instances are told of changes.
    pub fn new(
        tokens: watch::Receiver<Arc<Tokens>>,
        handed: watch::Receiver<Handed>,
        key_refused: Arc<Notify>,
        pace: Pace,
        shared: bool,
    ) -> Arc<Self> {
        let agents = Arc::new(Self {
            browsers: Mutex::default(),
            changes: shared.then(Changes::default),
            tokens: tokens.clone(),
            handed: written_once(handed),
            key_refused,
            pace,
            attendance: Attendance::default(),
            serial: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            talks: TaskTracker::new(),
        });
        tokio::spawn(drop_revoked(Arc::downgrade(&agents), tokens));
        agents
    }

    /// Nobody, for good.
    pub fn nobody() -> Arc<Self> {
        let (tokens, handed) = (watch::channel(Arc::default()).1, watch::channel(Handed::default()).1);
        Self::new(tokens, handed, Arc::default(), Pace::default(), false)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AgentId, Vec<Browser>>> {
        self.browsers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The other instances are to hear of this agent.
    pub(crate) fn changed(&self, agent: AgentId) {
        if let Some(changes) = &self.changes {
            changes.add(agent);
        }
    }

    /// Whose connections have changed; never, where nobody else is told.
    pub async fn changes(&self) -> HashSet<AgentId> {
        match &self.changes {
            Some(changes) => changes.next().await,
            None => std::future::pending().await,
        }
    }

    /// When each agent was connected last, here or, as far as they told, to another instance.
    pub fn attendance(&self) -> &Attendance {
        &self.attendance
    }

    /// Every agent who is connected here.
    pub fn all(&self) -> HashSet<AgentId> {
        self.lock().keys().copied().collect()
    }

    /// How recently an agent was at one of the browsers here; `None` where there is none.
    pub fn freshness(&self, agent: AgentId) -> Option<Freshness> {
        self.lock().get(&agent)?.iter().map(|browser| browser.freshness).max()
    }

    /// Hands a command to the agent's last active browser here and waits for its answer. `None`: nothing was handed over.
    pub async fn carry_out(&self, order: &Order) -> Option<Ending> {
        let answer = self.hand(order)?;
        // What becomes of it the browser knows by the time it expires.
        Some(match timeout(order.left() + self.pace.answer, answer).await {
            Ok(Ok(outcome)) => Ending::Told(outcome),
            Ok(Err(_)) => Ending::Lost,
            Err(_) => Ending::TimedOut,
        })
    }

    fn hand(&self, order: &Order) -> Option<oneshot::Receiver<Outcome>> {
        let (answer, told) = oneshot::channel();
        let mut errand = Errand { id: order.id.clone(), frame: order.to_json(), answer };
        let mut connected = self.lock();
        let browsers = connected.get_mut(&order.agent)?;
        browsers.sort_by_key(|browser| browser.freshness);
        while let Some(browser) = browsers.last() {
            match browser.queue.try_send(errand) {
                Ok(()) => return Some(told),
                // It does not read, or has just gone: it gets no more, and the next one is asked.
                Err(mpsc::error::TrySendError::Full(back) | mpsc::error::TrySendError::Closed(back)) => errand = back,
            }
            browsers.pop();
        }
        connected.remove(&order.agent);
        drop(connected);
        self.changed(order.agent);
        None
    }

    fn enter(&self, agent: AgentId, token: TokenHash, name: Option<u32>) -> Option<(u64, mpsc::Receiver<Errand>)> {
        let (queue, errands) = mpsc::channel(QUEUE);
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let mut freshness = Freshness { active: Millis(0), since: clock::now() };
        {
            let mut connected = self.lock();
            let browsers = connected.entry(agent).or_default();
            // The connection that this one follows is dead: it gets no more, and its talk ends.
            if let Some(at) = browsers.iter().position(|browser| name.is_some() && browser.name == name) {
                freshness.active = browsers.swap_remove(at).freshness.active;
            }
            if browsers.len() >= MOST_BROWSERS || self.stopping.load(Ordering::Relaxed) {
                return None;
            }
            browsers.push(Browser { serial, name, token, freshness, queue });
        }
        self.changed(agent);
        Some((serial, errands))
    }

    fn leave(&self, agent: AgentId, serial: u64) {
        {
            let mut connected = self.lock();
            let Some(browsers) = connected.get_mut(&agent) else { return };
            browsers.retain(|browser| browser.serial != serial);
            if browsers.is_empty() {
                connected.remove(&agent);
            }
        }
        self.attendance.note(agent);
        self.changed(agent);
    }

    fn active(&self, agent: AgentId, serial: u64) {
        let mut connected = self.lock();
        let browser = connected.get_mut(&agent).and_then(|all| all.iter_mut().find(|browser| browser.serial == serial));
        if let Some(browser) = browser {
            browser.freshness.active = clock::now();
            drop(connected);
            self.changed(agent);
        }
    }

    /// Ends every talk and lets nobody in any more; comes when all have ended, or `farewell` is over.
    pub async fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.lock().clear();
        self.talks.close();
        // Whoever does not say goodbye in time is left.
        let _ = timeout(self.pace.farewell, self.talks.wait()).await;
    }

    /// Answers a browser's request for a WebSocket. `seat` is kept as long as it is connected.
    pub fn connect(self: &Arc<Self>, mut request: Request, speaker: Speaker, seat: Arc<Seat>) -> Response {
        if speaker.in_the_clear {
            return (StatusCode::FORBIDDEN, "Only https and wss: a token comes here.\n").into_response();
        }
        if !is_extension(request.headers()) {
            return (StatusCode::FORBIDDEN, "Only the extension may connect here.\n").into_response();
        }
        let Ok(response) = handshake::server::create_response_with_body(&request, Body::empty) else {
            return (StatusCode::UPGRADE_REQUIRED, [(header::UPGRADE, "websocket")]).into_response();
        };
        let upgrade = hyper::upgrade::on(&mut request);
        let agents = Arc::clone(self);
        self.talks.spawn(async move {
            if let Ok(upgraded) = upgrade.await {
                let config = WebSocketConfig::default()
                    .read_buffer_size(READ_BUFFER)
                    .write_buffer_size(0)
                    .max_write_buffer_size(16 * PIECE)
                    .max_message_size(Some(LARGEST_FROM_AGENT))
                    .max_frame_size(Some(LARGEST_FROM_AGENT));
                let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
                Talk { agents, socket, seat }.go().await;
            }
        });
        response
    }
}

/// Pages have an `Origin` of their own and no business here; a program has none.
fn is_extension(headers: &HeaderMap) -> bool {
    headers.get(header::ORIGIN).is_none_or(|origin| {
        origin
            .to_str()
            .is_ok_and(|origin| origin.starts_with("chrome-extension://") || origin.starts_with("moz-extension://"))
    })
}

/// Writes what is handed out once for all browsers, as the end of the frames that hold it.
fn written_once(mut handed: watch::Receiver<Handed>) -> watch::Receiver<Bytes> {
    let write = |handed: &Handed| match serde_json::to_string(handed).unwrap_or_default().strip_prefix('{') {
        Some(rest) if rest != "}" => Bytes::from(format!(",{rest}")),
        _ => Bytes::from_static(b"}"),
    };
    let first = write(&handed.borrow_and_update());
    let (sender, receiver) = watch::channel(first);
    tokio::spawn(async move {
        while handed.changed().await.is_ok() {
            let fresh = write(&handed.borrow_and_update());
            sender.send_if_modified(|known| std::mem::replace(known, fresh.clone()) != fresh);
        }
        // Nothing is handed out anew; what was stays good.
        sender.closed().await;
    });
    receiver
}

/// Ends the talks with those whose token is good no more.
async fn drop_revoked(agents: std::sync::Weak<Agents>, mut tokens: watch::Receiver<Arc<Tokens>>) {
    while tokens.changed().await.is_ok() {
        let Some(agents) = agents.upgrade() else { return };
        let tokens = Arc::clone(&tokens.borrow_and_update());
        let mut gone = Vec::new();
        agents.lock().retain(|agent, browsers| {
            let before = browsers.len();
            browsers.retain(|browser| tokens.is_good(browser.token));
            if browsers.len() < before {
                gone.push(*agent);
            }
            !browsers.is_empty()
        });
        for agent in gone {
            agents.changed(agent);
        }
    }
}

/// Why a talk ends.
#[derive(Clone, Copy)]
enum End {
    /// The browser left, or the network did.
    Left,
    /// No good first frame.
    Refused(RefusedReason),
    /// It did not read in time.
    Slow,
    /// It was not heard of in time.
    Silent,
    /// It said what a browser does not say.
    Rude(CloseCode),
    /// The relay stops.
    Stopping,
}

impl End {
    fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Refused(RefusedReason::Token) => "token",
            Self::Refused(RefusedReason::Full) => "full",
            Self::Refused(RefusedReason::Hello) => "hello",
            Self::Slow => "slow",
            Self::Silent => "silent",
            Self::Rude(_) => "rude",
            Self::Stopping => "stopping",
        }
    }

    fn code(self) -> Option<CloseCode> {
        match self {
            // Nobody is there to read it.
            Self::Left | Self::Slow | Self::Silent => None,
            Self::Refused(RefusedReason::Full) => Some(CloseCode::Again),
            Self::Refused(_) => Some(CloseCode::Policy),
            Self::Rude(code) => Some(code),
            Self::Stopping => Some(CloseCode::Restart),
        }
    }
}

/// The talk with one browser.
struct Talk {
    agents: Arc<Agents>,
    socket: WebSocketStream<TokioIo<Upgraded>>,
    seat: Arc<Seat>,
}

impl Talk {
    async fn go(mut self) {
        let end = match self.greet().await {
            Ok((agent, token, name)) => self.stay(agent, token, name).await,
            Err(end) => end,
        };
        metrics::counter!("trubka_relay_agents_closed_total", "reason" => end.name()).increment(1);
        // In vain where nobody reads.
        let _ = timeout(self.agents.pace.farewell, self.part(end)).await;
    }

    async fn greet(&mut self) -> Result<(AgentId, TokenHash, Option<u32>), End> {
        let refused = Err(End::Refused(RefusedReason::Hello));
        let Ok(first) = timeout(self.agents.pace.hello, self.socket.next()).await else { return refused };
        let Some(FromAgent::Hello { token, browser, .. }) = heard(first)? else { return refused };
        let mut tokens = self.agents.tokens.clone();
        // A token that was issued a moment ago comes with the next look at the file; whoever guesses has to wait.
        let _ = timeout(SEEN_WITHIN, tokens.wait_for(|tokens| tokens.agent(&token).is_some())).await;
        let (hash, agent) = tokens.borrow().agent(&token).ok_or(End::Refused(RefusedReason::Token))?;
        self.seat.is_known();
        Ok((agent, hash, browser))
    }

    async fn stay(&mut self, agent: AgentId, token: TokenHash, name: Option<u32>) -> End {
        let Some((serial, errands)) = self.agents.enter(agent, token, name) else {
            let stopping = self.agents.stopping.load(Ordering::Relaxed);
            return if stopping { End::Stopping } else { End::Refused(RefusedReason::Full) };
        };
        tracing::info!(%agent, serial, "a browser has connected");
        metrics::gauge!("trubka_relay_agents").increment(1);
        let end = match self.converse(agent, serial, errands).await {
            Err(End::Left) if !self.agents.tokens.borrow().is_good(token) => End::Refused(RefusedReason::Token),
            Err(end) => end,
        };
        self.agents.leave(agent, serial);
        metrics::gauge!("trubka_relay_agents").decrement(1);
        tracing::info!(%agent, serial, reason = end.name(), "a browser has gone");
        end
    }

    async fn converse(
        &mut self,
        agent: AgentId,
        serial: u64,
        mut errands: mpsc::Receiver<Errand>,
    ) -> Result<std::convert::Infallible, End> {
        let Pace { heartbeat, silence, .. } = self.agents.pace;
        let mut handed = self.agents.handed.clone();
        let welcome = format!(r#"{{"kind":"welcome","now":{}"#, clock::now().0);
        let rest = handed.borrow_and_update().clone();
        self.say_in_pieces(welcome, rest).await?;

        let mut awaited: HashMap<String, oneshot::Sender<Outcome>> = HashMap::new();
        let (mut heard_at, mut ping_at, mut frames) = (Instant::now(), Instant::now() + heartbeat, 0);
        loop {
            tokio::select! {
                message = self.socket.next() => {
                    (heard_at, frames) = (Instant::now(), frames + 1);
                    if frames > MOST_FRAMES {
                        return Err(End::Rude(CloseCode::Policy));
                    }
                    match heard(message)? {
                        Some(FromAgent::Active) => self.agents.active(agent, serial),
                        Some(FromAgent::KeyRefused) => self.agents.key_refused.notify_one(),
                        Some(FromAgent::Answer { id, outcome }) => if let Some(answer) = awaited.remove(&id) {
                            // What was asked for is no flood.
                            frames -= 1;
                            // Nobody waits any longer for an answer that came too late.
                            let _ = answer.send(outcome);
                        },
                        // A word that only a newer extension knows is no offence.
                        Some(FromAgent::Pong | FromAgent::Hello { .. }) | None => {}
                    }
                }
                errand = errands.recv() => {
                    let Some(Errand { id, frame, answer }) = errand else {
                        return Err(if self.agents.stopping.load(Ordering::Relaxed) { End::Stopping } else { End::Left });
                    };
                    awaited.retain(|_, answer| !answer.is_closed());
                    awaited.insert(id, answer);
                    self.say(Message::text(frame)).await?;
                }
                Ok(()) = handed.changed() => {
                    let rest = handed.borrow_and_update().clone();
                    self.say_in_pieces(r#"{"kind":"handed""#.to_owned(), rest).await?;
                }
                () = tokio::time::sleep_until(ping_at.min(heard_at + silence)) => {
                    if heard_at.elapsed() >= silence {
                        return Err(End::Silent);
                    }
                    if Instant::now() >= ping_at {
                        (ping_at, frames) = (Instant::now() + heartbeat, 0);
                        let ping = ToAgent::Ping { now: clock::now() };
                        self.say(Message::text(ping.to_json().into_inner())).await?;
                    }
                }
            }
        }
    }

    async fn say(&mut self, message: Message) -> Result<(), End> {
        match timeout(self.agents.pace.write, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Left),
            Err(_) => Err(End::Slow),
        }
    }

    /// Says one frame in pieces, the end of which all browsers share.
    async fn say_in_pieces(&mut self, head: String, mut rest: Bytes) -> Result<(), End> {
        self.say(Message::Frame(Frame::message(head, OpCode::Data(Data::Text), false))).await?;
        while !rest.is_empty() {
            let piece = rest.split_to(PIECE.min(rest.len()));
            self.say(Message::Frame(Frame::message(piece, OpCode::Data(Data::Continue), rest.is_empty()))).await?;
        }
        Ok(())
    }

    /// Says why, and waits for the browser to have heard it.
    async fn part(&mut self, end: End) {
        let Some(code) = end.code() else { return };
        if let End::Refused(reason) = end {
            let refused = ToAgent::Refused { reason }.to_json().into_inner();
            if self.say(Message::text(refused)).await.is_err() {
                return;
            }
        }
        let close = CloseFrame { code, reason: end.name().into() };
        if self.socket.close(Some(close)).await.is_ok() {
            while let Some(Ok(_)) = self.socket.next().await {}
        }
    }
}

/// What a browser said; `None` where it is no frame of ours.
fn heard(message: Option<Result<Message, SocketError>>) -> Result<Option<FromAgent>, End> {
    match message {
        Some(Ok(Message::Text(text))) => Ok(FromAgent::parse(&text)),
        Some(Ok(Message::Binary(_))) => Err(End::Rude(CloseCode::Unsupported)),
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(None),
        Some(Err(SocketError::Capacity(_))) => Err(End::Rude(CloseCode::Size)),
        Some(Err(SocketError::Utf8(_))) => Err(End::Rude(CloseCode::Invalid)),
        Some(Err(SocketError::Protocol(_))) => Err(End::Rude(CloseCode::Protocol)),
        Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Left),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trubka::relay::Listed;

    #[tokio::test]
    async fn what_is_handed_out_is_written_once_for_both_frames() {
        let listed = Listed { ext: "001".to_owned(), user_id: None, name: Some("Анна".into()) };
        for handed in [Handed::default(), Handed { directory: vec![listed], access: None }] {
            let (_sender, receiver) = watch::channel(handed.clone());
            let rest = written_once(receiver).borrow().clone();
            let rest = std::str::from_utf8(&rest).unwrap();
            let welcome = format!(r#"{{"kind":"welcome","now":7{rest}"#);
            assert_eq!(ToAgent::parse(&welcome), Some(ToAgent::Welcome { now: Millis(7), handed: handed.clone() }));
            assert_eq!(ToAgent::parse(&format!(r#"{{"kind":"handed"{rest}"#)), Some(ToAgent::Handed(handed)));
        }
    }

    #[test]
    fn only_extensions_and_programs_may_connect() {
        for (origin, may) in [
            (None, true),
            (Some("chrome-extension://abc"), true),
            (Some("moz-extension://abc"), true),
            (Some("https://crm.kontur.ru"), false),
            (Some("null"), false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            assert_eq!(is_extension(&headers), may, "{origin:?}");
        }
    }

    #[test]
    fn the_user_at_a_browser_counts_before_its_age() {
        let freshness = |active, since| Freshness { active: Millis(active), since: Millis(since) };
        assert!(freshness(5, 1) > freshness(0, 9));
        assert!(freshness(5, 1) > freshness(4, 9));
        assert!(freshness(0, 9) > freshness(0, 1));
    }
}
