//! Files beside a sweep file that list cases -> the sweep file's own text, which then stands for itself wherever it goes.
//!
//! ```text
//!  split: {groups: patients.csv}  --embed-->  split: {groups: '{"IMD002":"P1","IMD003":"P1"}'}
//!
//!  groups  CSV with the columns case, group
//!  test    CSV with the column case, or one case a line
//!  file    CSV with the columns case, replicate, subset; or nnU-Net's splits: a JSON list of {"train": [..], "val": [..]}
//! ```

use super::document::{self, Content, Value};
use super::mistake::Mistake;
use super::mistakes::{FileKind, Found, Mistakes};
use super::scalar::Scalar;
use crate::cases::Partition;
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Reads the text of a file that is named in another; why not, for people.
pub type ReadFile<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// The keys of the section `split` that may name a file.
const KEYS: [&str; 3] = ["groups", "test", "file"];

/// Writes what the files list into the text in place of their names. Nothing else of the text changes; a text that is no YAML stays as it is.
///
/// # Errors
/// If a file cannot be read, or does not list what it should.
pub fn embed(file: &str, kind: FileKind, text: &str, read: ReadFile<'_>) -> Result<String, Mistakes> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Ok(root) = document::read(text) else { return Ok(text.to_owned()) };
    let (mut embedded, mut found, mut end) = (String::new(), Vec::new(), 0);
    for (key, name, place) in named(&root) {
        let listed = read(name).and_then(|content| json(key, &content));
        match listed {
            Ok(json) => {
                embedded.push_str(&text[end..place.start]);
                embedded.push_str(&format!("'{}'", json.replace('\'', "''")));
                end = place.end;
            }
            Err(reason) => {
                let mistake = Mistake::ListFile { name: name.to_owned(), reason };
                found.push(Found { place, key: format!("split.{key}"), mistake });
            }
        }
    }
    if !found.is_empty() {
        return Err(Mistakes::new(file, kind, text, found, 0));
    }
    embedded.push_str(&text[end..]);
    Ok(embedded)
}

/// Whether a text of the section `split` is the name of a file, not what a file lists or a size.
pub(super) fn is_name(text: &str) -> bool {
    !text.starts_with(['{', '[']) && text != "rest"
}

/// The files that the section `split` names, in the order of the text.
fn named(root: &Value) -> Vec<(&'static str, &str, Range<usize>)> {
    let split = entries(root).iter().find(|entry| entry.key == "split").map(|entry| &entry.value);
    let name = |entry: &'_ document::Entry| -> Option<(&'static str, Range<usize>)> {
        let key = KEYS.into_iter().find(|key| *key == entry.key)?;
        matches!(&entry.value.content, Content::Scalar(Scalar::Text, text) if is_name(text))
            .then(|| (key, entry.value.place.clone()))
    };
    let named = split.map(entries).unwrap_or_default().iter().filter_map(|entry| {
        let (key, place) = name(entry)?;
        let Content::Scalar(_, text) = &entry.value.content else { return None };
        Some((key, text.as_str(), place))
    });
    let mut named: Vec<_> = named.collect();
    named.sort_by_key(|(.., place)| place.start);
    named
}

fn entries(value: &Value) -> &[document::Entry] {
    match &value.content {
        Content::Mapping(entries) => entries,
        _ => &[],
    }
}

fn json(key: &str, content: &str) -> Result<String, String> {
    match key {
        "groups" => groups(content).map(|groups| written(&groups)),
        "test" => cases(content).map(|cases| written(&cases)),
        _ => partitions(content).map(|partitions| written(&partitions)),
    }
}

fn written(lists: &impl Serialize) -> String {
    // maps and lists of text can be written
    serde_json::to_string(lists).unwrap_or_else(|error| unreachable!("{error}"))
}

fn groups(content: &str) -> Result<BTreeMap<String, String>, String> {
    let mut groups = BTreeMap::new();
    for [case, group] in columns(content, ["case", "group"])? {
        match groups.insert(case.clone(), group.clone()) {
            Some(other) if other != group => {
                return Err(format!("it has case `{case}` in group `{other}` and in group `{group}`"));
            }
            _ => {}
        }
    }
    Ok(groups)
}

fn cases(content: &str) -> Result<BTreeSet<String>, String> {
    let lines: Vec<_> = content.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.iter().all(|line| !line.contains([',', ';', '\t'])) && lines.first().is_some_and(|line| *line != "case") {
        return Ok(lines.into_iter().map(str::to_owned).collect());
    }
    Ok(columns(content, ["case"])?.into_iter().map(|[case]| case).collect())
}

fn partitions(content: &str) -> Result<BTreeMap<u64, Partition>, String> {
    let partitions: BTreeMap<u64, Partition> = if content.trim_start().starts_with(['[', '{']) {
        let json: Json = serde_json::from_str(content).map_err(|error| format!("it is not JSON: {error}"))?;
        let listed = match json {
            Json::Array(_) => serde_json::from_value(json).map(|list: Vec<Partition>| (0..).zip(list).collect()),
            json => serde_json::from_value(json),
        };
        listed.map_err(|error| format!("it should be a list of {{\"train\": [..], \"val\": [..]}}: {error}"))?
    } else {
        let mut partitions: BTreeMap<u64, Partition> = BTreeMap::new();
        for [case, replicate, subset] in columns(content, ["case", "replicate", "subset"])? {
            let replicate =
                replicate.parse().map_err(|_| format!("the replicate `{replicate}` is not a whole number"))?;
            let partition = partitions.entry(replicate).or_default();
            match subset.to_ascii_lowercase().as_str() {
                "train" => partition.train.push(case),
                "validation" | "val" => partition.validation.push(case),
                "test" => partition.test.push(case),
                _ => return Err(format!("the subset `{subset}` is none of train, validation and test")),
            }
        }
        partitions
    };
    check(&partitions)?;
    Ok(partitions)
}

/// Checks that each partition can be trained on, and that all have the same subsets.
pub(super) fn check(partitions: &BTreeMap<u64, Partition>) -> Result<(), String> {
    let has = |partition: &Partition| partition.subsets().map(|subset| !subset.is_empty());
    let Some((_, first)) = partitions.first_key_value() else { return Err("it has no replicates".to_owned()) };
    for (number, partition) in partitions {
        if partition.train.is_empty() {
            return Err(format!("replicate {number} has no case to train on"));
        }
        if let Some(case) = partition.named_twice() {
            return Err(format!("replicate {number} has case `{case}` twice"));
        }
        if has(partition) != has(first) {
            return Err(format!("replicate {number} has other subsets than the first"));
        }
    }
    Ok(())
}

/// The columns of those names of a CSV file, whatever their order and whatever separates them.
fn columns<const N: usize>(content: &str, names: [&str; N]) -> Result<Vec<[String; N]>, String> {
    let content = content.strip_prefix('\u{feff}').unwrap_or(content);
    let header = content.lines().next().unwrap_or_default();
    let separator = [b',', b';', b'\t'].into_iter().max_by_key(|byte| header.bytes().filter(|b| b == byte).count());
    let mut sheet = csv::ReaderBuilder::new()
        .delimiter(separator.unwrap_or(b','))
        .trim(csv::Trim::All)
        .from_reader(content.as_bytes());
    let found = sheet.headers().map_err(|error| error.to_string())?.clone();
    let place = |name: &str| found.iter().position(|column| column.eq_ignore_ascii_case(name));
    let mut places = [0; N];
    for (place_of, name) in places.iter_mut().zip(names) {
        *place_of = place(name).ok_or_else(|| {
            let columns: Vec<_> = found.iter().collect();
            format!("its first line must name the columns {}, it has {}", names.join(", "), columns.join(", "))
        })?;
    }
    let row = |row: Result<csv::StringRecord, csv::Error>| {
        let row = row.map_err(|error| error.to_string())?;
        Ok(places.map(|place| row.get(place).unwrap_or_default().to_owned()))
    };
    sheet.records().map(row).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn embedded(split: &str, content: &str) -> Result<String, String> {
        let text = format!("sweep: s # Größe\nsplit: {split}\nmodel: {{}}\n");
        let read = |name: &str| if name == "list" { Ok(content.to_owned()) } else { Err("no such file".to_owned()) };
        let embedded = embed("s.yaml", FileKind::Sweep, &text, &read).map_err(|mistakes| mistakes.to_string())?;
        assert!(embedded.starts_with("sweep: s # Größe\nsplit: ") && embedded.ends_with("\nmodel: {}\n"), "{embedded}");
        Ok(embedded.lines().nth(1).unwrap()["split: ".len()..].to_owned())
    }

    #[test]
    fn what_a_file_lists_takes_the_place_of_its_name() {
        let groups = embedded("{groups: list, train: 1}", "Group;case\nO'Neil;a\nx;b\n").unwrap();
        assert_eq!(groups, r#"{groups: '{"a":"O''Neil","b":"x"}', train: 1}"#);
        assert_eq!(embedded("{test: \"list\"}", "b\n a \n").unwrap(), r#"{test: '["a","b"]'}"#);
        assert_eq!(embedded("{test: list}", "case\nb\n").unwrap(), r#"{test: '["b"]'}"#);
        let nnunet = embedded("{file: list}", r#"[{"train": ["a"], "val": ["b"]}]"#).unwrap();
        assert_eq!(nnunet, r#"{file: '{"0":{"train":["a"],"validation":["b"],"test":[]}}'}"#);
        let csv = "case,replicate,subset\na,7,train\nb,7,test\n";
        let file = embedded("{file: list}", csv).unwrap();
        assert_eq!(file, r#"{file: '{"7":{"train":["a"],"validation":[],"test":["b"]}}'}"#);
        for untouched in ["{test: rest}", "{test: 5}", r#"{groups: '{"a":"b"}'}"#, "{groups: {pattern: x}}"] {
            assert_eq!(embedded(untouched, "").unwrap(), untouched);
        }
    }

    #[test]
    fn a_file_that_lists_something_else_is_refused_at_its_place() {
        let refused = |split: &str, content: &str| embedded(split, content).unwrap_err();
        let text = refused("{groups: nowhere}", "");
        assert!(text.contains("--> s.yaml:2:17") && text.contains("`nowhere`: no such file"), "{text}");
        for (split, content, reason) in [
            ("{groups: list}", "image,patient\na,b\n", "must name the columns case, group, it has image, patient"),
            ("{groups: list}", "case,group\na,x\na,y\n", "it has case `a` in group `x` and in group `y`"),
            ("{file: list}", "[]", "it has no replicates"),
            ("{file: list}", r#"[{"train": ["a"], "val": ["a"]}]"#, "replicate 0 has case `a` twice"),
            ("{file: list}", r#"[{"train": [], "val": ["a"]}]"#, "replicate 0 has no case to train on"),
            ("{file: list}", "case,replicate,subset\na,0,dev\n", "the subset `dev` is none of"),
            ("{file: list}", "case,replicate,subset\na,x,test\n", "the replicate `x` is not a whole number"),
            ("{file: list}", "[{\"fold\": 1}]", "it should be a list of"),
        ] {
            let text = refused(split, content);
            assert!(text.contains(reason), "{reason}: {text}");
        }
    }
}
