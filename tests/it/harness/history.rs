//! What a store says has happened: the journal of facts, read once.

use super::Lab;
use coordinator::scheduler::Fact;
use coordinator::store::Reader;
use proto::ids::{Attempt, JobId};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

/// A row of a table, by column.
pub(crate) type Row = BTreeMap<String, String>;

/// The facts of a store, in order.
pub(crate) struct History {
    pub(crate) facts: Vec<Fact>,
}

impl History {
    pub(crate) fn of(store: &Path) -> Self {
        let mut facts = Vec::new();
        let collect = |_, fact| {
            facts.push(fact);
            ControlFlow::Continue(())
        };
        Reader::open(store).unwrap().facts(collect).unwrap();
        Self { facts }
    }

    /// The attempts that were granted, in order.
    pub(crate) fn granted(&self) -> Vec<(JobId, Attempt)> {
        self.pick(|fact| match fact {
            Fact::Granted { job, attempt, .. } => Some((*job, *attempt)),
            _ => None,
        })
    }

    /// The attempts that ended with a result.
    pub(crate) fn succeeded(&self) -> Vec<(JobId, Attempt)> {
        self.pick(|fact| match fact {
            Fact::Succeeded { job, attempt, .. } => Some((*job, *attempt)),
            _ => None,
        })
    }

    /// The attempts that their workers gave back.
    pub(crate) fn released(&self) -> Vec<(JobId, Attempt)> {
        self.pick(|fact| match fact {
            Fact::Released { job, attempt, .. } => Some((*job, *attempt)),
            _ => None,
        })
    }

    /// The attempts whose workers were silent for too long.
    pub(crate) fn lost(&self) -> Vec<(JobId, Attempt)> {
        self.pick(|fact| match fact {
            Fact::Lost { job, attempt } => Some((*job, *attempt)),
            _ => None,
        })
    }

    /// The attempts that failed, and the reasons.
    pub(crate) fn failed(&self) -> Vec<(JobId, Attempt, String)> {
        self.pick(|fact| match fact {
            Fact::Failed { job, attempt, kind, message, .. } => Some((*job, *attempt, format!("{kind:?}: {message}"))),
            _ => None,
        })
    }

    /// Checks what must hold whatever happened: attempts of a job are granted one after the other, each once, and a job has one result,
    /// of its last attempt or of one whose lease ran out.
    pub(crate) fn check(&self) {
        let mut last: BTreeMap<JobId, Attempt> = BTreeMap::new();
        let mut ended = BTreeSet::new();
        let lost: BTreeSet<_> = self.lost().into_iter().collect();
        for fact in &self.facts {
            match fact {
                Fact::Granted { job, attempt, .. } => {
                    assert!(!ended.contains(job), "{job} is granted again after its result");
                    assert_eq!(*attempt, last.get(job).copied().unwrap_or(Attempt(0)).next(), "{job}");
                    last.insert(*job, *attempt);
                }
                Fact::Succeeded { job, attempt, .. } => {
                    let may_end = last.get(job) == Some(attempt) || lost.contains(&(*job, *attempt));
                    assert!(may_end, "{job}: a result of an attempt that is not the last");
                    assert!(ended.insert(*job), "{job} has two results");
                }
                _ => {}
            }
        }
    }

    fn pick<T>(&self, choose: impl Fn(&Fact) -> Option<T>) -> Vec<T> {
        self.facts.iter().filter_map(choose).collect()
    }
}

/// Checks that every acknowledged result is in the store, under its attempt.
pub(crate) fn check_acknowledged(lab: &Lab, acknowledged: &[(JobId, Attempt)]) {
    let reader = Reader::open(&lab.store()).unwrap();
    for (job, attempt) in acknowledged {
        let stored = reader.result(*job).unwrap();
        let stored = stored.unwrap_or_else(|| panic!("the result of {job} was acknowledged and is not there"));
        assert_eq!(stored.attempt, *attempt, "{job}");
    }
}
