//! The token of a coordinator that only its own user may call: a file that other users of the machine cannot read.

use proto::credential::Secret;
use proto::local::{file_name, folders, prepare};
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A token, and the file in which commands and workers of this user find it. The file goes with it.
#[derive(Debug)]
pub struct LocalToken {
    secret: Secret,
    path: PathBuf,
}

impl LocalToken {
    /// Draws a token for the coordinator at `address`. One that an earlier coordinator has left is replaced.
    ///
    /// # Errors
    /// If there is no folder for it.
    pub fn create(address: SocketAddr) -> io::Result<Self> {
        let secret = Secret::new(format!("{:032x}", rand::random::<u128>()));
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "neither XDG_RUNTIME_DIR nor HOME is set");
        for folder in folders() {
            let token = Self { secret: secret.clone(), path: folder.join(file_name(address)) };
            match token.write() {
                Ok(()) => return Ok(token),
                Err(error) => failure = io::Error::new(error.kind(), format!("{}: {error}", folder.display())),
            }
        }
        Err(failure)
    }

    /// What calls must bear.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Puts the file back if it is not there: the folder of a session goes when its user logs out, and the coordinator may stay.
    pub fn keep(&self) {
        if !self.path.exists() {
            // the folder may come back when the user does
            let _ = self.write();
        }
    }

    fn write(&self) -> io::Result<()> {
        let folder = self.path.parent().ok_or(io::ErrorKind::NotFound)?;
        prepare(folder)?;
        // 0600 from the start
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
        writeln!(file, "{}", self.secret.reveal())?;
        file.persist(&self.path)?;
        Ok(())
    }
}

impl Drop for LocalToken {
    fn drop(&mut self) {
        // the next coordinator replaces what stays
        let _ = fs::remove_file(&self.path);
    }
}
