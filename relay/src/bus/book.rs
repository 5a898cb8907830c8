//! What became of the hour's commands, line by line in a file, so that a process knows what the one before it had begun.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Result, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use trubka::Millis;

use crate::clock;
use crate::commands::{Ending, MEMORY, MOST_REMEMBERED};
use crate::tokens::write_atomically;

/// What a line says of a command that is under way.
const PENDING: &str = "pending";

/// The file, and what was in it when it was opened.
pub struct Book {
    path: PathBuf,
    file: File,
    lines: usize,
    begun: Instant,
    known: HashMap<String, (Millis, Ending)>,
}

impl Book {
    /// Reads the book of the process before, and goes on with what is left of the hour.
    pub fn open(path: &Path) -> Result<Self> {
        let mut known = HashMap::new();
        for path in [old(path), path.to_owned()] {
            let text = match std::fs::read(path) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            // The last line may be cut off: what it was to say was not acted upon.
            for (key, at, ending) in text.lines().filter_map(parse) {
                match ending {
                    Ending::NotConnected => known.remove(key),
                    ending => known.insert(key.to_owned(), (at, ending)),
                };
            }
        }
        known.retain(|_, (at, _)| is_fresh(*at));
        let text: String = known.iter().map(|(key, (at, ending))| line(*at, key, &ending.to_text())).collect();
        write_atomically(path, text.as_bytes())?;
        match std::fs::remove_file(old(path)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(Self { path: path.to_owned(), file: append(path)?, lines: known.len(), begun: Instant::now(), known })
    }

    /// Notes that a command begins, unless it began in a process before this one, and so ended. What is noted outlives the process; a
    /// power failure may take the last lines, and then the browser that carried a command out still knows it.
    pub fn begin(&mut self, key: &str) -> Result<Option<Ending>> {
        if let Some((at, ending)) = self.known.get(key)
            && is_fresh(*at)
        {
            return Ok(Some(ending.clone()));
        }
        self.write(key, PENDING)?;
        Ok(None)
    }

    /// Notes what became of a command.
    pub fn end(&mut self, key: &str, ending: &Ending) -> Result<()> {
        self.write(key, &ending.to_text())
    }

    fn write(&mut self, key: &str, text: &str) -> Result<()> {
        if self.lines >= MOST_REMEMBERED || self.begun.elapsed() > MEMORY {
            std::fs::rename(&self.path, old(&self.path))?;
            write_atomically(&self.path, &[])?;
            (self.file, self.lines, self.begun) = (append(&self.path)?, 0, Instant::now());
        }
        self.lines += 1;
        self.file.write_all(line(clock::now(), key, text).as_bytes())
    }
}

/// The file before this one: two of them hold the hour.
fn old(path: &Path) -> PathBuf {
    path.with_extension("old")
}

fn append(path: &Path) -> Result<File> {
    File::options().append(true).open(path)
}

fn line(at: Millis, key: &str, text: &str) -> String {
    format!("{} {key} {text}\n", at.0)
}

/// What was under way when its process died, nobody knows.
fn parse(line: &str) -> Option<(&str, Millis, Ending)> {
    let (at, rest) = line.split_once(' ')?;
    let (key, text) = rest.split_once(' ')?;
    let ending = if text == PENDING { Ending::Lost } else { Ending::parse(text)? };
    Some((key, Millis(at.parse().ok()?), ending))
}

fn is_fresh(at: Millis) -> bool {
    at + Millis(i64::try_from(MEMORY.as_millis()).unwrap_or(i64::MAX)) > clock::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use trubka::relay::Outcome;

    #[test]
    fn what_began_is_known_in_the_next_life_and_what_was_handed_to_nobody_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("commands");
        let open = || Book::open(&path).unwrap();
        let mut book = open();
        for key in ["told", "lost", "free", "again"] {
            assert_eq!(book.begin(key).unwrap(), None);
        }
        let told = Ending::Told(Outcome::Accepted);
        book.end("told", &told).unwrap();
        book.end("free", &Ending::NotConnected).unwrap();
        book.end("again", &Ending::NotConnected).unwrap();
        book.begin("again").unwrap();
        book.write("old", PENDING).unwrap();
        // It died in the middle of a line.
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "0 old pending\n17 lost pend").unwrap();
        for _ in 0..2 {
            let mut book = open();
            assert_eq!(book.begin("told").unwrap(), Some(told.clone()));
            assert_eq!(book.begin("lost").unwrap(), Some(Ending::Lost));
            assert_eq!(book.begin("again").unwrap(), Some(Ending::Lost));
        }
        let mut book = open();
        assert_eq!((book.begin("free").unwrap(), book.begin("old").unwrap()), (None, None));
    }

    #[test]
    fn the_book_is_bounded_and_forgets_nothing_too_early() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("commands");
        let mut book = Book::open(&path).unwrap();
        for key in 0..2 * MOST_REMEMBERED {
            book.end(&key.to_string(), &Ending::TimedOut).unwrap();
        }
        let known = Book::open(&path).unwrap().known;
        assert_eq!(known.len(), 2 * MOST_REMEMBERED);
        let mut book = Book::open(&path).unwrap();
        for key in 0..2 * MOST_REMEMBERED + 1 {
            book.end(&format!("other {key}"), &Ending::TimedOut).unwrap();
        }
        assert!(!Book::open(&path).unwrap().known.contains_key("1"));
    }
}
