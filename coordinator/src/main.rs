//! Entry point of `coordinator`.

fn main() {}
