"""What can be chosen, by environment variables."""

import os
import pathlib
import tempfile

from device import machine

DEVICE = os.environ.get("DEVICE", "cuda:0")
PRECISIONS = os.environ.get("PRECISIONS", "bf16 tf32 f32").split()
NETWORKS = ["unet2", "segnet", "unet"]
SIZE = int(os.environ.get("SIZE", 256))
WIDTH = int(os.environ.get("WIDTH", 64))
BATCH = int(os.environ.get("BATCH", 10))
# of a whole job
EPOCHS = int(os.environ.get("EPOCHS", 40))
# of a timed run; a third of them in f32, which takes longer
STEPS = int(os.environ.get("STEPS", 60))
# of a run whose results are compared
SHORT = 3

REFERENCE = pathlib.Path(os.environ.get("REFERENCE", pathlib.Path(__file__).resolve().parent.parent))
# Raw output and the worker's libraries: found out by the first process, which the processes of stages have them from.
if "DEVICE_RAW" not in os.environ:
    os.environ["DEVICE_RAW"] = tempfile.mkdtemp(prefix="device-")
    os.environ["DEVICE_LIBRARIES"] = machine.libraries()
RAW = pathlib.Path(os.environ["DEVICE_RAW"])
LIBRARIES = os.environ["DEVICE_LIBRARIES"]
WORKER = str(RAW / "worker")


def worker_environment():
    """For the worker alone: python3 finds its own libraries."""
    search = [path for path in (LIBRARIES, os.environ.get("LD_LIBRARY_PATH")) if path]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(search), "XDG_CACHE_HOME": str(RAW / "cache"), "NO_COLOR": "1"}


def bench(architecture, precision, steps, *more):
    """The command of a bench of the worker."""
    sizes = ["--image-size", str(SIZE), "--batch-size", str(BATCH), "--width", str(WIDTH), "--steps", str(steps)]
    which = ["--device", DEVICE, "--architecture", architecture, "--precision", precision]
    return [WORKER, "bench", *which, *sizes, *more, "--json"]


def chosen(*wanted):
    """Pairs of a network and a precision; where the precision is not to be run, the last one that is."""
    return list(dict.fromkeys((network, name if name in PRECISIONS else PRECISIONS[-1]) for network, name in wanted))
