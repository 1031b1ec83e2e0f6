//! Any text as a sweep file: it is refused with its mistakes, or it is a plan that the journal can hold.
#![no_main]

use coordinator::plan::{Plan, parse};
use proto::ids::ContentHash;
use proto::spec::JobSpec;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let plan = match parse("sweep.yaml", text) {
        Ok(plan) => plan,
        Err(mistakes) => {
            assert!(!mistakes.to_string().is_empty());
            return;
        }
    };
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    assert!(plan.jobs() > 0);
    let (candidate, replicate) = plan.queue().last().unwrap();
    let spec = plan.job(candidate, replicate, ContentHash(7));
    assert_eq!(JobSpec::from_json(&spec.to_json()).unwrap(), spec);
});
