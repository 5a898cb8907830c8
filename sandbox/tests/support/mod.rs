//! A sandbox on free ports and scripted clients of it.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use trubka_sandbox::{Config, Sandbox, Wait, start};

pub const ANNA: &str = "3f6a0c1e-0000-4000-8000-000000000001";
pub const BORIS: &str = "3f6a0c1e-0000-4000-8000-000000000002";
pub const CLIENT: &str = "79451235489";
pub const CALLBACKS: &str = "/api/v1/sandbox/communications/callbacks/telephony";
const PATIENCE: Duration = Duration::from_secs(5);

/// An answer: status and body, null where there is none.
pub type Said = (u16, Value);

pub struct Bench {
    pub sandbox: Sandbox,
    pub http: reqwest::Client,
}

impl Bench {
    pub async fn new() -> Self {
        Self::with_lab(Vec::new()).await
    }

    /// With pages of one's own under `/lab/`.
    pub async fn with_lab(lab: Vec<PathBuf>) -> Self {
        // Where the whole workspace is built, its clients have TLS, too, and want to know whose.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let free = ([127, 0, 0, 1], 0).into();
        let sandbox = start(Config { http: free, tls: free, lab }).await.unwrap();
        Self {
            sandbox,
            http: reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap(),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.sandbox.http())
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Said {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub async fn get(&self, path: &str) -> Said {
        self.send(self.http.get(self.url(path))).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Said {
        self.send(self.http.post(self.url(path)).json(&body)).await
    }

    /// A control request that must succeed.
    pub async fn control(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(&format!("/control/{path}"), body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// A client's call; answers its uuid.
    pub async fn incoming(&self, to: &str) -> String {
        let answer = self.control("incoming", json!({ "from": CLIENT, "to": to })).await;
        answer["uuid"].as_str().unwrap().to_owned()
    }

    pub async fn answer(&self, uuid: &str) {
        self.control(&format!("calls/{uuid}/answer"), json!({})).await;
    }

    pub async fn hang_up(&self, uuid: &str) {
        self.control(&format!("calls/{uuid}/hangup"), json!({})).await;
    }

    pub async fn wait(&self, what: &str) -> Value {
        self.sandbox.wait(what.parse::<Wait>().unwrap(), PATIENCE).await.unwrap()
    }

    /// The violations of the ledger's last entry.
    pub fn violations(&self) -> Vec<String> {
        let ledger = self.sandbox.ledger();
        let last = ledger["entries"].as_array().unwrap().last().unwrap();
        serde_json::from_value(last["violations"].clone()).unwrap()
    }

    pub fn last(&self) -> Value {
        self.sandbox.ledger()["entries"].as_array().unwrap().last().unwrap().clone()
    }

    pub fn problems(&self) -> Vec<String> {
        serde_json::from_value(self.sandbox.verdict()["problems"].clone()).unwrap()
    }

    pub async fn socket(&self, query: &str) -> Result<Connection, WsError> {
        let url = format!("ws://{}/live/connector/v3/easy?{query}", self.sandbox.http());
        connect_async(url).await.map(|(socket, _)| Connection { socket })
    }

    /// A connected browser of this subscriber.
    pub async fn connect(&self, subscriber: &str) -> Connection {
        let subscriber_encoded: String = form_urlencoded::byte_serialize(subscriber.as_bytes()).collect();
        let query = format!("domain=demo.phonet.com.ua&apiKey=sandbox-phonet-key&subscriber={subscriber_encoded}");
        let connection = self.socket(&query).await.unwrap();
        self.wait(&format!("socket:{subscriber}")).await;
        connection
    }

    /// An authorized client of the CRM.
    pub async fn crm(&self) -> Crm<'_> {
        let request = self
            .http
            .post(self.url("/api/v1/authorization/authorize-private-integration"))
            .header("X-XCOM-Integration-ApiKey", "sandbox-kontur-key");
        let (status, answer) = self.send(request).await;
        assert_eq!(status, 200);
        Crm { bench: self, key: answer["accessKey"].as_str().unwrap().to_owned() }
    }
}

/// A client of UIS, authenticated.
pub struct Uis<'a> {
    pub bench: &'a Bench,
    pub version: &'static str,
    /// Under this name goes its key in `params`.
    pub key: (&'static str, String),
}

impl Bench {
    /// A JSON-RPC request to UIS; answers its body.
    pub async fn rpc(&self, version: &str, body: Value) -> Value {
        let (status, answer) = self.post(&format!("/{version}"), body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    pub async fn uis_v1(&self) -> Uis<'_> {
        let params = json!({ "login": "sandbox-uis", "password": "sandbox-uis-password" });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "authenticate", "params": params });
        let answer = self.rpc("v1", body).await;
        let key = answer["result"]["session_key"].as_str().expect("a key").to_owned();
        Uis { bench: self, version: "v1", key: ("session_key", key) }
    }

    pub async fn uis_v4(&self) -> Uis<'_> {
        let params = json!({ "login": "sandbox-uis", "password": "sandbox-uis-password" });
        let body = json!({ "jsonrpc": "2.0", "id": "a", "method": "login.user", "params": params });
        let answer = self.rpc("v4.0", body).await;
        let key = answer["result"]["data"]["access_token"].as_str().expect("a key").to_owned();
        Uis { bench: self, version: "v4.0", key: ("access_token", key) }
    }
}

impl Uis<'_> {
    /// A request with the key among its parameters; answers its body.
    pub async fn ask(&self, method: &str, mut params: Value) -> Value {
        params[self.key.0] = self.key.1.as_str().into();
        let answer =
            self.bench.rpc(self.version, json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }));
        let answer = answer.await;
        assert_eq!(answer["id"], 7);
        answer
    }

    /// What `result.data` says of a request that must succeed.
    pub async fn data(&self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params).await;
        assert_eq!(self.bench.violations(), Vec::<String>::new(), "{answer}");
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"]["data"].clone()
    }

    /// The error of a request that must be refused, and be a violation or not.
    pub async fn error(&self, method: &str, params: Value, violates: bool) -> Value {
        let answer = self.ask(method, params).await;
        assert!(answer["result"].is_null(), "{method}: {answer}");
        assert_eq!(!self.bench.violations().is_empty(), violates, "{method}: {answer}");
        answer["error"].clone()
    }
}

pub struct Connection {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Connection {
    pub async fn send(&mut self, frame: Value) {
        self.say(&frame.to_string()).await;
    }

    pub async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The next frame's text; `None` when the socket is closed.
    pub async fn hear(&mut self) -> Option<String> {
        loop {
            match tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("no frame in time")? {
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Ends the connection as a killed browser does.
    pub fn close(self) {
        drop(self);
    }

    /// Whether nothing comes for a while.
    pub async fn is_quiet(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(100), self.socket.next()).await.is_err()
    }

    pub async fn frame(&mut self) -> Value {
        serde_json::from_str(&self.hear().await.expect("the socket is open")).unwrap()
    }

    /// The next frame, which must be this event.
    pub async fn event(&mut self, event: &str) -> Value {
        let frame = self.frame().await;
        assert_eq!(frame["event"], event, "{frame}");
        frame
    }
}

pub struct Crm<'a> {
    pub bench: &'a Bench,
    pub key: String,
}

impl Crm<'_> {
    pub async fn tell(&self, callback: &str, body: Value) -> Said {
        self.tell_with(callback, body, &[]).await
    }

    /// Must be taken without a word; answers the answer.
    pub async fn good(&self, callback: &str, body: Value) -> Value {
        let (status, answer) = self.tell(callback, body).await;
        assert_eq!((status, self.bench.violations()), (200, Vec::new()), "{callback}: {answer}");
        answer
    }

    /// Must be refused with this status and for this reason; answers the answer.
    pub async fn bad(&self, status: u16, reason: &str, callback: &str, body: Value) -> Value {
        let (said, answer) = self.tell(callback, body).await;
        let violations = self.bench.violations().join("; ");
        assert_eq!(said, status, "{callback}: {answer} {violations}");
        assert!(violations.contains(reason), "{callback}: expected “{reason}”, got “{violations}”");
        answer
    }

    pub async fn tell_with(&self, callback: &str, body: Value, headers: &[(&'static str, &'static str)]) -> Said {
        let mut extra = HeaderMap::new();
        for (name, value) in headers {
            extra.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let request = self
            .bench
            .http
            .post(self.bench.url(&format!("{CALLBACKS}/{callback}")))
            .header("X-XCOM-AccessKey", &self.key)
            .json(&body)
            .headers(extra);
        self.bench.send(request).await
    }
}

/// An authorized client of the exchange.
pub struct Rest<'a> {
    pub bench: &'a Bench,
    pub cookie: String,
}

impl<'a> Rest<'a> {
    pub async fn authorize(bench: &'a Bench) -> Self {
        let body = json!({ "domain": "demo.phonet.com.ua", "apiKey": "sandbox-phonet-key" });
        let request = bench.http.post(bench.url("/rest/security/authorize")).json(&body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let cookie = response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        assert!(cookie.starts_with("JSESSIONID="));
        Self { bench, cookie }
    }

    pub fn request(&self, path: &str) -> reqwest::RequestBuilder {
        self.bench.http.get(self.bench.url(path)).header("cookie", &self.cookie)
    }

    pub async fn get(&self, path: &str) -> Said {
        self.bench.send(self.request(path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Said {
        let request = self.bench.http.post(self.bench.url(path)).header("cookie", &self.cookie);
        self.bench.send(request.json(&body)).await
    }
}

/// Milliseconds as the CRM wants them.
pub fn rfc3339(millis: &Value) -> String {
    let nanos = i128::from(millis.as_i64().unwrap()) * 1_000_000;
    let at = time::OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap();
    at.format(&time::format_description::well_known::Rfc3339).unwrap()
}

/// A model extension: tells the CRM what one subscriber's browser hears, as the design's table says.
#[derive(Default)]
pub struct Browser {
    started: BTreeSet<String>,
}

impl Browser {
    /// Tells the CRM of one frame; every answer must be 200, or 409 to a repeated `register-call`.
    pub async fn tell(&mut self, crm: &Crm<'_>, frame: &Value) {
        for (callback, body) in self.requests(frame) {
            let (status, answer) = crm.tell(callback, body).await;
            let repeated = callback == "register-call" && crm.bench.last()["repeat"] == true;
            assert!(status == 200 || repeated, "{callback}: {answer} {:?}", crm.bench.violations());
        }
    }

    /// What the CRM must be told of one frame.
    pub fn requests(&mut self, frame: &Value) -> Vec<(&'static str, Value)> {
        let uuid = &frame["uuid"];
        let id = if frame["parentUuid"].is_null() { uuid } else { &frame["parentUuid"] };
        let user = json!({ "type": "user", "userId": if frame["leg"]["ext"] == "001" { ANNA } else { BORIS } });
        let client = json!({ "type": "client" });
        let is_user = frame["leg"]["type"] == 1;
        let (direction, from, to) = match frame["lgDirection"].as_u64().unwrap() {
            1 => ("internal", user, json!({ "type": "user", "userId": BORIS })),
            2 => ("outbound", user, client),
            _ => ("inbound", client, if is_user { user } else { json!({ "type": "user" }) }),
        };
        let mut info = json!({ "externalId": id, "direction": direction });
        if let Some(number) = frame["otherLegs"][0]["num"].as_str() {
            info["clientPhone"] = number.trim_start_matches('+').into();
        }
        if let Some(trunk) = frame["trunkNum"].as_str() {
            info["externalVatsPhone"] = trunk.into();
        }
        let at = |time: &Value| {
            let mut body = info.clone();
            body["timestamp"] = rfc3339(time).into();
            body
        };
        let event = |kind: &str, time: &Value| {
            let body = json!({
                "externalId": id, "externalCallItemId": uuid, "realtimeCallItemId": uuid, "type": kind,
                "timestamp": rfc3339(time), "from": from, "to": to,
            });
            ("call-event", body)
        };
        let mut requests = Vec::new();
        match frame["event"].as_str().unwrap() {
            "call.dial" => {
                if self.started.insert(id.to_string()) {
                    requests.push(("call-started", at(&frame["dialAt"])));
                }
                if is_user {
                    requests.push(event("appeared", &frame["dialAt"]));
                }
            }
            "call.bridge" if is_user => requests.push(event("connected", &frame["bridgeAt"])),
            "call.hangup" => {
                if is_user {
                    requests.push(event("disconnected", &frame["serverTime"]));
                }
                let answered = !frame["bridgeAt"].is_null();
                let last = if is_user { answered || frame["parentUuid"].is_null() } else { !answered };
                if last {
                    requests.push(("call-finished", at(&frame["serverTime"])));
                    requests.push(("register-call", self.registration(frame, info.clone(), &from, &to)));
                }
            }
            _ => {}
        }
        requests
    }

    fn registration(&self, frame: &Value, mut body: Value, from: &Value, to: &Value) -> Value {
        let started = if frame["bridgeAt"].is_null() { &frame["dialAt"] } else { &frame["bridgeAt"] };
        let created = if frame["firstDialAt"].is_null() { &frame["dialAt"] } else { &frame["firstDialAt"] };
        body["externalCreatedAt"] = rfc3339(created).into();
        body["items"] = json!([{
            "id": frame["uuid"], "from": from, "to": to, "recordings": [],
            "startedAt": rfc3339(started), "finishedAt": rfc3339(&frame["serverTime"]),
        }]);
        body
    }
}

/// Takes the sandbox's own certificate, whatever it says.
#[derive(Debug)]
struct Trusting(rustls::crypto::CryptoProvider);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A TLS connection to the sandbox under this name.
pub async fn tls_connect(to: SocketAddr, name: &'static str) -> io::Result<TlsStream<TcpStream>> {
    let provider = rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider.clone()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting(provider)))
        .with_no_client_auth();
    let tcp = TcpStream::connect(to).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name).unwrap(), tcp).await
}
