//! Pages keep up with the sweep.

use super::{of_store, served};
use crate::harness::{Lab, Peer, simulated, until};

#[test]
fn who_looks_is_told_of_news_and_finds_them() {
    let lab = Lab::new();
    lab.write(&simulated(40, 1));
    let (coordinator, browser) = served(&lab);
    lab.submit(&coordinator.url, &["--simulated"]);
    let before = browser.page("/sweep/simulated");
    let mut events = browser.events();
    let first = events.next().unwrap();
    assert!(first >= before.version());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut peer = Peer::new(&coordinator.url, 1, 1);
        peer.register().await.unwrap();
        peer.synchronize().await.unwrap();
        peer.complete().await.unwrap();
    });
    // the versions rise, and a page of one of them has the result
    let (mut last, mut found) = (first, false);
    while !found {
        let version = events.next().unwrap();
        assert!(version > last, "{version} after {last}");
        last = version;
        // a page may be of an older version for a moment, and says so
        let page = until("a page of that version", || {
            let page = browser.page("/sweep/simulated");
            (page.version() >= version).then_some(page)
        });
        found = page.body.contains("<b>1</b> done");
    }
}

#[test]
fn more_viewers_than_there_are_places_ask_again_and_again() {
    let lab = Lab::new();
    let (_coordinator, browser) = served(&lab);
    let mut streams: Vec<_> = (0..64).map(|_| browser.events()).collect();
    for stream in &mut streams {
        assert!(stream.next().is_some());
    }
    let refused = browser.get("/events");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("60")));
    browser.page("/");
    drop(streams);
    until("a place", || browser.events().next());
}

#[test]
fn a_page_of_a_store_follows_the_coordinator_that_writes_it() {
    let lab = Lab::new();
    lab.write(&simulated(5, 1));
    let coordinator = lab.serve(&[]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let (_process, browser) = of_store(&lab);
    assert!(browser.page("/sweep/simulated").body.contains("<b>0</b> done"));
    let mut events = browser.events();
    let first = events.next().unwrap();
    let _worker = lab.worker(&coordinator.url, "w", &["--simulate", "1ms"]);
    assert!(events.next().unwrap() > first);
    until("the results", || browser.page("/sweep/simulated").body.contains("<b>5</b> done").then_some(()));
    assert!(browser.page("/workers").body.contains("No coordinator runs here"));
    let empty = Lab::new();
    assert!(empty.run(["page", "sweeps.db"]).expect(2).stderr.contains("there is no store"), "a store is not made");
}
