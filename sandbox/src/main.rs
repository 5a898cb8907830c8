//! `trubka-sandbox`: see the library.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use tracing_subscriber::EnvFilter;
use trubka_sandbox::{Config, start};

/// Strict local stand-ins for Phonet, UIS and Kontur.CRM
#[derive(Parser)]
struct Args {
    /// Loopback address for HTTP and WS; port 0 takes any free port
    #[arg(long, default_value = "127.0.0.1:8480")]
    http: SocketAddr,
    /// Loopback address for HTTPS and WSS; port 0 takes any free port
    #[arg(long, default_value = "127.0.0.1:8443")]
    tls: SocketAddr,
    /// A folder whose files are pages of the CRM under /lab/; may be given several times
    #[arg(long)]
    lab: Vec<PathBuf>,
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error")))
        .with_writer(std::io::stderr)
        .init();
    match run(Args::parse()).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            // A closed stderr leaves nobody to tell.
            let _ = writeln!(std::io::stderr(), "trubka-sandbox: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Box<dyn std::error::Error>> {
    let sandbox = start(Config { http: args.http, tls: args.tls, lab: args.lab }).await?;
    let ready = serde_json::json!({ "http": sandbox.http(), "tls": sandbox.tls() });
    writeln!(std::io::stdout(), "{ready}")?;
    tokio::signal::ctrl_c().await?;
    sandbox.stop().await;
    Ok(())
}
