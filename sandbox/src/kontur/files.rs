//! API Files: an upload is `multipart/form-data` with exactly one part named `file`.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::http::{Answer, Content, Heard};

/// The documented limit of a file.
pub(crate) const LARGEST_FILE: usize = 100 * 1024 * 1024;
/// A file with its part's headers and delimiters.
pub(crate) const LARGEST_UPLOAD: usize = LARGEST_FILE + 64 * 1024;

/// An uploaded file.
pub(crate) struct File {
    /// What the upload answered; whoever names the file repeats it.
    pub answer: Value,
    pub digest: [u8; 32],
}

pub(crate) struct Files {
    files: BTreeMap<String, File>,
    /// Larger files are refused.
    pub limit: usize,
}

impl Default for Files {
    fn default() -> Self {
        Self { files: BTreeMap::new(), limit: LARGEST_FILE }
    }
}

/// Whether a path is an upload's.
pub(crate) fn is_upload(path: &str) -> bool {
    path.starts_with("/api/v1/") && path.ends_with("/files")
}

pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub(crate) fn too_large() -> Answer {
    let body = json!({ "status": "fileTooLarge", "message": "File is too large" });
    Answer::json(StatusCode::CONFLICT, body)
}

impl Files {
    pub fn get(&self, id: &str) -> Option<&File> {
        self.files.get(id)
    }

    pub fn upload(&mut self, heard: &Heard) -> Answer {
        let part = match Part::only(heard) {
            Ok(part) => part,
            Err(fault) => return Answer::new(StatusCode::BAD_REQUEST, Content::Empty).violation(fault),
        };
        let length = part.bytes.len();
        if length > self.limit {
            return too_large();
        }
        let id = Uuid::new_v4().to_string();
        // The real one says it either way.
        let content_length = if self.files.len().is_multiple_of(2) { json!(length) } else { json!(length.to_string()) };
        let answer = json!({
            "fileId": id, "fileName": part.file_name, "contentType": part.content_type, "contentLength": content_length,
        });
        self.files.insert(id, File { answer: answer.clone(), digest: digest(&part.bytes) });
        Answer::ok(answer)
    }
}

struct Part {
    file_name: String,
    content_type: String,
    bytes: Bytes,
}

/// Splits at the first occurrence.
fn split_once<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let start = bytes.windows(at.len()).position(|window| window == at)?;
    Some((bytes.get(..start)?, bytes.get(start + at.len()..)?))
}

/// A parameter of `Content-Disposition`.
fn parameter<'a>(disposition: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = disposition.split_once(&format!("; {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value).filter(|value| !value.is_empty())
}

impl Part {
    /// The one part of an upload, or why it is no such upload.
    fn only(heard: &Heard) -> Result<Self, &'static str> {
        let boundary = heard
            .header("content-type")
            .and_then(|kind| kind.strip_prefix("multipart/form-data;"))
            .and_then(|parameters| parameters.trim().strip_prefix("boundary="))
            .map(|boundary| boundary.trim_matches('"'))
            .filter(|boundary| (1..=70).contains(&boundary.len()))
            .ok_or("the content type is not multipart/form-data with a boundary")?;
        let opening = format!("--{boundary}\r\n");
        let body = heard.body.strip_prefix(opening.as_bytes()).ok_or("the body does not begin with its boundary")?;
        let (headers, rest) = split_once(body, b"\r\n\r\n").ok_or("the part's headers do not end")?;
        let delimiter = format!("\r\n--{boundary}");
        let (content, end) = split_once(rest, delimiter.as_bytes()).ok_or("the part does not end")?;
        if end.strip_suffix(b"\r\n").unwrap_or(end) != b"--" {
            return Err("there is more than one part");
        }
        let headers = std::str::from_utf8(headers).map_err(|_| "the part's headers are no text")?;
        let header = |name: &str| {
            headers.split("\r\n").find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        let disposition = header("content-disposition").unwrap_or_default();
        if !disposition.starts_with("form-data;") || parameter(disposition, "name") != Some("file") {
            return Err("the part is not named `file`");
        }
        let file_name = parameter(disposition, "filename").ok_or("the part has no file name")?;
        let content_type = header("content-type").filter(|kind| kind.contains('/')).ok_or("the part has no type")?;
        Ok(Self {
            file_name: file_name.to_owned(),
            content_type: content_type.to_owned(),
            bytes: heard.body.slice_ref(content),
        })
    }
}
