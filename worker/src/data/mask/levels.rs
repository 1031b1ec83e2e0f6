//! Whether grey values are two levels, with edges between them that JPEG or resampling may have softened.
//!
//! A third class of a mask fills areas; a soft edge is a thin line between the two levels. So values between the levels are taken
//! for an edge only if no area has them, and if both levels are near each of their pixels.

use super::channels::Gray;

/// What a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// All pixels have this value.
    Single(u16),
    /// Background and lesion.
    Two {
        /// The value of most of the background.
        low: u16,
        /// The value of most of the lesion.
        high: u16,
        /// The least value that is lesion.
        least: u16,
    },
    /// Something else.
    Neither,
}

/// Up to so many different values none is noise: each may be a class.
const MAX_CLASSES: usize = 16;
/// One pixel in so many may belong to an area of a third value. JPEG leaves a few.
const THIRD_SHARE: usize = 1000;
/// One pixel in so many may lie between the levels and near only one of them. Tips of thin shapes do.
const STRAY_SHARE: usize = 500;
/// Edges reach at most this share of the longer side from either level, or a block of JPEG.
const EDGE_SHARE: usize = 64;
const JPEG_BLOCK: usize = 8;

/// Judges a channel of rows of `width` values.
pub(super) fn judge(gray: &Gray, width: u32) -> Judgement {
    match gray {
        Gray::Bits8(values) => judge_values(values, gray.white(), width),
        Gray::Bits16(values) => judge_values(values, gray.white(), width),
    }
}

fn judge_values<T: Copy + Eq + Into<u16>>(values: &[T], white: u16, width: u32) -> Judgement {
    // more than half of the scale apart: then one level is below the middle, and one is not
    let middle = white / 2 + 1;
    match two_values(values).map(|(one, other)| (one.into(), other.into())) {
        Some((one, other)) if one == other => Judgement::Single(one),
        Some((one, other)) => {
            let (low, high) = (one.min(other), one.max(other));
            if low == 0 || high - low >= middle {
                Judgement::Two { low, high, least: high }
            } else {
                Judgement::Neither
            }
        }
        None => Edges::new(values, white, width).map_or(Judgement::Neither, |edges| edges.judge(middle)),
    }
}

/// The values, if there are at most two; twice the same if there is one.
pub(super) fn two_values<T: Copy + PartialEq>(values: &[T]) -> Option<(T, T)> {
    let one = *values.first()?;
    let other = values.iter().copied().find(|value| *value != one).unwrap_or(one);
    // chunks, so that the compiler may compare many at once
    let is_other = |value: &T| *value != one && *value != other;
    let is_third = |values: &[T]| values.iter().fold(false, |found, value| found | is_other(value));
    (!values.chunks(4096).any(is_third)).then_some((one, other))
}

/// A channel with values around two levels.
struct Edges<'a, T> {
    values: &'a [T],
    width: usize,
    low: u16,
    high: u16,
    /// Number of different values.
    different: usize,
}

impl<'a, T: Copy + Eq + Into<u16>> Edges<'a, T> {
    /// The most frequent values of both halves of the scale, if they are far enough apart.
    fn new(values: &'a [T], white: u16, width: u32) -> Option<Self> {
        let middle = white / 2 + 1;
        let mut counts = vec![0u32; usize::from(white) + 1];
        for value in values {
            counts[usize::from((*value).into())] += 1;
        }
        let (dark, bright) = counts.split_at(middle.into());
        let peak = |counts: &[u32]| {
            let counts = (0u16..).zip(counts.iter().copied()).filter(|(_, count)| *count > 0);
            counts.max_by_key(|(_, count)| *count).map(|(value, _)| value)
        };
        let (low, high) = (peak(dark)?, middle + peak(bright)?);
        let different = counts.iter().filter(|count| **count > 0).count();
        let edges = Self { values, width: width as usize, low, high, different };
        (high - low >= middle).then_some(edges)
    }

    fn judge(&self, middle: u16) -> Judgement {
        let pixels = self.values.len();
        let is_third = |at: &usize| self.is_third(self.value(*at)) && self.is_area(*at);
        let thirds = (0..pixels).filter(is_third).count();
        if thirds * THIRD_SHARE > pixels {
            return Judgement::Neither;
        }
        let near = (self.high - self.low) / 8;
        let between = self.low + near + 1..self.high - near;
        let strays = (0..pixels).filter(|at| between.contains(&self.value(*at)) && !self.is_edge(*at, near));
        if strays.count() * STRAY_SHARE > pixels {
            return Judgement::Neither;
        }
        Judgement::Two { low: self.low, high: self.high, least: middle }
    }

    fn value(&self, at: usize) -> u16 {
        self.values[at].into()
    }

    /// Whether a value is neither of the levels; among many values those very near to a level are noise.
    fn is_third(&self, value: u16) -> bool {
        let noise = if self.different <= MAX_CLASSES { 0 } else { (self.high - self.low) / 16 };
        value.abs_diff(self.low) > noise && value.abs_diff(self.high) > noise
    }

    /// Whether all eight neighbours have the same value.
    fn is_area(&self, at: usize) -> bool {
        let (row, column) = (at / self.width, at % self.width);
        let rows = self.values.len() / self.width;
        if row == 0 || column == 0 || row + 1 == rows || column + 1 == self.width {
            return false;
        }
        let three = |row: usize| &self.values[row * self.width + column - 1..][..3];
        (row - 1..=row + 1).all(|row| three(row).iter().all(|value| *value == self.values[at]))
    }

    /// Whether both levels are near, in any of eight directions.
    fn is_edge(&self, at: usize, near: u16) -> bool {
        let rows = self.values.len() / self.width;
        let reach = (rows.max(self.width) / EDGE_SHARE).max(JPEG_BLOCK) as isize;
        let (row, column) = ((at / self.width) as isize, (at % self.width) as isize);
        let (mut dark, mut bright) = (false, false);
        for step in 1..=reach {
            for (down, right) in [(0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1)] {
                let (row, column) = (row + step * down, column + step * right);
                let inside = (0..rows as isize).contains(&row) && (0..self.width as isize).contains(&column);
                if inside {
                    let value = self.value(row as usize * self.width + column as usize);
                    dark |= value <= self.low + near;
                    bright |= value >= self.high - near;
                }
            }
            if dark && bright {
                return true;
            }
        }
        false
    }
}
