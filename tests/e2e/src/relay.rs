//! The real relay beside the sandbox: one instance or several that share a NATS, their settings, agents and log.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
};

use crate::{
    Control,
    driver::free_port,
    wait::{until, until_within},
};

/// Named in the address that the CRM calls; without it the relay knows nobody.
const SECRET: &str = "e2e-9f86d081884c7d659a2feaa0c55ad015";
/// A start compiles nothing, but may wait for NATS to elect itself.
const START: Duration = Duration::from_secs(60);

/// What a relay is set to, beyond what all are.
#[derive(Clone, Debug)]
pub struct RelaySettings {
    /// How many instances; several share a NATS.
    pub instances: usize,
    /// The sandbox's address, where the relay is to reach Phonet and the CRM by itself.
    pub services: Option<String>,
    /// Whether the agents get their keys to the CRM from it, which then must reach the CRM.
    pub hand_out_key: bool,
    /// Requests a second that bear the secret, and connections at once; none: as it comes.
    pub limits: Option<(u32, u32)>,
}

impl Default for RelaySettings {
    fn default() -> Self {
        Self { instances: 1, services: None, hand_out_key: false, limits: None }
    }
}

/// One relay of one or several instances, for Анна and Борис as the agents `anna` and `boris`.
pub struct Relay {
    folder: TempDir,
    instances: Vec<Instance>,
    /// Ends with this.
    nats: Option<Nats>,
}

/// An instance; it is killed when this is dropped.
struct Instance {
    settings: PathBuf,
    port: u16,
    operations: u16,
    process: Option<Child>,
    said: Arc<Mutex<Vec<String>>>,
}

impl Relay {
    /// Starts it, and waits until each instance is ready.
    pub async fn start(settings: RelaySettings) -> Result<Self> {
        let folder = TempDir::with_prefix("trubka-relay-")?;
        let nats = if settings.instances > 1 { Some(Nats::start(folder.path()).await?) } else { None };
        let mut instances = Vec::new();
        for number in 0..settings.instances {
            let (port, operations) = (free_port()?, free_port()?);
            let file = folder.path().join(format!("relay-{number}.toml"));
            let nats = nats.as_ref().map(|nats| nats.port);
            let text = written(&settings, number, port, operations, nats)?;
            std::fs::write(&file, text)?;
            let said = Arc::default();
            instances.push(Instance { settings: file, port, operations, process: None, said });
        }
        let mut relay = Self { folder, instances, nats };
        for number in 0..settings.instances {
            relay.start_again(number).await?;
        }
        Ok(relay)
    }

    fn instance(&self, number: usize) -> Result<&Instance> {
        self.instances.get(number).context("no such instance")
    }

    /// Where an instance listens, as the agents reach it.
    pub fn address(&self, number: usize) -> Result<String> {
        Ok(format!("http://127.0.0.1:{}", self.instance(number)?.port))
    }

    /// Where the CRM calls an instance.
    pub fn base_url(&self, number: usize) -> Result<String> {
        Ok(format!("{}/{SECRET}", self.address(number)?))
    }

    /// An instance's process.
    pub fn process(&self, number: usize) -> Result<u32> {
        self.instance(number)?.process.as_ref().and_then(Child::id).context("the instance is over")
    }

    /// The CRM sends its system calls to this instance from now on.
    pub async fn is_called(&self, control: &Control, number: usize) -> Result<()> {
        let features = json!({ "call": true, "hangup": true });
        let body = json!({ "baseUrl": self.base_url(number)?, "features": features });
        control.act("integration", &body).await
    }

    /// Issues a token to an agent, as an administrator does.
    pub async fn token(&self, agent: &str) -> Result<String> {
        let settings = &self.instance(0)?.settings;
        let output = Command::new(program()?)
            .arg("--config")
            .arg(settings)
            .args(["agent", "add", agent])
            .stdin(Stdio::null())
            .output()
            .await?;
        let said = String::from_utf8(output.stdout)?;
        ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        // The token stands alone on its line.
        let is_token = |line: &&str| line.len() >= 22 && !line.contains(' ');
        Ok(said.lines().map(str::trim).find(is_token).with_context(|| format!("no token in {said:?}"))?.to_owned())
    }

    /// Waits until this many browsers are connected to an instance.
    pub async fn has_agents(&self, number: usize, count: usize) -> Result<()> {
        let instance = self.instance(number)?;
        let wanted = format!("trubka_relay_agents {count}");
        until_within(START, &format!("{count} browsers at the relay"), async || {
            let metrics = instance.operation("metrics").await?.text().await?;
            ensure!(metrics.lines().any(|line| line == wanted), "it says {metrics}");
            Ok(Some(()))
        })
        .await
    }

    /// SIGKILL.
    pub async fn kill(&mut self, number: usize) -> Result<()> {
        let instance = self.instances.get_mut(number).context("no such instance")?;
        instance.process.take().context("the instance is over")?.kill().await?;
        Ok(())
    }

    /// Starts an instance that does not run, and waits until it is ready.
    pub async fn start_again(&mut self, number: usize) -> Result<()> {
        let instance = self.instances.get_mut(number).context("no such instance")?;
        let mut process = Command::new(program()?)
            .arg("--config")
            .arg(&instance.settings)
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        keep(process.stderr.take(), &instance.said);
        instance.process = Some(process);
        instance.is_ready().await
    }

    /// Silences NATS as a network that is cut does: nobody answers, nobody closes.
    pub fn cut_nats(&self) -> Result<()> {
        let id = self.nats.as_ref().and_then(|nats| nats.process.id()).context("no NATS")?;
        let id = i32::try_from(id).ok().and_then(Pid::from_raw).context("no process id")?;
        Ok(kill_process(id, Signal::STOP)?)
    }

    /// Waits until an instance says of its health what is expected.
    pub async fn health(&self, number: usize, wanted: &str) -> Result<()> {
        let instance = self.instance(number)?;
        until_within(START, &format!("the relay to be {wanted}"), async || {
            let health: Value = instance.operation("healthz").await?.json().await?;
            ensure!(health.get("status").is_some_and(|status| status == wanted), "it says {health}");
            Ok(Some(()))
        })
        .await
    }

    /// Everything that its instances logged.
    pub fn log(&self) -> String {
        let lines = |instance: &Instance| instance.said.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
        self.instances.iter().map(lines).collect::<Vec<_>>().join("\n")
    }

    /// Fails if the log tells what must not stand there.
    pub fn keeps_silent_about(&self, secrets: &[&str]) -> Result<()> {
        let log = self.log();
        for secret in secrets.iter().chain(&[SECRET]) {
            ensure!(!log.contains(secret), "the relay's log tells a secret:\n{log}");
        }
        Ok(())
    }

    /// Its folder, with settings and state.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Instance {
    async fn operation(&self, path: &str) -> Result<reqwest::Response> {
        Ok(reqwest::get(format!("http://127.0.0.1:{}/{path}", self.operations)).await?.error_for_status()?)
    }

    async fn is_ready(&mut self) -> Result<()> {
        let ready = until_within(START, "the relay to be ready", async || {
            self.operation("readyz").await?;
            let health: Value = self.operation("healthz").await?.json().await?;
            ensure!(health.get("status").is_some_and(|status| status == "ok"), "it says {health}");
            Ok(Some(()))
        })
        .await;
        let log = self.said.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
        ready.with_context(|| format!("it said: {log}"))
    }
}

/// An instance's settings file.
fn written(settings: &RelaySettings, number: usize, port: u16, operations: u16, nats: Option<u16>) -> Result<String> {
    let mut text = format!(
        "listen = \"127.0.0.1:{port}\"\noperations = \"127.0.0.1:{operations}\"\n\
         base_url = \"http://127.0.0.1:{port}\"\npath_secret = \"{SECRET}\"\nstate = \"state-{number}\"\n\
         [agents]\nfile = \"agents.json\"\nhand_out_key = {}\n",
        settings.hand_out_key,
    );
    for (ext, user, name, agent) in [("001", "1", "Анна Смирнова", "anna"), ("002", "2", "Борис Орлов", "boris")]
    {
        writeln!(
            text,
            "[[directory]]\next = \"{ext}\"\nuser_id = \"3f6a0c1e-0000-4000-8000-00000000000{user}\"\n\
             name = \"{name}\"\nagent = \"{agent}\"",
        )?;
    }
    if let Some(port) = nats {
        writeln!(text, "[nats]\nservers = [\"nats://127.0.0.1:{port}\"]\ndeployment = \"e2e\"")?;
    }
    if let Some(sandbox) = &settings.services {
        writeln!(
            text,
            "[kontur]\nworkspace = \"sandbox\"\napi_key = \"sandbox-kontur-key\"\naddress = \"{sandbox}\"\n\
             [phonet]\ndomain = \"demo.phonet.com.ua\"\napi_key = \"sandbox-phonet-key\"\naddress = \"{sandbox}\"",
        )?;
    }
    if let Some((per_secret, connections)) = settings.limits {
        writeln!(
            text,
            "[limits]\nper_secret = {per_secret}\nper_address = {connections}\nconnections = {connections}"
        )?;
    }
    Ok(text)
}

/// The relay's program: cargo puts all programs of a profile into one folder, and tests into a folder below it.
fn program() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let mut folders = own.ancestors().skip(1).take(2).map(|folder| folder.join("trubka-relay"));
    folders.find(|path| path.is_file()).context("trubka-relay is not built: cargo build --package trubka-relay")
}

/// Keeps what a process prints.
fn keep(output: Option<impl tokio::io::AsyncRead + Unpin + Send + 'static>, said: &Arc<Mutex<Vec<String>>>) {
    let Some(output) = output else { return };
    let said = Arc::clone(said);
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            said.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    });
}

/// A NATS with JetStream on a port of its own; it is killed when this is dropped.
struct Nats {
    port: u16,
    process: Child,
}

impl Nats {
    async fn start(folder: &Path) -> Result<Self> {
        let port = free_port()?;
        let process = Command::new("nats-server")
            .args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"])
            .arg(folder.join("nats"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("nats-server does not start; ./build.sh setup installs it")?;
        let mut nats = Self { port, process };
        until("NATS to listen", async || {
            if let Some(status) = nats.process.try_wait()? {
                bail!("nats-server ended with {status}");
            }
            Ok(TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop))
        })
        .await?;
        Ok(nats)
    }
}
