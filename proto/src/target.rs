//! A coordinator to call: where it is, and what calls to it bear.

use crate::address::{self, InvalidAddress};
use crate::credential::{CaHash, Credential, Secret};
use crate::local;
use tonic::transport::Endpoint;

/// A coordinator, and how it lets this caller in.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it is; nothing is connected yet.
    pub endpoint: Endpoint,
    /// What calls bear.
    pub secret: Option<Secret>,
    /// The CA that it must have; none without TLS.
    pub ca: Option<CaHash>,
}

/// Why a coordinator cannot be called like that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// There is no such address.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// TLS needs to know the coordinator's CA.
    #[error("{url} needs a token made by `coordinator certs`: give it with {option} FILE")]
    NoCa {
        /// The address.
        url: String,
        /// The option that takes the token.
        option: &'static str,
    },
    /// The secret would leave in the clear.
    #[error(
        "the token is for a coordinator with certificates, and {0} is not encrypted: its address begins with https://"
    )]
    NotEncrypted(String),
}

impl Target {
    /// The coordinator at `url`. Without a credential a coordinator of this user on this machine is called with the token that it has
    /// made. `option` is the one that takes a credential for TLS.
    ///
    /// # Errors
    /// If there is no such address, or the credential is for other connections.
    pub fn of(url: &str, credential: Option<Credential>, option: &'static str) -> Result<Self, TargetError> {
        let endpoint = address::endpoint(url)?;
        let url = url.to_owned();
        match (address::is_tls(&endpoint), credential) {
            (true, Some(Credential { ca: Some(ca), secret })) => {
                Ok(Self { endpoint: behind_tls(&endpoint)?, secret: Some(secret), ca: Some(ca) })
            }
            (true, _) => Err(TargetError::NoCa { url, option }),
            (false, Some(Credential { ca: Some(_), .. })) => Err(TargetError::NotEncrypted(url)),
            (false, Some(Credential { ca: None, secret })) => Ok(Self { endpoint, secret: Some(secret), ca: None }),
            (false, None) => match local::find(endpoint.uri()) {
                // at the very address, so that no other program of that name gets the token
                Some((address, secret)) => {
                    let endpoint = address::endpoint(&format!("http://{address}"))?;
                    Ok(Self { endpoint, secret: Some(secret), ca: None })
                }
                None => Ok(Self { endpoint, secret: None, ca: None }),
            },
        }
    }
}

/// The same for `tls::Connector`. To tonic its connections are like any other: of an address with `https://` it would want to make
/// TLS itself, where another package has switched that on.
fn behind_tls(endpoint: &Endpoint) -> Result<Endpoint, InvalidAddress> {
    let origin = endpoint.uri().clone();
    let (host, port) = (origin.host().unwrap_or_default(), origin.port_u16().unwrap_or(443));
    Ok(address::endpoint(&format!("http://{host}:{port}"))?.origin(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_for_tls_never_leaves_in_the_clear() {
        let pinned = Credential { ca: Some(CaHash::of(b"a CA")), secret: Secret::new("0123456789abcdef") };
        let plain = Credential { ca: None, ..pinned.clone() };
        let error = |url: &str, credential| Target::of(url, credential, "--join").expect_err("a mistake").to_string();
        assert!(error("http://head:7070", Some(pinned.clone())).contains("begins with https://"));
        for credential in [None, Some(plain.clone())] {
            assert!(error("https://head:7070", credential).contains("--join FILE"));
        }
        let target = Target::of("https://head:7070", Some(pinned.clone()), "--join").expect("a target");
        assert_eq!((target.ca, target.secret), (pinned.ca, Some(pinned.secret.clone())));
        // tonic hands it to the connector as it is
        for (url, uri) in [("https://head:7070", "http://head:7070/"), ("https://[::1]", "http://[::1]:443/")] {
            let target = Target::of(url, Some(pinned.clone()), "--join").expect("a target");
            assert_eq!(target.endpoint.uri().to_string(), uri);
        }
        let target = Target::of("http://head:7070", Some(plain), "--join").expect("a target");
        assert!(target.ca.is_none() && target.secret.is_some());
    }
}
