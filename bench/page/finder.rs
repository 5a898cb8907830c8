//! The finder as the browsers run it, for a page of the benchmark's own.
#![cfg(target_arch = "wasm32")]

use trubka::phone::{self, Field, Region};
use wasm_bindgen::prelude::wasm_bindgen;

/// The numbers of a text in E.164, parted by spaces.
#[wasm_bindgen]
pub fn find(text: &str, label: Option<String>, region: &str) -> String {
    let region = region.parse().unwrap_or(Region::RU);
    let found = phone::find(text, &Field { label: label.as_deref(), region, corrections: &[] });
    found.iter().map(|found| found.number.as_private().reveal().as_str()).collect::<Vec<_>>().join(" ")
}
