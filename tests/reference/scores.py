"""Trains whole jobs in the worker and in PyTorch, from the same weights on the same batches, and compares the scores in pairs.

    python scores.py --worker ../../target/release/worker --data /data/PH2Dataset --out scores.jsonl

The jobs are those of `configs/ph2-small.yaml`. PyTorch draws the initial weights, the worker takes them and names the cases of
every batch, and PyTorch trains on the same; splits, scores and verdicts it computes on its own. `--control` trains in PyTorch once
more in another memory layout: what rounding alone does to a score. Prints for each cell, and for the mean over the losses, the
thresholded IoU of the test subset at the best validation epoch on both sides, and the mean difference with its 95 % interval
(Student's t over the splits). So short a training ends elsewhere after the least rounding: the interval says how far apart the two
sides can be, and that of PyTorch with itself how far that is for nothing. `equivalence.py` trains longer, and sees smaller differences.

Every result is a line of `--out`, and what is there is not trained again: the same command goes on after an interruption.

Needs torch, numpy, scipy, safetensors and blake3.
"""

import argparse
import copy
import itertools
import json
import multiprocessing
import pathlib
import sys
import tempfile

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from scipy import stats

import split
import worker
from losses import LOSSES
from networks import NETWORKS

IMAGE_SIZE, WIDTH, BATCH, EPOCHS, LEARNING_RATE = 64, 16, 10, 20, 1e-3
SUBSETS = (100, 50, 50)
CELL = ("architecture", "loss")


def arguments():
    parser = argparse.ArgumentParser(description="Compare the worker's scores with PyTorch's, in pairs")
    parser.add_argument("--worker", required=True, help="the program, built with --release")
    parser.add_argument("--data", required=True, help="PH2's folder")
    parser.add_argument("--out", default="scores.jsonl", help="results, a line each")
    parser.add_argument("--architectures", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--losses", nargs="+", default=list(LOSSES), choices=LOSSES)
    parser.add_argument("--splits", type=int, default=12)
    parser.add_argument("--control", action="store_true", help="PyTorch in both memory layouts")
    parser.add_argument("--processes", type=int, default=2, help="jobs at a time, each on one thread")
    return parser.parse_args()


def in_worker(program, data, cache, folder, job):
    """The result, and the cases of every batch of every epoch."""
    file, trace = folder / "job.yaml", folder / "trace.jsonl"
    sizes = dict(zip(("train", "validation", "test"), SUBSETS))
    # JSON is YAML
    file.write_text(json.dumps(job | {
        "dataset": {"name": "ph2", "format": "ph2", "image_size": IMAGE_SIZE},
        "split": {"scheme": "random"} | sizes,
        "model": {"width": WIDTH},
        "training": {"epochs": EPOCHS, "batch_size": BATCH},
        "learning_rate": LEARNING_RATE,
        "objective": {"metric": "thresholded_iou", "subset": "test", "epoch": "best"},
    }))
    result = json.loads(worker.run(program, cache, "train", "--job", file, "--device", "cpu", "--data", f"ph2={data}",
                                   "--init", folder / "initial.safetensors", "--trace", trace))
    steps = map(json.loads, trace.read_text().splitlines())
    epochs = [[step["cases"] for step in steps] for _, steps in itertools.groupby(steps, lambda step: step["epoch"])]
    # a training that diverged has no score, and predicts nothing
    found = {"score": result["objective"] or 0.0, "collapsed": result["verdict"] != "trained", "epoch": result["best_epoch"]}
    return found, epochs


def iou(predicted, truth):
    """Intersections and unions of the cases, and the mean IoU; masks `[n, 1, h, w]`, bool."""
    intersection, union = ((both.flatten(1).sum(1)) for both in (predicted & truth, predicted | truth))
    return intersection, union, torch.where(union > 0, intersection / union, 1.0).mean().item()


def score(predicted, truth):
    """The mean share of the thresholds .50, .55, ..., .95 below the IoU, compared in integers."""
    intersection, union, _ = iou(predicted, truth)
    above = [torch.where(union > 0, 20 * intersection > (10 + k) * union, True) for k in range(10)]
    return torch.stack(above).double().mean().item()


def collapsed(predicted, truth, mean_mask):
    """No better than the best mask that is the same for all cases, or nearly empty or full on nine of ten."""
    constants = [torch.zeros_like(truth), torch.ones_like(truth), mean_mask.expand_as(truth)]
    best = max(iou(constant, truth)[2] for constant in constants)
    share = predicted.flatten(1).double().mean(1)
    nearly_constant = ((share < 0.01) | (share > 0.99)).double().mean().item() >= 0.9
    return iou(predicted, truth)[2] <= best or nearly_constant


def in_torch(job, initial, epochs, images, masks, layout):
    network = NETWORKS[job["architecture"]](WIDTH)
    network.load_state_dict(load_file(initial))
    network = network.to(memory_format=layout)
    loss, optimizer = LOSSES[job["loss"]], torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    order = torch.tensor(split.shuffled(range(len(images)), split.stream("split", [job["split_seed"]])))
    train, validation, test = order[: sum(SUBSETS)].split(SUBSETS)
    images, truth = images.contiguous(memory_format=layout), masks > 0.5

    def predict(cases):
        network.eval()
        with torch.no_grad():
            logits = torch.cat([network(images[batch]) for batch in cases.split(BATCH)])
        network.train()
        return logits >= 0

    best, best_epoch, weights = -1, 0, None
    for number, batches in enumerate(epochs, 1):
        assert sorted(sum(batches, [])) == sorted(train.tolist()), "the worker trains on other cases"
        for batch in batches:
            optimizer.zero_grad()
            loss(network(images[batch]), masks[batch]).mean().backward()
            optimizer.step()
        found = score(predict(validation), truth[validation])
        if found > best:
            best, best_epoch, weights = found, number, copy.deepcopy(network.state_dict())
    network.load_state_dict(weights)
    predicted, mean_mask = predict(test), masks[train].mean(0) >= 0.5
    return {"score": score(predicted, truth[test]), "collapsed": collapsed(predicted, truth[test], mean_mask), "epoch": best_epoch}


def compare(program, data, cache, control, job):
    """A job on all sides."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        torch.manual_seed(job["split_seed"])
        initial = folder / "initial.safetensors"
        save_file(NETWORKS[job["architecture"]](WIDTH).state_dict(), initial)
        own, epochs = in_worker(program, data, cache, folder, job)
        images, masks = worker.cases(cache, torch.float32)
        result = job | {"worker": own, "torch": in_torch(job, initial, epochs, images, masks, torch.channels_last)}
        if control:
            result["control"] = in_torch(job, initial, epochs, images, masks, torch.contiguous_format)
    return result


def difference(one, other):
    """Mean of `one - other` with its 95 % interval and standard deviation."""
    found = np.array(one) - np.array(other)
    mean, sd = found.mean(), found.std(ddof=1)
    half = stats.t.ppf(0.975, len(found) - 1) * sd / np.sqrt(len(found))
    return f"{mean:+.3f} [{mean - half:+.3f}, {mean + half:+.3f}], sd {sd:.3f}"


def table(results):
    """A row a cell, and one of the mean over the losses of each split, which is what repeats independently."""
    cells = {}
    for result in results:
        for loss in (result["loss"], "mean"):
            splits = cells.setdefault((result["architecture"], loss), {})
            splits.setdefault(result["split_seed"], []).append(result)
    print("| network | loss | splits | worker (sd) | PyTorch (sd) | worker - PyTorch [95 %] | PyTorch with itself [95 %] | collapsed: worker, PyTorch |")
    print("|---|---|---|---|---|---|---|---|")
    for cell, splits in sorted(cells.items()):
        runs = sum(splits.values(), [])
        sides = [side for side in ("worker", "torch", "control") if all(side in run for run in runs)]
        scores = {side: [np.mean([run[side]["score"] for run in split]) for split in splits.values()] for side in sides}
        means = [f"{np.mean(scores[side]):.3f} ({np.std(scores[side], ddof=1):.3f})" for side in ("worker", "torch")]
        own = difference(scores["control"], scores["torch"]) if "control" in sides else ""
        collapses = ", ".join(str(sum(run[side]["collapsed"] for run in runs)) for side in ("worker", "torch"))
        print("|", " | ".join([*cell, str(len(splits)), *means, difference(scores["worker"], scores["torch"]), own, collapses]), "|")


def main():
    args = arguments()
    out = pathlib.Path(args.out)
    lines = out.read_text().splitlines() if out.exists() else []
    results = {tuple(line[key] for key in (*CELL, "split_seed")): line for line in map(json.loads, lines)}
    # a split of all cells before the next: an interrupted run has something of each
    wanted = [
        {"architecture": architecture, "loss": loss, "split_seed": seed}
        for seed in range(args.splits) for architecture in args.architectures for loss in args.losses
    ]
    needed = {"worker", "torch", "control"} if args.control else {"worker", "torch"}
    missing = [job for job in wanted if not needed <= results.get(tuple(job.values()), {}).keys()]
    with tempfile.TemporaryDirectory() as cache, multiprocessing.get_context("spawn").Pool(args.processes) as pool:
        cache = pathlib.Path(cache)
        worker.run(args.worker, cache, "prepare", "--format", "ph2", "--data", args.data, "--image-size", str(IMAGE_SIZE))
        tasks = [pool.apply_async(compare, (args.worker, args.data, cache, args.control, job)) for job in missing]
        for number, (job, task) in enumerate(zip(missing, tasks), 1):
            result = task.get()
            with out.open("a") as file:
                file.write(json.dumps(result) + "\n")
            results[tuple(job.values())] = result
            print(f"{number}/{len(missing)} {json.dumps(result)}", file=sys.stderr, flush=True)
    table(results[tuple(job.values())] for job in wanted)


if __name__ == "__main__":
    main()
