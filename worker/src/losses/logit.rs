//! A logit and what the losses make of it, in f64: finite for every finite logit.

/// A logit `x` with `exp(-|x|)`, which neither overflows nor loses the digits of a small number.
pub(super) struct Logit {
    x: f64,
    small: f64,
}

impl Logit {
    pub(super) fn new(x: f64) -> Self {
        Self { x, small: (-x.abs()).exp() }
    }

    /// `1 / (1 + exp(-x))` and `1 / (1 + exp(x))`.
    pub(super) fn sigmoid(&self) -> (f64, f64) {
        let (small, large) = (self.small / (1.0 + self.small), 1.0 / (1.0 + self.small));
        if self.x < 0.0 { (small, large) } else { (large, small) }
    }

    /// `log(1 + exp(x))` and `log(1 + exp(-x))`.
    pub(super) fn softplus(&self) -> (f64, f64) {
        // not `max`, which drops what is not a number
        let (log, positive) = (self.small.ln_1p(), if self.x < 0.0 { 0.0 } else { self.x });
        (positive + log, positive - self.x + log)
    }
}
