//! «API интеграции» and who is responsible for a client: the documented answers, the four lists of a refused patch.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use support::{ANNA, BORIS, Bench, CALLBACKS, CLIENT, Said};

const PRIVATE: &str = "3f6a0c1e-0000-4000-8000-0000000000b0";
const PUBLIC: &str = "3f6a0c1e-0000-4000-8000-0000000000b1";
const OTHER: &str = "3f6a0c1e-0000-4000-8000-0000000000b2";

/// A client with an AccessKey of one of the integrations.
struct Admin<'a> {
    bench: &'a Bench,
    key: String,
}

impl<'a> Admin<'a> {
    async fn private(bench: &'a Bench) -> Self {
        Self { bench, key: bench.crm().await.key }
    }

    async fn public(bench: &'a Bench) -> Self {
        let request = bench
            .http
            .post(bench.url("/api/v1/authorization/authorize-integration"))
            .header("X-XCOM-Integration-ApiKey", "sandbox-public-key")
            .header("X-XCOM-Integration-Secret", "clientId=sandbox-secret");
        let (_, answer) = bench.send(request).await;
        assert_eq!(answer["integrationInstance"]["id"], PUBLIC);
        Self { bench, key: answer["accessKey"].as_str().unwrap().to_owned() }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Said {
        self.bench.send(request.header("X-XCOM-AccessKey", &self.key)).await
    }

    async fn get(&self, path: &str) -> Said {
        self.send(self.bench.http.get(self.bench.url(&format!("/api/v1/sandbox/{path}")))).await
    }

    async fn post(&self, path: &str, body: Value) -> Said {
        self.send(self.bench.http.post(self.bench.url(&format!("/api/v1/sandbox/{path}"))).json(&body)).await
    }

    async fn instance(&self, id: &str) -> Value {
        let (status, instance) = self.get(&format!("integrations/instances/{id}")).await;
        assert_eq!(status, 200, "{instance}");
        instance
    }

    async fn patch(&self, id: &str, operations: Value) -> Said {
        let request = self
            .bench
            .http
            .patch(self.bench.url(&format!("/api/v1/sandbox/integrations/instances/{id}")))
            .header("content-type", "application/json-patch+json")
            .body(json!({ "operations": operations }).to_string());
        self.send(request).await
    }
}

fn operation(op: &str, path: &str, value: Value) -> Value {
    json!([{ "op": op, "path": path, "value": value }])
}

/// A web hook that is to be added.
fn hook(url: &str, period: &str) -> Value {
    json!({
        "id": "00000000-0000-0000-0000-000000000000", "relativeUrl": url, "triggerType": "schedule",
        "filter": { "items": [] }, "schedule": { "period": period }, "disabled": false,
    })
}

fn with(mut value: Value, key: &str, other: Value) -> Value {
    value[key] = other;
    value
}

#[tokio::test]
async fn a_public_integration_is_set_up_with_its_arguments() {
    let bench = Bench::new().await;
    let admin = Admin::public(&bench).await;
    assert_eq!(admin.instance(PUBLIC).await["status"], "notConfigured");
    let arguments = json!({ "SecretKey": "s3cret", "autoRedirect": false, "autoAnswer": null });
    assert_eq!(admin.post(&format!("integrations/{PUBLIC}/setup"), arguments).await, (200, json!("OK")));
    assert_eq!(bench.last()["request"]["SecretKey"], "***");
    let instance = admin.instance(PUBLIC).await;
    assert_eq!(instance["status"], "active");
    let secret = json!([{ "id": "SecretKey", "value": "s3cret", "values": ["s3cret"] }]);
    assert_eq!(instance["secrets"], secret);
    let settings = json!([
        { "id": "autoAnswer", "value": "" }, { "id": "autoRedirect", "value": "False" }, { "id": "version", "value": "1.0.0" },
    ]);
    assert_eq!(instance["settings"], settings);

    let unknown = (409, json!({ "status": "IntegrationNotFound", "message": "Integration not found" }));
    assert_eq!(admin.post("integrations/nothing/setup", json!({})).await, unknown);
    assert!(bench.violations().is_empty());
    let private = Admin::private(&bench).await;
    assert_eq!(private.post(&format!("integrations/{PRIVATE}/setup"), json!({})).await, unknown);
    assert_eq!(bench.violations(), ["a private integration is not set up"]);
    let (status, answer) = admin.post(&format!("integrations/{PUBLIC}/setup"), json!({ "a": { "b": 1 } })).await;
    assert!(status == 400 && answer["errors"]["a"].is_array(), "{answer}");
    assert_eq!(admin.post(&format!("integrations/{PUBLIC}/setup"), json!([])).await.0, 400);
}

#[tokio::test]
async fn an_instance_is_shown_as_documented_and_to_its_own_only() {
    let bench = Bench::new().await;
    let admin = Admin::private(&bench).await;
    let instance = admin.instance(PRIVATE).await;
    for key in ["updateInfo", "baseUrl", "features", "status", "secrets", "settings", "webHooks", "id"] {
        assert!(!instance[key].is_null(), "{key}: {instance}");
    }
    assert_eq!(instance["features"], json!({ "call": false, "hangup": false, "sendSms": false }));
    let missing =
        |id: &str| (409, json!({ "status": "notFound", "message": format!("IntegrationInstance {id} not found") }));
    assert_eq!(admin.get(&format!("integrations/instances/{PUBLIC}")).await, missing(PUBLIC));
    bench.control("integration", json!({ "refuse": "notFound" })).await;
    assert_eq!(admin.get(&format!("integrations/instances/{PRIVATE}")).await, missing(PRIVATE));
    for status in [json!("paused"), json!("hasErrors"), json!("failed"), json!(3)] {
        bench.control("integration", json!({ "status": status })).await;
        assert_eq!(admin.instance(PRIVATE).await["status"], status);
    }
    assert!(bench.problems().is_empty());
}

#[tokio::test]
async fn features_are_patched_and_only_the_instance_tells_so() {
    let bench = Bench::new().await;
    let admin = Admin::private(&bench).await;
    let (status, answer) =
        admin.patch(PRIVATE, operation("replace", "/features", json!({ "call": true, "hangup": true }))).await;
    assert_eq!((status, &answer["isSuccessful"], &answer["responseCode"]), (200, &json!(true), &json!("ok")));
    assert_eq!(answer["result"]["features"], json!({ "call": false, "hangup": false, "sendSms": false }));
    assert_eq!(admin.instance(PRIVATE).await["features"], json!({ "call": true, "hangup": true, "sendSms": false }));
    admin.patch(PRIVATE, operation("replace", "/features", json!({ "call": false }))).await;
    assert_eq!(admin.instance(PRIVATE).await["features"], json!({ "call": false, "hangup": true, "sendSms": false }));
    assert!(bench.problems().is_empty());
}

#[tokio::test]
async fn web_hooks_are_added_changed_and_disabled() {
    let bench = Bench::new().await;
    let admin = Admin::private(&bench).await;
    let (status, answer) = admin.patch(PRIVATE, operation("add", "/webHooks", hook("setup/upgrade", "00:05:00"))).await;
    assert_eq!((status, &answer["result"]["webHooks"][0]["relativeUrl"]), (200, &json!("setup/upgrade")));
    admin.patch(PRIVATE, operation("add", "/webHooks", hook("communications/sync", "00:05:00"))).await;
    let hooks = admin.instance(PRIVATE).await["webHooks"].clone();
    assert_ne!(hooks[0]["id"], hooks[1]["id"]);
    let changed = with(with(hooks[1].clone(), "schedule", json!({ "period": "01:00:00" })), "disabled", json!(true));
    assert_eq!(admin.patch(PRIVATE, operation("replace", "/webHooks", changed.clone())).await.0, 200);
    assert_eq!(admin.instance(PRIVATE).await["webHooks"], json!([hooks[0], changed]));
    assert!(bench.problems().is_empty());
}

#[tokio::test]
async fn a_wrong_patch_is_refused_by_the_list_it_belongs_to() {
    let bench = Bench::new().await;
    let admin = Admin::private(&bench).await;
    let upgrade = || hook("setup/upgrade", "00:05:00");
    admin.patch(PRIVATE, operation("add", "/webHooks", upgrade())).await;
    let before = admin.instance(PRIVATE).await;
    for (list, op, path, value) in [
        ("invalidPaths", "replace", "/id", json!("00000000-0000-0000-0000-000000000000")),
        ("invalidPaths", "remove", "/webHooks", json!(1)),
        ("invalidPaths", "replace", "/webHook", upgrade()),
        ("invalidValueTypes", "replace", "/features", json!({ "call": "yes" })),
        ("invalidValueTypes", "replace", "/features", json!([true])),
        ("invalidValueTypes", "add", "/webHooks", json!([upgrade()])),
        ("invalidValueTypes", "add", "/webHooks", with(upgrade(), "disabled", json!("no"))),
        ("invalidDatas", "replace", "/features", json!({ "fax": true })),
        ("invalidDatas", "add", "/webHooks", hook("somewhere/else", "00:05:00")),
        ("invalidDatas", "add", "/webHooks", hook("communications/sync", "5 minutes")),
        (
            "invalidDatas",
            "add",
            "/webHooks",
            with(hook("communications/sync", "00:05:00"), "triggerType", json!("entityEvent")),
        ),
        ("invalidDatas", "add", "/webHooks", with(hook("communications/sync", "00:05:00"), "id", json!(OTHER))),
        ("invalidDatas", "replace", "/webHooks", upgrade()),
        ("invalidConstraints", "add", "/webHooks", upgrade()),
        ("invalidConstraints", "add", "/webHooks", hook("communications/sync", "00:00:05")),
    ] {
        let operations = operation(op, path, value);
        let (status, answer) = admin.patch(PRIVATE, operations.clone()).await;
        assert_eq!(
            (status, &answer["isSuccessful"], &answer["responseCode"]),
            (409, &json!(false), &json!("conflict"))
        );
        let info = &answer["errorInfo"];
        assert_eq!(
            (&info["status"], &info["message"]),
            (&json!("invalidArgs"), &json!("Patch contains invalid operations"))
        );
        for other in ["invalidPaths", "invalidValueTypes", "invalidDatas"] {
            let expected = if list == other { operations.clone() } else { json!([]) };
            assert_eq!(info[other], expected, "{op} {path}: {info}");
        }
        assert_eq!(info["invalidConstraints"].as_object().unwrap().is_empty(), list != "invalidConstraints", "{info}");
        assert_eq!(bench.violations(), ["a patch with invalid operations"]);
    }
    assert_eq!(admin.instance(PRIVATE).await, before, "nothing of it was done");

    let (status, answer) = admin.patch(PRIVATE, json!([{ "op": "replace", "path": "/features" }])).await;
    assert!(status == 400 && answer["errors"]["operations[0].value"].is_array(), "{answer}");
    let request = bench.http.patch(bench.url(&format!("/api/v1/sandbox/integrations/instances/{PRIVATE}")));
    assert_eq!(admin.send(request.json(&json!({ "operations": [] }))).await.0, 415);
}

#[tokio::test]
async fn every_refusal_of_a_patch_comes_on_demand() {
    let bench = Bench::new().await;
    let admin = Admin::private(&bench).await;
    let features = || operation("replace", "/features", json!({ "call": true }));
    for list in ["invalidPaths", "invalidValueTypes", "invalidDatas", "invalidConstraints"] {
        bench.control("integration", json!({ "refuse": list })).await;
        let (status, answer) = admin.patch(PRIVATE, features()).await;
        let said = &answer["errorInfo"][list];
        assert!(status == 409 && (*said == features() || said["/features"].is_array()), "{answer}");
        assert!(bench.violations().is_empty());
    }
    bench.control("integration", json!({ "refuse": "notFound" })).await;
    let (status, answer) = admin.patch(PRIVATE, features()).await;
    assert_eq!((status, &answer["errorInfo"]["status"]), (409, &json!("notFound")));
    assert_eq!(admin.patch(PRIVATE, features()).await.0, 200, "one request each");
}

#[tokio::test]
async fn the_main_telephony_is_told() {
    let bench = Bench::new().await;
    let admin = Admin::private(&bench).await;
    for (main, value) in [("ours", json!(PRIVATE)), ("other", json!(OTHER)), ("none", Value::Null)] {
        bench.control("integration", json!({ "main": main })).await;
        for path in [
            "ui-settings?key=@main-telephony-settings".to_owned(),
            format!("ui-settings?key=@main-telephony-settings={PRIVATE}"),
        ] {
            let (status, settings) = admin.get(&path).await;
            assert_eq!(
                (status, &settings["value"], &settings["key"]),
                (200, &value, &json!("@main-telephony-settings"))
            );
            assert!(settings["updateInfo"].is_object() && settings["canEditAll"].is_boolean());
        }
    }
    let missing = json!({ "status": "notFound", "message": "Telephony x not found" });
    assert_eq!(admin.get("ui-settings?key=@main-telephony-settings=x").await, (409, missing));
    assert!(bench.violations().is_empty());
    assert_eq!(admin.get("ui-settings?key=@theme").await.0, 400);
    assert_eq!(admin.get("ui-settings").await.0, 400);
    assert_eq!(bench.violations().len(), 1);
}

#[tokio::test]
async fn the_responsible_user_is_told_by_number_and_by_call() {
    let bench = Bench::new().await;
    let admin = Admin::private(&bench).await;
    let crm = bench.crm().await;
    let redirect = async |query: &str| {
        admin.get(&format!("{}?{query}", &format!("{CALLBACKS}/call-redirect")["/api/v1/sandbox/".len()..])).await
    };
    assert_eq!(redirect(&format!("phoneNumber={CLIENT}")).await, (200, json!({ "userIds": [ANNA] })));
    assert_eq!(redirect("phoneNumber=76046851124").await, (200, json!({ "userIds": [BORIS] })));
    let message = "Communication Xcom.Api.Models.Communications.CallRedirectRequest not found";
    let missing = (409, json!({ "status": "notFound", "message": message }));
    assert_eq!(redirect("phoneNumber=74991112233").await, missing);
    let started = |id: &str, number: &str| {
        json!({
            "externalId": id, "direction": "inbound", "clientPhone": number, "timestamp": "2026-03-22T10:38:35.615+00:00",
        })
    };
    // Who looks whether a call is missing may ask; who then tells of it live has asked too early.
    assert_eq!(redirect("externalId=a.0").await, missing);
    assert!(bench.violations().is_empty());
    assert_eq!(crm.tell("call-started", started("a.0", CLIENT)).await.0, 200);
    assert_eq!(bench.violations(), ["call-redirect of a.0 before its call-started"]);
    for (id, number, users) in [("a.1", "76046851124", json!([BORIS])), ("a.2", "74991112233", json!([]))] {
        crm.good("call-started", started(id, number)).await;
        assert_eq!(redirect(&format!("externalId={id}")).await, (200, json!({ "userIds": users })));
        assert_eq!(redirect(&format!("externalId=Phonet/{id}")).await.0, 200);
    }
    for query in
        ["", "phoneNumber=%2B79451235489", "phoneNumber=", "externalId=a.1&phoneNumber=76046851124", "number=1"]
    {
        assert_eq!(redirect(query).await.0, 400, "{query}");
        assert_eq!(bench.violations().len(), 1, "{query}");
    }
}

#[tokio::test]
async fn system_calls_have_no_server_to_go_to() {
    let bench = Bench::new().await;
    let admin = Admin::private(&bench).await;
    let call = json!({ "communicationId": OTHER, "fromUserId": ANNA, "clientPhone": CLIENT });
    let (status, answer) = admin.post("communications/call", call).await;
    let message = "Feature Call is not supported by any integration";
    let refused = json!({ "invalidDatas": [], "invalidConstraints": {}, "status": "notSupported", "message": message });
    assert_eq!((status, answer), (409, refused));
    for path in ["communications/hangup".to_owned(), format!("communications/{OTHER}/hangup")] {
        let (status, answer) = admin.post(&path, json!({ "realtimeCallItemId": "a.1", "userId": ANNA })).await;
        assert_eq!((status, &answer["status"]), (409, &json!("notSupported")));
    }
    assert!(bench.problems().is_empty());
    let internal = json!({ "communicationId": OTHER, "fromUserId": ANNA, "toUserId": BORIS, "clientPhone": null });
    assert_eq!(admin.post("communications/call", internal).await.0, 409);
    assert_eq!(admin.post("communications/call", json!({ "communicationId": OTHER, "fromUserId": ANNA })).await.0, 400);
    assert_eq!(admin.post("communications/hangup", json!({ "userId": ANNA })).await.0, 400);
}

#[tokio::test]
async fn each_path_takes_its_methods_only() {
    let bench = Bench::new().await;
    let admin = Admin::private(&bench).await;
    for path in [format!("integrations/instances/{PRIVATE}"), "ui-settings".to_owned()] {
        assert_eq!(admin.post(&path, json!({})).await.0, 405, "{path}");
    }
    assert_eq!(admin.get(&format!("integrations/{PUBLIC}/setup")).await.0, 405);
    assert_eq!(admin.get("integrations").await.0, 404);
    assert_eq!(admin.get(&format!("integrations/instances/{PRIVATE}?x=1")).await.0, 400);
    let bare = bench.http.get(bench.url(&format!("/api/v1/sandbox/integrations/instances/{PRIVATE}")));
    assert_eq!(bench.send(bare).await, (401, json!("Unauthorized")));
}
