//! Analysis -> the answer in sentences: which candidate leads and who cannot be told apart from it, by how much it is better, for
//! which question; what more splits would settle; which jobs failed. Tables and the report show the same sentences.
//!
//! Every sentence says which question it answers. *This pool*: other random splits of these cases. *New cases*: new test cases for
//! networks that are trained on these. *New data*: new cases, and networks trained on new training sets.
//!
//! ```text
//!  lead         who leads, and which candidates may be the best
//!  pick         by what it was picked, and how far that flatters
//!  differences  against the other candidates, and against what needs no training
//!  future       what more splits would do, and what these can show
//!  failures     jobs without a trained model, and what they could change
//! ```

mod differences;
mod failures;
mod future;
mod lead;
mod names;
mod pick;

use super::comparison::{Analysis, Warning};
use super::versus_best::{self, best};
use crate::text::plural;
pub use future::settles;

/// Maximum number of warnings of one kind that are spelt out.
const MAX_ALIKE: usize = 3;

/// The answer. Each part is a list of sentences, and may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Which candidate leads, and better than which others and which baselines it is.
    pub best: Vec<String>,
    /// What is not decided, and what it would take.
    pub undecided: Vec<String>,
    /// Jobs that failed, diverged or collapsed, by candidate.
    pub failures: Vec<String>,
    /// What a reader must know before believing the numbers.
    pub caveats: Vec<String>,
}

impl Answer {
    /// All sentences, in order.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        [&self.best, &self.undecided, &self.failures, &self.caveats].into_iter().flatten().cloned().collect()
    }
}

/// Says what an analysis comes to.
#[must_use]
pub fn answer(analysis: &Analysis) -> Answer {
    let mut answer = Answer { failures: failures::failures(analysis), ..Answer::default() };
    let Some(leader) = best(analysis) else {
        answer.best.push(format!("No candidate has a score ({}) yet: nothing can be said.", analysis.metric));
        answer.caveats = caveats(analysis);
        return answer;
    };
    if lead::nothing_differs(analysis, leader) {
        answer.best.push(lead::all_the_same(analysis, leader));
        return answer;
    }
    // with a reference, it is the one that the others are compared with
    let one = analysis.options.against.unwrap_or(leader);
    let others = versus_best::candidates(analysis, one);
    answer.best.extend(lead::lead(analysis, leader, &others));
    if one == leader {
        answer.best.extend(pick::pick(analysis, leader, &others));
    }
    answer.best.extend(differences::differences(analysis, one, &others));
    answer.best.extend(differences::margin(analysis, one, &others));
    answer.best.extend(differences::baselines(analysis, one));
    answer.undecided.extend(future::undecided(analysis, one, &others));
    answer.undecided.extend(future::detectable(analysis));
    answer.failures.extend(failures::decisions(analysis, one, &others));
    answer.caveats.extend(failures::unseen(analysis, one, &others));
    answer.caveats.extend(caveats(analysis));
    answer
}

/// The warnings that `failures` does not say better.
fn caveats(analysis: &Analysis) -> Vec<String> {
    let sentence = |warning: &Warning| match warning {
        Warning::WithoutScore { .. } | Warning::Collapsed { .. } => None,
        // they begin with a name, which stays as it is
        Warning::Constant { .. }
        | Warning::Identical { .. }
        | Warning::Together { .. }
        | Warning::FarOutside { .. } => Some(warning.to_string()),
        _ => Some(names::capitalised(&warning.to_string())),
    };
    let ended = |text: String| if text.ends_with('?') { text } else { text + "." };
    let is_split = |warning: &&Warning| matches!(warning, Warning::SplitsDiffer { .. });
    let (splits, others): (Vec<_>, Vec<_>) = analysis.warnings.iter().partition(is_split);
    let more = splits.len().saturating_sub(MAX_ALIKE);
    let more = (more > 0).then(|| format!("Of {} it is the same.", plural(more as u64, "more replicate")));
    let splits = splits.into_iter().take(MAX_ALIKE).chain(others);
    splits.filter_map(sentence).map(ended).chain(more).collect()
}
