//! Ten thousand requests of somebody who means no good.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::timeout;

use crate::support::{ANNA, Browser, LONG, PHONE, SECRET, Setup, call, get, raw, request};

const REQUESTS: usize = 10_000;
const AT_ONCE: usize = 32;
/// Marks of what must not be in a log: they are in the requests.
const MARKS: [&str; 3] = ["hostile-echo", "hostile-body", "hostile-path"];

/// A request, and the statuses that are right for it.
fn hostile(number: usize) -> (Vec<u8>, &'static [u16]) {
    let post = |path: &str, body: &[u8]| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: relay\r\nX-XCOM-Integration-Echo: hostile-echo\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    let right = format!("/{SECRET}/communications/call");
    let body = format!(
        r#"{{"communicationId":"hostile-body","fromUserId":"3f6a0c1e-0000-4000-8000-000000000001","clientPhone":"{PHONE}"}}"#
    );
    match number % 14 {
        // Somebody else's secret, a part of ours, ours with another letter.
        0 => (post(&format!("/{number:032x}/communications/call"), body.as_bytes()), &[404]),
        1 => (post(&format!("/{}/communications/call", &SECRET[..number % 31 + 1]), body.as_bytes()), &[404]),
        2 => (post(&format!("/{}/communications/call", SECRET.replace('0', "o")), body.as_bytes()), &[404]),
        // Tricks with the path.
        3 => (post(&format!("/hostile-path/../{SECRET}/communications/call"), b""), &[404]),
        4 => (post(&format!("/{SECRET}/hostile-path%2f..%2fcommunications/call"), b""), &[404]),
        5 => (post(&format!("/{SECRET}/communications/call/../../../etc/passwd"), b""), &[404]),
        // A huge head, many heads, a head that is none.
        6 => (format!("GET /{SECRET}/ HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(40_000)).into_bytes(), &[431]),
        7 => (format!("GET / HTTP/1.1\r\n{}\r\n", "X: hostile-path\r\n".repeat(200)).into_bytes(), &[431]),
        8 => (b"\x16\x03\x01 hostile-path\r\n\r\n".to_vec(), &[400]),
        // A huge body, said and unsaid.
        9 => (post(&right, &vec![b'x'; 200_000]), &[413]),
        10 => {
            let head = format!("POST {right} HTTP/1.1\r\nHost: relay\r\nTransfer-Encoding: chunked\r\n\r\n");
            let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
            ([head, chunk.repeat(8)].concat().into_bytes(), &[413])
        }
        // What is no JSON, and what is no text.
        11 => (
            post(&right, format!("{{\"communicationId\":\"hostile-body\",{}", "[".repeat(number % 10_000)).as_bytes()),
            &[409],
        ),
        12 => (post(&right, b"{\"communicationId\":\"hostile-body\xff\xfe\"}"), &[409]),
        // Two lengths: a smuggler's.
        _ => (
            format!(
                "POST {right} HTTP/1.1\r\nHost: relay\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhostile-body"
            )
            .into_bytes(),
            &[400],
        ),
    }
}

/// What of a process is in memory, in kB.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn send(address: SocketAddr, from: usize, to: usize) {
    let next = Arc::new(AtomicUsize::new(from));
    let mut senders = Vec::new();
    for _ in 0..AT_ONCE {
        let next = Arc::clone(&next);
        senders.push(tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= to {
                    return;
                }
                let (bytes, right) = hostile(number);
                let answer = timeout(LONG, raw(address, bytes)).await.unwrap();
                let answer = answer.unwrap_or_else(|| panic!("{} was not answered", number % 14));
                assert!(right.contains(&answer.code), "{}: {answer:?}", number % 14);
                let authentic = answer.head.to_ascii_lowercase().contains("hostile-echo");
                assert_eq!(authentic, matches!(number % 14, 4 | 5 | 9 | 11 | 12), "{}: {answer:?}", number % 14);
            }
        }));
    }
    for sender in senders {
        sender.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_hostile_requests_get_the_right_status_and_leave_nothing_behind() {
    let setup = Setup::new("[limits]\nper_address = 1000000\nper_secret = 1000000");
    let relay = setup.spawn().await;
    let mut anna = Browser::connect(relay.address, &setup.anna).await;
    // Slow bodies wait beside all others.
    let mut half = request("communications/call", "hostile-echo", "0123456789");
    half.truncate(half.len() - 1);
    let slow: Vec<_> = (0..50).map(|_| tokio::spawn(raw(relay.address, half.clone()))).collect();

    let process = relay.child.id().unwrap();
    send(relay.address, 0, REQUESTS / 5).await;
    let before = resident(process);
    send(relay.address, REQUESTS / 5, REQUESTS).await;
    let after = resident(process);
    assert!(after < before + 8 * 1024, "{before} kB have become {after} kB");

    for slow in slow {
        let answer = timeout(LONG, slow).await.unwrap().unwrap().unwrap();
        assert_eq!((answer.code, answer.status().as_str()), (408, "bodyTooSlow"));
    }
    let (answer, _) = tokio::join!(call(relay.address, "c", ANNA), anna.accept());
    assert_eq!(answer.code, 200);
    let metrics = get(relay.operations, "/metrics").await.body;
    assert!(
        metrics.contains("status=\"invalidArgs\"") && !metrics.contains("\ntrubka_relay_panics_total "),
        "{metrics}"
    );
    let log = relay.stop().await;
    assert!(log.contains("invalidArgs") && log.contains("\"call\":\"call\""));
    for mark in MARKS.into_iter().chain([SECRET, PHONE, &setup.anna, "Анна", "anna", "panic"]) {
        assert!(!log.contains(mark), "the log holds {mark}");
    }
}
