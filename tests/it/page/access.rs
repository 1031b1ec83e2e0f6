//! Who is let in, and what browsers are told to do with what they get.

use super::{link, served};
use crate::harness::{Browser, Lab, Process, free_port, simulated};
use std::net::TcpListener;

#[test]
fn a_code_lets_one_browser_in_and_nobody_else_sees_anything() {
    let lab = Lab::new();
    lab.write(&simulated(2, 1));
    let mut coordinator = lab.serve(&["--page", "127.0.0.1:0"]);
    let first = link(&mut coordinator.process);
    let browser = Browser::let_in(&first);
    let stranger = Browser { cookie: String::new(), address: browser.address.clone() };
    let code = first.rsplit_once('/').unwrap().1;
    for path in ["/", "/page.css", "/events", "/sweep/simulated", &format!("/{code}"), "/?code=", "/?code=0"] {
        let refused = stranger.get(path);
        assert_eq!(refused.status, 401, "{path}");
        assert!(refused.body.contains("open the address that the program printed last"), "{}", refused.body);
    }
    coordinator.process.says("(for one more browser)");
    for host in ["evil.example", "evil.example:7071", "10.0.0.1", ""] {
        assert_eq!(browser.ask("GET", "/", host).status, 421, "{host}");
    }
    assert_eq!(browser.ask("GET", "/", "localhost:9").status, 200, "as through a tunnel");
    assert_eq!(browser.ask("POST", "/", &browser.address).status, 405);
    for path in [
        "/../sweeps.db",
        "/page.css/../../sweeps.db",
        "/%2e%2e/sweeps.db",
        "/sweeps.db",
        "/sweep/..%2fsweeps.db",
        "/job/x",
    ] {
        let missing = browser.get(path);
        assert_eq!(missing.status, 404, "{path}");
        assert!(!missing.body.contains("SQLite format"), "{path}");
    }
}

#[test]
fn every_answer_says_what_a_browser_may_do_with_it() {
    let lab = Lab::new();
    let (_coordinator, browser) = served(&lab);
    let stranger = Browser { cookie: String::new(), address: browser.address.clone() };
    let answers = [
        browser.get("/"),
        browser.get("/page.js"),
        browser.get("/nowhere"),
        stranger.get("/"),
        browser.ask("GET", "/", "x"),
    ];
    for answer in answers {
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{answer:?}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert!(matches!(answer.header("cache-control"), Some("no-store" | "no-cache")), "{answer:?}");
    }
}

#[test]
fn a_page_is_for_this_machine_and_finds_a_port() {
    let lab = Lab::new();
    let exposed = lab.run(["serve", "--listen", "127.0.0.1:0", "--page", "0.0.0.0:7071"]).expect(2);
    assert!(exposed.stderr.contains("ssh -L 7071:127.0.0.1:7071 HOST"), "{}", exposed.stderr);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = lab.run(["serve", "--listen", "127.0.0.1:0", "--page", &address]).expect(2);
    assert!(refused.stderr.contains("choose another address with --page"), "{}", refused.stderr);
    assert!(!lab.store().exists(), "nothing is written");
    // whoever has the usual port, this test or somebody else: it is taken
    let _usual = TcpListener::bind("127.0.0.1:7071");
    let mut command = lab.command("coordinator", ["serve", "--listen", "127.0.0.1:0"]);
    let mut coordinator = Process::start(command.env_remove("SPLITSWEEP_PAGE"));
    let link = link(&mut coordinator);
    assert!(!link.starts_with("http://127.0.0.1:7071/"), "{link}");
    assert_eq!(Browser::let_in(&link).get("/").status, 200);
}

#[test]
fn a_restart_of_the_coordinator_keeps_viewers_in() {
    let lab = Lab::new();
    let address = format!("127.0.0.1:{}", free_port());
    let mut coordinator = lab.serve(&["--page", &address]);
    let browser = Browser::let_in(&link(&mut coordinator.process));
    browser.page("/");
    coordinator.process.kill();
    let _again = lab.serve(&["--page", &address]);
    browser.page("/");
    let other = Browser { cookie: format!("{}0", browser.cookie), address };
    assert_eq!(other.get("/").status, 401);
}

#[test]
fn a_coordinator_with_another_token_lets_nobody_in_that_the_last_one_did() {
    let lab = Lab::new();
    let address = format!("127.0.0.1:{}", free_port());
    let serve = |token: &str| {
        lab.write_token("token", token);
        lab.serve(&["--token-file", "token", "--page", &address])
    };
    let mut first = serve("a token of many letters");
    let browser = Browser::let_in(&link(&mut first.process));
    first.process.kill();
    let mut same = serve("a token of many letters");
    link(&mut same.process);
    browser.page("/");
    same.process.kill();
    let mut other = serve("another token of many letters");
    link(&mut other.process);
    assert_eq!(browser.get("/").status, 401);
}
