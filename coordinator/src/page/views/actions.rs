//! What can be done to a sweep: a button where there is something to do.

use crate::page::actions::Action;
use crate::page::keys::Forms;
use crate::text::plural;
use maud::{Markup, html};
use proto::status::{SweepState, SweepStatus};

/// The buttons; forms bear what `forms` says.
pub(super) fn view(sweep: &SweepStatus, forms: &Forms) -> Markup {
    let is_at_work = matches!(sweep.state, SweepState::WaitingForData | SweepState::Running);
    let (unfinished, again) = (sweep.queued + sweep.running, sweep.failed + sweep.cancelled);
    let form = |action: Action, words: &str| {
        let path = action.path(&sweep.sweep);
        html! {
            form method="post" action=(path) {
                input type="hidden" name="form" value=(forms.token(&path));
                button { (words) }
            }
        }
    };
    html! {
        @if is_at_work || again > 0 {
            section id="actions" aria-label="What can be done" {
                @if is_at_work {
                    details id="cancel" {
                        summary { "Cancel the unfinished jobs" }
                        p { (plural(unfinished, "job")) ", of which " (sweep.running) " running. Results stay; the jobs can be tried again later." }
                        (form(Action::Cancel, "Yes, cancel them"))
                    }
                }
                @if again > 0 { (form(Action::Retry, "Try failed and cancelled jobs again")) }
            }
        }
    }
}
