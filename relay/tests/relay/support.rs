//! Stand-ins for those who talk to the relay: the CRM, a browser, an administrator.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use trubka::relay::{Command, FromAgent, Handed, Outcome, PATH, ToAgent};
use trubka_relay::Relay;
use trubka_relay::config::Config;
use trubka_relay::pace::Pace;
use trubka_relay::tokens::AgentsFile;

pub const SECRET: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
/// The users of the directory.
pub const ANNA: &str = "3f6a0c1e-0000-4000-8000-000000000001";
pub const BORIS: &str = "3f6a0c1e-0000-4000-8000-000000000002";
pub const VERA: &str = "3f6a0c1e-0000-4000-8000-000000000003";
pub const PHONE: &str = "79451235489";
/// Nothing that is awaited takes this long, however busy the machine is.
pub const LONG: Duration = Duration::from_secs(30);

/// A folder with the settings and the agents' file of a relay.
pub struct Setup {
    pub folder: TempDir,
    pub anna: String,
    pub boris: String,
}

impl Setup {
    /// Anna is agent `anna`, user `ANNA`, 001; Boris alike, 002; Vera, 003, has no agent.
    pub fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = format!(
            r#"
            listen = "127.0.0.1:0"
            operations = "127.0.0.1:0"
            base_url = "http://127.0.0.1:8470"
            path_secret = "{SECRET}"
            log = "json"
            [[directory]]
            ext = "001"
            user_id = "{ANNA}"
            name = "Анна"
            agent = "anna"
            [[directory]]
            ext = "002"
            user_id = "{BORIS}"
            agent = "boris"
            [[directory]]
            ext = "003"
            user_id = "{VERA}"
            {more}
            "#
        );
        std::fs::write(folder.path().join("relay.toml"), settings).unwrap();
        let file = AgentsFile::new(folder.path().join("agents.json"));
        let [anna, boris] = ["anna", "boris"].map(|name| file.add(name).unwrap().into_inner());
        Self { folder, anna, boris }
    }

    pub fn settings(&self) -> PathBuf {
        self.folder.path().join("relay.toml")
    }

    pub fn config(&self) -> Config {
        Config::load(&self.settings()).unwrap()
    }

    /// A relay in this process.
    pub async fn start(&self, pace: Pace) -> Relay {
        Relay::start(self.config(), pace).await.unwrap()
    }

    /// A command of the binary.
    pub fn command(&self, arguments: &[&str]) -> Process {
        let mut command = Process::new(env!("CARGO_BIN_EXE_trubka-relay"));
        command.arg("--config").arg(self.settings()).args(arguments);
        command
    }

    /// A relay in a process of its own, that logs all it can.
    pub async fn spawn(&self) -> Spawned {
        let mut command = tokio::process::Command::from(self.command(&["serve"]));
        let mut child = command.env("RUST_LOG", "trace").stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut log = Vec::new();
        loop {
            let line = timeout(LONG, lines.next_line()).await.unwrap().unwrap();
            let line = line.unwrap_or_else(|| panic!("the relay did not start: {log:?}"));
            let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            let ready = said["message"] == "the relay listens";
            log.push(line);
            if ready {
                let address = |key: &str| said[key].as_str().unwrap().parse().unwrap();
                let (address, operations) = (address("address"), address("operations"));
                let log = tokio::spawn(async move {
                    while let Ok(Some(line)) = lines.next_line().await {
                        log.push(line);
                    }
                    log
                });
                return Spawned { child, address, operations, log };
            }
        }
    }
}

/// A relay in a process of its own.
pub struct Spawned {
    pub child: Child,
    pub address: SocketAddr,
    pub operations: SocketAddr,
    log: tokio::task::JoinHandle<Vec<String>>,
}

impl Spawned {
    pub fn signal(&self, signal: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(Process::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Stops it and answers everything it has logged.
    pub async fn stop(mut self) -> String {
        self.signal("-TERM");
        assert!(timeout(LONG, self.child.wait()).await.unwrap().unwrap().success());
        self.log.await.unwrap().join("\n")
    }
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let wanted = |line: &&str| line.split(':').next().is_some_and(|said| said.eq_ignore_ascii_case(name));
        Some(self.head.lines().find(wanted)?.split_once(':')?.1.trim())
    }

    /// The `status` of a refusal in the CRM's form.
    pub fn status(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        assert!(body["invalidDatas"].is_array() && body["invalidConstraints"].is_object(), "{}", self.body);
        assert!(body["message"].as_str().unwrap().chars().any(|letter| ('а'..='я').contains(&letter)), "{}", self.body);
        body["status"].as_str().unwrap().to_owned()
    }
}

/// Writes whatever is given while it reads; `None` where the connection ends without an answer.
pub async fn raw(address: SocketAddr, bytes: Vec<u8>) -> Option<Answer> {
    let mut socket = TcpStream::connect(address).await.ok()?;
    exchange(&mut socket, bytes).await
}

pub async fn exchange<S: AsyncReadExt + AsyncWriteExt + Unpin>(socket: &mut S, bytes: Vec<u8>) -> Option<Answer> {
    let (mut reader, mut writer) = tokio::io::split(socket);
    let write = async {
        // The relay may answer and close before it has heard everything.
        let _ = writer.write_all(&bytes).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = write => None,
        answer = read_answer(&mut reader) => answer,
    }
}

async fn read_answer(reader: &mut (impl AsyncReadExt + Unpin)) -> Option<Answer> {
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let length = reader.read(&mut buffer).await.unwrap_or(0);
        text.extend_from_slice(&buffer[..length]);
        let said = String::from_utf8_lossy(&text);
        if let Some((head, body)) = said.split_once("\r\n\r\n") {
            let answer =
                Answer { code: head.split(' ').nth(1)?.parse().ok()?, head: head.to_owned(), body: body.to_owned() };
            let whole = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            if body.len() >= whole {
                return Some(answer);
            }
        }
        if length == 0 {
            return None;
        }
    }
}

/// A request of the CRM below the secret, with an echo.
pub fn request(path: &str, echo: &str, body: &str) -> Vec<u8> {
    format!(
        "POST /{SECRET}/{path} HTTP/1.1\r\nHost: relay\r\nX-XCOM-AccessKey: k\r\nX-XCOM-Integration-Echo: {echo}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

pub async fn post(address: SocketAddr, path: &str, echo: &str, body: &str) -> Answer {
    let answer = timeout(LONG, raw(address, request(path, echo, body))).await.unwrap().unwrap();
    assert_eq!(answer.header("x-xcom-integration-echo"), Some(echo), "{answer:?}");
    answer
}

/// «Позвонить», pressed by a user.
pub async fn call(address: SocketAddr, communication: &str, user: &str) -> Answer {
    post(address, "communications/call", "e", &call_body(communication, user)).await
}

pub fn call_body(communication: &str, user: &str) -> String {
    format!(r#"{{"communicationId":"{communication}","fromUserId":"{user}","toUserId":null,"clientPhone":"{PHONE}"}}"#)
}

pub async fn get(address: SocketAddr, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: relay\r\n\r\n").into_bytes();
    timeout(LONG, raw(address, request)).await.unwrap().unwrap()
}

/// A browser with the extension.
pub struct Browser(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What a browser hears.
#[derive(Debug, PartialEq)]
pub enum Heard {
    Frame(ToAgent),
    /// The socket's end, with the code where it was said.
    End(Option<u16>),
}

impl Browser {
    /// Opens the socket and says nothing yet.
    pub async fn open(address: SocketAddr) -> Self {
        Self(connect_async(format!("ws://{address}{PATH}")).await.unwrap().0)
    }

    /// Opens it as a page or an extension of this origin; the status where it is refused.
    pub async fn open_from(address: SocketAddr, origin: &str) -> Result<Self, u16> {
        let mut request = format!("ws://{address}{PATH}").into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Opens it, says hello, and is let in.
    pub async fn connect(address: SocketAddr, token: &str) -> Self {
        let (browser, _) = Self::welcomed(address, token).await;
        browser
    }

    /// As [`Self::connect`], with what was handed out.
    pub async fn welcomed(address: SocketAddr, token: &str) -> (Self, Handed) {
        let mut browser = Self::open(address).await;
        browser.hello(token).await;
        match browser.hear().await {
            Heard::Frame(ToAgent::Welcome { handed, .. }) => (browser, handed),
            other => panic!("{other:?}"),
        }
    }

    pub async fn hello(&mut self, token: &str) {
        self.hello_as(token, None).await;
    }

    pub async fn hello_as(&mut self, token: &str, browser: Option<u32>) {
        self.say(&FromAgent::Hello { token: token.into(), version: "0.1.0".to_owned(), browser }).await;
    }

    pub async fn say(&mut self, frame: &FromAgent) {
        self.0.send(Message::text(frame.to_json().into_inner())).await.unwrap();
    }

    /// The next frame, be it a ping.
    pub async fn hear(&mut self) -> Heard {
        loop {
            match timeout(LONG, self.0.next()).await.expect("nothing is said") {
                Some(Ok(Message::Text(text))) => return Heard::Frame(ToAgent::parse(&text).expect("no frame")),
                Some(Ok(Message::Close(close))) => return Heard::End(close.map(|close| close.code.into())),
                Some(Err(_)) | None => return Heard::End(None),
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next command; pings are answered.
    pub async fn command(&mut self) -> (String, Command) {
        loop {
            match self.hear().await {
                Heard::Frame(ToAgent::Command { id, command, .. }) => return (id, command),
                Heard::Frame(ToAgent::Ping { .. }) => self.say(&FromAgent::Pong).await,
                other => panic!("{other:?}"),
            }
        }
    }

    pub async fn answer(&mut self, id: &str, outcome: Outcome) {
        self.say(&FromAgent::Answer { id: id.to_owned(), outcome }).await;
    }

    /// Waits for the next command and accepts it.
    pub async fn accept(&mut self) -> (String, Command) {
        let (id, command) = self.command().await;
        self.answer(&id, Outcome::Accepted).await;
        (id, command)
    }

    /// Hears the end of the socket.
    pub async fn end(&mut self) -> Option<u16> {
        loop {
            match self.hear().await {
                Heard::End(code) => return code,
                Heard::Frame(ToAgent::Ping { .. } | ToAgent::Handed(_)) => {}
                Heard::Frame(other) => panic!("{other:?}"),
            }
        }
    }
}
