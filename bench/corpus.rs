//! The labelled corpus, and how a finder fares on it.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/corpus");

/// A line of the corpus; what is right about it is not for the finders.
#[derive(Deserialize, Serialize)]
pub struct Line {
    pub text: String,
    pub label: Option<String>,
    pub region: String,
    #[serde(skip_serializing)]
    pub matches: Vec<Match>,
}

/// A number that stands there.
#[derive(Deserialize)]
pub struct Match {
    e164: String,
}

/// What a finder says of every line.
#[derive(Deserialize)]
pub struct Answer {
    /// In E.164.
    pub numbers: Vec<Vec<String>>,
    /// In milliseconds.
    pub time: f64,
}

/// Every line.
pub fn lines() -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for file in std::fs::read_dir(FOLDER)? {
        for line in std::fs::read_to_string(file?.path())?.lines().filter(|line| !line.is_empty()) {
            lines.push(serde_json::from_str(line)?);
        }
    }
    Ok(lines)
}

/// Precision and recall: of what was found, how much is right; of what is there, how much was found.
pub fn quality(lines: &[Line], answer: &Answer) -> Result<(f64, f64)> {
    ensure!(lines.len() == answer.numbers.len(), "answers are missing");
    let (mut right, mut found, mut there) = (0, 0, 0);
    for (line, numbers) in lines.iter().zip(&answer.numbers) {
        let mut wanted: Vec<&str> = line.matches.iter().map(|wanted| wanted.e164.as_str()).collect();
        found += numbers.len();
        there += wanted.len();
        for number in numbers {
            if let Some(place) = wanted.iter().position(|wanted| wanted == number) {
                wanted.swap_remove(place);
                right += 1;
            }
        }
    }
    let share = |whole: usize| f64::from(right) / whole as f64;
    Ok((share(found), share(there)))
}
