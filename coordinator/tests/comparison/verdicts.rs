//! What may be said of a pair, and in which words.

use super::*;

#[test]
fn the_words_follow_the_numbers() {
    let analysis = analyse(&table());
    let finding = |first, second| analysis.pairs.seen_from(first, second).unwrap().finding;
    assert_eq!(finding(0, 3), Finding::Better(Question::NewData));
    assert_eq!(finding(3, 0), Finding::Worse(Question::NewData));
    // twelve of twelve splits, but one collapsed run spoils the t test for new data
    assert_eq!(finding(0, 4), Finding::Better(Question::ThisPool));
    assert_eq!(finding(1, 4), Finding::Undecided);
    let pair = analysis.pairs.get(0, 1).unwrap();
    assert_eq!(pair.finding, Finding::Better(Question::ThisPool));
    // 1.84 deviations, where a level of .005 takes 1.98 even with ever more splits
    assert_eq!(pair.settle, Some(Outlook::Unlikely));

    // a difference of 4.18 deviations on five splits, at a level that five cannot reach
    let few: Vec<Vec<f64>> = [0.02, 0.03, 0.04, 0.03, 0.035].iter().map(|d| vec![0.5 + d, 0.5]).collect();
    let few = Analysis::of(&observations(&few), &Options { alpha: 0.001, ..Options::default() });
    let pair = &few.pairs.pairs[0];
    assert_eq!(pair.finding, Finding::Better(Question::ThisPool));
    let Some(Outlook::Likely { splits, probability }) = pair.settle else { panic!("{:?}", pair.settle) };
    assert!(probability >= 0.8, "{splits} {probability}");
    let words = answer(&few).sentences().join(" ");
    let expected = format!(
        "More splits of this pool would likely settle it for new data against 1 ({splits} more splits, {probability:.2})."
    );
    assert!(words.contains(&expected), "{words}");

    // the margin is stated, and five splits are the fewest that say anything
    let equal = |splits: i32| (0..splits).map(|split| vec![0.5, 0.5 + 1e-3 * f64::from(split % 3)]).collect::<Vec<_>>();
    let stated = Options { rope: Some(0.01), ..Options::default() };
    let finding = |splits| Analysis::of(&observations(&equal(splits)), &stated).pairs.pairs[0].finding;
    assert_eq!(finding(8), Finding::Equivalent);
    assert_eq!(finding(4), Finding::TooFewSplits);
}

#[test]
fn baselines_are_a_family_of_their_own() {
    let mut sweep = table();
    let scores: Vec<f64> = (0..12).map(|split| 0.5 + 0.001 * f64::from(split)).collect();
    let jobs = scores.iter().copied().map(Observation::scored).collect();
    sweep.baselines.push(Baseline { name: "otsu".to_owned(), is_constant: false, observations: jobs });
    let (alone, analysis) = (analyse(&table()), analyse(&sweep));
    assert_eq!(analysis.pairs, alone.pairs);
    assert_eq!(analysis.ranks, alone.ranks);
    assert_eq!(analysis.baselines[0].label, "otsu");
    close(analysis.baselines[0].scores.mean.unwrap(), 0.5055);
    let pair = analysis.against_baselines.get(0, 0).unwrap();
    assert_eq!(
        (analysis.against_baselines.pairs.len(), pair.shared, pair.finding),
        (5, 12, Finding::Better(Question::NewData))
    );
}

#[test]
fn a_baseline_that_is_better_is_said_to_be() {
    let mut sweep = table();
    let best = &sweep.candidates[0].observations;
    let better = (0..).zip(best).map(|(index, job)| job.score().unwrap() + 0.2 + 0.001 * f64::from(index % 3));
    let observations = better.map(Observation::scored).collect();
    sweep.baselines.push(Baseline { name: "otsu".to_owned(), is_constant: false, observations });
    let sentences = answer(&analyse(&sweep)).best;
    let expected = "For new data it is worse than what needs no training: otsu (0.9113).";
    assert!(sentences.iter().any(|sentence| sentence == expected), "{sentences:?}");
}
