//! The CRM as the caller of an integration's own server: «Системные вызовы» and the web hooks, and what it makes of the answers.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::uri::Authority;
use axum::http::{Request, Response, StatusCode, Uri, header};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::ACCESS_KEY;
use crate::clock::now;
use crate::data::WORKSPACE;
use crate::http::{Answer, Content, Heard, is_kind, json_or_text};
use crate::ledger::{Entry, Service};
use crate::world::Shared;

/// The answer returns what the request said in it.
const ECHO: &str = "x-xcom-integration-echo";
/// How long the CRM waits for an answer; documented nowhere.
const PATIENCE: Duration = Duration::from_secs(30);
/// No answer of an integration is larger.
const LARGEST_ANSWER: usize = 64 * 1024;

/// After which times a web hook that failed is sent again. Then the CRM gives it up.
const RETRIES: [Duration; 7] = [
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(60 * 60),
];

/// The address of the integration's server, on loopback: the sandbox calls nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    authority: Authority,
    /// Without a slash at its end.
    path: String,
}

impl FromStr for BaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "`baseUrl` is http:// and a loopback address, with or without a port and a path".to_owned();
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        let host = authority.host().trim_matches(['[', ']']);
        let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if uri.scheme_str() != Some("http") || uri.query().is_some() || !loopback {
            return Err(wrong());
        }
        Ok(Self { authority: authority.clone(), path: uri.path().trim_end_matches('/').to_owned() })
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

/// The integration's server, and in which of the documented forms it is called.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// None: there is no server.
    pub base: Option<BaseUrl>,
    /// Whether the path of a system call begins with `/api/v1/{ws}`.
    pub prefixed: bool,
    /// Whether the path of a HANGUP names the communication.
    pub named: bool,
    pub patience: Duration,
}

impl Default for Server {
    /// As the document's samples are.
    fn default() -> Self {
        Self { base: None, prefixed: true, named: false, patience: PATIENCE }
    }
}

/// What a request to the integration's server is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// «Позвонить»: this communication.
    Call(String),
    /// «Положить трубку».
    HangUp,
    WebHook,
}

/// A request to the integration's server, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub cause: Cause,
    pub base: BaseUrl,
    /// Below the base URL.
    path: String,
    access_key: String,
    echo: String,
    body: Value,
    patience: Duration,
}

/// What came of a request to the integration's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// The integration's own words.
    Refused {
        status: String,
        message: String,
    },
    /// Somebody answered who does not know the echo.
    Stranger,
    Unreachable,
    TimedOut,
}

impl Outcome {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused { .. } => "refused",
            Self::Stranger => "stranger",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timedOut",
        }
    }

    /// What the CRM's page is told: the integration's words, or the CRM's own.
    fn to_page(&self) -> (StatusCode, Content) {
        let (status, message) = match self {
            Self::Done => return (StatusCode::OK, Content::json("OK")),
            Self::Refused { status, message } => (status.as_str(), message.as_str()),
            Self::Stranger => ("integrationFailed", "На адресе интеграции отвечает не она"),
            Self::Unreachable => ("integrationFailed", "Сервер интеграции недоступен"),
            Self::TimedOut => ("integrationFailed", "Сервер интеграции не ответил вовремя"),
        };
        let body = json!({ "invalidDatas": [], "invalidConstraints": {}, "status": status, "message": message });
        (StatusCode::CONFLICT, Content::json(body))
    }
}

/// A request that was sent, and its answer.
#[derive(Debug)]
pub(crate) struct Sent {
    pub outcome: Outcome,
    /// 0 where it was never answered.
    status: u16,
    answer: Value,
    violations: Vec<String>,
}

impl Sent {
    /// For the control API.
    pub fn to_json(&self) -> Value {
        json!({ "outcome": self.outcome.word(), "status": self.status, "answer": self.answer })
    }
}

fn echo() -> String {
    format!("{}/{}==", Uuid::new_v4().simple(), Uuid::new_v4())
}

impl Server {
    fn order(&self, cause: Cause, path: String, access_key: String, body: Value) -> Option<Order> {
        let base = self.base.clone()?;
        Some(Order { cause, base, path, access_key, echo: echo(), body, patience: self.patience })
    }

    fn system_call(&self, rest: &str) -> String {
        if self.prefixed {
            format!("/api/v1/{WORKSPACE}/communications/{rest}")
        } else {
            format!("/communications/{rest}")
        }
    }

    /// CALL, or none where there is no server.
    pub fn call(&self, id: &str, access_key: String, body: Value) -> Option<Order> {
        self.order(Cause::Call(id.to_owned()), self.system_call("call"), access_key, body)
    }

    /// HANGUP of this communication, as far as it is known.
    pub fn hang_up(&self, id: Option<&str>, access_key: String, body: Value) -> Option<Order> {
        let path = match id.filter(|_| self.named) {
            Some(id) => self.system_call(&format!("{id}/hangup")),
            None => self.system_call("hangup"),
        };
        self.order(Cause::HangUp, path, access_key, body)
    }

    /// A web hook.
    pub fn web_hook(&self, relative_url: &str, access_key: String) -> Option<Order> {
        self.order(Cause::WebHook, format!("/{relative_url}"), access_key, json!({}))
    }
}

impl Order {
    /// The same request with an echo of its own, as if it were sent anew.
    pub fn renewed(self) -> Self {
        Self { echo: echo(), ..self }
    }

    /// Sends it and waits for the answer, each time on a connection of its own.
    async fn exchange(&self) -> Result<Response<Bytes>, Box<dyn std::error::Error + Send + Sync>> {
        let authority = &self.base.authority;
        let host = authority.host().trim_matches(['[', ']']);
        let tcp = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
        let (mut sender, connection) = handshake(TokioIo::new(tcp)).await?;
        // It ends with the sender; what goes wrong on it is the sender's to tell.
        tokio::spawn(connection);
        let request = Request::post(format!("{}{}", self.base.path, self.path))
            .header(header::HOST, authority.as_str())
            .header(header::CONTENT_TYPE, "application/json")
            .header(ACCESS_KEY, &self.access_key)
            .header(ECHO, &self.echo)
            .body(Body::from(self.body.to_string()))?;
        let (parts, body) = sender.send_request(request).await?.into_parts();
        Ok(Response::from_parts(parts, to_bytes(Body::new(body), LARGEST_ANSWER).await?))
    }

    async fn send(&self) -> Sent {
        let silent = |outcome, violations| Sent { outcome, status: 0, answer: Value::Null, violations };
        match timeout(self.patience, self.exchange()).await {
            Ok(Ok(response)) => self.judge(&response),
            Ok(Err(_)) => silent(Outcome::Unreachable, Vec::new()),
            Err(_) => {
                let violation = format!("the integration's server does not answer within {:?}", self.patience);
                silent(Outcome::TimedOut, vec![violation])
            }
        }
    }

    fn judge(&self, response: &Response<Bytes>) -> Sent {
        let (status, answer) = (response.status(), json_or_text(response.body()));
        let mut violations = Vec::new();
        let echoes: Vec<&[u8]> = response.headers().get_all(ECHO).iter().map(|echo| echo.as_bytes()).collect();
        let known = echoes.as_slice() == [self.echo.as_bytes()];
        let outcome = if known {
            let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
            if !kind.is_some_and(|kind| is_kind(kind, "application/json")) {
                violations.push("the answer's content type is not application/json".to_owned());
            }
            // What is no JSON is no answer, whatever its text.
            let said = serde_json::from_slice(response.body()).unwrap_or_default();
            self.outcome(status, &said, &mut violations)
        } else {
            if !echoes.is_empty() {
                violations.push("the answer returns another echo than was sent".to_owned());
            }
            Outcome::Stranger
        };
        Sent { outcome, status: status.as_u16(), answer, violations }
    }

    /// What an answer with the right echo says.
    fn outcome(&self, status: StatusCode, said: &Value, violations: &mut Vec<String>) -> Outcome {
        if status.is_success() {
            let documented = self.cause == Cause::WebHook || (status == StatusCode::OK && *said == json!("OK"));
            if !documented {
                violations.push("a system call that is carried out is answered 200 \"OK\"".to_owned());
            }
            return Outcome::Done;
        }
        let word = |key: &str| said.get(key).and_then(Value::as_str).filter(|word| !word.is_empty());
        let known = ["status", "message", "invalidDatas", "invalidConstraints"];
        let plain = said.as_object().is_some_and(|object| {
            object.keys().all(|key| known.contains(&key.as_str()))
                && object.get("invalidDatas").is_none_or(Value::is_array)
                && object.get("invalidConstraints").is_none_or(Value::is_object)
        });
        let error = status.is_client_error() || status.is_server_error();
        match (word("status"), word("message")) {
            (Some(status), Some(message)) if plain && error => {
                Outcome::Refused { status: status.to_owned(), message: message.to_owned() }
            }
            _ => {
                violations.push(format!("an answer {status} in no documented shape"));
                Outcome::Refused { status: "error".to_owned(), message: format!("HTTP {}", status.as_u16()) }
            }
        }
    }

    /// What stands in the ledger: the base URL is a secret.
    fn entry(&self, sent: &Sent) -> Entry {
        Entry {
            seq: 0,
            at: now(),
            service: Service::Kontur,
            method: "POST".to_owned(),
            path: format!("{{baseUrl}}{}", self.path),
            query: Vec::new(),
            status: sent.status,
            request: self.body.clone(),
            answer: sent.answer.clone(),
            violations: sent.violations.clone(),
            repeat: false,
            fault: None,
        }
    }
}

/// Sends a request to the integration's server and writes down what came of it, whether or not somebody still waits for it.
pub(crate) async fn send(shared: &Arc<Shared>, order: Order) -> Sent {
    let shared = Arc::clone(shared);
    let generation = shared.read(|world| world.generation);
    let sending = tokio::spawn(async move {
        let sent = order.send().await;
        shared.change(|world| {
            if world.generation == generation {
                world.ledger.write(order.entry(&sent));
                if let Cause::Call(id) = &order.cause {
                    world.crm.book.answered(id, &sent.outcome);
                }
            }
        });
        sent
    });
    sending.await.unwrap_or_else(|error| Sent {
        outcome: Outcome::Unreachable,
        status: 0,
        answer: Value::Null,
        violations: vec![error.to_string()],
    })
}

/// Answers the CRM's page as the integration's server answered the CRM.
pub(crate) async fn pass_on(shared: &Arc<Shared>, heard: &Heard, order: Order, mut answer: Answer) -> Answer {
    let sent = send(shared, order).await;
    (answer.status, answer.body) = sent.outcome.to_page();
    shared.record(Service::Kontur, heard, &answer);
    answer
}

/// Calls a web hook by its schedule, with the CRM's retries, until it is given up; each wait is `pace` times as short.
pub(crate) async fn keep_schedule(shared: Arc<Shared>, relative_url: &'static str, pace: u32) {
    let mut changes = shared.changes();
    loop {
        let Some(period) = shared.read(|world| world.crm.integrations.period(relative_url)) else {
            // It is not registered, or disabled.
            if changes.changed().await.is_err() {
                return;
            }
            continue;
        };
        sleep(period / pace).await;
        let mut retries = RETRIES.iter();
        while !call_hook(&shared, relative_url).await {
            let Some(wait) = retries.next() else { return };
            sleep(*wait / pace).await;
        }
    }
}

/// Whether a web hook was taken; one that is to be called no more counts as taken.
async fn call_hook(shared: &Arc<Shared>, relative_url: &str) -> bool {
    match shared.change(|world| world.crm.web_hook(relative_url)) {
        Ok(order) => send(shared, order).await.outcome == Outcome::Done,
        Err(_) => true,
    }
}
