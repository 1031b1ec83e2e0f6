"""A table as `coordinator tables --format json` prints it: docs/tables.md explains every column."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Iterator

from .errors import SplitsweepError

if TYPE_CHECKING:
    import pandas
    import polars


class Table:
    """Rows, each a dict from column to value (`None` where there is none), and `facts` about the whole table."""

    def __init__(self, facts: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        self.facts = facts
        self.rows = rows

    @classmethod
    def of_json(cls, text: bytes) -> "Table":
        """Reads the table that a coordinator or its command has written."""
        facts = json.loads(text)
        return cls(facts, facts.pop("rows"))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> dict[str, Any]:
        return self.rows[place]

    def __repr__(self) -> str:
        return f"<{self.facts.get('schema', 'table')} of {self.facts.get('sweep')}: {len(self)} rows>"

    def to_pandas(self) -> "pandas.DataFrame":
        """The table as a `pandas.DataFrame`."""
        try:
            import pandas
        except ImportError:
            raise SplitsweepError("pandas is not installed: pip install 'splitsweep[pandas]'") from None
        return pandas.DataFrame.from_records(self.rows)

    def to_polars(self) -> "polars.DataFrame":
        """The table as a `polars.DataFrame`."""
        try:
            import polars
        except ImportError:
            raise SplitsweepError("polars is not installed: pip install 'splitsweep[polars]'") from None
        # a column may have its first value far down
        return polars.DataFrame(self.rows, infer_schema_length=None)
