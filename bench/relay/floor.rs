//! The floor: a process of its own, in which a bare axum gives each request its body and echo back.

use std::process::Stdio;

use anyhow::{Context, Result};
use axum::{
    Router,
    body::Bytes,
    http::HeaderMap,
    response::{AppendHeaders, IntoResponse},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
};

/// Tells this program to be the floor.
pub const ARGUMENT: &str = "--floor";

const ECHO: &str = "x-xcom-integration-echo";

/// The running floor.
pub struct Floor {
    address: String,
    /// It is killed when this is dropped.
    _process: Child,
}

impl Floor {
    /// Starts it.
    pub async fn start() -> Result<Self> {
        let program = std::env::current_exe()?;
        let mut process = Command::new(program).arg(ARGUMENT).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let mut lines = BufReader::new(process.stdout.take().context("no output")?).lines();
        let address = lines.next_line().await?.context("the floor ended at once")?;
        Ok(Self { address, _process: process })
    }

    /// Where it echoes.
    pub fn url(&self) -> String {
        format!("http://{}/communications/call", self.address)
    }
}

/// Is the floor.
pub async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    Ok(axum::serve(listener, Router::new().fallback(echo)).await?)
}

async fn echo(headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let echo = headers.get(ECHO).cloned();
    (AppendHeaders(echo.map(|echo| (ECHO, echo))), body)
}
