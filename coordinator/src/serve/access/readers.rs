//! Who may read how sweeps stand without a call of a service, as a program that reads the metrics.

use super::{Found, Guard, STATUS, table};
use crate::identity::Guesses;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use tonic::codegen::http::HeaderMap;

/// Maximum number of requests whose tokens wait to be looked at; others are refused.
const MAX_WAITING: usize = 16;

/// Looks at the tokens of an address one after the other. Wrong ones are counted, and after each the next from there waits, whoever shows it
/// and whether or not somebody waits for the answer: tokens cannot be tried out.
pub struct Readers {
    guard: Guard,
    waiting: Semaphore,
    tried: Mutex<Tried>,
}

/// The wrong tokens, and when the next from an address may be looked at.
#[derive(Default)]
struct Tried {
    guesses: Guesses,
    next: BTreeMap<IpAddr, Instant>,
}

impl Readers {
    /// Those whom the guard lets read.
    #[must_use]
    pub fn new(guard: Guard) -> Self {
        Self { guard, waiting: Semaphore::new(MAX_WAITING), tried: Mutex::default() }
    }

    /// Whether the headers of a request from that address bear what lets somebody read how sweeps stand.
    pub async fn admit(&self, headers: &HeaderMap, address: IpAddr) -> bool {
        let mut place = None;
        loop {
            let next = match self.look(headers, address) {
                Ok(is_reader) => return is_reader,
                Err(next) => next,
            };
            // whoever need not wait takes no place of those who must
            if place.is_none() {
                let Ok(free) = self.waiting.try_acquire() else { return false };
                place = Some(free);
            }
            sleep_until(next).await;
        }
    }

    /// The same at once, or when it may be looked at.
    fn look(&self, headers: &HeaderMap, address: IpAddr) -> Result<bool, Instant> {
        if matches!(self.guard.look_up(headers), Found::None) {
            return Ok(false);
        }
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        tried.next.retain(|_, next| *next > now);
        if let Some(next) = tried.next.get(&address) {
            return Err(*next);
        }
        match self.guard.look_up(headers) {
            Found::Holder(holder) => Ok(table::row(STATUS).is_some_and(|row| row.admits(&holder))),
            Found::None => Ok(false),
            Found::Wrong => {
                let wrong = tried.guesses.wrong(now.into(), address);
                if let Some(count) = wrong.say {
                    tracing::warn!(%address, count, "wrong tokens for the metrics; the next are looked at slowly");
                }
                tried.next.insert(address, now + wrong.delay);
                Ok(false)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::bearer;
    use proto::credential::Secret;
    use std::net::Ipv4Addr;
    use std::time::Duration;
    use tokio::time::timeout;
    use tonic::codegen::http::{HeaderName, HeaderValue};

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn bearing(token: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(bearer::HEADER), HeaderValue::from_static(token))])
    }

    #[tokio::test]
    async fn tokens_cannot_be_tried_out() {
        let guard = Guard::Token { secret: Secret::new("right"), is_local: true };
        let readers = Readers::new(guard);
        let began = Instant::now();
        assert!(readers.admit(&bearing("Bearer right"), HERE).await && !readers.admit(&HeaderMap::new(), HERE).await);
        for _ in 0..5 {
            // whoever does not wait for the answer gains nothing
            drop(timeout(Duration::from_millis(10), readers.admit(&bearing("Bearer wrong"), HERE)).await);
        }
        let mut tries = 0;
        while began.elapsed() < Duration::from_millis(700) {
            assert!(!readers.admit(&bearing("Bearer wrong"), HERE).await);
            tries += 1;
        }
        assert!(tries <= 4, "{tries} in {:?}", began.elapsed());
        let other = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
        assert_eq!(readers.look(&bearing("Bearer right"), other), Ok(true), "another address waits for nothing");
        assert!(readers.look(&bearing("Bearer right"), HERE).is_err());
        assert!(readers.admit(&bearing("Bearer right"), HERE).await, "it waits, and is let in");
        let mut tried = readers.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let tried = tried.guesses.wrong(Instant::now().into(), HERE);
        assert!(tried.delay >= Duration::from_millis(400) && tried.say.is_none(), "{tried:?}");
    }

    #[tokio::test]
    async fn where_no_token_is_asked_for_nobody_waits() {
        let readers = Readers::new(Guard::Open);
        assert!(readers.admit(&HeaderMap::new(), HERE).await);
    }
}
