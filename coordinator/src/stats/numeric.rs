//! Integrals and roots, for what has no closed form.

/// The integral of an analytic function that falls off to nothing at both ends, by the trapezoid rule: for such functions it
/// converges exponentially in the number of steps.
pub(super) fn integral(from: f64, to: f64, steps: u32, f: impl Fn(f64) -> f64) -> f64 {
    let step = (to - from) / f64::from(steps);
    (0..=steps).map(|index| f(from + f64::from(index) * step)).sum::<f64>() * step
}

/// Where an increasing function that is negative at `low`, not below zero, crosses zero, to `tolerance` relative to the root. The
/// upper end is found by doubling; then steps along the chord take turns with halving, so that neither a flat nor a steep function
/// is slow.
pub(super) fn root(low: f64, tolerance: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut at_low) = (low, f(low));
    let (mut high, mut at_high) = (low.max(1.0), f(low.max(1.0)));
    while at_high < 0.0 && high < 1e300 {
        (low, at_low) = (high, at_high);
        high *= 2.0;
        at_high = f(high);
    }
    let mut chord = true;
    while high - low > tolerance * high {
        let along = low - at_low * (high - low) / (at_high - at_low);
        let next = if chord && along > low && along < high { along } else { low.midpoint(high) };
        if next <= low || next >= high {
            break;
        }
        let at_next = f(next);
        if at_next == 0.0 {
            return next;
        }
        if at_next < 0.0 {
            (low, at_low) = (next, at_next);
        } else {
            (high, at_high) = (next, at_next);
        }
        chord = !chord;
    }
    low.midpoint(high)
}
