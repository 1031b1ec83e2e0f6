//! Who may read how sweeps stand without a call of a service, as a program that reads the metrics.

use super::guesses::Guesses;
use super::{Found, Guard, STATUS, table};
use std::net::IpAddr;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep_until};
use tonic::codegen::http::HeaderMap;

/// Maximum number of requests whose tokens wait to be looked at; others are refused.
const MAX_WAITING: usize = 16;

/// Looks at one token after the other. Wrong ones are counted, and after each the next waits, whoever shows it and whether or not somebody
/// waits for the answer: tokens cannot be tried out.
pub struct Readers {
    guard: Guard,
    address: IpAddr,
    waiting: Semaphore,
    /// The wrong tokens, and when the next may be looked at.
    tried: Mutex<(Guesses, Instant)>,
}

impl Readers {
    /// Those whom the guard lets read, at the address that all of them come from.
    #[must_use]
    pub fn new(guard: Guard, address: IpAddr) -> Self {
        let tried = Mutex::new((Guesses::default(), Instant::now()));
        Self { guard, address, waiting: Semaphore::new(MAX_WAITING), tried }
    }

    /// Whether the headers of a request bear what lets somebody read how sweeps stand.
    pub async fn admit(&self, headers: &HeaderMap) -> bool {
        if matches!(self.guard.look_up(headers), Found::None) {
            return false;
        }
        let Ok(_place) = self.waiting.try_acquire() else { return false };
        let mut tried = self.tried.lock().await;
        let (guesses, next) = &mut *tried;
        sleep_until(*next).await;
        match self.guard.look_up(headers) {
            Found::Holder(holder) => table::row(STATUS).is_some_and(|row| row.admits(&holder)),
            Found::None => false,
            Found::Wrong => {
                let now = Instant::now();
                let wrong = guesses.wrong(now.into(), self.address);
                if let Some(count) = wrong.say {
                    tracing::warn!(address = %self.address, count, "wrong tokens for the metrics; the next are looked at slowly");
                }
                *next = now + wrong.delay;
                false
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

    fn bearing(token: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(bearer::HEADER), HeaderValue::from_static(token))])
    }

    #[tokio::test]
    async fn tokens_cannot_be_tried_out() {
        let guard = Guard::Token { secret: Secret::new("right"), is_local: true };
        let readers = Readers::new(guard, Ipv4Addr::LOCALHOST.into());
        let began = Instant::now();
        assert!(readers.admit(&bearing("Bearer right")).await && !readers.admit(&HeaderMap::new()).await);
        for _ in 0..5 {
            // whoever does not wait for the answer gains nothing
            drop(timeout(Duration::from_millis(10), readers.admit(&bearing("Bearer wrong"))).await);
        }
        let mut tries = 0;
        while began.elapsed() < Duration::from_millis(700) {
            assert!(!readers.admit(&bearing("Bearer wrong")).await);
            tries += 1;
        }
        assert!(tries <= 4, "{tries} in {:?}", began.elapsed());
        assert!(readers.admit(&bearing("Bearer right")).await, "it waits, and is let in");
        let tried = readers.tried.lock().await.0.wrong(Instant::now().into(), Ipv4Addr::LOCALHOST.into());
        assert!(tried.delay >= Duration::from_millis(400) && tried.say.is_none(), "{tried:?}");
    }

    #[tokio::test]
    async fn where_no_token_is_asked_for_nobody_waits() {
        let readers = Readers::new(Guard::Open, Ipv4Addr::LOCALHOST.into());
        assert!(readers.admit(&HeaderMap::new()).await);
    }
}
