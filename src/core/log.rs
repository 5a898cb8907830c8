//! The log for the support: the last thousand things that happened, kept through restarts. It names calls and their legs by the
//! exchange's ids, services by their answers, problems by their codes; never a key, a number, a name or anybody's words.

use std::collections::VecDeque;

use serde::Serialize;

use crate::{
    Millis,
    core::io::Write,
    json::{self, Fields},
};

/// How many lines are kept.
const KEPT: usize = 1_000;
/// How long a line may wait for a batch that is stored anyway; less than an idle worker lives.
const PATIENCE: Millis = Millis::secs(20);
/// The longest id that is written down.
const LONGEST_ID: usize = 40;

/// The last lines, oldest first.
#[derive(Debug, Default)]
pub struct Log {
    lines: VecDeque<Line>,
    /// How many of the newest are not yet given to the database.
    unsaved: usize,
}

#[derive(Debug, Serialize)]
struct Line {
    id: u32,
    at: Millis,
    text: String,
}

impl Log {
    /// Goes on with the lines as they were stored.
    pub fn restored(lines: &[String]) -> Self {
        Self { lines: lines.iter().filter_map(|line| Line::read(line)).collect(), unsaved: 0 }
    }

    /// Notes what happened: whose matter it is, and what.
    pub fn add(&mut self, now: Millis, subject: &str, what: &str) {
        let id = self.lines.back().map_or(1, |line| line.id.wrapping_add(1));
        self.lines.push_back(Line { id, at: now, text: [subject, what].join(": ") });
        self.unsaved += 1;
    }

    /// Whether lines have waited long enough, or are enough, to be stored by themselves.
    pub fn is_due(&self, now: Millis) -> bool {
        self.unsaved >= KEPT || self.due_at().is_some_and(|at| at.has_come(now, PATIENCE))
    }

    /// When that will be.
    pub fn due_at(&self) -> Option<Millis> {
        let first = self.lines.len().checked_sub(self.unsaved)?;
        self.lines.get(first).map(|line| line.at + PATIENCE)
    }

    /// What the database is to be given.
    pub fn take_writes(&mut self) -> Vec<Write> {
        let new = self.lines.iter().rev().take(std::mem::take(&mut self.unsaved)).rev();
        let mut writes: Vec<_> = new
            .map(|line| Write::PutLine { id: line.id, json: serde_json::to_string(line).unwrap_or_default() })
            .collect();
        while self.lines.len() > KEPT {
            writes.extend(self.lines.pop_front().map(|line| Write::DeleteLine { id: line.id }));
        }
        writes
    }

    /// All lines as a text for people.
    pub fn text(&self) -> String {
        let shown = self.lines.len().saturating_sub(KEPT);
        let mut text = String::new();
        for line in self.lines.iter().skip(shown) {
            text.push_str(&line.at.to_rfc3339());
            text.push_str("  ");
            text.push_str(&line.text);
            text.push('\n');
        }
        text
    }
}

impl Line {
    fn read(json: &str) -> Option<Self> {
        let line = json::parse(json)?;
        let fields = Fields::of(&line)?;
        Some(Self { id: fields.number("id")?, at: fields.millis("at")?, text: fields.text("text")? })
    }
}

/// An id of the exchange as it may stand in the log: it comes from outside, and could hold anything.
pub fn id(id: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    id.chars().filter(is_plain).take(LONGEST_ID).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_thousand_lines_are_kept_and_stored_once() {
        let mut log = Log::default();
        let mut stored = std::collections::BTreeMap::new();
        for n in 0..5_000 {
            log.add(Millis(n), "test", "line");
            if n % 7 == 0 {
                for write in log.take_writes() {
                    match write {
                        Write::PutLine { id, json } => assert!(stored.insert(id, json).is_none(), "stored twice"),
                        Write::DeleteLine { id } => assert!(stored.remove(&id).is_some(), "deleted, but never stored"),
                        other => panic!("{other:?}"),
                    }
                }
            }
        }
        log.take_writes();
        assert_eq!(log.text().lines().count(), KEPT);
        let restored = Log::restored(&stored.into_values().collect::<Vec<_>>());
        assert!(
            restored.lines.len() <= KEPT && restored.text().starts_with("1970-01-01T00:00:03.99"),
            "{}",
            restored.text()
        );
    }

    #[test]
    fn a_line_waits_for_company() {
        let mut log = Log::default();
        assert!(!log.is_due(Millis(0)));
        log.add(Millis(0), "test", "line");
        assert!(!log.is_due(Millis::secs(19)) && log.is_due(Millis::secs(20)));
        log.take_writes();
        assert!(!log.is_due(Millis::secs(60)));
    }

    #[test]
    fn an_id_is_only_what_an_id_may_be() {
        assert_eq!(id("23-1453990999.41"), "23-1453990999.41");
        assert_eq!(id("<b>Пётр +7 916</b>\n"), "b7916b");
        assert_eq!(id(&"a".repeat(100)).len(), LONGEST_ID);
    }
}
