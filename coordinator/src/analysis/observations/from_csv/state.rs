//! What the word in a state column says of a run.

use super::error::shown;

/// How a run stands. Where several lines are of one run, the greatest counts: a run that failed and was run again is what it became.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// Stopped early, because it was not promising: what it has is not its score.
    Pruned,
    /// Ended without a result, whatever its last score is.
    Failed,
    /// Not at its end yet, or called off.
    Running,
    /// At its end.
    Finished,
}

/// The words of W&B, Optuna, MLflow, Ray, Slurm and of this program's own table of jobs, in lower case.
const WORDS: &[(State, &[&str])] = &[
    (State::Finished, &["finished", "complete", "completed", "terminated", "succeeded", "success"]),
    (State::Failed, &["failed", "fail", "crashed", "killed", "error", "timeout", "out_of_memory", "node_fail"]),
    (
        State::Running,
        &["running", "pending", "queued", "waiting", "scheduled", "paused", "preempted", "cancelled", "canceled"],
    ),
    (State::Pruned, &["pruned", "dropped"]),
];

impl State {
    /// The state that a word means.
    ///
    /// # Errors
    /// If it is not a known word.
    pub(super) fn of(word: &str) -> Result<Self, String> {
        let lower = word.to_lowercase();
        let known = WORDS.iter().find(|(_, words)| words.contains(&&*lower));
        known.map(|(state, _)| *state).ok_or_else(|| {
            let all: Vec<&str> = WORDS.iter().flat_map(|(_, words)| *words).copied().collect();
            let remedy = "write one of these, or give --state none if the column is not about how runs ended";
            format!("{} is not a known state; known are {}: {remedy}", shown(word), all.join(", "))
        })
    }
}
