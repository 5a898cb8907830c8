//! The numbers of `tel:` and `callto:` links.

use rlibphonenumber::enums::Region;

use super::{E164, Found, parse_possible};

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
    Some(Found { start: 0, end, number: E164::of(&number), ext, parsed: number })
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
