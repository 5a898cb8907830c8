//! Pages of one's own under `/lab/`: served as the CRM's, and nothing but them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::path::PathBuf;

use support::Bench;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A sandbox with two folders of pages: the first is `<name>/written`, the second `<name>/built`, a secret lies beside them.
async fn bench(name: &str) -> Bench {
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let [written, built] = ["written", "built"].map(|folder| root.join(folder));
    fs::create_dir_all(&written).unwrap();
    fs::create_dir_all(built.join("react")).unwrap();
    fs::write(root.join("secret.html"), "secret").unwrap();
    fs::write(written.join(".hidden.html"), "secret").unwrap();
    fs::write(written.join("a.html"), "written").unwrap();
    fs::write(written.join("notes.txt"), "secret").unwrap();
    fs::write(built.join("a.html"), "built").unwrap();
    fs::write(built.join("react/app.js"), "export {}").unwrap();
    Bench::with_lab(vec![written, built]).await
}

/// The whole answer to a path sent as it stands: an HTTP client would put it right first.
async fn raw(bench: &Bench, path: &str) -> String {
    let mut stream = TcpStream::connect(bench.sandbox.http()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: crm.kontur.ru\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_first_folder_that_holds_a_file_serves_it_under_a_strict_policy() {
    let bench = bench("serves").await;
    let page = bench.http.get(bench.url("/lab/a.html")).send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'; script-src 'self';"), "{policy}");
    assert_eq!(page.text().await.unwrap(), "written");
    let script = bench.http.get(bench.url("/lab/react/app.js")).send().await.unwrap();
    assert_eq!(script.headers()["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(script.text().await.unwrap(), "export {}");
}

#[tokio::test]
async fn no_path_leads_out_of_the_folders() {
    let bench = bench("keeps").await;
    assert!(raw(&bench, "/lab/a.html").await.starts_with("HTTP/1.1 200"));
    for path in [
        "/lab/",
        "/lab/react",
        "/lab/missing.html",
        "/lab/.hidden.html",
        "/lab/notes.txt",
        "/lab/../secret.html",
        "/lab/react/../../secret.html",
        "/lab/%2e%2e/secret.html",
        "/lab/..%2fsecret.html",
        "/lab/..\\secret.html",
        "/lab//a.html",
        "/lab/a.html/",
    ] {
        let answer = raw(&bench, path).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
        assert!(!answer.contains("secret"), "{path}: {answer}");
    }
}
