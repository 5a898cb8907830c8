//! When each agent's browser was there last.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use trubka::Millis;

use crate::{clock::now, tokens::AgentId};

/// When each agent was heard last, as far as this instance knows. Cheap to clone: all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Attendance(Arc<Mutex<BTreeMap<AgentId, Millis>>>);

impl Attendance {
    /// A browser of this agent is there now.
    pub fn note(&self, agent: AgentId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(agent, now());
    }

    /// Everybody, and when they were heard last.
    pub fn all(&self) -> BTreeMap<AgentId, Millis> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
