//! A webhook: JSON in a POST, signed, and sent again with growing pauses until it is taken.

use crate::cli::{CliError, http};
use ring::hmac;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use ureq::Agent;
use ureq::http::{StatusCode, Uri};

/// The header with the signature: `sha256=`, and the HMAC of the body in hexadecimal digits.
const SIGNATURE: &str = "X-Splitsweep-Signature";
/// A call that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);
/// The first pause; each is twice as long as the one before.
const PAUSE: Duration = Duration::from_secs(1);
/// Maximum number of calls for one body: the last is about 17 minutes after the first.
const MAX_CALLS: u32 = 11;

/// Where it is, and what it is called with.
#[derive(Debug, Clone)]
pub(super) struct Webhook {
    url: Uri,
    agent: Agent,
    key: Option<Arc<hmac::Key>>,
}

/// An address that can be called.
pub(super) fn address(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|error| format!("{error}"))?;
    match (url.scheme_str(), url.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(url),
        _ => Err("expected http:// or https://, and a host".to_owned()),
    }
}

impl Webhook {
    /// Reads the key, if there is one.
    ///
    /// # Errors
    /// If the key cannot be read or is empty.
    pub(super) fn new(url: Uri, key: Option<&Path>) -> Result<Self, CliError> {
        let key = key.map(read_key).transpose()?.map(Arc::new);
        Ok(Self { url, agent: http::agent(PATIENCE), key })
    }

    /// Sends the body until it is taken; warns if it is refused, or never taken.
    pub(super) async fn call(&self, body: String) {
        // the path and the query may be secret
        let host = self.url.host().unwrap_or_default();
        let mut pause = PAUSE;
        for call in 1..=MAX_CALLS {
            let (webhook, sent) = (self.clone(), body.clone());
            let answer = spawn_blocking(move || webhook.send(&sent)).await;
            let problem = match answer.unwrap_or_else(|error| Err(error.to_string())) {
                Ok(status) if status.is_success() => return,
                Ok(status) if !may_change(status) => {
                    return tracing::warn!("the webhook at {host} refuses: {status}");
                }
                Ok(status) => status.to_string(),
                Err(why) => why,
            };
            if call == MAX_CALLS {
                return tracing::warn!("the webhook at {host} was called {call} times in vain: {problem}");
            }
            tracing::info!("the webhook at {host} is called again in {} s: {problem}", pause.as_secs());
            sleep(pause).await;
            pause *= 2;
        }
    }

    /// Sends the body once.
    fn send(&self, body: &str) -> Result<StatusCode, String> {
        let mut request = self.agent.post(&self.url).header("Content-Type", "application/json");
        if let Some(key) = &self.key {
            request = request.header(SIGNATURE, signature(key, body));
        }
        request.send(body).map(|answer| answer.status()).map_err(|error| error.to_string())
    }
}

/// The key: what the file has, without the end of its last line.
fn read_key(path: &Path) -> Result<hmac::Key, CliError> {
    let failed = |source| CliError::File { action: "read", path: path.to_owned(), source };
    let text = fs::read(path).map_err(failed)?;
    let key = text.trim_ascii_end();
    if key.is_empty() {
        return Err(CliError::Usage(format!("--webhook-key {}: the file is empty", path.display())));
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, key))
}

fn signature(key: &hmac::Key, body: &str) -> String {
    let mut text = "sha256=".to_owned();
    for byte in hmac::sign(key, body.as_bytes()).as_ref() {
        // writing to a string cannot fail
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Whether the same call may be taken later.
fn may_change(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn the_signature_is_that_of_the_standard() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"Jefe");
        let expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(signature(&key, "what do ya want for nothing?"), expected);
    }

    #[test]
    fn an_address_is_one_of_the_web() {
        assert!(address("https://chat.example/hook?x=1").is_ok() && address("http://127.0.0.1:1").is_ok());
        assert!(address("ftp://x").is_err() && address("nowhere").is_err());
    }
}
