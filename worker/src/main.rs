//! Entry point of `worker`.

fn main() {}
