"""Trains jobs of `configs/recipe.yaml` in PyTorch, on the same splits, with streams of its own.

    python recipe_scores.py --worker ../../target/release/worker --data /data/PH2Dataset --seeds 0 --threads 2 --out recipe.jsonl

Everything that the sweep file names is here once more, by PyTorch's means: `torch.nn` for the network, AdamW, `grid_sample` for the
augmentation, `swa_utils` for the average of the weights, scipy for the post-processing. Initial weights, the order of the cases and
the draws of the augmentation are others than the worker's, so scores agree as well as two jobs with different seeds do. Of the
worker it takes only the resized images. Prints the thresholded and the mean IoU of the test subset at the best validation epoch.

Needs torch, numpy, scipy, safetensors and blake3.
"""

import argparse
import json
import math
import pathlib
import sys
import tempfile
import time

import numpy as np
import torch
from scipy import ndimage
from torch.optim import lr_scheduler as schedulers
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import split
import worker
from losses import bce, dice
from networks import UNet
from scores import iou, score

IMAGE_SIZE, WIDTH, BLOCK = 128, 16, 50
WARMUP_EPOCHS, BATCH = 2, 8
RATE, FINAL_RATE, DECAY, CLIP, EMA = 1e-3, 1e-5, 1e-2, 12.0, 0.99
ROTATION, SCALE, BRIGHTNESS, CONTRAST = math.radians(80), 0.25, 0.2, 0.2
GRAY = torch.tensor([0.2989, 0.587, 0.114])[None, :, None, None]


def around(count, reach):
    return reach * (2 * torch.rand(count) - 1)


def augmented(images, masks):
    """Flips, quarter turns, rotation and scale in one resampling, mirrored at the edges; then brightness and contrast."""
    n = len(images)
    flip_x, flip_y = (1.0 - 2.0 * (torch.rand(n) < 0.5) for _ in range(2))
    angle = around(n, ROTATION) + math.pi / 2 * torch.randint(4, (n,))
    size = torch.exp(around(n, math.log1p(SCALE)))
    sin, cos, zero = torch.sin(angle) / size, torch.cos(angle) / size, torch.zeros(n)
    back = torch.stack([torch.stack([flip_x * cos, -flip_x * sin, zero], 1), torch.stack([flip_y * sin, flip_y * cos, zero], 1)], 1)
    grid = torch.nn.functional.affine_grid(back, list(images.shape), align_corners=False)
    moved = torch.nn.functional.grid_sample(torch.cat([images, masks], 1), grid, padding_mode="reflection", align_corners=False)
    images, masks = moved[:, :3], (moved[:, 3:] >= 0.5).float()
    images = (images * (1 + around(n, BRIGHTNESS))[:, None, None, None]).clamp(0, 1)
    gray = (images * GRAY).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    return (gray + (1 + around(n, CONTRAST))[:, None, None, None] * (images - gray)).clamp(0, 1), masks


def postprocessed(masks):
    """The largest component of each mask, holes filled."""

    def one(mask):
        labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
        largest = mask if count == 0 else labels == 1 + np.argmax(np.bincount(labels.flat)[1:])
        return ndimage.binary_fill_holes(largest)

    return torch.tensor(np.stack([one(mask) for [mask] in masks.numpy()])[:, None])


def schedule(optimizer, per_epoch, epochs):
    """A linear rise, then half a cosine."""
    warmup = WARMUP_EPOCHS * per_epoch
    rise = schedulers.LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
    fall = schedulers.CosineAnnealingLR(optimizer, T_max=epochs * per_epoch - warmup, eta_min=FINAL_RATE)
    return schedulers.SequentialLR(optimizer, [rise, fall], milestones=[warmup])


def train(images, masks, split_seed, epochs):
    torch.manual_seed(split_seed)
    subsets = [torch.tensor(cases) for cases in split.rotation(len(images), BLOCK, split_seed)]
    training, validation, test = subsets
    mean, deviation = (of(images[training].transpose(0, 1).flatten(1), 1)[None, :, None, None] for of in (torch.mean, torch.std))
    prepared = lambda images: ((images - mean) / deviation).contiguous(memory_format=torch.channels_last)
    network = UNet(WIDTH, "group").to(memory_format=torch.channels_last)
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    batches = -(-len(training) // BATCH)
    scheduler = schedule(optimizer, batches, epochs)
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(EMA))

    def predict(cases):
        mirrors = [[], [2], [3], [2, 3]]
        with torch.no_grad():
            of = lambda batch: sum(average(prepared(images[batch].flip(axes))).flip(axes) for axes in mirrors)
            return postprocessed(torch.cat([of(batch) for batch in cases.split(BATCH)]) >= 0)

    truth, best, best_epoch, predicted = masks > 0.5, -1.0, 0, None
    for epoch in range(1, epochs + 1):
        for batch in training[torch.randperm(len(training))].split(BATCH):
            changed, targets = augmented(images[batch], masks[batch])
            logits = network(prepared(changed))
            optimizer.zero_grad()
            (bce(logits, targets) + dice(logits, targets, 1.0)).mean().backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimizer.step()
            scheduler.step()
            average.update_parameters(network)
        found = score(predict(validation), truth[validation])
        if found > best:
            best, best_epoch, predicted = found, epoch, predict(test)
        if epoch % 10 == 0:
            print(f"split seed {split_seed}, epoch {epoch} of {epochs}: validation {found:.3f}, best {best:.3f}", file=sys.stderr, flush=True)
    return {"thresholded_iou": score(predicted, truth[test]), "iou": iou(predicted, truth[test])[2], "best_epoch": best_epoch}


def main():
    parser = argparse.ArgumentParser(description="Train jobs of configs/recipe.yaml in PyTorch")
    parser.add_argument("--worker", required=True, help="the program, built with --release")
    parser.add_argument("--data", required=True, help="PH2's folder")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3], help="split seeds")
    parser.add_argument("--epochs", type=int, default=250, help="of the sweep file; fewer to compare with a sweep that has fewer, too")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", default="recipe.jsonl", help="results, a line each")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    with tempfile.TemporaryDirectory() as cache:
        cache = pathlib.Path(cache)
        worker.run(args.worker, cache, "prepare", "--format", "ph2", "--data", args.data, "--image-size", str(IMAGE_SIZE))
        images, masks = worker.cases(cache, torch.float32)
    for seed in args.seeds:
        start = time.monotonic()
        result = {"split_seed": seed} | train(images, masks, seed, args.epochs) | {"seconds": round(time.monotonic() - start, 1)}
        with open(args.out, "a") as file:
            file.write(json.dumps(result) + "\n")
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
