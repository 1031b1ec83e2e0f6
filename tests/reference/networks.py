"""The networks in PyTorch, under the same parameter names."""

from collections import OrderedDict

import torch
from torch import nn


def groups(channels):
    """8, or as many as divide the channels."""
    return next(count for count in range(min(8, channels), 0, -1) if channels % count == 0)


NORMS = {
    "none": lambda channels: [],
    "batch": lambda channels: [nn.BatchNorm2d(channels)],
    "group": lambda channels: [nn.GroupNorm(groups(channels), channels)],
    "instance": lambda channels: [nn.InstanceNorm2d(channels, affine=True)],
}


class Residual(nn.Sequential):
    """Layers, to whose result the input of the layer `start` is added before the last ReLU."""

    def __init__(self, layers, start, inputs, outputs):
        super().__init__(*layers)
        self.start, self.end = start, len(layers) - 1
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x):
        layers = list(self)
        for layer in layers[: self.start]:
            x = layer(x)
        y = x
        for layer in layers[self.start : self.end]:
            y = layer(y)
        return torch.relu(y + self.shortcut(x))


def convs(*channels, norm="none", residual=False, before=()):
    """3x3 convolutions with norm and ReLU after the layers `before`."""
    layers = list(before)
    for inputs, outputs in zip(channels, channels[1:]):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), *NORMS[norm](outputs), nn.ReLU()]
    return Residual(layers, len(before), channels[0], channels[-1]) if residual else nn.Sequential(*layers)


def normed_convs(*channels):
    layers = []
    for inputs, outputs in zip(channels, channels[1:]):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
    return layers


class SegNet(nn.Module):
    def __init__(self, w):
        super().__init__()
        chain = lambda *channels: nn.Sequential(*normed_convs(*channels))
        self.enc_conv0 = chain(3, w, w)
        self.enc_conv1 = chain(w, 2 * w, 2 * w)
        self.enc_conv2 = chain(2 * w, 4 * w, 4 * w, 4 * w)
        self.enc_conv3 = chain(4 * w, 8 * w, 8 * w, 8 * w)
        self.bottleneck_conv = chain(8 * w, 8 * w, 8 * w, 8 * w)
        self.bottleneck_dec_conv = chain(8 * w, 8 * w, 8 * w, 8 * w)
        self.dec_conv0 = chain(8 * w, 4 * w, 4 * w, 4 * w)
        self.dec_conv1 = chain(4 * w, 2 * w, 2 * w, 2 * w)
        self.dec_conv2 = chain(2 * w, w, w, w)
        self.dec_conv3 = nn.Sequential(*normed_convs(w, w, w), nn.Conv2d(w, 1, 3, padding=1))
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.unpool = nn.MaxUnpool2d(2)

    def forward(self, x):
        encoder = [self.enc_conv0, self.enc_conv1, self.enc_conv2, self.enc_conv3, self.bottleneck_conv]
        decoder = [self.bottleneck_dec_conv, self.dec_conv0, self.dec_conv1, self.dec_conv2, self.dec_conv3]
        positions = []
        for chain in encoder:
            x, position = self.pool(chain(x))
            positions.append(position)
        for chain, position in zip(decoder, reversed(positions)):
            x = chain(self.unpool(x, position))
        return x


class UNet(nn.Module):
    def __init__(self, w, norm="none", residual=False):
        super().__init__()
        convs = lambda *channels: globals()["convs"](*channels, norm=norm, residual=residual)
        self.enc_conv0 = convs(3, w, w)
        self.enc_conv1 = convs(w, 2 * w, 2 * w)
        self.enc_conv2 = convs(2 * w, 4 * w, 4 * w)
        self.enc_conv3 = convs(4 * w, 8 * w, 8 * w)
        self.bottleneck_conv = convs(8 * w, 16 * w, 8 * w)
        self.dec_conv0 = convs(16 * w, 8 * w, 4 * w)
        self.dec_conv1 = convs(8 * w, 4 * w, 2 * w)
        self.dec_conv2 = convs(4 * w, 2 * w, w)
        self.dec_conv3 = convs(2 * w, w, w)
        self.output = nn.Conv2d(w, 1, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.upsample = nn.Upsample(scale_factor=2)

    def forward(self, x):
        skips = []
        for chain in [self.enc_conv0, self.enc_conv1, self.enc_conv2, self.enc_conv3]:
            x = chain(x)
            skips.append(x)
            x = self.pool(x)
        x = self.bottleneck_conv(x)
        for chain in [self.dec_conv0, self.dec_conv1, self.dec_conv2, self.dec_conv3]:
            x = chain(torch.cat([self.upsample(x), skips.pop()], 1))
        return self.output(x)


class UNet2(nn.Module):
    def __init__(self, w, norm="none", residual=False):
        super().__init__()
        convs = lambda *channels, **options: globals()["convs"](*channels, norm=norm, residual=residual, **options)
        pool = lambda channels: nn.Sequential(nn.Conv2d(channels, channels, 2, stride=2), *NORMS[norm](channels), nn.ReLU())
        up = lambda inputs, middle, outputs: convs(
            middle, outputs, before=[nn.ConvTranspose2d(inputs, middle, 2, stride=2), *NORMS[norm](middle), nn.ReLU()]
        )
        self.enc_conv0, self.pool0 = convs(3, w), pool(w)
        self.enc_conv1, self.pool1 = convs(w, 2 * w), pool(2 * w)
        self.enc_conv2, self.pool2 = convs(2 * w, 4 * w), pool(4 * w)
        self.enc_conv3, self.pool3 = convs(4 * w, 8 * w), pool(8 * w)
        self.bottleneck_conv = convs(8 * w, 16 * w, 8 * w)
        self.dec_conv0 = up(16 * w, 8 * w, 4 * w)
        self.dec_conv1 = up(8 * w, 4 * w, 2 * w)
        self.dec_conv2 = up(4 * w, 2 * w, w)
        self.dec_conv3 = up(2 * w, w, w)
        self.output = nn.Conv2d(w, 1, 3, padding=1)

    def forward(self, x):
        skips = []
        for index in range(4):
            x = getattr(self, f"pool{index}")(getattr(self, f"enc_conv{index}")(x))
            skips.append(x)
        x = self.bottleneck_conv(x)
        for chain in [self.dec_conv0, self.dec_conv1, self.dec_conv2, self.dec_conv3]:
            x = chain(torch.cat([x, skips.pop()], 1))
        return self.output(x)


class NnUNet(nn.Module):
    """`PlainConvUNet` of `dynamic_network_architectures`, as nnU-Net v2 plans it for images of that size, with `w` in the place of 32.
    In training it gives the logits at every resolution but the lowest, the full one first. `nnunet_plan.py` compares the two."""

    def __init__(self, w, size):
        super().__init__()
        halvings = 0
        while size >= 8:
            size, halvings = (size + 1) // 2, halvings + 1
        channels = [min(w * 2**stage, 16 * w) for stage in range(halvings + 1)]

        def layer(inputs, outputs, stride):
            parts = {
                "conv": nn.Conv2d(inputs, outputs, 3, stride, padding=1),
                "norm": nn.InstanceNorm2d(outputs, affine=True),
                "nonlin": nn.LeakyReLU(0.01),
            }
            return nn.Sequential(OrderedDict(parts))

        def stage(inputs, outputs, stride):
            return nn.ModuleDict({"convs": nn.Sequential(layer(inputs, outputs, stride), layer(outputs, outputs, 1))})

        down = zip([3] + channels, channels, [1] + [2] * halvings)
        self.encoder = nn.ModuleDict({"stages": nn.ModuleList(nn.ModuleList([stage(*sizes)]) for sizes in down)})
        up = list(zip(channels[::-1], channels[-2::-1]))
        self.decoder = nn.ModuleDict(
            {
                "stages": nn.ModuleList(stage(2 * outputs, outputs, 1) for _, outputs in up),
                "transpconvs": nn.ModuleList(nn.ConvTranspose2d(*sizes, 2, 2) for sizes in up),
                "seg_layers": nn.ModuleList(nn.Conv2d(outputs, 1, 1) for _, outputs in up),
            }
        )

    def forward(self, x):
        skips, logits = [], []
        for [stage] in self.encoder["stages"]:
            x = stage["convs"](x)
            skips.append(x)
        skips.pop()
        for up, stage, head in zip(self.decoder["transpconvs"], self.decoder["stages"], self.decoder["seg_layers"]):
            x = stage["convs"](torch.cat([up(x), skips.pop()], 1))
            logits.append(head(x))
        logits.reverse()
        return logits[:-1] if self.training else logits[0]


class BasicBlock(nn.Module):
    """torchvision's, with biases and any norm."""

    def __init__(self, inputs, outputs, norm, stride=1, dilation=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation)
        self.bn1 = norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=dilation, dilation=dilation)
        self.bn2 = norm(outputs)
        if inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride), norm(outputs))

    def forward(self, x):
        shortcut = self.downsample(x) if hasattr(self, "downsample") else x
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + shortcut)


class DeepLabV3Plus(nn.Module):
    """With the blocks of ResNet-18, an output stride of 16, and rates in proportion to the images."""

    def __init__(self, w, size, norm):
        super().__init__()
        norm = lambda channels, name=norm: NORMS[name](channels)[0]
        normed = lambda inputs, outputs, k, **options: [nn.Conv2d(inputs, outputs, k, **options), norm(outputs), nn.ReLU()]
        layer = lambda inputs, outputs, **options: nn.Sequential(
            BasicBlock(inputs, outputs, norm, **options), BasicBlock(outputs, outputs, norm, dilation=options.get("dilation", 1))
        )
        base = max(1, int(size / 88 + 0.5))
        stem = [*normed(3, w, 3, stride=2, padding=1), *normed(w, w, 3, padding=1), *normed(w, w, 3, padding=1)]
        self.backbone = nn.ModuleDict(
            {
                "conv1": nn.Sequential(*stem),
                "maxpool": nn.MaxPool2d(2),
                "layer1": layer(w, w),
                "layer2": layer(w, 2 * w, stride=2),
                "layer3": layer(2 * w, 4 * w, stride=2),
                "layer4": layer(4 * w, 8 * w, dilation=2),
            }
        )
        a, low = 4 * w, max(1, 3 * w // 4)
        branches = [normed(8 * w, a, 1)]
        branches += [normed(8 * w, a, 3, padding=rate, dilation=rate) for rate in (base, 2 * base, 3 * base)]
        branches += [[nn.AdaptiveAvgPool2d(1), *normed(8 * w, a, 1)]]
        self.classifier = nn.ModuleDict(
            {
                "aspp": nn.ModuleDict(
                    {"convs": nn.ModuleList(nn.Sequential(*b) for b in branches), "project": nn.Sequential(*normed(5 * a, a, 1))}
                ),
                "low": nn.Sequential(*normed(w, low, 1)),
                "refine": nn.Sequential(*normed(a + low, a, 3, padding=1), *normed(a, a, 3, padding=1)),
                "output": nn.Conv2d(a, 1, 1),
            }
        )

    def forward(self, x):
        size = x.shape[2:]
        resized = lambda x, size: nn.functional.interpolate(x, size, mode="bilinear", align_corners=False)
        first = self.backbone["layer1"](self.backbone["maxpool"](self.backbone["conv1"](x)))
        x = self.backbone["layer4"](self.backbone["layer3"](self.backbone["layer2"](first)))
        aspp = self.classifier["aspp"]
        x = aspp["project"](torch.cat([resized(branch(x), x.shape[2:]) for branch in aspp["convs"]], 1))
        x = self.classifier["refine"](torch.cat([resized(x, first.shape[2:]), self.classifier["low"](first)], 1))
        return resized(self.classifier["output"](x), size)


NETWORKS = {"segnet": SegNet, "unet": UNet, "unet2": UNet2}
