//! The settings: one JSON document, described by `docs/settings.schema.json`.

mod interface;
mod layers;
mod people;
mod section;
mod uis;

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};

pub use self::section::is_guid;
pub use self::{
    interface::{Interface, Notifications},
    people::read_people,
    section::{is_ext, is_site},
    uis::{Credentials, FirstCall, Group, GroupPhone, Queue, SpokenKind, SpokenMessage, Uis, UisVersion},
};
use self::{
    layers::{Layers, missing, sound},
    section::{Section, is_card_template, is_host, is_secret, is_subscriber, is_template},
};
use crate::{
    exchange::ExchangeName,
    phone::{Correction, Region},
    phonet::rest::User,
    private::Private,
    problem::{Code, Problem},
    protocol::SettingsView,
    relay::Listed,
};

/// The document's version that this code writes and reads.
const VERSION: u64 = 1;

/// The CRM's own address.
const CRM: &str = "https://crm.kontur.ru";
/// The most characters of a relay's token: the first frame has to hold it.
const LONGEST_TOKEN: usize = 512;
/// The most corrections that are kept.
const MOST_CORRECTIONS: usize = 200;

/// All settings, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The exchange, if one is set up.
    pub phonet: Option<Phonet>,
    /// A second exchange to dial with, if one is set up.
    pub uis: Option<Uis>,
    /// Which of them dials.
    pub dialling: Dialling,
    /// The CRM, if it is set up.
    pub kontur: Option<Kontur>,
    /// The company's relay, if there is one.
    pub relay: Option<Relay>,
    /// Who is who.
    pub directory: Vec<Person>,
    /// The country of numbers that name none.
    pub region: DefaultRegion,
    /// The origins of the sites that Trubka works on; the CRM unless set.
    pub sites: Vec<String>,
    /// What the user said of wrong guesses about numbers.
    pub corrections: Vec<Correction>,
    /// How calls make themselves noticed.
    pub interface: Interface,
    /// Phonet with a domain and a key, and nobody named yet.
    nameless: Option<Phonet>,
    layers: Layers,
    /// The subscriber's internal number as the exchange told it, where the settings name an e-mail address. Not stored.
    told_ext: Option<String>,
    /// Who is who, as the relay tells it. Not stored here.
    handed: Vec<Person>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            phonet: None,
            uis: None,
            dialling: Dialling::default(),
            kontur: None,
            relay: None,
            directory: Vec::new(),
            region: DefaultRegion::default(),
            sites: vec![CRM.to_owned()],
            corrections: Vec::new(),
            interface: Interface::default(),
            nameless: None,
            layers: Layers::default(),
            told_ext: None,
            handed: Vec::new(),
        }
    }
}

/// The country of numbers that name none; Russia unless set.
#[derive(Clone, Copy, Debug)]
pub struct DefaultRegion(pub Region);

impl Default for DefaultRegion {
    fn default() -> Self {
        Self(Region::RU)
    }
}

/// The exchange: «Настройки» → «Интеграция» → «Другая CRM система» in Phonet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phonet {
    /// The exchange's domain, such as `qwerty.phonet.com.ua`.
    pub domain: String,
    /// The key.
    pub api_key: Private<String>,
    /// Whose events are wanted: an internal number or an e-mail address.
    pub subscriber: String,
    /// The origin of its addresses, `https://<domain>` unless set otherwise.
    pub address: String,
}

/// Which exchange dials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialling {
    /// Everywhere but on the sites that say otherwise; the one that is set up unless set.
    pub exchange: Option<ExchangeName>,
    /// By a site's origin.
    pub sites: Vec<(String, ExchangeName)>,
}

/// The CRM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kontur {
    /// The workspace's name or id.
    pub workspace: String,
    /// The integration's key; none where the relay hands out AccessKeys.
    pub api_key: Option<Private<String>>,
    /// A public integration's secret, `name=value`.
    pub secret: Option<Private<String>>,
    /// Who the agent is in the CRM.
    pub user_id: Option<String>,
    /// Whether the recordings of talks go to the CRM; they do unless it says no.
    pub recordings: bool,
    /// Whether this workstation registers the company's missed calls that no agent's browser heard of.
    pub missed_calls: bool,
    /// Where the client's cards are: templates with `{ws}` and `{id}`; no link where empty.
    pub cards: Cards,
    /// The origin of its addresses, `https://crm.kontur.ru` unless set otherwise.
    pub address: String,
}

/// The company's relay: what the CRM asks for comes from there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Relay {
    /// Its origin.
    pub address: String,
    /// The agent's token.
    pub token: Private<String>,
}

/// The addresses of the client's cards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cards {
    /// Of a person.
    pub contact: Option<String>,
    /// Of a company.
    pub company: Option<String>,
    /// Of a deal.
    pub deal: Option<String>,
    /// Of a contact that is to be made: a template with `{ws}` and `{phone}`.
    pub new_contact: Option<String>,
}

/// One line of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The internal number at the exchange.
    pub ext: String,
    /// The user in the CRM.
    pub user_id: Option<String>,
    /// The name.
    pub name: Option<Private<String>>,
}

/// Addresses for a sandbox or a proxy.
#[derive(Clone, Debug, Default)]
struct Advanced {
    phonet_address: Option<String>,
    kontur_address: Option<String>,
    uis_address: Option<String>,
}

impl Settings {
    /// The settings as they were stored. What cannot be read of them is left out: the user sets it up anew.
    pub fn load(stored: Option<&str>) -> Self {
        Self::of(stored.map_or_else(Layers::default, Layers::load))
    }

    fn of(layers: Layers) -> Self {
        let mut problems = Vec::new();
        let (document, _) = sound(layers.merged());
        let settings = Self::read(&document.into(), &mut problems).unwrap_or_default();
        Self { layers, ..settings }
    }

    /// Takes a whole document in place of the user's own; secrets it leaves out stay as they are. All that is wrong with it is told
    /// at once. What it lacks, [`Settings::missing`] names.
    pub fn replaced_by(&self, document: &str) -> Result<Self, Vec<Problem>> {
        Ok(self.followed_by(self.layers.replaced_by(document)?))
    }

    /// Changes single values, all or none of them: paths as `phonet.domain`, each with its value, or with `null` to take the user's
    /// own away.
    pub fn changed(&self, changes: &Map<String, Value>) -> Result<Self, Vec<Problem>> {
        Ok(self.followed_by(self.layers.changed(changes)?))
    }

    /// The same settings under what the administrator says: `{"preset": {…}, "locked": {…}}`, each a document of settings.
    pub fn governed_by(&self, policy: Option<&str>) -> Self {
        self.followed_by(self.layers.governed_by(policy))
    }

    /// The user's own settings as they once were.
    pub fn restored(&self, stored: &str) -> Self {
        self.followed_by(self.layers.restored(stored))
    }

    /// What the exchange and the relay have told stays true while they are the same.
    fn followed_by(&self, layers: Layers) -> Self {
        let mut next = Self::of(layers);
        if next.phonet == self.phonet {
            next.told_ext.clone_from(&self.told_ext);
        }
        if next.relay == self.relay {
            next.handed.clone_from(&self.handed);
        }
        next
    }

    /// The user's own document with its secrets, for storage.
    pub fn to_json(&self) -> Private<String> {
        self.layers.own(true)
    }

    /// The user's own document as a file that can be taken elsewhere, with its secrets or without.
    pub fn exported(&self, secrets: bool) -> Private<String> {
        self.layers.own(secrets)
    }

    /// All that is in force, for the screen: no secret is in it.
    pub fn view(&self) -> SettingsView {
        let mut document = self.layers.without_secrets();
        document.insert("sites".to_owned(), self.sites.clone().into());
        let corrections = serde_json::to_value(&self.corrections).unwrap_or_default();
        document.insert("corrections".to_owned(), corrections);
        SettingsView {
            document: Value::from(document).to_string(),
            secrets: self.layers.secrets(),
            missing: self.missing(),
            preset: self.layers.preset(),
            overridden: self.layers.overridden(),
            locked: self.layers.locked(),
            policy: self.layers.complaints().to_vec(),
            undo: false,
        }
    }

    /// What is still to be filled in before a service that is partly set up can be used.
    pub fn missing(&self) -> Vec<Problem> {
        missing(&self.layers.merged())
    }

    /// The phonet section as far as REST needs it: without a subscriber, whose name may still be unknown.
    pub fn keyed_phonet(&self) -> Option<&Phonet> {
        self.phonet.as_ref().or(self.nameless.as_ref())
    }

    /// Takes the internal number behind the subscriber's e-mail address from the exchange's list of users.
    pub fn learn_own_ext(&mut self, users: &[User]) {
        let Some(phonet) = &self.phonet else { return };
        let own = users.iter().find(|user| user.is(&phonet.subscriber));
        self.told_ext = own.and_then(|user| user.ext.clone());
    }

    /// Takes what the relay tells of who is who, in place of what it told before. What it says of somebody counts more than what
    /// stands in the settings: it is the administrator's word.
    pub fn learn_people(&mut self, listed: &[Listed]) {
        self.handed = listed.iter().filter_map(Person::listed).collect();
    }

    fn people(&self) -> impl Iterator<Item = &Person> {
        self.handed.iter().chain(&self.directory)
    }

    /// The agent's own internal number, where it is known: the subscriber, what the exchange told of an e-mail address, or the
    /// directory's line of the agent's own user.
    pub fn own_ext(&self) -> Option<&str> {
        let subscriber = &self.phonet.as_ref()?.subscriber;
        if !subscriber.contains('@') {
            return Some(subscriber);
        }
        if let Some(ext) = &self.told_ext {
            return Some(ext);
        }
        let own = self.kontur.as_ref()?.user_id.as_deref()?;
        self.people().find(|person| person.user_id.as_deref() == Some(own)).map(|person| person.ext.as_str())
    }

    /// The CRM's user behind an internal number; never guessed.
    pub fn user_id(&self, ext: &str) -> Option<&str> {
        let listed = self.people().filter(|person| person.ext == ext).find_map(|person| person.user_id.as_deref());
        let own = || {
            let own = self.kontur.as_ref()?.user_id.as_deref();
            own.filter(|_| self.own_ext() == Some(ext))
        };
        listed.or_else(own)
    }

    /// The name behind an internal number.
    pub fn name_of(&self, ext: &str) -> Option<&Private<String>> {
        self.people().filter(|person| person.ext == ext).find_map(|person| person.name.as_ref())
    }

    /// The name of a user of the CRM.
    pub fn name_of_user(&self, user_id: &str) -> Option<&Private<String>> {
        let is_theirs =
            |person: &&Person| person.user_id.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(user_id));
        self.people().filter(is_theirs).find_map(|person| person.name.as_ref())
    }

    /// The origins of the services.
    pub fn services(&self) -> impl Iterator<Item = &String> {
        let phonet = self.keyed_phonet().into_iter().map(|phonet| &phonet.address);
        let uis = self.uis.iter().map(|uis| &uis.address);
        let relay = self.relay.iter().map(|relay| &relay.address);
        phonet.chain(uis).chain(self.kontur.iter().map(|kontur| &kontur.address)).chain(relay)
    }

    /// Whether the administrator has locked the value at a path, or some of it.
    pub fn is_locked(&self, path: &str) -> bool {
        self.layers.is_locked(path)
    }

    /// The origins that the browser must let us reach: the services and the sites.
    pub fn origins(&self) -> Vec<String> {
        self.services().chain(&self.sites).cloned().collect()
    }

    /// Names what the finder of numbers goes by, so that answers of before a change count no more.
    pub fn finder(&self) -> u32 {
        fingerprint(&(self.region.0.as_region_str(), &self.corrections))
    }

    /// Remembers a correction, in place of what was said of such numbers before.
    pub fn corrected(&self, correction: Correction) -> Result<Self, Vec<Problem>> {
        let mut corrections = self.other_corrections(correction.label.as_deref(), &correction.pattern);
        if corrections.len() >= MOST_CORRECTIONS {
            return Err(vec![Problem::new(Code::CorrectionsFull)]);
        }
        corrections.push(correction);
        self.with("corrections", serde_json::to_value(corrections).unwrap_or_default())
    }

    /// Forgets what was said of such numbers in fields of this name.
    pub fn forgetting(&self, label: Option<&str>, pattern: &str) -> Result<Self, Vec<Problem>> {
        let corrections = self.other_corrections(label, pattern);
        self.with("corrections", serde_json::to_value(corrections).unwrap_or_default())
    }

    /// Switches a site on or off.
    pub fn with_site(&self, origin: &str, on: bool) -> Result<Self, Vec<Problem>> {
        let others = self.sites.iter().filter(|site| *site != origin).cloned();
        let sites: Vec<String> = others.chain(on.then(|| origin.to_owned())).collect();
        self.with("sites", sites.into())
    }

    fn other_corrections(&self, label: Option<&str>, pattern: &str) -> Vec<Correction> {
        let is_other = |known: &&Correction| known.label.as_deref() != label || known.pattern != pattern;
        self.corrections.iter().filter(is_other).cloned().collect()
    }

    fn with(&self, path: &str, value: Value) -> Result<Self, Vec<Problem>> {
        self.changed(&Map::from_iter([(path.to_owned(), value)]))
    }

    fn read(document: &Value, problems: &mut Vec<Problem>) -> Option<Self> {
        let mut root = Section::open(document, String::new(), problems)?;
        root.value("$schema");
        match root.value("version").map(Value::as_u64) {
            None => root.problem(Code::SettingsMissing, "version"),
            Some(None) => root.problem(Code::SettingsWrongType, "version"),
            Some(Some(VERSION)) => {}
            Some(Some(newer)) => root.problems.push(Problem::about(Code::SettingsTooNew, &[&newer.to_string()])),
        }
        let advanced = root.section("advanced", |section| {
            let phonet_address = section.address("phonetAddress");
            let kontur_address = section.address("konturAddress");
            Some(Advanced { phonet_address, kontur_address, uis_address: section.address("uisAddress") })
        });
        let advanced = advanced.unwrap_or_default();
        let mut nameless = None;
        let phonet = root.section("phonet", |section| {
            let domain = section.required("domain", is_host);
            let api_key = section.required("apiKey", is_secret);
            let subscriber = section.required("subscriber", is_subscriber);
            let domain = domain?.to_ascii_lowercase();
            let address = advanced.phonet_address.clone().unwrap_or_else(|| format!("https://{domain}"));
            let phonet = Phonet { domain, api_key: Private::new(api_key?), subscriber: String::new(), address };
            nameless = Some(phonet.clone());
            Some(Phonet { subscriber: subscriber?, ..phonet })
        });
        let uis = root.section("uis", |section| uis::read(section, advanced.uis_address.clone()));
        let dialling = root.section("dialling", |section| {
            let exchange = section.optional("exchange", |name| ExchangeName::read(name).is_some());
            let sites = section.value("sites").map(Value::as_object);
            let sites = sites.flatten().into_iter().flatten().filter_map(|(origin, name)| {
                let exchange = name.as_str().and_then(ExchangeName::read).filter(|_| is_site(origin));
                if exchange.is_none() {
                    let place: String = format!("sites.{origin}").chars().take(100).collect();
                    section.problem(Code::SettingsWrongValue, &place);
                }
                Some((origin.clone(), exchange?))
            });
            let sites = sites.collect();
            if section.fields.get("sites").is_some_and(|sites| !sites.is_object()) {
                section.problem(Code::SettingsWrongType, "sites");
            }
            Some(Dialling { exchange: exchange.as_deref().and_then(ExchangeName::read), sites })
        });
        let dialling = dialling.unwrap_or_default();
        let relay = root.section("relay", |section| {
            let address = section.required_address("address");
            let token = section.required("token", |text| is_secret(text) && text.len() <= LONGEST_TOKEN);
            Some(Relay { address: address?, token: Private::new(token?) })
        });
        let has_relay = root.fields.contains_key("relay");
        let kontur = root.section("kontur", |section| {
            let workspace = section.required("workspace", |text| !text.trim().is_empty());
            // A relay may hand out keys; then an empty one removes the one that is set.
            let api_key = if has_relay {
                section.optional("apiKey", |text| text.is_empty() || is_secret(text)).or(Some(String::new()))
            } else {
                section.required("apiKey", is_secret)
            };
            let api_key = api_key.map(|key| (!key.is_empty()).then(|| Private::new(key)));
            // An empty one removes the one that is set.
            let secret = section.optional("secret", |text| text.is_empty() || (is_secret(text) && text.contains('=')));
            let secret = secret.filter(|secret| !secret.is_empty());
            let user_id = section.optional("userId", is_guid);
            let recordings = section.flag("recordings");
            let missed_calls = section.flag("missedCalls");
            let cards = section.section("cards", |cards| {
                let new_contact = cards.optional("newContact", is_template).filter(|template| !template.is_empty());
                let mut card = |key| cards.optional(key, is_card_template).filter(|template| !template.is_empty());
                Some(Cards { contact: card("contact"), company: card("company"), deal: card("deal"), new_contact })
            });
            Some(Kontur {
                workspace: workspace?.trim().to_owned(),
                api_key: api_key?,
                secret: secret.map(Private::new),
                user_id: user_id.map(|id| id.to_ascii_lowercase()),
                recordings: recordings.unwrap_or(true),
                missed_calls: missed_calls.unwrap_or(false),
                cards: cards.unwrap_or_default(),
                address: advanced.kontur_address.clone().unwrap_or_else(|| CRM.to_owned()),
            })
        });
        let directory = root.list("directory", |section| {
            let ext = section.required("ext", is_ext);
            let user_id = section.optional("userId", is_guid);
            let name = section.optional("name", |_| true);
            Some(Person { ext: ext?, user_id: user_id.map(|id| id.to_ascii_lowercase()), name: name.map(Private::new) })
        });
        let region = root.optional("region", |text| text.parse::<Region>().is_ok());
        let region = region.and_then(|region| region.parse().ok()).map_or_else(DefaultRegion::default, DefaultRegion);
        let sites = root.texts("sites", is_site).unwrap_or_else(|| Self::default().sites);
        let corrections = root.list("corrections", |section| {
            let label = section.optional("label", |_| true);
            let (pattern, phone) = (section.required("pattern", |_| true), section.flag("phone").unwrap_or(false));
            let unlabelled = Correction { label: None, pattern: pattern?, phone };
            if !unlabelled.is_sound() {
                section.problem(Code::SettingsWrongValue, "pattern");
                return None;
            }
            let correction = Correction { label, ..unlabelled };
            if !correction.is_sound() {
                section.problem(Code::SettingsWrongValue, "label");
            }
            Some(correction)
        });
        if corrections.len() > MOST_CORRECTIONS {
            root.problem(Code::SettingsWrongValue, "corrections");
        }
        let interface = root.section("interface", |section| Some(interface::read(section))).unwrap_or_default();
        root.close();
        let (layers, told_ext, handed) = (Layers::default(), None, Vec::new());
        Some(Self {
            phonet,
            uis,
            dialling,
            kontur,
            relay,
            directory,
            region,
            sites,
            corrections,
            interface,
            nameless,
            layers,
            told_ext,
            handed,
        })
    }

    /// The exchange that dials from this page; from our own pages where `origin` is none.
    pub fn dials_with(&self, origin: Option<&str>) -> ExchangeName {
        let chosen = origin.and_then(|origin| self.dialling.sites.iter().find(|(site, _)| site == origin));
        let chosen = chosen.map(|(_, exchange)| *exchange).or(self.dialling.exchange);
        chosen.unwrap_or(match (&self.phonet, &self.uis) {
            (None, Some(_)) => ExchangeName::Uis,
            _ => ExchangeName::Phonet,
        })
    }
}

impl Phonet {
    /// Names this subscriber of this exchange, so that nobody else's history is taken for theirs.
    pub fn fingerprint(&self) -> u32 {
        fingerprint(&[&self.address, &self.domain, &self.subscriber])
    }
}

impl Kontur {
    /// Names these credentials, so that an AccessKey obtained with others is not used. Not secret, not reversible in practice.
    pub fn fingerprint(&self) -> u32 {
        let text = |secret: &Option<Private<String>>| secret.as_ref().map(Private::reveal).cloned().unwrap_or_default();
        fingerprint(&[&self.address, &self.workspace, &text(&self.api_key), &text(&self.secret)])
    }
}

impl Relay {
    /// Names this agent of this relay, so that what another one handed out is not kept.
    pub fn fingerprint(&self) -> u32 {
        fingerprint(self)
    }
}

impl Person {
    /// A line as the relay tells it; `None` where it names nobody.
    fn listed(listed: &Listed) -> Option<Self> {
        let user_id = listed.user_id.as_ref().filter(|id| is_guid(id)).map(|id| id.to_ascii_lowercase());
        is_ext(&listed.ext).then(|| Self { ext: listed.ext.clone(), user_id, name: listed.name.clone() })
    }
}

fn fingerprint(parts: &impl Hash) -> u32 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    u32::try_from(hasher.finish() >> 32).unwrap_or_default()
}
