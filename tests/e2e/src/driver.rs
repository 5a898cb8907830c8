//! The WebDriver process: chromedriver or geckodriver on a port of its own.

use std::{
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
    /// Starts `program` and waits until it names the port it listens on.
    pub async fn start(program: &str, arguments: &[&str]) -> Result<Self> {
        let mut process = Command::new(program)
            .args(arguments)
            // Where Chromium on Linux takes its language from, if it has that language at all.
            .envs([("LC_ALL", "ru_RU.UTF-8"), ("LANGUAGE", "ru")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{program} does not start; ./build.sh setup installs it"))?;
        let said = Arc::default();
        let (found, mut port) = mpsc::channel(1);
        listen(process.stdout.take(), &said, found.clone());
        listen(process.stderr.take(), &said, found);
        let port = port.recv().await.with_context(|| format!("{program} ended without naming its port"))?;
        Ok(Self { process, port, said })
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

/// Keeps what the process prints, and reports the first port named in it.
fn listen(
    output: Option<impl AsyncRead + Unpin + Send + 'static>,
    said: &Arc<Mutex<Vec<String>>>,
    found: mpsc::Sender<u16>,
) {
    let Some(output) = output else { return };
    let said = Arc::clone(said);
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        let mut found = Some(found);
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(port) = port_in(&line)
                && let Some(found) = found.take()
            {
                // The other output may have been first; then nobody listens any more, which is fine.
                let _ = found.try_send(port);
            }
            said.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    });
}

/// "ChromeDriver was started successfully on port 1234." and "… Listening on 127.0.0.1:1234".
fn port_in(line: &str) -> Option<u16> {
    let rest =
        line.split_once("started successfully on port ").or_else(|| line.split_once("Listening on 127.0.0.1:"))?.1;
    rest.trim_end_matches('.').parse().ok()
}
