//! "Did you mean".

/// The name among `allowed` that `name` was most probably meant to be.
#[must_use]
pub fn nearest(name: &str, allowed: &[&str]) -> Option<String> {
    /// A longer name is not a slip of the pen, and comparing takes its length squared.
    const MAX_LENGTH: usize = 64;
    if name.len() > MAX_LENGTH {
        return None;
    }
    let name = name.to_lowercase();
    let distance = |candidate: &str| strsim::damerau_levenshtein(&name, candidate);
    let (best, candidate) = allowed
        .iter()
        // `batch_size` is meant to be `training.batch_size`
        .map(|candidate| {
            let last = candidate.rsplit('.').next().unwrap_or(candidate);
            (distance(candidate).min(distance(last)), candidate)
        })
        .min_by_key(|(distance, _)| *distance)?;
    (best <= 1 + name.len() / 5).then(|| (*candidate).to_owned())
}

/// The names, for a message that outlives the file.
pub(super) fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
