//! The engine of one process: the cursor is a file, a lease a lock on another, a third remembers the hour's commands.

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{oneshot, watch};

use super::book::Book;
use super::{BusError, Claim, Lease};
use crate::commands::{Ending, Order};
use crate::tokens::write_atomically;

/// One process.
pub struct Local {
    cursor: PathBuf,
    /// Opened by the first command: a process that carries none out leaves it to the one that does.
    book: Mutex<Option<Book>>,
}

impl Local {
    /// Keeps its state in a folder, which it makes. That nothing can be written there is told before anything depends on it.
    pub(super) fn new(state: PathBuf) -> Result<Self, BusError> {
        std::fs::create_dir_all(&state).map_err(|source| BusError::File { path: state.clone(), source })?;
        let trial = state.join(format!("trial-{}", std::process::id()));
        let made = File::create(&trial).and_then(|_| std::fs::remove_file(&trial));
        made.map_err(|source| BusError::File { path: trial, source })?;
        Ok(Self { cursor: state.join("cursor"), book: Mutex::default() })
    }

    fn failed(&self, source: std::io::Error) -> BusError {
        BusError::File { path: self.cursor.clone(), source }
    }

    pub(super) fn cursor(&self) -> Result<Option<String>, BusError> {
        match std::fs::read_to_string(&self.cursor) {
            Ok(cursor) => Ok(Some(cursor)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    pub(super) fn set_cursor(&self, cursor: &str) -> Result<(), BusError> {
        write_atomically(&self.cursor, cursor.as_bytes()).map_err(|error| self.failed(error))
    }

    /// It is written down before anything is handed over. Where that fails, this process remembers for itself.
    pub(super) fn claim(&self, order: &Order) -> Claim {
        let known = self.in_the_book(|book| book.begin(&order.key()));
        known.flatten().map_or(Claim::Ours, Claim::Known)
    }

    pub(super) fn settle(&self, order: &Order, ending: &Ending) {
        self.in_the_book(|book| book.end(&order.key(), ending));
    }

    /// A line goes into the system's memory: no disk is waited for.
    fn in_the_book<T>(&self, write: impl FnOnce(&mut Book) -> std::io::Result<T>) -> Option<T> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let open = match book.take() {
            Some(open) => Ok(open),
            None => Book::open(&self.cursor.with_file_name("commands")),
        };
        let written = open.and_then(|mut open| {
            let written = write(&mut open)?;
            // One that failed is opened anew: half a line may stand at its end.
            *book = Some(open);
            Ok(written)
        });
        written.inspect_err(|error| tracing::error!(%error, "commands cannot be remembered beyond this process")).ok()
    }

    /// A lock on a file: other processes on this machine see it, too, and it ends with its holder, however that dies.
    pub(super) fn lease(&self, name: &'static str) -> Result<Option<Lease>, BusError> {
        let path = self.cursor.with_file_name(name).with_extension("lock");
        let failed = |source| BusError::File { path: path.clone(), source };
        let lock = File::options().create(true).append(true).open(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let (_held, dropped) = oneshot::channel::<()>();
        let (still_ours, lost) = watch::channel(false);
        tokio::spawn(async move {
            // Only its end comes.
            let _ = dropped.await;
            drop((lock, still_ours));
        });
        Ok(Some(Lease { lost, _held }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_cursor_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let state = || Local::new(folder.path().join("state")).unwrap();
        assert_eq!(state().cursor().unwrap(), None);
        state().set_cursor("1").unwrap();
        state().set_cursor("2").unwrap();
        assert_eq!(state().cursor().unwrap().as_deref(), Some("2"));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_told_at_once() {
        // There not even root makes files.
        let error = Local::new("/proc/self".into()).err().unwrap().to_string();
        assert!(error.contains("/proc/self/trial-") && error.contains("the relay's user"), "{error}");
    }

    #[tokio::test]
    async fn one_holds_a_lease_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let local = Local::new(folder.path().to_owned()).unwrap();
        let another_process = Local::new(folder.path().to_owned()).unwrap();
        let lease = local.lease("sync").unwrap().unwrap();
        assert!(local.lease("sync").unwrap().is_none());
        assert!(another_process.lease("sync").unwrap().is_none());
        assert!(local.lease("upgrade").unwrap().is_some());
        drop(lease);
        while local.lease("sync").unwrap().is_none() {
            tokio::task::yield_now().await;
        }
    }
}
