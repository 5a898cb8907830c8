//! One HTTP exchange.

use gloo_net::http::{Headers, RequestBuilder, Response};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortSignal, ReadableStreamDefaultReader, ReadableStreamReadResult, ReferrerPolicy, RequestCache,
    RequestCredentials, RequestRedirect, ResponseType,
};

use crate::{
    core::io::{HttpAnswer, HttpFailure, HttpRequest, Method},
    private::Private,
};

/// The most bytes of a body that are read.
const MAX_BODY: usize = 1024 * 1024;

/// What stands for every redirect: the browser tells neither its status nor where it leads.
const REDIRECT: u16 = 302;

/// Sends a request and reads its answer. Redirects are not followed: no API here uses one, and a secret header would go along.
///
/// # Errors
/// No whole answer came: in time, or at all.
pub async fn send(request: HttpRequest) -> Result<HttpAnswer, HttpFailure> {
    let limit = AbortSignal::timeout_with_u32(request.timeout);
    let answer = exchange(request, &limit).await;
    answer.map_err(|NoAnswer| if limit.aborted() { HttpFailure::Timeout } else { HttpFailure::Network })
}

/// What the browser says of it is dropped at once: it may hold the address, and is never more than "failed".
struct NoAnswer;

impl From<JsValue> for NoAnswer {
    fn from(_: JsValue) -> Self {
        Self
    }
}

impl From<gloo_net::Error> for NoAnswer {
    fn from(_: gloo_net::Error) -> Self {
        Self
    }
}

async fn exchange(request: HttpRequest, limit: &AbortSignal) -> Result<HttpAnswer, NoAnswer> {
    let headers = web_sys::Headers::new()?;
    for (name, value) in &request.headers {
        headers.append(name, value.reveal())?;
    }
    if request.json.is_some() {
        headers.set("Content-Type", "application/json")?;
    }
    let builder = RequestBuilder::new(&request.url)
        .method(match request.method {
            Method::Get => gloo_net::http::Method::GET,
            Method::Post => gloo_net::http::Method::POST,
        })
        .headers(Headers::from_raw(headers))
        .credentials(if request.cookies { RequestCredentials::Include } else { RequestCredentials::Omit })
        .cache(RequestCache::NoStore)
        .redirect(RequestRedirect::Manual)
        .referrer_policy(ReferrerPolicy::NoReferrer)
        .abort_signal(Some(limit));
    let response = match request.json {
        Some(json) => builder.body(json.into_inner())?.send().await?,
        None => builder.send().await?,
    };
    Ok(HttpAnswer {
        status: if response.type_() == ResponseType::Opaqueredirect { REDIRECT } else { response.status() },
        retry_after: response.headers().get("Retry-After"),
        body: Private::new(body(&response).await?),
    })
}

/// The body as text, cut at [`MAX_BODY`].
async fn body(response: &Response) -> Result<String, JsValue> {
    let Some(stream) = response.body() else { return Ok(String::new()) };
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    let mut bytes = Vec::new();
    while bytes.len() < MAX_BODY {
        let chunk: ReadableStreamReadResult = JsFuture::from(reader.read()).await?.unchecked_into();
        if chunk.get_done() == Some(true) {
            break;
        }
        bytes.extend(Uint8Array::new(&chunk.get_value()).to_vec());
    }
    if bytes.len() >= MAX_BODY {
        bytes.truncate(MAX_BODY);
        let _ = reader.cancel();
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
