//! What cannot be is refused, and what can be survives the wire.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use super::*;
use crate::extras::*;
use crate::ids::{SplitHash, WeightsHash};

#[test]
fn counts_that_cannot_be_are_refused() {
    assert_eq!(unpack(&[0, 1, 2, 3, 4]).map(|cases| pack(&cases)), Ok(vec![0, 1, 2, 3, 4]));
    assert!(unpack(&[0, 1, 2, 3]).is_err(), "four numbers");
    assert!(unpack(&[0, u32::MAX, 1, 0, 0]).is_err(), "more pixels than fit");
}

#[test]
fn times_that_cannot_be_are_refused() {
    // the store has a number there, and a batch that it refuses is lost for everybody in it
    let seconds =
        |seconds| wire::Measurement { epoch: 1, validation: Some(Default::default()), seconds, train_loss: None };
    assert!(Measurement::try_from(&seconds(1.0)).is_ok());
    for impossible in [f64::NAN, f64::INFINITY, -1e-9] {
        let measurement = Measurement::try_from(&seconds(impossible));
        assert_eq!(measurement, Err(InvalidMessage::Value("measurement.seconds")));
        let result = wire::JobResult {
            verdict: wire::Verdict::Trained.into(),
            validation: Some(Default::default()),
            test: Some(Default::default()),
            train_seconds: impossible,
            ..Default::default()
        };
        assert_eq!(JobResult::try_from(&result), Err(InvalidMessage::Value("result.train_seconds")));
    }
}

#[test]
fn scores_are_finite_or_absent() {
    let scores = |iou, train_loss| wire::Measurement {
        epoch: 1,
        validation: Some(wire::Scores { iou, ..Default::default() }),
        seconds: 1.0,
        train_loss,
    };
    assert!(Measurement::try_from(&scores(None, None)).is_ok());
    assert!(Measurement::try_from(&scores(Some(0.5), Some(1e308))).is_ok());
    for impossible in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(Measurement::try_from(&scores(Some(impossible), None)).is_err());
        assert!(Measurement::try_from(&scores(None, Some(impossible))).is_err());
    }
}

#[test]
fn a_result_survives_the_wire() {
    let evaluation = Evaluation::of(0.25, vec![CaseCounts { case: 7, counts: Counts { tp: 1, fp: 2, fn_: 3, tn: 4 } }]);
    let outcome = Outcome::Succeeded(Box::new(JobResult {
        verdict: Verdict::Trained,
        epochs: 20,
        best_epoch: 12,
        validation: evaluation.clone(),
        test: evaluation.clone(),
        train_seconds: 1.5,
        parameters: 9,
        device: "cpu".to_owned(),
        split_hash: Some(SplitHash(3)),
        extras: Extras {
            baselines: vec![BaselineCounts {
                baseline: Baseline::Otsu,
                validation: evaluation.cases,
                test: Vec::new(),
            }],
            artifacts: vec![Artifact { case: 7, rank: 2, of: 5, iou: 0.5, png: vec![1, 2] }],
            weights: Some(KeptWeights { hash: WeightsHash(3), bytes: 4, place: Line::name("host: /folder") }),
            evidence: vec![Evidence { rule: Rule::ConstantMask, found: 0.25, bound: 0.5 }],
            peak_mib: Some(7),
            energy_joules: Some(8.5),
        },
    }));
    assert_eq!(wire::complete_request::Outcome::from(&outcome).try_into(), Ok(outcome));
}

#[test]
fn extras_that_cannot_be_are_refused() {
    let read = |baselines: &[wire::BaselineKind], artifacts: &[(u32, usize, f64)]| {
        let baselines = baselines.iter().map(|&kind| wire::Baseline { kind: kind.into(), ..Default::default() });
        let artifact = |&(rank, bytes, iou)| wire::Artifact { rank, iou, png: vec![0; bytes], ..Default::default() };
        let artifacts = artifacts.iter().map(artifact).collect();
        extras(&wire::JobResult { baselines: baselines.collect(), artifacts, ..Default::default() })
    };
    use wire::BaselineKind::{MeanMask, Otsu, Unspecified};
    assert!(read(&[Otsu, MeanMask], &[(1, Artifact::MAX_BYTES - 1, 1.0), (2, 1, 0.0)]).is_ok());
    assert!(read(&[Otsu, Otsu], &[]).is_err(), "a baseline twice");
    assert!(read(&[Unspecified], &[]).is_err(), "no baseline");
    assert!(read(&[], &[(1, 1, 1.0), (1, 1, 1.0)]).is_err(), "a rank twice");
    assert!(read(&[], &[(1, Artifact::MAX_BYTES, 1.0), (2, 1, 1.0)]).is_err(), "too many bytes");
    assert!(read(&[], &[(1, 1, f64::NAN)]).is_err(), "no score");
}
