//! The TCP stream under a connection: it can be reset for real, or turned deaf, while it is in use.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::ledger::Service;

#[derive(Default)]
struct State {
    deaf: AtomicBool,
    reset: AtomicBool,
    waker: AtomicWaker,
}

/// A hand on a connection, wherever the connection itself is.
#[derive(Clone, Default)]
pub(crate) struct Line(Arc<State>);

impl Line {
    /// Half-open: the connection stays, but whatever either side says from now on is lost.
    pub fn deafen(&self) {
        self.0.deaf.store(true, Ordering::Release);
    }

    /// The peer gets a TCP reset.
    pub fn reset(&self) {
        self.0.reset.store(true, Ordering::Release);
        self.0.waker.wake();
    }

    fn check(&self) -> io::Result<()> {
        if self.0.reset.load(Ordering::Acquire) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }

    fn deaf(&self) -> bool {
        self.0.deaf.load(Ordering::Acquire)
    }
}

/// The open connections that named their service at the TLS handshake.
#[derive(Default)]
pub(crate) struct Lines(Vec<(Service, Weak<State>)>);

impl Lines {
    pub fn add(&mut self, service: Service, line: &Line) {
        self.0.retain(|(_, line)| line.strong_count() > 0);
        self.0.push((service, Arc::downgrade(&line.0)));
    }

    /// Resets every connection to this service.
    pub fn reset(&self, service: Service) {
        for line in self.0.iter().filter(|(of, _)| *of == service).filter_map(|(_, line)| line.upgrade()) {
            Line(line).reset();
        }
    }
}

/// An accepted connection.
pub(crate) struct Wire {
    tcp: TcpStream,
    line: Line,
}

impl Wire {
    pub fn new(tcp: TcpStream) -> (Self, Line) {
        let line = Line::default();
        (Self { tcp, line: line.clone() }, line)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.line.check().is_err() {
            // Where it fails the connection is closed all the same.
            let _ = self.tcp.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.line.0.waker.register(cx.waker());
        self.line.check()?;
        while self.line.deaf() {
            let mut lost = [0; 4096];
            let mut lost = ReadBuf::new(&mut lost);
            ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut lost))?;
            if lost.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
        Pin::new(&mut self.tcp).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.line.check()?;
        if self.line.deaf() {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line.check()?;
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
