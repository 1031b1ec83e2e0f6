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

/// A page is handed out again for so long, if nothing has happened since: what it shows may still have been of an older version.
const FRESH: Duration = Duration::from_millis(250);
/// Maximum number of addresses whose pages are kept.
const MAX_KEPT: usize = 16;

/// The pages, the one that was asked for last at the end.
#[derive(Debug, Default)]
pub(super) struct Copies(Mutex<Vec<Kept>>);

#[derive(Debug)]
struct Kept {
    address: String,
    copy: Shared,
}

/// A page, and the moment for which it was made. Whoever makes it holds the lock.
type Shared = Arc<tokio::sync::Mutex<Option<(Moment, Bytes)>>>;

/// When a page is asked for, and the version that is the newest then.
#[derive(Debug, Clone, Copy)]
struct Moment {
    version: u64,
    at: Instant,
}

impl Copies {
    fn at(&self, address: &str) -> Shared {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = pages.iter().position(|kept| kept.address == address).map(|index| pages.remove(index));
        let kept = known.unwrap_or_else(|| Kept { address: address.to_owned(), copy: Shared::default() });
        if pages.len() == MAX_KEPT {
            pages.remove(0);
        }
        let copy = Arc::clone(&kept.copy);
        pages.push(kept);
        copy
    }

    /// The page at an address that is asked for now: the copy, if there is a fresh one, or what `make` makes. No other answer is kept.
    async fn page(
        &self,
        address: &str,
        now: Moment,
        make: impl Future<Output = Result<Bytes, Response>>,
    ) -> Result<Bytes, Response> {
        let copy = self.at(address);
        // whoever waits here finds what was made meanwhile
        let mut page = copy.lock().await;
        if let Some((then, page)) = &*page
            && now.version == then.version
            && now.at.duration_since(then.at) < FRESH
        {
            return Ok(page.clone());
        }
        let made = make.await?;
        *page = Some((now, made.clone()));
        Ok(made)
    }
}

/// Answers with a copy, if there is a fresh one.
pub(super) async fn share(
    State((desk, copies)): State<(Arc<Desk>, Arc<Copies>)>,
    request: Request,
    next: Next,
) -> Response {
    // a form is its visitor's
    if request.method() != Method::GET || request.extensions().get::<Forms>().is_some() {
        return next.run(request).await;
    }
    let address = request.uri().to_string();
    let now = Moment { version: desk.status().at_ms, at: Instant::now() };
    let make = async {
        let response = next.run(request).await;
        if response.status() != StatusCode::OK {
            return Err(response);
        }
        let page = to_bytes(response.into_body(), usize::MAX).await;
        page.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response())
    };
    copies.page(&address, now, make).await.map_or_else(|other| other, |page| Html(page).into_response())
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
            let page = copies.page(address, Moment { version, at: began + after }, make);
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
        let (copies, now) = (Copies::default(), Moment { version: 1, at: Instant::now() });
        let refuse = async { Err(StatusCode::NOT_FOUND.into_response()) };
        assert_eq!(copies.page("/", now, refuse).await.unwrap_err().status(), StatusCode::NOT_FOUND);
        let page = |number: u8| async move { Ok(Bytes::from(vec![number])) };
        assert_eq!(copies.page("/", now, page(1)).await.unwrap(), [1].as_slice());
        for number in 0..MAX_KEPT {
            copies.page(&format!("/{number}"), now, page(2)).await.unwrap();
        }
        assert_eq!(copies.0.lock().unwrap().len(), MAX_KEPT);
        assert_eq!(copies.page("/", now, page(3)).await.unwrap(), [3].as_slice(), "the oldest went");
    }
}
