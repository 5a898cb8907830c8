//! Some neighbouring groups of a run, and what their looks say: a phone, a date, a sum.

use std::ops::Range;

use rlibphonenumber::enums::Region;

use super::{
    reading::{self, Reading},
    runs::{Gap, Group, Run},
};

/// The most digits of one number, with the prefix of an international call.
const MOST_DIGITS: usize = 17;
/// The fewest digits of one number.
pub const FEWEST_DIGITS: usize = 7;
/// The most groups of one number: `+7 9 1 2 …` is a list.
const MOST_GROUPS: usize = 8;
/// … unless a word says that it is a phone: `тел. 8 9 1 6 …`.
const MOST_GROUPS_OF_PHONE: usize = 12;

/// Some groups of a run that may be a number.
pub struct Candidate<'r> {
    run: &'r Run,
    first: usize,
    /// Its last group's place in the run.
    pub last: usize,
    /// Where its `+` is, in bytes.
    pub plus: Option<usize>,
    /// What stands before it within the run.
    pub before: Option<Gap>,
}

impl<'r> Candidate<'r> {
    /// It begins with this group.
    pub fn of(run: &'r Run, first: usize) -> Option<Self> {
        let before = first.checked_sub(1).and_then(|gap| run.gaps.get(gap)).copied();
        let plus = run.plus.filter(|_| first == 0);
        (first < run.groups.len()).then_some(Self { run, first, last: first, plus, before })
    }

    /// Takes one group more, if there is one.
    pub fn grow(&mut self) -> bool {
        self.last += 1;
        self.last < self.run.groups.len()
    }

    fn groups(&self) -> &'r [Group] {
        let end = (self.last + 1).min(self.run.groups.len());
        self.run.groups.get(self.first..end).unwrap_or_default()
    }

    fn gaps(&self) -> &'r [Gap] {
        let end = self.last.min(self.run.gaps.len());
        self.run.gaps.get(self.first..end).unwrap_or_default()
    }

    /// What stands behind it within the run.
    pub fn after(&self) -> Option<Gap> {
        self.run.gaps.get(self.last).copied()
    }

    /// Where the group before it ends, in bytes.
    pub fn end_before(&self) -> usize {
        let before = self.first.checked_sub(1).and_then(|at| self.run.groups.get(at));
        before.map_or(0, |group| group.place.end)
    }

    /// Whether it may end here: also before a bracket that closes what was opened before it.
    pub fn may_stop(&self) -> bool {
        let open = self.gaps().iter().fold(0, |open, gap| open + i32::from(gap.open) - i32::from(gap.close));
        self.after().is_none_or(|gap| gap.may_part() || (gap.close && open == 0))
    }

    /// All its digits.
    pub fn digits(&self) -> &'r str {
        let (Some(first), Some(last)) = (self.groups().first(), self.groups().last()) else { return "" };
        self.run.digits.get(first.digits.start..last.digits.end).unwrap_or_default()
    }

    fn lengths(&self) -> impl ExactSizeIterator<Item = usize> + DoubleEndedIterator {
        self.groups().iter().map(|group| group.digits.len())
    }

    /// Where it begins in a text: with its `+`, or with the bracket that closes within it.
    pub fn start(&self, text: &str) -> usize {
        let start = self.plus.or(self.groups().first().map(|group| group.place.start)).unwrap_or_default();
        let closes_first =
            self.gaps().iter().find(|gap| gap.open || gap.close).is_some_and(|gap| gap.close && !gap.open);
        let opens = text.get(..start).and_then(|before| before.strip_suffix(['(', '（', '[']));
        let inner_open = self.plus.is_some_and(|plus| {
            let first = self.groups().first().map_or(plus, |group| group.place.start);
            text.get(plus..first).is_some_and(|sign| sign.contains(['(', '（']))
        });
        opens.filter(|_| closes_first && !inner_open).map_or(start, str::len)
    }

    /// Where it stands in a text, with the brackets that belong to it.
    pub fn place(&self, text: &str) -> Range<usize> {
        let end = self.groups().last().map_or(0, |group| group.place.end);
        let open = self.gaps().iter().rev().find(|gap| gap.open || gap.close).is_some_and(|gap| gap.open);
        let closes = open && text.get(end..).is_some_and(|after| after.starts_with([')', ']']));
        self.start(text)..end + usize::from(closes)
    }

    /// Whether any number is so long.
    pub fn is_of_bounded_size(&self) -> bool {
        self.groups().len() <= MOST_GROUPS_OF_PHONE && self.digits().len() <= MOST_DIGITS
    }

    /// `7 9 1 2 …`: so many groups are a list, unless a word says that it is a phone.
    pub fn is_list(&self) -> bool {
        self.groups().len() > MOST_GROUPS
    }

    /// Where the whole run ends, in bytes.
    pub fn run_end(&self) -> usize {
        self.run.groups.last().map_or(0, |group| group.place.end)
    }

    /// Whether it is what follows a prefix, `8` or `+7`, that has been looked at.
    pub fn is_rest(&self) -> bool {
        let prefix = self.first.checked_sub(1).and_then(|at| self.run.groups.get(at));
        let is_near = self.before.is_some_and(|gap| !gap.is_wide());
        let is_prefix = |group: &Group| {
            matches!(self.run.digits_of(group), "7" | "8")
                || (self.first == 1 && self.run.plus.is_some() && group.digits.len() <= 3)
        };
        is_near && !self.begins_anew() && prefix.is_some_and(is_prefix)
    }

    /// `8916…`, `8 (916) …`: whether it begins with a whole number, or with a prefix of its own.
    pub fn begins_anew(&self) -> bool {
        let group = self.run.groups.get(self.first);
        group.is_some_and(|group| group.digits.len() >= 11 || matches!(self.run.digits_of(group), "7" | "8"))
    }

    /// How many digits its first group has.
    pub fn first_length(&self) -> usize {
        self.run.groups.get(self.first).map_or(0, |group| group.digits.len())
    }

    /// Whether it is one plain row of digits.
    pub fn is_bare(&self) -> bool {
        self.first == self.last
    }

    /// `01.02.2024`, `2024-02-01`: with what follows it is no number either.
    pub fn is_date(&self) -> bool {
        let [day, month, year] = self.groups() else { return false };
        let part = |group: &Group| self.run.digits_of(group).parse::<u16>().ok();
        let (Some(day), Some(month), Some(year)) = (part(day), part(month), part(year)) else { return false };
        let lengths: Vec<_> = self.lengths().collect();
        let (day, year) = if lengths.first() == Some(&4) { (year, day) } else { (day, year) };
        let is_year = lengths.iter().filter(|&&length| length == 4).count() == 1 && (1900..2100).contains(&year);
        let is_tight = self.gaps().iter().all(|gap| !gap.is_blank() && !gap.open && !gap.close);
        self.plus.is_none() && is_year && is_tight && (1..=31).contains(&day) && (1..=12).contains(&month)
    }

    /// `79 123 456 789`, `1.234.567.890`: grouped by thousands.
    pub fn is_amount(&self) -> bool {
        let mut lengths = self.lengths();
        let signs_agree = self.gaps().iter().all(|gap| gap.is_blank()) || self.gaps().iter().all(|gap| gap.dot);
        lengths.len() >= 3
            && signs_agree
            && !self.digits().starts_with('0')
            && lengths.next() <= Some(3)
            && lengths.all(|length| length == 3)
    }

    /// `192.168.10.1`, `55.751244`: an address of a machine, a fraction.
    pub fn is_address(&self) -> bool {
        let is_dotted = !self.is_bare() && self.gaps().iter().all(|gap| gap.dot && !gap.may_part());
        let is_octet = |group: &Group| self.run.digits_of(group).parse::<u8>().is_ok();
        is_dotted && (self.groups().len() == 2 || (self.groups().len() == 4 && self.groups().iter().all(is_octet)))
    }

    /// Whether the first group can be a prefix or an area, not the head of a longer id: `8`, `8916`, `380`, of what is named
    /// a phone also `8916123`.
    pub fn begins_plausibly(&self, is_named: bool) -> bool {
        let first = self.first_length();
        let is_long = self.digits().len() == 11 && self.digits().starts_with(['7', '8']);
        let is_prefix = match first {
            1 | 4 => true,
            5..=8 => is_named || !is_long && first <= 6,
            _ => !is_long && first <= 6,
        };
        self.is_bare() || is_prefix || (self.digits().starts_with("80") && first <= 6)
    }

    /// `(916) 123…`.
    pub fn has_area_in_brackets(&self) -> bool {
        self.gaps().iter().any(|gap| gap.close)
    }

    /// Whether it is written as nothing but phones are: an area in brackets, or groups such as 3-2-2.
    pub fn is_drawn_as_phone(&self) -> bool {
        let lengths: Vec<_> = self.lengths().collect();
        let ends = |tail: &[usize]| lengths.len() > tail.len() && lengths.ends_with(tail);
        let is_split = self.gaps().iter().any(|gap| !gap.is_blank());
        self.has_area_in_brackets()
            || ends(&[3, 2, 2])
            || (is_split && (ends(&[3, 4]) || ends(&[3, 7]) || lengths == [3, 7]))
    }

    /// Whether other digits stand right beside it, with only a space between, and nothing tells where it ends.
    pub fn is_glued(&self) -> bool {
        let touches = |gap: Option<Gap>| gap.is_some_and(|gap| gap.is_blank() && !gap.is_wide());
        let is_clear = self.is_bare() || self.is_drawn_as_phone() || self.gaps().iter().any(|gap| !gap.is_blank());
        (touches(self.before) || touches(self.after())) && !is_clear
    }

    /// Whether a plain row of digits of this length and beginning is a phone by itself.
    pub fn may_be_bare(&self, region: Region) -> bool {
        let digits = self.digits();
        match digits.len() {
            10 => digits.starts_with('0'),
            length => length >= 11 && (reading::is_post_soviet(region) || digits.starts_with('0') || length >= 12),
        }
    }

    /// The number behind its `+`, without the `(0)` that people put between country and area.
    pub fn explicit(&self) -> Option<Reading> {
        self.plus?;
        let mut digits = self.digits().to_owned();
        let zero = self
            .groups()
            .iter()
            .zip(self.gaps())
            .zip(self.gaps().iter().skip(1))
            .position(|((_, open), close)| open.open && close.close);
        if let Some(group) = zero.and_then(|at| self.groups().get(at + 1))
            && self.run.digits_of(group) == "0"
            && let Some(at) = self.groups().first().map(|first| group.digits.start - first.digits.start)
        {
            digits.remove(at);
        }
        // Where lengths vary, a longer one may follow.
        reading::international(&digits).map(|number| Reading { number, is_certain: false })
    }
}
