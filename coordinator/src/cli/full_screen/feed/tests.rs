//! When tables are asked for, and of whom.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use super::*;
use crate::store::Store;
use std::path::Path;

/// A store with a sweep of which no job has been run.
fn store(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("s.db");
    let text = "sweep: a\ndataset: {name: blobs, format: synthetic, cases: 60, seed: 0, image_size: 32}\n\
                split: {train: 30, validation: 15, test: 15}\ngrid: {loss: [bce, dice]}\nreplicates: {split_seeds: 2}\n";
    let plan = crate::plan::parse("sweep.yaml", text).unwrap();
    let mut store = Store::open(&path).unwrap();
    let state = results::state(&Reader::open(&path).unwrap()).unwrap();
    store.append(&state.submit_decision(plan, String::new()).unwrap().facts, &[]).unwrap();
    path
}

fn wanted(store: &Path, queued: u64) -> Wanted {
    Wanted { library: Library::Store(store.to_owned()), sweep: "a".to_owned(), version: [4, queued, 0, 0, 0, 0, 0] }
}

#[tokio::test]
async fn tables_of_a_sweep_that_goes_on_do_not_grow_old() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let (want, wants) = latest::channel(None);
    let (sender, mut news) = mpsc::channel(64);
    tokio::spawn(make_tables(wants, sender, Duration::from_millis(10)));
    want.send_replace(Some(wanted(&store, 4)));
    for _ in 0..2 {
        assert!(matches!(news.recv().await, Some(News::Tables { .. })));
    }
    want.send_replace(Some(wanted(&store, 0)));
    assert!(matches!(news.recv().await, Some(News::Tables { .. })));
    let more = timeout(TABLES_INTERVAL + Duration::from_secs(1), news.recv()).await;
    assert!(more.is_err(), "nothing happens to it any more: {more:?}");
}

#[tokio::test]
async fn a_store_is_left_for_a_coordinator_that_serves_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = store(&folder);
    let (news, mut heard) = mpsc::channel(64);
    let (want, _wanted) = latest::channel(None);
    let mut follower = Follower { sweep: String::new(), news, want };
    let place = path.clone();
    let following = tokio::spawn(async move { (follower.next_server(place, "http://127.0.0.1:1").await, follower) });
    assert!(matches!(heard.recv().await, Some(News::Moved { source, .. }) if source == path.display().to_string()));
    assert!(matches!(heard.recv().await, Some(News::Status(status)) if status.sweeps.len() == 1));
    let mut store = Store::open(&path).unwrap();
    store.announce("http://127.0.0.1:2").unwrap();
    let (next, mut follower) = following.await.unwrap();
    assert!(matches!(next, Next::Other(url) if url == "http://127.0.0.1:2"));
    assert!(matches!(heard.recv().await, Some(News::Moved { source, .. }) if source == "http://127.0.0.1:2"));
    assert!(matches!(follower.next_server(path.clone(), "http://127.0.0.1:2").await, Next::Same));
    assert!(matches!(follower.next_server(path, "http://127.0.0.1:1").await, Next::Other(_)));
}
