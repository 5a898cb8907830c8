//! The settings: one JSON document, described by `docs/settings.schema.json`.

mod interface;
mod section;
mod uis;

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Serialize;
use serde_json::{Map, Value};

use self::section::{Section, is_card_template, is_guid, is_host, is_secret, is_subscriber, is_template, join};
pub use self::{
    interface::{Interface, Notifications},
    section::{is_ext, is_site},
    uis::{Credentials, FirstCall, Group, GroupPhone, Queue, SpokenKind, SpokenMessage, Uis, UisVersion},
};
use crate::{
    exchange::ExchangeName,
    json,
    phone::{Correction, Region},
    phonet::rest::User,
    private::Private,
    problem::{Code, Problem},
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
    advanced: Advanced,
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
            advanced: Advanced::default(),
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Phonet {
    /// The exchange's domain, such as `qwerty.phonet.com.ua`.
    pub domain: String,
    /// The key.
    #[serde(skip_serializing_if = "is_hidden")]
    pub api_key: Private<String>,
    /// Whose events are wanted: an internal number or an e-mail address.
    pub subscriber: String,
    /// The origin of its addresses, `https://<domain>` unless set otherwise.
    #[serde(skip)]
    pub address: String,
}

/// Which exchange dials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Dialling {
    /// Everywhere but on the sites that say otherwise; the one that is set up unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange: Option<ExchangeName>,
    /// By a site's origin.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "json::pairs")]
    pub sites: Vec<(String, ExchangeName)>,
}

/// The CRM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kontur {
    /// The workspace's name or id.
    pub workspace: String,
    /// The integration's key; none where the relay hands out AccessKeys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Private<String>>,
    /// A public integration's secret, `name=value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Private<String>>,
    /// Who the agent is in the CRM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Whether the recordings of talks go to the CRM; they do unless it says no.
    #[serde(skip_serializing_if = "is_true")]
    pub recordings: bool,
    /// Whether this workstation registers the company's missed calls that no agent's browser heard of.
    #[serde(skip_serializing_if = "is_false")]
    pub missed_calls: bool,
    /// Where the client's cards are: templates with `{ws}` and `{id}`; no link where empty.
    pub cards: Cards,
    /// The origin of its addresses, `https://crm.kontur.ru` unless set otherwise.
    #[serde(skip)]
    pub address: String,
}

/// The company's relay: what the CRM asks for comes from there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Relay {
    /// Its origin.
    pub address: String,
    /// The agent's token.
    #[serde(skip_serializing_if = "is_hidden")]
    pub token: Private<String>,
}

/// The addresses of the client's cards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cards {
    /// Of a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Of a company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// Of a deal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deal: Option<String>,
    /// Of a contact that is to be made: a template with `{ws}` and `{phone}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_contact: Option<String>,
}

/// One line of the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// The internal number at the exchange.
    pub ext: String,
    /// The user in the CRM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Private<String>>,
}

/// Addresses for a sandbox or a proxy.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Advanced {
    #[serde(skip_serializing_if = "Option::is_none")]
    phonet_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kontur_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uis_address: Option<String>,
}

/// The document as it is written.
#[derive(Serialize)]
struct Document<'a> {
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    phonet: Option<&'a Phonet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uis: Option<&'a Uis>,
    dialling: &'a Dialling,
    #[serde(skip_serializing_if = "Option::is_none")]
    kontur: Option<&'a Kontur>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay: Option<&'a Relay>,
    directory: &'a [Person],
    region: &'a str,
    sites: &'a [String],
    corrections: &'a [Correction],
    interface: &'a Interface,
    advanced: &'a Advanced,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_true(value: &bool) -> bool {
    *value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// The empty key stands for one that is not to be shown; an empty key is never taken.
fn is_hidden(key: &Private<String>) -> bool {
    key.reveal().is_empty()
}

impl Settings {
    /// The settings as stored. A document that cannot be read counts as none: the user is asked to set up anew.
    pub fn load(stored: Option<&str>) -> Self {
        stored.and_then(|json| Self::default().replaced_by(json).ok()).unwrap_or_default()
    }

    /// Takes a new document; secrets it leaves out stay as they are. All that is wrong with it is told at once.
    pub fn replaced_by(&self, document: &str) -> Result<Self, Vec<Problem>> {
        let not_json = |error: serde_json::Error| vec![Problem::about(Code::SettingsNotJson, &[&place_of(&error)])];
        let mut document: Value = serde_json::from_str(document.trim_start_matches('\u{feff}')).map_err(not_json)?;
        let mut inherited = Vec::new();
        for (section, key, kept) in self.kept_secrets() {
            if let Some(fields) = document.get_mut(section).and_then(Value::as_object_mut)
                && !fields.contains_key(key)
                && is_wanted(fields, key)
            {
                fields.insert(key.to_owned(), kept.reveal().as_str().into());
                inherited.push((section, key));
            }
        }
        let mut problems = Vec::new();
        let settings = Self::read(&document, &mut problems);
        if let Some(settings) = &settings {
            // A key goes to the host it was given for and to no other.
            let moved = |old: Option<&String>, new: Option<&String>| old.is_some() && new.is_some() && old != new;
            let phonet = |settings: &Self| {
                settings.phonet.as_ref().map(|phonet| format!("{} {}", phonet.address, phonet.domain))
            };
            let kontur = |settings: &Self| settings.kontur.as_ref().map(|kontur| kontur.address.clone());
            let uis = |settings: &Self| settings.uis.as_ref().map(|uis| uis.address.clone());
            let relay = |settings: &Self| settings.relay.as_ref().map(|relay| relay.address.clone());
            for (section, old, new) in [
                ("phonet", phonet(self), phonet(settings)),
                ("kontur", kontur(self), kontur(settings)),
                ("uis", uis(self), uis(settings)),
                ("relay", relay(self), relay(settings)),
            ] {
                let secret = inherited.iter().find(|(of, _)| *of == section);
                if let Some((_, key)) = secret.filter(|_| moved(old.as_ref(), new.as_ref())) {
                    problems.push(Problem::about(Code::SettingsMissing, &[&join(section, key)]));
                }
            }
        }
        match settings {
            Some(settings) if problems.is_empty() => Ok(settings),
            _ => Err(problems),
        }
    }

    /// The document with its secrets, for storage.
    pub fn to_json(&self) -> Private<String> {
        let document = Document {
            version: VERSION,
            phonet: self.phonet.as_ref(),
            uis: self.uis.as_ref(),
            dialling: &self.dialling,
            kontur: self.kontur.as_ref(),
            relay: self.relay.as_ref(),
            directory: &self.directory,
            region: &self.region.0.as_region_str(),
            sites: &self.sites,
            corrections: &self.corrections,
            interface: &self.interface,
            advanced: &self.advanced,
        };
        Private::new(serde_json::to_string(&document).unwrap_or_default())
    }

    /// The document without its secrets, for the screen.
    pub fn without_secrets(&self) -> String {
        let mut shown = self.clone();
        shown.phonet.iter_mut().for_each(|phonet| phonet.api_key = Private::default());
        shown.uis.iter_mut().for_each(|uis| match &mut uis.credentials {
            Credentials::Login { password: secret, .. } | Credentials::Token { token: secret } => {
                *secret = Private::default();
            }
        });
        shown.kontur.iter_mut().for_each(|kontur| {
            kontur.api_key = None;
            kontur.secret = None;
        });
        shown.relay.iter_mut().for_each(|relay| relay.token = Private::default());
        shown.to_json().into_inner()
    }

    /// The paths of the secrets that are set.
    pub fn secrets(&self) -> Vec<String> {
        self.kept_secrets().map(|(section, key, _)| format!("{section}.{key}")).collect()
    }

    /// Section, key and value of each secret.
    fn kept_secrets(&self) -> impl Iterator<Item = (&'static str, &'static str, &Private<String>)> {
        let phonet = self.phonet.iter().map(|phonet| ("phonet", "apiKey", &phonet.api_key));
        let kontur = self.kontur.iter().flat_map(|kontur| &kontur.api_key).map(|key| ("kontur", "apiKey", key));
        let secret = self.kontur.iter().flat_map(|kontur| &kontur.secret).map(|secret| ("kontur", "secret", secret));
        let uis = self.uis.iter().map(|uis| match &uis.credentials {
            Credentials::Login { password, .. } => ("uis", "password", password),
            Credentials::Token { token } => ("uis", "token", token),
        });
        let relay = self.relay.iter().map(|relay| ("relay", "token", &relay.token));
        phonet.chain(kontur).chain(secret).chain(uis).chain(relay)
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
        let phonet = self.phonet.iter().map(|phonet| &phonet.address);
        let uis = self.uis.iter().map(|uis| &uis.address);
        let relay = self.relay.iter().map(|relay| &relay.address);
        phonet.chain(uis).chain(self.kontur.iter().map(|kontur| &kontur.address)).chain(relay)
    }

    /// The origins that the browser must let us reach: the services and the sites.
    pub fn origins(&self) -> Vec<String> {
        self.services().chain(&self.sites).cloned().collect()
    }

    /// Names what the finder of numbers goes by, so that answers of before a change count no more.
    pub fn finder(&self) -> u32 {
        fingerprint(&(self.region.0.as_region_str(), &self.corrections))
    }

    /// Remembers a correction, in place of what was said of such numbers before; false where there are too many.
    pub fn correct(&mut self, correction: Correction) -> bool {
        self.forget(correction.label.as_deref(), &correction.pattern);
        let fits = self.corrections.len() < MOST_CORRECTIONS;
        self.corrections.extend(fits.then_some(correction));
        fits
    }

    /// Forgets what was said of such numbers in fields of this name.
    pub fn forget(&mut self, label: Option<&str>, pattern: &str) {
        self.corrections.retain(|known| known.label.as_deref() != label || known.pattern != pattern);
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
        let phonet = root.section("phonet", |section| {
            let domain = section.required("domain", is_host);
            let api_key = section.required("apiKey", is_secret);
            let subscriber = section.required("subscriber", is_subscriber);
            let domain = domain?.to_ascii_lowercase();
            let address = advanced.phonet_address.clone().unwrap_or_else(|| format!("https://{domain}"));
            Some(Phonet { domain, api_key: Private::new(api_key?), subscriber: subscriber?, address })
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
        let (told_ext, handed) = (None, Vec::new());
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
            advanced,
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

/// Whether a secret that is left out belongs to what the section says: UIS takes a password or a permanent key.
fn is_wanted(section: &Map<String, Value>, secret: &str) -> bool {
    match secret {
        "password" => section.contains_key("login"),
        "token" => !section.contains_key("login"),
        _ => true,
    }
}

/// Where a JSON error is, without quoting what stands there.
fn place_of(error: &serde_json::Error) -> String {
    format!("{}:{}", error.line(), error.column())
}
