"""Times a worker beside PyTorch on one machine and writes BENCHMARKS.md.

    python benchmark.py --worker ../../target/release/worker --out ../../BENCHMARKS.md

Every number comes from fresh processes that take turns, there and back (A B C C B A ...), so that a machine that slows down slows
all. Both sides start from the same weights and take the same batches; that their losses agree is checked. Intervals are 95 %, by the
bootstrap: launches are drawn with replacement, then times within each. Needs torch, numpy and safetensors.
"""

import argparse
import datetime
import itertools
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
ALGORITHMS = ["direct", "winograd2", "winograd4", "auto"]
MODES = ["eager", "channels_last"]
# what limits PyTorch and oneDNN to the instruction set that `worker bench --vectors` names
LIMITS = {
    "auto": {},
    "avx512": {"ATEN_CPU_CAPABILITY": "avx512", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
}
NAMES = {"eager": "PyTorch, NCHW", "channels_last": "PyTorch, channels last", "auto": "worker, auto"}
RESAMPLES = 2000
TITLE = """# Benchmarks

`worker bench` beside the same networks in PyTorch: f32, BCE, Adam. A section for each size.
"""


def arguments():
    parser = argparse.ArgumentParser(description="Time a worker beside PyTorch")
    parser.add_argument("--worker", required=True, help="the program, built with --release")
    parser.add_argument("--architectures", nargs="+", default=["segnet", "unet", "unet2"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--algorithms", nargs="+", default=ALGORITHMS, choices=ALGORITHMS)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=10)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--steps", type=int, default=10, help="timed steps and evaluations a launch")
    parser.add_argument("--launches", type=int, default=4, help="processes a number")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--vectors", default="auto", choices=LIMITS, help="instruction set of both sides on the CPU")
    parser.add_argument("--raw", help="also write every process's JSON to this file, one a line")
    parser.add_argument("--out", default="BENCHMARKS.md")
    parser.add_argument("--append", action="store_true", help="add a section to the file instead of writing it anew")
    return parser.parse_args()


def launch(args, architecture, threads, kind, initial):
    """One process's report."""
    common = {
        "architecture": architecture,
        "image-size": args.image_size,
        "batch-size": args.batch_size,
        "width": args.width,
        "device": args.device,
        "threads": threads,
        "steps": args.steps,
    }
    flags = [str(word) for key, value in common.items() for word in (f"--{key}", value)] + ["--json"]
    if kind in MODES:
        command = [sys.executable, HERE / "bench_torch.py", "--mode", kind, "--init", initial]
    else:
        command = [args.worker, "bench", "--convolution", kind, "--vectors", args.vectors]
        if not initial.exists():
            command += ["--initial", initial]
    environment = os.environ | LIMITS[args.vectors] | {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run([*command, *flags], capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"{shlex.join(map(str, [*command, *flags]))}: status {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(args, folder):
    """Reports by (network, threads, kind)."""
    reports = {}
    # the worker first: it writes the weights that both sides start from
    kinds = [*args.algorithms, *MODES]
    total = len(args.architectures) * len(args.threads) * args.launches * len(kinds)
    done, start = 0, time.monotonic()
    for architecture, threads in itertools.product(args.architectures, args.threads):
        initial = folder / f"{architecture}.safetensors"
        for round_ in range(args.launches):
            for kind in kinds if round_ % 2 == 0 else reversed(kinds):
                report = launch(args, architecture, threads, kind, initial)
                reports.setdefault((architecture, threads, kind), []).append(report)
                done += 1
                left = (time.monotonic() - start) / done * (total - done)
                print(f"{done}/{total} {architecture}, {kind}, threads {threads}: "
                      f"step {report['step_ms']:.1f} ms, {left / 60:.1f} min left", file=sys.stderr)
    return reports


def check(reports):
    """What must be equal: a note on what was found, or the end."""
    worst = 0.0
    for architecture in {key[0] for key in reports}:
        found = [report for key, runs in reports.items() if key[0] == architecture for report in runs]
        first = [report["first_loss"] for report in found]
        spread = max(first) / min(first) - 1
        # SegNet amplifies rounding: of two nearly equal numbers its pooling takes the place of another
        if spread > (3e-4 if architecture == "segnet" else 1e-4):
            sys.exit(f"{architecture}: the losses before the first step differ by {spread:.1e}: both sides do not compute the same")
        worst = max(worst, spread)
        for kind in {key[2] for key in reports} - set(MODES):
            hashes = {report["weights"] for key, runs in reports.items() if key[::2] == (architecture, kind) for report in runs}
            if len(hashes) > 1:
                sys.exit(f"{architecture}, {kind}: the weights after the steps differ between launches or numbers of threads")
    return worst


def same_bits(args):
    """What `check` found of the weights, where there is more than one process to compare."""
    where = ["in every process"] * (args.launches > 1) + ["on every number of threads"] * (len(args.threads) > 1)
    return f" A worker's weights\nafter the steps have the same bits {' and '.join(where)}." if where else ""


def pooled(runs, key):
    return [value for report in runs for value in report[key]]


def ratio(slow, fast, key):
    """Ratio of medians and its interval."""
    generator = np.random.default_rng(0)

    def median(runs):
        drawn = generator.integers(len(runs), size=len(runs))
        return np.median(np.concatenate([generator.choice(runs[index][key], len(runs[index][key])) for index in drawn]))

    ratios = [median(slow) / median(fast) for _ in range(RESAMPLES)]
    middle = statistics.median(pooled(slow, key)) / statistics.median(pooled(fast, key))
    low, high = np.percentile(ratios, [2.5, 97.5])
    return f"**{middle:.2f}** [{low:.2f}, {high:.2f}]"


def row(cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def table(header, rows):
    return "\n".join([row(header), row(["---"] * len(header)), *map(row, rows)])


def times(args, reports, key):
    """A row a network and number of threads: medians, and PyTorch's better layout over the worker's last algorithm."""
    kinds = [*MODES, *args.algorithms]
    own = args.algorithms[-1]
    rows = []
    for architecture, threads in itertools.product(args.architectures, args.threads):
        of = lambda kind: reports[architecture, threads, kind]
        medians = {kind: statistics.median(pooled(of(kind), key)) for kind in kinds}
        better = min(MODES, key=medians.get)
        cells = [f"{medians[kind]:.1f}" for kind in kinds]
        rows.append([architecture, threads, *cells, ratio(of(better), of(own), key)])
    names = [NAMES.get(kind, f"worker, {kind}") for kind in kinds]
    return table(["network", "threads", *names, f"PyTorch's better / worker, {own} [95 %]"], rows)


def rates(args, reports):
    own = args.algorithms[-1]
    rows = []
    for architecture, threads in itertools.product(args.architectures, args.threads):
        median = lambda key: statistics.median(report[key] or float("nan") for report in reports[architecture, threads, own])
        keys = ["step_images_per_second", "step_gflops", "step_executed_gflops",
                "evaluate_images_per_second", "evaluate_gflops", "evaluate_executed_gflops"]
        rows.append([architecture, threads, *(f"{median(key):.1f}" for key in keys)])
    header = ["network", "threads", "step: images/s", "GFLOP/s", "executed", "evaluation: images/s", "GFLOP/s", "executed"]
    return table(header, rows)


def memory(args, reports):
    kinds = [*MODES, *args.algorithms]
    rows = []
    for architecture, threads in itertools.product(args.architectures, args.threads):
        def cell(kind):
            runs = reports[architecture, threads, kind]
            peak, start = (statistics.median(report[f"{key}_memory_mib"] for report in runs) for key in ("peak", "start"))
            return f"{peak:.0f} ({peak - start:.0f})"

        rows.append([architecture, threads, *map(cell, kinds)])
    return table(["network", "threads", *(NAMES.get(kind, f"worker, {kind}") for kind in kinds)], rows)


def machine(limit):
    read = lambda path: pathlib.Path(path).read_text() if pathlib.Path(path).exists() else ""
    cores = os.cpu_count()
    total = next((line.split()[1] for line in read("/proc/meminfo").splitlines() if line.startswith("MemTotal")), "0")
    governor = read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip() or "unknown"
    flags = set(read("/proc/cpuinfo").split())
    vectors = next((name for name in ("avx512f", "avx2", "neon") if name in flags), "unknown")
    vectors += "" if limit == "auto" else f" limited to {limit}"
    return f"{cores} logical cores, vectors {vectors}, {int(total) / 2**20:.0f} GiB of memory, governor {governor}"


def main():
    import torch

    args = arguments()
    before, start = os.getloadavg(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        reports = measure(args, pathlib.Path(folder))
    after, minutes = os.getloadavg(), (time.monotonic() - start) / 60
    if args.raw:
        lines = [json.dumps(report) for runs in reports.values() for report in runs]
        pathlib.Path(args.raw).write_text("\n".join(lines) + "\n")
    worst = check(reports)
    version = subprocess.run([args.worker, "--version"], capture_output=True, text=True).stdout.strip()
    device = next(iter(reports.values()))[0]["device"]
    words = [f"tests/reference/{pathlib.Path(sys.argv[0]).name}", *sys.argv[1:]]
    words = [pathlib.Path(word).name if word.startswith("/") else word for word in words]
    load = lambda averages: "/".join(f"{value:.1f}" for value in averages)
    text = f"""
## {args.image_size} pixels, width {args.width}, batches of {args.batch_size}{"" if args.vectors == "auto" else f", {args.vectors}"}

* {device}: {machine(args.vectors)}
* {version}; PyTorch {torch.__version__}, oneDNN, fused Adam, denormal numbers flushed
* {datetime.date.today()}, {minutes:.0f} minutes; load average (1/5/15 min) before {load(before)}, after {load(after)}
* `python {shlex.join(words)}`

Each median is of {args.launches} processes x {args.steps} calls after two untimed ones; processes take turns, there and back. Both
sides start from the same weights and take the same batches: the losses before the first step agree to {worst:.0e}.{same_bits(args)}

### Training step, ms

{times(args, reports, "step_times_ms")}

### Evaluation of a batch, ms

{times(args, reports, "evaluate_times_ms")}

### Rates of `worker bench --convolution {args.algorithms[-1]}`

GFLOP/s by the definition of convolutions, and of what is executed: Winograd's algorithms take fewer products.

{rates(args, reports)}

### Peak memory, MiB

Of the process, and in brackets what came after it had started: PyTorch's libraries alone take most of the first.

{memory(args, reports)}
"""
    out = pathlib.Path(args.out)
    out.write_text((out.read_text() if args.append else TITLE) + text)
    print(out)


if __name__ == "__main__":
    main()
