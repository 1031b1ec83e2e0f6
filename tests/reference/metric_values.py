"""Writes `metric_values.safetensors`: metrics of masks and probabilities, by the libraries that define them.

    pip install torch monai torchmetrics scikit-learn scipy && python3 tests/reference/metric_values.py

MONAI: hd95, assd. torchmetrics: ece. scikit-learn: auroc, brier, precision, f2. boundary_f1 and boundary_iou are written here from the papers'
definitions, with scipy's distances."""

import numpy as np
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance
from scipy.ndimage import binary_erosion, distance_transform_edt
from sklearn.metrics import brier_score_loss, fbeta_score, precision_score, roc_auc_score
from torchmetrics.functional.classification import binary_calibration_error

from fixtures import noise, write

torch.set_default_dtype(torch.float64)
HEIGHT, WIDTH = 40, 48


def masks():
    """True masks: an ellipse, one at the edge, a ring, a dot, nothing, everything."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    ellipse = ((y - 18) / 11) ** 2 + ((x - 22) / 15) ** 2 <= 1
    edge = ((y - 2) / 13) ** 2 + ((x - 40) / 17) ** 2 <= 1
    ring = ellipse & (((y - 18) / 6) ** 2 + ((x - 22) / 8) ** 2 > 1)
    dot = (y == 30) & (x == 7)
    return np.stack([ellipse, edge, ring, dot, ellipse & False, ellipse | True])


def logits(truth):
    """A blurred truth, moved and with noise: what a network might say."""
    near = np.stack([distance_transform_edt(mask) - distance_transform_edt(~mask) if 0 < mask.sum() < mask.size else (8.0 * mask - 4.0) for mask in truth])
    moved = np.roll(near, (2, -3), axis=(1, 2))
    return (moved / 3 + 2.0 * noise(moved.shape, 21).numpy()).astype(np.float32)


def outline(mask):
    return mask & ~binary_erosion(mask)


def boundary_f1(predicted, truth, tolerance=2.0):
    one, other = outline(predicted), outline(truth)
    if not one.any() or not other.any():
        return float(one.any() == other.any())
    near = lambda of, to: (distance_transform_edt(~to)[of] <= tolerance).mean()
    precision, recall = near(one, other), near(other, one)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary_iou(predicted, truth):
    """Cheng et al. 2021: the part of a mask within 2 % of the diagonal of its own outline; outside of the picture is not in the mask."""
    width = max(1, round(0.02 * float(np.hypot(HEIGHT, WIDTH))))

    def region(mask):
        inside = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        return mask & (inside <= width)

    one, other = region(predicted), region(truth)
    return (one & other).sum() / (one | other).sum() if (one | other).any() else 1.0


def surface(predicted, truth):
    """MONAI's distances; where one mask is empty, the diagonal; where both are, 0."""
    if not predicted.any() or not truth.any():
        apart = 0.0 if predicted.any() == truth.any() else float(np.hypot(HEIGHT, WIDTH))
        return apart, apart
    tensors = [torch.from_numpy(mask)[None, None].double() for mask in (predicted, truth)]
    hd95 = compute_hausdorff_distance(*tensors, include_background=True, percentile=95)
    assd = compute_average_surface_distance(*tensors, include_background=True, symmetric=True)
    return hd95.item(), assd.item()


def scores(logit, truth):
    """Every metric of a case."""
    predicted = logit >= 0
    p = 1 / (1 + np.exp(-logit.astype(np.float64)))
    hd95, assd = surface(predicted, truth)
    flat, pixels = truth.flatten().astype(int), p.flatten()
    has_both = truth.any() and not truth.all()
    return {
        "hd95": hd95,
        "assd": assd,
        "boundary_f1": boundary_f1(predicted, truth),
        "boundary_iou": boundary_iou(predicted, truth),
        "ece": binary_calibration_error(torch.from_numpy(pixels), torch.from_numpy(flat), n_bins=15).item(),
        "brier": brier_score_loss(flat, pixels) if has_both else float(((pixels - flat) ** 2).mean()),
        "auroc": roc_auc_score(flat, logit.flatten()) if has_both else np.nan,
        "precision": precision_score(flat, predicted.flatten(), zero_division=1.0),
        "f2": fbeta_score(flat, predicted.flatten(), beta=2, zero_division=1.0),
    }


if __name__ == "__main__":
    truth = masks()
    x = logits(truth)
    # an empty and a full prediction too
    x = np.concatenate([x, np.full_like(x[:1], -5), np.full_like(x[:1], 5)])
    truth = np.concatenate([truth, truth[:1], truth[:1]])
    out = {"logits": torch.from_numpy(x), "truth": torch.from_numpy(truth)}
    rows = [scores(logit, mask) for logit, mask in zip(x, truth)]
    for name in rows[0]:
        values = [row[name] for row in rows]
        out[name] = torch.tensor(values)
        print(f"{name:12}", " ".join(f"{value:.6f}" for value in values))
    write("metric_values.safetensors", out)
