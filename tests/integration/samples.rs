//! The documents' own samples, mended to valid JSON where they are none, through the types both ways: what we send is written as
//! they write it, what the CRM sends is read.

use serde_json::{Value, json};
use trubka::{
    Millis,
    kontur::{
        answer::{FaultKind, Refusal},
        auth::Authorized,
        files::{self, Recording},
        integration::{Features, Instance, Operation, WebHook, main_telephony, patch, setup_path},
        redirect::{self, By},
        system::{self, SystemCall},
        telephony::{
            CallBoundary, CallEvent, CallFailed, CallRecording, Callback, EventType, Item, Party, RegisterCall,
            Started, with_communication, with_recording,
        },
    },
    private::Private,
    protocol::{Direction, HookName, InstanceStatus, MainTelephony},
};

// ── «API интеграции» ─────────────────────────────────────────────────────────────────────────────────────────────

/// «Включение системных вызовов», 200.
pub const PATCHED: &str = r#"{
    "isSuccessful": true,
    "responseCode": "ok",
    "result": {
        "updateInfo": {
            "updatedAt": "2022-04-05T16:09:39.759507+00:00", "updatedWith": "SystemFromTest",
            "createdAt": "2022-04-01T13:07:52.566751+00:00", "createdByUserId": "54d...121", "createdWith": "WebApp"
        },
        "baseUrl": "https://crm-integrations.testkontur.ru/telephony/v1",
        "features": { "call": false, "hangup": false, "sendSms": false },
        "status": "failed",
        "secrets": [
            { "id": "telephony.apiKey", "value": "723..00a", "values": ["723..00a"] },
            { "id": "token", "value": "12", "values": ["12"] },
            { "id": "url", "value": "12", "values": ["12"] }
        ],
        "settings": [{ "id": "autoRedirect", "value": "False" }, { "id": "version", "value": "0.0.1-alpha2" }],
        "webHooks": [
            {
                "id": "25d...222", "relativeUrl": "setup/upgrade", "triggerType": "schedule", "filter": { "items": [] },
                "schedule": { "period": "00:05:00" }, "disabled": false
            },
            {
                "id": "81c...b02", "relativeUrl": "communications/sync", "triggerType": "schedule",
                "filter": { "items": [] }, "schedule": { "period": "00:05:00" }, "disabled": false
            }
        ],
        "id": "103...a396"
    }
}"#;

/// «Включение системных вызовов», 409.
pub const PATCH_REFUSED: &str = r#"{
    "errorInfo": {
        "invalidPaths": [{ "op": "replace", "path": "/id", "value": "00000000-0000-0000-0000-000000000000" }],
        "invalidValueTypes": [],
        "invalidDatas": [],
        "invalidConstraints": {},
        "status": "invalidArgs",
        "message": "Patch contains invalid operations"
    },
    "isSuccessful": false,
    "responseCode": "conflict"
}"#;

/// «Проверка статуса», 200.
const INSTANCE: &str = r#"{
    "updateInfo": {
        "updatedAt": "2021-03-12T15:07:34.312338+00:00", "updatedWith": "Integration.PracticReports",
        "createdAt": "2020-10-06T13:01:57.678594+00:00", "createdByUserId": "021c...5b5", "createdWith": "WebApp"
    },
    "baseUrl": "https://my-integration.ru",
    "features": { "call": false, "hangup": false, "sendSms": false },
    "status": "active",
    "secrets": [],
    "settings": [
        { "id": "recipients", "value": "" }, { "id": "sendDay", "value": "Monday" },
        { "id": "sendHourUtc", "value": "0" }, { "id": "version", "value": "string" }
    ],
    "webHooks": [
        {
            "id": "d817...837", "relativeUrl": "setup/upgrade", "triggerType": "schedule", "filter": { "items": [] },
            "schedule": { "period": "00:05:00" }, "disabled": false
        }
    ],
    "id": "6838...ed82"
}"#;

fn read(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn sent(body: &Private<String>) -> Value {
    read(body.reveal())
}

/// What is told in a refusal.
fn refused(body: &str) -> (String, String) {
    let refusal = Refusal::parse(body);
    (refusal.status, refusal.message)
}

fn words(status: &str, message: &str) -> (String, String) {
    (status.to_owned(), message.to_owned())
}

#[test]
fn setup() {
    assert_eq!(setup_path("my-workspace", "3ft...w21"), "/api/v1/my-workspace/integrations/3ft...w21/setup");
    assert_eq!(
        refused(r#"{"status":"IntegrationNotFound","message":"Integration not found"}"#),
        words("IntegrationNotFound", "Integration not found")
    );
}

#[test]
fn the_instance_and_its_web_hooks() {
    for (body, id, status, base_url) in [
        (INSTANCE, "6838...ed82", InstanceStatus::Active, "https://my-integration.ru"),
        (PATCHED, "103...a396", InstanceStatus::Failed, "https://crm-integrations.testkontur.ru/telephony/v1"),
    ] {
        let sample = read(body);
        let sample = sample.get("result").unwrap_or(&sample);
        let instance = Instance::parse(body).unwrap();
        assert_eq!((instance.id.as_str(), instance.status, instance.base_url.as_str()), (id, status, base_url));
        assert_eq!(instance.features, Features::default());
        assert_eq!(json!(instance.settings), sample["settings"]);
        assert_eq!(json!(instance.web_hooks), sample["webHooks"]);
        assert!(!format!("{instance:?}").contains("723..00a"), "secrets are not even read");
    }
    assert_eq!(
        refused(r#"{"status":"notFound","message":"IntegrationInstance 838...ed82 not found"}"#),
        words("notFound", "IntegrationInstance 838...ed82 not found")
    );
}

#[test]
fn a_web_hook_that_events_bring_about_is_kept_as_it_is() {
    let hook = json!({
        "id": "e01", "relativeUrl": "deals", "triggerType": "entityEvent",
        "filter": { "items": [{ "eventType": "entity", "entityType": "deal", "changeType": "created" }] }, "disabled": true
    });
    let instance = Instance::parse(&json!({ "id": "6838", "webHooks": [hook] }).to_string()).unwrap();
    assert_eq!(json!(instance.web_hooks), json!([hook]));
}

#[test]
fn patches() {
    let features = Features { call: true, hang_up: true, send_sms: false };
    assert_eq!(
        sent(&patch(&[Operation::features(features)])),
        read(r#"{"operations":[{"op":"replace","path":"/features","value":{"call":true,"hangup":true}}]}"#)
    );
    assert_eq!(
        sent(&patch(&[Operation::add(WebHook::new(HookName::Upgrade, 5))])),
        read(
            r#"{"operations":[{"op":"add","path":"/webHooks","value":{
                "id":"00000000-0000-0000-0000-000000000000","relativeUrl":"setup/upgrade","triggerType":"schedule",
                "filter":{"items":[]},"schedule":{"period":"00:05:00"},"disabled":false}}]}"#
        )
    );
    let refusal = Refusal::parse(PATCH_REFUSED);
    assert_eq!(refusal.status, "invalidArgs");
    assert_eq!(refusal.message, "Patch contains invalid operations");
    let faults: Vec<_> = refusal.faults.iter().map(|fault| (fault.kind, fault.place.as_str())).collect();
    assert_eq!(faults, [(FaultKind::Path, "/id")]);
}

#[test]
fn ui_settings() {
    let body = r#"{
        "userId": "3fa...fa6", "groupId": "3fa...fa6", "key": "string", "value": "string", "canEditAll": true,
        "updateInfo": {
            "updatedAt": "2022-03-30T12:55:06.096Z", "updatedByUserId": "3fa...fa6", "updatedWith": "string",
            "createdAt": "2022-03-30T12:55:06.096Z", "createdByUserId": "3fa...fa6", "createdWith": "string"
        },
        "id": "3fa...fa6"
    }"#;
    assert_eq!(main_telephony(body, "er1...gf1"), MainTelephony::Other);
    assert_eq!(main_telephony(body, "string"), MainTelephony::Ours);
    assert_eq!(
        refused(r#"{"status":"notFound","message":"Telephony 838...ed82 not found"}"#),
        words("notFound", "Telephony 838...ed82 not found")
    );
}

#[test]
fn authorization() {
    let body = r#"{
        "workspace": { "id": "1f2", "name": "my-workspace", "title": "W", "updateInfo": {} },
        "integrationInstance": { "id": "103...a396" }, "accessKey": "dda...d67"
    }"#;
    let authorized = Authorized::parse(body).unwrap();
    assert_eq!(authorized.access_key.reveal(), "dda...d67");
    assert_eq!(authorized.integration.as_deref(), Some("103...a396"));
    assert!(authorized.workspace.unwrap().is("my-workspace"));
    assert_eq!(refused(r#""Unauthorized""#), words("", "Unauthorized"));
    assert_eq!(refused(r#"{"status":"notInstalled","message":"m"}"#), words("notInstalled", "m"));
}

// ── «API телефонии» ──────────────────────────────────────────────────────────────────────────────────────────────

fn at(text: &str) -> Millis {
    Millis::from_rfc3339(text).unwrap()
}

/// What we send is what the sample is, but that moments are written in whole milliseconds and UTC.
#[track_caller]
fn is_sample(callback: &Callback, communication: Option<&str>, path: &str, sample: &str) {
    fn moments(value: &mut Value) {
        match value {
            Value::Object(fields) => fields.values_mut().for_each(moments),
            Value::Array(items) => items.iter_mut().for_each(moments),
            Value::String(text) => {
                if let Some(moment) = Millis::from_rfc3339(text) {
                    *text = moment.to_rfc3339();
                }
            }
            _ => {}
        }
    }
    let mut sample = read(sample);
    moments(&mut sample);
    let body = communication.map_or_else(|| callback.body(), |id| with_communication(&callback.body(), id));
    assert_eq!(sent(&body), sample);
    let path = format!("/api/v1/my-workspace/communications/callbacks/telephony/{path}");
    assert_eq!(callback.method().path("my-workspace"), path);
}

#[test]
fn call_started() {
    let callback = Callback::CallStarted(CallBoundary {
        timestamp: at("2022-03-22T10:38:35.6152798+00:00"),
        external_id: "333...434".into(),
        external_vats_phone: Some("79229929292".into()),
        client_phone: Some("79997775533".into()),
        direction: Direction::Inbound,
    });
    is_sample(
        &callback,
        Some("184...bcd"),
        "call-started",
        r#"{
            "timestamp": "2022-03-22T10:38:35.6152798+00:00", "communicationId": "184...bcd", "externalId": "333...434",
            "externalVatsPhone": "79229929292", "clientPhone": "79997775533", "direction": "inbound"
        }"#,
    );
    let started = Started::parse(
        r#"{
            "updateInfo": {
                "updatedAt": "2022-03-22T10:41:17.963539+00:00", "updatedWith": "Integration.megafon",
                "createdAt": "2022-03-22T10:38:35.176007+00:00", "createdWith": "Integration.megafon"
            },
            "links": {
                "companyIds": ["aa8a...fe6"], "contactIds": ["2ee...0a6", "b6c...4f1"],
                "dealIds": ["aeb7...8fe", "c557...d0a"]
            },
            "externalId": "Megafon/333...434", "externalCreatedAt": "2022-03-22T10:38:35.176007+00:00",
            "type": "call", "direction": "inbound", "status": "sealed", "integrationId": "7a1...523",
            "data": { "call": {
                "clientPhone": "79997775533", "externalVatsPhone": "79229929292",
                "items": [{
                    "id": "333...434", "from": { "type": "client" }, "to": { "type": "user" }, "recordings": [],
                    "finishedAt": "2022-03-22T10:38:47.1835703+00:00"
                }],
                "events": [{
                    "externalCallItemId": "333...434", "realtimeCallItemId": "333...434",
                    "timestamp": "2022-03-22T10:38:35.6152798+00:00", "type": "appeared",
                    "from": { "type": "client" }, "to": { "type": "user" }
                }, {
                    "externalCallItemId": "333...434", "realtimeCallItemId": "333...434",
                    "timestamp": "2022-03-22T10:38:47.1835703+00:00", "type": "disconnected",
                    "from": { "type": "client" }, "to": { "type": "user" }
                }]
            } },
            "assignedToGroupId": "000...000", "id": "184...bcd"
        }"#,
    )
    .unwrap();
    assert_eq!(started.id, "184...bcd");
    assert_eq!(
        json!(started.links),
        json!({
            "contactIds": ["2ee...0a6", "b6c...4f1"], "companyIds": ["aa8a...fe6"],
            "dealIds": ["aeb7...8fe", "c557...d0a"]
        })
    );
    assert!(Started::parse(r#""OK""#).is_none());
    let body = r#"{
        "errors": {
            "callStartedInfo": ["The callStartedInfo field is required."],
            "direction": ["Error converting value \"in2bound\"."]
        },
        "type": "https://tools.ietf.org/html/rfc7231#section-6.5.1",
        "title": "One or more validation errors occurred.", "status": 400, "traceId": "00-1...a-00"
    }"#;
    let message =
        "callStartedInfo: The callStartedInfo field is required.; direction: Error converting value \"in2bound\".";
    assert_eq!(refused(body), words("400", message));
}

#[test]
fn call_event() {
    let event = |kind| {
        Callback::CallEvent(CallEvent {
            external_id: "Megafon/262...280".into(),
            external_call_item_id: "262...280".into(),
            realtime_call_item_id: "262...280".into(),
            timestamp: at("2022-03-17T10:19:05.5106605+00:00"),
            kind,
            from: Party::client(),
            to: Party::user(Some("ae9...53d")),
        })
    };
    is_sample(
        &event(EventType::Appeared),
        Some("435...68e"),
        "call-event",
        r#"{
            "communicationId": "435...68e", "externalId": "Megafon/262...280", "externalCallItemId": "262...280",
            "realtimeCallItemId": "262...280", "timestamp": "2022-03-17T10:19:05.5106605+00:00", "type": "appeared",
            "from": { "type": "client" }, "to": { "type": "user", "userId": "ae9...53d" }
        }"#,
    );
    for (kind, word) in [(EventType::Connected, "connected"), (EventType::Disconnected, "disconnected")] {
        assert_eq!(sent(&event(kind).body())["type"], word);
    }
    assert_eq!(
        refused(r#"{"status":"communicationNotFound","message":"Communication not found. Id: 435...68e"}"#),
        words("communicationNotFound", "Communication not found. Id: 435...68e")
    );
}

#[test]
fn call_finished() {
    let callback = Callback::CallFinished(CallBoundary {
        timestamp: at("2022-03-22T10:41:19.8948611+00:00"),
        external_id: "Megafon/335...952".into(),
        external_vats_phone: Some("79229929292".into()),
        client_phone: Some("79997775533".into()),
        direction: Direction::Inbound,
    });
    is_sample(
        &callback,
        Some("f48...4ac"),
        "call-finished",
        r#"{
            "timestamp": "2022-03-22T10:41:19.8948611+00:00", "communicationId": "f48...4ac",
            "externalId": "Megafon/335...952", "externalVatsPhone": "79229929292", "clientPhone": "79997775533",
            "direction": "inbound"
        }"#,
    );
}

#[test]
fn call_failed() {
    // The document's own sample is that of call-recording.
    let callback = Callback::CallFailed(CallFailed { communication_id: "411...ba9".into() });
    is_sample(&callback, None, "call-failed", r#"{ "communicationId": "411...ba9" }"#);
}

#[test]
fn call_recording() {
    let callback = Callback::CallRecording(CallRecording {
        external_id: "Megafon/644...384".into(),
        external_call_item_id: "644...384".into(),
        realtime_call_item_id: "644...384".into(),
        recording_file_id: "a75...f3a".into(),
    });
    is_sample(
        &callback,
        Some("411...ba9"),
        "call-recording",
        r#"{
            "communicationId": "411...ba9", "externalId": "Megafon/644...384", "externalCallItemId": "644...384",
            "realtimeCallItemId": "644...384", "recordingFileId": "a75...f3a"
        }"#,
    );
}

#[test]
fn register_call() {
    let recording = Recording::parse(
        r#"{ "fileId": "ceb...45e", "fileName": "ceb4...45e", "contentType": "audio/mpeg", "contentLength": "9216" }"#,
    )
    .unwrap();
    let register = |recordings, direction, from, to| {
        Callback::RegisterCall(RegisterCall {
            external_vats_phone: Some("79229929292".into()),
            client_phone: Some("79997775533".into()),
            items: vec![Item {
                id: "143...68e".into(),
                from,
                to,
                answered: true,
                recordings,
                started_at: at("2022-03-18T07:27:54.6911428+00:00"),
                finished_at: at("2022-03-18T07:27:59.0622478+00:00"),
            }],
            external_created_at: at("2022-03-17T10:18:58.998205+00:00"),
            external_id: "262...280".into(),
            direction,
            shared: false,
            awaits_recordings: false,
        })
    };
    let user = || Party::user(Some("ae9...53d"));
    // The document's sample has the client in `from` of an outbound call; ours have the user there.
    let sample = r#"{
        "externalVatsPhone": "79229929292", "clientPhone": "79997775533",
        "items": [{
            "id": "143...68e", "from": { "type": "client" }, "to": { "type": "user", "userId": "ae9...53d" },
            "recordings": [{
                "fileId": "ceb...45e", "fileName": "ceb4...45e", "contentType": "audio/mpeg", "contentLength": "9216"
            }],
            "startedAt": "2022-03-18T07:27:54.6911428+00:00", "finishedAt": "2022-03-18T07:27:59.0622478+00:00"
        }],
        "communicationId": "4358...68e", "externalCreatedAt": "2022-03-17T10:18:58.998205+00:00",
        "externalId": "262...280", "direction": "outbound"
    }"#;
    let callback = register(vec![recording.clone()], Direction::Outbound, Party::client(), user());
    is_sample(&callback, Some("4358...68e"), "register-call", sample);
    let outbound = sent(&register(Vec::new(), Direction::Outbound, user(), Party::client()).body());
    assert_eq!(outbound["items"][0]["from"], json!({ "type": "user", "userId": "ae9...53d" }));
    // A recording that comes before the registration has left is named in it.
    let without = register(Vec::new(), Direction::Outbound, Party::client(), user());
    let with = with_recording(&without.body(), "143...68e", &recording).unwrap();
    assert_eq!(sent(&with), sent(&callback.body()));
    assert_eq!(refused(r#""Error""#), words("", "Error"));
}

#[test]
fn call_redirect() {
    let path = |by: By<'_>| by.path("my-workspace");
    let callbacks = "/api/v1/my-workspace/communications/callbacks/telephony";
    assert_eq!(path(By::Call("ab1...16t")), Some(format!("{callbacks}/call-redirect?externalId=ab1...16t")));
    let phone = |number: &str| path(By::Phone(&number.into()));
    assert_eq!(phone("791229929292"), Some(format!("{callbacks}/call-redirect?phoneNumber=791229929292")));
    assert_eq!(phone("+7 (912) 299-29-29"), Some(format!("{callbacks}/call-redirect?phoneNumber=79122992929")));
    assert_eq!(phone("withheld"), None);
    assert_eq!(path(By::Call("a&b#c")), Some(format!("{callbacks}/call-redirect?externalId=a%26b%23c")));
    assert_eq!(redirect::users(r#"{ "userIds": ["ae9...53d"] }"#), Some(vec!["ae9...53d".to_owned()]));
    assert_eq!(redirect::users(r#"{ "userIds": [] }"#), Some(Vec::new()));
    for body in ["", "<html>", "{}", r#"{"userIds":"ae9...53d"}"#] {
        assert_eq!(redirect::users(body), None, "{body}");
    }
    let message = "Communication Xcom.Api.Models.Communications.CallRedirectRequest not found";
    assert_eq!(refused(&json!({ "status": "notFound", "message": message }).to_string()), words("notFound", message));
}

#[test]
fn files() {
    assert_eq!(files::upload_path("my-workspace"), "/api/v1/my-workspace/files");
    for length in ["9216", r#""9216""#] {
        let answer = format!(
            r#"{{"fileId":"ceb...45e","fileName":"ceb4...45e","contentType":"audio/mpeg","contentLength":{length}}}"#
        );
        assert_eq!(json!(Recording::parse(&answer).unwrap()), read(&answer));
    }
    assert_eq!(refused(r#"{"status":"fileTooLarge","message":"m"}"#).0, files::TOO_LARGE);
}

#[test]
fn system_calls() {
    let body = r#"{
        "communicationId": "30a...b4e", "fromUserId": "3f6...5c4", "toUserId": "44d...52a", "clientPhone": "79997775533"
    }"#;
    let call = SystemCall::Call {
        communication_id: "30a...b4e".into(),
        from_user_id: Some("3f6...5c4".into()),
        to_user_id: Some("44d...52a".into()),
        client_phone: Some("79997775533".into()),
    };
    for path in ["/api/v1/my-worksapce/communications/call", "/secret/communications/call", "/communications/call/"] {
        assert_eq!(SystemCall::parse(path, body), Some(call.clone()), "{path}");
    }
    let internal = r#"{"communicationId":"30a","fromUserId":"3f6","toUserId":"44d","clientPhone":null}"#;
    assert!(SystemCall::parse("/communications/call", internal).is_some());
    let body = r#"{ "realtimeCallItemId": "7dg...us1", "userId": "4a4....86b" }"#;
    let hang_up = SystemCall::HangUp { realtime_call_item_id: "7dg...us1".into(), user_id: Some("4a4....86b".into()) };
    for path in ["/api/v1/my-workspace/communications/hangup", "/secret/communications/184...bcd/hangup"] {
        assert_eq!(SystemCall::parse(path, body), Some(hang_up.clone()), "{path}");
    }
    for path in ["/communications/calls", "/hangup", "call", "", "/communications/sync"] {
        assert_eq!(SystemCall::parse(path, body), None, "{path}");
    }
    assert_eq!(SystemCall::parse("/communications/call", "<html>"), None);
    let message = "Feature Call is not supported by any integration";
    let refusal = system::Refused { status: "notSupported", message };
    assert_eq!(json!(refusal), json!({ "status": "notSupported", "message": message }));
    let sample = json!({ "invalidDatas": [], "invalidConstraints": {}, "status": "notSupported", "message": message });
    assert_eq!(refused(&sample.to_string()), words("notSupported", message));
}
