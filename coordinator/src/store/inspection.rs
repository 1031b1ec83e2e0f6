//! What of a store that may be damaged can be read, and what is wrong with the rest.

use super::{Reader, StoreError, facts, seal};
use crate::scheduler::Fact;
use rusqlite::Row;

/// Facts in a row that cannot be read before nothing more is expected behind them: a page holds a few hundred at most.
const MAX_FAILURES: i64 = 10_000;

impl Reader {
    /// Calls `each` with every fact that can be read and is sound; the answer is how many others there are before the last of them.
    pub fn sound_facts(&self, mut each: impl FnMut(Fact)) -> u64 {
        let (mut last, mut sound, mut failures) = (0, 0, 0);
        // a damaged page ends a stretch; the next begins behind what it hid
        while failures < MAX_FAILURES {
            let stretch = self.facts_after(last, |seq, fact| {
                (last, failures) = (seq, 0);
                if let Some(fact) = fact {
                    sound += 1;
                    each(fact);
                }
            });
            if stretch.is_ok() {
                break;
            }
            (last, failures) = (last + 1, failures + 1);
        }
        ((last - failures) as u64).saturating_sub(sound)
    }

    fn facts_after(&self, last: i64, mut each: impl FnMut(i64, Option<Fact>)) -> rusqlite::Result<()> {
        let (sound, columns) = (self.sound("journal"), facts::columns(self.version));
        let select = format!("SELECT seq, {sound}, {columns} FROM journal WHERE seq > ?1 ORDER BY seq");
        let mut select = self.connection.prepare_cached(&select)?;
        let mut rows = select.query([last])?;
        while let Some(row) = rows.next()? {
            let is_sound = row.get(1) == Ok(true);
            each(row.get(0)?, facts::read(row, 2, self.version)?.ok().filter(|_| is_sound));
        }
        Ok(())
    }

    /// How many rows a table has, and how many of them are not as they were written.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn count(&self, table: &str) -> Result<(u64, u64), StoreError> {
        let select = format!("SELECT count(*), coalesce(sum(NOT ({})), 0) FROM {table}", self.sound(table));
        let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64));
        self.connection.query_row(&select, [], read).map_err(|source| self.sqlite(source))
    }

    /// The tables with sealed rows that this store has: all of them, if it cannot tell, as then none can be read.
    #[must_use]
    pub fn tables(&self) -> Vec<&'static str> {
        seal::TABLES.into_iter().filter(|table| self.has_table(table).unwrap_or(true)).collect()
    }

    /// Whether rows bear checksums: not in stores of before version 4.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.version >= 4
    }

    /// What is wrong with the pages of the file and its indices, at most ten things.
    ///
    /// # Errors
    /// If that cannot be told.
    pub fn integrity(&self) -> Result<Vec<String>, StoreError> {
        let mut check = self.prepare("PRAGMA integrity_check(10)")?;
        let rows = check.query_map([], |row| row.get::<_, String>(0)).map_err(|source| self.sqlite(source))?;
        let found = rows.collect::<Result<Vec<_>, _>>().map_err(|source| self.sqlite(source))?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }
}
