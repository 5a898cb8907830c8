//! What the instances of a relay share: which agent is connected where, which commands were carried out, how far the history was
//! read, and who reads it. One process alone shares it with nobody; several do over NATS.

mod book;
mod local;
mod nats;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::agents::{Agents, Freshness};
use crate::commands::{Ending, Order};
use crate::config::Config;
use crate::tokens::AgentId;

/// One of the two engines.
#[derive(Clone)]
pub enum Bus {
    /// One process.
    Local(Arc<local::Local>),
    /// Several, over NATS.
    Nats(Arc<nats::Nats>),
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

/// Who carries a command out.
#[derive(Debug)]
pub enum Claim {
    /// Whoever asked.
    Ours,
    /// Somebody did already, and this came of it.
    Known(Ending),
}

/// Where an agent's browser is connected.
#[derive(Debug)]
pub enum Place {
    /// To this instance.
    Here,
    /// To another, of this id.
    Instance(String),
}

/// What another instance says to a command.
#[derive(Debug)]
pub enum Asked {
    /// What became of it.
    Told(Ending),
    /// There is no such instance any more: nothing was handed over.
    Nobody,
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
    /// The file that lets the relay into NATS cannot be used.
    #[error("nats.credentials: {} cannot be used: {source}", path.display())]
    Credentials {
        /// The file.
        path: std::path::PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The state's file cannot be read or written.
    #[error("the state's file {}: {source}; the relay's user must be able to write there", path.display())]
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
    /// The engine that the settings ask for, for work that no agent takes part in. NATS is waited for, for a moment.
    ///
    /// # Errors
    /// Where the credentials cannot be read or the state's folder cannot be made.
    pub async fn start(config: &Config) -> Result<Self, BusError> {
        let bus = Self::start_with(config, Agents::nobody()).await?;
        if let Self::Nats(nats) = &bus {
            nats.wait().await;
        }
        Ok(bus)
    }

    /// The engine that the settings ask for, with the agents who are connected here. NATS need not be there yet.
    ///
    /// # Errors
    /// Where the credentials cannot be read or the state's folder cannot be made.
    pub async fn start_with(config: &Config, agents: Arc<Agents>) -> Result<Self, BusError> {
        Ok(match &config.nats {
            Some(settings) => Self::Nats(nats::Nats::start(settings, agents).await?),
            None => Self::Local(Arc::new(local::Local::new(config.state.clone())?)),
        })
    }

    /// Whether the other instances can be reached.
    pub fn health(&self) -> Health {
        match self {
            Self::Local(_) => Health::Alone,
            Self::Nats(nats) => nats.health(),
        }
    }

    /// How far the work got, as [`Self::set_cursor`] was told; `None` before the first time.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn cursor(&self) -> Result<Option<String>, BusError> {
        match self {
            Self::Local(local) => local.cursor(),
            Self::Nats(nats) => nats.cursor().await,
        }
    }

    /// Remembers how far the work got, beyond every restart.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub async fn set_cursor(&self, cursor: &str) -> Result<(), BusError> {
        match self {
            Self::Local(local) => local.set_cursor(cursor),
            Self::Nats(nats) => nats.set_cursor(cursor).await,
        }
    }

    /// Takes a lease; `None` where somebody holds it.
    ///
    /// # Errors
    /// Where nobody can say who holds it.
    pub async fn lease(&self, name: &'static str) -> Result<Option<Lease>, BusError> {
        match self {
            Self::Local(local) => local.lease(name),
            Self::Nats(nats) => nats.lease(name).await,
        }
    }

    /// Who carries a command out. Where the others cannot be reached, whoever asks; never what a life before this one began.
    pub(crate) async fn claim(&self, order: &Order, answer: Duration) -> Claim {
        match self {
            Self::Local(local) => local.claim(order),
            Self::Nats(nats) => nats.claim(order, answer).await,
        }
    }

    /// Tells the others, or the next life, what became of a command; where nothing was handed over, that anybody may carry it out.
    pub(crate) fn settle(&self, order: &Order, ending: &Ending) {
        match self {
            Self::Local(local) => local.settle(order, ending),
            Self::Nats(nats) => nats.settle(order, ending),
        }
    }

    /// How recently an agent was at a browser that is connected to another instance; `None` where none is.
    pub fn freshness_elsewhere(&self, agent: AgentId) -> Option<Freshness> {
        self.places(agent).into_iter().map(|(freshness, _)| freshness).max()
    }

    /// The other instances that an agent's browsers are connected to.
    pub(crate) fn places(&self, agent: AgentId) -> Vec<(Freshness, Place)> {
        match self {
            Self::Local(_) => Vec::new(),
            Self::Nats(nats) => nats.places(agent),
        }
    }

    /// Has another instance carry a command out.
    pub(crate) async fn ask(&self, instance: &str, order: &Order, answer: Duration) -> Asked {
        match self {
            Self::Local(_) => Asked::Nobody,
            Self::Nats(nats) => nats.ask(instance, order, answer).await,
        }
    }

    /// Tells the others that nobody is connected here any more, and takes no more of their commands.
    pub(crate) async fn retire(&self) {
        if let Self::Nats(nats) = self {
            nats.retire().await;
        }
    }
}
