"""Trains every split with direct convolutions and with Winograd's, and compares the scores in pairs.

    python equivalence.py --coordinator ../../target/release/coordinator --data /data/PH2Dataset --store equivalence.db

Runs a sweep a network (the store keeps what is done: the same command goes on after an interruption, and more splits only add
theirs), then prints for each the mean difference of the thresholded IoU of the test subset, winograd4 - direct, with its 95 %
interval (Student's t over the splits), and how many trainings of each kind collapsed, that is, are trivial, degenerate or
diverged. Needs numpy and scipy.

Trainings are long enough, at a learning rate low enough, that they end near one place whatever the rounding: after 20 epochs at
1e-3 a pair still differs as much as two seeds do (sd .02 to .07), and a mean over so few pairs tells little. SegNet's differ most
and take most splits.
"""

import argparse
import csv
import io
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from scipy import stats

KEY = "training.convolution"
SCORE = "test_thresholded_iou"
PAIR = ("direct", "winograd4")
SPLITS = [("segnet", 64), ("unet", 24), ("unet2", 12)]


def sweep(network, splits):
    """A sweep file: JSON is YAML."""
    return {
        "sweep": f"equivalence-{network}",
        "dataset": {"name": "ph2", "format": "ph2", "image_size": 64},
        "split": {"scheme": "random", "train": 100, "validation": 50, "test": 50},
        "grid": {"architecture": [network], "loss": ["bce"], "learning_rate": [3e-4], KEY: PAIR},
        "replicates": {"split_seeds": splits},
        "model": {"width": 16},
        "training": {"epochs": 60, "batch_size": 10},
        "objective": {"metric": "thresholded_iou", "subset": "test", "epoch": "best"},
    }


def splits(item):
    network, _, count = item.partition("=")
    if not count.isdecimal() or int(count) < 2:
        raise argparse.ArgumentTypeError(f"`{item}`: expected NETWORK=N, as unet=24")
    return network, int(count)


def arguments():
    parser = argparse.ArgumentParser(description="Compare scores under two algorithms of convolution, in pairs")
    parser.add_argument("--coordinator", required=True, help="the program; `worker` is beside it")
    parser.add_argument("--data", required=True, help="PH2's folder")
    parser.add_argument("--store", default="equivalence.db")
    parser.add_argument("--splits", nargs="+", type=splits, default=SPLITS, metavar="NETWORK=N",
                        help="splits of each network, at least 2")
    parser.add_argument("--workers", default="2")
    return parser.parse_args()


def jobs(args, network, splits):
    """The rows of the table of jobs."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / f"equivalence-{network}.yaml"
        file.write_text(json.dumps(sweep(network, splits)))
        run = [args.coordinator, "--sweep", file, "--store", args.store, "--listen", "127.0.0.1:0"]
        run += ["--local-workers", args.workers, "--data", f"ph2={args.data}"]
        done = subprocess.run(run, stdout=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"the sweep of {network} did not complete: status {done.returncode}")
    tables = [args.coordinator, "tables", "--store", args.store, "--sweep", f"equivalence-{network}"]
    tables += ["--rows", "jobs", "--format", "csv"]
    return list(csv.DictReader(io.StringIO(subprocess.run(tables, stdout=subprocess.PIPE, text=True, check=True).stdout)))


def differences(rows):
    """Winograd's score minus the direct one's of every split that has both."""
    scores = {(row[KEY], row["split_seed"]): float(row[SCORE]) for row in rows if row[SCORE]}
    splits = sorted({split for _, split in scores}, key=int)
    pairs = [(scores.get((PAIR[0], split)), scores.get((PAIR[1], split))) for split in splits]
    return np.array([winograd - direct for direct, winograd in pairs if direct is not None and winograd is not None])


def collapsed(rows, algorithm):
    of = [row for row in rows if row[KEY] == algorithm]
    return f"{sum(row['verdict'] != 'trained' for row in of)} of {len(of)}"


def main():
    args = arguments()
    tables = {network: jobs(args, network, count) for network, count in args.splits}
    print("| network | pairs | mean difference | 95 % interval | sd | collapsed, direct | collapsed, winograd4 |")
    print("|---|---|---|---|---|---|---|")
    for network, rows in tables.items():
        found = differences(rows)
        mean, sd, n = found.mean(), found.std(ddof=1), len(found)
        half = stats.t.ppf(0.975, n - 1) * sd / np.sqrt(n)
        verdicts = [collapsed(rows, algorithm) for algorithm in PAIR]
        print("|", " | ".join([network, str(n), f"{mean:+.4f}", f"{mean - half:+.4f} to {mean + half:+.4f}", f"{sd:.4f}", *verdicts]), "|")


main()
