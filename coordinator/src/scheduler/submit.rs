//! Decisions on a sweep file that is submitted: on which content of its data set it runs, if that is known.
//!
//! ```text
//!  a sweep of the same name has the data set   its content stays
//!  a worker has offered the data set           that content
//!  every job has a result under the content    that content: nobody need have the data
//!    that an earlier sweep had
//!  else                                        the first worker that offers the data set decides
//! ```

use super::{Decision, Fact, Listing, Rejection, State, Submitted, Sweep, Taken};
use crate::plan::Plan;
use proto::data::Inventory;
use proto::ids::{ContentHash, JobId};
use proto::spec::Trainer;

impl State {
    /// A sweep file was submitted by somebody who has not seen its data set; see [`submit_seen_decision`](Self::submit_seen_decision).
    ///
    /// # Errors
    /// If the content that is known cannot serve it.
    pub fn submit_decision(&self, plan: Plan, text: String) -> Result<Decision<Submitted>, Rejection> {
        self.submit_seen_decision(plan, text, None)
    }

    /// A sweep file was submitted. If a worker has offered its data set before, the content is pinned at once; and so it is if every job
    /// has a result already under a content that an earlier sweep of this data set had. `seen` is the content that the data set has
    /// where the file is submitted, if that is known: then no other is taken.
    ///
    /// # Errors
    /// If that content cannot serve it.
    pub fn submit_seen_decision(
        &self,
        plan: Plan,
        text: String,
        seen: Option<ContentHash>,
    ) -> Result<Decision<Submitted>, Rejection> {
        let mut reply = self.account(&plan);
        let kept = self.kept_inventory(&plan);
        let offered = if kept.is_some() { None } else { self.offered_inventory(&plan) };
        // a file that cannot run must not take the place of one that could
        if let Some(inventory) = kept.or(offered.map(|(inventory, _)| inventory))
            && let Some(problem) = misfit(&plan, inventory)
        {
            return Err(Rejection::Misfit { sweep: plan.sweep, problem });
        }
        let pinned = match offered {
            Some((inventory, by)) => Some(pin(&plan, inventory, by)),
            None if kept.is_some() => None,
            None => self.settled(&plan, seen).map(|(inventory, of)| {
                reply.taken = Some(Taken { content: inventory.content, of: of.to_owned() });
                (reply.succeeded, reply.unknown) = (reply.jobs, 0);
                pin(&plan, inventory, &format!("sweep {of}"))
            }),
        };
        let mut facts = vec![Fact::Submitted { plan: Box::new(plan), text }];
        facts.extend(pinned);
        Ok(Decision { facts, records: Vec::new(), reply })
    }

    /// Looks whether the sweep of that name still has that plan.
    ///
    /// # Errors
    /// If it has another, or is no more.
    pub fn check_unchanged(&self, plan: &Plan) -> Result<(), Rejection> {
        let is_same = *self.named(&plan.sweep)?.plan == *plan;
        if is_same { Ok(()) } else { Err(Rejection::Changed(plan.sweep.clone())) }
    }

    /// The content of the plan's data set under which every job of the plan has a result, and the newest sweep that had it.
    fn settled(&self, plan: &Plan, seen: Option<ContentHash>) -> Option<(&Inventory, &str)> {
        let is_real = plan.trainer() == Trainer::Candle;
        let is_same =
            |sweep: &&Sweep| is_real && sweep.plan.dataset == plan.dataset && sweep.trainer() == Trainer::Candle;
        let same = self.sweeps.values().rev().filter(is_same);
        let mut known = same.filter_map(|sweep| Some((sweep.inventory.as_deref()?, sweep.plan.sweep.as_str())));
        known.find(|(inventory, _)| {
            seen.is_none_or(|seen| seen == inventory.content) && self.has_results(plan, inventory)
        })
    }

    /// Whether every job of a plan has a result on that data set. The first and the last job tell most plans without listing all.
    fn has_results(&self, plan: &Plan, data: &Inventory) -> bool {
        let last = (plan.candidates.len().saturating_sub(1), plan.replicates.len().saturating_sub(1));
        let ends = [(0, 0), last].map(|(candidate, replicate)| plan.job(candidate, replicate, data).id());
        let are_done = |ids: &[JobId]| ids.iter().all(|id| self.has_succeeded(id));
        are_done(&ends) && are_done(&Listing::of(plan, data))
    }
}

/// Pins the content of a sweep's data set, unless it has too few cases.
pub(super) fn pin(plan: &Plan, inventory: &Inventory, by: &str) -> Fact {
    let sweep = plan.sweep.clone();
    match misfit(plan, inventory) {
        None => Fact::Pinned { sweep, inventory: inventory.clone(), by: by.to_owned() },
        Some(problem) => Fact::Rejected { sweep, problem },
    }
}

/// Why a data set cannot serve the sweep.
#[must_use]
pub fn misfit(plan: &Plan, data: &Inventory) -> Option<String> {
    let misfits = (0..plan.replicates.len()).filter_map(|replicate| plan.split(replicate, data).err());
    let misfit = misfits.into_iter().next()?;
    Some(format!("the split of data set `{}`: {misfit}", plan.dataset.name))
}
