//! The two listeners, and which judge a request goes to: by the host it names, on loopback also by its path.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use axum_server::Handle;
use futures_util::StreamExt;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::accept::{Plain, Secure};
use crate::data::{KONTUR_HOST, PHONET_DOMAIN, UIS_HOSTS};
use crate::http::{Answer, Content, Heard};
use crate::kontur::{caller, files};
use crate::ledger::Service;
use crate::phonet::connector;
use crate::wire::Line;
use crate::world::Shared;
use crate::{Config, Error, control, fault, lab, pages, uis};

/// No documented body but an upload is larger.
const LARGEST_BODY: usize = 1024 * 1024;

/// Everything a request needs to be answered.
#[derive(Clone)]
pub(crate) struct App {
    pub shared: Arc<Shared>,
    /// Origins of the sandbox's own pages.
    pub origins: Arc<[String]>,
    /// Folders of the pages under `/lab/`.
    pub lab: Arc<[PathBuf]>,
}

/// Both listeners at work.
pub(crate) struct Server {
    pub http: SocketAddr,
    pub tls: SocketAddr,
    handles: [Handle<SocketAddr>; 2],
    tasks: [JoinHandle<std::io::Result<()>>; 2],
}

fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    if !address.ip().is_loopback() {
        return Err(Error::NotLoopback(address));
    }
    let listen = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    listen().map_err(|source| Error::Listen { address, source })
}

/// A certificate of our own for every name we answer to, made anew at each start.
fn tls_config() -> Result<Arc<rustls::ServerConfig>, Error> {
    let names = [KONTUR_HOST, PHONET_DOMAIN, "localhost", "127.0.0.1", "::1"].into_iter().chain(UIS_HOSTS);
    let names: Vec<String> = names.map(str::to_owned).collect();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

impl Server {
    pub fn start(config: Config, shared: Arc<Shared>) -> Result<Self, Error> {
        let ((plain, http), (secure, tls)) = (bind(config.http)?, bind(config.tls)?);
        let hosts = |port: u16, scheme: &str| {
            ["127.0.0.1", "localhost", "[::1]"].map(|host| format!("{scheme}://{host}:{port}"))
        };
        let origins = [hosts(http.port(), "http"), hosts(tls.port(), "https")].concat().into();
        let secured = Secure { shared: Arc::clone(&shared), config: tls_config()? };
        let app = App { shared, origins, lab: config.lab.into() };
        let control = control::router(app.clone());
        let service = Router::new().fallback(dispatch).layer(Extension(control)).with_state(app).into_make_service();
        let handles = [Handle::new(), Handle::new()];
        let [plain_handle, secure_handle] = handles.clone();
        let plain = axum_server::from_tcp(plain)
            .map_err(|source| Error::Listen { address: http, source })?
            .acceptor(Plain)
            .handle(plain_handle)
            .serve(service.clone());
        let secure = axum_server::from_tcp(secure)
            .map_err(|source| Error::Listen { address: tls, source })?
            .acceptor(secured)
            .handle(secure_handle)
            .serve(service);
        Ok(Self { http, tls, handles, tasks: [tokio::spawn(plain), tokio::spawn(secure)] })
    }

    /// Closes both listeners and every connection.
    pub async fn stop(self) {
        for handle in &self.handles {
            handle.shutdown();
        }
        for task in self.tasks {
            // Its only failure is that it is already over.
            let _ = task.await;
        }
    }
}

/// Whose name a `Host` header bears.
enum Host {
    Kontur,
    Phonet,
    Uis,
    Loopback,
}

fn host(request: &Request) -> Option<Host> {
    let named = request.headers().get(header::HOST)?.to_str().ok()?;
    let authority: axum::http::uri::Authority = named.parse().ok()?;
    let name = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
    match name.as_str() {
        KONTUR_HOST => Some(Host::Kontur),
        PHONET_DOMAIN => Some(Host::Phonet),
        name if UIS_HOSTS.contains(&name) => Some(Host::Uis),
        "localhost" => Some(Host::Loopback),
        address => address.parse::<IpAddr>().ok().filter(IpAddr::is_loopback).map(|_| Host::Loopback),
    }
}

async fn dispatch(
    State(app): State<App>,
    Extension(control): Extension<Router>,
    Extension(line): Extension<Line>,
    request: Request,
) -> Response {
    let path = request.uri().path().to_owned();
    let under = |prefix: &str| path.starts_with(prefix);
    match host(&request) {
        None => Answer::new(StatusCode::MISDIRECTED_REQUEST, Content::Text("This sandbox has no such host."))
            .into_response(),
        Some(Host::Kontur | Host::Loopback) if under("/api/v1/") => serve(app, line, Service::Kontur, request).await,
        Some(Host::Kontur | Host::Loopback) if under(pages::CALLS) => pages::watch(app.shared, &path),
        Some(Host::Kontur | Host::Loopback) if under("/app/") => pages::crm(&path),
        Some(Host::Kontur | Host::Loopback) if under("/lab/") => lab::file(&app.lab, &path).await,
        Some(Host::Kontur) if path == "/" => pages::to_crm(),
        // A browser asks for it by itself.
        Some(Host::Kontur) if path == "/favicon.ico" => pages::missing(),
        Some(Host::Kontur) => serve(app, line, Service::Kontur, request).await,
        Some(Host::Uis) => serve(app, line, Service::Uis, request).await,
        Some(Host::Loopback) if uis::is_path(&path) => serve(app, line, Service::Uis, request).await,
        Some(Host::Loopback) if !under("/rest/") && !under("/live/") => control.oneshot(request).await.into_response(),
        Some(Host::Phonet | Host::Loopback) => serve(app, line, Service::Phonet, request).await,
    }
}

/// The whole body; none where it is larger than `limit`. It is heard to its end all the same: a client that still speaks
/// would not hear the answer.
async fn hear_out(body: Body, limit: usize) -> Result<Option<Bytes>, axum::Error> {
    let (mut stream, mut whole, mut size) = (body.into_data_stream(), Vec::new(), 0);
    while let Some(piece) = stream.next().await {
        let piece = piece?;
        size += piece.len();
        if size <= limit {
            whole.extend_from_slice(&piece);
        }
    }
    Ok((size <= limit).then(|| whole.into()))
}

/// Hears a request out and has its service answer it.
async fn serve(app: App, line: Line, service: Service, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let limit =
        if service == Service::Kontur && files::is_upload(&path) { files::LARGEST_UPLOAD } else { LARGEST_BODY };
    let Ok(body) = hear_out(body, limit).await else {
        // The client has gone in the middle of it: nobody is left to answer.
        return fault::reset(&line).await;
    };
    let too_large = body.is_none();
    let heard = Heard {
        method: parts.method.clone(),
        path,
        query: form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
        headers: parts.headers.clone(),
        body: body.unwrap_or_default(),
    };
    if too_large {
        return app.shared.too_large(service, &heard).into_response();
    }
    if service == Service::Phonet && heard.path == connector::PATH {
        return connector::connect(app.shared, line, heard, &mut parts).await;
    }
    let mut answer = app.shared.serve(service, &heard);
    if let Some(order) = answer.order.take() {
        answer = caller::pass_on(&app.shared, &heard, *order, answer).await;
    }
    fault::deliver(answer, &line).await
}
