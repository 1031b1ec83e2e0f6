//! Reading the journal of a store: what happened, in order.

use super::reader::UNSOUND;
use super::{Reader, StoreError, facts};
use crate::scheduler::{Fact, Grade};
use proto::ids::JobId;
use rusqlite::types::FromSql;
use rusqlite::{OptionalExtension, Params, Row};
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

/// Facts that somebody wants; the others are not looked at.
#[derive(Debug, Clone, Copy)]
pub enum Wanted {
    /// Every fact.
    All,
    /// Those of these names.
    Named(&'static [&'static str]),
    /// Those that may concern the job: of facts that every job has, only its own.
    Of(JobId),
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

    /// Calls `each` with the facts of the journal that are wanted and when they were written, in order.
    ///
    /// # Errors
    /// If a fact cannot be read back, or `each` fails.
    pub fn entries<E: From<StoreError>>(
        &self,
        wanted: Wanted,
        mut each: impl FnMut(Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let is_wanted = match wanted {
            Wanted::Named(names) => format!("{} IN ('{}')", self.name(), names.join("', '")),
            Wanted::Of(job) if self.version >= 4 => format!("coalesce(job = x'{job}', true)"),
            Wanted::All | Wanted::Of(_) => "true".to_owned(),
        };
        self.walk(self.time(), &is_wanted, 0, |seq, at, fact| each(Entry { seq, at, fact }))
    }

    /// Calls `each` with the facts that were written since then, in order, and with when: milliseconds since 1970, UTC.
    ///
    /// The first of them is looked for as if the clock had never been set back.
    ///
    /// # Errors
    /// If a fact cannot be read back.
    pub fn since(&self, since_ms: u64, mut each: impl FnMut(u64, Fact)) -> Result<(), StoreError> {
        let first = self.first_since(since_ms.try_into().unwrap_or(i64::MAX))?;
        self.walk(self.milliseconds(), "true", first, |_, at: i64, fact| {
            each(at.try_into().unwrap_or_default(), fact);
            Ok(())
        })
    }

    /// The latest time at which a fact was written: milliseconds since 1970, UTC; 0 if there is none.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn last_ms(&self) -> Result<u64, StoreError> {
        let select = format!("SELECT max({}) FROM journal", self.milliseconds());
        let last = self.ask(&select, [])?;
        Ok(last.unwrap_or_default().try_into().unwrap_or_default())
    }

    /// The number of the first fact that was written since then.
    fn first_since(&self, since_ms: i64) -> Result<i64, StoreError> {
        let select = format!("SELECT {} FROM journal WHERE seq >= ?1 ORDER BY seq LIMIT 1", self.milliseconds());
        let (mut first, mut end) = (0, self.last_fact()?.saturating_add(1));
        while first < end {
            let middle = i64::midpoint(first, end);
            let at: Option<i64> = self.ask(&select, [middle])?;
            if at.is_some_and(|at| at < since_ms) { first = middle + 1 } else { end = middle }
        }
        Ok(first)
    }

    fn ask(&self, select: &str, values: impl Params) -> Result<Option<i64>, StoreError> {
        let found = self.prepare(select)?.query_row(values, |row| row.get(0)).optional();
        found.map(Option::flatten).map_err(|source| self.sqlite(source))
    }

    /// Calls `each` with the number, the time `at` and the content of the facts from `first` on of which `is_wanted` is true, all in SQL.
    fn walk<T: FromSql, E: From<StoreError>>(
        &self,
        at: &str,
        is_wanted: &str,
        first: i64,
        mut each: impl FnMut(i64, T, Fact) -> Result<(), E>,
    ) -> Result<(), E> {
        let (sound, columns) = (self.sound("journal"), facts::columns(self.version));
        let select =
            format!("SELECT seq, {at}, {sound}, {columns} FROM journal WHERE seq >= ?1 AND {is_wanted} ORDER BY seq");
        let mut select = self.prepare(&select)?;
        let mut rows = select.query([first]).map_err(|source| self.sqlite(source))?;
        while let Some(row) = rows.next().map_err(|source| self.sqlite(source))? {
            let (seq, at) = self.get(row.get(0), row.get(1))?;
            let (is_sound, fact): (bool, _) = self.get(row.get(2), facts::read(row, 3, self.version))?;
            let fact = if is_sound { fact } else { Err(UNSOUND.to_owned()) };
            let fact = fact.map_err(|reason| self.damaged(format!("journal, seq {seq}"), reason))?;
            each(seq, at, fact)?;
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
        let (name, json) = (self.name(), if self.version < 4 { "fact" } else { "detail" });
        let mut select = self.prepare(&format!(
            "SELECT {}, {json} ->> '$.text' FROM journal
             WHERE {name} = 'submitted' AND {json} ->> '$.plan.sweep' = ?1 ORDER BY seq DESC LIMIT 1",
            self.time()
        ))?;
        let read = |row: &Row<'_>| Ok(Submission { at: row.get(0)?, text: row.get(1)? });
        let found = select.query_row([sweep], read).optional().map_err(|source| self.sqlite(source))?;
        Ok(found.unwrap_or_default())
    }

    /// In SQL, what a fact is called.
    fn name(&self) -> &'static str {
        if self.version < 4 { "fact ->> '$.fact'" } else { "fact" }
    }

    /// In SQL, when a fact was written, as RFC 3339 has it.
    fn time(&self) -> &'static str {
        if self.version < 4 { "at" } else { "strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch')" }
    }

    /// The same in milliseconds since 1970.
    fn milliseconds(&self) -> &'static str {
        if self.version < 4 { "CAST(round(unixepoch(at, 'subsec') * 1000) AS INTEGER)" } else { "at" }
    }
}
