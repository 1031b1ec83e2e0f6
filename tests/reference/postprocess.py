"""Writes `postprocess.json`: masks of 24 x 17 pixels, and their largest components and filled holes by scipy."""

import json

import numpy as np
from scipy import ndimage

from fixtures import HERE, noise

HEIGHT, WIDTH = 17, 24


def largest(mask):
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    return mask if count == 0 else labels == 1 + np.argmax(np.bincount(labels.flat)[1:])


fill = ndimage.binary_fill_holes
masks = [noise((HEIGHT, WIDTH), 40 + stream).numpy() > limit for stream, limit in enumerate([-0.5, -0.2, 0.0, 0.2, 0.5])]
masks += [ndimage.gaussian_filter(noise((HEIGHT, WIDTH), 50 + stream).numpy(), 1) > 0 for stream in range(3)]
masks += [np.zeros((HEIGHT, WIDTH), bool), np.ones((HEIGHT, WIDTH), bool)]
text = lambda mask: "".join(str(int(pixel)) for pixel in mask.flat)
cases = [
    {"none": text(m), "largest_component": text(largest(m)), "fill_holes": text(fill(m)), "largest_component_fill_holes": text(fill(largest(m)))}
    for m in masks
]
(HERE / "postprocess.json").write_text(json.dumps({"width": WIDTH, "masks": cases}) + "\n")
