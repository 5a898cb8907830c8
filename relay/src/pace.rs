//! How long anything is waited for.

use std::time::Duration;

use trubka::relay::{HEARTBEAT, SILENCE};

/// How long anything is waited for. Tests hurry; everybody else takes the default.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// For a TLS handshake.
    pub handshake: Duration,
    /// For the head of a request, from the end of the one before: also how long a connection may idle.
    pub head: Duration,
    /// For the whole of a body.
    pub body: Duration,
    /// For an agent's first frame.
    pub hello: Duration,
    /// Between two pings.
    pub heartbeat: Duration,
    /// Without a frame of the browser.
    pub silence: Duration,
    /// For a browser to read what it is sent.
    pub write: Duration,
    /// From a system call to the end of its command: what a browser hears of later, it refuses.
    pub command: Duration,
    /// Beyond that, for the answer to come back.
    pub answer: Duration,
    /// For whoever is left when the relay stops.
    pub farewell: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let millis = |millis: trubka::Millis| Duration::from_millis(millis.0.unsigned_abs());
        Self {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(15),
            body: Duration::from_secs(10),
            hello: Duration::from_secs(5),
            heartbeat: millis(HEARTBEAT),
            silence: millis(SILENCE),
            write: Duration::from_secs(10),
            command: Duration::from_secs(10),
            answer: Duration::from_secs(1),
            farewell: Duration::from_secs(5),
        }
    }
}
