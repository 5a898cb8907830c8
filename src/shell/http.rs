//! HTTP exchanges, and the files that are kept of them.

use gloo_timers::callback::Timeout;
use js_sys::{Array, Date, Map, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Blob, BlobPropertyBag, FormData, Headers, ReadableStreamDefaultReader, ReadableStreamReadResult,
    ReferrerPolicy, RequestCache, RequestCredentials, RequestInit, RequestRedirect, Response, ResponseType,
};

use super::browser;
use crate::{
    Millis,
    http::{Body, FileInfo, HttpAnswer, HttpFailure, HttpRequest, Method},
    private::Private,
};

/// The most bytes of a text that are read.
const MAX_TEXT: usize = 1024 * 1024;

/// How much of a file is gathered in the worker's memory before it becomes a blob, which the browser may put on the disk.
const FOLD: u32 = 4 * 1024 * 1024;

/// What stands for every redirect: the browser tells neither its status nor where it leads.
const REDIRECT: u16 = 302;

#[wasm_bindgen]
extern "C" {
    /// Of a worker and of a page alike.
    #[wasm_bindgen(catch)]
    async fn fetch(url: &str, init: &RequestInit) -> Result<JsValue, JsValue>;
}

/// What the browser says of a failure is dropped at once: it may hold the address, and is never more than "failed".
impl From<JsValue> for HttpFailure {
    fn from(_: JsValue) -> Self {
        Self::Network
    }
}

/// Sends requests and keeps the files that they bring: outside of the wasm's memory, which never shrinks.
pub struct Http {
    largest: u64,
    /// A `Blob` for each id.
    files: Map,
}

impl Http {
    /// Keeps files of so many bytes at most.
    pub fn new(largest: u64) -> Self {
        Self { largest, files: Map::new() }
    }

    /// Sends a request and reads its answer. Redirects are not followed: no API here uses one, and a secret header would go along.
    ///
    /// # Errors
    /// No whole answer came, in time or at all; the file is too large; or the file to send is not kept, for the worker that
    /// kept it is gone.
    pub async fn send(&self, id: u32, request: HttpRequest) -> Result<HttpAnswer, HttpFailure> {
        let mut patience = Patience::new(request.timeout)?;
        let answer = self.exchange(id, &request, &mut patience).await;
        answer.map_err(|failure| if patience.is_over() { HttpFailure::Timeout } else { failure })
    }

    /// Forgets the file that was kept under this id, if there is one.
    pub fn drop_file(&self, id: u32) {
        self.files.delete(&id.into());
    }

    async fn exchange(
        &self,
        id: u32,
        request: &HttpRequest,
        patience: &mut Patience,
    ) -> Result<HttpAnswer, HttpFailure> {
        let init = self.init(request)?;
        init.set_signal(Some(&patience.abort.signal()));
        let response: Response = fetch(&request.url, &init).await?.unchecked_into();
        let (body, file) = if request.keep && response.ok() {
            (String::new(), Some(self.keep(id, &response, patience).await?))
        } else {
            (text(&response).await?, None)
        };
        let date = header(&response, "Date").and_then(|date| moment(&date));
        Ok(HttpAnswer {
            status: if response.type_() == ResponseType::Opaqueredirect { REDIRECT } else { response.status() },
            date,
            retry_after: header(&response, "Retry-After")
                .and_then(|wait| retry_after(&wait, date.unwrap_or_else(browser::now))),
            body: Private::new(body),
            file,
        })
    }

    fn init(&self, request: &HttpRequest) -> Result<RequestInit, HttpFailure> {
        let headers = Headers::new()?;
        let init = RequestInit::new();
        match &request.body {
            Body::Empty => {}
            Body::Json(json) => {
                headers.set("Content-Type", "application/json")?;
                init.set_body(&json.reveal().into());
            }
            Body::JsonPatch(json) => {
                headers.set("Content-Type", "application/json-patch+json")?;
                init.set_body(&json.reveal().into());
            }
            // Its Content-Type is the browser's, for it names the boundary.
            Body::File { kept, name } => {
                // Of one that is not kept, FormData throws.
                let file = self.files.get(&(*kept).into()).unchecked_into();
                let form = FormData::new()?;
                form.append_with_blob_and_filename("file", &file, name)?;
                init.set_body(&form);
            }
        }
        for (name, value) in &request.headers {
            headers.set(name, value.reveal())?;
        }
        init.set_method(match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Patch => "PATCH",
        });
        init.set_headers(&headers);
        init.set_credentials(if request.cookies { RequestCredentials::Include } else { RequestCredentials::Omit });
        init.set_cache(RequestCache::NoStore);
        init.set_redirect(RequestRedirect::Manual);
        init.set_referrer_policy(ReferrerPolicy::NoReferrer);
        Ok(init)
    }

    /// Keeps the body. On a slow line that takes long: only silence is waited for no longer than for an answer.
    async fn keep(&self, id: u32, response: &Response, patience: &mut Patience) -> Result<FileInfo, HttpFailure> {
        let announced = header(response, "Content-Length").and_then(|length| length.parse::<u64>().ok());
        if announced.is_some_and(|length| length > self.largest) {
            return Err(HttpFailure::TooLarge);
        }
        let chunks = Chunks::of(response);
        let parts = Array::new();
        let (mut length, mut loose) = (0, 0);
        patience.renew();
        while let Some(chunk) = chunks.next().await? {
            patience.renew();
            length += u64::from(chunk.length());
            if length > self.largest {
                return Err(HttpFailure::TooLarge);
            }
            loose += chunk.length();
            parts.push(&chunk);
            if loose >= FOLD {
                let folded = Blob::new_with_blob_sequence(&parts)?;
                parts.set_length(0);
                parts.push(&folded);
                loose = 0;
            }
        }
        let content_type = header(response, "Content-Type").unwrap_or_default();
        let options = BlobPropertyBag::new();
        options.set_type(&content_type);
        let file = Blob::new_with_blob_sequence_and_options(&parts, &options)?;
        self.files.set(&id.into(), &file);
        Ok(FileInfo { content_type, length })
    }
}

/// How long an answer, or the next piece of a file, is waited for. Once dropped, what is left of the answer is not read.
struct Patience {
    abort: AbortController,
    millis: u32,
    _timer: Timeout,
}

impl Patience {
    fn new(millis: u32) -> Result<Self, JsValue> {
        let abort = AbortController::new()?;
        Ok(Self { _timer: abort_after(millis, &abort), abort, millis })
    }

    fn renew(&mut self) {
        self._timer = abort_after(self.millis, &self.abort);
    }

    fn is_over(&self) -> bool {
        self.abort.signal().aborted()
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

fn abort_after(millis: u32, abort: &AbortController) -> Timeout {
    let abort = abort.clone();
    Timeout::new(millis, move || abort.abort())
}

/// A body, chunk by chunk.
struct Chunks(Option<ReadableStreamDefaultReader>);

impl Chunks {
    fn of(response: &Response) -> Self {
        Self(response.body().map(|stream| stream.get_reader().unchecked_into()))
    }

    async fn next(&self) -> Result<Option<Uint8Array>, JsValue> {
        let Some(reader) = &self.0 else { return Ok(None) };
        let chunk: ReadableStreamReadResult = JsFuture::from(reader.read()).await?.unchecked_into();
        Ok((chunk.get_done() != Some(true)).then(|| chunk.get_value().unchecked_into()))
    }
}

/// The body as text, cut at [`MAX_TEXT`].
async fn text(response: &Response) -> Result<String, JsValue> {
    let chunks = Chunks::of(response);
    let mut bytes = Vec::new();
    while bytes.len() < MAX_TEXT
        && let Some(chunk) = chunks.next().await?
    {
        bytes.extend(chunk.to_vec());
    }
    bytes.truncate(MAX_TEXT);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn header(response: &Response, name: &str) -> Option<String> {
    response.headers().get(name).ok().flatten()
}

/// How long `Retry-After` asks to wait: seconds, or until a moment. None where it is neither, or past.
fn retry_after(text: &str, now: Millis) -> Option<Millis> {
    let wait = match text.parse::<u32>() {
        Ok(seconds) => Millis::secs(seconds.into()),
        Err(_) => moment(text)? - now,
    };
    (wait >= Millis(0)).then_some(wait)
}

/// A date of HTTP. They all end in GMT: what else JavaScript reads as a date, a bare number for one, is none.
fn moment(text: &str) -> Option<Millis> {
    let moment = text.ends_with("GMT").then(|| Date::parse(text))?;
    (!moment.is_nan()).then_some(Millis(moment as i64))
}
