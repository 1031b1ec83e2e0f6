//! Token files: the secret that lets a caller in, and for TLS the hash of the CA that its coordinator must have.
//!
//! ```text
//!  S1<SHA-256 of the CA's certificate>::<secret>     made by `coordinator certs`, for https://
//!  any other text of at least 16 characters           for http://, on networks that are trusted
//! ```

use ring::digest::{SHA256, digest};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What a token of `coordinator certs` begins with: the version of the format.
const PREFIX: &str = "S1";
/// What stands between the hash and the secret.
const SEPARATOR: &str = "::";
/// Fewest characters of a secret: 128 bits.
const MIN_LENGTH: usize = 16;
/// Most characters of a token file.
const MAX_LENGTH: u64 = 4096;

/// A secret. Nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret of that text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, to be sent or stored.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The SHA-256 of a CA's certificate (DER). Whoever has the hash needs no other proof of the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaHash([u8; 32]);

impl CaHash {
    /// The hash of a certificate.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, certificate).as_ref());
        Self(hash)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (index, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
        }
        Some(Self(hash))
    }
}

impl fmt::Display for CaHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a token file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The CA that the coordinator must have, if the token was made by `coordinator certs`.
    pub ca: Option<CaHash>,
    /// What calls bear.
    pub secret: Secret,
}

/// The variable that names a token file for the programs that call a coordinator.
const VARIABLE: &str = "SPLITSWEEP_TOKEN_FILE";

impl Credential {
    /// The token file that the environment names.
    #[must_use]
    pub fn file_of_environment() -> Option<PathBuf> {
        std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
    }

    /// What a text holds.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let parts = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once(SEPARATOR));
        let pinned = parts.and_then(|(hash, secret)| Some((CaHash::parse(hash)?, secret)));
        match pinned {
            Some((ca, secret)) => Self { ca: Some(ca), secret: Secret::new(secret) },
            None => Self { ca: None, secret: Secret::new(text) },
        }
    }

    /// The line of a token file.
    #[must_use]
    pub fn line(&self) -> String {
        let secret = self.secret.reveal();
        self.ca.map_or_else(|| format!("{secret}\n"), |ca| format!("{PREFIX}{ca}{SEPARATOR}{secret}\n"))
    }

    /// Reads a token file. The file must be its owner's alone, but for those that systemd hands over (`LoadCredential=`): their folder
    /// keeps others out.
    ///
    /// # Errors
    /// If the file cannot be read, others may read it, or it holds no token.
    pub fn read(path: &Path) -> Result<Self, TokenFileError> {
        let handed_over =
            std::env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|folder| path.starts_with(Path::new(&folder)));
        Self::read_checked(path, !handed_over)
    }

    fn read_checked(path: &Path, must_be_private: bool) -> Result<Self, TokenFileError> {
        let failed = |source| TokenFileError::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode();
        if must_be_private && mode & 0o077 != 0 {
            return Err(TokenFileError::TooOpen { path: path.to_owned(), mode: mode & 0o777 });
        }
        let mut text = String::new();
        file.take(MAX_LENGTH).read_to_string(&mut text).map_err(failed)?;
        let credential = Self::parse(text.trim());
        match credential.secret.reveal().len() {
            0 => Err(TokenFileError::Empty { path: path.to_owned() }),
            1..MIN_LENGTH => Err(TokenFileError::TooShort { path: path.to_owned() }),
            _ => Ok(credential),
        }
    }
}

/// Why a token file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// It cannot be read.
    #[error("cannot read the token file {path}: {source}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Other users may read or change it.
    #[error("the token file {path} is open to other users (mode {mode:03o}): chmod 600 {path}", path = .path.display())]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// There is nothing in it.
    #[error("the token file {path} is empty", path = .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It can be guessed.
    #[error(
        "the token in {path} has fewer than {MIN_LENGTH} characters, which can be guessed: use that of `openssl rand -hex 16`",
        path = .path.display()
    )]
    TooShort {
        /// The file.
        path: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read(text: &str, mode: u32) -> Result<Credential, TokenFileError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("permissions");
        Credential::read_checked(&path, true)
    }

    #[test]
    fn a_token_with_the_hash_of_a_ca_is_read_back() {
        let made = Credential { ca: Some(CaHash::of(b"a certificate")), secret: Secret::new("0123456789abcdef") };
        assert_eq!(read(&made.line(), 0o600).expect("a token"), made);
        assert!(made.line().starts_with("S1") && made.line().lines().count() == 1);
        let own = read("  correct horse battery staple\n", 0o400).expect("a token");
        assert_eq!((own.ca, own.secret.reveal()), (None, "correct horse battery staple"));
        let cut = &made.line()[..60];
        assert_eq!(Credential::parse(cut).ca, None);
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_with_the_remedy() {
        for mode in [0o640, 0o604, 0o620, 0o666] {
            let text = read("correct horse battery staple", mode).expect_err("too open").to_string();
            assert!(text.contains("chmod 600 ") && text.contains(&format!("{mode:03o}")), "{text}");
            assert!(!text.contains("horse"), "{text}");
        }
    }

    #[test]
    fn what_can_be_guessed_is_no_token() {
        assert!(matches!(read("\n", 0o600), Err(TokenFileError::Empty { .. })));
        assert!(matches!(read("123456789012345\n", 0o600), Err(TokenFileError::TooShort { .. })));
        assert!(read("1234567890123456\n", 0o600).is_ok());
        let short = Credential { ca: Some(CaHash::of(b"")), secret: Secret::new("123") };
        assert!(matches!(read(&short.line(), 0o600), Err(TokenFileError::TooShort { .. })));
    }

    #[test]
    fn secrets_are_not_printed() {
        let credential = Credential::parse("correct horse battery staple");
        assert_eq!(format!("{credential:?}"), "Credential { ca: None, secret: *** }");
    }
}
