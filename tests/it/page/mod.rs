//! The live page as its viewers get it: who is let in, what each view shows, that it keeps up with the sweep, and what real browsers say.

mod access;
mod actions;
mod far;
mod news;
mod real;
mod views;

use crate::harness::{Answer, Browser, Coordinator, Lab, Process, link};

/// The views of a sweep.
const VIEWS: [&str; 6] = ["", "/cells", "/compare", "/effects", "/curves", "/failures"];

/// A coordinator that serves a page too, and a browser that it has let in.
fn served(lab: &Lab) -> (Coordinator, Browser) {
    let mut coordinator = lab.serve(&["--page", "127.0.0.1:0"]);
    let browser = Browser::let_in(&link(&mut coordinator.process));
    (coordinator, browser)
}

/// A page of the store, without a coordinator.
fn of_store(lab: &Lab) -> (Process, Browser) {
    let command = ["page", "sweeps.db", "--page", "127.0.0.1:0"];
    let mut process = Process::start(&mut lab.command("coordinator", command));
    let browser = Browser::let_in(&link(&mut process));
    (process, browser)
}

/// A lab with the grid, ended.
fn ended() -> Lab {
    Lab::ended("grid", 6)
}

/// Every view of the sweep, which is there and is what it says.
fn every_view(browser: &Browser, sweep: &str) -> Vec<Answer> {
    let pages: Vec<_> = VIEWS.iter().map(|view| browser.page(&format!("/sweep/{sweep}{view}"))).collect();
    for (view, page) in VIEWS.iter().zip(&pages) {
        assert!(page.body.contains(&format!("href=\"/sweep/{sweep}{view}\" aria-current=\"page\"")), "{view}");
        assert!(!page.body.contains("NaN") && !page.body.contains("style="), "{view}");
    }
    pages
}
