//! Whole texts against files. With `BLESS=1` in the environment the files are written instead: look at the difference.

use std::path::Path;

/// Asserts that `actual` is what the file `name` beside this one holds.
#[track_caller]
pub(crate) fn assert_golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, actual).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(actual == expected, "{name}: expected\n{expected}\nfound\n{actual}");
}
