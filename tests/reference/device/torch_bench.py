"""../bench_torch.py in this process: PyTorch and CUDA are started once for many runs."""

import contextlib
import gc
import io
import runpy
import sys

import torch

from device import missing
from device.session import json_lines
from device.settings import BATCH, DEVICE, REFERENCE, SIZE, WIDTH

missing.fill()


def bench(architecture, precision, steps, mode, initial=None):
    which = ["--device", DEVICE, "--architecture", architecture, "--precision", precision, "--mode", mode, "--steps", str(steps)]
    sizes = ["--image-size", str(SIZE), "--width", str(WIDTH), "--batch-size", str(BATCH)]
    sys.argv = ["bench_torch.py", *which, *sizes, *(["--init", str(initial)] if initial else []), "--json"]
    text = io.StringIO()
    try:
        with contextlib.redirect_stdout(text):
            runpy.run_path(str(REFERENCE / "bench_torch.py"), run_name="__main__")
    finally:
        torch.compiler.reset()  # or the next network is one more variant of the same code
        gc.collect()
        torch.cuda.empty_cache()
    return {**json_lines(text.getvalue())[-1], "by": f"PyTorch {mode}"}


def first_line(error):
    text = str(error).strip() or "no message"
    return f"{type(error).__name__}: {text.splitlines()[0][:160]}"
