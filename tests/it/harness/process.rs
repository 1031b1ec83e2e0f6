//! A running program.

use super::{DEADLINE, until};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A running program. It is killed when dropped, and so are its children.
pub(crate) struct Process {
    name: String,
    child: Child,
    stdout: Collector,
    stderr: Collector,
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { name: format!("{command:?}"), child, stdout: Collector::new(stdout), stderr: Collector::new(stderr) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.id(), signal);
    }

    /// What it has said to people so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits for a line on the standard error that contains `text`; returns the line.
    pub(crate) fn says(&mut self, text: &str) -> String {
        let what = format!("`{text}` from {}", self.name);
        until(&what, || {
            let said = self.stderr();
            let line = said.lines().find(|line| line.contains(text)).map(str::to_owned);
            assert!(line.is_some() || !self.has_ended(), "no {what}, it only said:\n{}", self.stderr());
            line
        })
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Kills it as the kernel or an operator may, at once and without a word, and waits until it is gone. Its children live on.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> Ended {
        let what = format!("the end of {} within {DEADLINE:?}", self.name);
        let status = until(&what, || self.child.try_wait().unwrap());
        Ended { status, stdout: self.stdout.end(), stderr: self.stderr.end() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut condemned = vec![self.id()];
        let mut next = 0;
        while next < condemned.len() {
            condemned.extend(children(condemned[next]));
            next += 1;
        }
        if self.has_ended() {
            return;
        }
        for id in condemned {
            kill(id, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Ended {
    pub(crate) fn succeeded(&self) -> bool {
        self.status.success()
    }

    /// The exit code.
    ///
    /// # Panics
    /// If a signal ended it.
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("ended by {:?}:\n{}", self.status.signal(), self.stderr))
    }

    /// Checks the exit code, and shows what was said if it is another.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// Sends a signal to a process that may be gone.
pub(crate) fn kill(id: u32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(id as i32).unwrap(), signal);
}

/// The ids of the processes that this one started and that still live.
pub(crate) fn children(id: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter(|&child| parent(child) == Some(id)).collect()
}

/// Whether a process lives.
pub(crate) fn lives(id: u32) -> bool {
    parent(id).is_some()
}

/// The parent of a process that lives: one that has ended and was not waited for does not.
fn parent(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // the name, in parentheses, may hold anything
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    (state != "Z").then(|| fields.next()?.parse().ok())?
}

/// What comes through a pipe.
struct Collector {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Collector {
    fn new(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                sink.lock().unwrap().extend(&buffer[..count]);
            }
        });
        Self { bytes, reader: Some(reader) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    /// Everything, once nobody can write any more: children share the pipe.
    fn end(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            until("the end of the output; a child may still hold the pipe", || reader.is_finished().then_some(()));
            reader.join().unwrap();
        }
        self.text()
    }
}
