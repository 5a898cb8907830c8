//! The relay: what Kontur.CRM asks of an integration's server, handed to the agents' browsers.

pub mod agents;
pub mod bus;
pub mod check;
pub mod clock;
pub mod commands;
pub mod config;
pub mod guard;
pub mod handed;
pub mod health;
pub mod hooks;
pub mod init;
pub mod metrics;
pub mod pace;
pub mod server;
pub mod services;
pub mod sync;
mod system_calls;
pub mod tokens;
pub mod upgrade;
pub mod words;
pub mod work;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trubka::relay::Handed;

use agents::Agents;
use bus::Bus;
use commands::Commands;
use config::Config;
use guard::Guard;
use hooks::Hooks;
use pace::Pace;
use server::{App, Door, Listener};
use services::Services;
use tokens::AgentsFile;
use work::Work;

/// How many connections the administrator's tools may have.
const OPERATIONS_CONNECTIONS: usize = 64;
/// How often limits forget the addresses that have gone.
const FORGET: Duration = Duration::from_secs(60);

/// Why the relay does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The certificate cannot be used.
    #[error("the certificate cannot be used: {0}")]
    Certificate(String),
    /// The agents' file cannot be read.
    #[error(transparent)]
    Tokens(#[from] tokens::TokensError),
    /// The bus cannot be set up.
    #[error(transparent)]
    Bus(#[from] bus::BusError),
    /// The services cannot be asked.
    #[error("the system's certificates cannot be read (package ca-certificates): {0}")]
    Services(#[from] reqwest::Error),
    /// Signals cannot be heard.
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
}

/// A running relay.
pub struct Relay {
    app: Arc<App>,
    address: SocketAddr,
    operations: Option<SocketAddr>,
    connections: TaskTracker,
    handed: watch::Sender<Handed>,
    /// Ends with the relay: what it had not come to, the next web hook goes on with.
    _work: Work,
}

impl Relay {
    /// Starts it on the current tokio runtime.
    ///
    /// # Errors
    /// Where an address is not free, a file cannot be read, or NATS is set up wrong.
    pub async fn start(config: Config, pace: Pace) -> Result<Self, Error> {
        metrics::start();
        let tokens = tokens::watch(AgentsFile::new(config.agents.file.clone()))?;
        let tls = config.tls.clone().map(server::watch_certificate).transpose().map_err(Error::Certificate)?;
        let (handed, hand_out) = watch::channel(config.handed());
        let hooks = Hooks::default();
        let agents = Agents::new(tokens, hand_out, Arc::clone(&hooks.key_refused), pace, config.nats.is_some());
        let bus = Bus::start_with(&config, Arc::clone(&agents)).await?;
        let services = Services::of(&config)?;
        let _work = work::start(&config, &services, &bus, &agents, &hooks, handed.clone());
        let app = Arc::new(App {
            guard: Guard::new(&config),
            commands: Commands::new(Arc::clone(&agents), bus.clone(), pace),
            agents,
            bus,
            hooks,
            people: App::people(&config),
            pace,
            stopping: CancellationToken::new(),
        });
        let connections = TaskTracker::new();
        let listen = async |address, door, tls, seats| {
            let failed = |source| Error::Listen { address, source };
            let socket = TcpListener::bind(address).await.map_err(failed)?;
            let bound = socket.local_addr().map_err(failed)?;
            let (app, connections) = (Arc::clone(&app), connections.clone());
            tokio::spawn(
                Listener { app, door, socket, tls, seats: Arc::new(Semaphore::new(seats)), connections }.listen(),
            );
            Ok::<_, Error>(bound)
        };
        let seats = usize::try_from(config.limits.connections).unwrap_or(Semaphore::MAX_PERMITS);
        let operations = match config.operations {
            Some(address) => Some(listen(address, Door::Operations, None, OPERATIONS_CONNECTIONS).await?),
            None => None,
        };
        let address = listen(config.listen, Door::Public, tls, seats).await?;
        tokio::spawn(forget(Arc::clone(&app)));
        Ok(Self { app, address, operations, connections, handed, _work })
    }

    /// Where Kontur and the agents are listened to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where health and metrics are told.
    pub fn operations(&self) -> Option<SocketAddr> {
        self.operations
    }

    /// What the web hooks wake.
    pub fn hooks(&self) -> &Hooks {
        &self.app.hooks
    }

    /// What the instances share.
    pub fn bus(&self) -> &Bus {
        &self.app.bus
    }

    /// The browsers that are connected here.
    pub fn agents(&self) -> &Arc<Agents> {
        &self.app.agents
    }

    /// Hands something else out to the agents.
    pub fn hand_out(&self, handed: Handed) {
        self.handed.send_replace(handed);
    }

    /// Takes nothing new, ends what has begun, and says goodbye to the agents.
    pub async fn stop(self) {
        let Pace { command, answer, farewell, .. } = self.app.pace;
        self.app.stopping.cancel();
        let end = async {
            self.app.bus.retire().await;
            self.app.commands.finished().await;
        };
        let in_time = timeout(command + 2 * answer, end).await;
        self.app.agents.stop().await;
        self.connections.close();
        let answered = timeout(farewell, self.connections.wait()).await;
        if in_time.is_err() || answered.is_err() {
            tracing::warn!("not everything had ended in time");
        }
    }
}

/// Keeps the limits' memory of addresses small.
async fn forget(app: Arc<App>) {
    let forget = async {
        loop {
            tokio::time::sleep(FORGET).await;
            app.guard.forget();
        }
    };
    app.stopping.run_until_cancelled(forget).await;
}

/// Runs the relay until SIGTERM or Ctrl-C.
///
/// # Errors
/// Where it cannot start.
pub async fn serve(config: Config) -> Result<(), Error> {
    allow_sockets(config.limits.connections);
    let mut term = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut int = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    let relay = Relay::start(config, Pace::default()).await?;
    let operations = relay.operations().map(|address| address.to_string());
    tracing::info!(address = %relay.address(), operations, "the relay listens");
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    tracing::info!("the relay stops");
    relay.stop().await;
    tracing::info!("the relay has stopped");
    Ok(())
}

/// Most systems give a process 1024 files until it asks for more.
fn allow_sockets(connections: u32) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it fails, the limit stays as it was, and is told of below.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let allowed = getrlimit(Resource::Nofile).current;
    if allowed.is_some_and(|allowed| allowed < u64::from(connections) + 100) {
        tracing::warn!(allowed, connections, "the system gives fewer files than limits.connections (see LimitNOFILE)");
    }
}
