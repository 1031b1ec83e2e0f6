//! Sweep files and job files: one reader for both, with the same keys, ranges and messages.
//!
//! ```text
//!  bytes --load--> text --document--> values with places --reader, section--> typed values --sections, keys, job--> what they mean
//!                                                             '--> mistake, mistakes: all of them, each with line, caret and help
//! ```
//!
//! A sweep file's grid, replicates and stopping rules are the coordinator's matter: it reads them with the same [`Node`] and [`Section`].
//! Reading goes on after a mistake, so that one run names all of them. Nothing here writes a file.

mod document;
mod help;
mod interval;
mod job;
mod keys;
mod lists;
mod load;
mod loss;
mod mistake;
mod mistakes;
mod reader;
mod scalar;
mod section;
mod sections;
mod setting;
mod split;
mod suggestion;

pub use document::MAX_BYTES;
pub use interval::Interval;
pub use job::JobFile;
pub use lists::{ReadFile, embed};
pub use load::{LoadError, decode, load};
pub use mistake::Mistake;
pub use mistakes::{FileKind, Mistakes, PlacedMistake};
pub use reader::{Node, Reader, read};
pub use section::Section;
pub use sections::{DatasetSection, SharedSections, check_choices, settings};
pub use setting::{Key, KeyValue, Need, Setting};
pub use split::{SplitSection, split_on};
pub use suggestion::nearest;
