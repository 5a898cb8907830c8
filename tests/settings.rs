//! The settings' reader against the schema that documents them, and against the sandbox's example.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use serde_json::{Map, Value, json};
use trubka::{exchange::ExchangeName, problem::Code, settings::Settings};

fn schema() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(include_str!("../docs/settings.schema.json")).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

fn complete() -> Value {
    json!({
        "version": 1,
        "phonet": { "domain": "demo.phonet.com.ua", "apiKey": "secret-1", "subscriber": "001" },
        "uis": {
            "version": "v4.0", "login": "anna", "password": "secret-4", "virtualNumber": "74993720692", "operator": "79164572521",
            "employeeId": 25, "earlySwitching": true, "media": "2701", "clientMessage": { "type": "text", "value": "Добрый день" },
            "queue": { "timeout": 30 }, "groups": [{ "phones": [{ "number": "79164572521", "timeout": 29 }] }]
        },
        "dialling": { "exchange": "phonet", "sites": { "http://intranet.example:8080": "uis" } },
        "kontur": {
            "workspace": "ws", "apiKey": "secret-2", "secret": "name=secret-3",
            "userId": "3f6a0c1e-0000-4000-8000-000000000001",
            "cards": {
                "contact": "https://crm.kontur.ru/app/{ws}/contacts/{id}",
                "newContact": "https://crm.kontur.ru/app/{ws}/contacts/new?phone={phone}"
            }
        },
        "relay": { "address": "https://relay.example.com:8443", "token": "secret-5" },
        "directory": [{ "ext": "001", "userId": "3f6a0c1e-0000-4000-8000-000000000001", "name": "Анна" }],
        "region": "UA",
        "sites": ["https://crm.kontur.ru", "http://intranet.example:8080"],
        "corrections": [
            { "label": "заказ", "pattern": "## ## ######", "phone": false },
            { "pattern": "8 916 123-45-67", "phone": true }
        ],
        "interface": { "card": false, "notifications": "unnamed", "ring": true, "volume": 30 },
        "advanced": {
            "phonetAddress": "http://127.0.0.1:8480", "konturAddress": "https://proxy.example:8443",
            "uisAddress": "https://callapi.comagic.ru"
        }
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
        ("/uis/version", Some(json!("v2")), Code::SettingsWrongValue, "uis.version"),
        ("/uis/login", None, Code::SettingsMissing, "uis.login"),
        ("/uis/token", Some(json!("x")), Code::SettingsUnknownKey, "uis.token"),
        ("/uis/virtualNumber", None, Code::SettingsMissing, "uis.virtualNumber"),
        ("/uis/virtualNumber", Some(json!("+74993720692")), Code::SettingsWrongValue, "uis.virtualNumber"),
        ("/uis/operator", Some(json!("001")), Code::SettingsWrongValue, "uis.operator"),
        ("/uis/employeeId", Some(json!("25")), Code::SettingsWrongType, "uis.employeeId"),
        ("/uis/employeeId", Some(json!(0)), Code::SettingsWrongValue, "uis.employeeId"),
        ("/uis/firstCall", Some(json!("any")), Code::SettingsWrongValue, "uis.firstCall"),
        ("/uis/firstCall", Some(json!("client")), Code::SettingsWrongValue, "uis.earlySwitching"),
        ("/uis/switchAtOnce", Some(json!(false)), Code::SettingsWrongValue, "uis.earlySwitching"),
        ("/uis/media", Some(json!("music.mp3")), Code::SettingsWrongValue, "uis.media"),
        (
            "/uis/clientMessage",
            Some(json!({ "type": "media", "value": "hello.mp3" })),
            Code::SettingsWrongValue,
            "uis.clientMessage.value",
        ),
        ("/uis/queue", Some(json!({})), Code::SettingsMissing, "uis.queue.timeout"),
        ("/uis/groups/0/phones", Some(json!([])), Code::SettingsMissing, "uis.groups.0.phones"),
        ("/dialling/exchange", Some(json!("mango")), Code::SettingsWrongValue, "dialling.exchange"),
        ("/dialling/sites", Some(json!([])), Code::SettingsWrongType, "dialling.sites"),
        ("/dialling/sites", Some(json!({ "crm": "uis" })), Code::SettingsWrongValue, "dialling.sites.crm"),
        ("/kontur/workspace", Some(json!("")), Code::SettingsWrongValue, "kontur.workspace"),
        ("/kontur/secret", Some(json!("no-equals-sign")), Code::SettingsWrongValue, "kontur.secret"),
        ("/kontur/userId", Some(json!("anna")), Code::SettingsWrongValue, "kontur.userId"),
        (
            "/kontur/cards/contact",
            Some(json!("javascript:alert({id})")),
            Code::SettingsWrongValue,
            "kontur.cards.contact",
        ),
        ("/kontur/apiKey", Some(json!("line\nbreak")), Code::SettingsWrongValue, "kontur.apiKey"),
        ("/relay", Some(json!("https://relay.example.com")), Code::SettingsWrongType, "relay"),
        ("/relay/address", None, Code::SettingsMissing, "relay.address"),
        ("/relay/address", Some(json!("relay.example.com")), Code::SettingsWrongValue, "relay.address"),
        ("/relay/address", Some(json!("https://relay.example.com/path")), Code::SettingsWrongValue, "relay.address"),
        ("/relay/address", Some(json!("http://relay.example.com")), Code::SettingsInsecureAddress, "relay.address"),
        ("/relay/token", Some(json!("")), Code::SettingsWrongValue, "relay.token"),
        ("/relay/token", Some(json!("x".repeat(513))), Code::SettingsWrongValue, "relay.token"),
        ("/relay/port", Some(json!(1)), Code::SettingsUnknownKey, "relay.port"),
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
        (
            "/kontur/cards/newContact",
            Some(json!("javascript:alert({phone})")),
            Code::SettingsWrongValue,
            "kontur.cards.newContact",
        ),
        ("/interface/card", Some(json!("yes")), Code::SettingsWrongType, "interface.card"),
        ("/interface/notifications", Some(json!("loud")), Code::SettingsWrongValue, "interface.notifications"),
        ("/interface/volume", Some(json!(0)), Code::SettingsWrongValue, "interface.volume"),
        ("/interface/volume", Some(json!(101)), Code::SettingsWrongValue, "interface.volume"),
        ("/interface/sound", Some(json!("x.mp3")), Code::SettingsUnknownKey, "interface.sound"),
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
    assert_eq!(settings.secrets(), ["phonet.apiKey", "kontur.apiKey", "kontur.secret", "uis.password", "relay.token"]);
    assert!(!format!("{settings:?}").contains("secret-"));
    let again = settings.replaced_by(&shown).unwrap();
    assert_eq!(again.phonet.as_ref().unwrap().api_key.reveal(), "secret-1");
    assert_eq!(again.uis, settings.uis);
    assert_eq!(again.kontur.as_ref().unwrap().secret.as_ref().unwrap().reveal(), "name=secret-3");
    let moved = shown.replace("http://127.0.0.1:8480", "https://evil.example").replace("proxy.example", "evil.example");
    let moved = moved.replace("callapi.comagic.ru", "evil.example").replace("relay.example.com", "evil.example");
    let problems = settings.replaced_by(&moved).unwrap_err();
    let paths: Vec<_> = problems.iter().map(|problem| (problem.code, problem.args[0].as_str())).collect();
    let moved = ["phonet.apiKey", "kontur.apiKey", "uis.password", "relay.token"];
    assert_eq!(paths, moved.map(|path| (Code::SettingsMissing, path)));
    let without = settings.replaced_by(&shown.replace("\"workspace\"", "\"secret\":\"\",\"workspace\"")).unwrap();
    assert_eq!(without.secrets(), ["phonet.apiKey", "kontur.apiKey", "uis.password", "relay.token"]);
    let stored = Settings::load(Some(again.to_json().reveal()));
    assert_eq!((&stored.kontur, &stored.uis, &stored.dialling), (&again.kontur, &again.uis, &again.dialling));
    assert_eq!(stored.relay, again.relay);
    assert_eq!((&stored.sites, &stored.corrections), (&settings.sites, &settings.corrections));
    assert_eq!(stored.corrections.len(), 2);
    assert_eq!(stored.interface, settings.interface);
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

/// With a relay, and only with one, the key to the CRM may be missing, and one that is set may be removed.
#[test]
fn where_a_relay_hands_out_keys_none_is_needed() {
    let (schema, settings) = (schema(), Settings::default().replaced_by(&complete().to_string()).unwrap());
    let key = |settings: &Settings| settings.kontur.as_ref().unwrap().api_key.is_some();
    assert!(settings.origins().contains(&"https://relay.example.com:8443".to_owned()));
    let without = with("/kontur/apiKey", None);
    assert!(schema.is_valid(&without) && !key(&Settings::default().replaced_by(&without.to_string()).unwrap()));
    assert!(key(&settings.replaced_by(&without.to_string()).unwrap()), "left out, it stays");
    let mut removed = with("/kontur/apiKey", Some(json!("")));
    let keyless = settings.replaced_by(&removed.to_string()).unwrap();
    assert!(schema.is_valid(&removed) && !key(&keyless));
    assert_eq!(keyless.secrets(), ["phonet.apiKey", "kontur.secret", "uis.password", "relay.token"]);
    assert!(!key(&Settings::load(Some(keyless.to_json().reveal()))));
    removed.as_object_mut().unwrap().remove("relay");
    assert!(!schema.is_valid(&removed));
    assert_eq!(settings.replaced_by(&removed.to_string()).unwrap_err()[0].code, Code::SettingsWrongValue);
    removed["kontur"].as_object_mut().unwrap().remove("apiKey");
    assert_eq!(keyless.replaced_by(&removed.to_string()).unwrap_err()[0].code, Code::SettingsMissing);
}

/// UIS takes a password or a permanent key: what is kept of the one must not get into the way of the other.
#[test]
fn the_way_into_uis_can_be_changed() {
    let uis = |fields: Value| {
        let mut document = json!({ "version": 1, "uis": { "virtualNumber": "74993720692", "employeeId": 25 } });
        document["uis"].as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        document.to_string()
    };
    let by_login = Settings::default().replaced_by(&uis(json!({ "login": "anna", "password": "secret" }))).unwrap();
    let by_key = by_login.replaced_by(&uis(json!({ "token": "key" }))).unwrap();
    assert_eq!(by_key.secrets(), ["uis.token"]);
    assert_eq!(by_key.replaced_by(&uis(json!({}))).unwrap().uis, by_key.uis);
    let again = by_key.replaced_by(&uis(json!({ "login": "anna", "password": "secret" }))).unwrap();
    assert_eq!(again.uis, by_login.uis);
    assert_eq!(again.dials_with(None), ExchangeName::Uis, "the only one that is set up");
}

#[test]
fn the_first_version_of_uis_asks_for_what_it_needs() {
    let schema = schema();
    let uis = json!({ "version": "v1", "login": "anna", "password": "secret", "virtualNumber": "74993720692", "operator": "79164572521" });
    let read = |change: &dyn Fn(&mut Map<String, Value>)| {
        let mut uis = uis.as_object().unwrap().clone();
        change(&mut uis);
        let document = json!({ "version": 1, "uis": uis });
        let read = Settings::default().replaced_by(&document.to_string());
        assert_eq!(read.is_ok(), schema.is_valid(&document), "{document}: {read:?}");
        read.map(drop).map_err(|problems| problems[0].args[0].clone())
    };
    let phones = json!([{ "phones": [{ "number": "79164572521" }] }]);
    assert_eq!(read(&|_| {}), Ok(()));
    assert_eq!(read(&|uis| drop(uis.insert("firstCall".into(), "any".into()))), Ok(()));
    assert_eq!(read(&|uis| drop(uis.insert("media".into(), "music.mp3".into()))), Ok(()));
    assert_eq!(read(&|uis| drop(uis.insert("earlySwitching".into(), true.into()))), Err("uis.earlySwitching".into()));
    assert_eq!(read(&|uis| drop(uis.remove("operator"))), Err("uis.operator".into()));
    assert_eq!(read(&|uis| drop(uis.insert("token".into(), "x".into()))), Err("uis.token".into()));
    let groups = |uis: &mut Map<String, Value>| {
        uis.remove("operator");
        uis.insert("groups".into(), phones.clone());
    };
    assert_eq!(read(&groups), Ok(()));
}
