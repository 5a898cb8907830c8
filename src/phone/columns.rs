//! Tables that were pasted as text: the first line names what the columns of the others hold.

use super::context::Context;

/// What parts the cells of a line.
const SEPARATORS: [char; 3] = ['\t', ';', '|'];

/// The columns of a text that is a table, and how far it has been read.
pub struct Columns<'t> {
    text: &'t str,
    separator: char,
    heads: Vec<Context>,
    at: usize,
    column: usize,
}

impl<'t> Columns<'t> {
    /// The table that a text is; `None` where its first line is none of heads.
    pub fn of(text: &'t str) -> Option<Self> {
        let (first, rest) = text.split_once('\n')?;
        let separator = SEPARATORS.into_iter().find(|&separator| first.contains(separator))?;
        let has_values = first.chars().any(|c| c.is_ascii_digit());
        let heads = || first.split(separator).map(Context::of_label).collect();
        let is_table = rest.split('\n').next().is_some_and(|second| second.contains(separator));
        (!has_values && is_table).then(|| Self { text, separator, heads: heads(), at: 0, column: 0 })
    }

    /// What the head says of the column in which a place is. Places are asked for in rising order, so one pass serves all.
    pub fn context(&mut self, place: usize) -> Context {
        for c in self.text.get(self.at..place).unwrap_or_default().chars() {
            self.column = match c {
                '\n' => 0,
                c => self.column + usize::from(c == self.separator),
            };
        }
        self.at = self.at.max(place);
        self.heads.get(self.column).copied().unwrap_or_default()
    }
}
