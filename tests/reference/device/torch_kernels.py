"""The kernels of one training step in PyTorch, channels last: algorithms are chosen freely, and once among deterministic ones."""

import contextlib
import json

import torch
import torch.nn.functional as F

from device.kernels import sums
from device.settings import BATCH, DEVICE, SIZE, WIDTH, chosen
from networks import NETWORKS

WARM_UP = 4


def training_step(network, precision, device):
    layout = torch.channels_last
    network = network.to(device, memory_format=layout)
    images = torch.rand(BATCH, 3, SIZE, SIZE, device=device).to(memory_format=layout)
    targets = (torch.rand(BATCH, 1, SIZE, SIZE, device=device) > 0.5).float()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)

    def step():
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else contextlib.nullcontext():
            logits = network(images)
        F.binary_cross_entropy_with_logits(logits.float(), targets).backward()
        optimizer.step()

    return step


def is_kernel(event, kind):
    # the optimizer's own mark spans its kernels, which are counted already; "#" alone stands in the names of lambdas too
    is_mark = event.name.startswith("Optimizer.") or getattr(event, "is_user_annotation", False)
    return event.device_type == kind and not is_mark


def profiled(step, device):
    cuda = device.type == "cuda"
    profiler, kinds = torch.profiler, torch.autograd.DeviceType
    activity, kind = (profiler.ProfilerActivity.CUDA, kinds.CUDA) if cuda else (profiler.ProfilerActivity.CPU, kinds.CPU)
    wait = torch.cuda.synchronize if cuda else lambda: None
    for _ in range(WARM_UP):
        step()
    wait()
    with profiler.profile(activities=[activity]) as profile:
        step()
        wait()
    return [(event.name, event.time_range.elapsed_us()) for event in profile.events() if is_kernel(event, kind)]


def main():
    device = torch.device(DEVICE)
    torch.backends.cudnn.benchmark = True
    first, *others = chosen(("unet2", "bf16"), ("segnet", "bf16"), ("unet2", "tf32"))
    for (network, precision), deterministic in [(first, False), (first, True), *((which, False) for which in others)]:
        torch.backends.cudnn.deterministic = deterministic
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        rows = sums(profiled(training_step(NETWORKS[network](WIDTH), precision, device), device))
        by = "PyTorch, deterministic" if deterministic else "PyTorch"
        print(json.dumps({"network": network, "precision": precision, "by": by, "kernels": rows}), flush=True)


main()
