use std::rc::Rc;

use trubka::{
    core::io::{DocumentName, Input, Write},
    private::Private,
    shell::store::{Store, Stored},
};
use wasm_bindgen_test::wasm_bindgen_test;

use super::fakes::{
    Inputs, Patched, abort_once, call_keys, create_first, create_newer, delete_database, poison, spy_durability,
};

fn put(id: u32, json: &str) -> Write {
    Write::PutRow { id, json: Private::from(json) }
}

fn line(id: u32, json: &str) -> Write {
    Write::PutLine { id, json: json.to_owned() }
}

fn call(key: &str) -> Write {
    Write::PutCall { key: key.to_owned(), json: Private::from("{}") }
}

fn document(name: DocumentName, json: &str) -> Write {
    Write::Document { name, json: Private::from(json) }
}

async fn fresh(name: &str) -> Rc<Store> {
    delete_database(name).await;
    let (store, stored) = Store::open(name).await;
    let stored = stored.unwrap();
    assert!(stored.settings.is_none() && stored.state.is_none() && stored.handed.is_none());
    assert!(stored.rows.is_empty() && stored.lines.is_empty());
    store
}

async fn reopened(name: &str) -> Stored {
    Store::open(name).await.1.unwrap()
}

fn rows(stored: &Stored) -> Vec<&str> {
    stored.rows.iter().map(|row| row.reveal().as_str()).collect()
}

/// Persists batches at once and waits for what becomes of each, in the order of the reports.
async fn persist<const N: usize>(store: &Rc<Store>, batches: [Vec<Write>; N]) -> Vec<(u32, bool)> {
    let inputs = Inputs::default();
    for (batch, writes) in (0..).zip(batches) {
        let report = inputs.reporter();
        store.persist(writes, move |stored| report(Input::Persisted { batch, stored }));
    }
    let mut outcomes = Vec::new();
    while outcomes.len() < N {
        let Input::Persisted { batch, stored } = inputs.next().await else { panic!("only batches are reported") };
        outcomes.push((batch, stored));
    }
    outcomes
}

#[wasm_bindgen_test]
async fn keeps_what_it_stored_in_the_order_of_the_batches() {
    let name = "keeps";
    let store = fresh(name).await;
    let batches = [
        vec![put(10, "ten"), put(2, "old"), line(10, "tenth"), line(2, "second"), document(DocumentName::State, "old")],
        vec![put(2, "two"), document(DocumentName::State, "state")],
        vec![put(3, "three"), document(DocumentName::Settings, "settings"), document(DocumentName::Handed, "handed")],
        vec![line(1, "first"), Write::DeleteLine { id: 2 }, Write::DeleteLine { id: 99 }],
        vec![Write::DeleteRow { id: 3 }, Write::DeleteRow { id: 99 }],
        vec![],
    ];
    assert_eq!(persist(&store, batches).await, (0..6).map(|batch| (batch, true)).collect::<Vec<_>>());

    let stored = reopened(name).await;
    assert_eq!(rows(&stored), ["two", "ten"]);
    assert_eq!(stored.lines, ["first", "tenth"]);
    assert_eq!(stored.state, Some(Private::from("state")));
    assert_eq!(stored.settings, Some(Private::from("settings")));
    assert_eq!(stored.handed, Some(Private::from("handed")));
}

#[wasm_bindgen_test]
async fn a_database_of_the_first_version_keeps_what_it_holds_and_gets_a_log() {
    let name = "first";
    delete_database(name).await;
    create_first(name).await;
    let (store, stored) = Store::open(name).await;
    let stored = stored.unwrap();
    assert_eq!(stored.settings, Some(Private::from("settings")));
    assert_eq!(stored.state, Some(Private::from("state")));
    assert_eq!(rows(&stored), ["one", "two"]);
    assert!(stored.lines.is_empty());

    assert_eq!(persist(&store, [vec![put(3, "three"), line(1, "line")]]).await, [(0, true)]);
    let stored = reopened(name).await;
    assert_eq!(rows(&stored), ["one", "two", "three"]);
    assert_eq!(stored.lines, ["line"]);
}

#[wasm_bindgen_test]
async fn every_batch_is_strictly_durable() {
    let store = fresh("durable").await;
    let _patched = Patched;
    let granted = spy_durability();
    persist(&store, [vec![put(1, "a")]]).await;
    persist(&store, [vec![put(2, "b")], vec![put(3, "c")]]).await;
    let granted: Vec<_> = granted.iter().map(|durability| durability.as_string()).collect();
    assert_eq!(granted, [Some("strict".to_owned()), Some("strict".to_owned())]);
}

#[wasm_bindgen_test]
async fn what_waits_for_a_slow_disk_waits_once() {
    let name = "together";
    let store = fresh(name).await;
    let _patched = Patched;
    let granted = spy_durability();
    let batches = std::array::from_fn::<_, 20, _>(|n| vec![put(n as u32, "row")]);
    assert_eq!(persist(&store, batches).await, (0..20).map(|batch| (batch, true)).collect::<Vec<_>>());
    assert_eq!(granted.length(), 1);
    assert_eq!(rows(&reopened(name).await).len(), 20);
}

#[wasm_bindgen_test]
async fn a_batch_that_fails_leaves_nothing_and_the_next_is_stored() {
    let name = "fails";
    let store = fresh(name).await;
    let _patched = Patched;
    poison("poison");
    let batches = [vec![put(1, "first"), put(2, "poison")], vec![put(3, "third")]];
    assert_eq!(persist(&store, batches).await, [(0, false), (1, true)]);
    assert_eq!(rows(&reopened(name).await), ["third"]);
}

#[wasm_bindgen_test]
async fn a_batch_that_the_browser_aborts_is_written_again() {
    let name = "aborts";
    let store = fresh(name).await;
    let _patched = Patched;
    abort_once();
    assert_eq!(persist(&store, [vec![put(1, "one")]]).await, [(0, true)]);
    assert_eq!(rows(&reopened(name).await), ["one"]);
}

#[wasm_bindgen_test]
async fn a_closed_database_is_opened_anew() {
    let name = "closed";
    let store = fresh(name).await;
    delete_database(name).await;
    assert_eq!(persist(&store, [vec![put(1, "one")]]).await, [(0, true)]);
    assert_eq!(rows(&reopened(name).await), ["one"]);
}

#[wasm_bindgen_test]
async fn what_could_not_be_read_is_never_written_over() {
    let name = "newer";
    delete_database(name).await;
    create_newer(name).await;
    let (store, stored) = Store::open(name).await;
    assert!(stored.is_err());
    delete_database(name).await;
    assert_eq!(persist(&store, [vec![put(1, "one")]]).await, [(0, false)]);
}

#[wasm_bindgen_test]
async fn keeps_the_newest_calls_of_the_list() {
    let name = "calls";
    let store = fresh(name).await;
    let trim = Write::TrimCalls { keep: 2 };
    let batches = [vec![call("1"), trim.clone()], vec![call("3"), call("2"), call("4"), trim.clone(), put(1, "row")]];
    assert_eq!(persist(&store, batches).await, [(0, true), (1, true)]);
    assert_eq!(call_keys(name).await, ["3", "4"]);
    assert_eq!(persist(&store, [vec![call("3"), trim]]).await, [(0, true)]);
    assert_eq!(call_keys(name).await, ["3", "4"]);
    assert_eq!(rows(&reopened(name).await), ["row"], "what comes after it in the batch is stored, too");
}
