"""Kernels of one training step, by their names."""

import collections
import csv
import re

MICROSECONDS = {"n": 1e-3, "u": 1, "m": 1e3, "s": 1e6}


def step(csv_text):
    """The kernels of the last training step in ncu's output, [(name, us)]: a step ends with the update of the weights."""
    lines = csv_text.splitlines()
    start = next((index for index, line in enumerate(lines) if line.startswith('"ID"')), len(lines))
    kernels = []
    for row in csv.DictReader(lines[start:]):
        if row.get("Metric Name") == "gpu__time_duration.sum":
            time = float(row["Metric Value"].replace(",", "")) * MICROSECONDS[row["Metric Unit"][0]]
            kernels.append((row["Kernel Name"], time))
    is_update = [name.startswith("adam") for name, _ in kernels] + [False]
    ends = [index + 1 for index in range(len(kernels)) if is_update[index] and not is_update[index + 1]]
    if not ends:
        return []
    return kernels[ends[-2] if len(ends) > 1 else 0 : ends[-1]]


def sums(kernels):
    """[(name, us, times)], longest first."""
    found = collections.defaultdict(lambda: [0.0, 0])
    for name, time in kernels:
        found[name][0] += time
        found[name][1] += 1
    return sorted(((name, time, times) for name, (time, times) in found.items()), key=lambda row: -row[1])


def generation(name):
    """The GPU that a library's kernel was written for: a Hopper (sm90) that runs an Ampere's (sm80) is not used well."""
    ampere = r"ampere|cutlass__5x|_s(?:16816|1688|884)"
    match = re.search(rf"(?:sm_?|cutlass_)(\d\d+)|({ampere})|(hopper|nvjet)", name.lower())
    if not match:
        return "other"
    return f"sm{match[1]}" if match[1] else "sm80" if match[2] else "sm90"


def by_generation(rows):
    """{generation: ms}"""
    found = collections.Counter()
    for name, time, _ in rows:
        found[generation(name)] += time / 1e3
    return dict(sorted(found.items()))
