//! Where a text holds phone numbers, with the words around them taken into account.
//!
//! The library's own matcher is not used: it knows nothing of labels, and would add a tenth to the wasm.

use rlibphonenumber::{PhoneNumber, enums::Region};

use super::{E164, for_people, parse_possible};
use crate::private::Private;

/// Words that name a field or stand before a number and say that it is no phone.
const ID_WORDS: &[&str] = &[
    "инн",
    "кпп",
    "огрн",
    "огрнип",
    "окпо",
    "оквэд",
    "бик",
    "снилс",
    "бин",
    "иин",
    "унп",
    "єдрпоу",
    "едрпоу",
    "іпн",
    "р/с",
    "к/с",
    "счет",
    "счёт",
    "рахунок",
    "заказ",
    "заказа",
    "замовлення",
    "договор",
    "договора",
    "договір",
    "накладная",
    "накладной",
    "трек",
    "артикул",
    "код",
    "паспорт",
    "кадастровый",
    "id",
    "order",
    "invoice",
    "contract",
    "tracking",
    "account",
    "imei",
    "iban",
];

/// Words that name a field or stand before a number and say that it is a phone.
const PHONE_WORDS: &[&str] =
    &["тел", "моб", "сот", "phone", "tel", "mobile", "факс", "fax", "контактн", "вотсап", "whatsapp"];

/// The most separators between two digits of one number: `8 (916) - 123`.
const LONGEST_GAP: usize = 4;
/// How many characters before a number its word is looked for.
const WORD_NEAR: usize = 40;
/// The longest text looked at, in bytes: what is longer is no text for people.
const LONGEST: usize = 20_000;

/// A phone number found in a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Where it starts, in UTF-16 units.
    pub start: u32,
    /// Where it ends, exclusive, in UTF-16 units.
    pub end: u32,
    /// The number.
    pub number: E164,
    /// The number for people.
    pub display: Private<String>,
    /// The extension behind it, digits only.
    pub ext: Option<String>,
}

/// The phone numbers of a text. `label` are the words that name its field; `region` is the country of numbers that name none.
///
/// A number with an explicit `+` counts when its length is possible, for libraries lag behind the numbering plans; one without
/// counts in a field that is named a phone, and elsewhere when it is assigned and no word before it says that it is an id.
pub fn find(text: &str, label: Option<&str>, region: Region) -> Vec<Found> {
    if text.len() > LONGEST {
        return Vec::new();
    }
    let label = label.map_or(Context::Unknown, Context::of_label);
    let mut offsets = Utf16Offsets::new(text);
    let mut found = Vec::new();
    let mut rest = 0;
    while let Some(candidate) = Candidate::next(text, rest) {
        rest = candidate.end;
        if !candidate.is_plausible() {
            continue;
        }
        let context = Context::of_text_before(text.get(..candidate.start).unwrap_or_default()).or(label);
        if let Some(number) = candidate.number(context, region) {
            found.push(Found {
                start: offsets.at(candidate.start),
                end: offsets.at(candidate.end),
                number: E164::of(&number),
                display: for_people(&number),
                ext: extension_after(text.get(candidate.end..).unwrap_or_default()),
            });
        }
    }
    found
}

/// A run of digits with what people write between them. Places are in bytes.
struct Candidate {
    start: usize,
    end: usize,
    /// The digits, behind a `+` if there was one.
    digits: String,
    /// Whether letters or the like touch it: part of a longer word, not a number.
    touches_word: bool,
}

impl Candidate {
    /// The next run of digits from a place on. Each character is looked at a bounded number of times.
    fn next(text: &str, from: usize) -> Option<Self> {
        let is_start = |c: char| c.is_ascii_digit() || is_plus(c);
        let first = from + text.get(from..)?.find(is_start)?;
        let mut run = Self { start: first, end: first, digits: String::new(), touches_word: false };
        let before = text.get(..first)?;
        // An opening bracket right before belongs to the number: `(812) 385-41-36`.
        if let Some(outside) = before.strip_suffix('(') {
            run.start = outside.len();
        }
        run.touches_word = text.get(..run.start)?.ends_with(is_word);
        let mut gap = 0;
        for (place, c) in text.get(first..)?.char_indices() {
            let place = first + place;
            if c.is_ascii_digit() {
                run.digits.push(c);
                run.end = place + 1;
                gap = 0;
            } else if is_plus(c) && place == first {
                run.digits.push('+');
                run.end = place + c.len_utf8();
            } else if is_separator(c) && gap < LONGEST_GAP {
                gap += 1;
            } else {
                run.touches_word |= gap == 0 && is_word(c);
                break;
            }
        }
        Some(run)
    }

    fn is_plausible(&self) -> bool {
        !self.touches_word && (7..=16).contains(&self.digits.len())
    }

    fn number(&self, context: Context, region: Region) -> Option<PhoneNumber> {
        if context == Context::Id {
            return None;
        }
        let number = parse_possible(&self.digits, region)?;
        let counts = self.digits.starts_with('+') || context == Context::Phone || number.is_valid();
        counts.then_some(number)
    }
}

fn is_plus(c: char) -> bool {
    matches!(c, '+' | '＋')
}

fn is_word(c: char) -> bool {
    is_letter_or_digit(c) || matches!(c, '_' | '@' | '/' | '=' | '&' | '%')
}

/// Beyond ASCII everything but punctuation and symbols counts as a letter; Unicode's full tables would weigh more than they bring.
fn is_letter_or_digit(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || (c >= '\u{c0}' && !matches!(c, '\u{2000}'..='\u{2bff}' | '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ff0f}'))
}

/// What people write between the digits of one number; a comma or a semicolon parts two.
fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{2000}'..='\u{200b}' | '\u{202f}' | '\u{2060}' | '\u{ad}')
        || matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '.' | '(' | ')')
}

/// The extension that words right behind a number name: `доб. 123`, `(доб. 123)`, `вн. 12`, `#134`, `ext 5`.
fn extension_after(text: &str) -> Option<String> {
    let text = text.trim_start_matches([' ', '\u{a0}', ',', '(']);
    let words = ["добавочный", "доб", "внутренний", "внутр", "вн", "ext", "x", "#"];
    let rest = words.iter().find_map(|word| text.strip_prefix(word))?;
    let rest = rest.trim_start_matches(['.', ':', ' ', '\u{a0}']);
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (1..=7).contains(&digits.len()).then_some(digits)
}

/// The number of a `tel:` or `callto:` link's address; the whole address is its place.
pub fn find_link(href: &str, region: Region) -> Option<Found> {
    let (scheme, rest) = href.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("tel") && !scheme.eq_ignore_ascii_case("callto") {
        return None;
    }
    let written = percent_decode(rest);
    // RFC 3966: parameters follow a semicolon, the extension among them.
    let (number, parameters) = written.split_once(';').unwrap_or((&written, ""));
    let ext = parameters.split(';').find_map(|parameter| parameter.strip_prefix("ext=")).map(str::to_owned);
    let number = parse_possible(number, region)?;
    let end = u32::try_from(href.encode_utf16().count()).ok()?;
    Some(Found { start: 0, end, number: E164::of(&number), display: for_people(&number), ext })
}

/// What the words around a number say of it.
#[derive(Clone, Copy, PartialEq)]
enum Context {
    Phone,
    Id,
    Unknown,
}

impl Context {
    fn of_label(label: &str) -> Self {
        let label: String = label.chars().take(100).map(lower).collect();
        let words = || label.split(|c: char| !is_letter_or_digit(c) && c != '/').filter(|word| !word.is_empty());
        if words().any(is_phone_word) {
            Self::Phone
        } else if label.contains('№') || words().any(is_id_word) {
            Self::Id
        } else {
            Self::Unknown
        }
    }

    /// The last word before the number decides, with what stands between: `ИНН: 77…`, `Заказ № 89…`, `тел. 8…`.
    fn of_text_before(before: &str) -> Self {
        // One word is enough; looking further back for each number would make a long text slow.
        let near = before.char_indices().rev().nth(WORD_NEAR).map_or(0, |(place, _)| place);
        let before = before.get(near..).unwrap_or_default();
        let tail = before.trim_end_matches(|c: char| !is_letter_or_digit(c) && !"№#".contains(c));
        if tail.ends_with(['№', '#']) {
            return Self::Id;
        }
        let word = tail.rsplit(|c: char| c.is_whitespace()).next().unwrap_or_default();
        let word: String = word.chars().map(lower).collect();
        if is_phone_word(&word) {
            Self::Phone
        } else if is_id_word(&word) {
            Self::Id
        } else {
            Self::Unknown
        }
    }

    fn or(self, other: Self) -> Self {
        if self == Self::Unknown { other } else { self }
    }
}

/// Lower case for the alphabets of the words above; the full tables of Unicode would be 4 % of the wasm.
fn lower(c: char) -> char {
    match c {
        'А'..='Я' => char::from_u32(u32::from(c) + 0x20).unwrap_or(c),
        'Ѐ'..='Џ' => char::from_u32(u32::from(c) + 0x50).unwrap_or(c),
        _ => c.to_ascii_lowercase(),
    }
}

fn is_phone_word(word: &str) -> bool {
    PHONE_WORDS.iter().any(|start| word.starts_with(start))
}

fn is_id_word(word: &str) -> bool {
    ID_WORDS.contains(&word)
}

/// JavaScript counts UTF-16 units, Rust bytes; the places are asked for in rising order, so one pass serves all.
struct Utf16Offsets<'a> {
    chars: std::str::CharIndices<'a>,
    units: u32,
    length: usize,
}

impl<'a> Utf16Offsets<'a> {
    fn new(text: &'a str) -> Self {
        Self { chars: text.char_indices(), units: 0, length: text.len() }
    }

    fn at(&mut self, byte: usize) -> u32 {
        while self.chars.offset() < byte.min(self.length) {
            match self.chars.next() {
                Some((_, c)) => self.units += if c.len_utf16() == 2 { 2 } else { 1 },
                None => break,
            }
        }
        self.units
    }
}

/// Decodes `%2B` and the like; what is no UTF-8 then is left as it was.
fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = (byte == b'%').then(|| tail.get(..2)).flatten().and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str, label: Option<&str>) -> Vec<String> {
        find(text, label, Region::RU).iter().map(|found| found.number.as_private().reveal().clone()).collect()
    }

    #[test]
    fn finds_what_the_crm_shows() {
        assert_eq!(numbers("+7 945 123-54-89", Some("Телефон")), ["+79451235489"]);
        assert_eq!(
            numbers("+7 945 123-54-89", None),
            ["+79451235489"],
            "explicit, though the library calls it unassigned"
        );
        assert_eq!(numbers("+7 945 123-54-89, +7 965 456-87-89", None), ["+79451235489", "+79654568789"]);
        assert_eq!(numbers("76046851124", Some("ТЕЛЕФОН")), ["+76046851124"]);
        assert_eq!(numbers("8 (916) 123-45-67", None), ["+79161234567"]);
        assert_eq!(numbers("(812) 385-41-36", Some("Тел.")), ["+78123854136"]);
        assert_eq!(numbers("+7\u{a0}916\u{a0}123\u{2011}45\u{2011}67", None), ["+79161234567"]);
        assert_eq!(numbers("+380 44 123 45 67 +375 29 123-45-67", None), ["+380441234567", "+375291234567"]);
        assert_eq!(numbers("тел. 8 812 385-41-36", None), ["+78123854136"]);
    }

    #[test]
    fn leaves_ids_alone() {
        for (text, label) in [
            ("7751036892 – 775101001", Some("ИНН – КПП")),
            ("ИНН 9909123456", None),
            ("9909123456", Some("ИНН")),
            ("№ 8001234567", None),
            ("Заказ 89123456789", None),
            ("Заказ № 89123456789", None),
            ("14:23", None),
            ("0,00 ₽", None),
            ("2022-03-22", None),
            ("192.168.10.1", None),
            ("file_79161234567.pdf", None),
            ("https://example.com/79161234567", None),
            ("a1b2c3d4-79161234567f", None),
        ] {
            assert_eq!(numbers(text, label), Vec::<String>::new(), "{text} in {label:?}");
        }
    }

    #[test]
    fn places_are_utf16_units() {
        let found = find("😀 Тел: +7 916 123-45-67!", None, Region::RU);
        assert_eq!((found[0].start, found[0].end), (8, 24));
    }

    #[test]
    fn an_extension_behind_the_number_is_told() {
        for text in [
            "+7 812 385-41-36 доб. 123",
            "+7 812 385-41-36 (доб. 123)",
            "+7 812 385-41-36, вн. 123",
            "+78123854136#123",
        ] {
            let found = find(text, None, Region::RU);
            assert_eq!(found[0].ext.as_deref(), Some("123"), "{text}");
            assert_eq!(found[0].number.as_private().reveal(), "+78123854136");
            assert_eq!(found.len(), 1);
        }
    }

    #[test]
    fn reads_links() {
        let number = |href| find_link(href, Region::RU).map(|found| found.number.as_private().reveal().clone());
        assert_eq!(number("tel:+79161234567"), Some("+79161234567".into()));
        assert_eq!(number("tel:%2B7%20916%20123-45-67"), Some("+79161234567".into()));
        assert_eq!(number("callto:89161234567"), Some("+79161234567".into()));
        assert_eq!(number("TEL:8-916-123-45-67"), Some("+79161234567".into()));
        assert_eq!(number("tel:%"), None);
        assert_eq!(number("mailto:79161234567@mail.ru"), None);
        assert_eq!(find_link("tel:+79161234567;ext=12", Region::RU).unwrap().ext.as_deref(), Some("12"));
    }
}
