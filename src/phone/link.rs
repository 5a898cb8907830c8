//! The numbers of `tel:` and `callto:` links.

use super::{Field, Found, correction::Corrections, read};

/// The numbers of a `tel:` or `callto:` link's address: one, whose place is the whole address, or none where that was said to be no
/// phone. Nothing for what is no such address, or holds more than a number.
pub fn find_link(href: &str, field: &Field<'_>) -> Option<Vec<Found>> {
    let (written, ext) = parts(href)?;
    if Corrections::of(field.corrections, field.label).said_of(&written) == Some(false) {
        return Some(Vec::new());
    }
    let (number, parsed) = read(&written, field.region)?;
    let end = u32::try_from(href.encode_utf16().count()).ok()?;
    Some(vec![Found { start: 0, end, number, ext, parsed }])
}

/// What a `tel:` or `callto:` link's address calls, as it is written there.
pub fn written_in_link(href: &str) -> Option<String> {
    parts(href).map(|(written, _)| written)
}

/// The number of such an address, and its extension.
fn parts(href: &str) -> Option<(String, Option<String>)> {
    let (scheme, rest) = href.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("tel") && !scheme.eq_ignore_ascii_case("callto") {
        return None;
    }
    let decoded = percent_decode(rest);
    // RFC 3966: parameters follow a semicolon, the extension among them.
    let (number, parameters) = decoded.split_once(';').unwrap_or((&decoded, ""));
    let ext = parameters.split(';').find_map(|parameter| parameter.strip_prefix("ext=")).map(str::to_owned);
    Some((number.to_owned(), ext))
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
    use rlibphonenumber::enums::Region;

    use super::*;
    use crate::phone::Correction;

    const FIELD: Field<'_> = Field { label: None, region: Region::RU, corrections: &[] };

    #[test]
    fn reads_links() {
        let number = |href| Some(find_link(href, &FIELD)?.first()?.number.as_private().reveal().clone());
        assert_eq!(number("tel:+79161234567"), Some("+79161234567".into()));
        assert_eq!(number("tel:%2B7%20916%20123-45-67"), Some("+79161234567".into()));
        assert_eq!(number("callto:89161234567"), Some("+79161234567".into()));
        assert_eq!(number("TEL:8-916-123-45-67"), Some("+79161234567".into()));
        assert_eq!(number("tel:%"), None);
        assert_eq!(number("mailto:79161234567@mail.ru"), None);
        assert_eq!(find_link("tel:+79161234567;ext=12", &FIELD).unwrap()[0].ext.as_deref(), Some("12"));
    }

    #[test]
    fn obeys_corrections() {
        let href = "tel:%2B7%20916%20123-45-67;ext=12";
        assert_eq!(written_in_link(href).as_deref(), Some("+7 916 123-45-67"));
        assert_eq!(written_in_link("+7 916 123-45-67"), None);
        let correction = Correction::of("+7 916 123-45-67", Some("Факс"), false).unwrap();
        let field = |label| Field { label, corrections: std::slice::from_ref(&correction), ..FIELD };
        assert_eq!(find_link(href, &field(Some("факс:"))), Some(Vec::new()));
        assert_eq!(find_link(href, &field(Some("Телефон"))).unwrap().len(), 1);
        assert_eq!(find_link("tel:8-916-123-45-67", &field(Some("факс"))).unwrap().len(), 1);
    }
}
