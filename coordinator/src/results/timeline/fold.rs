//! Facts, one after the other -> a timeline.

use super::{Bar, End, Lanes, MAX_BARS, MAX_LANES, STEPS, Timeline};
use crate::scheduler::Fact;
use proto::ids::{Attempt, JobId, WorkerId};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

/// Attempts in a row become one bar if they fit into such a part of the whole time, or into a larger one where there are too many bars.
const PARTS: u64 = 120;

/// The timeline as far as the facts have come.
#[derive(Debug)]
pub(super) struct Fold {
    timeline: Timeline,
    workers: BTreeMap<WorkerId, Worker>,
    /// Where the last attempts of all lanes are, by job: attempt, worker and lane.
    last: HashMap<JobId, Vec<(Attempt, WorkerId, usize)>>,
    lanes: usize,
}

#[derive(Debug, Default)]
struct Worker {
    name: String,
    /// One of its attempts that has a result.
    succeeded: Option<(JobId, Attempt)>,
    lanes: Vec<Lane>,
    busy_ms: Vec<u64>,
}

/// A lane has its last attempt apart: it runs, or may go on.
#[derive(Debug, Default)]
struct Lane {
    bars: Vec<Bar>,
    last: Option<Last>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    job: JobId,
    attempt: Attempt,
    began_ms: u64,
    ended: Option<(u64, End)>,
}

impl Fold {
    pub(super) fn new(until_ms: u64) -> Self {
        let timeline = Timeline { until_ms, ..Timeline::default() };
        Self { timeline, workers: BTreeMap::new(), last: HashMap::new(), lanes: 0 }
    }

    /// Takes the next fact, which was written then.
    pub(super) fn apply(&mut self, at: u64, fact: &Fact) {
        let (job, attempt, ended) = match *fact {
            Fact::Granted { job, attempt, worker, .. } => {
                self.begin(worker, Last { job, attempt, began_ms: at, ended: None });
                return;
            }
            // it went on all the time
            Fact::Revived { job, attempt } => (job, attempt, None),
            Fact::Succeeded { job, attempt, .. } => (job, attempt, Some((at, End::Succeeded))),
            Fact::Failed { job, attempt, .. } => (job, attempt, Some((at, End::Failed))),
            Fact::Released { job, attempt, .. }
            | Fact::Recalled { job, attempt }
            | Fact::Lost { job, attempt }
            | Fact::Stalled { job, attempt } => (job, attempt, Some((at, End::Unfinished))),
            _ => return,
        };
        // one that is not known began before the first fact
        for (known, worker, lane) in self.last.get(&job).into_iter().flatten() {
            let Some(worker) = self.workers.get_mut(worker) else { continue };
            let Some(last) = worker.lanes.get_mut(*lane).and_then(|lane| lane.last.as_mut()) else { continue };
            if *known == attempt {
                last.ended = ended;
                match fact {
                    Fact::Succeeded { .. } => worker.succeeded = Some((job, attempt)),
                    Fact::Failed { worker: name, .. } => worker.name = name.to_string(),
                    _ => {}
                }
            } else if last.ended.is_none() && matches!(fact, Fact::Succeeded { .. }) {
                // the result of an attempt that was lost takes the job from the one that runs
                last.ended = Some((at, End::Unfinished));
            }
        }
    }

    /// The attempt goes to the first lane of its worker that is free.
    fn begin(&mut self, id: WorkerId, next: Last) {
        if self.timeline.attempts == 0 {
            self.timeline.from_ms = next.began_ms;
        }
        self.timeline.attempts += 1;
        let worker = self.workers.entry(id).or_default();
        let is_free = |lane: &Lane| lane.last.is_none_or(|last| last.ended.is_some());
        let place = worker.lanes.iter().position(is_free).unwrap_or_else(|| {
            self.lanes += 1;
            worker.lanes.push(Lane::default());
            worker.lanes.len() - 1
        });
        if let Some(last) = worker.lanes[place].last.replace(next) {
            worker.keep(place, last, &self.timeline, self.lanes <= MAX_LANES);
            self.forget(last);
        }
        self.last.entry(next.job).or_default().push((next.attempt, id, place));
    }

    fn forget(&mut self, Last { job, attempt, .. }: Last) {
        if let Entry::Occupied(mut known) = self.last.entry(job) {
            known.get_mut().retain(|(known, ..)| *known != attempt);
            if known.get().is_empty() {
                known.remove();
            }
        }
    }

    /// The workers whose names no fact has told, each with an attempt whose result has it.
    pub(super) fn nameless(&self) -> Vec<(WorkerId, JobId, Attempt)> {
        let nameless = self.workers.iter().filter(|(_, worker)| worker.name.is_empty());
        nameless.filter_map(|(id, worker)| worker.succeeded.map(|(job, attempt)| (*id, job, attempt))).collect()
    }

    /// A worker has this name.
    pub(super) fn name(&mut self, worker: WorkerId, name: &str) {
        if let Some(worker) = self.workers.get_mut(&worker) {
            name.clone_into(&mut worker.name);
        }
    }

    /// The timeline, after the last fact.
    pub(super) fn end(mut self) -> Timeline {
        let last = self.workers.values().flat_map(|worker| &worker.lanes).filter_map(|lane| lane.last?.ended);
        self.timeline.until_ms = last.map(|(at, _)| at).fold(self.timeline.until_ms, u64::max);
        for worker in self.workers.values_mut() {
            for place in 0..worker.lanes.len() {
                if let Some(last) = worker.lanes[place].last {
                    worker.keep(place, last, &self.timeline, self.lanes <= MAX_LANES);
                }
            }
        }
        let is_crowded = self.lanes > MAX_LANES;
        let lanes = |worker: Worker| {
            let bars = worker.lanes.into_iter().map(|lane| if is_crowded { Vec::new() } else { lane.bars });
            Lanes { name: worker.name, bars: bars.collect(), busy_ms: worker.busy_ms }
        };
        let workers = self.workers.into_iter().map(|(worker, of)| (worker.alias(), lanes(of)));
        self.timeline.workers = workers.collect();
        thin_out(&mut self.timeline);
        self.timeline
    }
}

impl Worker {
    /// Keeps an attempt to which nothing happens any more: as a part of the time that the worker was busy, and as a bar if there are bars.
    fn keep(&mut self, lane: usize, last: Last, timeline: &Timeline, has_bars: bool) {
        let Last { job, attempt, began_ms, ended } = last;
        let (at, end) = ended.unwrap_or((timeline.until_ms, End::Running));
        let ended_ms = at.max(began_ms);
        self.busy(began_ms, ended_ms, timeline);
        if has_bars {
            let ends = End::ALL.map(|known| u64::from(known == end));
            let bar = Bar { began_ms, ended_ms, ends, only: Some((job, attempt)) };
            put(&mut self.lanes[lane].bars, bar, room(timeline));
        }
    }

    fn busy(&mut self, began_ms: u64, ended_ms: u64, timeline: &Timeline) {
        self.busy_ms.resize(STEPS, 0);
        let (step, from) = (timeline.step_ms(), timeline.from_ms);
        let index = |ms: u64| ((ms.saturating_sub(from) / step) as usize).min(STEPS - 1);
        for place in index(began_ms)..=index(ended_ms) {
            let begins = from + place as u64 * step;
            self.busy_ms[place] += ended_ms.min(begins + step).saturating_sub(began_ms.max(begins));
        }
    }
}

/// The time into which attempts must fit to be one bar.
fn room(timeline: &Timeline) -> u64 {
    timeline.until_ms.saturating_sub(timeline.from_ms) / PARTS
}

/// Puts a bar at the end of a lane, or into the bar there.
fn put(bars: &mut Vec<Bar>, bar: Bar, room_ms: u64) {
    if !bars.last_mut().is_some_and(|last| last.takes(&bar, room_ms)) {
        bars.push(bar);
    }
}

/// Joins bars until there are no more than [`MAX_BARS`].
fn thin_out(timeline: &mut Timeline) {
    let count = |timeline: &Timeline| timeline.workers.values().flat_map(|of| &of.bars).map(Vec::len).sum::<usize>();
    let mut room_ms = room(timeline).max(1);
    while count(timeline) > MAX_BARS {
        room_ms = room_ms.saturating_mul(2);
        for bars in timeline.workers.values_mut().flat_map(|of| &mut of.bars) {
            let mut joined = Vec::new();
            bars.drain(..).for_each(|bar| put(&mut joined, bar, room_ms));
            *bars = joined;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::of;
    use super::*;
    use proto::ids::Token;
    use proto::measure::FailureKind;
    use proto::text::{Line, Tail};

    const JOB: JobId = JobId(1);

    fn granted(worker: u128, job: u128, attempt: u32) -> Fact {
        Fact::Granted { job: JobId(job), attempt: Attempt(attempt), token: Token(1), worker: WorkerId(worker) }
    }

    fn succeeded(job: u128) -> Fact {
        Fact::Succeeded { job: JobId(job), attempt: Attempt(1), grade: None, split: None }
    }

    fn failed(job: JobId) -> Fact {
        let (message, worker, log) = (Line::message("m"), Line::name("w"), Tail::of(""));
        Fact::Failed { job, attempt: Attempt(1), kind: FailureKind::Error, message, worker, log }
    }

    fn bars(timeline: &Timeline) -> Vec<Vec<Bar>> {
        timeline.workers.values().flat_map(|worker| worker.bars.clone()).collect()
    }

    #[test]
    fn attempts_begin_and_end_and_may_go_on() {
        let (job, first, second) = (JOB, Attempt(1), Attempt(2));
        let facts = [
            // it began before the first fact that is looked at
            Fact::Lost { job, attempt: Attempt(9) },
            granted(7, 1, 1),
            Fact::Lost { job, attempt: first },
            Fact::Revived { job, attempt: first },
            Fact::Recalled { job, attempt: first },
            granted(7, 1, 2),
            Fact::Stalled { job, attempt: second },
            granted(7, 1, 3),
        ];
        let timeline = of(9000, (0..).map(|second| 1000 * second).zip(facts));
        let found: Vec<_> = bars(&timeline)
            .concat()
            .iter()
            .map(|bar| (bar.only.map(|(_, attempt)| attempt.0), bar.began_ms, bar.ended_ms, bar.ends))
            .collect();
        let unfinished = [0, 0, 1, 0];
        let runs = (Some(3), 7000, 9000, [0, 1, 0, 0]);
        assert_eq!(found, [(Some(1), 1000, 4000, unfinished), (Some(2), 5000, 6000, unfinished), runs]);
        assert_eq!((timeline.from_ms, timeline.until_ms, timeline.attempts), (1000, 9000, 3));
        assert_eq!(timeline.workers.keys().collect::<Vec<_>>(), [&WorkerId(7).alias()]);
        assert_eq!(timeline.workers.values().next().map(|of| of.busy_ms.iter().sum::<u64>()), Some(3000 + 1000 + 2000));
        assert_eq!(of(9000, []), Timeline { until_ms: 9000, ..Timeline::default() });
    }

    #[test]
    fn names_come_with_failures_and_with_results() {
        let facts =
            [(0, granted(1, 1, 1)), (1, failed(JOB)), (2, granted(2, 2, 1)), (3, succeeded(2)), (4, granted(3, 3, 1))];
        let mut fold = Fold::new(5);
        facts.iter().for_each(|(at, fact)| fold.apply(*at, fact));
        assert_eq!(
            fold.nameless(),
            [(WorkerId(2), JobId(2), Attempt(1))],
            "the first has told it, the third has no result"
        );
        fold.name(WorkerId(2), "gpu2");
        let timeline = fold.end();
        let name = |id: u128| timeline.workers[&WorkerId(id).alias()].name.as_str();
        assert_eq!([name(1), name(2), name(3)], ["w", "gpu2", ""]);
    }

    #[test]
    fn a_late_result_ends_the_attempt_that_runs() {
        let lost = Fact::Lost { job: JOB, attempt: Attempt(1) };
        let facts = [(0, granted(1, 1, 1)), (1, lost), (2, granted(2, 1, 2)), (3, granted(2, 2, 2)), (4, succeeded(1))];
        let mut ended: Vec<_> = bars(&of(9, facts)).concat().iter().map(|bar| (bar.ended_ms, bar.ends)).collect();
        ended.sort_unstable();
        assert_eq!(ended, [(4, [0, 0, 1, 0]), (4, [1, 0, 0, 0]), (9, [0, 1, 0, 0])], "the other job still runs");
    }

    #[test]
    fn attempts_that_overlap_lie_in_lanes() {
        let facts = [(0, granted(1, 1, 1)), (1, granted(1, 2, 1)), (2, succeeded(1)), (2, granted(1, 3, 1))];
        let lanes = bars(&of(4, facts));
        let job = |bar: &Bar| bar.only.map(|(job, _)| job.0);
        let jobs: Vec<Vec<_>> = lanes.iter().map(|lane| lane.iter().map(job).collect()).collect();
        assert_eq!(jobs, [vec![Some(1), Some(3)], vec![Some(2)]], "the third begins where the first ended");
    }

    #[test]
    fn of_a_hundred_thousand_short_attempts_few_bars_are_kept_and_none_is_forgotten() {
        // eight slots; a long attempt in each, then short ones, of which each tenth fails
        let facts = (0..100_000u64).flat_map(|index| {
            let job = JobId(index.into());
            let long = if index < 8 { 50_000 } else { 7 };
            let end = if index % 10 == 3 { failed(job) } else { succeeded(index.into()) };
            let begin = if index < 8 { index } else { 60_000 + index };
            [(begin, granted(1, index.into(), 1)), (begin + long, end)]
        });
        let mut facts: Vec<_> = facts.collect();
        facts.sort_by_key(|(at, _)| *at);
        let timeline = of(160_007, facts);
        let lanes = bars(&timeline);
        let all: Vec<_> = lanes.concat();
        assert!(lanes.len() <= 9 && all.len() <= MAX_BARS, "{} lanes, {} bars", lanes.len(), all.len());
        assert_eq!(all.iter().map(Bar::attempts).sum::<u64>(), 100_000);
        assert_eq!(all.iter().map(|bar| bar.ends[3]).sum::<u64>(), 10_000, "failures");
        assert_eq!(all.iter().filter(|bar| bar.ended_ms - bar.began_ms == 50_000 && bar.only.is_some()).count(), 8);
    }

    #[test]
    fn bars_are_joined_until_they_are_few() {
        // sixty slots with a hundred attempts each, none so short that it is joined at once
        let facts = (0..100u64).flat_map(|round| {
            let job = move |slot: u64| u128::from(100 * slot + round);
            let begin = (0..60).map(move |slot| (100 * round, granted(1, job(slot), 1)));
            begin.chain((0..60).map(move |slot| (100 * round + 90, succeeded(job(slot)))))
        });
        let timeline = of(10_000, facts);
        let count = bars(&timeline).concat().len();
        assert!((60..=MAX_BARS).contains(&count), "{count} bars");
        assert_eq!(bars(&timeline).concat().iter().map(Bar::attempts).sum::<u64>(), 6000);
    }

    #[test]
    fn of_many_lanes_it_is_known_how_busy_they_were() {
        let facts = (0..=MAX_LANES as u128).flat_map(|slot| [granted(slot % 5, slot, 1)]).map(|fact| (1000, fact));
        let timeline = of(11_000, facts);
        assert!(timeline.has_bands());
        assert!(bars(&timeline).concat().is_empty());
        let first = timeline.workers.values().next().map(|of| (of.bars.len() as u64, of.busy_ms.clone()));
        assert_eq!(first, Some((13, vec![13 * timeline.step_ms(); STEPS])));
    }
}
