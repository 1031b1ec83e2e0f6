//! Rows -> statistics -> tables. Pure.

pub mod rows;
