//! «API интеграции» and «Переадресация звонка на ответственного»: the core in virtual time; and the documents' own samples.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "integration/desk.rs"]
mod desk;
#[path = "integration/samples.rs"]
mod samples;

use desk::{Desk, ID, PRIVATE, PUBLIC, authorized};
use serde_json::{Value, json};
use trubka::{
    Millis,
    core::io::{Input, Session},
    problem::{Code, Problem},
    protocol::{DeliveryState, HookName, InstanceStatus, IntegrationView, MainTelephony, Message, Request},
};

const ANNA: &str = "3f6a0c1e-0000-4000-8000-000000000001";

fn private() -> Value {
    json!({ "version": 1, "kontur": { "workspace": "ws", "apiKey": "key", "userId": ANNA } })
}

fn public() -> Value {
    json!({ "version": 1, "kontur": { "workspace": "ws", "apiKey": "key", "secret": "name=value" } })
}

fn get_instance() -> String {
    format!("GET /api/v1/ws/integrations/instances/{ID}")
}

fn patch_instance() -> String {
    format!("PATCH /api/v1/ws/integrations/instances/{ID}")
}

fn post_setup() -> String {
    format!("POST /api/v1/ws/integrations/{ID}/setup")
}

fn get_main_telephony() -> String {
    format!("GET /api/v1/ws/ui-settings?key=@main-telephony-settings={ID}")
}

/// The instance as the CRM has it, with these web hooks.
fn instance(call: bool, hang_up: bool, web_hooks: &Value) -> String {
    json!({
        "baseUrl": "https://relay.example/secret", "features": { "call": call, "hangup": hang_up, "sendSms": false },
        "status": "active", "secrets": [{ "id": "token", "value": "hidden" }],
        "settings": [{ "id": "autoRedirect", "value": "False" }], "webHooks": web_hooks, "id": ID
    })
    .to_string()
}

fn web_hook(id: &str, url: &str, period: &str, disabled: bool) -> Value {
    json!({
        "id": id, "relativeUrl": url, "triggerType": "schedule", "filter": { "items": [] },
        "schedule": { "period": period }, "disabled": disabled
    })
}

fn main_telephony(value: &Value) -> String {
    json!({ "userId": "u", "groupId": "g", "key": "@main-telephony-settings", "value": value, "canEditAll": true, "id": "s" })
        .to_string()
}

/// A desk with a key, and a job that has begun.
fn asked(request: Request) -> (Desk, u32) {
    let mut desk = Desk::new(&private());
    let ask = desk.ask(request);
    desk.authorize(PRIVATE);
    (desk, ask)
}

/// Answers the last request of a job.
#[track_caller]
fn view(desk: &mut Desk, ask: u32) -> IntegrationView {
    desk.expect(&get_main_telephony());
    desk.answer(200, &main_telephony(&json!(ID)));
    desk.idle();
    match desk.reply(ask) {
        Some(Message::Integration(view)) => view,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn problems(desk: &mut Desk, ask: u32) -> Vec<Problem> {
    match desk.reply(ask) {
        Some(Message::Invalid { problems }) => problems,
        other => panic!("{other:?}"),
    }
}

fn codes(problems: &[Problem]) -> Vec<Code> {
    problems.iter().map(|problem| problem.code).collect()
}

const fn features(call: bool, hang_up: bool) -> Request {
    Request::SetFeatures { call, hang_up }
}

const fn hook(hook: HookName, on: bool, minutes: u32) -> Request {
    Request::SetWebHook { hook, on, minutes }
}

// ── The instance ─────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn the_instance_is_read_with_the_key_of_either_kind_of_integration() {
    for (document, path, is_public) in [(private(), PRIVATE, false), (public(), PUBLIC, true)] {
        let mut desk = Desk::new(&document);
        let ask = desk.ask(Request::GetIntegration);
        desk.authorize(path);
        desk.expect(&get_instance());
        let hooks =
            json!([web_hook("25d", "/setup/upgrade", "1.02:05:30", true), web_hook("9", "deals", "00:01:00", false)]);
        desk.answer(200, &instance(true, false, &hooks));
        let view = view(&mut desk, ask);
        assert_eq!(
            serde_json::to_value(&view).unwrap(),
            json!({
                "id": ID, "isPublic": is_public, "workspace": "ws", "status": "active",
                "baseUrl": "https://relay.example/secret",
                "features": { "call": true, "hangUp": false, "sendSms": false },
                "webHooks": [
                    { "id": "25d", "hook": "upgrade", "relativeUrl": "/setup/upgrade", "minutes": 1565, "disabled": true },
                    { "id": "9", "relativeUrl": "deals", "minutes": 1, "disabled": false }
                ],
                "settings": [{ "id": "autoRedirect", "value": "False" }], "mainTelephony": "ours"
            })
        );
    }
}

#[test]
fn each_status_is_known_as_a_number_and_as_a_word_in_any_case() {
    let (mut desk, _) = asked(Request::GetIntegration);
    let mut status = |status: Value| {
        let ask = desk.ask(Request::GetIntegration);
        while let Some((line, _)) = desk.next() {
            match line.contains("ui-settings") {
                true => desk.answer(200, &main_telephony(&Value::Null)),
                false => desk.answer(200, &json!({ "id": ID, "status": status }).to_string()),
            }
        }
        match desk.reply(ask) {
            Some(Message::Integration(view)) => view.status,
            other => panic!("{other:?}"),
        }
    };
    for (number, word, expected) in [
        (0, "NotConfigured", InstanceStatus::NotConfigured),
        (1, "Active", InstanceStatus::Active),
        (2, "Paused", InstanceStatus::Paused),
        (3, "HasErrors", InstanceStatus::HasErrors),
        (4, "Failed", InstanceStatus::Failed),
        (5, "Resting", InstanceStatus::Unknown),
    ] {
        let mut camel = word.to_owned();
        camel[..1].make_ascii_lowercase();
        for value in [json!(number), json!(number.to_string()), json!(word), json!(camel), json!(word.to_uppercase())] {
            assert_eq!(status(value.clone()), expected, "{value}");
        }
    }
    assert_eq!(status(Value::Null), InstanceStatus::Unknown);
}

#[test]
fn which_telephony_is_the_main_one_is_shown_where_the_crm_says_it() {
    let not_found = r#"{"status":"notFound","message":"Telephony 838...ed82 not found"}"#;
    for (status, body, expected) in [
        (200, main_telephony(&json!(ID.to_uppercase())), MainTelephony::Ours),
        (200, main_telephony(&json!(format!(r#"{{"integrationId":"{ID}"}}"#))), MainTelephony::Ours),
        (200, main_telephony(&json!("another")), MainTelephony::Other),
        (200, main_telephony(&json!("")), MainTelephony::None),
        (200, main_telephony(&Value::Null), MainTelephony::None),
        (409, not_found.to_owned(), MainTelephony::None),
        (200, "{}".to_owned(), MainTelephony::Unknown),
        (200, "<html>".to_owned(), MainTelephony::Unknown),
        (500, String::new(), MainTelephony::Unknown),
    ] {
        let (mut desk, ask) = asked(Request::GetIntegration);
        desk.expect(&get_instance());
        desk.answer(200, &instance(false, false, &json!([])));
        desk.expect(&get_main_telephony());
        desk.answer(status, &body);
        let Some(Message::Integration(view)) = desk.reply(ask) else { panic!("{body}") };
        assert_eq!(view.main_telephony, expected, "{body}");
    }
}

// ── Activation ───────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_public_integration_is_activated_with_its_arguments_and_then_read() {
    let mut desk = Desk::new(&public());
    let arguments = r#"{"SecretKey":null,"autoRedirect":false,"autoAnswer":false}"#;
    let ask = desk.ask(Request::SetUpIntegration { arguments: arguments.into() });
    desk.authorize(PUBLIC);
    assert_eq!(desk.expect(&post_setup()), serde_json::from_str::<Value>(arguments).unwrap());
    desk.answer(200, r#""OK""#);
    desk.expect(&get_instance());
    desk.answer(200, &instance(false, false, &json!([])));
    assert_eq!(view(&mut desk, ask).status, InstanceStatus::Active);

    let ask = desk.ask(Request::SetUpIntegration { arguments: "{}".into() });
    desk.expect(&post_setup());
    desk.answer(409, r#"{"status":"IntegrationNotFound","message":"Integration not found"}"#);
    desk.idle();
    assert_eq!(problems(&mut desk, ask), [Problem::new(Code::IntegrationNotFound)]);
}

#[test]
fn what_the_crm_would_reject_is_refused_before_it_leaves_with_the_fields_name() {
    let wrong = |field: &str| Problem::about(Code::IntegrationWrongField, &[field]);
    let set_up = |arguments: &str| Request::SetUpIntegration { arguments: arguments.into() };
    let mut refused = Vec::new();
    for arguments in ["", "[]", "null", "\"x\"", "{a:1}", "{\"a\":1", "7"] {
        refused.push((public(), set_up(arguments), wrong("arguments")));
    }
    for minutes in [0, 1440, u32::MAX] {
        refused.push((private(), hook(HookName::Sync, true, minutes), wrong("minutes")));
    }
    refused.push((private(), set_up("{}"), Problem::new(Code::IntegrationPrivate)));
    refused.push((json!({ "version": 1 }), Request::GetIntegration, Problem::new(Code::KonturNotConfigured)));
    for (document, request, problem) in refused {
        let mut desk = Desk::new(&document);
        let ask = desk.ask(request.clone());
        assert_eq!(problems(&mut desk, ask), [problem], "{request:?}");
        desk.idle();
    }
    let mut desk = Desk::new(&private());
    desk.input(Input::Permissions { forbidden: vec!["https://crm.kontur.ru".to_owned()] });
    let ask = desk.ask(Request::GetIntegration);
    assert_eq!(codes(&problems(&mut desk, ask)), [Code::PermissionMissing]);
}

// ── Features ─────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn features_are_patched_and_read_again_before_they_are_believed() {
    let (mut desk, ask) = asked(features(true, true));
    desk.expect(&get_instance());
    desk.answer(200, &instance(false, false, &json!([])));
    assert_eq!(
        desk.expect(&patch_instance()),
        json!({ "operations": [{ "op": "replace", "path": "/features", "value": { "call": true, "hangup": true } }] })
    );
    // The documentation's own answer to this very request has them off.
    desk.answer(200, samples::PATCHED);
    desk.expect(&get_instance());
    desk.answer(200, &instance(true, true, &json!([])));
    let features_on = view(&mut desk, ask).features;
    assert!(features_on.call && features_on.hang_up);

    let ask = desk.ask(features(false, true));
    desk.expect(&get_instance());
    desk.answer(200, &instance(true, true, &json!([])));
    assert_eq!(desk.expect(&patch_instance())["operations"][0]["value"], json!({ "call": false, "hangup": true }));
    desk.answer(200, samples::PATCHED);
    desk.expect(&get_instance());
    desk.answer(200, &instance(true, true, &json!([])));
    desk.idle();
    assert_eq!(
        problems(&mut desk, ask),
        [Problem::new(Code::IntegrationUnchanged)],
        "the CRM says so and it is not so"
    );
}

#[test]
fn features_that_are_so_already_are_not_patched_and_others_are_kept() {
    let (mut desk, ask) = asked(features(true, false));
    desk.expect(&get_instance());
    desk.answer(200, &instance(true, false, &json!([])));
    assert!(view(&mut desk, ask).features.call);

    desk.ask(features(false, false));
    desk.expect(&get_instance());
    desk.answer(200, &json!({ "id": ID, "features": { "call": true, "hangup": true, "sendSms": true } }).to_string());
    let value = json!({ "call": false, "hangup": false, "sendSms": true });
    assert_eq!(desk.expect(&patch_instance())["operations"][0]["value"], value);
}

// ── Web hooks ────────────────────────────────────────────────────────────────────────────────────────────────────

/// Has a web hook set where there are these; the operations of the patch, and the view when the CRM then has those.
#[track_caller]
fn set_hook(request: Request, before: &Value, after: &Value) -> (Value, Result<IntegrationView, Vec<Code>>) {
    let (mut desk, ask) = asked(request);
    desk.expect(&get_instance());
    desk.answer(200, &instance(false, false, before));
    let operations = desk.expect(&patch_instance())["operations"].clone();
    desk.answer(200, r#"{"isSuccessful":true,"responseCode":"ok"}"#);
    desk.expect(&get_instance());
    desk.answer(200, &instance(false, false, after));
    let result = match desk.reply(ask) {
        Some(Message::Invalid { problems }) => Err(codes(&problems)),
        _ => Ok(view(&mut desk, ask)),
    };
    (operations, result)
}

const NIL: &str = "00000000-0000-0000-0000-000000000000";

#[test]
fn a_web_hook_is_registered_with_no_id_of_its_own() {
    for (name, url) in [(HookName::Upgrade, "setup/upgrade"), (HookName::Sync, "communications/sync")] {
        let other = web_hook("9", "deals", "00:05:00", false);
        let after = json!([other, web_hook("25d", url, "00:05:00", false)]);
        let (operations, view) = set_hook(hook(name, true, 5), &json!([other]), &after);
        let value = web_hook(NIL, url, "00:05:00", false);
        assert_eq!(operations, json!([{ "op": "add", "path": "/webHooks", "value": value }]));
        let hooks = view.unwrap().web_hooks;
        assert_eq!((hooks[1].hook, hooks[1].minutes, hooks[1].id.as_str()), (Some(name), Some(5), "25d"));
    }
}

#[test]
fn a_web_hook_is_changed_switched_off_and_on_again_under_its_own_id() {
    let (five, ten) = ("00:05:00", "00:10:00");
    let sync = |period, disabled| web_hook("81c", "communications/sync", period, disabled);
    let replace = |value: Value| json!([{ "op": "replace", "path": "/webHooks", "value": value }]);
    for (on, minutes, before, after) in [
        (true, 10, sync(five, false), sync(ten, false)),
        (false, 10, sync(ten, false), sync(ten, true)),
        (true, 5, sync(ten, true), sync(five, false)),
    ] {
        let (operations, view) = set_hook(hook(HookName::Sync, on, minutes), &json!([before]), &json!([after]));
        assert_eq!(operations, replace(after));
        assert_eq!(view.unwrap().web_hooks[0].disabled, !on);
    }
    let (_, unchanged) =
        set_hook(hook(HookName::Sync, false, 5), &json!([sync(five, false)]), &json!([sync(five, false)]));
    assert_eq!(unchanged, Err(vec![Code::IntegrationUnchanged]));
    let twice = json!([sync(five, false), web_hook("82c", "communications/sync", five, false)]);
    let (operations, _) = set_hook(hook(HookName::Sync, false, 5), &twice, &json!([]));
    assert_eq!(operations.as_array().unwrap().len(), 2, "off is off, however often it was registered");
    let (operations, _) = set_hook(hook(HookName::Sync, true, 23 * 60 + 59), &json!([]), &json!([]));
    assert_eq!(operations[0]["value"]["schedule"]["period"], "23:59:00");
}

#[test]
fn a_web_hook_that_is_so_already_is_left_alone() {
    for (request, hooks) in [
        (hook(HookName::Sync, true, 5), json!([web_hook("81c", "communications/sync", "00:05:00", false)])),
        (hook(HookName::Sync, false, 0), json!([web_hook("81c", "communications/sync", "00:05:00", true)])),
        (hook(HookName::Upgrade, false, 0), json!([])),
    ] {
        let (mut desk, ask) = asked(request);
        desk.expect(&get_instance());
        desk.answer(200, &instance(false, false, &hooks));
        view(&mut desk, ask);
    }
}

// ── Troubles ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// What is said when the CRM answers a patch so.
fn patch_answered(status: u16, body: &str) -> Vec<Problem> {
    let (mut desk, ask) = asked(features(true, true));
    desk.expect(&get_instance());
    desk.answer(200, &instance(false, false, &json!([])));
    desk.expect(&patch_instance());
    desk.answer(status, body);
    desk.idle();
    problems(&mut desk, ask)
}

#[test]
fn every_shape_of_a_refused_patch_is_told_in_words_with_its_places() {
    let refused = |words: &str| Problem::about(Code::KonturRefused, &[words]);
    let about = |code, place: &str| Problem::about(code, &[place]);
    assert_eq!(
        patch_answered(409, samples::PATCH_REFUSED),
        [refused("Patch contains invalid operations"), about(Code::IntegrationInvalidPath, "/id")]
    );
    let body = json!({
        "errorInfo": {
            "invalidPaths": ["/status"],
            "invalidValueTypes": [{ "op": "replace", "path": "/features", "value": { "call": "yes" } }],
            "invalidDatas": [{ "path": "/webHooks", "message": "period" }],
            "invalidConstraints": { "/baseUrl": ["Too long.", "No scheme."] },
            "status": "invalidArgs", "message": "Patch contains invalid operations"
        },
        "isSuccessful": false, "responseCode": "conflict"
    });
    let expected = [
        refused("Patch contains invalid operations"),
        about(Code::IntegrationInvalidPath, "/status"),
        about(Code::IntegrationInvalidType, "/features"),
        about(Code::IntegrationInvalidData, "/webHooks: period"),
        about(Code::IntegrationConstraint, "/baseUrl: Too long. No scheme."),
    ];
    assert_eq!(patch_answered(409, &body.to_string()), expected);
    assert_eq!(patch_answered(200, &body.to_string()), expected, "a failure under a success");
    assert_eq!(
        patch_answered(
            409,
            r#"{"status":"notSupported","message":"No.","invalidDatas":["call"],"invalidConstraints":{}}"#
        ),
        [refused("No."), about(Code::IntegrationInvalidData, "call")]
    );
    let rfc =
        r#"{"errors":{"operations[0].op":["Not a valid value."]},"title":"One or more","status":400,"traceId":"0"}"#;
    assert_eq!(patch_answered(400, rfc), [refused("operations[0].op: Not a valid value.")]);
    assert_eq!(patch_answered(409, r#""Error""#), [refused("Error")]);
    assert_eq!(patch_answered(403, "Forbidden"), [refused("Forbidden")]);
    assert_eq!(patch_answered(403, "<html>"), [about(Code::KonturStatus, "403")]);
    assert_eq!(patch_answered(404, ""), [Problem::new(Code::IntegrationNotFound)]);
    assert_eq!(patch_answered(200, "<html>"), [Problem::new(Code::KonturUnexpectedAnswer)]);
    assert_eq!(patch_answered(502, ""), [about(Code::KonturStatus, "502"), Problem::new(Code::IntegrationUncertain)]);
}

#[test]
fn a_change_whose_answer_never_came_is_not_sent_again() {
    let (mut desk, ask) = asked(hook(HookName::Sync, true, 5));
    desk.expect(&get_instance());
    desk.answer(200, &instance(false, false, &json!([])));
    desk.expect(&patch_instance());
    desk.lose();
    assert_eq!(codes(&problems(&mut desk, ask)), [Code::KonturUnreachable, Code::IntegrationUncertain]);
    desk.pass(Millis::mins(10));
    desk.idle();
    // Whoever asks again finds what the first one did.
    let ask = desk.ask(hook(HookName::Sync, true, 5));
    desk.expect(&get_instance());
    desk.answer(200, &instance(false, false, &json!([web_hook("81c", "communications/sync", "00:05:00", false)])));
    assert_eq!(view(&mut desk, ask).web_hooks.len(), 1);
}

#[test]
fn an_instance_that_cannot_be_read_is_said_to_be_so() {
    let not_found = r#"{"status":"notFound","message":"IntegrationInstance 838...ed82 not found"}"#;
    for (status, body, code) in [
        (409, not_found, Code::IntegrationNotFound),
        (200, "<html>", Code::KonturUnexpectedAnswer),
        (200, r#""OK""#, Code::KonturUnexpectedAnswer),
        (200, "{id: 1}", Code::KonturUnexpectedAnswer),
        (200, r#"{"id":7}"#, Code::KonturUnexpectedAnswer),
        (302, "", Code::KonturStatus),
        (500, r#""Error""#, Code::KonturStatus),
    ] {
        let (mut desk, ask) = asked(Request::GetIntegration);
        desk.expect(&get_instance());
        desk.answer(status, body);
        desk.idle();
        assert_eq!(codes(&problems(&mut desk, ask)), [code], "{body}");
    }
}

#[test]
fn a_refused_key_is_exchanged_once() {
    let (mut desk, ask) = asked(features(true, true));
    desk.expect(&get_instance());
    desk.answer(401, r#""Unauthorized""#);
    desk.expect(PRIVATE);
    desk.answer(200, &authorized("second").to_string());
    desk.expect(&get_instance());
    desk.answer(200, &instance(false, false, &json!([])));
    desk.expect(&patch_instance());
    desk.answer(401, r#""Unauthorized""#);
    desk.idle();
    assert_eq!(codes(&problems(&mut desk, ask)), [Code::KonturKeyRefused]);
}

#[test]
fn without_a_key_everybody_who_waits_is_told_why() {
    let mut desk = Desk::new(&private());
    let asks = [desk.ask(Request::GetIntegration), desk.ask(features(true, true))];
    desk.expect(PRIVATE);
    desk.answer(401, r#""Unauthorized""#);
    for ask in asks {
        assert_eq!(codes(&problems(&mut desk, ask)), [Code::KonturKeyRefused]);
    }
    // Somebody who asks again wants to know it anew.
    let ask = desk.ask(Request::GetIntegration);
    desk.expect(PRIVATE);
    desk.answer(409, r#"{"status":"notInstalled","message":"m"}"#);
    assert_eq!(codes(&problems(&mut desk, ask)), [Code::KonturNotInstalled]);
    let ask = desk.ask(Request::GetIntegration);
    desk.expect(PRIVATE);
    desk.answer(200, &json!({ "workspace": { "id": "1", "name": "ws" }, "accessKey": "k" }).to_string());
    desk.idle();
    assert_eq!(codes(&problems(&mut desk, ask)), [Code::IntegrationUnnamed]);
}

#[test]
fn a_new_life_of_the_worker_goes_on_with_the_key_and_the_id() {
    let (desk, _) = asked(Request::GetIntegration);
    let kept = Session::read(&serde_json::to_string(&desk.session).unwrap());
    assert_eq!(kept.integration.as_deref(), Some(ID));
    let mut desk = Desk::restored(&private(), kept.clone());
    desk.ask(Request::GetIntegration);
    desk.expect(&get_instance());
    // An older version kept the key alone.
    let mut desk = Desk::restored(&private(), Session { integration: None, ..kept });
    desk.ask(Request::GetIntegration);
    desk.authorize(PRIVATE);
    desk.expect(&get_instance());
}

#[test]
fn jobs_are_done_in_order_one_request_at_a_time() {
    let (mut desk, first) = asked(Request::GetIntegration);
    let second = desk.ask(features(false, false));
    desk.expect(&get_instance());
    desk.idle();
    desk.answer(200, &instance(false, false, &json!([])));
    desk.expect(&get_main_telephony());
    desk.idle();
    desk.answer(200, &main_telephony(&Value::Null));
    assert!(matches!(desk.reply(first), Some(Message::Integration(_))));
    desk.expect(&get_instance());
    desk.answer(200, &instance(false, false, &json!([])));
    view(&mut desk, second);
}

#[test]
fn a_crm_that_asks_to_slow_down_is_left_alone() {
    let (mut desk, ask) = asked(Request::GetIntegration);
    desk.expect(&get_instance());
    desk.answer_after(429, "", Some(Millis::secs(40)));
    assert_eq!(codes(&problems(&mut desk, ask)), [Code::KonturTooMany]);
    let ask = desk.ask(Request::GetIntegration);
    assert_eq!(codes(&problems(&mut desk, ask)), [Code::KonturTooMany]);
    desk.idle();
    desk.pass(Millis::secs(41));
    desk.ask(Request::GetIntegration);
    desk.expect(&get_instance());
}

#[test]
fn a_job_of_other_settings_is_given_up() {
    let (mut desk, ask) = asked(features(true, true));
    desk.expect(&get_instance());
    let other = json!({ "version": 1, "kontur": { "workspace": "other", "apiKey": "key" } });
    desk.ask(Request::SaveSettings { document: other.to_string() });
    assert_eq!(codes(&problems(&mut desk, ask)), [Code::IntegrationUncertain]);
    desk.answer(200, &instance(false, false, &json!([])));
    desk.idle();
}

// ── Files ────────────────────────────────────────────────────────────────────────────────────────────────────────

/// A desk where the recording of a call that ended half a minute ago is being uploaded.
fn uploading() -> Desk {
    let mut desk = ringing(2, Some("+79161234567"));
    desk.answer(200, LINKED);
    for event in ["call.bridge", "call.hangup"] {
        let mut frame = dial(2, Some("+79161234567"));
        frame["event"] = json!(event);
        frame["bridgeAt"] = json!(1_700_000_003_000_i64);
        frame["serverTime"] = json!("1700000009000");
        desk.frame(&frame);
    }
    assert_eq!(redirect(&mut desk), None, "the call is told to its end");
    desk.pass(Millis::secs(31));
    desk.recorded();
    assert_eq!(desk.expect("POST /api/v1/ws/files"), "u1.mp3");
    desk
}

#[test]
fn a_recording_is_uploaded_and_then_named_late() {
    let mut desk = uploading();
    let file = r#"{"fileId":"ceb","fileName":"u1.mp3","contentType":"audio/mpeg","contentLength":"9216"}"#;
    desk.answer(200, file);
    assert_eq!(
        desk.expect("POST /api/v1/ws/communications/callbacks/telephony/call-recording"),
        json!({
            "communicationId": "184", "externalId": "u1", "externalCallItemId": "u1", "realtimeCallItemId": "u1",
            "recordingFileId": "ceb"
        })
    );
}

#[test]
fn an_upload_that_is_refused_says_why_and_one_that_fails_is_tried_again() {
    let too_large = r#"{"status":"fileTooLarge","message":"File is too large"}"#;
    for (status, body, code) in [
        (409, too_large, Some(Code::RecordingTooLarge)),
        (413, "", Some(Code::RecordingTooLarge)),
        (409, r#""Error""#, Some(Code::KonturRefused)),
        (403, "", Some(Code::KonturStatus)),
        (401, r#""Unauthorized""#, None),
        (429, "", None),
        (500, "", None),
        (200, "<html>", None),
        (200, r#"{"fileId":"ceb"}"#, None),
    ] {
        let mut desk = uploading();
        desk.answer(status, body);
        let recording = &desk.view.calls[0].recording;
        assert_eq!(recording.problem.as_ref().map(|problem| problem.code), code, "{status} {body}");
        let state = if code.is_some() { DeliveryState::Failed } else { DeliveryState::Waiting };
        assert_eq!(recording.state, state, "{status} {body}");
        desk.idle();
    }
}

// ── Who is responsible ───────────────────────────────────────────────────────────────────────────────────────────

const STARTED: &str = "POST /api/v1/ws/communications/callbacks/telephony/call-started";
const BY_CALL: &str = "GET /api/v1/ws/communications/callbacks/telephony/call-redirect?externalId=u1";
const BY_PHONE: &str = "GET /api/v1/ws/communications/callbacks/telephony/call-redirect?phoneNumber=79161234567";

/// A call of a client, or to one, begins.
fn dial(direction: i64, number: Option<&str>) -> Value {
    let other_legs: Vec<_> = number.map(|number| json!({ "num": number })).into_iter().collect();
    json!({
        "event": "call.dial", "uuid": "u1", "parentUuid": null, "lgDirection": direction,
        "leg": { "id": 29, "type": 1, "displayName": "Анна", "ext": "001" }, "leg2": null, "otherLegs": other_legs,
        "dialAt": 1_700_000_000_000_i64, "bridgeAt": null, "serverTime": "1700000000000", "trunkNum": "74951234567"
    })
}

/// A desk with a key where a call rings.
fn ringing(direction: i64, number: Option<&str>) -> Desk {
    let mut desk = Desk::new(&json!({
        "version": 1,
        "phonet": { "domain": "demo.phonet.com.ua", "apiKey": "phonet-key", "subscriber": "001" },
        "kontur": { "workspace": "ws", "apiKey": "key", "userId": ANNA },
        "directory": [{ "ext": "001", "userId": ANNA, "name": "Анна" }]
    }));
    desk.frame(&dial(direction, number));
    desk.authorize(PRIVATE);
    desk.expect(STARTED);
    desk
}

const LINKED: &str = r#"{"id":"184","links":{"contactIds":["c1"]}}"#;

/// What is asked about the call next, beside its callbacks.
fn redirect(desk: &mut Desk) -> Option<String> {
    while let Some((line, _)) = desk.next() {
        if line.contains("call-redirect") {
            return Some(line);
        }
        desk.answer(200, r#""OK""#);
    }
    None
}

fn responsible(desk: &Desk) -> Vec<String> {
    desk.view.calls[0].responsible.iter().map(|name| name.reveal().clone()).collect()
}

#[test]
fn a_client_who_calls_is_asked_about_by_the_call_once_the_crm_knows_it() {
    let mut desk = ringing(4, Some("+79161234567"));
    desk.answer(200, LINKED);
    assert_eq!(redirect(&mut desk).as_deref(), Some(BY_CALL));
    desk.answer(200, &json!({ "userIds": [ANNA, "unknown"] }).to_string());
    assert_eq!(responsible(&desk), ["Анна"]);
    desk.pass(Millis::mins(1));
    assert_eq!(redirect(&mut desk), None, "once");
}

#[test]
fn nobody_is_responsible_where_the_crm_says_so() {
    for (status, body) in [
        (200, r#"{"userIds":[]}"#),
        (
            409,
            r#"{"status":"notFound","message":"Communication Xcom.Api.Models.Communications.CallRedirectRequest not found"}"#,
        ),
    ] {
        let mut desk = ringing(4, Some("+79161234567"));
        desk.answer(200, LINKED);
        assert_eq!(redirect(&mut desk).as_deref(), Some(BY_CALL));
        desk.answer(status, body);
        desk.pass(Millis::mins(1));
        assert_eq!(redirect(&mut desk), None);
        assert_eq!(responsible(&desk), Vec::<String>::new());
    }
}

#[test]
fn a_client_is_asked_about_by_number_where_the_crm_does_not_know_the_call() {
    let mut desk = ringing(4, Some("+7 916 123-45-67"));
    desk.answer(409, r#"{"status":"invalid","message":"No."}"#);
    assert_eq!(redirect(&mut desk).as_deref(), Some(BY_PHONE), "call-started was refused");

    let mut desk = ringing(4, Some("+79161234567"));
    desk.pass(Millis(2_900));
    assert_eq!(redirect(&mut desk), None);
    desk.pass(Millis(200));
    assert_eq!(redirect(&mut desk).as_deref(), Some(BY_PHONE), "call-started takes long");
    desk.answer(200, &json!({ "userIds": [ANNA] }).to_string());
    assert_eq!(responsible(&desk), ["Анна"]);
}

#[test]
fn only_clients_who_call_are_asked_about() {
    for direction in [1, 2] {
        let mut desk = ringing(direction, Some("+79161234567"));
        desk.answer(200, LINKED);
        desk.pass(Millis::secs(10));
        assert_eq!(redirect(&mut desk), None);
    }
    let mut desk = ringing(4, None);
    desk.pass(Millis::secs(10));
    assert_eq!(redirect(&mut desk), None, "a withheld number, and the CRM does not know the call yet");
    let mut desk = ringing(4, None);
    desk.answer(200, LINKED);
    assert_eq!(redirect(&mut desk).as_deref(), Some(BY_CALL));
}

#[test]
fn a_failed_question_is_asked_once_more() {
    for failure in [0, 500, 200] {
        let mut desk = ringing(4, Some("+79161234567"));
        desk.answer(200, LINKED);
        for _ in 0..2 {
            assert_eq!(redirect(&mut desk).as_deref(), Some(BY_CALL));
            match failure {
                0 => desk.lose(),
                _ => desk.answer(failure, "<html>"),
            }
            assert_eq!(redirect(&mut desk), None, "not at once");
            desk.pass(Millis::secs(4));
        }
        desk.pass(Millis::mins(5));
        assert_eq!(redirect(&mut desk), None);
    }
}

#[test]
fn a_question_with_an_old_key_is_asked_with_a_fresh_one() {
    let mut desk = ringing(4, Some("+79161234567"));
    desk.answer(200, LINKED);
    assert_eq!(redirect(&mut desk).as_deref(), Some(BY_CALL));
    desk.answer(401, r#""Unauthorized""#);
    desk.frame(&json!({
        "event": "call.bridge", "uuid": "u1", "lgDirection": 4, "leg": { "type": 1, "ext": "001" },
        "dialAt": 1_700_000_000_000_i64, "bridgeAt": 1_700_000_003_000_i64, "serverTime": "1700000003000"
    }));
    desk.pass(Millis::secs(4));
    desk.expect(PRIVATE);
    desk.answer(200, &authorized("second").to_string());
    assert_eq!(redirect(&mut desk).as_deref(), Some(BY_CALL));
}
