//! How the name of a mask follows from the name of its image. Knows names only.

use proto::data::Affix;
use std::collections::{BTreeMap, BTreeSet};

/// The stem of the image to which a mask of that stem belongs, if the mask is named like that.
pub(super) fn image_of<'a>(mask: &'a str, affix: &Affix) -> Option<&'a str> {
    mask.strip_prefix(&affix.prefix)?.strip_suffix(&affix.suffix).filter(|image| !image.is_empty())
}

/// What most masks have before or after the name of an image; `None` if most have an image's very name, or there is no such rule.
pub(super) fn affix(images: &BTreeSet<&str>, masks: &BTreeSet<&str>) -> Option<Affix> {
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
    // of rules that hold equally often the shortest: an image `a` and an image `a_1` may both begin the name of a mask
    let best =
        counts.into_iter().max_by_key(|((prefix, suffix), n)| (*n, std::cmp::Reverse(prefix.len() + suffix.len())));
    let ((prefix, suffix), _) = best.filter(|(_, n)| 2 * n > masks.len())?;
    let affix = Affix { prefix: prefix.to_owned(), suffix: suffix.to_owned() };
    (affix != Affix::default()).then_some(affix)
}

/// A prefix and a suffix.
type Rule<'a> = (&'a str, &'a str);

#[cfg(test)]
mod tests {
    use super::{affix, image_of};
    use proto::data::Affix;

    fn found(images: &[&str], masks: &[&str]) -> Option<(String, String)> {
        let affix = affix(&images.iter().copied().collect(), &masks.iter().copied().collect());
        affix.map(|Affix { prefix, suffix }| (prefix, suffix))
    }

    #[test]
    fn a_suffix_or_a_prefix_is_found_by_comparing() {
        let is = |prefix: &str, suffix: &str| Some((prefix.to_owned(), suffix.to_owned()));
        assert_eq!(found(&["a", "b"], &["a_Segmentation", "b_Segmentation"]), is("", "_Segmentation"));
        assert_eq!(found(&["1", "10", "100"], &["1_m", "10_m", "100_m"]), is("", "_m"));
        assert_eq!(found(&["1", "2", "12"], &["mask_1", "mask_2", "mask_12"]), is("mask_", ""));
        // one of three has no image, which is not the rule's fault
        assert_eq!(found(&["a", "b"], &["a_s", "b_s", "c_s"]), is("", "_s"));
    }

    #[test]
    fn equal_names_need_no_rule_and_different_names_have_none() {
        assert_eq!(found(&["a", "a_m"], &["a", "a_m"]), None);
        assert_eq!(found(&["a", "b"], &["x", "y"]), None);
        assert_eq!(found(&["a", "b"], &["a_1", "b_2"]), None);
        assert_eq!(found(&[], &[]), None);
    }

    #[test]
    fn a_mask_of_another_name_belongs_to_no_image() {
        let affix = Affix { prefix: "m_".to_owned(), suffix: "_s".to_owned() };
        assert_eq!(image_of("m_a_s", &affix), Some("a"));
        for other in ["a_s", "m_a", "m__s", "m_s"] {
            assert_eq!(image_of(other, &affix), None, "{other}");
        }
    }
}
