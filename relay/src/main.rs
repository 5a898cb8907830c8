//! `trubka-relay`: see the library.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::{
    EnvFilter,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};
use trubka::Millis;
use trubka_relay::bus::Bus;
use trubka_relay::config::{self, Config, LogFormat};
use trubka_relay::init::{self, Answers};
use trubka_relay::services::Services;
use trubka_relay::sync::{Attendance, by_hand};
use trubka_relay::tokens::{AgentId, AgentsFile};
use trubka_relay::{check, health, serve, work};

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
    /// Write the settings, asking for what the command line does not say; nothing is written over
    Init(Box<Answers>),
    /// Try every key and address of the settings, and say of each failure what to do about it
    Check,
    /// Ask the running relay of these settings, on this machine, how it is; for what watches over its process
    Health,
    /// Read Phonet's history and register in Kontur.CRM what is missing there, with its recordings
    Sync {
        /// Since when: so long ago as 90m, 12h or 3d, a day such as 2026-11-28, or 2026-11-28T18:00:00+03:00
        #[arg(long, value_name = "WHEN", value_parser = by_hand::since)]
        since: Millis,
    },
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
        Ok(code) => code,
        Err(error) => {
            // A closed stderr leaves nobody to tell.
            let _ = writeln!(std::io::stderr(), "trubka-relay: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let command = args.command.unwrap_or(Command::Serve);
    if let Command::Init(answers) = command {
        init::init(&args.config, *answers)?;
        let file = args.config.display();
        writeln!(std::io::stdout(), "{file} is written. Look through it, then: trubka-relay --config {file} check")?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config::load(&args.config)?;
    let mut is_well = true;
    match command {
        Command::Init(_) => {}
        Command::Check => is_well = runtime()?.block_on(check(&config))?,
        Command::Health => writeln!(std::io::stdout(), "{}", runtime()?.block_on(health::ask(&config))?)?,
        Command::Sync { since } => {
            log_to_stderr(config.log, "warn");
            is_well = runtime()?.block_on(sync(&config, since))?;
        }
        Command::Serve => {
            log_to_stderr(config.log, "info");
            runtime()?.block_on(serve(config))?;
        }
        Command::Agent(command) => agent(&AgentsFile::new(config.agents.file), command)?,
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn check(config: &Config) -> std::io::Result<bool> {
    let findings = check::check(config).await;
    let mut out = std::io::stdout();
    for check::Finding { part, state, words } in &findings {
        let sign = match state {
            check::State::Good => "ok",
            check::State::Note => "note",
            check::State::Wrong => "WRONG",
        };
        writeln!(out, "{sign:>5}  {part}: {words}")?;
    }
    Ok(findings.iter().all(|finding| finding.state != check::State::Wrong))
}

async fn sync(config: &Config, since: Millis) -> Result<bool, Box<dyn std::error::Error>> {
    let services = Services::of(config)?;
    let sync = work::sync(config, &services, &Bus::start(config).await?, &Attendance::default());
    let sync = sync.ok_or("the settings name no [phonet] or no [kontur]: both are needed")?;
    Ok(by_hand::by_hand(sync, since, &mut std::io::stdout()).await?)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// `RUST_LOG` says how much; without it, what concerns the administrator. What libraries say of their own is never more than a warning:
/// their frames hold tokens and numbers, addresses the secret, cookies a session.
fn log_to_stderr(format: LogFormat, level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let own = [("trubka", LevelFilter::TRACE), ("trubka_relay", LevelFilter::TRACE)];
    let ours = Targets::new().with_default(LevelFilter::WARN).with_targets(own);
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).finish().with(ours).init(),
        LogFormat::Json => log.json().flatten_event(true).finish().with(ours).init(),
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
