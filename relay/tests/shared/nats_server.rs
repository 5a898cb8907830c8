//! A real NATS server, Debian's.

use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A NATS server that can be stopped and started again.
pub struct NatsServer {
    state: TempDir,
    port: u16,
    process: Option<Child>,
}

impl NatsServer {
    pub fn start() -> Self {
        // Free a moment ago; a server that finds it taken does not start, and the test says so.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { state: tempfile::tempdir().unwrap(), port, process: None };
        server.start_again();
        server
    }

    pub fn start_again(&mut self) {
        let process = Command::new("nats-server")
            .args(["--jetstream", "--addr", "127.0.0.1", "--port", &self.port.to_string(), "--store_dir"])
            .arg(self.state.path())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(process.expect("nats-server is missing: ./build.sh setup installs it"));
    }

    pub fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// What it is in a relay's settings file.
    pub fn settings(&self) -> String {
        format!("[nats]\nservers = [\"nats://127.0.0.1:{}\"]", self.port)
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.stop();
        }
    }
}
