//! What the product computes, composed of Candle's differentiable operations, on any device: a reference for the self-test and the
//! tests. Nothing trains with it.

pub mod losses;
