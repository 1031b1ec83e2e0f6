//! The token that every call bears, if the coordinator asks for one.

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// A token that cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token may only have visible ASCII characters")]
pub struct InvalidToken;

/// Adds the token to every call of a client.
#[derive(Debug, Clone)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    /// Bears `token`, or nothing.
    ///
    /// # Errors
    /// If the token has characters that cannot be sent.
    pub fn new(token: Option<&str>) -> Result<Self, InvalidToken> {
        let value = token.map(|token| header(token).parse()).transpose();
        Ok(Self(value.map_err(|_| InvalidToken)?))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert(HEADER, token.clone());
        }
        Ok(request)
    }
}

/// Where the token stands.
pub const HEADER: &str = "authorization";

/// What stands there before the token.
pub const SCHEME: &str = "Bearer ";

fn header(token: &str) -> String {
    format!("{SCHEME}{token}")
}
