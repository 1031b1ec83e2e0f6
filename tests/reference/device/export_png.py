"""A prepared data set as `images/` and `masks/` of PNG, which is small: python3 -m device.export_png FILE.safetensors FOLDER

FILE comes from `worker prepare --out FILE.safetensors`. Needs numpy and pillow.
"""

import json
import pathlib
import sys

import numpy as np
from PIL import Image


def main():
    raw, folder = pathlib.Path(sys.argv[1]).read_bytes(), pathlib.Path(sys.argv[2])
    size = int.from_bytes(raw[:8], "little")
    header, body = json.loads(raw[8 : 8 + size]), raw[8 + size :]

    def tensor(name):
        begin, end = header[name]["data_offsets"]
        return np.frombuffer(body[begin:end], np.uint8).reshape(header[name]["shape"])

    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for name, image, mask in zip(json.loads(header["__metadata__"]["cases"]), tensor("images"), tensor("masks")):
        channels_last = np.ascontiguousarray(image.transpose(1, 2, 0))
        Image.fromarray(channels_last).save(folder / "images" / f"{name}.png", optimize=True)
        Image.fromarray(mask * 255).save(folder / "masks" / f"{name}.png", optimize=True)


main()
