//! The settings' reader against the schema that documents them, and against the sandbox's example.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use serde_json::{Value, json};
use trubka::{problem::Code, settings::Settings};

fn schema() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(include_str!("../docs/settings.schema.json")).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

fn complete() -> Value {
    json!({
        "version": 1,
        "phonet": { "domain": "demo.phonet.com.ua", "apiKey": "secret-1", "subscriber": "001" },
        "kontur": {
            "workspace": "ws", "apiKey": "secret-2", "secret": "name=secret-3",
            "userId": "3f6a0c1e-0000-4000-8000-000000000001",
            "cards": { "contact": "https://crm.kontur.ru/app/{ws}/contacts/{id}" }
        },
        "directory": [{ "ext": "001", "userId": "3f6a0c1e-0000-4000-8000-000000000001", "name": "Анна" }],
        "region": "UA",
        "sites": ["https://crm.kontur.ru", "http://intranet.example:8080"],
        "corrections": [
            { "label": "заказ", "pattern": "## ## ######", "phone": false },
            { "pattern": "8 916 123-45-67", "phone": true }
        ],
        "advanced": { "phonetAddress": "http://127.0.0.1:8480", "konturAddress": "https://proxy.example:8443" }
    })
}

/// The document with one value replaced, or taken out.
fn with(pointer: &str, value: Option<Value>) -> Value {
    let mut document = complete();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Value::Object(fields), Some(value)) => {
            fields.insert(key.to_owned(), value);
        }
        (Value::Object(fields), None) => {
            fields.remove(key).unwrap();
        }
        (Value::Array(items), Some(value)) => items[key.parse::<usize>().unwrap()] = value,
        _ => panic!("{pointer}"),
    }
    document
}

#[test]
fn the_sandboxs_example_is_right() {
    let example = include_str!("../sandbox/settings.json");
    let document: Value = serde_json::from_str(example).unwrap();
    assert!(schema().is_valid(&document));
    let settings = Settings::default().replaced_by(example).unwrap();
    assert_eq!(settings.own_ext(), Some("001"));
    assert_eq!(settings.user_id("002"), Some("3f6a0c1e-0000-4000-8000-000000000002"));
    assert_eq!(settings.user_id("003"), None, "never guessed");
}

#[test]
fn what_is_wrong_is_named_and_the_schema_agrees() {
    let schema = schema();
    assert!(schema.is_valid(&complete()));
    assert!(Settings::default().replaced_by(&complete().to_string()).is_ok());
    let wrong = [
        ("/telephone", Some(json!("x")), Code::SettingsUnknownKey, "telephone"),
        ("/phonet/key", Some(json!("x")), Code::SettingsUnknownKey, "phonet.key"),
        ("/version", None, Code::SettingsMissing, "version"),
        ("/version", Some(json!("1")), Code::SettingsWrongType, "version"),
        ("/version", Some(json!(2)), Code::SettingsTooNew, "2"),
        ("/phonet", Some(json!([])), Code::SettingsWrongType, "phonet"),
        ("/phonet/domain", None, Code::SettingsMissing, "phonet.domain"),
        ("/phonet/domain", Some(json!(7)), Code::SettingsWrongType, "phonet.domain"),
        ("/phonet/domain", Some(json!("https://demo.phonet.com.ua/")), Code::SettingsWrongValue, "phonet.domain"),
        ("/phonet/apiKey", Some(json!("line\nbreak")), Code::SettingsWrongValue, "phonet.apiKey"),
        ("/phonet/subscriber", Some(json!("anna")), Code::SettingsWrongValue, "phonet.subscriber"),
        ("/kontur/workspace", Some(json!("")), Code::SettingsWrongValue, "kontur.workspace"),
        ("/kontur/secret", Some(json!("no-equals-sign")), Code::SettingsWrongValue, "kontur.secret"),
        ("/kontur/userId", Some(json!("anna")), Code::SettingsWrongValue, "kontur.userId"),
        (
            "/kontur/cards/contact",
            Some(json!("javascript:alert({id})")),
            Code::SettingsWrongValue,
            "kontur.cards.contact",
        ),
        ("/directory", Some(json!({})), Code::SettingsWrongType, "directory"),
        ("/directory/0", Some(json!({ "name": "Анна" })), Code::SettingsMissing, "directory.0.ext"),
        ("/directory/0/ext", Some(json!("0a1")), Code::SettingsWrongValue, "directory.0.ext"),
        ("/region", Some(json!("Russia")), Code::SettingsWrongValue, "region"),
        ("/sites", Some(json!("https://crm.kontur.ru")), Code::SettingsWrongType, "sites"),
        ("/sites/0", Some(json!(7)), Code::SettingsWrongType, "sites.0"),
        ("/sites/0", Some(json!("https://crm.kontur.ru/")), Code::SettingsWrongValue, "sites.0"),
        ("/sites/0", Some(json!("http://intranet.example:8080")), Code::SettingsWrongValue, "sites.1"),
        ("/corrections/0", Some(json!({ "phone": true })), Code::SettingsMissing, "corrections.0.pattern"),
        ("/corrections/0/pattern", Some(json!("Заказ 12345")), Code::SettingsWrongValue, "corrections.0.pattern"),
        ("/corrections/0/pattern", Some(json!("#".repeat(41))), Code::SettingsWrongValue, "corrections.0.pattern"),
        ("/corrections/0/label", Some(json!("з".repeat(61))), Code::SettingsWrongValue, "corrections.0.label"),
        ("/corrections/0/phone", Some(json!("no")), Code::SettingsWrongType, "corrections.0.phone"),
        (
            "/corrections",
            Some(json!(vec![json!({ "pattern": "12345", "phone": false }); 201])),
            Code::SettingsWrongValue,
            "corrections",
        ),
        ("/advanced/konturAddress", Some(json!("crm.kontur.ru")), Code::SettingsWrongValue, "advanced.konturAddress"),
        (
            "/advanced/konturAddress",
            Some(json!("http://crm.kontur.ru")),
            Code::SettingsInsecureAddress,
            "advanced.konturAddress",
        ),
    ];
    for (pointer, value, code, arg) in wrong {
        let document = with(pointer, value);
        let problems = Settings::default().replaced_by(&document.to_string()).unwrap_err();
        assert_eq!(problems.len(), 1, "{document}: {problems:?}");
        assert_eq!((problems[0].code, problems[0].args[0].as_str()), (code, arg));
        // A version of the future is the one thing that only the reader can judge by itself.
        assert!(!schema.is_valid(&document), "the schema takes {document}");
    }
}

#[test]
fn everything_wrong_is_told_at_once() {
    let document = r#"{"version":1,"phonet":{"domain":"?"},"region":7,"x":1}"#;
    let problems = Settings::default().replaced_by(document).unwrap_err();
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(
        codes,
        [
            Code::SettingsWrongValue,
            Code::SettingsMissing,
            Code::SettingsMissing,
            Code::SettingsWrongType,
            Code::SettingsUnknownKey
        ]
    );
    let problems = Settings::default().replaced_by("{\"version\": 1,}").unwrap_err();
    assert_eq!((problems[0].code, problems[0].args[0].as_str()), (Code::SettingsNotJson, "1:15"));
}

#[test]
fn secrets_are_kept_and_never_shown() {
    let settings = Settings::default().replaced_by(&complete().to_string()).unwrap();
    let shown = settings.without_secrets();
    assert!(!shown.contains("secret-"), "{shown}");
    assert_eq!(settings.secrets(), ["phonet.apiKey", "kontur.apiKey", "kontur.secret"]);
    assert!(!format!("{settings:?}").contains("secret-"));
    let again = settings.replaced_by(&shown).unwrap();
    assert_eq!(again.phonet.as_ref().unwrap().api_key.reveal(), "secret-1");
    assert_eq!(again.kontur.as_ref().unwrap().secret.as_ref().unwrap().reveal(), "name=secret-3");
    let moved = shown.replace("http://127.0.0.1:8480", "https://evil.example").replace("proxy.example", "evil.example");
    let problems = settings.replaced_by(&moved).unwrap_err();
    let paths: Vec<_> = problems.iter().map(|problem| (problem.code, problem.args[0].as_str())).collect();
    assert_eq!(paths, [(Code::SettingsMissing, "phonet.apiKey"), (Code::SettingsMissing, "kontur.apiKey")]);
    let without = settings.replaced_by(&shown.replace("\"workspace\"", "\"secret\":\"\",\"workspace\"")).unwrap();
    assert_eq!(without.secrets(), ["phonet.apiKey", "kontur.apiKey"]);
    let stored = Settings::load(Some(again.to_json().reveal()));
    assert_eq!(stored.kontur, again.kontur);
    assert_eq!((&stored.sites, &stored.corrections), (&settings.sites, &settings.corrections));
    assert_eq!(stored.corrections.len(), 2);
    assert_eq!(stored.phonet.unwrap().address, "http://127.0.0.1:8480");
}

/// What `new URL` of a browser would not take must not be stored: every message to a page goes by it.
#[test]
fn a_site_that_is_no_address_is_refused() {
    for site in ["http://192.168.1.300", "https://x.example:+80", "https://1", "https://intranet.7"] {
        let document = with("/sites/0", Some(json!(site)));
        let problems = Settings::default().replaced_by(&document.to_string()).unwrap_err();
        assert_eq!(problems[0].code, Code::SettingsWrongValue, "{site}");
    }
    let document = with("/sites/0", Some(json!("http://192.168.1.30:8080")));
    assert!(Settings::default().replaced_by(&document.to_string()).is_ok());
}
