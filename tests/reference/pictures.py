"""Makes pictures/: small files of kinds that the Rust crates write no examples of, and pictures.json with their pixels.

Images: red, green and blue of each pixel. Masks: 1 where the lesion is.

    python pictures.py    # needs numpy, pillow, tifffile and imagecodecs
"""

import json
import pathlib
import struct

import numpy
import tifffile
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


def tiff(name, samples, **options):
    """Writes a TIFF of a kind that Pillow does not write."""
    tifffile.imwrite(folder / name, samples, metadata=None, software=False, **options)
    return name


def palette(colours):
    """A colour map of TIFF for 8 bits: the given colours, then black."""
    colour_map = numpy.zeros((3, 256), numpy.uint16)
    colour_map[:, : len(colours)] = numpy.transpose(colours)
    return {"photometric": "palette", "colormap": colour_map}


def narrow(name, samples, bits, colours=()):
    """Writes a TIFF with less than 8 bits for a sample, which tifffile does not: a header, a strip, the palette, a directory."""
    each = numpy.unpackbits(samples[:, :, None].astype(numpy.uint8), axis=2)[:, :, 8 - bits :]
    strip = numpy.packbits(each.reshape(HEIGHT, -1), axis=1).tobytes()
    colour_map = numpy.transpose(colours).astype("<u2").tobytes() if len(colours) else b""
    entries = [(256, WIDTH), (257, HEIGHT), (258, bits), (259, 1), (262, 3 if colours else 1), (273, 8), (277, 1), (278, HEIGHT), (279, len(strip))]
    directory = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in entries)
    if colours:
        directory += struct.pack("<HHII", 320, 3, 3 * 2**bits, 8 + len(strip))
    header = struct.pack("<2sHI", b"II", 42, 8 + len(strip) + len(colour_map))
    count = struct.pack("<H", len(directory) // 12)
    (folder / name).write_bytes(header + strip + colour_map + count + directory + bytes(4))
    return name


shades = [(65535 - 4000 * i, 4096 * i + 255, 256 * (255 - 16 * i)) for i in range(16)]
index = ((x // 3 + 2 * y) % 16).astype(numpy.uint8)
ends = [(0, 0, 0), (65535, 65535, 65535)]
whole = lesion.astype(numpy.float64)
odd_images = [
    tiff("palette.tif", index, compression="deflate", **palette(shades)),
    narrow("palette-4.tif", index, 4, shades),
    tiff("palette-big-endian.tif", index, byteorder=">", **palette(shades)),
    tiff("palette-tiled.tif", index, tile=(16, 16), **palette(shades)),
    tiff("palette-narrow.tif", index, **palette([tuple(sample >> 8 for sample in shade) for shade in shades])),
]
odd_masks = [
    tiff("palette-mask.tif", lesion, **palette(ends)),
    narrow("palette-mask-1.tif", lesion, 1, ends),
    narrow("palette-mask-2.tif", 3 * lesion, 2, [ends[0]] * 3 + ends[1:]),
    narrow("gray-4.tif", 15 * lesion, 4),
    tiff("float.tif", whole.astype(numpy.float32), photometric="minisblack", compression="deflate", predictor=3),
    tiff("half.tif", whole.astype(numpy.float16), photometric="minisblack"),
    tiff("double.tif", 255 * whole, photometric="minisblack"),
    tiff("unsigned-32.tif", 65535 * lesion.astype(numpy.uint32), photometric="minisblack"),
    tiff("signed-16.tif", lesion.astype(numpy.int16), photometric="minisblack"),
    tiff("float-rgb.tif", numpy.repeat(whole.astype(numpy.float32)[:, :, None], 3, axis=2), photometric="rgb"),
]


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
    # Pillow takes a palette of 8 bits for nearly black; libtiff, and all that is made of it, does not
    "images": {name: rgb("palette.tif" if name == "palette-narrow.tif" else name) for name in [*images, *odd_images]},
    "masks": sorted([*masks, *odd_masks]),
    "lesion": lesion.ravel().tolist(),
}
(here / "pictures.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")
