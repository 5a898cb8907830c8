//! What the words around a number say of it.

use super::{
    extension::Extension,
    runs::{is_dash, is_hidden, is_space},
    words::{Sense, is_number, is_thing, sense_of},
};

/// How many characters before a number its word is looked for; one that is farther speaks of something else.
const NEAR: usize = 60;
/// How many words before a number are read.
const WORDS: usize = 6;
/// The longest word with a full stop that is taken for an abbreviation: `тел.`, `факс.`.
const ABBREVIATION: usize = 4;
/// The longest label that is read, in characters.
const LABEL: usize = 100;

/// What the words around a number say of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Context {
    /// It is a phone.
    Phone,
    /// It is the number of something else.
    Id,
    /// Nothing.
    #[default]
    Unknown,
}

impl Context {
    /// This, or where it says nothing the other.
    pub fn or(self, other: Self) -> Self {
        if self == Self::Unknown { other } else { self }
    }

    /// What a field's name says: `Телефон`, `№ заказа`, `IMEI телефона`.
    pub fn of_label(label: &str) -> Self {
        let end = label.char_indices().nth(LABEL).map_or(label.len(), |(place, _)| place);
        let mut rest = label.get(..end).unwrap_or_default();
        let mut first = None;
        let mut is_numbered = false;
        let mut follows_id = false;
        let mut follows_number = false;
        loop {
            let before = rest.trim_start_matches(|c: char| !is_letter(c));
            let between = rest.get(..rest.len() - before.len()).unwrap_or_default();
            is_numbered |= between.contains(['№', '#']);
            if before.is_empty() {
                break;
            }
            let after = before.trim_start_matches(is_letter);
            let word = before.get(..before.len() - after.len()).unwrap_or_default();
            rest = after;
            let word = lower_case(word);
            let sense = short_form(&word, after).unwrap_or_else(|| sense_of(&word));
            // `Номер груза`, but not `Номер директора`.
            if follows_number && is_thing(&word) && between.chars().all(is_space) {
                first = first.or(Some(Sense::Id));
            }
            follows_number = is_number(&word);
            is_numbered |= matches!(word.as_str(), "no" | "nr");
            match sense {
                // `IMEI телефона`, but not `Договор, телефон`.
                Some(Sense::Phone) if follows_id && between.chars().all(is_space) => return Self::Id,
                Some(Sense::Phone) => return Self::Phone,
                sense => {
                    follows_id = sense == Some(Sense::Id);
                    first = first.or(sense);
                }
            }
        }
        match first {
            Some(Sense::Id) => Self::Id,
            None if is_numbered => Self::Id,
            _ => Self::Unknown,
        }
    }

    /// What the words before a number say: the last one that means anything. One that names something else must belong to
    /// the number: `Заказ клиента 89…`, but not `Заказ 15, Иванов 89…`.
    pub fn before(text: &str) -> Self {
        let near = text.char_indices().rev().nth(NEAR).map_or(0, |(place, _)| place);
        let mut rest = text.get(near..).unwrap_or_default();
        let mut belongs = true;
        let mut is_numbered = false;
        let mut is_of_thing = false;
        for word_no in 0..WORDS {
            let before = rest.trim_end_matches(|c: char| !is_letter(c));
            let between = rest.get(before.len()..).unwrap_or_default();
            let start = before.trim_end_matches(is_letter);
            let word = before.get(start.len()..).unwrap_or_default();
            // An abbreviation's own full stop parts nothing.
            let parts = |c: char| match c {
                ',' | ';' | '|' | '•' | '!' | '?' | '\n' => true,
                '.' => word.chars().count() > ABBREVIATION,
                c => c.is_ascii_digit(),
            };
            // In a page's source a line's end is a space.
            let is_beside = word_no == 0 && !between.contains(|c| c != '\n' && parts(c));
            if belongs && between.trim_start().contains(['№', '#']) && (is_beside || !between.contains(parts)) {
                is_numbered = true;
            }
            belongs &= !between.contains(parts);
            if before.is_empty() || between.contains(['!', '?', '|', '•']) {
                break;
            }
            rest = start;
            let lower = lower_case(word);
            let is_name = !lower.starts_with(word.chars().next().unwrap_or_default());
            let word = lower;
            let is_alone = word_no == 0 && matches!(word.as_str(), "т" | "ф" | "м") && between.starts_with(['.', ':']);
            let sense = if is_alone {
                Some(Sense::Phone)
            } else if word.chars().count() == 1 && start.ends_with('/') {
                // `р/с`, `к/с`, but `т/ф`.
                let is_phone = word == "т" || start.trim_end_matches('/').ends_with(['т', 'Т']);
                Some(if is_phone { Sense::Phone } else { Sense::Id })
            } else {
                sense_of(&word)
            };
            match sense {
                Some(Sense::Phone) => return Self::Phone,
                Some(Sense::Id) if belongs || is_beside => return Self::Id,
                _ => {}
            }
            match word.as_str() {
                "n" | "no" | "nr" if belongs && word_no == 0 => is_numbered = true,
                // `номер груза 89…`, but not `номер Иванова 89…`.
                word if belongs && is_of_thing && is_number(word) => return Self::Id,
                // `Заказ от Иванова 89…`
                "от" | "від" | "с" | "з" | "из" | "from" | "by" => belongs = false,
                _ => {}
            }
            is_of_thing = word_no == 0 && belongs && !is_name && is_thing(&word);
        }
        if is_numbered { Self::Id } else { Self::Unknown }
    }

    /// What the word says that a text ends with, past its sign: `тел.`, `phone=`.
    pub fn of_last_word(text: &str) -> Self {
        let before = text.trim_end_matches(|c: char| !is_letter(c));
        if text.get(before.len()..).is_some_and(|signs| signs.chars().count() > 2) {
            return Self::Unknown;
        }
        let start = before.trim_end_matches(is_letter);
        match sense_of(&lower_case(before.get(start.len()..).unwrap_or_default())) {
            Some(Sense::Phone) => Self::Phone,
            Some(Sense::Id) => Self::Id,
            _ => Self::Unknown,
        }
    }

    /// What stands behind a number in brackets: `89… (моб.)`.
    pub fn after(text: &str) -> Self {
        let end = text.char_indices().nth(NEAR).map_or(text.len(), |(place, _)| place);
        let text = text.get(..end).unwrap_or_default();
        let Some(inside) = text.trim_start_matches(is_space).strip_prefix('(') else { return Self::Unknown };
        if Extension::after(text).is_some() {
            return Self::Unknown;
        }
        let inside = inside.trim_start_matches(is_space);
        let rest = inside.trim_start_matches(is_letter);
        match sense_of(&lower_case(inside.get(..inside.len() - rest.len()).unwrap_or_default())) {
            Some(Sense::Phone) => Self::Phone,
            Some(Sense::Id) => Self::Id,
            _ => Self::Unknown,
        }
    }
}

/// `р/с` and the like, which are no words.
fn short_form(word: &str, after: &str) -> Option<Option<Sense>> {
    let mut next = after.strip_prefix('/')?.chars();
    let is_short =
        word.chars().count() == 1 && next.next().is_some_and(is_letter) && !next.next().is_some_and(is_letter);
    is_short.then_some(Some(if word == "т" || after.starts_with("/т") || after.starts_with("/Т") {
        Sense::Phone
    } else {
        Sense::Id
    }))
}

/// A letter, or what counts as one: beyond ASCII all but digits, spaces, punctuation and symbols. Unicode's full tables
/// would weigh more than they bring.
pub fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic()
        || (c >= '\u{c0}'
            && !matches!(c, '×' | '÷' | '\u{2000}'..='\u{2bff}' | '\u{2e00}'..='\u{2e7f}' | '\u{3000}'..='\u{303f}')
            && !matches!(c, '\u{660}'..='\u{669}' | '\u{6f0}'..='\u{6f9}' | '\u{ff00}'..='\u{ff20}')
            && !matches!(c, '\u{fe00}'..='\u{fe6f}' | '\u{1f000}'..='\u{1faff}')
            && !is_dash(c)
            && !is_hidden(c))
}

/// Lower case for the alphabets of the words; the full tables of Unicode would be 4 % of the wasm.
pub fn lower_case(word: &str) -> String {
    let lower = |c: char| match c {
        'А'..='Я' | 'À'..='Þ' => char::from_u32(u32::from(c) + 0x20).unwrap_or(c),
        'Ѐ'..='Џ' => char::from_u32(u32::from(c) + 0x50).unwrap_or(c),
        // Kazakh and old letters stand in pairs.
        'Ҋ'..='ҿ' | 'Ӑ'..='ӿ' => char::from_u32(u32::from(c) | 1).unwrap_or(c),
        c => c.to_ascii_lowercase(),
    };
    word.chars().map(lower).collect()
}
