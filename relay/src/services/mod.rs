//! The services as the relay asks them: Phonet's REST and Kontur.CRM's API. What is asked and what an answer means is said by the
//! pure modules that the extension goes by, too.

pub mod crm;
pub mod exchange;
pub(crate) mod http;

use std::sync::Arc;

use trubka::settings::{Cards, Kontur, Person, Phonet, Settings};

pub use self::{crm::Crm, exchange::Exchange};
use crate::config::Config;

/// The services that the settings name.
#[derive(Clone, Debug)]
pub struct Services {
    /// Phonet.
    pub exchange: Option<Arc<Exchange>>,
    /// Kontur.CRM.
    pub crm: Option<Arc<Crm>>,
}

impl Services {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// The system's certificates cannot be read.
    pub fn of(config: &Config) -> Result<Self, reqwest::Error> {
        Ok(Self {
            exchange: phonet(config).map(Exchange::new).transpose()?.map(Arc::new),
            crm: kontur(config).map(Crm::new).transpose()?.map(Arc::new),
        })
    }
}

/// The settings as the core has them: the CRM and the directory, but no exchange, whose subscriber would be one agent.
pub fn settings(config: &Config) -> Settings {
    let person = |person: &crate::config::Person| Person {
        ext: person.ext.clone(),
        user_id: person.user_id.as_ref().map(|id| id.to_ascii_lowercase()),
        name: person.name.clone(),
    };
    let mut settings = Settings::default();
    settings.kontur = kontur(config);
    settings.directory = config.directory.iter().map(person).collect();
    settings
}

fn phonet(config: &Config) -> Option<Phonet> {
    let phonet = config.phonet.as_ref()?;
    Some(Phonet {
        domain: phonet.domain.clone(),
        api_key: phonet.api_key.clone(),
        subscriber: String::new(),
        address: phonet.address.clone(),
    })
}

fn kontur(config: &Config) -> Option<Kontur> {
    let kontur = config.kontur.as_ref()?;
    Some(Kontur {
        workspace: kontur.workspace.clone(),
        api_key: Some(kontur.api_key.clone()),
        secret: kontur.secret.clone(),
        user_id: None,
        recordings: kontur.recordings,
        missed_calls: true,
        cards: Cards::default(),
        address: kontur.address.clone(),
    })
}
