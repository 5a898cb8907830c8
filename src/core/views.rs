//! What the CRM's pages and the popup show, made anew from the state each time.

use std::collections::BTreeMap;

use crate::{
    Millis,
    core::{
        calls::{Call, Calls},
        dials::{Dial, DialState, Dials},
        outbox::Undelivered,
        recordings::{Pending, Recordings},
    },
    exchange::{Abilities, ExchangeName},
    phone,
    private::Private,
    problem::{Code, Problem},
    protocol::{
        CallPhase, CallView, CardKind, CardLink, ClientView, DeliveryState, DeliveryView, DialPhase, DialView,
        DiallingView, Direction, LinkView, PageView, UndeliveredView,
    },
    settings::Settings,
    url,
};

/// How long an ended call stays on the card.
const LINGER: Millis = Millis::mins(1);
/// How many of the newest ended calls the popup is told of; older ones it finds in the database.
const RECENT: usize = 20;

/// All that the views are made of.
pub struct Seen<'a> {
    /// The calls.
    pub calls: &'a Calls,
    /// The dials.
    pub dials: &'a Dials,
    /// What is not delivered, by call.
    pub undelivered: BTreeMap<&'a str, Undelivered<'a>>,
    /// The recordings.
    pub recordings: &'a Recordings,
    /// The settings.
    pub settings: &'a Settings,
    /// The exchanges that are set up.
    pub exchanges: Vec<DiallingView>,
    /// Now.
    pub now: Millis,
}

impl Seen<'_> {
    /// What a page shows.
    pub fn page(&self, link: LinkView) -> PageView {
        let lingering = self.calls.ended().filter(|call| self.lingers(call));
        let mut calls: Vec<_> = lingering.map(|call| self.call(call)).collect();
        calls.reverse();
        calls.extend(self.calls.live().map(|call| self.call(call)));
        let dialling = self.dialling(self.settings.dials_with(None));
        let others = self.settings.dialling.sites.iter().filter(|(_, name)| *name != dialling.exchange);
        let elsewhere = others.map(|(origin, name)| (origin.clone(), self.dialling(*name))).collect();
        PageView { finder: self.settings.finder(), link, dialling, elsewhere, dials: self.dials(), calls }
    }

    /// An exchange as a way to dial; one that is not set up says so.
    pub fn dialling(&self, name: ExchangeName) -> DiallingView {
        let set_up = self.exchanges.iter().find(|view| view.exchange == name);
        set_up.cloned().unwrap_or_else(|| DiallingView {
            exchange: name,
            can: Abilities::default(),
            problem: Some(Problem::new(match name {
                ExchangeName::Phonet => Code::PhonetNotConfigured,
                ExchangeName::Uis => Code::UisNotConfigured,
            })),
        })
    }

    /// The last calls that ended, newest first.
    pub fn recent(&self) -> Vec<CallView> {
        self.calls.ended().take(RECENT).map(|call| self.call(call)).collect()
    }

    /// The ended calls of which the CRM has not everything, newest first: none of them is ever forgotten.
    pub fn undelivered(&self) -> Vec<UndeliveredView> {
        let is_open = |view: &DeliveryView| matches!(view.state, DeliveryState::Waiting | DeliveryState::Failed);
        let views = self.calls.ended().map(|call| UndeliveredView {
            call: call.id.clone(),
            delivery: self.delivery(call),
            recording: self.recording(call),
        });
        views.filter(|view| is_open(&view.delivery) || is_open(&view.recording)).collect()
    }

    /// An ended call as it stays in the list once nothing of it is on its way any more.
    pub fn listed(&self, call: &Call) -> CallView {
        let delivered = |has: bool| DeliveryView {
            state: if has { DeliveryState::Delivered } else { DeliveryState::None },
            problem: None,
        };
        CallView {
            responsible: Vec::new(),
            can_hang_up: false,
            delivery: delivered(call.is_told() && !call.given_up),
            recording: delivered(call.is_recorded()),
            ..self.call(call)
        }
    }

    /// How many calls wait to be told to the CRM, and how many of them, or their recordings, it refused.
    pub fn counts(&self) -> (usize, usize) {
        let is_refused = |state: &&Undelivered<'_>| matches!(state, Undelivered::Refused(_));
        let refused = self.undelivered.values().filter(is_refused).count();
        let is_delivered = |call: &&str| !self.undelivered.get(call).as_ref().is_some_and(is_refused);
        let mut recordings: Vec<_> = self.recordings.refused_calls().filter(is_delivered).collect();
        recordings.dedup();
        (self.undelivered.len() - refused, refused + recordings.len())
    }

    /// The dials that are live or recent, oldest first.
    pub fn dials(&self) -> Vec<DialView> {
        let views = self.dials.iter().map(|dial| (dial, self.dial(dial)));
        views.filter(|(dial, view)| dial.is_recent(self.now) || view.phase.is_live()).map(|(_, view)| view).collect()
    }

    /// When an ended call leaves the card.
    pub fn next_wake(&self) -> Option<Millis> {
        self.calls.ended().filter(|call| self.lingers(call)).filter_map(leaves_at).min()
    }

    fn lingers(&self, call: &Call) -> bool {
        leaves_at(call).is_some_and(|at| !at.has_come(self.now, LINGER))
    }

    /// One dial.
    pub fn dial(&self, dial: &Dial) -> DialView {
        let (phase, problem) = match &dial.state {
            DialState::Saving | DialState::Sent | DialState::Accepted => (DialPhase::Dialling, None),
            DialState::Placed => (DialPhase::Placed, None),
            DialState::Failed { problem } => (DialPhase::Failed, Some(problem.clone())),
            DialState::Unknown { problem } => (DialPhase::Unknown, Some(problem.clone())),
            DialState::Bound { call } => {
                let phase = match self.calls.get(call).map(phase_of) {
                    Some(CallPhase::Ringing) => DialPhase::Ringing,
                    Some(CallPhase::Talking) => DialPhase::Talking,
                    Some(CallPhase::Ended) | None => DialPhase::Ended,
                };
                (phase, None)
            }
        };
        let call = match &dial.state {
            DialState::Bound { call } => Some(call.clone()),
            _ => None,
        };
        DialView { key: dial.key.clone(), number: dial.number.clone(), phase, call, problem }
    }

    /// One call.
    pub fn call(&self, call: &Call) -> CallView {
        CallView {
            id: call.id.clone(),
            exchange: call.exchange,
            direction: call.direction,
            phase: phase_of(call),
            answered: call.answered_at().is_some(),
            missed: call.is_missed(),
            client: self.client(call),
            call_back: self.call_back(call),
            line: call.line_shown.clone(),
            started_at: call.started_at,
            answered_at: call.answered_at(),
            ended_at: call.ended_at,
            links: self.links(call),
            responsible: self.responsible(call),
            can_hang_up: call.leg_to_hang_up().is_some() && self.dialling(call.exchange).can.hang_up,
            delivery: self.delivery(call),
            recording: self.recording(call),
        }
    }

    fn client(&self, call: &Call) -> ClientView {
        if call.direction == Direction::Internal {
            let ext = call.colleague.clone();
            let name = ext.as_deref().and_then(|ext| self.settings.name_of(ext)).cloned();
            return ClientView { name, company: None, number: ext.map(Private::new) };
        }
        ClientView {
            name: call.client.name.clone(),
            company: call.client.company.clone(),
            number: call.number_shown.clone(),
        }
    }

    fn call_back(&self, call: &Call) -> Option<Private<String>> {
        let number = call.client.number.as_ref().filter(|_| call.direction != Direction::Internal)?;
        phone::normalize(number.reveal(), self.settings.region.0).map(|number| number.as_private().clone())
    }

    fn links(&self, call: &Call) -> Vec<CardLink> {
        let Some(kontur) = &self.settings.kontur else { return Vec::new() };
        let cards = [
            (CardKind::Contact, &kontur.cards.contact, &call.links.contact_ids),
            (CardKind::Company, &kontur.cards.company, &call.links.company_ids),
            (CardKind::Deal, &kontur.cards.deal, &call.links.deal_ids),
        ];
        let links = cards.into_iter().filter_map(|(card, template, ids)| Some((card, template.as_ref()?, ids)));
        links
            .flat_map(|(card, template, ids)| ids.iter().map(move |id| (card, template, id)))
            .map(|(card, template, id)| CardLink {
                card,
                url: template.replace("{ws}", &url::segment(&kontur.workspace)).replace("{id}", &url::segment(id)),
            })
            .collect()
    }

    fn responsible(&self, call: &Call) -> Vec<Private<String>> {
        call.responsible.iter().filter_map(|user| self.settings.name_of_user(user)).cloned().collect()
    }

    fn delivery(&self, call: &Call) -> DeliveryView {
        let is_live = phase_of(call) != CallPhase::Ended;
        match self.undelivered.get(call.id.as_str()) {
            Some(Undelivered::Refused(problem)) => {
                DeliveryView { state: DeliveryState::Failed, problem: Some((*problem).clone()) }
            }
            // While a call is live, what is just being sent is no news; what cannot be sent is.
            Some(Undelivered::Waiting(problem)) if !is_live || problem.is_some() => {
                DeliveryView { state: DeliveryState::Waiting, problem: (*problem).cloned() }
            }
            None if call.is_told() && !call.given_up && !is_live => {
                DeliveryView { state: DeliveryState::Delivered, problem: None }
            }
            _ => DeliveryView::default(),
        }
    }

    fn recording(&self, call: &Call) -> DeliveryView {
        let state = match self.recordings.of_call(&call.id) {
            Some(Pending::Refused(problem)) => {
                return DeliveryView { state: DeliveryState::Failed, problem: Some(problem.clone()) };
            }
            Some(Pending::Waiting) => DeliveryState::Waiting,
            None if call.is_recorded() => DeliveryState::Delivered,
            None => DeliveryState::None,
        };
        DeliveryView { state, problem: None }
    }
}

fn phase_of(call: &Call) -> CallPhase {
    if call.ended_at.is_some() {
        CallPhase::Ended
    } else if call.answered_at().is_some() {
        CallPhase::Talking
    } else {
        CallPhase::Ringing
    }
}

fn leaves_at(call: &Call) -> Option<Millis> {
    call.closed_at.map(|at| at + LINGER)
}
