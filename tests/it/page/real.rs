//! What a real browser makes of the page.

use super::{VIEWS, ended, link};
use crate::harness::{BROWSERS, Chromium, Lab, Peer, Process, free_port, simulated, skipped, until};
use proto::measure::FailureKind;

/// Names the file axe.min.js of axe-core, which knows what keeps people from reading a page.
const AXE: &str = "AXE";
/// What it finds, in words.
const FINDINGS: &str = "axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations.map(({ id, impact, nodes }) => \
                        `${id} (${impact}), ${nodes.length} times, such as ${nodes[0].html.slice(0, 160)}: ${nodes[0].failureSummary}`))";

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
fn axe_finds_nothing_that_keeps_people_from_reading_any_view() {
    let Ok(axe) = std::env::var(AXE).map(|file| std::fs::read_to_string(file).unwrap()) else {
        return skipped("AXE does not name axe.min.js: the live page was not looked at with axe-core");
    };
    let lab = ended();
    let Some(mut chromium) = chromium(&lab) else { return };
    let job = lab.rows("jobs")[0]["job"].clone();
    lab.write(&simulated(3, 100));
    let mut coordinator = lab.serve(&["--page", "127.0.0.1:0"]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let _worker = lab.worker(&coordinator.url, "w", &["--simulate", "100s"]);
    coordinator.running(&lab, "w");
    let link = link(&mut coordinator.process);
    chromium.open(&link);
    let views = VIEWS.map(|view| format!("/sweep/grid{view}"));
    let others = ["/".to_owned(), "/workers".to_owned(), "/sweep/simulated".to_owned(), format!("/job/{job}")];
    let mut findings = Vec::new();
    for path in views.iter().chain(&others) {
        chromium.open(&format!("{}{path}", link.split("/?").next().unwrap()));
        chromium.until("document.body.dataset.link === 'live' && document.body.dataset.settled === '1'");
        chromium.value(&format!("{axe}\n;1"));
        for (width, scheme) in [(1400, "light"), (1400, "dark"), (400, "dark"), (400, "light")] {
            chromium.resize(width);
            chromium.prefer(scheme);
            let found = chromium.value(FINDINGS);
            findings
                .extend(found.as_array().unwrap().iter().map(|words| format!("{path}, {width}, {scheme}: {words}")));
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
    // what the check sees: a picture without words
    chromium.value("document.getElementById('main').append(new Image()); 1");
    let found = chromium.value(FINDINGS);
    assert!(found.to_string().contains("image-alt"), "{found}");
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
