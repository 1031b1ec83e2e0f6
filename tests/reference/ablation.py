"""Times a training step with each thing that makes it fast taken away, one at a time.

    python ablation.py --worker ../../target/release/worker --out ../../BENCHMARKS.md

Fresh processes take turns, there and back, as in `benchmark.py`. Printed are medians and their ratios to the step with everything;
with `--out` they are added to that file as a section. Needs numpy.
"""

import argparse
import datetime
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys

from benchmark import machine, pooled, ratio, table

FORGET = {"MIMALLOC_PURGE_DELAY": "10", "MIMALLOC_ALLOW_LARGE_OS_PAGES": "0"}
ALL = "everything"
VARIANTS = {
    ALL: ([], {}),
    "no Winograd": (["--convolution", "direct"], {}),
    "only F(2x2)": (["--convolution", "winograd2"], {}),
    "F(4x4) for every 3x3 layer": (["--convolution", "winograd4"], {}),
    "AVX2 at most": (["--vectors", "avx2"], {}),
    "no vectors": (["--vectors", "portable"], {}),
    "freed memory goes back": ([], FORGET),
    "one thread": (["--threads", "1"], {}),
}


def arguments():
    parser = argparse.ArgumentParser(description="Time training steps without what makes them fast")
    parser.add_argument("--worker", required=True, help="the program, built with --release")
    parser.add_argument("--architectures", nargs="+", default=["segnet", "unet", "unet2"])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--image-size", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3, help="timed steps a launch")
    parser.add_argument("--launches", type=int, default=2, help="processes a number")
    parser.add_argument("--out", help="add a section to this file")
    return parser.parse_args()


def launch(args, architecture, variant):
    flags, environment = VARIANTS[variant]
    sizes = ["--image-size", args.image_size, "--batch-size", args.batch_size, "--width", args.width, "--steps", args.steps]
    command = [args.worker, "bench", "--json", "--device", "cpu", "--architecture", architecture, *sizes, *flags]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=os.environ | environment)
    if done.returncode == 2 and "--vectors" in flags:
        return None  # not on this processor
    if done.returncode:
        sys.exit(f"{variant}: status {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def main():
    args = arguments()
    reports = {}
    for round_ in range(args.launches):
        for architecture in args.architectures:
            for variant in args.variants if round_ % 2 == 0 else reversed(args.variants):
                report = launch(args, architecture, variant)
                if report:
                    reports.setdefault((architecture, variant), []).append(report)
                    print(f"{architecture}, {variant}: {report['step_ms']:.0f} ms", file=sys.stderr)
    key = "step_times_ms"
    rows = []
    for architecture in args.architectures:
        whole = reports[architecture, ALL]
        for variant in args.variants:
            if runs := reports.get((architecture, variant)):
                median = f"{statistics.median(pooled(runs, key)):.0f}"
                memory = f"{statistics.median(run['peak_memory_mib'] for run in runs):.0f}"
                rows.append([architecture, variant, median, "1" if variant == ALL else ratio(runs, whole, key), memory])
    text = f"""
## What makes a step fast: {args.image_size} pixels, width {args.width}, batches of {args.batch_size}

* {reports[args.architectures[0], ALL][0]["device"]}: {machine()}; {datetime.date.today()}
* `python {shlex.join(["tests/reference/ablation.py", *sys.argv[1:]])}`

{table(["network", "with", "step, ms", "to everything [95 %]", "peak memory, MiB"], rows)}
"""
    print(text)
    if args.out:
        out = pathlib.Path(args.out)
        out.write_text(out.read_text() + text)


if __name__ == "__main__":
    main()
