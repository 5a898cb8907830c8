//! A scripted day: calls of every kind and bad weather, drawn from a seed, played by the sandbox's control API.

use std::{ops::Range, time::Duration};

use anyhow::{Context, Result};
use fastrand::Rng;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::Control;

/// Clients; the exchange's address book knows some of them.
const CLIENTS: [&str; 4] = ["79451235489", "78123854136", "76046851124", "79990001122"];

/// How long a telephone rings, and how long people talk, in milliseconds.
const RINGING: Range<u64> = 100..1500;
const TALKING: Range<u64> = 100..4000;

/// What becomes of a call.
#[derive(Clone, Copy, Debug)]
enum Plot {
    Answered,
    Missed,
    /// The client shows no number.
    Withheld,
    Internal,
    InternalMissed,
    Group,
    GroupByColleague,
    /// The agent declines, the colleague answers.
    GroupDeclined,
    GroupMissed,
}

const PLOTS: [Plot; 9] = [
    Plot::Answered,
    Plot::Missed,
    Plot::Withheld,
    Plot::Internal,
    Plot::InternalMissed,
    Plot::Group,
    Plot::GroupByColleague,
    Plot::GroupDeclined,
    Plot::GroupMissed,
];

/// One call that the agent 001 has to do with.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    plot: Plot,
    client: &'static str,
    ringing: Duration,
    talking: Duration,
}

impl Script {
    /// Draws one.
    pub fn draw(rng: &mut Rng) -> Self {
        Self {
            plot: *rng.choice(&PLOTS).unwrap_or(&Plot::Answered),
            client: *rng.choice(&CLIENTS).unwrap_or(&""),
            ringing: Duration::from_millis(rng.u64(RINGING)),
            talking: Duration::from_millis(rng.u64(TALKING)),
        }
    }

    /// Plays it from the first ring to the end.
    pub async fn play(self, control: &Control) -> Result<()> {
        let call = match self.plot {
            Plot::Answered | Plot::Missed => control.incoming(Some(self.client), "001").await?,
            Plot::Withheld => control.incoming(None, "001").await?,
            Plot::Internal | Plot::InternalMissed => control.internal("001", "002").await?,
            Plot::Group | Plot::GroupByColleague | Plot::GroupDeclined | Plot::GroupMissed => {
                control.incoming(Some(self.client), "900").await?
            }
        };
        let leg = |ext| call.legs.get(ext).context("a member's telephone does not ring");
        sleep(self.ringing).await;
        match self.plot {
            Plot::Missed | Plot::InternalMissed | Plot::GroupMissed => return control.hang_up(&call.uuid).await,
            Plot::Answered | Plot::Withheld | Plot::Internal => control.answer(&call.uuid).await?,
            Plot::Group => control.answer(leg("001")?).await?,
            Plot::GroupByColleague => control.answer(leg("002")?).await?,
            Plot::GroupDeclined => {
                control.hang_up(leg("001")?).await?;
                sleep(self.ringing).await;
                control.answer(leg("002")?).await?;
            }
        }
        sleep(self.talking).await;
        control.hang_up(&call.uuid).await
    }
}

/// A fault of a service that passes by itself, as the sandbox takes it.
pub fn weather(rng: &mut Rng) -> Value {
    let count = rng.u32(1..4);
    let kontur = |fault: Value| with(fault, "kontur", "/api/");
    let rest = |fault: Value| with(fault, "phonet", "/rest/");
    let connector = |fault: Value| with(fault, "phonet", "/live/");
    let faults = [
        kontur(json!({ "status": 500, "count": count })),
        kontur(json!({ "status": 503, "count": count, "retryAfter": 1 })),
        kontur(json!({ "status": 429, "count": count, "retryAfter": 1 })),
        kontur(json!({ "kind": "latency", "millis": 700, "count": count })),
        kontur(json!({ "kind": "resetBefore", "count": count })),
        kontur(json!({ "kind": "resetAfter", "count": count })),
        kontur(json!({ "kind": "malformed", "count": 1 })),
        kontur(json!({ "kind": "contentType", "count": 1 })),
        rest(json!({ "status": 500, "count": count })),
        rest(json!({ "kind": "resetAfter", "count": count })),
        connector(json!({ "status": 503, "count": 1 })),
    ];
    rng.choice(faults).unwrap_or_default()
}

/// The end of all bad weather.
pub async fn clear(control: &Control) -> Result<()> {
    for (service, path) in [("kontur", "/api/"), ("phonet", "/rest/"), ("phonet", "/live/")] {
        control.act("fault", &with(json!({ "status": 500, "count": 0 }), service, path)).await?;
    }
    Ok(())
}

/// A fault of a part of a service; the CRM's own page stays out of it.
fn with(mut fault: Value, service: &str, path: &str) -> Value {
    if let Value::Object(fields) = &mut fault {
        fields.insert("service".to_owned(), service.into());
        fields.insert("path".to_owned(), path.into());
    }
    fault
}
