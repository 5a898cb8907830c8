//! Where a text holds phone numbers, with the words around them taken into account.
//!
//! The library's own matcher is not used: it knows nothing of words, and would add a tenth to the wasm.

use std::ops::Range;

use rlibphonenumber::{PhoneNumber, enums::Region};

use super::{
    Correction, E164,
    candidate::{Candidate, FEWEST_DIGITS},
    columns::Columns,
    context::{Context, is_letter, lower_case},
    correction::Corrections,
    extension::Extension,
    for_people,
    reading::{self, Reading},
    runs::{Gap, Run, Runs, is_dash, is_hidden, is_space},
    utf16::Offsets,
    words::is_unit,
};
use crate::private::Private;

/// How far back a token is looked at for what makes it an address, in bytes.
const TOKEN: usize = 200;

/// Where a text stands.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// The words that name it: its label or its column's header.
    pub label: Option<&'a str>,
    /// The country of numbers that name none.
    pub region: Region,
    /// What users said of earlier guesses.
    pub corrections: &'a [Correction],
}

/// A phone number found in a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Where it starts, in UTF-16 units.
    pub start: u32,
    /// Where it ends, exclusive, in UTF-16 units.
    pub end: u32,
    /// The number.
    pub number: E164,
    /// The extension behind it, digits only.
    pub ext: Option<String>,
    pub(super) parsed: PhoneNumber,
}

impl Found {
    /// The number for people, in its international format.
    pub fn display(&self) -> Private<String> {
        for_people(&self.parsed)
    }
}

/// The phone numbers of a text, in its order.
///
/// A number with an explicit `+` counts when its length is possible, for libraries lag behind the numbering plans. One without
/// counts where a label or a word says that it is a phone; where they say that it is something else, only when it is written as
/// nothing but phones are; and elsewhere when it is assigned. The time is linear in the text's length.
pub fn find(text: &str, field: &Field) -> Vec<Found> {
    let mut finder = Finder::new(text, field);
    let mut offsets = Offsets::new(text);
    let mut found = Vec::new();
    for run in Runs::of(text) {
        let mut first = 0;
        while first < run.groups.len() {
            let Some(hit) = finder.number_at(&run, first) else {
                first += 1;
                continue;
            };
            found.push(Found {
                start: offsets.at(hit.place.start),
                end: offsets.at(hit.place.end),
                number: hit.number,
                ext: hit.ext,
                parsed: hit.parsed,
            });
            first = hit.next;
        }
    }
    found
}

/// A number and what is behind it.
struct Hit {
    /// Where it stands, in bytes.
    place: Range<usize>,
    number: E164,
    parsed: PhoneNumber,
    ext: Option<String>,
    /// The first group of the run behind it.
    next: usize,
}

struct Finder<'a> {
    text: &'a str,
    region: Region,
    label: Context,
    corrections: Corrections<'a>,
    columns: Option<Columns<'a>>,
    /// What was looked at last, in bytes, and what the words around it said: a list goes on as it began.
    last: (Range<usize>, Context),
    /// How far the last number's extension goes, in bytes.
    read_to: usize,
}

impl<'a> Finder<'a> {
    fn new(text: &'a str, field: &Field<'a>) -> Self {
        Self {
            text,
            region: field.region,
            label: field.label.map_or(Context::Unknown, Context::of_label),
            corrections: Corrections::of(field.corrections, field.label),
            columns: Columns::of(text),
            last: (0..0, Context::Unknown),
            read_to: 0,
        }
    }

    /// The number that begins with this group of a run.
    fn number_at(&mut self, run: &Run, first: usize) -> Option<Hit> {
        let mut candidate = Candidate::of(run, first)?;
        let is_read = candidate.start(self.text) < self.read_to;
        let follows_number = first > 0 && self.last_number_ends(candidate.end_before());
        let may_start = candidate
            .before
            .is_none_or(|gap| gap.may_part() || (gap.close && (follows_number || candidate.begins_anew())));
        if is_read || !may_start || candidate.is_rest() {
            return None;
        }
        let mut context = None;
        let mut best = None;
        while candidate.is_of_bounded_size() && !candidate.is_date() {
            if candidate.digits().len() >= FEWEST_DIGITS && candidate.may_stop() {
                let context = *context.get_or_insert_with(|| self.context(&candidate));
                let place = candidate.place(self.text);
                let reading = match self.corrections.said_of(self.text.get(place.clone()).unwrap_or_default()) {
                    None => self.decide(&candidate, &place, context),
                    Some(true) => {
                        candidate.explicit().or_else(|| reading::in_phone_field(candidate.digits(), self.region))
                    }
                    Some(false) => {
                        // Nor is what is within it.
                        self.read_to = self.read_to.max(place.end);
                        None
                    }
                };
                if let Some(Reading { number: parsed, is_certain }) = reading
                    && let Some(number) = E164::of(&parsed)
                {
                    best = Some((place, number, parsed, candidate.last + 1));
                    if is_certain {
                        break;
                    }
                }
            }
            // A number may be broken over two lines only where its length is known beforehand.
            let wide = candidate.after().is_some_and(Gap::is_wide);
            if (wide && (candidate.plus.is_none() || best.is_some())) || !candidate.grow() {
                break;
            }
        }
        if let Some(context) = context {
            self.last = (candidate.place(self.text), context);
        }
        let (place, number, parsed, next) = best?;
        let ext = Extension::after(self.text.get(place.end..).unwrap_or_default());
        self.last.0.end = place.end;
        self.read_to = place.end + ext.as_ref().map_or(0, |ext| ext.length);
        Some(Hit { place, number, parsed, ext: ext.map(|ext| ext.digits), next })
    }

    /// What the words around a candidate say, else what was said of the list that it stands in,
    /// else what its column or its field is named.
    fn context(&mut self, candidate: &Candidate) -> Context {
        let start = candidate.start(self.text);
        let before = Context::before(self.text.get(..start).unwrap_or_default());
        let after = || Context::after(self.text.get(candidate.run_end()..).unwrap_or_default());
        let list = || {
            let (place, context) = &self.last;
            let between = self.text.get(place.end..start).filter(|_| place.end > 0)?;
            let goes_on = between.len() <= 12
                && between.split(|c: char| !is_letter(c)).all(|word| {
                    matches!(word, "" | "и" | "или" | "та" | "або" | "і" | "й" | "and" | "or" | "доб" | "моб")
                });
            // A number that is longer, or written out, is one of its own.
            let before = self.text.get(place.clone()).unwrap_or_default().chars().filter(char::is_ascii_digit).count();
            (goes_on && (*context == Context::Phone || candidate.first_length() == before)).then_some(*context)
        };
        let around = before.or(list().unwrap_or_default());
        let column = self.columns.as_mut().map_or(Context::Unknown, |columns| columns.context(start));
        around.or(column).or(self.label).or(after())
    }

    fn decide(&self, candidate: &Candidate, place: &Range<usize>, context: Context) -> Option<Reading> {
        let digits = candidate.digits();
        if !self.may_start(place.start, candidate) || !self.may_end(place.end, candidate, context) {
            return None;
        }
        if candidate.plus.is_some() {
            return candidate.explicit().filter(|reading| !candidate.is_amount() || reading.number.is_valid());
        }
        let is_list = context != Context::Phone && candidate.is_list();
        if is_list || candidate.is_address() || !candidate.begins_plausibly(context == Context::Phone) {
            return None;
        }
        match context {
            Context::Phone => reading::in_phone_field(digits, self.region),
            // Only what nobody writes but for a phone: `8 (916) 123-45-67`.
            Context::Id => {
                let reading = candidate.has_area_in_brackets().then(|| reading::domestic(digits, self.region))??;
                reading.is_certain.then_some(reading)
            }
            Context::Unknown => {
                if candidate.is_amount() || candidate.is_glued() {
                    return None;
                }
                let is_bare = candidate.is_bare() && !candidate.may_be_bare(self.region);
                let reading = (!is_bare).then(|| reading::domestic(digits, self.region))??;
                (reading.is_certain || candidate.is_drawn_as_phone()).then_some(reading)
            }
        }
    }

    /// Whether a number may begin here: not in the middle of a word, an address, a sum or a time.
    fn may_start(&self, start: usize, candidate: &Candidate) -> bool {
        let before = self.text.get(..start).unwrap_or_default().trim_end_matches(is_hidden);
        let Some(c) = before.chars().next_back() else { return true };
        let is_explicit = candidate.plus.is_some();
        let token = self.token_before(start);
        let outside = before.strip_suffix(c).unwrap_or_default();
        let previous = outside.chars().next_back();
        let is_named = || Context::of_last_word(before) == Context::Phone;
        let allowed = match c {
            c if is_letter(c) => is_named() || (is_explicit && !c.is_ascii()),
            '_' | '=' => is_explicit || is_named(),
            '@' | '&' | '%' | '\\' | '^' | '*' | '#' | '$' | '€' | '£' | '¥' | '₽' | '₴' | '₸' => is_named(),
            '/' => match previous {
                Some(digit) if digit.is_ascii_digit() => is_explicit || self.last_number_ends(outside.len()),
                Some(letter) if letter.is_ascii_alphabetic() => is_named() && !token.contains('.'),
                Some('/') => false,
                _ => true,
            },
            ':' => is_explicit || !previous.is_some_and(|c| c.is_ascii_digit()),
            ',' => is_explicit || self.last_number_ends(outside.len()) || !matches!(digits_at_end(outside), 1..=4),
            '.' => is_explicit || is_named() || !previous.is_some_and(|c| c.is_ascii_alphanumeric()),
            c if is_dash(c) => is_explicit || is_named() || !previous.is_some_and(is_letter),
            _ => true,
        };
        allowed && !token.contains("://") && !token.contains("www.")
    }

    fn last_number_ends(&self, at: usize) -> bool {
        self.last.0.end == at
    }

    /// What stands between the last space and a place; of an endless word the end.
    fn token_before(&self, place: usize) -> &'a str {
        let before = self.text.get(..place).unwrap_or_default();
        let from = (before.len().saturating_sub(TOKEN)..=before.len()).find(|&from| before.is_char_boundary(from));
        let near = before.get(from.unwrap_or_default()..).unwrap_or_default();
        near.rsplit(|c: char| is_space(c) || matches!(c, '<' | '>' | '"' | '«' | '»')).next().unwrap_or_default()
    }

    /// Whether a number may end here: not before a unit, a longer word, an address or a fraction.
    fn may_end(&self, end: usize, candidate: &Candidate, context: Context) -> bool {
        let after = self.text.get(end..).unwrap_or_default().trim_start_matches(is_hidden);
        let mut rest = after.chars();
        let Some(c) = rest.next() else { return true };
        let next = rest.next();
        let is_sure = candidate.plus.is_some() || context == Context::Phone;
        let behind = after.strip_prefix(c).unwrap_or_default();
        let digits = digits_at_start(behind);
        let is_group = || {
            let rest = behind.get(digits..).unwrap_or_default();
            rest.starts_with(|c| is_dash(c) || c == '(') || (digits == 1 && digits_at_start(rest.trim_start()) > 0)
        };
        let allowed = match c {
            c if is_letter(c) || c == '#' => {
                // `+7916…WhatsApp`: what a page parts by a margin has no space between.
                let is_word = !c.is_ascii() || (candidate.plus.is_some() && c.is_ascii_uppercase());
                Extension::after(after).is_some() || (is_sure && is_letter(c) && is_word)
            }
            '_' => candidate.plus.is_some(),
            '@' | '%' | '=' | '&' | '*' | '^' | '\\' | '°' | '‰' => false,
            '/' => match next {
                Some(letter) if letter.is_ascii_alphabetic() => false,
                Some(digit) if digit.is_ascii_digit() => {
                    digits >= FEWEST_DIGITS || (digits != 4 && (is_sure || !candidate.is_bare()))
                }
                _ => true,
            },
            ':' => !next.is_some_and(|c| c.is_ascii_digit()),
            ',' => is_sure || !matches!(digits, 1..=3) || is_group(),
            '.' => !next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '*'),
            c if is_dash(c) => is_sure || !next.is_some_and(is_letter),
            _ => true,
        };
        allowed && (is_sure || !begins_with_unit(after))
    }
}

/// How many digits a text ends with, up to five.
fn digits_at_end(text: &str) -> usize {
    text.chars().rev().take(5).take_while(char::is_ascii_digit).count()
}

/// How many digits a text begins with, up to seven.
fn digits_at_start(text: &str) -> usize {
    text.chars().take(FEWEST_DIGITS).take_while(char::is_ascii_digit).count()
}

/// Whether a text begins with what is counted or paid.
fn begins_with_unit(text: &str) -> bool {
    let text = text.trim_start_matches(is_space);
    let end = text.find(|c: char| !is_letter(c)).unwrap_or(text.len());
    let is_sign = text.starts_with(['₽', '₴', '₸', '$', '€', '£', '¥', '%', '‰']);
    // `см. комментарий`, `р-н Северный`.
    let rest = text.get(end..).unwrap_or_default();
    let is_other = (text.starts_with("см") && rest.starts_with('.')) || rest.starts_with("-н");
    is_sign || (!is_other && text.get(..end).is_some_and(|word| is_unit(&lower_case(word))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, label: Option<&str>) -> Vec<Found> {
        find(text, &Field { label, region: Region::RU, corrections: &[] })
    }

    fn numbers(text: &str, label: Option<&str>) -> Vec<String> {
        found(text, label).iter().map(|found| found.number.as_private().reveal().clone()).collect()
    }

    #[test]
    fn a_number_is_found_however_it_is_written() {
        for text in [
            "+79161234567",
            "79161234567",
            "89161234567",
            "8 (916) 123-45-67",
            "+7\u{a0}916\u{a0}123\u{2011}45\u{2011}67",
            "8.916.123.45.67",
            "+7/916/123-45-67",
            "＋７（９１６）１２３－４５－６７",
            "+7 916 123\u{ad}4567",
            "(916) 123-45-67",
            "8~10~7 916 123-45-67",
            "00 7 916 123 45 67",
            "тел.89161234567",
            "Иван:89161234567",
        ] {
            assert_eq!(numbers(text, None), ["+79161234567"], "{text}");
        }
        assert_eq!(numbers("+7 945 123-54-89", None), ["+79451235489"], "assigned, though the library does not know");
        assert_eq!(numbers("+49 (0) 30 1234567", None), ["+49301234567"]);
        assert_eq!(numbers("0441234567", None), ["+380441234567"], "the neighbours write like this");
    }

    #[test]
    fn words_decide() {
        assert_eq!(numbers("9161234567", Some("Контактный номер")), ["+79161234567"]);
        assert_eq!(numbers("моб. 9161234567", None), ["+79161234567"]);
        for (text, label) in [
            ("9161234567", None),
            ("ИНН 9909123456", None),
            ("9909123456", Some("ИНН")),
            ("№ 8001234567", None),
            ("Заказ 89123456789", None),
            ("Заказ клиента № 89123456789", None),
            ("89123456789", Some("№ договора")),
            ("89161234567", Some("IMEI телефона")),
            ("р/с 89161234567", Some("Телефон")),
        ] {
            assert_eq!(numbers(text, label), Vec::<String>::new(), "{text} in {label:?}");
        }
        assert_eq!(numbers("Заказ 15, Иванов 89161234567", None), ["+79161234567"]);
        assert_eq!(numbers("+7 916 123-45-67", Some("ИНН")), ["+79161234567"], "a country's code outweighs the field");
        assert_eq!(numbers("ИНН 7707083893, тел. 8 916 123-45-67", None), ["+79161234567"]);
    }

    #[test]
    fn what_only_looks_like_a_number_is_left_alone() {
        for text in [
            "14:23",
            "0,00 ₽",
            "79 123 456 789 руб.",
            "79161234567 руб",
            "2022-03-22",
            "01.02.2024-15.03.2024",
            "192.168.10.1",
            "55.751244, 37.618423",
            "77:01:0004012:3456",
            "4276 3800 1234 5678",
            "40702810900000012345",
            "112-233-445 95",
            "file_79161234567.pdf",
            "79161234567.pdf",
            "https://example.com/79161234567",
            "79161234567@mail.ru",
            "a1b2c3d4-79161234567f",
            "1,89161234567",
        ] {
            assert_eq!(numbers(text, None), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn one_text_may_hold_several() {
        let text = "8 495 123-45-67 8 495 123-45-68, +7 (916) 123-45-67/89161234568; т. 9161234569 (моб.)";
        let all = ["+74951234567", "+74951234568", "+79161234567", "+79161234568", "+79161234569"];
        assert_eq!(numbers(text, None), all);
        assert_eq!(numbers("8 916 123 45 67 8 916 123 45 68", None), ["+79161234567", "+79161234568"]);
    }

    #[test]
    fn a_place_is_that_of_the_number_alone_in_utf16_units() {
        let found = found("😀 Тел: +7 916 123-45-67! (8 812) 385-41-36 (см. сайт)", None);
        let places: Vec<_> = found.iter().map(|found| (found.start, found.end)).collect();
        assert_eq!(places, [(8, 24), (26, 43)]);
    }

    #[test]
    fn an_extension_behind_the_number_is_told() {
        for (words, ext) in [
            (" доб. 123", "123"),
            (" (доб. 123)", "123"),
            (", вн. 12", "12"),
            ("#134", "134"),
            (" ext 5", "5"),
            (" внутр.: 77", "77"),
            (" добавочный номер 8", "8"),
        ] {
            let found = found(&format!("+7 812 385-41-36{words}"), None);
            assert_eq!(found.len(), 1, "{words}");
            assert_eq!(found[0].ext.as_deref(), Some(ext), "{words}");
            assert_eq!(found[0].end, 16, "{words}");
        }
        assert_eq!(found("+7 812 385-41-36 доб. 12345678", None)[0].ext, None);
    }

    #[test]
    fn a_correction_outweighs_everything() {
        let said = |text, label, phone| vec![Correction::of(text, label, phone).unwrap()];
        let numbers = |text, label, corrections: &[Correction]| {
            let found = find(text, &Field { label, region: Region::RU, corrections });
            found.iter().map(|found| found.number.as_private().reveal().clone()).collect::<Vec<_>>()
        };
        let not = said("8 916 123-45-67", Some("Лицевой\u{a0}код:"), false);
        assert!(numbers("8 812 385-41-36", Some("лицевой код"), &not).is_empty(), "the same pattern in such a field");
        assert_eq!(numbers("88123854136", Some("Телефон"), &not).len(), 1, "another field");
        let is = said("9161234567", Some("Абонент"), true);
        assert_eq!(numbers("9161234568", Some("Абонент"), &is), ["+79161234568"]);
        let one = said("89161234567", None, false);
        assert!(numbers("8\u{ad}9161234567", None, &one).is_empty());
        assert_eq!(numbers("89161234568", None, &one), ["+79161234568"], "another number");
        assert_eq!(Correction::of("Иван", None, true), None);
        let long = Correction::of("12345", Some(&format!("{} б", "а".repeat(59))), false);
        assert!(long.is_some_and(|long| long.is_sound()), "what is stored can be loaded again");
        assert!(not[0].is_sound() && is[0].is_sound() && one[0].is_sound());
    }

    /// At a million characters what is not linear never comes to an end.
    #[test]
    fn hostile_texts_come_to_an_end() {
        for (piece, each) in [
            ("8 ", 0),
            ("8(", 0),
            ("+7", 0),
            ("8916 ", 0),
            ("8 916 123-45-", 0),
            ("№", 0),
            ("доб", 0),
            ("тел. 8", 0),
            ("1.", 0),
            ("8\n", 0),
            ("\u{ad}", 0),
            ("a://", 0),
            ("89161234567,", 1),
            ("+79161234567;", 1),
            ("8 916 123-45-67\t", 1),
        ] {
            let repeats = 1_000_000 / piece.len();
            let text = piece.repeat(repeats);
            assert_eq!(found(&text, Some(&text)).len(), repeats * each, "{piece}");
        }
    }
}
