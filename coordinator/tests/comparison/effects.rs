//! What the axes of a grid do.

use super::*;

/// A grid of two losses and three rates, with an effect of each and none of both together; four splits.
fn grid() -> Observations {
    let score = |loss: usize, rate: usize, split: usize| {
        // what is left over differs by split and candidate, and sums to zero over either
        let rest = [[1.0, -1.0], [-1.0, 1.0]][loss][split % 2] * if rate == 0 { 0.01 } else { 0.0 };
        [0.5, 0.7][loss] + [0.0, 0.03, 0.09][rate] + [0.0, 0.02, 0.01, -0.03][split] + rest
    };
    let cells = (0..2).flat_map(|loss| (0..3).map(move |rate| (loss, rate)));
    let scores: Vec<Vec<f64>> =
        (0..4).map(|split| cells.clone().map(|(loss, rate)| score(loss, rate, split)).collect()).collect();
    let mut sweep = observations(&scores);
    sweep.axes = ["architecture", "loss", "rate"].map(str::to_owned).to_vec();
    for (candidate, (loss, rate)) in sweep.candidates.iter_mut().zip(cells) {
        let name = AxisValue::Name(["bce", "dice"][loss].to_owned());
        candidate.values =
            vec![Some(AxisValue::Name("unet".to_owned())), Some(name), Some(AxisValue::Real(0.1 * rate as f64))];
    }
    sweep
}

#[test]
fn effects_of_axes_add_up() {
    let table = analyse(&grid()).effects.unwrap().all;
    let names: Vec<_> = table.terms.iter().map(|term| term.name.as_str()).collect();
    assert_eq!(names, ["loss", "rate", "loss × rate", "split", "residual"]);
    let degrees: Vec<_> = table.terms.iter().map(|term| term.df).collect();
    assert_eq!(degrees, [1, 2, 2, 3, 15]);
    // 24 cells, the loss moves each by .1; eight cells a rate, which moves them by -.04, -.01, .05
    close(table.terms[0].sum_of_squares, 24.0 * 0.01);
    close(table.terms[1].sum_of_squares, 8.0 * (0.0016 + 0.0001 + 0.0025));
    assert!(table.terms[2].sum_of_squares < 1e-15);
    close(table.terms[3].sum_of_squares, 6.0 * (0.0004 + 0.0001 + 0.0009));
    close(table.terms[4].sum_of_squares, 8.0 * 0.0001);
    close(table.terms[0].f.unwrap(), 0.24 / (0.0008 / 15.0));
    close(table.terms.iter().map(|term| term.share).sum(), 1.0);
    let dice = table.levels.iter().find(|level| level.level == "dice").unwrap();
    close(dice.mean, 0.74);
}

#[test]
fn a_parameter_of_one_loss_is_no_axis_of_its_own() {
    let mut sweep = grid();
    // bce with three rates, and three different others
    for (index, candidate) in sweep.candidates.iter_mut().enumerate() {
        let gamma = (index >= 3).then_some(AxisValue::Integer(2));
        candidate.values[0] = gamma;
    }
    let table = analyse(&sweep).effects.unwrap().all;
    let names: Vec<_> = table.terms.iter().map(|term| term.name.as_str()).collect();
    assert_eq!(names, ["architecture + loss", "rate", "architecture + loss × rate", "split", "residual"]);
}

#[test]
fn effects_without_what_did_not_train() {
    let mut sweep = grid();
    for job in sweep.candidates.iter_mut().flat_map(|candidate| &mut candidate.observations) {
        *job = ended(job.score().unwrap(), |_| ());
    }
    let whole = analyse(&sweep).effects.unwrap();
    assert_eq!(whole.trained.as_ref(), Some(&whole.all));
    sweep.candidates[4].observations[2] = ended(0.0, |ended| ended.verdict = Some(Verdict::Trivial));
    let effects = analyse(&sweep).effects.unwrap();
    let trained = effects.trained.unwrap();
    assert_eq!((trained.filled, trained.terms[4].df), (1, 14));
    assert!(effects.all.terms[4].share > 0.3, "one collapse drowns everything");
    // the cell that is gone had no rest of its own: the model says what it was but for the rests around it
    assert!((trained.terms[0].share - whole.all.terms[0].share).abs() < 0.01);
}
