//! What the finder makes of a text: JSON lines in, JSON lines out. For reporting a wrong guess, and for tests.
//!
//!     echo '{"id":1,"label":"Телефон","text":"8 (912) 345-67-89 доб. 12"}' |
//!         cargo run -q --release --example find_numbers -- --region RU
#![allow(clippy::print_stdout, reason = "a command")]

use std::{
    error::Error,
    io::{self, BufRead, Write},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use trubka::phone::{self, Field, Found, Region};

/// A text as it stands on a page.
#[derive(Deserialize)]
struct Line {
    /// Returned as it is.
    id: Value,
    /// The words that name its field.
    #[serde(default)]
    label: Option<String>,
    text: String,
    /// The country of numbers that name none, where it is another than the command's.
    #[serde(default)]
    region: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    id: Value,
    matches: Vec<Match>,
}

#[derive(Serialize)]
struct Match {
    /// Exactly as it stands in the text, without the extension's words.
    #[serde(rename = "match")]
    written: String,
    e164: String,
    ext: Option<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let usage = "usage: find_numbers [--region RU] < lines.jsonl";
    let mut arguments = std::env::args().skip(1);
    let mut region = Region::RU;
    while let Some(argument) = arguments.next() {
        region = match argument
            .strip_prefix("--region=")
            .map(str::to_owned)
            .or_else(|| (argument == "--region").then(|| arguments.next()).flatten())
        {
            Some(name) => region_of(&name)?,
            None => return Err(usage.into()),
        };
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    for (number, line) in io::stdin().lock().lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let answer = answer(&line, region).map_err(|error| format!("line {}: {error}", number + 1))?;
        serde_json::to_writer(&mut out, &answer)?;
        writeln!(out)?;
    }
    Ok(out.flush()?)
}

fn answer(line: &str, region: Region) -> Result<Answer, Box<dyn Error>> {
    let Line { id, label, text, region: own } = serde_json::from_str(line)?;
    let region = own.map_or(Ok(region), |name| region_of(&name))?;
    let units: Vec<u16> = text.encode_utf16().collect();
    let matches = phone::find(&text, &Field { label: label.as_deref(), region, corrections: &[] });
    let told = |Found { start, end, number, ext, .. }: Found| Match {
        written: String::from_utf16_lossy(units.get(start as usize..end as usize).unwrap_or_default()),
        e164: number.as_private().reveal().clone(),
        ext,
    };
    Ok(Answer { id, matches: matches.into_iter().map(told).collect() })
}

fn region_of(name: &str) -> Result<Region, String> {
    name.trim().to_uppercase().parse().map_err(|_| format!("{name} is no country's two letters, such as RU"))
}
