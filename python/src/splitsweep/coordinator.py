"""A running coordinator, over gRPC."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Sequence

import grpc

from . import target
from .errors import SplitsweepError
from .table import Table
from .tables import Tables
from .wire import sweeps_pb2 as wire
from .wire.sweeps_pb2_grpc import SweepsStub


@dataclass(frozen=True)
class Submitted:
    """What became of a submitted file: numbers of jobs by where they stood before."""

    sweep: str
    jobs: int
    succeeded: int
    new: int
    note: str


@dataclass(frozen=True)
class Progress:
    """How a sweep stands. `state` is `waiting_for_data`, `running`, `ended` or `rejected`; then `problem` says why."""

    sweep: str
    state: str
    jobs: int
    queued: int
    running: int
    succeeded: int
    failed: int
    cancelled: int
    dropped: int
    epochs: int
    epochs_done: int
    simulated: bool
    problem: str

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("ended", "rejected")

    @classmethod
    def of(cls, status: wire.SweepStatus) -> "Progress":
        values = {name: getattr(status, name) for name in cls.__dataclass_fields__ if name != "state"}
        state = wire.SweepState.Name(status.state).removeprefix("SWEEP_STATE_").lower()
        return cls(state=state, **values)


def connect(address: str, token_file: str | os.PathLike[str] | None = None) -> "Coordinator":
    """Connects to the coordinator at `http://HOST:PORT`, or at `https://HOST:PORT` if it has certificates.

    The token is that of `token_file`, or of the file that `SPLITSWEEP_TOKEN_FILE` names; a coordinator of this user on
    this machine needs none. Raises `SplitsweepError` if the coordinator does not answer or refuses.
    """
    coordinator = Coordinator(address, token_file)
    try:
        coordinator.status("?")  # a name that no sweep has, so that the answer is short
    except SplitsweepError:
        coordinator.close()
        raise
    return coordinator


class Coordinator(Tables):
    """A running coordinator; see `connect`."""

    def __init__(self, address: str, token_file: str | os.PathLike[str] | None = None) -> None:
        self.address = address
        self._channel, self._metadata = target.channel(address, token_file)
        self._calls = SweepsStub(self._channel)  # type: ignore[no-untyped-call]

    def __enter__(self) -> "Coordinator":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def submit(self, file: str | os.PathLike[str], simulated: bool = False) -> Submitted:
        """Submits a sweep file; with `simulated` for workers that make results up."""
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SplitsweepError(f"cannot read {file}: {error}") from None
        request = wire.SubmitRequest(file=str(file), text=text, simulated=simulated)
        with self._refusals():
            answer = self._calls.Submit(request, metadata=self._metadata)
        return Submitted(**{name: getattr(answer, name) for name in Submitted.__dataclass_fields__})

    def status(self, sweep: str = "") -> list[Progress]:
        """How every sweep stands, or the one of that name; empty if there is none."""
        with self._refusals():
            answer = self._calls.Status(
                wire.StatusRequest(sweep=sweep), metadata=self._metadata, timeout=target.PATIENCE
            )
        return [Progress.of(status) for status in answer.sweeps]

    def watch(self, sweep: str) -> Iterator[Progress]:
        """How a sweep stands, now and after each change, until it is over."""
        with self._refusals():
            answers = self._calls.Watch(wire.StatusRequest(sweep=sweep), metadata=self._metadata)
            try:
                for answer in answers:
                    if not answer.sweeps:
                        raise SplitsweepError(f"no sweep is named `{sweep}`")
                    progress = Progress.of(answer.sweeps[0])
                    yield progress
                    if progress.is_over:
                        return
            finally:
                answers.cancel()
        raise SplitsweepError(f"the coordinator at {self.address} has ended, and the sweep has not")

    def table(self, rows: str, sweep: str = "", metrics: Sequence[str] = ()) -> Table:
        request = wire.TablesRequest(sweep=sweep, rows=rows, format="json", metrics=metrics)
        with self._refusals():
            pieces = self._calls.Tables(request, metadata=self._metadata)
            return Table.of_json(b"".join(piece.text for piece in pieces))

    def weights(self, out: str | os.PathLike[str], sweep: str = "", best: bool = False) -> list[Path]:
        """Writes the weights that jobs have kept into the folder `out`; with `best` only those of the leading candidate.

        Returns the paths.
        """
        request = wire.WeightsRequest(sweep=sweep, best=best)
        paths: list[Path] = []
        path, content = None, bytearray()
        with self._refusals():
            for answer in self._calls.Weights(request, metadata=self._metadata):
                if answer.problem:
                    raise SplitsweepError(answer.problem)
                if answer.job:
                    paths += written(path, content)
                    # the name is the coordinator's word: it must not leave the folder
                    name = f"{Path(answer.job).name}.safetensors"
                    path, content = (Path(out) / name if answer.HasField("weights") else None), bytearray()
                content += answer.piece
        return paths + written(path, content)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Turns what gRPC raises into one error with the coordinator's words."""
        try:
            yield
        except grpc.RpcError as error:
            code, words = error.code(), error.details()
            if code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND):
                raise SplitsweepError(words) from None
            if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise SplitsweepError(f"the coordinator at {self.address} is not reached: {words}") from None
            raise SplitsweepError(f"the coordinator at {self.address} refuses: {words}") from None


def written(path: Path | None, content: bytearray) -> list[Path]:
    """Writes a file, which is whole or not there."""
    if path is None:
        return []
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)
    return [path]
