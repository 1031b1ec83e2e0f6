//! A score and its interval as a line of characters, all of a list on one scale.

use crate::stats::Interval;
use crate::text::signed;

/// The scale of a list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    range: Interval,
    width: usize,
}

impl Scale {
    /// From the least end to the greatest, over so many characters; `None` if there is nothing to draw.
    pub(super) fn of<'a>(
        strips: impl Iterator<Item = (&'a Option<f64>, &'a Option<Interval>)>,
        width: usize,
    ) -> Option<Self> {
        let ends = strips.flat_map(|(score, interval)| {
            let Interval { low, high } = interval.unwrap_or(Interval { low: f64::NAN, high: f64::NAN });
            [score.unwrap_or(f64::NAN), low, high]
        });
        let ends: Vec<f64> = ends.filter(|end| end.is_finite()).collect();
        let [low, high] = [ends.iter().copied().reduce(f64::min)?, ends.iter().copied().reduce(f64::max)?];
        let range = if low < high { Interval { low, high } } else { Interval::around(low, 0.001) };
        (width > 0).then_some(Self { range, width })
    }

    /// The ends of the scale, as far apart as it is long.
    pub(super) fn title(&self) -> String {
        let [low, high] = [self.range.low, self.range.high].map(|end| signed(end, 3));
        let between = self.width.saturating_sub(low.chars().count() + high.chars().count());
        if between == 0 { String::new() } else { format!("{low}{}{high}", " ".repeat(between)) }
    }

    /// The place of a score.
    fn at(&self, score: f64) -> usize {
        let share = (score - self.range.low) / (self.range.high - self.range.low);
        ((share * (self.width - 1) as f64).round().max(0.0) as usize).min(self.width - 1)
    }

    /// The line.
    pub(super) fn line(&self, score: Option<f64>, interval: Option<Interval>) -> String {
        let mut line = vec![' '; self.width];
        if let Some(Interval { low, high }) = interval.filter(|ends| ends.low.is_finite() && ends.high.is_finite()) {
            let (low, high) = (self.at(low), self.at(high));
            line[low..=high].fill('\u{2500}');
            (line[low], line[high]) = ('\u{251c}', '\u{2524}');
        }
        if let Some(score) = score.filter(|score| score.is_finite()) {
            line[self.at(score)] = '\u{25cf}';
        }
        line.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;

    #[test]
    fn lines_of_a_list_are_on_one_scale() {
        let rows = [(Some(0.5), Some(Interval { low: 0.2, high: 0.76 })), (Some(1.0), None), (None, None)];
        let scale = Scale::of(rows.iter().map(|(score, interval)| (score, interval)), 11).unwrap();
        let lines = rows.map(|(score, interval)| scale.line(score, interval));
        assert_eq!(lines[0], "\u{251c}\u{2500}\u{2500}\u{2500}\u{25cf}\u{2500}\u{2500}\u{2524}   ");
        assert_eq!(lines[1], "          \u{25cf}");
        assert_eq!(lines[2], " ".repeat(11));
        assert_eq!(scale.title(), "0.200 1.000");
    }

    #[test]
    fn what_cannot_be_drawn_is_not() {
        assert_eq!(Scale::of([(&None, &None)].into_iter(), 10), None);
        assert_eq!(Scale::of([(&Some(f64::NAN), &None)].into_iter(), 10), None);
        assert_eq!(Scale::of([(&Some(0.5), &None)].into_iter(), 0), None);
        let one = Scale::of([(&Some(0.5), &None)].into_iter(), 3).unwrap();
        assert_eq!(one.line(Some(0.5), None), " \u{25cf} ");
    }
}
