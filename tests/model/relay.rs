//! The relay: strict about what a browser says to it. Its clock is its own.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trubka::Millis;

pub const HOST: &str = "https://relay.example.com";
pub const TOKEN: &str = "relay-token";
/// How often it pings, and after which silence it closes.
pub const PING: Millis = Millis::secs(20);
pub const SILENCE: Millis = Millis::secs(50);
/// How long a command may be under way.
pub const EXPIRY: Millis = Millis::secs(10);

/// The relay.
#[derive(Default)]
pub struct Relay {
    pub socket: Option<u32>,
    /// Whether the open socket is dead without the browser's knowing it.
    pub half_open: bool,
    pub unreachable: bool,
    /// Why it lets nobody in.
    pub refuses: Option<&'static str>,
    /// Whether what answers says something else than a welcome.
    pub is_strange: bool,
    /// Whether it says nothing any more, pings included.
    pub silent: bool,
    /// How far its clock is ahead of the true time.
    pub ahead: Millis,
    /// What it hands out: `directory` and `access`.
    pub handed: Value,
    pub opened: u32,
    /// Whether the browser of the open socket has been let in.
    pub greeted: bool,
    /// When it heard anything last, and `active` last.
    pub heard_at: Millis,
    active_at: Option<Millis>,
    /// The frames of the browsers, in order.
    pub heard: Vec<Value>,
    /// How often each command was handed over.
    pub handed_over: BTreeMap<String, u32>,
    /// The answers to each command.
    pub answers: BTreeMap<String, Vec<Value>>,
    /// What broke a rule.
    pub violations: Vec<String>,
}

impl Relay {
    /// A socket opens.
    pub fn open(&mut self, epoch: u32, now: Millis) {
        *self = Self {
            socket: Some(epoch),
            half_open: false,
            greeted: false,
            active_at: None,
            heard_at: now,
            opened: self.opened + 1,
            ..std::mem::take(self)
        };
    }

    /// Its clock.
    pub fn clock(&self, now: Millis) -> Millis {
        now + self.ahead
    }

    pub fn ping(&self, now: Millis) -> Value {
        json!({ "kind": "ping", "now": self.clock(now).0 })
    }

    /// What it hands out anew.
    pub fn hands(&self) -> Value {
        self.with_handed(json!({ "kind": "handed" }))
    }

    fn with_handed(&self, mut frame: Value) -> Value {
        for (key, value) in self.handed.as_object().into_iter().flatten() {
            frame[key] = value.clone();
        }
        frame
    }

    /// A frame of the browser's; what it says to that, and whether it closes then.
    pub fn hear(&mut self, now: Millis, frame: &Value) -> (Option<Value>, bool) {
        self.heard_at = now;
        self.heard.push(frame.clone());
        let kind = frame["kind"].as_str().expect("a kind");
        if self.greeted == (kind == "hello") {
            self.violations.push(format!("{kind} out of turn"));
        }
        match kind {
            "hello" => {
                assert!(frame["version"].is_string());
                let reason = self.refuses.or_else(|| (frame["token"] != TOKEN).then_some("token"));
                return match reason {
                    _ if self.is_strange => (Some(json!({ "kind": "hello yourself" })), false),
                    Some(reason) => (Some(json!({ "kind": "refused", "reason": reason })), true),
                    None => {
                        self.greeted = true;
                        let welcome = json!({ "kind": "welcome", "now": self.clock(now).0 });
                        (Some(self.with_handed(welcome)), false)
                    }
                };
            }
            "active" => {
                if self.active_at.replace(now).is_some_and(|before| now - before < Millis::secs(30)) {
                    self.violations.push("active too often".to_owned());
                }
            }
            "answer" => {
                let id = frame["id"].as_str().expect("an id").to_owned();
                let answers = self.answers.entry(id.clone()).or_default();
                answers.push(frame.clone());
                if answers.len() > self.handed_over.get(&id).copied().unwrap_or(0) as usize {
                    self.violations.push(format!("{id}: answered more often than asked"));
                }
            }
            "pong" | "keyRefused" => {}
            other => panic!("{other}"),
        }
        (None, false)
    }

    /// The outcome of a command, as it was answered last.
    pub fn outcome(&self, id: &str) -> Option<&str> {
        self.answers.get(id)?.last()?["outcome"].as_str()
    }

    /// The problem of a command, as it was answered last.
    pub fn problem(&self, id: &str) -> Option<&str> {
        self.answers.get(id)?.last()?["problem"]["code"].as_str()
    }

    /// How often the browsers said this.
    pub fn said(&self, kind: &str) -> usize {
        self.heard.iter().filter(|frame| frame["kind"] == kind).count()
    }
}
