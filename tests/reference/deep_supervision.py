"""Deep supervision as in nnU-Net v2: a loss at several resolutions, the full one first."""

import torch.nn.functional as F


def supervised(loss, logits, targets):
    """The mean of a loss of logits at resolutions that weigh 1, 1/2, 1/4 and so on; each has the nearest pixels of the targets."""
    weights = [0.5**level for level in range(len(logits))]
    at = [loss(x, F.interpolate(targets, x.shape[2:], mode="nearest-exact")) for x in logits]
    return sum(weight * value for weight, value in zip(weights, at)) / sum(weights)
