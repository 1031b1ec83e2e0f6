//! The full screen of `coordinator watch --full`: what stands on it, as a function of news and keys. It knows no clock, no terminal, no
//! store and no wire; `cli/full_screen` brings it all of that.
//!
//! ```text
//!  news, keys --> Screen --tabs--> Listing --table--> lines --draw--> frame
//!                   '--> Wish: what the loop is to do
//! ```
//!
//! Its words are those of the page (`outlook`), its numbers those of the tables.

mod draw;
mod list;
mod messages;
mod news;
mod sheet;
mod state;
mod strip;
mod table;
mod tabs;

pub use news::{Key, News, Wish};
pub use sheet::Sheet;
pub use state::{Look, Screen};
