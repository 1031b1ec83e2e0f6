#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn columns(score: &str, replicate: &str, candidate: &[&str]) -> Columns {
    let some = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    let candidate = candidate.iter().map(|name| (*name).to_owned()).collect();
    Columns { score: some(score), replicate: some(replicate), candidate }
}

#[track_caller]
fn assert_mistake(text: &str, columns: &Columns, place: (u64, Option<&str>), words: &[&str]) {
    let error = read(text.as_bytes(), columns).unwrap_err();
    assert_eq!((error.line, error.column.as_deref()), place, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "`{word}` is not in: {error}");
    }
    assert!(!error.to_string().contains('\n'), "{error}");
}

#[test]
fn a_long_file_is_read_with_nothing_said() {
    let text = "\u{feff}lr,optimizer,Seed,score\n0.10,adam,a,0.5\n 0.1 ,adam,b,\n1e-3,,a,inf\n1e-3,,b,-1e-2\n";
    let imported = read(text.as_bytes(), &Columns::default()).unwrap();
    assert_eq!(
        (imported.axes, imported.replicates),
        (vec!["lr".to_owned(), "optimizer".to_owned()], vec!["a".to_owned(), "b".to_owned()])
    );
    let adam = AxisValue::Name("adam".to_owned());
    assert_eq!(
        imported.candidates,
        [vec![Some(AxisValue::Real(0.1)), Some(adam)], vec![Some(AxisValue::Real(0.001)), None]]
    );
    let run = |candidate, replicate, score| Run { candidate, replicate, score };
    let expected = [run(0, 0, Some(0.5)), run(0, 1, None), run(1, 0, Some(f64::INFINITY)), run(1, 1, Some(-0.01))];
    assert_eq!(imported.runs, expected);
}

#[test]
fn runs_without_a_score_failed_and_those_that_are_not_there_are_missing() {
    let text = "c,seed,score\nx,1,1\nx,2,NaN\nx,3,inf\ny,1,2\n";
    let observations = read(text.as_bytes(), &Columns::default()).unwrap().observations(true, Some(0.5));
    let x = &observations.candidates[0].observations;
    assert_eq!((x[0].score(), &x[1]), (Some(1.0), &Observation::Failed));
    assert_eq!(x[2].ended().map(|ended| (ended.verdict, ended.score)), Some((Some(Verdict::Diverged), None)));
    assert_eq!(observations.candidates[1].observations[1], Observation::Missing);
    assert_eq!((observations.higher_is_better, observations.ratio), (false, Some(0.5)));
}

#[test]
fn named_columns_leave_the_others_alone() {
    let text = "job,loss,seed,test_iou,value\n1,bce,0,0.5,9\n2,bce,1,0.6,9\n";
    let imported = read(text.as_bytes(), &columns("test_iou", "", &["loss"])).unwrap();
    assert_eq!(
        (imported.score.as_str(), imported.axes.as_slice(), imported.candidates.len()),
        ("test_iou", &["loss".to_owned()][..], 1)
    );
}

#[test]
fn columns_are_guessed_only_where_one_can_be_meant() {
    let guess = Columns::default();
    assert_mistake("a,seed,auc\nx,1,0.5\n", &guess, (1, None), &["--score", "a, seed, auc"]);
    assert_mistake("a,run,score\nx,1,0.5\n", &guess, (1, None), &["--replicate", "a, run, score"]);
    assert_mistake(
        "a,seed,split,score\nx,1,1,1\n",
        &guess,
        (1, None),
        &["--replicate", "`seed` or `split`", "say which"],
    );
    assert_mistake("a,seed,score\nx,1,1\n", &columns("acc", "", &[]), (1, None), &["`acc`", "a, seed, score"]);
    assert_mistake("a,seed,score\nx,1,1\n", &columns("seed", "", &[]), (1, Some("seed")), &["both"]);
    assert_mistake("a,seed,score\nx,1,1\n", &columns("", "", &["a", "seed"]), (1, Some("seed")), &["--candidate"]);
    assert_mistake("seed,score\n1,1\n", &guess, (1, None), &["no candidate column"]);
    assert_mistake(
        "job,c,seed,score\n1,x,1,1\n2,x,2,1\n",
        &guess,
        (1, None),
        &["`job` differs", "--candidate", "job, c"],
    );
}

#[test]
fn every_mistake_has_its_place() {
    let guess = Columns::default();
    assert_mistake("c,seed,score\nx,1,0.5\n\nx,2,0;5\n", &guess, (4, Some("score")), &["`0;5`", "decimal point"]);
    assert_mistake("c,seed,score\nx,1,0.5\nx,,1\n", &guess, (3, Some("seed")), &["empty"]);
    assert_mistake(
        "c,seed,score\nx,1,0.5\ny,1,1\nx,1,1\n",
        &guess,
        (4, Some("seed")),
        &["`x`", "`1`", "line 2", "--candidate"],
    );
    assert_mistake("c,seed,score\nx,1,0.5\nx,1\n", &guess, (3, None), &["2 fields", "3"]);
    assert_mistake("c,seed,score,score\n", &guess, (1, Some("score")), &["twice"]);
    assert_mistake("c;seed;score\nx;1;2\n", &guess, (1, None), &["commas", "';'"]);
    assert_mistake("c,seed,score\n", &guess, (2, None), &["no run"]);
    assert_mistake("", &guess, (1, None), &["no header"]);
    let error = read(b"c,seed,score\nx,1,0.5\n\xff,2,1\n", &guess).unwrap_err();
    assert_eq!((error.line, error.to_string().contains("UTF-8")), (3, true), "{error}");
}
