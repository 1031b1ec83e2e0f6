//! Runs -> event files of TensorBoard.
//!
//! ```text
//!  events.out.tfevents.0.splitsweep                     the experiment: axes and metrics, for the HParams plugin
//!  unet bce/split-07/events.out.tfevents.0.splitsweep   a job: epochs, scores, settings; its candidate is the group
//! ```
//!
//! The same runs give the same bytes: an event's time is that since the training began.

mod messages;

use super::runs::{Run, Runs};
use messages::{
    Data, DataClass, DataType, Event, Experiment, HParamInfo, HParamType, HParams, Metadata, MetricInfo, MetricName,
    PluginData, SessionEnd, SessionStart, Shape, Status, Summary, SummaryValue, Tensor, What, append,
};
use prost::Message;
use prost_types::value::Kind;
use prost_types::{ListValue, Value as ProtoValue};
use serde_json::Value;
use std::collections::BTreeSet;

/// The name of every file: TensorBoard looks for `tfevents` in it.
pub const FILE: &str = "events.out.tfevents.0.splitsweep";
/// Most bytes of a folder's name.
const MAX_NAME: usize = 200;

/// Calls `each` with the path and the content of every file.
///
/// # Errors
/// Those of `each`.
pub fn files<E>(runs: &Runs, mut each: impl FnMut(&str, &[u8]) -> Result<(), E>) -> Result<(), E> {
    each(FILE, &experiment(runs))?;
    let mut taken = BTreeSet::new();
    for candidate in runs.by_candidate() {
        let Some(first) = candidate.first() else { continue };
        let folder = folder(&first.candidate, &mut taken);
        for run in candidate.iter().filter(|run| run.has_begun()) {
            each(&format!("{folder}/{}/{FILE}", run.replicate), &events(runs, run))?;
        }
    }
    Ok(())
}

/// A folder's name for a candidate that no other has.
fn folder(candidate: &str, taken: &mut BTreeSet<String>) -> String {
    let plain = |c: char| if c.is_alphanumeric() || " ._-+=".contains(c) { c } else { '_' };
    let mut name: String = candidate.chars().map(plain).collect();
    name.truncate(name.floor_char_boundary(MAX_NAME));
    // no hidden folder, and none above this one
    let name = if name.starts_with('.') { format!("_{name}") } else { name };
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or(name);
    taken.insert(free.clone());
    free
}

/// The file of all runs together.
fn experiment(runs: &Runs) -> Vec<u8> {
    let hparam_infos = runs.axes.iter().enumerate().map(|(axis, name)| {
        let mut values = Vec::new();
        for value in runs.runs.iter().filter_map(|run| setting(run.settings.get(axis)?)) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        let is_text = values.iter().any(|value| matches!(value.kind, Some(Kind::StringValue(_))));
        let kind = if is_text { HParamType::String } else { HParamType::Float64 };
        HParamInfo { name: name.clone(), kind: kind.into(), domain_discrete: Some(ListValue { values }) }
    });
    let names: BTreeSet<&str> =
        runs.runs.iter().flat_map(|run| run.scores.iter().map(|(name, _)| name.as_str())).collect();
    let is_tested = names.iter().any(|name| name.starts_with("test_"));
    let shown = names.into_iter().filter(|name| !is_tested || name.starts_with("test_"));
    let metric = |name: &str| MetricInfo { name: Some(MetricName { tag: result_tag(name) }) };
    let experiment = Experiment {
        hparam_infos: hparam_infos.collect(),
        metric_infos: shown.map(metric).collect(),
        name: runs.sweep.clone(),
    };
    let mut file = begun();
    append(&mut file, &hparams("_hparams_/experiment", 0.0, Data::Experiment(experiment)));
    file
}

/// The file of a run.
fn events(runs: &Runs, run: &Run) -> Vec<u8> {
    let hparams_of =
        runs.axes.iter().zip(&run.settings).filter_map(|(axis, value)| Some((axis.clone(), setting(value)?)));
    let start = SessionStart { hparams: hparams_of.collect(), group_name: run.candidate.clone() };
    let mut file = begun();
    append(&mut file, &hparams("_hparams_/session_start_info", 0.0, Data::SessionStart(start)));
    for epoch in &run.epochs {
        let values = epoch.numbers.iter().map(|(name, number)| scalar(format!("epoch/{name}"), *number));
        append(&mut file, &summary(epoch.seconds, epoch.epoch, values.collect()));
    }
    let last = run.epochs.last();
    let end = run.train_seconds.or(last.map(|epoch| epoch.seconds)).unwrap_or(0.0);
    if !run.scores.is_empty() {
        let step = run.best_epoch.or(last.map(|epoch| epoch.epoch)).unwrap_or(0);
        let values = run.scores.iter().map(|(name, number)| scalar(result_tag(name), *number));
        append(&mut file, &summary(end, step, values.collect()));
    }
    let status = match run.state.as_str() {
        "succeeded" => Status::Success,
        "failed" => Status::Failure,
        "running" => Status::Running,
        _ => Status::Unknown,
    };
    let ended = SessionEnd { status: status.into(), end_time_secs: end };
    append(&mut file, &hparams("_hparams_/session_end_info", end, Data::SessionEnd(ended)));
    file
}

fn begun() -> Vec<u8> {
    let mut file = Vec::new();
    append(&mut file, &Event { wall_time: 0.0, step: 0, what: Some(What::FileVersion("brain.Event:2".to_owned())) });
    file
}

fn result_tag(name: &str) -> String {
    format!("result/{name}")
}

fn setting(value: &Value) -> Option<ProtoValue> {
    let kind = match value {
        Value::String(text) => Kind::StringValue(text.clone()),
        number => Kind::NumberValue(number.as_f64()?),
    };
    Some(ProtoValue { kind: Some(kind) })
}

fn summary(wall_time: f64, step: u64, value: Vec<SummaryValue>) -> Event {
    Event { wall_time, step: step.cast_signed(), what: Some(What::Summary(Summary { value })) }
}

fn scalar(tag: String, number: f64) -> SummaryValue {
    SummaryValue {
        tag,
        tensor: Some(tensor(number)),
        metadata: Some(metadata("scalars", Vec::new(), DataClass::Scalar)),
    }
}

fn hparams(tag: &str, wall_time: f64, data: Data) -> Event {
    let content = HParams { data: Some(data) }.encode_to_vec();
    let metadata = metadata("hparams", content, DataClass::Tensor);
    // the message is in the metadata; the plugin wants some tensor
    let value = SummaryValue { tag: tag.to_owned(), tensor: Some(tensor(0.0)), metadata: Some(metadata) };
    summary(wall_time, 0, vec![value])
}

/// In 32 bits: TensorBoard's fast loader passes over scalars in others.
fn tensor(number: f64) -> Tensor {
    Tensor { dtype: DataType::Float.into(), shape: Some(Shape {}), float_val: vec![number as f32] }
}

fn metadata(plugin: &str, content: Vec<u8>, class: DataClass) -> Metadata {
    let plugin_data = PluginData { plugin_name: plugin.to_owned(), content };
    Metadata { plugin_data: Some(plugin_data), data_class: class.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_have_names_of_their_own_that_stay_within() {
        let mut taken = BTreeSet::new();
        let mut named = |candidate: &str| folder(candidate, &mut taken);
        assert_eq!(named("unet bce learning_rate=0.01"), "unet bce learning_rate=0.01");
        assert_eq!((named("a/b"), named("a:b")), ("a_b".to_owned(), "a_b-2".to_owned()));
        assert_eq!(named("../x"), "_.._x");
        assert_eq!(named(&"ä".repeat(150)).len(), MAX_NAME);
    }
}
