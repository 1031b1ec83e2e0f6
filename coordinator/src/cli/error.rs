//! The one error of the command line, and its exit codes.

use super::sweep_file::PlanError;
use crate::analysis::observations::from_csv::ImportError;
use crate::analyst::TableError;
use crate::driver::Refusal;
use crate::identity::IdentityError;
use crate::interchange::bundle::BundleError;
use crate::merge::MergeError;
use crate::publish::PublishError;
use crate::results::{JobError, NoSweep, ResultsError};
use crate::serve::SplitsError;
use crate::store::StoreError;
use crate::telemetry::TracesError;
use crate::weights::WeightsError;
use proto::credential::TokenFileError;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Exit codes. Scripts, Slurm and systemd rely on them.
pub mod exit {
    /// Every job has a result.
    pub const COMPLETE: u8 = 0;
    /// A defect or a failure of the machine.
    pub const INTERNAL: u8 = 1;
    /// Something that the user wrote or chose is not valid.
    pub const USERS_MISTAKE: u8 = 2;
    /// The sweep has ended, and some jobs have no result.
    pub const FAILED_JOBS: u8 = 3;
    /// Interrupted; the same command goes on from here.
    pub const INTERRUPTED: u8 = 5;
    /// The coordinator was not reached, or refuses.
    pub const NOT_REACHED: u8 = 6;
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The sweep file is not valid.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The coordinator refuses the sweep file; the whole report.
    #[error("{0}")]
    Refused(String),
    /// The data set cannot serve the sweep.
    #[error("sweep `{sweep}` cannot run: {problem}")]
    Rejected {
        /// The sweep.
        sweep: String,
        /// Why.
        problem: String,
    },
    /// A folder is not there.
    #[error("--data {name}={path}: there is no such folder", path = .path.display())]
    NoFolder {
        /// Name of the data set.
        name: String,
        /// The folder.
        path: PathBuf,
    },
    /// A data set has no folder here.
    #[error("data set `{name}` has no folder: give --data {name}=PATH, or `root:` in the sweep file")]
    NoRoot {
        /// Name of the data set.
        name: String,
    },
    /// The data set on this machine is not usable; in the words of the worker that looked at it.
    #[error("data set `{name}`: {reason}")]
    Data {
        /// Name of the data set.
        name: String,
        /// Why.
        reason: String,
    },
    /// Listening on the address failed.
    #[error("cannot listen on {address}: {source}: stop what uses it, or choose another with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Listening for the live page failed.
    #[error(
        "cannot serve the live page on {address}: {source}: choose another address with --page, or give --page none"
    )]
    PageListen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The live page would be reached from other machines.
    #[error(
        "other machines would reach the live page, and nothing would protect it: give serve or --sweep --certs DIR, made by coordinator certs DIR; or give --page 127.0.0.1:{port}, and on the other machine run ssh -L {port}:127.0.0.1:{port} HOST"
    )]
    PageExposed {
        /// The port.
        port: u16,
    },
    /// The address can be reached from other machines, and nothing protects it.
    #[error(
        "{address} can be reached from other machines: give --certs DIR, made by coordinator certs DIR, or --insecure-listen (with --token-file FILE) on a network you trust"
    )]
    Exposed {
        /// The address.
        address: SocketAddr,
    },
    /// The certificates.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A token file.
    #[error(transparent)]
    Token(#[from] TokenFileError),
    /// A token of a folder of certificates is given without them.
    #[error("{path} is a token of coordinator certs: give its folder with --certs DIR", path = .path.display())]
    TokenOfCerts {
        /// The file.
        path: PathBuf,
    },
    /// Writing the token for this user failed.
    #[error(
        "cannot keep other users of this machine out: {0}; give --token-file FILE, or --insecure-listen to let them in"
    )]
    LocalToken(#[source] io::Error),
    /// Reading or writing a file failed.
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A report is to be written where something else is.
    #[error("{path} is not empty and holds no report: choose another folder with --out", path = .path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// A report is to be written where that of another sweep is.
    #[error("{path} holds the report of sweep `{sweep}`: choose another folder with --out, or give --replace", path = .path.display())]
    OtherReport {
        /// The folder.
        path: PathBuf,
        /// The sweep of the report that is there.
        sweep: String,
    },
    /// Traces cannot be sent.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// Weights cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// There is no report.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// Files are to be written among others.
    #[error("{path} is not empty: choose another folder with --out, or give --replace if it holds an earlier export", path = .path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// There is no bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A report is to be written into a file.
    #[error("{path} is not a folder: choose another with --out", path = .path.display())]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// The worker program is not where it should be.
    #[error("cannot start {path}: {source}: build the worker too (cargo build --release), or set SPLITSWEEP_WORKER to its path", path = .path.display())]
    NoWorker {
        /// Where it was expected.
        path: PathBuf,
        /// Why it cannot be started.
        source: io::Error,
    },
    /// A local worker ended because of something that the user chose; it has said what.
    #[error("a local worker failed to start; see its message above")]
    LocalWorker,
    /// The user interrupted the command before anything was stored.
    #[error("interrupted while the data set was checked; nothing was stored, the same command starts again")]
    Interrupted,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The results of a sweep.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// A table of a sweep.
    #[error(transparent)]
    Table(TableError),
    /// A job, its job file or its log.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The store is empty.
    #[error(transparent)]
    NoSweep(#[from] NoSweep),
    /// Stores are not merged.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// The user was asked and does not want it.
    #[error("nothing was changed")]
    Declined,
    /// The coordinator at the other end.
    #[error("{0}")]
    NotReached(String),
    /// The driver does not do what it was asked.
    #[error(transparent)]
    Driver(#[from] Refusal),
    /// A file of results is not valid.
    #[error("{path}: {source}", path = .path.display())]
    Import {
        /// The file.
        path: PathBuf,
        /// The place, and what would be right.
        source: ImportError,
    },
    /// An older sweep says nothing of the spread of differences.
    #[error("{path}: no two candidates have scores on two shared splits, so their differences have no spread: give it with --sd", path = .path.display())]
    Pilot {
        /// The store or file.
        path: PathBuf,
    },
    /// Bytes are of no use on a terminal.
    #[error("{format} is binary and the standard output is a terminal: give --out FILE, or pipe it into a program")]
    Binary {
        /// The format.
        format: &'static str,
    },
    /// The output is closed or the disk is full.
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
    /// The pages for `man` cannot be written; the message names the folder.
    #[error("{0}")]
    Pages(io::Error),
    /// Options that do not fit what they are about.
    #[error("{0}")]
    Usage(String),
    /// The process failed to start, or a part of it died.
    #[error("{0}")]
    Internal(String),
}

impl From<TableError> for CliError {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Results(error) => Self::Results(error),
            TableError::Render(error) => Self::Output(error),
            other => Self::Table(other),
        }
    }
}

impl From<SplitsError> for CliError {
    fn from(error: SplitsError) -> Self {
        match error {
            SplitsError::Fixed(why) => Self::Refused(why.to_string()),
            SplitsError::Refused(refusal) => Self::Driver(refusal),
        }
    }
}

impl CliError {
    /// The exit code.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Plan(error) => error.exit_code(),
            Self::Store(error)
            | Self::Results(ResultsError::Store(error))
            | Self::Merge(MergeError::Store(error))
            | Self::Publish(
                PublishError::Results(ResultsError::Store(error)) | PublishError::Job(JobError::Store(error)),
            )
            | Self::Job(JobError::Store(error)) => {
                if error.is_users() {
                    exit::USERS_MISTAKE
                } else {
                    exit::INTERNAL
                }
            }
            Self::Refused(_)
            | Self::Driver(Refusal::Rejected(_))
            | Self::Rejected { .. }
            | Self::NoFolder { .. }
            | Self::NoRoot { .. }
            | Self::Data { .. }
            | Self::Listen { .. }
            | Self::Exposed { .. }
            | Self::PageListen { .. }
            | Self::PageExposed { .. }
            | Self::Identity(_)
            | Self::Token(_)
            | Self::TokenOfCerts { .. }
            | Self::LocalToken(_)
            | Self::File { .. }
            | Self::NoWorker { .. }
            | Self::Occupied { .. }
            | Self::OtherReport { .. }
            | Self::Publish(_)
            | Self::Traces(_)
            | Self::Weights(_)
            | Self::NotAFolder { .. }
            | Self::Pages(_)
            | Self::NotEmpty { .. }
            | Self::LocalWorker
            | Self::Import { .. }
            | Self::Usage(_)
            | Self::Pilot { .. }
            | Self::Binary { .. }
            | Self::Results(_)
            | Self::Job(_)
            | Self::NoSweep(_)
            | Self::Merge(_)
            | Self::Declined
            | Self::Table(TableError::EveryMetric(_) | TableError::Shape(_)) => exit::USERS_MISTAKE,
            Self::Interrupted => exit::INTERRUPTED,
            Self::NotReached(_) | Self::Bundle(BundleError::About) => exit::NOT_REACHED,
            Self::Driver(_) | Self::Table(_) | Self::Output(_) | Self::Internal(_) | Self::Bundle(_) => exit::INTERNAL,
        }
    }
}
