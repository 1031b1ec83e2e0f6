//! The tables of the keys that a sweep file can fix in a section or vary as an axis, and of which a job file has one value each: a file
//! for each section.
//!
//! To add a key: its field in [`JobSpec`], with a default, and an entry in the table of its section.

mod augmentation;
mod evaluation;
mod losses;
mod main_axes;
mod model;
mod schedule;
mod training;

use super::interval::Interval;
use crate::spec::{JobSpec, LossName};
use std::ops::RangeInclusive;
use std::sync::LazyLock;

/// One key: what a file calls it, what it accepts, what it depends on, and where a job keeps it.
pub(super) struct Entry {
    /// The path of the key, or its name at the top of a job file and under `grid`.
    pub(super) name: &'static str,
    pub(super) needs: Needs,
    pub(super) field: Field,
}

/// Another key, and the values of it with which a key has an effect.
type Needs = Option<(&'static str, &'static [&'static str])>;

/// The values that a key accepts, and how to get and set them in a job. A setter ignores anything else.
pub(super) enum Field {
    /// A name.
    Choice { names: &'static [&'static str], get: fn(&JobSpec) -> &'static str, set: fn(&mut JobSpec, &str) },
    /// `true` or `false`.
    Truth { get: fn(&JobSpec) -> bool, set: fn(&mut JobSpec, bool) },
    /// A whole number.
    Whole { range: RangeInclusive<u32>, get: fn(&JobSpec) -> u32, set: fn(&mut JobSpec, u32) },
    /// A real number.
    Real { interval: Interval, get: fn(&JobSpec) -> f64, set: fn(&mut JobSpec, f64) },
    /// The loss.
    Loss,
    /// A parameter of a term of the loss, named by the end of the key's path. It has an effect where the loss has this term.
    Parameter { of: LossName, interval: Interval },
}

/// The keys, in the order in which they are set: what others need comes first.
pub(super) static TABLE: LazyLock<Vec<&'static Entry>> = LazyLock::new(|| {
    let sections = [
        main_axes::ENTRIES,
        model::ENTRIES,
        training::ENTRIES,
        schedule::ENTRIES,
        augmentation::ENTRIES,
        evaluation::ENTRIES,
        losses::ENTRIES,
    ];
    sections.into_iter().flatten().collect()
});

/// The path of a key of that name in a file.
pub(super) fn path(name: &'static str) -> &'static str {
    if name == augmentation::NAME { "augmentation.preset" } else { name }
}

/// A key with names as values.
const fn choice(
    name: &'static str,
    needs: Needs,
    names: &'static [&'static str],
    get: fn(&JobSpec) -> &'static str,
    set: fn(&mut JobSpec, &str),
) -> Entry {
    Entry { name, needs, field: Field::Choice { names, get, set } }
}

/// A key that is true or false.
const fn truth(name: &'static str, needs: Needs, get: fn(&JobSpec) -> bool, set: fn(&mut JobSpec, bool)) -> Entry {
    Entry { name, needs, field: Field::Truth { get, set } }
}

/// A key with whole numbers as values.
const fn whole(
    name: &'static str,
    needs: Needs,
    range: RangeInclusive<u32>,
    get: fn(&JobSpec) -> u32,
    set: fn(&mut JobSpec, u32),
) -> Entry {
    Entry { name, needs, field: Field::Whole { range, get, set } }
}

/// A key with real numbers as values.
const fn real(
    name: &'static str,
    needs: Needs,
    interval: Interval,
    get: fn(&JobSpec) -> f64,
    set: fn(&mut JobSpec, f64),
) -> Entry {
    Entry { name, needs, field: Field::Real { interval, get, set } }
}

fn choose<T>(field: &mut T, choice: Option<T>) {
    if let Some(choice) = choice {
        *field = choice;
    }
}
