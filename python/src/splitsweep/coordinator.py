"""A running coordinator, over gRPC."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Sequence

import grpc
from blake3 import blake3

from . import target
from .errors import SplitsweepError
from .table import Table
from .tables import Tables
from .wire import job_pb2 as job_wire
from .wire import sweeps_pb2 as wire
from .wire.sweeps_pb2_grpc import SweepsStub

#: What the command `weights` says of such a sweep.
NONE_KEPT = (
    "no job has kept its weights: `artifacts: {weights: best}` in the sweep file makes jobs that run from then on keep them"
)


@dataclass(frozen=True)
class Submitted:
    """What became of a submitted file: the number of its jobs, and how many of them stood where before.

    `retried`: failed or cancelled before, and tried again. `unknown`: no worker has offered the data set yet, so nobody
    knows which of them have results. `hidden`: results that the new grid does not name, so no table shows them; the
    store keeps them. `note`: what the submitter should know, for people; mostly empty.
    """

    sweep: str
    jobs: int
    succeeded: int
    retried: int
    running: int
    waiting: int
    new: int
    unknown: int
    hidden: int
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
        coordinator.status("?")  # no sweep can have this name, so the answer is short
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

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def submit(self, file: str | os.PathLike[str], simulated: bool = False) -> Submitted:
        """Submits a sweep file, in UTF-8 or UTF-16; with `simulated` for workers that make results up.

        If a sweep of that name is there, the file takes the place of its grid: see `Submitted.hidden`.
        """
        try:
            text = decoded(Path(file).read_bytes())
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

    def watch(self, sweep: str = "") -> Iterator[Progress]:
        """How a sweep stands, now and after each change, until it is over."""
        with self._refusals():
            answers = self._calls.Watch(wire.StatusRequest(sweep=sweep), metadata=self._metadata)
            try:
                for answer in answers:
                    if not answer.sweeps:
                        raise SplitsweepError(f"no sweep is named `{sweep}`" if sweep else "there is no sweep")
                    # in the order of submission; one that is submitted meanwhile is not watched
                    progress = next(map(Progress.of, named(answer.sweeps, sweep)), None)
                    if progress is None:
                        raise SplitsweepError(f"the sweep `{sweep}` was deleted")
                    sweep = progress.sweep
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

        Returns the paths. Raises `SplitsweepError` if no job has kept any.
        """
        request = wire.WeightsRequest(sweep=sweep, best=best)
        paths: list[Path] = []
        jobs = 0
        current: Incoming | None = None
        with self._refusals():
            for answer in self._calls.Weights(request, metadata=self._metadata):
                if answer.problem:
                    raise SplitsweepError(answer.problem)
                if answer.job:
                    jobs += 1
                    paths += current.written(Path(out)) if current else []
                    current = Incoming(answer.job, answer.weights) if answer.HasField("weights") else None
                if current:
                    current.content += answer.piece
        paths += current.written(Path(out)) if current else []
        if not paths:
            raise SplitsweepError(NONE_KEPT if jobs else "no job has a result yet")
        return paths

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


class Incoming:
    """The weights of a job, on their way."""

    def __init__(self, job: str, kept: job_wire.KeptWeights) -> None:
        self.job, self.kept, self.content = job, kept, bytearray()

    def written(self, folder: Path) -> list[Path]:
        """Writes the file, which is whole or not there."""
        digest = blake3(self.content).hexdigest()[: len(self.kept.hash)]
        if (len(self.content), digest) != (self.kept.bytes, self.kept.hash):
            raise SplitsweepError(f"the weights of job {self.job} did not arrive whole: try again")
        # the name is the coordinator's word: it must not leave the folder
        path = folder / f"{Path(self.job).name}.safetensors"
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_bytes(self.content)
        part.replace(path)
        return [path]


def named(sweeps: Sequence[wire.SweepStatus], sweep: str) -> Sequence[wire.SweepStatus]:
    """The sweep of that name, or the one submitted last."""
    return [status for status in sweeps if status.sweep == sweep] if sweep else sweeps[-1:]


def decoded(content: bytes) -> str:
    """The text of a file, as the command takes it: UTF-8, or UTF-16 with a byte-order mark or with ASCII at its beginning."""
    pair = content[:2]
    for order, mark, ascii_at in (("le", b"\xff\xfe", 0), ("be", b"\xfe\xff", 1)):
        starts_with_ascii = len(pair) == 2 and 1 <= pair[ascii_at] <= 0x7F and pair[1 - ascii_at] == 0
        if pair == mark or starts_with_ascii:
            return content[: len(content) // 2 * 2].decode(f"utf-16-{order}", errors="replace")
    return content.decode("utf-8")
