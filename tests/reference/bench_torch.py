"""`worker bench` in PyTorch: the same networks, batches and loss, the same keys in its JSON.

    worker bench --image-size 64 --width 16 --device cpu --initial initial.safetensors --json
    python bench_torch.py --image-size 64 --width 16 --device cpu --init initial.safetensors --json

Modes: `eager` (NCHW), `channels_last` (the layout that the worker computes in), `compile` (channels last, torch.compile).
Denormal numbers are flushed to zero and the optimizer is fused: what PyTorch does best. Needs torch, numpy and safetensors.
"""

import argparse
import contextlib
import hashlib
import json
import resource
import statistics
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from networks import NETWORKS

BATCHES = 4
WARM_UP = 2


def arguments():
    parser = argparse.ArgumentParser(description="Time training steps and evaluations in PyTorch")
    parser.add_argument("--architecture", choices=NETWORKS, default="unet2")
    parser.add_argument("--image-size", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=10)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=["f32", "tf32", "bf16"], default="f32")
    parser.add_argument("--mode", choices=["eager", "channels_last", "compile"], default="eager")
    parser.add_argument("--threads", type=int, help="default: PyTorch's choice")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--init", help="start from the weights of this safetensors file")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def memory():
    """The most that this process has used so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def wave(shape, phase):
    """`sin(phase + 78.233 j)` for the j-th element, as `worker bench` has it."""
    return torch.from_numpy(np.sin(phase + 78.233 * np.arange(np.prod(shape)))).reshape(shape)


def batch(index, count, size, device, layout):
    images = (0.5 + 0.5 * wave((count, 3, size, size), index + 0.5)).float()
    targets = (wave((count, 1, size, size), index + 2.5) > 0.3).float()
    return images.to(device, memory_format=layout), targets.to(device)


def operations(network, images):
    """Operations of a forward pass by the definition of convolutions, and those of its first one."""
    counts = []

    def count(layer, inputs, output):
        taps = layer.kernel_size[0] ** 2
        pixels = output if isinstance(layer, nn.Conv2d) else inputs[0]
        other = layer.in_channels if isinstance(layer, nn.Conv2d) else layer.out_channels
        counts.append(2 * pixels.numel() * other * taps)

    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    hooks = [layer.register_forward_hook(count) for layer in network.modules() if isinstance(layer, kinds)]
    was_training = network.training
    network.eval()
    with torch.no_grad():
        network(images)
    network.train(was_training)
    for hook in hooks:
        hook.remove()
    return sum(counts), counts[0]


def times(count, device, call):
    found = []
    for index in range(WARM_UP + count):
        start = time.perf_counter()
        call(index)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        found.append(1e3 * (time.perf_counter() - start))
    return found[WARM_UP:]


def weights(network):
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return f"sha256:{digest.hexdigest()}"


def device_name(device):
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    try:
        with open("/proc/cpuinfo") as lines:
            model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
        return f"cpu ({model})"
    except (OSError, StopIteration):
        return "cpu"


def main():
    args = arguments()
    start_memory = memory()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = args.precision == "tf32"
    torch.backends.cudnn.benchmark = True
    device = torch.device(args.device)
    layout = torch.contiguous_format if args.mode == "eager" else torch.channels_last

    torch.manual_seed(0)
    network = NETWORKS[args.architecture](args.width)
    if args.init:
        from safetensors.torch import load_file

        network.load_state_dict(load_file(args.init))
    network = network.to(device, memory_format=layout)
    batches = [batch(index, args.batch_size, args.image_size, device, layout) for index in range(BATCHES)]
    forward, first = operations(network, batches[0][0])
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    run = torch.compile(network) if args.mode == "compile" else network
    half = torch.autocast(device.type, torch.bfloat16) if args.precision == "bf16" else contextlib.nullcontext()
    losses = []

    def loss(index):
        images, targets = batches[index % BATCHES]
        with half:
            logits = run(images)
        return F.binary_cross_entropy_with_logits(logits.float(), targets)

    def step(index):
        optimizer.zero_grad()
        value = loss(index)
        value.backward()
        optimizer.step()
        losses.append(value.item())

    def evaluate(index):
        with torch.no_grad():
            loss(index).item()

    step_times = times(args.steps, device, step)
    digest = weights(network)
    network.eval()
    evaluate_times = times(args.steps, device, evaluate)

    step_ms, evaluate_ms = statistics.median(step_times), statistics.median(evaluate_times)
    report = {
        "by": "pytorch",
        "architecture": args.architecture,
        "image_size": args.image_size,
        "batch_size": args.batch_size,
        "width": args.width,
        "device": device_name(device),
        "precision": args.precision,
        "convolution": args.mode,
        "threads": torch.get_num_threads(),
        "steps": args.steps,
        "step_ms": step_ms,
        "evaluate_ms": evaluate_ms,
        "step_images_per_second": 1e3 * args.batch_size / step_ms,
        "evaluate_images_per_second": 1e3 * args.batch_size / evaluate_ms,
        "step_gflops": (3 * forward - first) / step_ms / 1e6,
        "evaluate_gflops": forward / evaluate_ms / 1e6,
        # PyTorch's libraries choose
        "step_executed_gflops": None,
        "evaluate_executed_gflops": None,
        "start_memory_mib": start_memory,
        "peak_memory_mib": memory(),
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "weights": digest,
        "step_times_ms": step_times,
        "evaluate_times_ms": evaluate_times,
    }
    if args.json:
        print(json.dumps(report))
    else:
        print(f"step {step_ms:.2f} ms, evaluation {evaluate_ms:.2f} ms, loss {losses[0]:.6f} -> {losses[-1]:.6f}")


main()
