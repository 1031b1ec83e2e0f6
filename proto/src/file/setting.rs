//! A key with a value, and what it does to a job.

use super::keys::{Field, Key};
use crate::spec::JobSpec;

/// The value of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum KeyValue {
    /// A choice, such as an architecture.
    Name(&'static str),
    /// A whole number.
    Whole(u32),
    /// A real number.
    Real(f64),
}

impl std::fmt::Display for KeyValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Whole(number) => number.fmt(f),
            Self::Real(number) => number.fmt(f),
        }
    }
}

/// A key with a value.
#[derive(Debug, Clone, Copy, PartialEq)]
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
        match (self.key.field(), self.value) {
            (Field::Choice { set, .. }, KeyValue::Name(name)) => set(job, name),
            (Field::Whole { set, .. }, KeyValue::Whole(number)) => set(job, number),
            (Field::Real { set, .. }, KeyValue::Real(number)) => set(job, number),
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
