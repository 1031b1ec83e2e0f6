"""Writes `loss_values.safetensors`: value and gradient of every loss on five pictures, by the code of those who published it.

    pip install torch monai kornia segmentation_models_pytorch gudhi scipy && python3 tests/reference/loss_values.py

PyTorch: bce, weighted_bce. MONAI: dice, jaccard, tversky. segmentation_models_pytorch: soft_bce. Kornia: ssim, total_variation. Distances
of boundary: scipy. Pairs of topology: gudhi. MONAI's focal loss and segmentation_models_pytorch's Lovasz hinge compute in f32: they are
written here in f64, and must agree with theirs to 1e-5. The rest is written here from the papers' formulas."""

import warnings

import gudhi
import numpy as np
import torch
import torch.nn.functional as F
from kornia.losses import ssim_loss, total_variation
from monai.losses import DiceLoss, FocalLoss, TverskyLoss
from scipy.ndimage import distance_transform_edt
from segmentation_models_pytorch.losses import LovaszLoss, SoftBCEWithLogitsLoss

from fixtures import noise, write

warnings.filterwarnings("ignore")
torch.set_default_dtype(torch.float64)
HEIGHT, WIDTH = 14, 16
FOREGROUND = 0.2  # share of the training masks


def masks():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    ellipse = ((y - 6) / 5) ** 2 + ((x - 8) / 6) ** 2 <= 1
    ring = ellipse & (((y - 6) / 2) ** 2 + ((x - 8) / 3) ** 2 > 1)
    blobs = ((y - 3) ** 2 + (x - 4) ** 2 <= 6) | ((y - 10) ** 2 + (x - 12) ** 2 <= 9)
    return np.stack([ellipse, ring, blobs, ellipse & False, ellipse | True]).astype(float)


def per_case(loss):
    """The mean over the pixels of a case."""
    return loss.flatten(1).mean(1)


def monai(loss, x, y):
    return loss(x, y).flatten(1).mean(1)


def boundary(x, y):
    def phi(mask):
        mask = mask.numpy() > 0.5
        if mask.all() or not mask.any():
            return torch.zeros(mask.shape)
        outside, inside = distance_transform_edt(~mask), distance_transform_edt(mask)
        return torch.from_numpy(outside * ~mask - (inside - 1) * mask)

    return per_case(torch.sigmoid(x) * torch.stack([phi(mask) for mask in y[:, 0]])[:, None])


def cms(x, y, cut=0.3, c=0.01):
    """Zhao et al. 2019; the error is a weight, without gradient."""
    side = torch.exp(-((torch.arange(3.0) - 1) ** 2) / (2 * 1.5**2))
    side = side / side.sum()
    window = (side[:, None] * side[None]).flatten()[None, :, None]

    def standardized(a):
        around = F.unfold(F.pad(a, (1, 1, 1, 1), mode="reflect"), 3)
        mean = (window * around).sum(1, keepdim=True)
        deviation = (window * (around - mean) ** 2).sum(1).sqrt().reshape(a.shape)
        return (a - mean.reshape(a.shape) + c) / (deviation + c)

    with torch.no_grad():
        error = (standardized(torch.sigmoid(x)) - standardized(y)).abs()
        chosen = (error > cut).double()
        weight = error * chosen / chosen.flatten(1).sum(1).clamp(min=1)[:, None, None, None]
    return (weight * F.binary_cross_entropy_with_logits(x, y, reduction="none")).flatten(1).sum(1)


def pairs(picture):
    """Births and deaths of components and holes above a falling threshold, as pixels; the oldest component dies nowhere."""
    cells = gudhi.CubicalComplex(top_dimensional_cells=1 - picture)
    cells.persistence(homology_coeff_field=2, min_persistence=0)
    finite, essential = cells.cofaces_of_persistence_pairs()
    flat = picture.flatten()

    # gudhi counts cells column by column
    count = lambda cell: np.ravel_multi_index(np.unravel_index(cell, picture.shape, order="F"), picture.shape)

    def of(dimension):
        found = finite[dimension] if dimension < len(finite) else []
        return [(count(b), count(d)) for b, d in found if flat[count(b)] > flat[count(d)]]

    components = of(0) + [(count(b), None) for b in (essential[0] if essential else []) if flat[count(b)] > 0]
    return components, of(1)


def topology(x, y):
    p, losses = torch.sigmoid(x), []
    for p, y in zip(p[:, 0], y[:, 0]):
        total, flat = torch.zeros(()), p.flatten()
        for found, truth in zip(pairs(p.detach().numpy()), pairs(y.numpy())):
            value = lambda pixel: flat[pixel] if pixel is not None else torch.zeros(())
            found = sorted(((value(b), value(d)) for b, d in found), key=lambda pair: float(pair[1] - pair[0]))
            for rank, (b, d) in enumerate(found):
                total = total + ((1 - b) ** 2 + d**2 if rank < len(truth) else (b - d) ** 2 / 2)
        losses.append(total)
    return torch.stack(losses)


def tversky(x, y, alpha=0.3, beta=0.7, smooth=1e-8):
    return monai(TverskyLoss(sigmoid=True, alpha=alpha, beta=beta, smooth_nr=smooth, smooth_dr=smooth, reduction="none"), x, y)


def dice(x, y, jaccard=False, smooth=1e-8):
    return monai(DiceLoss(sigmoid=True, jaccard=jaccard, smooth_nr=smooth, smooth_dr=smooth, reduction="none"), x, y)


def agreed(values, published):
    assert torch.allclose(values, published.double(), rtol=1e-5, atol=1e-6), (values, published)
    return values


def focal(x, y, gamma=2.0, alpha=None):
    agreement = x * (2 * y - 1)
    weight = 1 if alpha is None else y * alpha + (1 - y) * (1 - alpha)
    values = per_case(weight * torch.exp(gamma * F.logsigmoid(-agreement)) * -F.logsigmoid(agreement))
    return agreed(values, monai(FocalLoss(gamma=gamma, alpha=alpha, reduction="none"), x, y))


def lovasz_hinge(x, y):
    """Berman et al. 2018, algorithm 1; of one picture."""
    errors, order = torch.sort((1 - x * (2 * y - 1)).flatten(), descending=True, stable=True)
    truth = y.flatten()[order]
    jaccard = 1 - (truth.sum() - truth.cumsum(0)) / (truth.sum() + (1 - truth).cumsum(0))
    weights = torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
    return agreed(torch.dot(F.relu(errors), weights), LovaszLoss(mode="binary", per_image=True)(x.float(), y.float()))


def bce(x, y, **options):
    return per_case(F.binary_cross_entropy_with_logits(x, y, reduction="none", **options))


def each(loss):
    """A loss that takes one picture at a time."""
    return lambda x, y: torch.stack([loss(x[i : i + 1], y[i : i + 1]) for i in range(len(x))])


def dice_per_pixel(x, y):
    p = torch.sigmoid(x)
    return 1 - per_case(2 * p * y / (p + y + 1e-7))


LOSSES = {
    "bce": bce,
    "weighted_bce": lambda x, y: bce(x, y, pos_weight=torch.tensor((1 - FOREGROUND) / FOREGROUND)),
    "soft_bce": lambda x, y: per_case(SoftBCEWithLogitsLoss(smooth_factor=0.1, reduction="none")(x, y)),
    "dice": dice,
    "dice.1": lambda x, y: dice(x, y, smooth=1.0),
    # MONAI adds the smoothing to twice the counts
    "jaccard": lambda x, y: dice(x, y, jaccard=True, smooth=2e-8),
    "tversky": tversky,
    "tversky.1": lambda x, y: tversky(x, y, 0.7, 0.3, 1.0),
    "focal_tversky": lambda x, y: tversky(x, y) ** 0.75,
    "focal": focal,
    "focal.25": lambda x, y: focal(x, y, alpha=0.25),
    "lovasz_hinge": each(lovasz_hinge),
    "boundary": boundary,
    "ssim": each(lambda x, y: ssim_loss(torch.sigmoid(x), y, 11, eps=0.0, padding="valid")),
    "cms": cms,
    "topology": topology,
    "total_variation": lambda x, y: total_variation(torch.sigmoid(x), reduction="mean")[:, 0],
    "dice_per_pixel": dice_per_pixel,
    "sum": lambda x, y: bce(x, y) + 0.5 * dice(x, y) + 0.01 * boundary(x, y),
}

if __name__ == "__main__":
    y = torch.from_numpy(masks())[:, None]
    plain = noise(y.shape, 7, 3.0) + 2.0 * (2 * y - 1)
    # right and wrong by turns, all different so that no order is a matter of taste
    extreme = noise(y.shape, 8).sign() * (800 + noise(y.shape, 9))
    small = torch.tensor([[2, 0.5, -1, -3], [1.5, 3, -0.5, -2], [-0.2, 0.8, -1.5, -2.5], [-4, -1.2, 0.3, -0.7]])[None, None]
    truth = torch.tensor([[1.0, 1, 0, 0], [1, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]])[None, None]
    kinds = {"plain": (plain, y), "extreme": (extreme, y), "small": (small, truth)}
    out = {f"{kind}.{part}": value for kind, parts in kinds.items() for part, value in zip(("logits", "targets"), parts)}
    for name, loss in LOSSES.items():
        for kind, (logits, y) in kinds.items():
            if kind == "small" and name == "ssim":
                continue  # smaller than its window
            x = logits.clone().requires_grad_()
            values = loss(x, y)
            values.mean().backward()
            assert torch.isfinite(values).all(), (name, kind)
            assert torch.isfinite(x.grad).all(), (name, kind)
            out[f"{name}.{kind}"], out[f"{name}.{kind}.gradient"] = values, x.grad
            print(f"{name:16} {kind:8}", " ".join(f"{value:.6f}" for value in values.tolist()))
    write("loss_values.safetensors", out)
