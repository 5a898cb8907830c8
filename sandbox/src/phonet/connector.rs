//! The WSS connector: who may connect, and the one frame a browser may send (Phonet, «Интеграция по протоколу WSS»).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::exchange::{Dialled, Exchange, Push};
use crate::clock::now;
use crate::data::{Entity, PHONET_DOMAIN, subscriber, user_by_ext};
use crate::fault::{self, Kind};
use crate::http::{Answer, Content, Heard};
use crate::ledger::{Entry, Service};
use crate::wire::Line;
use crate::world::Shared;

pub(crate) const PATH: &str = "/live/connector/v3/easy";

/// The real exchange takes a moment before it answers a click2call; a second click in it is a second in flight.
const ANSWER_DELAY: Duration = Duration::from_millis(20);

const LARGEST_FRAME: usize = 64 * 1024;

/// Who connects, or why he may not.
fn admit(exchange: &Exchange, heard: &Heard) -> Result<(String, &'static Entity), Answer> {
    let refuse = || Answer::new(StatusCode::FORBIDDEN, Content::Text("Forbidden"));
    if heard.method != Method::GET {
        return Err(
            Answer::new(StatusCode::METHOD_NOT_ALLOWED, Content::Empty).violation("the connector takes GET only")
        );
    }
    if let Some(fault) = heard.query_fault(&["domain", "apiKey", "subscriber"]) {
        return Err(refuse().violation(fault));
    }
    let (Some(domain), Some(key), Some(name)) =
        (heard.parameter("domain"), heard.parameter("apiKey"), heard.parameter("subscriber"))
    else {
        return Err(refuse().violation("the connector needs domain, apiKey and subscriber"));
    };
    match subscriber(name) {
        Some(user) if domain == PHONET_DOMAIN && exchange.accepts_key(key) => Ok((name.to_owned(), user)),
        _ => Err(refuse()),
    }
}

/// Judges a handshake and, where it is good, upgrades.
pub(crate) async fn connect(shared: Arc<Shared>, line: Line, heard: Heard, parts: &mut Parts) -> Response {
    let (fault, admitted) = shared.change(|world| {
        let fault = world.faults.take(Service::Phonet, &heard.path);
        let instead = fault.and_then(|kind| kind.instead(Service::Phonet, &heard.path));
        (fault, instead.map_or_else(|| admit(&world.exchange, &heard), Err))
    });
    let upgrade = match admitted {
        Err(answer) => Err(answer),
        Ok(admitted) => match WebSocketUpgrade::from_request_parts(parts, &()).await {
            Ok(upgrade) => Ok((admitted, upgrade)),
            Err(_) => Err(Answer::new(StatusCode::UPGRADE_REQUIRED, Content::Text("Upgrade Required"))
                .violation("the connector takes WebSocket handshakes only")),
        },
    };
    let mut answer = Answer::new(StatusCode::SWITCHING_PROTOCOLS, Content::Empty);
    let upgrade = upgrade.map_err(|refusal| answer = refusal).ok();
    answer.fault = fault;
    shared.record(Service::Phonet, &heard, &answer);
    match upgrade {
        None => fault::deliver(answer, &line).await,
        Some(_) if fault.is_some_and(Kind::resets) => fault::reset(&line).await,
        Some(((name, user), upgrade)) => {
            if let Some(Kind::Latency { millis }) = fault {
                tokio::time::sleep(Duration::from_millis(millis)).await;
            }
            upgrade.max_message_size(LARGEST_FRAME).on_upgrade(move |socket| serve(shared, line, socket, name, user))
        }
    }
}

async fn serve(shared: Arc<Shared>, line: Line, socket: WebSocket, name: String, user: &'static Entity) {
    let (push, pushed) = unbounded_channel();
    let id = shared.change(|world| world.exchange.connect(name, user, push, line));
    relay(&shared, socket, pushed, id, user).await;
    shared.change(|world| world.exchange.disconnect(id));
}

/// Moves frames both ways until either side closes.
async fn relay(
    shared: &Arc<Shared>,
    socket: WebSocket,
    mut pushed: UnboundedReceiver<Push>,
    id: u64,
    user: &'static Entity,
) {
    let (mut sink, mut stream) = socket.split();
    loop {
        tokio::select! {
            push = pushed.recv() => {
                let message = match push {
                    Some(Push::Frame(text)) => Message::text(text),
                    Some(Push::Close) | None => Message::Close(None),
                };
                let last = matches!(message, Message::Close(_));
                if sink.send(message).await.is_err() || last {
                    return;
                }
            }
            heard = stream.next() => match heard {
                Some(Ok(Message::Text(text))) => hear(shared, id, user, &text),
                Some(Ok(Message::Binary(_))) => hear(shared, id, user, "<binary>"),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
        }
    }
}

/// A click2call frame's number, or why it is none.
fn click(text: &str) -> Result<String, &'static str> {
    let frame: Value = serde_json::from_str(text).map_err(|_| "the frame is no JSON")?;
    let frame = frame.as_object().ok_or("the frame is no object")?;
    if frame.len() != 2 || frame.get("action").and_then(Value::as_str) != Some("call") {
        return Err("the frame is not exactly {action: \"call\", to}");
    }
    let to = frame.get("to").and_then(Value::as_str).ok_or("`to` is no string")?;
    if !(3..=15).contains(&to.len()) || !to.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("`to` is not 3 to 15 digits");
    }
    Ok(to.to_owned())
}

/// What becomes of an accepted click2call.
enum Fate {
    Refused(&'static str),
    Internal(&'static str),
    Outgoing,
    /// Accepted, and never heard of again.
    Lost,
}

fn fate(to: &str, user: &Entity) -> Fate {
    match user_by_ext(to) {
        Some(callee) if std::ptr::eq(callee, user) => Fate::Refused("Нельзя позвонить самому себе"),
        Some(callee) => callee.ext.map_or(Fate::Lost, Fate::Internal),
        None if to.len() < 5 => Fate::Refused("Нет такого внутреннего номера"),
        None if to.ends_with("0000") => Fate::Refused("Номер заблокирован"),
        None if to.ends_with("0001") => Fate::Lost,
        None => Fate::Outgoing,
    }
}

/// Judges a browser's frame and acts on it.
fn hear(shared: &Arc<Shared>, socket: u64, user: &'static Entity, text: &str) {
    shared.change(|world| {
        let exchange = &mut world.exchange;
        let judged = click(text).and_then(|to| {
            if exchange.clicking.contains(&socket) {
                Err("a click2call on this socket is still in flight")
            } else if exchange.talking_to(user, &to) {
                Err("this number is already being called by this subscriber")
            } else {
                Ok(to)
            }
        });
        let (answer, violations) = match &judged {
            Err(violation) => (error(violation), vec![(*violation).to_owned()]),
            Ok(to) => match fate(to, user) {
                Fate::Refused(message) => (error(message), Vec::new()),
                _ => (json!({ "event": "success" }), Vec::new()),
            },
        };
        match judged {
            Err(_) => exchange.tell(socket, &answer),
            Ok(to) => {
                exchange.clicking.insert(socket);
                exchange.dialled.push(Dialled { number: to.clone(), settled: false, uuid: None, at: now() });
                // In silence it stays in flight.
                if !exchange.silent() {
                    tokio::spawn(place(Arc::clone(shared), world.generation, socket, user, to, answer.clone()));
                }
            }
        }
        world.ledger.write(Entry {
            seq: 0,
            at: now(),
            service: Service::Phonet,
            method: "FRAME".to_owned(),
            path: PATH.to_owned(),
            query: Vec::new(),
            status: 101,
            request: serde_json::from_str(text).unwrap_or_else(|_| text.into()),
            answer: if exchange.silent() { Value::Null } else { answer },
            violations,
            repeat: false,
            fault: None,
        });
    });
}

fn error(message: &str) -> Value {
    json!({ "event": "error", "message": message })
}

/// Answers an accepted click2call and, where its fate says so, dials.
async fn place(shared: Arc<Shared>, generation: u64, socket: u64, user: &'static Entity, to: String, answer: Value) {
    tokio::time::sleep(ANSWER_DELAY).await;
    shared.change(|world| {
        let exchange = &mut world.exchange;
        if world.generation != generation || exchange.silent() {
            return;
        }
        exchange.tell(socket, &answer);
        exchange.clicking.remove(&socket);
        let uuid = match fate(&to, user) {
            Fate::Refused(_) | Fate::Lost => None,
            Fate::Internal(ext) => user.ext.and_then(|from| exchange.internal(from, ext).ok()),
            Fate::Outgoing => Some(exchange.outgoing(user, &to)),
        };
        if let Some(dialled) = exchange.dialled.iter_mut().rev().find(|dialled| dialled.number == to) {
            (dialled.settled, dialled.uuid) = (true, uuid);
        }
    });
}
