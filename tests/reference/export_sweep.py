"""A simulated sweep for the scripts export_*.py: in a folder of its own, with the built programs."""

import json
import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SWEEP = """\
sweep: exported
dataset: {name: blobs, format: synthetic, cases: 12, seed: 0, image_size: 32}
split: {scheme: random, train: 6, validation: 3, test: 3}
grid:
  architecture: [unet, unet2]
  learning_rate: [1.0e-3, 1.0e-2]
replicates: {split_seeds: 3}
model: {width: 4}
training: {epochs: 40}
"""


@contextmanager
def simulated(arguments):
    """The folder of a sweep that has ended, and a function that runs `coordinator` in it and gives its standard output."""
    program = Path(arguments[0] if arguments else ROOT / "target/release/coordinator").resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)

        def command(*arguments, **environment):
            own = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "SPLITSWEEP_PAGE": "none"}
            ended = subprocess.run(
                [program, *arguments], cwd=folder, env=os.environ | own | environment, stdout=subprocess.PIPE, check=True
            )
            return ended.stdout

        (folder / "sweep.yaml").write_text(SWEEP)
        command("--sweep", "sweep.yaml", "--local-workers", "1", "--slots", "2", "--simulate", "1ms", "--listen", "127.0.0.1:0")
        yield folder, command


def printed(command, rows):
    """The rows of a table, as JSON has them."""
    return json.loads(command("tables", "--rows", rows, "--format", "json"))["rows"]
