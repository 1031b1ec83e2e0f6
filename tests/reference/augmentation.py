"""Writes `augmentation.json`: every seventh value of pictures changed by scipy, Pillow and Python's colorsys, for the changes that are defined alike there."""

import colorsys
import json
import math

import numpy as np
from PIL import Image, ImageEnhance
from scipy import ndimage
from scipy.interpolate import BSpline

from fixtures import HERE

SIZE = 24


def picture():
    """Three channels of waves and corners, `[3, size, size]`, bytes."""
    y, x = np.mgrid[:SIZE, :SIZE]
    planes = [128 + 100 * np.sin(0.4 * x + 0.2 * y), (x * 7 + y * 3) % 200 + 20, np.where((x > 8) & (y > 5), 220, 40) + x]
    return np.clip(np.stack(planes), 0, 255).astype(np.uint8)


def back(quarter_turns, angle, shear, scale, flips):
    """From changed to original, (row, column): flips, turns, shear, rotation and scale in this order, the other way round."""
    fx, fy = (-1 if flip else 1 for flip in flips)
    counter = lambda a: np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]])  # y points down
    steps = [np.diag([fx, fy]), counter(quarter_turns * math.pi / 2), np.array([[1, shear], [0, 1]]), counter(angle), np.eye(2) * scale]
    forward = np.eye(2)
    for step in steps:
        forward = step @ forward
    return np.linalg.inv(forward)[::-1, ::-1]  # rows are y


def affine(image, matrix):
    middle = (SIZE - 1) / 2
    offset = middle - matrix @ [middle, middle]
    return [ndimage.affine_transform(plane.astype(float), matrix, offset, order=1, mode="reflect") for plane in image]


def elastic(image, controls):
    """Displaces by a cubic B-spline surface over 4 x 4 cells; controls `[2, 7, 7]` are pixels, along x and y."""
    knots = np.arange(-3, 9)
    at = (np.arange(SIZE) + 0.5) / SIZE * 4
    surface = lambda c: BSpline(knots[: 7 + 4], BSpline(knots[: 7 + 4], c, 3)(at).T, 3)(at).T
    dx, dy = (surface(np.array(c)) for c in controls)
    y, x = np.mgrid[:SIZE, :SIZE]
    return [ndimage.map_coordinates(plane.astype(float), [y + dy, x + dx], order=1, mode="reflect") for plane in image]


def hue(image, shift):
    def of_pixel(rgb):
        h, s, v = colorsys.rgb_to_hsv(*(rgb / 255))
        return np.array(colorsys.hsv_to_rgb((h + shift) % 1, s, v)) * 255

    return np.apply_along_axis(of_pixel, 0, image.astype(float))


def enhanced(enhance, image, factor):
    changed = enhance(Image.fromarray(image.transpose(1, 2, 0))).enhance(factor)
    return np.asarray(changed).transpose(2, 0, 1)


image = picture()
waves = [[[1.5 * math.sin(1.0 + 2 * row + 3 * column + axis) for column in range(7)] for row in range(7)] for axis in (0, 1)]
cases = {
    "flip_x": affine(image, back(0, 0, 0, 1, (True, False))),
    "turn": affine(image, back(1, 0, 0, 1, (False, False))),
    "rotation": affine(image, back(0, 0.5, 0, 1, (False, False))),
    "all": affine(image, back(3, -0.3, 0.2, 1.3, (False, True))),
    "shrunk": affine(image, back(0, 0, 0, 0.4, (False, False))),
    "elastic": elastic(image, waves),
    "brightness": enhanced(ImageEnhance.Brightness, image, 1.25),
    "contrast": enhanced(ImageEnhance.Contrast, image, 0.6),
    "gamma": 255 * (image / 255) ** 1.7,
    "hue": hue(image, 0.15),
    "hue_back": hue(image, -0.3),
    "blur": [ndimage.gaussian_filter(plane.astype(float), 1.3, mode="reflect", truncate=4) for plane in image],
}
# Pillow's turn counter-clockwise and mirror image, exactly
assert np.abs(cases["turn"] - np.rot90(image, 1, (1, 2))).max() < 1e-9
assert np.abs(cases["flip_x"] - image[:, :, ::-1]).max() < 1e-9
found = {"size": SIZE, "picture": image.flatten().tolist(), "controls": waves}
found |= {name: np.round(np.array(values).flatten()[::7], 3).tolist() for name, values in cases.items()}
(HERE / "augmentation.json").write_text(json.dumps(found) + "\n")
