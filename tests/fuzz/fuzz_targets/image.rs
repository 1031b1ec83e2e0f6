//! Any bytes as an image and as a mask: they are refused, or decoded as large as their header says.
//!
//! The decoder's files are compiled into this target: the worker as a whole brings Candle with it, whose build takes many minutes.
#![no_main]
#![allow(dead_code)]

#[path = "../../../worker/src/data/decode.rs"]
mod decode;
#[path = "../../../worker/src/data/error.rs"]
mod error;
#[path = "../../../worker/src/data/mask/mod.rs"]
mod mask;

use decode::MAX_PIXELS;
use error::DataError;
use proto::data::MaskRule;
use std::path::Path;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("image");
    if let Ok(image) = decode::image(path, bytes) {
        let pixels = u64::from(image.width()) * u64::from(image.height());
        assert!(pixels <= MAX_PIXELS && image.as_raw().len() as u64 == 3 * pixels);
    }
    for rule in [MaskRule::Levels, MaskRule::Alpha, MaskRule::Threshold(128)] {
        if let Ok(mask) = decode::mask(path, bytes, &rule) {
            assert_eq!(mask.pixels.len() as u64, u64::from(mask.width) * u64::from(mask.height));
            assert!(mask.pixels.iter().all(|pixel| *pixel <= 1));
        }
    }
});
