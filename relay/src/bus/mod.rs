//! What the instances of a relay share: which agent is connected where, which commands were carried out, how far the history was
//! read, and who reads it. One process alone shares it with nobody; several do over NATS.

mod local;

use std::sync::Arc;

use tokio::sync::watch;

use crate::config::Config;

/// One of the two engines.
#[derive(Clone)]
pub enum Bus {
    /// One process.
    Local(Arc<local::Local>),
}

/// Whether the other instances can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// There are none.
    Alone,
    /// They can.
    Connected,
    /// They cannot: only the agents connected here ring.
    Gone,
}

impl Health {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alone => "none",
            Self::Connected => "connected",
            Self::Gone => "gone",
        }
    }
}

/// Why the bus does not answer.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// NATS is gone.
    #[error("NATS does not answer")]
    Gone,
    /// NATS answers something else.
    #[error("NATS: {0}")]
    Nats(String),
    /// The state's file cannot be read or written.
    #[error("the state's file {}: {source}", path.display())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// A right that one holder has at a time, among all instances. It ends when this is dropped, or within half a minute of the
/// holder's death.
#[derive(Debug)]
pub struct Lease {
    lost: watch::Receiver<bool>,
    /// Dropped with the lease: its end is how the holder's task learns.
    _held: tokio::sync::oneshot::Sender<()>,
}

impl Lease {
    /// Comes when somebody else may hold it: the work must stop.
    pub async fn lost(&self) {
        let mut lost = self.lost.clone();
        // Its task gone, nobody renews it.
        let _ = lost.wait_for(|lost| *lost).await;
    }
}

impl Bus {
    /// The engine that the settings ask for. NATS need not be there yet.
    ///
    /// # Errors
    /// Where the credentials cannot be read or the state's folder cannot be made.
    pub async fn start(config: &Config) -> Result<Self, BusError> {
        Ok(Self::Local(Arc::new(local::Local::new(config.state.clone())?)))
    }

    /// Whether the other instances can be reached.
    pub fn health(&self) -> Health {
        match self {
            Self::Local(_) => Health::Alone,
        }
    }

    /// How far the work got, as [`Self::set_cursor`] was told; `None` before the first time.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn cursor(&self) -> Result<Option<String>, BusError> {
        match self {
            Self::Local(local) => local.cursor(),
        }
    }

    /// Remembers how far the work got, beyond every restart.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub async fn set_cursor(&self, cursor: &str) -> Result<(), BusError> {
        match self {
            Self::Local(local) => local.set_cursor(cursor),
        }
    }

    /// Takes a lease; `None` where somebody holds it.
    ///
    /// # Errors
    /// Where nobody can say who holds it.
    pub async fn lease(&self, name: &'static str) -> Result<Option<Lease>, BusError> {
        match self {
            Self::Local(local) => Ok(local.lease(name)),
        }
    }
}
