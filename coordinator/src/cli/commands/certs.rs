//! `coordinator certs DIR`: the certificates and tokens of a coordinator that other machines may reach.

use crate::cli::CliError;
use crate::cli::json::JsonArgs;
use crate::identity::{Folder, Role, names};
use serde_json::json;
use std::fmt::Write as _;
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
    #[command(flatten)]
    json: JsonArgs,
}

/// What was done, for programs.
#[derive(Default)]
struct Done {
    /// What the certificate that was made is for.
    names: Vec<String>,
    /// The roles whose tokens were made.
    tokens: Vec<Role>,
}

/// Runs the subcommand.
///
/// # Errors
/// If the folder cannot be used.
pub fn run(args: Args) -> Result<(), CliError> {
    let shown = args.dir.display();
    let mut done = Done::default();
    let text = if let Some(alias) = &args.revoke {
        Folder::open(&args.dir)?.revoke(alias)?;
        format!(
            "worker {alias} is refused from now on; with the same worker.token another can be started; for a new token: coordinator certs {shown} --new-token worker\n"
        )
    } else if let Some(role) = args.new_token {
        Folder::open(&args.dir)?.new_token(role)?;
        done.tokens.push(role);
        format!("{shown}/{} is new, and the old token is refused from now on\n", Folder::token_name(role))
    } else if args.renew {
        let folder = Folder::open(&args.dir)?;
        folder.renew(&args.names)?;
        done.names = folder.names()?;
        format!("the coordinator has a new certificate, for {}\n", done.names.join(", "))
    } else {
        let own = if args.names.is_empty() { names() } else { args.names };
        done.names = Folder::create(&args.dir, &own)?.names()?;
        done.tokens = Role::ALL.to_vec();
        made(&done.names, &shown.to_string())
    };
    let tokens: Vec<_> = done.tokens.iter().map(|role| args.dir.join(Folder::token_name(*role))).collect();
    let object = json!({ "folder": args.dir, "names": done.names, "tokens": tokens, "revoked": args.revoke });
    args.json.print("certs", object, &text)
}

/// What was made, and where it is to go.
fn made(names: &[String], shown: &str) -> String {
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
    text
}
