//! `coordinator certs DIR`: the certificates and tokens of a coordinator that other machines may reach.

use crate::cli::CliError;
use crate::cli::output::quietly;
use crate::identity::{Folder, Role, names};
use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

/// Make, renew or revoke certificates and tokens; a running coordinator notices the changes
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the certificates and tokens
    dir: PathBuf,
    /// Names and addresses at which workers reach the coordinator [default: those of this machine; with --renew, those of the old certificate]
    #[arg(value_name = "NAME-OR-IP")]
    names: Vec<String>,
    /// Make a new certificate for the coordinator; the CA and all tokens stay
    #[arg(long)]
    renew: bool,
    /// Refuse a worker from now on, by its alias (see `status --json`)
    #[arg(long, value_name = "ALIAS", conflicts_with_all = ["renew", "names"])]
    revoke: Option<String>,
    /// Make a new token for a role; the old one is refused from now on
    #[arg(long, value_name = "ROLE", conflicts_with_all = ["renew", "names", "revoke"])]
    new_token: Option<Role>,
}

/// Runs the subcommand.
///
/// # Errors
/// If the folder cannot be used.
pub fn run(args: Args) -> Result<(), CliError> {
    let shown = args.dir.display();
    let text = if let Some(alias) = &args.revoke {
        Folder::open(&args.dir)?.revoke(alias)?;
        format!(
            "worker {alias} is refused from now on; with the same worker.token another can be started; for a new token: coordinator certs {shown} --new-token worker\n"
        )
    } else if let Some(role) = args.new_token {
        Folder::open(&args.dir)?.new_token(role)?;
        format!("{shown}/{} is new, and the old token is refused from now on\n", Folder::token_name(role))
    } else if args.renew {
        let folder = Folder::open(&args.dir)?;
        folder.renew(&args.names)?;
        format!("the coordinator has a new certificate, for {}\n", folder.names()?.join(", "))
    } else {
        let own = if args.names.is_empty() { names() } else { args.names };
        let folder = Folder::create(&args.dir, &own)?;
        made(&folder, &shown.to_string())?
    };
    quietly(std::io::stdout().lock().write_all(text.as_bytes()))
}

/// What was made, and where it is to go.
fn made(folder: &Folder, shown: &str) -> Result<String, CliError> {
    let names = folder.names()?;
    let host = names.first().map_or("HOST", String::as_str);
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let mut text = format!("certificates for {}\n", names.join(", "));
    for (role, uses) in [
        (Role::Worker, format!("copy it to the GPU hosts: worker --coordinator https://{host}:7070 --join")),
        (Role::Submitter, "for those who submit, cancel and read: --token-file".to_owned()),
        (Role::Reader, "for those who read: --token-file".to_owned()),
    ] {
        // writing into a string does not fail
        let _ = writeln!(text, "{shown}/{0}: {uses} {0}", Folder::token_name(role));
    }
    Ok(text)
}
