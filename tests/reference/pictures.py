"""Makes pictures/: small files of kinds that the Rust crates write no examples of, and pictures.json with their pixels.

Images: red, green and blue of each pixel. Masks: 1 where the lesion is.

    python pictures.py    # needs numpy and pillow
"""

import json
import pathlib

import numpy
from PIL import Image

WIDTH, HEIGHT = 24, 16

here = pathlib.Path(__file__).parent
folder = here / "pictures"
folder.mkdir(exist_ok=True)

y, x = numpy.mgrid[:HEIGHT, :WIDTH]
image = numpy.stack([10 * x, 15 * y, 120 + 4 * (x - y)], axis=-1).astype(numpy.uint8)
lesion = (((x - 10) / 7) ** 2 + ((y - 8) / 5) ** 2 < 1).astype(numpy.uint8)
gray = Image.fromarray(255 * lesion)


def indexed(colours):
    """The mask as indices into a palette: the background is index 0."""
    picture = Image.fromarray(lesion, "P")
    picture.putpalette([channel for colour in colours for channel in colour])
    return picture


images = {
    "cmyk.jpg": (Image.fromarray(image).convert("CMYK"), {"quality": 95, "subsampling": 0}),
    "gray.jpg": (Image.fromarray(image).convert("L"), {"quality": 95}),
    "lzw.tif": (Image.fromarray(image), {"compression": "tiff_lzw"}),
    "deflate.tif": (Image.fromarray(image), {"compression": "tiff_adobe_deflate"}),
    "gray16.png": (Image.fromarray(image[:, :, 0].astype(numpy.uint16) * 257), {}),
    "palette.gif": (Image.fromarray(image).quantize(64), {}),
}
masks = {
    "bits.png": (gray.convert("1"), {}),
    "palette.png": (indexed([(0, 0, 0), (255, 255, 255)]), {}),
    "palette-2.png": (indexed([(0, 0, 0), (255, 255, 255)]), {"bits": 1}),
    "values.png": (indexed([(0, 0, 0), (1, 1, 1)]), {}),
    "red.png": (indexed([(0, 0, 0), (128, 0, 0)]), {}),
    "bits.bmp": (gray.convert("1"), {}),
    "fax.tif": (gray.convert("1"), {"compression": "group4"}),
    "bits.tif": (gray.convert("1"), {}),
    "lzw-mask.tif": (gray, {"compression": "tiff_lzw"}),
    "packbits.tif": (Image.fromarray(lesion), {"compression": "packbits"}),
    "deep.tif": (Image.fromarray(lesion.astype(numpy.uint16) * 65535), {"compression": "tiff_adobe_deflate"}),
    "palette-mask.gif": (indexed([(0, 0, 0), (255, 255, 255)]), {}),
    "gray-mask.gif": (gray, {}),
    "gray-mask.jpg": (gray, {"quality": 60}),
}
for name, (picture, options) in {**images, **masks}.items():
    picture.save(folder / name, **options)


def rgb(name):
    """The pixels as Pillow reads them."""
    picture = Image.open(folder / name)
    if picture.mode.startswith("I"):
        levels = numpy.asarray(picture).astype(numpy.uint32)
        return numpy.repeat(((levels + 128) // 257).astype(int)[:, :, None], 3, axis=2).ravel().tolist()
    return numpy.asarray(picture.convert("RGB")).ravel().tolist()


expected = {
    "width": WIDTH,
    "height": HEIGHT,
    "images": {name: rgb(name) for name in images},
    "masks": sorted(masks),
    "lesion": lesion.ravel().tolist(),
}
(here / "pictures.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")
