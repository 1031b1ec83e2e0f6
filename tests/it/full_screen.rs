//! `coordinator watch --full` on a real pseudo-terminal: it comes up, follows, and leaves the terminal as it was.

use crate::harness::{Lab, Signal, Tty, grid, kill, simulated, until};

#[test]
fn the_screen_follows_a_sweep_and_gives_the_terminal_back() {
    let lab = Lab::new();
    lab.write(&grid("watched", 2));
    let coordinator = lab.serve(&[]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let mut tty = Tty::start(&lab.command("coordinator", ["watch", "--full"]));
    tty.shows("0/12 jobs done");
    assert!(tty.is_full() && !tty.is_restored());
    let _worker = lab.worker(&coordinator.url, "gpu1", &["--simulate", "10ms"]);
    tty.shows("12/12 jobs done");
    let table: serde_json::Value = serde_json::from_str(&lab.table("candidates", "json")).unwrap();
    let candidates = table["rows"].as_array().unwrap().iter().filter(|row| row["row"] == "candidate");
    let shown = candidates.map(|row| {
        let name = format!("{} \u{b7} {}", row["architecture"].as_str().unwrap(), row["loss"].as_str().unwrap());
        (name, format!(" {:.3} ", row["mean"].as_f64().unwrap()))
    });
    let shown: Vec<_> = shown.collect();
    // a screen that is seen while it is drawn has a part of the one before
    tty.waits(&format!("the leader and {shown:?}"), |text| {
        let has =
            |(name, mean): &(String, String)| text.lines().any(|line| line.starts_with(name) && line.contains(mean));
        text.contains("leads") && text.contains('\u{25cf}') && shown.iter().all(has)
    });
    tty.types("4");
    tty.shows("what it does");
    tty.shows("gpu1");
    tty.types("3");
    tty.shows("took");
    tty.types("\r");
    tty.shows("attempt 1 has succeeded");
    tty.resize(60, 12);
    tty.waits("the smaller screen", |text| {
        text.contains("Esc back") && text.lines().all(|line| line.chars().count() <= 60)
    });
    tty.types("\u{1b}");
    tty.shows("Enter details");
    tty.types("q");
    assert_eq!(tty.wait().code(), Some(0));
    tty.gives_back();
    tty.shows("12/12 jobs done");
}

#[test]
fn a_key_that_comes_with_a_new_size_counts() {
    let lab = Lab::ended("ended", 2);
    let mut tty = Tty::start(&lab.command("coordinator", ["watch", "--full", "--store", "sweeps.db"]));
    tty.shows("Enter details");
    for (columns, key, shown) in [(90, "?", "Esc back"), (100, "\u{1b}", "Enter details")].repeat(5) {
        // a program that does not run while both come finds both at once
        kill(tty.id(), Signal::STOP);
        tty.resize(columns, 30);
        tty.types(key);
        kill(tty.id(), Signal::CONT);
        tty.shows(shown);
    }
    tty.types("q");
    assert_eq!(tty.wait().code(), Some(0));
}

#[test]
fn the_screen_connects_again_and_ends_by_signal() {
    let lab = Lab::new();
    lab.write(&simulated(2, 1));
    let mut coordinator = lab.serve_on_free_port();
    lab.submit(&coordinator.url, &["--simulated"]);
    let address = coordinator.address().to_owned();
    let mut tty = Tty::start(&lab.command("coordinator", ["watch", "--full", "--coordinator", &coordinator.url]));
    tty.shows("0/2 jobs done");
    coordinator.process.kill();
    tty.shows("not connected since");
    tty.shows("0/2 jobs done");
    let _next = lab.serve_on(&address, &[]);
    tty.waits("the next coordinator", |text| text.contains("0/2 jobs done") && !text.contains("not connected"));
    tty.types("6");
    tty.shows("the connection is back");
    kill(tty.id(), Signal::TERM);
    assert_eq!(tty.wait().code(), Some(0));
    tty.gives_back();
    tty.shows("the connection is back");
}

#[test]
fn what_a_coordinator_leaves_in_its_store_is_shown() {
    let lab = Lab::new();
    lab.write(&grid("left", 2));
    let mut coordinator = lab.sweep(&["--local-workers", "1", "--simulate", "1s"]);
    until("a running job", || lab.run(["status"]).stdout.contains(" 1 running").then_some(()));
    let mut tty = Tty::start(&lab.command("coordinator", ["watch", "--full"]));
    tty.shows("/12 jobs done, 1 running");
    coordinator.process.wait().expect(0);
    tty.waits("the last results", |text| {
        text.contains("12/12 jobs done") && text.contains("leads") && !text.contains("not connected")
    });
    tty.types("3");
    let jobs = tty.waits("the last jobs", |text| text.matches("succeeded").count() == 12);
    assert!(jobs.lines().next().unwrap().ends_with("sweeps.db"), "{jobs}");
    tty.types("6");
    tty.shows("the news come from sweeps.db now");
    tty.types("q");
    assert_eq!(tty.wait().code(), Some(0));
}

#[test]
fn a_store_is_shown_after_the_end_and_a_dumb_terminal_is_not() {
    let lab = Lab::ended("ended", 2);
    let mut ascii = lab.command("coordinator", ["watch", "--full", "--store", "sweeps.db"]);
    let mut tty = Tty::start(ascii.env("LC_CTYPE", "C").env("NO_COLOR", "1"));
    let seen = tty.waits("the results", |text| text.contains("12/12 jobs done") && text.contains("leads"));
    assert!(seen.is_ascii() && seen.contains("|-"), "{seen}");
    tty.types("\u{3}");
    assert_eq!(tty.wait().code(), Some(0));
    tty.gives_back();

    let mut dumb = lab.command("coordinator", ["watch", "--full"]);
    let mut tty = Tty::start(dumb.env("TERM", "dumb"));
    assert_eq!(tty.wait().code(), Some(2));
    tty.shows("TERM says that this one cannot: leave --full out, or give --json");
    let refused = lab.run(["watch", "--full"]).expect(2);
    assert!(refused.stderr.contains("--full needs a terminal"), "{}", refused.stderr);
    let other = Tty::start(&lab.command("coordinator", ["watch", "--full", "--sweep", "other"]));
    other.shows("no sweep is named `other`; there are: ended");
}
