//! The live page as its viewers get it: who is let in, what each view shows, and that it keeps up with the sweep.

use crate::harness::{
    Answer, BROWSERS, Browser, Chromium, Coordinator, Lab, Peer, Process, free_port, grid, simulated, skipped, until,
};
use proto::measure::FailureKind;
use serde_json::Value;
use std::net::TcpListener;

/// The views of a sweep.
const VIEWS: [&str; 6] = ["", "/cells", "/compare", "/effects", "/curves", "/failures"];

/// The address by which a program lets one browser in.
fn link(process: &mut Process) -> String {
    let line = process.says("live page: ");
    line.strip_prefix("live page: ").unwrap().to_owned()
}

/// A coordinator that serves a page too, and a browser that it has let in.
fn served(lab: &Lab) -> (Coordinator, Browser) {
    let mut coordinator = lab.serve(&["--page", "127.0.0.1:0"]);
    let browser = Browser::let_in(&link(&mut coordinator.process));
    (coordinator, browser)
}

/// A page of the store, without a coordinator.
fn of_store(lab: &Lab) -> (Process, Browser) {
    let command = ["page", "sweeps.db", "--page", "127.0.0.1:0"];
    let mut process = Process::start(&mut lab.command("coordinator", command));
    let browser = Browser::let_in(&link(&mut process));
    (process, browser)
}

/// A lab with the grid, ended.
fn ended() -> Lab {
    let lab = Lab::new();
    lab.write(&grid("grid", 6));
    lab.sweep(&["--local-workers", "1", "--slots", "4", "--simulate", "1ms"]).process.wait().expect(0);
    lab
}

/// Every view of the sweep, which is there and is what it says.
fn every_view(browser: &Browser, sweep: &str) -> Vec<Answer> {
    let pages: Vec<_> = VIEWS.iter().map(|view| browser.page(&format!("/sweep/{sweep}{view}"))).collect();
    for (view, page) in VIEWS.iter().zip(&pages) {
        assert!(page.body.contains(&format!("href=\"/sweep/{sweep}{view}\" aria-current=\"page\"")), "{view}");
        assert!(!page.body.contains("NaN") && !page.body.contains("style="), "{view}");
    }
    pages
}

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
fn a_store_without_a_sweep_and_a_sweep_without_a_worker_have_pages() {
    let lab = Lab::new();
    lab.write(&grid("grid", 6));
    let (coordinator, browser) = served(&lab);
    assert!(browser.page("/").body.contains("coordinator submit FILE"), "what to do");
    assert!(browser.page("/workers").body.contains("No worker yet"));
    assert_eq!(browser.get("/sweep/grid").status, 404);
    lab.submit(&coordinator.url, &[]);
    let pages = every_view(&browser, "grid");
    assert!(pages[0].body.contains("waiting for workers") && pages[0].body.contains("nothing can be said"));
    assert!(browser.page("/").body.contains("href=\"/sweep/grid\""));
}

#[test]
fn the_page_has_the_numbers_of_the_tables() {
    let lab = ended();
    let (_process, browser) = of_store(&lab);
    let pages = every_view(&browser, "grid");
    let overview = &pages[0].body;
    let table: Value = serde_json::from_str(&lab.table("candidates", "json")).unwrap();
    let rows = table["rows"].as_array().unwrap();
    let mut seen = 0;
    for (index, row) in rows.iter().enumerate().filter(|(_, row)| row["kind"] != "baseline") {
        let (_, rest) = overview.split_once(&format!("data-candidate=\"{index}\"")).unwrap();
        let line = rest.split("</tr>").next().unwrap();
        let name = format!("{} \u{b7} {}", row["architecture"].as_str().unwrap(), row["loss"].as_str().unwrap());
        assert!(line.contains(&format!(">{name}<")), "{name}: {line}");
        for (class, column) in [("mean", "mean"), ("sd", "sd")] {
            let number = format!("{:.3}", row[column].as_f64().unwrap());
            assert!(
                line.contains(&format!("class=\"number {class}\">{number}</td>")),
                "{name}, {column} {number}: {line}"
            );
        }
        let n = format!("class=\"number n\">{}</td>", row["n"]);
        assert!(line.contains(&n), "{name}, {n}: {line}");
        seen += 1;
    }
    assert_eq!(seen, 6);
    assert_eq!(overview.matches("<title>split ").count(), 6 * 6, "a dot for each split");
    let answer = lab.run(["tables"]).expect(0).stdout;
    let lead = overview.split_once("<p class=\"lead\">").unwrap().1.split("</p>").next().unwrap();
    let words = |text: &str| {
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 5).map(str::to_owned).collect::<Vec<_>>()
    };
    let told = words(&answer);
    assert!(words(lead).iter().all(|word| told.contains(word)), "{lead}\n{answer}");
    // every job has its cell, and its page
    let cells = &pages[1].body;
    let jobs = lab.rows("jobs");
    for row in &jobs {
        assert_eq!(cells.matches(&format!("href=\"/job/{}\"", row["job"])).count(), 1, "{row:?}");
    }
    let job = browser.page(&format!("/job/{}", jobs[0]["job"]));
    assert!(job.body.contains("attempt 1 has succeeded") && job.body.contains("Learning curve"));
    assert_eq!(browser.page(&format!("/job/{}", &jobs[0]["job"][..12])).body.matches("<h1>").count(), 1);
    assert!(pages[4].body.contains("Learning curves") && pages[3].body.contains("Which axes matter"));
}

#[test]
fn candidates_are_found_sorted_and_turned_over_by_the_server() {
    let lab = Lab::new();
    let rates: Vec<_> = (1..=120).map(|index| format!("{:.6}", 1e-5 * f64::from(index))).collect();
    lab.write(&grid("grid", 2).replace("loss: [bce, dice, focal]", &format!("learning_rate: [{}]", rates.join(", "))));
    let (coordinator, browser) = served(&lab);
    lab.submit(&coordinator.url, &[]);
    let count = |path: &str| browser.page(path).body.matches("data-candidate=").count();
    assert_eq!((count("/sweep/grid"), count("/sweep/grid?page=3"), count("/sweep/grid?page=99")), (100, 40, 40));
    assert_eq!(count("/sweep/grid?find=UNET2"), 100);
    assert_eq!((count("/sweep/grid?find=unet2+0.0011"), count("/sweep/grid?find=nothing")), (10, 0));
    assert_eq!(count("/sweep/grid?sort=nonsense&page=x&a=-1"), 100, "what makes no sense is left out");
    let sorted = browser.page("/sweep/grid?sort=-name&find=0.0011").body;
    assert!(sorted.contains("aria-sort=\"descending\"") && sorted.contains("value=\"0.0011\""));
    let first = sorted.split_once("data-candidate=").unwrap().1;
    assert!(first[..first.find("</tr>").unwrap()].contains("unet2"), "the last name first");
    let escaped = browser.page("/sweep/grid?find=%3Cscript%3Ealert(1)%3C/script%3E").body;
    assert!(!escaped.contains("<script>alert"));
}

#[test]
fn a_failure_is_shown_with_what_the_trainer_said_and_how_to_try_again() {
    let lab = Lab::new();
    lab.write(&simulated(3, 1));
    let (coordinator, browser) = served(&lab);
    lab.submit(&coordinator.url, &["--simulated"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut peer = Peer::new(&coordinator.url, 1, 3);
        peer.register().await.unwrap();
        peer.synchronize().await.unwrap();
        let leases = peer.held.clone();
        assert!(
            peer.fail(&leases[0], FailureKind::Data, "case 17 has no <mask>", "reading\ncase 17: no such file\n")
                .await
                .unwrap()
        );
        peer.report(&leases[1]).await.unwrap();
    });
    let failures = until("the failure", || {
        let page = browser.page("/sweep/simulated/failures").body;
        page.contains("case 17").then_some(page)
    });
    for expected in ["data: case 17 has no &lt;mask&gt;", "case 17: no such file", "on worker peer"] {
        assert!(failures.contains(expected), "{expected}: {failures}");
    }
    for page in every_view(&browser, "simulated") {
        assert!(!page.body.contains("<mask>"));
    }
}

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

/// A browser; says so if there is none.
fn chromium(lab: &Lab) -> Option<Chromium> {
    let browser = Chromium::start(&lab.path("profile"));
    if browser.is_none() {
        skipped(&format!("no browser ({}) works: the live page was not opened, only read", BROWSERS.join(", ")));
    }
    browser
}

#[test]
fn a_real_browser_is_let_in_and_has_nothing_to_complain_of() {
    let lab = ended();
    let Some(mut chromium) = chromium(&lab) else { return };
    let mut command = lab.command("coordinator", ["page", "sweeps.db", "--page", "127.0.0.1:0"]);
    let mut process = Process::start(&mut command);
    let link = link(&mut process);
    chromium.open(&link);
    chromium.until("document.body.dataset.link === 'live' && location.search === ''");
    assert_eq!(chromium.value("document.querySelectorAll('tbody tr').length"), 1, "the code let it in");
    let address = link.split("/?").next().unwrap();
    for view in VIEWS {
        for width in [1400, 400] {
            chromium.resize(width);
            chromium.open(&format!("{address}/sweep/grid{view}"));
            chromium.until("document.body.dataset.link === 'live' && document.body.dataset.settled === '1'");
            let wide = chromium.value("document.documentElement.scrollWidth");
            assert!(wide.as_u64() <= Some(width.into()), "{view} is {wide} wide on a screen of {width}");
        }
    }
    assert_eq!(chromium.console, Vec::<String>::new(), "the page is silent, and its policy had nothing to forbid");
    // what the check sees: a picture from elsewhere, which the policy forbids
    chromium.value("document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.1:1/foreign.png' }))");
    until("the console", || {
        chromium.value("1");
        chromium.console.iter().any(|line| line.contains("foreign.png")).then_some(())
    });
}

#[test]
fn an_open_page_keeps_up_and_leaves_its_reader_alone() {
    let lab = Lab::new();
    lab.write(&simulated(40, 1));
    let Some(mut chromium) = chromium(&lab) else { return };
    let address = format!("127.0.0.1:{}", free_port());
    let mut coordinator = lab.serve(&["--page", &address]);
    lab.submit(&coordinator.url, &["--simulated"]);
    chromium.open(&link(&mut coordinator.process));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut peer = runtime.block_on(async { Peer::new(&coordinator.url, 1, 2) });
    runtime.block_on(async {
        peer.register().await.unwrap();
        peer.synchronize().await.unwrap();
        let leases = peer.held.clone();
        assert!(peer.fail(&leases[0], FailureKind::Data, "no such file", "a log\n").await.unwrap());
    });
    chromium.open(&format!("http://{address}/sweep/simulated/failures"));
    chromium.until("!!document.querySelector('details')");
    chromium.value("window.same = true; document.querySelector('details').open = true; document.querySelector('summary').focus(); 1");
    let version = chromium.value("document.body.dataset.version");
    runtime.block_on(async {
        let lease = peer.held[1];
        peer.report(&lease).await.unwrap();
    });
    // the page is fetched again, changed in place, and what its reader did to it stays
    let newer = format!(
        "Number(document.body.dataset.version) > {} && document.body.dataset.settled === '1'",
        version.as_str().unwrap()
    );
    chromium.until(&newer);
    assert_eq!(chromium.value("window.same && document.querySelector('details').open"), true);
    assert_eq!(chromium.value("document.activeElement.tagName"), "SUMMARY");
    chromium.open(&format!("http://{address}/sweep/simulated"));
    chromium.value("window.same = true; document.getElementById('find').focus(); document.getElementById('find').value = 'mine'; 1");
    chromium.until("document.querySelector('.legend').textContent.includes('1 done')");
    assert_eq!(
        chromium.value("window.same && document.activeElement.id + ' ' + document.activeElement.value"),
        "find mine"
    );
    // a coordinator that is away is said to be, until it is back
    coordinator.process.kill();
    chromium.until("document.getElementById('notice').textContent.includes('does not answer')");
    let _again = lab.serve(&["--page", &address]);
    chromium.until("document.getElementById('notice').hidden && document.body.dataset.link === 'live'");
    assert_eq!(chromium.value("window.same"), true, "without a reload");
}
