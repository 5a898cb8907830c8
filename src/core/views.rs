//! What the CRM's pages and the popup show, made anew from the state each time.

use std::collections::BTreeMap;

use crate::{
    Millis,
    core::{
        calls::{Call, Calls},
        cards::Cards,
        dials::{Dial, DialState, Dials},
        outbox::Undelivered,
        recordings::{Pending, Recordings},
    },
    exchange::{Abilities, Entry, ExchangeName},
    kontur::digits,
    private::Private,
    problem::{Code, Problem},
    protocol::{
        AlertsView, CallPhase, CallView, CardKind, CardLink, ClientView, DeliveryState, DeliveryView, DialPhase,
        DialView, DiallingView, Direction, LinkState, LinkView, NotificationView, PageView, UndeliveredView,
    },
    settings::{Interface, Notifications, Settings},
    url,
};

/// How long an ended call stays on the card.
const LINGER: Millis = Millis::mins(1);
/// How many of the newest ended calls the popup is told of; older ones it finds in the database.
const RECENT: usize = 20;

/// Phonet, as people know it.
const PHONET: &str = "Phonet";

/// All that the views are made of.
pub struct Seen<'a> {
    /// The calls.
    pub calls: &'a Calls,
    /// The dials.
    pub dials: &'a Dials,
    /// What people did with the cards.
    pub cards: &'a Cards,
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
        let cards = self.settings.interface.card.then(|| self.cards.view(&calls));
        let dialling = self.dialling(self.settings.dials_with(None));
        let others = self.settings.dialling.sites.iter().filter(|(_, name)| *name != dialling.exchange);
        let elsewhere = others.map(|(origin, name)| (origin.clone(), self.dialling(*name))).collect();
        PageView { finder: self.settings.finder(), link, dialling, elsewhere, dials: self.dials(), calls, cards }
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

    /// What draws the agent's attention outside the pages. What is not surely known does not ring.
    pub fn alerts(&self, link: &LinkView) -> AlertsView {
        let Interface { card, notifications, ring, volume } = self.settings.interface;
        let rings =
            |call: &&Call| call.incoming && phase_of(call) == CallPhase::Ringing && !self.cards.is_dismissed(&call.id);
        let talks = self.calls.live().any(|call| phase_of(call) == CallPhase::Talking);
        let is_sure = link.state == LinkState::Live;
        let is_wanted = |_: &&Call| notifications != Notifications::Off;
        let told = self.calls.live().filter(rings).filter(is_wanted);
        AlertsView {
            notifications: told.map(|call| self.notification(call, notifications)).collect(),
            in_sight: !card,
            volume: (ring && is_sure && !talks && self.calls.live().any(|call| rings(&call))).then_some(volume),
        }
    }

    fn notification(&self, call: &Call, notifications: Notifications) -> NotificationView {
        NotificationView {
            call: call.id.clone(),
            client: (notifications == Notifications::Named).then(|| self.client(call)),
            url: self.only_card(call),
            can_hang_up: self.can_hang_up(call),
        }
    }

    /// The client's one card in the CRM: a person's, or else a company's. Among several nobody guesses.
    fn only_card(&self, call: &Call) -> Option<Private<String>> {
        let cards = self.crm_cards(call);
        let of = |kind| cards.iter().filter(move |link| link.card == kind && !link.is_new);
        let kind = if of(CardKind::Contact).next().is_some() { CardKind::Contact } else { CardKind::Company };
        only(of(kind)).map(|link| link.url.clone())
    }

    fn can_hang_up(&self, call: &Call) -> bool {
        call.leg_to_hang_up().is_some() && self.dialling(call.exchange).can.hang_up
    }

    /// The call that hanging up means where none is named: the one that goes on, or the one of them that is talked on.
    pub fn call_to_hang_up(&self) -> Option<&str> {
        let live = || self.calls.live().filter(|call| self.can_hang_up(call));
        let talking = || live().filter(|call| phase_of(call) == CallPhase::Talking);
        only(live()).or_else(|| only(talking())).map(|call| call.id.as_str())
    }

    /// Whether a call has a card, taken away or not.
    pub fn has_card(&self, call: &str) -> bool {
        self.calls.get(call).is_some_and(|call| call.ended_at.is_none() || self.lingers(call))
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
            incoming: call.incoming,
            phase: phase_of(call),
            answered: call.answered_at().is_some(),
            missed: call.is_missed(),
            client: self.client(call),
            call_back: call.call_back.clone(),
            line: call.line_shown.clone(),
            line_name: call.line_name.clone(),
            started_at: call.started_at,
            answered_at: call.answered_at(),
            ended_at: call.ended_at,
            links: self.links(call),
            responsible: self.responsible(call),
            can_hang_up: self.can_hang_up(call),
            delivery: self.delivery(call),
            recording: self.recording(call),
        }
    }

    fn client(&self, call: &Call) -> ClientView {
        if call.direction == Direction::Internal {
            let ext = call.colleague.clone();
            let listed = ext.as_deref().and_then(|ext| self.settings.name_of(ext)).cloned();
            let name = listed.or_else(|| call.colleague_name.clone());
            return ClientView { name, company: None, number: ext.map(Private::new) };
        }
        ClientView {
            name: call.client.name.clone(),
            company: call.client.company.clone(),
            number: call.number_shown.clone(),
        }
    }

    fn links(&self, call: &Call) -> Vec<CardLink> {
        let mut links = self.crm_cards(call);
        links.extend(self.entries(call));
        links
    }

    /// The client's cards in the CRM; where it knows nobody, the address at which a contact is made.
    fn crm_cards(&self, call: &Call) -> Vec<CardLink> {
        let Some(kontur) = &self.settings.kontur else { return Vec::new() };
        let workspace = url::segment(&kontur.workspace);
        let link = |card, url, is_new| CardLink { card, url: Private::new(url), is_new, place: None, name: None };
        let cards = [
            (CardKind::Contact, &kontur.cards.contact, &call.links.contact_ids),
            (CardKind::Company, &kontur.cards.company, &call.links.company_ids),
            (CardKind::Deal, &kontur.cards.deal, &call.links.deal_ids),
        ];
        let known = cards.into_iter().filter_map(|(card, template, ids)| Some((card, template.as_ref()?, ids)));
        let known = known.flat_map(|(card, template, ids)| ids.iter().map(move |id| (card, template, id)));
        let known = known.map(|(card, template, id)| {
            link(card, template.replace("{ws}", &workspace).replace("{id}", &url::segment(id)), false)
        });
        let is_unknown = call.communication.is_some()
            && call.direction != Direction::Internal
            && call.links.contact_ids.is_empty()
            && call.links.company_ids.is_empty();
        let number = call.client.number.as_ref().filter(|_| is_unknown).and_then(digits);
        let new = number.zip(kontur.cards.new_contact.as_ref()).map(|(number, template)| {
            let url = template.replace("{ws}", &workspace).replace("{phone}", number.reveal());
            link(CardKind::Contact, url, true)
        });
        known.chain(new).collect()
    }

    /// The client in the CRMs that are connected to the exchange: where any of them knows the number, in those; else where it is made.
    fn entries(&self, call: &Call) -> Vec<CardLink> {
        if call.client.number.is_none() {
            return Vec::new();
        }
        let entries = &call.client.entries;
        let is_known = entries.iter().any(|entry| entry.known);
        let shown: Vec<_> = entries.iter().filter(|entry| entry.known == is_known).collect();
        let own = self.settings.phonet.as_ref().map(|phonet| phonet.domain.as_str());
        let place = |url: &str| {
            let host = url.strip_prefix("https://")?.split(['/', '?', '#']).next()?;
            // Nothing that only looks like a host.
            let is_host = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte));
            is_host.then(|| if Some(host) == own { PHONET } else { host }.to_owned())
        };
        let are_several = shown.len() > 1;
        let link = |entry: &&Entry| {
            Some(CardLink {
                card: CardKind::Contact,
                url: entry.url.clone(),
                is_new: !is_known,
                place: Some(place(entry.url.reveal())?),
                name: entry.name.clone().filter(|_| are_several),
            })
        };
        shown.iter().filter_map(link).collect()
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

/// The one there is; none of several.
fn only<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    all.next().filter(|_| all.next().is_none())
}

fn leaves_at(call: &Call) -> Option<Millis> {
    call.closed_at.map(|at| at + LINGER)
}
