//! From an event of the exchange to the CRM request it causes, as the core alone needs it: storage and network answer at once.
//! The floor is what nobody could save: the frame parsed as JSON and nothing more, in the same run.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark measures and prints")]

use std::{
    collections::VecDeque,
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use trubka::{
    Millis,
    core::{
        Bridge,
        io::{Input, Output, Snapshot, SocketName},
    },
    http::{HttpAnswer, HttpRequest},
    private::Private,
    settings::Settings,
};

const WARM_UP: usize = 200;
const CALLS: usize = 2_000;

fn main() -> Result<()> {
    // `cargo test --benches` runs this, too: then it only has to work.
    let calls = if std::env::args().any(|argument| argument == "--bench") { CALLS } else { 1 };
    let mut stand = Stand::new()?;
    let (mut events, mut floors) = (Vec::new(), Vec::new());
    for number in 0..WARM_UP + calls {
        for frame in stand.frames(number) {
            let floor = Instant::now();
            black_box(serde_json::from_str::<Value>(black_box(&frame))?);
            let floor = floor.elapsed();
            let event = stand.event(frame)?;
            if number >= WARM_UP {
                floors.push(floor);
                events.push(event);
            }
        }
    }
    let (event, floor) = (median(events), median(floors));
    let ratio = event.as_secs_f64() / floor.as_secs_f64();
    println!("event to callback: {event:?}, floor (JSON parsed): {floor:?}, {ratio:.1} times the floor");
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// A connected core whose storage and services answer at once.
struct Stand {
    bridge: Bridge,
    now: Millis,
    socket: u32,
    asked: VecDeque<(u32, HttpRequest)>,
}

impl Stand {
    fn new() -> Result<Self> {
        let document = json!({
            "version": 1,
            "phonet": { "domain": "demo.phonet.com.ua", "apiKey": "phonet-key", "subscriber": "001" },
            "kontur": { "workspace": "ws", "apiKey": "kontur-key", "recordings": false },
        });
        let settings =
            Settings::default().replaced_by(&document.to_string()).ok().context("the settings are refused")?;
        let bridge = Bridge::new(settings, Snapshot::default(), 7);
        let mut stand = Self { bridge, now: Millis(1_700_000_000_000), socket: 0, asked: VecDeque::new() };
        stand.step(Input::Started { online: true, forbidden: Vec::new() });
        stand.answer_all();
        ensure!(stand.socket > 0, "no socket was opened");
        Ok(stand)
    }

    /// The three events of an answered incoming call, a minute after the one before.
    fn frames(&mut self, number: usize) -> [String; 3] {
        self.now = self.now + Millis(60_000);
        let (dial, bridge, hangup) = (self.now.0, self.now.0 + 5_000, self.now.0 + 9_000);
        [
            ("call.dial", Value::Null, dial),
            ("call.bridge", bridge.into(), bridge),
            ("call.hangup", bridge.into(), hangup),
        ]
        .map(|(event, bridge_at, time)| {
            json!({
                "event": event, "uuid": format!("call-{number}"), "parentUuid": null, "lgDirection": 4,
                "leg": { "id": 29, "type": 1, "displayName": "Анна Смирнова", "ext": "001" }, "leg2": null,
                "otherLegs": [{ "id": "1", "name": "Петров Иван Иванович", "num": "+79161234567",
                    "companyName": "Первый клиент", "priority": 1 }],
                "dialAt": dial, "bridgeAt": bridge_at, "serverTime": time,
                "trunkNum": "74951234567", "trunkName": "Москва",
            })
            .to_string()
        })
    }

    /// How long the core takes from a frame to the CRM request that it causes; then everything else is let happen.
    fn event(&mut self, frame: String) -> Result<Duration> {
        let input = Input::SocketFrame { socket: SocketName::Exchange, epoch: self.socket, text: Private::new(frame) };
        let start = Instant::now();
        self.step(input);
        let took = start.elapsed();
        ensure!(!self.asked.is_empty(), "the event caused no request");
        self.answer_all();
        Ok(took)
    }

    /// Answers the requests under way, and those that follow from the answers.
    fn answer_all(&mut self) {
        while let Some((id, request)) = self.asked.pop_front() {
            self.step(Input::HttpDone { id, result: Ok(answer(&request)) });
        }
    }

    /// Gives an input and does all that it causes, but leaves the requests unanswered.
    fn step(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.bridge.handle(self.now, input);
            while let Some(output) = self.bridge.poll() {
                match output {
                    Output::OpenSocket { socket, epoch, .. } => {
                        self.socket = epoch;
                        inputs.push_back(Input::SocketOpened { socket, epoch });
                    }
                    Output::Persist { batch, .. } => inputs.push_back(Input::Persisted { batch, stored: true }),
                    Output::Http { id, request } => self.asked.push_back((id, request)),
                    _ => {}
                }
            }
        }
    }
}

fn answer(request: &HttpRequest) -> HttpAnswer {
    let body = match request.url.rsplit('/').next() {
        Some("authorize-private-integration") => {
            json!({ "workspace": { "id": "1", "name": "ws" }, "accessKey": "access-key" })
        }
        Some("call-started") => json!({ "id": "communication", "links": { "contactIds": ["contact"] } }),
        Some("v3") => json!([]),
        Some(history) if history.contains(".api") => json!([]),
        _ => json!({}),
    };
    HttpAnswer { status: 200, retry_after: None, date: None, body: Private::new(body.to_string()), file: None }
}
