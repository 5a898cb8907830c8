//! The integration of the sandbox's CRM, brought to what the relay needs; and the keys that are handed out.

use std::{sync::Arc, time::Duration};

use crate::support::{Bench, PATH_SECRET, Relay};
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use trubka::{Millis, problem::Code, protocol::HookName, relay::Handed};
use trubka_relay::{
    handed::{Renewal, keep_handed},
    pace::Pace,
    services::Services,
    upgrade::{Upgrade, comes},
};

/// How many requests changed something.
fn changes(bench: &Bench) -> usize {
    let ledger = bench.sandbox.ledger();
    let entries = ledger["entries"].as_array().unwrap();
    let changes = |entry: &&Value| {
        entry["method"] == "PATCH" || entry["path"].as_str().is_some_and(|path| path.ends_with("/setup"))
    };
    entries.iter().filter(changes).count()
}

fn upgrade(relay: &Relay) -> Upgrade {
    Upgrade::new(Services::of(&relay.config).unwrap().crm.unwrap())
}

#[tokio::test]
async fn a_private_integration_gets_its_system_calls_and_web_hooks_once() {
    let bench = crate::support::sandbox().await;
    let relay = Relay::of(&bench, "");
    let upgrade = upgrade(&relay);
    let view = upgrade.run().await.unwrap();
    assert!(view.features.call && view.features.hang_up);
    assert!(comes(&view, HookName::Upgrade) && comes(&view, HookName::Sync));
    assert_eq!(changes(&bench), 3);
    assert_eq!(upgrade.run().await.unwrap(), view);
    assert_eq!(changes(&bench), 3, "what is so already is not touched");
    assert_eq!(bench.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn a_public_integration_is_set_up_first() {
    let bench = crate::support::sandbox().await;
    let mut relay = Relay::of(&bench, "");
    let kontur = relay.config.kontur.as_mut().unwrap();
    kontur.api_key = "sandbox-public-key".into();
    kontur.secret = Some("clientId=sandbox-secret".into());
    let upgrade = upgrade(&relay);
    let view = upgrade.run().await.unwrap();
    assert_eq!(view.settings.iter().find(|it| it.id == "version").unwrap().value, env!("CARGO_PKG_VERSION"));
    assert!(view.features.call && comes(&view, HookName::Sync));
    assert_eq!(changes(&bench), 4);
    upgrade.run().await.unwrap();
    assert_eq!(changes(&bench), 4);
    assert_eq!(bench.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn a_change_that_the_crm_refuses_is_told_and_made_the_next_time() {
    let bench = crate::support::sandbox().await;
    let relay = Relay::of(&bench, "");
    let upgrade = upgrade(&relay);
    bench.control("fault", json!({ "service": "kontur", "path": "/instances/", "status": 503, "count": 1 })).await;
    assert_eq!(upgrade.run().await.unwrap_err()[0].code, Code::KonturStatus);
    bench.control("expire-keys", json!({})).await;
    assert!(comes(&upgrade.run().await.unwrap(), HookName::Sync));
}

#[tokio::test]
async fn a_relay_that_starts_while_the_crm_is_away_sets_the_integration_up_when_it_is_back() {
    let bench = crate::support::sandbox().await;
    let relay = Relay::of(&bench, "");
    let base_url = format!("{}/{PATH_SECRET}", relay.config.base_url);
    bench.control("integration", json!({ "baseUrl": base_url })).await;
    bench.control("fault", json!({ "service": "kontur", "path": "/instances/", "status": 503, "count": 2 })).await;
    let running = trubka_relay::Relay::start(relay.config.clone(), Pace::default()).await.unwrap();
    let switched_on = async {
        while bench.get("/control/state").await.1["integration"]["features"]["call"] != true {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(60), switched_on).await.unwrap();
    // The CRM may have given up sending web hooks: the history is read without.
    let cursor = relay.config.state.join("cursor");
    let read = async {
        while !cursor.exists() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(60), read).await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn a_key_is_handed_out_renewed_in_time_and_replaced_when_it_is_refused() {
    let bench = crate::support::sandbox().await;
    let relay = Relay::of(&bench, "");
    let crm = Services::of(&relay.config).unwrap().crm.unwrap();
    let refused = Arc::new(Notify::new());
    let (sender, mut handed) = watch::channel(relay.config.handed());
    tokio::spawn(keep_handed(
        sender,
        crm.clone(),
        Arc::clone(&refused),
        Renewal { least: Millis(1), ..Renewal::default() },
    ));
    handed.changed().await.unwrap();
    let first = handed.borrow_and_update().access.clone().unwrap();
    assert_eq!((first.workspace.as_str(), handed.borrow().directory.len()), ("sandbox", 2));
    refused.notify_one();
    handed.changed().await.unwrap();
    let second = handed.borrow_and_update().access.clone().unwrap();
    assert_ne!(first.key, second.key);
    let path = "/api/v1/sandbox/communications/callbacks/telephony/call-redirect?phoneNumber=79451235489";
    let request = bench.http.get(bench.url(path)).header("X-XCOM-AccessKey", second.key.reveal());
    assert_eq!(bench.send(request).await.0, 200);

    // A lead of almost the whole life: each key is renewed at once.
    let eager = Renewal { lead: Millis::mins(20), least: Millis(1) };
    let (sender, mut handed) = watch::channel(Handed::default());
    tokio::spawn(keep_handed(sender, crm, Arc::default(), eager));
    for _ in 0..3 {
        handed.changed().await.unwrap();
    }
}
