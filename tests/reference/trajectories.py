"""Trains in the worker and in PyTorch, step for step on the same batches, and compares the losses.

    python trajectories.py --worker ../../target/release/worker --out trajectories.png

Nine cells: three networks under three losses. PyTorch draws the initial weights, the worker takes them (`worker train --init`) and
names the cases of every batch (`--trace`), and PyTorch trains on the same. Images are the worker's own resized ones. Printed are the
largest relative differences of the losses, and, as a measure of what rounding alone does, those of PyTorch with itself in another
memory layout. The exit status is 1 if a difference in the first ten steps is more than a thousandth.

Needs torch, numpy, safetensors and matplotlib.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import matplotlib
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from losses import LOSSES
from networks import NETWORKS

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

FIRST = 10
LIMIT = 1e-3


def arguments():
    parser = argparse.ArgumentParser(description="Compare the worker's losses with PyTorch's, step for step")
    parser.add_argument("--worker", required=True, help="the program, built with --release")
    parser.add_argument("--data", help="PH2's folder; else lesions that the worker makes")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=10)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--convolution", default="auto")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="trajectories.png")
    return parser.parse_args()


def worker(args, folder, *words):
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}
    done = subprocess.run([args.worker, *words], capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"worker {' '.join(map(str, words))}: status {done.returncode}\n{done.stderr}")


def train(args, folder, data, architecture, loss, initial):
    """The worker's steps."""
    train_cases, validation = 80, 5
    epochs = -(-args.steps * args.batch_size // train_cases)
    job, trace = folder / "job.yaml", folder / "trace.jsonl"
    job.write_text(
        f"dataset: {{name: lesions, format: ph2, image_size: {args.image_size}}}\n"
        f"split: {{train: {train_cases}, validation: {validation}, test: {validation}}}\n"
        f"model: {{width: {args.width}}}\n"
        f"training: {{epochs: {epochs}, batch_size: {args.batch_size}, convolution: {args.convolution}}}\n"
        f"architecture: {architecture}\nloss: {loss}\nlearning_rate: 1.0e-3\nsplit_seed: {args.seed}\n"
    )
    worker(args, folder, "train", "--job", job, "--device", args.device, "--data", f"lesions={data}",
           "--init", initial, "--trace", trace)
    return [json.loads(line) for line in trace.read_text().splitlines()][: args.steps]


def cases(folder):
    """Images and masks as the worker resized them."""
    (path,) = (folder / "cache" / "splitsweep").glob("*.safetensors")
    with safe_open(path, "pt") as file:
        return file.get_tensor("images").float() / 255, file.get_tensor("masks")[:, None].float()


def follow(network, loss, steps, images, masks, layout):
    """PyTorch's losses on the same batches."""
    network = network.to(memory_format=layout)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    found = []
    for step in steps:
        batch = torch.tensor(step["cases"])
        optimizer.zero_grad()
        value = loss(network(images[batch].contiguous(memory_format=layout)), masks[batch]).mean()
        value.backward()
        optimizer.step()
        found.append(value.item())
    return found


def worst(found, expected, count):
    return max(abs(a / b - 1) for a, b in zip(found[:count], expected[:count]))


def main():
    args = arguments()
    torch.use_deterministic_algorithms(True, warn_only=True)
    figure, axes = pyplot.subplots(3, 3, figsize=(12, 9), sharex=True, layout="constrained")
    passed = True
    print(f"{'cell':14} {f'first {FIRST}':>10} {f'all {args.steps}':>10}   PyTorch with itself: first, all")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        data = args.data or folder / "lesions"
        if not args.data:
            worker(args, folder, "synthesize", "--out", data, "--cases", "100")
        for row, architecture in enumerate(NETWORKS):
            for column, (name, loss) in enumerate(LOSSES.items()):
                initial = folder / "initial.safetensors"

                def network():
                    torch.manual_seed(args.seed)
                    return NETWORKS[architecture](args.width)

                save_file(network().state_dict(), initial)
                steps = train(args, folder, data, architecture, name, initial)
                if len(steps) < args.steps:
                    sys.exit(f"{architecture}, {name}: the worker took {len(steps)} steps only")
                images, masks = cases(folder)
                own = [step["loss"] for step in steps]
                expected = follow(network(), loss, steps, images, masks, torch.contiguous_format)
                again = follow(network(), loss, steps, images, masks, torch.channels_last)
                first = worst(own, expected, FIRST)
                ok = first <= LIMIT
                passed &= ok
                print(f"{architecture + ', ' + name:14} {first:10.1e} {worst(own, expected, args.steps):10.1e}   "
                      f"{worst(again, expected, FIRST):.1e}, {worst(again, expected, args.steps):.1e}"
                      + ("" if ok else f"   MORE THAN {LIMIT:g}"), flush=True)
                axis = axes[row, column]
                numbers = range(1, len(steps) + 1)
                axis.plot(numbers, expected, label="PyTorch", linewidth=3, color="tab:orange")
                axis.plot(numbers, own, label="worker", linewidth=1, color="black")
                axis.set_title(f"{architecture}, {name}")
        axes[0, 0].legend()
        figure.supxlabel("step")
        figure.supylabel("loss of the batch before the step")
        figure.savefig(args.out, dpi=100)
    print(args.out)
    sys.exit(0 if passed else 1)


main()
