//! Every text in every language, none missing, none unused, none out of step.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value;
use trubka::problem::Code;

const LANGUAGES: [&str; 3] = ["ru", "uk", "en"];
/// Keys that end with a value of the protocol, so that no source names them whole.
const PREFIXES: [&str; 23] = [
    "problem_",
    "check_",
    "checked_",
    "link_",
    "relay_",
    "direction_",
    "phase_",
    "dial_",
    "delivery_",
    "recording_",
    "open_",
    "can_",
    "status_",
    "main_",
    "result_",
    "button_",
    "toolbar_",
    "missed_",
    "waiting_",
    "failed_",
    "card_direction_",
    "card_link_",
    "card_delivery_",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn messages(language: &str) -> BTreeMap<String, Value> {
    let path = root().join("extension/_locales").join(language).join("messages.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn manifest() -> String {
    fs::read_to_string(root().join("manifest.json")).unwrap()
}

/// All of the extension's sources as one text.
fn sources() -> String {
    fn read(folder: &Path, text: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("_locales") {
                read(&path, text);
            } else if path.extension().is_some_and(|ext| ext == "js" || ext == "html") {
                text.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut text = String::new();
    read(&root().join("extension"), &mut text);
    text
}

#[test]
fn every_language_has_every_text() {
    let russian = messages("ru");
    for language in LANGUAGES {
        let other = messages(language);
        let keys = |messages: &BTreeMap<String, Value>| messages.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(&other), keys(&russian), "{language}");
        for (key, message) in &other {
            let text = message["message"].as_str().unwrap();
            assert!(!text.trim().is_empty(), "{language} {key}");
            let places = |message: &Value| {
                message["placeholders"].as_object().map(|places| places.keys().cloned().collect::<BTreeSet<_>>())
            };
            assert_eq!(places(message), places(&russian[key]), "{language} {key} takes other arguments");
            for place in places(message).into_iter().flatten() {
                assert!(text.to_lowercase().contains(&format!("${place}$")), "{language} {key} leaves out {place}");
            }
        }
    }
}

#[test]
fn every_problem_has_its_sentence_and_every_sentence_its_problem() {
    let problems: BTreeSet<_> = Code::ALL.iter().map(|(_, name)| format!("problem_{name}")).collect();
    let sentences: BTreeSet<_> = messages("ru").into_keys().filter(|key| key.starts_with("problem_")).collect();
    assert_eq!(problems, sentences);
}

/// A content script says which version it came with, and the core compares that with its own.
#[test]
fn the_manifest_and_the_core_are_of_one_version() {
    let manifest: Value = serde_json::from_str(&manifest()).unwrap();
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
}

/// What a source names whole, between quotation marks and with the first word of texts that there are.
#[test]
fn every_text_that_is_named_is_there() {
    let (sources, texts) = (sources(), messages("ru"));
    let family = |key: &str| key.split_once('_').map(|(first, _)| first.to_owned());
    let families: BTreeSet<_> = texts.keys().filter_map(|key| family(key)).collect();
    let is_name = |piece: &&str| piece.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let named =
        sources.split('"').filter(is_name).filter(|piece| family(piece).is_some_and(|it| families.contains(&it)));
    let missing: Vec<_> = named.filter(|name| !texts.contains_key(*name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn every_text_is_used() {
    let sources = sources() + &manifest();
    let unused: Vec<_> = messages("ru")
        .into_keys()
        .filter(|key| !sources.contains(key.as_str()) && !PREFIXES.iter().any(|prefix| key.starts_with(prefix)))
        .collect();
    assert_eq!(unused, Vec::<String>::new());
}

/// The popup asks for every module it consists of at once: one that is left out would be fetched when the others are there.
#[test]
fn the_popup_preloads_the_modules_that_it_imports() {
    let folder = root().join("extension/popup");
    let mut imported = BTreeSet::new();
    let mut waiting = vec!["popup.js".to_owned()];
    while let Some(module) = waiting.pop() {
        let text = std::fs::read_to_string(folder.join(&module)).unwrap();
        let is_common = module.starts_with("../common/");
        for line in text.lines().filter(|line| line.starts_with("import ")) {
            let path = line.rsplit('"').nth(1).unwrap();
            let path =
                if is_common { path.replace("./", "../common/") } else { path.trim_start_matches("./").to_owned() };
            if imported.insert(path.clone()) {
                waiting.push(path);
            }
        }
    }
    let page = std::fs::read_to_string(folder.join("popup.html")).unwrap();
    let preloaded =
        page.lines().filter_map(|line| line.split_once(r#"rel="modulepreload" href=""#)?.1.split('"').next());
    assert_eq!(preloaded.map(str::to_owned).collect::<BTreeSet<_>>(), imported);
}
