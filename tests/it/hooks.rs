//! What a coordinator tells when a sweep ends or a job fails: commands, and a webhook.

use crate::harness::{Lab, Request, Signal, children, kill, lives, simulated, until};
use ring::hmac;
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A webhook that answers with these codes, one after the other, and keeps what it was told.
fn webhook(answers: &'static [&'static str]) -> (String, Arc<Mutex<Vec<Request>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook?secret=1", listener.local_addr().unwrap());
    let calls = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&calls);
    std::thread::spawn(move || {
        for (answer, stream) in answers.iter().zip(listener.incoming()) {
            let stream = stream.unwrap();
            kept.lock().unwrap().extend(Request::read(&stream));
            Request::answer(&stream, answer, "");
        }
    });
    (url, calls)
}

fn variables(lab: &Lab, file: &str) -> String {
    fs::read_to_string(lab.path(file)).unwrap_or_default()
}

#[test]
fn the_end_of_a_sweep_is_told_once() {
    let lab = Lab::new();
    lab.write(&simulated(3, 1));
    fs::write(lab.path("key"), "correct horse\n").unwrap();
    let (url, calls) = webhook(&["503 Service Unavailable", "204 No Content"]);
    let command = "env | grep ^SPLITSWEEP_ >ended; echo not sent >&2; exit 3";
    let arguments = ["--local-workers", "1", "--simulate", "1ms", "--on-end", command, "--on-failure", "touch failed"];
    let hook = ["--webhook", &url, "--webhook-key", "key"];
    let said = lab.sweep(&[&arguments[..], &hook].concat()).process.wait().expect(0).stderr;
    let told = variables(&lab, "ended");
    for variable in
        ["EVENT=sweep_ended", "SWEEP=simulated", "STATE=ended", "JOB_COUNT=3", "DONE=3", "FAILED=0", "STORE=sweeps.db"]
    {
        assert!(told.lines().any(|line| line == format!("SPLITSWEEP_{variable}")), "{variable}: {told}");
    }
    assert!(said.contains("has failed (exit status: 3): not sent"), "a warning, and no failure: {said}");
    assert!(!said.contains("secret"), "{said}");
    assert!(!lab.path("failed").exists() && !told.contains("SPLITSWEEP_JOB="));

    let calls = calls.lock().unwrap().clone();
    assert_eq!((calls.len(), &calls[0]), (2, &calls[1]), "it is told until it takes it");
    assert!(calls[0].line.starts_with("POST /hook?secret=1 HTTP/1.1"), "{calls:?}");
    let body: Value = serde_json::from_str(&calls[0].body).unwrap();
    assert_eq!((&body["schema"], &body["event"]), (&"splitsweep.event/1".into(), &"sweep_ended".into()));
    assert_eq!(
        (&body["sweep"], &body["done"], &body["jobs"]),
        (&"simulated".into(), &3.into(), &serde_json::json!([]))
    );
    let documented = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/hooks.md")).unwrap();
    for name in body.as_object().unwrap().keys() {
        assert!(documented.contains(&format!("`{name}`")), "{name}");
    }
    let hex = calls[0].header("x-splitsweep-signature").unwrap().strip_prefix("sha256=").unwrap();
    let tag: Vec<u8> = (0..64).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"correct horse");
    hmac::verify(&key, calls[0].body.as_bytes(), &tag).unwrap();

    fs::remove_file(lab.path("ended")).unwrap();
    lab.sweep(&arguments).process.wait().expect(0);
    assert_eq!(variables(&lab, "ended"), "", "it had ended before");
}

#[test]
fn a_job_that_fails_finally_is_told_with_its_id() {
    let lab = Lab::new();
    lab.write(&simulated(1, 100));
    let (url, calls) = webhook(&["200 OK", "400 Bad Request"]);
    let command = "echo $SPLITSWEEP_EVENT $SPLITSWEEP_FAILED $SPLITSWEEP_JOB $SPLITSWEEP_JOBS >>failed";
    let mut coordinator = lab.serve(&["--on-failure", command, "--webhook", &url]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let worker = lab.worker(&coordinator.url, "gpu1", &["--simulate", "100s"]);
    let job = coordinator.running(&lab, "gpu1");
    until("the last attempt", || {
        if let Some(trainer) = children(worker.id()).first() {
            kill(*trainer, Signal::KILL);
        }
        (coordinator.status(&lab)["sweeps"][0]["failed"] == 1).then_some(())
    });
    until("the command", || variables(&lab, "failed").ends_with('\n').then_some(()));
    assert_eq!(variables(&lab, "failed"), format!("job_failed 1 {job} {job}\n"));
    coordinator.process.says("the webhook at 127.0.0.1 refuses: 400 Bad Request");
    let events: Vec<Value> =
        calls.lock().unwrap().iter().map(|call| serde_json::from_str(&call.body).unwrap()).collect();
    let mut names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["job_failed", "sweep_ended"]);
    let failed = events.iter().find(|event| event["event"] == "job_failed").unwrap();
    assert_eq!(failed["jobs"], serde_json::json!([job]));
    assert!(
        calls.lock().unwrap().iter().all(|call| call.header("x-splitsweep-signature").is_none()),
        "there is no key"
    );
    coordinator.process.signal(Signal::INT);
    coordinator.process.wait().expect(0);
}

#[test]
fn an_interrupt_waits_for_no_webhook_and_ends_what_was_started() {
    let lab = Lab::new();
    lab.write(&simulated(1, 1));
    // it takes calls and never answers
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let command = "sleep 1000 & echo $! >id; wait";
    let arguments = ["--local-workers", "1", "--simulate", "1ms", "--webhook", &url, "--on-end", command];
    let mut coordinator = lab.sweep(&arguments).process;
    let started: u32 = until("the command", || variables(&lab, "id").trim().parse().ok());
    coordinator.says("Ctrl-C does not wait");
    let interrupted = Instant::now();
    coordinator.signal(Signal::INT);
    coordinator.wait().expect(0);
    assert!(interrupted.elapsed() < Duration::from_secs(10), "{:?}", interrupted.elapsed());
    until("the end of what was started", || (!lives(started)).then_some(()));
}

#[test]
fn a_key_that_cannot_be_read_leaves_nothing_behind() {
    let lab = Lab::new();
    fs::write(lab.path("empty"), "\n").unwrap();
    for (key, words) in [("none", "cannot read none"), ("empty", "--webhook-key empty: the file is empty")] {
        let refused = lab.run(["serve", "--webhook", "https://chat.example/x", "--webhook-key", key]).expect(2);
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    let refused = lab.run(["serve", "--webhook", "ftp://chat.example/x"]).expect(2);
    assert!(refused.stderr.contains("expected http:// or https://, and a host"), "{}", refused.stderr);
    assert!(!lab.store().exists());
}
