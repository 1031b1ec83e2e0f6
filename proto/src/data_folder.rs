//! The option `--data NAME=PATH`: the folder of a data set on this machine.

use std::path::PathBuf;

/// Reads `NAME=PATH`.
///
/// # Errors
/// If it is not of that form, or the path begins with a `~` that the shell has left as it is. The message says what to type.
pub fn name_and_path(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => (name, path),
        _ => return Err("expected NAME=PATH, such as ph2=/data/PH2Dataset".to_owned()),
    };
    match path.strip_prefix('~') {
        None => Ok((name.to_owned(), PathBuf::from(path))),
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            Err(format!("the shell does not replace `~` after `=`: write {name}=\"$HOME{rest}\""))
        }
        Some(_) => Err(format!("the shell does not replace `~` after `=`: write the whole path, or {name}=./{path}")),
    }
}

#[cfg(test)]
mod tests {
    use super::name_and_path;
    use std::path::PathBuf;

    #[test]
    fn a_name_and_the_path_after_the_first_equals_sign() {
        assert_eq!(name_and_path("ph2=/data/a=b"), Ok(("ph2".to_owned(), PathBuf::from("/data/a=b"))));
        assert_eq!(name_and_path("ph2=./~"), Ok(("ph2".to_owned(), PathBuf::from("./~"))));
        for mistaken in ["", "ph2", "ph2=", "=/data"] {
            assert!(name_and_path(mistaken).expect_err(mistaken).contains("NAME=PATH"), "{mistaken}");
        }
    }

    #[test]
    fn a_tilde_is_refused_with_what_to_type() {
        for (mistaken, remedy) in
            [("ph2=~/x", "ph2=\"$HOME/x\""), ("ph2=~", "ph2=\"$HOME\""), ("ph2=~me/x", "ph2=./~me/x")]
        {
            let message = name_and_path(mistaken).expect_err(mistaken);
            assert!(message.contains("does not replace `~`") && message.ends_with(remedy), "{message}");
        }
    }
}
