//! Errors for people.

use std::error::Error;

/// One line: the error and its causes, each unless the line says it already.
#[must_use]
pub fn line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        source = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::spec::JobSpec;

    #[test]
    fn causes_are_said_once() {
        let error = JobSpec::from_json("no").expect_err("no JSON");
        let text = line(&error);
        assert!(text.starts_with("not a job specification: "), "{text}");
        assert_eq!(line(&std::io::Error::other("once")), "once");
    }
}
