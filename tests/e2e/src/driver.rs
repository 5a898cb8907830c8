//! The WebDriver process: chromedriver or geckodriver on a port of its own.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener},
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::mpsc,
};

/// A running driver; it is killed when this is dropped.
pub struct Driver {
    process: Child,
    port: u16,
    said: Arc<Mutex<Vec<String>>>,
}

impl Driver {
    /// Starts `program`, for a user who speaks `language`, in a home folder of its own where one is given, and waits until it
    /// listens.
    pub async fn start(program: &str, arguments: &[&str], home: Option<&Path>, language: &str) -> Result<Self> {
        let port = free_port()?;
        let mut process = Command::new(program)
            .arg(format!("--port={port}"))
            .args(arguments)
            // Where Chromium on Linux takes its language from, if it has that language at all.
            .envs([("LC_ALL", "C.UTF-8"), ("LANGUAGE", language)])
            .envs(home.map(|home| ("HOME", home)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{program} does not start; ./build.sh setup installs it"))?;
        let said = Arc::default();
        let (listens, mut listening) = mpsc::channel(1);
        listen(process.stdout.take(), &said, listens.clone());
        listen(process.stderr.take(), &said, listens);
        let listening = listening.recv().await;
        let driver = Self { process, port, said };
        listening.with_context(|| format!("{program} ended at once, saying: {}", driver.said().join("; ")))?;
        Ok(driver)
    }

    /// Where it takes commands.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its process, the parent of the browser's; none when it is over.
    pub fn process(&self) -> Option<u32> {
        self.process.id()
    }

    /// The lines that the driver and its browser printed so far.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A port that nobody has on either loopback address.
///
/// It lies below those that Linux gives to whoever asks for any: chromedriver takes its port on both addresses, and
/// ends when the one it was given on the first is taken on the second.
pub fn free_port() -> Result<u16> {
    // Any other error means that the machine has no such address, so nobody can be there either.
    let is_free = |address: IpAddr, port| {
        !TcpListener::bind((address, port)).is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
    };
    let mut ports = (0..100).map(|_| fastrand::u16(20_000..30_000));
    ports
        .find(|&port| is_free(Ipv4Addr::LOCALHOST.into(), port) && is_free(Ipv6Addr::LOCALHOST.into(), port))
        .context("no free port between 20000 and 30000")
}

/// Keeps what the process prints, and reports the line that says it listens.
fn listen(
    output: Option<impl AsyncRead + Unpin + Send + 'static>,
    said: &Arc<Mutex<Vec<String>>>,
    listens: mpsc::Sender<()>,
) {
    let Some(output) = output else { return };
    let said = Arc::clone(said);
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        let mut listens = Some(listens);
        while let Ok(Some(line)) = lines.next_line().await {
            let ready = says_it_listens(&line);
            said.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            if ready && let Some(listens) = listens.take() {
                // The other output may have been first; then nobody waits any more, which is fine.
                let _ = listens.try_send(());
            }
        }
    });
}

/// chromedriver's and geckodriver's words.
fn says_it_listens(line: &str) -> bool {
    line.contains("started successfully on port ") || line.contains("Listening on 127.0.0.1:")
}
