"""Compares the metrics of a job on real masks with the libraries that define them.

    python metrics_on_masks.py --programs ../../target/release --data /data/PH2Dataset

A sweep of one job is trained with every metric and keeps its weights. PyTorch segments the same cases with them, and MONAI, torchmetrics,
scikit-learn and scipy (`metric_values.py`) score the logits. Prints the means of both over validation and test cases; the exit status
is 1 if one is off by more than 1e-4.

Needs torch, monai, torchmetrics, scikit-learn, scipy, safetensors and blake3.
"""

import argparse
import csv
import io
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors.torch import load_file

import metric_values
import split
import worker
from networks import UNet

IMAGE_SIZE, WIDTH, SEED = 128, 8, 3
# those that a sweep has to ask for, and two ratios of pixel counts, which every job has
ASKED_FOR = ("hd95", "assd", "boundary_f1", "boundary_iou", "ece", "brier", "auroc")
METRICS = (*ASKED_FOR, "precision", "f2")
SWEEP = f"""sweep: metrics
dataset: {{name: ph2, format: ph2, image_size: {IMAGE_SIZE}}}
split: {{scheme: rotation, train: 100, validation: 50, test: 50}}
grid: {{architecture: unet, loss: bce, learning_rate: 3.0e-3}}
replicates: {{split_seeds: [{SEED}]}}
model: {{width: {WIDTH}, norm: group}}
training: {{epochs: 6, batch_size: 10, initialization: he}}
metrics: [{", ".join(ASKED_FOR)}]
objective: {{metric: iou, subset: test, epoch: best}}
artifacts: {{weights: best}}
"""


def train(programs, data, folder):
    """The job's row, and its weights."""
    (folder / "sweep.yaml").write_text(SWEEP)
    run = lambda *words: subprocess.run([programs / "coordinator", *words], cwd=folder, check=True, capture_output=True, text=True).stdout
    run("--sweep", "sweep.yaml", "--local-workers", "1", "--page", "none", "--listen", "127.0.0.1:0", "--data", f"ph2={data}")
    (row,) = csv.DictReader(io.StringIO(run("tables", "--rows", "jobs", "--format", "csv")))
    run("weights", "--out", "weights")
    (weights,) = (folder / "weights").glob("*.safetensors")
    return row, load_file(weights)


def main():
    parser = argparse.ArgumentParser(description="Compare metrics on real masks with the libraries that define them")
    parser.add_argument("--programs", required=True, type=pathlib.Path, help="folder with coordinator and worker")
    parser.add_argument("--data", required=True, type=pathlib.Path, help="PH2's folder")
    args = parser.parse_args()
    programs, data = args.programs.resolve(), args.data.resolve()
    metric_values.HEIGHT = metric_values.WIDTH = IMAGE_SIZE
    torch.set_default_dtype(torch.float32)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        row, weights = train(programs, data, folder)
        worker.run(programs / "worker", folder, "prepare", "--format", "ph2", "--data", data, "--image-size", str(IMAGE_SIZE))
        images, masks = worker.cases(folder, torch.float32)
    network = UNet(WIDTH, "group").eval()
    network.load_state_dict(weights)
    _, validation, test = split.rotation(len(images), 50, SEED)
    worst = 0.0
    print(f"{'metric':12} {'cases':10} {'worker':>10} {'reference':>10}")
    for subset, cases in (("val", validation), ("test", test)):
        with torch.no_grad():
            logits = network(images[cases])[:, 0].numpy()
        scored = [metric_values.scores(logit, truth[0].numpy() > 0.5) for logit, truth in zip(logits, masks[cases])]
        for metric in METRICS:
            own, reference = float(row[f"{subset}_{metric}"]), float(np.mean([scores[metric] for scores in scored]))
            worst = max(worst, abs(own - reference))
            print(f"{metric:12} {subset:10} {own:10.6f} {reference:10.6f}")
    print(f"largest difference: {worst:.1e}")
    sys.exit(worst > 1e-4)


if __name__ == "__main__":
    main()
