//! The address at which a coordinator is called.

use tonic::transport::Endpoint;

/// A text that is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a coordinator's address: expected http://HOST:PORT, or https://HOST:PORT for one with certificates"
)]
pub struct InvalidAddress(String);

/// The coordinator at `url`; nothing is connected yet.
///
/// # Errors
/// If it is not `http://` or `https://` and a host, with a port or not.
pub fn endpoint(url: &str) -> Result<Endpoint, InvalidAddress> {
    let is_address = |endpoint: &Endpoint| {
        let uri = endpoint.uri();
        let host = uri.host().unwrap_or_default();
        // a port that is none would be passed over
        let is_whole = uri.port_u16().is_some() || uri.authority().is_some_and(|all| all.as_str().ends_with(host));
        matches!(uri.scheme_str(), Some("http" | "https")) && !host.is_empty() && is_whole
    };
    Endpoint::from_shared(url.to_owned()).ok().filter(is_address).ok_or_else(|| InvalidAddress(url.to_owned()))
}

/// Whether the coordinator there has certificates.
#[must_use]
pub fn is_tls(endpoint: &Endpoint) -> bool {
    endpoint.uri().scheme_str() == Some("https")
}

#[cfg(test)]
mod tests {
    use super::endpoint;

    #[test]
    fn only_a_host_and_perhaps_a_port_are_an_address() {
        for url in [
            "http://gpu7",
            "http://gpu7:7070",
            "http://127.0.0.1:7070/",
            "http://[::1]:7070",
            "http://[::1]",
            "https://gpu7",
        ] {
            assert!(endpoint(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "gpu7",
            "gpu7:7070",
            "ftp://gpu7",
            "https://",
            "http://",
            "http://:7070",
            "http://gpu7:",
            "http://gpu7:70700",
        ] {
            assert!(endpoint(url).is_err(), "{url}");
        }
    }
}
