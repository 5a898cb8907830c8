//! What the socket missed: now and then, and after every gap, the exchange is asked for its active calls and then for its history
//! since the last certain moment. All moments here but those of waiting are the exchange's.

use fastrand::Rng;
use serde::Serialize;

use crate::{
    Millis,
    core::backoff::Backoff,
    json::Fields,
    phonet::rest::{HISTORY_PAGE, HistoryList},
};

/// How often, without any reason.
const PERIOD: Millis = Millis::mins(5);
/// By how much less, so that many browsers do not ask at the same time.
const SPREAD: Millis = Millis::mins(1);
/// After a try that failed, or that did not find what it looked for: the history may lag behind.
const BACKOFF: Backoff = Backoff { base: Millis::secs(5), cap: Millis::mins(4) };
/// How far the history may lag behind: what ended later is looked for again.
const LAG: Millis = Millis::mins(10);
/// How much of the history is walked at a time, so that an interrupted walk loses little.
const STRETCH: Millis = Millis::hours(3);
/// The farthest way back: what is older, the CRM would not take any more.
const HORIZON: Millis = Millis::hours(7 * 24);
/// The clocks of events and of the history may differ by less than this.
const SLACK: Millis = Millis::mins(1);
/// How far the clocks of the exchange and of this computer may differ.
const FARTHEST: Millis = Millis::hours(48);
/// How long a leg is looked for that is neither active nor in the history.
pub const GIVEN_UP: Millis = Millis::hours(24);

/// How far this browser knows the exchange's history.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    /// Whose history it is.
    subscriber: u32,
    /// All that ended before this moment is known.
    certain: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    walk: Option<Walk>,
    /// How far the exchange's clock is ahead of this computer's.
    ahead: Millis,
    #[serde(skip)]
    life: Life,
}

/// A walk through the history: stretch by stretch, list by list, page by page.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Walk {
    from: Millis,
    to: Millis,
    /// Where the last stretch ends.
    end: Millis,
    list: HistoryList,
    offset: u32,
}

/// What only this life of the worker knows.
#[derive(Debug, Default)]
struct Life {
    /// When to begin next, by this computer's clock.
    due_at: Millis,
    tries: u32,
    /// Legs that the exchange does not know as active any more, though their end was never heard.
    gone: Vec<String>,
    /// The first leg of the page before.
    first: Option<String>,
    /// Whether the walk under way was begun long ago, so that another one is due after it.
    is_behind: bool,
}

/// A page of the history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Page {
    /// Which list.
    pub list: HistoryList,
    /// Where the page begins.
    pub from: Millis,
    /// Where the page ends.
    pub to: Millis,
    /// How many records come before it.
    pub offset: u32,
}

impl Recovery {
    /// Reads it as it was stored.
    pub fn read(fields: Fields<'_>) -> Self {
        Self {
            subscriber: fields.number("subscriber").unwrap_or_default(),
            certain: fields.millis("certain"),
            walk: fields.object("walk").and_then(Walk::read),
            ahead: fields.millis("ahead").unwrap_or_default(),
            life: Life::default(),
        }
    }

    /// Whose history it is: another subscriber's begins now. True when that is news.
    pub fn configure(&mut self, subscriber: u32, now: Millis) -> bool {
        let is_news = self.subscriber != subscriber || self.certain.is_none();
        if self.subscriber != subscriber {
            *self = Self { subscriber, ahead: self.ahead, ..Self::default() };
        }
        self.certain.get_or_insert(now + self.ahead);
        self.hurry();
        is_news
    }

    /// The exchange's clock showed this moment just now; true when that is news. Nobody's clock is days off.
    pub fn clock(&mut self, exchange: Millis, now: Millis) -> bool {
        let ahead = exchange - now;
        let is_far = |distance: Millis, bound: Millis| distance.0.unsigned_abs() > bound.0.unsigned_abs();
        let is_news = is_far(ahead - self.ahead, SLACK) && !is_far(ahead, FARTHEST);
        if is_news {
            self.ahead = ahead;
            // The first moment was taken from this computer's clock.
            self.certain = self.certain.map(|certain| certain.min(exchange));
        }
        is_news
    }

    /// What began at this moment of the exchange's clock was asked for by this moment of the computer's.
    pub fn asked_by(&self, began_at: Millis) -> Millis {
        began_at - self.ahead + SLACK
    }

    /// All that ended before this moment is known.
    pub fn certain(&self) -> Option<Millis> {
        self.certain
    }

    /// From here on the history may be walked again.
    pub fn reaches_back_to(&self, now: Millis) -> Option<Millis> {
        self.certain.map(|certain| certain.max(now + self.ahead - HORIZON))
    }

    /// There may be something to find out: the next look is due at once.
    pub fn hurry(&mut self) {
        self.life.due_at = Millis(0);
        self.life.tries = 0;
    }

    /// There is something to find out, not later than this moment.
    pub fn due_by(&mut self, moment: Millis) {
        self.life.due_at = self.life.due_at.min(moment);
        self.life.tries = 0;
    }

    /// Whether it is time to ask for the active calls, and then to walk.
    pub fn is_due(&self, now: Millis) -> bool {
        self.life.due_at.has_come(now, PERIOD)
    }

    /// When that will be.
    pub fn due_at(&self) -> Millis {
        self.life.due_at
    }

    /// The active calls are known as of `asked_at`, by this computer's clock. These legs are not among them, the oldest of which
    /// began at `earliest`: the history is to be walked.
    pub fn begin(&mut self, gone: Vec<String>, earliest: Option<Millis>, asked_at: Millis) {
        self.life.gone = gone;
        self.life.due_at = asked_at + PERIOD;
        let end = asked_at + self.ahead;
        self.certain = self.certain.map(|certain| certain.min(end));
        // A walk that was interrupted goes on, and no farther: what it listed early, the history may not have had yet.
        if self.walk.is_some() {
            self.life.is_behind = true;
            return;
        }
        let from = self.certain.into_iter().chain(earliest.map(|at| at - SLACK)).min().unwrap_or(end);
        self.walk = Some(Walk::stretch(from.max(end - HORIZON).min(end), end));
    }

    /// The page to ask for.
    pub fn page(&self) -> Option<Page> {
        let Walk { list, from, to, offset, .. } = self.walk?;
        Some(Page { list, from, to, offset })
    }

    /// The legs that are looked for.
    pub fn gone(&self) -> &[String] {
        &self.life.gone
    }

    /// A page with so many rows has been taken: the next one is due, of this list, of the next, or of the next stretch. True when the
    /// walk is over.
    /// `first` is the page's first leg: an exchange that gives the same page again does not heed the offset, and has no more to tell.
    pub fn turn(&mut self, page: Page, rows: usize, first: Option<&str>, lists: &[HistoryList]) -> bool {
        if self.page() != Some(page) {
            return false;
        }
        let Some(walk) = &mut self.walk else { return false };
        let is_again = walk.offset > 0 && self.life.first.as_deref() == first;
        if rows >= HISTORY_PAGE as usize && !is_again {
            walk.offset += HISTORY_PAGE;
            self.life.first = first.map(str::to_owned);
            return false;
        }
        walk.offset = 0;
        let mut rest = lists.iter().skip_while(|list| **list != walk.list).skip(1);
        if let Some(next) = rest.next() {
            walk.list = *next;
            return false;
        }
        let Walk { to, end, .. } = *walk;
        self.certain = self.certain.max(Some(to.min(end - LAG)));
        self.walk = (to < end).then(|| Walk::stretch(to, end));
        self.walk.is_none()
    }

    /// The walk is over: the next one is due after the period, or soon where something is still looked for.
    pub fn rest(&mut self, is_looking: bool, now: Millis, rng: &mut Rng) {
        if std::mem::take(&mut self.life.is_behind) {
            return self.hurry();
        }
        if is_looking {
            return self.failed(now, rng);
        }
        self.life.tries = 0;
        // Not all browsers at a time.
        self.life.due_at = now + PERIOD - Millis(rng.i64(0..=SPREAD.0));
    }

    /// A question found no answer: it is asked again after a while.
    pub fn failed(&mut self, now: Millis, rng: &mut Rng) {
        self.life.tries = self.life.tries.saturating_add(1);
        self.life.due_at = now + Millis::secs(1) + BACKOFF.wait(self.life.tries, rng);
    }
}

impl Walk {
    fn stretch(from: Millis, end: Millis) -> Self {
        Self { from, to: end.min(from + STRETCH), end, list: HistoryList::Users, offset: 0 }
    }

    fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            from: fields.millis("from")?,
            to: fields.millis("to")?,
            end: fields.millis("end")?,
            list: HistoryList::read(&fields.text("list")?)?,
            offset: fields.number("offset")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTS: &[HistoryList] = &[HistoryList::Users, HistoryList::Company];
    const NOW: Millis = Millis(1_700_000_000_000);

    /// Walks to the end, `rows` on each page; the pages asked for.
    fn walk(recovery: &mut Recovery, rows: impl Fn(Page) -> usize) -> Vec<Page> {
        let mut pages = Vec::new();
        while let Some(page) = recovery.page() {
            pages.push(page);
            let first = format!("{:?} {}", page.list, page.offset);
            recovery.turn(page, rows(page), Some(&first), LISTS);
            assert!(pages.len() < 1_000);
        }
        pages
    }

    fn started() -> Recovery {
        let mut recovery = Recovery::default();
        recovery.configure(7, NOW);
        recovery
    }

    #[test]
    fn the_history_begins_with_the_installation_and_is_walked_without_a_gap() {
        let mut recovery = started();
        assert_eq!(recovery.certain(), Some(NOW));
        recovery.begin(Vec::new(), None, NOW + Millis::hours(7));
        let pages = walk(&mut recovery, |page| if page.offset < 100 { 50 } else { 3 });
        assert_eq!(pages.len(), 3 * 2 * 3, "stretches, lists, pages");
        let users: Vec<_> = pages.iter().filter(|page| page.list == HistoryList::Users && page.offset == 0).collect();
        assert_eq!(users[0].from, NOW);
        assert!(users.windows(2).all(|two| two[0].to == two[1].from));
        assert_eq!(users[2].to, NOW + Millis::hours(7));
        assert_eq!(recovery.certain(), Some(NOW + Millis::hours(7) - LAG));
    }

    #[test]
    fn an_exchange_that_gives_the_same_page_for_ever_is_not_asked_for_ever() {
        let mut recovery = started();
        recovery.begin(Vec::new(), None, NOW + Millis::hours(1));
        let mut pages = 0;
        while let Some(page) = recovery.page() {
            recovery.turn(page, 50, Some("the same"), LISTS);
            pages += 1;
        }
        assert_eq!(pages, 4, "two of each list");
    }

    #[test]
    fn an_interrupted_walk_goes_on_where_it_was() {
        let mut recovery = started();
        recovery.begin(Vec::new(), None, NOW + Millis::hours(7));
        let first = recovery.page().unwrap();
        assert!(!recovery.turn(first, 50, Some("a"), LISTS));
        let next = recovery.page();
        let stored = crate::json::parse(&serde_json::to_string(&recovery).unwrap()).unwrap();
        let mut restored = Recovery::read(Fields::of(&stored).unwrap());
        restored.configure(7, NOW + Millis::hours(8));
        restored.begin(Vec::new(), None, NOW + Millis::hours(8));
        assert_eq!(restored.page(), next);
        assert!(!restored.turn(first, 50, Some("a"), LISTS), "an answer to another page turns nothing");
        assert_eq!(restored.page(), next);
    }

    #[test]
    fn another_subscriber_has_another_history() {
        let mut recovery = started();
        recovery.configure(7, NOW + Millis::hours(1));
        assert_eq!(recovery.certain(), Some(NOW));
        recovery.configure(8, NOW + Millis::hours(1));
        assert_eq!(recovery.certain(), Some(NOW + Millis::hours(1)));
    }

    #[test]
    fn the_exchange_has_its_own_clock() {
        let mut recovery = started();
        assert!(recovery.clock(NOW - Millis::hours(1), NOW));
        assert!(!recovery.clock(NOW - Millis::hours(1) + Millis::secs(2), NOW + Millis::secs(3)), "no news");
        assert_eq!(recovery.certain(), Some(NOW - Millis::hours(1)));
        recovery.begin(Vec::new(), None, NOW + Millis::mins(1));
        assert_eq!(recovery.page().unwrap().to, NOW - Millis::mins(59));
    }

    #[test]
    fn a_long_absence_is_walked_a_week_back() {
        let mut recovery = started();
        recovery.begin(Vec::new(), None, NOW + Millis::hours(30 * 24));
        assert_eq!(recovery.page().unwrap().from, NOW + Millis::hours(23 * 24));
    }
}
