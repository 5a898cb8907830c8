//! UIS: its two versions, their checks and errors, and a call from the dial to the CRM's record.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{ANNA, BORIS, Bench, Uis, rfc3339};

const OPERATOR: &str = "79164572521";
const VIRTUAL: &str = "74993720692";
const CONTACT: &str = "79451235489";

fn simple() -> Value {
    json!({
        "first_call": "operator", "switch_at_once": true, "virtual_phone_number": VIRTUAL, "contact": CONTACT,
        "operator": OPERATOR, "external_id": "a-1", "direction": "out",
    })
}

fn employee() -> Value {
    json!({
        "first_call": "employee", "virtual_phone_number": VIRTUAL, "contact": CONTACT, "employee": { "id": 25 },
        "direction": "out",
    })
}

fn place() -> Value {
    json!({
        "first_call": "numc", "switch_at_once": true, "numa": CONTACT, "numb": VIRTUAL, "numc": OPERATOR,
        "is_queue": false, "use_numb_as_numa": true,
    })
}

fn groups() -> Value {
    let phones = json!([{ "channels_count": 2, "numb": OPERATOR, "timeout": 29 }, { "numb": "79164572522" }]);
    with(
        place(),
        "numc",
        json!([{ "dialing_increment": 1, "incremental_dialing_timeout": 1, "lines_limit": 2, "lines_start": 1, "phones": phones }]),
    )
}

/// Parameters with one of them changed; null takes it out.
fn with(mut params: Value, field: &str, value: Value) -> Value {
    let object = params.as_object_mut().unwrap();
    if value.is_null() {
        object.remove(field);
    } else {
        object.insert(field.to_owned(), value);
    }
    params
}

/// Changes one participant's or the whole call.
async fn act(bench: &Bench, call: &str, what: &str, body: Value) {
    bench.control(&format!("calls/{call}/{what}"), body).await;
}

/// The states of the legs of the first call in the list, contact last.
async fn states(uis: &Uis<'_>) -> Vec<String> {
    let list = uis.data("list.calls", json!({ "direction": "out" })).await;
    let mut legs: Vec<(bool, String)> = list[0]["legs"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|leg| (leg["is_operator"] == false, leg["state"].as_str().unwrap().to_owned()))
        .collect();
    legs.sort();
    legs.into_iter().map(|(_, state)| state).collect()
}

#[tokio::test]
async fn a_call_goes_from_the_operator_to_the_contact_and_ends() {
    let bench = Bench::new().await;
    let uis = bench.uis_v4().await;
    assert_eq!(uis.data("list.calls", json!({})).await, json!([]));
    let id = uis.data("start.simple_call", simple()).await["call_session_id"].as_u64().unwrap();
    let call = format!("uis-{id}");
    assert_eq!(bench.wait(&format!("dial:{CONTACT}")).await["uuid"], call);
    assert_eq!(states(&uis).await, ["Дозвон"]);
    act(&bench, &call, "answer", json!({})).await;
    assert_eq!(states(&uis).await, ["Разговор", "Дозвон"]);
    act(&bench, &call, "answer", json!({ "by": "contact" })).await;
    assert_eq!(states(&uis).await, ["Разговор", "Разговор"]);
    act(&bench, &call, "legs", json!({ "operator": "На удержании" })).await;
    assert_eq!(states(&uis).await, ["На удержании", "Разговор"]);

    let listed = &uis.data("list.calls", json!({ "virtual_phone_number": VIRTUAL })).await[0];
    assert_eq!((&listed["call_session_id"], &listed["external_id"]), (&json!(id), &json!("a-1")));
    assert_eq!((&listed["contact_phone_number"], &listed["direction"]), (&json!(CONTACT), &json!("out")));
    assert_eq!(listed["legs"][0]["employee_id"], 25);
    assert!(!listed["start_time"].as_str().unwrap().contains('Z'), "the document's sample has no zone");
    assert_eq!(uis.data("list.calls", json!({ "direction": "in" })).await, json!([]));
    assert_eq!(uis.data("list.calls", json!({ "virtual_phone_number": "74951045771" })).await, json!([]));

    let released = uis.data("release.call", json!({ "call_session_id": id })).await;
    assert_eq!(released, json!({ "success": "true" }));
    assert_eq!(uis.data("list.calls", json!({})).await, json!([]));
    let error = uis.error("release.call", json!({ "call_session_id": id }), false).await;
    assert_eq!((&error["code"], &error["data"]["mnemonic"]), (&json!(-32602), &json!("call_session_not_found")));
    assert_eq!(bench.problems(), [format!("{call}: ended, but was never registered in the CRM")]);
}

#[tokio::test]
async fn whoever_is_first_is_rung_first() {
    let bench = Bench::new().await;
    let uis = bench.uis_v4().await;
    let call = with(simple(), "first_call", json!("contact"));
    let id = uis.data("start.simple_call", call).await["call_session_id"].clone();
    let list = uis.data("list.calls", json!({})).await;
    assert_eq!(list[0]["legs"].as_array().unwrap().len(), 1);
    assert_eq!(list[0]["legs"][0]["is_operator"], false);
    bench.hang_up(&format!("uis-{id}")).await;
    let id = uis.data("start.employee_call", employee()).await["call_session_id"].clone();
    let legs = uis.data("list.calls", json!({})).await[0]["legs"].clone();
    assert_eq!(
        (&legs[0]["called_phone_number"], &legs[0]["employee_full_name"]),
        (&json!(OPERATOR), &json!("Анна Смирнова"))
    );
    bench.control("uis", json!({ "linger": 60 })).await;
    bench.hang_up(&format!("uis-{id}")).await;
    assert_eq!(states(&uis).await, ["Разъединено"], "an ended call may stay in the list for a while");

    let v1 = bench.uis_v1().await;
    v1.ask("place_calls", with(place(), "first_call", json!("any"))).await;
    let state = bench.get("/control/state").await.1;
    let sides: Vec<&Value> =
        state["uis"]["calls"][0]["legs"].as_array().unwrap().iter().map(|leg| &leg["side"]).collect();
    assert_eq!(sides, [&json!("operator"), &json!("contact")]);
}

#[tokio::test]
async fn the_documents_samples_are_taken() {
    let bench = Bench::new().await;
    bench.control("uis", json!({ "directions": ["7"] })).await;
    let uis = bench.uis_v4().await;
    let messages = |side: &str| {
        let mut params = json!({
            "switch_at_once": true, "media_file_id": 2701, "show_virtual_phone_number": false, "virtual_phone_number": VIRTUAL,
            "dtmf_string": ".1.2.3", "direction": "in", "contact": "79260000009",
            "contact_message": { "type": "tts", "value": "Привет" },
        });
        params["first_call"] = side.into();
        params[format!("{side}_message")] = json!({ "type": "media", "value": "2561" });
        params
    };
    let operator = with(messages("operator"), "operator", json!({ "id": 25, "phone_number": "79260000001" }));
    uis.data("start.simple_call", with(operator, "external_id", json!("334otr01"))).await;
    let agent = json!({ "id": 25, "phone_number": OPERATOR });
    uis.data("start.employee_call", with(messages("employee"), "employee", agent)).await;
    let list = uis.data("list.calls", json!({ "direction": "in", "virtual_phone_number": VIRTUAL })).await;
    assert_eq!(list.as_array().unwrap().len(), 2);

    let v1 = bench.uis_v1().await;
    let message = json!({ "type": "media", "value": "leave_message" });
    let sample = with(with(place(), "numa_message", message.clone()), "numc_message", message);
    assert_eq!(v1.ask("place_calls", with(sample, "media_file", json!("leave_message"))).await["result"], "success");
    let queued = with(with(groups(), "is_queue", json!(true)), "queue_timeout", json!(1));
    assert_eq!(v1.ask("place_calls", queued).await["result"], "success");
    assert_eq!(v1.ask("place_calls", groups()).await["result"], "success");
    assert!(bench.violations().is_empty());
}

#[tokio::test]
async fn parameters_beside_version_4_are_named() {
    let bench = Bench::new().await;
    let uis = bench.uis_v4().await;
    for (method, params, field, mnemonic) in [
        ("start.simple_call", with(simple(), "contact", Value::Null), "contact", "required_parameter_missed"),
        ("start.simple_call", with(simple(), "contact", json!(79451235489_u64)), "contact", "data_type_error"),
        ("start.simple_call", with(simple(), "contact", json!("+79451235489")), "contact", "invalid_parameter_value"),
        ("start.simple_call", with(simple(), "first_call", json!("employee")), "first_call", "invalid_parameter_value"),
        ("start.simple_call", with(simple(), "direction", json!("OUT")), "direction", "invalid_parameter_value"),
        ("start.simple_call", with(simple(), "switch_at_once", json!("true")), "switch_at_once", "data_type_error"),
        ("start.simple_call", with(simple(), "media_file_id", json!("2701")), "media_file_id", "data_type_error"),
        ("start.simple_call", with(simple(), "dtmf_string", json!("1,2")), "dtmf_string", "invalid_parameter_value"),
        ("start.simple_call", with(simple(), "employee", json!({ "id": 25 })), "employee", "unexpected_parameters"),
        ("start.simple_call", with(simple(), "operator", Value::Null), "operator", "required_parameter_missed"),
        (
            "start.simple_call",
            with(simple(), "contact_message", json!({ "type": "text", "value": "x" })),
            "contact_message.type",
            "invalid_parameter_value",
        ),
        ("start.simple_call", with(simple(), "early_switching", json!(true)), "", ""),
        (
            "start.simple_call",
            with(with(simple(), "early_switching", json!(true)), "switch_at_once", json!(false)),
            "early_switching",
            "invalid_parameters_combination",
        ),
        (
            "start.employee_call",
            with(employee(), "employee", json!({ "phone_number": OPERATOR })),
            "employee.id",
            "required_parameter_missed",
        ),
        ("start.employee_call", with(employee(), "employee", json!(25)), "employee", "data_type_error"),
        ("start.employee_call", with(employee(), "operator", json!(OPERATOR)), "operator", "unexpected_parameters"),
        ("release.call", json!({ "call_session_id": "1" }), "call_session_id", "data_type_error"),
        (
            "list.calls",
            json!({ "virtual_phone_number": "380445551122" }),
            "virtual_phone_number",
            "invalid_parameter_value",
        ),
        ("list.calls", json!({ "limit": 1 }), "limit", "unexpected_parameters"),
    ] {
        if field.is_empty() {
            uis.data(method, params).await;
            continue;
        }
        let error = uis.error(method, params, true).await;
        assert_eq!(
            (&error["code"], &error["data"]["mnemonic"]),
            (&json!(-32602), &json!(mnemonic)),
            "{field}: {error}"
        );
        assert_eq!(error["data"]["field"], field);
        assert!(error["data"]["metadata"]["limits"]["minute_limit"].is_u64(), "{error}");
    }
    let error = uis.error("start.simple_call", with(simple(), "contact", json!("номер")), true).await;
    assert_eq!((&error["message"], &error["data"]["value"]), (&json!("Invalid parameter value"), &json!("номер")));
    assert!(error["data"].as_object().unwrap().contains_key("extended_helper") && error["data"]["params"].is_object());
    let error = uis.error("start.simple_call", simple(), true).await;
    assert_eq!(error["data"]["mnemonic"], "internal_error", "a second dial under one external_id");
}

#[tokio::test]
async fn what_only_the_exchange_knows_is_no_violation() {
    let bench = Bench::new().await;
    let uis = bench.uis_v4().await;
    bench.control("uis", json!({ "blacklist": ["79997775533"] })).await;
    let long = json!({ "type": "tts", "value": "я".repeat(501) });
    for (method, params, code, mnemonic) in [
        ("start.simple_call", with(simple(), "contact", json!("79450000000")), -32002, "contact_in_blacklist"),
        ("start.simple_call", with(simple(), "contact", json!("79997775533")), -32002, "contact_in_blacklist"),
        ("start.simple_call", with(simple(), "contact", json!("380445551122")), -32002, "forbidden"),
        (
            "start.simple_call",
            with(simple(), "contact", json!("74951045771")),
            -32602,
            "own_virtual_phone_number_not_allowed",
        ),
        (
            "start.simple_call",
            with(simple(), "virtual_phone_number", json!("78001234567")),
            -32007,
            "virtual_phone_number_not_found",
        ),
        ("start.simple_call", with(simple(), "media_file_id", json!(1)), -32602, "media_file_not_found"),
        ("start.simple_call", with(simple(), "contact_message", long), -32602, "tts_text_exceeded"),
        ("start.employee_call", with(employee(), "employee", json!({ "id": 99 })), -32602, "employee_not_found"),
        ("start.employee_call", with(employee(), "employee", json!({ "id": 27 })), -32602, "no_active_phone_number"),
        (
            "start.employee_call",
            with(employee(), "employee", json!({ "id": 25, "phone_number": "79164572522" })),
            -32602,
            "no_active_phone_number",
        ),
    ] {
        let error = uis.error(method, params, false).await;
        assert_eq!((&error["code"], &error["data"]["mnemonic"]), (&json!(code), &json!(mnemonic)), "{error}");
        assert!(!error["message"].as_str().unwrap().contains('{'), "every substitution is made: {error}");
    }
    let error = uis.error("start.employee_call", with(employee(), "employee", json!({ "id": 99 })), false).await;
    assert_eq!(error["message"], "Employee with id 99 not found. It is not your employee.");
    assert_eq!((&error["data"]["params"], &error["data"]["value"]), (&json!({ "employee_id": 99 }), &json!("99")));
}

#[tokio::test]
async fn keys_open_the_door_for_an_hour() {
    let bench = Bench::new().await;
    let log_in = |password: &str| {
        let params = json!({ "login": "sandbox-uis", "password": password });
        json!({ "jsonrpc": "2.0", "id": "a", "method": "login.user", "params": params })
    };
    let error = bench.rpc("v4.0", log_in("wrong")).await["error"].clone();
    assert_eq!((&error["code"], &error["data"]["mnemonic"]), (&json!(-32001), &json!("auth_error")));
    assert!(error["data"]["metadata"]["limits"].is_null(), "such errors do not count");
    assert!(bench.violations().is_empty());
    let data = bench.rpc("v4.0", log_in("sandbox-uis-password")).await["result"]["data"].clone();
    let left = data["expire_at"].as_i64().unwrap() - time::OffsetDateTime::now_utc().unix_timestamp();
    assert!((3590..=3600).contains(&left), "{left}");
    let entry = bench.last();
    assert_eq!(
        (&entry["request"]["params"]["password"], &entry["answer"]["result"]["data"]["access_token"]),
        (&json!("***"), &json!("***"))
    );

    let uis = bench.uis_v4().await;
    bench.control("expire-keys", json!({})).await;
    assert_eq!(uis.error("list.calls", json!({}), false).await["data"]["mnemonic"], "access_token_invalid");
    bench.control("uis", json!({ "keyLifetime": 0 })).await;
    assert_eq!(
        bench.uis_v4().await.error("list.calls", json!({}), false).await["data"]["mnemonic"],
        "access_token_invalid"
    );

    let permanent = Uis { bench: &bench, version: "v4.0", key: ("access_token", "sandbox-uis-token".to_owned()) };
    permanent.data("list.calls", json!({})).await;
    assert_eq!(bench.last()["request"]["params"]["access_token"], "***");
    for (state, mnemonic) in [("expired", "access_token_expired"), ("blocked", "access_token_blocked")] {
        bench.control("uis", json!({ "token": state })).await;
        let error = permanent.error("list.calls", json!({}), false).await;
        assert_eq!((&error["code"], &error["data"]["mnemonic"]), (&json!(-32001), &json!(mnemonic)));
    }
}

#[tokio::test]
async fn every_switch_refuses_with_its_error() {
    let bench = Bench::new().await;
    let (uis, v1) = (bench.uis_v4().await, bench.uis_v1().await);
    for (rule, off, on, method, code, mnemonic, v1_code) in [
        ("ipAllowed", json!(false), json!(true), "list.calls", -32003, "ip_not_whitelisted", -32001),
        ("accountActive", json!(false), json!(true), "list.calls", -32009, "account_inactive", -32003),
        ("permitted", json!(false), json!(true), "list.calls", -32003, "forbidden", -32003),
        ("basicOn", json!(false), json!(true), "start.simple_call", -32008, "component_disabled", -32003),
        ("minuteLimit", json!(0), json!(300), "list.calls", -32029, "limit_exceeded", -32004),
        ("dayLimit", json!(0), json!(30_000), "list.calls", -32029, "limit_exceeded", -32004),
    ] {
        bench.control("uis", json!({ rule: off })).await;
        let params = if method == "list.calls" { json!({}) } else { simple() };
        let error = uis.error(method, params, false).await;
        assert_eq!((&error["code"], &error["data"]["mnemonic"]), (&json!(code), &json!(mnemonic)), "{rule}: {error}");
        let error = v1.error("place_calls", place(), false).await;
        assert_eq!(error["code"], v1_code, "{rule}: {error}");
        bench.control("uis", json!({ rule: on })).await;
        uis.data("list.calls", json!({})).await;
    }
    bench.control("uis", json!({ "managementOn": false })).await;
    let error = uis.error("list.calls", json!({}), false).await;
    assert_eq!(error["message"], "Component Call API Управление вызовами has been disabled");
    uis.data("start.simple_call", simple()).await;
    bench.control("uis", json!({ "managementOn": true, "deprecated": true })).await;
    let version = uis.ask("list.calls", json!({})).await["result"]["metadata"]["api_version"].clone();
    assert_eq!(version["current_version_depricated"], true);
    for (rules, path) in [(json!({ "v4On": false }), "v4.0"), (json!({ "v1On": false }), "v1"), (json!({}), "v2")] {
        bench.control("uis", rules).await;
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "authenticate", "params": {} });
        let answer = bench.rpc(path, body).await;
        assert_eq!(answer["error"], json!({ "message": "Api version not supported" }), "{path}");
        assert_eq!(bench.violations().is_empty(), path != "v2", "{path}");
    }
}

#[tokio::test]
async fn points_are_counted_and_told() {
    let bench = Bench::new().await;
    let uis = bench.uis_v4().await;
    bench.control("uis", json!({ "minuteLimit": 2, "dayLimit": 100 })).await;
    let limits = async || uis.ask("list.calls", json!({})).await["result"]["metadata"]["limits"].clone();
    let first = limits().await;
    assert_eq!((&first["minute_limit"], &first["minute_remaining"]), (&json!(2), &json!(1)));
    assert_eq!((&first["day_limit"], &first["day_remaining"]), (&json!(100), &json!(99)));
    assert!((1..=60).contains(&first["minute_reset"].as_i64().unwrap()));
    assert!((1..=86_400).contains(&first["day_reset"].as_i64().unwrap()));
    // What is refused costs nothing.
    uis.error("release.call", json!({ "call_session_id": 1 }), false).await;
    assert_eq!(limits().await["minute_remaining"], 0);
    let error = uis.error("list.calls", json!({}), false).await;
    let message = "Limit per minute has been exceeded. Value of current limit per minute is 2";
    assert_eq!((&error["code"], &error["message"]), (&json!(-32029), &json!(message)));
    assert_eq!(error["data"]["params"], json!({ "limit_type": "minute", "limit_max_value": 2 }));
    assert_eq!(error["data"]["metadata"]["limits"]["minute_remaining"], 0);
}

#[tokio::test]
async fn version_1_refuses_by_its_codes() {
    let bench = Bench::new().await;
    let v1 = bench.uis_v1().await;
    let queued = with(groups(), "is_queue", json!(true));
    let without = |key: &str| {
        let mut params = groups();
        params["numc"][0].as_object_mut().unwrap().remove(key);
        params
    };
    for (params, data) in [
        (with(place(), "numa", Value::Null), "`numa` is required"),
        (with(place(), "numa", json!(79451235489_u64)), "`numa` has a wrong type"),
        (with(place(), "numa", json!("+79451235489")), "`numa` has a wrong value"),
        (with(place(), "first_call", json!("operator")), "`first_call` has a wrong value"),
        (with(place(), "switch_at_once", Value::Null), "`switch_at_once` is required"),
        (with(place(), "is_use_numb_as_numa", json!(false)), "`is_use_numb_as_numa` is unknown"),
        (
            with(place(), "numc_message", json!({ "type": "tts", "value": "x" })),
            "`numc_message.type` has a wrong value",
        ),
        (with(place(), "numc", json!([])), "`numc` has a wrong value"),
        (queued, "`queue_timeout` is required"),
        (without("dialing_increment"), "`numc.0.dialing_increment` is required"),
        (without("incremental_dialing_timeout"), "`numc.0.incremental_dialing_timeout` is required"),
        (without("phones"), "`numc.0.phones` is required"),
    ] {
        let error = v1.error("place_calls", params, true).await;
        assert_eq!((&error["code"], &error["message"]), (&json!(-32602), &json!("Invalid params")), "{data}");
        assert_eq!(error["data"], data);
    }
    let error = v1.error("place_calls", with(place(), "numb", json!("74951112233")), false).await;
    assert_eq!((&error["code"], &error["message"]), (&json!(-32003), &json!("Permission denied")));
    let error = v1.error("start.simple_call", simple(), true).await;
    assert_eq!((&error["code"], &error["message"]), (&json!(-32601), &json!("Method not found")));
    let login = json!({ "login": "sandbox-uis", "password": "wrong" });
    let answer = bench.rpc("v1", json!({ "jsonrpc": "2.0", "id": 3, "method": "authenticate", "params": login })).await;
    assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32003), &json!(3)));
    assert!(bench.violations().is_empty());
    let stranger = Uis { key: ("session_key", "x".to_owned()), ..bench.uis_v4().await };
    let stranger = Uis { version: "v1", ..stranger };
    let error = stranger.error("place_calls", place(), false).await;
    let expected = json!({ "code": -32002, "message": "Authentication error", "details": "Invalid session key" });
    assert_eq!(error, expected);
    bench.control("expire-keys", json!({})).await;
    let error = v1.error("place_calls", place(), false).await;
    assert_eq!((&error["code"], &error["message"]), (&json!(-32005), &json!("Session key has expired")));
}

#[tokio::test]
async fn version_1_says_fail_under_200() {
    let bench = Bench::new().await;
    let v1 = bench.uis_v1().await;
    bench.control("uis", json!({ "fail": 1 })).await;
    assert_eq!(v1.ask("place_calls", place()).await["result"], "fail");
    assert_eq!(v1.ask("place_calls", place()).await["result"], "success");
    for number in ["79450000000", "380445551122"] {
        assert_eq!(v1.ask("place_calls", with(place(), "numa", json!(number))).await["result"], "fail");
    }
    assert_eq!(bench.get("/control/state").await.1["uis"]["calls"].as_array().unwrap().len(), 1);
    let call = bench.wait(&format!("dial:{CONTACT}")).await["uuid"].as_str().unwrap().to_owned();
    bench.answer(&call).await;
    bench.hang_up(&call).await;
    assert!(bench.problems().is_empty(), "a client of version 1 cannot know the call: {:?}", bench.problems());
}

#[tokio::test]
async fn what_is_no_request_of_json_rpc_is_refused() {
    let bench = Bench::new().await;
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "list.calls", "params": {} });
    let changed = |key: &str, value: Value| with(request.clone(), key, value).to_string().into_bytes();
    for (body, v1, v4, mnemonic) in [
        (b"{\"a\"".to_vec(), -32700, -32700, "parse_error"),
        (b"{jsonrpc: \"2.0\"}".to_vec(), -32700, -32700, "parse_error"),
        (b"{\"a\":\"\xff\"}".to_vec(), -32700, -32602, "character_encoding_not_allowed"),
        (b"[]".to_vec(), -32600, -32099, "batch_opreations_not_supported"),
        (b"1".to_vec(), -32600, -32600, "invalid_request"),
        (changed("id", Value::Null), -32600, -32099, "notifications_not_supported"),
        (changed("id", json!({})), -32600, -32600, "invalid_request"),
        (changed("jsonrpc", json!("1.0")), -32600, -32600, "invalid_request"),
        (changed("jsonrpc", Value::Null), -32600, -32600, "invalid_request"),
        (changed("method", json!(1)), -32600, -32600, "invalid_request"),
        (changed("params", json!([])), -32600, -32600, "invalid_request"),
        (changed("extra", json!(1)), -32600, -32600, "invalid_request"),
        (changed("method", json!("hold.call")), -32601, -32601, "method_not_found"),
    ] {
        for (version, code) in [("v1", v1), ("v4.0", v4)] {
            let post = bench.http.post(bench.url(&format!("/{version}"))).header("content-type", "application/json");
            let (status, answer) = bench.send(post.body(body.clone())).await;
            assert_eq!((status, &answer["error"]["code"]), (200, &json!(code)), "{version} {mnemonic}: {answer}");
            assert!(version == "v1" || answer["error"]["data"]["mnemonic"] == mnemonic, "{answer}");
            assert!(!bench.violations().is_empty());
        }
    }
    // Version 1 knows whole numbers only.
    let answer = bench.rpc("v1", with(request.clone(), "id", json!("a"))).await;
    assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32600), &Value::Null));
    let answer = bench.rpc("v4.0", with(request, "id", json!("a"))).await;
    assert_eq!(
        (&answer["error"]["data"]["mnemonic"], &answer["id"]),
        (&json!("required_parameter_missed"), &json!("a"))
    );
}

#[tokio::test]
async fn what_is_no_post_of_json_is_refused() {
    let bench = Bench::new().await;
    let refused = async |request: reqwest::RequestBuilder, status: u16| {
        assert_eq!(bench.send(request).await.0, status);
        assert_eq!(bench.violations().len(), 1);
    };
    for path in ["/v1", "/v4.0"] {
        refused(bench.http.get(bench.url(path)), 405).await;
        refused(bench.http.request(Method::PUT, bench.url(path)).json(&json!({})), 405).await;
        refused(bench.http.post(bench.url(path)).body("{}"), 415).await;
        refused(bench.http.post(bench.url(path)).header("content-type", "text/plain").body("{}"), 415).await;
        refused(bench.http.post(bench.url(&format!("{path}?x=1"))).json(&json!({})), 400).await;
    }
    let utf = bench.http.post(bench.url("/v4.0")).header("content-type", "application/json; charset=UTF-8");
    let log_in = json!({ "login": "sandbox-uis", "password": "sandbox-uis-password" });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "login.user", "params": log_in }).to_string();
    assert_eq!(bench.send(utf.body(body.clone())).await.0, 200);
    assert!(bench.violations().is_empty());
    let cookie = bench.http.post(bench.url("/v4.0")).header("content-type", "application/json").header("cookie", "a=b");
    bench.send(cookie.body(body)).await;
    assert_eq!(bench.violations().len(), 1, "credentials must be omitted");
}

#[tokio::test]
async fn both_names_answer_over_either_listener() {
    let bench = Bench::new().await;
    for host in ["callapi.uiscom.ru", "callapi.comagic.ru"] {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "list.calls", "params": {} });
        let request = bench.http.post(bench.url("/v4.0")).header("host", host).json(&body);
        assert_eq!(bench.send(request).await.1["error"]["data"]["field"], "access_token", "{host}");
        let (_, certificate) = {
            let stream = support::tls_connect(bench.sandbox.tls(), host).await.unwrap();
            (stream.get_ref().0.peer_addr().unwrap(), stream.get_ref().1.peer_certificates().unwrap().to_vec())
        };
        let names = String::from_utf8_lossy(&certificate[0]).into_owned();
        assert!(names.contains(host), "the certificate names {host}");
    }
    bench.control("fault", json!({ "service": "uis", "kind": "refuse", "count": 1 })).await;
    let mut refused = support::tls_connect(bench.sandbox.tls(), "callapi.uiscom.ru").await;
    assert!(refused.as_mut().is_err(), "the name in the handshake tells the service");
    assert!(support::tls_connect(bench.sandbox.tls(), "callapi.uiscom.ru").await.is_ok());
}

#[tokio::test]
async fn any_error_comes_on_demand() {
    let bench = Bench::new().await;
    let (uis, v1) = (bench.uis_v4().await, bench.uis_v1().await);
    bench
        .control("uis", json!({ "error": { "mnemonic": "internal_error", "method": "list.calls", "count": 2 } }))
        .await;
    uis.data("start.simple_call", simple()).await;
    for _ in 0..2 {
        let error = uis.error("list.calls", json!({}), false).await;
        assert_eq!(error["message"], "Internal error, contact the support service");
    }
    uis.data("list.calls", json!({})).await;
    let error = json!({ "mnemonic": "new_error", "code": -32050, "message": "Something new", "data": null });
    bench.control("uis", json!({ "error": error })).await;
    let error = uis.error("list.calls", json!({}), false).await;
    assert_eq!((&error["code"], &error["message"]), (&json!(-32050), &json!("Something new")));
    for (code, message) in [(-32603, "Internal error"), (-32004, "Limit is exceeded"), (-32001, "IP address error")] {
        bench.control("uis", json!({ "error": { "code": code, "data": "why" } })).await;
        let error = v1.error("place_calls", place(), false).await;
        assert_eq!(error, json!({ "code": code, "message": message, "data": "why" }));
    }
    assert_eq!(v1.ask("place_calls", place()).await["result"], "success");
}

#[tokio::test]
async fn answers_go_wrong_on_demand_and_the_call_is_begun_all_the_same() {
    let bench = Bench::new().await;
    let uis = bench.uis_v4().await;
    for (kind, number) in [("otherId", 1), ("both", 2), ("neither", 3), ("wrongShape", 4), ("unquoted", 5)] {
        let quirk = json!({ "kind": kind, "method": "start.simple_call" });
        bench.control("uis", json!({ "quirk": quirk })).await;
        let params = with(with(simple(), "contact", json!(format!("7945123548{number}"))), "external_id", json!(kind));
        let params = with(params, "access_token", json!(uis.key.1));
        let body = json!({ "jsonrpc": "2.0", "id": 9, "method": "start.simple_call", "params": params });
        let text = bench.http.post(bench.url("/v4.0")).json(&body).send().await.unwrap().text().await.unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        let right = match kind {
            "otherId" => answer["id"] == -1 && answer["result"].is_object(),
            "both" => answer["id"] == 9 && answer["result"].is_object() && answer["error"].is_object(),
            "neither" => answer["id"] == 9 && answer["result"].is_null() && answer["error"].is_null(),
            "wrongShape" => answer["result"].is_array(),
            _ => answer.is_null() && text.contains("call_session_id: "),
        };
        assert!(right, "{kind}: {text}");
        let call = bench.wait(&format!("dial:7945123548{number}")).await["uuid"].as_str().unwrap().to_owned();
        bench.hang_up(&call).await;
        assert!(bench.problems().is_empty(), "its client never learned of it: {:?}", bench.problems());
    }
    assert_eq!(bench.get("/control/state").await.1["uis"]["history"].as_array().unwrap().len(), 5);
    // A list that names the call makes it known.
    bench.control("uis", json!({ "quirk": { "kind": "neither" } })).await;
    uis.ask("start.simple_call", with(simple(), "external_id", json!("b"))).await;
    uis.data("list.calls", json!({})).await;
    let call = bench.wait(&format!("dial:{CONTACT}")).await["uuid"].as_str().unwrap().to_owned();
    bench.hang_up(&call).await;
    assert_eq!(bench.problems().len(), 1);
}

#[tokio::test]
async fn a_swallowed_answer_leaves_the_call_unknown() {
    let bench = Bench::new().await;
    let uis = bench.uis_v4().await;
    bench.control("fault", json!({ "service": "uis", "kind": "resetAfter", "count": 1 })).await;
    let params = with(simple(), "access_token", json!(uis.key.1));
    let body = json!({ "jsonrpc": "2.0", "id": 9, "method": "start.simple_call", "params": params });
    bench.http.post(bench.url("/v4.0")).json(&body).send().await.unwrap_err();
    let call = bench.wait(&format!("dial:{CONTACT}")).await["uuid"].as_str().unwrap().to_owned();
    bench.hang_up(&call).await;
    assert!(bench.problems().is_empty());
    bench.control("fault", json!({ "service": "uis", "kind": "contentType", "count": 1 })).await;
    assert_eq!(bench.send(bench.http.post(bench.url("/v4.0")).json(&json!({}))).await, (200, Value::Null));
    bench.control("fault", json!({ "service": "uis", "status": 502, "count": 1 })).await;
    assert_eq!(bench.send(bench.http.post(bench.url("/v4.0")).json(&json!({}))).await, (502, Value::Null));
}

#[tokio::test]
async fn a_number_that_vanishes_is_begun_and_never_listed() {
    let bench = Bench::new().await;
    let uis = bench.uis_v4().await;
    let id =
        uis.data("start.simple_call", with(simple(), "contact", json!("79450000001"))).await["call_session_id"].clone();
    assert_eq!(uis.data("list.calls", json!({})).await, json!([]));
    assert_eq!(bench.problems(), [format!("uis-{id}: ended, but was never registered in the CRM")]);
}

/// What a client tells the CRM of a call, each thing at the moment it learned of it.
struct Told<'a> {
    bench: &'a Bench,
    id: String,
    user: &'a str,
}

fn moment(at: i64) -> Value {
    rfc3339(&json!(at)).into()
}

fn now() -> i64 {
    i64::try_from(time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap()
}

impl Told<'_> {
    fn info(&self) -> Value {
        json!({ "externalId": self.id, "direction": "outbound", "clientPhone": CONTACT, "externalVatsPhone": VIRTUAL })
    }

    fn boundary(&self, at: i64) -> Value {
        with(self.info(), "timestamp", moment(at))
    }

    fn event(&self, kind: &str, at: i64) -> Value {
        json!({
            "externalId": self.id, "externalCallItemId": self.id, "realtimeCallItemId": self.id, "type": kind,
            "timestamp": moment(at), "from": { "type": "user", "userId": self.user }, "to": { "type": "client" },
        })
    }

    fn registration(&self, created: i64, started: i64, finished: i64) -> Value {
        let item = json!({
            "id": self.id, "from": { "type": "user", "userId": self.user }, "to": { "type": "client" }, "recordings": [],
            "startedAt": moment(started), "finishedAt": moment(finished),
        });
        with(with(self.info(), "externalCreatedAt", moment(created)), "items", json!([item]))
    }

    /// Tells all of an answered call; `late` is how much later than now its end is told.
    async fn all(&self, created: i64, talked: i64, late: i64) {
        let crm = self.bench.crm().await;
        crm.good("call-started", self.boundary(created)).await;
        crm.good("call-event", self.event("appeared", created)).await;
        crm.good("call-event", self.event("connected", talked)).await;
        let end = now() + late;
        crm.good("call-event", self.event("disconnected", end)).await;
        crm.good("call-finished", self.boundary(end)).await;
        crm.good("register-call", self.registration(created, talked, end)).await;
    }
}

#[tokio::test]
async fn the_verdict_knows_the_calls_of_uis() {
    for (user, late, expected) in [
        (ANNA, 0, &[][..]),
        (BORIS, 0, &["told of another user than the one who called"][..]),
        (
            ANNA,
            30_000,
            &[
                "disconnected at a time when it was not",
                "call-finished at another time than its end",
                "its item's finishedAt",
            ][..],
        ),
    ] {
        let bench = Bench::new().await;
        let uis = bench.uis_v4().await;
        let id = uis.data("start.simple_call", simple()).await["call_session_id"].clone();
        let created = now();
        let told = Told { bench: &bench, id: format!("uis-{id}"), user };
        bench.answer(&told.id).await;
        bench.answer(&told.id).await;
        uis.data("list.calls", json!({})).await;
        let talked = now();
        assert!(bench.problems().is_empty(), "a live call is no problem");
        uis.data("release.call", json!({ "call_session_id": id })).await;
        let (status, _) = bench.get("/control/wait?what=delivered:calls&timeout=1").await;
        assert_eq!(status, 408, "an ended call is owed");
        told.all(created, talked, late).await;
        let problems = bench.problems();
        for problem in expected {
            assert!(problems.iter().any(|found| found.contains(problem)), "{problem}: {problems:?}");
        }
        assert_eq!(problems.is_empty(), expected.is_empty(), "{problems:?}");
        bench.wait("delivered:calls").await;
    }
}

#[tokio::test]
async fn a_call_told_too_early_is_a_problem() {
    let bench = Bench::new().await;
    let uis = bench.uis_v4().await;
    let id = uis.data("start.simple_call", simple()).await["call_session_id"].clone();
    let told = Told { bench: &bench, id: format!("uis-{id}"), user: ANNA };
    let at = now();
    told.all(at, at, 0).await;
    let problems = bench.problems();
    for problem in ["connected at a time", "disconnected at a time", "call-finished at another time"] {
        assert!(problems.iter().any(|found| found.contains(problem)), "{problem}: {problems:?}");
    }
}
