//! The relay: what Kontur.CRM asks of an integration's server, handed to the agents' browsers.

pub mod bus;
pub mod clock;
pub mod config;
pub mod hooks;
pub mod pace;
pub mod tokens;

use config::Config;

/// Why the relay does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The agents' file cannot be read.
    #[error(transparent)]
    Tokens(#[from] tokens::TokensError),
    /// The bus cannot be set up.
    #[error(transparent)]
    Bus(#[from] bus::BusError),
}

/// Runs the relay until SIGTERM or Ctrl-C.
///
/// # Errors
/// Where it cannot start.
pub async fn serve(config: Config) -> Result<(), Error> {
    let _bus = bus::Bus::start(&config).await?;
    let _tokens = tokens::watch(tokens::AgentsFile::new(config.agents.file))?;
    tracing::error!("this build listens to nobody yet");
    Ok(())
}
