//! Tests across the packages; see `it/`.
