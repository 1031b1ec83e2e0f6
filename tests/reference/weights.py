"""A file of weights in PyTorch and back: what a worker has saved is loaded, changed, evaluated and saved again.

    worker train --job weights.yaml --save weights.safetensors
    python weights.py weights.safetensors

`weights.yaml` trains a small SegNet on synthetic images. Written are `weights_torch.safetensors`, which `worker/tests/checkpoints.rs` reads
as a user's file, and `weights_logits.safetensors`, what PyTorch computes with it on an image. Needs torch and safetensors.
"""

import json
import pathlib
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from networks import NETWORKS

HERE = pathlib.Path(__file__).parent

# the lines of the README
path = sys.argv[1]
state = load_file(path)
about = json.loads(safe_open(path, "pt").metadata()["splitsweep"])
model = NETWORKS[about["architecture"]](about["model"]["width"])
model.load_state_dict(state)

with torch.no_grad():
    for parameter in model.parameters():
        parameter.mul_(1.01)
about.pop("seal")
save_file(model.state_dict(), HERE / "weights_torch.safetensors", {"splitsweep": json.dumps(about)})

size = about["image_size"]
image = (torch.arange(3 * size * size) * 37 % 251).to(torch.uint8).reshape(1, 3, size, size)
model.eval()
with torch.no_grad():
    logits = model(image / 255)
save_file({"image": image, "logits": logits}, HERE / "weights_logits.safetensors")
