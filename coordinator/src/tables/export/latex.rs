//! A table in LaTeX, for the package `booktabs`. Its title, notes and answer stand above it in comments, escaped, to be pasted
//! into `\caption`. Rows that stand out have their `mean ± sd` in bold.
//!
//! Numbers are set in mathematics, for the sake of their signs and exponents; words are escaped, whatever they hold.

use crate::tables::table::{Frame, Piece, Table};
use crate::text::one_line;
use std::collections::BTreeSet;
use std::io::{self, Write};

pub(super) fn write(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    let view = table.view();
    comments(table, out)?;
    let in_float = table.frame.caption.is_some() || table.frame.label.is_some();
    if in_float {
        begin_float(&table.frame, out)?;
    }
    let alignment: String = view.titles.iter().map(|(_, right)| if *right { 'r' } else { 'l' }).collect();
    writeln!(out, "\\begin{{tabular}}{{{alignment}}}\n\\toprule")?;
    line(out, view.titles.iter().map(|(title, _)| escaped(title)))?;
    writeln!(out, "\\midrule")?;
    for row in &view.rows {
        line(out, row.iter().map(|(piece, is_strong)| cell(piece, *is_strong)))?;
    }
    writeln!(out, "\\bottomrule\n\\end{{tabular}}")?;
    if in_float { writeln!(out, "\\end{{table}}") } else { Ok(()) }
}

/// The float that has the caption, which is LaTeX already, and the label.
fn begin_float(frame: &Frame, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\\begin{{table}}\n\\centering")?;
    if let Some(caption) = &frame.caption {
        writeln!(out, "\\caption{{{}}}", one_line(caption))?;
    }
    match &frame.label {
        Some(label) => writeln!(out, "\\label{{{}}}", one_line(label)),
        None => Ok(()),
    }
}

/// Every sentence on a line of its own; a line break inside of one would end the comment.
fn comments(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "% \\usepackage{{booktabs}}")?;
    for sentence in std::iter::once(&table.title).chain(&table.notes).chain(&table.answer) {
        writeln!(out, "% {}", escaped(sentence))?;
    }
    if !table.strong.is_empty() {
        let columns: BTreeSet<usize> = table.strong.iter().map(|(_, column)| *column).collect();
        let by = if columns.len() > 1 { " by each metric" } else { "" };
        writeln!(out, "% Bold: the leading candidate{by}, and those that are not told apart from it.")?;
    }
    Ok(())
}

fn line(out: &mut dyn Write, cells: impl Iterator<Item = String>) -> io::Result<()> {
    let cells: Vec<_> = cells.collect();
    writeln!(out, "{} \\\\", cells.join(" & "))
}

fn cell(piece: &Piece, is_strong: bool) -> String {
    match piece {
        Piece::Nothing => "--".to_owned(),
        Piece::Id(id) => id.short(),
        Piece::Text(text) => escaped(text),
        Piece::Number(number) => format!("${}$", mathematics(number)),
        Piece::Interval(low, high) => format!("$[{}, {}]$", mathematics(low), mathematics(high)),
        Piece::Spread(mean, sd) => {
            let mean = mathematics(mean);
            let sd = sd.as_ref().map(|sd| format!(" \\pm {}", mathematics(sd))).unwrap_or_default();
            if is_strong { format!("$\\mathbf{{{mean}{sd}}}$") } else { format!("${mean}{sd}$") }
        }
    }
}

/// A number, its exponent raised: `2.5e-5` is `2.5 \times 10^{-5}`.
fn mathematics(number: &str) -> String {
    match number.split_once('e') {
        Some(("1", exponent)) => format!("10^{{{exponent}}}"),
        Some((digits, exponent)) => format!("{digits} \\times 10^{{{exponent}}}"),
        None => number.to_owned(),
    }
}

/// Text that LaTeX sets as it is. Brackets and asterisks stand in braces: at the start of a row they would be taken for an
/// argument of the line break before it.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => escaped.extend(['\\', c]),
            '[' | ']' | '*' => escaped.extend(['{', c, '}']),
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("\\textless{}"),
            '>' => escaped.push_str("\\textgreater{}"),
            '|' => escaped.push_str("\\textbar{}"),
            '"' => escaped.push_str("\\symbol{34}"),
            '±' => escaped.push_str("$\\pm$"),
            '×' => escaped.push_str("$\\times$"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_latex_would_act_on_is_left() {
        assert_eq!(escaped("50%_&\\ {x}\n[a]*"), "50\\%\\_\\&\\textbackslash{} \\{x\\} {[}a{]}{*}");
        assert_eq!(
            escaped("$a^2 # <b>|~\"±"),
            "\\$a\\textasciicircum{}2 \\# \\textless{}b\\textgreater{}\\textbar{}\\textasciitilde{}\\symbol{34}$\\pm$"
        );
    }

    #[test]
    fn numbers_keep_their_signs_and_raise_their_exponents() {
        let number = |text: &str| cell(&Piece::Number(text.to_owned()), false);
        assert_eq!((number("-0.5"), number("1e-5")), ("$-0.5$".to_owned(), "$10^{-5}$".to_owned()));
        assert_eq!(number("2.500e-7"), "$2.500 \\times 10^{-7}$");
        let spread = Piece::Spread("0.5".to_owned(), None);
        assert_eq!((cell(&spread, true), cell(&spread, false)), ("$\\mathbf{0.5}$".to_owned(), "$0.5$".to_owned()));
    }
}
