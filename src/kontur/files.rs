//! API Files: a recording is uploaded here before a callback names it. A file that none names is gone after a day.

use serde::Serialize;
use serde_json::Value;

use super::workspace_path;
use crate::json::{self, Fields};

/// `POST`, `multipart/form-data` with the one part `file`.
pub fn upload_path(workspace: &str) -> String {
    format!("{}/files", workspace_path(workspace))
}

/// The machine's word of a 409 to a file over 100 MB.
pub const TOO_LARGE: &str = "fileTooLarge";

/// A recording that is uploaded, as `register-call` names it: what the upload answered, unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// The file.
    pub file_id: String,
    /// Its name.
    pub file_name: String,
    /// Its media type.
    pub content_type: String,
    /// Its length in bytes.
    pub content_length: Length,
}

/// A length as the CRM writes it: as a number or as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Length {
    /// `9216`
    Number(u64),
    /// `"9216"`
    Text(String),
}

impl Recording {
    /// Reads the answer to the upload, or what was stored of it; `None` when it is none.
    pub fn parse(body: &str) -> Option<Self> {
        Self::read(Fields::of(&json::parse(body)?)?)
    }

    /// As [`Recording::parse`], within another document.
    pub fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            file_id: fields.text("fileId")?,
            file_name: fields.text("fileName")?,
            content_type: fields.text("contentType")?,
            content_length: match fields.value("contentLength")? {
                Value::String(text) => Length::Text(text.clone()),
                number => Length::Number(number.as_u64()?),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_upload_answers_is_named_unchanged() {
        for length in ["9216", r#""9216""#] {
            let body = format!(
                r#"{{"fileId":"ceb...45e","fileName":"call.mp3","contentType":"audio/mpeg","contentLength":{length}}}"#
            );
            assert_eq!(serde_json::to_string(&Recording::parse(&body).unwrap()).unwrap(), body);
        }
        assert_eq!(Recording::parse(r#"{"fileId":"a"}"#), None);
        assert_eq!(Recording::parse("<html>"), None);
    }

    #[test]
    fn the_workspace_is_part_of_the_path() {
        assert_eq!(upload_path("my ws"), "/api/v1/my%20ws/files");
    }
}
