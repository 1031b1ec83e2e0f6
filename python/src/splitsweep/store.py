"""A store, read without a running coordinator."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any, Sequence

from .errors import SplitsweepError
from .table import Table
from .tables import Tables

#: The variable that names the program `coordinator`, if it is not in the PATH.
PROGRAM = "SPLITSWEEP_PROGRAM"
#: The newest version of a store that is understood here (coordinator/src/store/sqlite.rs).
VERSION = 5
#: What SQLite calls the `application_id` of a store.
APPLICATION = 0x53504C53
#: What a query may select from, besides the store's own tables: docs/export.md.
VIEWS = """
CREATE TEMP VIEW sweeps AS
    SELECT json_extract(detail, '$.plan.sweep') AS sweep, at AS submitted_ms, json_extract(detail, '$.text') AS file
    FROM journal WHERE fact = 'submitted' AND NOT EXISTS (
        SELECT 1 FROM journal AS later
        WHERE later.fact = 'deleted' AND later.seq > journal.seq
          AND json_extract(later.detail, '$.sweep') = json_extract(journal.detail, '$.plan.sweep')
    ) ORDER BY seq;
CREATE TEMP VIEW job_results AS
    SELECT lower(hex(job)) AS job, attempt, worker, verdict, epochs, best_epoch, train_seconds, parameters, device,
           val_loss, test_loss, lower(hex(split_hash)) AS split_hash
    FROM results;
CREATE TEMP VIEW job_epochs AS
    SELECT lower(hex(job)) AS job, attempt, epoch, train_loss, val_loss, val_iou, val_thresholded_iou, val_dice,
           val_sensitivity, val_specificity, val_accuracy, seconds
    FROM measurements;
"""


def open_store(path: str | os.PathLike[str], program: str | os.PathLike[str] | None = None) -> "Store":
    """Opens a store for reading, also one that a coordinator has open.

    Tables are made by `coordinator tables`, so that they have its numbers: the program is `program`, or the one that
    `SPLITSWEEP_PROGRAM` names, or `coordinator` in the `PATH`. `Store.sql` needs no program.
    """
    return Store(path, program)


class Store(Tables):
    """A store; see `open_store`."""

    def __init__(self, path: str | os.PathLike[str], program: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path)
        self._program = program
        self._database = opened(self.path)

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def sql(self, query: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """The rows that an SQL query selects, of the views `sweeps`, `job_results`, `job_epochs` and the store's tables."""
        try:
            return [dict(row) for row in self._database.execute(query, parameters)]
        except sqlite3.Error as error:
            raise SplitsweepError(f"{self.path}: {error}") from None

    def sweeps(self) -> list[str]:
        """The names of the sweeps, in the order of submission."""
        return list(dict.fromkeys(row["sweep"] for row in self.sql("SELECT sweep FROM temp.sweeps")))

    def table(self, rows: str, sweep: str = "", metrics: Sequence[str] = ()) -> Table:
        arguments = ["tables", *([sweep] if sweep else []), "--rows", rows, "--format", "json"]
        if metrics:
            arguments += ["--metrics", ",".join(metrics)]
        return Table.of_json(self._run(*arguments))

    def weights(self, out: str | os.PathLike[str], sweep: str = "", best: bool = False) -> list[Path]:
        """Writes the weights that jobs have kept into the folder `out`; with `best` only those of the leading candidate.

        Returns the paths. Raises `SplitsweepError` if no job has kept any.
        """
        arguments = ["weights", *([sweep] if sweep else []), "--out", str(out), *(["--best"] if best else [])]
        return [Path(line) for line in self._run(*arguments).decode().splitlines()]

    def _run(self, command: str, *arguments: str) -> bytes:
        program = self._program or os.environ.get(PROGRAM) or shutil.which("coordinator")
        if program is None:
            raise SplitsweepError(f"the program `coordinator` is not in the PATH: set {PROGRAM} to its path")
        try:
            whole = [program, command, "--store", str(self.path), *arguments]
            ended = subprocess.run(whole, stdin=subprocess.DEVNULL, capture_output=True)
        except OSError as error:
            raise SplitsweepError(f"cannot start {program}: {error}") from None
        if ended.returncode != 0:
            said = ended.stderr.decode(errors="replace").strip().removeprefix("error: ")
            raise SplitsweepError(said or f"{program} {command} has failed")
        return ended.stdout


def opened(path: Path) -> sqlite3.Connection:
    """The store's file, for reading."""
    try:
        if not path.is_file():
            raise SplitsweepError(f"there is no store {path}")
        database = connected(path.resolve())
        database.row_factory = sqlite3.Row
        pragmas = [database.execute(f"PRAGMA {what}") for what in ("application_id", "user_version")]
        application, version = (pragma.fetchone()[0] for pragma in pragmas)
        if application != APPLICATION:
            raise SplitsweepError(f"{path} is no store of Splitsweep")
        if not 4 <= version <= VERSION:
            raise SplitsweepError(
                f"{path} is a store of version {version}, and this package reads 4 to {VERSION}: use the package of the "
                "same version as the coordinator; an older store is converted when a coordinator opens it"
            )
        database.executescript(VIEWS)
        return database
    except sqlite3.Error as error:
        raise SplitsweepError(f"{path} cannot be read: {error}") from None


def connected(real: Path) -> sqlite3.Connection:
    """A connection that writes nothing to the store, and nothing beside it where it may not.

    SQLite makes the files -wal and -shm if they are not there; coordinator/src/store/access.rs has more of it.
    """
    address = f"{real.as_uri()}?mode=ro"
    wal, shm = (real.with_name(real.name + suffix) for suffix in ("-wal", "-shm"))
    effective = os.access in os.supports_effective_ids
    if os.access(real.parent, os.W_OK, effective_ids=effective) or (wal.exists() and shm.exists()):
        return sqlite3.connect(address, uri=True)
    if not wal.exists():
        # all is in the one file, and nobody writes
        return sqlite3.connect(f"{address}&immutable=1", uri=True)
    # what a crash has left: the index is in the memory of a connection that shares the file with nobody
    database = sqlite3.connect(f"{address}&vfs=unix-none", uri=True)
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    return database
