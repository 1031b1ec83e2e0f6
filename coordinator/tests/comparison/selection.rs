//! Which candidate is the best, and how far that flatters it.

use super::*;

#[test]
fn the_best_is_picked_on_validation() {
    let mut sweep = table();
    for (index, candidate) in sweep.candidates.iter_mut().enumerate() {
        for job in &mut candidate.observations {
            let score = job.score().unwrap();
            *job = ended(score, |ended| ended.validation = Some(if index == 2 { 0.9 } else { score }));
        }
    }
    let selection = analyse(&sweep).selection.unwrap();
    let best = selection.by_validation.unwrap();
    assert_eq!((best.candidate, selection.by_test.candidate), (2, 0));
    close(best.test.unwrap(), 0.683_083_333_333_333_4);
    close(best.picked_by, 0.9);
    // A wins with or without any one split
    close(selection.held_out.unwrap(), 0.710_333_333_333_333_3);
    assert!(selection.optimism.unwrap().abs() < 1e-12);

    // six candidates that differ by nothing but chance: picking flatters
    let noise =
        |split: usize, candidate: usize| (((split * 7 + candidate * 13) * 2_654_435_761) % 1000) as f64 / 1000.0;
    let noise: Vec<Vec<f64>> = (0..10).map(|split| (0..6).map(|candidate| noise(split, candidate)).collect()).collect();
    let selection = analyse(&observations(&noise)).selection.unwrap();
    assert!(selection.by_validation.is_none());
    assert!(selection.optimism_of_one_split.unwrap() > selection.optimism.unwrap());
    assert!(selection.optimism.unwrap() > 0.01);
    let without = |split: usize, candidate: usize| {
        let all = noise.iter().enumerate().filter(|(other, _)| *other != split);
        all.map(|(_, scores)| scores[candidate]).sum::<f64>() / 9.0
    };
    let best = |split| (0..6).max_by(|a, b| without(split, *a).total_cmp(&without(split, *b))).unwrap();
    close(selection.held_out.unwrap(), (0..10).map(|split| noise[split][best(split)]).sum::<f64>() / 10.0);
}

#[test]
fn easy_splits_do_not_make_a_winner() {
    // the second was dropped after the two easiest of four splits, on which it lost
    let mut sweep = observations(&[vec![0.80, 0.78], vec![0.82, 0.79], vec![0.60, 0.0], vec![0.58, 0.0]]);
    sweep.candidates[1].observations[2..].fill(Observation::Missing);
    let analysis = analyse(&sweep);
    assert!(analysis.candidates[1].scores.mean > analysis.candidates[0].scores.mean);
    close(analysis.candidates[1].adjusted_mean.unwrap(), 0.7 - 0.025);
    assert_eq!(analysis.selection.unwrap().by_test.candidate, 0);
}
