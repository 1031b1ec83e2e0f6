"""Calls of `worker`, and the images that it keeps."""

import os
import subprocess

from safetensors import safe_open


def run(program, cache, *words):
    """What `worker WORDS` prints, on one thread; resized images are kept in the folder `cache`."""
    environment = os.environ | {"XDG_CACHE_HOME": str(cache), "RAYON_NUM_THREADS": "1"}
    done = subprocess.run([program, *words], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"worker {' '.join(map(str, words))}: status {done.returncode}\n{done.stderr}")
    return done.stdout


def cases(cache, dtype):
    """Images `[n, 3, h, w]`, 0 to 1, and masks `[n, 1, h, w]`, 0 or 1, of the one data set in the folder `cache`, as resized."""
    (path,) = (cache / "splitsweep").glob("*.safetensors")
    with safe_open(path, "pt") as file:
        return (file.get_tensor("images").float() / 255).to(dtype), file.get_tensor("masks")[:, None].to(dtype)
