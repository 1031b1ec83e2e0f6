//! Any bytes as a sweep file and as a job file: they are refused with their mistakes, or understood; and a plan that they make can be
//! held by the journal and written out again.
#![no_main]

use coordinator::plan::{Plan, job_file, parse, resolved};
use proto::data::Inventory;
use proto::file::{FileKind, JobFile, decode};
use proto::ids::ContentHash;
use proto::spec::JobSpec;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = match decode("sweep.yaml", FileKind::Sweep, bytes.to_vec()) {
        Ok(text) => text,
        Err(mistakes) => return assert!(!mistakes.to_string().is_empty()),
    };
    if let Err(mistakes) = JobFile::read("job.yaml", &text) {
        assert!(!mistakes.to_string().is_empty());
    }
    let plan = match parse("sweep.yaml", &text) {
        Ok(plan) => plan,
        Err(mistakes) => return assert!(!mistakes.to_string().is_empty()),
    };
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    assert_eq!(parse("resolved.yaml", &resolved("sweep.yaml", &text).unwrap()).unwrap(), plan);
    assert!(plan.jobs() > 0);
    let (candidate, replicate) = plan.queue().last().unwrap();
    let Ok(data) = plan.dataset.lists.on(inventory()) else { return };
    if plan.split(replicate, &data).is_err() {
        return;
    }
    let spec = plan.job(candidate, replicate, &data);
    assert_eq!(JobSpec::from_json(&spec.to_json()).unwrap(), spec);
    let file = job_file(&plan.dataset, &plan.objective, &spec).unwrap();
    assert_eq!(JobFile::read("job.yaml", &file).unwrap().on(&data).unwrap(), spec);
});

/// A data set of three thousand cases.
fn inventory() -> Inventory {
    Inventory::new(ContentHash(7), (0..3000).map(|case| format!("P{}_{case}", case % 99)).collect())
}
