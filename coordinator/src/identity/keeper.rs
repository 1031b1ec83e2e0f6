//! What a running coordinator knows of its folder of certificates. It looks at the files again and again, so they can be replaced
//! while it runs.

use super::Role;
use super::authority::{Authority, worker_of};
use super::folder::{Folder, IdentityError};
use proto::ids::WorkerId;
use rustls::crypto::ring::{default_provider, sign::any_supported_type};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error as TlsError, RootCertStore};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// The files whose changes are taken up.
const WATCHED: [&str; 3] = ["server.pem", "tokens", "revoked"];

/// What is kept of a secret. Its time of comparison tells nothing, and the secret does not follow from it.
#[must_use]
pub fn hash(secret: &[u8]) -> blake3::Hash {
    blake3::hash(secret)
}

/// Why a certificate lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It is from another CA, or not a worker's.
    #[error(
        "the certificate is not from this coordinator's CA: join with a token of the folder that it was started with (--certs)"
    )]
    Foreign,
    /// Its time is over, or has not come.
    #[error("the certificate is not valid at this time: compare the clocks, or enrol again")]
    Time,
    /// The worker was shut out.
    #[error("the certificate of this worker is revoked (coordinator certs --revoke)")]
    Revoked,
}

/// A folder, and what it holds.
pub struct Keeper {
    folder: Folder,
    authority: Authority,
    /// Checks what the CA has signed.
    verifier: Arc<dyn ClientCertVerifier>,
    ca: CertificateDer<'static>,
    /// How long the certificates of workers are valid.
    life: Duration,
    known: RwLock<Known>,
    stamps: Mutex<Vec<Option<Stamp>>>,
}

/// What may change.
struct Known {
    server: Arc<CertifiedKey>,
    tokens: Vec<(Role, blake3::Hash)>,
    revoked: BTreeSet<String>,
}

/// Tells a file from the one that takes its place.
type Stamp = (u64, i64, i64, u64);

fn stamp(path: &Path) -> Option<Stamp> {
    fs::metadata(path).ok().map(|found| (found.ino(), found.mtime(), found.mtime_nsec(), found.len()))
}

impl Keeper {
    /// Reads a folder. Workers get certificates for `life`.
    ///
    /// # Errors
    /// If the folder cannot be used.
    pub fn open(path: &Path, life: Duration) -> Result<Self, IdentityError> {
        let folder = Folder::open(path)?;
        let ca = folder.ca()?;
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone()).map_err(|error| folder.damaged("ca.crt", error))?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()));
        let verifier = verifier.build().map_err(|error| folder.damaged("ca.crt", error))?;
        let stamps = Mutex::new(stamps(&folder));
        let known = RwLock::new(Known::read(&folder, &ca)?);
        Ok(Self { authority: folder.authority()?, folder, verifier, ca, life, known, stamps })
    }

    /// Takes up what has changed. What cannot be used is said, and the old is kept.
    pub fn refresh(&self) {
        let new = stamps(&self.folder);
        let mut stamps = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        if *stamps == new {
            return;
        }
        *stamps = new;
        match Known::read(&self.folder, &self.ca) {
            Ok(known) => {
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
                tracing::warn!("the folder of certificates has changed; its new content is used from now on");
            }
            Err(error) => tracing::error!(
                "the folder of certificates cannot be used, so the old certificates and tokens stay valid: {error}"
            ),
        }
    }

    /// The coordinator's certificate.
    pub(super) fn server(&self) -> Arc<CertifiedKey> {
        self.with(|known| Arc::clone(&known.server))
    }

    /// Whether the coordinator's certificate is for that name or address.
    #[must_use]
    pub fn is_named(&self, host: &str) -> bool {
        let Ok(name) = ServerName::try_from(host) else { return false };
        let server = self.server();
        let certificate = server.cert.first().map(webpki::EndEntityCert::try_from);
        certificate.and_then(Result::ok).is_some_and(|found| found.verify_is_valid_for_subject_name(&name).is_ok())
    }

    /// The name under which other machines know the coordinator: the first that its certificate is for.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        self.folder.names().ok()?.into_iter().find(|name| self.is_named(name))
    }

    /// What a secret is for, if it is one of the tokens.
    #[must_use]
    pub fn role(&self, secret: &[u8]) -> Option<Role> {
        let hash = hash(secret);
        // compared as hashes, so that the time taken tells nothing of the secret
        self.with(|known| known.tokens.iter().find(|(_, expected)| *expected == hash).map(|(role, _)| *role))
    }

    /// What is kept of the token of a role; another token has another.
    #[must_use]
    pub fn token(&self, role: Role) -> Option<blake3::Hash> {
        self.with(|known| known.tokens.iter().find(|(of, _)| *of == role).map(|(_, hash)| *hash))
    }

    /// Whether a worker was shut out.
    ///
    /// # Errors
    /// If it was.
    pub fn check(&self, worker: WorkerId) -> Result<(), Invalid> {
        let is_revoked = self.with(|known| known.revoked.contains(&worker.alias()));
        if is_revoked { Err(Invalid::Revoked) } else { Ok(()) }
    }

    /// The worker that a certificate is for. That it was revoked is [`check`](Self::check)'s to say.
    ///
    /// # Errors
    /// If the CA has not signed it, or it is not valid now.
    pub fn worker(&self, certificate: &CertificateDer<'_>) -> Result<WorkerId, Invalid> {
        self.verifier.verify_client_cert(certificate, &[], UnixTime::now()).map_err(|error| match error {
            TlsError::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            ) => Invalid::Time,
            _ => Invalid::Foreign,
        })?;
        worker_of(certificate).ok_or(Invalid::Foreign)
    }

    /// A certificate for a worker with that P-256 key (the point), and how long it is valid.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn sign(&self, worker: WorkerId, point: &[u8]) -> Result<(Vec<u8>, Duration), String> {
        let signed = self.authority.worker(worker, point, self.life);
        signed.map(|certificate| (certificate, self.life)).map_err(|error| error.to_string())
    }

    fn with<T>(&self, ask: impl FnOnce(&Known) -> T) -> T {
        ask(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn stamps(folder: &Folder) -> Vec<Option<Stamp>> {
    WATCHED.iter().map(|name| stamp(&folder.path(name))).collect()
}

impl Known {
    fn read(folder: &Folder, ca: &CertificateDer<'static>) -> Result<Self, IdentityError> {
        let damaged = |error: String| folder.damaged("server.pem", error);
        let pem = folder.read("server.pem")?;
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| damaged(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| damaged(error.to_string()))?;
        let key = any_supported_type(&key).map_err(|error| damaged(error.to_string()))?;
        let server = Arc::new(CertifiedKey::new(vec![certificate, ca.clone()], key));
        let mut tokens = Vec::new();
        for line in folder.read("tokens")?.lines() {
            let token = line.split_once(' ').and_then(|(name, hash)| {
                let role = Role::ALL.into_iter().find(|role| role.name() == name)?;
                Some((role, blake3::Hash::from_hex(hash).ok()?))
            });
            tokens.push(token.ok_or_else(|| folder.damaged("tokens", "a line is not a role and a hash"))?);
        }
        let revoked = folder.read("revoked")?.lines().map(|line| line.trim().to_owned()).collect();
        Ok(Self { server, tokens, revoked })
    }
}
