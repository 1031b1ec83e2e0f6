//! What `coordinator plan` shows of a sweep file.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod golden;

use coordinator::cli::commands;
use golden::assert_golden;

const SWEEP: &str = include_str!("golden/golden.yaml");

fn plan_args(file: &std::path::Path, format: commands::plan::Format) -> commands::plan::Args {
    commands::plan::Args {
        file: file.to_owned(),
        format,
        json: false,
        resolved: false,
        power: false,
        sd: None,
        pilot: None,
        pilot_sweep: String::new(),
        data: Vec::new(),
        store: None,
        bench: None,
        workers: 1,
    }
}

#[track_caller]
fn shown(name: &str, text: &str, format: commands::plan::Format) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, text).unwrap();
    let mut out = Vec::new();
    commands::plan::run(plan_args(&file, format), None, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn plans_are_shown() {
    assert_golden("plan/golden.txt", &shown("golden.yaml", SWEEP, commands::plan::Format::Table));
    assert_golden("plan/golden.json", &shown("golden.yaml", SWEEP, commands::plan::Format::Json));
    for (name, text) in [
        ("quick", include_str!("../../configs/quick.yaml")),
        ("ph2-small", include_str!("../../configs/ph2-small.yaml")),
        ("full", include_str!("../../configs/full.yaml")),
    ] {
        assert_golden(&format!("plan/{name}.txt"), &shown(name, text, commands::plan::Format::Table));
    }
}

#[test]
fn a_plan_of_a_million_jobs_lists_fifty_candidates() {
    let rates: Vec<_> = (1..=1000).map(|rate| rate.to_string()).collect();
    let text = format!(
        "sweep: s\ndataset: {{name: ph2, format: ph2}}\ngrid: {{learning_rate: [{}]}}\nreplicates: {{split_seeds: 1000}}",
        rates.join(", ")
    );
    let shown = shown("million.yaml", &text, commands::plan::Format::Table);
    assert!(shown.starts_with("s: 1000000 jobs = 1000 candidates x 1000 replicates\n"), "{shown}");
    assert!(shown.contains("... and 950 more\n"), "{shown}");
    assert!(shown.lines().count() < 75, "{shown}");
}

#[test]
fn a_plan_says_which_differences_it_will_show() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.yaml");
    std::fs::write(&file, include_str!("../../configs/quick.yaml")).unwrap();
    let run = |args: commands::plan::Args| {
        let mut out = Vec::new();
        commands::plan::run(args, None, &mut out).map(|()| String::from_utf8(out).unwrap())
    };
    let json = |args: commands::plan::Args| -> serde_json::Value {
        let args = commands::plan::Args { format: commands::plan::Format::Json, ..args };
        serde_json::from_str::<serde_json::Value>(&run(args).unwrap()).unwrap()["power"].clone()
    };
    let plain = || plan_args(&file, commands::plan::Format::Table);
    // 20 of 100 cases are test cases
    assert_eq!((&json(plain())["ratio"], &json(plain())["sd"]), (&(20.0 / 80.0).into(), &serde_json::Value::Null));
    let text = run(commands::plan::Args { sd: Some(0.02), power: true, ..plain() }).unwrap();
    assert!(text.contains("sd = 0.0200 (given)") && text.contains("this pool, all pairs"), "{text}");
    // the differences of a and b are 0.1, 0.1 and 0.4
    let pilot = folder.path().join("pilot.csv");
    std::fs::write(&pilot, "c,seed,score\na,0,0.6\na,1,0.6\na,2,0.9\nb,0,0.5\nb,1,0.5\nb,2,0.5\n").unwrap();
    let args = commands::plan::Args { pilot: Some(pilot.clone()), ..plain() };
    assert!((json(args)["sd"].as_f64().unwrap() - 0.03_f64.sqrt()).abs() < 1e-12);
    std::fs::write(&pilot, "c,seed,score\na,0,0.6\nb,0,0.5\n").unwrap();
    let error = run(commands::plan::Args { pilot: Some(pilot), ..plain() }).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("give it with --sd"), "{error}");
}

#[test]
fn a_plan_says_how_long_it_takes_at_the_pace_of_a_bench() {
    let folder = tempfile::tempdir().unwrap();
    let (file, bench) = (folder.path().join("s.yaml"), folder.path().join("bench.json"));
    std::fs::write(&file, include_str!("../../configs/quick.yaml")).unwrap();
    let run = |format, workers| {
        let args = commands::plan::Args { bench: Some(bench.clone()), workers, ..plan_args(&file, format) };
        let mut out = Vec::new();
        commands::plan::run(args, None, &mut out).map(|()| String::from_utf8(out).unwrap())
    };
    std::fs::write(&bench, r#"{"architecture": "unet2", "device": "cpu", "step_gflops": 20.0, "steps": 10}"#).unwrap();
    let json: serde_json::Value = serde_json::from_str(&run(commands::plan::Format::Json, 4).unwrap()).unwrap();
    let seconds = json["flop"].as_f64().unwrap() / 20e9;
    assert!((json["time"]["job_seconds"].as_f64().unwrap() / seconds - 1.0).abs() < 1e-12);
    assert!((json["time"]["seconds"].as_f64().unwrap() / seconds - 0.25).abs() < 1e-12);
    let text = run(commands::plan::Format::Table, 4).unwrap();
    assert!(
        text.contains("on 4 such workers (") && text.contains("at 20.0 GFLOP/s, as cpu in worker bench, unet2)"),
        "{text}"
    );
    std::fs::write(&bench, "a table").unwrap();
    let error = run(commands::plan::Format::Table, 1).unwrap_err();
    assert!(error.exit_code() == 2 && error.to_string().contains("not the output of worker bench --json"), "{error}");
}

#[test]
fn a_missing_file_and_a_wrong_one_are_the_users() {
    let format = commands::plan::Format::Table;
    let args = |file: &std::path::Path| plan_args(file, format);
    let folder = tempfile::tempdir().unwrap();
    let mut out = Vec::new();
    let missing = commands::plan::run(args(&folder.path().join("none.yaml")), None, &mut out).unwrap_err();
    let wrong = folder.path().join("wrong.yaml");
    std::fs::write(&wrong, "sweep: s").unwrap();
    let wrong = commands::plan::run(args(&wrong), None, &mut out).unwrap_err();
    assert_eq!((missing.exit_code(), wrong.exit_code(), out.len()), (2, 2, 0));
}
