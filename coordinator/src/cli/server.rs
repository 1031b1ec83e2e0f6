//! Starting and stopping the coordinator itself: listener, store, driver, services. Shared by `--sweep` and `serve`.

use super::CliError;
use super::client::DEFAULT_STORE;
use super::page::{self, PageArgs};
use super::progress::Log;
use super::protection::{Protection, ProtectionArgs};
use crate::analyst::Analyst;
use crate::driver::{self, Handle};
use crate::page::{Live, Page, Readers};
use crate::scheduler::Limits;
use crate::serve::{self, Deeds, Settings, serve};
use crate::store::{Store, StoreError};
use crate::telemetry::Traces;
use crate::weights::{self, WeightsError};
use proto::artifact_store::ArtifactStore;
use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinHandle as Task;

/// Where the coordinator listens and what it keeps.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Store and address")]
pub struct ServerArgs {
    /// File that keeps jobs and results
    #[arg(long, value_name = "FILE", default_value = DEFAULT_STORE)]
    pub store: PathBuf,
    /// Folder or bucket (s3://, gs://, az://) where local workers keep weights and checkpoints [default: beside the store, STORE.artifacts]
    #[arg(long, value_name = "PLACE")]
    pub artifacts: Option<String>,
    /// Address at which workers and other commands reach this coordinator: HOST:PORT, or :PORT for all addresses of this machine
    /// [default: 127.0.0.1:7070]
    #[arg(long, value_name = "ADDR", value_parser = listen_address)]
    pub listen: Option<SocketAddr>,
    /// What callers must show.
    #[command(flatten)]
    pub protection: ProtectionArgs,
    /// The live page.
    #[command(flatten)]
    pub page: PageArgs,
    /// Let viewers of the live page cancel a sweep's unfinished jobs, try failed ones again, and add splits
    #[arg(long)]
    pub page_actions: bool,
    /// Time after which a silent worker loses its jobs
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = lease_time)]
    pub lease: Duration,
    /// Time without a finished epoch after which a job goes to another worker, if there is one [default: four times the sweep's longest
    /// epoch so far, but at least 15m; 2h if no epoch has ended yet]
    #[arg(long, value_name = "TIME", value_parser = progress_time)]
    pub progress_timeout: Option<Duration>,
}

impl ServerArgs {
    /// Where local workers keep weights and checkpoints.
    #[must_use]
    pub fn artifacts(&self) -> String {
        self.artifacts.clone().unwrap_or_else(|| weights::beside(&self.store))
    }
}

/// The address without `--listen`: the one that documents tell people to give to their workers.
const USUAL: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 7070));
/// The same with any port that is free.
const ANY_PORT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// Who connects to a coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Workers that people start, with an address that they know.
    Anybody,
    /// Only workers that it starts itself, with its address: any port will do.
    OwnWorkers,
}

/// Listens at the address that was chosen, or at the usual one.
async fn listen(chosen: Option<SocketAddr>, audience: Audience) -> Result<TcpListener, CliError> {
    let address = chosen.unwrap_or(USUAL);
    let failed = |source| CliError::Listen { address, source };
    match TcpListener::bind(address).await {
        Err(error) if error.kind() == ErrorKind::AddrInUse && (chosen, audience) == (None, Audience::OwnWorkers) => {
            let failed = |source| CliError::Listen { address: ANY_PORT, source };
            let listener = TcpListener::bind(ANY_PORT).await.map_err(failed)?;
            let found = listener.local_addr().map_err(failed)?;
            // a terminal that is gone needs no line
            let _ = writeln!(Log, "{USUAL} is taken: this coordinator listens on {found}");
            Ok(listener)
        }
        bound => bound.map_err(failed),
    }
}

/// An address, or a name of this machine with a port. Of several addresses of a name the first of IPv4, as it is the one that others try.
pub(super) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    const EXPECTED: &str = "expected HOST:PORT, such as 0.0.0.0:7070, or :PORT";
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').ok_or(EXPECTED)?;
    let port: u16 = port.parse().map_err(|_| EXPECTED)?;
    if host.is_empty() {
        return Ok((Ipv4Addr::UNSPECIFIED, port).into());
    }
    let found: Vec<SocketAddr> =
        (host, port).to_socket_addrs().map_err(|error| format!("no address of `{host}` is known: {error}"))?.collect();
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| format!("no address of `{host}` is known"))
}

fn lease_time(text: &str) -> Result<Duration, String> {
    time_within(text, Duration::from_secs(1), Duration::from_secs(3600)).ok_or_else(|| "expected 1s to 1h".to_owned())
}

fn progress_time(text: &str) -> Result<Duration, String> {
    let (minute, month) = (Duration::from_secs(60), Duration::from_secs(30 * 86400));
    time_within(text, minute, month).ok_or_else(|| "expected 1m to 30days".to_owned())
}

fn time_within(text: &str, least: Duration, most: Duration) -> Option<Duration> {
    humantime::parse_duration(text).ok().filter(|time| (least..=most).contains(time))
}

/// A coordinator at work.
pub struct Server {
    /// The way to the driver.
    pub handle: Handle,
    /// Where it listens.
    pub address: SocketAddr,
    protection: Protection,
    driver: JoinHandle<Result<(), StoreError>>,
    services: Task<Result<(), tonic::transport::Error>>,
    /// The live page ends with this.
    _page: Option<Page>,
}

impl Server {
    /// Listens, for that audience, opens the store, and serves; the jobs of `only` one sweep, if one is named. Nothing is written if the
    /// address is taken.
    ///
    /// # Errors
    /// If the address, the store, or what protects them cannot be used.
    pub async fn start(args: &ServerArgs, audience: Audience, only: Option<String>) -> Result<Self, CliError> {
        let traces = Traces::from_environment()?;
        let artifacts = ArtifactStore::at(&args.artifacts()).map_err(WeightsError::from)?;
        let chosen = args.listen.unwrap_or(USUAL);
        let prepared = args.protection.prepare(chosen)?;
        let listener = listen(args.listen, audience).await?;
        let address = listener.local_addr().map_err(|source| CliError::Listen { address: chosen, source })?;
        let page = args.page.bind(prepared.keeper()).await?;
        let protection = prepared.at(address)?;
        let mut store = Store::open(&args.store)?;
        store.announce(&url(address, protection.is_tls()))?;
        let lease_ms = args.lease.as_millis() as u64;
        // a worker without news calls once in a third of a lease
        let forget_ms = Limits::default().forget_ms.max(2 * lease_ms);
        let progress_ms = args.progress_timeout.map(|time| time.as_millis() as u64);
        let limits = Limits { lease_ms, forget_ms, only, progress_ms };
        let (handle, driver) = driver::start(store, limits, traces)?;
        let analyst = Arc::new(Mutex::new(Analyst::new(args.store.clone())));
        let named = format!("--coordinator {}", url(address, protection.is_tls()));
        let (lease, store, guard) = (args.lease, args.store.clone(), protection.guard());
        let readers = Arc::new(serve::Readers::new(guard.clone()));
        let readers: Readers = Arc::new(move |headers, address| {
            let readers = Arc::clone(&readers);
            Box::pin(async move { readers.admit(&headers, address).await })
        });
        let actions = args.page_actions.then(|| page::actions(&Deeds::new(handle.clone(), store.clone())));
        let live = Live { telemetry: handle.telemetry(), keeps: handle.keeps(), actions };
        let source = page::source(handle.status(), &analyst, &store, named, Some(live));
        let page = page.map(|page| page::serve(page, guard.clone(), readers, source)).transpose()?;
        let settings = Settings { lease, store, artifacts, analyst, guard };
        let no_tls = |error| CliError::Internal(format!("no TLS with these certificates: {error}"));
        let services = tokio::spawn(serve(listener, handle.clone(), settings).map_err(no_tls)?);
        Ok(Self { handle, address, protection, driver, services, _page: page })
    }

    /// The address for programs on this machine.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.address, self.protection.is_tls())
    }

    /// What a worker on this machine must be given to be let in.
    #[must_use]
    pub fn credentials(&self) -> Vec<OsString> {
        self.protection.credentials()
    }

    /// Ends once everything that was asked is carried out and on disk.
    ///
    /// # Errors
    /// If the driver died of the store.
    pub async fn stop(self) -> Result<(), CliError> {
        self.handle.stop();
        let ended = tokio::task::spawn_blocking(move || self.driver.join()).await;
        // calls that wait for work would keep the services up for good
        self.services.abort();
        match ended {
            Ok(Ok(result)) => Ok(result?),
            _ => Err(CliError::Internal("the driver died; see the messages above".to_owned())),
        }
    }
}

/// The URL of a coordinator on this machine that listens on `address`.
fn url(address: SocketAddr, is_tls: bool) -> String {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let scheme = if is_tls { "https" } else { "http" };
    format!("{scheme}://{}", SocketAddr::new(host, address.port()))
}

#[cfg(test)]
mod tests {
    use super::listen_address;

    #[test]
    fn names_and_bare_ports_are_addresses_to_listen_on() {
        let at = |text| listen_address(text).map(|address| address.to_string());
        for (text, address) in [
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("[::1]:7070", "[::1]:7070"),
            (":7070", "0.0.0.0:7070"),
            ("localhost:7071", "127.0.0.1:7071"),
        ] {
            assert_eq!(at(text).as_deref(), Ok(address), "{text}");
        }
        for text in ["", "7070", "localhost", "localhost:", "localhost:x", "localhost:70707"] {
            assert!(at(text).is_err_and(|error| error.contains("HOST:PORT")), "{text}");
        }
        assert!(
            at("no-such-host.invalid:7070").is_err_and(|error| error.contains("no address of `no-such-host.invalid`"))
        );
    }
}
