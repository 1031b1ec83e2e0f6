"""Writes `ops.safetensors` and `networks.safetensors`: forward values and gradients, as summaries."""

import torch
import torch.nn.functional as F

from fixtures import noise, set_weights, summary, write
from losses import LOSSES
from networks import NETWORKS

torch.set_default_dtype(torch.float64)


def operation(out, name, function, *shapes):
    """The operation on noise, and the gradients of `sum(y * noise)`."""
    operands = [noise(shape, 1 + index).requires_grad_() for index, shape in enumerate(shapes)]
    y = function(*operands)
    (y * noise(y.shape, 9)).sum().backward()
    out[f"{name}.y"] = summary(y)
    for index, operand in enumerate(operands):
        out[f"{name}.{index}"] = summary(operand.grad)


def pool(x):
    return F.max_pool2d(x, 2)


def unpool(x, like):
    _, indices = F.max_pool2d(like, 2, return_indices=True)
    return F.max_unpool2d(x, indices, 2) + 0 * like


def norm(x, gamma, beta):
    return F.relu(F.batch_norm(x, None, None, gamma, beta, training=True))


def norm_by(x, gamma, beta):
    mean, variance = noise(gamma.shape, 5), noise(gamma.shape, 6, 0.5, 1.0)
    return F.batch_norm(x, mean, variance, gamma, beta)


def operations():
    out = {}
    conv = lambda **options: lambda x, w, b: F.conv2d(x, w, b, **options)
    relu = lambda function: lambda *operands: F.relu(function(*operands))
    transpose = lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2)
    operation(out, "conv3", conv(padding=1), (3, 3, 6, 10), (13, 3, 3, 3), (13,))
    operation(out, "conv3_relu", relu(conv(padding=1)), (2, 5, 4, 4), (7, 5, 3, 3), (7,))
    operation(out, "conv3_deep", conv(padding=1), (9, 20, 2, 3), (17, 20, 3, 3), (17,))
    operation(out, "conv3_strips", relu(conv(padding=1)), (2, 2, 100, 90), (3, 2, 3, 3), (3,))
    operation(out, "conv3_rows", conv(padding=1), (1, 2, 9, 1500), (3, 2, 3, 3), (3,))
    operation(out, "conv1", conv(), (2, 6, 5, 7), (4, 6, 1, 1), (4,))
    operation(out, "conv2", conv(stride=2), (3, 3, 8, 6), (5, 3, 2, 2), (5,))
    operation(out, "conv3_stride2", relu(conv(stride=2, padding=1)), (2, 20, 8, 12), (17, 20, 3, 3), (17,))
    operation(out, "conv1_stride2", conv(stride=2), (2, 6, 4, 8), (4, 6, 1, 1), (4,))
    operation(out, "conv3_rate2", relu(conv(padding=2, dilation=2)), (2, 5, 6, 7), (4, 5, 3, 3), (4,))
    operation(out, "conv3_rate5", conv(padding=5, dilation=5), (2, 5, 4, 7), (4, 5, 3, 3), (4,))
    operation(out, "conv2_strips", relu(conv(stride=2)), (2, 2, 180, 200), (3, 2, 2, 2), (3,))
    operation(out, "transpose", transpose, (3, 5, 4, 3), (5, 3, 2, 2), (3,))
    operation(out, "transpose_strips", relu(transpose), (2, 3, 90, 80), (3, 2, 2, 2), (2,))
    operation(out, "pool", pool, (2, 3, 6, 8))
    operation(out, "unpool", unpool, (2, 3, 3, 4), (2, 3, 6, 8))
    operation(out, "upsample", lambda x: F.interpolate(x, scale_factor=2), (2, 3, 3, 5))
    operation(out, "resize", lambda x: F.interpolate(x, (12, 7), mode="bilinear"), (2, 3, 3, 5))
    operation(out, "mean", lambda x: F.adaptive_avg_pool2d(x, 1), (2, 3, 3, 5))
    operation(out, "concatenate", lambda a, b: torch.cat([a, b], 1), (2, 3, 4, 5), (2, 2, 4, 5))
    operation(out, "norm", norm, (3, 4, 5, 7), (4,), (4,))
    operation(out, "instance_norm", lambda x, w, b: F.leaky_relu(F.instance_norm(x, weight=w, bias=b)), (3, 4, 5, 7), (4,), (4,))
    operation(out, "norm_by", norm_by, (3, 4, 5, 7), (4,), (4,))
    write("ops.safetensors", out)


def trained(network, loss, dtype):
    """A network after one way there and back, its logits and its loss."""
    images = noise((2, 3, 32, 32), 100, 0.5, 0.5).to(dtype)
    targets = (noise((2, 1, 32, 32), 101) > 0.3).to(dtype)
    net = network(8)
    set_weights(net)
    net = net.to(dtype)
    logits = net(images)
    value = loss(logits, targets).mean()
    value.backward()
    return net, logits, value


def scale(name, gradients):
    """What the error of a gradient is relative to: its norm; where that is zero but for rounding, as of a bias before batch norm,
    the norm of its layer's weight."""
    own, weight = gradients[name].norm(), gradients[name.rsplit(".", 1)[0] + ".weight"].norm()
    return weight if own < 1e-9 * weight else own


def single(network, loss, gradients, logits):
    """How far PyTorch's gradients in f32 are off, and its logits."""
    net, found_logits, _ = trained(network, loss, torch.float32)
    found = {name: parameter.grad.double() for name, parameter in net.named_parameters()}
    errors = {name: (found[name] - gradient).norm() / scale(name, gradients) for name, gradient in gradients.items()}
    return errors | {"logits": (found_logits.double() - logits).norm() / logits.norm()}


def networks():
    out = {}
    images = noise((2, 3, 32, 32), 100, 0.5, 0.5)
    for name, network in NETWORKS.items():
        for loss_name, loss in LOSSES.items():
            net, logits, value = trained(network, loss, torch.float64)
            out[f"{name}.logits"] = summary(logits)
            out[f"{name}.{loss_name}.loss"] = value[None]
            gradients = {parameter_name: parameter.grad for parameter_name, parameter in net.named_parameters()}
            errors = single(network, loss, gradients, logits)
            out[f"{name}.{loss_name}.logits.f32"] = errors["logits"][None]
            for parameter_name, gradient in gradients.items():
                out[f"{name}.{loss_name}.{parameter_name}"] = summary(gradient)
                out[f"{name}.{loss_name}.{parameter_name}.f32"] = errors[parameter_name][None]
            for buffer_name, buffer in net.named_buffers():
                if "running" in buffer_name:
                    out[f"{name}.{buffer_name}"] = summary(buffer)
            net.eval()
            out[f"{name}.eval"] = summary(net(images))
    write("networks.safetensors", out)


operations()
networks()
