//! What other tools export goes in as it comes.

use super::*;

/// The exports of seven tools as they come, each with the numbers that scipy makes of it (tests/reference/exports.py).
#[test]
fn the_exports_of_other_tools_have_the_reference_numbers() {
    let expected: Value = serde_json::from_str(include_str!("../exports/expected.json")).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exports");
    let tools: [(&str, &[&str]); 7] = [
        ("wandb", &["--score", "val/IoU"]),
        ("mlflow", &[]),
        ("optuna", &[]),
        ("ray", &["--score", "val_iou"]),
        ("tensorboard", &[]),
        ("sklearn", &[]),
        ("spreadsheet", &[]),
    ];
    for (tool, options) in tools {
        let text = std::fs::read_to_string(folder.join(format!("{tool}.csv"))).unwrap();
        let found = document(&text, &[options, &["--ratio", "0.5"]].concat());
        let facts = &expected[tool];
        let rows = found["candidates"]["rows"].as_array().unwrap();
        let named = |row: &Value| {
            let of =
                |name: &str| row.as_object().unwrap().iter().find(|(key, _)| key.ends_with(name)).unwrap().1.clone();
            format!("{} {}", of("model").as_str().unwrap(), of("lr").as_f64().unwrap())
        };
        assert_eq!(rows.len(), facts["candidates"].as_object().unwrap().len(), "{tool}");
        // a name has its values in the order of the columns
        let is_named = |found: &Value, name: &str| {
            let words = |name: &str| name.split(' ').map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
            words(found.as_str().unwrap()) == words(name)
        };
        for row in rows {
            let expected = &facts["candidates"][named(row)];
            for key in ["n", "mean", "sd", "pool_low", "pool_high"] {
                close(&row[key], &expected[key]);
            }
        }
        let best = facts["best"].as_str().unwrap();
        assert!(is_named(&found["candidates"]["best"], best), "{tool}");
        for (other, expected) in facts["pairs"].as_object().unwrap() {
            let pairs = found["pairs"]["rows"].as_array().unwrap();
            let of = [best, other];
            let has = |pair: &Value, name| is_named(&pair["first"], name) || is_named(&pair["second"], name);
            let pair = pairs.iter().find(|pair| of.iter().all(|name| has(pair, name)));
            let pair = pair.unwrap_or_else(|| panic!("{tool}: {of:?}"));
            close(&pair["n"], &expected["n"]);
            close(&pair["p_pool"], &expected["p_pool"]);
        }
    }
}

#[test]
fn lines_are_chosen_by_a_value_and_the_last_of_several_runs_counts() {
    let text = "data,c,seed,score\na,x,0,0.5\na,x,0.0,0.6\na,y,0,0.4\na,x,1,0.7\na,y,1,0.3\nb,x,0,9\nb,y,1,9\n";
    let options = ["--where", "data=a", "--candidate", "c", "--retries", "last"];
    let found = document(text, &options);
    let rows = found["candidates"]["rows"].as_array().unwrap();
    let means: Vec<_> = rows.iter().map(|row| (row["n"].as_u64(), row["mean"].as_f64())).collect();
    assert_eq!(means, [(Some(2), Some(0.65)), (Some(2), Some(0.35))], "0.0 is 0, and its line is the later one");
    assert_eq!(found["replicates"], 2);
    for (options, words) in [
        (&options[..4], "is on line 2 already"),
        (&["--where", "data=c"], "no line has `c` (--where); there are: a, b"),
        (&["--where", "set=a"], "no column is named `set`"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scores.csv");
        std::fs::write(&file, text).unwrap();
        let cli = Cli::parse_from(["analyze", file.to_str().unwrap()].iter().chain(options));
        let error = analyze::run(&cli.args).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
