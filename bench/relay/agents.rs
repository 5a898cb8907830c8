//! Browsers at the relay, as far as it hears of them: they accept whatever they are asked for at once.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use tokio::{
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};
use trubka::{
    private::Private,
    relay::{FromAgent, Outcome, PATH, ToAgent},
};

/// So many browsers come from one address: it has no more ports for one destination than some twenty thousand.
const OF_AN_ADDRESS: usize = 5_000;

/// A connected browser; its socket closes when this is dropped.
pub struct Agent(JoinHandle<()>);

impl Drop for Agent {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Agent {
    /// Connects from the address 127.0.0.`host`.
    pub async fn connect(relay: &str, token: &str, host: u8) -> Result<Self> {
        let address: SocketAddr = relay.strip_prefix("http://").context("no http")?.parse()?;
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::new(127, 0, 0, host), 0).into())?;
        let tcp = socket.connect(address).await?;
        // Ten thousand of the usual buffers would be more than the machine has.
        let buffers = WebSocketConfig::default().read_buffer_size(1024).write_buffer_size(0);
        let (mut socket, _) = client_async_with_config(format!("ws://{address}{PATH}"), tcp, Some(buffers)).await?;
        let hello =
            FromAgent::Hello { token: Private::new(token.to_owned()), version: "0.1.0".to_owned(), browser: None };
        socket.send(Message::text(hello.to_json().reveal().as_str())).await?;
        let welcome = socket.next().await.context("no welcome")??.into_text()?;
        match ToAgent::parse(&welcome) {
            Some(ToAgent::Welcome { .. }) => {}
            other => bail!("instead of a welcome it says {other:?}"),
        }
        Ok(Self(tokio::spawn(async move {
            // A relay that is gone needs no answers.
            let _ = obey(socket).await;
        })))
    }

    /// Connects one for each token, so many at a time.
    pub async fn connect_all(relay: &str, tokens: Vec<String>, at_a_time: usize) -> Result<Vec<Self>> {
        let connecting = tokens.into_iter().enumerate().map(|(number, token)| async move {
            let host = u8::try_from(2 + number / OF_AN_ADDRESS)?;
            Self::connect(relay, &token, host).await
        });
        stream::iter(connecting).buffer_unordered(at_a_time).try_collect().await
    }
}

async fn obey(mut socket: WebSocketStream<TcpStream>) -> Result<()> {
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else { continue };
        let answer = match ToAgent::parse(&text) {
            Some(ToAgent::Ping { .. }) => FromAgent::Pong,
            Some(ToAgent::Command { id, .. }) => FromAgent::Answer { id, outcome: Outcome::Accepted },
            _ => continue,
        };
        socket.send(Message::text(answer.to_json().reveal().as_str())).await?;
    }
    Ok(())
}
