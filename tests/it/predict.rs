//! Images are segmented with the weights that a sweep has kept, and scored as the jobs scored them.

use crate::harness::{Lab, Row, contents, tiny};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// A lab with a data set in PH2's layout and a sweep over it that has kept its weights in `weights`.
fn trained(jobs: u32) -> (Lab, Vec<Row>) {
    let lab = Lab::new();
    let mut synthesize = lab.command("worker", ["synthesize", "--cases", "12", "--seed", "3", "--out", "data"]);
    assert!(synthesize.output().unwrap().status.success());
    let sweep = tiny("bce", jobs, 3).replace("format: synthetic, cases: 12, seed: 3", "format: ph2");
    lab.write(&(sweep + "artifacts: {weights: best}\n"));
    lab.sweep(&["--local-workers", "1", "--data", "blobs=data"]).process.wait().expect(0);
    lab.run(["weights", "--out", "weights"]).expect(0);
    let rows = lab.check_complete(jobs as usize);
    (lab, rows)
}

fn weights(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| format!("weights/{}.safetensors", row["job"])).collect()
}

/// `worker predict`: what it printed, or the complaint, and its exit code.
fn predict(lab: &Lab, arguments: &[&str]) -> (i32, String) {
    let output = lab.command("worker", [&["predict", "--out", "out"], arguments].concat()).output().unwrap();
    let said = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

/// The pixels of each case: TP, FP, FN, TN.
fn counts<'a>(rows: impl Iterator<Item = &'a Row>) -> BTreeMap<String, [String; 4]> {
    rows.map(|row| (row["case"].clone(), ["tp", "fp", "fn", "tn"].map(|column| row[column].clone()))).collect()
}

fn table(lab: &Lab) -> Vec<Row> {
    csv::Reader::from_path(lab.path("out/metrics.csv")).unwrap().deserialize().map(Result::unwrap).collect()
}

#[test]
fn the_test_cases_of_a_job_are_counted_as_the_job_counted_them() {
    let (lab, rows) = trained(2);
    let cases = lab.rows("cases");
    for (row, weights) in rows.iter().zip(weights(&rows)) {
        let arguments = ["--weights", &weights, "--images", "data", "--format", "ph2", "--subset", "test"];
        let (code, said) = predict(&lab, &arguments);
        assert_eq!(code, 0, "{said}");
        let of_job = cases.iter().filter(|case| case["job"] == row["job"] && case["subset"] == "test");
        assert_eq!(counts(table(&lab).iter()), counts(of_job));
        assert!(said.contains("iou"), "{said}");
    }
}

#[test]
fn pictures_are_as_large_as_the_images_and_an_ensemble_shows_where_it_disagrees() {
    let (lab, rows) = trained(2);
    let [one, other] = &weights(&rows)[..] else { panic!("two jobs") };
    // images alone, under other names and of other sizes
    fs::create_dir(lab.path("new")).unwrap();
    for (name, width, height) in [("wide", 90, 40), ("tall", 33, 77)] {
        let picture = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([(x * 2) as u8, (y * 3) as u8, 90]));
        picture.save(lab.path("new").join(format!("{name}.png"))).unwrap();
    }
    let (code, said) = predict(&lab, &["--weights", one, other, "--images", "new"]);
    assert_eq!(code, 0, "{said}");
    let folders = ["disagreement", "masks", "overlays", "probabilities"];
    let expected: Vec<_> = folders
        .iter()
        .flat_map(|folder| ["tall", "wide"].map(|name| PathBuf::from(format!("{folder}/{name}.png"))))
        .collect();
    assert_eq!(contents(&lab.path("out")).into_keys().collect::<Vec<_>>(), expected);
    for folder in folders {
        let size = |name: &str| image::image_dimensions(lab.path("out").join(folder).join(name)).unwrap();
        assert_eq!((size("wide.png"), size("tall.png")), ((90, 40), (33, 77)), "{folder}");
    }
    let mask = image::open(lab.path("out/masks/wide.png")).unwrap().into_luma8();
    assert!(mask.pixels().all(|pixel| [0, 255].contains(&pixel.0[0])));
}

#[test]
fn what_cannot_be_used_is_named() {
    let (lab, rows) = trained(1);
    let weights = &weights(&rows)[0];
    fs::write(lab.path("no.safetensors"), "no weights").unwrap();
    let mut bytes = fs::read(lab.path(weights)).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(lab.path("flipped.safetensors"), &bytes).unwrap();
    let data = lab.path("data");
    for (arguments, words) in [
        (&["--weights", "none.safetensors", "--images", "data"][..], "cannot read none.safetensors"),
        (&["--weights", "no.safetensors", "--images", "data"], "no.safetensors: not a whole safetensors file"),
        (&["--weights", "flipped.safetensors", "--images", "data"], "flipped.safetensors: damaged: its content"),
        (&["--weights", weights, "--images", "nowhere"], "`nowhere` is not a folder"),
        (&["--weights", weights, "--images", "weights"], "`weights` holds no image"),
        (&["--weights", weights, "--images", "data", "--subset", "test"], "give --masks or --format"),
    ] {
        let (code, said) = predict(&lab, arguments);
        assert!(code == 2 && said.contains(words), "{code}: {said}");
    }
    let first = contents(&data).into_keys().next().unwrap();
    // a case less: PH2 Dataset images/CASE/...
    let case: PathBuf = first.components().take(2).collect();
    fs::remove_dir_all(data.join(case)).unwrap();
    let (code, said) =
        predict(&lab, &["--weights", weights, "--images", "data", "--format", "ph2", "--subset", "test"]);
    assert!(code == 2 && said.contains("was trained on data set content"), "{code}: {said}");
}
