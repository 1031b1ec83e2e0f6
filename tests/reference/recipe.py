"""Writes `recipe.json`: what a training may do beside plain steps, from PyTorch. Learning rates of every schedule, gradients with a limited
norm, SGD with Nesterov's look ahead, and a whole network with all of it together, step after step, with the average of its weights."""

import json
import warnings

import torch
from torch.optim import lr_scheduler as schedulers
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from fixtures import HERE, noise, set_weights
from losses import LOSSES
from networks import NETWORKS

torch.set_default_dtype(torch.float64)
warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")

EPOCHS, PER_EPOCH, RATE = 6, 4, 0.02
TOTAL = EPOCHS * PER_EPOCH
SCHEDULES = {
    "constant": lambda o, steps: schedulers.ConstantLR(o, 1.0),
    "step": lambda o, steps: schedulers.StepLR(o, step_size=2 * PER_EPOCH, gamma=0.3),
    "cosine": lambda o, steps: schedulers.CosineAnnealingLR(o, T_max=steps, eta_min=1e-3),
    "polynomial": lambda o, steps: schedulers.PolynomialLR(o, total_iters=steps, power=0.9),
    "one_cycle": lambda o, steps: schedulers.OneCycleLR(o, max_lr=RATE, total_steps=steps),
    "one_cycle_short": lambda o, steps: schedulers.OneCycleLR(
        o, max_lr=RATE, total_steps=steps, pct_start=0.1, div_factor=5.0, final_div_factor=10.0
    ),
}


def rates(make, warmup):
    """The learning rate of every step. PyTorch's warm-up ends at the first learning rate of the schedule that follows it."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=RATE)
    scheduler = make(optimizer, TOTAL - warmup)
    first = optimizer.param_groups[0]["lr"]
    rising = torch.optim.SGD([torch.zeros(1)], lr=first)
    linear = schedulers.LinearLR(rising, start_factor=1 / (warmup + 1), total_iters=warmup)
    found = []
    for _ in range(warmup):
        found.append(rising.param_groups[0]["lr"])
        linear.step()
    while len(found) < TOTAL:
        found.append(optimizer.param_groups[0]["lr"])
        if len(found) < TOTAL:
            scheduler.step()
    return found


def schedules():
    return {f"{name}.{warmup}": rates(make, warmup * PER_EPOCH) for name, make in SCHEDULES.items() for warmup in (0, 2)}


def nesterov():
    variable = noise((3, 5), 1).requires_grad_()
    optimizer = torch.optim.SGD([variable], lr=1e-1, momentum=0.9, weight_decay=0.1, nesterov=True)
    steps = []
    for step in range(5):
        variable.grad = noise((3, 5), 10 + step) * variable.detach() ** 2
        optimizer.step()
        steps.append(variable.detach().flatten().tolist())
    return steps


def clipping():
    """Gradients of two variables after `clip_grad_norm_`, with a limit that is reached and one that is not."""
    out = {}
    for limit in (1.5, 100.0):
        variables = [torch.zeros(3, 5, requires_grad=True), torch.zeros(70_000, requires_grad=True)]
        variables[0].grad, variables[1].grad = noise((3, 5), 1), noise((70_000,), 2, 0.01)
        norm = torch.nn.utils.clip_grad_norm_(variables, limit)
        gradients = variables[0].grad.flatten().tolist() + variables[1].grad[::7919].tolist()
        out[str(limit)] = {"norm": norm.item(), "gradients": gradients}
    return out


def together():
    """The loss of each of 20 batches, two of which make a step, and in the end logits of the averaged network on the first images."""
    smoothing, accumulate = 0.1, 2
    batches = [(noise((4, 3, 32, 32), 100 + i, 0.5, 0.5), (noise((4, 1, 32, 32), 110 + i) > 0.3).double()) for i in range(3)]
    out = {}
    for name, network in NETWORKS.items():
        net = network(4)
        set_weights(net)
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=0.1)
        scheduler = schedulers.CosineAnnealingLR(optimizer, T_max=10, eta_min=1e-3)
        average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.7), use_buffers=True)
        values = []
        for batch in range(20):
            images, targets = batches[batch % 3]
            value = LOSSES["bce"](net(images), targets * (1 - smoothing) + smoothing / 2).mean()
            (value / accumulate).backward()
            values.append(value.item())
            if batch % accumulate == 1:
                torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5)
                optimizer.step()
                optimizer.zero_grad()
                scheduler.step()
                average.update_parameters(net)
        with torch.no_grad():
            logits = average.module.eval()(batches[0][0])
        out[name] = {"losses": values, "logits": logits.flatten()[::97].tolist()}
    return out


found = {"schedules": schedules(), "nesterov": nesterov(), "clipping": clipping(), "together": together()}
(HERE / "recipe.json").write_text(json.dumps(found) + "\n")
