"""What a coordinator and a store have in common: tables by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Sequence, TypeVar

from .table import Table

Source = TypeVar("Source", bound="Tables")


class Tables(ABC):
    """Whoever has the tables of sweeps. An empty name means the sweep that was submitted last."""

    def __enter__(self: Source) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Closes what is open. No call is answered afterwards."""

    @abstractmethod
    def table(self, rows: str, sweep: str = "", metrics: Sequence[str] = ()) -> Table:
        """The table of that kind (`pairs`, `ranks`, `cases`, ...), by the objective's metric unless others are named."""

    def rows(self, sweep: str = "") -> Table:
        """The jobs, each with its settings, seeds, scores and state."""
        return self.table("jobs", sweep)

    def candidates(self, sweep: str = "", metrics: Sequence[str] = ()) -> Table:
        """The candidates, each over its splits, then the baselines."""
        return self.table("candidates", sweep, metrics)

    def measurements(self, sweep: str = "") -> Table:
        """The epochs of every attempt."""
        return self.table("measurements", sweep)
