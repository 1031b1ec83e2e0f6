//! Statistics of lists of numbers: small pure functions, one file a family. Knows nothing of sweeps.

pub mod interval;
mod summary;

pub use interval::Interval;
pub use summary::Summary;
