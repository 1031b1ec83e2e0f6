//! A job file: the shared sections of a sweep file, and one value of each axis.
//!
//! ```yaml
//! dataset: {name: ph2, format: ph2}     # these sections are as in a sweep file
//! training: {epochs: 40}
//! losses: {focal: {gamma: 2}}
//! architecture: unet                    # required, as are the loss and the split seed
//! loss: focal
//! learning_rate: 1.0e-3
//! split_seed: 7
//! init_seed: 7                          # the split seed if not given
//! order_seed: 7
//! ```

use super::load::{LoadError, load};
use super::mistakes::{FileKind, Mistakes};
use super::reader::{self, Node};
use super::section::Section;
use super::sections::{SharedSections, check_choices, settings};
use super::setting::{Key, Setting};
use super::split::SplitSection;
use crate::data::{Dataset, Inventory};
use crate::sizes::Misfit;
use crate::spec::{Architecture, JobSpec, Objective, Seeds};
use std::path::Path;

/// One job, and what surrounds it.
#[derive(Debug, Clone, PartialEq)]
pub struct JobFile {
    /// The data set.
    pub dataset: Dataset,
    /// By what the job is judged.
    pub objective: Objective,
    /// The job; the content of its data set is 0.
    pub job: JobSpec,
    /// Its split, whose sizes may depend on the data set.
    pub split: SplitSection,
}

impl JobFile {
    /// Reads a job file. `file` is its name in messages.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place and what would be right.
    pub fn read(file: &str, text: &str) -> Result<Self, Mistakes> {
        reader::read(file, FileKind::Job, text, parse)
    }

    /// Reads the job file at `path`.
    ///
    /// # Errors
    /// If the file cannot be read, or everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let text = load(path, FileKind::Job)?;
        Ok(Self::read(&path.display().to_string(), &text)?)
    }

    /// The job on a data set.
    ///
    /// # Errors
    /// If the data set has too few cases.
    pub fn on(&self, data: &Inventory) -> Result<JobSpec, Misfit> {
        let mut job = self.job.clone();
        job.data.content = data.content;
        job.split = self.split.on(data, job.seeds.split_seed)?;
        Ok(job)
    }
}

/// The keys of the seeds.
const SEEDS: [&str; 3] = ["split_seed", "init_seed", "order_seed"];

fn parse(root: &Node<'_>) -> Option<JobFile> {
    let main = Key::MAIN.map(Key::name);
    let keys: Vec<_> = SharedSections::KEYS.into_iter().chain(main).chain(SEEDS).collect();
    let root = Section::read(root, &keys)?;
    let shared = SharedSections::read(&root);
    let [architecture, loss, learning_rate] = Key::MAIN;
    let main = [
        root.required(architecture.name(), |node| architecture.read(node)),
        root.required(loss.name(), |node| loss.read(node)),
        root.optional(learning_rate.name(), learning_rate.default_setting(), |node| learning_rate.read(node).map(Some))
            .flatten(),
    ];
    let [split_seed, init_seed, order_seed] = SEEDS;
    let seed = |node: &Node<'_>| node.whole(0..=u64::MAX);
    let split_seed = root.required(split_seed, seed);
    let other = |key| root.get(key).map_or(split_seed, seed);
    let (init_seed, order_seed) = (other(init_seed), other(order_seed));

    let fixed = settings(&root);
    shared.check_early_stopping(&root, fixed.iter().map(|(_, setting)| setting));
    let mut job = shared.job();
    if let Some(job) = &mut job {
        Setting::apply_all(main.iter().flatten().chain(fixed.iter().map(|(_, setting)| setting)).cloned(), job);
        check_choices(&root, job);
    }
    check_effects(&fixed, &main);
    if let (Some(dataset), Some(Setting { value, .. })) = (&shared.dataset, &main[0]) {
        dataset.check_size(Architecture::from_name(&value.to_string()).into_iter());
    }
    let [Some(_), Some(_), Some(_)] = main else { return None };
    let seeds = Seeds { split_seed: split_seed?, init_seed: init_seed?, order_seed: order_seed? };
    Some(JobFile {
        dataset: shared.dataset?.dataset,
        objective: shared.objective?,
        job: JobSpec { seeds, ..job? },
        split: shared.split?,
    })
}

/// Checks that the settings have an effect. Parameters of a loss may stand ready for a loss that the job does not have.
fn check_effects(fixed: &[(Node<'_>, Setting)], main: &[Option<Setting>; 3]) {
    let given = || fixed.iter().map(|(_, setting)| setting).chain(main.iter().flatten());
    for (node, setting) in fixed.iter().filter(|(_, setting)| !setting.key.is_of_a_loss()) {
        if let Some(need) = setting.key.needs().filter(|need| !given().any(|setting| need.is_met_by(setting))) {
            node.reject_key(need.mistake());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::JobFile;
    use crate::spec::{Augmentation, Preset, Term};

    const JOB: &str = "\
dataset: {name: blobs, format: synthetic, image_size: 32, cases: 6, seed: 1}
split: {train: 3, validation: 1, test: 2}
model: {width: 2}
losses: {dice: {smooth: 1.0}, focal: {gamma: 3}}
architecture: unet2
loss: dice
split_seed: 7
order_seed: 9
";

    #[test]
    fn a_job_file_is_one_job() {
        let JobFile { dataset, job, .. } = JobFile::read("job.yaml", JOB).unwrap();
        assert_eq!((dataset.name.as_str(), job.data.image_size, job.model.width), ("blobs", 32, 2));
        assert_eq!((job.loss, job.learning_rate), (Term::Dice { smooth: 1.0 }.into(), 1e-3));
        assert_eq!((job.seeds.split_seed, job.seeds.init_seed, job.seeds.order_seed), (7, 7, 9));
    }

    #[test]
    fn a_preset_may_stand_for_its_section() {
        let of = |section: &str| {
            let text = JOB.replace("model: {width: 2}", section);
            JobFile::read("job.yaml", &text).unwrap().job.augmentation
        };
        let strong = Augmentation::from(Preset::Strong);
        assert_eq!([of("augmentation: strong"), of("augmentation: {preset: strong}")], [strong; 2]);
        let custom = Augmentation { rotation: 30.0, flips: true, ..Preset::Custom.into() };
        assert_eq!(of("augmentation: {rotation: 30, preset: custom, flips: true}"), custom);
    }

    #[test]
    fn every_mistake_of_a_job_file_has_its_place() {
        let wrong = JOB
            .replace("width: 2", "widht: 2")
            .replace("architecture: unet2", "architecture: unet3")
            .replace("split_seed: 7", "split_seed: -7");
        let mistakes = JobFile::read("job.yaml", &wrong).unwrap_err();
        let places: Vec<_> = mistakes.list.iter().map(|placed| (placed.line, placed.key.as_str())).collect();
        assert_eq!(places, [(3, "model.widht"), (5, "architecture"), (7, "split_seed")], "{mistakes}");
        let text = mistakes.to_string();
        assert!(
            text.starts_with("job.yaml: 3 errors in the job file\n") && text.contains("did you mean `width`?"),
            "{text}"
        );
    }

    #[test]
    fn the_rules_of_a_sweep_file_hold_for_a_job_file() {
        let rules = [
            ("split: {train: 3,", "split: {train: 4,", "the split takes 7 cases, the data set has 6"),
            ("image_size: 32", "image_size: 40", "40 is not a multiple of 16"),
            ("model: {width: 2}", "training: {momentum: 0.9}", "applies only where `training.optimizer` is `sgd`"),
            ("test: 2}", "test: 0}\nobjective: {subset: test}", "the objective needs cases in this subset"),
            (
                "validation: 1, test: 2}",
                "validation: 0, test: 2}\nobjective: {subset: test}\ntraining: {patience: 3}",
                "needs cases in this subset: early stopping",
            ),
            ("model: {width: 2}", "augmentation: {rotation: 9}", "applies only where `augmentation` is `custom`"),
            ("model: {width: 2}", "augmentation: {preset: strnog}", "did you mean `strong`?"),
            ("loss: dice\n", "", "missing key `loss`"),
            ("split_seed: 7\n", "", "missing key `split_seed`"),
            ("loss: dice\n", "loss: dice\nsweep: s\n", "unknown key"),
        ];
        for (right, wrong, expected) in rules {
            let mistakes = JobFile::read("job.yaml", &JOB.replacen(right, wrong, 1)).unwrap_err();
            assert_eq!(mistakes.list.len(), 1, "{mistakes}");
            assert!(mistakes.to_string().contains(expected), "{expected}: {mistakes}");
        }
    }
}
