//! The files of `coordinator certs`.
//!
//! ```text
//!  ca.crt, ca.key    the CA
//!  server.pem        the coordinator's certificate and key
//!  names             what the certificate is for, one name a line
//!  tokens            a line a role: its name and the BLAKE3 of its secret
//!  revoked           aliases of workers that are not let in any more, one a line
//!  ROLE.token        for the hosts of workers and of people; the coordinator does not need them
//! ```
//!
//! All are their owner's alone. Each is written beside its place and renamed, so a coordinator that reads meanwhile finds the old or the
//! new one.

use super::Role;
use super::authority::Authority;
use super::keeper::hash;
use proto::credential::{CaHash, Credential, Secret};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Names that every certificate has, for commands on the coordinator's own machine.
const OWN: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file cannot be read or written.
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// It was not made by `coordinator certs`.
    #[error("{path} holds no certificates: make them with coordinator certs {path}", path = .0.display())]
    Empty(PathBuf),
    /// It has a CA already.
    #[error(
        "{path} has certificates already: --renew makes a new one for the coordinator, --new-token ROLE a new token; another CA needs another folder",
        path = .0.display()
    )]
    Occupied(PathBuf),
    /// Others may read or change it.
    #[error("{path} is open to other users: chmod {mode} {path}", path = .path.display())]
    TooOpen {
        /// The file or folder.
        path: PathBuf,
        /// What it should have.
        mode: &'static str,
    },
    /// A name that no certificate can have.
    #[error("`{0}` is not a host's name or address")]
    Name(String),
    /// A text that is no alias.
    #[error("`{0}` is not the alias of a worker: expected 12 hexadecimal digits, as in coordinator status --json")]
    Alias(String),
    /// A file does not hold what it should.
    #[error("{path} is damaged: {reason}", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// A folder of certificates and tokens.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes the CA, a certificate for these names, and a token for each role.
    ///
    /// # Errors
    /// If there is a CA already, or the files cannot be written.
    pub fn create(path: &Path, names: &[String]) -> Result<Self, IdentityError> {
        let folder = Self(path.to_owned());
        if folder.path("ca.crt").exists() {
            return Err(IdentityError::Occupied(path.to_owned()));
        }
        check_names(names)?;
        let failed = |source| IdentityError::File { action: "make", path: path.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        private(path, 0o700, "700")?;
        let (authority, ca) = Authority::create().map_err(|error| folder.damaged("ca.key", error))?;
        folder.write("ca.key", &ca.key)?;
        folder.write("revoked", "")?;
        folder.write("tokens", "")?;
        folder.write_server(&authority, names)?;
        // the last but for the tokens: what was interrupted before begins again
        folder.write("ca.crt", &ca.certificate)?;
        for role in Role::ALL {
            folder.new_token(role)?;
        }
        Ok(folder)
    }

    /// A folder that `create` has made.
    ///
    /// # Errors
    /// If it is not one, or is open to others.
    pub fn open(path: &Path) -> Result<Self, IdentityError> {
        let folder = Self(path.to_owned());
        if !folder.path("ca.crt").exists() {
            return Err(IdentityError::Empty(path.to_owned()));
        }
        private(path, 0o700, "700")?;
        for name in ["ca.key", "server.pem", "tokens", "revoked"] {
            private(&folder.path(name), 0o600, "600")?;
        }
        Ok(folder)
    }

    /// Makes a new certificate for the coordinator, with a new key; for the names of the old one, unless others are given.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn renew(&self, names: &[String]) -> Result<(), IdentityError> {
        check_names(names)?;
        let old = self.names()?;
        let names = if names.is_empty() { &old } else { names };
        self.write_server(&self.authority()?, names)
    }

    /// Has the worker of that alias refused from now on.
    ///
    /// # Errors
    /// If it is not an alias, or the file cannot be written.
    pub fn revoke(&self, alias: &str) -> Result<(), IdentityError> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if alias.len() != 12 || !alias.bytes().all(is_digit) {
            return Err(IdentityError::Alias(alias.to_owned()));
        }
        let mut revoked = self.read("revoked")?;
        if !revoked.lines().any(|line| line == alias) {
            revoked += &format!("{alias}\n");
        }
        self.write("revoked", &revoked)
    }

    /// Makes a new token for a role. The old one is not valid any more.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn new_token(&self, role: Role) -> Result<(), IdentityError> {
        let secret = Secret::new(format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>()));
        let line = format!("{} {}", role.name(), hash(secret.reveal().as_bytes()));
        let others = self.read("tokens")?;
        let others = others.lines().filter(|line| line.split(' ').next() != Some(role.name()));
        let tokens: String = others.chain([line.as_str()]).map(|line| format!("{line}\n")).collect();
        let credential = Credential { ca: Some(CaHash::of(&self.ca()?)), secret };
        self.write(&Self::token_name(role), &credential.line())?;
        self.write("tokens", &tokens)
    }

    /// The name of the file with a role's token.
    #[must_use]
    pub fn token_name(role: Role) -> String {
        format!("{}.token", role.name())
    }

    /// The names that the coordinator's certificate is for.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn names(&self) -> Result<Vec<String>, IdentityError> {
        Ok(self.read("names")?.lines().map(str::to_owned).collect())
    }

    /// A file of the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The CA's certificate.
    pub(super) fn ca(&self) -> Result<CertificateDer<'static>, IdentityError> {
        let text = self.read("ca.crt")?;
        CertificateDer::from_pem_slice(text.as_bytes()).map_err(|error| self.damaged("ca.crt", error))
    }

    /// The CA.
    pub(super) fn authority(&self) -> Result<Authority, IdentityError> {
        Authority::of(&self.read("ca.key")?).map_err(|error| self.damaged("ca.key", error))
    }

    pub(super) fn read(&self, name: &str) -> Result<String, IdentityError> {
        let path = self.path(name);
        fs::read_to_string(&path).map_err(|source| IdentityError::File { action: "read", path, source })
    }

    pub(super) fn damaged(&self, name: &str, reason: impl ToString) -> IdentityError {
        IdentityError::Damaged { path: self.path(name), reason: reason.to_string() }
    }

    fn write_server(&self, authority: &Authority, names: &[String]) -> Result<(), IdentityError> {
        let mut all: Vec<_> = names.iter().map(String::as_str).collect();
        all.extend(OWN.iter().filter(|own| !names.iter().any(|name| name == *own)));
        let all: Vec<_> = all.into_iter().map(str::to_owned).collect();
        let pair = authority.server(&all).map_err(|error| self.damaged("ca.key", error))?;
        self.write("names", &all.iter().map(|name| format!("{name}\n")).collect::<String>())?;
        self.write("server.pem", &(pair.certificate + &pair.key))
    }

    fn write(&self, name: &str, text: &str) -> Result<(), IdentityError> {
        let path = self.path(name);
        let place = || -> io::Result<()> {
            // 0600 from the start
            let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.0)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        place().map_err(|source| IdentityError::File { action: "write", path: path.clone(), source })
    }
}

/// Checks that only its owner may use it.
fn private(path: &Path, mode: u32, text: &'static str) -> Result<(), IdentityError> {
    let failed = |source| IdentityError::File { action: "read", path: path.to_owned(), source };
    let found = fs::metadata(path).map_err(failed)?.permissions().mode();
    if found & 0o777 & !mode == 0 {
        return Ok(());
    }
    Err(IdentityError::TooOpen { path: path.to_owned(), mode: text })
}

/// Checks that TLS clients could ask for these names.
fn check_names(names: &[String]) -> Result<(), IdentityError> {
    let is_wrong = |name: &&String| rustls::pki_types::ServerName::try_from(name.as_str()).is_err();
    names.iter().find(is_wrong).map_or(Ok(()), |name| Err(IdentityError::Name(name.clone())))
}
