//! The exchange's sessions: who is rung when, who talks, and what `list.calls` says of it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Version;
use crate::clock::{Ticker, now, rfc3339};
use crate::data::{EMPLOYEES, Employee, contact_by_phone};

/// A participant's state (UIS, Call API 4.0, `list.calls`, `state`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum State {
    #[serde(rename = "Дозвон")]
    Dialling,
    #[serde(rename = "Разговор")]
    Talking,
    #[serde(rename = "На очереди")]
    Queued,
    #[serde(rename = "Разъединено")]
    Disconnected,
    #[serde(rename = "Разговор операторов")]
    OperatorsTalking,
    #[serde(rename = "На удержании")]
    Held,
    #[serde(rename = "Перевод вызова")]
    Transferring,
    #[serde(rename = "Отправка dtmf")]
    SendingDtmf,
    #[serde(rename = "Получение факса")]
    ReceivingFax,
    #[serde(rename = "Факс получен")]
    FaxReceived,
    #[serde(rename = "Отправка факса")]
    SendingFax,
    #[serde(rename = "Факс отправлен")]
    FaxSent,
}

impl State {
    /// Whether this participant rings: nobody has answered, and nobody has hung up.
    fn rings(self) -> bool {
        matches!(self, Self::Dialling | Self::Queued)
    }

    /// Whether this participant has answered and is still there.
    fn talks(self) -> bool {
        !self.rings() && self != Self::Disconnected
    }
}

/// One of a session's two participants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    Operator,
    Contact,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Operator => Self::Contact,
            Self::Contact => Self::Operator,
        }
    }
}

/// Whom the exchange rings first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    One(Side),
    /// Both at once.
    Any,
}

/// A session's direction, in the exchange's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    In,
    Out,
}

/// What a session is begun with.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub version: Version,
    pub way: Way,
    pub first: First,
    pub virtual_number: String,
    /// The client's number.
    pub contact: String,
    /// The operator's number.
    pub operator: String,
    /// The employee, where the order names one.
    pub employee: Option<&'static Employee>,
    pub external_id: Option<String>,
    pub dtmf: Option<String>,
}

#[derive(Clone, Debug)]
struct Leg {
    id: i64,
    side: Side,
    state: State,
}

/// A call of the exchange.
pub(crate) struct Session {
    id: i64,
    pub order: Order,
    legs: Vec<Leg>,
    pub created_at: i64,
    /// Since when both have been talking.
    pub talked_at: Option<i64>,
    /// When its talk was put on hold, and when it went on.
    pub held_at: Vec<i64>,
    pub resumed_at: Vec<i64>,
    pub ended_at: Option<i64>,
    /// Its client has heard its id: from the answer that began it, or in a list.
    pub known: bool,
    /// It came to nothing at once, and no list ever named it.
    vanished: bool,
}

/// Moscow's clock is ahead of UTC by this much.
const MOSCOW: i64 = 3 * 60 * 60 * 1000;

impl Session {
    pub fn live(&self) -> bool {
        self.ended_at.is_none()
    }

    /// The call's id in the CRM, and in the control API.
    pub fn uuid(&self) -> String {
        format!("uis-{}", self.id)
    }

    /// Whether the CRM must hold this call: it has ended, and its client knows of it; version 1 names no call to its client.
    pub fn owed(&self) -> bool {
        !self.live() && self.known && self.order.version == Version::V4
    }

    /// Who talked, where the exchange knows the operator's number.
    pub fn employee(&self) -> Option<&'static Employee> {
        let by_number = || EMPLOYEES.iter().find(|employee| employee.numbers.contains(&self.order.operator.as_str()));
        self.order.employee.or_else(by_number)
    }

    fn leg(&self, side: Side) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.side == side)
    }

    fn to_wire(&self) -> Value {
        let Order { virtual_number, contact, operator, .. } = &self.order;
        // It bears no zone: nobody may take it for an instant.
        let start = rfc3339(self.created_at + MOSCOW);
        let legs: Vec<Value> = self
            .legs
            .iter()
            .map(|leg| {
                let employee = self.employee().filter(|_| leg.side == Side::Operator);
                let dtmf = self.order.dtmf.as_deref().unwrap_or_default();
                json!({
                    "leg_id": leg.id,
                    "calling_phone_number": virtual_number,
                    "called_phone_number": match leg.side {
                        Side::Operator => operator.clone(),
                        Side::Contact => format!("{contact}{dtmf}"),
                    },
                    "is_operator": leg.side == Side::Operator,
                    "employee_id": employee.map(|employee| employee.id),
                    "employee_full_name": employee.map(|employee| employee.name),
                    "record_call_enabled": false,
                    "state": leg.state,
                })
            })
            .collect();
        json!({
            "call_session_id": self.id, "direction": self.order.way, "start_time": start.trim_end_matches('Z'),
            "virtual_phone_number": virtual_number, "contact_phone_number": contact,
            "external_id": self.order.external_id, "tags": [], "legs": legs,
        })
    }

    /// The session for the control page.
    fn to_json(&self) -> Value {
        let legs: Vec<Value> = self
            .legs
            .iter()
            .map(|leg| json!({ "side": leg.side, "state": leg.state, "rings": leg.state.rings() }))
            .collect();
        json!({
            "uuid": self.uuid(), "version": self.order.version.name(), "direction": self.order.way,
            "number": self.order.contact, "client": contact_by_phone(&self.order.contact).map(|contact| contact.name),
            "operator": self.order.operator, "employee": self.employee().map(|employee| employee.name),
            "legs": legs, "createdAt": self.created_at, "talkedAt": self.talked_at, "endedAt": self.ended_at,
        })
    }
}

/// All sessions, oldest first.
#[derive(Default)]
pub(crate) struct Sessions {
    clock: Ticker,
    all: Vec<Session>,
    /// When an answer that speaks of sessions reached its client.
    told_at: Vec<i64>,
}

impl Sessions {
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Session> {
        self.all.iter()
    }

    /// The session of a call's id in the CRM.
    pub fn by_uuid(&self, uuid: &str) -> Option<&Session> {
        self.all.iter().find(|session| session.uuid() == uuid)
    }

    /// Begins a session; it rings whoever is first. `vanish` lets it come to nothing at once.
    pub fn start(&mut self, order: Order, vanish: bool) -> i64 {
        // The moment serves as the id: it comes once, whatever is reset.
        let id = self.clock.tick();
        let first = order.first;
        self.all.push(Session {
            id,
            order,
            legs: Vec::new(),
            created_at: id,
            talked_at: None,
            held_at: Vec::new(),
            resumed_at: Vec::new(),
            ended_at: vanish.then(|| self.clock.tick()),
            known: false,
            vanished: vanish,
        });
        match first {
            First::One(side) => self.ring(id, side),
            First::Any => {
                self.ring(id, Side::Operator);
                self.ring(id, Side::Contact);
            }
        }
        id
    }

    fn ring(&mut self, id: i64, side: Side) {
        let leg = self.clock.tick();
        if let Some(session) = self.all.iter_mut().find(|session| session.id == id) {
            session.legs.push(Leg { id: leg, side, state: State::Dialling });
        }
    }

    fn live_mut(&mut self, uuid: &str) -> Result<&mut Session, String> {
        let live = self.all.iter_mut().find(|session| session.live() && session.uuid() == uuid);
        live.ok_or_else(|| format!("`{uuid}` is no live call"))
    }

    /// Somebody who is rung answers; without a name, the first of them. Once the first has answered, the other is rung.
    pub fn answer(&mut self, uuid: &str, by: Option<Side>) -> Result<(), String> {
        let session = self.live_mut(uuid)?;
        let (id, mut legs) = (session.id, session.legs.iter_mut());
        let leg = legs.find(|leg| leg.state.rings() && by.is_none_or(|side| side == leg.side));
        let leg = leg.ok_or_else(|| "this telephone does not ring in this call".to_owned())?;
        leg.state = State::Talking;
        let other = leg.side.other();
        if session.leg(other).is_none() {
            self.ring(id, other);
        }
        self.settle(uuid);
        Ok(())
    }

    /// Puts participants into any state.
    pub fn set_states(&mut self, uuid: &str, operator: Option<State>, contact: Option<State>) -> Result<(), String> {
        for (side, state) in [(Side::Operator, operator), (Side::Contact, contact)] {
            let Some(state) = state else { continue };
            let session = self.live_mut(uuid)?;
            let leg = session.legs.iter_mut().find(|leg| leg.side == side);
            leg.ok_or_else(|| "this telephone has not been rung yet".to_owned())?.state = state;
        }
        self.settle(uuid);
        Ok(())
    }

    /// Either side hangs up, or the client releases it.
    pub fn end(&mut self, uuid: &str) -> Result<(), String> {
        for leg in &mut self.live_mut(uuid)?.legs {
            leg.state = State::Disconnected;
        }
        self.settle(uuid);
        Ok(())
    }

    /// Notes since when both talk or one waits, and that a session of which nobody is left is over.
    fn settle(&mut self, uuid: &str) {
        let at = self.clock.tick();
        let Ok(session) = self.live_mut(uuid) else { return };
        if session.legs.len() == 2 && session.legs.iter().all(|leg| leg.state.talks()) {
            session.talked_at.get_or_insert(at);
        }
        if session.legs.iter().all(|leg| leg.state == State::Disconnected) {
            session.ended_at = Some(at);
            return;
        }
        let is_held = session.talked_at.is_some() && session.legs.iter().any(|leg| leg.state == State::Held);
        match (session.held_at.len() > session.resumed_at.len(), is_held) {
            (false, true) => session.held_at.push(at),
            (true, false) => session.resumed_at.push(at),
            _ => {}
        }
    }

    /// What `list.calls` lists: live sessions, and for `linger` milliseconds ended ones. `arrival` is when the list reaches its client.
    pub fn list(&mut self, linger: i64, way: Option<&str>, number: Option<&str>, arrival: Option<i64>) -> Value {
        let now = now();
        let lingers = |end: i64| linger > 0 && now < end + linger;
        self.all
            .iter_mut()
            .filter(|session| !session.vanished && session.ended_at.is_none_or(lingers))
            .filter(|session| way.is_none_or(|way| json!(session.order.way) == way))
            .filter(|session| number.is_none_or(|number| session.order.virtual_number == number))
            .map(|session| {
                session.known |= arrival.is_some();
                session.to_wire()
            })
            .collect()
    }

    /// The client has been told of this session by the answer that began it.
    pub fn tell(&mut self, id: i64) {
        if let Some(session) = self.all.iter_mut().find(|session| session.id == id) {
            session.known = true;
        }
    }

    /// An answer that speaks of sessions reaches its client then.
    pub fn note_telling(&mut self, at: i64) {
        self.told_at.push(at);
    }

    /// When a client that asks the exchange now and then may have learned of something.
    pub fn told_at(&self) -> &[i64] {
        &self.told_at
    }

    /// The live sessions and the ended ones, for the control page.
    pub fn to_json(&self) -> (Value, Value) {
        let (live, ended): (Vec<&Session>, Vec<&Session>) = self.all.iter().partition(|session| session.live());
        let list = |sessions: Vec<&Session>| sessions.into_iter().map(Session::to_json).collect();
        (list(live), list(ended))
    }
}
