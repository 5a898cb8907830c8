//! The agents' tokens: made from the system's entropy, shown once, and kept as SHA-256 in one file. A token has 256 bits, so that
//! no salt and no slow hash are needed. A running relay reads the file anew when it has changed.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rand::TryRngCore;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use trubka::private::Private;

use crate::clock;

/// The most letters of an agent's name.
const LONGEST_NAME: usize = 64;
/// How often a running relay looks whether the file has changed.
const LOOK: Duration = Duration::from_secs(1);
/// Within which time a running relay knows a token that was issued, and no more one that was revoked.
pub const SEEN_WITHIN: Duration = Duration::from_secs(2);

/// An agent, known by the hash of the name: what logs and other instances get to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentId([u8; 8]);

impl AgentId {
    /// The id of the agent of this name.
    pub fn of(name: &str) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = hash(name);
        Self([a, b, c, d, e, f, g, h])
    }
}

impl std::fmt::Display for AgentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl std::str::FromStr for AgentId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let byte = |at: usize| text.get(2 * at..2 * at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let mut id = [0; 8];
        for (at, place) in id.iter_mut().enumerate() {
            *place = byte(at).ok_or(())?;
        }
        if text.len() == 16 { Ok(Self(id)) } else { Err(()) }
    }
}

/// Why the agents' file cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The file cannot be read or written.
    #[error("the agents' file {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file holds something else.
    #[error("the agents' file {} is none ({reason}): put it back from a copy, or begin anew without it", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        reason: String,
    },
    /// No token could be made.
    #[error("the system gives no random bytes: {0}")]
    Entropy(rand::rand_core::OsError),
    /// The name is no name.
    #[error("an agent's name has 1 to {LONGEST_NAME} letters, none of them invisible, and no spaces around it")]
    Name,
    /// There is such an agent.
    #[error("there is an agent of this name already: revoke it first, and its old token is good no more")]
    Exists,
    /// There is no such agent.
    #[error("there is no agent of this name: `trubka-relay agent list` shows them")]
    Unknown,
}

/// One agent of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// The name that the directory uses.
    pub name: String,
    /// SHA-256 of the token, in hexadecimal digits.
    sha256: String,
    /// When it was issued, in RFC 3339.
    pub since: String,
}

/// The file as it is written.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    agents: Vec<Agent>,
}

/// The agents' file.
#[derive(Clone, Debug)]
pub struct AgentsFile(PathBuf);

impl AgentsFile {
    /// The file at this path; it need not be there yet.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Every agent, by name.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn list(&self) -> Result<Vec<Agent>, TokensError> {
        Ok(self.read()?.agents)
    }

    /// Makes an agent and its token, which is nowhere to be had again.
    ///
    /// # Errors
    /// Where the name is none or taken, or the file cannot be written.
    pub fn add(&self, name: &str) -> Result<Private<String>, TokensError> {
        let is_name = name.trim() == name && !name.chars().any(char::is_control);
        if !is_name || !(1..=LONGEST_NAME).contains(&name.chars().count()) {
            return Err(TokensError::Name);
        }
        let _lock = self.lock()?;
        let mut content = self.read()?;
        if content.agents.iter().any(|agent| agent.name == name) {
            return Err(TokensError::Exists);
        }
        let mut bytes = [0; 32];
        rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(TokensError::Entropy)?;
        let token = hex(&bytes);
        let since = clock::now().to_rfc3339();
        content.agents.push(Agent { name: name.to_owned(), sha256: hex(&hash(&token)), since });
        content.agents.sort_by(|a, b| a.name.cmp(&b.name));
        self.write(&content)?;
        Ok(Private::new(token))
    }

    /// Takes an agent's token back.
    ///
    /// # Errors
    /// Where there is no such agent, or the file cannot be written.
    pub fn revoke(&self, name: &str) -> Result<(), TokensError> {
        let _lock = self.lock()?;
        let mut content = self.read()?;
        let before = content.agents.len();
        content.agents.retain(|agent| agent.name != name);
        if content.agents.len() == before {
            return Err(TokensError::Unknown);
        }
        self.write(&content)
    }

    fn failed(&self, source: std::io::Error) -> TokensError {
        TokensError::File { path: self.0.clone(), source }
    }

    /// Keeps others from changing the file meanwhile, until it is dropped.
    fn lock(&self) -> Result<File, TokensError> {
        let lock = File::options().create(true).truncate(false).write(true).open(self.0.with_extension("lock"));
        let locked = lock.and_then(|file| file.lock().map(|()| file));
        locked.map_err(|source| self.failed(source))
    }

    fn read(&self) -> Result<Content, TokensError> {
        match std::fs::read(&self.0) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| TokensError::Content { path: self.0.clone(), reason: error.to_string() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Content::default()),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn write(&self, content: &Content) -> Result<(), TokensError> {
        let json = serde_json::to_vec_pretty(content).unwrap_or_default();
        write_atomically(&self.0, &json).map_err(|source| self.failed(source))
    }

    /// What changes when the file does.
    fn stamp(&self) -> Option<(SystemTime, u64)> {
        let metadata = std::fs::metadata(&self.0).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    }
}

/// Writes a file that only its owner reads: whoever looks finds the old content or the new one, whatever dies meanwhile.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

    let fresh = path.with_extension("new");
    let mut file = File::options().create(true).truncate(true).write(true).mode(0o600).open(&fresh)?;
    // Whoever changes it, such as root, whose it was reads it on.
    let owner = |metadata: std::fs::Metadata| (metadata.uid(), metadata.gid());
    if let Ok((user, group)) = std::fs::metadata(path).map(owner)
        && owner(file.metadata()?) != (user, group)
    {
        std::os::unix::fs::fchown(&file, Some(user), Some(group))?;
    }
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    // The rename itself outlives a power failure only when its folder is written, too.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// The tokens as a running relay asks for them.
#[derive(Debug, Default)]
pub struct Tokens(HashMap<[u8; 32], AgentId>);

impl Tokens {
    fn of(agents: &[Agent]) -> Self {
        let known = |agent: &Agent| Some((unhex(&agent.sha256)?, AgentId::of(&agent.name)));
        Self(agents.iter().filter_map(known).collect())
    }

    /// Whose token this is, and what to know it by later. The time it takes tells nothing of the tokens: only hashes are compared.
    pub fn agent(&self, token: &Private<String>) -> Option<(TokenHash, AgentId)> {
        let hash = hash(token.reveal());
        Some((TokenHash(hash), *self.0.get(&hash)?))
    }

    /// Whether a token is still good.
    pub fn is_good(&self, token: TokenHash) -> bool {
        self.0.contains_key(&token.0)
    }
}

/// A token's hash.
#[derive(Clone, Copy)]
pub struct TokenHash([u8; 32]);

/// Reads the file now and whenever it changes, as long as anybody listens. A file that cannot be read then changes nothing.
///
/// # Errors
/// Where the file cannot be read now.
pub fn watch(file: AgentsFile) -> Result<watch::Receiver<Arc<Tokens>>, TokensError> {
    let mut seen = file.stamp();
    let mut said = seen;
    let (sender, receiver) = watch::channel(Arc::new(Tokens::of(&file.list()?)));
    tokio::spawn(async move {
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                () = sender.closed() => return,
                _ = look.tick() => {}
            }
            let stamp = file.stamp();
            if stamp == seen {
                continue;
            }
            let agents = if stamp.is_none() {
                Err("it is gone".to_owned())
            } else {
                file.list().map_err(|error| error.to_string())
            };
            match agents {
                Ok(agents) => {
                    (seen, said) = (stamp, stamp);
                    tracing::info!(agents = agents.len(), "the agents' file has changed");
                    sender.send_replace(Arc::new(Tokens::of(&agents)));
                }
                // It is tried again at the next look: somebody may have been revoked.
                Err(reason) if said != stamp => {
                    said = stamp;
                    tracing::error!(reason, "the agents' file cannot be read: the tokens stay as they were");
                }
                Err(_) => {}
            }
        }
    });
    Ok(receiver)
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;

    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    (text.len() == 64).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_until_it_is_revoked_and_is_not_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = AgentsFile::new(folder.path().join("agents.json"));
        let token = file.add("Анна").unwrap();
        assert!(token.reveal().len() * 4 >= 128);
        assert!(matches!(file.add("Анна"), Err(TokensError::Exists)));
        assert_ne!(file.add("Борис").unwrap(), token);
        assert!(!std::fs::read_to_string(&file.0).unwrap().contains(token.reveal()));

        let tokens = Tokens::of(&file.list().unwrap());
        let (hash, agent) = tokens.agent(&token).unwrap();
        assert_eq!(agent, AgentId::of("Анна"));
        assert!(tokens.agent(&"another".into()).is_none());

        file.revoke("Анна").unwrap();
        assert!(matches!(file.revoke("Анна"), Err(TokensError::Unknown)));
        let tokens = Tokens::of(&file.list().unwrap());
        assert!(!tokens.is_good(hash) && tokens.agent(&token).is_none());
        assert_eq!(file.list().unwrap().len(), 1);
    }

    #[test]
    fn only_the_owner_reads_the_file() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let file = AgentsFile::new(folder.path().join("agents.json"));
        file.add("a").unwrap();
        assert_eq!(std::fs::metadata(&file.0).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn no_name_and_no_file_are_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = AgentsFile::new(folder.path().join("agents.json"));
        for name in ["", " a", "a\n", &"a".repeat(65)] {
            assert!(matches!(file.add(name), Err(TokensError::Name)), "{name:?}");
        }
        std::fs::write(&file.0, "[]").unwrap();
        assert!(matches!(file.add("a"), Err(TokensError::Content { .. })));
        assert_eq!(std::fs::read_to_string(&file.0).unwrap(), "[]");
    }

    #[test]
    fn an_agents_id_is_read_as_it_is_written() {
        let id = AgentId::of("Анна");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "00", "zz00000000000000", "00000000000000000"] {
            assert_eq!(text.parse::<AgentId>(), Err(()));
        }
    }

    #[test]
    fn a_file_that_is_changed_keeps_its_owner() {
        use std::os::unix::fs::{MetadataExt, chown};

        let folder = tempfile::tempdir().unwrap();
        let file = AgentsFile::new(folder.path().join("agents.json"));
        file.add("a").unwrap();
        // Only root can show it.
        if chown(&file.0, Some(65_534), Some(65_534)).is_ok() {
            file.revoke("a").unwrap();
            let metadata = std::fs::metadata(&file.0).unwrap();
            assert_eq!((metadata.uid(), metadata.gid()), (65_534, 65_534));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_read_is_read_at_the_next_look() {
        let folder = tempfile::tempdir().unwrap();
        let file = AgentsFile::new(folder.path().join("agents.json"));
        let token = file.add("a").unwrap();
        let good = std::fs::read(&file.0).unwrap();
        std::fs::remove_file(&file.0).unwrap();
        let mut tokens = watch(file.clone()).unwrap();
        // Nothing shows from outside that it can be read again.
        let write = |content: &[u8]| {
            std::fs::write(&file.0, content).unwrap();
            File::options().append(true).open(&file.0).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        };
        write(&vec![b'x'; good.len()]);
        tokio::time::sleep(3 * LOOK).await;
        write(&good);
        let known = tokens.wait_for(|tokens| tokens.agent(&token).is_some());
        tokio::time::timeout(3 * LOOK, known).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_running_relay_notices() {
        let folder = tempfile::tempdir().unwrap();
        let file = AgentsFile::new(folder.path().join("agents.json"));
        let mut tokens = watch(file.clone()).unwrap();
        let token = file.add("a").unwrap();
        tokens.wait_for(|tokens| tokens.agent(&token).is_some()).await.unwrap();
        file.revoke("a").unwrap();
        tokens.wait_for(|tokens| tokens.agent(&token).is_none()).await.unwrap();
        std::fs::write(&file.0, "broken").unwrap();
        file.list().unwrap_err();
        std::fs::remove_file(&file.0).unwrap();
        file.add("b").unwrap();
        tokens.wait_for(|tokens| tokens.0.len() == 1).await.unwrap();
    }
}
