//! What holds of the finder for every text; tests/corpus.rs says how well it guesses.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;
use trubka::phone::{self, Correction, E164, Field, Found, Region};

const REGIONS: [Region; 6] = [Region::RU, Region::UA, Region::BY, Region::KZ, Region::US, Region::DE];

fn find(text: &str, label: Option<&str>, region: Region) -> Vec<Found> {
    phone::find(text, &Field { label, region, corrections: &[] })
}

fn e164(found: &Found) -> &str {
    found.number.as_private().reveal()
}

/// The pieces that texts with numbers are made of, and what may stand among them.
fn text() -> impl Strategy<Value = String> {
    let pieces = [
        "8",
        "+7",
        "7",
        "916",
        "1234567",
        "123-45-67",
        "(495)",
        "(",
        ")",
        "-",
        "–",
        " ",
        "\u{a0}",
        "\u{ad}",
        "\u{200b}",
        ".",
        ",",
        "/",
        ":",
        ";",
        "\n",
        "\t",
        "№",
        "#",
        "тел.",
        "ИНН",
        "Заказ",
        "доб. 12",
        "380",
        "0",
        "00",
        "89161234567",
        "９",
        "٣",
        "😀",
        "ж",
        "x",
        "@",
        "://",
        "руб",
        "01.02.2024",
        "192.168.0.1",
        "\u{301}",
        "﻿",
    ];
    let piece = prop_oneof![8 => prop::sample::select(pieces.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,3}"];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Ways to put something between the groups of a number.
fn clothes() -> impl Strategy<Value = (&'static str, [&'static str; 5])> {
    let prefix = prop::sample::select(vec!["+7", "8", "7", "８", "＋7"]);
    let between = prop::sample::select(vec![
        ["", "", "", "", ""],
        [" ", " ", "-", "-", ""],
        [" (", ") ", "-", "-", ""],
        ["(", ")", "", "", ""],
        ["-", "-", "-", "-", ""],
        [".", ".", ".", ".", ""],
        ["\u{a0}", "\u{2009}", "\u{2011}", "\u{2212}", ""],
        ["\u{ad}", "\u{200b}", "\u{2060}", "\u{ad}", "\u{200e}"],
        [" ", " ", " ", " ", ""],
        ["/", "/", "-", "-", ""],
    ]);
    (prefix, between)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_096, failure_persistence: None, ..ProptestConfig::default() })]

    /// No panic; what is found stands in the text, in order, and is a number.
    #[test]
    fn whatever_is_found_is_there(text in text(), label in prop::option::of(text()), region in 0..REGIONS.len()) {
        let units: Vec<u16> = text.encode_utf16().collect();
        let mut end = 0;
        for found in find(&text, label.as_deref(), REGIONS[region]) {
            prop_assert!(end <= found.start && found.start < found.end);
            end = found.end;
            let written = String::from_utf16(&units[found.start as usize..found.end as usize]).expect("whole characters");
            prop_assert!(E164::parse(e164(&found)).is_some());
            let is_digit = |c: char| c.is_ascii_digit() || matches!(c, '９' | '٣' | '0'..='9');
            prop_assert!(written.chars().filter(|&c| is_digit(c)).count() >= 7, "{written:?}");
            // Neither spaces nor signs around it belong to it.
            prop_assert!(written.starts_with(|c: char| is_digit(c) || "+＋(".contains(c)), "{written:?}");
            prop_assert!(written.ends_with(|c: char| is_digit(c) || c == ')'), "{written:?}");
        }
    }

    /// The same number in any clothes, behind a word that says so, alone or in a sentence.
    #[test]
    fn a_number_is_found_in_any_clothes(
        (prefix, [a, b, c, d, e]) in clothes(),
        area in 900..1000u32,
        rest in 0..10_000_000u32,
        after in prop::sample::select(vec!["", ".", ", спасибо", "; ИНН 7707083893", " (с 9:00 до 18:00)", "\n2 этаж"]),
    ) {
        let rest = format!("{rest:07}");
        let written = format!("{prefix}{a}{area}{b}{}{c}{}{d}{}", &rest[..3], &rest[3..5], &rest[5..]);
        let text = format!("Тел.: {written}{e}{after}");
        let found = find(&text, None, Region::RU);
        let number = format!("+7{area}{rest}");
        prop_assert_eq!(found.iter().map(e164).collect::<Vec<_>>(), [number.as_str()], "{}", text);
        let units: Vec<u16> = text.encode_utf16().collect();
        let there = String::from_utf16(&units[found[0].start as usize..found[0].end as usize]).expect("whole characters");
        prop_assert_eq!(there, written);
    }

    /// "Not a phone" takes away exactly what it was said of, whatever the text.
    #[test]
    fn what_is_corrected_is_gone(before in text(), after in text(), label in prop::option::of("[а-я]{3,8}")) {
        let text = format!("{before} вот +7 (916) 123-45-67 вот {after}");
        let units: Vec<u16> = text.encode_utf16().collect();
        let before = find(&text, label.as_deref(), Region::RU);
        prop_assert!(!before.is_empty());
        let written = String::from_utf16(&units[before[0].start as usize..before[0].end as usize]).expect("whole characters");
        let Some(said) = Correction::of(&written, label.as_deref(), false) else { return Ok(()) };
        prop_assert!(said.is_sound());
        let after = phone::find(&text, &Field { label: label.as_deref(), region: Region::RU, corrections: &[said] });
        prop_assert!(!after.iter().any(|found| (found.start, found.end) == (before[0].start, before[0].end)));
    }
}
