//! Simulations of the comparison. What needs only its public face is tested in `tests/comparison.rs`.

mod null;
