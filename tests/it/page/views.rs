//! What each view shows.

use super::{ended, every_view, of_store, served};
use crate::harness::{Lab, Peer, grid, simulated, until};
use proto::measure::FailureKind;
use serde_json::Value;

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
    for (index, row) in rows.iter().enumerate().filter(|(_, row)| row["row"] == "candidate") {
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
    assert_eq!(pages[3].body.matches("class=\"thread\"").count(), 6, "a line per candidate");
}

#[test]
fn who_ran_what_is_shown_as_far_back_as_is_asked() {
    let lab = ended();
    let (_process, browser) = of_store(&lab);
    for path in ["/workers", "/workers?back=15m", "/workers?back=1d", "/workers?back=never"] {
        let page = browser.page(path).body;
        assert!(page.contains("36 attempts began in this time."), "{path}: {page}");
    }
    // the workers have gone, and keep their names
    let page = browser.page("/workers").body;
    for job in lab.rows("jobs") {
        assert!(page.contains(&format!(">{}</text>", job["worker"])), "{}: {page}", job["worker"]);
    }
}

#[test]
fn a_comparison_has_the_intervals_of_all_three_questions() {
    let lab = ended();
    let (_process, browser) = of_store(&lab);
    let pair = &lab.rows("pairs")[0];
    let range = |question: &str| {
        let end = |end: &str| format!("{:.3}", pair[&format!("{question}_{end}_all_pairs")].parse::<f64>().unwrap());
        let ends = format!("{} \u{2026} {}", end("low"), end("high"));
        ends.replace('-', "\u{2212}").replace("\u{2212}0.000", "0.000")
    };
    let compare = browser.page("/sweep/grid/compare?a=0&b=1").body;
    let table = compare.split_once("id=\"questions\"").unwrap().1.split("</table>").next().unwrap();
    for (question, words) in [("pool", "this pool"), ("cases", "new cases"), ("new", "new data")] {
        let row =
            table.split_once(&format!("<th scope=\"row\">{words}</th>")).unwrap().1.split("</tr>").next().unwrap();
        assert!(row.contains(&range(question)), "{words}, {}: {row}", range(question));
    }
    let shown = lab.run(["tables", "--rows", "pairs"]).expect(0).stdout;
    assert!(shown.contains("this pool") && shown.contains("new cases") && shown.contains("new data"), "{shown}");
    // and the overview has them for whoever points at a difference
    let overview = browser.page("/sweep/grid").body;
    assert_eq!(overview.matches("title=\"over 6 splits; 95 % this pool ").count(), 5, "{overview}");
}

#[test]
fn candidates_are_found_sorted_and_turned_over_by_the_server() {
    let lab = Lab::new();
    let rates: Vec<_> = (1..=120).map(|index| format!("{:.6}", 1e-5 * f64::from(index))).collect();
    lab.write(&grid("grid", 2).replace("loss: [bce, dice, focal]", &format!("learning_rate: [{}]", rates.join(", "))));
    let (coordinator, browser) = served(&lab);
    lab.submit(&coordinator.url, &[]);
    let count = |path: &str| browser.page(path).body.matches("data-candidate=").count();
    assert_eq!((count("/sweep/grid"), count("/sweep/grid?page=3"), count("/sweep/grid?page=99")), (50, 50, 40));
    assert_eq!(count("/sweep/grid?find=UNET2"), 50);
    assert_eq!((count("/sweep/grid?find=unet2+0.0011"), count("/sweep/grid?find=nothing")), (10, 0));
    assert_eq!(count("/sweep/grid?sort=nonsense&page=x&a=-1"), 50, "what makes no sense is left out");
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
fn programs_get_the_same_numbers_as_json() {
    let lab = ended();
    let (_process, browser) = of_store(&lab);
    let json = |path: &str| -> Value {
        let answer = browser.get(path);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("application/json")),
            "{path}: {answer:?}"
        );
        serde_json::from_str(&answer.body).unwrap()
    };
    let table: Value = serde_json::from_str(&lab.table("candidates", "json")).unwrap();
    assert_eq!(json("/api/v1/sweep/grid/candidates"), table);
    let status = json("/api/v1/status");
    assert_eq!((&status["schema"], &status["sweeps"][0]["succeeded"]), (&"splitsweep.status/1".into(), &36.into()));
    let said = json("/api/v1/sweep/grid/answer");
    let told = lab.run(["tables"]).expect(0).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let lead = said["best"][0].as_str().unwrap().split_whitespace().last().unwrap().to_owned();
    assert!(told.contains(&lead) && said["caveats"].is_array(), "{said}");
    for missing in ["/api/v1/sweep/none/answer", "/api/v1/sweep/grid/nothing", "/api/v1/other", "/api"] {
        assert_eq!(browser.get(missing).status, 404, "{missing}");
    }
    let refused: Value = serde_json::from_str(&browser.get("/api/v1/sweep/none/jobs").body).unwrap();
    assert!(refused["error"].as_str().unwrap().contains("none"), "{refused}");
}
