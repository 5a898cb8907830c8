//! The control API and page: a person or a test plays the client, the other telephones and the bad weather.

pub(crate) mod verdict;
pub(crate) mod wait;

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{Stream, StreamExt, stream};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use self::verdict::verdict;
use self::wait::Wait;
use crate::clock::now;
use crate::fault::{Fault, Hold, Kind};
use crate::http::Answer;
use crate::kontur::caller;
use crate::kontur::files::LARGEST_FILE;
use crate::kontur::integration::{self, Feature, Features, Main};
use crate::ledger::{Entry, Service};
use crate::pages;
use crate::phonet::call::{Client, Quirk};
use crate::phonet::recording::{self, Rules};
use crate::server::App;
use crate::uis::session::{self, Side};
use crate::world::{Shared, World};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(600);

/// The control API and page.
pub(crate) fn router(app: App) -> Router {
    let api = Router::new()
        .route("/control/incoming", post(incoming))
        .route("/control/internal", post(internal))
        .route("/control/calls/{uuid}/answer", post(answer))
        .route("/control/calls/{uuid}/hangup", post(hang_up))
        .route("/control/calls/{uuid}/legs", post(legs))
        .route("/control/uis", post(uis))
        .route("/control/presence", post(presence))
        .route("/control/frame", post(frame))
        .route("/control/drop", post(drop_sockets))
        .route("/control/half-open", post(half_open))
        .route("/control/silence", post(silence))
        .route("/control/phonet-key", post(phonet_key))
        .route("/control/recordings", post(recordings))
        .route("/control/file-limit", post(file_limit))
        .route("/control/integration", post(integration))
        .route("/control/system-call", post(system_call))
        .route("/control/web-hook", post(web_hook))
        .route("/control/web-hooks", post(web_hooks))
        .route("/control/fault", post(fault))
        .route("/control/key-lifetime", post(key_lifetime))
        .route("/control/expire-keys", post(expire_keys))
        .route("/control/reset", post(reset))
        .route("/control/state", get(state))
        .route("/control/ledger", get(|state: Ctl| read(state, |world| world.ledger.to_json())))
        .route("/control/crm", get(|state: Ctl| read(state, |world| world.crm.book.to_json())))
        .route("/control/verdict", get(judge))
        .route("/control/wait", get(wait_for))
        .route("/control/stream", get(stream_changes))
        .layer(from_fn_with_state(app.clone(), own_origin));
    pages::router().merge(api).with_state(app)
}

type Ctl = State<App>;

/// What a control request gets: a JSON value, or 400 and the reason.
type Outcome = Result<Json<Value>, Refusal>;

struct Refusal(StatusCode, String);

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self(StatusCode::BAD_REQUEST, reason)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Answer::json(self.0, json!({ "error": self.1 })).into_response()
    }
}

/// Only the sandbox's own pages and clients that are no pages may change anything.
async fn own_origin(State(app): Ctl, request: Request, next: Next) -> Response {
    let foreign = request
        .headers()
        .get(header::ORIGIN)
        .is_some_and(|origin| !app.origins.iter().any(|own| own.as_bytes() == origin.as_bytes()));
    if foreign && !request.method().is_safe() {
        return Refusal(StatusCode::FORBIDDEN, "this page may not control the sandbox".to_owned()).into_response();
    }
    next.run(request).await
}

fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, String> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn done() -> Outcome {
    Ok(Json(json!({ "ok": true })))
}

async fn read(State(app): Ctl, look: impl FnOnce(&World) -> Value) -> Json<Value> {
    Json(app.shared.read(look))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Incoming {
    /// The client's number; null when withheld.
    from: Option<String>,
    to: String,
    #[serde(default)]
    clients: Vec<Client>,
    #[serde(default)]
    quirks: Vec<Quirk>,
}

async fn incoming(State(app): Ctl, body: Bytes) -> Outcome {
    let Incoming { from, to, clients, quirks } = parse(&body)?;
    if from.as_ref().is_some_and(|number| number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err("`from` is a number in digits, or null".to_owned().into());
    }
    let (uuid, legs) = app.shared.change(|world| world.exchange.incoming(from, &to, clients, quirks))?;
    Ok(Json(if legs.is_empty() { json!({ "uuid": uuid }) } else { json!({ "uuid": uuid, "legs": legs }) }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Internal {
    from: String,
    to: String,
}

async fn internal(State(app): Ctl, body: Bytes) -> Outcome {
    let Internal { from, to } = parse(&body)?;
    let uuid = app.shared.change(|world| world.exchange.internal(&from, &to))?;
    Ok(Json(json!({ "uuid": uuid })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct By {
    by: Option<String>,
}

async fn answer(State(app): Ctl, Path(uuid): Path<String>, body: Bytes) -> Outcome {
    if is_session(&uuid) {
        let BySide { by } = parse(&body)?;
        app.shared.change(|world| world.uis.sessions.answer(&uuid, by))?;
    } else {
        let By { by } = parse(&body)?;
        app.shared.change(|world| world.exchange.answer(&uuid, by.as_deref()))?;
    }
    done()
}

/// Who answers a session.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BySide {
    by: Option<Side>,
}

/// Whether a call is UIS's.
fn is_session(uuid: &str) -> bool {
    uuid.starts_with("uis-")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Legs {
    operator: Option<session::State>,
    contact: Option<session::State>,
}

async fn legs(State(app): Ctl, Path(uuid): Path<String>, body: Bytes) -> Outcome {
    let Legs { operator, contact } = parse(&body)?;
    app.shared.change(|world| world.uis.sessions.set_states(&uuid, operator, contact))?;
    done()
}

async fn uis(State(app): Ctl, body: Bytes) -> Outcome {
    let changes: Value = parse(&body)?;
    app.shared.change(|world| world.uis.rules.changed(changes).map(|rules| world.uis.rules = rules))?;
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn hang_up(State(app): Ctl, Path(uuid): Path<String>, body: Bytes) -> Outcome {
    let Nothing {} = parse(&body)?;
    app.shared.change(
        |world| {
            if is_session(&uuid) { world.uis.sessions.end(&uuid) } else { world.exchange.hang_up(&uuid) }
        },
    )?;
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Presence {
    ext: String,
    away: bool,
}

async fn presence(State(app): Ctl, body: Bytes) -> Outcome {
    let Presence { ext, away } = parse(&body)?;
    app.shared.change(|world| world.exchange.presence(&ext, away))?;
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    subscriber: String,
    text: String,
}

async fn frame(State(app): Ctl, body: Bytes) -> Outcome {
    let Raw { subscriber, text } = parse(&body)?;
    match app.shared.change(|world| world.exchange.inject(&subscriber, &text)) {
        0 => Err(format!("`{subscriber}` has no open socket").into()),
        sockets => Ok(Json(json!({ "ok": true, "sockets": sockets }))),
    }
}

/// One subscriber's sockets, or all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sockets {
    subscriber: Option<String>,
}

async fn drop_sockets(State(app): Ctl, body: Bytes) -> Outcome {
    let Sockets { subscriber } = parse(&body)?;
    app.shared.change(|world| world.exchange.drop_sockets(subscriber.as_deref()));
    done()
}

async fn half_open(State(app): Ctl, body: Bytes) -> Outcome {
    let Sockets { subscriber } = parse(&body)?;
    let sockets = app.shared.change(|world| world.exchange.half_open(subscriber.as_deref()));
    Ok(Json(json!({ "ok": true, "sockets": sockets })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    on: bool,
}

async fn silence(State(app): Ctl, body: Bytes) -> Outcome {
    let Switch { on } = parse(&body)?;
    app.shared.change(|world| world.exchange.silence(on));
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyValidity {
    valid: bool,
    #[serde(default)]
    close: bool,
}

async fn phonet_key(State(app): Ctl, body: Bytes) -> Outcome {
    let KeyValidity { valid, close } = parse(&body)?;
    app.shared.change(|world| {
        world.exchange.revoke_key(!valid);
        if close {
            world.exchange.drop_sockets(None);
        }
    });
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordingRules {
    /// Seconds.
    delay: Option<u32>,
    bytes: Option<usize>,
    #[serde(default)]
    missing: bool,
}

async fn recordings(State(app): Ctl, body: Bytes) -> Outcome {
    let RecordingRules { delay, bytes, missing } = parse(&body)?;
    let usual = Rules::default();
    let rules = Rules {
        delay: delay.map_or(usual.delay, |seconds| i64::from(seconds) * 1000),
        bytes: bytes.unwrap_or(usual.bytes),
        missing,
    };
    if !(recording::SMALLEST..=recording::LARGEST).contains(&rules.bytes) {
        return Err(format!("`bytes` is {} to {}", recording::SMALLEST, recording::LARGEST).into());
    }
    app.shared.change(|world| world.exchange.recordings = rules);
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileLimit {
    bytes: usize,
}

async fn file_limit(State(app): Ctl, body: Bytes) -> Outcome {
    let FileLimit { bytes } = parse(&body)?;
    if bytes > LARGEST_FILE {
        return Err(format!("`bytes` is at most {LARGEST_FILE}").into());
    }
    app.shared.change(|world| world.crm.files.limit = bytes);
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct IntegrationRequest {
    /// A word or its number.
    status: Option<Value>,
    main: Option<Main>,
    refuse: Option<integration::Refusal>,
    /// Requests that are refused so.
    count: Option<u32>,
    features: Option<Features>,
    /// Empty: there is no server.
    base_url: Option<String>,
    prefixed: Option<bool>,
    named: Option<bool>,
    /// How long the CRM waits for the server, in milliseconds.
    patience: Option<u64>,
}

async fn integration(State(app): Ctl, body: Bytes) -> Outcome {
    let request: IntegrationRequest = parse(&body)?;
    let IntegrationRequest { status, main, refuse, count, features, base_url, prefixed, named, patience } = request;
    let base = base_url.map(|url| if url.is_empty() { Ok(None) } else { url.parse().map(Some) }).transpose()?;
    app.shared.change(|world| {
        let integrations = &mut world.crm.integrations;
        let server = &mut integrations.server;
        server.prefixed = prefixed.unwrap_or(server.prefixed);
        server.named = named.unwrap_or(server.named);
        server.patience = patience.map_or(server.patience, Duration::from_millis);
        if let Some(base) = base {
            server.base = base;
        }
        if let Some(features) = features {
            integrations.set_features(features);
        }
        if let Some(status) = status {
            integrations.set_status(&status)?;
        }
        integrations.main = main.unwrap_or(integrations.main);
        if let Some(refusal) = refuse {
            integrations.refusal = Some((refusal, count.unwrap_or(1)));
        }
        Ok::<_, String>(())
    })?;
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Again {
    again: Feature,
    /// With an echo of its own.
    #[serde(default)]
    fresh: bool,
}

async fn system_call(State(app): Ctl, body: Bytes) -> Outcome {
    let Again { again, fresh } = parse(&body)?;
    let order = app.shared.read(|world| world.crm.again(again, fresh))?;
    Ok(Json(caller::send(&app.shared, order).await.to_json()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WebHook {
    relative_url: String,
}

async fn web_hook(State(app): Ctl, body: Bytes) -> Outcome {
    let WebHook { relative_url } = parse(&body)?;
    let order = app.shared.change(|world| world.crm.web_hook(&relative_url))?;
    Ok(Json(caller::send(&app.shared, order).await.to_json()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Schedule {
    on: bool,
    /// How many times as fast as the real CRM.
    pace: Option<NonZeroU32>,
}

async fn web_hooks(State(app): Ctl, body: Bytes) -> Outcome {
    let Schedule { on, pace } = parse(&body)?;
    let pace = pace.map_or(1, NonZeroU32::get);
    app.shared.change(|world| {
        // What was under way ends with the old set.
        let mut schedule = JoinSet::new();
        for url in integration::HOOKS.into_iter().filter(|_| on) {
            schedule.spawn(caller::keep_schedule(Arc::clone(&app.shared), url, pace));
        }
        world.crm.schedule = schedule;
    });
    done()
}

#[derive(Deserialize)]
struct FaultRequest {
    service: Service,
    path: Option<String>,
    /// Requests.
    count: Option<u32>,
    seconds: Option<u32>,
    /// What is left is the kind with its fields.
    #[serde(flatten)]
    kind: Map<String, Value>,
}

async fn fault(State(app): Ctl, body: Bytes) -> Outcome {
    let FaultRequest { service, path, count, seconds, mut kind } = parse(&body)?;
    let hold = match (count, seconds) {
        (Some(0), None) => {
            app.shared.change(|world| world.faults.clear(service, path.as_deref()));
            return done();
        }
        (Some(count), None) => Hold::Count(count),
        (None, Some(seconds)) => Hold::Until(now() + i64::from(seconds) * 1000),
        _ => return Err("a fault has either `count` or `seconds`".to_owned().into()),
    };
    kind.entry("kind").or_insert_with(|| "status".into());
    let kind: Kind = serde_json::from_value(kind.into()).map_err(|error| error.to_string())?;
    let refuses = kind == Kind::Refuse {};
    if refuses && path.is_some() {
        return Err("a connection has no path".to_owned().into());
    }
    app.shared.change(|world| {
        world.faults.set(Fault { service, path, kind, hold });
        if refuses {
            world.lines.reset(service);
        }
    });
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyLifetime {
    seconds: u32,
}

async fn key_lifetime(State(app): Ctl, body: Bytes) -> Outcome {
    let KeyLifetime { seconds } = parse(&body)?;
    app.shared.change(|world| world.crm.key_lifetime = i64::from(seconds) * 1000);
    done()
}

/// AccessKeys, Phonet's sessions and UIS's keys alike.
async fn expire_keys(State(app): Ctl, body: Bytes) -> Outcome {
    let Nothing {} = parse(&body)?;
    app.shared.change(|world| {
        world.crm.expire_keys();
        world.exchange.sessions.clear();
        world.uis.expire_keys();
    });
    done()
}

async fn reset(State(app): Ctl, body: Bytes) -> Outcome {
    let Nothing {} = parse(&body)?;
    app.shared.change(World::reset);
    done()
}

async fn state(state: Ctl) -> Json<Value> {
    read(state, |world| {
        let mut state = world.exchange.to_json();
        if let Value::Object(object) = &mut state {
            object.insert("uis".to_owned(), world.uis.to_json());
            object.insert("integration".to_owned(), world.crm.integration_to_json());
            object.insert("fileLimit".to_owned(), world.crm.files.limit.into());
            object.insert("faults".to_owned(), world.faults.to_json());
        }
        state
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VerdictQuery {
    #[serde(default)]
    recordings: bool,
}

async fn judge(State(app): Ctl, query: Result<Query<VerdictQuery>, QueryRejection>) -> Outcome {
    let Query(VerdictQuery { recordings }) = query.map_err(|error| error.body_text())?;
    Ok(Json(app.shared.read(|world| verdict(world, recordings))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WaitQuery {
    what: String,
    /// Milliseconds.
    timeout: Option<u64>,
}

async fn wait_for(State(app): Ctl, query: Result<Query<WaitQuery>, QueryRejection>) -> Outcome {
    let Query(WaitQuery { what, timeout }) = query.map_err(|error| error.body_text())?;
    let what: Wait = what.parse()?;
    let timeout = timeout.map_or(DEFAULT_TIMEOUT, Duration::from_millis).min(LONGEST_TIMEOUT);
    let found = wait::wait(&app.shared, what, timeout).await;
    Ok(Json(found.map_err(|error| Refusal(StatusCode::REQUEST_TIMEOUT, error.to_string()))?))
}

/// Server-sent events: `ledger` with each entry, `reset` when there is a new ledger, `change` when all else should be
/// read again.
async fn stream_changes(State(app): Ctl) -> impl IntoResponse {
    Sse::new(changes(app.shared)).keep_alive(KeepAlive::default())
}

fn changes(shared: Arc<Shared>) -> impl Stream<Item = Result<Event, Infallible>> {
    let mut receiver = shared.changes();
    receiver.mark_changed();
    // No generation is that high: the first batch begins with a reset.
    let seen = (u64::MAX, 0);
    let batches = stream::unfold((shared, receiver, seen), |(shared, mut receiver, (generation, sent))| async move {
        receiver.changed().await.ok()?;
        let (events, seen) = shared.read(|world| {
            let renewed = world.generation != generation;
            let sent = if renewed { 0 } else { sent };
            let entries = world.ledger.entries();
            let reset = renewed.then(|| Event::default().event("reset").data("{}"));
            let fresh = entries.iter().skip(sent).map(ledger_event);
            let change = Event::default().event("change").data("{}");
            let events: Vec<_> = reset.into_iter().chain(fresh).chain([change]).map(Ok).collect();
            (events, (world.generation, entries.len()))
        });
        Some((stream::iter(events), (shared, receiver, seen)))
    });
    batches.flatten()
}

fn ledger_event(entry: &Entry) -> Event {
    Event::default().event("ledger").data(entry.to_json().to_string())
}
