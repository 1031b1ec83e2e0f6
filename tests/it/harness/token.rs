//! The tokens that coordinators make for their own user, in a folder of the tests.

use proto::bearer::Bearer;
use proto::credential::Credential;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// What takes the place of the user's runtime folder. It is the same for all tests, as a user has one.
pub(crate) fn runtime_folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("runtime");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).unwrap();
    folder
}

/// Where the coordinator at `url` leaves its token.
pub(crate) fn token_path(url: &str) -> PathBuf {
    let address = url.strip_prefix("http://").unwrap().parse().unwrap();
    runtime_folder().join("splitsweep").join(proto::local::file_name(address))
}

/// Gives calls the token of a coordinator of this user, as it is at that moment.
#[derive(Clone)]
pub(crate) struct OwnToken(PathBuf);

impl OwnToken {
    /// The token of the coordinator at `url`.
    pub(crate) fn of(url: &str) -> Self {
        Self(token_path(url))
    }
}

impl Interceptor for OwnToken {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        // a coordinator that asks for none has made none
        let credential = Credential::read(&self.0).ok();
        Bearer::new(credential.as_ref().map(|credential| credential.secret.reveal())).unwrap().call(request)
    }
}
