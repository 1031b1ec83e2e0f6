//! Wrong tokens, counted by the address that they come from. No clock, no log.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Addresses of which something is kept. Beyond them the one that was quiet longest is forgotten.
const MAX_ADDRESSES: usize = 1024;
/// An address that was quiet for this time begins anew.
const FORGIVEN: Duration = Duration::from_secs(600);
/// Between two lines about one address.
const PAUSE: Duration = Duration::from_secs(60);
/// What the answer to the first wrong token waits; doubled with each up to the longest.
const FIRST_DELAY: Duration = Duration::from_millis(50);
const MAX_DELAY: Duration = Duration::from_secs(1);

/// The addresses that wrong tokens came from.
#[derive(Debug, Default)]
pub struct Guesses(HashMap<IpAddr, Record>);

#[derive(Debug)]
struct Record {
    /// Wrong tokens since it was forgiven.
    count: u32,
    last: Instant,
    /// Wrong tokens since the last line about it, and when that was.
    unsaid: u64,
    said: Option<Instant>,
}

/// What follows from a wrong token.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    /// How long its answer waits.
    pub delay: Duration,
    /// How many there were since the last line about the address, if there is to be another.
    pub say: Option<u64>,
}

impl Guesses {
    /// Counts a wrong token.
    pub fn wrong(&mut self, now: Instant, address: IpAddr) -> Wrong {
        let address = network(address);
        if self.0.len() >= MAX_ADDRESSES && !self.0.contains_key(&address) {
            self.forget(now);
        }
        let new = || Record { count: 0, last: now, unsaid: 0, said: None };
        let record = self.0.entry(address).or_insert_with(new);
        if now.saturating_duration_since(record.last) > FORGIVEN {
            record.count = 0;
        }
        let delay = FIRST_DELAY.saturating_mul(1 << record.count.min(10)).min(MAX_DELAY);
        record.count = record.count.saturating_add(1);
        record.last = now;
        record.unsaid += 1;
        let is_due = record.said.is_none_or(|said| now.saturating_duration_since(said) >= PAUSE);
        let say = is_due.then(|| {
            record.said = Some(now);
            std::mem::take(&mut record.unsaid)
        });
        Wrong { delay, say }
    }

    /// Makes room for another address.
    fn forget(&mut self, now: Instant) {
        self.0.retain(|_, record| now.saturating_duration_since(record.last) <= FORGIVEN);
        if self.0.len() >= MAX_ADDRESSES
            && let Some(quietest) = self.0.iter().min_by_key(|(_, record)| record.last).map(|(address, _)| *address)
        {
            self.0.remove(&quietest);
        }
    }
}

/// The address, or of a version 6 address the network that one customer has.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    #[test]
    fn answers_wait_longer_and_longer_and_others_do_not() {
        let (start, mut guesses) = (Instant::now(), Guesses::default());
        let waits: Vec<_> = (0..7).map(|_| guesses.wrong(start, address(1)).delay.as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1000, 1000]);
        assert_eq!(guesses.wrong(start, address(2)).delay, FIRST_DELAY);
        let later = start + FORGIVEN + Duration::from_secs(1);
        assert_eq!(guesses.wrong(later, address(1)).delay, FIRST_DELAY);
    }

    #[test]
    fn an_address_is_said_once_in_a_while_with_the_count() {
        let (start, mut guesses) = (Instant::now(), Guesses::default());
        assert_eq!(guesses.wrong(start, address(1)).say, Some(1));
        for _ in 0..9 {
            assert_eq!(guesses.wrong(start, address(1)).say, None);
        }
        assert_eq!(guesses.wrong(start, address(2)).say, Some(1));
        assert_eq!(guesses.wrong(start + PAUSE, address(1)).say, Some(10));
    }

    #[test]
    fn few_addresses_are_kept() {
        let (start, mut guesses) = (Instant::now(), Guesses::default());
        for number in 0..5000 {
            guesses.wrong(start + Duration::from_micros(number.into()), address(number));
        }
        assert_eq!(guesses.0.len(), MAX_ADDRESSES);
        assert!(guesses.0.contains_key(&address(4999)) && !guesses.0.contains_key(&address(0)));
        let both = ["2001:db8::1", "2001:db8::2"].map(|text| network(text.parse().expect("an address")));
        assert_eq!(both[0], both[1]);
        assert_eq!(network("::ffff:10.0.0.1".parse().expect("an address")), IpAddr::from([10, 0, 0, 1]));
    }
}
