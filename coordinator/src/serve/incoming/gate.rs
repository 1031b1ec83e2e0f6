//! Who is let in, and who has to go. No clock, no socket.
//!
//! A connection is a *stranger* until it has made a call that was let in. Strangers have few places and little time; where all places are
//! taken, a newcomer waits in the system's queue until the oldest stranger has had its chance, and gets its place. So whoever makes a
//! call at once gets in, however many connections others open.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Strangers at once. The system's queue holds 1,024 connections more: who waits behind them waits four times [`CHANCE`].
const MAX_STRANGERS: usize = 256;
/// A stranger is closed after this time: a call takes some round trips, of up to four seconds on the slowest networks.
const PATIENCE: Duration = Duration::from_secs(10);
/// A stranger whose place others wait for is closed after this time.
const CHANCE: Duration = Duration::from_secs(1);

/// Counts the connections, in the order in which they came.
pub(super) type Id = u64;

/// The connections there are. Of each stranger something is kept.
pub(super) struct Gate<K> {
    max_connections: usize,
    next: Id,
    connections: HashMap<Id, IpAddr>,
    addresses: HashMap<IpAddr, usize>,
    strangers: BTreeMap<Id, (Instant, K)>,
}

impl<K> Gate<K> {
    /// A gate that lets in so many.
    pub(super) fn new(max_connections: usize) -> Self {
        let (connections, addresses) = (HashMap::new(), HashMap::new());
        Self { max_connections, next: 0, connections, addresses, strangers: BTreeMap::new() }
    }

    /// Connections at once.
    pub(super) fn max_connections(&self) -> usize {
        self.max_connections
    }

    /// Connections of one address at once: it must not keep all others out.
    pub(super) fn max_per_address(&self) -> usize {
        self.max_connections / 4 * 3
    }

    /// Whether all places are taken, those of strangers aside.
    pub(super) fn is_full(&self) -> bool {
        self.connections.len() >= self.max_connections
    }

    /// Whether a newcomer may be let in.
    pub(super) fn has_room(&self) -> bool {
        !self.is_full() && self.strangers.len() < MAX_STRANGERS
    }

    /// Lets a newcomer in, unless its address has too many connections.
    pub(super) fn admit(&mut self, now: Instant, address: IpAddr, keep: K) -> Option<Id> {
        let max = self.max_per_address();
        let count = self.addresses.entry(address).or_default();
        if *count >= max {
            return None;
        }
        *count += 1;
        self.next += 1;
        self.connections.insert(self.next, address);
        self.strangers.insert(self.next, (now, keep));
        Some(self.next)
    }

    /// The connection has made a call that was let in.
    pub(super) fn know(&mut self, id: Id) {
        self.strangers.remove(&id);
    }

    /// The connection has ended.
    pub(super) fn leave(&mut self, id: Id) {
        self.strangers.remove(&id);
        let Some(address) = self.connections.remove(&id) else { return };
        if let Some(count) = self.addresses.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&address);
            }
        }
    }

    /// When the next stranger has to go.
    pub(super) fn due(&self) -> Option<Instant> {
        let time = if self.has_room() { PATIENCE } else { CHANCE };
        self.strangers.values().next().map(|(since, _)| *since + time)
    }

    /// What was kept of the strangers who have to go. Their places are free; they count as connections until they have left.
    pub(super) fn expel(&mut self, now: Instant) -> Vec<K> {
        let mut expelled = Vec::new();
        while self.due().is_some_and(|due| due <= now) {
            expelled.extend(self.strangers.pop_first().map(|(_, (_, keep))| keep));
        }
        expelled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    #[test]
    fn strangers_have_little_time_and_less_where_others_wait() {
        let (start, mut gate) = (Instant::now(), Gate::new(1000));
        let first = gate.admit(start, address(1), "first");
        assert_eq!(gate.due(), Some(start + PATIENCE));
        for _ in 1..MAX_STRANGERS {
            assert!(gate.has_room());
            gate.admit(start + CHANCE, address(2), "other");
        }
        assert!(!gate.has_room() && !gate.is_full());
        assert_eq!(gate.expel(start + CHANCE / 2), [""; 0]);
        assert_eq!(gate.expel(start + CHANCE), ["first"], "there is room again");
        assert!(gate.has_room() && gate.due() == Some(start + CHANCE + PATIENCE));
        gate.leave(first.unwrap_or_default());
        assert_eq!(gate.connections.len(), MAX_STRANGERS - 1);
    }

    #[test]
    fn whoever_is_known_stays() {
        let (start, mut gate) = (Instant::now(), Gate::new(1000));
        let known = gate.admit(start, address(1), ()).unwrap_or_default();
        gate.know(known);
        assert_eq!((gate.due(), gate.expel(start + PATIENCE), gate.connections.len()), (None, vec![], 1));
        gate.leave(known);
        assert!(gate.connections.is_empty() && gate.addresses.is_empty());
    }

    #[test]
    fn one_address_leaves_room_for_others() {
        let (start, mut gate) = (Instant::now(), Gate::new(8));
        let greedy: Vec<_> = (0..8).filter_map(|_| gate.admit(start, address(1), ())).collect();
        assert_eq!((greedy.len(), gate.is_full()), (6, false));
        assert!(gate.admit(start, address(2), ()).is_some());
        assert!(gate.admit(start, address(3), ()).is_some() && gate.is_full() && !gate.has_room());
        gate.leave(greedy[0]);
        assert!(gate.admit(start, address(1), ()).is_some());
    }
}
