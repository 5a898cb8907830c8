//! The database: two object stores of JSON texts, written in strictly durable transactions, one after another.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::IntoFuture,
    rc::Rc,
};

use idb::{Database, Error, ObjectStore, Transaction};
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{IdbDatabase, IdbTransaction};

use crate::{
    core::io::{DocumentName, Write},
    private::Private,
};

const VERSION: u32 = 1;
/// [`DocumentName::key`] → JSON.
const DOCUMENTS: &str = "documents";
/// The row's id → JSON.
const OUTBOX: &str = "outbox";

/// What the database held when it was opened.
#[derive(Debug, Default)]
pub struct Stored {
    /// The settings document.
    pub settings: Option<Private<String>>,
    /// The state document.
    pub state: Option<Private<String>>,
    /// The rows of the outbox in the order of their keys.
    pub rows: Vec<Private<String>>,
}

/// The open database.
pub struct Store {
    name: String,
    /// None when what it held could not be read: writing over what nobody has seen would lose it.
    database: RefCell<Option<IdbDatabase>>,
    batches: RefCell<VecDeque<Batch>>,
    writing: Cell<bool>,
}

struct Batch {
    writes: Vec<Write>,
    done: Box<dyn FnOnce(bool)>,
}

impl Store {
    /// Opens the database and reads it, with one more try when that fails. After an error every batch fails too.
    pub async fn open(name: &str) -> (Rc<Self>, Result<Stored, Error>) {
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
        self.batches.borrow_mut().push_back(Batch { writes, done: Box::new(done) });
        if !self.writing.replace(true) {
            let store = Rc::clone(self);
            spawn_local(async move {
                while let Some(batch) = store.next_batch() {
                    (batch.done)(store.write(&batch.writes).await);
                }
                store.writing.set(false);
            });
        }
    }

    fn next_batch(&self) -> Option<Batch> {
        self.batches.borrow_mut().pop_front()
    }

    /// Writes a batch; where that fails, for the browser may have closed the database, once more with it opened anew.
    async fn write(&self, writes: &[Write]) -> bool {
        let Some(database) = self.database.borrow().clone() else { return false };
        if write(&database, writes).await.is_ok() {
            return true;
        }
        database.close();
        let Ok(database) = open(&self.name).await else { return false };
        self.database.replace(Some(database.clone()));
        write(&database, writes).await.is_ok()
    }
}

async fn open_and_load(name: &str) -> Result<(IdbDatabase, Stored), Error> {
    let database = open(name).await?;
    let stored = load(&database).await?;
    Ok((database, stored))
}

async fn open(name: &str) -> Result<IdbDatabase, Error> {
    let mut database = Database::builder(name)
        .version(VERSION)
        .add_object_store(ObjectStore::builder(DOCUMENTS))
        .add_object_store(ObjectStore::builder(OUTBOX))
        .build()
        .await?;
    // Its `versionchange` handler has to outlive the wrapper.
    database.forget_callbacks();
    Ok(database.into())
}

/// Reads everything in one transaction: it ends as soon as anything but its own requests is awaited, so all are issued first.
async fn load(database: &IdbDatabase) -> Result<Stored, Error> {
    let transaction = begin(database, "readonly")?;
    let documents = transaction.object_store(DOCUMENTS)?;
    let settings = documents.get(JsValue::from(DocumentName::Settings.key()))?.into_future();
    let state = documents.get(JsValue::from(DocumentName::State.key()))?.into_future();
    let rows = transaction.object_store(OUTBOX)?.get_all(None, None)?.into_future();
    Ok(Stored {
        settings: settings.await?.and_then(text),
        state: state.await?.and_then(text),
        rows: rows.await?.into_iter().filter_map(text).collect(),
    })
}

fn text(value: JsValue) -> Option<Private<String>> {
    value.as_string().map(Private::new)
}

/// Writes a batch, all of it or nothing.
async fn write(database: &IdbDatabase, writes: &[Write]) -> Result<(), Error> {
    let transaction = begin(database, "readwrite")?;
    if let Err(error) = issue(&transaction, writes) {
        // What was issued before would be committed.
        transaction.abort()?;
        return Err(error);
    }
    if transaction.await?.is_committed() { Ok(()) } else { Err(Error::DomExceptionNotFound) }
}

fn issue(transaction: &Transaction, writes: &[Write]) -> Result<(), Error> {
    let documents = transaction.object_store(DOCUMENTS)?;
    let outbox = transaction.object_store(OUTBOX)?;
    for write in writes {
        match write {
            Write::Document { name, json } => {
                documents.put(&json.reveal().into(), Some(&name.key().into()))?;
            }
            Write::ClearRows => {
                outbox.clear()?;
            }
            Write::PutRow { id, json } => {
                outbox.put(&json.reveal().into(), Some(&(*id).into()))?;
            }
            Write::DeleteRow { id } => {
                outbox.delete(JsValue::from(*id))?;
            }
        }
    }
    Ok(())
}

/// Opens a transaction over both object stores. idb cannot ask for durability, and web-sys can only as an unstable API.
fn begin(database: &IdbDatabase, mode: &str) -> Result<Transaction, Error> {
    let stores = Array::of2(&DOCUMENTS.into(), &OUTBOX.into());
    let options = Object::new();
    Reflect::set(&options, &"durability".into(), &"strict".into()).map_err(Error::TransactionOpenFailed)?;
    let database: &DurableDatabase = database.unchecked_ref();
    database.transaction(&stores, mode, &options).map(Transaction::from).map_err(Error::TransactionOpenFailed)
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = IDBDatabase)]
    type DurableDatabase;

    #[wasm_bindgen(method, catch)]
    fn transaction(
        this: &DurableDatabase,
        stores: &Array,
        mode: &str,
        options: &Object,
    ) -> Result<IdbTransaction, JsValue>;
}
