//! Pixel counts as the store keeps them: five numbers per case (index, TP, FP, FN, TN), small ones in few bytes.

use proto::convert::{pack, unpack};
use proto::measure::CaseCounts;

/// Counts as they are written: their numbers in LEB128, seven bits per byte, the lowest first, the eighth set where more follow.
pub(super) fn short(cases: &[CaseCounts]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(cases.len() * 10);
    for mut number in pack(cases) {
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
    }
    bytes
}

/// Counts as stores had them before version 4, and as the hash of baselines is still made of them: u32, little-endian.
pub(super) fn plain(cases: &[CaseCounts]) -> Vec<u8> {
    pack(cases).iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// Reads counts of a store of that version; an error says what is wrong.
pub(super) fn read(bytes: &[u8], version: i64) -> Result<Vec<CaseCounts>, String> {
    let numbers = if version < 4 { read_plain(bytes) } else { read_short(bytes) };
    unpack(&numbers.ok_or("cut off counts")?).map_err(|error| error.to_string())
}

fn read_plain(bytes: &[u8]) -> Option<Vec<u32>> {
    let (words, []) = bytes.as_chunks::<4>() else { return None };
    Some(words.iter().map(|word| u32::from_le_bytes(*word)).collect())
}

fn read_short(bytes: &[u8]) -> Option<Vec<u32>> {
    let mut numbers = Vec::with_capacity(bytes.len());
    let (mut number, mut shift) = (0u64, 0);
    for byte in bytes {
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            numbers.push(u32::try_from(number).ok()?);
            (number, shift) = (0, 0);
        } else if shift == 28 {
            return None;
        } else {
            shift += 7;
        }
    }
    (shift == 0).then_some(numbers)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;
    use proto::measure::Counts;

    #[test]
    fn counts_of_any_size_are_read_back_in_either_form() {
        let most = u32::MAX / 8;
        let case = |n| CaseCounts { case: u32::MAX - n, counts: Counts { tp: n, fp: most - n, fn_: n / 2, tn: n } };
        let cases: Vec<_> = [0, 1, 127, 128, 16_383, 16_384, most].map(case).to_vec();
        assert_eq!(read(&short(&cases), 4).unwrap(), cases);
        assert_eq!(read(&plain(&cases), 3).unwrap(), cases);
        assert!(short(&cases).len() < plain(&cases).len());
    }

    #[test]
    fn what_is_no_counts_is_refused() {
        for bytes in [&[0x80][..], &[1, 2, 3], &[0xff; 5], &[0xff, 0xff, 0xff, 0xff, 0x7f], &[0xff; 40]] {
            assert!(read(bytes, 4).is_err(), "{bytes:?}");
        }
        assert!(read(&[0; 19], 3).is_err());
    }
}
