//! Places of a text as JavaScript counts them.

/// JavaScript counts UTF-16 units, Rust bytes; the places are asked for in rising order, so one pass serves all.
pub struct Offsets<'a> {
    chars: std::str::CharIndices<'a>,
    units: u32,
    length: usize,
}

impl<'a> Offsets<'a> {
    /// At the text's beginning.
    pub fn new(text: &'a str) -> Self {
        Self { chars: text.char_indices(), units: 0, length: text.len() }
    }

    /// The place in UTF-16 units.
    pub fn at(&mut self, byte: usize) -> u32 {
        while self.chars.offset() < byte.min(self.length) {
            match self.chars.next() {
                Some((_, c)) => self.units += if c.len_utf16() == 2 { 2 } else { 1 },
                None => break,
            }
        }
        self.units
    }
}
