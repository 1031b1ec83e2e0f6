//! Which sweep a command is for: its name stands behind the command, `coordinator tables lesions`. `--sweep lesions` says the same, so that
//! whoever remembers the option need not look it up; the help does not list it.

use clap::builder::NonEmptyStringValueParser;

/// A sweep, or the one submitted last.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct AnySweep {
    /// The sweep [default: the one submitted last]
    #[arg(value_name = "SWEEP", conflicts_with = "by_option")]
    sweep: Option<String>,
    /// The same
    #[arg(long = "sweep", value_name = "SWEEP", hide = true)]
    by_option: Option<String>,
}

impl AnySweep {
    /// Its name; empty for the one submitted last.
    #[must_use]
    pub fn name(self) -> String {
        self.sweep.or(self.by_option).unwrap_or_default()
    }
}

/// A sweep that must be named: what is done to it cannot be taken back, or changes what others see.
#[derive(Debug, Clone, clap::Args)]
pub struct NamedSweep {
    /// Name of the sweep, which must be given
    #[arg(
        value_name = "SWEEP",
        value_parser = NonEmptyStringValueParser::new(),
        required_unless_present = "by_option",
        conflicts_with = "by_option"
    )]
    sweep: Option<String>,
    /// The same
    #[arg(long = "sweep", value_name = "SWEEP", value_parser = NonEmptyStringValueParser::new(), hide = true)]
    by_option: Option<String>,
}

impl NamedSweep {
    /// Its name.
    #[must_use]
    pub fn name(self) -> String {
        // one of the two is there
        self.sweep.or(self.by_option).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;
    use clap::{Args, Command, FromArgMatches};

    fn parsed<T: Args + FromArgMatches>(arguments: &[&str]) -> Result<T, clap::Error> {
        let matches = T::augment_args(Command::new("a")).try_get_matches_from([&["a"], arguments].concat())?;
        T::from_arg_matches(&matches)
    }

    #[test]
    fn a_sweep_is_named_by_an_argument_or_by_the_option() {
        let any = |arguments: &[&str]| parsed::<AnySweep>(arguments).unwrap().name();
        assert_eq!([any(&["a"]), any(&["--sweep", "a"]), any(&[]), any(&["--sweep", ""])], ["a", "a", "", ""]);
        let named = |arguments: &[&str]| parsed::<NamedSweep>(arguments).map(NamedSweep::name);
        assert_eq!([named(&["a"]).unwrap(), named(&["--sweep=a"]).unwrap()], ["a", "a"]);
        for wrong in [&[][..], &[""], &["--sweep", ""], &["a", "--sweep", "a"]] {
            assert!(named(wrong).is_err(), "{wrong:?}");
        }
        let missing = named(&[]).unwrap_err().to_string();
        assert!(missing.contains("<SWEEP>") && !missing.contains("--sweep"), "{missing}");
    }
}
