//! The settings of a job that a sweep file can fix in a section or vary as an axis. One list serves both.

use super::AxisValue;
use super::errors::Problems;
use super::node::{Interval, Node};
use proto::spec::{Architecture, Convolution, Initialization, JobSpec, Loss, LossName, Model, Optimizer, Precision};

/// What can be set. The order is the one in which settings are applied: what others depend on comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    Architecture,
    Loss,
    LearningRate,
    Optimizer,
    Width,
    Epochs,
    BatchSize,
    WeightDecay,
    Momentum,
    Initialization,
    Convolution,
    Precision,
    DiceSmooth,
    FocalGamma,
}

impl Key {
    pub(super) const ALL: [Self; 14] = [
        Self::Architecture,
        Self::Loss,
        Self::LearningRate,
        Self::Optimizer,
        Self::Width,
        Self::Epochs,
        Self::BatchSize,
        Self::WeightDecay,
        Self::Momentum,
        Self::Initialization,
        Self::Convolution,
        Self::Precision,
        Self::DiceSmooth,
        Self::FocalGamma,
    ];

    /// Always axes, and the first columns of every table.
    pub(super) const MAIN: [Self; 3] = [Self::Architecture, Self::Loss, Self::LearningRate];

    /// The name of its axis: the path of its key, but for the main axes.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Architecture => "architecture",
            Self::Loss => "loss",
            Self::LearningRate => "learning_rate",
            Self::Optimizer => "training.optimizer",
            Self::Width => "model.width",
            Self::Epochs => "training.epochs",
            Self::BatchSize => "training.batch_size",
            Self::WeightDecay => "training.weight_decay",
            Self::Momentum => "training.momentum",
            Self::Initialization => "training.initialization",
            Self::Convolution => "training.convolution",
            Self::Precision => "training.precision",
            Self::DiceSmooth => "losses.dice.smooth",
            Self::FocalGamma => "losses.focal.gamma",
        }
    }

    /// The key of that name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }

    /// Its section and its key there; none for the main axes.
    pub(super) fn section(self) -> Option<(&'static str, &'static str)> {
        self.name().rsplit_once('.')
    }

    /// The setting without which this one means nothing.
    pub(super) fn needs(self) -> Option<Setting> {
        match self {
            Self::Momentum => Some(Setting::Optimizer(Optimizer::Sgd)),
            Self::DiceSmooth => Some(Setting::Loss(LossName::Dice)),
            Self::FocalGamma => Some(Setting::Loss(LossName::Focal)),
            _ => None,
        }
    }

    /// Whether another key may need a value of this one.
    pub(super) fn decides(self) -> bool {
        matches!(self, Self::Loss | Self::Optimizer)
    }

    /// Reads a value of this key.
    pub(super) fn read(self, node: &Node<'_>, problems: &mut Problems) -> Option<Setting> {
        Some(match self {
            Self::Architecture => {
                Setting::Architecture(node.choice(Architecture::ALL, Architecture::name, problems)?)
            }
            Self::Loss => Setting::Loss(node.choice(LossName::ALL, LossName::name, problems)?),
            Self::LearningRate => Setting::LearningRate(node.real(Interval::Positive, problems)?),
            Self::Optimizer => Setting::Optimizer(node.choice(Optimizer::ALL, Optimizer::name, problems)?),
            Self::Width => Setting::Width(node.whole(1..=Model::MAX_WIDTH.into(), problems)?),
            Self::Epochs => Setting::Epochs(node.whole(1..=1_000_000, problems)?),
            Self::BatchSize => Setting::BatchSize(node.whole(1..=100_000, problems)?),
            Self::WeightDecay => Setting::WeightDecay(node.real(Interval::NonNegative, problems)?),
            Self::Momentum => Setting::Momentum(node.real(Interval::BelowOne, problems)?),
            Self::Initialization => {
                Setting::Initialization(node.choice(Initialization::ALL, Initialization::name, problems)?)
            }
            Self::Convolution => Setting::Convolution(node.choice(Convolution::ALL, Convolution::name, problems)?),
            Self::Precision => Setting::Precision(node.choice(Precision::ALL, Precision::name, problems)?),
            Self::DiceSmooth => Setting::DiceSmooth(node.real(Interval::Positive, problems)?),
            Self::FocalGamma => Setting::FocalGamma(node.real(Interval::NonNegative, problems)?),
        })
    }
}

/// A key with a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Setting {
    Architecture(Architecture),
    Loss(LossName),
    LearningRate(f64),
    Optimizer(Optimizer),
    Width(u32),
    Epochs(u32),
    BatchSize(u32),
    WeightDecay(f64),
    Momentum(f64),
    Initialization(Initialization),
    Convolution(Convolution),
    Precision(Precision),
    DiceSmooth(f64),
    FocalGamma(f64),
}

impl Setting {
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Architecture(_) => Key::Architecture,
            Self::Loss(_) => Key::Loss,
            Self::LearningRate(_) => Key::LearningRate,
            Self::Optimizer(_) => Key::Optimizer,
            Self::Width(_) => Key::Width,
            Self::Epochs(_) => Key::Epochs,
            Self::BatchSize(_) => Key::BatchSize,
            Self::WeightDecay(_) => Key::WeightDecay,
            Self::Momentum(_) => Key::Momentum,
            Self::Initialization(_) => Key::Initialization,
            Self::Convolution(_) => Key::Convolution,
            Self::Precision(_) => Key::Precision,
            Self::DiceSmooth(_) => Key::DiceSmooth,
            Self::FocalGamma(_) => Key::FocalGamma,
        }
    }

    /// The value, as tables show it.
    pub(super) fn value(&self) -> AxisValue {
        let name = |name: &str| AxisValue::Name(name.to_owned());
        match *self {
            Self::Architecture(value) => name(value.name()),
            Self::Loss(value) => name(value.name()),
            Self::Optimizer(value) => name(value.name()),
            Self::Initialization(value) => name(value.name()),
            Self::Convolution(value) => name(value.name()),
            Self::Precision(value) => name(value.name()),
            Self::Width(value) | Self::Epochs(value) | Self::BatchSize(value) => AxisValue::Integer(value.into()),
            Self::LearningRate(value)
            | Self::WeightDecay(value)
            | Self::Momentum(value)
            | Self::DiceSmooth(value)
            | Self::FocalGamma(value) => AxisValue::Real(value),
        }
    }

    /// Puts the value into a specification. A parameter of another loss than the specification's changes nothing.
    pub(super) fn apply(&self, spec: &mut JobSpec) {
        match *self {
            Self::Architecture(value) => spec.architecture = value,
            Self::Loss(value) => spec.loss = value.into(),
            Self::LearningRate(value) => spec.learning_rate = value,
            Self::Optimizer(value) => spec.training.optimizer = value,
            Self::Width(value) => spec.model.width = value,
            Self::Epochs(value) => spec.training.epochs = value,
            Self::BatchSize(value) => spec.training.batch_size = value,
            Self::WeightDecay(value) => spec.training.weight_decay = value,
            Self::Momentum(value) if spec.training.optimizer == Optimizer::Sgd => spec.training.momentum = value,
            Self::Momentum(_) => {}
            Self::Initialization(value) => spec.training.initialization = value,
            Self::Convolution(value) => spec.training.convolution = value,
            Self::Precision(value) => spec.training.precision = value,
            Self::DiceSmooth(value) => {
                if let Loss::Dice { smooth } = &mut spec.loss {
                    *smooth = value;
                }
            }
            Self::FocalGamma(value) => {
                if let Loss::Focal { gamma } = &mut spec.loss {
                    *gamma = value;
                }
            }
        }
    }
}
