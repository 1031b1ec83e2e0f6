//! More splits for a sweep: its file -> how many it can have -> the file that has as many.
//!
//! ```text
//!  split_seeds: 8                   12 splits    split_seeds: 12
//!  split_seeds: {from: 5, to: 12}                split_seeds: {from: 5, to: 16}
//!  split_seeds: [7, 3]               4 splits    split_seeds: [7, 3, 8, 9]
//! ```
//!
//! The further seeds are the whole numbers after the greatest. The text stays as it is but for them, or has every default filled in where
//! they cannot be written into it: reading it again tells whether it means the plan that it should.

use super::replicates::{MAX_SEED, SeedList};
use super::stopping::StoppingSection;
use super::sweep_file::{MAX_JOBS, SweepFile, parse};
use super::{Plan, write};
use proto::file::{FileKind, Node, read};
use proto::spec::Scheme;

/// Maximum number of splits that are added at once, if one permutation does not have more.
const MAX_MORE: u64 = 100;

/// How many splits a sweep has, and how many it can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Splits {
    /// Number of its split seeds.
    pub now: u64,
    /// The least greater number that it can have.
    pub next: u64,
    /// The greatest.
    pub most: u64,
    /// By how much two numbers differ that it can have: splits that test the cases in turn are added together.
    pub step: u64,
    /// Jobs per split.
    pub jobs: u64,
}

/// A sweep with further splits.
#[derive(Debug, Clone, PartialEq)]
pub struct Extended {
    /// What its file said.
    pub from: Plan,
    /// Its file with these splits.
    pub text: String,
    /// What that says.
    pub plan: Plan,
    /// How many splits more than before.
    pub added: u64,
}

/// Why no split, or not that many, can be added to a sweep as it was submitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoMoreSplits {
    /// It adds splits by itself.
    #[error("the sweep adds splits by itself: raise `max_replicates` of `until` in its file, and submit that")]
    Until,
    /// Its splits are those of a list.
    #[error("its splits are those that a file lists: list more of them there, and submit the sweep's file again")]
    Listed,
    /// Every split has seeds of its own.
    #[error("every split has an initial or order seed of its own: add to these lists in its file too, and submit that")]
    Paired,
    /// There is no greater seed.
    #[error("its greatest split seed is the greatest that there is")]
    Seeds,
    /// There are as many jobs as there may be.
    #[error("a sweep has at most {MAX_JOBS} jobs")]
    Full,
    /// Its file says something else by now, or never was valid with further splits.
    #[error("its file cannot be extended as it was submitted: add to `split_seeds` there, and submit it again")]
    File,
    /// It cannot have that many.
    #[error("the number of splits must be {} to {}{}", .0.next, .0.most, .0.steps())]
    Number(Splits),
}

/// How many splits the sweep of that file can have.
///
/// # Errors
/// If it can have no more.
pub fn splits(text: &str) -> Result<Splits, NoMoreSplits> {
    with_file(text, |file| Splits::of(&file))
}

/// The sweep of that file with so many splits in all; `None` if it has as many already.
///
/// # Errors
/// If it cannot have that many.
pub fn with_splits(text: &str, splits: u64) -> Result<Option<Extended>, NoMoreSplits> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    with_file(text, |file| {
        let of_file = Splits::of(&file)?;
        if splits <= of_file.now {
            return Ok(None);
        }
        if !of_file.can_be(splits) {
            return Err(NoMoreSplits::Number(of_file));
        }
        let added = splits - of_file.now;
        let seeds = file.replicates.split();
        let in_place = file.replicates.node().and_then(|given| in_place(text, given, seeds, added));
        let at_the_end = format!("{}\nreplicates: {{split_seeds: {splits}}}\n", text.trim_end());
        let more = seeds.and(added);
        let file = file.with_split_seeds(more).ok_or(NoMoreSplits::File)?;
        let written = write::of_file(&file);
        let plan = file.plan();
        let means_it = |text: &String| parse("", text).is_ok_and(|read| read == plan);
        let from = parse("", text).map_err(|_| NoMoreSplits::File)?;
        let text = in_place.into_iter().chain([at_the_end]).find(means_it).unwrap_or(written);
        Ok(Some(Extended { from, text, plan, added }))
    })
}

fn with_file<T>(text: &str, ask: impl FnOnce(SweepFile<'_>) -> Result<T, NoMoreSplits>) -> Result<T, NoMoreSplits> {
    let answer = read("", FileKind::Sweep, text, |root| SweepFile::read(root).map(ask));
    answer.map_err(|_| NoMoreSplits::File)?
}

impl Splits {
    fn of(file: &SweepFile<'_>) -> Result<Self, NoMoreSplits> {
        let (split, seeds) = (&file.base.split, file.replicates.split());
        match &file.stopping {
            Some((StoppingSection::Until { .. }, _)) => return Err(NoMoreSplits::Until),
            _ if split.scheme == Scheme::File => return Err(NoMoreSplits::Listed),
            _ if !file.replicates.is_open() => return Err(NoMoreSplits::Paired),
            _ => {}
        }
        let (now, greatest, step) = (seeds.len(), seeds.greatest(), split.turns().unwrap_or(1));
        // to the end of a permutation
        let least = step - (greatest + 1) % step;
        if MAX_SEED - greatest < least {
            return Err(NoMoreSplits::Seeds);
        }
        let jobs = file.jobs() / now;
        let most = [MAX_MORE.max(least), (MAX_JOBS / jobs).saturating_sub(now), MAX_SEED - greatest].into_iter().min();
        let spare = most.unwrap_or(0).checked_sub(least).ok_or(NoMoreSplits::Full)?;
        Ok(Self { now, next: now + least, most: now + least + spare - spare % step, step, jobs })
    }

    /// The least number that it can have with so many more; the greatest if they are too many.
    #[must_use]
    pub fn and(&self, more: u64) -> u64 {
        let steps = (self.now + more).saturating_sub(self.next).div_ceil(self.step);
        (self.next + steps * self.step).min(self.most)
    }

    fn steps(&self) -> String {
        if self.step == 1 { String::new() } else { format!(", in steps of {}", self.step) }
    }

    fn can_be(&self, splits: u64) -> bool {
        (self.next..=self.most).contains(&splits) && (splits - self.next).is_multiple_of(self.step)
    }
}

/// The text with so many more seeds where it gives them: as a count, as a range or as a list.
fn in_place(text: &str, given: &Node<'_>, seeds: &SeedList, more: u64) -> Option<String> {
    let (place, words) = if given.is_mapping() {
        (given.entry("to")?.place(), (seeds.greatest() + more).to_string())
    } else if given.is_list() {
        let last = given.items()?.last()?.place();
        let lead = &text[text[..last.start].rfind('\n').map_or(0, |end| end + 1)..last.start];
        // in a list of lines what stands behind the last seed stays there
        let (between, end) = match lead.trim() {
            "-" => (format!("\n{lead}"), text[last.end..].find('\n').map_or(text.len(), |line| last.end + line)),
            _ => (", ".to_owned(), last.end),
        };
        (end..end, seeds.after(more).map(|seed| format!("{between}{seed}")).collect())
    } else {
        (given.place(), (seeds.len() + more).to_string())
    };
    Some([&text[..place.start], &words, &text[place.end..]].concat())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::super::parse;
    use super::{Extended, NoMoreSplits, Splits, splits, with_splits};

    const HEAD: &str = "# why\nsweep: s\ndataset: {name: ph2, format: ph2}\ngrid: {loss: [bce, dice]} # two\n";

    fn file(rest: &str) -> String {
        format!("{HEAD}{rest}")
    }

    /// The lines after the head of the file with so many splits.
    fn extended(rest: &str, splits: u64) -> String {
        let Extended { from, text, plan, added } = with_splits(&file(rest), splits).unwrap().unwrap();
        let old = parse("", &file(rest)).unwrap();
        assert_eq!(from, old, "{rest}");
        assert_eq!(parse("", &text).unwrap(), plan, "{text}");
        assert!(old.replicates.iter().all(|seeds| plan.replicates.contains(seeds)), "{text}");
        assert_eq!((plan.jobs() - old.jobs()) as u64, added * super::splits(&file(rest)).unwrap().jobs, "{text}");
        assert_eq!(with_splits(&text, splits), Ok(None), "once is enough");
        text.strip_prefix(HEAD).unwrap_or("another text").to_owned()
    }

    #[test]
    fn the_text_says_more_splits_and_is_otherwise_as_it_was() {
        for (rest, splits, expected) in [
            ("replicates: {split_seeds: 8} # few\n", 12, "replicates: {split_seeds: 12} # few\n"),
            ("replicates:\n  split_seeds: {from: 5, to: 12}\n", 9, "replicates:\n  split_seeds: {from: 5, to: 13}\n"),
            ("replicates: {split_seeds: [7, 3]}\n", 4, "replicates: {split_seeds: [7, 3, 8, 9]}\n"),
            (
                "replicates:\n  split_seeds:\n    - 7 # a\n    - 3 # b\n  init_seeds: 5\n",
                3,
                "replicates:\n  split_seeds:\n    - 7 # a\n    - 3 # b\n    - 8\n  init_seeds: 5\n",
            ),
            (
                "replicates: {split_seeds: 2, init_seeds: 3, order_seeds: 2}\n",
                3,
                "replicates: {split_seeds: 3, init_seeds: 3, order_seeds: 2}\n",
            ),
            ("", 5, "replicates: {split_seeds: 5}\n"),
            ("model: {width: 16}", 2, "model: {width: 16}\nreplicates: {split_seeds: 2}\n"),
            (
                "split: {scheme: kfold, folds: 5, repeats: 2}\n",
                15,
                "split: {scheme: kfold, folds: 5, repeats: 2}\nreplicates: {split_seeds: 15}\n",
            ),
            ("race: {}\nreplicates: {split_seeds: 6}\n", 9, "race: {}\nreplicates: {split_seeds: 9}\n"),
        ] {
            assert_eq!(extended(rest, splits), expected, "{rest}");
        }
        let marked = with_splits(&format!("\u{feff}{}", file("replicates: {split_seeds: 1}")), 2).unwrap().unwrap();
        assert_eq!(marked.text, file("replicates: {split_seeds: 2}"));
    }

    #[test]
    fn where_the_seeds_cannot_be_written_into_the_text_every_default_is_filled_in() {
        assert_eq!(extended("replicates: {init_seeds: 7}\n", 3), "another text");
        let one_line = "{sweep: s, dataset: {name: ph2, format: ph2}, split: {scheme: kfold, folds: 5}, race: {}}";
        let Extended { text, plan, .. } = with_splits(one_line, 10).unwrap().unwrap();
        assert_eq!(parse("", &text).unwrap(), plan, "{text}");
        assert_eq!((plan.replicates.len(), plan.stopping.unwrap().looks), (10, vec![5, 10]));
    }

    #[test]
    fn turns_of_a_permutation_are_added_together() {
        let rotation = "split: {scheme: rotation, train: 100, validation: 50, test: 50}\n";
        let of = |replicates: &str| splits(&file(&format!("{rotation}{replicates}"))).unwrap();
        assert_eq!(of("replicates: {split_seeds: 8}"), Splits { now: 8, next: 12, most: 108, step: 4, jobs: 2 });
        let torn = of("replicates: {split_seeds: 9}");
        assert_eq!((torn.next, torn.step, torn.most), (12, 4, 108));
        assert_eq!([0, 3, 4, 7, 8, 500].map(|more| torn.and(more)), [12, 12, 16, 16, 20, 108]);
        let refused = with_splits(&file(&format!("{rotation}replicates: {{split_seeds: 8}}")), 10).unwrap_err();
        assert_eq!(refused.to_string(), "the number of splits must be 12 to 108, in steps of 4");
        let many = splits(&file("split: {scheme: kfold, folds: 300}\n")).unwrap();
        assert_eq!((many.now, many.next, many.most), (300, 600, 600));
    }

    #[test]
    fn some_sweeps_have_the_splits_that_they_have() {
        for (rest, reason) in [
            ("until: {half_width: 0.01, max_replicates: 6}\n", NoMoreSplits::Until),
            ("replicates: {split_seeds: 2, init_seeds: [4, 5]}\n", NoMoreSplits::Paired),
            ("replicates: {split_seeds: 2, order_seeds: {from: 4, to: 5}}\n", NoMoreSplits::Paired),
            (
                "split: {scheme: file, file: '{\"4\":{\"train\":[\"a\"],\"validation\":[\"b\"],\"test\":[\"c\"]}}'}\n",
                NoMoreSplits::Listed,
            ),
            ("replicates: {split_seeds: [9007199254740991]}\n", NoMoreSplits::Seeds),
            ("nonsense: 1\n", NoMoreSplits::File),
        ] {
            assert_eq!(splits(&file(rest)), Err(reason.clone()), "{rest}");
            assert_eq!(with_splits(&file(rest), 700), Err(reason), "{rest}");
        }
        let most = splits(&file("replicates: {split_seeds: 499990}\n")).map(|splits| splits.most);
        assert_eq!(most, Ok(500_000), "a million jobs");
    }
}
