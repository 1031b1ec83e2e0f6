//! Starts and ends the programs.
//!
//! ```text
//!  programs  the built `coordinator` and `worker`, and that they are those of these sources
//!  process   a running program: its output, signals, its end; killed with its children when dropped
//!  lab       a folder with a store and sweep files, and the commands that are run in it
//!  history   what a store says has happened
//!  tap       a proxy that keeps what passes
//!  browser   somebody who looks at the live page
//!  far       somebody who looks at it from another machine
//!  chromium  the same with a real browser
//!  request   what a server that the test plays is asked
//!  peer      a worker that the test plays itself, call by call
//!  token     the tokens that coordinators make for their own user
//!  tty       a program on a terminal of its own
//! ```
//!
//! Nothing here waits for a time to pass: [`until`] asks for a condition again and again, and its deadline is only there to end a test
//! that has failed.

mod browser;
mod chromium;
mod far;
mod history;
mod lab;
mod peer;
mod process;
mod programs;
mod request;
mod tap;
mod token;
mod tty;

pub(crate) use browser::{Answer, Browser, link};
pub(crate) use chromium::{BROWSERS, Chromium};
pub(crate) use far::Far;
pub(crate) use history::{History, Row, check_acknowledged};
pub(crate) use lab::{Coordinator, Lab, contents, free_port, grid, simulated, tiny};
pub(crate) use peer::Peer;
pub(crate) use process::{Ended, Process, children, kill, lives};
pub(crate) use programs::program;
pub(crate) use request::Request;
pub(crate) use rustix::process::Signal;
pub(crate) use tap::Tap;
pub(crate) use token::{OwnToken, runtime_folder, token_path};
pub(crate) use tty::Tty;

use std::io::Write;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Far beyond what anything takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);
const STEP: Duration = Duration::from_millis(20);

/// Says that a test cannot do what it is there for, past the capture of what tests print.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Whether programs can be traced here, to have their system calls fail; says so if not.
pub(crate) fn may_trace() -> bool {
    let mut probe = Command::new("strace");
    probe.args(["--output=/dev/null", "--inject=fsync:error=EIO", "true"]);
    let may = probe.output().is_ok_and(|output| output.status.success());
    if !may {
        skipped("strace is not there, or may not trace");
    }
    may
}

/// Asks until there is an answer.
///
/// # Panics
/// If there is none for two minutes.
pub(crate) fn until<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(started.elapsed() < DEADLINE, "waited in vain: {what}");
        sleep(STEP);
    }
}

/// Checks that a call is refused for that reason.
pub(crate) fn assert_refused<T>(result: Result<T, tonic::Status>, code: tonic::Code, reason: &str) {
    let status = result.err().unwrap_or_else(|| panic!("let in, instead of: {reason}"));
    assert_eq!(status.code(), code, "{status}");
    assert!(status.message().contains(reason), "{status}");
}
