//! How the names of an image and of its mask follow from the name of their case. Knows names only.

use proto::data::{Affix, Names};
use std::collections::{BTreeMap, BTreeSet};

/// The name of the case to which a file of that stem belongs, if the file is named like that.
pub(super) fn case_of<'a>(stem: &'a str, affix: &Affix) -> Option<&'a str> {
    stem.strip_prefix(&affix.prefix)?.strip_suffix(&affix.suffix).filter(|name| !name.is_empty())
}

/// What the names of files have beside the case's: what most masks have before or after the name of an image, else what all images and all
/// masks have. `None` if most masks have an image's very name, or if most masks belong to no image.
pub(super) fn names(images: &BTreeSet<&str>, masks: &BTreeSet<&str>) -> Option<Names> {
    let names = match affix(images, masks) {
        Some(masks) => Names { masks, ..Names::default() },
        None => Names { images: common(images)?, masks: common(masks)? },
    };
    let cases: BTreeSet<_> = images.iter().filter_map(|stem| case_of(stem, &names.images)).collect();
    let paired = masks.iter().filter_map(|stem| case_of(stem, &names.masks)).filter(|name| cases.contains(name));
    (names != Names::default() && 2 * paired.count() > masks.len()).then_some(names)
}

/// What most masks have before or after the name of an image; of rules that hold equally often the shortest, because an image `a` and an
/// image `a_1` may both begin the name of a mask.
fn affix(images: &BTreeSet<&str>, masks: &BTreeSet<&str>) -> Option<Affix> {
    let mut counts: BTreeMap<Rule, usize> = BTreeMap::new();
    for mask in masks {
        for at in (0..=mask.len()).filter(|at| mask.is_char_boundary(*at)) {
            let (before, after) = mask.split_at(at);
            if images.contains(before) {
                *counts.entry(("", after)).or_default() += 1;
            }
            if !before.is_empty() && images.contains(after) {
                *counts.entry((before, "")).or_default() += 1;
            }
        }
    }
    let best =
        counts.into_iter().max_by_key(|((prefix, suffix), n)| (*n, std::cmp::Reverse(prefix.len() + suffix.len())));
    let ((prefix, suffix), _) = best.filter(|(_, n)| 2 * n > masks.len())?;
    Some(Affix { prefix: prefix.to_owned(), suffix: suffix.to_owned() })
}

/// What all of at least two stems begin and end with. Digits next to what differs belong to that: they are a number.
fn common(stems: &BTreeSet<&str>) -> Option<Affix> {
    let (first, last) = (*stems.first()?, *stems.last()?);
    if first == last {
        return None;
    }
    let length = |differ: Option<usize>| differ.unwrap_or(first.len());
    // of sorted stems what the first and the last begin with, all do
    let begin =
        length(first.char_indices().zip(last.chars()).find(|((_, one), other)| one != other).map(|((at, _), _)| at));
    let end = |stem: &str| {
        let both = first.chars().rev().zip(stem.chars().rev());
        both.take_while(|(one, other)| one == other).map(|(one, _)| one.len_utf8()).sum::<usize>()
    };
    let end = stems.iter().map(|stem| end(stem)).min()?;
    let is_digit = |char: char| char.is_ascii_digit();
    let prefix = first[..begin].trim_end_matches(is_digit).to_owned();
    let suffix = first[first.len() - end..].trim_start_matches(is_digit).to_owned();
    Some(Affix { prefix, suffix })
}

/// A prefix and a suffix.
type Rule<'a> = (&'a str, &'a str);

#[cfg(test)]
mod tests {
    use super::{case_of, names};
    use proto::data::{Affix, Names};

    /// Prefix and suffix of images, then of masks.
    fn found(images: &[&str], masks: &[&str]) -> Option<[String; 4]> {
        let names = names(&images.iter().copied().collect(), &masks.iter().copied().collect());
        names.map(|Names { images, masks }| [images.prefix, images.suffix, masks.prefix, masks.suffix])
    }

    fn is(names: [&str; 4]) -> Option<[String; 4]> {
        Some(names.map(str::to_owned))
    }

    #[test]
    fn a_suffix_or_a_prefix_is_found_by_comparing() {
        let is = |prefix: &str, suffix: &str| is(["", "", prefix, suffix]);
        assert_eq!(found(&["a", "b"], &["a_Segmentation", "b_Segmentation"]), is("", "_Segmentation"));
        assert_eq!(found(&["1", "10", "100"], &["1_m", "10_m", "100_m"]), is("", "_m"));
        assert_eq!(found(&["1", "2", "12"], &["mask_1", "mask_2", "mask_12"]), is("mask_", ""));
        // one of three has no image, which is not the rule's fault
        assert_eq!(found(&["a", "b"], &["a_s", "b_s", "c_s"]), is("", "_s"));
    }

    #[test]
    fn names_that_both_have_more_than_the_case_are_found_by_what_all_have() {
        let drive = (["21_training", "22_training"], ["21_manual1", "22_manual1"]);
        assert_eq!(found(&drive.0, &drive.1), is(["", "_training", "", "_manual1"]));
        assert_eq!(found(&["img09", "img10", "img100"], &["lab09", "lab10", "lab100"]), is(["img", "", "lab", ""]));
        assert_eq!(found(&["x_\u{e4}_i", "x_\u{eb}_i"], &["\u{e4}", "\u{eb}"]), is(["x_", "_i", "", ""]));
        // one image, or one mask, does not say what differs
        assert_eq!(found(&["21_training"], &["21_manual1"]), None);
        assert_eq!(found(&["a_1", "b_1", "c_1"], &["a_2", "x_2", "y_2"]), None, "most masks have no image");
    }

    #[test]
    fn equal_names_need_no_rule_and_different_names_have_none() {
        assert_eq!(found(&["a", "a_m"], &["a", "a_m"]), None);
        assert_eq!(found(&["a", "b"], &["x", "y"]), None);
        assert_eq!(found(&["a", "b"], &["a_1", "b_2"]), None);
        assert_eq!(found(&[], &[]), None);
    }

    #[test]
    fn a_file_of_another_name_belongs_to_no_case() {
        let affix = Affix { prefix: "m_".to_owned(), suffix: "_s".to_owned() };
        assert_eq!(case_of("m_a_s", &affix), Some("a"));
        for other in ["a_s", "m_a", "m__s", "m_s"] {
            assert_eq!(case_of(other, &affix), None, "{other}");
        }
    }
}
