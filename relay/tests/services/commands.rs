//! The commands as an administrator types them: the settings are written, tried and used; each failure says what to do.

use std::{path::Path, process::Stdio};

use crate::support::{ANNA, Bench, PATH_SECRET, Relay};
use serde_json::json;
use tokio::process::Command;
use trubka::protocol::HookName;
use trubka_relay::{
    check::{Finding, State, check},
    pace::Pace,
    services::Services,
    upgrade::{Upgrade, comes},
};

/// What a command says, its whole log with it, and whether it went well.
async fn say(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trubka-relay"));
    command.env("RUST_LOG", "trace").args(arguments).current_dir(folder).stdin(Stdio::null());
    let output = command.output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

fn wrong(findings: &[Finding]) -> Vec<&str> {
    findings.iter().filter(|it| it.state == State::Wrong).map(|it| it.words.as_str()).collect()
}

fn with_agents(bench: &Bench) -> Relay {
    let relay = Relay::of(bench, "");
    let agents = trubka_relay::tokens::AgentsFile::new(relay.config.agents.file.clone());
    for name in ["anna", "boris"] {
        agents.add(name).unwrap();
    }
    relay
}

#[tokio::test]
async fn from_nothing_to_a_registered_call() {
    let bench = crate::support::sandbox().await;
    let folder = tempfile::tempdir().unwrap();
    let http = bench.url("");
    let person = format!("001,{ANNA},anna");
    let init = [
        "init",
        "--no-questions",
        "--base-url",
        "http://127.0.0.1:8470",
        "--phonet-domain",
        "demo.phonet.com.ua",
        "--phonet-key",
        "sandbox-phonet-key",
        "--phonet-address",
        &http,
        "--workspace",
        "sandbox",
        "--kontur-key",
        "sandbox-kontur-key",
        "--kontur-address",
        &http,
        "--person",
        &person,
    ];
    let (went_well, said) = say(folder.path(), &init).await;
    assert!(went_well && said.contains("relay.toml is written"), "{said}");
    let (went_well, said) = say(folder.path(), &init).await;
    assert!(!went_well && said.contains("is there already"), "{said}");
    let (went_well, said) = say(folder.path(), &["check"]).await;
    assert!(!went_well, "{said}");
    for line in
        ["no token for anna", "it answers and takes the key; 2 employees", "not in the directory: 002", "CALL is off"]
    {
        assert!(said.contains(line), "{line}: {said}");
    }
    for secret in ["sandbox-phonet-key", "sandbox-kontur-key"] {
        assert!(!said.contains(secret), "{said}");
    }
    let call = bench.incoming("001").await;
    bench.hang_up(&call).await;
    let (went_well, said) = say(folder.path(), &["sync", "--since", "1h"]).await;
    // It has ended just now: a browser may still tell it.
    assert!(went_well && said.contains("registered now   0"), "{said}");
    for secret in ["sandbox-phonet-key", "sandbox-kontur-key", "JSESSIONID"] {
        assert!(!said.contains(secret), "{said}");
    }
    let (went_well, said) = say(folder.path(), &["sync", "--since", "soon"]).await;
    assert!(!went_well && said.contains("write 90m"), "{said}");
    bench.control("phonet-key", json!({ "valid": false })).await;
    let (went_well, said) = say(folder.path(), &["sync", "--since", "1h"]).await;
    assert!(
        !went_well && said.contains("Stopped: The exchange demo.phonet.com.ua does not accept the API key"),
        "{said}"
    );
}

#[tokio::test]
async fn the_check_finds_nothing_wrong_where_nothing_is() {
    let bench = crate::support::sandbox().await;
    let mut relay = with_agents(&bench);
    let crm = Services::of(&relay.config).unwrap().crm.unwrap();
    let view = Upgrade::new(crm).run().await.unwrap();
    assert!(comes(&view, HookName::Sync));
    let running = trubka_relay::Relay::start(relay.config.clone(), Pace::default()).await.unwrap();
    relay.config.base_url = format!("http://{}", running.address());
    let base_url = format!("{}/{PATH_SECRET}", relay.config.base_url);
    bench.control("integration", json!({ "baseUrl": base_url })).await;
    let findings = check(&relay.config).await;
    assert_eq!(wrong(&findings), Vec::<&str>::new());
    assert!(findings.iter().any(|it| it.words == "a browser's WebSocket comes through"), "{findings:?}");
    assert_eq!(bench.problems(), Vec::<String>::new());
    // A proxy is in front of which the relay is not told.
    relay.config.base_url = bench.url("");
    let findings = check(&relay.config).await;
    assert!(wrong(&findings)[0].starts_with("not the relay answers at"), "{findings:?}");
}

#[tokio::test]
async fn the_check_says_of_each_failure_what_to_do() {
    let bench = crate::support::sandbox().await;
    let mut relay = with_agents(&bench);
    relay.config.base_url = "https://127.0.0.1:1".to_owned();
    let found = async |change: &dyn Fn(&mut trubka_relay::config::Config)| {
        let mut config = relay.config.clone();
        change(&mut config);
        wrong(&check(&config).await).join("\n")
    };
    let all = found(&|_| {}).await;
    for line in [
        "no answer from https://",
        "another address than this relay's",
        "CALL is off",
        "HANGUP is off",
        "communications/sync does not come",
        "a proxy speaks HTTPS, and proxies.trusted does not name it",
    ] {
        assert!(all.contains(line), "{line}: {all}");
    }
    let words = found(&|config| config.phonet.as_mut().unwrap().api_key = "other".into()).await;
    assert!(words.contains("The exchange demo.phonet.com.ua does not accept the API key"), "{words}");
    let words = found(&|config| config.kontur.as_mut().unwrap().api_key = "other".into()).await;
    assert!(words.contains("does not accept the integration’s key"), "{words}");
    let words = found(&|config| config.kontur.as_mut().unwrap().workspace = "other".to_owned()).await;
    assert!(words.contains("The key belongs to the workspace “sandbox”"), "{words}");
    let words = found(&|config| config.directory[0].ext = "007".to_owned()).await;
    assert!(words.contains("nobody there has the internal number 007"), "{words}");
    let words = found(&|config| config.directory[0].agent = Some("vera".into())).await;
    assert!(words.contains("no token for vera"), "{words}");
    let words = found(&|config| config.listen = "0.0.0.0:8470".parse().unwrap()).await;
    assert!(words.contains("open to others in plain HTTP"), "{words}");
    let behind_a_proxy = found(&|config| {
        config.listen = "0.0.0.0:8470".parse().unwrap();
        config.trusted_proxies = vec!["172.17.0.0/16".parse().unwrap()];
    });
    assert!(!behind_a_proxy.await.contains("plain HTTP"));
    bench.control("integration", json!({ "status": "paused", "main": "other" })).await;
    let words = found(&|_| {}).await;
    assert!(words.contains("paused: let it go on") && words.contains("another telephony is the main one"), "{words}");
    bench.control("fault", json!({ "service": "phonet", "kind": "refuse", "seconds": 60 })).await;
    let words = found(&|_| {}).await;
    assert!(words.contains("The exchange demo.phonet.com.ua does not answer"), "{words}");
}
