//! Recordings: from the exchange, through API Files, to their legs in the CRM.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Bench, Browser, CLIENT, Connection, Crm, Rest, Said};

const BOUNDARY: &str = "----sandbox";
const FILES: &str = "/api/v1/sandbox/files";

/// An upload's body.
fn multipart(bytes: &[u8]) -> Vec<u8> {
    part(r#"Content-Disposition: form-data; name="file"; filename="call; 1.wav""#, "audio/wav", bytes)
}

fn part(disposition: &str, kind: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!("--{BOUNDARY}\r\n{disposition}\r\nContent-Type: {kind}\r\n\r\n");
    [head.as_bytes(), bytes, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat()
}

fn post(crm: &Crm<'_>, body: Vec<u8>) -> reqwest::RequestBuilder {
    let request = crm.bench.http.post(crm.bench.url(FILES)).header("X-XCOM-AccessKey", &crm.key);
    request.header("content-type", format!("multipart/form-data; boundary={BOUNDARY}")).body(body)
}

async fn upload(crm: &Crm<'_>, bytes: &[u8]) -> Value {
    let (status, file) = crm.bench.send(post(crm, multipart(bytes))).await;
    assert_eq!((status, crm.bench.violations()), (200, Vec::new()), "{file}");
    file
}

/// The exchange's recording of this leg.
async fn recording(rest: &Rest<'_>, uuid: &str) -> Vec<u8> {
    let answer = rest.request(&format!("/rest/public/calls/{uuid}/audio")).send().await.unwrap();
    assert!(answer.status() == 200 && answer.headers()["content-type"] == "audio/wav");
    answer.bytes().await.unwrap().to_vec()
}

/// An answered and ended call to 001, told to the CRM.
async fn conversation(bench: &Bench, anna: &mut Connection, crm: &Crm<'_>) -> String {
    let mut browser = Browser::default();
    let uuid = bench.incoming("001").await;
    bench.answer(&uuid).await;
    bench.hang_up(&uuid).await;
    for _ in 0..3 {
        browser.tell(crm, &anna.frame().await).await;
    }
    uuid
}

fn late(uuid: &str, file: &Value) -> Value {
    json!({
        "externalId": uuid, "externalCallItemId": uuid, "realtimeCallItemId": uuid, "recordingFileId": file["fileId"],
    })
}

async fn strict_verdict(bench: &Bench) -> Vec<String> {
    let (_, verdict) = bench.get("/control/verdict?recordings=true").await;
    serde_json::from_value(verdict["problems"].clone()).unwrap()
}

#[tokio::test]
async fn an_answered_call_has_a_recording_when_it_is_ready() {
    let bench = Bench::new().await;
    let rest = Rest::authorize(&bench).await;
    let talk = async |quirks: Value| {
        let call = bench.control("incoming", json!({ "from": CLIENT, "to": "001", "quirks": quirks })).await;
        let uuid = call["uuid"].as_str().unwrap().to_owned();
        bench.answer(&uuid).await;
        bench.hang_up(&uuid).await;
        uuid
    };
    let history = async || {
        let (_, page) = rest.get("/rest/calls/users.api?timeFrom=1700000000000&timeTo=9999999999999").await;
        page[0].clone()
    };
    let uuid = talk(json!([])).await;
    let url = format!("https://demo.phonet.com.ua/rest/public/calls/{uuid}/audio");
    assert_eq!((&history().await["audioRecUrl"], &history().await["trunk"]), (&json!(url), &json!("74951234567")));
    let path = format!("/rest/public/calls/{uuid}/audio");
    assert_eq!(bench.get(&path).await.0, 403);
    let audio = recording(&rest, &uuid).await;
    assert_eq!((audio.len(), &audio[..4], &audio[8..16]), (16_000, &b"RIFF"[..], &b"WAVEfmt "[..]));
    assert_eq!(u32::from_le_bytes(audio[4..8].try_into().unwrap()), 16_000 - 8);
    assert_eq!(u32::from_le_bytes(audio[40..44].try_into().unwrap()), 16_000 - 44);
    assert_eq!(audio, recording(&rest, &uuid).await);

    bench.control("recordings", json!({ "bytes": 1000 })).await;
    let other = talk(json!(["audioSpace", "trunkOwner"])).await;
    let short = recording(&rest, &other).await;
    assert!(short.len() == 1000 && short[44..] != audio[44..1000]);
    assert_eq!(history().await["audioRecUrl"], format!("https://demo.phonet.com.ua/rest/public/calls/{other}/audio "));
    assert_eq!(history().await["trunk"], "o=74951234567;");

    bench.control("recordings", json!({ "delay": 1 })).await;
    let slow = format!("/rest/public/calls/{}/audio", talk(json!([])).await);
    let ended = Instant::now();
    assert_eq!(rest.get(&slow).await.0, 404);
    while rest.get(&slow).await.0 == 404 {
        assert!(ended.elapsed() < Duration::from_secs(5));
    }
    assert_eq!(rest.get(&slow).await.0, 200);

    bench.control("recordings", json!({ "missing": true })).await;
    let unrecorded = talk(json!([])).await;
    assert_eq!(history().await["audioRecUrl"], Value::Null);
    assert_eq!(rest.get(&format!("/rest/public/calls/{unrecorded}/audio")).await.0, 404);
    assert_eq!(bench.post("/control/recordings", json!({ "bytes": 1 })).await.0, 400);
    assert!(bench.problems().is_empty());
}

#[tokio::test]
async fn an_upload_is_one_named_file() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    let (first, second) = (upload(&crm, b"one").await, upload(&crm, b"seven").await);
    assert_eq!((&first["fileName"], &first["contentType"]), (&json!("call; 1.wav"), &json!("audio/wav")));
    assert_eq!((&first["contentLength"], &second["contentLength"]), (&json!(3), &json!("5")));
    assert_ne!(first["fileId"], second["fileId"]);
    assert!(bench.last()["request"].as_str().unwrap().starts_with("<multipart/form-data"));

    let good = multipart(b"x");
    let two = [part(r#"Content-Disposition: form-data; name="note""#, "text/plain", b"x"), good.clone()].concat();
    for (body, reason) in [
        (part(r#"Content-Disposition: form-data; name="audio"; filename="x""#, "audio/wav", b"x"), "not named `file`"),
        (part(r#"Content-Disposition: form-data; name="file""#, "audio/wav", b"x"), "no file name"),
        (part(r#"Content-Disposition: form-data; name="file"; filename="x""#, "", b"x"), "no type"),
        (good[..good.len() - 20].to_vec(), "does not end"),
        (two, "more than one part"),
        (b"x".to_vec(), "boundary"),
    ] {
        let (status, _) = bench.send(post(&crm, body)).await;
        let violations = bench.violations().join("; ");
        assert!(status == 400 && violations.contains(reason), "{reason}: {status} {violations}");
    }
    let upload_with = |name: &str, value: &str| post(&crm, good.clone()).header(name, value);
    let bare = || bench.http.post(bench.url(FILES)).body(good.clone());
    assert_eq!(bench.send(bare().header("X-XCOM-AccessKey", &crm.key)).await.0, 400, "no content type");
    assert_eq!(bench.send(bare()).await.0, 401);
    assert_eq!(bench.violations(), ["X-XCOM-AccessKey is missing"]);
    assert_eq!(bench.send(upload_with("cookie", "xcom.session=sandbox")).await.0, 200);
    assert_eq!(bench.violations().len(), 1, "the user's own cookie");

    bench.control("file-limit", json!({ "bytes": 4 })).await;
    let (status, answer) = bench.send(post(&crm, multipart(b"seven"))).await;
    assert_eq!((status, &answer["status"], bench.violations()), (409, &json!("fileTooLarge"), Vec::new()));
    upload(&crm, b"four").await;
}

#[tokio::test]
async fn a_file_larger_than_documented_is_too_large() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    for excess in [1, 1024 * 1024] {
        let (status, answer) = bench.send(post(&crm, multipart(&vec![0; 100 * 1024 * 1024 + excess]))).await;
        assert_eq!((status, &answer["status"]), (409, &json!("fileTooLarge")));
    }
    upload(&crm, &vec![0; 100 * 1024 * 1024]).await;
}

/// An answered and ended call to 001 that is told up to its end; answers its uuid and its registration.
async fn unregistered(bench: &Bench, anna: &mut Connection, crm: &Crm<'_>) -> (String, Value) {
    let mut browser = Browser::default();
    let uuid = bench.incoming("001").await;
    bench.answer(&uuid).await;
    bench.hang_up(&uuid).await;
    let mut requests = Vec::new();
    for _ in 0..3 {
        requests.extend(browser.requests(&anna.frame().await));
    }
    let (_, registration) = requests.pop().unwrap();
    for (callback, body) in requests {
        crm.good(callback, body).await;
    }
    (uuid, registration)
}

fn with_recordings(mut registration: Value, recordings: Value) -> Value {
    registration["items"][0]["recordings"] = recordings;
    registration
}

#[tokio::test]
async fn a_recording_comes_with_the_registration() {
    let bench = Bench::new().await;
    let (mut anna, crm, rest) = (bench.connect("001").await, bench.crm().await, Rest::authorize(&bench).await);
    let (uuid, registration) = unregistered(&bench, &mut anna, &crm).await;
    let file = upload(&crm, &recording(&rest, &uuid).await).await;
    let registration = with_recordings(registration, json!([file]));
    crm.good("register-call", registration.clone()).await;
    bench.wait(&format!("recorded:{uuid}")).await;
    bench.wait("delivered:recordings").await;
    assert_eq!(crm.tell("register-call", registration).await, (409, json!("Error")));
    assert_eq!(bench.last()["repeat"], true);
    crm.good("call-recording", late(&uuid, &file)).await;
    assert_eq!(bench.last()["repeat"], true, "the same file at the same leg");
    assert_eq!(strict_verdict(&bench).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_registration_repeats_what_the_upload_answered() {
    let bench = Bench::new().await;
    let (mut anna, crm) = (bench.connect("001").await, bench.crm().await);
    let (uuid, registration) = unregistered(&bench, &mut anna, &crm).await;
    let (file, other) = (upload(&crm, b"one").await, upload(&crm, b"other").await);
    let changed = |key: &str, value: Value| {
        let mut file = file.clone();
        file[key] = value;
        file
    };
    let text = json!(file["contentLength"].to_string());
    for (recordings, reason) in [
        (json!([changed("fileId", json!("never"))]), "never uploaded"),
        (json!([changed("contentLength", text)]), "did not answer"),
        (json!([changed("fileName", json!("x"))]), "did not answer"),
        (json!([file, other]), "more than one"),
    ] {
        crm.bad(409, reason, "register-call", with_recordings(registration.clone(), recordings)).await;
    }
    crm.good("call-recording", late(&uuid, &other)).await;
    let registration = with_recordings(registration, json!([file]));
    crm.bad(409, "another recording already", "register-call", registration).await;
}

#[tokio::test]
async fn a_recording_may_come_late_but_once_and_at_its_own_leg() {
    let bench = Bench::new().await;
    let (mut anna, crm, rest) = (bench.connect("001").await, bench.crm().await, Rest::authorize(&bench).await);
    let uuid = conversation(&bench, &mut anna, &crm).await;
    assert!(bench.problems().is_empty());
    assert!(strict_verdict(&bench).await[0].contains("recording is not in the CRM"));
    let refused: Said = bench.get("/control/wait?what=delivered:recordings&timeout=1").await;
    assert_eq!(refused.0, 408);
    bench.wait("delivered:calls").await;

    let file = upload(&crm, &recording(&rest, &uuid).await).await;
    crm.good("call-recording", late(&uuid, &file)).await;
    bench.wait(&format!("recorded:{uuid}")).await;
    crm.good("call-recording", late(&uuid, &file)).await;
    assert_eq!(bench.last()["repeat"], true);
    assert_eq!(strict_verdict(&bench).await, Vec::<String>::new());

    let again = upload(&crm, &recording(&rest, &uuid).await).await;
    crm.bad(409, "has its recording already", "call-recording", late(&uuid, &again)).await;
    let next = conversation(&bench, &mut anna, &crm).await;
    crm.bad(409, "is the recording of", "call-recording", late(&next, &file)).await;
    crm.bad(409, "never uploaded", "call-recording", late(&next, &json!({ "fileId": "never" }))).await;
    let changed = |key: &str, value: &str| {
        let mut body = late(&next, &again);
        body[key] = value.into();
        body
    };
    crm.bad(409, "ids of the leg differ", "call-recording", changed("externalCallItemId", &uuid)).await;
    let stranger = "3f6a0c1e-0000-4000-8000-000000000009";
    for (key, value) in [("externalId", "never"), ("communicationId", stranger)] {
        let answer = crm.bad(409, "unknown communication", "call-recording", changed(key, value)).await;
        assert_eq!(answer["status"], "communicationNotFound");
    }
    let mut elsewhere = late(&uuid, &again);
    (elsewhere["externalId"], elsewhere["communicationId"]) = (json!(next), Value::Null);
    crm.bad(409, "no leg that appeared", "call-recording", elsewhere).await;
    for key in ["externalId", "externalCallItemId", "realtimeCallItemId", "recordingFileId"] {
        let mut body = late(&next, &again);
        body[key] = Value::Null;
        crm.bad(400, "field is required", "call-recording", body).await;
    }
    // The first call's audio at the second call's leg.
    crm.good("call-recording", late(&next, &again)).await;
    let problems = strict_verdict(&bench).await.join("\n");
    assert!(problems.contains(&format!("leg {next} has another recording than its own")), "{problems}");
}

#[tokio::test]
async fn a_call_that_came_to_nothing_is_failed_by_its_communication() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    let mut anna = bench.connect("001").await;
    let uuid = bench.incoming("001").await;
    let mut requests = Browser::default().requests(&anna.frame().await);
    let (callback, started) = requests.remove(0);
    let id = crm.good(callback, started).await["id"].clone();
    let failed = json!({ "communicationId": id });
    assert_eq!(crm.good("call-failed", failed.clone()).await, "OK");
    crm.good("call-failed", failed.clone()).await;
    assert_eq!(bench.last()["repeat"], true);
    assert_eq!(bench.get("/control/crm").await.1["communications"][0]["state"], "failed");
    let stranger = "3f6a0c1e-0000-4000-8000-000000000009";
    let answer = crm.bad(409, "unknown", "call-failed", json!({ "communicationId": stranger })).await;
    assert_eq!(
        answer,
        json!({ "status": "communicationNotFound", "message": format!("Communication not found. Id: {stranger}") })
    );
    crm.bad(400, "field is required", "call-failed", json!({})).await;
    crm.bad(400, "Could not find member", "call-failed", json!({ "communicationId": id, "externalId": uuid })).await;
    let (callback, appeared) = requests.remove(0);
    crm.good(callback, appeared).await;
    bench.answer(&uuid).await;
    for (callback, body) in Browser::default().requests(&anna.frame().await) {
        crm.good(callback, body).await;
    }
    crm.bad(409, "was answered", "call-failed", failed).await;
}
