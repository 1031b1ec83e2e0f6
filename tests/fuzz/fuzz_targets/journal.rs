//! Any lines that are facts, as a journal: a store that holds them is refused, or what they add up to can be worked with.
#![no_main]

use coordinator::driver::restore;
use coordinator::scheduler::{Fact, Limits, Timestamp};
use coordinator::store::{Reader, Store};
use rusqlite::Connection;
use std::cell::RefCell;
use std::path::PathBuf;

/// A store whose journal is replaced again and again.
struct Place {
    writer: Connection,
    store: Store,
    reader: Reader,
    _folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir_in(shared_memory()).unwrap();
        let path = folder.path().join("sweeps.db");
        let store = Store::open(&path).unwrap();
        let writer = Connection::open(&path).unwrap();
        writer.pragma_update(None, "synchronous", "OFF").unwrap();
        Self { writer, store, reader: Reader::open(&path).unwrap(), _folder: folder }
    }

    fn write(&mut self, facts: &str) {
        self.writer.execute("DELETE FROM journal", []).unwrap();
        // by the store: rows without a checksum that fits are not read
        let facts: Vec<Fact> = facts.lines().filter_map(|fact| serde_json::from_str(fact).ok()).collect();
        self.store.append(&facts, &[]).unwrap();
    }
}

thread_local! {
    static PLACE: RefCell<Place> = RefCell::new(Place::new());
}

libfuzzer_sys::fuzz_target!(|facts: &str| {
    PLACE.with_borrow_mut(|place| {
        place.write(facts);
        let Ok(mut state) = restore(&place.reader, Timestamp(0), Limits::default(), 1) else { return };
        let _ = state.status();
        let later = Timestamp(1 << 40);
        for decision in [state.renewal_decision(later), state.expiry_decision(later), state.look_decision()] {
            for fact in &decision.facts {
                // two of the three may be about the same job
                let _ = state.apply(later, fact);
            }
        }
        let _ = state.status();
    });
});

/// A folder that is not on a disk, where there is one.
fn shared_memory() -> PathBuf {
    Some(PathBuf::from("/dev/shm")).filter(|folder| folder.is_dir()).unwrap_or_else(std::env::temp_dir)
}
