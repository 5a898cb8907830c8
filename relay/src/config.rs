//! The relay's settings: one TOML file, each of whose keys but the directory's the environment may override: `kontur.api_key` by
//! `TRUBKA_RELAY__KONTUR__API_KEY`. They are checked whole before anything starts; relative paths start at the file's folder.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use axum::http::Uri;
use config::Environment;
use ipnet::IpNet;
use serde::Deserialize;
use trubka::private::Private;
use trubka::relay::{Handed, LARGEST_TO_AGENT, Listed};
use trubka::settings::is_guid;

/// Where the file is sought when none is named.
pub const FILE: &str = "relay.toml";

/// Everything that is set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where Kontur and the agents are listened to.
    pub listen: SocketAddr,
    /// Where health and metrics are told, for the administrator's eyes; nowhere where it is absent.
    pub operations: Option<SocketAddr>,
    /// How Kontur and the agents reach the relay, without a slash at the end.
    pub base_url: String,
    /// The segment of the path that proves that Kontur speaks.
    pub path_secret: Private<String>,
    /// The folder of what must outlive the process.
    pub state: PathBuf,
    /// How the log is written.
    pub log: LogFormat,
    /// The certificate; without one the relay speaks plain HTTP, to a proxy or to this machine.
    pub tls: Option<Tls>,
    /// The proxies whose `X-Forwarded-*` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The exchange, for the history.
    pub phonet: Option<Phonet>,
    /// The CRM, for the history, the integration and the keys that are handed out.
    pub kontur: Option<Kontur>,
    /// The agents' browsers.
    pub agents: Agents,
    /// Who is who.
    pub directory: Vec<Person>,
    /// What several instances share; absent, there is one.
    pub nats: Option<Nats>,
    /// How much is too much.
    pub limits: Limits,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// A certificate and its key, in PEM files that are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate, then those above it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phonet {
    /// The company's domain, such as `demo.phonet.com.ua`.
    pub domain: String,
    /// The API key.
    pub api_key: Private<String>,
    /// Where its REST is, without a slash at the end.
    pub address: String,
}

/// The CRM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kontur {
    /// The workspace's name or id.
    pub workspace: String,
    /// The integration's API key.
    pub api_key: Private<String>,
    /// A public integration's secret, `name=value`.
    pub secret: Option<Private<String>>,
    /// Where its API is, without a slash at the end.
    pub address: String,
    /// Whether recordings of talks go to the CRM.
    pub recordings: bool,
}

/// The agents' browsers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agents {
    /// The file of the agents and their tokens' hashes.
    pub file: PathBuf,
    /// Whether agents get short-lived keys to the CRM from the relay.
    pub hand_out_key: bool,
}

/// One line of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The internal number at the exchange.
    pub ext: String,
    /// The user in the CRM, by GUID.
    pub user_id: Option<String>,
    /// The name.
    pub name: Option<Private<String>>,
    /// The agent whose browsers dial for this person.
    pub agent: Option<Private<String>>,
}

/// What several instances share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nats {
    /// The servers; they may hold a password.
    pub servers: Vec<Private<String>>,
    /// A credentials file.
    pub credentials: Option<PathBuf>,
    /// What tells these instances from others on the same NATS.
    pub deployment: String,
}

/// How much is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sockets at once, of agents and of others.
    pub connections: u32,
    /// Requests a second from one address (of IPv6, from one /64) that do not bear the secret; four times as many at once.
    pub per_address: NonZeroU32,
    /// Requests a second that bear the secret; four times as many at once.
    pub per_secret: NonZeroU32,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the settings {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why, in words; holds no value of the file.
        reason: String,
    },
    /// Some values cannot be right.
    #[error("the settings {} cannot be right:\n  {}", path.display(), problems.join("\n  "))]
    Wrong {
        /// The file.
        path: PathBuf,
        /// A sentence for each, beginning with the key.
        problems: Vec<String>,
    },
}

impl Config {
    /// Reads the file and what the environment overrides.
    ///
    /// # Errors
    /// Where the file cannot be read, or a value cannot be right.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::load_with(path, Environment::default())
    }

    /// [`Self::load`] with another environment.
    fn load_with(path: &Path, environment: Environment) -> Result<Self, ConfigError> {
        let unreadable = |reason: String| ConfigError::Unreadable { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(with_advice(&error)))?;
        let file: File = config::Config::builder()
            .add_source(config::File::from_str(&text, config::FileFormat::Toml))
            .add_source(environment.prefix("TRUBKA_RELAY").prefix_separator("__").separator("__"))
            .build()
            .and_then(config::Config::try_deserialize)
            .map_err(|error| unreadable(without_source(&error.to_string())))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut check = Check { folder, problems: Vec::new() };
        let config = check.config(file);
        match config {
            Some(config) if check.problems.is_empty() => Ok(config),
            _ => Err(ConfigError::Wrong { path: path.to_owned(), problems: check.problems }),
        }
    }

    /// What is handed out to the agents before any key is.
    pub fn handed(&self) -> Handed {
        let listed = |person: &Person| Listed {
            ext: person.ext.clone(),
            user_id: person.user_id.clone(),
            name: person.name.clone(),
        };
        Handed { directory: self.directory.iter().map(listed).collect(), access: None }
    }
}

/// What the system says of the file, and what to do about it.
fn with_advice(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => format!("{error}: `trubka-relay init` writes them, --config names another file"),
        ErrorKind::PermissionDenied => {
            format!("{error}: the user {} has to be allowed to read them", rustix::process::geteuid().as_raw())
        }
        _ => error.to_string(),
    }
}

/// A message of the TOML reader without the lines that it quotes: they may hold a secret.
fn without_source(message: &str) -> String {
    let lines: Vec<&str> =
        message.lines().map(str::trim).filter(|line| !line.contains('|') && !line.is_empty()).collect();
    lines.join(": ")
}

/// The file as it is written. No `Debug`: it holds secrets in the clear.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "default_listen")]
    listen: SocketAddr,
    operations: Option<SocketAddr>,
    base_url: String,
    path_secret: String,
    #[serde(default = "default_state")]
    state: PathBuf,
    #[serde(default)]
    log: LogFormat,
    tls: Option<TlsFile>,
    #[serde(default)]
    proxies: ProxiesFile,
    phonet: Option<PhonetFile>,
    kontur: Option<KonturFile>,
    #[serde(default)]
    agents: AgentsFile,
    #[serde(default)]
    directory: Vec<PersonFile>,
    nats: Option<NatsFile>,
    #[serde(default)]
    limits: LimitsFile,
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8470))
}

fn default_state() -> PathBuf {
    PathBuf::from("state")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsFile {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProxiesFile {
    #[serde(default)]
    trusted: List,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PhonetFile {
    domain: String,
    api_key: String,
    address: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KonturFile {
    workspace: String,
    api_key: String,
    secret: Option<String>,
    address: Option<String>,
    recordings: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentsFile {
    file: Option<PathBuf>,
    #[serde(default)]
    hand_out_key: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonFile {
    ext: String,
    user_id: Option<String>,
    name: Option<String>,
    agent: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NatsFile {
    servers: List,
    credentials: Option<PathBuf>,
    deployment: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsFile {
    connections: Option<u32>,
    per_address: Option<u32>,
    per_secret: Option<u32>,
}

/// A list; in the environment, one text with commas.
#[derive(Deserialize)]
#[serde(untagged)]
enum List {
    Many(Vec<String>),
    One(String),
}

impl Default for List {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl List {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::Many(texts) => texts,
            Self::One(text) => {
                text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
            }
        }
    }
}

/// The checks, and what they found.
struct Check<'a> {
    folder: &'a Path,
    problems: Vec<String>,
}

impl Check<'_> {
    fn config(&mut self, file: File) -> Option<Config> {
        let directory = self.directory(file.directory);
        let kontur = file.kontur.map(|kontur| self.kontur(kontur));
        if file.agents.hand_out_key && kontur.is_none() {
            self.wrong("agents.hand_out_key", "needs the section [kontur]: the keys come from there");
        }
        Some(Config {
            listen: file.listen,
            operations: file.operations,
            base_url: self.address("base_url", &file.base_url),
            path_secret: self.path_secret(file.path_secret),
            state: self.folder.join(file.state),
            log: file.log,
            tls: file.tls.map(|tls| Tls {
                certificate: self.file("tls.certificate", &tls.certificate),
                key: self.file("tls.key", &tls.key),
            }),
            trusted_proxies: self.networks(file.proxies.trusted.into_vec()),
            phonet: file.phonet.map(|phonet| self.phonet(phonet)),
            kontur,
            agents: Agents {
                file: self.folder.join(file.agents.file.unwrap_or_else(|| "agents.json".into())),
                hand_out_key: file.agents.hand_out_key,
            },
            directory,
            nats: file.nats.map(|nats| self.nats(nats)),
            limits: Limits {
                connections: self
                    .count("limits.connections", file.limits.connections, 12_000)
                    .map_or(0, NonZeroU32::get),
                per_address: self.count("limits.per_address", file.limits.per_address, 50)?,
                per_secret: self.count("limits.per_secret", file.limits.per_secret, 100)?,
            },
        })
    }

    fn wrong(&mut self, key: &str, what: &str) {
        self.problems.push(format!("{key}: {what}"));
    }

    fn count(&mut self, key: &str, value: Option<u32>, default: u32) -> Option<NonZeroU32> {
        let count = NonZeroU32::new(value.unwrap_or(default));
        if count.is_none() {
            self.wrong(key, "must be at least 1");
        }
        count
    }

    /// `https://host[:port]`, or plain http on this machine. A slash at the end falls away.
    fn address(&mut self, key: &str, text: &str) -> String {
        let text = text.trim().trim_end_matches('/');
        let uri: Option<Uri> = text.parse().ok();
        let parts = uri.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.host()?, uri.authority()?, uri.query())));
        match parts {
            Some((_, _, authority, _)) if authority.as_str().contains('@') => self.wrong(key, "must name no user"),
            Some((_, _, _, Some(_))) => self.wrong(key, "must have no query"),
            Some(_) if uri.as_ref().is_some_and(|uri| uri.path() != "/") => self.wrong(key, "must have no path"),
            Some(("https", ..)) => {}
            Some(("http", host, ..)) if is_loopback(host) => {}
            Some(("http", ..)) => {
                self.wrong(key, "must begin with https://: plain http is for this machine only (127.0.0.1, localhost)");
            }
            _ => self.wrong(key, "must be an address such as https://relay.example.com"),
        }
        text.to_owned()
    }

    /// 128 bits are 32 hexadecimal digits, or 22 of base64url.
    fn path_secret(&mut self, secret: String) -> Private<String> {
        const KEY: &str = "path_secret";
        let is_hex = secret.bytes().all(|byte| byte.is_ascii_hexdigit());
        let variety = secret.bytes().collect::<HashSet<_>>().len();
        if !secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
            self.wrong(KEY, "may hold letters, digits, - and _ only: it is a segment of an address");
        } else if secret.len() < if is_hex { 32 } else { 22 } || variety < 8 {
            self.wrong(KEY, "can be guessed: take 128 random bits at least, such as `openssl rand -hex 32` makes");
        }
        Private::new(secret)
    }

    fn file(&mut self, key: &str, path: &Path) -> PathBuf {
        let path = self.folder.join(path);
        if let Err(error) = std::fs::File::open(&path) {
            self.wrong(key, &format!("cannot open {}: {error}", path.display()));
        }
        path
    }

    fn networks(&mut self, texts: Vec<String>) -> Vec<IpNet> {
        let mut networks = Vec::new();
        for text in texts {
            match text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
                Ok(network) => networks.push(network),
                Err(_) => self.wrong(
                    "proxies.trusted",
                    &format!("{text:?} is no network: write 10.0.0.0/8, fd00::/8, or one address"),
                ),
            }
        }
        networks
    }

    fn secret(&mut self, key: &str, value: String) -> Private<String> {
        if value.trim().is_empty() {
            self.wrong(key, "is empty");
        } else if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.wrong(key, "holds a space, a line's end or a letter that no key holds: copy it again");
        }
        Private::new(value)
    }

    fn phonet(&mut self, file: PhonetFile) -> Phonet {
        let domain = file.domain.trim().to_ascii_lowercase();
        if domain.is_empty() || !domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte)) {
            self.wrong("phonet.domain", "must be the company's domain at Phonet, such as company.phonet.com.ua");
        }
        let address = file.address.unwrap_or_else(|| format!("https://{domain}"));
        Phonet {
            address: self.address("phonet.address", &address),
            api_key: self.secret("phonet.api_key", file.api_key),
            domain,
        }
    }

    fn kontur(&mut self, file: KonturFile) -> Kontur {
        if file.workspace.trim().is_empty() {
            self.wrong("kontur.workspace", "is empty: the CRM's address shows it");
        }
        if file.secret.as_deref().is_some_and(|secret| !secret.contains('=')) {
            self.wrong("kontur.secret", "must be name=value; a private integration has none");
        }
        let address = file.address.unwrap_or_else(|| "https://crm.kontur.ru".to_owned());
        Kontur {
            workspace: file.workspace.trim().to_owned(),
            api_key: self.secret("kontur.api_key", file.api_key),
            secret: file.secret.map(|secret| self.secret("kontur.secret", secret)),
            address: self.address("kontur.address", &address),
            recordings: file.recordings.unwrap_or(true),
        }
    }

    fn directory(&mut self, lines: Vec<PersonFile>) -> Vec<Person> {
        let (mut exts, mut users) = (HashSet::new(), HashSet::new());
        let mut people = Vec::with_capacity(lines.len());
        for (index, line) in lines.into_iter().enumerate() {
            let key = |name: &str| format!("directory[{index}].{name}");
            let ext = line.ext.trim().to_owned();
            if ext.is_empty() || ext.len() > 32 || !ext.bytes().all(|byte| byte.is_ascii_digit()) {
                self.wrong(&key("ext"), "must be an internal number, digits only, in quotes");
            } else if !exts.insert(ext.clone()) {
                self.wrong(&key("ext"), &format!("{ext} stands here twice"));
            }
            let user_id = line.user_id.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty());
            if let Some(id) = &user_id
                && !users.insert(id.to_ascii_lowercase())
            {
                self.wrong(&key("user_id"), "names a user who stands here already");
            }
            if user_id.as_deref().is_some_and(|id| !is_guid(id)) {
                self.wrong(
                    &key("user_id"),
                    "must be the user's id in the CRM, such as 3f6a0c1e-0000-4000-8000-000000000001",
                );
            }
            let name = line.name.filter(|name| !name.trim().is_empty()).map(Private::new);
            let agent = line.agent.filter(|agent| !agent.trim().is_empty()).map(Private::new);
            people.push(Person { ext, user_id, name, agent });
        }
        let bytes: usize = people
            .iter()
            .map(|person| serde_json::to_string(&listed_length(person)).map_or(0, |json| json.len() + 1))
            .sum();
        if bytes + 1024 > LARGEST_TO_AGENT {
            self.wrong("directory", "is larger than 1 MB, more than the extensions take");
        }
        people
    }

    fn nats(&mut self, file: NatsFile) -> Nats {
        const FORM: &str = "must list addresses such as nats://127.0.0.1:4222 or tls://nats.example.com";
        let servers: Vec<Private<String>> = file.servers.into_vec().into_iter().map(Private::new).collect();
        if servers.is_empty() || servers.iter().any(|server| server.reveal().parse::<async_nats::ServerAddr>().is_err())
        {
            self.wrong("nats.servers", FORM);
        }
        let deployment = file.deployment.unwrap_or_else(|| "default".to_owned());
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if deployment.is_empty() || deployment.len() > 64 || !deployment.bytes().all(is_name) {
            self.wrong("nats.deployment", "may hold letters, digits, - and _ only");
        }
        let credentials = file.credentials.map(|path| self.file("nats.credentials", &path));
        Nats { servers, credentials, deployment }
    }
}

/// What of a person is handed out.
fn listed_length(person: &Person) -> Listed {
    Listed { ext: person.ext.clone(), user_id: person.user_id.clone(), name: person.name.clone() }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, text).unwrap();
        let environment = environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Config::load_with(&path, Environment::default().source(Some(environment)))
            .map_err(|error| error.to_string().replace(&folder.path().display().to_string(), ""))
    }

    fn least() -> String {
        format!("base_url = \"https://relay.example.com/\"\npath_secret = \"{SECRET}\"\n")
    }

    #[test]
    fn the_least_is_two_keys() {
        let config = load(&least(), &[]).unwrap();
        assert_eq!(config.base_url, "https://relay.example.com");
        assert_eq!(config.listen, "127.0.0.1:8470".parse().unwrap());
        assert!(config.nats.is_none() && config.kontur.is_none() && config.operations.is_none());
        assert!(config.agents.file.ends_with("agents.json") && config.agents.file.is_absolute());
        assert!(!format!("{config:?}").contains(SECRET));
    }

    #[test]
    fn everything_can_be_said_in_the_file() {
        let text = least()
            .replace("path_secret", "listen = \"[::1]:1\"\noperations = \"127.0.0.1:2\"\nlog = \"json\"\npath_secret")
            + r#"
            [proxies]
            trusted = ["10.0.0.0/8", "192.0.2.1"]
            [phonet]
            domain = "demo.phonet.com.ua"
            api_key = "k"
            [kontur]
            workspace = "w"
            api_key = "k"
            secret = "name=value"
            recordings = false
            [agents]
            hand_out_key = true
            [[directory]]
            ext = "001"
            user_id = "3f6a0c1e-0000-4000-8000-000000000001"
            name = "Анна"
            agent = "anna"
            [nats]
            servers = ["nats://127.0.0.1:4222"]
            [limits]
            connections = 7
            "#;
        let config = load(&text, &[]).unwrap();
        assert_eq!(config.phonet.unwrap().address, "https://demo.phonet.com.ua");
        assert_eq!(config.kontur.unwrap().address, "https://crm.kontur.ru");
        assert_eq!((config.limits.connections, config.log), (7, LogFormat::Json));
        assert!(config.trusted_proxies.iter().any(|network| network.contains(&"192.0.2.1".parse::<IpAddr>().unwrap())));
        assert_eq!(config.directory[0].agent, Some("anna".into()));
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let environment = [
            ("TRUBKA_RELAY__LISTEN", "127.0.0.1:9"),
            ("TRUBKA_RELAY__PROXIES__TRUSTED", "10.0.0.0/8, fd00::/8"),
            ("TRUBKA_RELAY__LIMITS__PER_SECRET", "5"),
            ("TRUBKA_RELAY__KONTUR__WORKSPACE", "w"),
            ("TRUBKA_RELAY__KONTUR__API_KEY", "00012"),
            ("TRUBKA_RELAY__KONTUR__RECORDINGS", "false"),
        ];
        let config = load(&least(), &environment).unwrap();
        assert_eq!(config.listen.port(), 9);
        assert_eq!(config.trusted_proxies.len(), 2);
        assert_eq!(config.limits.per_secret.get(), 5);
        let kontur = config.kontur.unwrap();
        assert_eq!((kontur.api_key, kontur.recordings), ("00012".into(), false));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_key() {
        for (text, key) in [
            (least().replace("https://", "http://"), "base_url: must begin with https://"),
            (least().replace("https://relay.example.com/", "relay"), "base_url: must be an address"),
            (least().replace(SECRET, "0123456789abcdef"), "path_secret: can be guessed"),
            (least().replace(SECRET, &"a".repeat(40)), "path_secret: can be guessed"),
            (least().replace(SECRET, "0123456789abcdef/0123456789abcdef"), "path_secret: may hold"),
            (least() + "[proxies]\ntrusted = [\"ten\"]", "proxies.trusted: \"ten\""),
            (least() + "[tls]\ncertificate = \"no.pem\"\nkey = \"no.pem\"", "tls.key: cannot open"),
            (
                least() + "[[directory]]\next = \"1\"\n[[directory]]\next = \"1\"",
                "directory[1].ext: 1 stands here twice",
            ),
            (
                least() + "[[directory]]\next = \"1\"\nuser_id = \"{3f6a0c1e-0000-4000-8000-000000000001}\"",
                "directory[0].user_id: must be the user's id",
            ),
            (least() + "[agents]\nhand_out_key = true", "agents.hand_out_key: needs"),
            (least() + "[nats]\nservers = []", "nats.servers: must list"),
            (least() + "[limits]\nper_secret = 0", "limits.per_secret: must be at least 1"),
            (least() + "[limits]\nper_sekret = 1", "per_sekret"),
            (least() + "[limits]\nper_secret = \"much\"", "limits.per_secret"),
            ("path_secret = \"x\"".to_owned(), "base_url"),
        ] {
            let error = load(&text, &[]).unwrap_err();
            assert!(error.contains(key), "{key}: {error}");
        }
    }

    #[test]
    fn of_a_file_that_cannot_be_read_is_said_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = Config::load(&folder.path().join(FILE)).unwrap_err().to_string();
        assert!(error.contains("`trubka-relay init` writes them"), "{error}");
        let denied = with_advice(&ErrorKind::PermissionDenied.into());
        assert!(denied.ends_with("has to be allowed to read them"), "{denied}");
    }

    #[test]
    fn an_error_shows_no_secret() {
        for text in
            [format!("path_secret = {SECRET}x"), format!("{}x = \"{SECRET}", least()), least().replace('"', "'''\"")]
        {
            let error = load(&text, &[]).unwrap_err();
            assert!(!error.contains(SECRET), "{error}");
        }
    }
}
