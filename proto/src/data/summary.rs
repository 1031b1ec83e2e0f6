//! What a data set holds, for its owner: computed by a worker, and said by every program in the same words.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a data set holds at one size.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Number of cases.
    pub cases: u32,
    /// How much of the pictures is lesion.
    pub lesion: LesionShares,
    /// Number of masks without a lesion.
    pub empty: u32,
    /// Number of masks that are lesion everywhere.
    pub full: u32,
    /// Whether the masks look as if lesion and background were exchanged: most of them cover most of the picture and its border.
    pub seems_inverted: bool,
    /// Files that are no part of a case: their number by kind, such as `.txt` or `*_superpixels.png`.
    pub passed_over: BTreeMap<String, u32>,
    /// What all names of files have beside the case's, if the worker found it by itself.
    pub names: Option<Names>,
    /// Number of pictures that were turned upright, as their EXIF orientation says.
    pub turned: u32,
    /// Groups of cases whose images are equal.
    pub duplicates: Vec<Vec<String>>,
}

/// The lesion's share of the picture, 0 to 1, over the cases.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LesionShares {
    /// Of the case with the smallest lesion.
    pub smallest: f64,
    /// Of the case in the middle.
    pub median: f64,
    /// Of the case with the largest lesion.
    pub largest: f64,
}

/// What the names of files have beside the case's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Names {
    /// Those of images.
    pub images: Affix,
    /// Those of masks.
    pub masks: Affix,
}

/// What stands before and after the case's name in the name of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Affix {
    /// Before it.
    pub prefix: String,
    /// After it.
    pub suffix: String,
}

impl Affix {
    /// The name of every file.
    #[must_use]
    pub fn pattern(&self) -> String {
        format!("{}NAME{}", self.prefix, self.suffix)
    }
}

/// Maximum number of names in a sentence.
const MAX_NAMED: usize = 10;

impl Summary {
    /// What is so and needs no attention, one line each: `topic: sentence`.
    #[must_use]
    pub fn facts(&self) -> Vec<String> {
        let LesionShares { smallest, median, largest } = self.lesion;
        let mut facts = vec![
            format!(
                "lesion: {} of the picture (median), {} to {}",
                percent(median),
                percent(smallest),
                percent(largest)
            ),
            format!("masks: {} empty, {} full", self.empty, self.full),
        ];
        if let Some(Names { images, masks }) = &self.names {
            let masks = masks.pattern();
            facts.push(if *images == Affix::default() {
                format!("mask names: {masks}, found by comparing with the images")
            } else {
                format!("names: {} of images, {masks} of masks, found by comparing them", images.pattern())
            });
        }
        if self.turned > 0 {
            facts.push(format!("turned: {} as the EXIF orientation says", pictures(self.turned)));
        }
        if !self.passed_over.is_empty() {
            facts.push(format!(
                "passed over: {}",
                listed(self.passed_over.iter().map(|(kind, n)| format!("{n} {kind}")))
            ));
        }
        facts
    }

    /// What is probably a mistake, one line each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.seems_inverted {
            warnings.push(
                "most masks cover most of the picture and its border: are the masks inverted? If they are, write `invert: true` \
                 under `dataset`"
                    .to_owned(),
            );
        }
        if !self.duplicates.is_empty() {
            let groups = self.duplicates.iter().map(|names| {
                let more = names.len().saturating_sub(MAX_NAMED);
                let more = if more > 0 { format!(" = {more} others") } else { String::new() };
                let names: Vec<_> = names.iter().take(MAX_NAMED).map(|name| format!("`{name}`")).collect();
                names.join(" = ") + &more
            });
            warnings.push(format!("equal images under several names leak between subsets: {}", listed(groups)));
        }
        warnings
    }
}

fn pictures(count: u32) -> String {
    if count == 1 { "1 picture".to_owned() } else { format!("{count} pictures") }
}

/// The first of them, and how many more there are.
fn listed(mut names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(MAX_NAMED);
    let mut first: Vec<_> = names.by_ref().take(MAX_NAMED).collect();
    if more > 0 {
        first.push(format!("and {more} more"));
    }
    first.join(", ")
}

/// A share, 0 to 1, with two digits that count.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    match percent {
        0.0 => "0 %".to_owned(),
        _ if percent < 0.1 => "below 0.1 %".to_owned(),
        _ if percent < 10.0 => format!("{percent:.1} %"),
        _ => format!("{percent:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Affix, LesionShares, Names, Summary};

    #[test]
    fn a_summary_says_what_there_is() {
        let plain = Summary {
            cases: 6,
            lesion: LesionShares { smallest: 0.0004, median: 0.052, largest: 0.416 },
            ..Summary::default()
        };
        assert_eq!(
            plain.facts(),
            ["lesion: 5.2 % of the picture (median), below 0.1 % to 42 %", "masks: 0 empty, 0 full"]
        );
        assert!(plain.warnings().is_empty());
        let affix = |suffix: &str| Affix { prefix: String::new(), suffix: suffix.to_owned() };
        let full = Summary {
            names: Some(Names { masks: affix("_segmentation"), ..Names::default() }),
            turned: 1,
            passed_over: [(".txt".to_owned(), 2), (".csv".to_owned(), 1)].into(),
            ..plain.clone()
        };
        assert_eq!(
            full.facts()[2..],
            [
                "mask names: NAME_segmentation, found by comparing with the images",
                "turned: 1 picture as the EXIF orientation says",
                "passed over: 1 .csv, 2 .txt"
            ]
        );
        let both = Names { images: affix("_training"), masks: affix("_manual1") };
        let both = Summary { names: Some(both), ..plain.clone() };
        assert_eq!(both.facts()[2], "names: NAME_training of images, NAME_manual1 of masks, found by comparing them");
        let names = |i: u32| vec![format!("a{i}"), format!("b{i}")];
        let odd = Summary { seems_inverted: true, duplicates: (0..12).map(names).collect(), ..plain };
        let [inverted, duplicates] = &odd.warnings()[..] else { unreachable!("two warnings") };
        assert!(inverted.contains("are the masks inverted?") && inverted.contains("`invert: true`"));
        assert!(duplicates.contains("`a0` = `b0`, `a1` = `b1`") && duplicates.ends_with("`a9` = `b9`, and 2 more"));
    }
}
