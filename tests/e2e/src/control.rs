//! The sandbox's control API, as its control page uses it.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::PATIENCE;

/// Who is logged in at the CRM.
const ANNA: &str = "3f6a0c1e-0000-4000-8000-000000000001";

/// A client of the control API.
#[derive(Clone)]
pub struct Control {
    http: reqwest::Client,
    base: String,
}

/// The sandbox's judgement on everything that reached it.
#[derive(Debug, Deserialize)]
pub struct Verdict {
    /// Whether all is well.
    pub ok: bool,
    /// What is not.
    pub problems: Vec<String>,
}

/// A call that has begun to ring.
#[derive(Debug, Deserialize)]
pub struct Ringing {
    /// Its uuid, for a group or a scenario its own.
    pub uuid: String,
    /// The members' legs by extension.
    #[serde(default)]
    pub legs: HashMap<String, String>,
}

/// A request that reached the sandbox.
#[derive(Debug, Deserialize)]
pub struct Entry {
    /// Its place, from 1.
    pub seq: u64,
    /// The service it was meant for.
    pub service: String,
    /// Its HTTP method, or what the sandbox calls a WebSocket frame.
    pub method: String,
    /// Its path.
    pub path: String,
    /// The HTTP status it was answered with.
    pub status: u16,
    /// Its body, secrets masked.
    pub request: Value,
    /// The answer's body, secrets masked.
    pub answer: Value,
    /// What the vendors' documents do not allow about it.
    pub violations: Vec<String>,
    /// Whether the same was accepted before.
    pub repeat: bool,
}

/// What the CRM's page is answered to a button of its own.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The word for what went wrong, empty where nothing did.
    pub word: String,
    /// The sentence that it shows, likewise.
    pub message: String,
}

/// A call as the CRM holds it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Communication {
    /// The CRM's own name for it.
    pub id: String,
    /// The exchange's name for the call; none where the CRM only asked for it.
    pub external_id: Option<String>,
    /// How far it is.
    pub state: String,
    /// inbound, outbound or internal.
    pub direction: String,
    /// The client's number in digits.
    pub client_phone: Option<String>,
}

#[derive(Deserialize)]
struct Ledger {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Crm {
    communications: Vec<Communication>,
}

#[derive(Deserialize)]
struct State {
    sockets: Vec<Value>,
}

impl Control {
    /// A client of the sandbox that serves plain HTTP at `base`.
    pub fn new(base: String) -> Self {
        Self { http: reqwest::Client::new(), base }
    }

    /// The control page's address.
    pub fn address(&self) -> &str {
        &self.base
    }

    /// A client calls from `from` (`None`: withheld) to an extension, a group or the scenario.
    pub async fn incoming(&self, from: Option<&str>, to: &str) -> Result<Ringing> {
        self.post("incoming", &json!({ "from": from, "to": to })).await
    }

    /// A client calls 001 whom the CRMs connected to the exchange know by these names.
    pub async fn incoming_from(&self, from: &str, names: &[&str]) -> Result<Ringing> {
        let clients: Vec<Value> =
            names.iter().map(|name| json!({ "name": name, "company": "ООО «Ромашка»" })).collect();
        self.post("incoming", &json!({ "from": from, "to": "001", "clients": clients })).await
    }

    /// One colleague calls another.
    pub async fn internal(&self, from: &str, to: &str) -> Result<Ringing> {
        self.post("internal", &json!({ "from": from, "to": to })).await
    }

    /// The other side, or for a group's leg the agent, picks up.
    pub async fn answer(&self, call: &str) -> Result<()> {
        self.act(&format!("calls/{call}/answer"), &json!({})).await
    }

    /// Somebody hangs up.
    pub async fn hang_up(&self, call: &str) -> Result<()> {
        self.act(&format!("calls/{call}/hangup"), &json!({})).await
    }

    /// Анна asks the CRM to call `number` (digits), as its page does; the communication is to be named `id`.
    pub async fn ask_to_call(&self, id: &str, number: &str) -> Result<Answer> {
        self.press("call", &json!({ "communicationId": id, "fromUserId": ANNA, "clientPhone": number })).await
    }

    /// Анна asks the CRM to hang a leg up, as its page does.
    pub async fn ask_to_hang_up(&self, leg: &str) -> Result<Answer> {
        self.press("hangup", &json!({ "realtimeCallItemId": leg, "userId": ANNA })).await
    }

    /// The CRM's page asks the CRM for a system call: `call` or `hangup`.
    pub async fn press(&self, what: &str, body: &Value) -> Result<Answer> {
        let request = self.http.post(format!("{}/api/v1/sandbox/communications/{what}", self.base));
        let session = request.header("cookie", "xcom.session=sandbox").header("origin", &self.base);
        let answer = session.json(body).send().await?;
        let status = answer.status().as_u16();
        let body: Value = answer.json().await?;
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Answer { status, word: text("status"), message: text("message") })
    }

    /// The CRM's last CALL once more, word for word or with an echo of its own; answers with what came of it.
    pub async fn call_again(&self, fresh: bool) -> Result<Value> {
        self.post("system-call", &json!({ "again": "call", "fresh": fresh })).await
    }

    /// The communication of this id as the CRM holds it.
    pub async fn communication(&self, id: &str) -> Result<Communication> {
        let mut all = self.communications().await?.into_iter();
        all.find(|held| held.id == id).with_context(|| format!("the CRM has no communication {id}"))
    }

    /// Does something else: `what` is the path after `/control/`.
    pub async fn act(&self, what: &str, body: &Value) -> Result<()> {
        self.post::<Value>(what, body).await.map(drop)
    }

    /// Waits for a condition of the sandbox, such as `registered:<externalId>`.
    pub async fn wait(&self, what: &str) -> Result<()> {
        self.wait_within(what, PATIENCE).await
    }

    /// The same for what may take longer than anything else.
    pub async fn wait_within(&self, what: &str, patience: Duration) -> Result<()> {
        self.wait_for::<Value>(what, patience).await.map(drop)
    }

    /// Waits for a dial of `number` (digits) and answers with its call's uuid.
    pub async fn dialled(&self, number: &str) -> Result<String> {
        Ok(self.wait_for::<Ringing>(&format!("dial:{number}"), PATIENCE).await?.uuid)
    }

    /// How many times the exchange was asked to dial `number` (digits), with whatever outcome.
    pub async fn dials(&self, number: &str) -> Result<usize> {
        let frame = json!({ "action": "call", "to": number });
        Ok(self.ledger().await?.iter().filter(|entry| entry.request == frame).count())
    }

    /// How many browsers are connected to the exchange.
    pub async fn connections(&self) -> Result<usize> {
        Ok(self.get::<State>("state").await?.sockets.len())
    }

    /// Every request that reached the sandbox, oldest first.
    pub async fn ledger(&self) -> Result<Vec<Entry>> {
        Ok(self.get::<Ledger>("ledger").await?.entries)
    }

    /// What the CRM holds.
    pub async fn communications(&self) -> Result<Vec<Communication>> {
        Ok(self.get::<Crm>("crm").await?.communications)
    }

    /// Waits until the CRM has the finished call, and answers with it.
    pub async fn registered(&self, call: &str) -> Result<Communication> {
        self.wait(&format!("registered:{call}")).await?;
        let all = self.communications().await?;
        all.into_iter()
            .find(|held| held.external_id.as_deref() == Some(call))
            .with_context(|| format!("the CRM does not know call {call}"))
    }

    /// Whether the sandbox is content.
    pub async fn verdict(&self) -> Result<Verdict> {
        self.get("verdict").await
    }

    /// Whether it is, and each answered call has its recording.
    pub async fn verdict_with_recordings(&self) -> Result<Verdict> {
        self.get("verdict?recordings=true").await
    }

    async fn wait_for<T: DeserializeOwned>(&self, what: &str, patience: Duration) -> Result<T> {
        let timeout = patience.as_millis().to_string();
        let query = [("what", what), ("timeout", &timeout)];
        read(what, self.http.get(format!("{}/control/wait", self.base)).query(&query)).await
    }

    async fn get<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        read(what, self.http.get(format!("{}/control/{what}", self.base))).await
    }

    async fn post<T: DeserializeOwned>(&self, what: &str, body: &Value) -> Result<T> {
        read(what, self.http.post(format!("{}/control/{what}", self.base)).json(body)).await
    }
}

async fn read<T: DeserializeOwned>(what: &str, request: reqwest::RequestBuilder) -> Result<T> {
    let answer = request.send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    if !status.is_success() {
        bail!("the sandbox says {status} to {what}: {text}");
    }
    serde_json::from_str(&text).with_context(|| format!("the sandbox answers {what} with {text}"))
}
