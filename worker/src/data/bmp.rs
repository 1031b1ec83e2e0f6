//! Writes the variants of BMP that the PH2 database uses. Rows are padded to four bytes.
//!
//! | variant | PH2 uses it for |
//! |---|---|
//! | 24 bits a pixel, last row first | images |
//! | 1 bit a pixel, last row first, palette black and white | nearly all masks |
//! | 24 bits a pixel, first row first (negative height) | one mask |

/// An image `[height, width, 3]`, red, green and blue, with 24 bits a pixel.
#[must_use]
pub fn image(width: u32, height: u32, rgb: &[u8]) -> Vec<u8> {
    let mut file = header(width, height.cast_signed(), 24);
    for row in rgb.chunks_exact(3 * width as usize).rev() {
        push(&mut file, row.as_chunks().0.iter().flat_map(|[red, green, blue]| [*blue, *green, *red]));
    }
    file
}

/// A mask `[height, width]` of 0 and 1, with one bit a pixel.
#[must_use]
pub fn mask(width: u32, height: u32, mask: &[u8]) -> Vec<u8> {
    let mut file = header(width, height.cast_signed(), 1);
    for row in mask.chunks_exact(width as usize).rev() {
        push(
            &mut file,
            row.chunks(8).map(|byte| (0..).zip(byte).fold(0, |bits, (i, pixel)| bits | (pixel << (7 - i)))),
        );
    }
    file
}

/// A mask `[height, width]` of 0 and 1, with 24 bits a pixel, first row first.
#[must_use]
pub fn mask_top_down(width: u32, height: u32, mask: &[u8]) -> Vec<u8> {
    let mut file = header(width, -height.cast_signed(), 24);
    for row in mask.chunks_exact(width as usize) {
        push(&mut file, row.iter().flat_map(|pixel| [pixel * 255; 3]));
    }
    file
}

/// File header, information header and, for one bit a pixel, the palette.
fn header(width: u32, height: i32, bits: u16) -> Vec<u8> {
    let palette: &[u8] = if bits == 1 { &[0, 0, 0, 0, 255, 255, 255, 0] } else { &[] };
    let offset = 54 + palette.len() as u32;
    let pixels = (width * u32::from(bits)).div_ceil(32) * 4 * height.unsigned_abs();
    let mut header = b"BM".to_vec();
    for number in [offset + pixels, 0, offset, 40, width] {
        header.extend(number.to_le_bytes());
    }
    header.extend(height.to_le_bytes());
    header.extend(1u16.to_le_bytes());
    header.extend(bits.to_le_bytes());
    // no compression, its default size, no resolution
    header.extend([0; 16]);
    for colours in [palette.len() as u32 / 4, 0] {
        header.extend(colours.to_le_bytes());
    }
    header.extend(palette);
    header
}

fn push(file: &mut Vec<u8>, row: impl Iterator<Item = u8>) {
    let start = file.len();
    file.extend(row);
    file.resize(start + (file.len() - start).next_multiple_of(4), 0);
}
