//! What files are made with: by this user, for this user.

use rustix::fs::Mode;

/// The variable that says otherwise.
const VARIABLE: &str = "SPLITSWEEP_UMASK";
/// Nobody but the owner may read what is made.
const PRIVATE: u32 = 0o077;

/// The variable holds no umask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{VARIABLE}=`{0}` is not a umask: expected three octal digits, such as 022")]
pub struct InvalidUmask(String);

/// Sets the umask of this process: 077, unless `SPLITSWEEP_UMASK` says another. To be called before there are threads.
///
/// # Errors
/// If the variable is not a umask.
pub fn set() -> Result<(), InvalidUmask> {
    let mask = match std::env::var(VARIABLE) {
        Ok(text) if !text.is_empty() => parse(&text)?,
        _ => PRIVATE,
    };
    rustix::process::umask(Mode::from_raw_mode(mask));
    Ok(())
}

fn parse(text: &str) -> Result<u32, InvalidUmask> {
    let mask = u32::from_str_radix(text, 8).ok();
    // the owner must be able to read and write what the programs make
    mask.filter(|mask| *mask <= 0o777 && mask & 0o700 == 0).ok_or_else(|| InvalidUmask(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_umask_is_octal_and_leaves_the_owner_s_rights() {
        assert_eq!((parse("022"), parse("7")), (Ok(0o022), Ok(0o007)));
        for wrong in ["", "8", "0o22", "1777", "-1", "700"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
