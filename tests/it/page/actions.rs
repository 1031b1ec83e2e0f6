//! What the page has done to sweeps, where it may: by whom, by which forms, and that it is done.

use super::link;
use crate::harness::{Answer, Browser, Far, Lab, Peer, grid, simulated, until};
use coordinator::scheduler::Fact;
use proto::measure::FailureKind;
use std::fs;

const ACTIONS: [&str; 3] = ["--page", "0.0.0.0:0", "--page-actions"];

/// Somebody on another machine with the token of that role.
fn with_token(lab: &Lab, link: &str, role: &str) -> Far {
    let mut browser = Far::new(lab, link);
    let line = fs::read_to_string(lab.path(&format!("certs/{role}.token"))).unwrap();
    assert_eq!(browser.log_in(line.trim()).status, 303, "{role}");
    browser
}

/// What the form of the page bears that is sent to that path; `None` if the page has no such form.
fn form(page: &Answer, path: &str) -> Option<String> {
    let (_, rest) = page.body.split_once(&format!("<form method=\"post\" action=\"{path}\">"))?;
    let (_, rest) = rest.split_once("name=\"form\" value=\"")?;
    Some(format!("form={}", rest.split('"').next()?))
}

/// What the page says was done.
fn notice(page: &Answer) -> Option<&str> {
    let (_, rest) = page.body.split_once("id=\"done\"")?;
    rest.split_once('>')?.1.split('<').next()
}

const SWEEP: &str = "/sweep/simulated";
const CANCEL: &str = "/sweep/simulated/cancel";
const RETRY: &str = "/sweep/simulated/retry";
const SPLITS: &str = "/sweep/simulated/splits";

#[test]
fn a_submitter_cancels_and_tries_again_from_another_machine_and_a_reader_does_not() {
    let lab = Lab::with_certs();
    lab.write(&simulated(5, 1));
    let mut coordinator = lab.serve_with_certs(&ACTIONS);
    let link = link(&mut coordinator.process);
    lab.run(["submit", "sweep.yaml", "--coordinator", &coordinator.url, "--token-file", "certs/submitter.token"])
        .expect(0);
    let [reader, submitter] = ["reader", "submitter"].map(|role| with_token(&lab, &link, role));
    let page = submitter.get(SWEEP);
    assert!(page.body.contains("coordinator submit FILE --coordinator https://"), "how to add splits");
    assert!(page.body.contains("5 jobs, of which 0 running"), "it asks first, {}", page.body);
    let cancel = form(&page, CANCEL).unwrap();
    assert_eq!(form(&page, RETRY), None, "there is nothing to try again");
    // who reads sees no button, and a form that somebody else was given helps neither them nor strangers
    let seen = reader.get(SWEEP);
    assert_eq!((form(&seen, CANCEL), form(&seen, SPLITS)), (None, None));
    assert_eq!(reader.post(CANCEL, &cancel).status, 403);
    let splits = format!("{}&splits=9", form(&page, SPLITS).unwrap());
    assert_eq!(reader.post(SPLITS, &splits).status, 403);
    assert_eq!(Far::new(&lab, &link).post(CANCEL, &cancel).status, 401);
    for wrong in ["", "form=", "form=0", &cancel[..cancel.len() - 1], "other=1"] {
        assert_eq!(submitter.post(CANCEL, wrong).status, 403, "{wrong}");
    }
    assert_eq!(submitter.post(RETRY, &cancel).status, 403, "a form is for one thing");
    for foreign in
        [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")]
    {
        assert_eq!(submitter.ask("POST", CANCEL, &[foreign], &cancel).status, 403, "{foreign:?}");
    }
    assert_eq!(submitter.get(CANCEL).status, 405, "an address alone does nothing");
    assert_eq!(submitter.post("/sweep/simulated/delete", &cancel).status, 405);
    assert!(submitter.get(SWEEP).body.contains("<b>5</b> queued"), "nothing of this did anything");

    let done = submitter.post(CANCEL, &cancel);
    assert_eq!((done.status, done.header("location")), (303, Some("/sweep/simulated?done=cancel-5")), "{done:?}");
    let page = submitter.get("/sweep/simulated?done=cancel-5");
    assert_eq!(notice(&page), Some("5 jobs cancelled."));
    coordinator.process.says("simulated: 5 jobs cancelled, by the live page");
    let page = until("the cancelled jobs", || {
        let page = submitter.get(SWEEP);
        page.body.contains("<b>5</b> cancelled").then_some(page)
    });
    assert_eq!((form(&page, CANCEL), notice(&page)), (None, None), "there is nothing to cancel");

    let done = submitter.post(RETRY, &form(&page, RETRY).unwrap());
    assert_eq!((done.status, done.header("location")), (303, Some("/sweep/simulated?done=retry-5")), "{done:?}");
    assert_eq!(notice(&submitter.get("/sweep/simulated?done=retry-5")), Some("5 jobs are tried again."));
    coordinator.process.says("simulated: 5 jobs are tried again, by the live page");
    until("the queue", || submitter.get(SWEEP).body.contains("<b>5</b> queued").then_some(()));
    let facts = lab.history().facts;
    let cancelled = facts.iter().filter(|fact| matches!(fact, Fact::Cancelled { .. })).count();
    let submitted = facts.iter().filter(|fact| matches!(fact, Fact::Submitted { .. })).count();
    assert_eq!((cancelled, submitted), (1, 2), "the store has it");
}

#[test]
fn a_page_has_nothing_done_unless_it_was_told_to() {
    let lab = Lab::new();
    lab.write(&simulated(2, 1));
    let mut coordinator = lab.serve(&["--page", "127.0.0.1:0"]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let browser = Browser::let_in(&link(&mut coordinator.process));
    let page = browser.page(SWEEP);
    assert!(!page.body.contains("method=\"post\"") && !page.body.contains("id=\"actions\""), "{}", page.body);
    for path in [CANCEL, RETRY, SPLITS] {
        assert_eq!(browser.ask("POST", path, &browser.address).status, 405, "{path}");
        assert_eq!(browser.get(path).status, 404, "{path}");
    }
    assert!(browser.page(SWEEP).body.contains("<b>2</b> queued"));
    let refused = lab.run(["page", "sweeps.db", "--page-actions"]).expect(2).stderr;
    assert!(refused.contains("--page-actions"), "{refused}");
}

#[test]
fn on_this_machine_the_code_is_enough_to_have_failed_jobs_tried_again() {
    let lab = Lab::new();
    lab.write(&simulated(1, 1));
    let mut coordinator = lab.serve(&["--page", "127.0.0.1:0", "--page-actions"]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let browser = Browser::let_in(&link(&mut coordinator.process));
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut peer = Peer::new(&coordinator.url, 1, 1);
        peer.register().await.unwrap();
        for _ in 0..3 {
            peer.synchronize().await.unwrap();
            let lease = peer.held.remove(0);
            assert!(peer.fail(&lease, FailureKind::Error, "it broke", "").await.unwrap());
        }
    });
    let page = until("the failure", || {
        let page = browser.page(SWEEP);
        page.body.contains("<b>1</b> failed").then_some(page)
    });
    let retry = form(&page, RETRY).unwrap();
    assert_eq!(form(&page, CANCEL), None, "the sweep has ended");
    let done = browser.post(RETRY, &retry);
    assert_eq!((done.status, done.header("location")), (303, Some("/sweep/simulated?done=retry-1")), "{done:?}");
    assert_eq!(notice(&browser.page("/sweep/simulated?done=retry-1")), Some("1 job is tried again."));
    let _worker = lab.worker(&coordinator.url, "w", &["--simulate", "1ms"]);
    coordinator.ended(&lab);
    lab.check_complete(1);
    assert_eq!(browser.post("/sweep/other/retry", &retry).status, 403, "a form is for one sweep");
}

#[test]
fn splits_are_added_once_however_often_the_form_is_sent_and_the_sweep_begins_again() {
    const GRID: &str = "/sweep/grid";
    const MORE: &str = "/sweep/grid/splits";
    let lab = Lab::new();
    lab.write(&format!("{}# the end\n", grid("grid", 2)));
    let mut coordinator = lab.serve(&["--page", "127.0.0.1:0", "--page-actions"]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let browser = Browser::let_in(&link(&mut coordinator.process));
    let _worker = lab.worker(&coordinator.url, "w", &["--simulate", "1ms", "--slots", "4"]);
    coordinator.ended(&lab);
    let page = until("the end, on the page", || {
        let page = browser.page(GRID);
        page.body.contains("With 6 it has 24 jobs more, 6 per split: about ").then_some(page)
    });
    assert!(page.body.contains("The sweep has 2 splits.") && page.body.contains(" on 4 slots."), "{}", page.body);
    let more = form(&page, MORE).unwrap();
    for wrong in ["form=0&splits=6", "splits=6"] {
        assert_eq!(browser.post(MORE, wrong).status, 403, "{wrong}");
    }
    for (number, why) in [("", "a whole number"), ("x", "a whole number"), ("103", "must be 3 to 102")] {
        let refused = browser.post(MORE, &format!("{more}&splits={number}"));
        assert_eq!(refused.status, 409, "{number}: {}", refused.body);
        assert!(refused.body.contains(why) && refused.body.contains("Not done"), "{number}: {}", refused.body);
    }
    let six = format!("{more}&splits=6");
    let [done, again] = [browser.post(MORE, &six), browser.post(MORE, &six)];
    assert_eq!((done.status, done.header("location")), (303, Some("/sweep/grid?done=splits-4")), "{done:?}");
    assert_eq!((again.status, again.header("location")), (303, Some("/sweep/grid?done=splits-0")), "{again:?}");
    assert_eq!(notice(&browser.page("/sweep/grid?done=splits-4")), Some("4 splits added."));
    coordinator.process.says("grid: 4 splits added, by the live page");
    coordinator.ended(&lab);
    lab.check_complete(36);
    let texts: Vec<_> = lab.history().facts.into_iter().filter_map(submitted).collect();
    let [first, second] = &texts[..] else { panic!("{texts:?}") };
    assert_eq!(*second, first.replace("split_seeds: 2", "split_seeds: 6"), "the store has it");
    assert!(second.contains("split_seeds: 6") && second.ends_with("# the end\n"), "{second}");
}

/// The text of a sweep file that was submitted.
fn submitted(fact: Fact) -> Option<String> {
    match fact {
        Fact::Submitted { text, .. } => Some(text),
        _ => None,
    }
}

#[test]
fn a_sweep_that_adds_splits_by_itself_says_so() {
    let lab = Lab::new();
    lab.write(&format!("{}until: {{half_width: 0.01, max_replicates: 9}}\n", simulated(5, 1)));
    let mut coordinator = lab.serve(&["--page", "127.0.0.1:0", "--page-actions"]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let page = Browser::let_in(&link(&mut coordinator.process)).page(SWEEP);
    assert_eq!(form(&page, SPLITS), None);
    assert!(page.body.contains("That cannot be done here: the sweep adds splits by itself"), "{}", page.body);
}
