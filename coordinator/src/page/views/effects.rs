//! Which axes matter: the means by level, how much of the spread goes with each axis, and every candidate as a line through its values.

use super::Seen;
use crate::report::parts;
use maud::{Markup, html};

/// The view.
pub(super) fn view(seen: &Seen) -> Markup {
    let lineup = seen.lineup();
    html! {
        @match parts::levels(&lineup) {
            Some(figure) => { (parts::drawn(&figure)) (parts::effects(&lineup)) }
            None => {
                p class="notice" {
                    "Nothing can be said of single axes yet: that takes candidates that are a full grid of at least one axis, and two splits \
                     on which every one of them has ended."
                }
            }
        }
        // its colours say how each candidate compares
        @if let Some(figure) = parts::parallel(&lineup).filter(|_| seen.study.answer.is_some()) { (parts::drawn(&figure)) }
    }
}
