//! The page as other machines reach it: inside TLS, under the names of the certificate, for who has a token.

use super::link;
use crate::harness::{Far, Lab, free_port, until};
use proto::credential::Credential;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

const ANYWHERE: [&str; 2] = ["--page", "0.0.0.0:0"];

/// The line of a token file.
fn token(lab: &Lab, role: &str) -> String {
    fs::read_to_string(lab.path(&format!("certs/{role}.token"))).unwrap().trim().to_owned()
}

#[test]
fn a_page_for_other_machines_needs_certificates() {
    let lab = Lab::new();
    for command in
        [&["serve", "--listen", "127.0.0.1:0"][..], &["serve", "--listen", "127.0.0.1:0", "--insecure-listen"]]
    {
        let refused = lab.run([command, &["--page", "0.0.0.0:7071"]].concat()).expect(2).stderr;
        assert!(refused.contains("--certs DIR") && refused.contains("ssh -L 7071:127.0.0.1:7071 HOST"), "{refused}");
    }
    assert!(!lab.store().exists(), "nothing is written");
    let lab = Lab::with_certs();
    let mut coordinator = lab.serve_with_certs(&["--page", "127.0.0.1:0"]);
    assert!(
        link(&mut coordinator.process).starts_with("http://127.0.0.1:"),
        "on this machine all is as without certificates"
    );
}

#[test]
fn a_stranger_is_asked_for_a_token_and_sees_nothing_else() {
    let lab = Lab::with_certs();
    let mut coordinator = lab.serve_with_certs(&ANYWHERE);
    let link = link(&mut coordinator.process);
    let stranger = Far::new(&lab, &link);
    for path in ["/", "/workers", "/sweep/simulated?sort=-mean", "/login", "/?code=0", "/nowhere"] {
        let form = stranger.get(path);
        assert_eq!(form.status, 401, "{path}");
        assert!(form.body.contains("action=\"/login\"") && form.body.contains("certs/reader.token"), "{}", form.body);
        assert!(!form.body.contains("<script") && !form.body.contains("style="), "{}", form.body);
        assert!(form.header("content-security-policy").is_some_and(|policy| policy.contains("form-action 'self'")));
        assert_eq!(form.header("cache-control"), Some("no-store"));
    }
    assert!(stranger.get("/sweep/a?b=c").body.contains("value=\"/sweep/a?b=c\""), "where to go afterwards");
    assert_eq!(stranger.get("/page.css").status, 200, "the form has the page's look");
    for path in ["/api/v1/status", "/events", "/page.js", "/metrics"] {
        let refused = stranger.get(path);
        assert_eq!((refused.status, refused.body.contains("<form")), (401, false), "{path}");
    }
    for probe in ["/healthz", "/readyz"] {
        assert_eq!(stranger.get(probe).body, "ok\n", "{probe}");
    }
    let bearing = format!("Bearer {}", token(&lab, "reader"));
    assert_eq!(stranger.ask("GET", "/metrics", &[("authorization", &bearing)], "").status, 200);
    assert_eq!(stranger.ask("GET", "/", &[("authorization", &bearing)], "").status, 401);
    for path in ["/", "/workers", "/sweep/simulated/cancel"] {
        assert_eq!(stranger.post(path, "").status, 405, "{path}");
    }
    // whoever does not speak TLS gets nothing
    let mut plain = TcpStream::connect((Ipv4Addr::LOCALHOST, stranger.port)).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[test]
fn a_reader_s_token_lets_a_browser_in_and_a_wrong_one_is_slowed() {
    let lab = Lab::with_certs();
    let mut coordinator = lab.serve_with_certs(&ANYWHERE);
    let link = link(&mut coordinator.process);
    let mut stranger = Far::new(&lab, &link);
    for role in ["reader", "submitter"] {
        let line = token(&lab, role);
        let secret = Credential::parse(&line).secret;
        for token in [line.as_str(), secret.reveal(), &format!("+{line}%0D%0A")] {
            let mut browser = stranger.clone();
            let welcome = browser.log_in(token);
            assert_eq!((welcome.status, welcome.header("location")), (303, Some("/workers")), "{welcome:?}");
            let cookie = welcome.header("set-cookie").unwrap();
            for attribute in ["; HttpOnly", "; SameSite=Strict", "; Secure", "; Path=/"] {
                assert!(cookie.contains(attribute), "{cookie}");
            }
            assert!(!cookie.contains(secret.reveal()), "the token is not in the cookie");
            let page = browser.get("/workers");
            assert!(page.status == 200 && page.body.contains("No worker yet"), "{page:?}");
            assert_eq!((browser.get("/metrics").status, browser.get("/login").status), (200, 303));
            assert_eq!(browser.post("/", "").status, 405, "who reads changes nothing");
        }
    }
    let began = Instant::now();
    for wrong in ["", "wrong", "wrong", &token(&lab, "worker"), "%00%FF"] {
        let form = stranger.log_in(wrong);
        assert_eq!((form.status, form.header("set-cookie")), (401, None), "{wrong}");
        assert!(form.body.contains("id=\"wrong\"") && form.body.contains("certs/reader.token"), "{}", form.body);
        assert!(form.body.contains("value=\"/workers\""), "{}", form.body);
    }
    assert!(began.elapsed() > Duration::from_millis(50 + 100 + 200 + 400 + 800), "they are slowed");
    coordinator.process.says("wrong tokens at the live page");
    // another site sends its visitors here
    let own = format!("token={}", token(&lab, "reader"));
    for foreign in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        let refused = stranger.ask("POST", "/login", &[foreign], &own);
        assert_eq!((refused.status, refused.header("set-cookie")), (403, None), "{foreign:?}");
    }
    assert_eq!(stranger.post("/login", &"x".repeat(20_000)).status, 413, "more than a token can have");
    // the address that was printed lets one in too
    let welcome = stranger.get(&link[link.rfind('/').unwrap()..]);
    assert_eq!((welcome.status, welcome.header("location")), (303, Some("/")));
    assert!(welcome.header("set-cookie").unwrap().ends_with("; Secure"));
    coordinator.process.says("(for one more browser)");
}

#[test]
fn a_cookie_ends_when_the_token_that_it_is_for_is_replaced() {
    let lab = Lab::with_certs();
    let address = format!("0.0.0.0:{}", free_port());
    let page = ["--page", &address];
    let mut coordinator = lab.serve_with_certs(&page);
    let stranger = Far::new(&lab, &link(&mut coordinator.process));
    let [mut reader, mut submitter] = [stranger.clone(), stranger];
    assert_eq!(reader.log_in(&token(&lab, "reader")).status, 303);
    assert_eq!(submitter.log_in(&token(&lab, "submitter")).status, 303);
    let status = |browser: &Far| browser.get("/workers").status;
    coordinator.process.kill();
    let mut coordinator = lab.serve_with_certs(&page);
    link(&mut coordinator.process);
    assert_eq!((status(&reader), status(&submitter)), (200, 200), "a restart ends neither");
    lab.run(["certs", "certs", "--new-token", "reader"]).expect(0);
    until("the end of the cookie", || (status(&reader) == 401).then_some(()));
    assert_eq!(status(&submitter), 200, "the other right has another token");
    assert_eq!(reader.log_in(&token(&lab, "reader")).status, 303);
    coordinator.process.kill();
    lab.run(["certs", "certs", "--new-token", "submitter"]).expect(0);
    let mut coordinator = lab.serve_with_certs(&page);
    link(&mut coordinator.process);
    assert_eq!((status(&reader), status(&submitter)), (200, 401), "replaced while no coordinator ran");
}

#[test]
fn only_names_of_the_certificate_are_answered_also_of_a_new_one() {
    let lab = Lab::with_certs();
    let mut coordinator = lab.serve_with_certs(&ANYWHERE);
    let link = link(&mut coordinator.process);
    let names = fs::read_to_string(lab.path("certs/names")).unwrap();
    let mut stranger = Far::new(&lab, &link);
    assert_eq!(Some(stranger.name.as_str()), names.lines().next(), "{link}");
    let status = |host: &str| stranger.ask("GET", "/", &[("host", host)], "").status;
    for name in names.lines() {
        let host = if name.contains(':') { format!("[{name}]:7") } else { format!("{name}:7") };
        assert_eq!(status(&host), 401, "{host}");
    }
    for other in ["evil.example", "head.example:7071", "10.255.255.1", "127.0.0.2", ""] {
        assert_eq!(status(other), 421, "{other}");
    }
    assert!(stranger.ask("GET", "/", &[("host", "head.example")], "").body.contains("--renew"), "what helps is said");
    lab.run(["certs", "certs", "--renew", "head.example"]).expect(0);
    until("the new certificate", || (status("head.example:7071") == 401).then_some(()));
    stranger.name = "head.example".to_owned();
    assert_eq!(stranger.get("/").status, 401, "and it is the one that is shown");
}

#[test]
fn who_says_nothing_keeps_nobody_out_and_who_is_let_in_may_stay() {
    let lab = Lab::with_certs();
    let mut coordinator = lab.serve_with_certs(&ANYWHERE);
    let mut browser = Far::new(&lab, &link(&mut coordinator.process));
    let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, browser.port)).unwrap();
    let mut silent: Vec<_> = (0..40).map(|_| connect()).collect();
    assert_eq!(browser.log_in(&token(&lab, "reader")).status, 303);
    let mut events = browser.events();
    assert!(events.any(|line| line.starts_with("data: ")));
    for stream in &mut silent {
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        let mut byte = [0];
        assert!(
            !stream.read(&mut byte).is_ok_and(|count| count > 0),
            "a handshake that does not come is not waited for"
        );
    }
    assert!(events.any(|line| line.contains("still here")), "a stream outlasts the time of strangers");
}
