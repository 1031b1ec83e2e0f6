//! Tests of the comparison from within; `tests/comparison.rs` tests its public face.

mod families;
mod null;
