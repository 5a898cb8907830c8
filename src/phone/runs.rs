//! Digits as people group them: `8 (916) 123-45-67` is one run of five groups.

use std::ops::Range;

/// The most signs between two groups: ` - (`.
const MOST_SIGNS: u8 = 4;
/// More spaces than that part two columns.
const MOST_SPACES: u8 = 3;

/// The most digits of a country and an area.
const LONGEST_AREA: usize = 6;

/// Digits with nothing between them that can be seen.
#[derive(Clone, Debug)]
pub struct Group {
    /// Where it stands in the text, in bytes.
    pub place: Range<usize>,
    /// Where its digits are among those of the run.
    pub digits: Range<usize>,
}

/// What stands between two groups.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a set of signs")]
pub struct Gap {
    spaces: u8,
    signs: u8,
    begins_with_space: bool,
    ends_with_space: bool,
    /// A line's end.
    line: bool,
    dash: bool,
    /// A full stop.
    pub dot: bool,
    /// An opening bracket.
    pub open: bool,
    /// A closing bracket.
    pub close: bool,
}

impl Gap {
    /// Takes the next character, unless it is none that stands within a number.
    fn take(&mut self, c: char) -> bool {
        if is_hidden(c) {
            return true;
        }
        self.ends_with_space = is_space(c);
        if self.ends_with_space {
            self.begins_with_space |= self.signs == 0;
            self.spaces = self.spaces.saturating_add(1);
            self.line |= is_line_end(c);
            return true;
        }
        self.signs = self.signs.saturating_add(1);
        match c {
            '(' | '（' | '[' => self.open = true,
            ')' | '）' | ']' => self.close = true,
            '.' | '·' | '‧' | '．' => self.dot = true,
            _ if is_dash(c) => self.dash = true,
            _ => return false,
        }
        self.signs <= MOST_SIGNS
    }

    /// Whether nothing that can be seen stands there.
    fn is_nothing(self) -> bool {
        self.spaces == 0 && self.signs == 0
    }

    /// Whether two columns or lines meet there, so that one number ends and another begins.
    pub fn is_wide(self) -> bool {
        self.line || self.spaces > MOST_SPACES
    }

    /// Whether one number may end there and another begin: at a space, at a dash with a space beside it, behind a full stop.
    pub fn may_part(self) -> bool {
        let pause = match (self.dash, self.dot) {
            (true, _) => self.begins_with_space || self.ends_with_space,
            (false, true) => self.ends_with_space,
            (false, false) => self.spaces > 0,
        };
        self.is_wide() || (pause && !self.close)
    }

    /// Whether it is all space.
    pub fn is_blank(self) -> bool {
        self.signs == 0
    }
}

/// A run of groups, with a `+` before it or not.
#[derive(Debug, Default)]
pub struct Run {
    /// Where the `+` is, in bytes.
    pub plus: Option<usize>,
    /// At least one.
    pub groups: Vec<Group>,
    /// What stands behind each group but the last.
    pub gaps: Vec<Gap>,
    /// All digits, as ASCII.
    pub digits: String,
}

impl Run {
    /// The digits of one of its groups.
    pub fn digits_of(&self, group: &Group) -> &str {
        self.digits.get(group.digits.clone()).unwrap_or_default()
    }

    /// Takes a digit, into a new group where something stands before it.
    fn take(&mut self, digit: char, place: Range<usize>, gap: Gap) {
        let at = self.digits.len();
        self.digits.push(digit);
        match self.groups.last_mut() {
            Some(last) if gap.is_nothing() => {
                last.place.end = place.end;
                last.digits.end = at + 1;
            }
            last => {
                if last.is_some() {
                    self.gaps.push(gap);
                }
                self.groups.push(Group { place, digits: at..at + 1 });
            }
        }
    }
}

/// The runs of a text, in order. Each character is looked at a bounded number of times.
pub struct Runs<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Runs<'t> {
    /// The runs of this text.
    pub fn of(text: &'t str) -> Self {
        Self { text, at: 0 }
    }
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        loop {
            let rest = self.text.get(self.at..)?;
            let start = self.at + rest.find(|c: char| is_plus(c) || digit(c).is_some())?;
            let mut run = Run::default();
            let mut gap = Gap::default();
            self.at = self.text.len();
            let mut chars = self.text.get(start..)?.char_indices().peekable();
            while let Some((place, c)) = chars.next() {
                let place = start + place;
                if let Some(digit) = digit(c) {
                    run.take(digit, place..place + c.len_utf8(), gap);
                    gap = Gap::default();
                } else if is_plus(c) && run.groups.is_empty() {
                    run.plus = Some(place);
                } else if c == '/' && gap.is_nothing() && run.digits.len() <= LONGEST_AREA {
                    // `0221/123456`, `+7/495/…`; behind more digits a slash parts two numbers.
                    let goes_on = chars.peek().is_some_and(|&(_, c)| digit(c).is_some());
                    if !goes_on {
                        self.at = place;
                        break;
                    }
                    gap.take('-');
                } else if !gap.take(c) {
                    self.at = place;
                    break;
                }
            }
            if !run.groups.is_empty() {
                // `+ (7) 912`, but not a sum: `+ … 5`.
                let first = run.groups.first().map_or(0, |group| group.place.start);
                run.plus = run.plus.filter(|plus| first - plus <= 4);
                return Some(run);
            }
        }
    }
}

/// The digit as ASCII: plain, full-width, Arabic or Persian.
pub fn digit(c: char) -> Option<char> {
    let zero = match c {
        '0'..='9' => return Some(c),
        '０'..='９' => '０',
        '٠'..='٩' => '٠',
        '۰'..='۹' => '۰',
        _ => return None,
    };
    char::from_digit(u32::from(c) - u32::from(zero), 10)
}

/// A plus sign, also a full-width one.
pub fn is_plus(c: char) -> bool {
    matches!(c, '+' | '＋' | '﹢')
}

/// A space of any kind, a line's end among them.
pub fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
        || is_line_end(c)
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// A dash of any kind, as people write it between digits.
pub fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{2e3a}' | '\u{2e3b}')
        || matches!(c, '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' | '\u{30fc}' | '~' | '～')
}

/// What nobody sees: soft hyphens, joiners, marks of direction.
pub fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{feff}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}')
}
