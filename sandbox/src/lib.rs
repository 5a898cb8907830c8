//! Strict local stand-ins for Phonet, UIS and Kontur.CRM: they refuse whatever the vendors' documents do not allow, keep a
//! ledger of every request, and say at the end whether the CRM holds what the exchange did.

mod accept;
mod clock;
mod control;
pub mod data;
mod fault;
mod http;
mod kontur;
mod lab;
mod ledger;
mod pages;
mod phonet;
mod server;
mod uis;
mod wire;
mod world;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

pub use control::wait::Wait;

use server::Server;
use world::Shared;

/// Where to listen, port 0 takes any free port, and what to serve besides.
#[derive(Clone, Debug)]
pub struct Config {
    /// Plain HTTP and WS.
    pub http: SocketAddr,
    /// HTTPS and WSS.
    pub tls: SocketAddr,
    /// Folders whose files are pages of the CRM under `/lab/`; the first that holds a file wins.
    pub lab: Vec<PathBuf>,
}

/// Why the sandbox does not start, or what did not come to pass.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The sandbox is open to whoever reaches it, so nobody else may.
    #[error("{0} is no loopback address: the sandbox listens on this machine only")]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS could not be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// What was waited for did not happen in time.
    #[error("waited in vain for {0}")]
    Timeout(Wait),
}

/// A running sandbox. Stops with [`Sandbox::stop`], at the latest with its runtime.
pub struct Sandbox {
    shared: Arc<Shared>,
    server: Server,
}

/// Starts the sandbox on the current tokio runtime.
///
/// # Errors
/// Where an address is not loopback or not free, or TLS cannot be set up.
pub async fn start(config: Config) -> Result<Sandbox, Error> {
    let shared = Arc::new(Shared::default());
    let server = Server::start(config, Arc::clone(&shared))?;
    Ok(Sandbox { shared, server })
}

impl Sandbox {
    /// The plain listener's address.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.server.http
    }

    /// The TLS listener's address.
    #[must_use]
    pub fn tls(&self) -> SocketAddr {
        self.server.tls
    }

    /// Waits until something has happened and answers what there is to know of it, as `GET /control/wait` does.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it has not happened in time.
    pub async fn wait(&self, what: Wait, timeout: Duration) -> Result<Value, Error> {
        control::wait::wait(&self.shared, what, timeout).await
    }

    /// Whether the CRM holds exactly what the exchange did, as `GET /control/verdict` says it.
    #[must_use]
    pub fn verdict(&self) -> Value {
        self.shared.read(|world| control::verdict::verdict(world, false))
    }

    /// Every request and what was answered, as `GET /control/ledger` says it.
    #[must_use]
    pub fn ledger(&self) -> Value {
        self.shared.read(|world| world.ledger.to_json())
    }

    /// Closes every socket and both listeners.
    pub async fn stop(self) {
        self.shared.change(|world| world.exchange.drop_sockets(None));
        self.server.stop().await;
    }
}
