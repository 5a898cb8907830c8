//! Commands on their way from a system call to a browser. Each has an id; whoever asks for the same id again gets the first one's
//! ending, and nothing is done twice. Only where nothing was handed to anybody is an id free again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use trubka::Millis;
use trubka::relay::{Command, FromAgent, Outcome, ToAgent};

use crate::agents::Agents;
use crate::bus::{Asked, Bus, Claim, Place};
use crate::clock;
use crate::pace::Pace;
use crate::tokens::{AgentId, hex};

/// How long an ending is known.
pub const MEMORY: Duration = Duration::from_secs(60 * 60);
/// How many endings are known at most.
pub const MOST_REMEMBERED: usize = 100_000;

/// A command for an agent.
#[derive(Clone, Debug)]
pub struct Order {
    /// Never carried out twice.
    pub id: String,
    /// Whose browser is to carry it out.
    pub agent: AgentId,
    /// After this moment nobody begins.
    pub expires_at: Millis,
    /// What.
    pub command: Command,
}

impl Order {
    /// The frame that a browser gets; also how instances tell each other.
    pub fn to_json(&self) -> String {
        let Self { id, expires_at, command, .. } = self.clone();
        ToAgent::Command { id, expires_at, command }.to_json().into_inner()
    }

    /// Reads what [`Self::to_json`] wrote.
    pub fn parse(agent: AgentId, text: &str) -> Option<Self> {
        match ToAgent::parse(text)? {
            ToAgent::Command { id, expires_at, command } => Some(Self { id, agent, expires_at, command }),
            _ => None,
        }
    }

    /// Its id as a key: the CRM's ids may hold anything, keys may not.
    pub fn key(&self) -> String {
        hex(&Sha256::digest(self.id.as_bytes()))
    }

    /// How much longer it may begin.
    pub fn left(&self) -> Duration {
        Duration::from_millis(u64::try_from((self.expires_at - clock::now()).0).unwrap_or(0))
    }
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// The browser answered.
    Told(Outcome),
    /// No browser of the agent's is connected: nothing was handed to anybody.
    NotConnected,
    /// The browser got it and did not answer in time: nobody knows.
    TimedOut,
    /// The browser, or the instance it is connected to, was lost before it answered: nobody knows.
    Lost,
}

impl Ending {
    /// As instances write it down and tell each other.
    pub fn to_text(&self) -> String {
        match self {
            Self::Told(outcome) => {
                FromAgent::Answer { id: String::new(), outcome: outcome.clone() }.to_json().into_inner()
            }
            Self::NotConnected => "notConnected".to_owned(),
            Self::TimedOut => "timedOut".to_owned(),
            Self::Lost => "lost".to_owned(),
        }
    }

    /// Reads what [`Self::to_text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "notConnected" => Self::NotConnected,
            "timedOut" => Self::TimedOut,
            "lost" => Self::Lost,
            text => match FromAgent::parse(text)? {
                FromAgent::Answer { outcome, .. } => Self::Told(outcome),
                _ => return None,
            },
        })
    }
}

/// The desk that commands go over.
#[derive(Clone)]
pub struct Commands(Arc<Desk>);

struct Desk {
    agents: Arc<Agents>,
    bus: Bus,
    pace: Pace,
    records: Mutex<Records>,
    tasks: TaskTracker,
}

type Told = watch::Receiver<Option<Ending>>;

/// The endings that are known or awaited.
#[derive(Default)]
struct Records {
    by_id: HashMap<String, (Instant, Told)>,
    by_age: VecDeque<(Instant, String)>,
}

impl Records {
    fn forget_old(&mut self) {
        while let Some((since, id)) = self.by_age.front()
            && (since.elapsed() > MEMORY || self.by_age.len() > MOST_REMEMBERED)
        {
            // The id may have been asked for anew since.
            if self.by_id.get(id).is_some_and(|(known, _)| known == since) {
                self.by_id.remove(id);
            }
            self.by_age.pop_front();
        }
    }

    fn remember(&mut self, id: &str, told: Told) {
        let now = Instant::now();
        self.by_id.insert(id.to_owned(), (now, told));
        self.by_age.push_back((now, id.to_owned()));
        self.forget_old();
    }
}

impl Commands {
    /// A desk between these agents and this bus.
    pub fn new(agents: Arc<Agents>, bus: Bus, pace: Pace) -> Self {
        let (records, tasks) = (Mutex::default(), TaskTracker::new());
        Self(Arc::new(Desk { agents, bus, pace, records, tasks }))
    }

    /// Has a command carried out, or learns what became of it when it was asked for before. It is carried out to its end even if
    /// nobody waits for it any more.
    pub async fn carry_out(&self, id: String, agent: AgentId, command: Command) -> Ending {
        let mut told = self.ending_of(id, agent, command);
        let ending = told.wait_for(Option::is_some).await.ok().and_then(|ending| ending.clone());
        // Its task has died: it may have handed the command over.
        ending.unwrap_or(Ending::Lost)
    }

    fn ending_of(&self, id: String, agent: AgentId, command: Command) -> Told {
        let mut records = self.0.records.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, told)) = records.by_id.get(&id) {
            metrics::counter!("trubka_relay_repeated_commands_total").increment(1);
            return told.clone();
        }
        let (tell, told) = watch::channel(None);
        records.remember(&id, told.clone());
        let expires_at = clock::now() + Millis(i64::try_from(self.0.pace.command.as_millis()).unwrap_or(i64::MAX));
        let order = Order { id, agent, expires_at, command };
        let desk = Arc::clone(&self.0);
        self.0.tasks.spawn(async move {
            let ending = desk.lead(&order).await;
            tell.send_replace(Some(ending));
        });
        told
    }

    /// Waits until no command is under way.
    pub async fn finished(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

impl Desk {
    async fn lead(&self, order: &Order) -> Ending {
        let ending = match self.bus.claim(order, self.pace.answer).await {
            Claim::Known(ending) => ending,
            Claim::Ours => {
                let ending = self.hand_over(order).await;
                self.bus.settle(order, &ending);
                ending
            }
        };
        if ending == Ending::NotConnected {
            self.records.lock().unwrap_or_else(PoisonError::into_inner).by_id.remove(&order.id);
        }
        ending
    }

    /// Hands it to the last active browser, wherever it is; to the next one only where nothing was handed over.
    async fn hand_over(&self, order: &Order) -> Ending {
        let mut places = self.bus.places(order.agent);
        if let Some(freshness) = self.agents.freshness(order.agent) {
            places.push((freshness, Place::Here));
        }
        places.sort_by(|(a, _), (b, _)| b.cmp(a));
        for (_, place) in places {
            let ending = match place {
                Place::Here => self.agents.carry_out(order).await,
                Place::Instance(instance) => match self.bus.ask(&instance, order, self.pace.answer).await {
                    Asked::Told(Ending::NotConnected) | Asked::Nobody => None,
                    Asked::Told(ending) => Some(ending),
                },
            };
            if let Some(ending) = ending {
                return ending;
            }
        }
        Ending::NotConnected
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trubka::problem::{Code, Problem};

    #[test]
    fn an_ending_is_read_as_it_is_written() {
        let problem = || Problem::about(Code::DialRefused, &["занято"]);
        for ending in [
            Ending::Told(Outcome::Accepted),
            Ending::Told(Outcome::Refused { problem: problem() }),
            Ending::Told(Outcome::Unknown { problem: problem() }),
            Ending::NotConnected,
            Ending::TimedOut,
            Ending::Lost,
        ] {
            assert_eq!(Ending::parse(&ending.to_text()), Some(ending));
        }
        assert_eq!(Ending::parse("pending"), None);
    }

    #[test]
    fn an_order_is_read_as_it_is_written() {
        let agent = AgentId::of("anna");
        let command = Command::HangUp { leg: "l".to_owned() };
        let order = Order { id: "1".to_owned(), agent, expires_at: Millis(5), command: command.clone() };
        let read = Order::parse(agent, &order.to_json()).unwrap();
        assert_eq!(read.left(), Duration::ZERO);
        assert_eq!((read.id.as_str(), read.expires_at, read.command), ("1", Millis(5), command));
    }

    #[test]
    fn records_are_bounded() {
        let mut records = Records::default();
        let (_tell, told) = watch::channel(None);
        for id in 0..MOST_REMEMBERED + 10 {
            records.remember(&id.to_string(), told.clone());
        }
        assert_eq!((records.by_id.len(), records.by_age.len()), (MOST_REMEMBERED, MOST_REMEMBERED));
        assert!(!records.by_id.contains_key("9") && records.by_id.contains_key("10"));
    }
}
