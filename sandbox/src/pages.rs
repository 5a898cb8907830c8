//! The CRM page in the CRM's likeness and the control page: static files, each with a strict policy.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;

use crate::data::{SESSION, WORKSPACE, clients};
use crate::http::{Answer, Content};
use crate::server::App;
use crate::world::Shared;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'";

/// Below it the CRM's page hears how a communication goes on.
pub(crate) const CALLS: &str = "/app/sandbox/calls/";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

const ICON: &str = include_str!("../pages/icon.svg");

fn file(kind: &'static str, text: &'static str) -> Response {
    under_policy(POLICY, kind, text)
}

/// A file that a browser shows under a content security policy.
pub(crate) fn under_policy(policy: &'static str, kind: &'static str, content: impl Into<Body>) -> Response {
    let mut response = Response::new(content.into());
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The CRM's page and its files, under `/app/`.
pub(crate) fn crm(path: &str) -> Response {
    let parts: Vec<&str> = path.trim_matches('/').split('/').skip(1).collect();
    match *parts.as_slice() {
        ["static", "crm.css"] => file(CSS, include_str!("../pages/crm.css")),
        ["static", "crm.js"] => file(JS, include_str!("../pages/crm.js")),
        ["static", "icon.svg"] => file(SVG, ICON),
        [WORKSPACE, "clients.json"] => Answer::ok(clients()).into_response(),
        [WORKSPACE] => to_crm(),
        [WORKSPACE, "contacts" | "clients" | "deals"] | [WORKSPACE, "contacts" | "clients" | "deals", _] => {
            let mut page = file(HTML, include_str!("../pages/crm.html"));
            // If it shows up at an integration's methods, credentials have leaked.
            let cookie = HeaderValue::try_from(format!("{SESSION}; Path=/; HttpOnly; SameSite=Lax"));
            page.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
            page
        }
        _ => missing(),
    }
}

/// Server-sent events: a communication as it is, and again at each change.
pub(crate) fn watch(shared: Arc<Shared>, path: &str) -> Response {
    let id = path.strip_prefix(CALLS).unwrap_or_default().to_owned();
    let mut receiver = shared.changes();
    receiver.mark_changed();
    let states = stream::unfold((shared, receiver, None), move |(shared, mut receiver, last)| {
        let id = id.clone();
        async move {
            loop {
                receiver.changed().await.ok()?;
                let now = shared.read(|world| world.crm.book.one_to_json(&id));
                if let Some(state) = now.filter(|now| last.as_ref() != Some(now)) {
                    let event = Event::default().data(state.to_string());
                    return Some((Ok::<_, Infallible>(event), (shared, receiver, Some(state))));
                }
            }
        }
    });
    Sse::new(states).keep_alive(KeepAlive::default()).into_response()
}

/// There is no such page.
pub(crate) fn missing() -> Response {
    Answer::new(StatusCode::NOT_FOUND, Content::Text("Нет такой страницы.")).into_response()
}

/// To the CRM's first page.
pub(crate) fn to_crm() -> Response {
    Answer::new(StatusCode::FOUND, Content::Empty).header(header::LOCATION, "/app/sandbox/contacts").into_response()
}

/// The control page and its files.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/", get(|| async { file(HTML, include_str!("../pages/control.html")) }))
        .route("/control.css", get(|| async { file(CSS, include_str!("../pages/control.css")) }))
        .route("/control.js", get(|| async { file(JS, include_str!("../pages/control.js")) }))
        .route("/icon.svg", get(|| async { file(SVG, ICON) }))
}
