//! `coordinator serve`: a coordinator that waits for sweeps and workers until it is told to stop.

use crate::cli::CliError;
use crate::cli::asked::Asked;
use crate::cli::hooks::HookArgs;
use crate::cli::interrupt::interrupted;
use crate::cli::progress::Progress;
use crate::cli::server::{Audience, Server, ServerArgs};

/// Serve workers and commands until Ctrl-C
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    hooks: HookArgs,
}

/// Runs the subcommand.
///
/// # Errors
/// If the address or the store cannot be used, or the store fails.
pub async fn run(args: Args) -> Result<(), CliError> {
    let hooks = args.hooks.prepare(&args.server.store)?;
    let asked = Asked::hear()?;
    let server = Server::start(&args.server, Audience::Anybody, None).await?;
    asked.answer(server.handle.status());
    let hooks = hooks.start(server.handle.status());
    let mut interrupts = interrupted()?;
    let mut progress = Progress::new();
    progress.say(&format!("listening on {}, store {}", server.address, args.server.store.display()));
    let mut views = server.handle.status();
    loop {
        let view = views.borrow_and_update().clone();
        progress.show_all(&view);
        tokio::select! {
            changed = views.changed() => if changed.is_err() { break },
            () = tokio::time::sleep(progress.next_line()) => {}
            _ = interrupts.recv() => break,
        }
    }
    let view = views.borrow().clone();
    progress.finish(&view, "");
    progress.say("stopped; workers keep what they run and come back");
    server.stop().await?;
    hooks.finish(&mut interrupts, &progress).await;
    Ok(())
}
