//! Integrals and roots, for what has no closed form.

/// The integral of an analytic function that falls off to nothing at both ends, by the trapezoid rule: for such functions it
/// converges exponentially in the number of steps.
pub(super) fn integral(from: f64, to: f64, steps: u32, f: impl Fn(f64) -> f64) -> f64 {
    let step = (to - from) / f64::from(steps);
    (0..=steps).map(|index| f(f64::from(index).mul_add(step, from))).sum::<f64>() * step
}

/// Where an increasing function that is negative at `low` crosses zero, to `tolerance` relative to the root. The upper end is
/// found by doubling.
pub(super) fn root(low: f64, tolerance: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (low, low.abs().max(1.0));
    while f(high) < 0.0 && high < 1e300 {
        (low, high) = (high, high * 2.0);
    }
    while high - low > tolerance * high.abs() {
        let middle = low.midpoint(high);
        if middle <= low || middle >= high {
            break;
        }
        if f(middle) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    low.midpoint(high)
}
