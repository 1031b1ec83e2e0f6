//! A program on a terminal of its own: a pseudo-terminal, and what would be seen on it.

use super::{DEADLINE, STEP, until};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Instant;

/// A program on a terminal. It is killed when dropped.
pub(crate) struct Tty {
    child: Child,
    keyboard: File,
    /// The program's side, which keeps the terminal when the program has gone.
    line: File,
    seen: Arc<Mutex<vt100::Parser>>,
}

impl Tty {
    /// Starts the command on a terminal of 100 columns and 30 rows that has UTF-8 and colours.
    pub(crate) fn start(command: &Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let line = OpenOptions::new().read(true).write(true).custom_flags(0o400 /* O_NOCTTY */).open(name).unwrap();
        let keyboard = File::from(master);
        let seen = Arc::new(Mutex::new(vt100::Parser::new(size(30), size(100), 0)));
        // its session has this terminal, so that it hears of its size
        let mut own = Command::new("setsid");
        own.arg("--ctty").arg(command.get_program()).args(command.get_args());
        own.current_dir(command.get_current_dir().unwrap());
        own.env_remove("NO_COLOR").env_remove("LC_ALL").env("LC_CTYPE", "C.UTF-8").env("TERM", "xterm-256color");
        for (variable, value) in command.get_envs() {
            match value {
                Some(value) => own.env(variable, value),
                None => own.env_remove(variable),
            };
        }
        let [stdin, stdout, stderr] = [(); 3].map(|()| line.try_clone().unwrap());
        set_size(&keyboard, 100, 30);
        let child = own.stdin(stdin).stdout(stdout).stderr(stderr).spawn().unwrap();
        let (mut reader, sink) = (keyboard.try_clone().unwrap(), Arc::clone(&seen));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                sink.lock().unwrap().process(&buffer[..count]);
            }
        });
        Self { child, keyboard, line, seen }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What is to be seen.
    pub(crate) fn text(&self) -> String {
        self.seen.lock().unwrap().screen().contents()
    }

    /// Waits until the text is to be seen.
    pub(crate) fn shows(&self, text: &str) -> String {
        self.waits(&format!("`{text}`"), |seen| seen.contains(text))
    }

    /// Waits until what is to be seen is right.
    pub(crate) fn waits(&self, what: &str, is_right: impl Fn(&str) -> bool) -> String {
        let started = Instant::now();
        loop {
            let text = self.text();
            if is_right(&text) {
                return text;
            }
            assert!(started.elapsed() < DEADLINE, "waited in vain for {what}; there is:\n{text}");
            sleep(STEP);
        }
    }

    /// Waits until the program, which has ended, has left the terminal as it was: what it wrote last may still be on its way.
    pub(crate) fn gives_back(&self) {
        until("the terminal as it was", || self.is_restored().then_some(()));
    }

    /// Whether a full screen is on it.
    pub(crate) fn is_full(&self) -> bool {
        self.seen.lock().unwrap().screen().alternate_screen()
    }

    /// Whether it is as a shell needs it: lines are edited and echoed, the cursor is shown.
    pub(crate) fn is_restored(&self) -> bool {
        let modes = tcgetattr(&self.line).unwrap().local_modes;
        let is_visible = !self.seen.lock().unwrap().screen().hide_cursor();
        modes.contains(LocalModes::ICANON | LocalModes::ECHO) && is_visible && !self.is_full()
    }

    /// Types.
    pub(crate) fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.seen.lock().unwrap().screen_mut().set_size(size(rows), size(columns));
        set_size(&self.keyboard, columns, rows);
    }

    /// Waits for the program's end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        until("the end of the program on the terminal", || self.child.try_wait().unwrap())
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap()
}

fn set_size(terminal: &File, columns: u16, rows: u16) {
    tcsetwinsize(terminal, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
}
