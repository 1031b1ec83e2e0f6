"""A simulated sweep for the scripts export_*.py: in a folder of its own, with the built programs."""

import json
import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from sweeps import four

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def simulated(arguments):
    """The folder of a sweep that has ended, and a function that runs `coordinator` in it and gives its standard output."""
    program = Path(arguments[0] if arguments else ROOT / "target/release/coordinator").resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)

        def command(*arguments, **environment):
            users = {name: value for name, value in os.environ.items() if not name.startswith("SPLITSWEEP_")}
            own = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "SPLITSWEEP_PAGE": "none"}
            ended = subprocess.run(
                [program, *arguments], cwd=folder, env=users | own | environment, stdout=subprocess.PIPE, check=True
            )
            return ended.stdout

        (folder / "sweep.yaml").write_text(four("exported", 3, 40))
        command("--sweep", "sweep.yaml", "--local-workers", "1", "--slots", "2", "--simulate", "1ms", "--listen", "127.0.0.1:0")
        yield folder, command


def printed(command, rows):
    """The rows of a table, as JSON has them."""
    return json.loads(command("tables", "--rows", rows, "--format", "json"))["rows"]
