//! Pages that were made a moment ago, for whoever asks for the same: many viewers of a view cost little more than one.

use super::desk::Desk;
use super::keys::Forms;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a page is handed out again if no new version was published: its study may be of an older one.
const FRESH: Duration = Duration::from_millis(250);
/// Maximum number of addresses whose pages are kept.
const MAX_KEPT: usize = 16;

/// The pages, the one that was asked for last at the end.
#[derive(Debug, Default)]
pub(super) struct Copies(Mutex<Vec<Kept>>);

#[derive(Debug)]
struct Kept {
    /// The address, and whether its page has forms: all who may act have the same.
    key: Key,
    copy: Shared,
}

type Key = (String, bool);

/// A page, and the moment at which it was begun. Whoever makes it holds the lock.
type Shared = Arc<tokio::sync::Mutex<Option<(Moment, Bytes)>>>;

/// A time, and the version that is the newest then.
#[derive(Debug, Clone, Copy)]
struct Moment {
    version: u64,
    at: Instant,
}

impl Copies {
    fn at(&self, key: Key) -> Shared {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = pages.iter().position(|kept| kept.key == key).map(|index| pages.remove(index));
        let kept = known.unwrap_or_else(|| Kept { key, copy: Shared::default() });
        if pages.len() == MAX_KEPT {
            pages.remove(0);
        }
        let copy = Arc::clone(&kept.copy);
        pages.push(kept);
        copy
    }

    /// The page of that key: the copy, if there is a fresh one, or what `make` makes. No other answer is kept.
    async fn page(
        &self,
        key: Key,
        now: impl Fn() -> Moment,
        make: impl Future<Output = Result<Bytes, Response>>,
    ) -> Result<Bytes, Response> {
        let (copy, asked) = (self.at(key), now());
        // whoever waits here finds what was made meanwhile
        let mut page = copy.lock().await;
        if let Some((then, page)) = &*page
            && then.version >= asked.version
            && asked.at.saturating_duration_since(then.at) < FRESH
        {
            return Ok(page.clone());
        }
        let begun = now();
        let made = make.await?;
        *page = Some((begun, made.clone()));
        Ok(made)
    }
}

/// Answers with a copy, if there is a fresh one.
pub(super) async fn share(
    State((desk, copies)): State<(Arc<Desk>, Arc<Copies>)>,
    request: Request,
    next: Next,
) -> Response {
    if request.method() != Method::GET {
        return next.run(request).await;
    }
    let key = (request.uri().to_string(), request.extensions().get::<Forms>().is_some());
    let now = || Moment { version: desk.status().at_ms, at: Instant::now() };
    let make = async {
        let response = next.run(request).await;
        if response.status() != StatusCode::OK {
            return Err(response);
        }
        let page = to_bytes(response.into_body(), usize::MAX).await;
        page.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response())
    };
    copies.page(key, now, make).await.map_or_else(|other| other, |page| Html(page).into_response())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;
    use std::sync::atomic::{AtomicU8, Ordering};
    use tokio::task::yield_now;

    #[tokio::test]
    async fn viewers_of_a_page_share_it_until_something_happens() {
        let (copies, made, began) = (Copies::default(), AtomicU8::new(0), Instant::now());
        let page = |address: &'static str, version, after: Duration| {
            let make = async {
                yield_now().await;
                Ok(Bytes::from(vec![made.fetch_add(1, Ordering::Relaxed)]))
            };
            let page = copies.page((address.to_owned(), false), move || Moment { version, at: began + after }, make);
            async { page.await.unwrap()[0] }
        };
        let at_once = Duration::ZERO;
        let all = tokio::join!(page("/", 1, at_once), page("/", 1, at_once), page("/", 1, at_once));
        assert_eq!(all, (0, 0, 0), "made once for all who ask");
        assert_eq!(page("/?find=a", 1, at_once).await, 1, "another address is another page");
        assert_eq!(page("/", 1, FRESH / 2).await, 0);
        assert_eq!(page("/", 2, FRESH / 2).await, 2, "something has happened");
        assert_eq!(page("/", 2, FRESH).await, 2);
        assert_eq!(page("/", 2, 2 * FRESH).await, 3, "it has aged");
    }

    #[tokio::test]
    async fn few_pages_are_kept_and_no_refusals() {
        let (copies, at) = (Copies::default(), Instant::now());
        let now = || Moment { version: 1, at };
        let key = |address: &str| (address.to_owned(), false);
        let refuse = async { Err(StatusCode::NOT_FOUND.into_response()) };
        assert_eq!(copies.page(key("/"), now, refuse).await.unwrap_err().status(), StatusCode::NOT_FOUND);
        let page = |number: u8| async move { Ok(Bytes::from(vec![number])) };
        assert_eq!(copies.page(key("/"), now, page(1)).await.unwrap(), [1].as_slice());
        for number in 0..MAX_KEPT {
            copies.page(key(&format!("/{number}")), now, page(2)).await.unwrap();
        }
        assert_eq!(copies.0.lock().unwrap().len(), MAX_KEPT);
        assert_eq!(
            copies.page((format!("/{}", MAX_KEPT - 1), true), now, page(4)).await.unwrap(),
            [4].as_slice(),
            "with forms"
        );
        assert_eq!(copies.page(key("/"), now, page(3)).await.unwrap(), [3].as_slice(), "the oldest went");
    }
}
