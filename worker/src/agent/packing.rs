//! Which device a job is started on, by the memory that jobs of its shape took before. Pure.
//!
//! ```text
//!  place:   shape, who runs where --> start it there, wait for room there, or never
//!  took:    a job has succeeded: its shape needs that much
//!  ran_out: a job has run out of memory, beside others: they were too much together, or nobody knows what they need, and each is to run
//!           alone until its need is known; alone: its shape is too large for the device
//! ```
//!
//! What a shape needs is not known before it has run, so the first jobs of a shape are started as if they needed nothing. Each lesson makes
//! the worker more careful, so it learns only so often, and every job ends. Devices of one model learn from each other.

use super::device::Device;
use proto::spec::{Architecture, JobSpec, Precision};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What the memory that a job takes depends on most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    architecture: Architecture,
    width: u32,
    image_size: u32,
    batch_size: u32,
    precision: Precision,
}

impl From<&JobSpec> for Shape {
    fn from(spec: &JobSpec) -> Self {
        Self {
            architecture: spec.architecture,
            width: spec.model.width,
            image_size: spec.data.image_size,
            batch_size: spec.training.batch_size,
            precision: spec.training.precision,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { architecture, width, image_size, batch_size, precision } = self;
        write!(f, "{architecture} of width {width}, batches of {batch_size} images of {image_size} pixels, {precision}")
    }
}

/// What is to become of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is started on that device, which has an idle slot.
    Start(usize),
    /// It waits for that device, on which nothing else is started meanwhile.
    Wait(usize),
    /// It fits nowhere.
    Nowhere,
}

/// What follows from a job that ran out of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lesson {
    /// It ran beside others: next time there is more room for it.
    Crowded,
    /// It ran alone: no job of its shape is started on that device again.
    TooLarge,
}

/// What is known of a shape on devices of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Mib(u64),
    /// Not known, and too much beside others.
    Alone,
    /// More than there is.
    TooLarge,
}

/// A running job.
#[derive(Debug, Clone, Copy)]
struct Running {
    /// `None` of a job that is not understood, which its trainer will refuse.
    shape: Option<Shape>,
    /// Whether another job ran on the device at some time.
    had_company: bool,
}

/// A device and what runs on it.
#[derive(Debug)]
struct Room {
    /// The first device of its model.
    model: usize,
    memory_mib: Option<u64>,
    /// Jobs that need so much together were too much.
    too_much_mib: Option<u64>,
    /// By slot.
    running: BTreeMap<usize, Running>,
}

/// What the worker knows of its devices and of shapes.
#[derive(Debug)]
pub(super) struct Packing {
    rooms: Vec<Room>,
    needs: BTreeMap<(usize, Shape), Need>,
}

impl Packing {
    pub(super) fn new(devices: &[Device]) -> Self {
        let alike = |one: &Device, other: &Device| (&one.model, one.memory_mib) == (&other.model, other.memory_mib);
        let room = |(index, device): (usize, &Device)| Room {
            model: devices.iter().position(|first| alike(first, device)).unwrap_or(index),
            memory_mib: device.memory_mib,
            too_much_mib: None,
            running: BTreeMap::new(),
        };
        Self { rooms: devices.iter().enumerate().map(room).collect(), needs: BTreeMap::new() }
    }

    /// Where a job is started: of the devices with an idle slot where it fits and for which no earlier job waits, the one that runs the
    /// fewest jobs, and of those the smallest, so that large jobs find room.
    pub(super) fn place(&self, shape: Option<Shape>, idle: &[usize], reserved: &BTreeSet<usize>) -> Place {
        let may_hold: Vec<_> = (0..self.rooms.len()).filter(|device| self.may_hold(*device, shape)).collect();
        let order = |device: &&usize| {
            let room = &self.rooms[**device];
            (room.running.len(), room.memory_mib, **device)
        };
        let has_room = |device: &&usize| {
            idle[**device] > 0 && !reserved.contains(*device) && self.has_room(&self.rooms[**device], shape)
        };
        match (may_hold.iter().filter(has_room).min_by_key(order), may_hold.iter().min_by_key(order)) {
            (Some(device), _) => Place::Start(*device),
            (None, Some(device)) => Place::Wait(*device),
            (None, None) => Place::Nowhere,
        }
    }

    /// A job starts.
    pub(super) fn start(&mut self, device: usize, slot: usize, shape: Option<Shape>) {
        let running = &mut self.rooms[device].running;
        let had_company = !running.is_empty();
        running.values_mut().for_each(|other| other.had_company = true);
        running.insert(slot, Running { shape, had_company });
    }

    /// A job has ended, however that was.
    pub(super) fn end(&mut self, device: usize, slot: usize) {
        self.rooms[device].running.remove(&slot);
    }

    /// A running job has succeeded, and took so much memory.
    pub(super) fn took(&mut self, device: usize, slot: usize, mib: u64) {
        let room = &self.rooms[device];
        let Some(shape) = room.running.get(&slot).and_then(|job| job.shape) else { return };
        let known = self.needs.entry((room.model, shape)).or_insert(Need::Mib(mib));
        *known = match *known {
            Need::Mib(before) => Need::Mib(before.max(mib)),
            Need::Alone | Need::TooLarge => Need::Mib(mib),
        };
    }

    /// A running job has run out of memory.
    pub(super) fn ran_out(&mut self, device: usize, slot: usize) -> Lesson {
        let room = &mut self.rooms[device];
        let Some(&Running { shape: Some(shape), had_company }) = room.running.get(&slot) else {
            return Lesson::TooLarge;
        };
        if !had_company {
            self.needs.insert((room.model, shape), Need::TooLarge);
            return Lesson::TooLarge;
        }
        let shapes = room.running.values().filter_map(|job| job.shape);
        let need = |shape| self.needs.get(&(room.model, shape)).copied();
        let unknown: Vec<_> = shapes.clone().filter(|shape| !matches!(need(*shape), Some(Need::Mib(_)))).collect();
        if unknown.is_empty() && room.running.len() > 1 {
            let together = room.running.values().map(|job| known_mib(&self.needs, room.model, job.shape)).sum();
            room.too_much_mib = Some(room.too_much_mib.map_or(together, |before| before.min(together)));
        }
        for shape in unknown {
            self.needs.insert((room.model, shape), Need::Alone);
        }
        Lesson::Crowded
    }

    /// Whether no device can hold such a job.
    pub(super) fn is_too_large(&self, shape: Option<Shape>) -> bool {
        !(0..self.rooms.len()).any(|device| self.may_hold(device, shape))
    }

    /// Whether a device can hold the job, once it is empty.
    fn may_hold(&self, device: usize, shape: Option<Shape>) -> bool {
        let model = self.rooms[device].model;
        // what is known to be needed was needed on a device of that model, so it is there
        shape.is_none_or(|shape| self.needs.get(&(model, shape)) != Some(&Need::TooLarge))
    }

    /// Whether it can do so now, beside what it runs.
    fn has_room(&self, room: &Room, shape: Option<Shape>) -> bool {
        if room.running.is_empty() {
            return true;
        }
        let mut shapes = room.running.values().map(|job| job.shape).chain([shape]);
        let is_alone = |shape: Option<Shape>| {
            shape.is_some_and(|shape| self.needs.get(&(room.model, shape)) == Some(&Need::Alone))
        };
        let together: u64 = shapes.clone().map(|shape| known_mib(&self.needs, room.model, shape)).sum();
        !shapes.any(is_alone)
            && room.memory_mib.is_none_or(|memory| together <= memory)
            && room.too_much_mib.is_none_or(|too_much| together < too_much)
    }
}

/// What a job of that shape needs, as far as that is known.
fn known_mib(needs: &BTreeMap<(usize, Shape), Need>, model: usize, shape: Option<Shape>) -> u64 {
    match shape.and_then(|shape| needs.get(&(model, shape))) {
        Some(Need::Mib(mib)) => *mib,
        Some(Need::Alone | Need::TooLarge) | None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packing(memories: &[u64]) -> Packing {
        let device = |memory: &u64| Device { name: String::new(), model: None, memory_mib: Some(*memory), bus: None };
        Packing::new(&memories.iter().map(device).collect::<Vec<_>>())
    }

    /// The shape of networks of that width.
    fn shape(width: u32) -> Option<Shape> {
        let mut spec = JobSpec::default();
        spec.model.width = width;
        Some(Shape::from(&spec))
    }

    const IDLE: [usize; 2] = [4, 4];

    impl Packing {
        /// Where a job is placed if no other waits.
        fn place_first(&self, width: u32) -> Place {
            self.place(shape(width), &IDLE, &BTreeSet::new())
        }

        /// A job of that shape has succeeded there, alone.
        fn learn(&mut self, device: usize, width: u32, mib: u64) {
            self.start(device, 99, shape(width));
            self.took(device, 99, mib);
            self.end(device, 99);
        }
    }

    #[test]
    fn jobs_are_shared_out_and_small_devices_come_first() {
        let mut packing = packing(&[200, 100]);
        for (slot, device) in [(0, 1), (1, 0), (2, 1), (3, 0)] {
            assert_eq!(packing.place_first(8), Place::Start(device));
            packing.start(device, slot, shape(8));
        }
        packing.end(0, 1);
        assert_eq!(packing.place_first(8), Place::Start(0));
        assert_eq!(packing.place(shape(8), &[0, 1], &BTreeSet::new()), Place::Start(1), "the other has no idle slot");
        assert_eq!(packing.place(shape(8), &IDLE, &[0].into()), Place::Start(1), "an earlier job waits for the other");
    }

    #[test]
    fn jobs_are_packed_by_what_their_shapes_took() {
        let mut packing = packing(&[100]);
        packing.learn(0, 8, 30);
        packing.learn(0, 8, 40);
        packing.learn(0, 8, 20);
        packing.learn(0, 16, 61);
        packing.start(0, 0, shape(8));
        assert_eq!(packing.place_first(8), Place::Start(0), "80 of 100 MiB");
        assert_eq!(packing.place_first(16), Place::Wait(0), "101 of 100 MiB");
        assert_eq!(packing.place_first(32), Place::Start(0), "nobody knows");
        packing.end(0, 0);
        assert_eq!(packing.place_first(16), Place::Start(0));
    }

    #[test]
    fn what_ran_out_beside_others_runs_alone_until_its_need_is_known() {
        let mut packing = packing(&[100]);
        packing.learn(0, 4, 10);
        for (slot, width) in [(0, 4), (1, 8), (2, 8)] {
            packing.start(0, slot, shape(width));
        }
        assert_eq!(packing.ran_out(0, 2), Lesson::Crowded);
        packing.end(0, 2);
        assert_eq!(packing.place_first(8), Place::Wait(0));
        assert_eq!(packing.place_first(4), Place::Wait(0), "one of unknown need still runs");
        packing.took(0, 1, 60);
        packing.end(0, 1);
        assert_eq!(packing.place_first(8), Place::Start(0), "70 of 100 MiB");
        packing.start(0, 1, shape(8));
        assert_eq!(packing.place_first(8), Place::Wait(0), "130 of 100 MiB");
    }

    #[test]
    fn what_was_too_much_together_is_not_tried_again() {
        let mut packing = packing(&[100]);
        packing.learn(0, 8, 40);
        packing.start(0, 0, shape(8));
        packing.start(0, 1, shape(8));
        assert_eq!(packing.ran_out(0, 1), Lesson::Crowded);
        packing.end(0, 1);
        assert_eq!(packing.place_first(8), Place::Wait(0), "80 of 100 MiB, which was too much");
        packing.learn(0, 4, 39);
        assert_eq!(packing.place_first(4), Place::Start(0), "79 may do");
    }

    #[test]
    fn what_is_too_large_alone_is_started_there_no_more() {
        let mut packing = packing(&[100, 300]);
        packing.start(0, 0, shape(8));
        assert_eq!(packing.ran_out(0, 0), Lesson::TooLarge);
        packing.end(0, 0);
        assert_eq!(packing.place_first(8), Place::Start(1));
        packing.learn(1, 8, 200);
        packing.start(1, 4, shape(8));
        assert_eq!(packing.place_first(8), Place::Wait(1), "it waits for the device that can hold it");
        packing.end(1, 4);
        packing.start(1, 4, shape(8));
        assert_eq!(packing.ran_out(1, 4), Lesson::TooLarge, "alone, whatever it took before");
        packing.end(1, 4);
        assert_eq!(packing.place_first(8), Place::Nowhere);
        assert_eq!(packing.place_first(16), Place::Start(0), "another shape");
    }

    #[test]
    fn one_that_had_company_was_not_alone_though_the_company_has_gone() {
        let mut packing = packing(&[100]);
        packing.start(0, 0, shape(8));
        packing.start(0, 1, shape(8));
        packing.end(0, 0);
        assert_eq!(packing.ran_out(0, 1), Lesson::Crowded);
    }

    #[test]
    fn devices_of_one_model_learn_from_each_other() {
        let mut packing = packing(&[100, 100]);
        packing.learn(0, 8, 90);
        packing.start(1, 4, shape(8));
        packing.start(0, 0, shape(4));
        assert_eq!(packing.place(shape(8), &[0, 4], &BTreeSet::new()), Place::Wait(0));
    }
}
