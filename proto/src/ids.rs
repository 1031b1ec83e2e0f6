//! Names of things. A newtype each, so that they cannot be mixed up.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {kind}: expected 32 lower-case hexadecimal digits")]
pub struct InvalidId {
    kind: &'static str,
    text: String,
}

macro_rules! hash_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(pub u128);

        impl $name {
            /// The first 128 bits of the BLAKE3 hash of `bytes`.
            #[must_use]
            pub fn of(bytes: &[u8]) -> Self {
                Self::first_of(blake3::hash(bytes))
            }

            /// The first 128 bits of a BLAKE3 hash.
            pub(crate) fn first_of(hash: blake3::Hash) -> Self {
                let mut first = [0; 16];
                first.copy_from_slice(&hash.as_bytes()[..16]);
                Self(u128::from_be_bytes(first))
            }

            /// The first 12 digits, for people.
            #[must_use]
            pub fn short(&self) -> String {
                self.to_string()[..12].to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let valid = text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                match u128::from_str_radix(text, 16) {
                    Ok(number) if valid => Ok(Self(number)),
                    _ => Err(InvalidId { kind: $kind, text: text.to_owned() }),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

hash_id!(
    /// A job: the hash of its [`JobSpec`](crate::spec::JobSpec), so the same job has the same id everywhere.
    JobId, "job id"
);
hash_id!(
    /// The content of a data set: the hash of its case ids and of every image's and mask's bytes.
    ContentHash, "content hash"
);
hash_id!(
    /// A split: the hash of the data set's content and of which of its cases are in which subset.
    SplitHash, "split hash"
);
hash_id!(
    /// The baselines of a split at one image size: the hash of their counts.
    BaselinesHash, "baselines hash"
);
hash_id!(
    /// A file of weights: the hash of its bytes.
    WeightsHash, "hash of weights"
);
hash_id!(
    /// One life of a worker process. Drawn by the worker at its start; a restarted worker is a new one.
    ///
    /// Whoever calls with it is taken for the worker, so nobody else is shown it: others are shown its [`alias`](Self::alias).
    WorkerId, "worker id"
);

impl WorkerId {
    /// What tells the worker from others wherever people or programs look; the id does not follow from it.
    #[must_use]
    pub fn alias(self) -> String {
        Self::of(&self.0.to_be_bytes()).short()
    }

    /// For people, who may know it by its name or by its alias: `gpu1 (0123456789ab)`; the alias alone where no name is known.
    #[must_use]
    pub fn named(self, name: &str) -> String {
        named(name, &self.alias())
    }
}

hash_id!(
    /// Proof of a lease: known only to the coordinator and the worker it was granted to.
    Token, "lease token"
);

/// The k-th execution of a job, counted from 1. Strictly increasing, so it fences late messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attempt(pub u32);

impl Attempt {
    /// The attempt after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One worker's time-limited right to one attempt of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lease {
    /// The job.
    pub job: JobId,
    /// Which execution of it.
    pub attempt: Attempt,
    /// Proof that this very lease was granted.
    pub token: Token,
}

/// A worker for people, see [`WorkerId::named`].
pub(crate) fn named(name: &str, alias: &str) -> String {
    if name.is_empty() || name == alias { alias.to_owned() } else { format!("{name} ({alias})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back_and_nothing_else_is() {
        let id = JobId::of(b"a job");
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in ["", "12", "+0000000000000000000000000000001", "ABCDEF00000000000000000000000000"] {
            assert!(wrong.parse::<JobId>().is_err(), "{wrong}");
        }
    }
}
