//! Sweep files: what they expand to, and what is said about wrong ones.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod golden;

use coordinator::plan::{AxisValue, MAX_JOBS, Mistake, Plan, Rule, Stopping, parse};
use golden::assert_golden;
use proto::data::Inventory;
use proto::ids::ContentHash;
use proto::spec::{
    Convolution, EpochChoice, Loss, LossName, Metric, Optimizer, Precision, Seeds, Subset, Term, Trainer,
};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

const HEAD: &str = "sweep: s\ndataset: {name: ph2, format: ph2}\n";

#[track_caller]
fn plan(rest: &str) -> Plan {
    parse("sweep.yaml", &format!("{HEAD}{rest}")).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The candidates as lines of values, one word each.
fn lines(plan: &Plan) -> Vec<String> {
    let word = |value: &Option<AxisValue>| value.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    plan.candidates.iter().map(|candidate| candidate.values.iter().map(word).collect::<Vec<_>>().join(" ")).collect()
}

/// Every `tests/golden/config/NAME.yaml` is refused with exactly the text of `NAME.txt`.
#[test]
fn wrong_files_are_refused_with_the_golden_message() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/config");
    let mut names: Vec<_> = std::fs::read_dir(folder.clone())
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".yaml").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() > 40, "{}", names.len());
    for name in names {
        let text = std::fs::read_to_string(folder.join(format!("{name}.yaml"))).unwrap();
        let errors = parse("sweep.yaml", &text).expect_err(&name);
        assert_golden(&format!("config/{name}.txt"), &format!("{errors}\n"));
    }
}

/// The sweep files in `configs`.
fn configs() -> impl Iterator<Item = PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
}

#[test]
fn every_file_in_configs_is_a_plan() {
    let mut jobs: Vec<_> = configs()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let plan = parse(path.to_str().unwrap(), &text).unwrap_or_else(|errors| panic!("{errors}"));
            (plan.sweep.clone(), plan.jobs())
        })
        .collect();
    jobs.sort();
    let expected = [
        ("augmentation", 36),
        ("full", 216),
        ("isic", 24),
        ("learning-rates", 112),
        ("losses", 136),
        ("patients", 20),
        ("ph2-small", 36),
        ("ph2-variance", 108),
        ("quick", 48),
        ("race", 480),
        ("recipe", 4),
    ];
    assert_eq!(jobs, expected.map(|(sweep, jobs)| (sweep.to_owned(), jobs)));
}

/// The example at the head of `plan/sweep_file.rs` holds every construct of the language.
#[test]
fn the_documented_example_is_a_plan() {
    let source = include_str!("../src/plan/sweep_file.rs");
    let lines = source.lines().skip_while(|line| *line != "//! ```yaml").skip(1).take_while(|line| *line != "//! ```");
    let text: String =
        lines.map(|line| format!("{}\n", line.trim_start_matches("//!").strip_prefix(' ').unwrap())).collect();
    let plan = parse("sweep_file.rs", &text).unwrap_or_else(|errors| panic!("{errors}"));
    // 3 networks x 2 batch sizes x (bce + 2 focal) - segnet's 4 focal + 1
    assert_eq!((plan.candidates.len(), plan.replicates.len()), (15, 10));
    assert_eq!(plan.axes[3..], ["training.batch_size", "losses.focal.gamma"]);
}

#[test]
fn a_race_looks_at_the_replicates_that_there_are() {
    let looks = |rest: &str| plan(rest).stopping.map(|stopping| (stopping.looks, stopping.rule));
    let race = |alpha| Rule::Race { alpha };
    assert_eq!(looks("replicates: {split_seeds: 20}\nrace: {}\n"), Some((vec![5, 8, 12, 16, 20], race(0.05))));
    assert_eq!(looks("replicates: {split_seeds: 12}\nrace: {alpha: 0.1}\n"), Some((vec![5, 8, 12], race(0.1))));
    assert_eq!(looks("replicates: {split_seeds: 4}\nrace: {looks: [3]}\n"), Some((vec![3], race(0.05))));
    assert_eq!(looks("replicates: {split_seeds: 4}\nrace: none\n"), None);
    // the four turns of a permutation are one observation
    let rotation = "split: {scheme: rotation}\nreplicates: {split_seeds: 20}\nrace: {}\n";
    assert_eq!(looks(rotation), Some((vec![8, 12, 16, 20], race(0.05))));
}

#[test]
fn until_lengthens_the_replicates_and_looks_after_each_of_them() {
    let file =
        "replicates: {split_seeds: {from: 7, to: 9}, init_seeds: 1}\nuntil: {half_width: 0.01, max_replicates: 6}\n";
    let plan = plan(file);
    let seeds: Vec<_> = plan.replicates.iter().map(|seeds| (seeds.split_seed, seeds.init_seed)).collect();
    assert_eq!(seeds, [(7, 1), (8, 1), (9, 1), (10, 1), (11, 1), (12, 1)]);
    assert_eq!(plan.stopping, Some(Stopping { looks: vec![3, 4, 5], rule: Rule::Until { half_width: 0.01 } }));
}

#[test]
fn made_up_scores_are_part_of_simulated_jobs_only() {
    let file = "grid: {loss: [bce, dice, focal]}\nsimulate: {mean: {from: 0.5, to: 0.7}, collapse: [0, 0, 1]}\n";
    let (with, without) = (plan(file), plan("grid: {loss: [bce, dice, focal]}\n"));
    let template = |plan: &Plan, index: usize| plan.candidates[index].template.clone();
    assert_eq!(template(&with, 1), template(&without, 1), "a real job knows nothing of them");
    let simulated = with.simulated();
    let made_up: Vec<_> = (0..3).map(|index| template(&simulated, index).simulation.unwrap()).collect();
    assert_eq!(made_up.iter().map(|made_up| made_up.mean).collect::<Vec<_>>(), [0.5, 0.6, 0.7]);
    assert_eq!((made_up[0].collapse, made_up[2].collapse, made_up[0].split_sd), (0.0, 1.0, 0.04));
}

#[test]
fn defaults_are_the_reference_protocol() {
    let plan = plan("");
    assert_eq!(plan.axes, ["architecture", "loss", "learning_rate"]);
    assert_eq!(lines(&plan), ["unet bce 0.001"]);
    let expected = r#"{"trainer":"candle","data":{"content":"00000000000000000000000000000000","image_size":256},"split":{"scheme":"random","train":100,"validation":50,"test":50},"architecture":"unet","model":{"width":64},"loss":{"bce":{}},"learning_rate":0.001,"training":{"epochs":40,"batch_size":10,"optimizer":"adam","weight_decay":0.0,"momentum":0.0,"initialization":"pytorch"},"selection":{"metric":"thresholded_iou","epoch":"last"},"seeds":{"split_seed":0,"init_seed":0,"order_seed":0}}"#;
    assert_eq!(plan.candidates[0].template.to_json(), expected);
    assert_eq!((plan.objective.metric, plan.objective.subset), (Metric::ThresholdedIou, Subset::Validation));
    assert_eq!(plan.replicates, [Seeds { split_seed: 0, init_seed: 0, order_seed: 0 }]);
}

#[test]
fn the_last_axis_varies_fastest_and_columns_have_the_tables_order() {
    let plan = plan("grid:\n  training.batch_size: [4, 10]\n  loss: [bce, dice]\n  learning_rate: [1.0e-3, 1.0e-5]\n");
    assert_eq!(plan.axes, ["architecture", "loss", "learning_rate", "training.batch_size"]);
    let expected = [
        "unet bce 0.001 4",
        "unet bce 1e-5 4",
        "unet dice 0.001 4",
        "unet dice 1e-5 4",
        "unet bce 0.001 10",
        "unet bce 1e-5 10",
        "unet dice 0.001 10",
        "unet dice 1e-5 10",
    ];
    assert_eq!(lines(&plan), expected);
    let batch_sizes: Vec<_> = plan.candidates.iter().map(|c| c.template.training.batch_size).collect();
    assert_eq!(batch_sizes, [4, 4, 4, 4, 10, 10, 10, 10]);
}

#[test]
fn parameters_of_a_loss_vary_only_where_it_is_used() {
    let plan =
        plan("grid:\n  losses.focal.gamma: [1, 2]\n  loss: [bce, focal, dice]\n  losses.dice.smooth: [1, 1.0e-8]\n");
    let expected = [
        "unet bce 0.001 - -",
        "unet focal 0.001 1 -",
        "unet dice 0.001 - 1",
        "unet dice 0.001 - 1e-8",
        "unet focal 0.001 2 -",
    ];
    assert_eq!(lines(&plan), expected);
    let losses: Vec<_> = plan.candidates.iter().map(|candidate| candidate.template.loss.clone()).collect();
    let dice = |smooth| Loss::from(Term::Dice { smooth });
    let focal = |gamma| Loss::from(Term::Focal { gamma, alpha: 0.0 });
    assert_eq!(losses, [Term::Bce {}.into(), focal(1.0), dice(1.0), dice(1e-8), focal(2.0)]);
}

#[test]
fn a_loss_can_be_a_weighted_sum() {
    let plan = plan(
        "grid:\n  loss: [{dice: 1, bce: 0.5}, {boundary: {weight: 0.01}, dice: 1.0}, {dice: 1}]\n  \
         losses.dice.smooth: [1, 2]\n",
    );
    let expected = [
        "unet 0.5*bce+dice 0.001 1",
        "unet 0.5*bce+dice 0.001 2",
        "unet dice+0.01*boundary 0.001 1",
        "unet dice+0.01*boundary 0.001 2",
        "unet dice 0.001 1",
        "unet dice 0.001 2",
    ];
    assert_eq!(lines(&plan), expected);
    let smooth: Vec<_> = plan.candidates.iter().map(|candidate| candidate.template.loss.term(LossName::Dice)).collect();
    assert_eq!(smooth[2..], [1.0, 2.0, 1.0, 2.0].map(|smooth| Some(Term::Dice { smooth })));
    assert_eq!(plan.candidates[4].template.loss, Term::Dice { smooth: 1.0 }.into());
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    let text = format!("\u{feff}{HEAD}");
    assert_eq!(parse("", &text).unwrap(), plan(""));
    let mistakes = parse("", &text.replace("sweep", "sweeep")).unwrap_err();
    assert_eq!((mistakes.list[0].line, mistakes.list[0].column), (1, 1));
}

#[test]
fn momentum_varies_only_with_sgd() {
    let plan = plan("grid:\n  training.momentum: [0, 0.9]\n  training.optimizer: [adam, sgd]\n");
    assert_eq!(lines(&plan), ["unet bce 0.001 - adam", "unet bce 0.001 0 sgd", "unet bce 0.001 0.9 sgd"]);
    assert_eq!(plan.candidates[0].template.training.momentum, 0.0);
    assert_eq!(plan.candidates[2].template.training.optimizer, Optimizer::Sgd);
    assert_eq!(plan.candidates[2].template.training.momentum, 0.9);
}

#[test]
fn sections_set_what_every_candidate_has() {
    let plan = plan(
        "grid: {loss: [focal, dice]}\nmodel: {width: 16}\nlosses: {focal: {gamma: 3}}\ntraining: {optimizer: sgd, momentum: 0.5}\n\
         objective: {metric: dice, subset: test, epoch: best}\n",
    );
    let [focal, dice] = &plan.candidates[..] else { panic!("{plan:?}") };
    assert_eq!(
        (focal.template.loss.clone(), dice.template.loss.clone()),
        (Term::Focal { gamma: 3.0, alpha: 0.0 }.into(), Term::Dice { smooth: 1e-8 }.into())
    );
    assert_eq!((dice.template.model.width, dice.template.training.momentum), (16, 0.5));
    assert_eq!(dice.template.selection.metric, Metric::Dice);
    assert_eq!(dice.template.selection.epoch, EpochChoice::Best);
}

#[test]
fn how_networks_are_computed_is_a_setting_or_an_axis() {
    let plan =
        plan("training: {precision: bf16}\ngrid: {training.convolution: [auto, direct, winograd2, winograd4]}\n");
    assert_eq!(
        lines(&plan),
        ["unet bce 0.001 auto", "unet bce 0.001 direct", "unet bce 0.001 winograd2", "unet bce 0.001 winograd4"]
    );
    let training = plan.candidates[3].template.training;
    assert_eq!((training.convolution, training.precision), (Convolution::Winograd4, Precision::Bf16));
}

#[test]
fn points_are_excluded_then_included() {
    let plan = plan(
        "grid:\n  architecture: [segnet, unet]\n  loss: [bce, dice]\nexclude: [{architecture: segnet, loss: dice}]\n\
         include:\n  - {architecture: unet, loss: bce, learning_rate: 1.0e-4}\n  - {architecture: unet2, loss: focal}\n",
    );
    let expected = ["segnet bce 0.001", "unet bce 0.001", "unet dice 0.001", "unet bce 0.0001", "unet2 focal 0.001"];
    assert_eq!(lines(&plan), expected);
}

#[test]
fn replicates_are_a_count_a_list_or_a_range() {
    let splits = |text: &str| plan(text).replicates.iter().map(|seeds| seeds.split_seed).collect::<Vec<_>>();
    assert_eq!(splits("replicates: {split_seeds: 3}"), [0, 1, 2]);
    assert_eq!(splits("replicates: {split_seeds: [7, 3]}"), [7, 3]);
    assert_eq!(splits("replicates: {split_seeds: {from: 10, to: 12}}"), [10, 11, 12]);
}

#[test]
fn init_and_order_seeds_follow_the_split_seed_unless_given() {
    let seeds = |split_seed, init_seed, order_seed| Seeds { split_seed, init_seed, order_seed };
    assert_eq!(plan("replicates: {split_seeds: [5, 6]}").replicates, [seeds(5, 5, 5), seeds(6, 6, 6)]);
    let given = plan("replicates: {split_seeds: [5, 5], init_seeds: [1, 2], order_seeds: 9}");
    assert_eq!(given.replicates, [seeds(5, 1, 9), seeds(5, 2, 9)]);
}

/// The seeds of the replicates as (split, init, order).
fn triples(replicates: &str) -> Vec<(u64, u64, u64)> {
    let plan = plan(&format!("replicates: {replicates}"));
    plan.replicates.iter().map(|seeds| (seeds.split_seed, seeds.init_seed, seeds.order_seed)).collect()
}

#[test]
fn three_counts_are_crossed() {
    let crossed = triples("{split_seeds: 4, init_seeds: 3, order_seeds: 2}");
    let expected = (0..2).flat_map(|order| (0..3).flat_map(move |init| (0..4).map(move |split| (split, init, order))));
    assert_eq!(crossed, expected.collect::<Vec<_>>(), "the splits vary fastest");
    let lists = triples("{split_seeds: [7, 3], init_seeds: {from: 5, to: 6}, order_seeds: 1, crossed: true}");
    assert_eq!(lists, [(7, 5, 0), (3, 5, 0), (7, 6, 0), (3, 6, 0)]);
}

#[test]
fn anything_else_goes_along_with_the_split_seeds() {
    assert_eq!(triples("{split_seeds: 2, init_seeds: 0, order_seeds: 0}"), [(0, 0, 0), (1, 0, 0)]);
    assert_eq!(triples("{split_seeds: 2, init_seeds: 3, order_seeds: 0}"), [(0, 3, 0), (1, 3, 0)]);
    assert_eq!(triples("{split_seeds: 2, init_seeds: 3}"), [(0, 3, 0), (1, 3, 1)]);
    assert_eq!(triples("{split_seeds: 2, init_seeds: [3], order_seeds: [2]}"), [(0, 3, 2), (1, 3, 2)]);
    assert_eq!(triples("{split_seeds: 2, init_seeds: 3, order_seeds: 2, crossed: false}"), [(0, 3, 2), (1, 3, 2)]);
}

#[test]
fn the_queue_runs_a_replicate_of_every_candidate_before_the_next() {
    let plan = plan("grid: {loss: [bce, dice, focal]}\nreplicates: {split_seeds: 2}");
    assert_eq!(plan.queue().collect::<Vec<_>>(), [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]);
}

#[test]
fn all_jobs_are_different_and_simulated_ones_are_others() {
    let plan = plan("grid: {loss: [bce, focal], losses.focal.gamma: [1, 2]}\nreplicates: {split_seeds: 5}");
    let data = Inventory::new(ContentHash(1), (0..200).map(|case| case.to_string()).collect());
    let ids = |plan: &Plan| -> HashSet<_> {
        plan.queue().map(|(candidate, replicate)| plan.job(candidate, replicate, &data).id()).collect()
    };
    let simulated = plan.clone().simulated();
    assert!(simulated.candidates.iter().all(|candidate| candidate.template.trainer == Trainer::Simulated));
    assert_eq!((plan.jobs(), ids(&plan).len()), (15, 15));
    assert!(ids(&plan).is_disjoint(&ids(&simulated)));
}

#[test]
fn the_last_epoch_is_the_same_job_under_every_metric() {
    let jobs = ["dice", "iou"].map(|metric| plan(&format!("objective: {{metric: {metric}}}")).candidates[0].clone());
    assert_eq!(jobs[0], jobs[1]);
}

#[test]
fn a_million_jobs_are_allowed_and_one_more_is_not() {
    assert_eq!(plan(&format!("replicates: {{split_seeds: {MAX_JOBS}}}")).jobs() as u64, MAX_JOBS);
    let rates: Vec<_> = (1..=1000).map(|rate| rate.to_string()).collect();
    let rates = rates.join(", ");
    let square = plan(&format!("grid: {{learning_rate: [{rates}], training.weight_decay: [{rates}]}}"));
    assert_eq!(square.jobs() as u64, MAX_JOBS);
}

/// Points are counted as they are made: an axis that does not apply multiplies nothing.
#[test]
fn conditional_axes_add_up() {
    let values: Vec<_> = (1..=1000).map(|value| value.to_string()).collect();
    let values = values.join(", ");
    let grid =
        format!("grid: {{loss: [bce, dice, focal], losses.dice.smooth: [{values}], losses.focal.gamma: [{values}]}}");
    assert_eq!(plan(&grid).jobs(), 2001);
    let mistakes = parse("", &format!("{HEAD}{grid}\nreplicates: {{split_seeds: 1000}}")).unwrap_err();
    assert_eq!(mistakes.list[0].mistake, Mistake::TooManyJobs { jobs: "2001000".into(), limit: MAX_JOBS });
}

/// The number of jobs is told, however large, without a job being made.
#[test]
fn the_size_of_a_huge_grid_is_told() {
    let rates: Vec<_> = (1..=1000).map(|rate| rate.to_string()).collect();
    let axes = ["learning_rate", "model.width", "training.epochs", "training.batch_size"];
    let axes: Vec<_> = axes.iter().map(|axis| format!("{axis}: [{}]", rates.join(", "))).collect();
    let told = |seeds: u64| {
        let text = format!("{HEAD}grid: {{{}}}\nreplicates: {{split_seeds: {seeds}}}", axes.join(", "));
        match &parse("", &text).unwrap_err().list[..] {
            [placed] => placed.mistake.clone(),
            list => panic!("{list:?}"),
        }
    };
    assert_eq!(told(3), Mistake::TooManyJobs { jobs: "3000000000000".into(), limit: MAX_JOBS });
    let seeds = (1 << 53) - 1;
    assert_eq!(told(seeds), Mistake::TooManyJobs { jobs: format!("{seeds}000000000000"), limit: MAX_JOBS });
}

#[test]
fn hostile_texts_are_refused() {
    let problem = |text: &str| parse("", text).unwrap_err().list[0].mistake.clone();
    let laughs: String = (1..30).map(|n| format!("l{n}: &l{n} [*l{p}, *l{p}, *l{p}]\n", p = n - 1)).collect();
    assert_eq!(problem(&format!("l0: &l0 ha\n{laughs}")), Mistake::Alias);
    // the event parser reads ahead and may meet its own limit first
    let deep = [Mistake::TooDeep { limit: 32 }, Mistake::Syntax("recursion limit exceeded".into())];
    for bracket in ["[", "{a: ", "- ", "[{a: "] {
        let problem = problem(&bracket.repeat(100_000));
        assert!(deep.contains(&problem), "{bracket}: {problem:?}");
    }
    let values = Mistake::TooManyValues { limit: 50_000 };
    assert_eq!(problem(&format!("a: [{}]", "1, ".repeat(100_000))), values);
    assert_eq!(problem(&"#".repeat((4 << 20) + 1)), Mistake::TooLong { bytes: (4 << 20) + 1, limit: 4 << 20 });
}

/// No text makes the parser panic: every cut of a file, and every byte of it replaced.
#[test]
fn damaged_files_are_refused_or_read() {
    let text = include_str!("../../configs/ph2-small.yaml");
    for (at, _) in text.char_indices() {
        let _ = parse("", &text[..at]);
        for noise in ["\"", "[", "}", ":", "\n", "ü", "\u{0}", "- ", "!", "&a", "\r", "\t"] {
            let damaged = format!("{}{noise}{}", &text[..at], &text[at + 1..]);
            if let Err(errors) = parse("", &damaged) {
                assert!(!errors.to_string().is_empty());
            }
        }
    }
}
