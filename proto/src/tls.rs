//! TLS to a coordinator whose CA is known by its hash.
//!
//! The coordinator sends its CA's certificate after its own. The chain is accepted only if one of its certificates has the hash that the
//! token names; then name and dates are checked as usual. So no byte of a secret leaves before the coordinator has proved who it is.

use crate::credential::CaHash;
use hyper_util::rt::TokioIo;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring as provider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as RustlsError, OtherError, RootCertStore,
    SignatureScheme, version,
};
use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::codegen::Service;
use tonic::codegen::http::Uri;

/// What gRPC is called in TLS.
pub const ALPN: &[u8] = b"h2";
/// The head of a P-256 public key (DER of a `SubjectPublicKeyInfo`); the point of 65 bytes follows.
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The point of a P-256 public key, if the bytes are the DER of one.
#[must_use]
pub fn p256_point(public_key: &[u8]) -> Option<&[u8]> {
    public_key.strip_prefix(&P256).filter(|point| point.len() == 65 && point[0] == 4)
}

/// A key of a worker. It is never written anywhere.
pub struct Key {
    private: Vec<u8>,
    public: Vec<u8>,
}

impl Key {
    /// A new key.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn generate() -> io::Result<Self> {
        let random = SystemRandom::new();
        let failed = || io::Error::other("the system has no random numbers");
        let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).map_err(|_| failed())?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, private.as_ref(), &random);
        let pair = pair.map_err(|_| failed())?;
        let public = [&P256, pair.public_key().as_ref()].concat();
        Ok(Self { private: private.as_ref().to_vec(), public })
    }

    /// The public half: the DER of a `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        &self.public
    }
}

/// Why there is no TLS connection.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TlsError {
    /// The coordinator is another one, or somebody stands between.
    #[error(
        "its CA is not the one that the token names: take a token from the folder that the coordinator was started with (--certs)"
    )]
    WrongCa,
    /// The certificate does not name the host.
    #[error(
        "its certificate is not for `{0}`: use a name that it has, or give it this one: coordinator certs DIR --renew {0} ..."
    )]
    WrongName(String),
    /// The certificate's time is over, or has not come.
    #[error(
        "its certificate is not valid at this time: compare the clocks, or renew it: coordinator certs DIR --renew"
    )]
    WrongTime,
    /// What answers does not speak TLS.
    #[error("it does not speak TLS: if it was started without --certs, its address begins with http://")]
    NotTls,
    /// Anything else.
    #[error(transparent)]
    Other(RustlsError),
}

impl TlsError {
    fn of(error: RustlsError, host: &str) -> Self {
        match &error {
            RustlsError::InvalidCertificate(why) => match why {
                CertificateError::Other(OtherError(inner)) if inner.is::<Self>() => Self::WrongCa,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    Self::WrongName(host.to_owned())
                }
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Self::WrongTime,
                _ => Self::Other(error),
            },
            RustlsError::InvalidMessage(_) => Self::NotTls,
            _ => Self::Other(error),
        }
    }

    /// Finds the error among an error's causes.
    #[must_use]
    pub fn among<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            let inner = inner.and_then(|inner| inner.downcast_ref::<Self>());
            if let Some(found) = inner.or_else(|| error.downcast_ref::<Self>()) {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}

/// Makes TLS connections for a channel.
#[derive(Clone)]
pub struct Connector(Arc<ClientConfig>);

impl Connector {
    /// For a coordinator with that CA; with a certificate (DER) of the key's, if there is one.
    ///
    /// # Errors
    /// If key and certificate are not a pair.
    pub fn new(ca: CaHash, identity: Option<(&Key, Vec<u8>)>) -> Result<Self, TlsError> {
        let provider = Arc::new(provider::default_provider());
        let verifier = Pinned { ca, provider: Arc::clone(&provider) };
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])
            .map_err(TlsError::Other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match identity {
            Some((key, certificate)) => {
                let private = PrivatePkcs8KeyDer::from(key.private.clone());
                config.with_client_auth_cert(vec![certificate.into()], private.into()).map_err(TlsError::Other)?
            }
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        // every connection proves anew who is at both ends
        config.resumption = Resumption::disabled();
        Ok(Self(Arc::new(config)))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = TlsConnector::from(Arc::clone(&self.0));
        Box::pin(async move {
            let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
            let stream = TcpStream::connect((host.as_str(), uri.port_u16().unwrap_or(443))).await?;
            stream.set_nodelay(true)?;
            let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
            let connected = connector.connect(name, stream).await;
            connected.map(TokioIo::new).map_err(|error| match error.get_ref().and_then(|e| e.downcast_ref()) {
                Some(cause) => io::Error::new(error.kind(), TlsError::of(RustlsError::clone(cause), &host)),
                None => error,
            })
        })
    }
}

/// Accepts what a CA of that hash has signed.
#[derive(Debug)]
struct Pinned {
    ca: CaHash,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        let wrong = || CertificateError::Other(OtherError(Arc::new(TlsError::WrongCa)));
        let ca = chain.iter().find(|certificate| CaHash::of(certificate) == self.ca).ok_or_else(wrong)?;
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider)).build();
        let verifier = verifier.map_err(|error| RustlsError::General(error.to_string()))?;
        verifier.verify_server_cert(end_entity, &[], name, ocsp, now).map_err(|error| match error {
            // somebody has sent the right CA's certificate with one that it has not signed
            RustlsError::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
                wrong().into()
            }
            error => error,
        })
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        Err(RustlsError::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_told_from_other_bytes() {
        let key = Key::generate().expect("a key");
        assert_eq!(p256_point(key.public()).map(<[u8]>::len), Some(65));
        for wrong in [&[][..], &key.public()[1..], &key.public()[..90], &[0; 91]] {
            assert_eq!(p256_point(wrong), None);
        }
    }
}
