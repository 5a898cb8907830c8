//! Several instances on one NATS: a real server, Debian's.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use trubka::Millis;
use trubka::problem::{Code, Problem};
use trubka::relay::{FromAgent, Outcome};
use trubka_relay::bus::Health;
use trubka_relay::pace::Pace;
use trubka_relay::tokens::AgentId;

use crate::nats_server::NatsServer;
use crate::support::{ANNA, Browser, LONG, Setup, call, get};

/// Waits until an instance says so of its NATS.
async fn until(address: SocketAddr, nats: &str) {
    let said = async {
        while !get(address, "/healthz").await.body.contains(&format!("\"nats\":\"{nats}\"")) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LONG, said).await.expect("NATS does not become so");
}

/// Presses «Позвонить» until somebody is connected, as far as this instance knows.
async fn call_when_known(address: SocketAddr, communication: &str) -> (u16, String) {
    let answered = async {
        loop {
            let answer = call(address, communication, ANNA).await;
            if answer.code == 200 {
                return (200, String::new());
            }
            let status = answer.status();
            if status != "agentNotConnected" {
                return (answer.code, status);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, answered).await.expect("nobody becomes connected")
}

#[tokio::test]
async fn a_call_that_reaches_one_instance_rings_at_a_browser_of_another() {
    let nats = NatsServer::start();
    let setup = Setup::new(&nats.settings());
    let (a, b) = (setup.start(Pace::default()).await, setup.start(Pace::default()).await);
    until(a.address(), "connected").await;
    until(b.address(), "connected").await;
    let mut far = Browser::connect(b.address(), &setup.anna).await;
    let (answer, (id, _)) = tokio::join!(call_when_known(a.address(), "c1"), far.accept());
    assert_eq!((answer.0, id.as_str()), (200, "c1"));
    // A repeat is recognized by either.
    assert_eq!(call(a.address(), "c1", ANNA).await.code, 200);
    assert_eq!(call(b.address(), "c1", ANNA).await.code, 200);
    // A refusal crosses over with its reason.
    let (answer, ()) = tokio::join!(call(a.address(), "c2", ANNA), async {
        let (id, _) = far.command().await;
        far.answer(&id, Outcome::Refused { problem: Problem::about(Code::DialRefused, &["занято"]) }).await;
    });
    assert!(answer.status() == "refused" && answer.body.contains("занято"), "{answer:?}");

    // Of two browsers the last active one gets it, wherever it is.
    let mut near = Browser::connect(a.address(), &setup.anna).await;
    let (answer, _) = tokio::join!(call(a.address(), "c3", ANNA), near.accept());
    assert_eq!(answer.code, 200);
    far.say(&FromAgent::Active).await;
    let known = async {
        while a.bus().freshness_elsewhere(AgentId::of("anna")).is_none_or(|freshness| freshness.active == Millis(0)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, known).await.unwrap();
    let (answer, _) = tokio::join!(call(a.address(), "c4", ANNA), far.accept());
    assert_eq!(answer.code, 200);

    // An instance that stops says so: the other one's browser is asked, and only it.
    b.stop().await;
    let (answer, _) = tokio::join!(call(a.address(), "c5", ANNA), near.accept());
    assert_eq!(answer.code, 200);
}

#[tokio::test]
async fn an_instance_killed_in_the_middle_of_a_command_gives_an_honest_answer() {
    let nats = NatsServer::start();
    let setup = Setup::new(&nats.settings());
    let a = setup.start(Pace::default()).await;
    let mut b = setup.spawn().await;
    until(a.address(), "connected").await;
    until(b.address, "connected").await;
    let mut anna = Browser::connect(b.address, &setup.anna).await;
    // The browser's instance dies: the other one finds out long before the command would expire.
    let (answer, since) = tokio::join!(call_when_known(a.address(), "c1"), async {
        anna.command().await;
        let since = Instant::now();
        b.child.kill().await.unwrap();
        since
    });
    assert_eq!(answer, (409, "agentLost".to_owned()));
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
    // The dead one's browsers are not asked again.
    assert_eq!(call(a.address(), "c2", ANNA).await.status(), "agentNotConnected");

    // The CRM's instance dies: whoever is asked again tells what the browser said.
    let mut c = setup.spawn().await;
    until(c.address, "connected").await;
    let mut anna = Browser::connect(a.address(), &setup.anna).await;
    let asked = tokio::spawn({
        let address = c.address;
        async move {
            while call(address, "c3", ANNA).await.code == 409 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    let (id, _) = anna.command().await;
    c.child.kill().await.unwrap();
    asked.await.unwrap_err();
    anna.answer(&id, Outcome::Accepted).await;
    assert_eq!(call(a.address(), "c3", ANNA).await.code, 200);
}

#[tokio::test]
async fn an_instance_that_stops_ends_the_others_commands_and_takes_no_more() {
    let nats = NatsServer::start();
    let setup = Setup::new(&nats.settings());
    let (a, b) = (setup.start(Pace::default()).await, setup.start(Pace::default()).await);
    until(a.address(), "connected").await;
    until(b.address(), "connected").await;
    let mut anna = Browser::connect(b.address(), &setup.anna).await;
    let (answer, ()) = tokio::join!(call_when_known(a.address(), "c1"), async {
        let (id, _) = anna.command().await;
        let stopped = tokio::spawn(b.stop());
        // The asker wonders every second whether the other one lives.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        assert_eq!(call(a.address(), "c2", ANNA).await.status(), "agentNotConnected");
        anna.answer(&id, Outcome::Accepted).await;
        assert_eq!(anna.end().await, Some(1012));
        stopped.await.unwrap();
    });
    assert_eq!(answer, (200, String::new()));
}

#[tokio::test]
async fn what_a_browser_of_another_instance_does_not_know_in_the_end_it_says() {
    let nats = NatsServer::start();
    let setup = Setup::new(&nats.settings());
    let pace = Pace { command: Duration::from_millis(500), ..Pace::default() };
    let (a, b) = (setup.start(pace).await, setup.start(pace).await);
    until(a.address(), "connected").await;
    until(b.address(), "connected").await;
    let mut anna = Browser::connect(b.address(), &setup.anna).await;
    let (answer, ()) = tokio::join!(call_when_known(a.address(), "c1"), async {
        let (id, _) = anna.command().await;
        tokio::time::sleep(pace.command + Duration::from_millis(100)).await;
        anna.answer(&id, Outcome::Unknown { problem: Problem::new(Code::DialUnknown) }).await;
    });
    assert_eq!(answer, (409, "unknown".to_owned()));
}

#[tokio::test]
async fn who_is_connected_is_said_again_where_it_was_not_heard() {
    let nats = NatsServer::start();
    let setup = Setup::new(&nats.settings());
    let (a, b) = (setup.start(Pace::default()).await, setup.start(Pace::default()).await);
    until(a.address(), "connected").await;
    until(b.address(), "connected").await;
    let server = setup.config().nats.unwrap().servers[0].reveal().clone();
    let jetstream = async_nats::jetstream::new(async_nats::connect(server).await.unwrap());
    let mut bucket = jetstream.get_stream("KV_trubka-default-presence").await.unwrap().cached_info().config.clone();
    bucket.max_message_size = 1;
    jetstream.update_stream(bucket.clone()).await.unwrap();
    let mut anna = Browser::connect(b.address(), &setup.anna).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(call(a.address(), "c1", ANNA).await.status(), "agentNotConnected");
    bucket.max_message_size = -1;
    jetstream.update_stream(bucket).await.unwrap();
    let (answer, _) = tokio::join!(call_when_known(a.address(), "c1"), anna.accept());
    assert_eq!(answer.0, 200);
}

#[tokio::test]
async fn the_figures_say_whether_nats_serves() {
    let mut nats = NatsServer::start();
    let setup = Setup::new(&nats.settings());
    nats.stop();
    let relay = setup.spawn().await;
    let figure = async || {
        let metrics = get(relay.operations, "/metrics").await.body;
        metrics.lines().find(|line| line.starts_with("trubka_relay_nats_connected")).map(str::to_owned)
    };
    assert_eq!(figure().await.as_deref(), Some("trubka_relay_nats_connected 0"));
    nats.start_again();
    until(relay.address, "connected").await;
    assert_eq!(figure().await.as_deref(), Some("trubka_relay_nats_connected 1"));
}

#[tokio::test]
async fn without_nats_each_instance_serves_its_own_and_with_it_again_all() {
    let mut nats = NatsServer::start();
    let setup = Setup::new(&nats.settings());
    let (a, b) = (setup.start(Pace::default()).await, setup.start(Pace::default()).await);
    until(a.address(), "connected").await;
    until(b.address(), "connected").await;
    a.bus().set_cursor("7").await.unwrap();
    let mut anna = Browser::connect(b.address(), &setup.anna).await;
    let (answer, _) = tokio::join!(call_when_known(a.address(), "c1"), anna.accept());
    assert_eq!(answer.0, 200);

    nats.stop();
    until(a.address(), "gone").await;
    until(b.address(), "gone").await;
    assert!(get(a.address(), "/healthz").await.body.contains("degraded"));
    assert_eq!(get(a.address(), "/readyz").await.code, 200);
    assert_eq!(call(a.address(), "c2", ANNA).await.status(), "agentNotConnected");
    let (answer, _) = tokio::join!(call(b.address(), "c3", ANNA), anna.accept());
    assert_eq!(answer.code, 200);
    b.bus().cursor().await.unwrap_err();

    nats.start_again();
    until(a.address(), "connected").await;
    until(b.address(), "connected").await;
    let (answer, (id, _)) = tokio::join!(call_when_known(a.address(), "c4"), anna.accept());
    assert_eq!((answer.0, id.as_str()), (200, "c4"));
    assert_eq!(b.bus().cursor().await.unwrap().as_deref(), Some("7"));
}

#[tokio::test]
async fn one_instance_holds_a_lease_and_one_that_starts_without_nats_waits_for_it() {
    let mut nats = NatsServer::start();
    let setup = Setup::new(&nats.settings());
    nats.stop();
    let a = setup.start(Pace::default()).await;
    assert_eq!(a.bus().health(), Health::Gone);
    a.bus().lease("sync").await.unwrap_err();
    nats.start_again();
    until(a.address(), "connected").await;
    let b = setup.start(Pace::default()).await;
    until(b.address(), "connected").await;
    assert_eq!(a.bus().cursor().await.unwrap(), None);
    let lease = a.bus().lease("sync").await.unwrap().unwrap();
    assert!(b.bus().lease("sync").await.unwrap().is_none());
    assert!(b.bus().lease("upgrade").await.unwrap().is_some());
    assert!(timeout(Duration::from_millis(10), lease.lost()).await.is_err());
    drop(lease);
    let freed = async {
        while b.bus().lease("sync").await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, freed).await.unwrap();
}
