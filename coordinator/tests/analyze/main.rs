//! Results of other tools, analysed: a CSV in, every number of the analysis out, and the answer in words.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod exports;
#[path = "../golden/mod.rs"]
mod golden;

use clap::Parser;
use coordinator::cli::commands::analyze::{self, Args};
use golden::assert_golden;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

/// The scores of five candidates on twelve splits, with what numpy, scipy and baycomp make of them.
fn reference() -> Value {
    serde_json::from_str(include_str!("../golden/statistics.json")).unwrap()
}

const NAMES: [&str; 5] = ["A", "B", "C", "D", "E"];

/// A line a run, in the order of the splits.
fn csv(reference: &Value) -> String {
    let mut text = "candidate,split,score\n".to_owned();
    for (split, scores) in reference["Y"].as_array().unwrap().iter().enumerate() {
        for (name, score) in NAMES.iter().zip(scores.as_array().unwrap()) {
            writeln!(text, "{name},{split},{score}").unwrap();
        }
    }
    text
}

/// What the command writes.
fn output(text: &str, options: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("scores.csv"), folder.path().join("out"));
    std::fs::write(&file, text).unwrap();
    let paths = [file.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let cli = Cli::parse_from(["analyze"].iter().chain(&paths).chain(options));
    analyze::run(&cli.args).unwrap();
    std::fs::read_to_string(out).unwrap()
}

fn document(text: &str, options: &[&str]) -> Value {
    serde_json::from_str(&output(text, &[options, &["--json"]].concat())).unwrap()
}

#[track_caller]
fn close(found: &Value, expected: &Value) {
    let (found, expected) = (found.as_f64().unwrap(), expected.as_f64().unwrap());
    let slack = if expected == 0.0 { 1e-15 } else { 1e-8 * expected.abs() };
    assert!((found - expected).abs() <= slack, "found {found}, expected {expected}");
}

fn row<'a>(rows: &'a Value, keys: &[(&str, &str)]) -> &'a Value {
    let rows = rows["rows"].as_array().unwrap();
    rows.iter().find(|row| keys.iter().all(|(key, value)| row[*key] == **value)).unwrap()
}

#[test]
fn the_candidates_have_the_reference_numbers() {
    let reference = reference();
    let found = document(&csv(&reference), &["--ratio", "50/100"]);
    for name in NAMES {
        let (found, expected) = (row(&found["candidates"], &[("candidate", name)]), &reference["marginal"][name]);
        for key in ["mean", "sd", "median", "iqm"] {
            close(&found[key], &expected[key]);
        }
        for (keys, expected) in
            [(["pool_low", "pool_high"], &expected["ci_naive"]), (["new_low", "new_high"], &expected["ci_nb"])]
        {
            close(&found[keys[0]], &expected[0]);
            close(&found[keys[1]], &expected[1]);
        }
        assert_eq!((&found["n"], &found["failed"], &found["splits"]), (&12.into(), &0.into(), &12.into()));
    }
}

#[test]
fn the_pairs_have_the_reference_numbers() {
    let reference = reference();
    let found = document(&csv(&reference), &["--ratio", "0.5", "--rope", "0.01"]);
    assert_eq!(found["pairs"]["rows"].as_array().unwrap().len(), 10);
    for (pair, expected) in reference["pairs"].as_object().unwrap() {
        let (first, second) = pair.split_at(1);
        let found = row(&found["pairs"], &[("first", first), ("second", second)]);
        for (key, expected_key) in [
            ("difference", "mean"),
            ("sd", "sd"),
            ("p_pool", "p_naive"),
            ("p_new", "p_nb"),
            ("p_holm", "p_nb_holm"),
            ("p_bh", "p_nb_bh"),
            ("superiority", "poi_paired"),
        ] {
            close(&found[key], &expected[expected_key]);
        }
        close(&found["p_wilcoxon"], &expected["wilcoxon"][1]);
        for (index, key) in ["p_worse", "p_equivalent", "p_better"].iter().enumerate() {
            close(&found[*key], &expected["baycomp_rope01"][index]);
        }
        close(&found["p_flip"], &reference["signflip"][pair]["signflip_p"]);
        close(&found["p_max_t"], &reference["signflip"][pair]["maxT_p"]);
    }
}

#[test]
fn the_ranks_have_the_reference_numbers() {
    let reference = reference();
    let found = &document(&csv(&reference), &[])["ranks"];
    for name in NAMES {
        close(&row(found, &[("candidate", name)])["mean_rank"], &reference["avg_rank"][name]);
    }
    let friedman = &reference["friedman"];
    close(&found["friedman"], &friedman["chi2"]);
    close(&found["friedman_p"], &friedman["p"]);
    close(&found["iman_davenport"], &friedman["iman_davenport_F"]);
    close(&found["iman_davenport_p"], &friedman["p_F"]);
    close(&found["kendall_w"], &friedman["kendall_W"]);
    close(&found["critical_difference"], &reference["nemenyi"]["CD05"]);
    assert_eq!(row(found, &[("candidate", "A")])["rank_1"], 11);
}

#[test]
fn the_documents_keys_stay_where_they_are() {
    let text = output(&csv(&reference()), &["--json", "--ratio", "0.5"]);
    assert_eq!(text, output(&csv(&reference()), &["--json", "--ratio", "0.5"]));
    let mut objects: Vec<_> = text.lines().map(keys).filter(|keys| !keys.is_empty()).collect();
    objects.dedup();
    assert_golden("analyze/keys.txt", &(objects.join("\n") + "\n"));
    assert_golden("analyze/scores.txt", &output(&csv(&reference()), &["--ratio", "0.5"]));
    assert_golden("analyze/pairs.tex", &output(&csv(&reference()), &["--rows", "pairs", "--format", "latex"]));
}

/// The keys of a line of JSON, in their order.
fn keys(line: &str) -> String {
    let quoted: Vec<_> = line.split('"').collect();
    let keys = quoted.windows(2).filter(|pair| pair[1].starts_with(':')).map(|pair| pair[0]);
    keys.collect::<Vec<_>>().join(" ")
}

/// A smaller error is as good as a greater accuracy.
#[test]
fn minimizing_turns_every_answer() {
    let reference = reference();
    let errors = csv(&reference).lines().skip(1).fold("candidate,split,score\n".to_owned(), |mut text, line| {
        let (run, score) = line.rsplit_once(',').unwrap();
        writeln!(text, "{run},{}", -score.parse::<f64>().unwrap()).unwrap();
        text
    });
    let (more, less) = (document(&csv(&reference), &[]), document(&errors, &["--minimize"]));
    assert_eq!(more["candidates"]["best"], less["candidates"]["best"]);
    let findings = |document: &Value| -> Vec<_> {
        document["pairs"]["rows"].as_array().unwrap().iter().map(|row| row["finding"].clone()).collect()
    };
    assert_eq!(findings(&more), findings(&less));
    let a_b = [("first", "A"), ("second", "B")];
    let (more_a_b, less_a_b) = (row(&more["pairs"], &a_b), row(&less["pairs"], &a_b));
    assert_eq!(more_a_b["difference"].as_f64().unwrap(), -less_a_b["difference"].as_f64().unwrap());
    assert_eq!(more_a_b["superiority"], less_a_b["superiority"]);
}

#[test]
fn runs_that_failed_are_counted_and_named() {
    let text = csv(&reference()).replace("C,3,0.709", "C,3,").replace("C,4,0.69", "C,4,inf");
    let found = document(&text, &["--ratio", "0.5"]);
    let c = row(&found["candidates"], &[("candidate", "C")]);
    assert_eq!((&c["n"], &c["jobs"], &c["failed"], &c["diverged"]), (&10.into(), &12.into(), &1.into(), &1.into()));
    assert_eq!(row(&found["pairs"], &[("first", "B"), ("second", "C")])["n"], 10);
    let answer = found["answer"].as_array().unwrap();
    let said =
        |words: &[&str]| answer.iter().any(|line| words.iter().all(|word| line.as_str().unwrap().contains(word)));
    assert!(said(&["C: of 12 jobs 1 failed, 1 diverged", "of the 10 with a score", "failed score"]), "{answer:#?}");
}

#[test]
fn what_cannot_be_read_is_the_users() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scores.csv");
    let run = |file: &Path, options: &[&str]| {
        let cli = Cli::parse_from(["analyze", file.to_str().unwrap()].iter().chain(options));
        analyze::run(&cli.args).unwrap_err()
    };
    assert_eq!(run(&file, &[]).exit_code(), 2);
    std::fs::write(&file, "candidate,seed,score\nA,1,0.5\nA,2,o.6\n").unwrap();
    let error = run(&file, &[]);
    assert_eq!(error.exit_code(), 2);
    let expected = format!(
        "{}: line 3, column `score`: `o.6` is not a number: write a number with a decimal point, or nothing for a run that failed",
        file.display()
    );
    assert_eq!(error.to_string(), expected);
    let parsed = Cli::try_parse_from(["analyze", "x.csv", "--ratio", "50:100"]).unwrap_err().to_string();
    assert!(parsed.contains("50/100"), "{parsed}");
}

/// A line a run and case; `T` says which cases a split tests.
#[test]
fn cases_give_the_interval_that_is_clustered_by_case_and_split() {
    let expected = &reference()["twoway_cluster"];
    let mut text = "model,split,case,score\n".to_owned();
    let rows = |key: &str| expected[key].as_array().unwrap().clone();
    for (split, (tested, differences)) in rows("T").iter().zip(rows("d")).enumerate() {
        for case in (0..4).filter(|case| tested[*case] == 1) {
            writeln!(text, "a,{split},c{case},{}", 0.5 + differences[case].as_f64().unwrap()).unwrap();
            writeln!(text, "b,{split},c{case},0.5").unwrap();
        }
    }
    let found = document(&text, &["--ratio", "0.5"]);
    let pair = row(&found["pairs"], &[("first", "a"), ("second", "b")]);
    close(&pair["cases_difference"], &expected["mean"]);
    let half_width = (pair["cases_high"].as_f64().unwrap() - pair["cases_low"].as_f64().unwrap()) / 2.0;
    let deviation = half_width / 2.200985160082949; // t quantile .975 with 11 degrees of freedom
    let of_cells = expected["V_both"].as_f64().unwrap();
    let variance = expected["V"].as_f64().unwrap() + 0.02 * 3.0 * of_cells; // with the part of the training sets
    close(&(deviation * deviation).into(), &variance.into());
    assert_eq!(pair["n"], 3);
}

#[test]
fn seeds_are_averaged_within_a_split_and_have_a_variance_of_their_own() {
    let text = "c,split,seed,score\nx,a,0,1\nx,a,1,2\nx,b,0,4\nx,b,1,5\nx,c,0,7\nx,c,1,8\n\
        y,a,0,0\ny,a,1,0\ny,b,0,1\ny,b,1,1\ny,c,0,0\ny,c,1,0\n";
    let found = document(text, &["--ratio", "0.5"]);
    assert_eq!((&found["replicate"], &found["replicates"]), (&"split,seed".into(), &6.into()));
    assert_eq!(row(&found["pairs"], &[("first", "x"), ("second", "y")])["n"], 3, "one difference per split");
    let component =
        |name: &str| row(&found["variance"], &[("candidate", "x"), ("component", name)])["variance"].clone();
    // splits are 3 apart, and the seeds of each split 1: no interaction
    close(&component("split"), &9.0.into());
    close(&component("init"), &0.5.into());
}

#[test]
fn several_metrics_are_analysed_each_by_itself() {
    let text = "c,seed,iou,hd95\nx,0,0.5,3\nx,1,0.55,2.5\ny,0,0.6,4\ny,1,0.7,4.5\n";
    let metrics = ["--candidate", "c", "--minimize=hd95", "--score"];
    let both = document(text, &[&metrics[..], &["iou,hd95"]].concat());
    assert_eq!(both["schema"], "splitsweep.analyses/1");
    assert_eq!(both["analyses"].as_array().unwrap().len(), 2);
    assert_eq!(both["analyses"][0], document(text, &["--candidate", "c", "--score", "iou"]));
    assert_eq!(both["analyses"][1], document(text, &[&metrics[..], &["hd95"]].concat()));
    let bests = [0, 1].map(|metric| both["analyses"][metric]["candidates"]["best"].clone());
    assert_eq!(bests, ["y", "x"]);
    let shown = output(text, &[&metrics[..], &["iou,hd95"]].concat());
    let head: Vec<_> = shown.lines().take(5).map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    let best = vec!["y", "0.6500", "±", "0.0707", "4.2500", "±", "0.3536"];
    assert_eq!(
        head[2..],
        [vec!["c", "iou", "hd95"], best, vec!["x", "0.5250", "±", "0.0354", "2.7500", "±", "0.3536"]]
    );
    let csv = output(text, &[&metrics[..], &["iou,hd95", "--rows", "pairs", "--format", "csv"]].concat());
    let firsts: Vec<_> = csv.lines().map(|line| line.split(',').take(3).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(firsts, ["metric first second", "iou x y", "hd95 x y"]);
}

#[test]
fn intervals_have_the_confidence_that_is_asked_for() {
    let text = csv(&reference());
    let (usual, wide) = (document(&text, &[]), document(&text, &["--alpha", "0.1"]));
    assert_eq!((&usual["candidates"]["alpha"], &wide["candidates"]["alpha"]), (&0.05.into(), &0.1.into()));
    let width = |document: &Value| {
        let row = row(&document["candidates"], &[("candidate", "A")]);
        row["pool_high"].as_f64().unwrap() - row["pool_low"].as_f64().unwrap()
    };
    // t quantiles .95 and .975 with 11 degrees of freedom
    close(&(width(&wide) / width(&usual)).into(), &(1.795884818704 / 2.200985160083).into());
    for alpha in ["0", "0.5", "-1", "x"] {
        let parsed = Cli::try_parse_from(["analyze", "x.csv", &format!("--alpha={alpha}")]).unwrap_err().to_string();
        assert!(parsed.contains("between 0 and 0.5"), "{parsed}");
    }
}

/// An export of Optuna, whose pruned trials have the score that they had half-way.
#[test]
fn pruned_trials_do_not_turn_the_winner() {
    let mut text = ",number,value,params_lr,params_model,user_attrs_seed,state\n".to_owned();
    for (index, (model, seed, value, state)) in [
        ("unet", 0, 0.31, "PRUNED"),
        ("unet", 1, 0.77, "COMPLETE"),
        ("unet", 2, 0.78, "COMPLETE"),
        ("segnet", 0, 0.71, "COMPLETE"),
        ("segnet", 1, 0.71, "COMPLETE"),
        ("segnet", 2, 0.73, "COMPLETE"),
    ]
    .into_iter()
    .enumerate()
    {
        writeln!(text, "{index},{index},{value},0.001,{model},{seed},{state}").unwrap();
    }
    let found = document(&text, &["--ratio", "0.5"]);
    let unet = row(&found["candidates"], &[("params_model", "unet")]);
    assert_eq!((&unet["n"], &unet["failed"], &unet["dropped"]), (&2.into(), &0.into(), &1.into()));
    close(&unet["mean"], &0.775.into());
    assert_eq!(found["candidates"]["best"], "0.001 unet");
    let counted = document(&text, &["--state", "none", "--candidate", "params_lr,params_model"]);
    assert_eq!(counted["candidates"]["best"], "0.001 segnet");
}

/// An export of W&B: a run that crashed stands beside its repetition.
#[test]
fn a_crashed_run_that_was_run_again_counts_once() {
    let text = "\"Name\",\"State\",\"lr\",\"model\",\"seed\",\"val/IoU\"\n\"r0a\",\"crashed\",\"0.1\",\"unet\",\"0\",\"\"\n\
        \"r0\",\"finished\",\"0.1\",\"unet\",\"0\",\"0.75\"\n\"r1\",\"finished\",\"0.1\",\"unet\",\"1\",\"0.77\"\n\
        \"r2\",\"failed\",\"0.1\",\"segnet\",\"0\",\"0.1\"\n\"r3\",\"finished\",\"0.1\",\"segnet\",\"1\",\"0.71\"\n";
    let found = document(text, &["--score", "val/IoU", "--candidate", "lr,model"]);
    let unet = row(&found["candidates"], &[("model", "unet")]);
    assert_eq!((&unet["n"], &unet["jobs"], &unet["failed"]), (&2.into(), &2.into(), &0.into()));
    let segnet = row(&found["candidates"], &[("model", "segnet")]);
    assert_eq!((&segnet["n"], &segnet["failed"]), (&1.into(), &1.into()));
    close(&segnet["mean"], &0.71.into());
}

#[test]
fn a_loss_without_a_direction_is_the_users() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scores.csv");
    std::fs::write(&file, "c,seed,val_loss\nx,0,0.5\nx,1,0.6\ny,0,0.1\ny,1,0.2\n").unwrap();
    let analysed = |options: &[&str]| {
        let file = file.to_str().unwrap();
        let cli = Cli::parse_from(["analyze", file, "--score", "val_loss"].iter().chain(options));
        analyze::analysed(&cli.args)
    };
    let error = analysed(&[]).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let expected = "line 1, column `val_loss`: is usually better when lower: say --minimize or --maximize";
    assert!(error.to_string().ends_with(expected), "{error}");
    let direction = |options: &[&str]| analysed(options).unwrap()[0].analysis.higher_is_better;
    assert_eq!((direction(&["--minimize"]), direction(&["--maximize"])), (false, true));
    let wrong = analysed(&["--minimize=loss"]).unwrap_err();
    assert_eq!((wrong.exit_code(), wrong.to_string().contains("val_loss")), (2, true), "{wrong}");
    assert!(Cli::try_parse_from(["analyze", "x.csv", "--minimize", "--maximize"]).is_err());
}
