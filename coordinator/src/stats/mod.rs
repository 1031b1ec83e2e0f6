//! Statistics of lists of numbers: small pure functions, one file per family. Knows nothing of sweeps.
//!
//! ```text
//!  one list       summary, interval
//!  differences    paired (t, sign), wilcoxon, flips, superiority, posterior, clustered; multiple: corrections for many
//!  shares         fisher
//!  tables         ranks, anova, components, additive
//!  planning       power, prediction
//!  underneath     distributions, numeric, random
//! ```

pub mod additive;
pub mod anova;
pub mod clustered;
pub mod components;
pub mod distributions;
pub mod fisher;
pub mod flips;
pub mod interval;
pub mod multiple;
mod numeric;
pub mod paired;
pub mod posterior;
pub mod power;
pub mod prediction;
pub mod random;
pub mod ranks;
mod summary;
pub mod superiority;
mod wilcoxon;

pub use interval::Interval;
pub use summary::Summary;
pub use wilcoxon::Wilcoxon;
