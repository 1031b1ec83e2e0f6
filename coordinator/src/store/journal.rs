//! Reading the journal of a store: what happened, in order.

use super::reader::UNSOUND;
use super::{Reader, StoreError, facts};
use crate::scheduler::{Fact, Grade};
use rusqlite::{OptionalExtension, Row};
use std::ops::ControlFlow;

/// A fact with its place in the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its number.
    pub seq: i64,
    /// When it was written: UTC, to the millisecond (RFC 3339).
    pub at: String,
    /// The fact.
    pub fact: Fact,
}

/// A sweep file as it was submitted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Submission {
    /// When: UTC, to the millisecond (RFC 3339).
    pub at: String,
    /// The file's text.
    pub text: String,
}

impl Reader {
    /// Calls `each` with the number of every fact of the journal and the fact, in order, until it breaks off.
    ///
    /// # Errors
    /// If a fact cannot be read back.
    pub fn facts(&self, mut each: impl FnMut(i64, Fact) -> ControlFlow<()>) -> Result<(), StoreError> {
        let (sound, columns) = (self.sound("journal"), facts::columns(self.version));
        let mut select = self.prepare(&format!("SELECT seq, {sound}, {columns} FROM journal ORDER BY seq"))?;
        let mut rows = select.query([]).map_err(|source| self.sqlite(source))?;
        while let Some(row) = rows.next().map_err(|source| self.sqlite(source))? {
            let (seq, is_sound): (i64, bool) = self.get(row.get(0), row.get(1))?;
            let damaged = |reason: String| self.damaged(format!("journal, seq {seq}"), reason);
            if !is_sound {
                return Err(damaged(UNSOUND.to_owned()));
            }
            let fact = facts::read(row, 2, self.version).map_err(|source| self.sqlite(source))?;
            let mut fact = fact.map_err(damaged)?;
            // written before the journal held grades
            if let Fact::Succeeded { job, grade: grade @ None, split, .. } = &mut fact {
                let stored = self.result(*job)?;
                *grade = stored.as_ref().map(|stored| Grade::from(&stored.result));
                *split = stored.and_then(|stored| stored.result.split_hash);
            }
            if each(seq, fact).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The error of a fact that does not fit those before it.
    #[must_use]
    pub fn misfit(&self, seq: i64, reason: String) -> StoreError {
        self.damaged(format!("journal, seq {seq}"), reason)
    }

    /// Calls `each` with every fact of the journal and when it was written, in order.
    ///
    /// # Errors
    /// If a fact cannot be read back, or `each` fails.
    pub fn entries<E: From<StoreError>>(&self, mut each: impl FnMut(Entry) -> Result<(), E>) -> Result<(), E> {
        self.walk("ASC", |entry| each(entry).map(|()| ControlFlow::Continue(())))
    }

    /// The last facts of the journal, in order: at most so many, and none that was written before `since` (RFC 3339, UTC).
    ///
    /// # Errors
    /// If a fact cannot be read back.
    pub fn last_entries(&self, most: usize, since: &str) -> Result<Vec<Entry>, StoreError> {
        let mut last = Vec::new();
        self.walk("DESC", |entry| {
            if last.len() == most || *entry.at < *since {
                return Ok(ControlFlow::Break(()));
            }
            last.push(entry);
            Ok::<_, StoreError>(ControlFlow::Continue(()))
        })?;
        last.reverse();
        Ok(last)
    }

    fn walk<E: From<StoreError>>(
        &self,
        order: &str,
        mut each: impl FnMut(Entry) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let (sound, at, columns) = (self.sound("journal"), self.time(), facts::columns(self.version));
        let select = format!("SELECT seq, {at}, {sound}, {columns} FROM journal ORDER BY seq {order}");
        let mut select = self.prepare(&select)?;
        let mut rows = select.query([]).map_err(|source| self.sqlite(source))?;
        while let Some(row) = rows.next().map_err(|source| self.sqlite(source))? {
            let (seq, at) = self.get(row.get(0), row.get(1))?;
            let (is_sound, fact): (bool, _) = self.get(row.get(2), facts::read(row, 3, self.version))?;
            let fact = if is_sound { fact } else { Err(UNSOUND.to_owned()) };
            let fact = fact.map_err(|reason| self.damaged(format!("journal, seq {seq}"), reason))?;
            if each(Entry { seq, at, fact })?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Number of the last fact of the journal; 0 if there is none.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn last_fact(&self) -> Result<i64, StoreError> {
        let last = self.prepare("SELECT coalesce(max(seq), 0) FROM journal")?.query_row([], |row| row.get(0));
        last.map_err(|source| self.sqlite(source))
    }

    /// The file that a sweep was last submitted with; empty if it never was.
    ///
    /// # Errors
    /// If it cannot be read back.
    pub fn submission(&self, sweep: &str) -> Result<Submission, StoreError> {
        let (name, json) = if self.version < 4 { ("fact ->> '$.fact'", "fact") } else { ("fact", "detail") };
        let mut select = self.prepare(&format!(
            "SELECT {}, {json} ->> '$.text' FROM journal
             WHERE {name} = 'submitted' AND {json} ->> '$.plan.sweep' = ?1 ORDER BY seq DESC LIMIT 1",
            self.time()
        ))?;
        let read = |row: &Row<'_>| Ok(Submission { at: row.get(0)?, text: row.get(1)? });
        let found = select.query_row([sweep], read).optional().map_err(|source| self.sqlite(source))?;
        Ok(found.unwrap_or_default())
    }

    /// In SQL, when a fact was written.
    fn time(&self) -> &'static str {
        if self.version < 4 { "at" } else { "strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch')" }
    }
}
