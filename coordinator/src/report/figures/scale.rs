//! Numbers -> places on an axis, and the round numbers that stand beside it. Knows nothing of what is drawn.

use crate::text::{amount, signed};

/// How far ticks are apart at least along a horizontal axis, in units of the drawing: their numbers stand side by side.
pub(super) const BESIDE: f64 = 64.0;
/// The same along a vertical axis.
pub(super) const ABOVE: f64 = 34.0;

/// A mark of an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// Its place.
    pub(super) at: f64,
    /// What stands there.
    pub(super) label: String,
}

/// Maps values to places. Both ends of `range` may come first, as the vertical axis of a drawing grows downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    domain: (f64, f64),
    range: (f64, f64),
    is_log: bool,
}

impl Scale {
    /// An axis that shows all the values, with a little room at both ends. Values that are not finite are left out.
    #[must_use]
    pub(super) fn linear(values: impl IntoIterator<Item = f64>, range: (f64, f64)) -> Self {
        let (low, high) = extent(values).unwrap_or((0.0, 1.0));
        let room = if high > low { 0.03 * (high - low) } else { 0.1 * high.abs().max(0.01) };
        Self { domain: (low - room, high + room), range, is_log: false }
    }

    /// An axis on which equal factors have equal lengths; values that are not positive are left out.
    #[must_use]
    pub(super) fn log(values: impl IntoIterator<Item = f64>, range: (f64, f64)) -> Self {
        let (low, high) = extent(values.into_iter().filter(|value| *value > 0.0)).unwrap_or((1.0, 10.0));
        let room = (high / low).powf(0.06).max(1.1);
        Self { domain: (low / room, high * room), range, is_log: true }
    }

    /// An axis from exactly one value to exactly another.
    #[must_use]
    pub(super) fn exact(domain: (f64, f64), range: (f64, f64)) -> Self {
        Self { domain, range, is_log: false }
    }

    /// The place of a value.
    #[must_use]
    pub(super) fn at(&self, value: f64) -> f64 {
        let bend = |value: f64| if self.is_log { value.max(f64::MIN_POSITIVE).ln() } else { value };
        let (low, high) = (bend(self.domain.0), bend(self.domain.1));
        let share = if high > low { (bend(value) - low) / (high - low) } else { 0.5 };
        self.range.0 + share * (self.range.1 - self.range.0)
    }

    /// The place of a value, or of the nearest end of the axis.
    #[must_use]
    pub(super) fn clamped(&self, value: f64) -> f64 {
        self.at(value.clamp(self.domain.0, self.domain.1))
    }

    /// Whether the axis reaches to the value.
    #[must_use]
    pub(super) fn shows(&self, value: f64) -> bool {
        (self.domain.0..=self.domain.1).contains(&value)
    }

    /// The two ends of the axis, as places.
    #[must_use]
    pub(super) fn range(&self) -> (f64, f64) {
        self.range
    }

    /// Round numbers along the axis, at least `gap` apart.
    #[must_use]
    pub(super) fn ticks(&self, gap: f64) -> Vec<Tick> {
        let most = ((self.range.1 - self.range.0).abs() / gap).floor().max(2.0);
        let factors = if self.is_log { self.round_factors(most) } else { Vec::new() };
        if factors.len() > 1 {
            return factors.into_iter().map(|value| Tick { at: self.at(value), label: amount(value) }).collect();
        }
        let step = round_step((self.domain.1 - self.domain.0) / most);
        let decimals = (-step.log10()).ceil().max(0.0) as usize;
        let (first, last) = ((self.domain.0 / step).ceil(), (self.domain.1 / step).floor());
        let values = (0..=(last - first) as i64).map(|index| (first + index as f64) * step);
        let label = |value| if self.is_log { amount(value) } else { signed(value, decimals) };
        values.map(|value| Tick { at: self.at(value), label: label(value) }).collect()
    }

    /// 1, 2, 5 times powers of ten; powers alone where there would be too many.
    fn round_factors(&self, most: f64) -> Vec<f64> {
        let decades = self.domain.0.log10().floor() as i32..=self.domain.1.log10().ceil() as i32;
        let within = |factors: &[f64]| -> Vec<f64> {
            let all = decades.clone().flat_map(|decade| factors.iter().map(move |factor| factor * 10_f64.powi(decade)));
            all.filter(|value| self.shows(*value)).collect()
        };
        let fine = within(&[1.0, 2.0, 5.0]);
        if fine.len() as f64 > most {
            return within(&[1.0]);
        }
        // between 4 and 13 there are only 5 and 10
        let finer = within(&[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0]);
        if fine.len() < 3 && finer.len() as f64 <= most { finer } else { fine }
    }
}

/// The least and the greatest finite value.
fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.into_iter().filter(|value| value.is_finite());
    finite.fold(None, |extent, value| match extent {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

/// The least of 1, 2, 5, 10, ... that is not below `step`.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= step * (1.0 - 1e-9)).unwrap_or(10.0);
    factor * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<String> {
        scale.ticks(BESIDE).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_numbers_inside_the_axis() {
        let scale = Scale::linear([0.58, 0.75], (0.0, 400.0));
        assert_eq!(labels(&scale), ["0.60", "0.65", "0.70", "0.75"]);
        assert!(scale.ticks(BESIDE).iter().all(|tick| (0.0..=400.0).contains(&tick.at)));
        let around_zero = Scale::linear([-0.01, 0.01], (0.0, 200.0));
        assert_eq!(labels(&around_zero), ["\u{2212}0.01", "0.00", "0.01"]);
    }

    #[test]
    fn factors_have_equal_lengths() {
        let scale = Scale::log([1.0, 1000.0], (0.0, 300.0));
        let step = |value: f64| scale.at(value * 10.0) - scale.at(value);
        assert!((step(1.0) - step(100.0)).abs() < 1e-9);
        assert_eq!(labels(&scale), ["1", "10", "100", "1k"]);
    }

    #[test]
    fn an_axis_may_grow_downwards_and_one_value_is_in_its_middle() {
        let scale = Scale::linear([0.5], (200.0, 0.0));
        assert!((scale.at(0.5) - 100.0).abs() < 1e-9);
        assert!(scale.at(0.52) < scale.at(0.5));
        assert_eq!(labels(&Scale::linear([f64::NAN], (0.0, 300.0))).first().map(String::as_str), Some("0.0"));
    }
}
