"""What bench_torch.py imports beside PyTorch, where it is not installed: the few calls that it makes, by PyTorch itself."""

import ctypes
import importlib.util
import json
import math
import sys
import types

import torch

TYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32", "U8": "uint8"}


def load_file(path):
    """A safetensors file: the header's length, the header, the bytes."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        body = bytearray(file.read())
    header.pop("__metadata__", None)
    return {name: tensor(body, **about) for name, about in header.items()}


def tensor(body, dtype, shape, data_offsets):
    begin, _ = data_offsets
    kind = getattr(torch, TYPES[dtype])
    return torch.frombuffer(body, dtype=kind, count=math.prod(shape), offset=begin).reshape(shape).clone()


class Bytes:
    """What `tensor.numpy().tobytes()` needs of an array."""

    def __init__(self, value):
        self.value = value.contiguous()

    def tobytes(self):
        return ctypes.string_at(self.value.data_ptr(), self.value.numel() * self.value.element_size())


def module(name, **parts):
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(parts)


def fill():
    if importlib.util.find_spec("safetensors") is None:
        module("safetensors")
        module("safetensors.torch", load_file=load_file)
    if importlib.util.find_spec("numpy") is None:
        import torch._dynamo  # noqa: F401 - it looks for numpy too, and must not find this one

        module("numpy", sin=torch.sin, prod=math.prod, arange=lambda count: torch.arange(count, dtype=torch.float64))
        torch.from_numpy = lambda value: value
        torch.Tensor.numpy = lambda value: Bytes(value)
