"""Trains in the worker and in PyTorch, step for step on the same batches, and compares the losses.

    python trajectories.py --worker ../../target/release/worker --out trajectories.png

Nine cells: three networks under three losses. PyTorch draws the initial weights, the worker takes them (`worker train --init`) and
names the cases of every batch (`--trace`), and PyTorch trains on the same. Images are the worker's own resized ones. Printed are the
relative differences of the losses: of the first, which is before any step, and the largest of the first ten and of all.

The exit status is 1 if a first loss differs by more than 1e-5, or one of the first ten by more than a thousandth. Where PyTorch in
another memory layout (channels last) differs from itself by more than that, four times its own difference is allowed: SegNet's
pooling positions jump with the rounding of near-equal maxima, and so do its losses, whoever computes them. `--precision f64` shows
that nothing but rounding is behind it: there all losses of all cells agree.

Needs torch, numpy, safetensors and matplotlib.
"""

import argparse
import json
import pathlib
import sys
import tempfile

import matplotlib
import torch
from safetensors.torch import save_file

import worker
from losses import LOSSES
from networks import NETWORKS

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

OPTIMIZERS = {
    "adam": (1e-3, lambda parameters: torch.optim.Adam(parameters, lr=1e-3)),
    "sgd": (1e-1, lambda parameters: torch.optim.SGD(parameters, lr=1e-1)),
}
PRECISIONS = {"f32": torch.float32, "f64": torch.float64}
FIRST = 10
LIMIT = 1e-3
START_LIMIT = 1e-5
OWN_FACTOR = 4


def arguments():
    parser = argparse.ArgumentParser(description="Compare the worker's losses with PyTorch's, step for step")
    parser.add_argument("--worker", required=True, help="the program, built with --release")
    parser.add_argument("--data", help="PH2's folder; else lesions that the worker makes")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=10)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--architectures", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--convolution", default="auto")
    parser.add_argument("--precision", default="f32", choices=PRECISIONS)
    parser.add_argument("--optimizer", default="adam", choices=OPTIMIZERS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="trajectories.png")
    return parser.parse_args()


def train(args, folder, data, architecture, loss, initial):
    """The worker's steps."""
    train_cases, validation = 80, 5
    epochs = -(-args.steps * args.batch_size // train_cases)
    job, trace = folder / "job.yaml", folder / "trace.jsonl"
    job.write_text(
        f"dataset: {{name: lesions, format: ph2, image_size: {args.image_size}}}\n"
        f"split: {{train: {train_cases}, validation: {validation}, test: {validation}}}\n"
        f"model: {{width: {args.width}}}\n"
        f"training: {{epochs: {epochs}, batch_size: {args.batch_size}, convolution: {args.convolution}, "
        f"optimizer: {args.optimizer}, precision: {args.precision}}}\n"
        f"architecture: {architecture}\nloss: {loss}\nlearning_rate: {OPTIMIZERS[args.optimizer][0]}\nsplit_seed: {args.seed}\n"
    )
    worker.run(args.worker, folder, "train", "--job", job, "--device", args.device, "--data", f"lesions={data}",
               "--init", initial, "--trace", trace)
    return [json.loads(line) for line in trace.read_text().splitlines()][: args.steps]


def follow(args, network, loss, steps, images, masks, layout):
    """PyTorch's losses on the same batches."""
    network = network.to(PRECISIONS[args.precision], memory_format=layout)
    optimizer = OPTIMIZERS[args.optimizer][1](network.parameters())
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
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    figure, axes = pyplot.subplots(
        len(args.architectures), 3, figsize=(12, 3 * len(args.architectures)), sharex=True, squeeze=False, layout="constrained"
    )
    passed = True
    print(f"{'cell':14} {'at first':>10} {f'of {FIRST}':>10} {f'of {args.steps}':>10}   PyTorch with itself: of {FIRST}, of {args.steps}")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        data = args.data or folder / "lesions"
        if not args.data:
            worker.run(args.worker, folder, "synthesize", "--out", data, "--cases", "100")
        for row, architecture in enumerate(args.architectures):
            for column, (name, loss) in enumerate(LOSSES.items()):
                initial = folder / "initial.safetensors"

                def network():
                    torch.manual_seed(args.seed)
                    return NETWORKS[architecture](args.width)

                save_file(network().state_dict(), initial)
                steps = train(args, folder, data, architecture, name, initial)
                if len(steps) < args.steps:
                    sys.exit(f"{architecture}, {name}: the worker took {len(steps)} steps only")
                images, masks = worker.cases(folder, PRECISIONS[args.precision])
                own = [step["loss"] for step in steps]
                expected = follow(args, network(), loss, steps, images, masks, torch.contiguous_format)
                again = follow(args, network(), loss, steps, images, masks, torch.channels_last)
                start, first, all_ = (worst(own, expected, count) for count in (1, FIRST, args.steps))
                own_first, own_all = (worst(again, expected, count) for count in (FIRST, args.steps))
                ok = start <= START_LIMIT and first <= max(LIMIT, OWN_FACTOR * own_first)
                passed &= ok
                print(f"{architecture + ', ' + name:14} {start:10.1e} {first:10.1e} {all_:10.1e}   {own_first:.1e}, {own_all:.1e}"
                      + ("" if ok else "   TOO MUCH"), flush=True)
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
