"""Steps of the worker and of PyTorch in turns, until the seconds of the first argument are over."""

import json
import shutil
import subprocess
import sys
import time

from device import settings
from device.session import json_lines
from device.settings import DEVICE, NETWORKS, PRECISIONS, STEPS
from device.torch_bench import bench, first_line

END = time.monotonic() + float(sys.argv[1]) - 8
# Seconds that a run may take, mostly to choose algorithms or to compile; none is begun with less time left.
NEEDS = {"worker": 12, "channels_last": 12, "eager": 15, "compile": 90}


def worker(precision, network, steps):
    found = subprocess.run(
        settings.bench(network, precision, steps), env=settings.worker_environment(), capture_output=True, text=True, timeout=60
    )
    if found.returncode:
        raise RuntimeError((found.stderr.strip().splitlines() or ["no message"])[-1])
    return json_lines(found.stdout)[-1]


def take(by, precision, network):
    about = {"architecture": network, "precision": precision, "by": "worker" if by == "worker" else f"PyTorch {by}"}
    need = NEEDS[by] + (8 if precision == "f32" else 0)
    if precision not in PRECISIONS:
        return
    if by == "compile" and DEVICE != "cpu" and not (shutil.which("cc") or shutil.which("gcc")):
        return tell({**about, "left_out": "no C compiler"})
    if time.monotonic() + need > END:
        return tell({**about, "left_out": "no time"})
    steps = max(1, STEPS // 3) if precision == "f32" else STEPS
    start = time.monotonic()
    try:
        found = worker(precision, network, steps) if by == "worker" else bench(network, precision, steps, by)
    except Exception as error:  # one that fails does not stop the others
        return tell({**about, "error": first_line(error)})
    tell({**found, "took_s": time.monotonic() - start})


def tell(found):
    print(json.dumps(found), flush=True)


def main():
    # in order of worth
    for precision in ("bf16", "tf32"):
        for _ in range(2):
            for network in NETWORKS:
                take("worker", precision, network)
                take("channels_last", precision, network)
    for network in NETWORKS:
        take("compile", "bf16", network)
        take("worker", "bf16", network)
    for network in NETWORKS:
        take("eager", "bf16", network)
    for by in ("worker", "channels_last"):
        for network in NETWORKS:
            take(by, "f32", network)
    for precision in ("tf32", "f32"):
        for by in ("compile", "eager"):
            for network in NETWORKS:
                take(by, precision, network)


main()
