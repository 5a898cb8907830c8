//! How connections are accepted: each request knows its connection's [`Line`], and a service may refuse to be reached.

use std::future::{Ready, ready};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tower::Layer;

use crate::data::{KONTUR_HOST, PHONET_DOMAIN, UIS_HOSTS};
use crate::ledger::Service;
use crate::wire::{Line, Wire};
use crate::world::Shared;

/// Whoever connects and says nothing is not waited for.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

type Known<S> = AddExtension<S, Line>;

/// Without TLS nothing names the service before the request does.
#[derive(Clone)]
pub(crate) struct Plain;

impl<S> Accept<TcpStream, S> for Plain {
    type Stream = Wire;
    type Service = Known<S>;
    type Future = Ready<io::Result<(Wire, Known<S>)>>;

    fn accept(&self, tcp: TcpStream, service: S) -> Self::Future {
        let (wire, line) = Wire::new(tcp);
        ready(Ok((wire, Extension(line).layer(service))))
    }
}

/// TLS: the name in the handshake tells which service is meant, and refused connections end there.
#[derive(Clone)]
pub(crate) struct Secure {
    pub shared: Arc<Shared>,
    pub config: Arc<ServerConfig>,
}

impl Secure {
    async fn shake(self, tcp: TcpStream) -> io::Result<(TlsStream<Wire>, Line)> {
        let (wire, line) = Wire::new(tcp);
        let hello = LazyConfigAcceptor::new(Acceptor::default(), wire).await?;
        let named = match hello.client_hello().server_name() {
            Some(KONTUR_HOST) => Some(Service::Kontur),
            Some(PHONET_DOMAIN) => Some(Service::Phonet),
            Some(name) if UIS_HOSTS.contains(&name) => Some(Service::Uis),
            _ => None,
        };
        if let Some(service) = named
            && !self.shared.change(|world| world.admit(service, &line))
        {
            line.reset();
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok((hello.into_stream(self.config).await?, line))
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Secure {
    type Stream = TlsStream<Wire>;
    type Service = Known<S>;
    type Future = BoxFuture<'static, io::Result<(TlsStream<Wire>, Known<S>)>>;

    fn accept(&self, tcp: TcpStream, service: S) -> Self::Future {
        let shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, self.clone().shake(tcp));
        async {
            let (stream, line) = shaken.await??;
            Ok((stream, Extension(line).layer(service)))
        }
        .boxed()
    }
}
