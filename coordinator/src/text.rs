//! Text for people: the only place that formats numbers for them. Knows no table and no analysis.

use crate::stats::Interval;
use proto::spec::Seeds;
use proto::text::is_command;

/// A number of things: `1 split`, `12 splits`.
#[must_use]
pub fn plural(count: u64, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// Text without what would end the line, speak to a terminal or turn the order of letters around.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if is_command(c) { ' ' } else { c }).collect()
}

/// The seeds of replicates in a line, at most `most` replicates written out; one number each where split, initialisation and order
/// have the same seed.
#[must_use]
pub fn seeds(replicates: &[Seeds], most: usize) -> String {
    let alike = |seeds: &Seeds| seeds.init_seed == seeds.split_seed && seeds.order_seed == seeds.split_seed;
    let name = |seeds: &Seeds| {
        let Seeds { split_seed, init_seed, order_seed } = seeds;
        if alike(seeds) { split_seed.to_string() } else { format!("{split_seed}/{init_seed}/{order_seed}") }
    };
    let kind = if replicates.iter().all(alike) { "seeds" } else { "seeds (split/init/order)" };
    let listed: Vec<_> = replicates.iter().take(most).map(name).collect();
    let more = if replicates.len() > most { format!(", ... ({} in all)", replicates.len()) } else { String::new() };
    format!("{kind} {}{more}", listed.join(", "))
}

/// A measured number, of which four digits matter; `-` for one that is not finite.
#[must_use]
pub fn measured(number: f64) -> String {
    if !number.is_finite() {
        "-".to_owned()
    } else if number != 0.0 && !(1e-3..1e6).contains(&number.abs()) {
        format!("{number:.3e}")
    } else {
        format!("{number:.4}")
    }
}

/// A measured number with four decimals, whatever its size; never `-0`, and `-` for one that is not finite.
#[must_use]
pub fn fixed(number: f64) -> String {
    if number.is_finite() { decimals(number, 4) } else { "-".to_owned() }
}

/// A number with so many decimals; never `-0`.
#[must_use]
pub fn decimals(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().all(|c| matches!(c, '0' | '.')) => digits.to_owned(),
        _ => text,
    }
}

/// Numbers of a kind that stand in one text: so many decimals as tell the spread between them, and four for the usual scores.
/// `None` where the spread is too small for decimals.
#[must_use]
pub fn decimals_for(spread: f64) -> Option<usize> {
    match spread {
        spread if spread < 1e-5 && spread > 0.0 => None,
        spread if spread < 1e-3 && spread > 0.0 => Some(6),
        spread if spread < 1.0 => Some(4),
        spread if spread < 10.0 => Some(2),
        spread if spread < 100.0 => Some(1),
        _ => Some(0),
    }
}

/// A measured number in a sentence: what rounding leaves of equal scores is 0.
#[must_use]
pub fn number(number: f64) -> String {
    /// What is left of equal scores after rounding.
    const NOTHING: f64 = 1e-12;
    measured(if number.abs() < NOTHING { 0.0 } else { number })
}

/// An interval in a sentence: `0.6937 to 0.7269`.
#[must_use]
pub fn interval(interval: Interval) -> String {
    format!("{} to {}", number(interval.low), number(interval.high))
}

/// A number with `decimals` decimals and a real minus sign; never `-0`.
#[must_use]
pub fn signed(value: f64, decimals: usize) -> String {
    self::decimals(value, decimals).replacen('-', "\u{2212}", 1)
}

/// A number as [`signed`], or a dash where there is none.
#[must_use]
pub fn signed_or_dash(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "\u{2013}".to_owned(), |value| signed(value, decimals))
}

/// An interval in a cell: `0.694 … 0.727`.
#[must_use]
pub fn range(interval: Interval, decimals: usize) -> String {
    format!("{} \u{2026} {}", signed(interval.low, decimals), signed(interval.high, decimals))
}

/// An amount, shortened: `0.02`, `5`, `300`, `20k`, `1.5M`.
#[must_use]
pub fn amount(value: f64) -> String {
    // three digits are enough to tell neighbours on an axis apart
    let short = |value: f64| {
        let text = format!("{value:.*}", if value.abs() < 10.0 { 2 } else { 1 });
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match value.abs() {
        size if size >= 1e9 => format!("{}G", short(value / 1e9)),
        size if size >= 1e6 => format!("{}M", short(value / 1e6)),
        size if size >= 1e3 => format!("{}k", short(value / 1e3)),
        0.0 => "0".to_owned(),
        size if size >= 1.0 => short(value),
        size => {
            let text = format!("{value:.*}", (-size.log10()).ceil() as usize + 1);
            text.trim_end_matches('0').to_owned()
        }
    }
}

/// A metric as people write it.
#[must_use]
pub fn metric_name(name: &str) -> String {
    match name {
        "iou" => "IoU".to_owned(),
        "thresholded_iou" => "thresholded IoU".to_owned(),
        "dice" => "Dice".to_owned(),
        name => name.replace('_', " "),
    }
}

/// A p that is compared with another: a small one too says how small it is.
#[must_use]
pub fn exact_p(p: f64) -> String {
    if p < 0.001 { format!("{p:.1e}") } else { signed(p, 3) }
}

/// A number of floating-point operations with a unit: `1.5 TFLOP`.
#[must_use]
pub fn flop(number: f64) -> String {
    let units = [("EFLOP", 1e18), ("PFLOP", 1e15), ("TFLOP", 1e12), ("GFLOP", 1e9), ("MFLOP", 1e6)];
    let (unit, size) = units.into_iter().find(|(_, size)| number >= *size).unwrap_or(("FLOP", 1.0));
    format!("{:.1} {unit}", number / size)
}

/// A p, shortened where it is small.
#[must_use]
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { signed(p, 3) }
}

/// About how long something takes: `45 s`, `50 min`, `9 h`, `3.1 days`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    const MINUTE: f64 = 60.0;
    const HOUR: f64 = 60.0 * MINUTE;
    const DAY: f64 = 24.0 * HOUR;
    let (number, unit) = match seconds {
        short if short < 1.5 * MINUTE => (short, "s"),
        some if some < 1.5 * HOUR => (some / MINUTE, "min"),
        long if long < 2.0 * DAY => (long / HOUR, "h"),
        _ => (seconds / DAY, "days"),
    };
    if number < 9.95 { format!("{number:.1} {unit}") } else { format!("{number:.0} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!([signed(-0.0004, 3), signed(-0.02, 2)], ["0.000", "\u{2212}0.02"]);
        assert_eq!([0.02, 5.0, 1500.0, 21_978_177.0, 0.0].map(amount), ["0.02", "5", "1.5k", "22M", "0"]);
    }

    #[test]
    fn durations_have_the_unit_that_people_would_use() {
        let shown = [0.4, 45.0, 3000.0, 9.0 * 3600.0, 33.0 * 3600.0, 74.4 * 3600.0, 86400.0 * 40.0].map(duration);
        assert_eq!(shown, ["0.4 s", "45 s", "50 min", "9.0 h", "33 h", "3.1 days", "40 days"]);
    }
}
