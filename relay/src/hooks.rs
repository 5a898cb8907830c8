//! What the CRM's web hooks and the browsers wake. They are answered at once; the work goes on behind.

use std::sync::Arc;

use tokio::sync::Notify;

/// One bell for each. A ring while the work goes on is kept, and several of them are one.
#[derive(Clone, Debug, Default)]
pub struct Hooks {
    /// `setup/upgrade`: the integration is to be set up anew.
    pub upgrade: Arc<Notify>,
    /// `communications/sync`: the history is to be read.
    pub sync: Arc<Notify>,
    /// A browser says that the CRM refused the key that was handed out: another one is wanted.
    pub key_refused: Arc<Notify>,
}
