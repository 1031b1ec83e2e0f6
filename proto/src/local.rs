//! Where the token of a coordinator lies that listens for its own user only. The coordinator makes the file; commands and workers of
//! the same user find it by the address, and other users of the machine cannot read it.
//!
//! ```text
//!  $XDG_RUNTIME_DIR/splitsweep/127.0.0.1-7070.token
//!  $HOME/.local/state/splitsweep/HOST/127.0.0.1-7070.token     without a runtime folder
//! ```

use crate::credential::{Credential, Secret};
use rustix::process::getuid;
use rustix::system::uname;
use std::env::var_os;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use tonic::codegen::http::Uri;

/// The folders that may hold tokens, the best first. The second is for sessions without a runtime folder, such as those of cron.
#[must_use]
pub fn folders() -> Vec<PathBuf> {
    let runtime = var_os("XDG_RUNTIME_DIR").map(|folder| Path::new(&folder).join("splitsweep"));
    // homes are shared by machines
    let system = uname();
    let host = OsStr::from_bytes(system.nodename().to_bytes());
    let home = var_os("HOME").map(|home| Path::new(&home).join(".local/state/splitsweep").join(host));
    [runtime, home].into_iter().flatten().filter(|folder| folder.is_absolute()).collect()
}

/// The name of the file for an address.
#[must_use]
pub fn file_name(address: SocketAddr) -> String {
    format!("{}-{}.token", address.ip(), address.port())
}

/// Makes the folder, if it is not there, and checks that it is this user's alone.
///
/// # Errors
/// If it cannot be made, or others may use it.
pub fn prepare(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    if is_private(folder) {
        return Ok(());
    }
    let problem = format!("{0} must be yours alone: chmod 700 {0}", folder.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, problem))
}

/// Whether the folder belongs to this user, and nobody else may use it. A link to one is not one: somebody else may have put it there.
fn is_private(folder: &Path) -> bool {
    let Ok(found) = fs::symlink_metadata(folder) else { return false };
    found.is_dir() && found.uid() == getuid().as_raw() && found.mode() & 0o077 == 0
}

/// The coordinator's address and the token that it made for this user, if `url` names this machine and there is a token.
#[must_use]
pub fn find(url: &Uri) -> Option<(SocketAddr, Secret)> {
    find_in(&folders(), url)
}

fn find_in(folders: &[PathBuf], url: &Uri) -> Option<(SocketAddr, Secret)> {
    let port = url.port_u16().unwrap_or(80);
    let host = url.host()?;
    let addresses = match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) if host == "localhost" => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        Err(_) => Vec::new(),
    };
    let addresses = addresses.into_iter().filter(IpAddr::is_loopback).map(|address| SocketAddr::new(address, port));
    for address in addresses {
        for folder in folders.iter().filter(|folder| is_private(folder)) {
            // one that is not there, or not as it must be, is none
            if let Ok(credential) = Credential::read(&folder.join(file_name(address))) {
                return Some((address, credential.secret));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_token_is_found_by_the_address_in_a_folder_of_one_s_own() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("run/splitsweep");
        let found = |url: &'static str| find_in(std::slice::from_ref(&folder), &Uri::from_static(url));
        assert_eq!(found("http://127.0.0.1:7070"), None, "there is no folder");
        prepare(&folder).expect("a folder");
        let address = SocketAddr::from(([127, 0, 0, 1], 7070));
        let path = folder.join(file_name(address));
        fs::write(&path, "correct horse battery staple").expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
        let secret = Some((address, Secret::new("correct horse battery staple")));
        assert_eq!(found("http://127.0.0.1:7070"), secret);
        assert_eq!(found("http://localhost:7070"), secret);
        for other in ["http://127.0.0.1:7071", "http://127.0.0.2:7070", "http://[::1]:7070", "http://head:7070"] {
            assert_eq!(found(other), None, "{other}");
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("permissions");
        assert_eq!(found("http://127.0.0.1:7070"), None, "the folder is open to others");
        assert!(prepare(&folder).expect_err("an open folder").to_string().contains("chmod 700"));
    }
}
