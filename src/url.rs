//! Addresses.

/// A text as one segment of a path or as a value of a query.
pub fn segment(text: &str) -> String {
    // In a path, a plus is a plus.
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_segment() {
        assert_eq!(segment("my ws/../a+b?c#d"), "my%20ws%2F..%2Fa%2Bb%3Fc%23d");
        assert_eq!(segment("23-1453990999.41"), "23-1453990999.41");
    }
}
