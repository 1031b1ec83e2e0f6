//! The levels of all masks of a data set: one file alone does not show that 100 is lesion in some masks and 200 in others, nor
//! whether a mask that is 1 everywhere is lesion everywhere.

use super::Levels;
use super::problem::in_yaml;
use proto::data::MaskValue;

/// Maximum number of groups that a message names.
const MAX_GROUPS: usize = 6;

/// Masks of the same levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Group {
    pub(in super::super) levels: Levels,
    /// Indices of the masks, ascending.
    pub(in super::super) masks: Vec<usize>,
}

/// Checks that the masks mean the same by their levels. Returns the masks that are background everywhere though they are not black.
///
/// # Errors
/// If they do not: the groups that contradict each other.
pub(in super::super) fn agree(levels: impl Iterator<Item = (usize, Levels)>) -> Result<Vec<usize>, Vec<Group>> {
    let (single, double): (Vec<_>, Vec<_>) = levels.partition(|(_, levels)| levels.is_single());
    let mut groups = grouped(double.into_iter(), means_the_same);
    let mut background = Vec::new();
    let mut unclear = Vec::new();
    for (mask, levels) in single {
        let as_high = |group: &Group| {
            is_near(levels.high, group.levels.high, &group.levels) || is_white(levels) && is_full_scale(&group.levels)
        };
        match groups.first() {
            _ if levels.low == MaskValue::Gray(0) => {}
            Some(group) if as_high(group) => {}
            Some(group) if is_near(levels.low, group.levels.low, &group.levels) => background.push(mask),
            None if is_white(levels) => {}
            _ => unclear.push((mask, levels)),
        }
    }
    groups.extend(grouped(unclear.into_iter(), PartialEq::eq));
    let is_unclear = groups.len() > 1 || groups.iter().any(|group| group.levels.is_single());
    if is_unclear { Err(groups) } else { Ok(background) }
}

fn grouped(levels: impl Iterator<Item = (usize, Levels)>, same: fn(&Levels, &Levels) -> bool) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (mask, levels) in levels {
        match groups.iter_mut().find(|group| same(&group.levels, &levels)) {
            Some(group) => group.masks.push(mask),
            None => groups.push(Group { levels, masks: vec![mask] }),
        }
    }
    groups
}

fn means_the_same(one: &Levels, other: &Levels) -> bool {
    let near = is_near(one.low, other.low, one) && is_near(one.high, other.high, one);
    near || is_full_scale(one) && is_full_scale(other)
}

/// Whether two values are equal but for noise: an eighth of the distance of the levels.
fn is_near(one: MaskValue, other: MaskValue, levels: &Levels) -> bool {
    match (one, other, levels.low, levels.high) {
        (MaskValue::Gray(one), MaskValue::Gray(other), MaskValue::Gray(low), MaskValue::Gray(high)) => {
            one.abs_diff(other) <= (high - low) / 8
        }
        _ => one == other,
    }
}

/// Whether the levels are black and white, in whatever depth.
fn is_full_scale(levels: &Levels) -> bool {
    let noise = levels.white / 8;
    matches!((levels.low, levels.high), (MaskValue::Gray(low), MaskValue::Gray(high)) if low <= noise && high >= levels.white - noise)
}

fn is_white(levels: Levels) -> bool {
    levels.high == MaskValue::Gray(levels.white)
}

/// The groups in words: their levels, how many masks have them, and which is the first.
pub(in super::super) fn describe(groups: &[Group], cases: &[String]) -> String {
    let describe = |Group { levels, masks }: &Group| {
        let Levels { low, high, .. } = levels;
        let levels = if levels.is_single() { format!("only {high}") } else { format!("{low} and {high}") };
        let first = masks.first().and_then(|mask| cases.get(*mask)).map_or("", String::as_str);
        format!("{levels} in {} of them, such as that of `{first}`", masks.len())
    };
    groups.iter().take(MAX_GROUPS).map(describe).collect::<Vec<_>>().join("; ")
}

/// The bright values of the groups, as a list in a sweep file.
pub(in super::super) fn bright_values(groups: &[Group]) -> String {
    let mut values: Vec<_> = groups.iter().map(|group| group.levels.high).collect();
    values.sort();
    values.dedup();
    values.iter().take(MAX_GROUPS).map(in_yaml).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{Levels, MaskValue, agree};

    fn gray(low: u16, high: u16, white: u16) -> Levels {
        Levels { low: MaskValue::Gray(low), high: MaskValue::Gray(high), white }
    }

    fn agreed(levels: &[Levels]) -> Result<Vec<usize>, Vec<Vec<usize>>> {
        agree(levels.iter().copied().enumerate())
            .map_err(|groups| groups.into_iter().map(|group| group.masks).collect())
    }

    #[test]
    fn a_single_level_means_what_it_means_in_the_other_masks() {
        let binary = gray(0, 1, 255);
        assert_eq!(agreed(&[binary, gray(1, 1, 255), gray(0, 0, 255)]), Ok(vec![]));
        assert_eq!(agreed(&[gray(40, 220, 255), gray(40, 40, 255)]), Ok(vec![1]));
        assert_eq!(agreed(&[binary, gray(255, 255, 255)]), Err(vec![vec![0], vec![1]]));
        assert_eq!(agreed(&[gray(1, 1, 255), gray(0, 0, 255)]), Err(vec![vec![0]]));
        assert_eq!(agreed(&[gray(255, 255, 255), gray(0, 0, 255)]), Ok(vec![]));
    }

    #[test]
    fn two_levels_are_the_same_in_all_masks() {
        assert_eq!(agreed(&[gray(0, 255, 255), gray(0, 65535, 65535), gray(3, 253, 255)]), Ok(vec![]));
        assert_eq!(agreed(&[gray(0, 100, 255), gray(0, 200, 255)]), Err(vec![vec![0], vec![1]]));
        assert_eq!(agreed(&[gray(0, 1, 255), gray(0, 2, 255), gray(0, 1, 255)]), Err(vec![vec![0, 2], vec![1]]));
        assert_eq!(agreed(&[gray(0, 1, 255), gray(0, 255, 255)]), Err(vec![vec![0], vec![1]]));
        let red = Levels { low: MaskValue::Gray(0), high: MaskValue::Color([255, 0, 0]), white: 255 };
        assert_eq!(agreed(&[red, red]), Ok(vec![]));
        let green = Levels { high: MaskValue::Color([0, 255, 0]), ..red };
        assert_eq!(agreed(&[red, green]), Err(vec![vec![0], vec![1]]));
    }
}
