//! «Переадресация звонка на ответственного» of «API телефонии»: whom the CRM holds responsible for a client.

use super::{digits, workspace_path};
use crate::{
    json::{self, Fields},
    private::Private,
    url,
};

/// What the CRM is asked by. `None` of the number's digits is none to ask by.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// A call that the CRM has been told of, by its `externalId`.
    Call(&'a str),
    /// The client's number, before the CRM knows of any call.
    Phone(&'a Private<String>),
}

impl By<'_> {
    /// `GET`. `None` for a number without digits.
    pub fn path(self, workspace: &str) -> Option<String> {
        let (key, value) = match self {
            Self::Call(external_id) => ("externalId", url::segment(external_id)),
            Self::Phone(number) => ("phoneNumber", digits(number)?.into_inner()),
        };
        let callbacks = workspace_path(workspace);
        Some(format!("{callbacks}/communications/callbacks/telephony/call-redirect?{key}={value}"))
    }
}

/// Reads the answer: the responsible users' GUIDs; `None` when it is none.
pub fn users(body: &str) -> Option<Vec<String>> {
    let body = json::parse(body)?;
    let fields = Fields::of(&body)?;
    fields.value("userIds")?.is_array().then(|| fields.texts("userIds"))
}
