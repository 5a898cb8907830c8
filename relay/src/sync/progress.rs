//! How far the history is settled: what a run leaves to the next.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde::Serialize;
use trubka::{
    Millis,
    core::backoff::Backoff,
    json::{self, Fields},
    private::Private,
};

use crate::tokens::AgentId;

/// Between looks for a recording that is not there.
const LOOKS: Backoff = Backoff { base: Millis::mins(5), cap: Millis::hours(4) };
/// The longest wait between two looks.
const LONGEST: Millis = Millis::hours(4);
/// How long after the call's end a recording is looked for.
const PATIENCE: Millis = Millis::hours(24);

/// What is known of the history.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Every call that ended before this moment is settled, by the exchange's clock.
    certain: Option<Millis>,
    /// The calls settled beyond that, and when they ended.
    #[serde(serialize_with = "pairs")]
    settled: BTreeMap<String, Millis>,
    /// The recordings that are to be named later.
    pub late: Vec<Late>,
    /// When the CRM was asked last, by this computer's clock.
    looked_at: Option<Millis>,
    /// When the CRM could not be reached last.
    troubled_at: Option<Millis>,
    /// When each agent's browser was there last.
    #[serde(serialize_with = "pairs")]
    seen: BTreeMap<String, Millis>,
}

/// A recording that the exchange had not made yet, or that did not get through.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Late {
    /// The call's `externalId`.
    pub call: String,
    /// The leg.
    pub leg: String,
    /// Where it is said to be.
    pub url: Option<Private<String>>,
    ended_at: Millis,
    not_before: Millis,
    tries: u32,
}

fn pairs<S: serde::Serializer>(map: &BTreeMap<String, Millis>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(map)
}

impl Progress {
    /// Reads it as it is kept; `None` where it is none.
    pub fn read(text: &str) -> Option<Self> {
        let value = json::parse(text)?;
        let fields = Fields::of(&value)?;
        let moments = |key: &str| {
            let object = fields.value(key).and_then(|value| value.as_object());
            let moment = |(name, at): (&String, &serde_json::Value)| Some((name.clone(), Millis(at.as_i64()?)));
            object.into_iter().flatten().filter_map(moment).collect()
        };
        Some(Self {
            certain: fields.millis("certain"),
            settled: moments("settled"),
            late: fields.objects("late").filter_map(Late::read).collect(),
            looked_at: fields.millis("lookedAt"),
            troubled_at: fields.millis("troubledAt"),
            seen: moments("seen"),
        })
    }

    /// As it is kept.
    pub fn write(&self) -> String {
        // It holds nothing that JSON cannot write.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Every call that ended before this moment is settled.
    pub fn certain(&self) -> Option<Millis> {
        self.certain
    }

    /// When it was read last, or tried.
    pub fn looked_at(&self) -> Option<Millis> {
        self.looked_at
    }

    /// The history begins here; the CRM is asked for the first time.
    pub fn begin_at(&mut self, moment: Millis, now: Millis) {
        self.certain = Some(moment);
        self.looked_at = Some(now);
    }

    /// The CRM could not be reached.
    pub fn troubled(&mut self, now: Millis) {
        self.troubled_at = Some(now);
    }

    /// Whether the browsers have the word yet. What they could not tell while the CRM was away, they tell when it is back, not all at
    /// once; and whether it was away while nobody here asked, nobody knows: then a person who starts a run does.
    pub fn is_the_browsers_turn(&mut self, grace: Millis, by_hand: bool, now: Millis) -> bool {
        let was_asked = self.looked_at.is_some_and(|at| at + grace + grace >= now);
        if !was_asked && !by_hand {
            self.troubled_at = Some(now);
        }
        self.looked_at = Some(now);
        self.troubled_at.is_some_and(|at| !(at + grace).has_come(now, grace))
    }

    /// A call is settled.
    pub fn settle(&mut self, call: &str, ended_at: Millis) {
        self.settled.insert(call.to_owned(), ended_at);
    }

    /// Whether a call is settled.
    pub fn is_settled(&self, call: &str) -> bool {
        self.settled.contains_key(call)
    }

    /// All that ended before this moment is settled.
    pub fn settled_until(&mut self, moment: Millis) {
        self.certain = self.certain.max(Some(moment));
        self.settled.retain(|_, ended_at| Some(*ended_at) >= self.certain);
    }

    /// Agents' browsers were there.
    pub fn attended(&mut self, seen: &BTreeMap<AgentId, Millis>) {
        for (agent, at) in seen {
            let known = self.seen.entry(agent.to_string()).or_default();
            *known = (*known).max(*at);
        }
    }

    /// When a browser of this agent was there last.
    pub fn seen(&self, agent: AgentId) -> Option<Millis> {
        self.seen.get(&agent.to_string()).copied()
    }
}

impl Late {
    /// To be looked for from the next run on.
    pub fn new(call: &str, leg: &str, url: Option<&Private<String>>, ended_at: Millis) -> Self {
        let (call, leg, url) = (call.to_owned(), leg.to_owned(), url.cloned());
        Self { call, leg, url, ended_at, not_before: Millis(0), tries: 0 }
    }

    /// Whether it is time to look.
    pub fn is_due(&self, now: Millis) -> bool {
        self.not_before.has_come(now, LONGEST)
    }

    /// It was not there; false where it is given up: most often nothing was recorded.
    pub fn again(&mut self, now: Millis) -> bool {
        self.tries = self.tries.saturating_add(1);
        self.not_before = now + LOOKS.wait(self.tries, &mut Rng::new());
        self.ended_at + PATIENCE > now
    }

    fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            call: fields.text("call")?,
            leg: fields.text("leg")?,
            url: fields.private("url"),
            ended_at: fields.millis("endedAt")?,
            not_before: fields.millis("notBefore")?,
            tries: fields.number("tries")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again() {
        let mut progress =
            Progress { certain: Some(Millis(5)), looked_at: None, troubled_at: Some(Millis(7)), ..Progress::default() };
        progress.settle("a", Millis(6));
        progress.attended(&BTreeMap::from([(AgentId::of("anna"), Millis(8))]));
        progress.late.push(Late::new("a", "a.1", None, Millis(6)));
        let read = Progress::read(&progress.write()).unwrap();
        assert_eq!(read.write(), progress.write());
        assert!(
            read.is_settled("a") && read.seen(AgentId::of("anna")) == Some(Millis(8)) && read.late[0].is_due(Millis(9))
        );
        assert!(Progress::read("seven").is_none());
    }

    #[test]
    fn what_is_certain_needs_no_names() {
        let mut progress = Progress::default();
        progress.settle("a", Millis(6));
        progress.settle("b", Millis(9));
        progress.settled_until(Millis(8));
        assert!(!progress.is_settled("a") && progress.is_settled("b"));
        progress.settled_until(Millis(7));
        assert_eq!(progress.certain, Some(Millis(8)));
    }

    #[test]
    fn the_browsers_tell_first_when_the_crm_is_back() {
        let grace = Millis::mins(10);
        let mut progress = Progress::default();
        progress.begin_at(Millis(0), Millis(0));
        assert!(!progress.is_the_browsers_turn(grace, false, Millis::mins(5)));
        progress.troubled(Millis::mins(10));
        assert!(progress.is_the_browsers_turn(grace, false, Millis::mins(15)));
        assert!(!progress.is_the_browsers_turn(grace, false, Millis::mins(20)));
        assert!(progress.is_the_browsers_turn(grace, false, Millis::mins(50)), "who knows how the CRM was meanwhile");
        assert!(!progress.is_the_browsers_turn(grace, false, Millis::mins(60)));
        assert!(!progress.is_the_browsers_turn(grace, true, Millis::mins(99)), "a person knows");
        progress.troubled(Millis::mins(100));
        assert!(progress.is_the_browsers_turn(grace, true, Millis::mins(101)));
        assert!(!progress.is_the_browsers_turn(grace, true, Millis(0)), "a clock that was set back");
    }

    #[test]
    fn a_recording_is_looked_for_a_day() {
        let mut late = Late::new("a", "a.1", None, Millis(0));
        assert!(late.again(Millis::hours(23)) && !late.again(Millis::hours(24)));
    }
}
