//! The bridge's side towards people: what content scripts, the popup and the options ask for.

use super::{Asker, Bridge, dialling::Wanted};
use crate::{
    Millis,
    core::{
        cards::Cards,
        check::Check,
        io::{DocumentName, Output, Write},
        views::Seen,
    },
    phone::{self, Correction, Field, Found},
    private::Private,
    problem::{Code, Problem},
    protocol::{
        CheckStep, DialPhase, FoundItem, FoundNumber, Message, Request, SelectedView, Sender, SettingsView, TextItem,
    },
    settings::{Settings, is_site, read_people},
};

/// The most texts of one batch.
const LARGEST_BATCH: usize = 1_000;
/// The most numbers of a selection that are shown.
const MOST_SELECTED: usize = 10;
/// The most changes of the settings that can be taken back.
const MOST_UNDONE: usize = 10;
/// A selection that the user wants to call is read as what stands in a field of this name.
const SELECTED: &str = "телефон";

impl Bridge {
    pub(super) fn asked(&mut self, ask: u32, sender: Sender, request: Request, now: Millis) {
        let from_page = matches!(
            request,
            Request::Hello { .. }
                | Request::FindNumbers { .. }
                | Request::Dial { .. }
                | Request::HangUp { .. }
                | Request::DismissCall { .. }
                | Request::FoldCall { .. }
                | Request::MoveCards(_)
                | Request::Correct { .. }
        );
        let origin = match sender {
            Sender::Page { origin } if !self.sites().contains(&origin) => {
                return self.reply(ask, Message::Off { origin });
            }
            Sender::Page { .. } if !from_page => return self.reply(ask, refused(Code::NotAllowed)),
            Sender::Page { origin } => Some(origin),
            Sender::Extension => None,
        };
        // A page asks for its numbers by itself; all else is somebody's doing.
        if !matches!(request, Request::FindNumbers { .. }) {
            self.used(now);
        }
        let message = match request {
            Request::Hello { version } if version != env!("CARGO_PKG_VERSION") => {
                Message::Reload { problem: Problem::new(Code::PageOutdated) }
            }
            Request::Hello { .. } => self.page(now),
            Request::FindNumbers { batch, items } => self.find_numbers(batch, items),
            Request::Dial { key, number } => {
                let origin = origin.as_deref();
                let dial = self.dial(Wanted { key, number, internal: false, origin, communication: None }, now);
                if dial.phase != DialPhase::Failed {
                    self.selected.take_if(|selected| selected.numbers.iter().any(|it| it.e164 == dial.number));
                }
                Message::Dial { dial }
            }
            Request::HangUp { call } => return self.hang_up(Asker::Person(ask), call, None, now),
            Request::HangUpCurrent => {
                let call = self.seen(now).call_to_hang_up().map(str::to_owned);
                return self.hang_up(Asker::Person(ask), call.unwrap_or_default(), None, now);
            }
            Request::DismissCall { call } => self.change_cards(|cards| cards.dismiss(call), now),
            Request::FoldCall { call, folded } => self.change_cards(|cards| cards.fold(call, folded), now),
            Request::MoveCards(place) => self.change_cards(|cards| cards.put(place), now),
            Request::Correct { text, label, phone } => self.correct(&text, label.as_deref(), phone, now),
            Request::GetStatus => Message::Status(self.status(now)),
            Request::SeeMissed => {
                self.see_missed();
                Message::Status(self.status(now))
            }
            Request::Select { text } => {
                self.selected = (!text.reveal().is_empty()).then(|| self.select(&text));
                Message::Status(self.status(now))
            }
            Request::SetSite { origin, on } => self.set_site(origin, on, now),
            Request::Reconnect => {
                self.link.reconnect(now);
                self.relay.reconnect(now);
                Message::Status(self.status(now))
            }
            Request::RetryDelivery { call } => self.retry(Some(&call), now),
            Request::RetryAll => self.retry(None, now),
            Request::DiscardDelivery { call } => {
                let given_up = self.crm.outbox.has_refused_registration(&call);
                if let Some(call) = self.calls.get_mut(&call).filter(|_| given_up) {
                    call.given_up = true;
                    self.storage.dirty = true;
                }
                let discarded = self.crm.outbox.discard(&call);
                self.delete_rows(discarded);
                self.storage.dirty |= self.recordings.discard(&call);
                Message::Status(self.status(now))
            }
            Request::GetSettings => self.settings_message(),
            Request::ForgetCorrection { label, pattern } => {
                match self.settings.forgetting(label.as_deref(), &pattern) {
                    Ok(settings) => {
                        self.keep(settings, now);
                        self.settings_message()
                    }
                    Err(problems) => Message::Invalid { problems },
                }
            }
            Request::SaveSettings { document } => self.save(self.settings.replaced_by(&document), now),
            Request::ChangeSettings { changes } => self.save(self.settings.changed(changes.reveal()), now),
            Request::ResetSettings => self.save(Ok(self.settings.restored("{}")), now),
            Request::UndoSettings => self.undo_settings(now),
            Request::ExportSettings { secrets } => Message::Exported { document: self.settings.exported(secrets) },
            Request::ListUsers => return self.ask_users(ask),
            Request::ReadPeople { text } => {
                let (people, problems) = read_people(text.reveal());
                Message::People { people, problems }
            }
            request @ (Request::GetIntegration
            | Request::SetUpIntegration { .. }
            | Request::SetFeatures { .. }
            | Request::SetWebHook { .. }) => return self.integrate(ask, request, now),
            Request::CheckConnection => return self.check_connection(ask, now),
            Request::ExportLog => Message::Log { text: self.log.text() },
        };
        self.reply(ask, message);
    }

    /// Sends once more what the CRM refused, of one call or of all; what only waits goes at once.
    fn retry(&mut self, call: Option<&str>, now: Millis) -> Message {
        for row in self.crm.outbox.retry(call) {
            self.store_row(row);
        }
        self.storage.dirty |= self.recordings.retry(call, now);
        // A rest that the CRM asked for goes on.
        if call.is_none() && !self.crm.outbox.is_asked_to_rest(now) {
            self.crm.outbox.resume();
            self.crm.exchange_at = Millis(0);
        }
        Message::Status(self.status(now))
    }

    pub(super) fn reply(&mut self, ask: u32, message: Message) {
        self.out.push_back(Output::Reply { ask, message });
    }

    // ── Numbers ──────────────────────────────────────────────────────────────────────────────────────────────────

    fn find_numbers(&self, batch: u32, items: Vec<TextItem>) -> Message {
        let items = items.into_iter().take(LARGEST_BATCH).filter_map(|item| {
            let (text, field) = (item.text.reveal(), self.field(item.label.as_deref()));
            let numbers = phone::find_link(text, &field).unwrap_or_else(|| phone::find(text, &field));
            (!numbers.is_empty()).then(|| FoundItem { id: item.id, matches: shown(numbers) })
        });
        Message::Numbers { batch, items: items.collect() }
    }

    fn field<'a>(&'a self, label: Option<&'a str>) -> Field<'a> {
        Field { label, region: self.settings.region.0, corrections: &self.settings.corrections }
    }

    fn select(&self, text: &Private<String>) -> SelectedView {
        // Whoever selects a number to call it knows better than any correction.
        let field = Field { label: Some(SELECTED), region: self.settings.region.0, corrections: &[] };
        let mut found = phone::find(text.reveal(), &field);
        found.truncate(MOST_SELECTED);
        SelectedView { numbers: shown(found) }
    }

    fn correct(&mut self, text: &Private<String>, label: Option<&str>, phone: bool, now: Millis) -> Message {
        let link = phone::written_in_link(text.reveal());
        let text = link.as_ref().unwrap_or(text.reveal());
        let Some(correction) = Correction::of(text, label, phone) else {
            return refused(Code::CorrectionNotNumber);
        };
        let field = Field { label, region: self.settings.region.0, corrections: std::slice::from_ref(&correction) };
        if phone && phone::find(text, &field).is_empty() {
            return refused(Code::CorrectionNotNumber);
        }
        match self.settings.corrected(correction) {
            Ok(settings) => {
                self.keep(settings, now);
                self.page(now)
            }
            Err(mut problems) => {
                problems.pop().map_or_else(|| refused(Code::BadRequest), |problem| Message::Refused { problem })
            }
        }
    }

    /// Notes what somebody did with the cards; of a call that has none nothing.
    fn change_cards(&mut self, change: impl FnOnce(&mut Cards), now: Millis) -> Message {
        change(&mut self.cards);
        self.forget_cards(now);
        self.storage.dirty = true;
        self.page(now)
    }

    /// Forgets what was done with the cards of calls that have none any more.
    pub(super) fn forget_cards(&mut self, now: Millis) {
        let mut cards = std::mem::take(&mut self.cards);
        cards.retain(|call| self.seen(now).has_card(call));
        self.cards = cards;
    }

    fn page(&self, now: Millis) -> Message {
        Message::View(self.seen(now).page(self.link.view()))
    }

    // ── Sites ────────────────────────────────────────────────────────────────────────────────────────────────────

    /// The sites that are switched on, and that the browser lets us reach.
    pub(super) fn sites(&self) -> Vec<String> {
        self.settings.sites.iter().filter(|origin| !self.forbidden.contains(origin)).cloned().collect()
    }

    fn set_site(&mut self, origin: String, on: bool, now: Millis) -> Message {
        if !is_site(&origin) {
            return refused(Code::BadRequest);
        }
        match self.settings.with_site(&origin, on) {
            Err(mut problems) => {
                let problem = problems.pop().unwrap_or_else(|| Problem::new(Code::BadRequest));
                return Message::Refused { problem };
            }
            Ok(_) if on => {
                self.wanted_site = Some(origin);
                self.ask_for_origins();
            }
            Ok(settings) => {
                self.wanted_site.take_if(|wanted| *wanted == origin);
                self.keep(settings, now);
            }
        }
        Message::Status(self.status(now))
    }

    /// The browser says what it does not let us reach.
    pub(super) fn permitted(&mut self, forbidden: Vec<String>, now: Millis) {
        let before = std::mem::replace(&mut self.forbidden, forbidden);
        if before != self.forbidden {
            self.log.add(now, "permissions", if self.forbidden.is_empty() { "granted" } else { "missing" });
        }
        if let Some(site) = self.wanted_site.take_if(|site| !self.forbidden.contains(site))
            && !self.settings.sites.contains(&site)
            && let Ok(settings) = self.settings.with_site(&site, true)
        {
            self.keep(settings, now);
        }
        let has_changed = |origin: &String| before.contains(origin) != self.forbidden.contains(origin);
        if self.settings.services().any(has_changed) {
            self.configure(now);
        }
    }

    // ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────

    fn settings_message(&self) -> Message {
        Message::Settings(SettingsView { undo: !self.undo.is_empty(), ..self.settings.view() })
    }

    /// Takes other settings, or says what is wrong with them.
    fn save(&mut self, settings: Result<Settings, Vec<Problem>>, now: Millis) -> Message {
        match settings {
            Ok(settings) => {
                self.log.add(now, "settings", "saved");
                self.keep(settings, now);
                self.settings_message()
            }
            Err(problems) => Message::Invalid { problems },
        }
    }

    /// Keeps other settings, and those before them to go back to.
    fn keep(&mut self, settings: Settings, now: Millis) {
        let before = self.settings.to_json();
        self.take_settings(settings, now);
        if before == self.settings.to_json() {
            return;
        }
        self.undo.push(before);
        let too_many = self.undo.len().saturating_sub(MOST_UNDONE);
        self.undo.drain(..too_many);
        self.store_settings();
    }

    fn undo_settings(&mut self, now: Millis) -> Message {
        let Some(before) = self.undo.pop() else {
            return Message::Invalid { problems: vec![Problem::new(Code::SettingsNothingToUndo)] };
        };
        self.take_settings(self.settings.restored(before.reveal()), now);
        self.store_settings();
        self.log.add(now, "settings", "undone");
        self.settings_message()
    }

    /// The administrator says something, or something else than before.
    pub(super) fn governed(&mut self, policy: Option<&Private<String>>, now: Millis) {
        self.log.add(now, "settings", "governed");
        let policy = policy.map(|policy| policy.reveal().as_str());
        self.take_settings(self.settings.governed_by(policy), now);
    }

    pub(super) fn store_settings(&mut self) {
        let json = self.settings.to_json();
        self.storage.writes.push(Write::Document { name: DocumentName::Settings, json });
    }

    /// Has the browser asked whether it lets us reach what is needed, and what is wanted.
    pub(super) fn ask_for_origins(&mut self) {
        let origins = self.settings.origins().into_iter().chain(self.wanted_site.clone());
        self.out.push_back(Output::Origins(origins.collect()));
    }

    fn check_connection(&mut self, ask: u32, now: Millis) {
        self.checks.push(Check::new(ask));
        self.link.reconnect(now);
        self.relay.reconnect(now);
        self.ask_for_checks();
    }

    /// Asks each service for the checks that wait; what cannot be asked is told at once.
    pub(super) fn ask_for_checks(&mut self) {
        if self.checks.is_empty() {
            return;
        }
        let phonet = match self.settings.keyed_phonet() {
            None => Some(Problem::new(Code::PhonetNotConfigured)),
            Some(phonet) => self.missing_permission(&phonet.address),
        };
        let uis = self.settings.uis.as_ref().map(|uis| self.missing_permission(&uis.address));
        let kontur = match &self.settings.kontur {
            None => Some(Problem::new(Code::KonturNotConfigured)),
            Some(kontur) => self.missing_permission(&kontur.address),
        };
        let mut services: Vec<&[CheckStep]> = Vec::new();
        if self.settings.keyed_phonet().is_some() || uis.is_none() {
            services.push(&CheckStep::PHONET);
        }
        if uis.is_some() {
            services.push(&CheckStep::UIS);
        }
        if self.settings.relay.is_some() {
            services.push(&CheckStep::RELAY);
        }
        services.push(&CheckStep::KONTUR);
        let refusals: [(&[CheckStep], &Option<Problem>); 3] = [
            (&CheckStep::PHONET, &phonet),
            (&CheckStep::UIS, uis.as_ref().unwrap_or(&None)),
            (&CheckStep::KONTUR, &kontur),
        ];
        for check in &mut self.checks {
            check.begin(&services);
            for (service, problem) in refusals {
                problem.iter().for_each(|problem| check.forbidden(service, problem));
            }
        }
        self.crm.renew = kontur.is_none();
        if phonet.is_none() {
            self.ask_key();
        }
        if uis == Some(None) {
            self.elsewhere.iter_mut().for_each(|exchange| exchange.check());
        }
    }

    /// Takes the checks as far as they come by now, tells of it, and answers those that are over.
    pub(super) fn advance_checks(&mut self, now: Millis) {
        let (link, relay, user) = (self.link.view(), self.relay.view(), self.user_problem());
        for check in &mut self.checks {
            check.link(&link);
            check.relay(relay.as_ref());
            check.user(user.as_ref());
        }
        if self.checks.iter().any(Check::awaits_integration) {
            self.look_for_check();
            self.drive_integration(now);
        }
        if let Some(check) = self.checks.last()
            && self.shown.checks != check.items()
        {
            self.shown.checks = check.items().to_vec();
            self.out.push_back(Output::Checks(check.items().to_vec()));
        }
        let finished: Vec<_> = self.checks.extract_if(.., |check| check.is_finished()).collect();
        for check in finished {
            self.shown.checks.clear();
            self.reply(check.ask, Message::Checks { items: check.items().to_vec() });
        }
    }

    /// What is wrong with who the agent is in the CRM, as far as the settings tell.
    fn user_problem(&self) -> Option<Problem> {
        let own = self.settings.kontur.as_ref().and_then(|kontur| kontur.user_id.as_deref());
        let ext = self.settings.own_ext();
        match (own, ext.and_then(|ext| self.settings.user_id(ext))) {
            (None, None) => Some(Problem::new(Code::UserMissing)),
            (Some(own), Some(listed)) if own != listed => {
                Some(Problem::about(Code::UserMismatch, &[ext.unwrap_or_default()]))
            }
            _ => None,
        }
    }

    /// All that the views are made of.
    pub(super) fn seen(&self, now: Millis) -> Seen<'_> {
        Seen {
            calls: &self.calls,
            dials: &self.dials,
            cards: &self.cards,
            undelivered: self.crm.outbox.by_call(),
            recordings: &self.recordings,
            settings: &self.settings,
            exchanges: self.exchanges(),
            now,
        }
    }
}

fn shown(found: Vec<Found>) -> Vec<FoundNumber> {
    let shown = |found: Found| FoundNumber {
        start: found.start,
        end: found.end,
        e164: found.number.as_private().clone(),
        display: found.display(),
        ext: found.ext,
    };
    found.into_iter().map(shown).collect()
}

fn refused(code: Code) -> Message {
    Message::Refused { problem: Problem::new(code) }
}
