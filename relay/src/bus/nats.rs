//! The engine of several instances: NATS. Commands go by request and reply from instance to instance; who is connected where, what
//! became of commands, the cursor and the leases are in JetStream's key-value buckets. Nothing here needs a server newer than 2.9.
//!
//! While NATS is gone every instance works alone. What an instance knew of the others it forgets then, and learns it anew.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::kv::{self, CreateErrorKind, Operation};
use async_nats::jetstream::stream::{self, DiscardPolicy, StorageType};
use async_nats::{Client, ConnectOptions, Event, Message, RequestErrorKind, Subscriber};
use axum::body::Bytes;
use futures_util::StreamExt;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trubka::Millis;

use super::{Asked, BusError, Claim, Health, Lease, Place};
use crate::agents::{Agents, Freshness};
use crate::clock;
use crate::commands::{Ending, MEMORY, Order};
use crate::config;
use crate::tokens::AgentId;

/// How long NATS may take for an answer of its own.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it is known who is connected where, and how often that is said anew: nobody says it for the dead.
const PRESENCE: Duration = Duration::from_secs(300);
const PRESENCE_ANEW: Duration = Duration::from_secs(120);
/// How long a lease outlives its holder, and how often it is renewed.
const LEASE: Duration = Duration::from_secs(30);
const LEASE_ANEW: Duration = Duration::from_secs(10);
/// How often an instance that works on a command is asked whether it is still there.
const ALIVE: Duration = Duration::from_secs(1);
/// How soon what failed is tried again.
const AGAIN: Duration = Duration::from_secs(2);
/// How many entries are written at a time.
const AT_ONCE: usize = 64;
/// The cursor's key.
const CURSOR: &str = "cursor";
/// What a claim begins with that has no ending yet; then comes when it expires.
const PENDING: &str = "pending ";

/// The buckets.
#[derive(Clone)]
struct Buckets {
    presence: kv::Store,
    commands: kv::Store,
    state: kv::Store,
    leases: kv::Store,
}

/// What is known of an agent's browsers at another instance.
#[derive(Clone, Copy)]
struct Seen {
    freshness: Freshness,
    until: Instant,
}

/// Several instances.
pub struct Nats {
    client: Client,
    /// Before an instance's id in its subjects.
    prefix: String,
    instance: String,
    agents: Arc<Agents>,
    /// Absent while NATS is gone.
    buckets: watch::Sender<Option<Buckets>>,
    elsewhere: Mutex<HashMap<AgentId, HashMap<String, Seen>>>,
    commands: TaskTracker,
    retired: AtomicBool,
    /// Nobody asks for anything here any more.
    over: CancellationToken,
}

impl Nats {
    /// Connects in the background, and again whenever the connection is lost.
    pub(super) async fn start(settings: &config::Nats, agents: Arc<Agents>) -> Result<Arc<Self>, BusError> {
        let (epoch, epochs) = watch::channel(None);
        let told = move |event: Event| {
            match event {
                Event::Connected => {
                    tracing::info!("NATS is connected");
                    epoch.send_modify(|epoch| *epoch = Some(Instant::now()));
                }
                Event::Disconnected | Event::Closed => {
                    tracing::error!("NATS is gone: only the agents connected to this instance ring");
                    epoch.send_replace(None);
                }
                event => tracing::warn!(%event, "NATS"),
            }
            std::future::ready(())
        };
        let mut options = ConnectOptions::new()
            .name("trubka-relay")
            .retry_on_initial_connect()
            .request_timeout(Some(PATIENCE))
            .ping_interval(Duration::from_secs(10))
            .reconnect_delay_callback(|attempts| Duration::from_millis(100 << attempts.min(5)))
            .event_callback(told);
        if let Some(path) = &settings.credentials {
            let failed = |source| BusError::Credentials { path: path.clone(), source };
            options = options.credentials_file(path).await.map_err(failed)?;
        }
        let servers: Vec<&str> = settings.servers.iter().map(|server| server.reveal().as_str()).collect();
        let nats = |error: &dyn std::fmt::Display| BusError::Nats(error.to_string());
        let client = options.connect(servers.as_slice()).await.map_err(|error| nats(&error))?;
        let instance = uuid::Uuid::new_v4().simple().to_string();
        let prefix = format!("trubka.{}.instance", settings.deployment);
        let orders = client.subscribe(format!("{prefix}.{instance}.*")).await.map_err(|error| nats(&error))?;
        let nats = Arc::new(Self {
            client,
            prefix,
            instance,
            agents,
            buckets: watch::channel(None).0,
            elsewhere: Mutex::default(),
            commands: TaskTracker::new(),
            retired: AtomicBool::new(false),
            over: CancellationToken::new(),
        });
        nats.serve(None);
        tokio::spawn(Arc::clone(&nats).follow(epochs, settings.deployment.clone()));
        tokio::spawn(Arc::clone(&nats).listen(orders));
        Ok(nats)
    }

    /// Waits for NATS, though not for long.
    pub(super) async fn wait(&self) {
        let mut buckets = self.buckets.subscribe();
        // Whoever asks for something then hears that it is gone.
        let _ = timeout(PATIENCE, buckets.wait_for(Option::is_some)).await;
    }

    pub(super) fn health(&self) -> Health {
        if self.buckets.borrow().is_some() { Health::Connected } else { Health::Gone }
    }

    fn buckets(&self) -> Option<Buckets> {
        self.buckets.borrow().clone()
    }

    /// From now on NATS serves, or does not.
    fn serve(&self, buckets: Option<Buckets>) {
        metrics::gauge!("trubka_relay_nats_connected").set(u8::from(buckets.is_some()));
        self.buckets.send_replace(buckets);
    }

    fn elsewhere(&self) -> MutexGuard<'_, HashMap<AgentId, HashMap<String, Seen>>> {
        self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- The connection -------------------------------------------------------------------------------------------

    /// Keeps the buckets and what is known of the others in step with the connection.
    async fn follow(self: Arc<Self>, mut epochs: watch::Receiver<Option<Instant>>, deployment: String) {
        loop {
            let Ok(epoch) = epochs.wait_for(Option::is_some).await.map(|epoch| *epoch) else { return };
            let until_gone = async {
                let mut epochs = epochs.clone();
                // An epoch that nobody can end goes on.
                if epochs.wait_for(|now| *now != epoch).await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            let here = async {
                loop {
                    if let Err(error) = self.work(&deployment).await {
                        tracing::error!(%error, "NATS does not serve: does it run with JetStream (-js)?");
                    }
                    self.serve(None);
                    sleep(AGAIN).await;
                }
            };
            tokio::select! {
                () = until_gone => {}
                () = here => {}
            }
            self.serve(None);
            self.elsewhere().clear();
        }
    }

    /// Opens the buckets, says who is connected here, and hears who is connected elsewhere, for as long as it can.
    async fn work(&self, deployment: &str) -> Result<(), BusError> {
        let buckets = self.open(deployment).await?;
        let mut news = buckets.presence.watch_with_history(">").await.map_err(failed)?;
        self.elsewhere().clear();
        self.say_presence(&buckets.presence, self.agents.all()).await;
        self.serve(Some(buckets.clone()));
        let mut anew = interval(PRESENCE_ANEW);
        loop {
            tokio::select! {
                entry = news.next() => match entry {
                    Some(entry) => self.learn(&entry.map_err(failed)?),
                    None => return Err(BusError::Gone),
                },
                changed = self.agents.changes() => self.say_presence(&buckets.presence, changed).await,
                _ = anew.tick() => self.say_presence(&buckets.presence, self.agents.all()).await,
            }
        }
    }

    async fn open(&self, deployment: &str) -> Result<Buckets, BusError> {
        let context = jetstream::new(self.client.clone());
        let bucket = async |name: &str, storage, max_age| {
            let bucket = format!("trubka-{deployment}-{name}");
            let config = stream::Config {
                name: format!("KV_{bucket}"),
                subjects: vec![format!("$KV.{bucket}.>")],
                storage,
                max_age,
                max_messages_per_subject: 1,
                max_messages: -1,
                max_bytes: -1,
                max_message_size: -1,
                max_consumers: -1,
                num_replicas: 1,
                discard: DiscardPolicy::New,
                allow_rollup: true,
                deny_delete: true,
                allow_direct: true,
                ..stream::Config::default()
            };
            // Not by `create_key_value`: it asks for the account's limits first, and cannot read what a 2.9 server answers.
            let made = context.create_stream(config).await;
            // An administrator may have changed it, to have replicas for one: then it is there, and made by nobody.
            context.get_key_value(bucket).await.map_err(|error| made.map_or_else(failed, |_| failed(error)))
        };
        Ok(Buckets {
            presence: bucket("presence", StorageType::Memory, PRESENCE).await?,
            commands: bucket("commands", StorageType::File, MEMORY).await?,
            state: bucket("state", StorageType::File, Duration::ZERO).await?,
            leases: bucket("leases", StorageType::Memory, LEASE).await?,
        })
    }

    // ---- Who is connected where -----------------------------------------------------------------------------------

    async fn say_presence(&self, presence: &kv::Store, agents: HashSet<AgentId>) {
        let retired = self.retired.load(Ordering::Relaxed);
        let say = async |agent: AgentId| {
            let key = format!("{agent}.{}", self.instance);
            let said = match self.agents.freshness(agent).filter(|_| !retired) {
                Some(Freshness { active, since }) => {
                    let value = format!("{} {}", active.0, since.0);
                    presence.put(key, value.into()).await.map(|_| ()).map_err(failed)
                }
                None => presence.delete(key).await.map_err(failed),
            };
            said.err().map(|error| (agent, error))
        };
        let unsaid =
            futures_util::stream::iter(agents).map(say).buffer_unordered(AT_ONCE).filter_map(std::future::ready);
        let unsaid: Vec<(AgentId, BusError)> = unsaid.collect().await;
        if let Some((_, error)) = unsaid.first() {
            tracing::warn!(%error, "the other instances do not hear who is connected here");
            let agents = Arc::clone(&self.agents);
            tokio::spawn(async move {
                sleep(AGAIN).await;
                unsaid.into_iter().for_each(|(agent, _)| agents.changed(agent));
            });
        }
    }

    fn learn(&self, entry: &kv::Entry) {
        let Some((agent, instance)) = entry.key.split_once('.') else { return };
        let Ok(agent) = agent.parse::<AgentId>() else { return };
        if instance == self.instance {
            return;
        }
        let freshness = (entry.operation == Operation::Put).then(|| parse_freshness(&entry.value)).flatten();
        let mut elsewhere = self.elsewhere();
        if let Some(freshness) = freshness {
            let seen = Seen { freshness, until: Instant::now() + PRESENCE };
            elsewhere.entry(agent).or_default().insert(instance.to_owned(), seen);
            self.agents.attendance().note(agent);
        } else if let Some(instances) = elsewhere.get_mut(&agent) {
            instances.remove(instance);
            self.agents.attendance().note(agent);
            if instances.is_empty() {
                elsewhere.remove(&agent);
            }
        }
    }

    /// An instance is gone, and every browser with it.
    fn forget(&self, instance: &str) {
        self.elsewhere().retain(|_, instances| {
            instances.remove(instance);
            !instances.is_empty()
        });
    }

    pub(super) fn places(&self, agent: AgentId) -> Vec<(Freshness, Place)> {
        if self.buckets.borrow().is_none() {
            return Vec::new();
        }
        let now = Instant::now();
        let elsewhere = self.elsewhere();
        let fresh = elsewhere.get(&agent).into_iter().flatten().filter(|(_, seen)| seen.until > now);
        fresh.map(|(instance, seen)| (seen.freshness, Place::Instance(instance.clone()))).collect()
    }

    pub(super) async fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
        if let Some(buckets) = self.buckets() {
            // What is not said in time, the others find out when they ask.
            let _ = timeout(PATIENCE, self.say_presence(&buckets.presence, self.agents.all())).await;
        }
        // Whoever waits for one of these asks meanwhile whether we are still here.
        self.commands.close();
        self.commands.wait().await;
        self.over.cancel();
    }

    // ---- Commands between instances -------------------------------------------------------------------------------

    pub(super) async fn ask(&self, instance: &str, order: &Order, answer: Duration) -> Asked {
        let lost = async {
            // Its sender is in our hands.
            let _ = self.buckets.subscribe().wait_for(Option::is_none).await;
        };
        let subject = |end: &str| format!("{}.{instance}.{end}", self.prefix);
        let request = async_nats::Request::new()
            .payload(order.to_json().into())
            // The other instance waits for its browser so long; then its answer is on its way.
            .timeout(Some(order.left() + 2 * answer));
        let asked = self.client.send_request(subject(&order.agent.to_string()), request);
        let gone = async {
            let mut alive = interval(ALIVE);
            alive.tick().await;
            loop {
                alive.tick().await;
                let said = self.client.request(subject("alive"), Bytes::new()).await;
                if said.is_err_and(|error| error.kind() == RequestErrorKind::NoResponders) {
                    return;
                }
            }
        };
        tokio::select! {
            said = asked => match said {
                // What cannot be read comes from a newer version, which has done something.
                Ok(message) => {
                    let ending = std::str::from_utf8(&message.payload).ok().and_then(Ending::parse);
                    Asked::Told(ending.unwrap_or(Ending::TimedOut))
                }
                Err(error) if error.kind() == RequestErrorKind::NoResponders => {
                    tracing::warn!(instance, "an instance is gone");
                    self.forget(instance);
                    Asked::Nobody
                }
                Err(_) => Asked::Told(Ending::TimedOut),
            },
            () = gone => {
                tracing::warn!(instance, "an instance is gone in the middle of a command");
                self.forget(instance);
                Asked::Told(Ending::Lost)
            }
            // The answer cannot come any more.
            () = lost => Asked::Told(Ending::Lost),
        }
    }

    /// Carries out what other instances ask for.
    async fn listen(self: Arc<Self>, mut orders: Subscriber) {
        while let Some(Some(message)) = self.over.run_until_cancelled(orders.next()).await {
            self.commands.spawn(Arc::clone(&self).obey(message));
        }
        // From now on, whoever asks hears that nobody is here. Its failure is that NATS is gone.
        let _ = orders.unsubscribe().await;
    }

    async fn obey(self: Arc<Self>, message: Message) {
        let Some(reply) = message.reply else { return };
        let told = match message.subject.rsplit('.').next().map(str::parse::<AgentId>) {
            Some(Ok(agent)) => {
                let order = std::str::from_utf8(&message.payload).ok().and_then(|text| Order::parse(agent, text));
                let Some(order) = order else { return };
                let ending = self.obey_order(&order).await;
                if ending != Ending::NotConnected {
                    self.settle(&order, &ending);
                }
                ending.to_text()
            }
            // Only whether we are still here is asked.
            _ => String::new(),
        };
        // Where it fails, NATS is gone, and whoever asked knows.
        let _ = self.client.publish(reply, told.into()).await;
    }

    async fn obey_order(&self, order: &Order) -> Ending {
        // One that NATS kept too long: nobody may begin with it.
        if order.left().is_zero() {
            return Ending::TimedOut;
        }
        if self.retired.load(Ordering::Relaxed) {
            return Ending::NotConnected;
        }
        self.agents.carry_out(order).await.unwrap_or(Ending::NotConnected)
    }

    pub(super) async fn claim(&self, order: &Order, answer: Duration) -> Claim {
        let Some(Buckets { commands, .. }) = self.buckets() else { return Claim::Ours };
        let key = order.key();
        let pending = format!("{PENDING}{}", order.expires_at.0);
        match timeout(PATIENCE, commands.create(&key, pending.into())).await {
            Ok(Ok(_)) => Claim::Ours,
            Ok(Err(error)) if error.kind() == CreateErrorKind::AlreadyExists => {
                let patience = order.left() + 3 * answer;
                let ending = timeout(patience, ending_of(&commands, &key, answer)).await;
                Claim::Known(ending.ok().flatten().unwrap_or(Ending::TimedOut))
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "no claim in NATS: this instance acts alone");
                Claim::Ours
            }
            Err(_) => Claim::Ours,
        }
    }

    pub(super) fn settle(&self, order: &Order, ending: &Ending) {
        let Some(Buckets { commands, .. }) = self.buckets() else { return };
        let (key, text) = (order.key(), ending.to_text());
        let free = *ending == Ending::NotConnected;
        tokio::spawn(async move {
            let settled = if free {
                commands.delete(key).await.map_err(failed)
            } else {
                commands.put(key, text.into()).await.map(|_| ()).map_err(failed)
            };
            if let Err(error) = settled {
                tracing::warn!(%error, "the other instances do not hear what became of a command");
            }
        });
    }

    // ---- Cursor and leases ----------------------------------------------------------------------------------------

    pub(super) async fn cursor(&self) -> Result<Option<String>, BusError> {
        let Buckets { state, .. } = self.buckets().ok_or(BusError::Gone)?;
        let cursor = state.get(CURSOR).await.map_err(failed)?;
        Ok(cursor.map(|cursor| String::from_utf8_lossy(&cursor).into_owned()))
    }

    pub(super) async fn set_cursor(&self, cursor: &str) -> Result<(), BusError> {
        let Buckets { state, .. } = self.buckets().ok_or(BusError::Gone)?;
        state.put(CURSOR, cursor.to_owned().into()).await.map(|_| ()).map_err(failed)
    }

    pub(super) async fn lease(&self, name: &'static str) -> Result<Option<Lease>, BusError> {
        let Buckets { leases, .. } = self.buckets().ok_or(BusError::Gone)?;
        let holder: Bytes = self.instance.clone().into();
        let mut revision = match leases.create(name, holder.clone()).await {
            Ok(revision) => revision,
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let (_held, mut dropped) = oneshot::channel::<()>();
        let (tell, lost) = watch::channel(false);
        tokio::spawn(async move {
            let mut renewed_at = Instant::now();
            loop {
                tokio::select! {
                    _ = &mut dropped => {
                        // Where it fails, it ends by itself.
                        let _ = leases.delete_expect_revision(name, Some(revision)).await;
                        return;
                    }
                    () = sleep(LEASE_ANEW) => {}
                }
                match leases.update(name, holder.clone(), revision).await {
                    Ok(fresh) => (revision, renewed_at) = (fresh, Instant::now()),
                    Err(error) if error.kind() == kv::UpdateErrorKind::WrongLastRevision => break,
                    Err(_) if renewed_at.elapsed() + LEASE_ANEW > LEASE => break,
                    Err(_) => {}
                }
            }
            tracing::warn!(name, "a lease is lost");
            tell.send_replace(true);
        });
        Ok(Some(Lease { lost, _held }))
    }
}

fn failed(error: impl std::fmt::Display) -> BusError {
    BusError::Nats(error.to_string())
}

/// Waits for another's claim to end. `None` where nobody can tell.
async fn ending_of(commands: &kv::Store, key: &str, answer: Duration) -> Option<Ending> {
    let mut entries = commands.watch_with_history(key).await.ok()?;
    let mut until = Instant::now() + PATIENCE;
    loop {
        let entry = tokio::time::timeout_at(until, entries.next()).await.ok()??.ok()?;
        if entry.operation != Operation::Put {
            return Some(Ending::NotConnected);
        }
        let text = std::str::from_utf8(&entry.value).ok()?;
        let Some(expires_at) = text.strip_prefix(PENDING) else { return Ending::parse(text) };
        let left = Millis(expires_at.parse().ok()?) - clock::now();
        until = Instant::now() + Duration::from_millis(u64::try_from(left.0).unwrap_or(0)) + 3 * answer;
    }
}

fn parse_freshness(value: &[u8]) -> Option<Freshness> {
    let (active, since) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    Some(Freshness { active: Millis(active.parse().ok()?), since: Millis(since.parse().ok()?) })
}
