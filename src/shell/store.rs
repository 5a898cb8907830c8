//! The database: four object stores of JSON texts, written in strictly durable transactions, one after another.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    slice,
};

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{IdbDatabase, IdbFactory, IdbObjectStore, IdbRequest, IdbTransaction};

use crate::{
    core::io::{DocumentName, Write},
    private::Private,
};

/// 2 came with the log, 3 with the list of calls. An upgrade adds what is missing and leaves the rest as it is.
const VERSION: u32 = 3;
/// [`DocumentName::key`] → JSON.
const DOCUMENTS: &str = "documents";
/// The row's id → JSON.
const OUTBOX: &str = "outbox";
/// The line's id → JSON.
const LOG: &str = "log";
/// The call's key → JSON. The popup reads it by itself.
const CALLS: &str = "calls";
const STORES: [&str; 4] = [DOCUMENTS, OUTBOX, LOG, CALLS];

/// What the database held when it was opened.
#[derive(Debug, Default)]
pub struct Stored {
    /// The settings document.
    pub settings: Option<Private<String>>,
    /// The state document.
    pub state: Option<Private<String>>,
    /// What the relay handed out.
    pub handed: Option<Private<String>>,
    /// The rows of the outbox in the order of their keys.
    pub rows: Vec<Private<String>>,
    /// The lines of the log in the order of their keys.
    pub lines: Vec<String>,
}

/// The open database.
pub struct Store {
    name: String,
    /// None when what it held could not be read: writing over what nobody has seen would lose it.
    database: RefCell<Option<IdbDatabase>>,
    batches: RefCell<Vec<Batch>>,
    writing: Cell<bool>,
}

struct Batch {
    writes: Vec<Write>,
    done: Box<dyn FnOnce(bool)>,
}

impl Store {
    /// Opens the database and reads it, with one more try when that fails. After an error every batch fails too.
    pub async fn open(name: &str) -> (Rc<Self>, Result<Stored, JsValue>) {
        let opened = match open_and_load(name).await {
            Err(_) => open_and_load(name).await,
            opened => opened,
        };
        let (database, stored) = match opened {
            Ok((database, stored)) => (Some(database), Ok(stored)),
            Err(error) => (None, Err(error)),
        };
        let store = Self {
            name: name.to_owned(),
            database: RefCell::new(database),
            batches: RefCell::default(),
            writing: Cell::new(false),
        };
        (Rc::new(store), stored)
    }

    /// Stores a batch after all the earlier ones, all of it or nothing, and says whether it is stored for good.
    pub fn persist(self: &Rc<Self>, writes: Vec<Write>, done: impl FnOnce(bool) + 'static) {
        self.batches.borrow_mut().push(Batch { writes, done: Box::new(done) });
        if !self.writing.replace(true) {
            let store = Rc::clone(self);
            spawn_local(async move {
                loop {
                    let waiting = store.batches.take();
                    if waiting.is_empty() {
                        break;
                    }
                    store.write_all(waiting).await;
                }
                store.writing.set(false);
            });
        }
    }

    /// Writes the batches that have come together: with a wait for a slow disk for each, they would fall ever farther behind.
    async fn write_all(&self, batches: Vec<Batch>) {
        let all = self.write(&batches).await;
        for batch in batches {
            // It may be another one of them that fails.
            let stored = all || self.write(slice::from_ref(&batch)).await;
            (batch.done)(stored);
        }
    }

    /// Writes these batches as one; where that fails, for the browser may have closed the database, once more with it opened anew.
    async fn write(&self, batches: &[Batch]) -> bool {
        let Some(database) = self.database.borrow().clone() else { return false };
        if write(&database, batches).await.is_ok() {
            return true;
        }
        database.close();
        let Ok(database) = open(&self.name).await else { return false };
        self.database.replace(Some(database.clone()));
        write(&database, batches).await.is_ok()
    }
}

async fn open_and_load(name: &str) -> Result<(IdbDatabase, Stored), JsValue> {
    let database = open(name).await?;
    let stored = load(&database).await?;
    Ok((database, stored))
}

async fn open(name: &str) -> Result<IdbDatabase, JsValue> {
    let request = INDEXED_DB.with(|factory| factory.open_with_u32(name, VERSION))?;
    let upgrade = Closure::<dyn FnMut() -> Result<(), JsValue>>::new({
        let request = request.clone();
        move || create_stores(request.result()?.unchecked_ref())
    });
    request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
    settled(|resolve, reject| {
        request.set_onsuccess(Some(resolve));
        request.set_onerror(Some(reject));
    })
    .await?;
    let database: IdbDatabase = request.result()?.unchecked_into();
    // Whoever deletes it, as the user does who clears the data, need not wait for us.
    let close: Function = Reflect::get(&database, &"close".into())?.unchecked_into();
    database.set_onversionchange(Some(&close.bind0(&database)));
    Ok(database)
}

fn create_stores(database: &IdbDatabase) -> Result<(), JsValue> {
    let existing = database.object_store_names();
    for name in STORES {
        if !existing.contains(name) {
            database.create_object_store(name)?;
        }
    }
    Ok(())
}

/// Reads everything in one transaction.
async fn load(database: &IdbDatabase) -> Result<Stored, JsValue> {
    let transaction = begin(database, "readonly")?;
    let documents = transaction.object_store(DOCUMENTS)?;
    let settings = documents.get(&DocumentName::Settings.key().into())?;
    let state = documents.get(&DocumentName::State.key().into())?;
    let handed = documents.get(&DocumentName::Handed.key().into())?;
    let rows = transaction.object_store(OUTBOX)?.get_all()?;
    let lines = transaction.object_store(LOG)?.get_all()?;
    ended(&transaction).await?;
    Ok(Stored {
        settings: text(&settings.result()?),
        state: text(&state.result()?),
        handed: text(&handed.result()?),
        rows: Array::from(&rows.result()?).iter().filter_map(|row| text(&row)).collect(),
        lines: Array::from(&lines.result()?).iter().filter_map(|line| line.as_string()).collect(),
    })
}

fn text(value: &JsValue) -> Option<Private<String>> {
    value.as_string().map(Private::new)
}

/// Writes batches as one, all of it or nothing.
async fn write(database: &IdbDatabase, batches: &[Batch]) -> Result<(), JsValue> {
    let transaction = begin(database, "readwrite")?;
    if let Err(error) = issue(&transaction, batches).await {
        // What was issued before would be committed.
        transaction.abort()?;
        return Err(error);
    }
    ended(&transaction).await
}

async fn issue(transaction: &IdbTransaction, batches: &[Batch]) -> Result<(), JsValue> {
    let documents = transaction.object_store(DOCUMENTS)?;
    let outbox = transaction.object_store(OUTBOX)?;
    let log = transaction.object_store(LOG)?;
    let calls = transaction.object_store(CALLS)?;
    for write in batches.iter().flat_map(|batch| &batch.writes) {
        match write {
            Write::Document { name, json } => documents.put_with_key(&json.reveal().into(), &name.key().into())?,
            Write::ClearRows => outbox.clear()?,
            Write::PutRow { id, json } => outbox.put_with_key(&json.reveal().into(), &(*id).into())?,
            Write::DeleteRow { id } => outbox.delete(&(*id).into())?,
            Write::PutLine { id, json } => log.put_with_key(&json.into(), &(*id).into())?,
            Write::DeleteLine { id } => log.delete(&(*id).into())?,
            Write::PutCall { key, json } => calls.put_with_key(&json.reveal().into(), &key.into())?,
            Write::TrimCalls { keep } => {
                trim(&calls, *keep).await?;
                continue;
            }
        };
    }
    Ok(())
}

/// Deletes what comes first, but for so many. The transaction goes on: each answer is followed by the next request at once.
async fn trim(store: &IdbObjectStore, keep: u32) -> Result<(), JsValue> {
    let count = answered(&store.count()?).await?.as_f64().unwrap_or_default();
    let surplus = count - f64::from(keep);
    if surplus >= 1.0 {
        let keys = store.get_all_keys_with_key_and_limit(&JsValue::UNDEFINED, surplus as u32)?;
        for key in Array::from(&answered(&keys).await?) {
            store.delete(&key)?;
        }
    }
    Ok(())
}

/// The result of a request.
async fn answered(request: &IdbRequest) -> Result<JsValue, JsValue> {
    settled(|resolve, reject| {
        request.set_onsuccess(Some(resolve));
        request.set_onerror(Some(reject));
    })
    .await?;
    request.result()
}

/// Waits until the transaction is committed.
async fn ended(transaction: &IdbTransaction) -> Result<(), JsValue> {
    settled(|resolve, reject| {
        transaction.set_oncomplete(Some(resolve));
        transaction.set_onabort(Some(reject));
    })
    .await
}

/// Waits for the event that was given the first handler, or fails with the one that was given the second.
async fn settled(mut set_handlers: impl FnMut(&Function, &Function)) -> Result<(), JsValue> {
    let settled = Promise::new(&mut |resolve, reject| set_handlers(&resolve, &reject));
    JsFuture::from(settled).await.map(drop)
}

/// Opens a transaction over all object stores. web-sys can ask for durability only as an unstable API.
fn begin(database: &IdbDatabase, mode: &str) -> Result<IdbTransaction, JsValue> {
    let options = Object::new();
    Reflect::set(&options, &"durability".into(), &"strict".into())?;
    let database: &DurableDatabase = database.unchecked_ref();
    database.transaction(STORES.map(str::to_owned).to_vec(), mode, &options)
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = indexedDB)]
    static INDEXED_DB: IdbFactory;

    #[wasm_bindgen(js_name = IDBDatabase)]
    type DurableDatabase;

    #[wasm_bindgen(method, catch)]
    fn transaction(
        this: &DurableDatabase,
        stores: Vec<String>,
        mode: &str,
        options: &Object,
    ) -> Result<IdbTransaction, JsValue>;
}
