//! Pages to try the extension on, served from folders as the CRM's own: `https://crm.kontur.ru/lab/<path>`.

use std::path::{Path, PathBuf};

use axum::response::Response;

use crate::pages::{missing, under_policy};

/// As strict as the CRM's, but for the `<style>` elements that React UI makes and the frames of a page's own origin.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'";

/// The file that `/lab/<path>` names in the first of the folders that holds it.
pub(crate) async fn file(folders: &[PathBuf], path: &str) -> Response {
    let Some((relative, kind)) = path.strip_prefix("/lab/").and_then(named) else { return missing() };
    for folder in folders {
        if let Ok(bytes) = tokio::fs::read(folder.join(&relative)).await {
            return under_policy(POLICY, kind, bytes);
        }
    }
    missing()
}

/// Where a path leads within a folder, and the content type of what lies there. Only plain names do: nothing that could
/// lead out of the folder, and no hidden file.
fn named(path: &str) -> Option<(PathBuf, &'static str)> {
    let is_plain = |name: &str| {
        !name.starts_with('.') && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    if path.split('/').any(|name| name.is_empty() || !is_plain(name)) {
        return None;
    }
    let kind = match Path::new(path).extension()?.to_str()? {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        _ => return None,
    };
    Some((path.into(), kind))
}
