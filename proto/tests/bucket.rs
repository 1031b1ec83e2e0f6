//! A bucket against a real server of S3's language. Runs where `SPLITSWEEP_TEST_BUCKET` names an empty one, such as
//! `s3://test/folder`; `tests/reference/bucket.sh` starts moto and does that.
#![cfg(feature = "cloud")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proto::artifact_store::ArtifactStore;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn bucket() -> Option<String> {
    std::env::var("SPLITSWEEP_TEST_BUCKET").ok()
}

#[test]
fn objects_are_replaced_listed_and_cleared() {
    let Some(address) = bucket() else { return };
    let store = ArtifactStore::at(&address).unwrap();
    assert!(store.is_shared() && store.to_string() == address);
    assert_eq!((store.get("a/1").unwrap(), store.list("a").unwrap()), (None, Vec::new()));
    let large = vec![7; 20 << 20];
    store.put("a/2", &large).unwrap();
    store.put("a/1", b"one").unwrap();
    store.put("a/1", b"eins").unwrap();
    assert_eq!(store.list("a").unwrap(), ["a/1", "a/2"]);
    assert_eq!(store.get("a/1").unwrap().unwrap(), b"eins");
    assert!(store.get("a/2").unwrap().unwrap() == large);
    store.remove("a/2").unwrap();
    store.remove("a/2").unwrap();
    store.clear("a").unwrap();
    assert_eq!(store.list("a").unwrap(), Vec::<String>::new());
}

/// Passes requests on to the server of `AWS_ENDPOINT`, after it has answered the first few with 503.
fn busy(refusals: usize) -> String {
    let server = std::env::var("AWS_ENDPOINT").unwrap().replace("http://", "");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let refused = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for mut client in listener.incoming().map(Result::unwrap) {
            let (server, refused) = (server.clone(), Arc::clone(&refused));
            std::thread::spawn(move || {
                if refused.fetch_add(1, Ordering::SeqCst) < refusals {
                    let _ = client.read(&mut [0; 4096]);
                    let answer = "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                    client.write_all(answer.as_bytes()).unwrap();
                    return;
                }
                let upstream = std::net::TcpStream::connect(server).unwrap();
                let (mut from, mut to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                let _ = std::io::copy(&mut &upstream, &mut client);
            });
        }
    });
    format!("http://{address}")
}

/// In a process of its own, whose environment names the server: `SPLITSWEEP_TEST_BUSY` is how often that is busy.
#[test]
fn a_bucket_that_answers_503_is_asked_again() {
    let Some(address) = bucket() else { return };
    if let Some(child) = std::env::var_os("SPLITSWEEP_TEST_CHILD") {
        let store = ArtifactStore::at(&address).unwrap();
        let written = store.put("busy/1", b"one");
        assert_eq!(written.is_ok(), child == "3", "{written:?}");
        if let Err(error) = written {
            let said = error.to_string();
            assert!(said.starts_with(&format!("cannot write {address}/busy/1: ")) && said.contains("503"), "{said}");
        }
        return;
    }
    for refusals in [3, usize::MAX] {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["a_bucket_that_answers_503_is_asked_again", "--exact"])
            .env("AWS_ENDPOINT", busy(refusals))
            .env("SPLITSWEEP_TEST_CHILD", refusals.to_string())
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    }
}
