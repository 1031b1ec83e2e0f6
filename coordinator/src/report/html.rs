//! Tables of a page. Knows cells, not what they mean.

use maud::{Markup, html};

/// A column: its head, and whether it holds numbers, which are aligned at the right.
pub(crate) type Head<'a> = (&'a str, bool);

/// A table with a caption. The first column names the rows.
pub(crate) fn table(caption: &str, heads: &[Head<'_>], rows: &[Vec<Markup>]) -> Markup {
    let class = |is_number: bool| is_number.then_some("number");
    html! {
        (sideways())
        div class="wide" tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr { @for (head, is_number) in heads { th scope="col" class=[class(*is_number)] { (head) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (index, (cell, (_, is_number))) in row.iter().zip(heads).enumerate() {
                                @if index == 0 { th scope="row" class=[class(*is_number)] { (cell) } }
                                @else { td class=[class(*is_number)] { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What small screens say above something that is wider than they are.
pub(crate) fn sideways() -> Markup {
    html! { p class="hint" aria-hidden="true" { "\u{2194} goes on sideways" } }
}

/// A cell of text.
pub(crate) fn cell(text: impl AsRef<str>) -> Markup {
    html! { (text.as_ref()) }
}
