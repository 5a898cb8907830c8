//! What the CRM asks for below the secret segment of the path: the system calls, which a browser carries out, and the web hooks,
//! which are answered at once. Whatever is authentic is answered with the echo.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::time::timeout;
use trubka::kontur::digits;
use trubka::kontur::system::{ECHO, SystemCall};
use trubka::private::Private;
use trubka::relay::{Command, LONGEST_NAME, Outcome};

use crate::commands::Ending;
use crate::guard::Speaker;
use crate::server::App;
use crate::tokens::{AgentId, hex};
use crate::words;

/// The most bytes of a body.
pub const LARGEST_BODY: usize = 16 * 1024;

/// What a path below the secret asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Call,
    HangUp,
    Upgrade,
    Sync,
}

impl Route {
    /// The CRM's paths, with and without `api/v1/{ws}` before them.
    fn of(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.split('/').collect();
        let segments = match segments.as_slice() {
            ["api", "v1", workspace, rest @ ..] if !workspace.is_empty() => rest,
            all => all,
        };
        match segments {
            ["communications", "call"] => Some(Self::Call),
            ["communications", "hangup"] => Some(Self::HangUp),
            ["communications", id, "hangup"] if !id.is_empty() => Some(Self::HangUp),
            ["setup", "upgrade"] => Some(Self::Upgrade),
            ["communications", "sync"] => Some(Self::Sync),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::HangUp => "hangUp",
            Self::Upgrade => "upgrade",
            Self::Sync => "sync",
        }
    }
}

/// An answer: `"OK"`, or a refusal in the form of the CRM's documents.
struct Answer {
    code: StatusCode,
    status: &'static str,
    message: String,
}

impl Answer {
    const fn ok() -> Self {
        Self { code: StatusCode::OK, status: "ok", message: String::new() }
    }

    fn refused(status: &'static str, message: impl Into<String>) -> Self {
        Self { code: StatusCode::CONFLICT, status, message: message.into() }
    }

    fn failed(code: StatusCode, status: &'static str, message: &str) -> Self {
        Self { code, status, message: message.to_owned() }
    }

    fn into_response(self, echo: Option<HeaderValue>) -> Response {
        let body = if self.code == StatusCode::OK {
            json!("OK")
        } else {
            let Self { status, message, .. } = self;
            json!({ "invalidDatas": [], "invalidConstraints": {}, "status": status, "message": message })
        };
        let kind = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
        let mut response = (self.code, kind, body.to_string()).into_response();
        if let Some(echo) = echo {
            response.headers_mut().insert(ECHO, echo);
        }
        if matches!(self.code, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Answers a request whose secret is right; `path` is what comes after it.
pub async fn answer(app: &Arc<App>, path: &str, speaker: Speaker, request: Request) -> Response {
    let echo = request.headers().get(ECHO).cloned();
    let since = Instant::now();
    let route = Route::of(path);
    let name = route.map_or("unknown", Route::name);
    let answer = match route {
        _ if speaker.in_the_clear => {
            Answer::failed(StatusCode::FORBIDDEN, "insecure", "Релей вызывают только по https: путь содержит секрет.")
        }
        None => Answer::failed(StatusCode::NOT_FOUND, "notFound", "У релея нет такого метода."),
        Some(_) if request.method() != Method::POST => {
            Answer::failed(StatusCode::METHOD_NOT_ALLOWED, "methodNotAllowed", "Этот метод вызывают запросом POST.")
        }
        Some(_) if !app.guard.admits_secret() => Answer::failed(
            StatusCode::TOO_MANY_REQUESTS,
            "tooManyRequests",
            "Слишком много вызовов сразу: повторите позже.",
        ),
        Some(_) if app.is_stopping() => Answer::failed(
            StatusCode::SERVICE_UNAVAILABLE,
            "shuttingDown",
            "Релей перезапускается: повторите через минуту.",
        ),
        Some(Route::Upgrade) => ring(&app.hooks.upgrade),
        Some(Route::Sync) => ring(&app.hooks.sync),
        Some(Route::Call | Route::HangUp) => match body(app, request).await {
            Ok(body) => carry_out(app, path, &body, echo.as_ref()).await,
            Err(answer) => answer,
        },
    };
    let elapsed = since.elapsed();
    metrics::counter!("trubka_relay_system_calls_total", "call" => name, "status" => answer.status).increment(1);
    metrics::histogram!("trubka_relay_system_call_seconds", "call" => name).record(elapsed);
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(call = name, code = answer.code.as_u16(), status = answer.status, milliseconds, "the CRM asked");
    answer.into_response(echo)
}

fn ring(bell: &tokio::sync::Notify) -> Answer {
    bell.notify_one();
    Answer::ok()
}

async fn body(app: &App, request: Request) -> Result<Bytes, Answer> {
    let too_large = || Answer::failed(StatusCode::PAYLOAD_TOO_LARGE, "bodyTooLarge", "Тело запроса больше 16 КБ.");
    match timeout(app.pace.body, axum::body::to_bytes(request.into_body(), LARGEST_BODY)).await {
        Ok(Ok(body)) => Ok(body),
        // Or the CRM has gone: nobody hears this then.
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err(Answer::failed(StatusCode::REQUEST_TIMEOUT, "bodyTooSlow", "Тело запроса не пришло вовремя.")),
    }
}

/// Reads a system call, finds whose it is, and has a browser carry it out.
async fn carry_out(app: &Arc<App>, path: &str, body: &[u8], echo: Option<&HeaderValue>) -> Answer {
    let call = std::str::from_utf8(body).ok().and_then(|body| SystemCall::parse(path, body));
    let read = match call {
        Some(call) => order(app, call, echo),
        None => Err(invalid("тело запроса не читается")),
    };
    match read {
        Ok((id, agent, command)) => told(app.commands.carry_out(id, agent, command).await),
        Err(answer) => answer,
    }
}

fn invalid(what: &str) -> Answer {
    Answer::refused("invalidArgs", format!("Вызов не выполнен: {what}."))
}

/// The command that a system call asks for, its id, and the agent.
fn order(app: &App, call: SystemCall, echo: Option<&HeaderValue>) -> Result<(String, AgentId, Command), Answer> {
    match call {
        SystemCall::Call { communication_id, from_user_id, to_user_id, client_phone } => {
            if communication_id.is_empty() || communication_id.len() > LONGEST_NAME {
                return Err(invalid("communicationId пуст или слишком длинный"));
            }
            let agent = agent(app, from_user_id.as_deref())?;
            let (number, internal) = match (to_user_id, client_phone.as_ref().and_then(digits)) {
                (Some(user), _) => {
                    let person = app.people.get(&user.to_ascii_lowercase());
                    let unknown = "Релей не знает сотрудника, которому звонят: администратору нужно добавить его в справочник релея.";
                    let person = person.ok_or_else(|| Answer::refused("userUnknown", unknown))?;
                    (Private::new(person.ext.clone()), true)
                }
                (None, Some(number)) if number.reveal().len() <= 32 => (number, false),
                (None, _) => return Err(invalid("не указано, кому звонить")),
            };
            Ok((communication_id.clone(), agent, Command::Call { communication: communication_id, number, internal }))
        }
        SystemCall::HangUp { realtime_call_item_id: leg, user_id } => {
            if leg.is_empty() || leg.len() > LONGEST_NAME {
                return Err(invalid("realtimeCallItemId пуст или слишком длинный"));
            }
            let agent = agent(app, user_id.as_deref())?;
            // A request that comes twice bears the same echo; one without it cannot be told from another.
            let id = match echo {
                Some(echo) => {
                    let digest =
                        Sha256::new().chain_update(leg.as_bytes()).chain_update([0]).chain_update(echo.as_bytes());
                    format!("hangup-{}", hex(&digest.finalize()))
                }
                None => format!("hangup-{}", uuid::Uuid::new_v4()),
            };
            Ok((id, agent, Command::HangUp { leg }))
        }
    }
}

/// The agent of a user.
fn agent(app: &App, user: Option<&str>) -> Result<AgentId, Answer> {
    let unknown = |message: &str| Answer::refused("userUnknown", message);
    let user = user.ok_or_else(|| unknown("Контур.CRM не назвала сотрудника, и релей не знает, чей это телефон."))?;
    let person = app.people.get(&user.to_ascii_lowercase()).ok_or_else(|| {
        unknown("Релей не знает этого сотрудника: администратору нужно добавить его в справочник релея.")
    })?;
    person.agent.ok_or_else(|| {
        unknown("В справочнике релея у этого сотрудника не указан agent: администратору нужно выдать ему ключ и указать его.")
    })
}

/// What the CRM hears of an ending.
fn told(ending: Ending) -> Answer {
    let unclear = "неизвестно, выполнена ли команда: посмотрите, что с телефоном, прежде чем повторять";
    match ending {
        Ending::Told(Outcome::Accepted) => Answer::ok(),
        Ending::Told(Outcome::Refused { problem }) => Answer::refused("refused", words::sentence(&problem)),
        Ending::Told(Outcome::Unknown { problem }) => Answer::refused("unknown", words::sentence(&problem)),
        Ending::NotConnected => Answer::refused(
            "agentNotConnected",
            "Трубка сотрудника не на связи: откройте браузер с расширением «Трубка» и проверьте, что оно подключено к релею.",
        ),
        Ending::TimedOut => Answer::refused("timedOut", format!("Браузер сотрудника не ответил вовремя, и {unclear}.")),
        Ending::Lost => {
            Answer::refused("agentLost", format!("Браузер сотрудника пропал, не успев ответить, и {unclear}."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_paths_are_known_and_no_others() {
        for (path, route) in [
            ("communications/call", Some(Route::Call)),
            ("api/v1/ws/communications/call", Some(Route::Call)),
            ("communications/hangup", Some(Route::HangUp)),
            ("api/v1/ws/communications/hangup", Some(Route::HangUp)),
            ("communications/c1/hangup", Some(Route::HangUp)),
            ("api/v1/ws/communications/c1/hangup", Some(Route::HangUp)),
            ("setup/upgrade", Some(Route::Upgrade)),
            ("api/v1/ws/communications/sync", Some(Route::Sync)),
            ("", None),
            ("communications", None),
            ("communications/", None),
            ("communications//hangup", None),
            ("communications/call/", None),
            ("communications/../communications/call", None),
            ("api/v1//communications/call", None),
            ("api/v2/ws/communications/call", None),
            ("COMMUNICATIONS/CALL", None),
            ("communications/call%00", None),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }

    #[test]
    fn each_ending_has_a_status_of_its_own() {
        use std::collections::HashSet;
        use trubka::problem::{Code, Problem};

        let problem = || Problem::new(Code::DialOffline);
        let answers = [
            Ending::Told(Outcome::Accepted),
            Ending::Told(Outcome::Refused { problem: problem() }),
            Ending::Told(Outcome::Unknown { problem: problem() }),
            Ending::NotConnected,
            Ending::TimedOut,
            Ending::Lost,
        ]
        .map(told);
        assert_eq!(answers.iter().map(|answer| answer.status).collect::<HashSet<_>>().len(), answers.len());
        for answer in answers {
            assert_eq!(answer.code == StatusCode::OK, answer.status == "ok");
            assert_eq!(answer.message.is_empty(), answer.status == "ok");
        }
    }
}
