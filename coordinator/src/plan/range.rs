//! The values of an axis as a range: `{from: 1e-5, to: 1e-2, steps: 4, scale: log}`.

use proto::file::{Key, KeyValue, Mistake, Node, Section, Setting};

/// Maximum number of values of a range.
const MAX_STEPS: u64 = 10_000;

/// How values lie between the ends.
const SCALES: [&str; 2] = ["linear", "log"];

/// Reads a range of values for `key`: the two ends, and between them equal differences, or equal ratios.
pub(super) fn range(key: Key, node: &Node<'_>) -> Option<Vec<Setting>> {
    let section = Section::read(node, &["from", "to", "steps", "scale"])?;
    let end = |name| section.required(name, |node| key.read(node));
    let (from, to) = (end("from"), end("to"));
    let steps: Option<u32> = section.required("steps", |node| node.whole(2..=MAX_STEPS));
    let scale = section.optional("scale", "linear", |node| node.choice(&SCALES));
    let (from, to, steps, is_log) = (from?, to?, steps?, scale? == "log");
    let (Some(first), Some(last)) = (number(&from), number(&to)) else {
        node.reject(Mistake::RangeOfNames);
        return None;
    };
    if is_log && (first == 0.0 || last == 0.0) {
        node.reject(Mistake::LogOfZero);
        return None;
    }
    if first == last {
        node.reject(Mistake::DuplicateValue(from.value.to_string()));
        return None;
    }
    let between = |step: u32| {
        let share = f64::from(step) / f64::from(steps - 1);
        if is_log { first * (last / first).powf(share) } else { first + (last - first) * share }
    };
    let value = |step: u32| match from.value {
        _ if step == 0 => from.value.clone(),
        _ if step + 1 == steps => to.value.clone(),
        KeyValue::Whole(_) => KeyValue::Whole(between(step).round() as u32),
        _ => KeyValue::Real(rounded(between(step))),
    };
    let values: Vec<_> = (0..steps).map(|step| Setting { key, value: value(step) }).collect();
    // ascending or descending, so equal values are neighbours
    if let Some([one, _]) = values.array_windows().find(|[one, next]| one.value == next.value) {
        node.reject(Mistake::DuplicateValue(one.value.to_string()));
        return None;
    }
    Some(values)
}

fn number(setting: &Setting) -> Option<f64> {
    match setting.value {
        KeyValue::Whole(number) => Some(number.into()),
        KeyValue::Real(number) => Some(number),
        KeyValue::Name(_) | KeyValue::Truth(_) | KeyValue::Loss(_) => None,
    }
}

/// With 12 digits: the powers of ten are those that people write, and so have the same job ids.
fn rounded(number: f64) -> f64 {
    format!("{number:.11e}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use crate::plan::parse;

    /// The candidates of a grid.
    fn candidates(grid: &str) -> Result<Vec<String>, String> {
        let text = format!("sweep: s\ndataset: {{name: ph2, format: ph2}}\ngrid:\n  architecture: unet\n{grid}\n");
        let plan = parse("s.yaml", &text).map_err(|mistakes| mistakes.to_string())?;
        let label = |values: &Vec<Option<crate::plan::AxisValue>>| {
            values.iter().skip(1).flatten().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        Ok(plan.candidates.iter().map(|candidate| label(&candidate.values)).collect())
    }

    #[test]
    fn a_range_has_the_values_that_one_would_write() {
        let log = candidates("  loss: bce\n  learning_rate: {from: 1e-5, to: 1e-2, steps: 4, scale: log}").unwrap();
        assert_eq!(log, candidates("  loss: bce\n  learning_rate: [1.0e-5, 1.0e-4, 1.0e-3, 1.0e-2]").unwrap());
        let halves = candidates("  loss: bce\n  learning_rate: {from: 1e-3, to: 1e-2, steps: 3, scale: log}").unwrap();
        assert_eq!(halves, ["bce 0.001", "bce 0.00316227766017", "bce 0.01"]);
        let linear = candidates("  loss: bce\n  training.weight_decay: {from: 0.3, to: 0, steps: 4}").unwrap();
        assert_eq!(linear, ["bce 0.001 0.3", "bce 0.001 0.2", "bce 0.001 0.1", "bce 0.001 0"]);
        let whole = candidates("  loss: bce\n  training.batch_size: {from: 2, to: 16, steps: 4, scale: log}").unwrap();
        assert_eq!(whole, ["bce 0.001 2", "bce 0.001 4", "bce 0.001 8", "bce 0.001 16"]);
    }

    #[test]
    fn a_range_that_is_none_is_refused_with_the_cause() {
        let refused = |axis: &str| candidates(&format!("  {axis}")).unwrap_err();
        for (axis, cause) in [
            ("learning_rate: {from: 1e-5, to: 1e-2}", "missing key `steps`"),
            ("learning_rate: {from: 0, to: 1e-2, steps: 3}", "0 is out of range"),
            (
                "training.weight_decay: {from: 0, to: 1, steps: 3, scale: log}",
                "a logarithmic range cannot begin or end at 0",
            ),
            ("training.batch_size: {from: 1, to: 3, steps: 5}", "duplicate value `2`"),
            ("learning_rate: {from: 1, to: 1, steps: 2}", "duplicate value `1`"),
            ("training.optimizer: {from: adam, to: sgd, steps: 2}", "there are no values between names"),
            ("learning_rate: {from: 1, to: 2, steps: 1}", "1 is out of range"),
        ] {
            let message = refused(axis);
            assert!(message.contains(cause) && message.contains("s.yaml:5:"), "{message}");
        }
    }

    #[test]
    fn axes_of_a_zip_advance_together() {
        let zip = "  loss: [bce, dice]\n  learning_rate: [1.0e-3, 1.0e-4]\n  training.batch_size: [4, 8]\n";
        assert_eq!(candidates(zip).unwrap().len(), 8);
        let zipped = candidates(&format!("{zip}  zip: [learning_rate, training.batch_size]")).unwrap();
        assert_eq!(zipped, ["bce 0.001 4", "bce 0.0001 8", "dice 0.001 4", "dice 0.0001 8"]);
        let all = candidates(&format!("{zip}  zip: [[training.batch_size, loss, learning_rate]]")).unwrap();
        assert_eq!(all, ["bce 0.001 4", "dice 0.0001 8"]);
        let repeated = "  loss: bce\n  learning_rate: [1, 1, 2]\n  training.batch_size: [4, 8, 8]\n  zip: [learning_rate, training.batch_size]";
        assert_eq!(candidates(repeated).unwrap(), ["bce 1 4", "bce 1 8", "bce 2 8"]);
        let gamma = "  loss: [bce, focal]\n  losses.focal.gamma: [1, 2]\n  learning_rate: [1, 2]\n  zip: [losses.focal.gamma, learning_rate]";
        assert_eq!(candidates(gamma).unwrap(), ["bce 1", "bce 2", "focal 1 1", "focal 2 2"]);
    }

    #[test]
    fn a_zip_that_fits_nothing_is_refused_with_the_cause() {
        let axes = "  learning_rate: [1, 2]\n  training.batch_size: [4, 8, 16]\n";
        for (zip, cause) in [
            ("[learning_rate, training.batch_size]", "`training.batch_size` has 3 values, `learning_rate` has 2"),
            ("[learning_rate]", "a zip needs at least two axes"),
            ("[learning_rate, training.epochs]", "unknown name `training.epochs`"),
            ("[learning_rate, learning_rate]", "`learning_rate` is in a zip already"),
            ("learning_rate", "expected a list"),
        ] {
            let message = candidates(&format!("{axes}  zip: {zip}")).unwrap_err();
            assert!(message.contains(cause), "{message}");
        }
        let same =
            "  learning_rate: [1, 1]\n  training.batch_size: [4, 4]\n  zip: [learning_rate, training.batch_size]";
        assert!(candidates(same).unwrap_err().contains("duplicate value `1, 4`"));
    }

    #[test]
    fn what_a_zip_leaves_is_counted_before_any_job_is_made() {
        let values = |from: u32| (from..from + 2000).map(|value| value.to_string()).collect::<Vec<_>>().join(", ");
        let axes = format!("  learning_rate: [{}]\n  training.epochs: [{}]\n", values(1), values(1));
        assert!(candidates(&axes).unwrap_err().contains("4000000"), "without the zip");
        assert_eq!(
            candidates(&format!("{axes}  loss: bce\n  zip: [learning_rate, training.epochs]")).unwrap().len(),
            2000
        );
    }
}
