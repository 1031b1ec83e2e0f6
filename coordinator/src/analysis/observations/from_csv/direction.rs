//! Whether a greater score is better: said, or told by the metric's name.

use super::error::ImportError;

/// Names of metrics that are better when lower, and words of such names.
const LOWER_IS_BETTER: &[&str] = &[
    "loss",
    "error",
    "err",
    "rmse",
    "mse",
    "mae",
    "nll",
    "perplexity",
    "ppl",
    "wer",
    "cer",
    "distance",
    "hd95",
    "assd",
    "fid",
    "brier",
    "ece",
];
/// Words that turn such a name around, as in `neg_log_loss`.
const NEGATED: &[&str] = &["neg", "negative"];

/// What was said about the scores' direction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Direction {
    /// Nothing.
    #[default]
    Unsaid,
    /// Greater scores are better, of every metric.
    Maximize,
    /// Lower scores are better, of every metric.
    Minimize,
    /// Lower scores are better, of these metrics.
    MinimizeOnly(Vec<String>),
}

impl Direction {
    /// Whether a greater score of the metric is better.
    ///
    /// # Errors
    /// If nothing was said and the metric's name is that of a loss.
    pub fn higher_is_better(&self, metric: &str) -> Result<bool, ImportError> {
        match self {
            Self::Maximize => Ok(true),
            Self::Minimize => Ok(false),
            Self::MinimizeOnly(names) if names.iter().any(|name| name == metric) => Ok(false),
            Self::Unsaid | Self::MinimizeOnly(_) if is_usually_better_when_lower(metric) => {
                Err(ImportError::cell(1, metric, "is usually better when lower: say --minimize or --maximize"))
            }
            Self::Unsaid | Self::MinimizeOnly(_) => Ok(true),
        }
    }

    /// Checks that every metric of `--minimize=...` is one.
    ///
    /// # Errors
    /// If one is not.
    pub fn check(&self, metrics: &[&str]) -> Result<(), ImportError> {
        let Self::MinimizeOnly(names) = self else { return Ok(()) };
        match names.iter().find(|name| !metrics.contains(&name.as_str())) {
            Some(name) => {
                let problem = format!("--minimize={name}: the scores are {}: name one of them", metrics.join(", "));
                Err(ImportError::line(1, problem))
            }
            None => Ok(()),
        }
    }
}

fn is_usually_better_when_lower(metric: &str) -> bool {
    let lower = metric.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
    let has = |names: &[&str]| words.iter().any(|word| names.contains(word));
    has(LOWER_IS_BETTER) && !has(NEGATED)
}
