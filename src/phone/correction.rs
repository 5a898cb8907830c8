//! What people said of a wrong guess: "not a phone" and "this is a phone", remembered by the field's label and the
//! number's pattern.

use serde::Serialize;

use super::{
    context::{is_letter, lower_case},
    runs::{digit, is_dash, is_hidden, is_plus, is_space},
};

/// What a user said of numbers that look alike in fields of one name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Correction {
    /// The words that name the field, in lower case; `None` for a number that stood under no label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The number as it was written, `#` for any digit: `## ## ######`. Without a label the very digits, so that one
    /// number corrected in the open says nothing of others.
    pub pattern: String,
    /// Whether such numbers are phones.
    pub phone: bool,
}

/// The longest label and pattern that are remembered, in characters.
const LONGEST_LABEL: usize = 60;
const LONGEST_PATTERN: usize = 40;
/// The fewest digits of anything that could be a number.
const FEWEST_DIGITS: usize = 5;

impl Correction {
    /// What a user says of a number as it is written on the page, without anything else; `None` where the text holds
    /// nothing like a number.
    pub fn of(text: &str, label: Option<&str>, phone: bool) -> Option<Self> {
        let written = canonical(text);
        let digits = written.chars().filter(char::is_ascii_digit).count();
        let is_number = digits >= FEWEST_DIGITS
            && written.chars().count() <= LONGEST_PATTERN
            && written.chars().all(|c| c.is_ascii_digit() || is_sign(c));
        let label = label.map(name_of).filter(|label| !label.is_empty());
        let pattern = if label.is_some() { shape_of(&written) } else { written };
        Some(Self { label, pattern, phone }).filter(|correction| is_number && correction.is_sound())
    }

    /// Whether it is one that [`Correction::of`] could have made: what an imported file brings is checked by this.
    pub fn is_sound(&self) -> bool {
        let label_fits = self.label.as_ref().is_none_or(|label| !label.is_empty() && *label == name_of(label));
        let length = self.pattern.chars().count();
        let digits = self.pattern.chars().filter(|c| *c == '#' || c.is_ascii_digit()).count();
        let signs_fit = self.pattern.chars().all(|c| c == '#' || c.is_ascii_digit() || is_sign(c));
        label_fits && length <= LONGEST_PATTERN && digits >= FEWEST_DIGITS && signs_fit
    }

    fn is_about(&self, written: &str, shape: &str) -> bool {
        self.pattern == if self.label.is_some() { shape } else { written }
    }
}

/// The corrections that count in one field.
pub struct Corrections<'a>(Vec<&'a Correction>);

impl<'a> Corrections<'a> {
    /// Those for a field of this name.
    pub fn of(all: &'a [Correction], label: Option<&str>) -> Self {
        if all.is_empty() {
            return Self(Vec::new());
        }
        let name = label.map(name_of);
        let counts = |correction: &&Correction| correction.label.is_none() || correction.label == name;
        Self(all.iter().filter(counts).collect())
    }

    /// What was said last of a number written like this: whether it is a phone.
    pub fn said_of(&self, written: &str) -> Option<bool> {
        if self.0.is_empty() {
            return None;
        }
        let written = canonical(written);
        let shape = shape_of(&written);
        self.0.iter().rev().find(|correction| correction.is_about(&written, &shape)).map(|correction| correction.phone)
    }
}

/// The number with plain digits, spaces and dashes, and nothing that is hidden.
fn canonical(text: &str) -> String {
    let plain = |c: char| match c {
        c if is_space(c) => ' ',
        c if is_dash(c) => '-',
        c if is_plus(c) => '+',
        c => digit(c).unwrap_or(c),
    };
    text.trim_matches(|c| is_space(c) || is_hidden(c)).chars().filter(|c| !is_hidden(*c)).map(plain).collect()
}

fn shape_of(written: &str) -> String {
    written.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect()
}

fn is_sign(c: char) -> bool {
    matches!(c, ' ' | '-' | '+' | '.' | '(' | ')' | '/')
}

/// A field's name in lower case, its words with one space between, without what surrounds them.
fn name_of(label: &str) -> String {
    let words = label.split(|c: char| is_space(c) || is_hidden(c)).filter(|word| !word.is_empty());
    let name = lower_case(&words.collect::<Vec<_>>().join(" "));
    let around = |c: char| !is_letter(c) && !c.is_ascii_digit();
    let name: String = name.trim_matches(around).chars().take(LONGEST_LABEL).collect();
    name.trim_end_matches(around).to_owned()
}
