//! What monitoring reads of a coordinator: who may, what it is told, and that the files of `deploy/observability` ask for nothing else.

use crate::harness::{Browser, Lab, Peer, Process, link, simulated, until};
use coordinator::telemetry::{Standing, Telemetry, exposition};
use proto::credential::Credential;
use proto::measure::FailureKind;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tonic::Code;

/// Somebody at the page's port whom nobody has let in.
fn stranger(process: &mut Process) -> Browser {
    Browser::stranger(&link(process))
}

/// The value of a series; 0 if there is none.
fn value(metrics: &str, series: &str) -> f64 {
    let found = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    found.map_or(0.0, |value| value.parse().unwrap())
}

#[test]
fn metrics_are_for_readers_and_probes_for_everybody() {
    let lab = Lab::with_certs();
    let mut coordinator = lab.serve_with_certs(&["--page", "127.0.0.1:0"]);
    let link = link(&mut coordinator.process);
    let (browser, stranger) = (Browser::let_in(&link), Browser::stranger(&link));
    for (role, expected) in [("reader", 200), ("submitter", 200), ("worker", 401)] {
        let line = fs::read_to_string(lab.path(&format!("certs/{role}.token"))).unwrap();
        let secret = Credential::parse(line.trim()).secret;
        for token in [line.trim(), secret.reveal()] {
            assert_eq!(stranger.get_bearing("/metrics", token).status, expected, "{role}");
            assert_eq!(stranger.get_bearing("/", token).status, 401, "the page is for browsers");
        }
    }
    let refused = stranger.get_bearing("/metrics", "of somebody else");
    assert_eq!(refused.status, 401);
    assert!(refused.body.contains("Authorization: Bearer TOKEN"), "{}", refused.body);
    assert_eq!(stranger.get("/metrics").status, 401);
    let metrics = browser.get("/metrics");
    assert_eq!(metrics.status, 200, "a browser that was let in");
    assert_eq!(
        metrics.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{metrics:?}"
    );
    for probe in ["/healthz", "/readyz"] {
        let answer = stranger.get(probe);
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"), "{probe}");
    }
}

#[test]
fn metrics_say_what_has_happened() {
    let lab = Lab::new();
    lab.write(&simulated(5, 1));
    // every user of the machine may read
    let mut coordinator = lab.serve(&["--page", "127.0.0.1:0", "--insecure-listen"]);
    let page = stranger(&mut coordinator.process);
    lab.submit(&coordinator.url, &["--simulated"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut peer = Peer::new(&coordinator.url, 1, 3);
        assert_eq!(peer.synchronize().await.unwrap_err().code(), Code::FailedPrecondition);
        peer.register().await.unwrap();
        peer.synchronize().await.unwrap();
        let leases = peer.held.clone();
        assert!(peer.fail(&leases[0], FailureKind::Crashed, "killed by signal 9", "").await.unwrap());
        assert!(peer.report(&leases[1]).await.unwrap());
    });
    let metrics = page.get("/metrics").body;
    for (series, expected) in [
        ("attempts_total{outcome=\"failed\",kind=\"crashed\"}", 1.0),
        ("attempts_total{outcome=\"succeeded\",kind=\"\"}", 1.0),
        ("job_duration_seconds_count{sweep=\"simulated\"}", 1.0),
        ("rpc_duration_seconds_count{method=\"sweep.v1.Fleet/Complete\",code=\"OK\"}", 2.0),
        ("rpc_duration_seconds_count{method=\"sweep.v1.Fleet/Synchronize\",code=\"FAILED_PRECONDITION\"}", 1.0),
        ("store_ok", 1.0),
    ] {
        assert_eq!(value(&metrics, &format!("splitsweep_{series}")), expected, "{series} in\n{metrics}");
    }
    for series in ["store_commit_seconds_count", "store_commit_facts_sum", "lease_wait_seconds_count"] {
        assert!(value(&metrics, &format!("splitsweep_{series}")) >= 1.0, "{series} in\n{metrics}");
    }
    until("the status", || {
        let metrics = page.get("/metrics").body;
        let jobs = |state| value(&metrics, &format!("splitsweep_jobs{{sweep=\"simulated\",state=\"{state}\"}}"));
        (jobs("succeeded") == 1.0 && jobs("queued") + jobs("running") == 4.0).then_some(())
    });
}

#[test]
fn metrics_tell_how_well_a_sweep_is_known() {
    let lab = Lab::new();
    lab.write(&simulated(4, 1));
    let mut coordinator = lab.serve(&["--page", "127.0.0.1:0", "--insecure-listen"]);
    let page = stranger(&mut coordinator.process);
    lab.submit(&coordinator.url, &["--simulated"]);
    let half_width = || value(&page.get("/metrics").body, "splitsweep_sweep_interval_halfwidth{sweep=\"simulated\"}");
    assert_eq!(half_width(), 0.0, "without results there is no interval");
    let _worker = lab.worker(&coordinator.url, "w", &["--simulate", "1ms"]);
    coordinator.ended(&lab);
    let row = lab.rows("candidates").remove(0);
    let [low, high]: [f64; 2] = ["pool_low", "pool_high"].map(|end| row[end].parse().unwrap());
    // an interval is made for whoever asks next
    until("the interval of the table", || ((half_width() - (high - low) / 2.0).abs() < 1e-12).then_some(()));
}

#[test]
fn a_coordinator_is_ready_while_its_store_keeps_what_it_is_given() {
    let lab = Lab::new();
    let mut coordinator = lab.serve(&["--page", "127.0.0.1:0", "--insecure-listen"]);
    let page = stranger(&mut coordinator.process);
    let ready = || {
        let answer = page.get("/readyz");
        (answer.status, answer.body)
    };
    assert_eq!(ready(), (200, "ok\n".to_owned()));
    fs::rename(lab.store(), lab.path("away.db")).unwrap();
    until("the refusal", || (ready() == (503, "the store keeps nothing\n".to_owned())).then_some(()));
    assert_eq!(page.get("/healthz").status, 200, "to start it again does not help");
    assert_eq!(value(&page.get("/metrics").body, "splitsweep_store_ok"), 0.0);
    fs::rename(lab.path("away.db"), lab.store()).unwrap();
    until("the store", || (ready().0 == 200).then_some(()));
}

#[test]
fn rules_and_dashboard_ask_for_metrics_that_there_are() {
    let telemetry = Telemetry::default();
    // what has labels is exported once it was counted
    telemetry.called("sweep.v1.Fleet/Complete", "OK", Duration::ZERO);
    let text = exposition(&telemetry, Standing::default());
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let exported: BTreeSet<String> = types
        .flat_map(|(name, kind)| {
            let ends = match kind {
                "counter" => &["_total"][..],
                "histogram" => &["_bucket", "_sum", "_count"],
                "info" => &["_info"],
                _ => &[""],
            };
            ends.iter().map(move |end| format!("{name}{end}"))
        })
        .collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/observability");
    let mut asked = BTreeSet::new();
    for file in ["rules.yml", "dashboard.json"] {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        asked.extend(words.filter(|word| word.starts_with("splitsweep_")).map(str::to_owned));
    }
    let unknown: Vec<_> = asked.difference(&exported).collect();
    assert!(unknown.is_empty(), "the coordinator has no {unknown:?}; it has {exported:?}");
    assert!(asked.len() > 15, "{asked:?}");
}

#[test]
fn a_page_of_a_store_has_no_metrics_for_no_coordinator_runs() {
    let lab = Lab::new();
    lab.write(&simulated(1, 1));
    lab.sweep(&["--local-workers", "1", "--simulate", "1ms"]).process.wait().expect(0);
    let mut process = Process::start(&mut lab.command("coordinator", ["page", "sweeps.db", "--page", "127.0.0.1:0"]));
    let browser = Browser::let_in(&link(&mut process));
    let answers = ["/metrics", "/readyz", "/healthz"].map(|path| (browser.get(path).status, browser.get(path).body));
    let none = || "no coordinator runs here\n".to_owned();
    assert_eq!(answers, [(404, none()), (503, none()), (200, "ok\n".to_owned())]);
}
