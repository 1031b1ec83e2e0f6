//! What has happened since the screen is up, the newest first; at the end how things stood when it was opened.

use super::Known;
use crate::outlook;
use crate::screen::list::{Cell, Column, Entry, Kind, Listing, Tone};

pub(in crate::screen) fn listing(known: &Known) -> Listing {
    let columns = vec![Column::new("time", Kind::Words, 0), Column::new("message", Kind::Words, 0)];
    let rows = known.messages.iter().enumerate().rev().map(|(place, message)| Entry {
        key: (known.forgotten + place).to_string(),
        cells: vec![Cell::words(outlook::clock(message.at_ms)), Cell::words(&message.text)],
        tone: if message.is_bad { Tone::Bad } else { Tone::Plain },
    });
    let empty = "Nothing is known yet.".to_owned();
    Listing { columns, rows: rows.collect(), empty, ..Listing::default() }
}

pub(in crate::screen) fn details(known: &Known, key: &str) -> Vec<String> {
    let place = key.parse().ok().and_then(|number: usize| number.checked_sub(known.forgotten));
    let message = place.and_then(|place| known.messages.get(place));
    message.map(|message| vec![outlook::clock(message.at_ms), String::new(), message.text.clone()]).unwrap_or_default()
}
