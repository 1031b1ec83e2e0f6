//! The worker's certificate: asked for with the first call, renewed at half of its life. Key and certificate are kept in memory only, so
//! a worker that starts again enrols again.

use super::client::ConnectError;
use proto::bearer::Bearer;
use proto::credential::{CaHash, Secret};
use proto::error_chain;
use proto::ids::WorkerId;
use proto::tls::{Connector, Key, TlsError};
use proto::wire::EnrolRequest;
use proto::wire::enrolment_client::EnrolmentClient;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;
use tonic::Status;
use tonic::transport::{Channel, Endpoint, Error};

/// An answer that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A key, and what is needed to have a certificate for it.
pub(super) struct Enrolment {
    ca: CaHash,
    bearer: Bearer,
    endpoint: Endpoint,
    key: Key,
    current: Mutex<Option<Certificate>>,
}

struct Certificate {
    der: Vec<u8>,
    /// From then on there should be another.
    half: SystemTime,
    end: SystemTime,
    /// When it was last tried in vain to renew it.
    tried: Option<SystemTime>,
}

impl Enrolment {
    /// A new worker that will enrol with this secret, at a coordinator that has this CA.
    pub(super) fn new(ca: CaHash, secret: &Secret, endpoint: Endpoint) -> Result<Self, ConnectError> {
        let (bearer, key) = (Bearer::new(Some(secret.reveal()))?, Key::generate()?);
        Ok(Self { ca, bearer, endpoint, key, current: Mutex::default() })
    }

    /// The id that its certificates have.
    pub(super) fn worker(&self) -> WorkerId {
        WorkerId::of(self.key.public())
    }

    /// Connections that show this certificate.
    pub(super) fn channel(&self, certificate: Option<Vec<u8>>) -> Result<Channel, TlsError> {
        let connector = Connector::new(self.ca, certificate.map(|certificate| (&self.key, certificate)))?;
        Ok(self.endpoint.connect_with_connector_lazy(connector))
    }

    /// Connections that show a new certificate, if it was time for one.
    pub(super) async fn refresh(&self) -> Result<Option<Channel>, Status> {
        let mut current = self.current.lock().await;
        let now = SystemTime::now();
        let new = match current.as_mut() {
            Some(certificate) if now < certificate.end => {
                if !certificate.is_due(now) {
                    return Ok(None);
                }
                certificate.tried = Some(now);
                match self.enrol(Some(certificate.der.clone())).await {
                    Ok(new) => new,
                    Err(status) => {
                        tracing::warn!(reason = status.message(), "the certificate is not renewed yet");
                        return Ok(None);
                    }
                }
            }
            _ => self.enrol(None).await?,
        };
        let channel = self.channel(Some(new.der.clone())).map_err(|error| Status::internal(error.to_string()))?;
        let life = new.end.duration_since(now).unwrap_or_default().as_secs();
        tracing::info!(
            worker = %self.worker().alias(),
            "the coordinator has given a certificate for {}",
            humantime::format_duration(Duration::from_secs(life))
        );
        *current = Some(new);
        Ok(Some(channel))
    }

    /// The coordinator does not take the certificate any more.
    pub(super) async fn forget(&self) {
        *self.current.lock().await = None;
    }

    /// Asks for a certificate, over a connection of its own that shows the old one.
    async fn enrol(&self, shown: Option<Vec<u8>>) -> Result<Certificate, Status> {
        let internal = |error: TlsError| Status::internal(error.to_string());
        let connector = Connector::new(self.ca, shown.map(|der| (&self.key, der))).map_err(internal)?;
        let endpoint = self.endpoint.clone().timeout(PATIENCE);
        let channel = endpoint.connect_with_connector(connector).await.map_err(not_reached)?;
        let mut client = EnrolmentClient::with_interceptor(channel, self.bearer.clone());
        let request = EnrolRequest { public_key: self.key.public().to_vec() };
        let response = client.enrol(request).await?.into_inner();
        if response.worker != self.worker().to_string() {
            return Err(Status::failed_precondition("the coordinator knows this worker by another id"));
        }
        let (now, life) = (SystemTime::now(), Duration::from_millis(response.valid_ms));
        Ok(Certificate { der: response.certificate, half: now + life / 2, end: now + life, tried: None })
    }
}

impl Certificate {
    /// Whether it is time to renew it. What was in vain is tried again after a while, at the latest when little is left.
    fn is_due(&self, now: SystemTime) -> bool {
        let pause = self.end.duration_since(self.half).unwrap_or_default() / 20;
        now >= self.half && self.tried.is_none_or(|tried| now.duration_since(tried).unwrap_or(pause) >= pause)
    }
}

/// Why the coordinator is not reached. If it is the wrong one, to call again does not help.
fn not_reached(error: Error) -> Status {
    match TlsError::among(&error) {
        Some(wrong @ (TlsError::WrongCa | TlsError::WrongName(_) | TlsError::NotTls)) => {
            Status::unauthenticated(wrong.to_string())
        }
        _ => {
            let mut status = Status::unavailable(error_chain::line(&error));
            status.set_source(Arc::new(error));
            status
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_renewed_at_half_of_its_life() {
        let (start, hour) = (SystemTime::UNIX_EPOCH, Duration::from_secs(3600));
        let mut certificate =
            Certificate { der: Vec::new(), half: start + 20 * hour, end: start + 40 * hour, tried: None };
        assert!(!certificate.is_due(start + 19 * hour) && certificate.is_due(start + 20 * hour));
        certificate.tried = Some(start + 20 * hour);
        assert!(!certificate.is_due(start + 20 * hour + hour / 2), "not at every call");
        assert!(certificate.is_due(start + 21 * hour));
    }
}
