//! The table of the keys that a sweep file can fix in a section or vary as an axis, and of which a job file has one value each.
//!
//! To add a key: its field in [`JobSpec`], with a default, and an entry in [`TABLE`].

use super::interval::Interval;
use super::reader::Node;
use super::setting::{KeyValue, Setting};
use crate::spec::{Architecture, Convolution, Initialization, JobSpec, Loss, LossName, Model, Optimizer, Precision};
use std::ops::RangeInclusive;

/// One key: what a file calls it, what it accepts, what it depends on, and where a job keeps it.
struct Entry {
    /// The path of the key, or its name at the top of a job file and under `grid`.
    name: &'static str,
    /// The key and the value without which this key has no effect.
    needs: Option<(&'static str, &'static str)>,
    field: Field,
}

/// The values that a key accepts, and how to get and set them in a job. A setter ignores anything else.
pub(super) enum Field {
    /// A name.
    Choice { names: &'static [&'static str], get: fn(&JobSpec) -> &'static str, set: fn(&mut JobSpec, &str) },
    /// A whole number.
    Whole { range: RangeInclusive<u32>, get: fn(&JobSpec) -> u32, set: fn(&mut JobSpec, u32) },
    /// A real number; `None` for a job whose loss has no such parameter.
    Real { interval: Interval, get: fn(&JobSpec) -> Option<f64>, set: fn(&mut JobSpec, f64) },
}

/// The keys, in the order in which they are set: what others need comes first.
static TABLE: [Entry; 14] = [
    Entry {
        name: "architecture",
        needs: None,
        field: Field::Choice {
            names: Architecture::NAMES,
            get: |job| job.architecture.name(),
            set: |job, name| choose(&mut job.architecture, Architecture::from_name(name)),
        },
    },
    Entry {
        name: "loss",
        needs: None,
        field: Field::Choice {
            names: LossName::NAMES,
            get: |job| job.loss.name().name(),
            set: |job, name| choose(&mut job.loss, LossName::from_name(name).map(Loss::from)),
        },
    },
    Entry {
        name: "learning_rate",
        needs: None,
        field: Field::Real {
            interval: Interval::Positive,
            get: |job| Some(job.learning_rate),
            set: |job, rate| job.learning_rate = rate,
        },
    },
    Entry {
        name: "training.optimizer",
        needs: None,
        field: Field::Choice {
            names: Optimizer::NAMES,
            get: |job| job.training.optimizer.name(),
            set: |job, name| choose(&mut job.training.optimizer, Optimizer::from_name(name)),
        },
    },
    Entry {
        name: "model.width",
        needs: None,
        field: Field::Whole {
            range: 1..=Model::MAX_WIDTH,
            get: |job| job.model.width,
            set: |job, width| job.model.width = width,
        },
    },
    Entry {
        name: "training.epochs",
        needs: None,
        field: Field::Whole {
            range: 1..=1_000_000,
            get: |job| job.training.epochs,
            set: |job, epochs| job.training.epochs = epochs,
        },
    },
    Entry {
        name: "training.batch_size",
        needs: None,
        field: Field::Whole {
            range: 1..=100_000,
            get: |job| job.training.batch_size,
            set: |job, cases| job.training.batch_size = cases,
        },
    },
    Entry {
        name: "training.weight_decay",
        needs: None,
        field: Field::Real {
            interval: Interval::NonNegative,
            get: |job| Some(job.training.weight_decay),
            set: |job, decay| job.training.weight_decay = decay,
        },
    },
    Entry {
        name: "training.momentum",
        needs: Some(("training.optimizer", Optimizer::Sgd.name())),
        field: Field::Real {
            interval: Interval::BelowOne,
            get: |job| Some(job.training.momentum),
            set: |job, momentum| job.training.momentum = momentum,
        },
    },
    Entry {
        name: "training.initialization",
        needs: None,
        field: Field::Choice {
            names: Initialization::NAMES,
            get: |job| job.training.initialization.name(),
            set: |job, name| choose(&mut job.training.initialization, Initialization::from_name(name)),
        },
    },
    Entry {
        name: "training.convolution",
        needs: None,
        field: Field::Choice {
            names: Convolution::NAMES,
            get: |job| job.training.convolution.name(),
            set: |job, name| choose(&mut job.training.convolution, Convolution::from_name(name)),
        },
    },
    Entry {
        name: "training.precision",
        needs: None,
        field: Field::Choice {
            names: Precision::NAMES,
            get: |job| job.training.precision.name(),
            set: |job, name| choose(&mut job.training.precision, Precision::from_name(name)),
        },
    },
    Entry {
        name: "losses.dice.smooth",
        needs: Some(("loss", LossName::Dice.name())),
        field: Field::Real {
            interval: Interval::Positive,
            get: |job| if let Loss::Dice { smooth } = job.loss { Some(smooth) } else { None },
            set: |job, value| {
                if let Loss::Dice { smooth } = &mut job.loss {
                    *smooth = value;
                }
            },
        },
    },
    Entry {
        name: "losses.focal.gamma",
        needs: Some(("loss", LossName::Focal.name())),
        field: Field::Real {
            interval: Interval::NonNegative,
            get: |job| if let Loss::Focal { gamma } = job.loss { Some(gamma) } else { None },
            set: |job, value| {
                if let Loss::Focal { gamma } = &mut job.loss {
                    *gamma = value;
                }
            },
        },
    },
];

fn choose<T>(field: &mut T, choice: Option<T>) {
    if let Some(choice) = choice {
        *field = choice;
    }
}

/// A key of the table. Keys are ordered as they are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(usize);

impl Key {
    /// The network.
    pub const ARCHITECTURE: Self = Self(0);

    /// Always axes, and the first columns of every table: the network, the loss and the learning rate.
    pub const MAIN: [Self; 3] = [Self::ARCHITECTURE, Self(1), Self(2)];

    /// Every key.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        (0..TABLE.len()).map(Self)
    }

    fn entry(self) -> &'static Entry {
        &TABLE[self.0]
    }

    pub(super) fn field(self) -> &'static Field {
        &self.entry().field
    }

    /// The name of its axis: the path of the key, but for the main axes.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The key of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|key| key.name() == name)
    }

    /// Its section and its key there; none for the main axes.
    #[must_use]
    pub fn section(self) -> Option<(&'static str, &'static str)> {
        self.name().rsplit_once('.')
    }

    /// Whether it is a parameter of a loss.
    #[must_use]
    pub fn is_of_a_loss(self) -> bool {
        self.name().starts_with("losses.")
    }

    /// The setting without which this key has no effect.
    #[must_use]
    pub fn needs(self) -> Option<Setting> {
        let (key, value) = self.entry().needs?;
        Some(Setting { key: Self::from_name(key)?, value: KeyValue::Name(value) })
    }

    /// Whether another key may need a value of this one.
    #[must_use]
    pub fn decides(self) -> bool {
        TABLE.iter().any(|entry| entry.needs.is_some_and(|(key, _)| key == self.name()))
    }

    /// Its value in a job; `None` if it has no effect there.
    #[must_use]
    pub fn get(self, job: &JobSpec) -> Option<KeyValue> {
        if !self.applies(job) {
            return None;
        }
        match &self.entry().field {
            Field::Choice { get, .. } => Some(KeyValue::Name(get(job))),
            Field::Whole { get, .. } => Some(KeyValue::Whole(get(job))),
            Field::Real { get, .. } => get(job).map(KeyValue::Real),
        }
    }

    /// Its value in a job of the reference protocol in which it has an effect.
    #[must_use]
    pub fn default_setting(self) -> Option<Setting> {
        let mut job = JobSpec::default();
        if let Some(needed) = self.needs() {
            needed.apply(&mut job);
        }
        Some(Setting { key: self, value: self.get(&job)? })
    }

    /// Whether it has an effect on a job.
    pub(super) fn applies(self, job: &JobSpec) -> bool {
        self.needs().is_none_or(|needed| needed.key.get(job) == Some(needed.value))
    }

    /// Reads a value of this key.
    #[must_use]
    pub fn read(self, node: &Node<'_>) -> Option<Setting> {
        let value = match &self.entry().field {
            Field::Choice { names, .. } => KeyValue::Name(node.choice(names)?),
            Field::Whole { range, .. } => {
                KeyValue::Whole(node.whole(u64::from(*range.start())..=u64::from(*range.end()))?)
            }
            Field::Real { interval, .. } => KeyValue::Real(node.real(*interval)?),
        };
        Some(Setting { key: self, value })
    }
}

#[cfg(test)]
mod tests {
    use super::{Field, Key, KeyValue, Setting, TABLE};
    use crate::spec::{JobSpec, Optimizer};

    #[test]
    fn what_others_need_is_set_first() {
        for key in Key::all() {
            assert!(key.needs().is_none_or(|needed| needed.key < key), "{}", key.name());
            assert_eq!(
                key.entry().needs.is_some(),
                key.needs().is_some(),
                "{} needs a key that does not exist",
                key.name()
            );
        }
        assert_eq!(Key::MAIN.map(Key::name), ["architecture", "loss", "learning_rate"]);
    }

    #[test]
    fn a_job_keeps_every_value_that_is_set() {
        for (key, entry) in Key::all().zip(&TABLE) {
            let mut job = JobSpec::default();
            if let Some(needed) = key.needs() {
                assert_eq!(key.get(&job), None, "{} has no effect yet", entry.name);
                needed.apply(&mut job);
            }
            let default = key.default_setting().expect("a value");
            assert_eq!(key.get(&job), Some(default.value), "{}", entry.name);
            let other = match default.value {
                KeyValue::Name(_) => KeyValue::Name(match &entry.field {
                    Field::Choice { names, .. } => names.last().copied().unwrap_or_default(),
                    _ => unreachable!("a name for a number"),
                }),
                KeyValue::Whole(number) => KeyValue::Whole(number + 1),
                KeyValue::Real(number) => KeyValue::Real(number / 2.0 + 0.25),
            };
            Setting { key, value: other }.apply(&mut job);
            assert_eq!(key.get(&job), Some(other), "{}", entry.name);
        }
    }

    #[test]
    fn momentum_is_for_sgd_only() {
        let momentum = Key::from_name("training.momentum").expect("a key");
        let setting = Setting { key: momentum, value: KeyValue::Real(0.9) };
        let mut job = JobSpec::default();
        setting.apply(&mut job);
        assert_eq!(job, JobSpec::default());
        job.training.optimizer = Optimizer::Sgd;
        setting.apply(&mut job);
        assert_eq!(job.training.momentum, 0.9);
    }
}
