//! How well the finder guesses: a labelled corpus in the likeness of CRM pages, half of it decoys.
//!
//! `tests/corpus/*.jsonl` holds a text a line, with the words that name its field (`label`), the user's region, what it tries
//! (`kind`), and every number a person would call in it. `cargo test --test corpus -- --nocapture` prints the figures.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and this one shows figures"
)]

use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    ops::AddAssign,
};
use trubka::phone::{self, E164, Field, Region};

/// What was reached; less is a loss.
const FLOOR: Quality = Quality { precision: 1.0, recall: 1.0, f1: 1.0 };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    label: Option<String>,
    text: String,
    region: String,
    kind: String,
    matches: Vec<Match>,
}

/// A number of a text.
#[derive(Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(deny_unknown_fields)]
struct Match {
    /// As it stands in the text, without the extension's words.
    #[serde(rename = "match")]
    written: String,
    e164: String,
    ext: Option<String>,
}

impl Line {
    fn found(&self) -> Vec<Match> {
        let field = Field { label: self.label.as_deref(), region: self.region.parse().unwrap(), corrections: &[] };
        let units: Vec<u16> = self.text.encode_utf16().collect();
        phone::find(&self.text, &field)
            .into_iter()
            .map(|found| Match {
                written: String::from_utf16(&units[found.start as usize..found.end as usize]).unwrap(),
                e164: found.number.as_private().reveal().clone(),
                ext: found.ext,
            })
            .collect()
    }
}

#[derive(Default, Clone, Copy)]
struct Tally {
    lines: u32,
    right: u32,
    wrong: u32,
    missed: u32,
}

impl Tally {
    fn of(found: &[Match], expected: &[Match]) -> Self {
        let mut missed = expected.to_vec();
        let mut tally = Self { lines: 1, ..Self::default() };
        for one in found {
            match missed.iter().position(|other| other == one) {
                Some(place) => {
                    missed.swap_remove(place);
                    tally.right += 1;
                }
                None => tally.wrong += 1,
            }
        }
        tally.missed = u32::try_from(missed.len()).unwrap();
        tally
    }

    fn quality(self) -> Quality {
        let share = |part: u32, whole: u32| if whole == 0 { 1.0 } else { f64::from(part) / f64::from(whole) };
        Quality {
            precision: share(self.right, self.right + self.wrong),
            recall: share(self.right, self.right + self.missed),
            f1: share(2 * self.right, 2 * self.right + self.wrong + self.missed),
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.lines += other.lines;
        self.right += other.right;
        self.wrong += other.wrong;
        self.missed += other.missed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lines, right, wrong, missed } = self;
        let Quality { precision, recall, f1 } = self.quality();
        write!(f, "{lines:5} {right:5} {wrong:5} {missed:6}  {precision:9.4} {recall:6.4} {f1:6.4}")
    }
}

/// Shares of 1.
struct Quality {
    precision: f64,
    recall: f64,
    f1: f64,
}

fn corpus() -> Vec<Line> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let files: BTreeSet<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let text: String = files.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn the_finder_guesses_no_worse_than_it_did() {
    let mut kinds: BTreeMap<String, Tally> = BTreeMap::new();
    let mut all = Tally::default();
    let mut misses = String::new();
    for line in corpus() {
        let found = line.found();
        let tally = Tally::of(&found, &line.matches);
        if tally.wrong + tally.missed > 0 {
            let Line { id, label, text, region, matches, .. } = &line;
            misses += &format!("{id} {region} {label:?} {text:?}\n    found {found:?}\n    not {matches:?}\n");
        }
        all += tally;
        *kinds.entry(line.kind).or_default() += tally;
    }
    println!("{:24} lines right wrong missed  precision recall     F1", "");
    for (kind, tally) in &kinds {
        println!("{kind:24} {tally}");
    }
    println!("{:24} {all}", "all");

    let Quality { precision, recall, f1 } = all.quality();
    let kept = precision >= FLOOR.precision && recall >= FLOOR.recall && f1 >= FLOOR.f1;
    assert!(kept, "precision {precision:.4}, recall {recall:.4}, F1 {f1:.4}:\n{misses}");
}

#[test]
fn the_corpus_is_well_formed() {
    let corpus = corpus();
    let mut ids = BTreeSet::new();
    for Line { id, text, region, matches, .. } in &corpus {
        assert!(ids.insert(id), "{id} stands twice");
        assert!(region.parse::<Region>().is_ok(), "{id}: no region {region}");
        let mut rest = text.as_str();
        for Match { written, e164, ext } in matches {
            rest = rest.split_once(written.as_str()).unwrap_or_else(|| panic!("{id}: no {written} in its place")).1;
            assert!(E164::parse(e164).is_some(), "{id}: {e164} is not E.164");
            let is_digits = |ext: &String| !ext.is_empty() && ext.bytes().all(|digit| digit.is_ascii_digit());
            assert!(ext.as_ref().is_none_or(is_digits), "{id}: {ext:?} is no extension");
        }
    }
    let decoys = corpus.iter().filter(|line| line.matches.is_empty()).count();
    println!("{} lines, {decoys} of them decoys", corpus.len());
    assert!(corpus.len() >= 400, "{} lines", corpus.len());
    assert!(decoys * 2 >= corpus.len(), "{decoys} decoys among {} lines", corpus.len());
}
