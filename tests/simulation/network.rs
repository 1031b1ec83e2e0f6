//! Between a worker and the coordinator: messages are late, lost, doubled, garbled, or a direction is cut.

use crate::chance::Chance;

/// A connection without a sign of life for so long is given up by the worker.
const KEEPALIVE_MS: u64 = 4_000;

/// How bad the network is, in percent of the messages.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Network {
    lost: u64,
    doubled: u64,
    garbled: u64,
    longest_ms: u64,
}

/// Until when the directions between a worker and the coordinator are cut.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Link {
    pub(crate) there_cut_until: u64,
    pub(crate) back_cut_until: u64,
}

/// What becomes of a message.
pub(crate) enum Fate {
    /// It arrives, after so long; the second time it was doubled.
    Arrives(u64, Option<u64>),
    /// It arrives as something else.
    Garbled(u64),
    /// It does not arrive, which its sender knows after so long.
    Lost(u64),
}

impl Network {
    pub(crate) fn new(chance: &mut Chance) -> Self {
        let longest_ms = if chance.is(30) { 5_000 } else { 200 };
        let mut rate = |most| if chance.is(50) { chance.within(0..=most) } else { 0 };
        Self { lost: rate(30), doubled: rate(50), garbled: rate(2), longest_ms }
    }

    pub(crate) fn fate(&self, chance: &mut Chance, is_cut: bool) -> Fate {
        if is_cut {
            return Fate::Lost(KEEPALIVE_MS + chance.within(0..=KEEPALIVE_MS));
        }
        let delay = chance.delay(20, self.longest_ms);
        if chance.is(self.lost) {
            // a connection that was reset is known at once
            let known = if chance.is(50) { chance.within(1..=50) } else { KEEPALIVE_MS };
            return Fate::Lost(known);
        }
        if chance.is(self.garbled) {
            return Fate::Garbled(delay);
        }
        let twice = chance.is(self.doubled).then(|| chance.delay(20, self.longest_ms));
        Fate::Arrives(delay, twice)
    }
}
