//! The report as its readers get it: a page that works without a network, opened in a real browser.

use crate::harness::{BROWSERS, Lab, contents, skipped};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the drawings must be, whatever the sweep.
const FIGURES: [&str; 5] = ["scores", "differences", "ranks", "variance", "curves"];

/// A simulated sweep of 2 networks x 3 losses on 3 splits, ended, and its report.
fn reported() -> Lab {
    let lab = Lab::ended("reported", 3);
    let ended = lab.run(["report", "--out", "report"]).expect(0);
    assert!(ended.stdout.ends_with("report/report.html\n"), "the standard output names the page: {}", ended.stdout);
    lab
}

/// Opens a page in a browser without a window; what its console says, and the page as it was understood. `None`
/// without a browser.
fn opened(page: &Path, profile: &Path) -> Option<(Vec<String>, String)> {
    let works =
        |browser: &&&str| Command::new(browser).arg("--version").output().is_ok_and(|said| said.status.success());
    let output = BROWSERS.iter().find(works).map(|browser| {
        let mut command = Command::new("timeout");
        command.args([
            "120",
            browser,
            "--disable-dev-shm-usage",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
        ]);
        command.args(["--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--v=0", "--dump-dom"]);
        command.arg(format!("--user-data-dir={}", profile.display())).arg(format!("file://{}", page.display()));
        command.stdin(Stdio::null()).output().unwrap()
    })?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the browser failed: {said}");
    let console = said.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    Some((console, String::from_utf8_lossy(&output.stdout).into_owned()))
}

#[test]
fn a_browser_opens_the_page_and_asks_nobody_for_anything() {
    let lab = reported();
    let page = lab.path("report/report.html");
    let Some((console, understood)) = opened(&page, &lab.path("profile")) else {
        return skipped(&format!("no browser ({}) works: the page was not opened, only read", BROWSERS.join(", ")));
    };
    assert_eq!(console, Vec::<String>::new(), "the page is silent, and its policy had nothing to forbid");
    for figure in FIGURES {
        assert!(
            understood.contains(&format!("<section id=\"{figure}\">")),
            "{figure} is missing in the browser's page"
        );
    }
    // the same page with a foreign image: the check sees what it must see
    let text = fs::read_to_string(&page).unwrap();
    let foreign = lab.path("foreign.html");
    fs::write(&foreign, text.replace("</main>", "<img alt=\"\" src=\"http://localhost:1/foreign.png\"></main>"))
        .unwrap();
    let (console, _) = opened(&foreign, &lab.path("profile")).unwrap();
    assert!(console.iter().any(|line| line.contains("foreign.png")), "{console:?}");
}

#[test]
fn the_page_holds_all_that_it_shows() {
    let lab = reported();
    let page = fs::read_to_string(lab.path("report/report.html")).unwrap();
    for word in ["http://", "https://", "<script", "@import", "javascript:", "<iframe", "<object", "<embed"] {
        assert!(!page.contains(word), "the page has `{word}`");
    }
    // whatever is loaded is in the page; whatever is linked to lies beside it
    for attribute in ["src=\"", "href=\"", "url("] {
        for (at, _) in page.match_indices(attribute) {
            let target = &page[at + attribute.len()..];
            let target = &target[..target.find(['"', ')']).unwrap()];
            let is_within = target.starts_with("data:") || target.starts_with('#');
            assert!(is_within || lab.path("report").join(target).is_file(), "the page needs {target}");
        }
    }
    assert!(page.contains("default-src 'none'"), "the policy that forbids the rest");
}

#[test]
fn figures_and_tables_are_files_and_a_report_is_written_anew() {
    let lab = reported();
    let first = contents(&lab.path("report"));
    for figure in FIGURES {
        let svg = String::from_utf8(first[Path::new(&format!("figures/{figure}.svg"))].clone()).unwrap();
        assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>"), "{figure}");
        assert!(first[Path::new(&format!("figures/{figure}.pdf"))].starts_with(b"%PDF-"), "{figure}");
    }
    let candidates = String::from_utf8(first[Path::new("tables/candidates.csv")].clone()).unwrap();
    assert_eq!(candidates, lab.table("candidates", "csv"), "the same table as that of `tables`");
    fs::write(lab.path("report/figures/scores.svg"), "damaged").unwrap();
    lab.run(["report", "--out", "report"]).expect(0);
    assert_eq!(contents(&lab.path("report")), first, "the same store, the same report");
}

/// Only the commands on the page differ: they name what was asked.
#[test]
fn a_coordinator_gives_the_report_of_its_store() {
    let lab = reported();
    let coordinator = lab.serve(&[]);
    let ended = lab.run(["report", "--out", "fetched", "--coordinator", &coordinator.url]).expect(0);
    assert!(ended.stdout.ends_with("fetched/report.html\n"), "{}", ended.stdout);
    let page = |folder: &str| {
        let mut files = contents(&lab.path(folder));
        let page = String::from_utf8(files.remove(Path::new("report.html")).unwrap()).unwrap();
        (files, page)
    };
    let ((own, _), (fetched, page)) = (page("report"), page("fetched"));
    assert_eq!(own, fetched);
    assert!(page.contains(&format!("coordinator report reported --coordinator {} --out fetched", coordinator.url)));
    let file = String::from_utf8(fetched[Path::new("sweep.yaml")].clone()).unwrap();
    assert!(file.starts_with("sweep: reported\n"), "the file that the page's first command names: {file}");
    let unknown =
        lab.run(["report", "--out", "other", "--sweep", "nobody", "--coordinator", &coordinator.url]).expect(2);
    assert!(unknown.stderr.contains("no sweep is named `nobody`") && !lab.path("other").exists(), "{}", unknown.stderr);
}

#[test]
fn the_report_of_another_sweep_is_not_replaced_in_silence() {
    let lab = reported();
    lab.write(&crate::harness::simulated(3, 1));
    lab.sweep(&["--local-workers", "1", "--simulate", "1ms"]).process.wait().expect(0);
    fs::write(lab.path("report/figures/mine.svg"), "precious").unwrap();
    let before = contents(&lab.path("report"));
    let refused = lab.run(["report", "--out", "report"]).expect(2);
    assert!(refused.stderr.contains("report holds the report of sweep `reported`"), "{}", refused.stderr);
    assert_eq!(contents(&lab.path("report")), before);
    lab.run(["report", "--out", "report", "--replace"]).expect(0);
    let after = contents(&lab.path("report"));
    assert!(String::from_utf8_lossy(&after[Path::new("report.html")]).contains("<title>simulated "));
    assert!(after.contains_key(Path::new("figures/mine.svg")), "what no report makes stays");
}

#[test]
fn mistakes_are_said_with_their_remedy() {
    let lab = reported();
    let unknown = lab.run(["report", "--out", "other", "--sweep", "nobody"]).expect(2);
    assert!(unknown.stderr.contains("no sweep is named `nobody`; there are: reported"), "{}", unknown.stderr);
    assert!(!lab.path("other").exists(), "nothing is written");
    fs::create_dir(lab.path("mine")).unwrap();
    fs::write(lab.path("mine/thesis.txt"), "precious").unwrap();
    let foreign = lab.run(["report", "--out", "mine"]).expect(2);
    assert!(
        foreign.stderr.contains("mine is not empty and holds no report: choose another folder with --out"),
        "{}",
        foreign.stderr
    );
    fs::write(lab.path("file"), "").unwrap();
    let file = lab.run(["report", "--out", "file"]).expect(2);
    assert!(file.stderr.contains("file is not a folder: choose another with --out"), "{}", file.stderr);
}
