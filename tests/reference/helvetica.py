"""Prints the widths for coordinator/src/report/figures/helvetica.rs: of Helvetica's characters, in thousandths of their size.

They are Adobe's, as Matplotlib keeps them. A row is 16 codes of WinAnsi, from 32 on; 0 where there is no character.

    python helvetica.py    # needs matplotlib and fonttools
"""

import pathlib

import matplotlib
from fontTools.afmLib import AFM
from fontTools.agl import UV2AGL

folder = pathlib.Path(matplotlib.get_data_path()) / "fonts/pdfcorefonts"
other_names = {0xA0: "space", 0xAD: "hyphen"}
for name in ["Helvetica", "Helvetica-Bold"]:
    font = AFM(folder / f"{name}.afm")

    def width(code):
        char = bytes([code]).decode("cp1252", errors="ignore")
        glyph = other_names.get(code) or (UV2AGL.get(ord(char)) if char else None)
        return font[glyph][1] if glyph and font.has_char(glyph) else 0

    print(f"// {name}")
    for first in range(32, 256, 16):
        print(" ".join(f"{width(code)}," for code in range(first, first + 16)))
