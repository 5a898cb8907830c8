//! Performs the requests that the pure modules describe.

use std::time::Duration;

use axum::body::Bytes;
use reqwest::{
    Client, ClientBuilder, RequestBuilder, Response, StatusCode,
    header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER},
    multipart::{Form, Part},
    redirect::Policy,
};
use trubka::{
    Millis,
    http::{Body, FileInfo, HttpAnswer, HttpFailure, HttpRequest, LARGEST_FILE, Method},
    private::Private,
};

use crate::clock::{millis, now};

/// The most bytes of a text that are read.
const MAX_TEXT: usize = 1024 * 1024;
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// A client of one service.
#[derive(Clone, Debug)]
pub struct Http(Client);

/// A file and what its bytes are said to be.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// What it holds.
    pub bytes: Bytes,
}

impl Http {
    /// Redirects are not followed: no API here uses one, and a secret header would go along. Cookies are kept only for a service whose
    /// sessions they are.
    ///
    /// # Errors
    /// The system's certificates cannot be read.
    pub fn new(cookies: bool) -> Result<Self, reqwest::Error> {
        Self::builder().cookie_store(cookies).build().map(Self)
    }

    /// For what this machine serves itself: no proxy leads there, and a certificate has the name by which others come.
    ///
    /// # Errors
    /// The system's certificates cannot be read.
    pub fn here() -> Result<Self, reqwest::Error> {
        Self::builder().no_proxy().danger_accept_invalid_certs(true).build().map(Self)
    }

    fn builder() -> ClientBuilder {
        // Whoever came first has installed the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(CONNECT)
            .user_agent(concat!("trubka-relay/", env!("CARGO_PKG_VERSION")))
    }

    /// Sends a request and reads its answer; the file that [`HttpRequest::keep`] asks for comes beside it. `upload` is what
    /// [`Body::File`] sends.
    ///
    /// # Errors
    /// No whole answer came, in time or at all, or the file is too large.
    pub async fn send(&self, request: &HttpRequest, upload: Option<&File>) -> Result<(HttpAnswer, Bytes), HttpFailure> {
        let patience = Duration::from_millis(request.timeout.into());
        let sending = self.prepare(request, upload)?.send();
        let response = within(patience, sending).await?;
        let status = response.status();
        let date = date(response.headers());
        let retry_after = header(response.headers(), RETRY_AFTER).and_then(|wait| self::retry_after(wait, date));
        let (body, file, bytes) = if request.keep && status.is_success() {
            let (info, bytes) = keep(response, patience).await?;
            (String::new(), Some(info), bytes)
        } else {
            (
                tokio::time::timeout(patience, text(response)).await.map_err(|_| HttpFailure::Timeout)??,
                None,
                Bytes::new(),
            )
        };
        Ok((HttpAnswer { status: status.as_u16(), retry_after, date, body: Private::new(body), file }, bytes))
    }

    /// Asks as anybody may; the status and the text of the answer.
    ///
    /// # Errors
    /// No whole answer came, in time or at all.
    pub async fn get(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        patience: Duration,
    ) -> Result<(u16, String), HttpFailure> {
        let request = headers.iter().fold(self.0.get(url), |request, (name, value)| request.header(*name, *value));
        let response = within(patience, request.send()).await?;
        let status = response.status();
        let is_other = status == StatusCode::SWITCHING_PROTOCOLS;
        let text = async { if is_other { Ok(String::new()) } else { text(response).await } };
        let text = tokio::time::timeout(patience, text).await.map_err(|_| HttpFailure::Timeout)??;
        Ok((status.as_u16(), text))
    }

    fn prepare(&self, request: &HttpRequest, upload: Option<&File>) -> Result<RequestBuilder, HttpFailure> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Patch => reqwest::Method::PATCH,
        };
        let mut builder = self.0.request(method, &request.url);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value.reveal());
        }
        let json = |builder: RequestBuilder, kind: &str, json: &Private<String>| {
            builder.header(CONTENT_TYPE, kind).body(json.reveal().clone())
        };
        Ok(match (&request.body, upload) {
            (Body::Empty, _) => builder,
            (Body::Json(body), _) => json(builder, "application/json", body),
            (Body::JsonPatch(body), _) => json(builder, "application/json-patch+json", body),
            (Body::File { name, .. }, Some(file)) => {
                let part = Part::stream(file.bytes.clone()).file_name(name.clone());
                let part = part.mime_str(&file.content_type).map_err(|_| HttpFailure::Network)?;
                builder.multipart(Form::new().part("file", part))
            }
            (Body::File { .. }, None) => return Err(HttpFailure::Network),
        })
    }
}

/// What the library says of a failure is dropped at once: it may hold the address, and is never more than "failed".
async fn within<T>(
    patience: Duration,
    step: impl Future<Output = Result<T, reqwest::Error>>,
) -> Result<T, HttpFailure> {
    match tokio::time::timeout(patience, step).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) if error.is_timeout() => Err(HttpFailure::Timeout),
        Ok(Err(_)) => Err(HttpFailure::Network),
        Err(_) => Err(HttpFailure::Timeout),
    }
}

/// The body as text, cut at [`MAX_TEXT`].
async fn text(mut response: Response) -> Result<String, HttpFailure> {
    let mut bytes = Vec::new();
    while bytes.len() < MAX_TEXT
        && let Some(chunk) = response.chunk().await.map_err(|_| HttpFailure::Network)?
    {
        bytes.extend_from_slice(&chunk);
    }
    bytes.truncate(MAX_TEXT);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The body as a file. On a slow line that takes long: only silence is waited for no longer than for an answer.
async fn keep(mut response: Response, patience: Duration) -> Result<(FileInfo, Bytes), HttpFailure> {
    if response.content_length().is_some_and(|length| length > LARGEST_FILE) {
        return Err(HttpFailure::TooLarge);
    }
    let content_type = header(response.headers(), CONTENT_TYPE).unwrap_or_default().to_owned();
    let mut bytes = Vec::new();
    while let Some(chunk) = within(patience, response.chunk()).await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > LARGEST_FILE {
            return Err(HttpFailure::TooLarge);
        }
    }
    Ok((FileInfo { content_type, length: bytes.len() as u64 }, bytes.into()))
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn date(headers: &HeaderMap) -> Option<Millis> {
    httpdate::parse_http_date(header(headers, DATE)?).ok().map(millis)
}

/// How long `Retry-After` asks to wait: seconds, or until a moment by the service's clock. None where it is neither, or past.
fn retry_after(text: &str, date: Option<Millis>) -> Option<Millis> {
    let wait = match text.trim().parse::<u32>() {
        Ok(seconds) => Millis::secs(seconds.into()),
        Err(_) => httpdate::parse_http_date(text).ok().map(millis)? - date.unwrap_or_else(now),
    };
    (wait >= Millis(0)).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_moment() {
        let date = Some(Millis(1_445_412_480_000));
        assert_eq!(retry_after("120", None), Some(Millis::secs(120)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:30 GMT", date), Some(Millis::secs(30)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:27:30 GMT", date), None);
        assert_eq!(retry_after("soon", date), None);
    }
}
