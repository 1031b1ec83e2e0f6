//! What the worker found for each data set it was asked for, and when it looks again for those that it could not read.

use super::state::{Action, State};
use proto::data::{Dataset, Inventory};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The first wait before another look at a data set that cannot be read; doubled up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const MAX_WAIT: Duration = Duration::from_secs(300);

/// The inventory, or why there is none.
pub type Found = Result<Inventory, String>;

/// Every data set that was looked for.
#[derive(Default)]
pub(super) struct Finds(BTreeMap<Dataset, Find>);

struct Find {
    found: Found,
    /// When to look again, while nobody does.
    again: Option<Instant>,
    /// How long to wait the next time that it cannot be read. Never shortened: what reads well and fails in training must not spin.
    wait: Duration,
}

impl Finds {
    /// What is known of a data set.
    pub(super) fn get(&self, dataset: &Dataset) -> Option<&Found> {
        self.0.get(dataset).map(|find| &find.found)
    }

    /// Keeps what was found; whether it is news.
    pub(super) fn keep(&mut self, dataset: &Dataset, found: Found, now: Instant) -> bool {
        let old = self.0.remove(dataset);
        let wait = old.as_ref().map_or(FIRST_WAIT, |old| old.wait);
        let is_news = old.is_none_or(|old| old.found != found);
        let (again, wait) = match found {
            Ok(_) => (None, wait),
            Err(_) => (Some(now + wait), (2 * wait).min(MAX_WAIT)),
        };
        self.0.insert(dataset.clone(), Find { found, again, wait });
        is_news
    }

    /// The data sets to look for again; each is named once.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Dataset> {
        let due = self.0.iter_mut().filter(|(_, find)| find.again.is_some_and(|again| again <= now));
        due.map(|(dataset, find)| {
            find.again = None;
            dataset.clone()
        })
        .collect()
    }

    /// When the next is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.0.values().filter_map(|find| find.again).min()
    }
}

impl State {
    /// Somebody has looked for a data set.
    pub fn on_inspected(&mut self, now: Instant, dataset: Dataset, found: Found) {
        self.inspecting.remove(&dataset);
        self.offer(now, dataset, found);
        // free slots do not wait at the coordinator while somebody looks
        self.next_synchronize = now;
    }

    /// Looks for a data set; what is known is offered again at once.
    pub(super) fn look_for(&mut self, dataset: Dataset) {
        if self.finds.get(&dataset).is_none() {
            self.inspect(dataset);
        } else if !self.unsent_offers.contains(&dataset) {
            self.unsent_offers.push(dataset);
        }
    }

    /// Looks at the data sets that could not be read: somebody may have mended them.
    pub(super) fn look_again(&mut self, now: Instant) {
        if self.draining.is_none() {
            for dataset in self.finds.take_due(now) {
                self.inspect(dataset);
            }
        }
    }

    fn inspect(&mut self, dataset: Dataset) {
        if self.inspecting.insert(dataset.clone()) {
            self.actions.push(Action::Inspect(Box::new(dataset)));
        }
    }

    /// Tells the coordinator what was found, if it is news.
    pub(super) fn offer(&mut self, now: Instant, dataset: Dataset, found: Found) {
        let problem = found.as_ref().err().cloned();
        let is_mended = problem.is_none() && self.finds.get(&dataset).is_some_and(Result::is_err);
        if !self.finds.keep(&dataset, found, now) {
            return;
        }
        match problem {
            Some(problem) => tracing::warn!(dataset = dataset.name, "{problem}"),
            None if is_mended => tracing::info!(dataset = dataset.name, "the data set can be read now"),
            None => {}
        }
        self.unsent_offers.push(dataset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::data::Format;

    #[test]
    fn what_cannot_be_read_is_looked_at_again_less_and_less_often() {
        let dataset = Dataset::new("d", Format::Folder);
        let (mut finds, mut now) = (Finds::default(), Instant::now());
        let problem = || Err("no folder".to_owned());
        assert!(finds.keep(&dataset, problem(), now));
        let mut waits = Vec::new();
        for _ in 0..10 {
            assert!(finds.take_due(now).is_empty());
            let due = finds.next_due().expect("it is looked at again");
            waits.push((due - now).as_secs());
            now = due;
            assert_eq!(finds.take_due(now), std::slice::from_ref(&dataset));
            assert!(finds.take_due(now).is_empty() && finds.next_due().is_none(), "somebody looks");
            assert!(!finds.keep(&dataset, problem(), now), "the same problem is no news");
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        let inventory = Inventory::new(proto::ids::ContentHash::of(b"d"), Vec::new());
        assert!(finds.keep(&dataset, Ok(inventory), now) && finds.next_due().is_none(), "it is mended");
    }
}
