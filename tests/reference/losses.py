"""The losses of the reference protocol in PyTorch: per case, mean over the batch."""

import torch
import torch.nn.functional as F


def bce(x, y):
    return F.binary_cross_entropy_with_logits(x, y, reduction="none").flatten(1).mean(1)


def dice(x, y, smooth=1e-8):
    p, y = torch.sigmoid(x).flatten(1), y.flatten(1)
    return 1 - (2 * (p * y).sum(1) + smooth) / (p.sum(1) + y.sum(1) + smooth)


def focal(x, y, gamma=2.0):
    log_p, log_q = F.logsigmoid(x), F.logsigmoid(-x)
    loss = -y * torch.exp(gamma * log_q) * log_p - (1 - y) * torch.exp(gamma * log_p) * log_q
    return loss.flatten(1).mean(1)


LOSSES = {"bce": bce, "dice": dice, "focal": focal}
