"""What a scraper costs: jobs per second and processor time of a coordinator with and without somebody who reads /metrics each second.

    python3 tests/reference/scraping.py target/release [--jobs 3000] [--rounds 4] [--every 1.0]

Jobs are simulated and take 0 s, so that only granting and keeping them is measured. Runs with and without take turns, there and back, and
each round gives a ratio.
"""

import argparse
import re
import resource
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from statistics import median

from sweeps import one

parser = argparse.ArgumentParser()
parser.add_argument("programs", type=Path)
parser.add_argument("--jobs", type=int, default=3000)
parser.add_argument("--rounds", type=int, default=4)
parser.add_argument("--every", type=float, default=1.0)
arguments = parser.parse_args()
# every user of the machine may read
OPTIONS = "--sweep sweep.yaml --listen 127.0.0.1:0 --insecure-listen --page 127.0.0.1:0 --simulate 0s --local-workers 1 --slots 8".split()


def run(scrapes):
    """Jobs per second, processor seconds of coordinator and worker, and how often the metrics were read."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sweep.yaml").write_text(one("measured", arguments.jobs, 1))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.monotonic()
        process = subprocess.Popen([arguments.programs.resolve() / "coordinator", *OPTIONS], cwd=folder, text=True,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        count, times = 0, []

        def scrape(address):
            nonlocal count
            while process.poll() is None:
                start = time.monotonic()
                try:
                    urllib.request.urlopen(f"http://{address}/metrics", timeout=5).read()
                    count += 1
                    times.append(time.monotonic() - start)
                except OSError:
                    return
                time.sleep(arguments.every)

        for line in process.stderr:
            found = re.search(r"live page: http://([^/]+)/", line)
            if found and scrapes:
                threading.Thread(target=scrape, args=[found[1]], daemon=True).start()
        assert process.wait() == 0
        seconds = time.monotonic() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return arguments.jobs / seconds, cpu, count, median(times) if times else 0.0


run(False)
rates, costs = [], []
for round in range(arguments.rounds):
    order = [False, True] if round % 2 == 0 else [True, False]
    found = {scrapes: run(scrapes) for scrapes in order}
    (without, alone, _, _), (watched, cost, count, took) = found[False], found[True]
    rates.append(watched / without)
    costs.append(cost / alone)
    print(f"{without:.0f} jobs/s alone, {watched:.0f} with {count} scrapes of {1e3 * took:.1f} ms; processor {alone:.1f} s, {cost:.1f} s", flush=True)
print(f"with / without: jobs/s {median(rates):.3f} ({min(rates):.3f} to {max(rates):.3f}), "
      f"processor {median(costs):.3f} ({min(costs):.3f} to {max(costs):.3f})")
