//! `worker bench`: what it prints, and that it always does the same.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::{Command, Output};

fn bench(flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_worker")).arg("bench").args(["--device", "cpu"]).args(flags).output().unwrap()
}

const SMALL: [&str; 8] = ["--image-size", "32", "--width", "2", "--batch-size", "2", "--steps", "3"];

#[test]
fn a_bench_is_one_object_and_leaves_the_same_weights_on_any_number_of_threads() {
    let report = |threads: &str, architecture: &str| -> serde_json::Value {
        let flags = ["--json", "--threads", threads, "--architecture", architecture];
        let output = bench(&[&SMALL[..], &flags].concat());
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    for architecture in ["segnet", "unet", "unet2"] {
        let (one, two) = (report("1", architecture), report("2", architecture));
        for report in [&one, &two] {
            let times = |key: &str| report[key].as_array().unwrap().iter().map(|time| time.as_f64().unwrap()).collect();
            let times: [Vec<f64>; 2] = [times("step_times_ms"), times("evaluate_times_ms")];
            for (mut times, key) in times.into_iter().zip(["step_ms", "evaluate_ms"]) {
                times.sort_by(f64::total_cmp);
                assert_eq!(report[key].as_f64().unwrap(), times[1], "{key} is the median of three");
            }
            let rate = 2e3 / report["step_ms"].as_f64().unwrap();
            assert!((report["step_images_per_second"].as_f64().unwrap() / rate - 1.0).abs() < 1e-9);
            assert!(report["first_loss"].as_f64().unwrap() > report["last_loss"].as_f64().unwrap());
        }
        assert_eq!((&one["threads"], &two["threads"]), (&1.into(), &2.into()));
        assert_eq!(one["weights"], two["weights"], "{architecture}");
    }
}

#[test]
fn a_bench_for_people_names_what_it_measured() {
    let output = bench(&SMALL);
    let text = String::from_utf8(output.stdout).unwrap();
    for expected in ["unet2, width 2, 32 px, batches of 2", "training step", "evaluation", "weights blake3:"] {
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn what_cannot_be_timed_is_refused() {
    for (flags, reason) in [
        (&["--image-size", "33"][..], "use a multiple of 16"),
        (&["--precision", "bf16"], "use f32"),
        (&["--width", "0"], "0 is not in 1..="),
        (&["--convolution", "fast"], "winograd4"),
        (&["--width", "2", "--initial", "no/such/folder/w.safetensors"], "no/such/folder/w.safetensors"),
    ] {
        let output = bench(flags);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{flags:?}: {error}");
        assert!(error.contains(reason), "{flags:?}: {error}");
    }
}

#[test]
fn every_instruction_set_computes_the_same_functions() {
    for vectors in ["auto", "avx512", "avx2", "portable"] {
        let arguments = ["selftest", "--device", "cpu", "--vectors", vectors];
        let output = Command::new(env!("CARGO_BIN_EXE_worker")).args(arguments).output().unwrap();
        let (text, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        if output.status.code() == Some(2) {
            assert_eq!(error, format!("error: this processor has no {vectors}: choose portable or auto\n"));
            assert!(vectors.starts_with("avx"), "{vectors} is always there");
            continue;
        }
        assert!(output.status.success() && text.ends_with("checks passed\n"), "{vectors}: {text}{error}");
    }
}
