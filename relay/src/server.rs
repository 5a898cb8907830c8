//! The listeners: sockets, TLS, timeouts, and which part answers a request. hyper is led directly, for a connection must have a
//! timer of its own.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Layer, service_fn};
use tower_http::catch_panic::CatchPanicLayer;
use trubka::relay;

use crate::agents::Agents;
use crate::bus::Bus;
use crate::commands::Commands;
use crate::config::{Config, Tls};
use crate::guard::{Guard, Seat};
use crate::hooks::Hooks;
use crate::pace::Pace;
use crate::tokens::AgentId;
use crate::{health, metrics, system_calls};

/// The most bytes of a request's head, and the most lines in it.
const LARGEST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;
/// A peer that takes nothing of what it is sent for so long is gone.
const UNTAKEN: Duration = Duration::from_secs(30);
/// How often it is looked whether the certificate has changed.
const CERTIFICATE_LOOK: Duration = Duration::from_secs(60);
/// How soon a socket is accepted again after the system had none to give.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Whom the directory knows by a user's id.
pub struct Known {
    /// The internal number.
    pub ext: String,
    /// The agent, where one is named.
    pub agent: Option<AgentId>,
}

/// Everything a request needs to be answered.
pub struct App {
    pub(crate) guard: Guard,
    pub(crate) agents: Arc<Agents>,
    pub(crate) commands: Commands,
    pub(crate) bus: Bus,
    pub(crate) hooks: Hooks,
    /// By the user's id in small letters.
    pub(crate) people: HashMap<String, Known>,
    pub(crate) pace: Pace,
    pub(crate) stopping: CancellationToken,
}

impl App {
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// The directory as system calls ask it.
    pub(crate) fn people(config: &Config) -> HashMap<String, Known> {
        let known = |person: &crate::config::Person| {
            let agent = person.agent.as_ref().map(|name| AgentId::of(name.reveal()));
            Some((person.user_id.as_ref()?.to_ascii_lowercase(), Known { ext: person.ext.clone(), agent }))
        };
        config.directory.iter().filter_map(known).collect()
    }
}

/// Which listener a request came to.
#[derive(Clone, Copy)]
pub(crate) enum Door {
    /// Kontur and the agents.
    Public,
    /// The administrator's tools.
    Operations,
}

/// A listener at work.
pub(crate) struct Listener {
    pub app: Arc<App>,
    pub door: Door,
    pub socket: TcpListener,
    pub tls: Option<watch::Receiver<Arc<ServerConfig>>>,
    pub seats: Arc<Semaphore>,
    pub connections: TaskTracker,
}

impl Listener {
    /// Accepts connections until the relay stops.
    pub async fn listen(self) {
        let stopping = self.app.stopping.clone();
        let accept = async {
            loop {
                match self.socket.accept().await {
                    Ok((socket, peer)) => self.welcome(socket, peer),
                    Err(error) if is_of_one_peer(&error) => {}
                    Err(error) => {
                        tracing::error!(%error, "no further connection can be accepted for now");
                        sleep(EXHAUSTED).await;
                    }
                }
            }
        };
        stopping.run_until_cancelled(accept).await;
    }

    fn welcome(&self, socket: TcpStream, peer: SocketAddr) {
        // Whoever gets no seat is sent away at once: to wait would be to hang.
        let Some(seat) = self.app.guard.seat(&self.seats, peer.ip()) else { return };
        // Either fails only for a socket that is gone already.
        let _ = socket.set_nodelay(true);
        let _ = SockRef::from(&socket).set_tcp_user_timeout(Some(UNTAKEN));
        let connection =
            Connection { app: Arc::clone(&self.app), door: self.door, peer: peer.ip(), seat: Arc::new(seat) };
        match self.tls.as_ref().map(|tls| TlsAcceptor::from(Arc::clone(&tls.borrow()))) {
            None => drop(self.connections.spawn(connection.serve(socket))),
            Some(acceptor) => drop(self.connections.spawn(async move {
                if let Ok(Ok(secured)) = timeout(connection.app.pace.handshake, acceptor.accept(socket)).await {
                    connection.serve(secured).await;
                }
            })),
        }
    }
}

/// Whether only the connection that was to be accepted failed.
fn is_of_one_peer(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

struct Connection {
    app: Arc<App>,
    door: Door,
    peer: IpAddr,
    seat: Arc<Seat>,
}

impl Connection {
    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let (pace, stopping) = (self.app.pace, self.app.stopping.clone());
        let service = service_fn(move |request| {
            let (app, door, peer, seat) = (Arc::clone(&self.app), self.door, self.peer, Arc::clone(&self.seat));
            async move { Ok::<_, Infallible>(reply(app, door, peer, seat, request).await) }
        });
        let service = TowerToHyperService::new(CatchPanicLayer::custom(panicked).layer(service));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(pace.head)
            .max_buf_size(LARGEST_HEAD)
            .max_headers(MOST_HEADERS)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        // However it ends, there is nobody left to tell.
        tokio::select! {
            _ = connection.as_mut() => return,
            () = stopping.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }
}

/// Which part answers. Logs and metrics get the part's name: the path may hold the secret.
async fn reply(app: Arc<App>, door: Door, peer: IpAddr, seat: Arc<Seat>, request: Request<Incoming>) -> Response {
    let request = request.map(Body::new);
    let path = request.uri().path().to_owned();
    let (part, response) = match door {
        Door::Operations => match path.as_str() {
            "/metrics" => ("metrics", metrics::render().into_response()),
            path => health_or_nothing(&app, path),
        },
        Door::Public => {
            let speaker = app.guard.speaker(peer, request.headers());
            if let Some(rest) = app.guard.open(&path) {
                seat.is_known();
                ("systemCall", system_calls::answer(&app, rest, speaker, request).await)
            } else if !app.guard.admits(speaker.address) {
                ("limited", StatusCode::TOO_MANY_REQUESTS.into_response())
            } else if path == relay::PATH {
                ("agents", app.agents.connect(request, speaker, seat))
            } else {
                health_or_nothing(&app, &path)
            }
        }
    };
    let code = response.status().as_u16().to_string();
    ::metrics::counter!("trubka_relay_requests_total", "part" => part, "code" => code).increment(1);
    response
}

fn health_or_nothing(app: &App, path: &str) -> (&'static str, Response) {
    match path {
        "/healthz" => ("health", health::healthz(app)),
        "/readyz" => ("health", health::readyz(app)),
        _ => ("nothing", StatusCode::NOT_FOUND.into_response()),
    }
}

/// What a panic carries may hold anything, so it is not told.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request has panicked");
    ::metrics::counter!("trubka_relay_panics_total").increment(1);
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// Reads the certificate and its key, now and whenever their files change.
///
/// # Errors
/// A sentence, where they cannot be read or do not belong together.
pub(crate) fn watch_certificate(tls: Tls) -> Result<watch::Receiver<Arc<ServerConfig>>, String> {
    let (sender, receiver) = watch::channel(read_certificate(&tls)?);
    let mut seen = stamps(&tls);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = sender.closed() => return,
                () = sleep(CERTIFICATE_LOOK) => {}
            }
            let now = stamps(&tls);
            if now == seen {
                continue;
            }
            match read_certificate(&tls) {
                Ok(config) => {
                    tracing::info!("the certificate has changed");
                    sender.send_replace(config);
                    seen = now;
                }
                // Its two files do not change in one moment: it is read again at the next look.
                Err(reason) => tracing::error!(reason, "the new certificate cannot be used: the old one stays"),
            }
        }
    });
    Ok(receiver)
}

fn stamps(tls: &Tls) -> [Option<SystemTime>; 2] {
    let stamp = |path: &Path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    [stamp(&tls.certificate), stamp(&tls.key)]
}

fn read_certificate(tls: &Tls) -> Result<Arc<ServerConfig>, String> {
    let wrong = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let chain: Vec<_> = CertificateDer::pem_file_iter(&tls.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(&tls.certificate, &error))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| wrong(&tls.key, &error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| wrong(&tls.certificate, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_renewed_certificate_is_taken_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let files = Tls { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
        let issue = |name: &str| {
            let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
            std::fs::write(&files.certificate, made.cert.pem()).unwrap();
            std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        };
        issue("one.example");
        let mut served = watch_certificate(files.clone()).unwrap();
        let first = Arc::clone(&served.borrow_and_update());
        std::fs::write(&files.certificate, "half of one").unwrap();
        sleep(3 * CERTIFICATE_LOOK).await;
        assert!(Arc::ptr_eq(&first, &served.borrow()), "what cannot be read is not served");
        issue("two.example");
        timeout(2 * CERTIFICATE_LOOK, served.changed()).await.unwrap().unwrap();
        assert!(!Arc::ptr_eq(&first, &served.borrow()));
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_that_tells_nothing() {
        use tower::{Service, ServiceExt};

        let broken = service_fn(async |_: Request<Body>| -> Result<Response, Infallible> { panic!("+79451235489") });
        let mut guarded = CatchPanicLayer::custom(panicked).layer(broken);
        let answer = guarded.ready().await.unwrap().call(Request::new(Body::empty())).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(Body::new(answer.into_body()), 1024).await.unwrap();
        assert!(body.is_empty());
    }
}
