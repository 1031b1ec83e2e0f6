//! The comparison of candidates as its readers see it. Numbers are those of `tests/reference/stats.py`.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod effects;
mod selection;
mod variance;
mod verdicts;

use coordinator::analysis::answer::answer;
use coordinator::analysis::comparison::{Analysis, Finding, Options, Outlook, Pair, Question, Warning};
use coordinator::analysis::observations::{
    Baseline, Candidate, CaseScore, Ended, Observation, Observations, Replicate,
};
use coordinator::plan::AxisValue;
use proto::measure::Verdict;
use proto::spec::Seeds;
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/statistics.json")).unwrap()
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-8 * expected.abs() + 1e-15, "found {found}, expected {expected}");
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    serde_json::from_value(value.clone()).unwrap()
}

/// The scores `[split][candidate]` as observations, on one axis.
fn observations(scores: &[Vec<f64>]) -> Observations {
    let candidates = (0..scores[0].len()).map(|candidate| Candidate {
        values: vec![Some(AxisValue::Integer(candidate as u64))],
        observations: scores.iter().map(|split| Observation::scored(split[candidate])).collect(),
    });
    Observations {
        metric: "score".to_owned(),
        higher_is_better: true,
        axes: vec!["candidate".to_owned()],
        candidates: candidates.collect(),
        replicates: (0..scores.len()).map(replicate).collect(),
        ratio: Some(0.5),
        ..Observations::default()
    }
}

fn replicate(index: usize) -> Replicate {
    Replicate { label: index.to_string(), ..Replicate::default() }
}

/// Twelve splits, five candidates; the last collapsed once.
fn table() -> Observations {
    observations(&rows(&golden()["Y"]))
}

fn analyse(observations: &Observations) -> Analysis {
    Analysis::of(observations, &Options { rope: Some(0.01), ..Options::default() })
}

fn ended(score: f64, change: impl Fn(&mut Ended)) -> Observation {
    let mut ended = Ended { score: Some(score), verdict: Some(Verdict::Trained), ..Ended::default() };
    change(&mut ended);
    Observation::Ended(ended)
}

#[test]
fn all_numbers_of_a_small_table() {
    let (golden, analysis) = (golden(), analyse(&table()));
    let number = |value: &Value| value.as_f64().unwrap();
    for (row, name) in analysis.candidates.iter().zip(["A", "B", "C", "D", "E"]) {
        let expected = &golden["marginal"][name];
        close(row.scores.mean.unwrap(), number(&expected["mean"]));
        close(row.this_pool.unwrap().low, number(&expected["ci_naive"][0]));
        close(row.new_data.unwrap().interval.high, number(&expected["ci_nb"][1]));
        assert_eq!(row.sensitivity[1].interval, row.new_data.unwrap().interval);
        assert_eq!(
            row.adjusted_mean.map(|mean| (mean * 1e9).round()),
            row.scores.mean.map(|mean| (mean * 1e9).round())
        );
    }
    assert_eq!(analysis.pairs.pairs.len(), 10);
    assert!(analysis.pairs.flips.exact);
    for pair in &analysis.pairs.pairs {
        let name = ["A", "B", "C", "D", "E"];
        let name = format!("{}{}", name[pair.first], name[pair.second]);
        let (expected, numbers) = (&golden["pairs"][&name], pair.comparison.as_ref().unwrap());
        for (found, key) in [
            (numbers.mean, "mean"),
            (numbers.sd, "sd"),
            (numbers.p_this_pool, "p_naive"),
            (numbers.p_new_data, "p_nb"),
            (numbers.p_holm, "p_nb_holm"),
            (numbers.p_bh, "p_nb_bh"),
            (numbers.superiority.share, "poi_paired"),
        ] {
            close(found, number(&expected[key]));
        }
        close(numbers.p_wilcoxon, number(&expected["wilcoxon"][1]));
        close(numbers.posterior.worse, number(&expected["baycomp_rope01"][0]));
        close(numbers.posterior.equivalent, number(&expected["baycomp_rope01"][1]));
        close(numbers.posterior.better, number(&expected["baycomp_rope01"][2]));
        close(numbers.p_flip, number(&golden["signflip"][&name]["signflip_p"]));
        close(numbers.p_max_t, number(&golden["signflip"][&name]["maxT_p"]));
    }
    // by Wilcoxon after Holm only B and C do not differ
    assert_eq!(analysis.cliques(&table()), [(1, 2)]);
    let ranks = analysis.ranks.unwrap();
    close(ranks.friedman.p, number(&golden["friedman"]["p"]));
    close(ranks.iman_davenport.statistic, number(&golden["friedman"]["iman_davenport_F"]));
    close(ranks.critical_difference, number(&golden["nemenyi"]["CD05"]));
    assert_eq!(ranks.order, [0, 1, 2, 3, 4]);
    assert_eq!(ranks.histogram[0], [11, 1, 0, 0, 0]);
    close(analysis.variance.two_way.unwrap().components[1].raw, number(&golden["twoway_config_split"]["var_split"]));
}

#[test]
fn an_outline_has_the_numbers_of_each_candidate_by_itself() {
    let whole = analyse(&table());
    let outline = Analysis::outline(&table(), &whole.options);
    assert_eq!((&outline.candidates, &outline.baselines), (&whole.candidates, &whole.baselines));
    assert_eq!((&outline.effects, &outline.variance), (&whole.effects, &whole.variance));
    assert_eq!((outline.rope, outline.typical_spread), (whole.rope, whole.typical_spread));
    let best = |of: &Analysis| *of.selection.as_ref().unwrap().best();
    assert_eq!(best(&outline), best(&whole));
    assert!(outline.pairs.pairs.is_empty() && outline.ranks.is_none() && outline.cliques(&table()).is_empty());
}

#[test]
fn labels_and_order_do_not_matter() {
    let analysis = analyse(&table());
    let mut rotated = table();
    rotated.candidates.iter_mut().for_each(|candidate| candidate.observations.rotate_left(5));
    let rotated = analyse(&rotated);
    assert_eq!((&rotated.pairs, &rotated.ranks), (&analysis.pairs, &analysis.ranks));
    assert_eq!((&rotated.effects, &rotated.variance), (&analysis.effects, &analysis.variance));
    for (row, rotated) in analysis.candidates.iter().zip(&rotated.candidates) {
        close(rotated.new_data.unwrap().interval.low, row.new_data.unwrap().interval.low);
    }

    for pair in &analysis.pairs.pairs {
        let back = pair.swapped();
        let (one, other) = (pair.comparison.as_ref().unwrap(), back.comparison.as_ref().unwrap());
        close(one.superiority.share + other.superiority.share, 1.0);
        assert!(one.p_holm >= one.p_new_data && one.p_bh >= one.p_new_data && one.p_max_t >= one.p_flip);
    }
    let mut swapped = table();
    swapped.candidates.swap(0, 1);
    let swapped = analyse(&swapped).pairs.seen_from(0, 1).unwrap();
    let Pair { comparison, finding, .. } = analysis.pairs.seen_from(1, 0).unwrap();
    let (swapped_numbers, numbers) = (swapped.comparison.unwrap(), comparison.unwrap());
    assert_eq!((swapped_numbers.mean, swapped.finding), (numbers.mean, finding));
    assert!(numbers.mean < 0.0);
    close(swapped_numbers.posterior.better, numbers.posterior.better);
    close(swapped_numbers.superiority.interval.low, numbers.superiority.interval.low);
}

#[test]
fn a_loss_is_better_where_it_is_less() {
    let (scores, mut losses) = (table(), table());
    losses.higher_is_better = false;
    for job in losses.candidates.iter_mut().flat_map(|candidate| &mut candidate.observations) {
        *job = Observation::scored(-job.score().unwrap());
    }
    let (scores, losses) = (analyse(&scores), analyse(&losses));
    for (score, loss) in scores.pairs.pairs.iter().zip(&losses.pairs.pairs) {
        assert_eq!(score.finding, loss.finding);
        let (score, loss) = (score.comparison.as_ref().unwrap(), loss.comparison.as_ref().unwrap());
        close(score.mean, -loss.mean);
        close(score.superiority.share, loss.superiority.share);
        close(score.posterior.better, loss.posterior.better);
    }
    assert_eq!(scores.ranks.unwrap().mean, losses.ranks.unwrap().mean);
    let (score, loss) = (scores.selection.unwrap(), losses.selection.unwrap());
    assert_eq!(score.by_test.candidate, loss.by_test.candidate);
    close(score.optimism.unwrap(), loss.optimism.unwrap());
}

#[test]
fn ratio_zero_is_the_paired_t_test() {
    let analysis = Analysis::of(&table(), &Options { ratio: Some(0.0), ..Options::default() });
    for numbers in analysis.pairs.pairs.iter().filter_map(|pair| pair.comparison.as_ref()) {
        close(numbers.p_new_data, numbers.p_this_pool);
        assert_eq!(numbers.new_data.interval, numbers.this_pool);
    }
}

#[test]
fn nothing_is_averaged_away() {
    let mut sweep = table();
    let jobs = &mut sweep.candidates[0].observations;
    jobs[0] = Observation::Failed;
    jobs[1] = Observation::Ended(Ended { verdict: Some(Verdict::Diverged), ..Ended::default() });
    jobs[2] = ended(0.09, |ended| ended.verdict = Some(Verdict::Degenerate));
    jobs[3] = Observation::Missing;
    let analysis = analyse(&sweep);
    let row = &analysis.candidates[0];
    assert_eq!((row.jobs, row.missing, row.without_score, row.scores.n), (12, 1, 2, 9));
    assert_eq!((row.failed.count, row.failed.of), (1, 11));
    assert_eq!((row.not_trained.count, row.not_trained.of), (3, 11));
    assert_eq!((row.verdicts.diverged, row.verdicts.degenerate, row.verdicts.unknown), (1, 1, 8));
    assert_eq!(row.scores.min, Some(0.09), "a collapsed run counts with the score it has");
    let sum: f64 = jobs_scores(&sweep, 0).iter().sum();
    // its own worst score is the collapsed run's
    close(row.mean_at_worst.unwrap(), (sum + 2.0 * 0.09) / 11.0);
    let pair = analysis.pairs.get(0, 1).unwrap();
    assert_eq!((pair.shared, pair.without_score), (9, 2));
    for count in [
        Warning::WithoutScore { candidate: "0".to_owned(), jobs: 12, count: 2 },
        Warning::Collapsed { candidate: "0".to_owned(), jobs: 12, count: 1 },
        Warning::Unfinished { jobs: 60, count: 1 },
    ] {
        assert!(analysis.warnings.contains(&count), "{:?}", analysis.warnings);
    }
    assert_eq!(analysis.selection.unwrap().by_test.candidate, 1, "failing must not help a candidate to win");
    let ranks = analysis.ranks.unwrap();
    assert_eq!(ranks.splits, 11, "without a score is last, not absent");
    assert_eq!(ranks.histogram[0][4], 3);
}

#[test]
fn a_candidate_without_a_score_is_last_however_good_a_failed_score_is() {
    let mut sweep = table();
    sweep.candidates[0].observations.fill(Observation::Failed);
    let analysis = Analysis::of(&sweep, &Options { failed_score: Some(2.0), ..Options::default() });
    assert_eq!(analysis.candidates[0].adjusted_mean, Some(2.0));
    assert_eq!(analysis.by_score().last(), Some(&0));
}

fn jobs_scores(observations: &Observations, candidate: usize) -> Vec<f64> {
    observations.candidates[candidate].observations.iter().filter_map(Observation::score).collect()
}

#[test]
fn other_cases_are_not_paired() {
    let mut sweep = table();
    for (index, candidate) in sweep.candidates.iter_mut().enumerate() {
        for (replicate, job) in candidate.observations.iter_mut().enumerate() {
            let other = index == 1 && replicate == 7;
            let hash = if other { "other".to_owned() } else { format!("split {replicate}") };
            *job = ended(job.score().unwrap(), |ended| ended.split_hash = Some(hash.clone()));
        }
    }
    let analysis = analyse(&sweep);
    let pair = analysis.pairs.get(1, 2).unwrap();
    assert_eq!((pair.shared, pair.split_differs), (11, 1));
    assert_eq!(analysis.pairs.get(0, 2).unwrap().shared, 12);
    let warning = Warning::SplitsDiffer { replicate: "7".to_owned(), candidates: vec!["1".to_owned()] };
    assert!(analysis.warnings.contains(&warning), "{:?}", analysis.warnings);
    assert_eq!(analysis.ranks.unwrap().splits, 11);
    // the numbers are those of the splits that are left
    let left: Vec<Vec<f64>> =
        rows(&golden()["Y"]).into_iter().enumerate().filter(|(split, _)| *split != 7).map(|(_, row)| row).collect();
    let expected = analyse(&observations(&left)).pairs.get(1, 2).unwrap().comparison.clone().unwrap();
    let found = pair.comparison.as_ref().unwrap();
    close(found.p_new_data, expected.p_new_data);
    close(found.p_flip, expected.p_flip);
}

#[test]
fn replicates_of_one_split_count_once() {
    let z: Vec<Vec<Vec<f64>>> = serde_json::from_value(golden()["threeway"]["Z"].clone()).unwrap();
    let cells: Vec<([u64; 3], f64)> = (0..3)
        .flat_map(|split| (0..2).flat_map(move |init| (0..2).map(move |order| [split, init, order])))
        .map(|seeds| (seeds, z[seeds[0] as usize][seeds[1] as usize][seeds[2] as usize]))
        .collect();
    let scores: Vec<Vec<f64>> = cells.iter().map(|(_, score)| vec![*score, score - 0.1 * score * score]).collect();
    let mut sweep = observations(&scores);
    for (replicate, (seeds, _)) in sweep.replicates.iter_mut().zip(&cells) {
        let [split_seed, init_seed, order_seed] = *seeds;
        replicate.seeds = Some(Seeds { split_seed, init_seed, order_seed });
        replicate.split = Some(split_seed);
    }
    let analysis = analyse(&sweep);
    assert_eq!((analysis.replicates, analysis.splits), (12, 3));
    assert_eq!((analysis.candidates[0].scores.n, analysis.candidates[0].splits), (12, 3));
    let means = |candidate: usize, split: usize| {
        scores[split * 4..split * 4 + 4].iter().map(|scores| scores[candidate]).sum::<f64>() / 4.0
    };
    let by_split: Vec<Vec<f64>> = (0..3).map(|split| vec![means(0, split), means(1, split)]).collect();
    let expected = analyse(&observations(&by_split)).pairs.pairs[0].comparison.clone().unwrap();
    let found = analysis.pairs.pairs[0].comparison.clone().unwrap();
    close(found.sd, expected.sd);
    close(found.p_new_data, expected.p_new_data);

    let crossed = &analysis.variance.crossed;
    assert_eq!((crossed.len(), crossed[0].levels, crossed[2].candidate), (3, [3, 2, 2], None));
    let names = ["split", "init", "order", "split × init", "split × order", "init × order", "split × init × order"];
    let short = ["S", "I", "O", "SI", "SO", "IO", "SIO"];
    for ((component, name), short) in crossed[0].components.iter().zip(names).zip(short) {
        assert_eq!(component.name, name);
        let raw = golden()["threeway"]["V"][short].as_f64().unwrap();
        close(component.raw, raw);
        assert_eq!(component.variance, component.raw.max(0.0));
        assert!(component.interval.unwrap().high >= component.interval.unwrap().low);
    }
}

#[test]
fn rotations_are_named() {
    let mut sweep = table();
    let named = |warning: &Warning| matches!(warning, Warning::Rotated { .. });
    assert!(!analyse(&sweep).warnings.iter().any(named));
    for (index, replicate) in sweep.replicates.iter_mut().enumerate() {
        replicate.permutation = Some(index as u64 / 4);
    }
    assert!(analyse(&sweep).warnings.contains(&Warning::Rotated { permutations: 3, splits: 12 }));
}

#[test]
fn cases_tell_about_new_cases() {
    let golden = &golden()["twoway_cluster"];
    let (tested, differences) = (rows(&golden["T"]), rows(&golden["d"]));
    let jobs = |scale: f64| {
        let job = |(tested, differences): (&Vec<f64>, &Vec<f64>)| {
            let score = |case: usize| CaseScore { case: case as u32 * 10, score: 0.5 + scale * differences[case] };
            let cases: Vec<_> = (0..4).filter(|case| tested[*case] > 0.0).map(score).collect();
            let score = cases.iter().map(|case| case.score).sum::<f64>() / cases.len() as f64;
            ended(score, |ended| ended.cases.clone_from(&cases))
        };
        tested.iter().zip(&differences).map(job).collect()
    };
    let mut sweep = observations(&vec![vec![0.0, 0.0]; 3]);
    sweep.candidates[0].observations = jobs(1.0);
    sweep.candidates[1].observations = jobs(0.0);
    let analysis = analyse(&sweep);
    let found = analysis.pairs.pairs[0].comparison.as_ref().unwrap().new_cases.unwrap();
    close(found.mean, golden["mean"].as_f64().unwrap());
    // the clusters' variance, and a fiftieth of what the test cases of one split leave
    let of_cells = golden["V_both"].as_f64().unwrap();
    close(found.variance, golden["V"].as_f64().unwrap() + 0.02 * 3.0 * of_cells);
    assert_eq!(found.cases, 4);
    let sampling = analysis.variance.test_sampling.unwrap();
    assert_eq!((sampling.test_cases, sampling.pool), (2.0, 4));
}

#[test]
fn little_is_said_of_little() {
    assert_eq!(analyse(&Observations::default()).selection, None);
    let one = analyse(&observations(&[vec![0.5, 0.6]]));
    assert_eq!(one.pairs.pairs[0].comparison, None);
    assert_eq!(one.pairs.pairs[0].finding, Finding::TooFewSplits);
    assert_eq!((one.candidates[0].this_pool, one.ranks), (None, None));
    let equal = analyse(&observations(&vec![vec![0.5, 0.5, 0.6]; 4]));
    let numbers = equal.pairs.get(0, 1).unwrap().comparison.as_ref().unwrap();
    assert_eq!((numbers.p_new_data, numbers.p_wilcoxon, numbers.p_flip, numbers.p_max_t), (1.0, 1.0, 1.0, 1.0));
    assert_eq!(equal.pairs.get(0, 2).unwrap().finding, Finding::TooFewSplits);
    // always the same difference: the spread is not 0 but less than the step of the scores
    let often = analyse(&observations(&vec![vec![0.5, 0.5, 0.6]; 12]));
    let finding = |first, second| often.pairs.get(first, second).unwrap().finding;
    assert_eq!((finding(0, 1), finding(0, 2)), (Finding::Identical, Finding::Worse(Question::NewData)));
    let numbers = often.pairs.get(0, 2).unwrap().comparison.as_ref().unwrap();
    assert_eq!(numbers.sd, 0.0);
    let half = 2.200_985_160_082_949 * 0.1 / 12.0_f64.sqrt() * (1.0_f64 / 12.0 + 0.5).sqrt();
    close(numbers.new_data.interval.half_width(), half);
    assert!(serde_json::to_string(&equal).is_ok());
}

#[test]
fn many_splits_are_flipped_at_random_and_say_so() {
    let scores: Vec<Vec<f64>> =
        (0..70).map(|split| vec![0.5 + 0.01 * f64::from(split % 7), 0.51 + 0.01 * f64::from(split % 5)]).collect();
    let family = analyse(&observations(&scores)).pairs;
    assert!(!family.flips.exact);
    assert_eq!(family.flips.count, 9999);
    let numbers = family.pairs[0].comparison.as_ref().unwrap();
    // the t test is nearly exact for so many
    assert!((numbers.p_flip - numbers.p_this_pool).abs() < 0.02, "{} {}", numbers.p_flip, numbers.p_this_pool);
    assert_eq!(numbers.p_flip, numbers.p_max_t);
}
