//! A list of employees from elsewhere, as a table program writes it: CSV with `;` or `,`, fields in quotation marks where need be.

use std::collections::BTreeSet;

use csv_core::{ReadFieldResult, ReaderBuilder};

use super::section::{is_ext, is_guid};
use crate::{
    private::Private,
    problem::{Code, Problem},
    protocol::PersonView,
};

/// The most employees that are taken from one list.
const MOST: usize = 5_000;

/// What a column holds.
#[derive(Clone, Copy, PartialEq)]
enum Column {
    Ext,
    Name,
    UserId,
}

/// Words by which a column's header is known, in this order.
const HEADERS: [(Column, &[&str]); 3] = [
    (Column::UserId, &["id", "guid", "crm"]),
    (Column::Ext, &["ext", "внутр", "добав", "номер"]),
    (Column::Name, &["name", "имя", "ім", "фио", "піб", "сотрудник", "співробітник", "employee"]),
];

/// Reads the employees of a list. A header says which column holds what; without one, what looks like an extension is one, what looks
/// like a GUID is the user's id, and the first of what else there is is the name. Each line that is wrong is named and left out.
pub fn read_people(text: &str) -> (Vec<PersonView>, Vec<Problem>) {
    let (mut people, mut problems) = (Vec::new(), Vec::new());
    let (mut columns, mut known) = (None, BTreeSet::new());
    for (index, (line, fields)) in records(text.trim_start_matches('\u{feff}')).into_iter().enumerate() {
        let at = line.to_string();
        if index == 0 && !fields.iter().any(|field| is_ext(field)) {
            let header: Vec<_> = fields.iter().map(|field| column_of(field)).collect();
            if header.contains(&Some(Column::Ext)) {
                columns = Some(header);
                continue;
            }
        }
        let person = match &columns {
            Some(columns) => by_header(&fields, columns),
            None => by_looks(&fields),
        };
        if let Some(id) = &person.user_id
            && !is_guid(id)
        {
            problems.push(Problem::about(Code::PeopleWrongUserId, &[&at]));
            continue;
        }
        match &person.ext {
            Some(ext) if !known.insert(ext.clone()) => {
                problems.push(Problem::about(Code::PeopleTwice, &[&at, ext]));
            }
            Some(_) if people.len() == MOST => {
                problems.push(Problem::about(Code::PeopleTooMany, &[&MOST.to_string()]));
                break;
            }
            Some(_) => people.push(person),
            None => problems.push(Problem::about(Code::PeopleNoExt, &[&at])),
        }
    }
    if people.is_empty() && problems.is_empty() {
        problems.push(Problem::new(Code::PeopleNone));
    }
    (people, problems)
}

fn column_of(header: &str) -> Option<Column> {
    let header = header.to_lowercase();
    let is_named = |words: &[&str]| words.iter().any(|word| header.contains(word));
    HEADERS.iter().find(|(_, words)| is_named(words)).map(|(column, _)| *column)
}

fn by_header(fields: &[String], columns: &[Option<Column>]) -> PersonView {
    let mut person = PersonView::default();
    for (field, column) in fields.iter().zip(columns).filter(|(field, _)| !field.is_empty()) {
        match column {
            Some(Column::Ext) => person.ext = Some(field.clone()).filter(|ext| is_ext(ext)),
            Some(Column::Name) => person.name = Some(Private::new(field.clone())),
            Some(Column::UserId) => person.user_id = Some(field.to_ascii_lowercase()),
            None => {}
        }
    }
    person
}

fn by_looks(fields: &[String]) -> PersonView {
    let mut person = PersonView::default();
    for field in fields.iter().filter(|field| !field.is_empty()) {
        if is_guid(field) {
            person.user_id.get_or_insert_with(|| field.to_ascii_lowercase());
        } else if is_ext(field) && person.ext.is_none() {
            person.ext = Some(field.clone());
        } else if person.name.is_none() {
            person.name = Some(Private::new(field.clone()));
        }
    }
    person
}

/// The records that are not empty, each with the line it begins in.
fn records(text: &str) -> Vec<(u64, Vec<String>)> {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |mark: char| first.chars().filter(|c| *c == mark).count();
    let delimiter = if count(';') >= count(',') { b';' } else { b',' };
    let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
    let mut field = vec![0; text.len().max(1)];
    let (mut records, mut fields, mut length) = (Vec::new(), Vec::new(), 0);
    let (mut rest, mut line, mut began) = (text.as_bytes(), 1, 1);
    loop {
        if fields.is_empty() && length == 0 {
            // The reader skips empty lines, and these count.
            let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let (skipped, after) = rest.split_at_checked(blank).unwrap_or_default();
            line += newlines(skipped);
            rest = after;
        }
        let Some(free) = field.get_mut(length..) else { break };
        let (result, read, written) = reader.read_field(rest, free);
        let (taken, after) = rest.split_at_checked(read).unwrap_or_default();
        rest = after;
        length += written;
        let begins = line;
        line += newlines(taken);
        match result {
            // Then the end is told.
            ReadFieldResult::InputEmpty => {}
            // A field is never longer than all the text.
            ReadFieldResult::OutputFull | ReadFieldResult::End => break,
            ReadFieldResult::Field { record_end } => {
                let text = field.get(..length).map(String::from_utf8_lossy).unwrap_or_default();
                if fields.is_empty() {
                    began = begins;
                }
                fields.push(text.trim().to_owned());
                length = 0;
                if record_end {
                    let record: Vec<String> = std::mem::take(&mut fields);
                    if record.iter().any(|field| !field.is_empty()) {
                        records.push((began, record));
                    }
                }
            }
        }
    }
    records
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').map(|_| 1).sum()
}
