//! All that is true at one moment, behind one lock, and a signal at each change of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use tokio::sync::watch;

use crate::clock::now;
use crate::fault::{Faults, Kind};
use crate::http::{Answer, Content, Heard};
use crate::kontur::Crm;
use crate::kontur::files;
use crate::ledger::{Entry, Ledger, Service};
use crate::phonet::exchange::Exchange;
use crate::phonet::rest;
use crate::uis::Uis;
use crate::wire::{Line, Lines};

#[derive(Default)]
pub(crate) struct World {
    pub exchange: Exchange,
    pub uis: Uis,
    pub crm: Crm,
    pub ledger: Ledger,
    pub faults: Faults,
    pub lines: Lines,
    /// Grows with each reset, so that what was under way before it comes to nothing.
    pub generation: u64,
}

impl World {
    /// Whether a service lets this connection in; it is known from then on.
    pub fn admit(&mut self, service: Service, line: &Line) -> bool {
        let admitted = !self.faults.refuses(service);
        if admitted {
            self.lines.add(service, line);
        }
        admitted
    }

    /// Answers one request to a service: as a fault wants it, else by its judge.
    pub fn answer(&mut self, service: Service, heard: &Heard) -> Answer {
        let fault = self.faults.take(service, &heard.path);
        let mut answer = match (fault.and_then(|kind| kind.instead(service, &heard.path)), service) {
            (Some(answer), Service::Kontur) => {
                self.crm.lose(heard, answer.status);
                answer
            }
            (Some(answer), Service::Phonet | Service::Uis) => answer,
            (None, Service::Kontur) => self.crm.judge(heard),
            (None, Service::Phonet) => rest::judge(&mut self.exchange, heard),
            (None, Service::Uis) => self.uis.judge(heard, arrival(fault)),
        };
        answer.fault = fault;
        answer
    }

    fn record(&mut self, service: Service, heard: &Heard, answer: &Answer) {
        self.ledger.write(Entry {
            seq: 0,
            at: now(),
            service,
            method: heard.method.to_string(),
            path: heard.path.clone(),
            query: heard.query.clone(),
            status: if answer.fault.is_some_and(Kind::loses_request) { 0 } else { answer.status.as_u16() },
            request: heard.body_value(),
            answer: answer.body_value(),
            violations: answer.violations.clone(),
            repeat: answer.repeat,
            fault: answer.fault,
        });
    }

    /// Forgets everything but the open sockets.
    pub fn reset(&mut self) {
        let mut exchange = std::mem::take(&mut self.exchange);
        exchange.reset();
        let lines = std::mem::take(&mut self.lines);
        *self = Self { exchange, lines, generation: self.generation + 1, ..Self::default() };
    }
}

/// When an answer given now reaches its client; none where it is lost, or not whole.
fn arrival(fault: Option<Kind>) -> Option<i64> {
    let Some(fault) = fault else { return Some(now()) };
    fault.delay().map(|millis| now().saturating_add_unsigned(millis))
}

/// The world, shared by every connection.
#[derive(Default)]
pub(crate) struct Shared {
    world: Mutex<World>,
    version: watch::Sender<u64>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the world and wakes whoever waits for a change.
    pub fn change<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let result = act(&mut self.lock());
        self.version.send_modify(|version| *version += 1);
        result
    }

    /// Wakes at each change from now on.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Answers a request and writes it down, unless its answer is still to come from an integration's server.
    pub fn serve(&self, service: Service, heard: &Heard) -> Answer {
        self.change(|world| {
            let answer = world.answer(service, heard);
            if answer.order.is_none() {
                world.record(service, heard, &answer);
            }
            answer
        })
    }

    /// Writes down a request that was answered elsewhere.
    pub fn record(&self, service: Service, heard: &Heard, answer: &Answer) {
        self.change(|world| world.record(service, heard, answer));
    }

    /// A request too large to be read.
    pub fn too_large(&self, service: Service, heard: &Heard) -> Answer {
        let answer = if service == Service::Kontur && files::is_upload(&heard.path) {
            files::too_large()
        } else {
            Answer::new(StatusCode::PAYLOAD_TOO_LARGE, Content::Empty)
                .violation("the body is larger than any documented one")
        };
        self.record(service, heard, &answer);
        answer
    }
}
