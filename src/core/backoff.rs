//! Waiting between tries: exponential backoff with full jitter.

use fastrand::Rng;

use crate::Millis;

/// How long to wait before the next try.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The upper bound of the first wait; it doubles with each further try.
    pub base: Millis,
    /// Where the upper bound stops to grow.
    pub cap: Millis,
}

impl Backoff {
    /// The wait after `failures` failures in a row: anything from nothing to the bound, so that many browsers do not come back at once.
    pub fn wait(self, failures: u32, rng: &mut Rng) -> Millis {
        let doublings = failures.saturating_sub(1).min(30);
        let bound = self.base.0.saturating_mul(1 << doublings).min(self.cap.0);
        Millis(rng.i64(0..=bound))
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_cap() {
        let backoff = Backoff { base: Millis(500), cap: Millis::secs(30) };
        let mut rng = Rng::with_seed(7);
        let mut longest = |failures| (0..1000).map(|_| backoff.wait(failures, &mut rng)).max().unwrap();
        assert!((Millis(450)..=Millis(500)).contains(&longest(1)));
        assert!((Millis(900)..=Millis(1_000)).contains(&longest(2)));
        assert!((Millis::secs(27)..=Millis::secs(30)).contains(&longest(10)));
        assert!(longest(u32::MAX) <= Millis::secs(30));
    }
}
