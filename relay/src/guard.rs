//! Who speaks, whether the secret is right, and how often anybody may.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use ipnet::IpNet;
use subtle::ConstantTimeEq;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use trubka::private::Private;

use crate::config::Config;

/// How many seconds' worth may come at once.
const BURST: u32 = 4;
/// How many connections of one address may be open that have shown neither the secret nor a token.
pub const MOST_STRANGERS: usize = 256;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// The address, as the last proxy that is believed tells it.
    pub address: IpAddr,
    /// A proxy says that the request came to it in the clear, though the relay is reached by https: tokens and secrets travelled
    /// where anybody could read them.
    pub in_the_clear: bool,
}

/// The connections that have shown nothing yet, by address.
type Strangers = Mutex<HashMap<IpAddr, usize>>;

/// One of them, as long as it is held.
struct Stranger {
    all: Arc<Strangers>,
    address: IpAddr,
}

impl Drop for Stranger {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = lock(&self.all).entry(self.address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// A place among the connections, taken as long as it is held.
pub struct Seat {
    _place: OwnedSemaphorePermit,
    stranger: Mutex<Option<Stranger>>,
}

impl Seat {
    /// Who sits here has shown the secret or a token.
    pub fn is_known(&self) {
        lock(&self.stranger).take();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The checks that come before everything else.
pub struct Guard {
    secret: Private<String>,
    /// Whether the relay is reached by https.
    secure: bool,
    trusted: Vec<IpNet>,
    per_address: DefaultKeyedRateLimiter<IpAddr>,
    per_secret: DefaultDirectRateLimiter,
    strangers: Arc<Strangers>,
}

impl Guard {
    /// By the settings.
    pub fn new(config: &Config) -> Self {
        let quota = |count: NonZeroU32| {
            Quota::per_second(count).allow_burst(count.saturating_mul(NonZeroU32::MIN.saturating_add(BURST - 1)))
        };
        Self {
            secret: config.path_secret.clone(),
            secure: config.base_url.starts_with("https://"),
            trusted: config.trusted_proxies.clone(),
            per_address: RateLimiter::keyed(quota(config.limits.per_address)),
            per_secret: RateLimiter::direct(quota(config.limits.per_secret)),
            strangers: Arc::default(),
        }
    }

    /// A seat for whoever comes; `None` where all are taken, or as many as one address may have without showing anything. A trusted
    /// proxy brings many.
    pub fn seat(&self, seats: &Arc<Semaphore>, peer: IpAddr) -> Option<Seat> {
        let place = Arc::clone(seats).try_acquire_owned().ok();
        counted("connections", place.is_some());
        let place = place?;
        let stranger = if self.trusts(&peer.to_canonical()) { None } else { Some(self.stranger(whole(peer))?) };
        Some(Seat { _place: place, stranger: Mutex::new(stranger) })
    }

    fn stranger(&self, address: IpAddr) -> Option<Stranger> {
        let mut strangers = lock(&self.strangers);
        let count = strangers.entry(address).or_default();
        counted("strangers", *count < MOST_STRANGERS).then(|| {
            *count += 1;
            Stranger { all: Arc::clone(&self.strangers), address }
        })
    }

    fn trusts(&self, address: &IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    /// Who speaks: the socket's other end, or whom the trusted proxies between us name.
    pub fn speaker(&self, peer: IpAddr, headers: &HeaderMap) -> Speaker {
        let mut address = peer.to_canonical();
        if !self.trusts(&address) {
            return Speaker { address, in_the_clear: false };
        }
        // Each proxy appends whom it heard: the last one that is no proxy of ours is the speaker. What is left of that, anybody
        // may have written.
        let named: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        for name in named.into_iter().rev() {
            let Some(named) = parse_address(name.trim()) else { break };
            address = named.to_canonical();
            if !self.trusts(&address) {
                break;
            }
        }
        let protocol = headers.get_all("x-forwarded-proto").iter().next_back().and_then(|value| value.to_str().ok());
        let last = protocol.and_then(|value| value.rsplit(',').next());
        let in_the_clear = self.secure && last.is_some_and(|last| last.trim().eq_ignore_ascii_case("http"));
        Speaker { address, in_the_clear }
    }

    /// What of a path comes after the secret; `None` where the secret is wrong.
    pub fn open<'a>(&self, path: &'a str) -> Option<&'a str> {
        let (said, rest) = path.strip_prefix('/')?.split_once('/')?;
        bool::from(said.as_bytes().ct_eq(self.secret.reveal().as_bytes())).then_some(rest)
    }

    /// Whether an address may ask once more.
    pub fn admits(&self, address: IpAddr) -> bool {
        counted("address", self.per_address.check_key(&whole(address)).is_ok())
    }

    /// Whether whoever has the secret may ask once more.
    pub fn admits_secret(&self) -> bool {
        counted("secret", self.per_secret.check().is_ok())
    }

    /// Forgets the addresses that have not been heard of for a while.
    pub fn forget(&self) {
        self.per_address.retain_recent();
        self.per_address.shrink_to_fit();
    }
}

/// Whoever has one address of a /64 has them all.
fn whole(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (!0 << 64)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

fn counted(limit: &'static str, admits: bool) -> bool {
    if !admits {
        metrics::counter!("trubka_relay_limited_total", "limit" => limit).increment(1);
    }
    admits
}

/// An address, perhaps in brackets, perhaps with a port.
fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::SocketAddr| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn guard(trusted: &[&str]) -> Guard {
        let once = NonZeroU32::MIN;
        Guard {
            secret: SECRET.into(),
            secure: true,
            trusted: trusted.iter().map(|network| network.parse().unwrap()).collect(),
            per_address: RateLimiter::keyed(Quota::per_minute(once)),
            per_secret: RateLimiter::direct(Quota::per_minute(once)),
            strangers: Arc::default(),
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse::<axum::http::HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let guard = guard(&["10.0.0.0/8"]);
        let stranger = "192.0.2.7".parse().unwrap();
        let forged = headers(&[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-proto", "http")]);
        assert_eq!(guard.speaker(stranger, &forged), Speaker { address: stranger, in_the_clear: false });
        let proxy = "10.0.0.1".parse().unwrap();
        for (said, address) in [
            ("198.51.100.1", "198.51.100.1"),
            ("1.1.1.1, 198.51.100.1", "198.51.100.1"),
            ("1.1.1.1, 198.51.100.1, 10.0.0.9", "198.51.100.1"),
            ("198.51.100.1:5000", "198.51.100.1"),
            ("[2001:db8::1]:5000", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
            ("1.1.1.1, unknown", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            let speaker = guard.speaker(proxy, &headers(&[("x-forwarded-for", said)]));
            assert_eq!(speaker.address, address.parse::<IpAddr>().unwrap(), "{said}");
        }
        let mut twice = headers(&[("x-forwarded-for", "1.1.1.1")]);
        twice.append("x-forwarded-for", "198.51.100.1".parse().unwrap());
        assert_eq!(guard.speaker(proxy, &twice).address, "198.51.100.1".parse::<IpAddr>().unwrap());
        for (said, in_the_clear) in [("http", true), ("https", false), ("https, http", true), ("http, https", false)] {
            let speaker = guard.speaker(proxy, &headers(&[("x-forwarded-proto", said)]));
            assert_eq!(speaker.in_the_clear, in_the_clear, "{said}");
        }
    }

    #[test]
    fn nothing_but_the_secret_opens() {
        let guard = guard(&[]);
        assert_eq!(guard.open(&format!("/{SECRET}/communications/call")), Some("communications/call"));
        for path in [
            "",
            "/",
            "//",
            SECRET,
            &format!("/{SECRET}"),
            &format!("//{SECRET}/x"),
            &format!("/./{SECRET}/x"),
            &format!("/{}/x", SECRET.to_uppercase()),
            &format!("/{SECRET}%2Fx"),
            &format!("/{}/x", SECRET.get(1..).unwrap()),
            &format!("/{SECRET}0/x"),
            "/%30123456789abcdef0123456789abcdef/x",
        ] {
            assert_eq!(guard.open(path), None, "{path}");
        }
    }

    #[test]
    fn an_address_has_only_so_many_seats_without_showing_anything() {
        let guard = guard(&["10.0.0.0/8"]);
        let seats = Arc::new(Semaphore::new(3 * MOST_STRANGERS));
        let seat = |address: &str| guard.seat(&seats, address.parse().unwrap());
        let mut taken: Vec<Seat> = (0..MOST_STRANGERS).map(|_| seat("2001:db8::1").unwrap()).collect();
        assert!(seat("2001:db8::2").is_none() && seat("2001:db8:0:1::1").is_some() && seat("192.0.2.1").is_some());
        taken[0].is_known();
        taken.push(seat("2001:db8::2").unwrap());
        assert!(seat("2001:db8::2").is_none());
        taken.pop();
        taken.push(seat("2001:db8::2").unwrap());
        taken.extend((0..=MOST_STRANGERS).map(|_| seat("::ffff:10.0.0.1").unwrap()));
        drop(taken);
        assert!(lock(&guard.strangers).is_empty() && seats.available_permits() == 3 * MOST_STRANGERS);
    }

    #[test]
    fn an_address_and_the_secret_have_their_limits() {
        let guard = guard(&[]);
        let address = |text: &str| text.parse().unwrap();
        assert!(guard.admits(address("192.0.2.1")) && !guard.admits(address("192.0.2.1")));
        assert!(guard.admits(address("192.0.2.2")));
        assert!(guard.admits(address("2001:db8::1")) && !guard.admits(address("2001:db8::2")));
        assert!(guard.admits(address("2001:db8:0:1::1")));
        assert!(guard.admits_secret() && !guard.admits_secret());
    }
}
