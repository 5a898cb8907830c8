//! The tests that the pages of `docs/` name are there; and the pages of the two services name all that we send them and all that goes
//! wrong.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use trubka::{
    json::Fields,
    kontur::telephony::Method,
    problem::Code,
    uis::{
        v1::{self, PlaceCalls},
        v4::{self, ListCalls, ReleaseCall, StartCall},
    },
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_ours = !path.ends_with("node_modules") && !path.ends_with("target");
            if path.is_dir() && is_ours {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known)) {
                found.push(path);
            }
        }
    }
    found
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// All sources and tests as one text, but this file.
fn code() -> String {
    let folders = ["src", "extension", "sandbox", "relay", "tests", "bench"];
    let all = folders.iter().flat_map(|folder| files(folder, &["rs", "js", "html", "json"]));
    let others = all.filter(|path| !path.ends_with("docs.rs"));
    others.map(|path| fs::read_to_string(path).unwrap()).collect::<Vec<_>>().join("\n")
}

/// What stands between back quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// The last part of a path of words in lower case with lines between: `a_test`, `module::a_test`, `a_test_…`.
fn name(quoted: &str) -> Option<&str> {
    let last = quoted.rsplit("::").next()?;
    let is_name = last.contains('_') && last.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_' | '…'));
    is_name.then_some(last)
}

/// Every word of a text that is written so.
fn names(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect()
}

/// The words behind `fn`.
fn functions(text: &str) -> BTreeSet<&str> {
    let behind = text.split("fn ").skip(1);
    behind.filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()).collect()
}

/// Whether a name is among these; `…` in it stands for anything.
fn is_among(name: &str, known: &BTreeSet<&str>) -> bool {
    match name.split_once('…') {
        None => known.contains(name),
        Some((start, end)) => known.iter().any(|it| {
            it.len() >= start.len() + end.len() && it.starts_with(start) && it.ends_with(end) && !start.is_empty()
        }),
    }
}

/// The cells of a page's tables under the head `test`.
fn test_cells(page: &str) -> Vec<&str> {
    let (mut found, mut column) = (Vec::new(), None);
    for line in page.lines() {
        if !line.starts_with('|') {
            column = None;
            continue;
        }
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        if let Some(place) = cells.iter().position(|cell| *cell == "test") {
            column = Some((place, cells.len()));
        } else if let Some((place, count)) = column.filter(|_| !line.starts_with("|-")) {
            assert_eq!(cells.len(), count, "{line}");
            found.push(cells[place]);
        }
    }
    found
}

#[test]
fn what_the_pages_name_as_tests_are_named_is_there() {
    let code = code();
    let known = names(&code);
    // Shorter names may be others': of a browser's policies, say.
    let is_long = |name: &&str| name.matches('_').count() >= 3;
    let mut missing = Vec::new();
    for path in files("docs", &["md"]).into_iter().chain([root().join("README.md"), root().join("sandbox/README.md")]) {
        let text = fs::read_to_string(&path).unwrap();
        let lacking = quoted(&text).filter_map(name).filter(is_long).filter(|name| !is_among(name, &known));
        missing.extend(lacking.map(|name| format!("{name} of {}", path.display())));
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_test_of_the_services_pages_is_one() {
    let code = code();
    let tests = functions(&code);
    for page in [page("kontur.md"), page("uis.md")] {
        let cells = test_cells(&page);
        assert!(cells.len() > 10, "the tables are read");
        for cell in cells {
            // The test modules of one word are those of samples.
            let named: Vec<_> = quoted(cell).filter(|it| it.starts_with("samples::") || name(it).is_some()).collect();
            assert!(!named.is_empty() || matches!(cell, "the same" | ""), "{cell}");
            for test in named {
                let test = test.rsplit("::").next().unwrap();
                assert!(is_among(test, &tests), "{test} is no test");
            }
        }
    }
}

/// The last parts of the names that a page quotes, whole names and those of sections alike: `.timeout`, `numc.phones`.
fn parameters(page: &str) -> BTreeSet<&str> {
    quoted(page).flat_map(|quoted| quoted.split(['.', ' ', ':'])).collect()
}

/// The keys of an object, and of all that is in it.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                found.insert(key.clone());
                keys(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

#[test]
fn every_method_and_parameter_of_uis_is_on_its_page() {
    let page = page("uis.md");
    let listed = parameters(&page);
    for method in [
        v1::AUTHENTICATE,
        v1::PLACE_CALLS,
        v4::LOGIN_USER,
        v4::START_SIMPLE_CALL,
        v4::START_EMPLOYEE_CALL,
        v4::LIST_CALLS,
        v4::RELEASE_CALL,
    ] {
        assert!(quoted(&page).any(|quoted| quoted == method), "{method}");
    }
    let message = json!({ "type": "media", "value": "1" });
    let place = json!({
        "session_key": "k", "first_call": "numc", "switch_at_once": true, "media_file": "m", "is_queue": true,
        "queue_timeout": 1, "use_numb_as_numa": true, "numa": "74959891628", "numa_message": message,
        "numb": "74993720692", "numc_message": message,
        "numc": [{ "dialing_increment": 1, "incremental_dialing_timeout": 1, "lines_limit": 2, "lines_start": 1,
            "phones": [{ "channels_count": 2, "numb": "79164572521", "timeout": 29 }] }]
    });
    let start = |agent: &str, who: Value| {
        let mut params = json!({
            "access_token": "k", "first_call": "contact", "switch_at_once": true, "early_switching": true,
            "media_file_id": 1, "virtual_phone_number": "74993720692", "show_virtual_phone_number": true,
            "contact": "79260000000", "external_id": "e", "dtmf_string": "1", "direction": "out",
            "contact_message": message
        });
        params[agent] = who;
        params[format!("{agent}_message")] = message.clone();
        params
    };
    let list = json!({ "access_token": "k", "direction": "out", "virtual_phone_number": "74993720692" });
    let release = json!({ "access_token": "k", "call_session_id": 1 });
    let (simple, employee) =
        (start("operator", json!("79260000001")), start("employee", json!({ "id": 25, "phone_number": "101" })));
    let fields = |value| Fields::of(value).unwrap();
    // As our types write them: what they do not know would be missing, and what they know besides is here, too.
    let written = [
        (&place, json!(PlaceCalls::read(fields(&place)).unwrap())),
        (&simple, json!(StartCall::read(v4::START_SIMPLE_CALL, fields(&simple)).unwrap())),
        (&employee, json!(StartCall::read(v4::START_EMPLOYEE_CALL, fields(&employee)).unwrap())),
        (&list, json!(ListCalls::read(fields(&list)).unwrap())),
        (&release, json!(ReleaseCall::read(fields(&release)).unwrap())),
    ];
    for (params, written) in written {
        assert_eq!(*params, written);
        let mut found = BTreeSet::new();
        keys(params, &mut found);
        let missing: Vec<_> = found.iter().filter(|key| !listed.contains(key.as_str())).collect();
        assert_eq!(missing, Vec::<&String>::new());
    }
}

#[test]
fn every_method_of_kontur_is_on_its_page() {
    let page = page("kontur.md");
    for method in [
        Method::CallStarted,
        Method::CallEvent,
        Method::CallFinished,
        Method::CallFailed,
        Method::CallRecording,
        Method::RegisterCall,
    ] {
        let line = format!("| `POST …/telephony/{}` |", method.name());
        assert!(page.contains(&line), "{line}");
    }
}

#[test]
fn every_problem_of_a_service_is_on_its_page() {
    for (name, of, others) in [("uis.md", "uis", &["uisNotConfigured"][..]), ("kontur.md", "integration", &[])] {
        let page = page(name);
        let listed: BTreeSet<_> = quoted(&page).collect();
        let missing: Vec<_> = Code::ALL
            .iter()
            .map(|(_, code)| *code)
            .filter(|code| code.starts_with(of) && !others.contains(code) && !listed.contains(code))
            .collect();
        assert_eq!(missing, Vec::<&str>::new(), "{name}");
    }
}

/// What a page shows: the pictures that it embeds, from its own folder.
fn pictures(path: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(path).unwrap();
    let addresses = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let shown = addresses.filter(|address| address.ends_with(".png"));
    shown.map(|address| path.parent().unwrap().join(address)).collect()
}

#[test]
fn every_picture_is_there_and_every_one_is_shown() {
    let mut pages = files("docs", &["md"]);
    pages.push(root().join("README.md"));
    let shown: BTreeSet<_> = pages.iter().flat_map(|page| pictures(page)).collect();
    let taken: BTreeSet<_> = files("docs", &["png"]).into_iter().collect();
    assert_eq!(shown, taken);
}
