//! UIS: strict about what it is asked, and only as far as a click goes. Its calls stand where the test puts them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trubka::http::{Body, HttpRequest};

use super::Reply;

/// UIS.
#[derive(Default)]
pub struct Uis {
    /// Its calls, by session.
    pub sessions: BTreeMap<u64, Session>,
    /// How often each method was called.
    pub asked: BTreeMap<String, u32>,
    /// Answers to dials instead of the usual one, first to last.
    pub dials: Vec<Dial>,
    /// Whether the tariff lacks the list of calls.
    pub is_blind: bool,
}

/// What becomes of a dial.
#[derive(Clone, Copy, PartialEq)]
pub enum Dial {
    /// It goes out, and the answer is lost.
    Lost,
    /// It is refused: the address is not on the list.
    Forbidden,
}

/// A call.
pub struct Session {
    pub external_id: String,
    pub contact: String,
    /// The agent's and the client's state; gone once it is over.
    pub states: Option<[&'static str; 2]>,
}

pub const RINGING: &str = "Дозвон";
pub const TALKING: &str = "Разговор";
pub const HELD: &str = "На удержании";

impl Uis {
    /// The call is in these states, the agent's and the client's; or over.
    pub fn set(&mut self, session: u64, states: Option<[&'static str; 2]>) {
        self.sessions.get_mut(&session).expect("a call").states = states;
    }

    /// How often anything was dialled.
    pub fn dialled(&self) -> u32 {
        ["start.simple_call", "start.employee_call", "place_calls"]
            .iter()
            .filter_map(|method| self.asked.get(*method))
            .sum()
    }

    /// Answers a request.
    pub fn answer(&mut self, request: &HttpRequest) -> Reply {
        let Body::Json(body) = &request.body else { panic!("a request without a body") };
        let body: Value = serde_json::from_str(body.reveal()).expect("JSON");
        let (id, method, params) = (&body["id"], body["method"].as_str().expect("a method"), &body["params"]);
        assert_eq!(body["jsonrpc"], "2.0");
        *self.asked.entry(method.to_owned()).or_default() += 1;
        let result = match method {
            "login.user" => {
                assert_eq!((&params["login"], &params["password"]), (&json!("anna"), &json!("u-password")));
                json!({ "data": { "access_token": "u-session", "expire_at": 0 } })
            }
            "authenticate" => json!({ "session_key": "u-session" }),
            "place_calls" => {
                assert_eq!((&params["session_key"], &params["numc"]), (&json!("u-session"), &json!("79164572521")));
                json!("success")
            }
            "start.simple_call" | "start.employee_call" => {
                assert_eq!((&params["access_token"], &params["direction"]), (&json!("u-session"), &json!("out")));
                let fate = (!self.dials.is_empty()).then(|| self.dials.remove(0));
                if fate == Some(Dial::Forbidden) {
                    return Reply::json(&json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32003,
                        "message": "Your IP 192.0.2.7 is not whitelisted", "data": { "mnemonic": "ip_not_whitelisted",
                        "params": { "ip": "192.0.2.7" } } } }));
                }
                let session = 100 + self.sessions.len() as u64;
                let text = |key: &str| params[key].as_str().expect("text").to_owned();
                let states = Some([RINGING, RINGING]);
                let call = Session { external_id: text("external_id"), contact: text("contact"), states };
                self.sessions.insert(session, call);
                if fate == Some(Dial::Lost) {
                    return Reply::Network;
                }
                json!({ "data": { "call_session_id": session } })
            }
            "list.calls" if self.is_blind => {
                return Reply::json(&json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32008,
                    "message": "Component has been disabled", "data": { "mnemonic": "component_disabled" } } }));
            }
            "list.calls" => {
                let live = self.sessions.iter().filter_map(|(id, call)| Some((id, call, call.states?)));
                let calls = live.map(|(id, call, states)| {
                    let leg = |index: usize| json!({ "leg_id": id * 2 + index as u64, "is_operator": index == 0, "state": states[index] });
                    json!({ "call_session_id": id, "direction": "out", "start_time": "2023-11-15 01:13:20",
                        "virtual_phone_number": "74993720692", "contact_phone_number": call.contact,
                        "external_id": call.external_id, "tags": [], "legs": [leg(0), leg(1)] })
                });
                json!({ "data": calls.collect::<Vec<_>>() })
            }
            "release.call" => {
                self.set(params["call_session_id"].as_u64().expect("a session"), None);
                json!({ "data": { "success": "true" } })
            }
            other => panic!("{other}"),
        };
        Reply::json(&json!({ "jsonrpc": "2.0", "id": id, "result": result }))
    }
}
