//! The secrets of the page: what browsers show to stay in, and what forms bear that have something done.

use proto::credential::Secret;
use proto::local::{folders, prepare};
use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

/// What a browser may do that was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// See everything.
    Look,
    /// Have something done too, where the page does anything.
    Act,
}

/// What tells the token of a right from the one that takes its place; empty where there is none that could be replaced.
pub type Tokens = Arc<dyn Fn(Right) -> String + Send + Sync>;

/// What lets a browser in, until the token of its right is replaced.
pub struct Keys {
    secret: Secret,
    tokens: Tokens,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// What the forms of a page must bear that have something done: no other site knows it.
#[derive(Clone)]
pub(super) struct Forms([u8; 32]);

impl Forms {
    /// For the form that is sent to that path.
    pub(super) fn token(&self, path: &str) -> String {
        blake3::keyed_hash(&self.0, path.as_bytes()).to_string()
    }

    /// Whether a form for that path bears it.
    pub(super) fn is_token(&self, given: &str, path: &str) -> bool {
        is_same(given, &self.token(path))
    }
}

impl Keys {
    /// Those of the page at `address`: of an earlier program, if it has left any, so that its viewers stay in.
    #[must_use]
    pub fn kept(address: SocketAddr) -> Self {
        let name = format!("{}-{}.page", address.ip(), address.port());
        let fresh = Self::fresh();
        for folder in folders() {
            match prepare(&folder).and_then(|()| fresh.kept_in(&folder.join(&name))) {
                Ok(kept) => return kept,
                // without a folder viewers are let in anew after a restart
                Err(error) => tracing::debug!(%error, folder = %folder.display(), "the page's key is not kept"),
            }
        }
        fresh
    }

    /// New ones, which end with the program.
    #[must_use]
    pub fn fresh() -> Self {
        Self::of(Secret::new(random()))
    }

    fn of(secret: Secret) -> Self {
        Self { secret, tokens: Arc::new(|_| String::new()) }
    }

    /// The same for cookies that end with these tokens.
    #[must_use]
    pub fn until(self, tokens: Tokens) -> Self {
        Self { tokens, ..self }
    }

    /// The name of the cookie: pages of several programs may have one host name.
    pub(super) fn name(&self) -> String {
        format!("splitsweep-{}", &blake3::hash(self.secret.reveal().as_bytes()).to_hex()[..12])
    }

    /// The cookie of a browser that may do that, while the token of that right is the one of now. From one right's the other's does not
    /// follow.
    pub(super) fn cookie(&self, right: Right) -> String {
        let purpose = match right {
            Right::Look => "splitsweep page reader",
            Right::Act => "splitsweep page submitter",
        };
        blake3::keyed_hash(&self.purpose(purpose), (self.tokens)(right).as_bytes()).to_string()
    }

    /// What the browser with that cookie may do.
    pub(super) fn right(&self, cookie: &str) -> Option<Right> {
        [Right::Act, Right::Look].into_iter().find(|right| is_same(cookie, &self.cookie(*right)))
    }

    /// What the forms must bear of browsers that may have something done.
    pub(super) fn forms(&self) -> Forms {
        Forms(self.purpose("splitsweep page form"))
    }

    fn purpose(&self, purpose: &str) -> [u8; 32] {
        blake3::derive_key(purpose, self.secret.reveal().as_bytes())
    }

    /// What the file has; if that is none, these, and the file has them from then on.
    fn kept_in(&self, path: &Path) -> io::Result<Self> {
        let is_private = fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o077 == 0);
        let text = if is_private { fs::read_to_string(path).unwrap_or_default() } else { String::new() };
        let secret = self.secret.reveal();
        let is_key = text.trim().len() == secret.len() && text.trim().bytes().all(|c| c.is_ascii_hexdigit());
        if is_key {
            return Ok(Self::of(Secret::new(text.trim())));
        }
        let folder = path.parent().ok_or(io::ErrorKind::NotFound)?;
        let mut file =
            tempfile::Builder::new().permissions(Permissions::from_mode(0o600)).prefix(".new-").tempfile_in(folder)?;
        writeln!(file, "{secret}")?;
        file.persist(path)?;
        Ok(Self::of(self.secret.clone()))
    }
}

/// 256 bits that nobody can guess, in hexadecimal digits.
pub(super) fn random() -> String {
    format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>())
}

/// Whether two secrets are the same. How long that takes tells nothing of them: hashes are compared in constant time.
pub(super) fn is_same(given: &str, secret: &str) -> bool {
    blake3::hash(given.as_bytes()) == blake3::hash(secret.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;
    use std::sync::Mutex;

    #[test]
    fn a_key_is_kept_in_a_file_that_is_this_user_s_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page");
        let first = Keys::fresh().kept_in(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Keys::fresh().kept_in(&path).unwrap().secret, first.secret);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let second = Keys::fresh().kept_in(&path).unwrap();
        assert_ne!(second.secret, first.secret, "others may have read it");
        fs::write(&path, "short").unwrap();
        assert_ne!(Keys::fresh().kept_in(&path).unwrap().secret, second.secret);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_cookie_ends_with_the_token_of_its_right_and_no_other() {
        let reader = Arc::new(Mutex::new("first".to_owned()));
        let now = Arc::clone(&reader);
        let keys = Keys::fresh().until(Arc::new(move |right| match right {
            Right::Look => now.lock().unwrap().clone(),
            Right::Act => "first".to_owned(),
        }));
        let [look, act] = [Right::Look, Right::Act].map(|right| keys.cookie(right));
        assert_eq!((keys.right(&look), keys.right(&act)), (Some(Right::Look), Some(Right::Act)));
        "second".clone_into(&mut reader.lock().unwrap());
        assert_eq!((keys.right(&look), keys.right(&act)), (None, Some(Right::Act)));
        assert_eq!(keys.right(&keys.cookie(Right::Look)), Some(Right::Look));
    }

    #[test]
    fn who_looks_has_another_cookie_than_who_acts_and_forms_bear_neither() {
        let (keys, others) = (Keys::fresh(), Keys::fresh());
        let [look, act] = [Right::Look, Right::Act].map(|right| keys.cookie(right));
        assert_eq!((keys.right(&look), keys.right(&act)), (Some(Right::Look), Some(Right::Act)));
        for wrong in ["", &look[1..], &others.cookie(Right::Look), &others.cookie(Right::Act)] {
            assert_eq!(keys.right(wrong), None, "{wrong}");
        }
        let (forms, path) = (keys.forms(), "/sweep/full/cancel");
        let token = forms.token(path);
        assert!(forms.is_token(&token, path) && token != look && token != act);
        for wrong in ["", &token[1..], &look, &act, &others.forms().token(path), &forms.token("/sweep/full/retry")] {
            assert!(!forms.is_token(wrong, path), "{wrong}");
        }
    }
}
