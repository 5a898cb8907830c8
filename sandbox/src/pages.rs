//! The CRM page in the CRM's likeness and the control page: static files, each with a strict policy.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::data::{WORKSPACE, clients};
use crate::http::{Answer, Content};
use crate::server::App;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'";

/// The user's session in the CRM: if it ever shows up at the API, credentials have leaked.
const SESSION: &str = "xcom.session=sandbox; Path=/; HttpOnly; SameSite=Lax";

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
            page.headers_mut().insert(header::SET_COOKIE, HeaderValue::from_static(SESSION));
            page
        }
        _ => missing(),
    }
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
