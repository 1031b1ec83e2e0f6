//! How the programs behave in a shell: pipes, terminals, formats.

use crate::harness::{Lab, program, simulated, until};
use proto::spec::{Architecture, Initialization, Model, Norm};
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn full() -> String {
    root().join("configs/full.yaml").to_str().unwrap().to_owned()
}

/// A lab with a sweep that has ended.
fn ended() -> Lab {
    let lab = Lab::new();
    lab.write(&simulated(300, 2));
    lab.sweep(&["--local-workers", "1", "--slots", "4", "--simulate", "1ms"]).process.wait().expect(0);
    lab
}

/// Runs the command with a reader that goes away: before anything is written, or after the first bytes.
fn with_reader_that_goes(mut command: Command, reads: usize) -> (i32, String) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut vec![0; reads]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_closed_pipe_ends_a_command_quietly() {
    let lab = ended();
    let full = full();
    for command in [
        &["plan", &full][..],
        &["plan", &full, "--format", "json"],
        &["tables", "--rows", "measurements"],
        &["tables", "--rows", "measurements", "--format", "json"],
        &["jobs", "--format", "csv"],
        &["status", "--json"],
        &["--help"],
    ] {
        for reads in [0, 1] {
            let (code, said) = with_reader_that_goes(lab.command("coordinator", command), reads);
            assert_eq!((code, said.as_str()), (0, ""), "{command:?}");
        }
    }
}

#[test]
fn a_closed_standard_error_stops_no_sweep() {
    let lab = Lab::new();
    lab.write(&simulated(20, 2));
    let arguments = ["--sweep", "sweep.yaml", "--listen", "127.0.0.1:0", "--local-workers", "1", "--simulate", "5ms"];
    let mut command = lab.command("coordinator", arguments);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    let status = until("its end", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
    lab.check_complete(20);

    let mut command = lab.command("coordinator", ["tables", "--sweep", "other"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(2));
}

#[test]
fn without_a_terminal_there_are_no_control_characters() {
    let lab = Lab::new();
    lab.write(&simulated(10, 2));
    let sweep = lab.sweep(&["--local-workers", "1", "--simulate", "5ms"]).process.wait().expect(0);
    let wrong = lab.run(["tables", "--sweep", "other"]).expect(2);
    lab.write("sweep: x\nepochs: 3\n");
    let unreadable = lab.run(["plan", "sweep.yaml"]).expect(2);
    let coordinator = lab.serve(&[]);
    let mut worker = lab.worker(&coordinator.url, "w", &["--simulate", "5ms"]);
    worker.says("registered");
    for text in [sweep.stdout, sweep.stderr, wrong.stderr, unreadable.stderr, worker.stderr()] {
        assert!(!text.is_empty());
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }
}

#[test]
fn json_is_json_and_csv_is_csv() {
    let lab = ended();
    for (rows, count) in [("candidates", 1), ("pairs", 0), ("jobs", 300), ("cases", 600), ("measurements", 600)] {
        let json: Value = serde_json::from_str(&lab.table(rows, "json")).unwrap();
        assert_eq!(json["schema"], format!("splitsweep.{rows}/1"));
        let records = json["rows"].as_array().unwrap();
        assert_eq!(records.len(), count, "{rows}");
        let csv = lab.rows(rows);
        assert_eq!(csv.len(), count, "{rows}");
        for (record, row) in records.iter().zip(&csv) {
            let record = record.as_object().unwrap();
            assert_eq!(record.keys().collect::<std::collections::BTreeSet<_>>(), row.keys().collect());
            for (column, value) in record {
                let text = row[column].as_str();
                let same = match value {
                    Value::Null => text.is_empty(),
                    Value::Number(number) => number.as_f64() == text.parse().ok(),
                    Value::String(string) => string == text,
                    _ => false,
                };
                assert!(same, "{rows}, {column}: {value} and `{text}`");
            }
        }
    }
    let status: Value = serde_json::from_str(&lab.run(["status", "--json"]).expect(0).stdout).unwrap();
    assert_eq!((&status["sweeps"][0]["state"], &status["sweeps"][0]["succeeded"]), (&"ended".into(), &300.into()));
}

#[test]
fn a_table_is_the_same_from_the_store_from_the_coordinator_and_in_a_file() {
    let lab = ended();
    let coordinator = lab.serve(&[]);
    for rows in ["candidates", "variance", "jobs", "measurements"] {
        for format in ["table", "csv", "json", "markdown", "latex"] {
            let here = lab.table(rows, format);
            let command = ["tables", "--rows", rows, "--format", format, "--coordinator", &coordinator.url];
            assert_eq!(lab.run(command).expect(0).stdout, here);
            let written = lab.run(["tables", "--rows", rows, "--format", format, "--out", "table"]).expect(0);
            assert_eq!((written.stdout.as_str(), std::fs::read_to_string(lab.path("table")).unwrap()), ("", here));
        }
    }
}

#[test]
fn any_part_of_a_table_is_the_same_from_the_store_and_from_the_coordinator() {
    let lab = ended();
    let coordinator = lab.serve(&[]);
    for options in [
        &["--metric", "dice"][..],
        &["--metrics", "iou,dice,sensitivity", "--format", "csv"],
        &["--metrics", "iou,dice", "--rows", "variance", "--format", "json"],
        &["--rows", "jobs", "--columns", "job,split_seed,test_dice", "--sort=-test_dice", "--top", "3"],
        &["--rows", "jobs", "--width", "80"],
        &["--format", "latex", "--caption", "A table", "--label", "tab:a", "--columns", "loss,mean ± sd"],
    ] {
        let here = lab.run(["tables"].iter().chain(options)).expect(0);
        let there = lab.run(["tables", "--coordinator", &coordinator.url].iter().chain(options)).expect(0);
        let left_out = |said: &str| said.lines().find(|line| line.starts_with("left out")).map(str::to_owned);
        assert_eq!(
            (there.stdout, left_out(&there.stderr)),
            (here.stdout.clone(), left_out(&here.stderr)),
            "{options:?}"
        );
        if options.contains(&"--width") {
            assert!(here.stdout.lines().all(|line| line.chars().count() <= 80), "{}", here.stdout);
            assert!(left_out(&here.stderr).is_some_and(|titles| titles.contains("split_hash")), "{}", here.stderr);
        }
    }
    for (options, words) in [
        (&["--rows", "jobs", "--metric", "dice"][..], "has every metric in a column of its own"),
        (&["--columns", "meen"], "the table of candidates has no column `meen`; did you mean `mean`?"),
        (&["--metric", "f1"], "give one of loss, iou, thresholded_iou"),
        (&["--caption", "A table"], "--caption and --label are for --format latex"),
    ] {
        for source in [&[][..], &["--coordinator", &coordinator.url]] {
            let refused = lab.run(["tables"].iter().chain(options).chain(source)).expect(2);
            assert!(refused.stderr.contains(words), "{options:?}: {}", refused.stderr);
        }
    }
}

#[test]
fn a_binary_table_is_the_same_from_the_store_and_from_the_coordinator() {
    let lab = ended();
    let coordinator = lab.serve(&[]);
    let command = ["tables", "--rows", "jobs", "--format", "parquet", "--out"];
    let here = lab.run(command.iter().chain(&["here"])).expect(0);
    let there = lab.run(command.iter().chain(&["there", "--coordinator", &coordinator.url])).expect(0);
    assert_eq!((here.stdout.as_str(), there.stdout.as_str()), ("", ""));
    let (here, there) = (std::fs::read(lab.path("here")).unwrap(), std::fs::read(lab.path("there")).unwrap());
    assert!(here == there && here.starts_with(b"PAR1") && here.ends_with(b"PAR1"));
}

#[test]
fn the_plan_of_the_report_has_its_numbers() {
    let lab = Lab::new();
    let plan = lab.run(["plan", &full()]).expect(0).stdout;
    for number in ["216 jobs", "24980929", "21978177", "16755777"] {
        assert!(plan.contains(number), "{number} is not in\n{plan}");
    }
    let json: Value = serde_json::from_str(&lab.run(["plan", &full(), "--format", "json"]).expect(0).stdout).unwrap();
    assert_eq!(json["jobs"], 216);
    let counts: std::collections::BTreeSet<_> =
        json["candidates"].as_array().unwrap().iter().map(|row| row["parameters"].as_u64().unwrap()).collect();
    assert_eq!(counts, [24_980_929, 21_978_177, 16_755_777].into());
}

#[test]
fn the_plan_counts_the_parameters_that_networks_have() {
    for &architecture in Architecture::ALL {
        let widths = [1, 2, 3, 8, 17].map(|width| Model { width, ..Model::default() });
        let norms = Norm::ALL.iter().map(|norm| Model { width: 8, norm: *norm, residual: true });
        let norms = norms.filter(|model| architecture.norms().contains(&model.norm));
        for model in widths.into_iter().chain(norms) {
            let network = worker::models::build(
                architecture,
                model,
                64,
                Initialization::Pytorch,
                0,
                &candle_core::Device::Cpu,
                candle_core::DType::F32,
            );
            let planned = proto::cost::parameters(architecture, model, 64);
            assert_eq!(network.unwrap().parameter_count(), planned, "{architecture}, {model:?}");
        }
    }
}

#[test]
fn every_config_is_a_sweep() {
    let lab = Lab::new();
    for entry in std::fs::read_dir(root().join("configs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            lab.run(["plan", path.to_str().unwrap()]).expect(0);
        }
    }
}

#[test]
fn the_sweep_file_that_the_reference_shows_is_one() {
    let reference = std::fs::read_to_string(root().join("configs/README.md")).unwrap();
    let example = reference.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let lab = Lab::new();
    lab.write(example);
    let plan = lab.run(["plan", "sweep.yaml"]).expect(0);
    assert!(plan.stdout.contains("thresholded_iou of the test subset"), "{}", plan.stdout);
}

#[test]
fn the_dictionary_of_tables_has_every_column() {
    let dictionary = std::fs::read_to_string(root().join("docs/tables.md")).unwrap();
    let lab = ended();
    let axes = ["architecture", "loss", "learning_rate"];
    // one of each kind is explained for all
    let is_series = |column: &str| ["rank_", "val_", "test_", "new_"].iter().any(|start| column.starts_with(start));
    for rows in ["candidates", "pairs", "ranks", "effects", "variance", "jobs", "cases", "measurements", "looks"] {
        assert!(dictionary.contains(&format!("\n## {rows}\n")), "{rows}");
        let table = lab.run(["tables", "--rows", rows, "--format", "csv"]).expect(0);
        let header = table.stdout.lines().next().unwrap_or_default();
        for column in header.split(',').filter(|column| !axes.contains(column) && !is_series(column)) {
            assert!(dictionary.contains(&format!("`{column}`")), "{rows}: {column}");
        }
    }
}

#[test]
fn versions_and_help_are_for_the_standard_output() {
    for name in ["coordinator", "worker"] {
        for argument in ["--version", "--help"] {
            let output = Command::new(program(name)).arg(argument).output().unwrap();
            assert!(
                output.status.success() && output.stderr.is_empty() && !output.stdout.is_empty(),
                "{name} {argument}"
            );
        }
        let output = Command::new(program(name)).arg("--nonsense").output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{name}");
    }
}

#[test]
fn a_list_without_a_job_says_where_the_jobs_are() {
    let lab = ended();
    let says = |source: &[&str]| {
        let none = lab.run([&["jobs", "--state", "failed"][..], source].concat()).expect(0).stderr;
        assert!(none.contains("no job of simulated is failed: ") && none.contains("jobs done"), "{none}");
        let some = lab.run([&["jobs", "simulated", "--state", "succeeded"][..], source].concat()).expect(0).stderr;
        assert!(!some.contains("no job of"), "{some}");
    };
    says(&[]);
    let coordinator = lab.serve(&[]);
    says(&["--coordinator", &coordinator.url]);
}

#[test]
fn a_sweep_that_is_not_there_is_named() {
    let lab = ended();
    let coordinator = lab.serve(&[]);
    for command in ["status", "watch", "tables"] {
        for source in [&[][..], &["--coordinator", &coordinator.url]] {
            let ended = lab.run([command, "--sweep", "other"].iter().chain(source)).expect(2);
            assert!(
                ended.stderr.contains("no sweep is named `other`; there are: simulated"),
                "{command}: {}",
                ended.stderr
            );
        }
    }
}
