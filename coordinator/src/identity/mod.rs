//! Who the coordinator is, and who may call it.
//!
//! ```text
//!  authority  the CA: signs the coordinator's certificate and those of workers
//!  folder     the files of `coordinator certs`
//!  guesses    counts wrong tokens by address, and says how to slow them    pure
//!  host       the names of this machine
//!  keeper     what a running coordinator knows of the folder; reads it again when a file has changed
//!  local      the token that lets in this user only
//!  tls        the coordinator's side of a TLS connection
//! ```

mod authority;
mod folder;
mod guesses;
mod host;
mod keeper;
mod local;
mod tls;

pub use folder::{Folder, IdentityError};
pub use guesses::{Guesses, Wrong};
pub use host::names;
pub use keeper::{Invalid, Keeper, hash};
pub use local::LocalToken;
pub use tls::{browser_config, server_config};

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Role {
    /// Lets workers get their certificates, and nothing else.
    Worker,
    /// Submits and cancels sweeps, and reads.
    Submitter,
    /// Reads status and tables.
    Reader,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::Worker, Self::Submitter, Self::Reader];

    /// Its name in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Submitter => "submitter",
            Self::Reader => "reader",
        }
    }
}
