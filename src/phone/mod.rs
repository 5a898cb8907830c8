//! Phone numbers: E.164 out of what people write, and the places where a text holds one.

mod candidate;
mod columns;
mod context;
mod correction;
mod extension;
mod find;
mod link;
mod reading;
mod runs;
mod utf16;
mod words;

use std::ops::RangeInclusive;

pub use correction::Correction;
pub use find::{Field, Found, find};
pub use link::{find_link, written_in_link};
pub use rlibphonenumber::enums::Region;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat};

use crate::private::Private;

/// A phone number in E.164, with `+`: `+79161234567`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct E164(Private<String>);

impl E164 {
    /// How many digits there are behind the `+`.
    const DIGITS: RangeInclusive<usize> = 7..=15;

    /// Reads exactly E.164: a `+` and 7 to 15 digits with a country code that exists.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let plausible = Self::DIGITS.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = plausible.then(|| PHONE_NUMBER_UTIL.parse(text, None::<Region>).ok()).flatten()?;
        Self::of(&number)
    }

    /// `None` where it has fewer or more digits, as a few possible numbers of the library: `00 495 916` in Germany.
    fn of(number: &PhoneNumber) -> Option<Self> {
        let text = number.format_as(PhoneNumberFormat::E164).into_owned();
        text.strip_prefix('+')
            .is_some_and(|digits| Self::DIGITS.contains(&digits.len()))
            .then(|| Self(Private::new(text)))
    }

    /// The number, with `+`.
    pub fn as_private(&self) -> &Private<String> {
        &self.0
    }

    /// The number for people: `+7 916 123-45-67`.
    pub fn display(&self) -> Private<String> {
        let number = PHONE_NUMBER_UTIL.parse(self.0.reveal(), None::<Region>).ok();
        number.map_or_else(|| self.0.clone(), |number| for_people(&number))
    }
}

fn for_people(number: &PhoneNumber) -> Private<String> {
    Private::new(number.format_as(PhoneNumberFormat::International).into_owned())
}

/// A number as it stands where nothing else does, with or without its country's code; `None` where it is no whole number of any
/// country. What can be dialled only within one area is none: nobody says which.
fn read(written: &str, region: Region) -> Option<(E164, PhoneNumber)> {
    let digits: String = written.chars().filter_map(runs::digit).collect();
    let number = if written.trim_start().starts_with(runs::is_plus) {
        reading::international(&digits)?
    } else {
        reading::in_phone_field(&digits, region)?.number
    };
    Some((E164::of(&number)?, number))
}

/// The number as a service wrote it, with or without its `+`; `None` where it is no whole number of any country.
pub fn normalize(written: &str, region: Region) -> Option<E164> {
    read(written, region).map(|(number, _)| number)
}

/// The number as the CRM writes it: with its country's code and no plus. What people have put into its cards may be otherwise, so
/// that a number of the reader's own country comes first where there is such a one.
pub fn of_the_crm(written: &str, region: Region) -> Option<E164> {
    let assigned = |text: &str| read(text, region).filter(|(_, number)| number.is_valid());
    let found = assigned(written).or_else(|| assigned(&["+", written].concat())).or_else(|| read(written, region));
    found.map(|(number, _)| number)
}

/// Whether two numbers, as two services wrote them, are the same.
pub fn same(one: &str, other: &str, region: Region) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    digits(one) == digits(other)
        || normalize(one, region).is_some_and(|number| normalize(other, region).as_ref() == Some(&number))
}

/// The number for people; as the service wrote it where it is no number of any country.
pub fn display(written: &Private<String>, region: Region) -> Private<String> {
    normalize(written.reveal(), region).map_or_else(|| written.clone(), |number| number.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e164_admits_nothing_else() {
        assert!(E164::parse("+79451235489").is_some());
        for text in ["", "+", "79451235489", "+7945123548912345", "+7 945 123 54 89", "+99912345678", "+7945<script>"] {
            assert!(E164::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_crm_leaves_out_the_plus() {
        for (written, number) in [
            ("79161234567", "+79161234567"),
            ("89161234567", "+79161234567"),
            ("9161234567", "+79161234567"),
            ("84991234567", "+74991234567"),
            // Of no Russian range: a number of another country.
            ("85221234567", "+85221234567"),
            ("6591234567", "+6591234567"),
            ("3225551234", "+3225551234"),
            ("380671234567", "+380671234567"),
            ("79991234567", "+79991234567"),
            // Of a range that the library does not know of, neither here nor abroad.
            ("73331234567", "+73331234567"),
        ] {
            assert_eq!(of_the_crm(written, Region::RU), E164::parse(number), "{written}");
        }
        assert!(!read("73331234567", Region::RU).unwrap().1.is_valid());
        assert_eq!(of_the_crm("12", Region::RU), None);
    }

    #[test]
    fn what_is_too_short_for_e164_is_no_number() {
        assert_eq!(normalize("00495916", Region::DE), None);
        assert_eq!(find("тел.00(495)916", &Field { label: None, region: Region::DE, corrections: &[] }), []);
    }

    #[test]
    fn the_same_number_in_other_clothes() {
        assert!(same("+79161234567", "79161234567", Region::RU));
        assert!(same("89161234567", "+7 916 123-45-67", Region::RU));
        assert!(!same("79161234567", "79161234568", Region::RU));
        assert_eq!(display(&"79161234567".into(), Region::RU).reveal(), "+7 916 123-45-67");
        assert_eq!(display(&"anonymous".into(), Region::RU).reveal(), "anonymous");
    }

    #[test]
    fn what_is_dialled_only_within_an_area_is_no_number() {
        for (local, region) in
            [("3854136", Region::RU), ("1234567", Region::UA), ("2345678", Region::BY), ("112", Region::RU)]
        {
            assert_eq!(normalize(local, region), None, "{local}");
            assert_eq!(display(&local.into(), region).reveal(), local);
        }
        let whole = |written, region| normalize(written, region).map(|number| number.0.into_inner());
        assert_eq!(whole("044 123-45-67", Region::UA).as_deref(), Some("+380441234567"));
        assert_eq!(whole("8 029 123-45-67", Region::BY).as_deref(), Some("+375291234567"));
        assert_eq!(whole("+３７５ 29 123-45-67", Region::RU).as_deref(), Some("+375291234567"));
    }
}
