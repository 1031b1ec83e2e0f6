"""PyTorch's versions, and what this device can do at most: a copy in its memory, a product in bf16."""

import json
import time

import torch

from device.settings import DEVICE


def seconds(device, call, count=10):
    def wait():
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    for _ in range(3):
        call()
    wait()
    start = time.perf_counter()
    for _ in range(count):
        call()
    wait()
    return (time.perf_counter() - start) / count


def main():
    # first, since these are known even if there is no GPU
    print(json.dumps({"torch": torch.__version__, "cuda": torch.version.cuda, "torch_cudnn": torch.backends.cudnn.version()}))
    device = torch.device(DEVICE)
    side, elements = (8192, 1 << 28) if device.type == "cuda" else (256, 1 << 20)
    source = torch.randn(elements, device=device)
    target = torch.empty_like(source)
    copy = 2 * 4 * elements / seconds(device, lambda: target.copy_(source))
    factor = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    product = 2 * side**3 / seconds(device, lambda: factor @ factor)
    print(json.dumps({"copy_tb_s": copy / 1e12, "bf16_tflop_s": product / 1e12}))


main()
