//! Objects in a bucket: of S3 and all that speaks its language, of Google Cloud Storage, of Azure. Keys and endpoints come from the
//! environment variables that each provider's own tools read (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`, `GOOGLE_SERVICE_ACCOUNT`,
//! `AZURE_STORAGE_ACCOUNT_NAME`, ...).

use super::ArtifactError;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, RetryConfig};
use std::fmt;
use std::future::Future;
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// A bucket that answers with an error of its own, such as 503, is asked again up to ten times, and no longer than this.
const MAX_RETRY: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub(super) struct Bucket {
    address: String,
    /// The folder in the bucket.
    folder: Path,
    store: Arc<dyn ObjectStore>,
}

impl Bucket {
    pub(super) fn at(address: &str) -> Result<Self, ArtifactError> {
        let address = address.trim_end_matches('/').to_owned();
        // of several that a process may have installed any does
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = open(&address).map_err(|error| failed("use", address.clone(), &error))?;
        let (_, rest) = address.split_once("://").unwrap_or_default();
        let folder = Path::from(rest.split_once('/').map_or("", |(_, folder)| folder));
        Ok(Self { address, folder, store })
    }

    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), ArtifactError> {
        let (store, path, bytes) = (Arc::clone(&self.store), self.path(name), bytes.to_vec());
        self.wait("write", name, async move { store.put(&path, bytes.into()).await.map(drop) })
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Vec<u8>>, ArtifactError> {
        let (store, path) = (Arc::clone(&self.store), self.path(name));
        self.wait("read", name, async move {
            match store.get(&path).await {
                Ok(found) => Ok(Some(found.bytes().await?.to_vec())),
                Err(Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    pub(super) fn list(&self, folder: &str) -> Result<Vec<String>, ArtifactError> {
        let (store, path) = (Arc::clone(&self.store), self.path(folder));
        let listed = self.wait("list", folder, async move { store.list_with_delimiter(Some(&path)).await })?;
        let name = |path: &Path| path.filename().map(|name| format!("{folder}/{name}"));
        let mut names: Vec<_> = listed.objects.iter().filter_map(|object| name(&object.location)).collect();
        names.sort_unstable();
        Ok(names)
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), ArtifactError> {
        let (store, path) = (Arc::clone(&self.store), self.path(name));
        self.wait("remove", name, async move {
            match store.delete(&path).await {
                Err(Error::NotFound { .. }) => Ok(()),
                result => result,
            }
        })
    }

    fn path(&self, name: &str) -> Path {
        self.folder.parts().chain(Path::from(name).parts()).collect()
    }

    /// Waits for a request, which runs on threads of its own: the caller may have none for it, or may itself be such a task.
    fn wait<T: Send + 'static>(
        &self,
        action: &'static str,
        name: &str,
        request: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Result<T, ArtifactError> {
        let address = || format!("{}/{name}", self.address);
        let (sender, answer) = channel();
        let runtime = runtime().map_err(|error| failed(action, address(), &error))?;
        runtime.spawn(async move {
            // the caller waits
            let _ = sender.send(request.await);
        });
        let answer = answer.recv().map_err(|error| failed(action, address(), &error))?;
        answer.map_err(|error| failed(action, address(), &error))
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

fn open(address: &str) -> object_store::Result<Arc<dyn ObjectStore>> {
    let retry = RetryConfig { retry_timeout: MAX_RETRY, ..RetryConfig::default() };
    Ok(match address.split_once("://").map(|(scheme, _)| scheme) {
        Some("gs") => Arc::new(GoogleCloudStorageBuilder::from_env().with_url(address).with_retry(retry).build()?),
        Some("az") => Arc::new(MicrosoftAzureBuilder::from_env().with_url(address).with_retry(retry).build()?),
        _ => Arc::new(AmazonS3Builder::from_env().with_url(address).with_retry(retry).build()?),
    })
}

/// The threads of all buckets. They end with the process.
fn runtime() -> std::io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("bucket").enable_all().build()?;
    Ok(RUNTIME.get_or_init(|| runtime))
}

fn failed(action: &'static str, address: String, error: &dyn std::error::Error) -> ArtifactError {
    ArtifactError::Bucket { action, address, reason: crate::error_chain::line(error) }
}
