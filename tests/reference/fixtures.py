"""Numbers that Python and Rust compute alike, and small files of expected ones."""

import json
import math
import struct
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent
SAMPLES = 256


def wave(shape, phase, scale=1.0, offset=0.0):
    """`offset + scale sin(phase + 78.233 j)` for the j-th element."""
    index = np.arange(math.prod(shape), dtype=np.float64)
    return torch.from_numpy(offset + scale * np.sin(phase + 78.233 * index)).reshape(shape)


def summary(tensor):
    """Every k-th element, at most `SAMPLES` of them, then the Euclidean norm of all."""
    values = tensor.detach().double().flatten()
    step = -(-values.numel() // SAMPLES)
    return torch.cat([values[::step], values.norm()[None]])


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
