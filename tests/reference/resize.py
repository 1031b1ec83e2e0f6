"""Makes resize.json: pictures resized by Pillow's BILINEAR filter, which widens when it shrinks (anti-aliasing).

Images are resized as 8 bits a channel, masks as floats 0 and 1 and then taken above 0.5.

    python resize.py    # needs numpy and pillow
"""

import json
import pathlib

import numpy
from PIL import Image

WIDTH, HEIGHT = 37, 29
SIZES = (8, 16, 48)

rng = numpy.random.default_rng(7)
noise = rng.integers(0, 90, (HEIGHT, WIDTH, 3))
slope = numpy.add.outer(3 * numpy.arange(HEIGHT), 2 * numpy.arange(WIDTH))[:, :, None]
image = (noise + slope).astype(numpy.uint8)
y, x = numpy.mgrid[:HEIGHT, :WIDTH]
mask = (((x - 15) / 11) ** 2 + ((y - 14) / 9) ** 2 < 1 + 0.3 * numpy.sin(x)).astype(numpy.uint8)

resized = {}
for size in SIZES:
    rgb = Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)
    lesion = Image.fromarray(mask.astype(numpy.float32)).resize((size, size), Image.Resampling.BILINEAR)
    resized[size] = {
        "image": numpy.asarray(rgb).transpose(2, 0, 1).ravel().tolist(),
        "mask": (numpy.asarray(lesion) > 0.5).astype(int).ravel().tolist(),
    }

fixture = {"width": WIDTH, "height": HEIGHT, "image": image.ravel().tolist(), "mask": mask.ravel().tolist(), "resized": resized}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(fixture, separators=(",", ":")) + "\n")
