//! The extension behind a number: `доб. 123`, `(вн. 12)`, `#134`.

use super::{
    context::{is_letter, lower_case},
    runs::{is_dash, is_hidden, is_space},
};

/// The most digits of an extension.
const MOST_DIGITS: usize = 7;
/// The most signs between a number and its extension's word.
const MOST_SIGNS: usize = 4;

/// The words that name one, whole.
const WORDS: &[&str] = &[
    "доб",
    "добавочный",
    "добав",
    "дод",
    "додатковий",
    "внутренний",
    "внутр",
    "внутрішній",
    "вн",
    "ext",
    "extension",
    "x",
    "х",
    "extn",
    "durchwahl",
    "ішкі",
    "дабавачны",
    "унутр",
    "тональный",
    "тон",
];

/// An extension, as it was written behind a number.
#[derive(Debug, PartialEq)]
pub struct Extension {
    /// Its digits.
    pub digits: String,
    /// How many bytes it takes, words and all.
    pub length: usize,
}

impl Extension {
    /// The extension that a text begins with.
    pub fn after(text: &str) -> Option<Self> {
        let is_sign =
            |c: char| is_space(c) || is_hidden(c) || is_dash(c) || matches!(c, ',' | ';' | '(' | '[' | '/' | ')');
        let mut rest = text;
        for _ in 0..MOST_SIGNS {
            rest = rest.strip_prefix(is_sign).unwrap_or(rest);
        }
        let rest = match rest.strip_prefix('#') {
            Some(rest) => rest,
            None => Self::behind_word(rest)?,
        };
        let digits: String = rest.chars().take(MOST_DIGITS + 1).take_while(char::is_ascii_digit).collect();
        let length = text.len() - rest.len() + digits.len();
        ((1..=MOST_DIGITS).contains(&digits.len())).then_some(Self { digits, length })
    }

    /// What stands behind the word, its signs and `номер`.
    fn behind_word(text: &str) -> Option<&str> {
        let (word, rest) = split_word(text);
        WORDS.contains(&lower_case(word).as_str()).then_some(())?;
        let rest = trim_signs(rest);
        let (word, behind) = split_word(rest);
        let is_number = matches!(lower_case(word).as_str(), "номер" | "ном" | "тел" | "телефон" | "number");
        Some(if is_number { trim_signs(behind) } else { rest })
    }
}

fn trim_signs(text: &str) -> &str {
    let mut rest = text;
    for _ in 0..MOST_SIGNS {
        let is_sign = |c: char| is_space(c) || is_hidden(c) || is_dash(c) || matches!(c, '.' | ':' | '№' | '#' | '=');
        rest = rest.strip_prefix(is_sign).unwrap_or(rest);
    }
    rest
}

fn split_word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !is_letter(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}
