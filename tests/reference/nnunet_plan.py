"""Writes `nnunet_plan.json`: the networks that nnU-Net v2's own planner plans for RGB images of several sizes, with one kind of
foreground. Of each, the channels and the number of trained parameters; of two, every parameter's shape.

    pip install nnunetv2 && python nnunet_plan.py

It also checks that `networks.NnUNet` is the planned network: the same parameters, and from the same weights the same logits.
"""

import json
import os
import tempfile
from pathlib import Path

FOLDER = Path(tempfile.mkdtemp())
os.environ |= {f"nnUNet_{kind}": str(FOLDER / kind) for kind in ("raw", "preprocessed", "results")}

import numpy as np
import torch
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from skimage.io import imsave

from fixtures import HERE, noise, set_weights
from networks import NnUNet

NAME = "Dataset001_Sizes"
SIZES = [32, 64, 96, 128, 160, 192, 224, 256, 384, 512]
LISTED = [64, 256]
CASES = 20


def planned(size):
    """The keywords of the network in the 2D plan for a data set of images of that size."""
    raw, preprocessed = FOLDER / "raw" / NAME, FOLDER / "preprocessed" / NAME
    for folder in [raw / "imagesTr", raw / "labelsTr", preprocessed]:
        folder.mkdir(parents=True, exist_ok=True)
    for case in range(CASES):
        imsave(raw / "imagesTr" / f"{case:03}_0000.png", np.zeros((size, size, 3), np.uint8), check_contrast=False)
        imsave(raw / "labelsTr" / f"{case:03}.png", np.zeros((size, size), np.uint8), check_contrast=False)
    channels = {str(index): name for index, name in enumerate("RGB")}
    labels = {"background": 0, "lesion": 1}
    about = {"channel_names": channels, "labels": labels, "numTraining": CASES, "file_ending": ".png"}
    (raw / "dataset.json").write_text(json.dumps(about))
    intensities = {channel: dict.fromkeys(["mean", "std", "min", "max", "percentile_00_5", "percentile_99_5", "median"], 1.0) for channel in channels}
    fingerprint = {
        "spacings": [[999.0, 1.0, 1.0]] * CASES,
        "shapes_after_crop": [[1, size, size]] * CASES,
        "foreground_intensity_properties_per_channel": intensities,
        "median_relative_size_after_cropping": 1.0,
    }
    (preprocessed / "dataset_fingerprint.json").write_text(json.dumps(fingerprint))
    plan = ExperimentPlanner(NAME).plan_experiment()["configurations"]["2d"]
    assert list(plan["patch_size"]) == [size, size], plan["patch_size"]
    return plan["architecture"]


def network(architecture):
    names = ("network_class_name", "arch_kwargs", "_kw_requires_import")
    # one channel of logits, as for a region
    return get_network_from_plans(*(architecture[name] for name in names), 3, 1, deep_supervision=True)


def check(size, theirs):
    torch.manual_seed(0)
    ours = NnUNet(32, size)
    set_weights(ours)
    parameters = dict(ours.named_parameters())
    assert [name for name, _ in theirs.named_parameters()] == sorted(parameters, key=list(parameters).index)
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            parameter.copy_(parameters[name])
        images = noise((2, 3, size, size), 100, 0.5, 0.5).float()
        theirs_all, ours_all = theirs(images), ours(images)
        # the weight of its lowest resolution is 0
        assert len(theirs_all) == len(ours_all) + 1
        assert all(torch.equal(a, b) for a, b in zip(theirs_all, ours_all))
        theirs.decoder.deep_supervision = False
        assert torch.equal(theirs(images), ours.eval()(images))


out = {}
for size in SIZES:
    architecture = planned(size)
    net = network(architecture)
    shapes = {name: list(parameter.shape) for name, parameter in net.named_parameters()}
    count = sum(parameter.numel() for parameter in net.parameters())
    out[size] = {"features": list(architecture["arch_kwargs"]["features_per_stage"]), "parameters": count}
    if size in LISTED:
        check(size, net)
        out[size]["shapes"] = shapes
(HERE / "nnunet_plan.json").write_text(json.dumps(out) + "\n")
