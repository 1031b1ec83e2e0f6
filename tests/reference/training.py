"""Writes `losses.json` (values and gradients of the losses), `optimizers.json` (variables after steps) and `steps.json` (losses of
whole networks, step after step)."""

import json

import torch

from fixtures import HERE, noise, set_weights
from losses import LOSSES, dice, focal
from networks import NETWORKS

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
        variable = noise((3, 5), 1).requires_grad_()
        optimizer = make([variable])
        steps = []
        for step in range(5):
            variable.grad = noise((3, 5), 10 + step) * variable.detach() ** 2
            optimizer.step()
            steps.append(variable.detach().flatten().tolist())
        out[name] = steps
    (HERE / "optimizers.json").write_text(json.dumps(out) + "\n")


def steps():
    """The loss of the batch before each of 20 steps of Adam; three batches take turns."""
    batches = [(noise((4, 3, 32, 32), 100 + i, 0.5, 0.5), (noise((4, 1, 32, 32), 110 + i) > 0.3).double()) for i in range(3)]
    out = {}
    for network_name, network in NETWORKS.items():
        for loss_name, loss in LOSSES.items():
            net = network(4)
            set_weights(net)
            optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
            values = []
            for step in range(20):
                images, targets = batches[step % 3]
                optimizer.zero_grad()
                value = loss(net(images), targets).mean()
                value.backward()
                optimizer.step()
                values.append(value.item())
            out[f"{network_name}.{loss_name}"] = values
    (HERE / "steps.json").write_text(json.dumps(out) + "\n")


losses()
optimizers()
steps()
