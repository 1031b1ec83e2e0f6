//! What a bundle says to programs: RO-Crate 1.1 (<https://w3id.org/ro/crate/1.1>), as JSON-LD.

use super::{About, HASHES, METADATA, Packed, Publication, README, day};
use crate::publish::{ABOUT, PAGE, RESOLVED_FILE, SWEEP_FILE};
use serde_json::{Value, json};

/// Version 1.1 has no name for hashes; this is that of later ones.
const SHA256_TERM: &str = "http://schema.org/sha256";

pub(super) fn write(about: &About, files: &[Packed], publication: &Publication) -> String {
    let hashes = json!({
        "@id": HASHES, "@type": "File", "name": "Hashes", "description": described(HASHES), "encodingFormat": "text/plain",
    });
    let parts: Vec<Value> = files.iter().map(|file| reference(&file.path)).chain([reference(HASHES)]).collect();
    let authors: Vec<Value> = (1..=publication.authors.len()).map(|place| reference(&author(place))).collect();
    let mut root = json!({
        "@id": "./",
        "@type": "Dataset",
        "name": format!("Results of the sweep {}", about.sweep),
        "description": description(about),
        "datePublished": publication.date.as_deref().unwrap_or(day(&about.submitted)),
        "hasPart": parts,
        "mentions": reference("#sweep"),
    });
    let mut graph = vec![json!({
        "@id": METADATA,
        "@type": "CreativeWork",
        "about": reference("./"),
        "conformsTo": reference("https://w3id.org/ro/crate/1.1"),
    })];
    let mut others = vec![
        json!({
            "@id": "#splitsweep",
            "@type": "SoftwareApplication",
            "name": "Splitsweep",
            "softwareVersion": about.versions.splitsweep,
        }),
        json!({
            "@id": "#sweep",
            "@type": "CreateAction",
            "name": format!("The sweep {}", about.sweep),
            "instrument": reference("#splitsweep"),
            "object": reference(SWEEP_FILE),
            "result": results(files),
        }),
    ];
    if let Some(license) = &publication.license {
        root["license"] = reference(license);
        others.push(json!({"@id": license, "@type": "CreativeWork", "name": license, "description": "The licence."}));
    }
    if !authors.is_empty() {
        // one is not written as a list of one
        root["author"] = if let [author] = &authors[..] { author.clone() } else { Value::Array(authors) };
    }
    for (place, name) in publication.authors.iter().enumerate() {
        others.push(json!({"@id": author(place + 1), "@type": "Person", "name": name}));
    }
    graph.push(root);
    graph.extend(files.iter().map(file));
    graph.push(hashes);
    graph.extend(others);
    let context = json!(["https://w3id.org/ro/crate/1.1/context", {"sha256": SHA256_TERM}]);
    format!("{:#}\n", json!({"@context": context, "@graph": graph}))
}

fn reference(id: &str) -> Value {
    json!({"@id": id})
}

fn author(place: usize) -> String {
    format!("#author-{place}")
}

fn file(Packed { path, size, hash }: &Packed) -> Value {
    json!({
        "@id": path,
        "@type": "File",
        "name": path,
        "description": described(path),
        "encodingFormat": format_of(path),
        "contentSize": size.to_string(),
        "sha256": hash,
    })
}

/// What the sweep has made: all but what it was made of, and what describes it.
fn results(files: &[Packed]) -> Vec<Value> {
    let is_result = |file: &&Packed| ![SWEEP_FILE, RESOLVED_FILE, README].contains(&file.path.as_str());
    files.iter().filter(is_result).map(|file| reference(&file.path)).collect()
}

fn description(About { data, candidates, replicates, answer, .. }: &About) -> String {
    let facts = format!("{candidates} candidates on {replicates} replicates each, on the data set {}.", data.name);
    [vec![facts], answer.clone()].concat().join(" ")
}

fn described(path: &str) -> String {
    let stem = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let stem = stem.split_once('.').map_or(stem, |(stem, _)| stem);
    match path {
        PAGE => "The report: a page that works without a network".to_owned(),
        SWEEP_FILE => "The sweep file".to_owned(),
        RESOLVED_FILE => "The sweep file with every default filled in".to_owned(),
        ABOUT => "Facts about the sweep, for programs".to_owned(),
        README => "What is in this bundle, in plain words".to_owned(),
        HASHES => "The SHA-256 of each file".to_owned(),
        _ if path.starts_with("figures/") => format!("A figure of the report: {stem}"),
        _ => format!("The table of {stem}"),
    }
}

/// The media type of a file, by its name.
fn format_of(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "csv" => "text/csv",
        "html" => "text/html",
        "json" => "application/json",
        "md" => "text/markdown",
        "pdf" => "application/pdf",
        "svg" => "image/svg+xml",
        "tex" => "application/x-tex",
        "yaml" => "application/yaml",
        _ => "text/plain",
    }
}
