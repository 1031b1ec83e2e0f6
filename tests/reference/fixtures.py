"""Numbers that Python and Rust compute alike, and small files of expected ones."""

import json
import math
import struct
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent
SAMPLES = 256
STEP = 7919  # a prime: samples of a kernel are of all its taps and channels


def noise(shape, stream, scale=1.0, offset=0.0):
    """Uniform in `offset` +- `scale`: SplitMix64 from the state `stream << 32`, whose upper 53 bits are mapped to [-1, 1)."""
    counter = np.arange(1, math.prod(shape) + 1, dtype=np.uint64)
    z = np.uint64(stream << 32) + counter * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    values = (z >> np.uint64(11)).astype(np.float64) / 2**52 - 1
    return torch.from_numpy(offset + scale * values).reshape(shape)


def set_weights(network):
    """Noise of the variance that He asks for. Batch norm shifts by about one, so that ReLU keeps most: through 25 layers that it
    cuts in half, SegNet magnifies rounding a thousandfold, and a test in f32 would show that and nothing else."""
    for index, (name, parameter) in enumerate(sorted(network.named_parameters())):
        layer, kind = name.rsplit(".", 1)
        if parameter.dim() == 4:
            values = noise(parameter.shape, 800 + index, (6 / parameter[0].numel()) ** 0.5)
        elif kind == "weight":
            values = noise(parameter.shape, 800 + index, 0.2, 1.0)
        else:
            values = noise(parameter.shape, 800 + index, 0.1, 1.0 if network.get_parameter(f"{layer}.weight").dim() == 1 else 0.0)
        parameter.data = values.to(parameter.dtype)


def summary(tensor):
    """At most `SAMPLES` elements, `STEP` apart, around the end to the beginning; then the Euclidean norm of all."""
    values = tensor.detach().double().flatten()
    count = values.numel()
    return torch.cat([values[torch.arange(min(count, SAMPLES)) * STEP % count], values.norm()[None]])


def write(name, tensors):
    """Writes a safetensors file of f64 tensors."""
    header, data = {}, b""
    for key in sorted(tensors):
        value = tensors[key].detach().double().contiguous().numpy()
        header[key] = {"dtype": "F64", "shape": list(value.shape), "data_offsets": [len(data), len(data) + value.nbytes]}
        data += value.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (HERE / name).write_bytes(struct.pack("<Q", len(text)) + text + data)
