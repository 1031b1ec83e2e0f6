//! The trace of a training: a line of JSON a step, for programs that take the same steps on the same batches.

use crate::train::Event;
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// A step.
#[derive(Debug, Serialize)]
struct Line<'a> {
    /// Counted from 1.
    epoch: u32,
    /// Counted from 1 in every epoch.
    step: u32,
    /// The batch: indices of the sorted cases.
    cases: &'a [u32],
    /// Mean over the batch, before the step; `null` if not finite.
    loss: f64,
}

/// A file that steps are written to, or none.
#[derive(Debug, Default)]
pub(super) struct Trace {
    file: Option<BufWriter<File>>,
    failed: Option<io::Error>,
}

impl Trace {
    pub(super) fn create(path: Option<&Path>) -> io::Result<Self> {
        let file = path.map(File::create).transpose()?.map(BufWriter::new);
        Ok(Self { file, failed: None })
    }

    /// Writes a step. The training goes on if that fails; [`finish`](Self::finish) says so.
    pub(super) fn write(&mut self, event: &Event<'_>) {
        let (Some(file), None, Event::Step { epoch, step, cases, loss }) = (&mut self.file, &self.failed, event) else {
            return;
        };
        let line = Line { epoch: *epoch, step: *step, cases, loss: *loss };
        let written = serde_json::to_writer(&mut *file, &line).map_err(io::Error::from);
        self.failed = written.and_then(|()| file.write_all(b"\n")).err();
    }

    /// # Errors
    /// If a step could not be written.
    pub(super) fn finish(self) -> io::Result<()> {
        match (self.failed, self.file) {
            (Some(error), _) => Err(error),
            (None, Some(mut file)) => file.flush(),
            (None, None) => Ok(()),
        }
    }
}
