//! Tests of the comparison from within; `tests/comparison` tests its public face.

mod families;
mod null;
mod schemes;
