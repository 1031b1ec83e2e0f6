//! Who submits sweeps, changes them, and cancels one now and then.

use crate::network::{Content, Letter, OPERATOR};
use crate::world::{Event, World};

/// The sweep files. The second is the first with a grid that overlaps; the third shares jobs with both; the fourth drops candidates.
pub(crate) const SWEEPS: [&str; 4] = [
    "sweep: a\ndataset: {name: d, format: folder, image_size: 32}\nsplit: {train: 4, validation: 2, test: 2}\n\
     grid: {loss: [bce, dice]}\nreplicates: {split_seeds: 3}\ntraining: {epochs: 2}\nmodel: {width: 4}\n",
    "sweep: a\ndataset: {name: d, format: folder, image_size: 32}\nsplit: {train: 4, validation: 2, test: 2}\n\
     grid: {loss: [dice, focal]}\nreplicates: {split_seeds: 3}\ntraining: {epochs: 2}\nmodel: {width: 4}\n",
    "sweep: b\ndataset: {name: d, format: folder, image_size: 32}\nsplit: {train: 4, validation: 2, test: 2}\n\
     grid: {loss: [bce, focal]}\nreplicates: {split_seeds: 2}\ntraining: {epochs: 2}\nmodel: {width: 4}\n",
    "sweep: c\ndataset: {name: d, format: folder, image_size: 32}\nsplit: {train: 4, validation: 2, test: 2}\n\
     grid: {loss: [bce, dice, focal]}\nreplicates: {split_seeds: 4}\ntraining: {epochs: 1}\nmodel: {width: 4}\n\
     race: {alpha: 0.5, looks: [2, 4]}\n",
];

impl World {
    /// What the operator will do, decided at the beginning.
    pub(crate) fn plan_operations(&mut self) {
        let first = if self.chance.is(30) { 3 } else { 0 };
        self.submit(first, 1);
        for sweep in 1..SWEEPS.len() {
            if self.chance.is(30) {
                let delay = self.chance.within(100..=10_000);
                self.submit(sweep, delay);
            }
        }
        if self.chance.is(15) {
            let delay = self.chance.within(1_000..=15_000);
            let sweep = ["a", "b", "c"][self.chance.below(3)];
            self.told.count("sweeps cancelled");
            self.after(delay, Event::Arrival(letter(Content::Cancel(sweep.to_owned()))));
        }
    }

    fn submit(&mut self, sweep: usize, delay: u64) {
        self.after(delay, Event::Arrival(letter(Content::Submit(sweep))));
    }

    /// The operator tries again until the sweep is taken.
    pub(crate) fn on_submitted(&mut self, sweep: usize, is_done: bool) {
        if is_done {
            self.promises.note_submitted(sweep);
        } else {
            let delay = self.chance.within(200..=1_000);
            self.submit(sweep, delay);
        }
    }
}

fn letter(content: Content) -> Letter {
    Letter { host: OPERATOR, life: 0, call: 0, content }
}
