//! Which number of which country digits are.

use rlibphonenumber::{
    PHONE_NUMBER_UTIL, PhoneNumber,
    enums::{NumberLengthType, Region},
};

/// Country codes that people of these parts write also without a `+`, and how many digits follow. The library would take ten
/// times as long to find out what these few lengths say.
const NEIGHBOURS: [(&str, i32, usize); 10] = [
    ("7", 7, 10),
    ("380", 380, 9),
    ("375", 375, 9),
    ("998", 998, 9),
    ("996", 996, 9),
    ("995", 995, 9),
    ("994", 994, 9),
    ("992", 992, 9),
    ("374", 374, 8),
    ("373", 373, 8),
];

/// Digits read as a number.
#[derive(Debug)]
pub struct Reading {
    /// The number.
    pub number: PhoneNumber,
    /// Whether its length and beginning are those of a whole number: it need not be drawn as one, and no longer one follows.
    pub is_certain: bool,
}

/// A number in digits with its country's code, where a number of that country can be that long.
pub fn international(digits: &str) -> Option<PhoneNumber> {
    neighbour(digits).or_else(|| PHONE_NUMBER_UTIL.parse(format!("+{digits}"), None::<Region>).ok()).filter(is_possible)
}

/// A number of one of the neighbours, whose numbers all have one length and begin with no zero.
fn neighbour(digits: &str) -> Option<PhoneNumber> {
    NEIGHBOURS.iter().find_map(|&(code, country_code, length)| {
        let national = digits.strip_prefix(code).filter(|national| national.len() == length)?;
        let national_number = national.parse().ok().filter(|_| !national.starts_with('0'))?;
        Some(PhoneNumber { country_code, national_number, ..PhoneNumber::default() })
    })
}

/// A number as it is written within its country, or with its country's code but no `+`; only what is assigned.
pub fn domestic(digits: &str, region: Region) -> Option<Reading> {
    let own = || {
        let number = of(region, digits).filter(PhoneNumber::is_valid)?;
        Some(Reading { number, is_certain: false })
    };
    neighbourly(digits, region, PhoneNumber::is_valid).or_else(own)
}

/// What a field for phones holds: also ranges that the library does not know yet.
pub fn in_phone_field(digits: &str, region: Region) -> Option<Reading> {
    let own = || of(region, digits).filter(is_possible);
    let other = || international(digits).filter(PhoneNumber::is_valid);
    let uncertain = |number| Reading { number, is_certain: false };
    neighbourly(digits, region, is_possible).or_else(|| own().or_else(other).map(uncertain))
}

/// A number as it is written within a country. In these parts it has one length, and what is shorter is its beginning.
fn of(region: Region, digits: &str) -> Option<PhoneNumber> {
    let is_whole = match region {
        Region::RU | Region::KZ => digits.len() == 10,
        Region::UA => digits.len() == 9,
        // `8 801 100 12 34`: what is free of charge is longer.
        Region::BY => matches!(digits.len(), 9 | 11),
        _ => true,
    };
    is_whole.then(|| PHONE_NUMBER_UTIL.parse(digits, Some(region)).ok())?
}

fn is_possible(number: &PhoneNumber) -> bool {
    matches!(number.is_possible_with_reason(), Ok(NumberLengthType::IsPossible))
}

/// The ways of writing of Russia, Ukraine, Belarus and Kazakhstan, who write each other's numbers too.
fn neighbourly(digits: &str, region: Region, counts: impl Fn(&PhoneNumber) -> bool) -> Option<Reading> {
    let rest = |from: usize| digits.get(from..).unwrap_or_default();
    let assigned =
        |code: &str, national: &str| international(&format!("{code}{national}")).filter(PhoneNumber::is_valid);
    // Belarusians and Ukrainians write the same long numbers; whose they are, the reader's country says.
    let either = |national: &str| {
        let codes = if region == Region::BY { ["375", "380"] } else { ["380", "375"] };
        codes.into_iter().find_map(|code| assigned(code, national))
    };
    // Russia's mobile ranges are handed out faster than libraries learn of it.
    let russian = |national: &str| {
        international(&format!("7{national}")).filter(|number| national.starts_with('9') || counts(number))
    };
    let is_here = is_post_soviet(region);
    let certain = |number| Reading { number, is_certain: true };
    match digits.len() {
        12..=16 if digits.starts_with("00") => assigned("", rest(2)).map(certain),
        13..=17 if digits.starts_with("810") => assigned("", rest(3)).map(certain),
        11 if region == Region::BY && (digits.starts_with("8801") || digits.starts_with("8803")) => {
            of(region, digits).filter(PhoneNumber::is_valid).map(certain)
        }
        11 if digits.starts_with("80") => either(rest(2)).map(certain),
        11 if digits.starts_with(['7', '8']) => russian(rest(1)).map(certain),
        10 if digits.starts_with('0') && is_here => either(rest(1)).map(certain),
        10 if matches!(region, Region::RU | Region::KZ) => {
            russian(digits).map(|number| Reading { number, is_certain: false })
        }
        _ => neighbour(digits).filter(PhoneNumber::is_valid).map(certain),
    }
}

/// Whether a country's people write numbers as Russians, Ukrainians, Belarusians and Kazakhs do.
pub fn is_post_soviet(region: Region) -> bool {
    matches!(region, Region::RU | Region::UA | Region::BY | Region::KZ)
}
