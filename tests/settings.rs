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
use trubka::{
    exchange::ExchangeName,
    problem::{Code, Problem},
    protocol::PersonView,
    settings::{Settings, read_people},
};

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

/// What is wrong with a document; of one that is taken, what it lacks.
fn problems(document: &Value) -> Vec<Problem> {
    match Settings::default().replaced_by(&document.to_string()) {
        Ok(settings) => settings.missing(),
        Err(problems) => problems,
    }
}

/// In an order of its own: that of the document is not kept by every build.
fn sorted(paths: &[String]) -> Vec<&str> {
    let mut sorted: Vec<_> = paths.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    sorted
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
        let problems = problems(&document);
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
    assert_eq!(codes, [Code::SettingsWrongValue, Code::SettingsWrongType, Code::SettingsUnknownKey]);
    let problems = Settings::default().replaced_by("{\"version\": 1,}").unwrap_err();
    assert_eq!((problems[0].code, problems[0].args[0].as_str()), (Code::SettingsNotJson, "1:15"));
}

#[test]
fn secrets_are_kept_and_never_shown() {
    let settings = Settings::default().replaced_by(&complete().to_string()).unwrap();
    let shown = settings.exported(false).into_inner();
    for shown in [&shown, &settings.view().document] {
        assert!(!shown.contains("secret-"), "{shown}");
    }
    assert!(settings.exported(true).reveal().contains("secret-1"));
    assert_eq!(
        settings.view().secrets,
        ["phonet.apiKey", "kontur.apiKey", "kontur.secret", "uis.password", "relay.token"]
    );
    assert!(!format!("{settings:?}").contains("secret-"));
    let again = settings.replaced_by(&shown).unwrap();
    assert_eq!(again.phonet.as_ref().unwrap().api_key.reveal(), "secret-1");
    assert_eq!(again.uis, settings.uis);
    assert_eq!(again.kontur.as_ref().unwrap().secret.as_ref().unwrap().reveal(), "name=secret-3");
    let moved = shown.replace("http://127.0.0.1:8480", "https://evil.example").replace("proxy.example", "evil.example");
    let moved = settings
        .replaced_by(&moved.replace("callapi.comagic.ru", "evil.example").replace("relay.example.com", "evil.example"))
        .unwrap();
    assert_eq!(moved.view().secrets, Vec::<String>::new(), "a key goes to no other host");
    let paths: Vec<_> = moved.missing().iter().map(|problem| (problem.code, problem.args[0].clone())).collect();
    let lacking = ["phonet.apiKey", "uis.password", "relay.token"];
    assert_eq!(paths, lacking.map(|path| (Code::SettingsMissing, path.to_owned())));
    let without = settings.replaced_by(&shown.replace("\"workspace\"", "\"secret\":\"\",\"workspace\"")).unwrap();
    assert_eq!(without.view().secrets, ["phonet.apiKey", "kontur.apiKey", "uis.password", "relay.token"]);
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
    assert_eq!(keyless.view().secrets, ["phonet.apiKey", "kontur.secret", "uis.password", "relay.token"]);
    assert!(!key(&Settings::load(Some(keyless.to_json().reveal()))));
    removed.as_object_mut().unwrap().remove("relay");
    assert!(!schema.is_valid(&removed));
    assert_eq!(settings.replaced_by(&removed.to_string()).unwrap_err()[0].code, Code::SettingsWrongValue);
    removed["kontur"].as_object_mut().unwrap().remove("apiKey");
    assert_eq!(keyless.replaced_by(&removed.to_string()).unwrap().missing()[0].code, Code::SettingsMissing);
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
    assert_eq!(by_key.view().secrets, ["uis.token"]);
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
        let problems = problems(&document);
        assert_eq!(problems.is_empty(), schema.is_valid(&document), "{document}: {problems:?}");
        problems.first().map_or(Ok(()), |problem| Err(problem.args[0].clone()))
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

fn changed(settings: &Settings, changes: &Value) -> Result<Settings, Vec<Problem>> {
    settings.changed(changes.as_object().unwrap())
}

#[test]
fn a_service_is_set_up_field_by_field() {
    let mut settings = Settings::default();
    for (path, value) in
        [("phonet.apiKey", "key"), ("phonet.domain", "Demo.phonet.com.ua"), ("phonet.subscriber", "001")]
    {
        assert!(settings.phonet.is_none());
        settings = changed(&settings, &json!({ path: value })).unwrap();
    }
    assert_eq!(settings.phonet.as_ref().unwrap().domain, "demo.phonet.com.ua");
    assert!(settings.missing().is_empty());
    // A key that was given before any host goes to the first; after that it moves to no other, not in two steps either.
    let away = changed(&settings, &json!({ "phonet.domain": null })).unwrap();
    assert_eq!(away.view().secrets, Vec::<String>::new());
    let elsewhere = changed(&settings, &json!({ "advanced.phonetAddress": "https://evil.example" })).unwrap();
    assert_eq!(elsewhere.view().secrets, Vec::<String>::new());
    let with_key = json!({ "phonet.domain": "other.phonet.com.ua", "phonet.apiKey": "key-2" });
    assert_eq!(changed(&settings, &with_key).unwrap().phonet.unwrap().api_key.reveal(), "key-2");
    // All or nothing, and what is wrong is named.
    let wrong = json!({ "region": "UA", "kontur.workspace": " ", "colour": "blue" });
    let problems = changed(&settings, &wrong).unwrap_err();
    let paths: Vec<_> = problems.iter().map(|problem| (problem.code, problem.args[0].as_str())).collect();
    assert_eq!(paths, [(Code::SettingsWrongValue, "kontur.workspace"), (Code::SettingsUnknownKey, "colour")]);
    let rows = json!({ "directory": [{ "ext": "001" }, { "name": "Борис" }] });
    assert_eq!(changed(&settings, &rows).unwrap_err()[0], Problem::about(Code::SettingsMissing, &["directory.1.ext"]));
    let gone = changed(&settings, &json!({ "phonet.domain": null, "phonet.apiKey": null, "phonet.subscriber": null }))
        .unwrap();
    assert_eq!(gone.to_json().reveal(), r#"{"version":1}"#, "an empty section goes");
}

#[test]
fn a_preset_is_beneath_the_users_own_and_a_lock_above_it() {
    let policy = json!({
        "preset": { "region": "UA", "phonet": { "domain": "demo.phonet.com.ua", "apiKey": "preset-key" }, "directory": [{ "ext": "001" }] },
        "locked": { "kontur": { "workspace": "ws", "recordings": false }, "sites": ["https://crm.kontur.ru"] }
    });
    let own = json!({
        "version": 1, "phonet": { "subscriber": "002" }, "kontur": { "workspace": "mine", "apiKey": "my-key" }, "region": "BY",
        "sites": ["https://crm.kontur.ru", "https://other.example"]
    });
    let own = Settings::default().replaced_by(&own.to_string()).unwrap();
    let governed = own.governed_by(Some(&policy.to_string()));
    assert_eq!(governed.phonet.as_ref().unwrap().api_key.reveal(), "preset-key");
    assert_eq!(governed.phonet.as_ref().unwrap().subscriber, "002");
    let kontur = governed.kontur.as_ref().unwrap();
    assert_eq!(
        (kontur.workspace.as_str(), kontur.api_key.as_ref().unwrap().reveal().as_str(), kontur.recordings),
        ("ws", "my-key", false)
    );
    assert_eq!(&*governed.region.0.as_region_str(), "BY");
    assert_eq!((governed.directory.len(), governed.sites.len()), (1, 1));
    let view = governed.view();
    assert_eq!(sorted(&view.locked), ["kontur.recordings", "kontur.workspace", "sites"]);
    assert_eq!(sorted(&view.preset), ["directory", "phonet.apiKey", "phonet.domain"]);
    assert_eq!(view.overridden, ["region"]);
    assert_eq!(view.secrets, ["phonet.apiKey", "kontur.apiKey"]);
    assert!(!view.document.contains("-key") && view.policy.is_empty());
    // What is stored and taken elsewhere is the user's own alone.
    assert_eq!(governed.to_json(), own.to_json());
    for locked in ["kontur.workspace", "kontur.recordings", "sites"] {
        let problems = changed(&governed, &json!({ locked: true, "region": "RU" })).unwrap_err();
        assert_eq!(problems, [Problem::about(Code::SettingsLocked, &[locked])]);
    }
    assert!(governed.with_site("https://other.example", true).is_err());
    let lighter = changed(&governed, &json!({ "region": null })).unwrap();
    assert_eq!(&*lighter.region.0.as_region_str(), "UA", "what the user takes away shows the preset");
    assert_eq!(lighter.governed_by(None).sites.len(), 2, "what was locked comes back");
    // The administrator's key goes to the administrator's host alone.
    let moved = changed(&governed, &json!({ "phonet.domain": "evil.example" })).unwrap();
    assert!(moved.phonet.is_none());
    assert_eq!(moved.missing(), [Problem::about(Code::SettingsMissing, &["phonet.apiKey"])]);
    let keyless = json!({ "preset": { "phonet": { "apiKey": "preset-key" } } });
    let hostless = own.governed_by(Some(&keyless.to_string()));
    assert!(
        !changed(&hostless, &json!({ "phonet.domain": "evil.example" }))
            .unwrap()
            .view()
            .secrets
            .contains(&"phonet.apiKey".to_owned())
    );
}

#[test]
fn what_an_administrator_says_wrongly_is_left_out_and_told() {
    let policy = json!({
        "preset": { "region": "Russia", "colour": "blue", "phonet": { "domain": "demo.phonet.com.ua", "apiKey": 7 },
            "directory": [{ "ext": "a", "userId": "b" }, { "ext": "001" }, { "name": "x" }] },
        "locked": { "kontur": { "workspace": "ws", "cards": { "contact": "javascript:{id}" } }, "dialling": { "sites": { "x": "uis" } } }
    });
    let settings = Settings::default().governed_by(Some(&policy.to_string()));
    let view = settings.view();
    let told: Vec<_> = view.policy.iter().map(|problem| problem.args[0].as_str()).collect();
    assert_eq!(
        told,
        [
            "phonet.apiKey",
            "directory.0.ext",
            "directory.0.userId",
            "directory.2.ext",
            "region",
            "colour",
            "dialling.sites.x",
            "kontur.cards.contact"
        ]
    );
    assert_eq!(settings.directory.iter().map(|person| person.ext.as_str()).collect::<Vec<_>>(), ["001"]);
    assert_eq!(sorted(&view.locked), ["dialling.sites", "kontur.workspace"]);
    for nonsense in ["", "7", "[]", r#"{"preset":7,"locked":[]}"#, r#"{"preset":{"version":9}}"#] {
        assert!(Settings::default().governed_by(Some(nonsense)).view().locked.is_empty(), "{nonsense}");
    }
}

#[test]
fn a_way_into_uis_is_not_mixed_from_two_layers() {
    let uis =
        json!({ "login": "anna", "password": "preset", "virtualNumber": "74993720692", "operator": "79164572521" });
    let governed = Settings::default().governed_by(Some(&json!({ "preset": { "uis": uis } }).to_string()));
    assert_eq!(governed.view().secrets, ["uis.password"]);
    let by_key = changed(&governed, &json!({ "uis.token": "mine" })).unwrap();
    assert_eq!(by_key.view().secrets, ["uis.token"]);
    assert!(by_key.uis.is_some());
    assert_eq!(changed(&by_key, &json!({ "uis.token": null })).unwrap().uis, governed.uis);
    let locked =
        Settings::default().governed_by(Some(&json!({ "locked": { "uis": { "login": "anna" } } }).to_string()));
    let by_password = changed(&locked, &json!({ "uis.password": "mine", "uis.token": null })).unwrap();
    assert_eq!(by_password.view().secrets, ["uis.password"]);
}

#[test]
fn a_uis_of_which_nothing_is_said_lacks_its_login() {
    let chosen = changed(&Settings::default(), &json!({ "uis.version": "v4.0", "uis.employeeId": 25 })).unwrap();
    let lacking: Vec<_> = chosen.missing().into_iter().flat_map(|problem| problem.args).collect();
    assert_eq!(lacking, ["uis.login", "uis.password", "uis.virtualNumber"]);
    assert!(
        changed(&chosen, &json!({ "uis.token": "key", "uis.virtualNumber": "74993720692" })).unwrap().uis.is_some()
    );
}

/// A file without its keys brings nobody's keys away, though the administrator has the rest of their sections.
#[test]
fn keys_outlive_a_file_that_leaves_their_sections_out() {
    let policy = json!({ "locked": {
        "relay": { "address": "https://relay.example.com" }, "uis": { "login": "anna" }, "kontur": { "workspace": "ws" }
    } });
    let governed = Settings::default().governed_by(Some(&policy.to_string()));
    let keys = json!({ "relay.token": "secret-1", "uis.password": "secret-2", "kontur.apiKey": "secret-3" });
    let settings = changed(&governed, &keys).unwrap();
    let file = settings.exported(false);
    assert_eq!(file.reveal(), r#"{"version":1}"#);
    let again = settings.replaced_by(file.reveal()).unwrap();
    assert_eq!(again.view().secrets, ["kontur.apiKey", "uis.password", "relay.token"]);
    let elsewhere = json!({ "version": 1, "advanced": { "konturAddress": "https://evil.example" } });
    let elsewhere = settings.replaced_by(&elsewhere.to_string()).unwrap();
    assert_eq!(elsewhere.view().secrets, ["uis.password", "relay.token"]);
    assert_eq!(settings.restored("{}").view().secrets, Vec::<String>::new());
}

fn person(ext: &str, name: Option<&str>, user_id: Option<&str>) -> PersonView {
    let (ext, name) = (Some(ext.to_owned()), name.map(Into::into));
    PersonView { ext, name, user_id: user_id.map(str::to_owned), email: None }
}

#[test]
fn a_list_of_employees_is_read_as_table_programs_write_it() {
    const ID: &str = "3f6a0c1e-0000-4000-8000-000000000001";
    let anna = person("001", Some("Смирнова, Анна"), Some(ID));
    let boris = person("002", Some("Борис \"Боб\" Орлов"), None);
    let upper = ID.to_uppercase();
    for text in [
        format!(
            "\u{feff}Внутренний номер;Имя;Id пользователя в CRM;Отдел\r\n001;Смирнова, Анна;{upper};Продажи\r\n002;\"Борис \"\"Боб\"\" Орлов\";;\r\n"
        ),
        format!("name,ext,userId\n\"Смирнова, Анна\",001,{ID}\n\"Борис \"\"Боб\"\" Орлов\", 002 ,"),
        format!("\n\n001;Смирнова, Анна;{ID}\n;;\n002;\"Борис \"\"Боб\"\" Орлов\"\n"),
    ] {
        assert_eq!(read_people(&text), (vec![anna.clone(), boris.clone()], Vec::new()), "{text}");
    }
    // Each line that is wrong is named as an editor counts it.
    let (people, problems) =
        read_people("ext;name;id\r\n\r\n001;\"Анна\r\nСмирнова\"\r\nтри;Вера\r\n001;Ещё Анна\r\n004;Глеб;не id\r\n");
    assert_eq!(people, [person("001", Some("Анна\r\nСмирнова"), None)]);
    assert_eq!(
        problems,
        [
            Problem::about(Code::PeopleNoExt, &["5"]),
            Problem::about(Code::PeopleTwice, &["6", "001"]),
            Problem::about(Code::PeopleWrongUserId, &["7"]),
        ]
    );
    for empty in ["", "\u{feff}", "\n\n", "ext;name\n"] {
        assert_eq!(read_people(empty), (Vec::new(), vec![Problem::new(Code::PeopleNone)]));
    }
    let many: String = (0..6_000).map(|ext| format!("{ext};Имя\n")).collect();
    let (people, problems) = read_people(&many);
    assert_eq!((people.len(), problems), (5_000, vec![Problem::about(Code::PeopleTooMany, &["5000"])]));
    for hostile in ["\"001;Анна\n002;Борис", "\"\"\"\"\"\"", ";;;;\r\r\r", "001\u{0};\u{202e}<b>&"] {
        read_people(hostile);
    }
}
