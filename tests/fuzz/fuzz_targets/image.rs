//! Any bytes as an image and as a mask: they are refused, or decoded as large as their header says.
//!
//! The decoder's files are compiled into this target: the worker as a whole brings Candle with it, whose build takes many minutes.
#![no_main]
#![allow(dead_code)]

#[path = "../../../worker/src/data/decode.rs"]
mod decode;
#[path = "../../../worker/src/data/error.rs"]
mod error;

use decode::MAX_SIDE;
use error::DataError;
use std::path::Path;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("image");
    if let Ok(image) = decode::image(path, bytes) {
        assert!(image.width() <= MAX_SIDE && image.height() <= MAX_SIDE);
        assert_eq!(image.as_raw().len(), 3 * image.width() as usize * image.height() as usize);
    }
    if let Ok(mask) = decode::mask(path, bytes) {
        assert!(mask.as_raw().iter().all(|pixel| *pixel <= 1));
    }
});
