//! A model of the store: keeps each transaction whole or not at all, and may refuse, not confirm, or be gone.

use coordinator::driver::Keeper;
use coordinator::scheduler::{Fact, Grade, Limits, Record, State, Timestamp};
use coordinator::store::StoreError;
use proto::ids::{Attempt, JobId, WorkerId};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, ErrorKind};
use std::rc::Rc;

/// What is on the disk, whoever writes it.
#[derive(Default)]
pub(crate) struct Disk {
    /// The journal, as JSON.
    facts: Vec<String>,
    /// What a coordinator with a flaw has acknowledged and not written.
    unwritten: Vec<(Vec<Fact>, Vec<Record>)>,
    /// The store's epoch: whoever takes the store raises it.
    epoch: u64,
    /// The life of the coordinator that has locked the store.
    pub(crate) locked_by: Option<u64>,
    pub(crate) health: Health,
    /// The next transaction is not confirmed. It was kept all the same, or not.
    pub(crate) unconfirmed: Option<bool>,
    /// The result of each job: its attempt, and the number that its training was given.
    pub(crate) results: BTreeMap<JobId, (Attempt, u64, u32)>,
    pub(crate) measured: BTreeSet<(JobId, Attempt, u32)>,
    /// To whom each attempt was granted.
    pub(crate) granted: BTreeMap<(JobId, Attempt), WorkerId>,
    /// The attempts that have ended by a message of their worker.
    pub(crate) ended: BTreeSet<(JobId, Attempt)>,
    /// The first promise that what was written breaks.
    pub(crate) broken: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Health {
    #[default]
    Fine,
    Full,
    Gone,
}

impl Disk {
    /// Writes what waits: a coordinator that nobody kills loses nothing.
    pub(crate) fn catch_up(&mut self) {
        for (facts, records) in std::mem::take(&mut self.unwritten) {
            self.keep(&facts, &records);
        }
    }

    fn keep(&mut self, facts: &[Fact], records: &[Record]) {
        for fact in facts.iter().filter(|fact| fact.is_durable()) {
            self.note(fact);
            self.facts.push(serde_json::to_string(fact).unwrap());
        }
        for record in records {
            match record {
                Record::Measurements { job, attempt, measurements } => {
                    self.measured.extend(measurements.iter().map(|measurement| (*job, *attempt, measurement.epoch)));
                }
                Record::Erased { .. } => {}
                Record::Result { job, attempt, result, .. } => {
                    let training = (*attempt, result.train_seconds as u64, result.epochs);
                    if self.results.insert(*job, training).is_some() {
                        self.broken.get_or_insert(format!("job {job} has a second result"));
                    }
                }
            }
        }
    }

    fn note(&mut self, fact: &Fact) {
        match fact {
            Fact::Granted { job, attempt, worker, .. } => {
                let last = self.granted.range((*job, Attempt(0))..=(*job, Attempt(u32::MAX))).next_back();
                let last = last.map_or(Attempt(0), |((_, attempt), _)| *attempt);
                if *attempt != last.next() {
                    self.broken.get_or_insert(format!("job {job}: attempt {attempt} is granted after attempt {last}"));
                }
                self.granted.insert((*job, *attempt), *worker);
            }
            Fact::Succeeded { job, attempt, .. }
            | Fact::Failed { job, attempt, .. }
            | Fact::Released { job, attempt, .. } => {
                self.ended.insert((*job, *attempt));
            }
            _ => {}
        }
    }
}

/// The store as one coordinator has opened it.
pub(crate) struct OpenedDisk {
    disk: Rc<RefCell<Disk>>,
    epoch: u64,
    compares_epochs: bool,
    writes_late: bool,
}

impl OpenedDisk {
    /// Opens the store. `None` if somebody else has it, unless the lock does not keep us out.
    pub(crate) fn open(
        disk: &Rc<RefCell<Disk>>,
        life: u64,
        ignores_lock: bool,
        compares_epochs: bool,
        writes_late: bool,
    ) -> Option<Self> {
        let mut content = disk.borrow_mut();
        if content.locked_by.is_some() && !ignores_lock {
            return None;
        }
        content.locked_by = Some(life);
        if compares_epochs {
            content.epoch += 1;
        }
        content.unwritten.clear();
        let epoch = content.epoch;
        Some(Self { disk: Rc::clone(disk), epoch, compares_epochs, writes_late })
    }

    fn compare_epochs(&self, disk: &Disk) -> Result<(), StoreError> {
        if self.compares_epochs && disk.epoch != self.epoch {
            return Err(StoreError::Superseded { path: "model".into(), holder: "another".to_owned() });
        }
        Ok(())
    }
}

impl Keeper for OpenedDisk {
    fn append(&mut self, facts: &[Fact], records: &[Record]) -> Result<(), StoreError> {
        let mut disk = self.disk.borrow_mut();
        self.compare_epochs(&disk)?;
        match disk.health {
            Health::Fine => {}
            Health::Full => {
                return Err(StoreError::Io {
                    action: "write",
                    path: "model".into(),
                    source: Error::from(ErrorKind::StorageFull),
                });
            }
            Health::Gone => return Err(StoreError::Gone { path: "model".into() }),
        }
        if let Some(is_kept) = disk.unconfirmed.take() {
            if is_kept {
                disk.keep(facts, records);
            }
            let source = rusqlite::Error::InvalidQuery;
            return Err(StoreError::Unconfirmed { path: "model".into(), source });
        }
        if self.writes_late {
            let waiting = std::mem::replace(&mut disk.unwritten, vec![(facts.to_vec(), records.to_vec())]);
            waiting.iter().for_each(|(facts, records)| disk.keep(facts, records));
        } else {
            disk.keep(facts, records);
        }
        Ok(())
    }

    fn restore(&self, now: Timestamp, limits: &Limits, nonce: u128) -> Result<State, StoreError> {
        let mut state = State::new(limits.clone(), nonce);
        for (seq, fact) in self.disk.borrow().facts.iter().enumerate() {
            state.apply(now, &serde_json::from_str(fact).unwrap()).map_err(|error| StoreError::Damaged {
                path: "model".into(),
                place: format!("journal, seq {seq}"),
                reason: error.to_string(),
            })?;
        }
        Ok(state)
    }

    fn grade(&self, of: JobId) -> Result<Option<Grade>, StoreError> {
        let disk = self.disk.borrow();
        let facts = disk.facts.iter().rev().map(|fact| serde_json::from_str(fact).unwrap());
        let mut grades = facts.filter_map(|fact| match fact {
            Fact::Succeeded { job, grade, .. } if job == of => grade,
            _ => None,
        });
        Ok(grades.next())
    }

    fn check_epoch(&self) -> Result<(), StoreError> {
        self.compare_epochs(&self.disk.borrow())
    }

    fn check_place(&self) -> Result<(), StoreError> {
        self.compare_epochs(&self.disk.borrow())?;
        match self.disk.borrow().health {
            Health::Gone => Err(StoreError::Gone { path: "model".into() }),
            Health::Fine | Health::Full => Ok(()),
        }
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        self.append(&[], &[])
    }
}
