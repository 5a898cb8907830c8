//! Where a text holds phone numbers, with the words around them taken into account.

use rlibphonenumber::{
    PHONE_NUMBER_UTIL, PhoneNumber,
    enums::Region,
    phonenumber_matcher::{FindNumberExt, Leniency},
};

use super::E164;
use crate::private::Private;

/// Words that name a field or stand before a number and say that it is no phone.
const ID_WORDS: &[&str] = &[
    "инн", "кпп", "огрн", "огрнип", "окпо", "оквэд", "бик", "снилс", "бин", "иин", "унп", "єдрпоу", "едрпоу", "іпн",
    "р/с", "к/с", "счет", "счёт", "рахунок", "заказ", "заказа", "замовлення", "договор", "договора", "договір",
    "накладная", "накладной", "трек", "артикул", "код", "паспорт", "кадастровый", "id", "order", "invoice", "contract",
    "tracking", "account", "imei", "iban",
];

/// Words that name a field or stand before a number and say that it is a phone.
const PHONE_WORDS: &[&str] = &["тел", "моб", "сот", "phone", "tel", "mobile", "факс", "fax", "контактн", "вотсап", "whatsapp"];

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
    text.phone_number_matcher_builder()
        .leniency(Leniency::Possible)
        .preferred_region(region)
        .build()
        .filter(|found| {
            let before = text.get(..found.start).unwrap_or_default();
            let explicit = found.raw_string.trim_start_matches('(').starts_with(['+', '＋']);
            match Context::of_text_before(before).or(label) {
                Context::Id => false,
                Context::Phone => true,
                Context::Unknown => explicit || found.number.is_valid(),
            }
        })
        .map(|found| Found {
            start: offsets.at(found.start),
            end: offsets.at(found.end()),
            number: E164::of(&found.number),
            ext: extension(&found.number),
        })
        .collect()
}

/// The number of a `tel:` or `callto:` link's address; the whole address is its place.
pub fn find_link(href: &str, region: Region) -> Option<Found> {
    let (scheme, rest) = href.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("tel") && !scheme.eq_ignore_ascii_case("callto") {
        return None;
    }
    let written = percent_decode(rest);
    let number = PHONE_NUMBER_UTIL.parse(&written, Some(region)).ok()?;
    number.is_possible_with_reason().ok()?;
    let end = u32::try_from(href.encode_utf16().count()).ok()?;
    Some(Found { start: 0, end, number: E164::of(&number), ext: extension(&number) })
}

fn extension(number: &PhoneNumber) -> Option<String> {
    number.extension.clone().filter(|ext| !ext.is_empty())
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
        let label: String = label.chars().take(100).flat_map(char::to_lowercase).collect();
        let words = || label.split(|c: char| !c.is_alphanumeric() && c != '/').filter(|word| !word.is_empty());
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
        let tail = before.trim_end_matches(|c: char| !c.is_alphanumeric() && !"№#".contains(c));
        if tail.ends_with(['№', '#']) {
            return Self::Id;
        }
        let word = tail.rsplit(|c: char| c.is_whitespace()).next().unwrap_or_default().to_lowercase();
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

impl Found {
    /// The number for people.
    pub fn display(&self) -> Private<String> {
        self.number.display()
    }
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
        assert_eq!(numbers("+7 945 123-54-89", None), ["+79451235489"], "explicit, though the library calls it unassigned");
        assert_eq!(numbers("+7 945 123-54-89, +7 965 456-87-89", None), ["+79451235489", "+79654568789"]);
        assert_eq!(numbers("76046851124", Some("ТЕЛЕФОН")), ["+76046851124"]);
        assert_eq!(numbers("8 (916) 123-45-67", None), ["+79161234567"]);
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
