//! The CA of one folder: it signs the coordinator's certificate and those of workers, and nothing beneath them signs anything.

use proto::ids::WorkerId;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm,
};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;

/// What stands before the worker's id in its certificate.
const WORKER_URI: &str = "splitsweep:worker:";
/// The CA and the coordinator's certificate last as long as a deployment may. Their keys lie in the same folder, so that a shorter life
/// of the second would keep nobody out.
const LONG_LIFE: Duration = Duration::from_secs(10 * 365 * 86400);
/// Clocks may differ by this.
const CLOCK_SKEW: Duration = Duration::from_secs(86400);

/// A CA that can sign.
pub(super) struct Authority(Issuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    /// A new CA.
    pub(super) fn create() -> Result<(Self, Pair), rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = ca_params();
        (params.not_before, params.not_after) = validity(LONG_LIFE);
        params.serial_number = Some(serial());
        let pair = Pair { certificate: params.self_signed(&key)?.pem(), key: key.serialize_pem() };
        Ok((Self(Issuer::new(ca_params(), key)), pair))
    }

    /// The CA of that key (PEM).
    pub(super) fn of(key: &str) -> Result<Self, rcgen::Error> {
        Ok(Self(Issuer::new(ca_params(), KeyPair::from_pem(key)?)))
    }

    /// A certificate for the coordinator under these names.
    pub(super) fn server(&self, names: &[String]) -> Result<Pair, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = params("splitsweep coordinator", LONG_LIFE, ExtendedKeyUsagePurpose::ServerAuth);
        for name in names {
            params.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(name.as_str().try_into()?),
            });
        }
        let certificate = params.signed_by(&key, &self.0)?;
        Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// A certificate (DER) for a worker with that P-256 key (the point).
    pub(super) fn worker(&self, worker: WorkerId, point: &[u8], life: Duration) -> Result<Vec<u8>, rcgen::Error> {
        let mut params = params("splitsweep worker", life, ExtendedKeyUsagePurpose::ClientAuth);
        params.subject_alt_names.push(SanType::URI(format!("{WORKER_URI}{worker}").as_str().try_into()?));
        Ok(params.signed_by(&Point(point), &self.0)?.der().to_vec())
    }
}

/// The worker that a certificate is for, if it is a worker's.
pub(super) fn worker_of(certificate: &[u8]) -> Option<WorkerId> {
    let certificate = certificate.into();
    let certificate = webpki::EndEntityCert::try_from(&certificate).ok()?;
    certificate.valid_uri_names().find_map(|name| name.strip_prefix(WORKER_URI)?.parse().ok())
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "splitsweep CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn params(name: &str, life: Duration, usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    params.serial_number = Some(serial());
    (params.not_before, params.not_after) = validity(life);
    params
}

fn validity(life: Duration) -> (OffsetDateTime, OffsetDateTime) {
    let now = OffsetDateTime::from(SystemTime::now());
    (now - CLOCK_SKEW, now + life)
}

/// A number that no other certificate has.
fn serial() -> SerialNumber {
    // without the bit of the sign
    SerialNumber::from_slice(&(rand::random::<u128>() >> 1).to_be_bytes())
}

/// The public key of a worker.
struct Point<'a>(&'a [u8]);

impl PublicKeyData for Point<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}
