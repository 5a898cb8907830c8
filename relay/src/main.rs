//! `trubka-relay`: see the library.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use trubka_relay::config::{self, Config, LogFormat};
use trubka_relay::serve;
use trubka_relay::tokens::{AgentId, AgentsFile};

/// Hands Kontur.CRM's «Позвонить» and «Положить трубку» to the agents' browsers, and keeps the CRM's history of calls whole
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The settings
    #[arg(long, short, global = true, value_name = "FILE", default_value = config::FILE)]
    config: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the relay until SIGTERM or Ctrl-C; also what happens without a command
    Serve,
    /// Issue, list and revoke the tokens by which agents' browsers are known
    #[command(subcommand)]
    Agent(AgentCommand),
}

#[derive(Subcommand)]
enum AgentCommand {
    /// Issue a token: it is printed once and kept nowhere
    Add {
        /// The name that the directory uses, such as anna; all of an agent's browsers share it
        name: String,
    },
    /// Show who has a token
    List,
    /// Take a token back: a running relay drops the agent's browsers within seconds
    Revoke {
        /// The name
        name: String,
    },
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed stderr leaves nobody to tell.
            let _ = writeln!(std::io::stderr(), "trubka-relay: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::load(&args.config)?;
    match args.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            log_to_stderr(config.log);
            runtime()?.block_on(serve(config))?;
        }
        Command::Agent(command) => agent(&AgentsFile::new(config.agents.file), command)?,
    }
    Ok(())
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// `RUST_LOG` says how much; without it, what concerns the administrator.
fn log_to_stderr(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

fn agent(file: &AgentsFile, command: AgentCommand) -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout();
    match command {
        AgentCommand::Add { name } => writeln!(out, "{}", file.add(&name)?.reveal())?,
        AgentCommand::Revoke { name } => file.revoke(&name)?,
        AgentCommand::List => {
            for agent in file.list()? {
                writeln!(out, "{}  since {}  {}", AgentId::of(&agent.name), agent.since, agent.name)?;
            }
        }
    }
    Ok(())
}
