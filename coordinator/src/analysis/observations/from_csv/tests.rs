#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::analysis::observations::{CaseScore, Ended};
use crate::plan::AxisValue;
use proto::measure::Verdict;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn columns(score: &str, replicate: &str, candidate: &[&str]) -> Columns {
    let some = |name: &str| if name.is_empty() { Vec::new() } else { names(&[name]) };
    Columns { score: some(score), replicate: some(replicate), candidate: names(candidate), ..Columns::default() }
}

/// The scores of a file of one metric, with nothing said about its columns.
#[track_caller]
fn scores(text: &str) -> Observations {
    let mut metrics = read(text.as_bytes(), &Columns::default()).unwrap_or_else(|error| panic!("{error}")).metrics;
    assert_eq!(metrics.len(), 1);
    metrics.remove(0)
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

fn diverged() -> Observation {
    Observation::Ended(Ended { verdict: Some(Verdict::Diverged), ..Ended::default() })
}

#[test]
fn a_long_file_is_read_with_nothing_said() {
    let text = "\u{feff}lr,optimizer,Seed,score\n0.10,adam,a,0.5\n 0.1 ,adam,b,\n1e-3,,a,inf\n1e-3,,b,-1e-2\n";
    let found = scores(text);
    assert_eq!((found.metric.as_str(), &found.axes), ("score", &names(&["lr", "optimizer"])));
    let labels: Vec<_> = found.replicates.iter().map(|replicate| replicate.label.as_str()).collect();
    assert_eq!(labels, ["a", "b"]);
    let [first, second] = &found.candidates[..] else { panic!("{found:?}") };
    assert_eq!(first.values, [Some(AxisValue::Real(0.1)), Some(AxisValue::Name("adam".to_owned()))]);
    assert_eq!(second.values, [Some(AxisValue::Real(0.001)), None]);
    assert_eq!(first.observations, [Observation::scored(0.5), Observation::Failed]);
    assert_eq!(second.observations, [diverged(), Observation::scored(-0.01)]);
}

#[test]
fn runs_without_a_score_failed_and_those_that_are_not_there_are_missing() {
    let found = scores("c,seed,score\nx,1,1\nx,2,NaN\nx,3,inf\ny,1,2\n");
    assert_eq!(found.candidates[0].observations, [Observation::scored(1.0), Observation::Failed, diverged()]);
    assert_eq!(found.candidates[1].observations[1], Observation::Missing);
}

#[test]
fn named_columns_leave_the_others_alone() {
    let text = "job,loss,seed,test_iou,value\n1,bce,0,0.5,9\n2,bce,1,0.6,9\n";
    let imported = read(text.as_bytes(), &columns("test_iou", "", &["loss"])).unwrap();
    let found = &imported.metrics[0];
    assert_eq!((found.metric.as_str(), &found.axes, found.candidates.len()), ("test_iou", &names(&["loss"]), 1));
}

#[test]
fn columns_are_guessed_only_where_one_can_be_meant() {
    let guess = Columns::default();
    assert_mistake("a,seed,auc\nx,1,0.5\n", &guess, (1, None), &["--score", "a, seed, auc"]);
    assert_mistake("a,turn,score\nx,1,0.5\n", &guess, (1, None), &["--replicate", "a, turn, score"]);
    let two = "a,fold,split,score\nx,1,1,1\n";
    assert_mistake(two, &guess, (1, None), &["--replicate", "`fold` or `split`", "say which", "fold,split"]);
    let two = "a,seed,case,image,score\nx,1,1,1,1\n";
    assert_mistake(two, &guess, (1, None), &["--case", "`case` or `image`", "say which"]);
    assert_mistake("a,seed,score\nx,1,1\n", &columns("acc", "", &[]), (1, None), &["`acc`", "a, seed, score"]);
    assert_mistake("a,seed,score\nx,1,1\n", &columns("seed", "", &[]), (1, Some("seed")), &["both"]);
    assert_mistake("a,seed,score\nx,1,1\n", &columns("", "", &["a", "seed"]), (1, Some("seed")), &["--candidate"]);
    let twice = Columns { score: names(&["score", "score"]), ..Columns::default() };
    assert_mistake("a,seed,score\nx,1,1\n", &twice, (1, Some("score")), &["twice in --score"]);
    assert_mistake("seed,score\n1,1\n", &guess, (1, None), &["no candidate column"]);
    let ids = "job,c,when,seed,score\n1,x,5,1,1\n2,x,5,2,1\n";
    let named = columns("", "", &["job", "c"]);
    assert_mistake(ids, &named, (1, None), &["`job` differs", "--candidate c"]);
    assert_eq!(scores(ids).axes, ["c", "when"], "nobody named them");
    assert_mistake("job,seed,score\n1,1,1\n2,2,1\n", &guess, (1, None), &["`job` differs"]);
    // a run's id is no replicate
    assert_mistake("c,run,score\nx,1,0.5\ny,2,0.5\n", &guess, (1, None), &["--replicate", "c, run, score"]);
    assert_eq!(scores("c,run,score\nx,1,0.5\ny,1,0.5\n").replicates.len(), 1);
}

#[test]
fn every_mistake_has_its_place() {
    let guess = Columns::default();
    assert_mistake("c,seed,score\nx,1,0.5\n\nx,2,0;5\n", &guess, (4, Some("score")), &["`0;5`", "decimal point"]);
    assert_mistake("c,seed,score\nx,1,0.5\nx,,1\n", &guess, (3, Some("seed")), &["empty"]);
    let twice = "c,seed,score\nx,1,0.5\ny,1,1\nx,1,1\n";
    assert_mistake(twice, &guess, (4, Some("seed")), &["`x`", "`1`", "line 2", "--candidate"]);
    assert_mistake("c,seed,score\nx,1,0.5\nx,1\n", &guess, (3, None), &["2 fields", "3"]);
    assert_mistake("c,seed,score,score\n", &guess, (1, Some("score")), &["twice"]);
    assert_mistake("c|seed|score\nx|1|2\n", &guess, (1, None), &["commas, semicolons or tabs"]);
    assert_mistake("c,seed,score\n", &guess, (2, None), &["no run"]);
    assert_mistake("", &guess, (1, None), &["no header"]);
    let error = read(b"c,seed,score\nx,1,0.5\n\xff,2,1\n", &guess).unwrap_err();
    assert_eq!((error.line, error.to_string().contains("UTF-8")), (3, true), "{error}");
    let error = read(b"\xff\xfec\0,\0\n\0\x00\xd8", &guess).unwrap_err();
    assert_eq!((error.line, error.to_string().contains("UTF-16")), (1, true), "{error}");
}

const PLAIN: &str = "model,seed,score\nunet,0,0.75\nunet,1,0.76\nsegnet,0,0.71\nsegnet,1,0.72\n";

#[test]
fn what_programs_add_to_a_csv_changes_nothing() {
    let plain = scores(PLAIN);
    let utf16: Vec<u8> = "\u{feff}".encode_utf16().chain(PLAIN.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = PLAIN.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let index = |text: &str| {
        let lines = text.lines().skip(1).enumerate().map(|(index, line)| format!("{},{line}", 3 * index));
        format!(",{}\n{}\n", text.lines().next().unwrap(), lines.collect::<Vec<_>>().join("\n"))
    };
    for (what, bytes) in [
        ("UTF-16", utf16),
        ("UTF-16 without a mark", big),
        ("comments", format!("# exported 2024, at noon\n#\n{PLAIN}").into_bytes()),
        ("numpy's header", format!("# made by me\n# {PLAIN}").into_bytes()),
        ("pandas' index", index(PLAIN).into_bytes()),
        ("a comma behind each line", PLAIN.replace('\n', ",\n").into_bytes()),
        ("Windows' line ends", PLAIN.replace('\n', "\r\n").into_bytes()),
    ] {
        let imported = read(&bytes, &Columns::default()).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(imported.metrics, std::slice::from_ref(&plain), "{what}");
    }
    let imported = read(index(PLAIN).as_bytes(), &Columns::default()).unwrap();
    assert_eq!(imported.notes, ["passed over: the column without a name"]);
    // comments count as lines, and only above the header is a # a comment
    assert_mistake("# a\n\nc,seed,score\n\n#x,1,o\n", &Columns::default(), (5, Some("score")), &["`o`"]);
    assert_mistake("c,,score\nx,a,1\n", &Columns::default(), (1, None), &["column 2", "no name"]);
}

#[test]
fn a_wide_file_of_unknown_columns_is_named_as_such() {
    let text = "model,lr,s_0,s_1,s_2\nunet,0.001,0.80,0.81,0.79\n";
    assert_mistake(text, &Columns::default(), (1, None), &["s_0, s_1, s_2", "one line per run"]);
}

#[test]
fn pruned_failed_and_running_runs_have_no_score() {
    let text = "number,value,datetime_start,params_model,user_attrs_seed,state\n\
        0,0.31,x,unet,0,PRUNED\n1,0.76,y,unet,1,COMPLETE\n2,0.5,z,unet,2,FAIL\n3,0.1,z,unet,3,RUNNING\n";
    let imported = read(text.as_bytes(), &Columns::default()).unwrap();
    let found = &imported.metrics[0];
    assert_eq!(found.axes, ["params_model"]);
    let expected = [Observation::Dropped, Observation::scored(0.76), Observation::Failed, Observation::Missing];
    assert_eq!(found.candidates[0].observations, expected);
    let said = "column `state`: 1 run is marked failed, 1 run is not finished, 1 run is pruned";
    assert_eq!(imported.notes, [said, "passed over: number, datetime_start"]);
}

#[test]
fn a_run_that_crashed_and_was_run_again_is_what_it_became() {
    let text = "State,model,seed,score\ncrashed,unet,0,0.1\nfinished,unet,0,0.75\nfinished,unet,1,0.76\ncrashed,unet,1,\n\
        failed,segnet,0,\nkilled,segnet,0,\ncrashed,segnet,1,\nrunning,segnet,1,0.2\n";
    let imported = read(text.as_bytes(), &Columns::default()).unwrap();
    let candidates = &imported.metrics[0].candidates;
    assert_eq!(candidates[0].observations, [Observation::scored(0.75), Observation::scored(0.76)]);
    assert_eq!(candidates[1].observations, [Observation::Failed, Observation::Missing]);
    assert!(imported.notes[0].ends_with("4 lines are of runs that were run again"), "{:?}", imported.notes);
    let twice = "State,model,seed,score\nfinished,unet,0,0.1\nfinished,unet,0,0.75\n";
    assert_mistake(twice, &Columns::default(), (3, Some("seed")), &["`unet`, replicate `0`", "line 2"]);
}

#[test]
fn an_unknown_state_is_a_mistake_unless_the_column_is_no_state() {
    let text = "state,seed,score\nOhio,0,0.5\nUtah,0,0.6\n";
    assert_mistake(text, &Columns::default(), (1, None), &["no candidate column", "--state none if it is `state`"]);
    let states = "c,state,seed,score\nx,finished,0,0.5\ny,Utah,0,0.6\n";
    assert_mistake(states, &Columns::default(), (3, Some("state")), &["`Utah`", "crashed", "--state none"]);
    let none = Columns { state: Some("none".to_owned()), ..Columns::default() };
    assert_eq!(read(text.as_bytes(), &none).unwrap().metrics[0].axes, ["state"]);
}

/// Two runs of two cases, in a file whose lines are in no order.
const CASES: &str = "model,split,case,score\nunet,0,10,0.9\nunet,0,9,0.5\nunet,1,9,0.6\nunet,1,2,0.8\n";

#[test]
fn the_score_of_a_run_is_the_mean_over_its_cases() {
    let found = scores(CASES);
    assert_eq!((found.pool, found.replicates.len()), (Some(3), 2));
    let case = |case, score| CaseScore { case, score };
    let ended = |score, list: &str, cases| {
        Observation::Ended(Ended { score: Some(score), split_hash: Some(list.to_owned()), cases, ..Ended::default() })
    };
    let expected =
        [ended(0.7, "0", vec![case(1, 0.5), case(2, 0.9)]), ended(0.7, "1", vec![case(0, 0.8), case(1, 0.6)])];
    assert_eq!(found.candidates[0].observations, expected);
    let by_name = scores(&CASES.replace(",9,", ",b,"));
    let Observation::Ended(first) = &by_name.candidates[0].observations[0] else { panic!("{by_name:?}") };
    assert_eq!(first.cases, [case(0, 0.9), case(2, 0.5)]);
}

#[test]
fn a_case_is_there_once_and_has_a_score_if_its_run_has_one() {
    let guess = Columns::default();
    let twice = format!("{CASES}unet,0,9,0.5\n");
    assert_mistake(&twice, &guess, (6, Some("case")), &["`unet`, replicate `0`", "line 3", "--replicate"]);
    let one = CASES.replace("unet,1,9,0.6", "unet,1,9,");
    assert_mistake(&one, &guess, (4, Some("score")), &["case `9`", "replicate `1`", "the worst there is"]);
    assert_mistake(&CASES.replace(",9,0.6", ",,0.6"), &guess, (4, Some("case")), &["which case"]);
    let all = scores(&one.replace("2,0.8", "2,nan"));
    assert_eq!(all.candidates[0].observations[1], Observation::Failed);
    let infinite = scores(&CASES.replace("0.6", "inf"));
    assert_eq!(infinite.candidates[0].observations[1], diverged());
    // one case of a run crashed, and was not run again
    let lines = CASES.replace(",score", ",score,state").replace(".9\n", ".9,ok\n");
    let lines = lines.replace(".5\n", ".5,crashed\n").replace(".6\n", ".6,ok\n").replace(".8\n", ".8,ok\n");
    let lines = lines.replace(",ok", ",finished");
    assert_mistake(&lines, &guess, (3, Some("state")), &["`crashed`", "case `9`", "all its cases"]);
    let again = scores(&format!("{lines}unet,0,9,0.5,finished\n"));
    assert_eq!(again, scores(CASES));
    // an attempt that came to nothing names no case
    let crashed = scores(&format!("{lines}unet,0,9,0.5,finished\nunet,1,,,crashed\nunet,2,,,crashed\n"));
    assert_eq!(crashed.candidates[0].observations[..2], again.candidates[0].observations);
    assert_eq!((&crashed.candidates[0].observations[2], crashed.pool), (&Observation::Failed, Some(3)));
    let empty = scores(&format!("{CASES}unet,2,,\n"));
    assert_eq!(empty.candidates[0].observations[2], Observation::Failed);
}

#[test]
fn seeds_are_of_their_splits() {
    let text = "c,seed,fold,score\nx,7,a,1\nx,8,a,2\nx,7,b,3\nx,8,b,4\n";
    let found = scores(text);
    let replicates: Vec<_> = found
        .replicates
        .iter()
        .map(|replicate| (replicate.label.as_str(), replicate.split, replicate.seeds.map(|seeds| seeds.init_seed)))
        .collect();
    let expected =
        [("a/7", Some(0), Some(0)), ("a/8", Some(0), Some(1)), ("b/7", Some(1), Some(0)), ("b/8", Some(1), Some(1))];
    assert_eq!((replicates, found.replicates_are), (expected.to_vec(), ReplicatesAre::Splits));
    let named = Columns { replicate: names(&["seed", "fold"]), ..Columns::default() };
    assert_eq!(read(text.as_bytes(), &named).unwrap().metrics[0], found);
    let seeds = scores("c,seed,score\nx,7,1\nx,8,2\n");
    assert_eq!((seeds.replicates_are, seeds.replicates[0].split), (ReplicatesAre::Seeds, None));
    // repeated cross-validation: every fold of every repetition is a split
    let both = Columns { replicate: names(&["repeat", "fold"]), ..Columns::default() };
    let folds = read(b"c,repeat,fold,score\nx,0,0,1\nx,0,1,2\nx,1,0,3\n", &both).unwrap();
    assert_eq!(folds.replicate, "repeat,fold");
    let labels: Vec<_> =
        folds.metrics[0].replicates.iter().map(|replicate| (&*replicate.label, replicate.split)).collect();
    assert_eq!(labels, [("0/0", None), ("0/1", None), ("1/0", None)]);
}

#[test]
fn several_metrics_have_the_same_runs() {
    let text = "c,seed,iou,dice\nx,0,0.5,0.6\nx,1,,0.7\n";
    let both = Columns { score: names(&["iou", "dice"]), ..Columns::default() };
    let found = read(text.as_bytes(), &both).unwrap().metrics;
    assert_eq!(found.iter().map(|of| &*of.metric).collect::<Vec<_>>(), ["iou", "dice"]);
    assert_eq!(found[0].axes, ["c"]);
    assert_eq!(found[0].candidates[0].observations, [Observation::scored(0.5), Observation::Failed]);
    assert_eq!(found[1].candidates[0].observations, [Observation::scored(0.6), Observation::scored(0.7)]);
}

#[test]
fn a_metric_that_is_named_like_a_loss_needs_a_direction() {
    let unsaid = Direction::Unsaid;
    for metric in ["loss", "val_loss", "test/RMSE", "mean.wer", "HD95", "error rate"] {
        let error = unsaid.higher_is_better(metric).unwrap_err();
        assert_eq!((error.line, error.column.as_deref()), (1, Some(metric)));
        assert!(error.to_string().contains("--minimize or --maximize"), "{error}");
        assert_eq!(Direction::Minimize.higher_is_better(metric), Ok(false));
        assert_eq!(Direction::Maximize.higher_is_better(metric), Ok(true));
    }
    for metric in ["score", "lossless", "val/IoU", "neg_log_loss", "answer", "power"] {
        assert_eq!(unsaid.higher_is_better(metric), Ok(true), "{metric}");
    }
    let one = Direction::MinimizeOnly(names(&["hd95"]));
    assert_eq!((one.higher_is_better("hd95"), one.higher_is_better("iou")), (Ok(false), Ok(true)));
    assert!(one.higher_is_better("loss").is_err());
    assert!(one.check(&["iou"]).unwrap_err().to_string().contains("hd95"));
    assert_eq!(one.check(&["iou", "hd95"]), Ok(()));
}

#[test]
fn a_wide_file_is_read_as_a_long_one() {
    let long = scores("c,seed,score\nx,0,0.5\nx,1,0.6\ny,0,0.7\ny,1,\n");
    assert_eq!(scores("c,seed_0,seed_1\nx,0.5,0.6\ny,0.7,\n"), long);
    assert_eq!(scores("c,Seed0,Seed1\nx,0.5,0.6\ny,0.7,\n"), long);
    let text = "param_c,split0_test_score,split1_test_score,mean_test_score,rank_test_score\nx,0.5,0.6,0.55,2\ny,0.7,0.8,0.75,1\n";
    let found = read(text.as_bytes(), &Columns::default()).unwrap();
    assert_eq!(found.metrics[0].metric, "test_score");
    assert_eq!(found.metrics[0].candidates[1].observations, [Observation::scored(0.7), Observation::scored(0.8)]);
    assert_eq!(found.notes[0], "split0_test_score, split1_test_score are read as test_score of split 0, 1");
    let both = "c,iou_seed1,iou_seed2,dice_seed1,dice_seed2\nx,1,2,3,4\n";
    let found = read(both.as_bytes(), &columns("dice", "", &["c"])).unwrap();
    assert_eq!(found.metrics[0].candidates[0].observations, [Observation::scored(3.0), Observation::scored(4.0)]);
    let has_seeds = "c,seed,fold_1,fold_2\nx,0,1,2\nx,1,3,4\n";
    assert!(read(has_seeds.as_bytes(), &columns("fold_1", "seed", &["c"])).is_ok(), "a column has the replicate");
}

#[test]
fn semicolons_and_tabs_separate_columns_and_then_commas_are_decimal_points() {
    let expected = scores("c,lr,seed,score\nx,0.5,0,0.25\ny,0.25,0,1000\n");
    assert_eq!(scores("c;lr;seed;score\nx;0,5;0;0,25\ny;0,25;0;1e3\n"), expected);
    assert_eq!(scores("c\tlr\tseed\tscore\nx\t0.5\t0\t0.25\ny\t0.25\t0\t1000\n"), expected);
    let mixed = "c;seed;score\nx;0;0,25\ny;0;1.5\n";
    assert_mistake(mixed, &Columns::default(), (2, Some("score")), &["`0,25` is not a number"]);
}

#[test]
fn what_tools_note_of_a_run_tells_no_candidates_apart() {
    let text = "Name,Created,lr,seed,score\na,1,0.1,0,1\nb,2,0.1,1,2\nc,3,0.2,0,3\nd,3,0.2,1,4\n";
    let found = read(text.as_bytes(), &Columns::default()).unwrap();
    assert_eq!(found.metrics[0].axes, ["lr"]);
    assert_eq!(found.notes, ["passed over: Name, Created"]);
    let named = "Name,seed,score\na,0,1\na,1,2\nb,0,3\n";
    assert_eq!(scores(named).axes, ["Name"], "where it does tell candidates apart");
}
