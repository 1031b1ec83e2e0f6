"""Writes `variants.safetensors`: the U-Nets with norms and residual blocks. Of each, the logits of a batch in training and in
evaluation, the gradients of all parameters under BCE, and the losses of 20 steps of Adam."""

import torch
import torch.nn.functional as F

from fixtures import noise, set_weights, summary, write
from networks import NETWORKS

torch.set_default_dtype(torch.float64)

WIDTH = 6  # groups of one channel, of two and of more
VARIANTS = [("unet", norm, residual) for norm, residual in [("batch", True), ("group", False), ("none", True)]]
VARIANTS += [("unet2", norm, residual) for norm, residual in [("batch", False), ("group", True), ("instance", True)]]


def variant(architecture, norm, residual):
    network = NETWORKS[architecture](WIDTH, norm, residual)
    set_weights(network)
    batches = [(noise((4, 3, 32, 32), 100 + i, 0.5, 0.5), (noise((4, 1, 32, 32), 110 + i) > 0.3).double()) for i in range(3)]
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses, out = [], {}
    for step in range(20):
        images, targets = batches[step % 3]
        optimizer.zero_grad()
        logits = network(images)
        loss = F.binary_cross_entropy_with_logits(logits, targets)
        loss.backward()
        if step == 0:
            out["logits"] = summary(logits)
            network.eval()
            out["evaluation"] = summary(network(images))
            network.train()
            out |= {name: summary(parameter.grad) for name, parameter in network.named_parameters()}
        optimizer.step()
        losses.append(loss.item())
    return out | {"losses": torch.tensor(losses)}


tensors = {}
for architecture, norm, residual in VARIANTS:
    name = f"{architecture}.{norm}.{'residual' if residual else 'plain'}"
    tensors |= {f"{name}.{key}": value for key, value in variant(architecture, norm, residual).items()}
write("variants.safetensors", tensors)
