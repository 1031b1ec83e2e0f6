//! A whole report of made-up scores, checked as a reader would: is everything there, and does it ask for nothing.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

pub(crate) mod made;
mod made_analysis;

use super::*;
use crate::analysis::comparison::Variance;
use crate::analysis::observations::Observation;
use crate::race::{Look, Reason, Standing, Stop};
use crate::stats::Summary;
use made::{Made, SPLITS};

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

/// The texts of a drawing.
fn texts(svg: &str) -> impl Iterator<Item = &str> {
    let texts = svg.split("<text ").skip(1).filter_map(|rest| rest.split_once('>')?.1.split_once("</text>"));
    texts.map(|(text, _)| text)
}

#[test]
fn a_report_shows_everything_it_is_given() {
    let report = Made::new(5).report();
    for section in ["answer", "candidates", "power", "verdicts", "examples", "reproduce", "files"] {
        assert!(report.page.contains(&format!("<section id=\"{section}\">")), "{section}");
    }
    let names: Vec<_> = report.figures.iter().map(|drawing| drawing.stem).collect();
    assert_eq!(names, FIGURES);
    for Drawing { stem: name, svg, pdf } in &report.figures {
        let pdf = String::from_utf8_lossy(pdf);
        assert!(pdf.starts_with("%PDF-") && pdf.ends_with("%%EOF") && !pdf.contains("NaN"), "{name}");
        assert_eq!(pdf.matches(" Tj").count(), svg.matches("<text ").count(), "{name}: all texts");
        for text in texts(svg) {
            assert!(text.chars().all(figures::has), "{name}: the font has not all of `{text}`");
        }
        assert!(report.page.contains(&format!("aria-labelledby=\"{name}-title {name}-see\"")), "{name} has a name");
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"figure\""), "{name}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name} has places for all marks");
    }
    assert_eq!(count(&report.page, "<b>See: </b>"), 6 + 1, "every figure, and the examples, say what to see");
    assert_eq!(count(&report.page, "<b>Do not conclude: </b>"), 6 + 1);
    assert!(
        report.page.contains("unet leads with the highest mean thresholded IoU"),
        "the answer, by the only axis that differs"
    );
    assert!(report.page.contains("3 attempts; the last: out of &lt;memory&gt;"), "the evidence of a failure");
    assert!(report.page.contains("nearly everything is called foreground"), "the evidence of a collapse");
    assert_eq!(count(&report.page, "data:image/png;base64,iVBORw=="), 3, "the images");
    for place in ["the best case", "the median case", "the worst case"] {
        assert!(report.page.contains(&format!("<p>{place}<br>")), "{place}");
    }
}

#[test]
fn every_split_has_its_dot_and_what_lies_far_off_is_an_arrow() {
    let report = Made::new(5).report();
    let scores = &report.figures[0].svg;
    assert_eq!(count(scores, "<title>split "), 5 * SPLITS + SPLITS, "candidates and a baseline");
    assert_eq!(count(scores, "class=\"small\">0.090<"), 1, "the collapsed training, with its score");
    let differences = &report.figures[1].svg;
    assert_eq!(count(differences, "<title>split "), 4 * SPLITS);
    assert!(differences.contains("class=\"band\""), "the region of practical equivalence");
}

#[test]
fn of_many_splits_each_row_has_a_hill() {
    let many = Made::of_splits(30, 200).report();
    let scores = &many.figures[0].svg;
    assert_eq!(count(scores, "class=\"hill\""), 30 + 1 + 1, "the candidates, a baseline, the key");
    assert_eq!(count(scores, "class=\"dot\""), 0);
    assert!(scores.contains("<title>200 splits: 0.") && scores.contains(", the middle half 0."));
    assert!(many.page.contains("its score on every split (hills, the higher the more splits have that score)"));
    assert!(scores.len() < 80_000, "{} bytes", scores.len());
}

#[test]
fn nothing_that_users_write_is_markup() {
    let page = Made::new(5).report().page;
    assert!(page.contains("made &lt;up&gt; &amp; small") && page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!page.contains("<script") && !page.contains("<up>") && !page.contains("IMD<002>"));
}

#[test]
fn many_candidates_are_cut_and_the_page_says_so() {
    let report = Made::new(100).report();
    assert_eq!(
        count(&report.figures[0].svg, "class=\"mean\""),
        MAX_SHOWN + 1 + 1,
        "the candidates, a baseline, the key"
    );
    assert!(report.page.contains("Only the first 30 of 100 candidates are shown; tables/candidates.csv has all."));
    assert!(report.page.len() < 1_000_000, "{} bytes", report.page.len());
}

#[test]
fn a_sweep_without_results_has_a_report() {
    let mut made = Made::new(2);
    for candidate in &mut std::sync::Arc::make_mut(&mut made.analysed.observations).candidates {
        candidate.observations.fill(Observation::Missing);
    }
    for row in &mut made.analysed.analysis.candidates {
        (row.scores, row.this_pool, row.new_data) = (Summary::default(), None, None);
        (row.adjusted_mean, row.validation_mean, row.mean_seconds) = (None, None, None);
    }
    made.analysed.analysis.pairs.pairs.clear();
    (made.analysed.analysis.ranks, made.analysed.analysis.selection) = (None, None);
    made.analysed.analysis.variance = Variance::default();
    (made.results.jobs, made.measurements, made.examples) = (Vec::new(), Vec::new(), Vec::new());
    let report = made.report();
    let names: Vec<_> = report.figures.iter().map(|drawing| drawing.stem).collect();
    assert_eq!(names, ["scores"], "what cannot be drawn is left out");
    assert!(!report.page.contains("NaN") && !report.page.contains("id=\"examples\""));
}

#[test]
fn a_difference_says_over_which_splits_it_is() {
    let mut made = Made::new(5).analysed;
    let over = |made: &Analysed| {
        let lineup = Lineup::new(&made.observations, &made.analysis);
        let pair = lineup.against_best(1).unwrap();
        let figure = figures::difference(&lineup, 1, 0).unwrap();
        (lineup.shared(&pair), lineup.share_all(&pair), figure.see.contains(&format!("over {},", lineup.shared(&pair))))
    };
    assert_eq!(over(&made), ("12 splits".to_owned(), true, true));
    for pair in &mut made.analysis.pairs.pairs {
        pair.shared = 11;
    }
    assert_eq!(over(&made), ("the 11 splits that both have".to_owned(), false, true));
}

#[test]
fn a_race_is_told_with_its_evidence() {
    let standing = |candidate, mean| Standing { candidate, n: 5, mean: Some(mean), collapses: 0 };
    let beaten = Reason::Beaten { by: 0, pairs: 5, difference: 0.125, p: 0.0004 };
    let look = Look {
        replicates: 5,
        threshold: Some(0.005),
        standings: vec![standing(0, 0.75), standing(1, 0.5), standing(2, 0.625)],
        stops: vec![
            Stop { candidate: 1, reason: Reason::Unreliable { collapses: 3, of: 5 } },
            Stop { candidate: 2, reason: beaten },
        ],
    };
    let mut made = Made::new(5);
    made.results.looks.push(look);
    let report = made.report();
    for expected in [
        "1 look, the last after 5 replicates: 2 candidates stopped, 1 candidate left",
        "3 of its first 5 replicates did not train",
        "beaten by unet by 0.125 on 5 splits, p 4.0e-4 (needed: below 0.005)",
    ] {
        assert!(report.page.contains(expected), "{expected}");
    }
    assert!(!Made::new(5).report().page.contains("stopped early"));
}
