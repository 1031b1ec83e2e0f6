//! The learning rate of every step, as in `torch.optim.lr_scheduler`: a function of the number of steps before it alone.
//!
//! Warm-up is PyTorch's `LinearLR` with `start_factor = 1 / (steps + 1)`; the schedule proper counts its steps from the end of it.

use proto::spec::{self, Training};
use std::f64::consts::PI;

/// The learning rates of a training.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    kind: spec::Schedule,
    learning_rate: f64,
    steps_per_epoch: u64,
    /// Steps of the warm-up.
    warmup: u64,
    /// Steps after it.
    steps: u64,
}

impl Schedule {
    /// The schedule of a training whose epochs have so many steps.
    #[must_use]
    pub fn new(training: &Training, learning_rate: f64, steps_per_epoch: u64) -> Self {
        let warmup = u64::from(training.warmup_epochs.min(training.epochs)) * steps_per_epoch;
        let steps = u64::from(training.epochs) * steps_per_epoch - warmup;
        Self { kind: training.schedule, learning_rate, steps_per_epoch, warmup, steps }
    }

    /// The learning rate of the step after `done` steps.
    #[must_use]
    pub fn rate(&self, done: u64) -> f64 {
        if done < self.warmup {
            return self.after_warmup(0) * (done + 1) as f64 / (self.warmup + 1) as f64;
        }
        self.after_warmup(done - self.warmup)
    }

    fn after_warmup(&self, done: u64) -> f64 {
        let (rate, share) = (self.learning_rate, done as f64 / self.steps.max(1) as f64);
        match self.kind {
            spec::Schedule::Constant {} => rate,
            spec::Schedule::Step { step_size, gamma } => {
                rate * gamma.powf((done / self.steps_per_epoch.max(1) / u64::from(step_size).max(1)) as f64)
            }
            spec::Schedule::Cosine { final_learning_rate } => along_cosine(rate, final_learning_rate, share),
            spec::Schedule::Polynomial { power } => rate * (1.0 - share).max(0.0).powf(power),
            spec::Schedule::OneCycle { pct_start, div_factor, final_div_factor } => {
                let (first, last) = (rate / div_factor, rate / div_factor / final_div_factor);
                // PyTorch's phases end at the last step of each, which need not be a whole number
                let (peak, end) = (pct_start * self.steps as f64 - 1.0, self.steps as f64 - 1.0);
                let done = done as f64;
                if done <= peak {
                    along_cosine(first, rate, done / peak.max(1.0))
                } else {
                    along_cosine(rate, last, (done - peak) / (end - peak))
                }
            }
        }
    }
}

/// From `start` to `end` along half a cosine.
fn along_cosine(start: f64, end: f64, share: f64) -> f64 {
    end + (start - end) * (1.0 + (PI * share.min(1.0)).cos()) / 2.0
}
