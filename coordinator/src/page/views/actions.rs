//! What can be done to a sweep: a button where there is something to do.

use super::Seen;
use crate::analysis::comparison::Outlook;
use crate::analysis::versus_best;
use crate::outlook;
use crate::page::actions::Action;
use crate::page::keys::Forms;
use crate::plan::Splits;
use crate::text::{duration, plural};
use maud::{Markup, html};
use proto::status::{SweepState, SweepStatus};

/// So many more splits are suggested where the results suggest no number.
const FEW: u64 = 4;

/// The form that has something done to the sweep of that name.
fn form(forms: &Forms, action: Action, sweep: &str, fields: &Markup, words: &str) -> Markup {
    let path = action.path(sweep);
    html! {
        form method="post" action=(path) {
            input type="hidden" name="form" value=(forms.token(&path));
            (fields)
            button { (words) }
        }
    }
}

/// The buttons.
pub(super) fn view(seen: &Seen, sweep: &SweepStatus, forms: &Forms) -> Markup {
    let is_at_work = matches!(sweep.state, SweepState::WaitingForData | SweepState::Running);
    let can_grow = sweep.state != SweepState::Rejected;
    let (unfinished, again) = (sweep.queued + sweep.running, sweep.failed + sweep.cancelled);
    let button = |action, words| form(forms, action, &sweep.sweep, &html! {}, words);
    html! {
        @if again > 0 || can_grow {
            section id="actions" aria-label="What can be done" {
                @if is_at_work {
                    details id="cancel" {
                        summary { "Cancel the unfinished jobs" }
                        p { (plural(unfinished, "job")) ", of which " (sweep.running) " running. Results stay; the jobs can be tried again later." }
                        (button(Action::Cancel, "Yes, cancel them"))
                    }
                }
                @if again > 0 { (button(Action::Retry, "Try failed and cancelled jobs again")) }
                @if can_grow { (more_splits(seen, sweep, forms)) }
            }
        }
    }
}

/// Further splits, or why there are none.
fn more_splits(seen: &Seen, sweep: &SweepStatus, forms: &Forms) -> Markup {
    let has_to_try_again = sweep.failed + sweep.cancelled > 0;
    html! {
        details id="splits" {
            summary { "Add splits" }
            @match &seen.study.splits {
                Ok(splits) => {
                    @let in_all = splits.and(further(seen, splits.now));
                    p {
                        (outcome(seen, sweep, splits, in_all))
                        @if has_to_try_again { " Failed and cancelled jobs are tried again, too." }
                        " Write the greater number into the sweep file as well, before you submit that again."
                    }
                    (form(forms, Action::Splits, &sweep.sweep, &number(splits, in_all), "Add them"))
                }
                Err(why) => p { "That cannot be done here: " (why) "." }
            }
        }
    }
}

/// How many splits there shall be in all: a form that is sent twice adds them once.
fn number(splits: &Splits, in_all: u64) -> Markup {
    let Splits { next, most, step, .. } = splits;
    html! {
        label for="in-all" { "Splits in all" }
        input id="in-all" name="splits" type="number" min=(next) max=(most) step=(step) value=(in_all) required;
    }
}

/// What so many splits come to: `The sweep has 8 splits. With 12 it has 24 jobs more, 6 per split: about 2 min on 4 slots.`
fn outcome(seen: &Seen, sweep: &SweepStatus, splits: &Splits, in_all: u64) -> String {
    let jobs = (in_all - splits.now) * splits.jobs;
    let results = seen.study.results.jobs.iter().filter_map(|job| job.result.as_ref());
    let seconds: Vec<f64> = results.map(|scored| scored.result.train_seconds).collect();
    let time = (!seconds.is_empty()).then(|| {
        let slots = outlook::all_slots(&seen.status).max(1);
        let each = seconds.iter().sum::<f64>() / seconds.len() as f64;
        format!(": about {} on {}", duration((each * jobs as f64 / slots as f64).max(1.0)), plural(slots, "slot"))
    });
    let (now, more, each) = (plural(splits.now, "split"), plural(jobs, "job"), splits.jobs);
    // of candidates that were stopped no job will be needed
    let most = if sweep.dropped > 0 { "at most " } else { "" };
    format!(
        "The sweep has {now}. With {in_all} it has {most}{more} more, {each} per split{}.",
        time.unwrap_or_default()
    )
}

/// How many more splits are suggested: as many as would likely settle what is undecided, if that does no more than double the sweep.
fn further(seen: &Seen, now: u64) -> u64 {
    let analysis = &seen.study.analysed.analysis;
    let others = versus_best::best(analysis).map(|best| versus_best::candidates(analysis, best));
    let likely = others.iter().flatten().filter_map(|other| match other.settle {
        Some(Outlook::Likely { splits, .. }) => Some(u64::from(splits)),
        _ => None,
    });
    likely.filter(|more| *more <= now).max().unwrap_or(FEW)
}
