"""The baseline `otsu` with scipy: dark in the blue channel, opened twice, largest component without a corner, holes filled.

Prints what `worker/tests/baselines.rs` expects of made-up images; with a folder of PH2 as its argument (`pip install pillow`), the
baselines' scores on all its cases at 256 pixels.
"""

import sys
from pathlib import Path

import numpy as np
from scipy import ndimage


def threshold(values):
    """Otsu 1979: the level t that splits the histogram into `<= t` and `> t` with the greatest variance between; the first of equals."""
    counts = np.bincount(values.ravel(), minlength=256).astype(object)
    sums = counts * np.arange(256).astype(object)
    best, level = -1.0, 0
    for t in range(255):
        below, above = counts[: t + 1].sum(), counts[t + 1 :].sum()
        if below and above:
            gap = sums[: t + 1].sum() * above - sums[t + 1 :].sum() * below
            between = float(gap) ** 2 / (float(below) * float(above))
            if between > best:
                best, level = between, t
    return level


def segment(blue):
    dark = ndimage.binary_opening(blue <= threshold(blue), iterations=2)
    labels, count = ndimage.label(dark)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    for corner in (labels[0, 0], labels[0, -1], labels[-1, 0], labels[-1, -1]):
        sizes[corner] = 0
    if sizes.max() == 0:
        return np.zeros_like(dark)
    return ndimage.binary_fill_holes(labels == sizes.argmax())


def counts(guess, truth):
    return [int(n) for n in ((guess & truth).sum(), (guess & ~truth).sum(), (~guess & truth).sum(), (~guess & ~truth).sum())]


def thresholded(tp, fp, fn, tn):
    union = tp + fp + fn
    return 1.0 if union == 0 else min(max(-((10 * union - 20 * tp) // union), 0), 10) / 10


def made_up(case, size=48):
    """An image and a mask of whole numbers alone, so that every language makes the same."""
    y, x = np.mgrid[:size, :size]
    noise = (x * 7919 + y * 104729 + case * 1299709 + x * y * 31) % 41
    light = 150 + noise + case * 5 % 30
    ring = (x - 20 - case) ** 2 + (y - 25) ** 2
    lesion = ring <= (8 + case) ** 2
    hole = ring <= 9
    corner = x + y < 14 + case
    hair = (x + 2 * y + case) % 17 == 0
    blue = np.where((lesion & ~hole) | corner | hair, light - 90, light).astype(np.uint8)
    return blue, (x - 21 - case) ** 2 + (y - 24) ** 2 <= (9 + case) ** 2


def ph2(folder):
    from PIL import Image

    def read(path, mode):
        return Image.open(path).convert(mode)

    scores = []
    truths = []
    for case in sorted(path for path in Path(folder, "PH2 Dataset images").iterdir() if path.is_dir()):
        name = case.name
        image = read(case / f"{name}_Dermoscopic_Image" / f"{name}.bmp", "RGB").resize((256, 256), Image.BILINEAR)
        mask = read(case / f"{name}_lesion" / f"{name}_lesion.bmp", "L").resize((256, 256), Image.BILINEAR)
        truth = np.asarray(mask) > 127
        truths.append(truth)
        scores.append(counts(segment(np.asarray(image)[:, :, 2]), truth))
    mean = np.mean(truths, axis=0) >= 0.5
    for name, all_counts in [
        ("all_foreground", [counts(np.ones_like(truth), truth) for truth in truths]),
        ("mean_mask", [counts(mean, truth) for truth in truths]),
        ("otsu", scores),
    ]:
        iou = np.mean([tp / (tp + fp + fn) for tp, fp, fn, _ in all_counts])
        print(f"{name}: thresholded IoU {np.mean([thresholded(*c) for c in all_counts]):.4f}, IoU {iou:.4f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        ph2(sys.argv[1])
    else:
        for case in range(5):
            blue, truth = made_up(case)
            print(case, "threshold", threshold(blue), "counts", counts(segment(blue), truth))
