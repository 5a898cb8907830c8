//! What administrators rely on: limits of time and size, health, metrics, TLS, the end, the command line.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use trubka::relay::Outcome;
use trubka_relay::config::Config;
use trubka_relay::guard::MOST_STRANGERS;
use trubka_relay::health;
use trubka_relay::pace::Pace;

use crate::support::{ANNA, Browser, LONG, SECRET, Setup, call, call_body, exchange, get, raw, request};

/// How long the relay bears a client that says only this.
async fn borne(address: SocketAddr, said: &[u8]) -> Duration {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(said).await.unwrap();
    let since = Instant::now();
    let mut all = Vec::new();
    // A reset is an end, too.
    let _ = timeout(LONG, socket.read_to_end(&mut all)).await.unwrap();
    since.elapsed()
}

#[tokio::test]
async fn slow_heads_slow_bodies_and_idle_connections_end() {
    let setup = Setup::new("");
    let (head, body) = (Duration::from_millis(600), Duration::from_millis(200));
    let relay = setup.start(Pace { head, body, ..Pace::default() }).await;
    let address = relay.address();
    let slow_body = request("communications/call", "e", "0123456789");
    let (nothing, half_a_head, idle, half_a_body) = tokio::join!(
        borne(address, b""),
        borne(address, b"GET /healthz HTTP/1.1\r\nHost: re"),
        borne(address, b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n"),
        borne(address, &slow_body[..slow_body.len() - 1]),
    );
    for elapsed in [nothing, half_a_head, idle] {
        assert!(elapsed >= head && elapsed < LONG, "{elapsed:?}");
    }
    assert!(half_a_body >= body, "{half_a_body:?}");
    // One that drips a letter at a time is no better.
    let mut socket = TcpStream::connect(address).await.unwrap();
    let since = Instant::now();
    let drip = async {
        while socket.write_all(b"G").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LONG, drip).await.unwrap();
    assert!(since.elapsed() >= head);
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    for head in [
        format!("GET /healthz HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(100_000)),
        format!("GET /healthz HTTP/1.1\r\n{}\r\n", "X: x\r\n".repeat(100)),
    ] {
        assert_eq!(raw(relay.address(), head.into_bytes()).await.unwrap().code, 431);
    }
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000));
    let code = raw(relay.address(), long.into_bytes()).await.unwrap().code;
    assert!(matches!(code, 414 | 431), "{code}");
}

#[tokio::test]
async fn whoever_comes_when_all_seats_are_taken_is_sent_away() {
    let setup = Setup::new("[limits]\nconnections = 2");
    let relay = setup.start(Pace::default()).await;
    let _anna = Browser::connect(relay.address(), &setup.anna).await;
    let boris = Browser::connect(relay.address(), &setup.boris).await;
    assert!(raw(relay.address(), b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n".to_vec()).await.is_none());
    drop(boris);
    let until_free = async {
        while raw(relay.address(), b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n".to_vec()).await.is_none() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, until_free).await.unwrap();
}

#[tokio::test]
async fn a_host_that_shows_nothing_cannot_take_every_seat() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    let address = relay.address();
    let mut eight = Vec::new();
    for _ in 0..8 {
        eight.push(Browser::connect(address, &setup.anna).await);
    }
    let health = || b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n".to_vec();
    let mut idle = Vec::new();
    for _ in 0..MOST_STRANGERS {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    assert!(raw(address, health()).await.is_none());
    let elsewhere = TcpSocket::new_v4().unwrap();
    elsewhere.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut elsewhere = elsewhere.connect(address).await.unwrap();
    assert_eq!(exchange(&mut elsewhere, health()).await.unwrap().code, 200);
    idle.pop();
    let until_free = async {
        while raw(address, health()).await.is_none() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, until_free).await.unwrap();
}

#[tokio::test]
async fn metrics_are_told_to_the_administrator_alone() {
    let setup = Setup::new("");
    let relay = setup.start(Pace::default()).await;
    let operations = relay.operations().unwrap();
    call(relay.address(), "c", "nobody").await;
    let metrics = get(operations, "/metrics").await;
    let counted = "trubka_relay_system_calls_total{call=\"call\",status=\"userUnknown\"}";
    assert!(metrics.body.contains(counted), "{}", metrics.body);
    assert!(!metrics.body.contains(SECRET));
    assert_eq!(get(relay.address(), "/metrics").await.code, 404);
    for address in [relay.address(), operations] {
        let health: serde_json::Value = serde_json::from_str(&get(address, "/healthz").await.body).unwrap();
        assert_eq!(health, serde_json::json!({ "nats": "none", "status": "ok" }));
        assert_eq!(get(address, "/readyz").await.code, 200);
    }
    assert_eq!(get(operations, &format!("/{SECRET}/communications/call")).await.code, 404);
}

/// A relay that speaks TLS itself, and the certificate, which nobody knows.
fn with_certificate() -> (Setup, CertificateDer<'static>) {
    let setup = Setup::new("[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"");
    let made = rcgen::generate_simple_self_signed(vec!["relay.test".to_owned()]).unwrap();
    std::fs::write(setup.folder.path().join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(setup.folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    (setup, made.cert.into())
}

#[tokio::test]
async fn tls_by_certificate_files() {
    let (setup, certificate) = with_certificate();
    let relay = setup.start(Pace { handshake: Duration::from_millis(300), ..Pace::default() }).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(relay.address()).await.unwrap();
    let name = ServerName::try_from("relay.test").unwrap();
    let mut socket = tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name, tcp).await.unwrap();
    let answer = exchange(&mut socket, request("communications/call", "e", &call_body("c", "nobody"))).await.unwrap();
    assert_eq!((answer.code, answer.status().as_str()), (409, "userUnknown"));
    // Whoever does not shake hands is not waited for.
    borne(relay.address(), b"").await;

    std::fs::write(setup.folder.path().join("key.pem"), "no key").unwrap();
    let broken = trubka_relay::Relay::start(setup.config(), Pace::default()).await.err().unwrap().to_string();
    assert!(broken.contains("key.pem"), "{broken}");
}

#[tokio::test]
async fn health_asks_the_relay_of_the_settings() {
    let (setup, _) = with_certificate();
    let relay = setup.start(Pace::default()).await;
    let config = setup.config();
    let (listen, operations) = (relay.address(), relay.operations());
    for settings in [
        Config { operations, ..config.clone() },
        Config { listen, operations: None, ..config.clone() },
        // What listens everywhere is asked on this machine.
        Config { listen: SocketAddr::from(([0, 0, 0, 0], listen.port())), operations: None, ..config.clone() },
    ] {
        let health: serde_json::Value = serde_json::from_str(&health::ask(&settings).await.unwrap()).unwrap();
        assert_eq!(health, serde_json::json!({ "nats": "none", "status": "ok" }));
    }
    // What answers there need not be a relay that is well, and a command tells that by its exit.
    let settings = Config { listen, operations: None, tls: None, ..config };
    let error = health::ask(&settings).await.unwrap_err();
    assert!(error.contains(&format!("no answer from http://{listen}/healthz")), "{error}");
    let output = setup.command(&["health"]).output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
}

#[tokio::test]
async fn sigterm_lets_what_has_begun_end() {
    let setup = Setup::new("");
    let relay = setup.spawn().await;
    let mut anna = Browser::connect(relay.address, &setup.anna).await;
    let (answer, ()) = tokio::join!(call(relay.address, "c", ANNA), async {
        let (id, _) = anna.command().await;
        relay.signal("-TERM");
        // It accepts nobody any more, and still waits for the browser.
        while TcpStream::connect(relay.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        anna.answer(&id, Outcome::Accepted).await;
    });
    assert_eq!(answer.code, 200);
    assert_eq!(anna.end().await, Some(1012));
    let log = relay.stop().await;
    assert!(log.contains("the relay has stopped"), "{log}");
}

#[test]
fn the_command_line_says_what_is_wrong() {
    let setup = Setup::new("");
    let run = |arguments: &[&str]| {
        let output = setup.command(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let (_, list, _) = run(&["agent", "list"]);
    assert!(list.contains("anna") && list.contains("boris") && !list.contains(&setup.anna), "{list}");
    let (added, token, _) = run(&["agent", "add", "vera"]);
    assert!(added && token.trim().len() == 64, "{token}");
    for (arguments, words) in [
        (["agent", "add", "vera"], "there is an agent of this name already"),
        (["agent", "revoke", "nobody"], "there is no agent of this name"),
    ] {
        let (good, _, error) = run(&arguments);
        assert!(!good && error.contains(words), "{error}");
    }
    std::fs::write(setup.settings(), "path_secret = \"short\"\nbase_url = \"http://example.com\"").unwrap();
    let (good, _, error) = run(&["serve"]);
    assert!(!good && error.contains("path_secret: can be guessed") && error.contains("base_url: must"), "{error}");
    let (good, help, _) = run(&["--help"]);
    assert!(good && help.contains("agent") && help.contains("serve"), "{help}");
}
