//! Keys of the table, their values, and what these do to a job.

use super::keys::{self, Entry, Field, TABLE};
use super::loss;
use super::mistake::Mistake;
use super::reader::Node;
use crate::spec::{JobSpec, Loss, LossName};

/// A key of the table. Keys are ordered as they are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(usize);

impl Key {
    /// The network.
    pub const ARCHITECTURE: Self = Self(0);

    /// The loss.
    pub const LOSS: Self = Self(1);

    /// Always axes, and the first columns of every table: the network, the loss and the learning rate.
    pub const MAIN: [Self; 3] = [Self::ARCHITECTURE, Self::LOSS, Self(2)];

    /// Every key.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        (0..TABLE.len()).map(Self)
    }

    fn entry(self) -> &'static Entry {
        TABLE[self.0]
    }

    /// The name of its axis: the path of the key, but for the main axes and the preset of augmentation.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The key of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|key| key.name() == name)
    }

    /// Where it stands in a file, but for the main axes: the names of its sections and its own, with dots between them.
    #[must_use]
    pub fn path(self) -> &'static str {
        keys::path(self.name())
    }

    /// Its section and its key there; none for the main axes.
    #[must_use]
    pub fn section(self) -> Option<(&'static str, &'static str)> {
        self.path().rsplit_once('.')
    }

    /// Whether it is a parameter of a loss.
    #[must_use]
    pub fn is_of_a_loss(self) -> bool {
        self.name().starts_with("losses.")
    }

    /// What this key needs to have an effect; nothing if it always has.
    #[must_use]
    pub fn needs(self) -> Option<Need> {
        if let Field::Parameter { of, .. } = self.entry().field {
            return Some(Need { key: Self::LOSS, kind: NeedKind::Term(of) });
        }
        let (key, values) = self.entry().needs?;
        Some(Need { key: Self::from_name(key)?, kind: NeedKind::OneOf(values) })
    }

    /// Whether another key may need a value of this one.
    #[must_use]
    pub fn decides(self) -> bool {
        self == Self::LOSS || TABLE.iter().any(|entry| entry.needs.is_some_and(|(key, _)| key == self.name()))
    }

    /// Its value in a job; `None` if it has no effect there.
    #[must_use]
    pub fn get(self, job: &JobSpec) -> Option<KeyValue> {
        if !self.applies(job) {
            return None;
        }
        match &self.entry().field {
            Field::Choice { get, .. } => Some(KeyValue::Name(get(job))),
            Field::Truth { get, .. } => Some(KeyValue::Truth(get(job))),
            Field::Whole { get, .. } => Some(KeyValue::Whole(get(job))),
            Field::Real { get, .. } => Some(KeyValue::Real(get(job))),
            Field::Loss => Some(KeyValue::Loss(job.loss.clone())),
            Field::Parameter { of, .. } => job.loss.term(*of)?.parameter(self.parameter()).map(KeyValue::Real),
        }
    }

    /// The name of a parameter: the end of its path.
    fn parameter(self) -> &'static str {
        self.section().map_or(self.name(), |(_, name)| name)
    }

    /// Its value in a job of the reference protocol in which it has an effect.
    #[must_use]
    pub fn default_setting(self) -> Option<Setting> {
        let mut job = JobSpec::default();
        if let Some(setting) = self.needs().and_then(|need| need.setting()) {
            setting.apply(&mut job);
        }
        Some(Setting { key: self, value: self.get(&job)? })
    }

    /// Whether it has an effect on a job.
    pub(super) fn applies(self, job: &JobSpec) -> bool {
        self.needs().is_none_or(|need| need.key.get(job).is_some_and(|value| need.is_met_by_value(&value)))
    }

    /// Reads a value of this key.
    #[must_use]
    pub fn read(self, node: &Node<'_>) -> Option<Setting> {
        let value = match &self.entry().field {
            Field::Choice { names, .. } => KeyValue::Name(node.choice(names)?),
            Field::Truth { .. } => KeyValue::Truth(node.truth()?),
            Field::Whole { range, .. } => {
                KeyValue::Whole(node.whole(u64::from(*range.start())..=u64::from(*range.end()))?)
            }
            Field::Real { interval, .. } | Field::Parameter { interval, .. } => KeyValue::Real(node.real(*interval)?),
            Field::Loss => KeyValue::Loss(loss::read(node)?),
        };
        Some(Setting { key: self, value })
    }
}

/// What another key must be for a key to have an effect.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    /// The other key.
    pub key: Key,
    kind: NeedKind,
}

#[derive(Debug, Clone, Copy)]
enum NeedKind {
    /// One of these names.
    OneOf(&'static [&'static str]),
    /// A loss with this term.
    Term(LossName),
}

impl Need {
    /// Whether this setting is what is needed.
    #[must_use]
    pub fn is_met_by(&self, setting: &Setting) -> bool {
        setting.key == self.key && self.is_met_by_value(&setting.value)
    }

    fn is_met_by_value(&self, value: &KeyValue) -> bool {
        match (self.kind, value) {
            (NeedKind::OneOf(names), KeyValue::Name(name)) => names.contains(name),
            (NeedKind::Term(term), KeyValue::Loss(loss)) => loss.term(term).is_some(),
            _ => false,
        }
    }

    /// A setting that is what is needed.
    fn setting(&self) -> Option<Setting> {
        let value = match self.kind {
            NeedKind::OneOf(names) => KeyValue::Name(names.first()?),
            NeedKind::Term(term) => KeyValue::Loss(Loss::sum([(term, 1.0)])),
        };
        Some(Setting { key: self.key, value })
    }

    /// The mistake of a key without effect, because it needs this.
    #[must_use]
    pub fn mistake(&self) -> Mistake {
        let value = match self.kind {
            NeedKind::OneOf(names) => format!("is `{}`", names.join("` or `")),
            NeedKind::Term(term) => format!("has `{term}`"),
        };
        Mistake::Inapplicable { key: self.key.name(), value }
    }
}

/// The value of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum KeyValue {
    /// A choice, such as an architecture.
    Name(&'static str),
    /// `true` or `false`.
    Truth(bool),
    /// A whole number.
    Whole(u32),
    /// A real number.
    Real(f64),
    /// A loss, without its parameters: they are keys of their own.
    Loss(Loss),
}

impl std::fmt::Display for KeyValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Truth(truth) => truth.fmt(f),
            Self::Whole(number) => number.fmt(f),
            Self::Real(number) => number.fmt(f),
            Self::Loss(loss) => loss.fmt(f),
        }
    }
}

/// A key with a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The key.
    pub key: Key,
    /// Its value.
    pub value: KeyValue,
}

impl Setting {
    /// Puts the value into a job. A key without effect on the job, such as a parameter of another loss, changes nothing.
    pub fn apply(&self, job: &mut JobSpec) {
        if !self.key.applies(job) {
            return;
        }
        match (&self.key.entry().field, &self.value) {
            (Field::Choice { set, .. }, KeyValue::Name(name)) => set(job, name),
            (Field::Truth { set, .. }, KeyValue::Truth(truth)) => set(job, *truth),
            (Field::Whole { set, .. }, KeyValue::Whole(number)) => set(job, *number),
            (Field::Real { set, .. }, KeyValue::Real(number)) => set(job, *number),
            (Field::Loss, KeyValue::Loss(loss)) => job.loss = loss.clone(),
            (Field::Parameter { of, .. }, KeyValue::Real(number)) => {
                let term = job.loss.term_mut(*of);
                if let Some(value) = term.and_then(|term| term.parameter_mut(self.key.parameter())) {
                    *value = *number;
                }
            }
            // a key reads no value of another type
            _ => {}
        }
    }

    /// Puts settings into a job, those first that others need.
    pub fn apply_all(settings: impl Iterator<Item = Self>, job: &mut JobSpec) {
        let mut settings: Vec<_> = settings.collect();
        settings.sort_by_key(|setting| setting.key);
        for setting in settings {
            setting.apply(job);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Field, Key, KeyValue, Setting, TABLE};
    use crate::spec::{JobSpec, Loss, LossName, Optimizer};

    #[test]
    fn what_others_need_is_set_first() {
        for key in Key::all() {
            let need = key.needs();
            assert!(need.is_none_or(|need| need.key < key), "{}", key.name());
            assert!(key.entry().needs.is_none() || need.is_some(), "{} needs a key that does not exist", key.name());
        }
        assert_eq!(Key::MAIN.map(Key::name), ["architecture", "loss", "learning_rate"]);
    }

    #[test]
    fn a_job_keeps_every_value_that_is_set() {
        for (key, entry) in Key::all().zip(TABLE.iter()) {
            let mut job = JobSpec::default();
            if key.get(&job).is_none() {
                key.needs().and_then(|need| need.setting()).expect("what it needs").apply(&mut job);
            }
            let default = key.default_setting().expect("a value");
            assert_eq!(key.get(&job).as_ref(), Some(&default.value), "{}", entry.name);
            let other = match default.value {
                KeyValue::Name(_) => KeyValue::Name(match &entry.field {
                    Field::Choice { names, .. } => names.last().copied().unwrap_or_default(),
                    _ => unreachable!("a name for a number"),
                }),
                KeyValue::Truth(truth) => KeyValue::Truth(!truth),
                KeyValue::Whole(number) => KeyValue::Whole(number + 1),
                KeyValue::Real(number) => KeyValue::Real(number / 2.0 + 0.25),
                KeyValue::Loss(_) => KeyValue::Loss(Loss::sum([(LossName::Dice, 1.0), (LossName::Bce, 2.0)])),
            };
            let other = Setting { key, value: other };
            other.apply(&mut job);
            assert_eq!(key.get(&job), Some(other.value), "{}", entry.name);
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
