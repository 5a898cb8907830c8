//! `trubka-relay init`: writes the settings with comments, asking for what the command line does not say.

use std::{
    fs::File,
    io::{IsTerminal, Write},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::Args;
use inquire::{Confirm, InquireError, Password, PasswordDisplayMode, Text};
use rand::{TryRngCore, rngs::OsRng};

/// What the settings begin with. What is not given is asked for where a person sits at the terminal, and left out elsewhere.
#[derive(Args, Clone, Debug, Default)]
pub struct Answers {
    /// How Kontur and the agents reach the relay, such as https://relay.example.com
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// Where to listen: this machine only, behind a proxy, unless it says otherwise
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// The company's domain at Phonet, such as company.phonet.com.ua
    #[arg(long, value_name = "DOMAIN")]
    pub phonet_domain: Option<String>,
    /// Phonet's API key; other users of this machine may see what a command line holds: the file takes it as well
    #[arg(long, value_name = "KEY", requires = "phonet_domain")]
    pub phonet_key: Option<String>,
    /// Where Phonet's REST is, if not at its domain: for the sandbox
    #[arg(long, value_name = "URL", requires = "phonet_domain")]
    pub phonet_address: Option<String>,
    /// The workspace's name in Kontur.CRM
    #[arg(long, value_name = "NAME")]
    pub workspace: Option<String>,
    /// The integration's API key in Kontur.CRM
    #[arg(long, value_name = "KEY", requires = "workspace")]
    pub kontur_key: Option<String>,
    /// A public integration's secret, name=value
    #[arg(long, value_name = "NAME=VALUE", requires = "workspace")]
    pub kontur_secret: Option<String>,
    /// Where Kontur.CRM's API is, if not at crm.kontur.ru: for the sandbox
    #[arg(long, value_name = "URL", requires = "workspace")]
    pub kontur_address: Option<String>,
    /// Hand short-lived keys to the agents' browsers, so that none of them holds the integration's own
    #[arg(long, requires = "workspace")]
    pub hand_out_key: bool,
    /// One line of the directory: internal number, user's id in the CRM, agent's name; may be given several times
    #[arg(long, value_name = "EXT,USER_ID,AGENT")]
    pub person: Vec<String>,
    /// Ask nothing, even at a terminal
    #[arg(long)]
    pub no_questions: bool,
}

/// Why no settings were written.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Nothing is ever written over.
    #[error("{} is there already: it is left as it is; remove it first, or name another file with --config", .0.display())]
    There(PathBuf),
    /// Nobody is there to be asked.
    #[error("--base-url is missing: say how Kontur and the agents reach the relay, such as https://relay.example.com")]
    NoBaseUrl,
    /// A line of the directory cannot be read.
    #[error(
        "--person {0}: write the internal number, the user's id and the agent's name with commas, such as 001,3f6a…,anna"
    )]
    Person(String),
    /// The person at the terminal gave it up, or cannot be asked.
    #[error("nothing was written: {0}")]
    Asking(#[from] InquireError),
    /// The file cannot be written, or the system gives no randomness.
    #[error("cannot write {}: {source}", path.display())]
    Writing {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Asks for what is missing and writes the file, which only its owner can read. Nothing is written over.
///
/// # Errors
/// Why nothing was written.
pub fn init(path: &Path, mut answers: Answers) -> Result<(), InitError> {
    if path.exists() {
        return Err(InitError::There(path.to_owned()));
    }
    if !answers.no_questions && std::io::stdin().is_terminal() {
        ask(&mut answers)?;
    }
    let text = settings(&answers, &path_secret().map_err(|source| failed(path, source))?)?;
    // A file that came meanwhile is not written over either.
    let file = File::options().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: std::io::Error) -> InitError {
    InitError::Writing { path: path.to_owned(), source }
}

fn ask(answers: &mut Answers) -> Result<(), InquireError> {
    let text =
        |message: &str, help: &str| Text::new(message).with_help_message(help).prompt_skippable().map(said_something);
    let secret = |message: &str| {
        let prompt = Password::new(message).without_confirmation().with_display_mode(PasswordDisplayMode::Masked);
        prompt.with_help_message("Esc: put it into the file later").prompt_skippable().map(said_something)
    };
    let is_given = |answer: &Option<String>| answer.is_some();
    if !is_given(&answers.base_url) {
        let help = "how Kontur.CRM and the agents' browsers reach this relay, such as https://relay.example.com";
        answers.base_url = Some(Text::new("Address of the relay:").with_help_message(help).prompt()?);
    }
    if !is_given(&answers.phonet_domain) {
        answers.phonet_domain = text("Domain at Phonet:", "such as company.phonet.com.ua; Esc: no history")?;
    }
    if is_given(&answers.phonet_domain) && !is_given(&answers.phonet_key) {
        answers.phonet_key = secret("Phonet's API key:")?;
    }
    if !is_given(&answers.workspace) {
        answers.workspace = text("Workspace in Kontur.CRM:", "as its addresses show it; Esc: only pass commands on")?;
    }
    if is_given(&answers.workspace) {
        if !is_given(&answers.kontur_key) {
            answers.kontur_key = secret("The integration's API key:")?;
        }
        if !is_given(&answers.kontur_secret) {
            answers.kontur_secret = text("Secret, name=value:", "a public integration's; Esc: it is a private one")?;
        }
        if !answers.hand_out_key {
            let question = Confirm::new("Hand short-lived keys to the browsers?").with_default(true);
            let help = "then no browser holds the integration's own key";
            answers.hand_out_key = question.with_help_message(help).prompt_skippable()?.unwrap_or_default();
        }
    }
    Ok(())
}

/// Whoever leaves a line empty skips the question as by Esc.
fn said_something(answer: Option<String>) -> Option<String> {
    answer.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// 256 bits of the system's randomness, in hexadecimal digits.
fn path_secret() -> std::io::Result<String> {
    let mut bytes = [0_u8; 32];
    OsRng.try_fill_bytes(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The file's text.
fn settings(answers: &Answers, path_secret: &str) -> Result<String, InitError> {
    let base_url = answers.base_url.as_deref().ok_or(InitError::NoBaseUrl)?;
    let listen = answers.listen.as_deref().unwrap_or("127.0.0.1:8470");
    let is_here = listen.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_loopback());
    let mut text = format!(
        r#"# The settings of trubka-relay. `trubka-relay check` tries every key and address in here.
# It is read when the relay starts. The environment overrides each key but the directory's: kontur.api_key by TRUBKA_RELAY__KONTUR__API_KEY.

# Where to listen. On this machine only, a proxy in front speaks HTTPS; else set [tls].
listen = {listen}

# How Kontur.CRM and the agents' browsers reach the relay. The integration's base URL in the CRM is this, a slash and path_secret.
base_url = {base_url}

# Proves that Kontur.CRM speaks: whoever knows it can make telephones ring.
path_secret = {path_secret}

# Where health and metrics are told, for the administrator's eyes.
# operations = "127.0.0.1:8471"

# What must outlive the process: how far the history is settled.
state = "state"

# "text" for people, "json" for machines.
log = "text"

# [tls]
# certificate = "/etc/letsencrypt/live/relay.example.com/fullchain.pem"
# key = "/etc/letsencrypt/live/relay.example.com/privkey.pem"

# Proxies whose X-Forwarded-* are believed.
{proxies}
"#,
        listen = quoted(listen),
        base_url = quoted(base_url),
        path_secret = quoted(path_secret),
        proxies = if base_url.starts_with("https:") && is_here {
            "[proxies]\ntrusted = [\"127.0.0.1\", \"::1\"]"
        } else {
            "# [proxies]\n# trusted = [\"10.0.0.0/8\"]"
        },
    );
    let value = |is_set: bool, key: &str, value: Option<&str>, sample: &str| match value {
        Some(value) if is_set => format!("{key} = {}\n", quoted(value)),
        _ => format!("# {key} = {}\n", quoted(sample)),
    };
    let section = |name: &str, is_set: bool| if is_set { format!("[{name}]\n") } else { format!("# [{name}]\n") };
    let has_phonet = answers.phonet_domain.is_some();
    text += "\n# The exchange, for its history: «Настройки» → «Интеграция» → «Другая CRM система».\n";
    text += &section("phonet", has_phonet);
    text += &value(has_phonet, "domain", answers.phonet_domain.as_deref(), "company.phonet.com.ua");
    text += &value(has_phonet, "api_key", Some(answers.phonet_key.as_deref().unwrap_or_default()), "");
    text += &value(has_phonet, "address", answers.phonet_address.as_deref(), "https://company.phonet.com.ua");
    let has_kontur = answers.workspace.is_some();
    text += "\n# The CRM, for the history, the integration and the keys that are handed out.\n";
    text += &section("kontur", has_kontur);
    text += &value(has_kontur, "workspace", answers.workspace.as_deref(), "my-company");
    text += &value(has_kontur, "api_key", Some(answers.kontur_key.as_deref().unwrap_or_default()), "");
    text += "# Of a public integration:\n";
    text += &value(has_kontur, "secret", answers.kontur_secret.as_deref(), "name=value");
    text += &value(has_kontur, "address", answers.kontur_address.as_deref(), "https://crm.kontur.ru");
    text += "# Whether recordings of talks go to the CRM.\n";
    text += if has_kontur { "recordings = true\n" } else { "# recordings = true\n" };
    text += &format!(
        r#"
[agents]
# Who may connect: written by `trubka-relay agent add NAME`.
file = "agents.json"
# Whether browsers get short-lived keys to the CRM from here, so that none of them holds the integration's own.
hand_out_key = {hand_out_key}

# Who is who: the internal number at the exchange, the user's id in the CRM, the name, and the agent whose browsers dial for them.
# Who has no agent works without Trubka: the relay tells the CRM of their calls.
"#,
        hand_out_key = has_kontur && answers.hand_out_key,
    );
    for person in &answers.person {
        let parts: Vec<&str> = person.split(',').map(str::trim).collect();
        let [ext, user_id, agent] = parts.as_slice() else { return Err(InitError::Person(person.clone())) };
        text += &format!(
            "[[directory]]\next = {}\nuser_id = {}\nagent = {}\n\n",
            quoted(ext),
            quoted(user_id),
            quoted(agent)
        );
    }
    text += r#"# [[directory]]
# ext = "001"
# user_id = "3f6a0c1e-0000-4000-8000-000000000001"
# name = "Анна Смирнова"
# agent = "anna"

# What several instances share; without it there is one.
# [nats]
# servers = ["nats://127.0.0.1:4222"]
# credentials = "relay.creds"
"#;
    Ok(text)
}

/// As a text of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use clap::Parser;

    use super::*;
    use crate::config::Config;

    fn answers() -> Answers {
        Answers { base_url: Some("https://relay.example.com".to_owned()), no_questions: true, ..Answers::default() }
    }

    #[test]
    fn what_is_written_can_be_read_by_its_owner_alone_and_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.toml");
        init(&path, answers()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let config = Config::load(&path).unwrap();
        assert!(config.phonet.is_none() && config.kontur.is_none() && config.directory.is_empty());
        // The proxy that speaks HTTPS is on this machine.
        assert_eq!(config.trusted_proxies.len(), 2);
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(init(&path, answers()), Err(InitError::There(_))));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn all_that_is_said_stands_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let text = |text: &str| Some(text.to_owned());
        let full = Answers {
            listen: text("[::1]:1"),
            phonet_domain: text("demo.phonet.com.ua"),
            phonet_key: text("p"),
            workspace: text("w \"x\""),
            kontur_key: text("k"),
            kontur_secret: text("name=value"),
            kontur_address: text("http://127.0.0.1:8480"),
            hand_out_key: true,
            person: vec!["001, 3f6a0c1e-0000-4000-8000-000000000001, anna".to_owned()],
            ..answers()
        };
        let path = folder.path().join("relay.toml");
        init(&path, full.clone()).unwrap();
        let config = Config::load(&path).unwrap();
        let kontur = config.kontur.unwrap();
        assert_eq!((kontur.workspace.as_str(), kontur.address.as_str()), ("w \"x\"", "http://127.0.0.1:8480"));
        assert!(kontur.recordings && kontur.secret.is_some() && config.agents.hand_out_key);
        assert_eq!(config.directory[0].agent, Some("anna".into()));
        assert_eq!(config.phonet.unwrap().address, "https://demo.phonet.com.ua");
        let other = folder.path().join("other.toml");
        init(&other, full).unwrap();
        assert_ne!(Config::load(&other).unwrap().path_secret, config.path_secret);
    }

    #[test]
    fn what_belongs_to_no_section_is_refused_and_never_written() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            _answers: Answers,
        }
        let folder = tempfile::tempdir().unwrap();
        for flag in [
            ["--phonet-key=k"].as_slice(),
            &["--phonet-address=http://127.0.0.1"],
            &["--kontur-key=k"],
            &["--kontur-secret=a=b"],
            &["--kontur-address=http://127.0.0.1"],
            &["--hand-out-key"],
        ] {
            assert!(Line::try_parse_from(["init"].iter().chain(flag)).is_err(), "{flag:?}");
        }
        let text = |text: &str| Some(text.to_owned());
        let homeless = Answers {
            phonet_key: text("p"),
            phonet_address: text("http://127.0.0.1"),
            kontur_key: text("k"),
            kontur_secret: text("a=b"),
            kontur_address: text("http://127.0.0.1"),
            hand_out_key: true,
            ..answers()
        };
        let path = folder.path().join("relay.toml");
        init(&path, homeless).unwrap();
        let config = Config::load(&path).unwrap();
        assert!(config.phonet.is_none() && config.kontur.is_none() && !config.agents.hand_out_key);
    }

    #[test]
    fn an_empty_line_is_no_answer() {
        assert_eq!(said_something(Some(" \t".to_owned())), None);
        assert_eq!(said_something(Some(" name=value ".to_owned())).as_deref(), Some("name=value"));
        assert_eq!(said_something(None), None);
    }

    #[test]
    fn without_an_address_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.toml");
        assert!(matches!(init(&path, Answers { base_url: None, ..answers() }), Err(InitError::NoBaseUrl)));
        let nameless = Answers { person: vec!["001".to_owned()], ..answers() };
        assert!(matches!(init(&path, nameless), Err(InitError::Person(_))));
        assert!(!path.exists());
    }
}
