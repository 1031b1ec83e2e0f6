"""A coordinator with a simulated worker, and the commands beside it.

The programs are those of `SPLITSWEEP_PROGRAMS`, a folder, or of target/release.
"""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(os.environ.get("SPLITSWEEP_PROGRAMS", ROOT / "target/release")).resolve()
# behind all others, so that its modules hide none
sys.path.append(str(ROOT / "tests/reference"))

from sweeps import four  # noqa: E402

SWEEP = four("lesions", 5, 3)


class Lab:
    """A folder with a store, in which commands run without settings of the user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "sweeps.db"
        self.program = PROGRAMS / "coordinator"
        runtime = folder / "run"
        runtime.mkdir(mode=0o700)
        mine = {name: value for name, value in os.environ.items() if not name.startswith("SPLITSWEEP_")}
        self.environment = mine | {"XDG_RUNTIME_DIR": str(runtime), "HOME": str(folder), "SPLITSWEEP_PAGE": "none"}

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def start(self, program: str, *arguments: str) -> subprocess.Popen:
        command = [PROGRAMS / program, *arguments]
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments: str) -> bytes:
        command = [self.program, *arguments]
        return subprocess.run(command, cwd=self.folder, env=self.environment, check=True, stdout=subprocess.PIPE).stdout

    @contextmanager
    def serve(self, *arguments: str) -> Iterator[str]:
        """A coordinator: `HOST:PORT` where it listens."""
        process = self.start("coordinator", "serve", "--listen", "127.0.0.1:0", *arguments)
        try:
            for line in process.stderr:
                if line.startswith("listening on "):
                    # what it says from now on must not fill the pipe
                    threading.Thread(target=process.stderr.read, daemon=True).start()
                    yield line.removeprefix("listening on ").split(",")[0].strip()
                    return
            raise AssertionError("the coordinator does not listen")
        finally:
            end(process)


def end(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    return Lab(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="session", autouse=True)
def environment(lab):
    """The package has the lab's environment: tokens lie there."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("SPLITSWEEP_")]:
            patch.delenv(name)
        for name in ("XDG_RUNTIME_DIR", "HOME"):
            patch.setenv(name, lab.environment[name])
        yield


@pytest.fixture(scope="session")
def url(lab):
    """The address of a coordinator with a simulated worker."""
    with lab.serve() as address:
        worker = lab.start("worker", "--coordinator", f"http://{address}", "--simulate", "5ms", "--slots", "4")
        yield f"http://{address}"
        end(worker)
