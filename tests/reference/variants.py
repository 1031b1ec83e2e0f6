"""Writes `variants.safetensors`: the U-Nets with norms and residual blocks, and the networks beside those of the reference protocol. Of
each, the logits of a batch in training and in evaluation, the gradients of all parameters under BCE, and the losses of 20 steps of Adam."""

import torch
import torch.nn.functional as F

from deep_supervision import supervised
from fixtures import noise, set_weights, summary, write
from networks import NETWORKS, DeepLabV3Plus, NnUNet

torch.set_default_dtype(torch.float64)

WIDTH = 6  # groups of one channel, of two and of more
SIZE = 32
U_NETS = [("unet", "batch", True), ("unet", "group", False), ("unet", "none", True)]
U_NETS += [("unet2", "batch", False), ("unet2", "group", True), ("unet2", "instance", True)]
VARIANTS = {
    f"{architecture}.{norm}.{'residual' if residual else 'plain'}": NETWORKS[architecture](WIDTH, norm, residual)
    for architecture, norm, residual in U_NETS
}
VARIANTS["nnunet"] = NnUNet(WIDTH, SIZE)
VARIANTS |= {f"deeplabv3plus.{norm}": DeepLabV3Plus(WIDTH, SIZE, norm) for norm in ("batch", "group")}


def variant(network):
    set_weights(network)
    shapes = (4, 3, SIZE, SIZE), (4, 1, SIZE, SIZE)
    batches = [(noise(shapes[0], 100 + i, 0.5, 0.5), (noise(shapes[1], 110 + i) > 0.3).double()) for i in range(3)]
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses, out = [], {}
    for step in range(20):
        images, targets = batches[step % 3]
        optimizer.zero_grad()
        logits = network(images)
        logits = logits if isinstance(logits, list) else [logits]
        loss = supervised(F.binary_cross_entropy_with_logits, logits, targets)
        loss.backward()
        if step == 0:
            out |= {f"logits.{level}": summary(logits) for level, logits in enumerate(logits)}
            network.eval()
            out["evaluation"] = summary(network(images))
            network.train()
            # a parameter without influence has no gradient
            gradients = {name: torch.zeros(1) if p.grad is None else p.grad for name, p in network.named_parameters()}
            out |= {f"gradient.{name}": summary(gradient) for name, gradient in gradients.items()}
        optimizer.step()
        losses.append(loss.item())
    return out | {"losses": torch.tensor(losses)}


tensors = {}
for name, network in VARIANTS.items():
    tensors |= {f"{name}.{key}": value for key, value in variant(network).items()}
write("variants.safetensors", tensors)
