"""Trains every split with direct convolutions and with Winograd's, and compares the scores in pairs.

    python equivalence.py --coordinator ../../target/release/coordinator --data /data/PH2Dataset --store equivalence.db

Runs `equivalence.yaml` (the store keeps what is done: the same command goes on after an interruption), then prints for every network
the mean difference of the thresholded IoU of the test subset, winograd4 - direct, with its 95 % interval (Student's t over the
splits), and how many trainings of each kind collapsed, that is, are trivial, degenerate or diverged. Needs numpy and scipy.
"""

import argparse
import csv
import io
import pathlib
import subprocess
import sys

import numpy as np
from scipy import stats

HERE = pathlib.Path(__file__).resolve().parent
KEY = "training.convolution"
SCORE = "test_thresholded_iou"
PAIR = ("direct", "winograd4")


def arguments():
    parser = argparse.ArgumentParser(description="Compare scores under two algorithms of convolution, in pairs")
    parser.add_argument("--coordinator", required=True, help="the program; `worker` is beside it")
    parser.add_argument("--data", required=True, help="PH2's folder")
    parser.add_argument("--store", default="equivalence.db")
    parser.add_argument("--sweep", default=HERE / "equivalence.yaml", help="another sweep over the same algorithms")
    parser.add_argument("--workers", default="2")
    return parser.parse_args()


def jobs(args):
    """The rows of the table of jobs."""
    run = [args.coordinator, "--sweep", args.sweep, "--store", args.store, "--listen", "127.0.0.1:0"]
    run += ["--local-workers", args.workers, "--data", f"ph2={args.data}"]
    done = subprocess.run(run, stdout=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"the sweep did not complete: status {done.returncode}")
    tables = [args.coordinator, "tables", "--store", args.store, "--rows", "jobs", "--format", "csv"]
    return list(csv.DictReader(io.StringIO(subprocess.run(tables, stdout=subprocess.PIPE, text=True, check=True).stdout)))


def differences(rows, network):
    """Winograd's score minus the direct one's of every split that has both."""
    scores = {
        (row[KEY], row["split_seed"]): float(row[SCORE]) for row in rows if row["architecture"] == network and row[SCORE]
    }
    splits = sorted({split for _, split in scores}, key=int)
    pairs = [(scores.get((PAIR[0], split)), scores.get((PAIR[1], split))) for split in splits]
    return np.array([winograd - direct for direct, winograd in pairs if direct is not None and winograd is not None])


def collapsed(rows, network, algorithm):
    of = [row for row in rows if row["architecture"] == network and row[KEY] == algorithm]
    return f"{sum(row['verdict'] != 'trained' for row in of)} of {len(of)}"


def main():
    args = arguments()
    rows = jobs(args)
    print("| network | pairs | mean difference | 95 % interval | sd | collapsed, direct | collapsed, winograd4 |")
    print("|---|---|---|---|---|---|---|")
    for network in sorted({row["architecture"] for row in rows}):
        found = differences(rows, network)
        mean, sd, n = found.mean(), found.std(ddof=1), len(found)
        half = stats.t.ppf(0.975, n - 1) * sd / np.sqrt(n)
        verdicts = [collapsed(rows, network, algorithm) for algorithm in PAIR]
        print("|", " | ".join([network, str(n), f"{mean:+.4f}", f"{mean - half:+.4f} to {mean + half:+.4f}", f"{sd:.4f}", *verdicts]), "|")


main()
