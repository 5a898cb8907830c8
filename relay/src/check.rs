//! `trubka-relay check`: every key and address of the settings is tried, and what was found is said in words, each failure with what
//! to do about it.

use std::{collections::BTreeSet, time::Duration};

use async_nats::jetstream::{ErrorCode, context::GetStreamErrorKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::Value;
use trubka::{
    phonet::rest::User,
    problem::Problem,
    protocol::{HookName, InstanceStatus, IntegrationView, MainTelephony, Request},
    relay,
};

use crate::{
    config::{Config, Tls},
    services::{Crm, Exchange, Services, crm::problem_of, http::Http},
    tokens::AgentsFile,
    upgrade::comes,
    words,
};

/// How long NATS, or the relay itself, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which part it belongs to.
    pub part: &'static str,
    /// How it is.
    pub state: State,
    /// In words; of what is wrong, also what to do.
    pub words: String,
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Good,
    /// It works, and somebody should know something about it.
    Note,
    /// It does not work.
    Wrong,
}

/// The findings, in the order in which they were tried.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, part: &'static str, state: State, words: impl Into<String>) {
        self.0.push(Finding { part, state, words: words.into() });
    }

    fn good(&mut self, part: &'static str, words: impl Into<String>) {
        self.add(part, State::Good, words);
    }

    fn note(&mut self, part: &'static str, words: impl Into<String>) {
        self.add(part, State::Note, words);
    }

    fn wrong(&mut self, part: &'static str, words: impl Into<String>) {
        self.add(part, State::Wrong, words);
    }

    /// What is as it should be, or is not.
    fn is(&mut self, part: &'static str, is_good: bool, good: &str, wrong: &str) {
        if is_good { self.good(part, good) } else { self.wrong(part, wrong) }
    }
}

/// Tries everything that the settings name.
pub async fn check(config: &Config) -> Vec<Finding> {
    let mut found = Findings::default();
    tls(config, &mut found);
    address(config, &mut found).await;
    agents(config, &mut found);
    match Services::of(config) {
        Ok(services) => {
            match &services.exchange {
                Some(exchange) => phonet(config, exchange, &mut found).await,
                None => found.note("Phonet", "not set up: the history is not synchronized (section [phonet])"),
            }
            match &services.crm {
                Some(crm) => kontur(config, crm, &mut found).await,
                None => found.note("Kontur.CRM", "not set up: the relay only passes commands on (section [kontur])"),
            }
        }
        Err(_) => found.wrong("TLS", "the system's certificates cannot be read: install the package ca-certificates"),
    }
    nats(config, &mut found).await;
    found.0
}

fn tls(config: &Config, found: &mut Findings) {
    let part = "TLS";
    let is_behind_a_proxy = config.base_url.starts_with("https:");
    match &config.tls {
        Some(tls) => match pair(tls) {
            Ok(()) => found.good(part, "the certificate can be read, and the key belongs to it"),
            Err(words) => found.wrong(part, words),
        },
        None if config.listen.ip().is_loopback() && is_behind_a_proxy && config.trusted_proxies.is_empty() => found.wrong(
            part,
            "a proxy speaks HTTPS, and proxies.trusted does not name it: all browsers count as one address, with one address's \
             limits, and what came to the proxy by plain http is not refused",
        ),
        None if config.listen.ip().is_loopback() => {
            found.good(part, "none of its own: plain HTTP on this machine, for a proxy that speaks HTTPS");
        }
        None if !config.trusted_proxies.is_empty() => found.note(
            part,
            format!("{} speaks plain HTTP: see that only the proxies of proxies.trusted reach it", config.listen),
        ),
        None => found.wrong(
            part,
            format!(
                "{} is open to others in plain HTTP: set [tls], or name the proxy that speaks HTTPS in proxies.trusted",
                config.listen
            ),
        ),
    }
}

/// Whether what is sent to the relay's address comes to a relay, as far as this machine can tell.
async fn address(config: &Config, found: &mut Findings) {
    let (part, base_url) = ("Address", &config.base_url);
    // Of the system's certificates the services tell.
    let Ok(http) = Http::new(false) else { return };
    let is_relays = |body: &str| serde_json::from_str::<Value>(body).is_ok_and(|health| health.get("status").is_some());
    match http.get(&format!("{base_url}/healthz"), &[], PATIENCE).await {
        Ok((200, body)) if is_relays(&body) => found.good(part, format!("the relay answers at {base_url}")),
        Ok((status, _)) => {
            return found
                .wrong(part, format!("not the relay answers at {base_url} (HTTP {status}): see where it leads"));
        }
        Err(_) => {
            let what_to_do = "start the relay, and see that the name, the certificate and the proxy are right";
            return found.wrong(part, format!("no answer from {base_url}: {what_to_do}"));
        }
    }
    let upgrade = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dHJ1YmthLXJlbGF5LWNoaw=="),
    ];
    match http.get(&[base_url, relay::PATH].concat(), &upgrade, PATIENCE).await {
        Ok((101, _)) => found.good(part, "a browser's WebSocket comes through"),
        Ok((403, _)) => found.wrong(part, "the proxy says that plain http came to it: let it take https alone"),
        Ok((status, _)) => found.wrong(
            part,
            format!("no WebSocket comes through (HTTP {status}): have the proxy pass Upgrade and Connection on"),
        ),
        Err(_) => found.wrong(part, "no WebSocket comes through: look into the proxy's log"),
    }
}

fn pair(tls: &Tls) -> Result<(), String> {
    let unread = |file: &std::path::Path, what: &str| format!("{} holds no {what} in PEM", file.display());
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(&tls.certificate).and_then(|certificates| certificates.collect());
    let chain = chain.ok().filter(|chain: &Vec<_>| !chain.is_empty());
    let chain = chain.ok_or_else(|| unread(&tls.certificate, "certificate"))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|_| unread(&tls.key, "private key"))?;
    let provider = rustls::crypto::ring::default_provider();
    rustls::sign::CertifiedKey::from_der(chain, key, &provider)
        .map_err(|error| format!("the key and the certificate do not go together: {error}"))?;
    Ok(())
}

fn agents(config: &Config, found: &mut Findings) {
    let part = "Agents";
    let named: BTreeSet<&str> =
        config.directory.iter().filter_map(|person| person.agent.as_ref()).map(|name| name.reveal().as_str()).collect();
    match AgentsFile::new(config.agents.file.clone()).list() {
        Err(error) => found.wrong(part, error.to_string()),
        Ok(known) => {
            let known: BTreeSet<String> = known.into_iter().map(|agent| agent.name).collect();
            let without: Vec<&str> = named.iter().copied().filter(|name| !known.contains(*name)).collect();
            let unnamed: Vec<&str> = known.iter().map(String::as_str).filter(|name| !named.contains(name)).collect();
            if !without.is_empty() {
                let names = without.join(", ");
                found.wrong(part, format!("no token for {names}: issue one by `trubka-relay agent add NAME`"));
            }
            if !unnamed.is_empty() {
                let names = unnamed.join(", ");
                found.note(part, format!("nobody in the directory has the agent {names}: nothing rings there"));
            }
            if without.is_empty() && unnamed.is_empty() {
                found.good(part, format!("{} with a token, each of them in the directory", known.len()));
            }
        }
    }
    let lost = config.directory.iter().filter(|person| person.user_id.is_none()).count();
    if lost > 0 {
        found.note(part, format!("{lost} in the directory have no user_id: calls of theirs name no user in the CRM"));
    }
}

async fn phonet(config: &Config, exchange: &Exchange, found: &mut Findings) {
    let part = "Phonet";
    let users = match exchange.users().await {
        Ok(users) => users,
        Err(problem) => return found.wrong(part, words::in_english(&problem)),
    };
    found.good(part, format!("it answers and takes the key; {} employees", users.len()));
    let has = |user: &User, ext: &str| user.ext.as_deref() == Some(ext);
    let strangers = config.directory.iter().map(|person| person.ext.as_str());
    let strangers: Vec<&str> = strangers.filter(|ext| !users.iter().any(|user| has(user, ext))).collect();
    if !strangers.is_empty() {
        let exts = strangers.join(", ");
        found.wrong(part, format!("nobody there has the internal number {exts}: correct [[directory]]"));
    }
    let listed = |ext: &str| config.directory.iter().any(|person| person.ext == ext);
    let unlisted = users.iter().filter_map(|user| user.ext.as_deref()).filter(|ext| !listed(ext));
    let unlisted: Vec<&str> = unlisted.collect();
    if !unlisted.is_empty() {
        let exts = unlisted.join(", ");
        found.note(part, format!("not in the directory: {exts}; their calls name no user in the CRM"));
    }
    match exchange.active_calls().await {
        Ok(calls) => found.good(part, format!("it tells of its calls; {} going on now", calls.len())),
        Err(problem) => found.wrong(part, words::in_english(&problem)),
    }
}

async fn kontur(config: &Config, crm: &Crm, found: &mut Findings) {
    let part = "Kontur.CRM";
    if let Err(error) = crm.fresh_key().await {
        return found.wrong(part, words::in_english(&problem_of(error)));
    }
    found.good(part, format!("it answers and takes the key for the workspace {}", crm.kontur().workspace));
    match crm.integrate(Request::GetIntegration).await {
        Ok(view) => integration(config, &view, found),
        Err(problems) => found.wrong(part, sentences(&problems)),
    }
}

fn integration(config: &Config, view: &IntegrationView, found: &mut Findings) {
    let part = "Integration";
    match view.status {
        InstanceStatus::Active => found.good(part, "active"),
        InstanceStatus::NotConfigured => {
            found.wrong(
                part,
                "not configured: a public one is set up by the relay when it starts; else ask the CRM's support",
            );
        }
        InstanceStatus::Paused => found.wrong(part, "paused: let it go on in the CRM («Настройки» → «Интеграции»)"),
        InstanceStatus::HasErrors => found.note(part, "it works, and the CRM sees errors: look into the relay's log"),
        InstanceStatus::Failed => {
            found.wrong(
                part,
                "the CRM says that it does not work: mend what else is wrong here, then pause and resume it in the CRM",
            );
        }
        InstanceStatus::Unknown => found.note(part, "in a state that this version does not know"),
    }
    found.is(
        part,
        leads_here(config, view),
        "the CRM's base URL leads to this relay",
        &format!(
            "the CRM sends to another address than this relay's: have the integration's base URL set to {}/<path_secret>",
            config.base_url
        ),
    );
    let on = "the relay switches it on when it starts, once the base URL is right";
    found.is(part, view.features.call, "CALL is on: «Позвонить» rings", &format!("CALL is off: {on}"));
    found.is(part, view.features.hang_up, "HANGUP is on: «Положить трубку» works", &format!("HANGUP is off: {on}"));
    for (hook, name) in [(HookName::Upgrade, "setup/upgrade"), (HookName::Sync, "communications/sync")] {
        let off = format!("the web hook {name} does not come: {on}");
        found.is(part, comes(view, hook), &format!("the web hook {name} comes"), &off);
    }
    match view.main_telephony {
        MainTelephony::Ours => found.good(part, "it is the workspace's main telephony"),
        MainTelephony::Other => {
            found.wrong(
                part,
                "another telephony is the main one: choose this one in the CRM, or «Позвонить» goes there",
            );
        }
        MainTelephony::None => found.wrong(part, "no telephony is the main one: choose this one in the CRM"),
        MainTelephony::Unknown => found.note(part, "the CRM does not say which telephony is the main one"),
    }
}

/// Whether what the CRM sends comes to this relay.
pub fn leads_here(config: &Config, view: &IntegrationView) -> bool {
    let ours = [&config.base_url, "/", config.path_secret.reveal()].concat();
    view.base_url.trim_end_matches('/') == ours
}

async fn nats(config: &Config, found: &mut Findings) {
    let part = "NATS";
    let Some(nats) = &config.nats else {
        return found.good(part, "none: one instance by itself");
    };
    let servers: Vec<&str> = nats.servers.iter().map(|server| server.reveal().as_str()).collect();
    let mut options = async_nats::ConnectOptions::new().connection_timeout(PATIENCE);
    if let Some(file) = &nats.credentials {
        options = match options.credentials_file(file).await {
            Ok(options) => options,
            Err(_) => return found.wrong(part, format!("{} holds no credentials of NATS", file.display())),
        };
    }
    let client = match tokio::time::timeout(PATIENCE, options.connect(servers)).await {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => {
            return found.wrong(part, format!("no connection ({}): check nats.servers and that it runs", error.kind()));
        }
        Err(_) => return found.wrong(part, "it does not answer: check nats.servers and that it runs"),
    };
    // Not the account: the library cannot read what a 2.9 server answers of it.
    let jetstream = async_nats::jetstream::new(client);
    let bucket = jetstream.get_stream(format!("KV_trubka-{}-state", nats.deployment));
    match tokio::time::timeout(PATIENCE, bucket).await {
        Ok(Ok(_)) => found.good(part, "it answers, with what the instances share"),
        Ok(Err(error)) if is_unmade(&error.kind()) => {
            found.good(part, "it answers, with JetStream; the first instance to start makes what they share");
        }
        _ => found.wrong(
            part,
            "it answers without JetStream, where the instances keep what they share: start it with --jetstream",
        ),
    }
}

fn is_unmade(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

fn sentences(problems: &[Problem]) -> String {
    problems.iter().map(words::in_english).collect::<Vec<_>>().join(" ")
}
