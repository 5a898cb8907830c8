//! Chromium's own protocol over a line of ours: it tells what WebDriver does not, and reaches the worker without touching it.

use std::path::Path;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::until;

/// A line to a Chromium.
pub struct Cdp {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    last: u64,
}

impl Cdp {
    /// Connects to the Chromium that runs on this profile as soon as it listens.
    pub async fn connect(profile: &Path) -> Result<Self> {
        // Chromium writes its port and the path of its endpoint there.
        let file = profile.join("DevToolsActivePort");
        let address = until("Chromium to listen", async || {
            let text = std::fs::read_to_string(&file)?;
            let (port, path) = text.split_once('\n').context("half a file")?;
            Ok(Some(format!("ws://127.0.0.1:{port}{path}")))
        })
        .await?;
        let (socket, _) = connect_async(address).await?;
        Ok(Self { socket, last: 0 })
    }

    /// The answer to a command, of the browser or of a session.
    pub async fn ask<T: DeserializeOwned>(
        &mut self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> Result<T> {
        let id = self.send(session, method, parameters).await?;
        loop {
            let message = self.next().await?;
            if message.id == Some(id) {
                let result = message.result.with_context(|| format!("Chromium refuses {method}"))?;
                return Ok(serde_json::from_value(result)?);
            }
        }
    }

    /// A session with a target; it ends with the line.
    pub async fn attach(&mut self, target: &str) -> Result<String> {
        let parameters = json!({ "targetId": target, "flatten": true });
        let attached: Attached = self.ask(None, "Target.attachToTarget", parameters).await?;
        Ok(attached.session)
    }

    /// What every event of one kind holds until the last one of another kind, both caused by a command.
    pub async fn collect<T: DeserializeOwned>(&mut self, method: &str, each: &str, last: &str) -> Result<Vec<T>> {
        self.send(None, method, json!({})).await?;
        let mut collected = Vec::new();
        loop {
            let message = self.next().await?;
            match message.method.as_deref() {
                Some(method) if method == each => collected.push(serde_json::from_value(message.params)?),
                Some(method) if method == last => return Ok(collected),
                _ => {}
            }
        }
    }

    async fn send(&mut self, session: Option<&str>, method: &str, parameters: Value) -> Result<u64> {
        self.last += 1;
        let command = Command { id: self.last, method, params: parameters, session_id: session };
        self.socket.send(Message::text(serde_json::to_string(&command)?)).await?;
        Ok(self.last)
    }

    async fn next(&mut self) -> Result<Heard> {
        while let Some(message) = self.socket.next().await {
            if let Message::Text(text) = message? {
                return Ok(serde_json::from_str(&text)?);
            }
        }
        bail!("Chromium closed the line")
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Command<'a> {
    id: u64,
    method: &'a str,
    params: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a str>,
}

/// The answer to a command, or an event, which has no id.
#[derive(Deserialize)]
struct Heard {
    id: Option<u64>,
    result: Option<Value>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
}

#[derive(Deserialize)]
struct Attached {
    #[serde(rename = "sessionId")]
    session: String,
}
