"""Writes `losses.json` (values and gradients of the losses) and `optimizers.json` (variables after steps)."""

import json

import torch

from fixtures import HERE, wave
from losses import LOSSES, dice, focal

torch.set_default_dtype(torch.float64)

X = [[2, 0.5, -1, -3], [1.5, 3, -0.5, -2], [-0.2, 0.8, -1.5, -2.5], [-4, -1.2, 0.3, -0.7]]
Y = [[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
EXTREME = [0.0, 0.0, -1000.0, 1000.0, 100.0, -100.0, 40.0, -40.0]
TRUTH = [0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0]


def case(loss, x, y):
    x = torch.tensor(x).flatten()[None].requires_grad_()
    value = loss(x, torch.tensor(y).flatten()[None].to(x))
    value.sum().backward()
    return {"value": value.item(), "gradient": x.grad[0].tolist()}


def losses():
    options = dict(LOSSES)
    options |= {"dice_smooth1": lambda x, y: dice(x, y, 1.0), "focal_gamma0.5": lambda x, y: focal(x, y, 0.5)}
    out = {"x": sum(X, []), "y": sum(Y, []), "extreme": EXTREME, "truth": TRUTH}
    for name, loss in options.items():
        out[name] = {"plain": case(loss, X, Y), "extreme": case(loss, EXTREME, TRUTH)}
    (HERE / "losses.json").write_text(json.dumps(out) + "\n")


def optimizers():
    options = {
        "adam": lambda p: torch.optim.Adam(p, lr=1e-2),
        "adam_decay": lambda p: torch.optim.Adam(p, lr=1e-2, weight_decay=0.1),
        "adamw": lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.1),
        "sgd": lambda p: torch.optim.SGD(p, lr=1e-1),
        "sgd_momentum": lambda p: torch.optim.SGD(p, lr=1e-1, momentum=0.9, weight_decay=0.1),
    }
    out = {}
    for name, make in options.items():
        variable = wave((3, 5), 1.0).requires_grad_()
        optimizer = make([variable])
        steps = []
        for step in range(5):
            variable.grad = wave((3, 5), 10.0 + step) * variable.detach() ** 2
            optimizer.step()
            steps.append(variable.detach().flatten().tolist())
        out[name] = steps
    (HERE / "optimizers.json").write_text(json.dumps(out) + "\n")


losses()
optimizers()
