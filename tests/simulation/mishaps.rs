//! What goes wrong beside the network: for a while, as often as the seed says.

use crate::coordinator::Moment;
use crate::disk::Health;
use crate::world::{CALM_MS, Event, World};

/// What can happen to whom.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mishap {
    KillCoordinator,
    KillCoordinatorIn(Moment),
    PauseCoordinator,
    KillWorker,
    PauseWorker,
    TerminateWorker,
    CutThere,
    CutBack,
    CutBoth,
    FillDisk,
    MoveStore,
    Unconfirmed,
    SecondCoordinator,
    StealStore,
    Heal,
}

const ALL: [Mishap; 15] = [
    Mishap::KillCoordinator,
    Mishap::KillCoordinatorIn(Moment::BeforeWrite),
    Mishap::KillCoordinatorIn(Moment::AfterWrite),
    Mishap::PauseCoordinator,
    Mishap::KillWorker,
    Mishap::PauseWorker,
    Mishap::TerminateWorker,
    Mishap::CutThere,
    Mishap::CutBack,
    Mishap::CutBoth,
    Mishap::FillDisk,
    Mishap::MoveStore,
    Mishap::Unconfirmed,
    Mishap::SecondCoordinator,
    Mishap::StealStore,
];

impl World {
    /// What will go wrong, decided at the beginning.
    pub(crate) fn plan_mishaps(&mut self) {
        // a schedule has a few kinds, so that each has those that have no other
        let kinds = self.chance.within(1..=5);
        let kinds: Vec<_> = (0..kinds).map(|_| ALL[self.chance.below(ALL.len())]).collect();
        for _ in 0..self.chance.within(0..=16) {
            let (delay, kind) = (self.chance.within(1..=CALM_MS), kinds[self.chance.below(kinds.len())]);
            self.after(delay, Event::Mishap(kind));
        }
    }

    pub(crate) fn on_mishap(&mut self, mishap: Mishap) {
        if self.is_calm() && !matches!(mishap, Mishap::Heal) {
            return;
        }
        self.say(|| format!("{mishap:?}"));
        let host = self.chance.below(self.hosts.len());
        let time = self.chance.delay(4_000, 12_000);
        let until = self.now + time;
        match mishap {
            Mishap::KillCoordinator => {
                if let Some(life) = self.address {
                    self.told.count("coordinators killed");
                    self.end_coordinator(life, "killed");
                }
            }
            Mishap::KillCoordinatorIn(moment) => {
                if let Some(coordinator) = self.addressed() {
                    coordinator.dies = Some(moment);
                }
            }
            Mishap::PauseCoordinator => {
                if let Some(coordinator) = self.addressed() {
                    coordinator.paused_until = until;
                    self.told.count("coordinators paused");
                }
            }
            Mishap::KillWorker => {
                if self.hosts[host].worker.is_some() {
                    self.told.count("workers killed");
                    self.end_worker(host, "killed");
                }
            }
            Mishap::PauseWorker => {
                if let Some(worker) = &mut self.hosts[host].worker {
                    worker.paused_until = until;
                    self.told.count("workers paused");
                }
            }
            Mishap::TerminateWorker => self.happen(host, 0, crate::worker::Happening::Terminate),
            Mishap::CutThere => self.cut(host, until, 0),
            Mishap::CutBack => self.cut(host, 0, until),
            Mishap::CutBoth => self.cut(host, until, until),
            Mishap::FillDisk => self.ail(Health::Full, time),
            Mishap::MoveStore => self.ail(Health::Gone, time),
            Mishap::Unconfirmed => {
                let is_kept = self.chance.is(50);
                self.told.count("writes not confirmed");
                self.disk.borrow_mut().unconfirmed = Some(is_kept);
            }
            Mishap::SecondCoordinator => {
                if self.address.is_some() {
                    self.start_coordinator(false);
                }
            }
            Mishap::StealStore => {
                if self.address.is_some() {
                    self.told.count("stores stolen");
                    self.start_coordinator(true);
                }
            }
            Mishap::Heal => self.disk.borrow_mut().health = Health::Fine,
        }
    }

    fn cut(&mut self, host: usize, there: u64, back: u64) {
        self.told.count("links cut");
        let link = &mut self.hosts[host].link;
        link.there_cut_until = link.there_cut_until.max(there);
        link.back_cut_until = link.back_cut_until.max(back);
    }

    fn ail(&mut self, health: Health, time: u64) {
        self.told.count(if health == Health::Full { "disks full" } else { "stores moved" });
        self.disk.borrow_mut().health = health;
        self.after(time, Event::Mishap(Mishap::Heal));
    }

    fn addressed(&mut self) -> Option<&mut crate::coordinator::Coordinator> {
        self.address.and_then(|life| self.coordinators.get_mut(&life))
    }
}
