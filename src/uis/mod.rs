//! UIS (CoMagic): the Call API, versions 1 and 4.0. JSON-RPC 2.0 over HTTPS; [`v1`] and [`v4`] are the methods that we use, and
//! [`Uis`] joins them to the port.

mod exchange;
mod fault;
pub mod rpc;
pub mod v1;
pub mod v4;

use crate::{json::Fields, private::Private};

pub use exchange::Uis;
pub use fault::Secret;

/// Whether this is a number in international format, digits only (`74951234567`).
fn is_number(number: &Private<String>) -> bool {
    let digits = number.reveal().as_bytes();
    (7..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) && !digits.starts_with(b"0")
}

/// An object that may be missing, but not wrong.
fn optional<'a, T>(params: Fields<'a>, key: &str, read: impl FnOnce(Fields<'a>) -> Option<T>) -> Option<Option<T>> {
    match params.value(key) {
        None => Some(None),
        Some(value) => Fields::of(value).and_then(read).map(Some),
    }
}

/// The first of these parameters that is wrong.
fn first_wrong(parameters: &[(&'static str, bool)]) -> Option<&'static str> {
    parameters.iter().find(|(_, wrong)| *wrong).map(|(name, _)| *name)
}
