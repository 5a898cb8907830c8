//! The design's tokens: one place names their values, and everybody takes them from there.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{collections::BTreeSet, fs, path::Path};

const TOKENS: &str = "extension/common/tokens.css";

/// Every stylesheet and script of the extension, by its path.
fn sources() -> Vec<(String, String)> {
    fn read(folder: &Path, sources: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, sources);
            } else if path.extension().is_some_and(|ext| ext == "css" || ext == "js") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
                sources.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut sources = Vec::new();
    read(&root().join("extension"), &mut sources);
    sources
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn tokens() -> String {
    fs::read_to_string(root().join(TOKENS)).unwrap()
}

/// The names that stand behind each `before` in a text.
fn names<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap())
}

/// What a text declares by `--name: value`.
fn declared(text: &str) -> BTreeSet<&str> {
    text.lines().filter_map(|line| line.trim().strip_prefix("--")?.split_once(':')).map(|(name, _)| name).collect()
}

#[test]
fn what_is_used_of_the_tokens_is_declared() {
    let tokens = tokens();
    let tokens = declared(&tokens);
    for (path, text) in sources() {
        let own = declared(&text);
        for name in names(&text, "var(--").filter(|name| !name.starts_with("trubka-")) {
            assert!(tokens.contains(name) || own.contains(name), "{path} uses --{name}");
        }
        // As `content/styles.js` names their values.
        for name in ["${light.", "${dark.", "${light[\"", "${dark[\""].iter().flat_map(|before| names(&text, before)) {
            assert!(tokens.contains(name), "{path} uses {name}");
        }
    }
}

#[test]
fn a_colour_has_its_value_nowhere_else() {
    let is_hex = |name: &&str| matches!(name.len(), 3 | 6 | 8) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (path, text) in sources().into_iter().filter(|(path, _)| path != TOKENS) {
        let colours: Vec<_> = names(&text, "#").filter(is_hex).collect();
        assert_eq!(colours, Vec::<&str>::new(), "{path}");
        assert!(!text.contains("rgb(") && !text.contains("hsl("), "{path} names a colour");
    }
}

#[test]
fn what_the_dark_has_the_light_has_too() {
    let tokens = tokens();
    let (light, rest) = tokens.split_once("@media").unwrap();
    let rest = declared(rest);
    assert!(!rest.is_empty());
    assert_eq!(rest.difference(&declared(light)).collect::<Vec<_>>(), Vec::<&&str>::new());
}
