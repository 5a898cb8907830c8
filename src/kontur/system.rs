//! «Системные вызовы» of «API телефонии»: what the CRM asks of an integration's own HTTP server. A browser cannot serve one;
//! what can, reads the calls by these types.

use serde::Serialize;

use crate::{
    json::{self, Fields},
    private::Private,
};

/// The header whose content the answer returns, in the same header. The request's [`super::ACCESS_KEY`] is good for callbacks.
pub const ECHO: &str = "X-XCOM-Integration-Echo";

/// A system call.
#[derive(Clone, Debug, PartialEq)]
pub enum SystemCall {
    /// CALL: a user pressed «Позвонить».
    Call {
        /// The communication that the CRM has made for the call, to be named in every callback.
        communication_id: String,
        /// The user who calls, by GUID.
        from_user_id: Option<String>,
        /// On an internal call, the user who is called, by GUID.
        to_user_id: Option<String>,
        /// The client's number; an internal call has none.
        client_phone: Option<Private<String>>,
    },
    /// HANGUP: a user pressed «Положить трубку».
    HangUp {
        /// The leg.
        realtime_call_item_id: String,
        /// The user, by GUID.
        user_id: Option<String>,
    },
}

impl SystemCall {
    /// Reads the body of a `POST` to this path: `…/communications/call`, `…/communications/hangup` or
    /// `…/communications/{id}/hangup`, below the integration's base URL with or without `/api/v1/{ws}`. `None` when it is none.
    pub fn parse(path: &str, body: &str) -> Option<Self> {
        let body = json::parse(body)?;
        let fields = Fields::of(&body)?;
        let mut segments = path.trim_end_matches('/').rsplit('/');
        match (segments.next()?, segments.next()?, segments.next()) {
            ("call", "communications", _) => Some(Self::Call {
                communication_id: fields.text("communicationId")?,
                from_user_id: fields.text("fromUserId"),
                to_user_id: fields.text("toUserId"),
                client_phone: fields.private("clientPhone"),
            }),
            ("hangup", "communications", _) | ("hangup", _, Some("communications")) => Some(Self::HangUp {
                realtime_call_item_id: fields.text("realtimeCallItemId")?,
                user_id: fields.text("userId"),
            }),
            _ => None,
        }
    }
}

/// What a system call is answered with where it is not carried out, under 409; where it is, the answer is `"OK"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused<'a> {
    /// The machine's word, such as `notSupported`.
    pub status: &'a str,
    /// The explanation.
    pub message: &'a str,
}
