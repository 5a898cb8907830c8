//! UIS: the formats of both versions of its Call API, both ways, and the state machine behind the port, in virtual time.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{cell::Cell, collections::BTreeMap};

use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};
use trubka::{
    Millis,
    exchange::{Abilities, EventKind, Exchange, ExchangeName, LegDirection, News},
    http::{AccessKey, Body, HttpAnswer, HttpFailure, Method},
    json::Fields,
    problem::{Code, Problem},
    settings::{
        self, Credentials, FirstCall, GroupPhone, Queue, SpokenKind, SpokenMessage,
        UisVersion::{self, V1, V4},
    },
    uis::{
        Secret, Uis,
        rpc::{self, Answer, Fault, Id},
        v1::{self, PlaceCalls, Placed},
        v4::{self, CallSession, ListCalls, LoggedIn, LoginUser, ReleaseCall, Released, StartCall, Started},
    },
};

const START: Millis = Millis(1_763_700_000_000);
const NUMBER: &str = "+79260000000";

fn settings(version: UisVersion) -> settings::Uis {
    settings::Uis {
        version,
        credentials: Credentials::Login { login: "anna".into(), password: "secret".into() },
        virtual_number: "74993720692".into(),
        operator: Some("79260000001".into()),
        employee_id: None,
        first_call: FirstCall::Operator,
        switch_at_once: true,
        early_switching: false,
        show_virtual_number: true,
        media: None,
        client_message: None,
        operator_message: None,
        queue: None,
        groups: Vec::new(),
        address: "https://callapi.uiscom.ru".into(),
    }
}

fn with_token() -> settings::Uis {
    settings::Uis { credentials: Credentials::Token { token: "permanent".into() }, ..settings(V4) }
}

fn group(lines_limit: u32) -> settings::Group {
    let phone = |number: &str| GroupPhone { number: number.into(), channels_count: Some(2), timeout: Some(29) };
    settings::Group {
        dialing_increment: Some(1),
        incremental_dialing_timeout: Some(1),
        lines_limit: Some(lines_limit),
        lines_start: Some(1),
        phones: vec![phone("79164572521"), phone("79164572522")],
    }
}

/// The exchange and its clock. The test is the service: it takes each request and answers it.
struct World {
    uis: Uis,
    now: Millis,
    http: u32,
    /// The service's clock is ahead of ours by this.
    ahead: Millis,
}

impl World {
    fn new(settings: &settings::Uis) -> Self {
        Self { uis: Uis::new(settings, None), now: START, http: 0, ahead: Millis::secs(7) }
    }

    /// With a session key that is good.
    fn logged_in(version: UisVersion) -> Self {
        let settings = settings(version);
        let key = AccessKey { key: "kept".into(), obtained_at: START, fingerprint: settings.fingerprint() };
        let mut world = Self { uis: Uis::new(&settings, Some(key)), ..Self::new(&settings) };
        if version == V4 {
            world.see();
        }
        world
    }

    /// Finds out that it may look at the calls.
    fn see(&mut self) {
        self.uis.check();
        self.log_in(V4, "kept");
        self.serve("list.calls", json!({ "data": [] }));
        assert_eq!(self.only_news(), News::Checked { problem: None });
    }

    /// With a call that was just dialled.
    fn dialling() -> Self {
        let mut world = Self::logged_in(V4);
        world.dial("k1");
        world.serve("start.simple_call", json!({ "data": { "call_session_id": 42 } }));
        assert_eq!(world.news().len(), 2);
        world
    }

    fn dial(&mut self, key: &str) {
        self.uis.dial(key, &NUMBER.into(), self.now);
    }

    fn wait(&mut self, time: Millis) {
        self.now = self.now + time;
    }

    /// Lets time pass until the exchange wants to be asked again.
    fn sleep(&mut self) -> Millis {
        let wake = self.uis.next_wake().expect("it wants to be woken");
        let slept = wake - self.now;
        assert!(slept > Millis(0), "it would spin");
        assert_eq!(self.uis.next(u32::MAX, wake - Millis(1)), None, "nothing is due before");
        self.now = wake;
        slept
    }

    /// The next request, as the service reads it.
    fn next(&mut self) -> Option<rpc::Request> {
        self.http += 1;
        let request = self.uis.next(self.http, self.now)?;
        assert_eq!(self.uis.next(self.http + 1, self.now), None, "one request at a time");
        assert_eq!((request.method, request.cookies, request.keep), (Method::Post, false, false));
        assert!(request.url == "https://callapi.uiscom.ru/v1" || request.url == "https://callapi.uiscom.ru/v4.0");
        let Body::Json(body) = &request.body else { panic!("{:?}", request.body) };
        let read = rpc::Request::read(body.reveal()).expect("a request by the book");
        assert_eq!(read.id, Id::Number(self.http.into()));
        Some(read)
    }

    /// The next request must be of this method; its parameters.
    fn expect(&mut self, method: &str) -> Value {
        let request = self.next().expect(method);
        assert_eq!(request.method, method);
        request.params
    }

    fn answer(&mut self, status: u16, body: &str) {
        let date = Some(self.now + self.ahead);
        let answer = HttpAnswer { status, retry_after: None, date, body: body.into(), file: None };
        assert!(self.uis.answered(self.http, &Ok(answer), self.now), "it asked");
    }

    fn fail(&mut self, failure: HttpFailure) {
        assert!(self.uis.answered(self.http, &Err(failure), self.now), "it asked");
    }

    fn reply(&mut self, result: Value) {
        let body = Answer::Result(result).write(&Id::Number(self.http.into()));
        self.answer(200, &body);
    }

    fn refuse(&mut self, fault: &Fault) {
        let body = Answer::Fault(fault.clone()).write(&Id::Number(self.http.into()));
        self.answer(200, &body);
    }

    fn serve(&mut self, method: &str, result: Value) -> Value {
        let params = self.expect(method);
        self.reply(result);
        params
    }

    fn log_in(&mut self, version: UisVersion, key: &str) {
        match version {
            V1 => self.serve("authenticate", json!({ "session_key": key })),
            V4 => self.serve("login.user", json!({ "data": { "access_token": key, "expire_at": 1_475_853_742 } })),
        };
    }

    fn news(&mut self) -> Vec<News> {
        std::iter::from_fn(|| self.uis.news()).collect()
    }

    fn only_news(&mut self) -> News {
        let mut news = self.news();
        assert_eq!(news.len(), 1, "{news:?}");
        news.remove(0)
    }

    fn events(&mut self) -> Vec<EventKind> {
        let event = |news| match news {
            News::Event(event) => event.kind,
            other => panic!("{other:?}"),
        };
        self.news().into_iter().map(event).collect()
    }
}

/// A list of calls with one, whose agent and contact are in these states.
fn listed(agent: &str, contact: &str) -> Value {
    let leg =
        |id: u32, is_operator: bool, state: &str| json!({ "leg_id": id, "is_operator": is_operator, "state": state });
    json!({ "data": [{ "call_session_id": 42, "external_id": "k1", "legs": [leg(1, true, agent), leg(2, false, contact)] }] })
}

fn fault_v1(code: i64, message: &str, details: Option<&str>) -> Fault {
    Fault { code, message: message.into(), details: details.map(str::to_owned), data: None }
}

fn fault_v4(code: i64, mnemonic: &str) -> Fault {
    fault_v4_with(code, &json!({ "mnemonic": mnemonic }))
}

/// An error as the service writes it, with these details.
fn fault_v4_with(code: i64, data: &Value) -> Fault {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": code, "message": "words", "data": data } });
    match Answer::read(&body.to_string(), &Id::Number(1)) {
        Some(Answer::Fault(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

// ---- The formats: the documentation's own samples, mended where they are no JSON, both ways ------------------------------------

/// Reads a sample request, and writes it again: the same comes out.
fn both_ways<T: Serialize + PartialEq + std::fmt::Debug>(
    sample: &str,
    read: impl Fn(&str, Fields<'_>) -> Option<T>,
) -> T {
    let request = rpc::Request::read(sample).unwrap();
    let params = read(&request.method, Fields::of(&request.params).unwrap()).unwrap();
    let written = rpc::request(&request.id, &request.method, &params);
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(json(written.reveal()), json(sample));
    params
}

/// As [`both_ways`], for an answer whose result is read and written by these.
fn answer_both_ways<T: Serialize>(
    sample: &str,
    id: &Id,
    read: impl Fn(&Value) -> Option<T>,
    wrap: impl Fn(Value) -> Value,
) -> T {
    let Some(Answer::Result(result)) = Answer::read(sample, id) else { panic!("{sample}") };
    let value = read(&result).unwrap();
    let written = Answer::Result(wrap(json!(value))).write(id);
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(json(&written), json(sample));
    value
}

#[test]
fn the_samples_of_version_1() {
    both_ways(
        r#"{"jsonrpc":"2.0","method":"authenticate","id":1,"params":{"login":"bbb","password":"bbb"}}"#,
        |_, params| v1::Authenticate::read(params),
    );
    let key = answer_both_ways(
        r#"{"jsonrpc":"2.0","id":1,"result":{"session_key":"ecdfc4d6a9c765bb182257cdc72ca8b1bb25b13a"}}"#,
        &Id::Number(1),
        v1::Authenticated::read,
        |result| result,
    );
    assert_eq!(key.session_key.reveal(), "ecdfc4d6a9c765bb182257cdc72ca8b1bb25b13a");
    // Mended: the flag's name is use_numb_as_numa, as in the table.
    let one = both_ways(
        r#"{"jsonrpc":"2.0","method":"place_calls","id":1,"params":{"session_key":"ecdfe4d6a9c765bb182257cdc72ca8b1bb25b13a",
            "first_call":"numc","switch_at_once":true,"media_file":"Bad Kingdom-cut.mp3","is_queue":false,
            "use_numb_as_numa":false,"numa":"74959891628","numb":"74993720692","numc":"79164572521"}}"#,
        |_, params| PlaceCalls::read(params),
    );
    assert_eq!(one.wrong(), None);
    let with_messages = both_ways(
        r#"{"jsonrpc":"2.0","method":"place_calls","id":55,"params":{"session_key":"5731e350dc0cb06d534df58f0dc7dc6fde0bcf31",
            "first_call":"numc","switch_at_once":true,"media_file":"leave_message","is_queue":false,"use_numb_as_numa":false,
            "numa":"74959891628","numa_message":{"type":"media","value":"leave_message"},"numb":"74993720692",
            "numc":"79164572521","numc_message":{"type":"media","value":"leave_message"}}}"#,
        |_, params| PlaceCalls::read(params),
    );
    assert_eq!(with_messages.wrong(), None);
    // The sample of groups shows only what differs.
    let groups = both_ways(
        r#"{"jsonrpc":"2.0","method":"place_calls","id":55,"params":{"session_key":"5731e350dc0cb06d534df58f0dc7dc6fde0bcf31",
            "first_call":"any","switch_at_once":true,"is_queue":true,"queue_timeout":1,"use_numb_as_numa":true,
            "numa":"74959891628","numa_message":{"type":"text","value":"Здравствуйте"},"numb":"74993720692",
            "numc":[{"dialing_increment":1,"incremental_dialing_timeout":1,"lines_limit":2,"lines_start":1,"phones":[
            {"channels_count":2,"numb":"79164572521","timeout":29},{"channels_count":2,"numb":"79164572521","timeout":29}]}]}}"#,
        |_, params| PlaceCalls::read(params),
    );
    assert_eq!(groups.wrong(), None);
    let placed = |sample| answer_both_ways(sample, &Id::Number(55), Placed::read, |result| result);
    assert_eq!(placed(r#"{"jsonrpc":"2.0","id":55,"result":"success"}"#), Placed::Success);
    assert_eq!(placed(r#"{"jsonrpc":"2.0","id":55,"result":"fail"}"#), Placed::Fail);
}

#[test]
fn the_sample_error_of_version_1() {
    // Mended: a comma. The sample calls the text details, the table data; the id may be missing.
    let sample = r#"{"jsonrpc":"2.0","id":55,"error":{"code":-32002,"message":"Authentication error","details":"Invalid session key"}}"#;
    let fault = fault_v1(-32002, "Authentication error", Some("Invalid session key"));
    assert_eq!(Answer::read(sample, &Id::Number(55)), Some(Answer::Fault(fault.clone())));
    assert_eq!(
        serde_json::from_str::<Value>(&Answer::Fault(fault.clone()).write(&Id::Number(55))).unwrap(),
        serde_json::from_str::<Value>(sample).unwrap()
    );
    for same in [sample.replace("details", "data"), sample.replace(r#""id":55,"#, "")] {
        assert_eq!(Answer::read(&same, &Id::Number(55)), Some(Answer::Fault(fault.clone())));
    }
}

#[test]
fn the_samples_of_version_4() {
    const TOKEN: &str = "2fRN4g217ca0b4224a67988aff3e584f91964a692045415f36fa66146f5a3c1ae1f6093d";
    let sample = |text: &str| text.replace("TOKEN", TOKEN);
    let id = Id::Text("req1".into());
    let data = |data: Value| json!({ "data": data });
    both_ways(
        r#"{"jsonrpc":"2.0","id":"req1","method":"login.user","params":{"login":"your_login","password":"your_password"}}"#,
        |_, params| LoginUser::read(params),
    );
    let logged_in = answer_both_ways(
        &sample(r#"{"jsonrpc":"2.0","id":"req1","result":{"data":{"access_token":"TOKEN","expire_at":1475853742}}}"#),
        &id,
        |result| LoggedIn::read(v4::data(result)?),
        data,
    );
    assert_eq!((logged_in.access_token.reveal().as_str(), logged_in.expire_at), (TOKEN, Some(1_475_853_742)));
    let employee = both_ways(
        &sample(
            r#"{"jsonrpc":"2.0","method":"start.employee_call","id":"req1","params":{"access_token":"TOKEN","first_call":"employee",
            "switch_at_once":true,"media_file_id":2701,"show_virtual_phone_number":false,"virtual_phone_number":"74993720692",
            "external_id":"334otr01","dtmf_string":".1.2.3","direction":"in","contact":"79260000000",
            "employee":{"id":25,"phone_number":"79260000001"},"contact_message":{"type":"tts","value":"Привет"},
            "employee_message":{"type":"media","value":"2561"}}}"#,
        ),
        StartCall::read,
    );
    assert_eq!(employee.wrong(), None);
    // Mended: the operator is a number, as the text beside the sample says, not an employee.
    let simple = both_ways(
        &sample(
            r#"{"jsonrpc":"2.0","method":"start.simple_call","id":"req1","params":{"access_token":"TOKEN","first_call":"operator",
            "switch_at_once":true,"media_file_id":2701,"show_virtual_phone_number":false,"virtual_phone_number":"74993720692",
            "external_id":"334otr01","dtmf_string":".1.2.3","direction":"in","contact":"79260000000",
            "operator":"79260000001","contact_message":{"type":"tts","value":"Привет"},
            "operator_message":{"type":"media","value":"2561"}}}"#,
        ),
        StartCall::read,
    );
    assert_eq!(simple.wrong(), None);
    let started = answer_both_ways(
        r#"{"jsonrpc":"2.0","id":"req1","result":{"data":{"call_session_id":237859081}}}"#,
        &id,
        |result| Started::read(v4::data(result)?),
        data,
    );
    assert_eq!(started.call_session_id, 237_859_081);
    both_ways(
        &sample(
            r#"{"jsonrpc":"2.0","method":"list.calls","id":"req1","params":{"access_token":"TOKEN","direction":"in",
            "virtual_phone_number":"74951045771"}}"#,
        ),
        |_, params| ListCalls::read(params),
    );
    let sessions = answer_both_ways(
        r#"{"jsonrpc":"2.0","id":"req1","result":{"data":[{"call_session_id":206597836,"direction":"in",
            "start_time":"2016-10-19T12:26:48.418","virtual_phone_number":"74951045771","contact_phone_number":"74959268686",
            "external_id":null,"tags":[{"tag_id":456,"tag_name":"Целевой"}],"legs":[
            {"leg_id":287866245,"calling_phone_number":"74951045771","called_phone_number":"74959268686...9.2.3.3",
            "is_operator":false,"employee_id":null,"employee_full_name":null,"record_call_enabled":true,"state":"Разговор"},
            {"leg_id":287866221,"calling_phone_number":"74959268686","called_phone_number":"79262444393","is_operator":true,
            "employee_id":2345,"employee_full_name":"Тест","record_call_enabled":true,"state":"Разговор"}]}]}}"#,
        &id,
        |result| CallSession::read_all(v4::data(result)?),
        data,
    );
    assert!(sessions[0].is_answered() && !sessions[0].is_over());
    both_ways(
        &sample(
            r#"{"jsonrpc":"2.0","method":"release.call","id":"req1","params":{"access_token":"TOKEN","call_session_id":28575639}}"#,
        ),
        |_, params| ReleaseCall::read(params),
    );
    let released = answer_both_ways(
        r#"{"jsonrpc":"2.0","id":"req1","result":{"data":{"success":"true"}}}"#,
        &id,
        |result| Released::read(v4::data(result)?),
        data,
    );
    assert!(released.success);
    // A boolean where other methods have it.
    assert_eq!(Released::read(&json!({ "success": true })), Some(Released { success: true }));
    assert_eq!(Released::read(&json!({ "success": "false" })), Some(Released { success: false }));
    assert_eq!(Released::read(&json!({})), None);
}

#[test]
fn the_sample_error_of_version_4() {
    let sample = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"Data supplied is of wrong type","data":{
        "mnemonic":"data_type_error","field":"contact","value":"номер","params":{"object":null},"extended_helper":null}}}"#;
    let Some(Answer::Fault(fault)) = Answer::read(sample, &Id::Text("req1".into())) else { panic!() };
    let data = fault.data.as_ref().unwrap();
    assert_eq!(
        (fault.code, fault.message.as_str(), fault.mnemonic()),
        (-32602, "Data supplied is of wrong type", "data_type_error")
    );
    assert_eq!((data.field.as_deref(), data.value.clone().unwrap().into_inner()), (Some("contact"), "номер".into()));
    let sample: Value = serde_json::from_str(sample).unwrap();
    assert_eq!(json!(fault), sample["error"]);
}

#[test]
fn the_limits_are_read_out_of_results_and_errors() {
    let metadata = json!({ "api_version": { "current_version_depricated": false }, "limits": { "day_limit": 1000,
        "day_remaining": 900, "day_reset": 3600, "minute_limit": 100, "minute_remaining": 60, "minute_reset": 30 } });
    let limits = v4::metadata(&json!({ "data": [], "metadata": metadata })).unwrap().limits;
    assert_eq!((limits.day_limit, limits.day_remaining, limits.day_reset), (Some(1000), Some(900), Some(3600)));
    assert_eq!((limits.minute_limit, limits.minute_remaining, limits.minute_reset), (Some(100), Some(60), Some(30)));
    let fault = fault_v4_with(-32029, &json!({ "mnemonic": "limit_exceeded", "metadata": metadata }));
    assert_eq!(fault.limits(), Some(limits));
    assert_eq!(json!(fault)["data"]["metadata"]["limits"], metadata["limits"]);
    assert_eq!(v4::metadata(&json!({ "data": [] })), None);
}

#[test]
fn secrets_and_numbers_reach_no_log() {
    let call = StartCall::new(&settings(V4), "hush".into(), "79260000000".into(), "k").unwrap();
    let calls = PlaceCalls::new(&settings(V1), "hush".into(), "79260000000".into());
    let mut world = World::new(&settings(V4));
    world.dial("k1");
    world.log_in(V4, "hush");
    let told = format!("{call:?} {calls:?} {:?}", world.uis);
    assert!(!told.contains("hush") && !told.contains("7926000") && !told.contains("secret"), "{told}");
}

// ---- What would be refused does not leave --------------------------------------------------------------------------------------

/// What each change of the settings makes of a dial: the parameter that is named, or none.
fn refused(settings: &settings::Uis, number: &str) -> Option<String> {
    let mut world = World::new(settings);
    world.uis.dial("k", &number.into(), world.now);
    let asked = world.next().is_some();
    let news = world.news();
    match &*news {
        [] => {
            assert!(asked);
            None
        }
        [News::Refused { key, problem: Problem { code: Code::UisWrongParameter, args } }] => {
            assert!(!asked && key == "k", "nothing leaves");
            Some(args.concat())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn version_1_is_checked_before_it_leaves() {
    let wrong = |change: fn(&mut settings::Uis)| {
        let mut settings = settings(V1);
        change(&mut settings);
        refused(&settings, NUMBER).unwrap_or_default()
    };
    assert_eq!(wrong(|_| ()), "");
    assert_eq!(refused(&settings(V1), "+7 926 000-00-00").as_deref(), Some("numa"));
    assert_eq!(refused(&settings(V1), "112").as_deref(), Some("numa"));
    assert_eq!(wrong(|it| it.virtual_number = "8 (499) 372".into()), "numb");
    assert_eq!(wrong(|it| it.operator = Some("+79260000001".into())), "numc");
    assert_eq!(wrong(|it| it.operator = None), "numc");
    assert_eq!(wrong(|it| it.media = Some(String::new())), "media_file");
    assert_eq!(wrong(|it| it.media = Some("Bad Kingdom-cut.mp3".into())), "");
    let message = |value: &str| Some(SpokenMessage { kind: SpokenKind::Text, value: value.into() });
    let with = |client: &str, operator: &str| {
        let settings =
            settings::Uis { client_message: message(client), operator_message: message(operator), ..settings(V1) };
        refused(&settings, NUMBER)
    };
    assert_eq!(with("Здравствуйте", "Клиент"), None);
    assert_eq!(with("", "Клиент").as_deref(), Some("numa_message.value"));
    assert_eq!(with("Здравствуйте", "").as_deref(), Some("numc_message.value"));
    // A permanent key is of version 4.0.
    assert_eq!(wrong(|it| it.credentials = Credentials::Token { token: "permanent".into() }), "login");
    // Groups.
    assert_eq!(wrong(|it| it.groups = vec![group(2)]), "");
    let fan = |change: &dyn Fn(&mut settings::Group), queue| {
        let mut group = group(2);
        change(&mut group);
        let settings = settings::Uis { groups: vec![group], queue, ..settings(V1) };
        refused(&settings, NUMBER).unwrap_or_default()
    };
    assert_eq!(fan(&|group| group.dialing_increment = None, None), "numc.dialing_increment");
    assert_eq!(fan(&|group| group.incremental_dialing_timeout = None, None), "numc.incremental_dialing_timeout");
    assert_eq!(fan(&|group| group.phones.clear(), None), "numc.phones");
    assert_eq!(fan(&|group| group.phones[1].number = "916".into(), None), "numc.phones.numb");
    // In a queue they are not needed, nor for one phone with one line.
    let queue = Some(Queue { timeout: 30 });
    assert_eq!(fan(&|group| (group.dialing_increment, group.incremental_dialing_timeout) = (None, None), queue), "");
    let alone = |group: &mut settings::Group, lines_start| {
        group.phones.truncate(1);
        (group.dialing_increment, group.lines_limit, group.lines_start) = (None, None, lines_start);
    };
    assert_eq!(fan(&|group| alone(group, None), None), "");
    assert_eq!(fan(&|group| alone(group, Some(2)), None), "numc.dialing_increment");
    assert_eq!(
        fan(&|group| (group.dialing_increment, group.lines_limit) = (None, Some(1)), None),
        "numc.dialing_increment"
    );
    // What the settings cannot say.
    let mut calls = PlaceCalls::new(&settings(V1), "key".into(), "79260000000".into());
    calls.is_queue = true;
    assert_eq!(calls.wrong(), Some("queue_timeout"));
    calls.queue_timeout = Some(30);
    assert_eq!(calls.wrong(), None);
    calls.numc = v1::Numc::Groups(Vec::new());
    assert_eq!(calls.wrong(), Some("numc"));
}

#[test]
fn version_1_is_read_back_only_when_whole() {
    let params = json!(PlaceCalls::new(&settings(V1), "key".into(), "79260000000".into()));
    let read = |params: &Value| PlaceCalls::read(Fields::of(params).unwrap());
    assert!(read(&params).is_some());
    for required in ["session_key", "first_call", "switch_at_once", "numa", "numb", "numc"] {
        let mut params = params.clone();
        params.as_object_mut().unwrap().remove(required);
        assert_eq!(read(&params), None, "{required}");
    }
    for (key, value) in [
        ("first_call", json!("numb")),
        ("numa_message", json!({ "type": "sound", "value": "x" })),
        ("numc_message", json!({ "type": "media" })),
        ("numc", json!([{ "lines_limit": 1 }, 1])),
    ] {
        let mut params = params.clone();
        params[key] = value;
        assert_eq!(read(&params), None, "{key}");
    }
}

#[test]
fn version_4_is_checked_before_it_leaves() {
    let wrong = |change: fn(&mut settings::Uis)| {
        let mut settings = settings(V4);
        change(&mut settings);
        refused(&settings, NUMBER).unwrap_or_default()
    };
    assert_eq!(wrong(|_| ()), "");
    assert_eq!(refused(&settings(V4), "+0123456789").as_deref(), Some("contact"));
    assert_eq!(refused(&settings(V4), "+1234567890123456").as_deref(), Some("contact"));
    assert_eq!(wrong(|it| it.operator = None), "operator");
    assert_eq!(wrong(|it| it.operator = Some("101".into())), "operator");
    assert_eq!(wrong(|it| it.first_call = FirstCall::Any), "first_call");
    assert_eq!(wrong(|it| it.virtual_number = "499".into()), "virtual_phone_number");
    assert_eq!(wrong(|it| it.virtual_number = "78005553535".into()), "virtual_phone_number");
    assert_eq!(wrong(|it| it.virtual_number = "88005553535".into()), "virtual_phone_number");
    assert_eq!(wrong(|it| it.media = Some("music.mp3".into())), "media_file_id");
    assert_eq!(wrong(|it| it.media = Some("2701".into())), "");
    assert_eq!(wrong(|it| it.early_switching = true), "");
    assert_eq!(wrong(|it| (it.early_switching, it.switch_at_once) = (true, false)), "early_switching");
    assert_eq!(wrong(|it| (it.early_switching, it.first_call) = (true, FirstCall::Client)), "early_switching");
    // An employee's phone may be an internal number, or left out.
    assert_eq!(wrong(|it| (it.employee_id, it.operator) = (Some(25), None)), "");
    assert_eq!(wrong(|it| (it.employee_id, it.operator) = (Some(25), Some("101".into()))), "");
    assert_eq!(wrong(|it| (it.employee_id, it.operator) = (Some(25), Some("".into()))), "employee.phone_number");
    let with = |kind, value: &str, employee_id| {
        let message = Some(SpokenMessage { kind, value: value.into() });
        let client = settings::Uis { client_message: message.clone(), ..settings(V4) };
        let operator = settings::Uis { operator_message: message, employee_id, ..settings(V4) };
        (refused(&client, NUMBER).unwrap_or_default(), refused(&operator, NUMBER).unwrap_or_default())
    };
    let both = |client: &str, operator: &str| (client.to_owned(), operator.to_owned());
    assert_eq!(with(SpokenKind::Text, "Здравствуйте", None), both("", ""));
    assert_eq!(with(SpokenKind::Text, "", None), both("contact_message.value", "operator_message.value"));
    assert_eq!(with(SpokenKind::Media, "2561", None), both("", ""));
    assert_eq!(with(SpokenKind::Media, "hello.mp3", Some(25)), both("contact_message.value", "employee_message.value"));
    let mut call = StartCall::new(&settings(V4), "token".into(), "79260000000".into(), "k").unwrap();
    call.dtmf_string = Some("..1*#".into());
    assert_eq!(call.wrong(), None);
    call.dtmf_string = Some("1,2".into());
    assert_eq!(call.wrong(), Some("dtmf_string"));
}

#[test]
fn version_4_is_read_back_only_when_whole() {
    let params = json!(StartCall::new(&settings(V4), "token".into(), "79260000000".into(), "k").unwrap());
    let read = |method, params: &Value| StartCall::read(method, Fields::of(params).unwrap());
    assert!(read("start.simple_call", &params).is_some());
    assert_eq!(read("start.employee_call", &params), None, "it has no employee");
    assert_eq!(read("start.vnumber_call", &params), None);
    for required in ["access_token", "first_call", "virtual_phone_number", "contact", "operator"] {
        let mut params = params.clone();
        params.as_object_mut().unwrap().remove(required);
        assert_eq!(read("start.simple_call", &params), None, "{required}");
    }
    for (key, value) in [
        ("first_call", json!("employee")),
        ("contact_message", json!({ "type": "text", "value": "x" })),
        ("operator_message", json!("x")),
        ("operator", json!({ "id": 25 })),
    ] {
        let mut params = params.clone();
        params[key] = value;
        assert_eq!(read("start.simple_call", &params), None, "{key}");
    }
}

// ---- Every error ---------------------------------------------------------------------------------------------------------------

#[test]
fn every_error_of_version_1_has_its_sentence() {
    let errors = [
        (-32001, "IP address error", Secret::SessionKey, Code::UisAddressRefused),
        (-32001, "IP address error", Secret::Login, Code::UisAddressRefused),
        (-32002, "Authentication error", Secret::Login, Code::UisLoginRefused),
        (-32002, "Authentication error", Secret::SessionKey, Code::UisSessionRefused),
        (-32003, "Permission denied", Secret::Login, Code::UisLoginRefused),
        (-32003, "Permission denied", Secret::SessionKey, Code::UisForbidden),
        (-32004, "Limit is exceeded", Secret::SessionKey, Code::UisLimit),
        (-32005, "Session key has expired", Secret::SessionKey, Code::UisSessionRefused),
        (-32600, "Invalid Request", Secret::SessionKey, Code::UisRequestRefused),
        (-32601, "Method not found", Secret::SessionKey, Code::UisMethodUnknown),
        (-32602, "Invalid params", Secret::SessionKey, Code::UisWrongParameter),
        (-32603, "Internal error", Secret::SessionKey, Code::UisInternalError),
        (-32700, "Parse error", Secret::SessionKey, Code::UisRequestRefused),
        // It has no code of its own.
        (-32600, "Api version not supported", Secret::SessionKey, Code::UisVersionUnsupported),
        (-32999, "Something new", Secret::SessionKey, Code::UisRefused),
    ];
    for (code, message, secret, expected) in errors {
        assert_eq!(fault_v1(code, message, None).problem(V1, secret).code, expected, "{code} {message}");
    }
    let words = |fault: Fault| fault.problem(V1, Secret::SessionKey).args;
    assert_eq!(words(fault_v1(-32602, "Invalid params", Some("params.numa"))), ["params.numa"]);
    assert_eq!(words(fault_v1(-32602, "Invalid params", Some(" "))), ["Invalid params"]);
    assert_eq!(words(fault_v1(-32999, "", None)), ["-32999"]);
    assert_eq!(words(fault_v1(-32999, &"Ж".repeat(400), None))[0].chars().count(), 300);
}

#[test]
fn every_error_of_version_4_has_its_sentence() {
    let errors = [
        // Common to all methods.
        (-32600, "invalid_request", Code::UisRequestRefused),
        (-32001, "access_token_expired", Code::UisTokenExpired),
        (-32001, "access_token_blocked", Code::UisTokenBlocked),
        (-32001, "access_token_invalid", Code::UisTokenRefused),
        (-32001, "auth_error", Code::UisLoginRefused),
        (-32029, "limit_exceeded", Code::UisLimit),
        (-32008, "component_disabled", Code::UisComponentDisabled),
        (-32003, "ip_not_whitelisted", Code::UisAddressRefused),
        (-32003, "forbidden", Code::UisForbidden),
        (-32009, "account_inactive", Code::UisAccountInactive),
        (-32602, "call_session_not_found", Code::HangUpOver),
        (-32603, "internal_error", Code::UisInternalError),
        (-32602, "data_type_error", Code::UisWrongParameter),
        (-32602, "required_parameter_missed", Code::UisWrongParameter),
        (-32602, "invalid_parameter_value", Code::UisWrongParameter),
        (-32602, "invalid_parameters_combination", Code::UisWrongParameter),
        (-32602, "unexpected_parameters", Code::UisWrongParameter),
        (-32601, "method_not_found", Code::UisMethodUnknown),
        (-32700, "parse_error", Code::UisRequestRefused),
        (-32099, "batch_opreations_not_supported", Code::UisRequestRefused),
        (-32099, "notifications_not_supported", Code::UisRequestRefused),
        // Of the methods that start calls.
        (-32602, "tts_text_exceeded", Code::UisTextTooLong),
        (-32602, "media_file_not_found", Code::UisMediaNotFound),
        (-32007, "virtual_phone_number_not_found", Code::UisVirtualNumberNotFound),
        (-32602, "employee_not_found", Code::UisEmployeeNotFound),
        (-32602, "no_active_phone_number", Code::UisEmployeeUnreachable),
        (-32602, "own_virtual_phone_number_not_allowed", Code::UisOwnNumber),
        (-32002, "contact_in_blacklist", Code::UisContactBlocked),
        (-32602, "contact_in_blacklist", Code::UisContactBlocked),
        (-32602, "character_encoding_not_allowed", Code::UisRequestRefused),
        // Of methods that we do not call, and of none that is documented.
        (-32004, "invalid_state", Code::UisWrongState),
        (-32007, "scenario_not_found", Code::UisVirtualNumberNotFound),
        (-32602, "tag_not_found", Code::UisWrongParameter),
        (-32602, "duplicate_tag", Code::UisWrongParameter),
        (-32602, "duplicate_contact", Code::UisWrongParameter),
        (-32602, "talk_option_not_found", Code::UisWrongParameter),
        (-32004, "record_already_started", Code::UisWrongState),
        (-32004, "record_already_stopped", Code::UisWrongState),
        (-32002, "", Code::UisDirectionForbidden),
        (-32002, "forbidden", Code::UisDirectionForbidden),
        (-32999, "something_new", Code::UisRefused),
    ];
    for (code, mnemonic, expected) in errors {
        assert_eq!(fault_v4(code, mnemonic).problem(V4, Secret::Token).code, expected, "{code} {mnemonic}");
    }
    for (secret, expected) in [
        (Secret::Login, Code::UisLoginRefused),
        (Secret::SessionKey, Code::UisSessionRefused),
        (Secret::Token, Code::UisTokenRefused),
    ] {
        assert_eq!(fault_v4(-32001, "access_token_invalid").problem(V4, secret).code, expected);
    }
}

#[test]
fn an_error_of_version_4_says_what_it_is_about() {
    let problem = |code, data: Value| fault_v4_with(code, &data).problem(V4, Secret::Token);
    assert_eq!(
        problem(-32602, json!({ "mnemonic": "required_parameter_missed", "field": "employee.phone_number" })),
        Problem::about(Code::UisWrongParameter, &["employee.phone_number"])
    );
    assert_eq!(
        problem(-32602, json!({ "mnemonic": "unexpected_parameters", "field": null })),
        Problem::about(Code::UisWrongParameter, &["words"])
    );
    assert_eq!(
        problem(-32003, json!({ "mnemonic": "ip_not_whitelisted", "params": { "ip": "203.0.113.7" } })),
        Problem::about(Code::UisNamedAddressRefused, &["203.0.113.7"])
    );
    let limit = |kind: &str, limits: Value| {
        problem(
            -32029,
            json!({ "mnemonic": "limit_exceeded", "params": { "limit_type": kind, "limit_max_value": 100 },
                "metadata": { "limits": limits } }),
        )
    };
    let limits = json!({ "day_remaining": 900, "day_reset": 45_001, "minute_remaining": 0, "minute_reset": 17 });
    assert_eq!(limit("minute", limits.clone()), Problem::about(Code::UisMinuteLimit, &["17"]));
    assert_eq!(limit("day", limits), Problem::about(Code::UisDayLimit, &["12", "31"]));
    let limits = json!({ "day_remaining": 0, "day_reset": 60, "minute_remaining": 9, "minute_reset": 17 });
    assert_eq!(limit("", limits), Problem::about(Code::UisDayLimit, &["0", "1"]));
    assert_eq!(limit("minute", json!({})), Problem::new(Code::UisLimit));
}

// ---- The session key -----------------------------------------------------------------------------------------------------------

#[test]
fn a_login_is_made_when_it_is_needed_and_its_key_is_kept() {
    for version in [V1, V4] {
        let mut world = World::new(&settings(version));
        assert_eq!((world.next(), world.uis.next_wake()), (None, None), "nothing is asked by itself");
        let (start, key, result) = match version {
            V1 => ("place_calls", "session_key", json!("success")),
            V4 => ("start.simple_call", "access_token", json!({ "data": { "call_session_id": 42 } })),
        };
        world.dial("k1");
        world.log_in(version, "new");
        assert_eq!(world.serve(start, result.clone())[key], "new");
        let kept = world.uis.session().unwrap().clone();
        assert_eq!((kept.key.reveal().as_str(), kept.obtained_at), ("new", START));
        // Another life of the worker goes on with it, until shortly before its hour ends.
        let mut world = World { uis: Uis::new(&settings(version), Some(kept.clone())), ..world };
        world.wait(Millis::mins(57));
        world.dial("k2");
        assert_eq!(world.serve(start, result.clone())[key], "new");
        world.wait(Millis::mins(1));
        world.dial("k3");
        world.log_in(version, "newer");
        assert_eq!(world.serve(start, result.clone())[key], "newer");
        // Other credentials are not let in by it, nor is it believed when the clock was set back.
        let other = Credentials::Login { login: "boris".into(), password: "secret".into() };
        let other = settings::Uis { credentials: other, ..settings(version) };
        let mut world = World { uis: Uis::new(&other, Some(kept.clone())), ..world };
        world.now = START;
        world.dial("k4");
        world.log_in(version, "his");
        let mut world = World { uis: Uis::new(&settings(version), Some(kept)), ..world };
        world.wait(Millis(-1));
        world.dial("k5");
        world.log_in(version, "again");
    }
}

#[test]
fn a_session_key_that_the_service_forgot_is_renewed_once() {
    for (version, fault) in [
        (V1, fault_v1(-32005, "Session key has expired", None)),
        (V1, fault_v1(-32002, "Authentication error", Some("Invalid session key"))),
        (V4, fault_v4(-32001, "access_token_expired")),
        (V4, fault_v4(-32001, "access_token_invalid")),
    ] {
        let (start, key) =
            if version == V1 { ("place_calls", "session_key") } else { ("start.simple_call", "access_token") };
        let mut world = World::logged_in(version);
        world.dial("k1");
        assert_eq!(world.expect(start)[key], "kept");
        world.refuse(&fault);
        assert!(world.news().is_empty() && world.uis.session().is_none());
        world.log_in(version, "new");
        assert_eq!(world.expect(start)[key], "new", "the same request again");
        world.refuse(&fault);
        let refused = News::Refused { key: "k1".into(), problem: Problem::new(Code::UisSessionRefused) };
        assert_eq!((world.only_news(), world.next()), (refused, None));
    }
}

#[test]
fn only_such_a_code_renews_the_key() {
    for (version, fault, code) in [
        (V1, fault_v1(-32001, "IP address error", None), Code::UisAddressRefused),
        (V1, fault_v1(-32003, "Permission denied", None), Code::UisForbidden),
        (V4, fault_v4(-32001, "access_token_blocked"), Code::UisTokenBlocked),
        (V4, fault_v4(-32002, "contact_in_blacklist"), Code::UisContactBlocked),
        (V4, fault_v4(-32003, "ip_not_whitelisted"), Code::UisAddressRefused),
    ] {
        let mut world = World::logged_in(version);
        world.dial("k1");
        world.next().unwrap();
        world.refuse(&fault);
        assert_eq!(world.only_news(), News::Refused { key: "k1".into(), problem: Problem::new(code) });
        assert_eq!(world.next(), None);
        assert!(world.uis.session().is_some());
    }
}

#[test]
fn a_permanent_key_needs_no_login_and_cannot_be_renewed() {
    let mut world = World::new(&with_token());
    world.dial("k1");
    assert_eq!(world.expect("start.simple_call")["access_token"], "permanent");
    world.refuse(&fault_v4(-32001, "access_token_expired"));
    assert_eq!(world.only_news(), News::Refused { key: "k1".into(), problem: Problem::new(Code::UisTokenExpired) });
    assert_eq!((world.next(), world.uis.session()), (None, None));
}

#[test]
fn a_login_that_fails_dials_nothing() {
    let refused = |version, answer: &dyn Fn(&mut World)| {
        let mut world = World::new(&settings(version));
        world.dial("k1");
        world.next().unwrap();
        answer(&mut world);
        assert_eq!(world.next(), None);
        match world.only_news() {
            News::Refused { problem, .. } => problem,
            other => panic!("{other:?}"),
        }
    };
    let host = "callapi.uiscom.ru";
    assert_eq!(refused(V1, &|world| world.refuse(&fault_v1(-32002, "", None))), Problem::new(Code::UisLoginRefused));
    assert_eq!(
        refused(V4, &|world| world.refuse(&fault_v4(-32001, "auth_error"))),
        Problem::new(Code::UisLoginRefused)
    );
    for version in [V1, V4] {
        let unreachable = Problem::about(Code::UisUnreachable, &[host]);
        assert_eq!(refused(version, &|world| world.fail(HttpFailure::Network)), unreachable);
        assert_eq!(refused(version, &|world| world.fail(HttpFailure::Timeout)), unreachable);
        assert_eq!(refused(version, &|world| world.answer(502, "<html>")), Problem::about(Code::UisStatus, &["502"]));
        let unexpected = Problem::about(Code::UisUnexpectedAnswer, &[host]);
        assert_eq!(refused(version, &|world| world.answer(200, "<html>")), unexpected);
        assert_eq!(refused(version, &|world| world.reply(json!({ "data": {}, "session_key": "" }))), unexpected);
    }
}

// ---- Dialling ------------------------------------------------------------------------------------------------------------------

#[test]
fn version_1_dials_and_can_do_no_more() {
    let mut world = World::logged_in(V1);
    let abilities = Abilities { dial: true, ..Abilities::default() };
    assert_eq!((world.uis.name(), world.uis.abilities()), (ExchangeName::Uis, abilities));
    assert_eq!(world.uis.origin(), "https://callapi.uiscom.ru");
    world.dial("k1");
    let params = world.serve("place_calls", json!("success"));
    assert_eq!(
        params,
        json!({ "session_key": "kept", "first_call": "numc", "switch_at_once": true, "is_queue": false,
            "use_numb_as_numa": true, "numa": "79260000000", "numb": "74993720692", "numc": "79260000001" })
    );
    assert_eq!(world.only_news(), News::Accepted { key: "k1".into(), call: None });
    world.dial("k2");
    world.serve("place_calls", json!("fail"));
    assert_eq!(world.only_news(), News::Refused { key: "k2".into(), problem: Problem::new(Code::UisDialFailed) });
    world.uis.look_for("k3", &NUMBER.into(), START);
    assert_eq!(world.only_news(), News::Unknown { key: "k3".into(), problem: Problem::new(Code::UisDialUnanswered) });
    world.uis.hang_up("uis-42");
    assert_eq!((world.next(), world.uis.next_wake()), (None, None));
    assert!(matches!(world.only_news(), News::HungUp { problem: Some(_), .. }));
}

#[test]
fn version_1_dials_as_the_settings_say() {
    let message = |kind, value: &str| Some(SpokenMessage { kind, value: value.into() });
    let settings = settings::Uis {
        first_call: FirstCall::Any,
        switch_at_once: false,
        show_virtual_number: false,
        media: Some("music.mp3".into()),
        client_message: message(SpokenKind::Text, "Здравствуйте"),
        operator_message: message(SpokenKind::Media, "client"),
        queue: Some(Queue { timeout: 30 }),
        groups: vec![group(2)],
        ..settings(V1)
    };
    let mut world = World::new(&settings);
    world.dial("k1");
    world.log_in(V1, "new");
    let phone = |number: &str| json!({ "channels_count": 2, "numb": number, "timeout": 29 });
    assert_eq!(
        world.expect("place_calls"),
        json!({ "session_key": "new", "first_call": "any", "switch_at_once": false, "media_file": "music.mp3",
            "is_queue": true, "queue_timeout": 30, "use_numb_as_numa": false, "numa": "79260000000",
            "numa_message": { "type": "text", "value": "Здравствуйте" }, "numb": "74993720692",
            "numc_message": { "type": "media", "value": "client" },
            "numc": [{ "dialing_increment": 1, "incremental_dialing_timeout": 1, "lines_limit": 2, "lines_start": 1,
                "phones": [phone("79164572521"), phone("79164572522")] }] })
    );
    let first = |first_call| PlaceCalls::new(&settings::Uis { first_call, ..settings.clone() }, "k".into(), "7".into());
    assert_eq!(json!(first(FirstCall::Client))["first_call"], "numa");
    assert_eq!(json!(first(FirstCall::Operator))["first_call"], "numc");
}

#[test]
fn version_4_dials_as_the_settings_say() {
    let mut world = World::logged_in(V4);
    let abilities = Abilities { dial: true, hang_up: true, follow: true, ..Abilities::default() };
    assert_eq!(world.uis.abilities(), abilities);
    world.dial("k1");
    let params = world.expect("start.simple_call");
    assert_eq!(
        params,
        json!({ "access_token": "kept", "first_call": "operator", "switch_at_once": true, "early_switching": false,
            "show_virtual_phone_number": true, "virtual_phone_number": "74993720692", "contact": "79260000000",
            "external_id": "k1", "direction": "out", "operator": "79260000001" })
    );
    let message = |kind, value: &str| Some(SpokenMessage { kind, value: value.into() });
    let settings = settings::Uis {
        employee_id: Some(25),
        first_call: FirstCall::Client,
        switch_at_once: false,
        show_virtual_number: false,
        media: Some("2701".into()),
        client_message: message(SpokenKind::Text, "Здравствуйте"),
        operator_message: message(SpokenKind::Media, "2561"),
        ..with_token()
    };
    let mut world = World::new(&settings);
    world.dial("k1");
    let params = world.expect("start.employee_call");
    assert_eq!(
        params,
        json!({ "access_token": "permanent", "first_call": "contact", "switch_at_once": false, "early_switching": false,
            "media_file_id": 2701, "show_virtual_phone_number": false, "virtual_phone_number": "74993720692",
            "contact": "79260000000", "external_id": "k1", "direction": "out",
            "employee": { "id": 25, "phone_number": "79260000001" },
            "contact_message": { "type": "tts", "value": "Здравствуйте" },
            "employee_message": { "type": "media", "value": "2561" } })
    );
}

/// The answers to a dial of which nobody can say what became.
fn unclear_answers(http: u32) -> Vec<(u16, String)> {
    let other = http + 1;
    vec![
        (200, String::new()),
        (200, "<html><body>Proxy</body></html>".into()),
        (200, "{jsonrpc: \"2.0\", id: 1, result: \"success\"}".into()),
        (200, "[]".into()),
        (200, "{}".into()),
        (200, format!(r#"{{"jsonrpc":"2.0","id":{http}}}"#)),
        (200, format!(r#"{{"jsonrpc":"1.0","id":{http},"result":"success"}}"#)),
        (200, format!(r#"{{"jsonrpc":"2.0","id":{other},"result":"success"}}"#)),
        (200, format!(r#"{{"jsonrpc":"2.0","id":"{http}","result":"success"}}"#)),
        (200, r#"{"jsonrpc":"2.0","result":"success"}"#.into()),
        (200, format!(r#"{{"jsonrpc":"2.0","id":{other},"error":{{"code":-32603,"message":"m"}}}}"#)),
        (200, format!(r#"{{"jsonrpc":"2.0","id":{http},"result":"success","error":{{"code":-32603,"message":"m"}}}}"#)),
        (200, format!(r#"{{"jsonrpc":"2.0","id":{http},"error":"Internal error"}}"#)),
        (200, format!(r#"{{"jsonrpc":"2.0","id":{http},"error":{{"code":"-32603"}}}}"#)),
        (200, format!(r#"{{"jsonrpc":"2.0","id":{http},"result":"maybe"}}"#)),
        (200, format!(r#"{{"jsonrpc":"2.0","id":{http},"result":{{"data":{{"call_session_id":"42"}}}}}}"#)),
        (200, format!(r#"{{"jsonrpc":"2.0","id":{http},"result":{{"data":null}}}}"#)),
    ]
}

#[test]
fn a_dial_without_a_clear_answer_is_unknown_and_never_repeated() {
    for version in [V1, V4] {
        let silent: [&dyn Fn(&mut World); 6] = [
            &|world| world.fail(HttpFailure::Network),
            &|world| world.fail(HttpFailure::Timeout),
            &|world| world.answer(500, r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"m"}}"#),
            &|world| world.answer(502, "<html>"),
            &|world| world.answer(302, ""),
            &|world| world.answer(404, "Not found"),
        ];
        for answer in silent {
            let mut world = World::logged_in(version);
            world.dial("k1");
            world.next().unwrap();
            answer(&mut world);
            assert_eq!(
                world.only_news(),
                News::Unknown { key: "k1".into(), problem: Problem::new(Code::UisDialUnanswered) }
            );
            assert!(world.next().is_none_or(|request| request.method == "list.calls"));
        }
        for place in 0..unclear_answers(0).len() {
            let mut world = World::logged_in(version);
            world.dial("k1");
            world.next().unwrap();
            let (status, body) = unclear_answers(world.http).swap_remove(place);
            world.answer(status, &body);
            let unclear = News::Unknown { key: "k1".into(), problem: Problem::new(Code::UisDialUnclear) };
            assert_eq!(world.only_news(), unclear, "{body}");
            assert!(world.next().is_none_or(|request| request.method == "list.calls"), "{body}");
        }
    }
}

#[test]
fn an_error_that_names_no_request_is_an_answer() {
    let mut world = World::logged_in(V4);
    world.dial("k1");
    world.next().unwrap();
    world.answer(400, r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}"#);
    let problem = Problem::about(Code::UisRequestRefused, &["Parse error"]);
    assert_eq!(world.only_news(), News::Refused { key: "k1".into(), problem });
}

#[test]
fn an_answer_to_nobody_is_left_to_others() {
    let mut world = World::logged_in(V4);
    assert!(!world.uis.answered(1, &Err(HttpFailure::Network), START));
    world.dial("k1");
    world.next().unwrap();
    assert!(!world.uis.answered(world.http + 1, &Err(HttpFailure::Network), START));
    assert!(world.news().is_empty());
}

// ---- Following -----------------------------------------------------------------------------------------------------------------

#[test]
fn a_call_is_followed_from_the_dial_to_its_end() {
    let mut world = World::logged_in(V4);
    world.dial("k1");
    world.serve("start.simple_call", json!({ "data": { "call_session_id": 42 } }));
    let dialled_at = world.now + world.ahead;
    let news = world.news();
    let [News::Accepted { key, call }, News::Event(dial)] = &*news else { panic!("{news:?}") };
    assert_eq!((key.as_str(), call.as_deref()), ("k1", Some("uis-42")));
    assert_eq!(
        (dial.exchange, dial.kind, dial.direction),
        (ExchangeName::Uis, EventKind::Dial, LegDirection::Outgoing)
    );
    assert_eq!((dial.uuid.as_str(), &dial.parent_uuid), ("uis-42", &None));
    assert_eq!((dial.dial_at, dial.bridge_at, dial.server_time), (Some(dialled_at), None, Some(dialled_at)));
    assert_eq!((dial.client.number.clone(), dial.line.clone()), (Some(NUMBER.into()), Some("74993720692".into())));
    let leg = dial.leg.as_ref().unwrap();
    assert!(leg.own && leg.ext.is_none());

    assert_eq!(world.sleep(), Millis::secs(3));
    let params = world.serve("list.calls", listed("Дозвон", "Дозвон"));
    assert_eq!(params, json!({ "access_token": "kept", "direction": "out" }));
    world.sleep();
    world.serve("list.calls", listed("Разговор", "Дозвон"));
    assert!(world.news().is_empty(), "one of them talks to nobody");
    world.sleep();
    world.serve("list.calls", listed("Разговор", "Разговор"));
    let answered_at = world.now + world.ahead;
    let News::Event(bridge) = world.only_news() else { panic!() };
    assert_eq!(
        (bridge.kind, bridge.dial_at, bridge.bridge_at),
        (EventKind::Bridge, Some(dialled_at), Some(answered_at))
    );

    assert_eq!(world.sleep(), Millis::secs(5), "people who talk need no haste");
    world.serve("list.calls", listed("На удержании", "Разговор"));
    let News::Event(hold) = world.only_news() else { panic!() };
    assert_eq!((hold.kind, hold.server_time), (EventKind::Hold, Some(world.now + world.ahead)));
    world.sleep();
    world.serve("list.calls", listed("На удержании", "На удержании"));
    assert!(world.news().is_empty(), "that is told already");
    world.sleep();
    world.serve("list.calls", listed("Разговор", "Разговор"));
    assert_eq!(world.events(), [EventKind::Bridge], "it goes on");
    world.sleep();
    world.serve("list.calls", json!({ "data": [] }));
    let News::Event(hangup) = world.only_news() else { panic!() };
    assert_eq!((hangup.kind, hangup.server_time), (EventKind::Hangup, Some(world.now + world.ahead)));
    assert_eq!((hangup.dial_at, hangup.bridge_at), (Some(dialled_at), Some(answered_at)));
    assert_eq!((world.uis.next_wake(), world.next()), (None, None), "nothing is left to look at");
}

#[test]
fn every_state_of_a_leg_means_something() {
    let talk = [
        "Разговор",
        "Разговор операторов",
        "На удержании",
        "Перевод вызова",
        "Отправка dtmf",
        "Получение факса",
        "Факс получен",
        "Отправка факса",
        "Факс отправлен",
    ];
    for state in talk {
        let mut world = World::dialling();
        world.sleep();
        world.serve("list.calls", listed("Разговор", state));
        let kind = if state == "На удержании" { EventKind::Hold } else { EventKind::Bridge };
        assert_eq!(world.events(), [kind], "{state}");
    }
    for state in ["Дозвон", "На очереди", "Разъединено", "Что-то новое"] {
        let mut world = World::dialling();
        world.sleep();
        world.serve("list.calls", listed("Разговор", state));
        assert_eq!(world.events(), [], "{state}");
    }
    let mut world = World::dialling();
    world.sleep();
    world.serve("list.calls", listed("Разъединено", "Разъединено"));
    assert_eq!(world.events(), [EventKind::Hangup]);
    let mut world = World::dialling();
    world.sleep();
    world.serve("list.calls", json!({ "data": [{ "call_session_id": 42, "legs": [] }] }));
    assert_eq!(world.events(), [], "nobody is there yet");
}

#[test]
fn a_new_call_may_come_late_to_the_list() {
    let mut world = World::dialling();
    for _ in 0..3 {
        world.sleep();
        world.serve("list.calls", json!({ "data": [] }));
        assert_eq!(world.events(), []);
    }
    world.sleep();
    world.serve("list.calls", json!({ "data": [] }));
    assert_eq!(world.events(), [EventKind::Hangup], "ten seconds are over");

    let mut world = World::dialling();
    world.sleep();
    world.serve("list.calls", listed("Дозвон", "Дозвон"));
    world.sleep();
    world.serve("list.calls", json!({ "data": [] }));
    assert_eq!(world.events(), [EventKind::Hangup], "it was there before");
}

#[test]
fn a_look_that_fails_ends_nothing() {
    let failures: [&dyn Fn(&mut World); 7] = [
        &|world| world.fail(HttpFailure::Network),
        &|world| world.fail(HttpFailure::Timeout),
        &|world| world.answer(200, "<html>"),
        &|world| world.answer(503, ""),
        &|world| world.reply(json!({ "data": null })),
        &|world| world.reply(json!({ "data": [{ "call_session_id": 7 }] })),
        &|world| world.refuse(&fault_v4(-32603, "internal_error")),
    ];
    let mut world = World::dialling();
    world.sleep();
    world.serve("list.calls", listed("Дозвон", "Дозвон"));
    let mut waits = vec![world.sleep().0 / 1_000];
    for failure in failures {
        world.expect("list.calls");
        failure(&mut world);
        assert_eq!(world.events(), []);
        waits.push(world.sleep().0 / 1_000);
    }
    assert_eq!(waits, [3, 6, 12, 24, 48, 60, 60, 60], "it waits longer each time");
    world.serve("list.calls", listed("Дозвон", "Дозвон"));
    assert_eq!(world.sleep(), Millis::secs(3));
}

#[test]
fn looks_spare_the_points_that_dials_need() {
    let limits = |remaining, reset| json!({ "limits": { "minute_limit": 100, "minute_remaining": remaining, "minute_reset": reset } });
    let mut world = World::dialling();
    for (left, reset, wait) in [(100, 60, 3), (25, 40, 3), (24, 40, 15), (0, 40, 40), (0, 0, 1), (0, 600, 60)] {
        world.sleep();
        let mut list = listed("Дозвон", "Дозвон");
        list["metadata"] = limits(left, reset);
        world.serve("list.calls", list);
        assert_eq!(world.uis.next_wake(), Some(world.now + Millis::secs(wait)), "{left} left");
    }
    assert_eq!(world.events(), [EventKind::Dial], "once a minute it is said that it still goes on");
    world.sleep();
    world.expect("list.calls");
    world.refuse(&fault_v4_with(-32029, &json!({ "mnemonic": "limit_exceeded", "metadata": limits(0, 23) })));
    assert_eq!((world.events(), world.sleep()), (vec![], Millis::secs(23)));
}

#[test]
fn a_dial_that_waited_too_long_does_not_go_out() {
    let mut world = World::dialling();
    world.sleep();
    world.expect("list.calls");
    world.dial("k2");
    world.wait(Millis::secs(10));
    world.reply(listed("Дозвон", "Дозвон"));
    assert!(world.next().is_none());
    let news = world.news();
    let problem = Problem::new(Code::DialOffline);
    assert_eq!(news, [News::Refused { key: "k2".into(), problem }]);
}

#[test]
fn an_error_of_the_services_own_leaves_a_dial_unknown() {
    let mut world = World::logged_in(V4);
    world.dial("k1");
    world.expect("start.simple_call");
    world.refuse(&fault_v4(-32603, "internal_error"));
    assert!(matches!(world.only_news(), News::Unknown { .. }));
    world.serve("list.calls", listed("Дозвон", "Дозвон"));
    assert!(matches!(&world.news()[0], News::Accepted { call: Some(call), .. } if call == "uis-42"));
}

#[test]
fn a_look_renews_the_session_key_too() {
    let mut world = World::dialling();
    world.sleep();
    world.expect("list.calls");
    world.refuse(&fault_v4(-32001, "access_token_invalid"));
    world.log_in(V4, "new");
    assert_eq!(world.serve("list.calls", listed("Разговор", "Разговор"))["access_token"], "new");
    assert_eq!(world.events(), [EventKind::Bridge]);
}

#[test]
fn a_dial_goes_before_a_look() {
    let mut world = World::dialling();
    world.sleep();
    world.dial("k2");
    world.serve("start.simple_call", json!({ "data": { "call_session_id": 43 } }));
    world.news();
    world.sleep();
    let mut list = listed("Разговор", "Разговор");
    list["data"].as_array_mut().unwrap().push(json!({ "call_session_id": 43, "legs": [] }));
    world.serve("list.calls", list);
    let News::Event(bridge) = world.only_news() else { panic!() };
    assert_eq!((bridge.uuid.as_str(), bridge.kind), ("uis-42", EventKind::Bridge));
    assert_eq!(world.sleep(), Millis::secs(3), "one still rings");
}

#[test]
fn a_call_of_an_earlier_life_is_followed_on() {
    let mut world = World::logged_in(V4);
    world.uis.follow("uis-42", &NUMBER.into(), true, world.now, world.now);
    world.uis.follow("uis-42", &NUMBER.into(), true, world.now, world.now);
    world.serve("list.calls", listed("Разговор", "Разговор"));
    assert_eq!(world.events(), [EventKind::Bridge], "it may have been on hold when the worker died");
    world.sleep();
    world.serve("list.calls", listed("Разговор", "Разговор"));
    assert_eq!(world.events(), []);
    world.sleep();
    world.serve("list.calls", json!({ "data": [] }));
    let News::Event(hangup) = world.only_news() else { panic!() };
    assert_eq!((hangup.kind, hangup.uuid.as_str(), hangup.dial_at), (EventKind::Hangup, "uis-42", None));
    assert_eq!(hangup.client.number, Some(NUMBER.into()));
}

#[test]
fn the_call_of_a_dial_without_an_answer_is_found() {
    let mut world = World::logged_in(V4);
    world.dial("k1");
    world.expect("start.simple_call");
    world.fail(HttpFailure::Timeout);
    assert!(matches!(world.only_news(), News::Unknown { .. }));
    world.serve("list.calls", json!({ "data": [{ "call_session_id": 7, "external_id": "other", "legs": [] }] }));
    assert!(world.news().is_empty());
    assert_eq!(world.sleep(), Millis::secs(3));
    world.serve("list.calls", listed("Разговор", "Разговор"));
    let news = world.news();
    assert!(matches!(&news[0], News::Accepted { key, call: Some(call) } if key == "k1" && call == "uis-42"));
    let kinds = news[1..].iter().map(|news| if let News::Event(event) = news { event.kind } else { panic!() });
    assert_eq!(kinds.collect::<Vec<_>>(), [EventKind::Dial, EventKind::Bridge]);
    assert_eq!(world.sleep(), Millis::secs(5));
}

#[test]
fn a_dial_is_looked_for_a_minute_and_then_no_more() {
    let empty = || json!({ "data": [] });
    // One of this life, whose fate has been said.
    let mut world = World::logged_in(V4);
    world.dial("k1");
    world.expect("start.simple_call");
    world.fail(HttpFailure::Network);
    world.news();
    let lost_at = world.now;
    while world.next().is_some() {
        world.reply(empty());
        if world.uis.next_wake().is_some() {
            world.sleep();
        }
    }
    assert_eq!((world.now - lost_at, world.news()), (Millis::secs(60), vec![]));
    // One of an earlier life.
    let unknown = News::Unknown { key: "k2".into(), problem: Problem::new(Code::UisDialUnanswered) };
    world.uis.look_for("k2", &NUMBER.into(), world.now);
    world.wait(Millis::secs(59));
    world.serve("list.calls", empty());
    assert!(world.news().is_empty());
    world.sleep();
    world.serve("list.calls", empty());
    assert_eq!((world.only_news(), world.uis.next_wake()), (unknown.clone(), None));
    // However long ago it was, one look is worth it: the call may go on still.
    world.uis.look_for("k2", &NUMBER.into(), world.now - Millis::mins(5));
    world.serve("list.calls", empty());
    assert_eq!(world.only_news(), unknown);
}

// ---- Hanging up and checking ---------------------------------------------------------------------------------------------------

#[test]
fn a_call_is_hung_up() {
    let mut world = World::dialling();
    world.uis.hang_up("uis-42");
    let params = world.serve("release.call", json!({ "data": { "success": "true" } }));
    assert_eq!(params, json!({ "access_token": "kept", "call_session_id": 42 }));
    assert_eq!(world.only_news(), News::HungUp { call: "uis-42".into(), problem: None });
    world.serve("list.calls", listed("Разъединено", "Разъединено"));
    assert_eq!(world.events(), [EventKind::Hangup], "its end is looked for at once");
    let mut world = World::dialling();
    world.uis.hang_up("uis-42");
    world.serve("release.call", json!({ "data": { "success": true } }));
    world.news();
    world.serve("list.calls", json!({ "data": [] }));
    assert_eq!(world.events(), [EventKind::Hangup], "one that was never listed is not waited for");
}

#[test]
fn a_call_that_cannot_be_hung_up_says_why() {
    let problem = |answer: &dyn Fn(&mut World)| {
        let mut world = World::dialling();
        world.uis.hang_up("uis-42");
        world.expect("release.call");
        answer(&mut world);
        match world.only_news() {
            News::HungUp { problem, .. } => problem.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    let host = "callapi.uiscom.ru";
    assert_eq!(problem(&|world| world.refuse(&fault_v4(-32602, "call_session_not_found"))).code, Code::HangUpOver);
    assert_eq!(problem(&|world| world.refuse(&fault_v4(-32003, "forbidden"))).code, Code::UisForbidden);
    assert_eq!(problem(&|world| world.reply(json!({ "data": { "success": "false" } }))).code, Code::UisWrongState);
    assert_eq!(problem(&|world| world.reply(json!({}))), Problem::about(Code::UisUnexpectedAnswer, &[host]));
    assert_eq!(problem(&|world| world.fail(HttpFailure::Network)), Problem::about(Code::UisUnreachable, &[host]));
    assert_eq!(problem(&|world| world.answer(503, "")), Problem::about(Code::UisStatus, &["503"]));
    let mut world = World::logged_in(V4);
    world.uis.hang_up("23-1453990999.41");
    assert_eq!(world.next(), None);
    assert!(matches!(world.only_news(), News::HungUp { problem: Some(_), .. }), "not ours");
}

#[test]
fn a_check_logs_in_anew_and_asks_what_we_shall_ask() {
    // The key that is kept must not answer for the password.
    let mut world = World::logged_in(V1);
    world.uis.check();
    world.log_in(V1, "new");
    assert_eq!((world.only_news(), world.next()), (News::Checked { problem: None }, None));
    let mut world = World::logged_in(V4);
    world.uis.check();
    world.log_in(V4, "new");
    assert_eq!(world.serve("list.calls", json!({ "data": [] }))["access_token"], "new");
    assert_eq!((world.only_news(), world.next()), (News::Checked { problem: None }, None));
    let mut world = World::new(&with_token());
    world.uis.check();
    assert_eq!(world.serve("list.calls", json!({ "data": [] }))["access_token"], "permanent");
    assert_eq!(world.only_news(), News::Checked { problem: None });
    // What is wrong.
    let problem = |settings: &settings::Uis, answer: &dyn Fn(&mut World)| {
        let mut world = World::new(settings);
        world.uis.check();
        answer(&mut world);
        assert_eq!(world.next(), None);
        match world.only_news() {
            News::Checked { problem } => problem.unwrap().code,
            other => panic!("{other:?}"),
        }
    };
    let refuse = |fault: Fault| {
        move |world: &mut World| {
            world.next().unwrap();
            world.refuse(&fault);
        }
    };
    assert_eq!(problem(&settings(V1), &refuse(fault_v1(-32001, "IP address error", None))), Code::UisAddressRefused);
    assert_eq!(problem(&settings(V4), &refuse(fault_v4(-32003, "ip_not_whitelisted"))), Code::UisAddressRefused);
    assert_eq!(problem(&with_token(), &refuse(fault_v4(-32001, "access_token_invalid"))), Code::UisTokenRefused);
    assert_eq!(problem(&with_token(), &refuse(fault_v4(-32008, "component_disabled"))), Code::UisComponentDisabled);
    let token_of_v1 = settings::Uis { version: V1, ..with_token() };
    assert_eq!(problem(&token_of_v1, &|_| ()), Code::UisWrongParameter);
}

// ---- Whatever happens ----------------------------------------------------------------------------------------------------------

#[derive(Clone, Debug)]
enum Deed {
    Dial,
    HangUp,
    Check,
    Wait(i64),
    Restart,
    Answer(usize),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        3 => Just(Deed::Dial),
        1 => Just(Deed::HangUp),
        1 => Just(Deed::Check),
        3 => (0..70_i64).prop_map(Deed::Wait),
        1 => Just(Deed::Restart),
        12 => (0..40_usize).prop_map(Deed::Answer),
    ];
    prop::collection::vec(deed, 1..60)
}

/// An answer of the service: mostly right, else any trouble. True where it says that the session key is over.
fn any_answer(world: &mut World, version: UisVersion, method: &str, choice: usize) -> bool {
    let unclear = unclear_answers(world.http);
    match choice {
        0 => world.fail(HttpFailure::Network),
        1 => world.fail(HttpFailure::Timeout),
        2 => world.answer(502, "<html>"),
        3 | 4 if version == V1 => {
            world.refuse(&fault_v1(if choice == 3 { -32005 } else { -32002 }, "", None));
            return true;
        }
        3 | 4 => {
            world.refuse(&fault_v4(-32001, if choice == 3 { "access_token_expired" } else { "access_token_invalid" }));
            return true;
        }
        5 => world.refuse(&fault_v1(-32603, "Internal error", None)),
        6 => world.refuse(&fault_v4(-32029, "limit_exceeded")),
        choice if choice - 7 < unclear.len() => world.answer(unclear[choice - 7].0, &unclear[choice - 7].1),
        choice => world.reply(match method {
            "authenticate" => json!({ "session_key": "key" }),
            "login.user" => json!({ "data": { "access_token": "key" } }),
            "place_calls" => json!(if choice == 39 { "fail" } else { "success" }),
            "list.calls" if choice % 2 == 0 => json!({ "data": [] }),
            "list.calls" => listed("Разговор", "Разговор"),
            "release.call" => json!({ "data": { "success": "true" } }),
            _ => json!({ "data": { "call_session_id": 42 } }),
        }),
    }
    false
}

/// Plays it through: no dial is sent twice, but for once after the service said that the key was over; and each dial has one fate.
fn play(version: UisVersion, deeds: &[Deed]) {
    let settings = settings(version);
    let mut world = World::new(&settings);
    let mut pending: Option<rpc::Request> = None;
    // How often each dial was sent, how often that was void, and its fates.
    let mut dials: BTreeMap<String, (u32, u32, Vec<News>)> = BTreeMap::new();
    let key_of = |request: &rpc::Request, dials: &BTreeMap<String, (u32, u32, Vec<News>)>| match version {
        // Version 1 names no dial: its number does.
        V1 => request.params["numa"].as_str().and_then(|numa| dials.keys().find(|key| numa.ends_with(*key)).cloned()),
        V4 => request.params["external_id"].as_str().map(str::to_owned),
    };
    for deed in deeds {
        match deed {
            Deed::Dial => {
                let key = format!("{:04}", dials.len() + 1);
                world.uis.dial(&key, &format!("+7926000{key}").as_str().into(), world.now);
                dials.insert(key, (0, 0, Vec::new()));
            }
            Deed::HangUp => world.uis.hang_up("uis-42"),
            Deed::Check => world.uis.check(),
            Deed::Wait(seconds) => world.wait(Millis::secs(*seconds)),
            Deed::Restart => {
                // Whatever was waiting or under way is gone; the bridge knows the dials and never asks for one again.
                pending = None;
                world.uis = Uis::new(&settings, world.uis.session().cloned());
                for key in dials.iter().filter(|(_, (_, _, fates))| fates.is_empty()).map(|(key, _)| key) {
                    world.uis.look_for(key, &format!("+7926000{key}").as_str().into(), world.now);
                }
            }
            Deed::Answer(choice) => {
                if let Some(request) = pending.take() {
                    let is_void = any_answer(&mut world, version, &request.method, *choice);
                    if let Some(key) = key_of(&request, &dials).filter(|_| is_void) {
                        dials.get_mut(&key).unwrap().1 += 1;
                    }
                }
            }
        }
        if pending.is_none() {
            pending = world.next();
            if let Some(key) = pending.as_ref().and_then(|request| key_of(request, &dials)) {
                let (sent, void, fates) = dials.get_mut(&key).unwrap();
                *sent += 1;
                assert!(*sent <= 1 + (*void).min(1) && fates.is_empty(), "{key} is dialled {sent} times");
            }
        }
        for news in world.news() {
            if let News::Accepted { key, .. } | News::Refused { key, .. } | News::Unknown { key, .. } = &news {
                let fates = &mut dials.get_mut(key).unwrap().2;
                fates.push(news);
                // One that nobody knew of may be found.
                let found = matches!(&**fates, [News::Unknown { .. }, News::Accepted { .. }]);
                assert!(fates.len() == 1 || found, "{fates:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_dial_is_ever_sent_twice(deeds in deeds(), is_v1 in any::<bool>()) {
        play(if is_v1 { V1 } else { V4 }, &deeds);
    }

    #[test]
    fn no_answer_is_too_strange(bodies in prop::collection::vec(".{0,60}|[{}\\[\\]\",:a-z0-9]{0,60}", 1..20)) {
        let mut world = World::dialling();
        let asked = Cell::new(0);
        for body in bodies {
            world.wait(Millis::secs(61));
            if world.next().is_some() {
                asked.set(asked.get() + 1);
                world.answer(200, &body);
            }
            prop_assert_eq!(world.news(), vec![]);
        }
        prop_assert!(asked.get() > 0);
    }
}
