"""Writes `device_ops.safetensors`: what the operations on CUDA devices are held to, as summaries.

Operands are numbers that bf16 holds exactly, so that one expectation serves every precision. Maps are summarised as [n, c, h, w].
"""

import torch
import torch.nn.functional as F

from fixtures import noise, summary, write

torch.set_default_dtype(torch.float64)


def operand(shape, stream, scale=1.0, offset=0.0):
    return noise(shape, stream, scale, offset).float().bfloat16().double()


def operation(out, name, function, *shapes):
    """The operation on noise, and the gradients of `sum(y * noise)`."""
    operands = [operand(shape, 1 + index).requires_grad_() for index, shape in enumerate(shapes)]
    y = function(*operands)
    (y * operand(y.shape, 9)).sum().backward()
    out[f"{name}.y"] = summary(y)
    for index, tensor in enumerate(operands):
        if tensor.grad is not None:
            out[f"{name}.{index}"] = summary(tensor.grad)


def unpool(x, like):
    _, indices = F.max_pool2d(like, 2, return_indices=True)
    return F.max_unpool2d(x, indices, 2)


def norm(x, gamma, beta):
    return F.relu(F.batch_norm(x, None, None, gamma, beta, training=True))


def norm_by(x, gamma, beta):
    mean, variance = operand(gamma.shape, 5), operand(gamma.shape, 6, 0.5, 1.0)
    return F.batch_norm(x, mean, variance, gamma, beta)


def steps(out):
    """Three steps of every rule, on one tensor."""
    rules = {
        "adam": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
        "sgd": lambda p: torch.optim.SGD(p, lr=0.01, weight_decay=0.1, momentum=0.9),
    }
    for name, rule in rules.items():
        parameter = operand((1000,), 1).requires_grad_()
        optimizer = rule([parameter])
        for step in range(3):
            parameter.grad = operand((1000,), 2 + step)
            optimizer.step()
        out[name] = summary(parameter)


def main():
    out = {}
    conv3 = lambda x, w, b: F.conv2d(x, w, b, padding=1)
    conv2 = lambda x, w, b: F.conv2d(x, w, b, stride=2)
    transpose = lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2)
    relu = lambda function: lambda *operands: F.relu(function(*operands))
    operation(out, "conv3", conv3, (2, 5, 6, 10), (7, 5, 3, 3), (7,))
    operation(out, "conv3_relu", relu(conv3), (2, 16, 6, 5), (24, 16, 3, 3), (24,))
    operation(out, "conv3_long_relu", relu(conv3), (1, 3, 60, 50), (8, 3, 3, 3), (8,))
    operation(out, "logits", conv3, (2, 16, 6, 6), (1, 16, 3, 3), (1,))
    operation(out, "conv1", F.conv2d, (2, 6, 5, 7), (4, 6, 1, 1), (4,))
    operation(out, "conv2_relu", relu(conv2), (3, 8, 8, 6), (16, 8, 2, 2), (16,))
    operation(out, "conv3_deep_relu", relu(conv3), (1, 150, 4, 5), (6, 150, 3, 3), (6,))
    operation(out, "transpose", transpose, (3, 5, 4, 3), (5, 3, 2, 2), (3,))
    operation(out, "transpose_relu", relu(transpose), (2, 16, 5, 4), (16, 8, 2, 2), (8,))
    for kind, channels in (("", 3), ("_wide", 16)):
        operation(out, f"pool{kind}", lambda x: F.max_pool2d(x, 2), (2, channels, 6, 8))
        operation(out, f"unpool{kind}", unpool, (2, channels, 3, 4), (2, channels, 6, 8))
        operation(out, f"upsample{kind}", lambda x: F.interpolate(x, scale_factor=2), (2, channels, 3, 5))
        concatenated = ((2, channels, 4, 5), (2, 2 * channels, 4, 5))
        operation(out, f"concatenate{kind}", lambda a, b: torch.cat([a, b], 1), *concatenated)
        operation(out, f"norm{kind}", norm, (3, channels, 5, 7), (channels,), (channels,))
        operation(out, f"norm_by{kind}", norm_by, (3, channels, 5, 7), (channels,), (channels,))
        operation(out, f"residual{kind}", lambda a, b: F.relu(a + b), (2, channels, 4, 5), (2, channels, 4, 5))
    for kind, shape, groups in (("", (3, 6, 5, 7), 2), ("_wide", (3, 16, 5, 7), 4), ("_instance", (2, 24, 9, 11), 24)):
        group_norm = lambda x, gamma, beta: F.relu(F.group_norm(x, groups, gamma, beta))
        operation(out, f"group_norm{kind}", group_norm, shape, (shape[1],), (shape[1],))
    operation(out, "norm_many", norm, (1, 264, 9, 11), (264,), (264,))
    far = operand((2, 40, 37, 41), 1, 1.0, 100.0)
    out["moments.mean"] = summary(far.mean((0, 2, 3)))
    out["moments.variance"] = summary(far.var((0, 2, 3), unbiased=False))
    steps(out)
    write("device_ops.safetensors", out)


main()
