//! Which samples of a mask are lesion, as a data set's owner says it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Which samples of a mask are lesion.
///
/// As text: `lesion=1,#ff0000`, `threshold=128` or `channel=alpha`; the default is the empty text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MaskRule {
    /// Masks have two levels, and the brighter is lesion. Masks of any other kind are refused.
    #[default]
    Levels,
    /// These values.
    Lesion(Vec<MaskValue>),
    /// Values from this one on.
    Threshold(u16),
    /// The opaque of two levels of the alpha channel.
    Alpha,
}

/// A value of a mask, as it stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MaskValue {
    /// A grey value, of 8 or 16 bits.
    Gray(u16),
    /// Red, green and blue.
    Color([u8; 3]),
}

/// A text that is not a rule or a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected lesion=VALUE,VALUE (grey values, or colours such as #ff0000), threshold=VALUE or channel=alpha")]
pub struct BadMaskRule;

impl MaskRule {
    /// Maximum number of values that are lesion.
    pub const MAX_VALUES: usize = 256;

    /// Whether masks are to have two levels.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for MaskRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Levels => Ok(()),
            Self::Lesion(values) => {
                let values: Vec<_> = values.iter().map(ToString::to_string).collect();
                write!(f, "lesion={}", values.join(","))
            }
            Self::Threshold(value) => write!(f, "threshold={value}"),
            Self::Alpha => write!(f, "channel=alpha"),
        }
    }
}

impl FromStr for MaskRule {
    type Err = BadMaskRule;

    fn from_str(text: &str) -> Result<Self, BadMaskRule> {
        match text.split_once('=') {
            None if text.is_empty() => Ok(Self::Levels),
            Some(("lesion", values)) => {
                let values = values.split(',').map(str::parse).collect::<Result<Vec<_>, _>>()?;
                if values.len() <= Self::MAX_VALUES { Ok(Self::Lesion(values)) } else { Err(BadMaskRule) }
            }
            Some(("threshold", value)) => {
                let value = value.parse().ok().filter(|value| *value > 0);
                value.map(Self::Threshold).ok_or(BadMaskRule)
            }
            Some(("channel", "alpha")) => Ok(Self::Alpha),
            _ => Err(BadMaskRule),
        }
    }
}

impl fmt::Display for MaskValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gray(value) => write!(f, "{value}"),
            Self::Color([red, green, blue]) => write!(f, "#{red:02x}{green:02x}{blue:02x}"),
        }
    }
}

impl FromStr for MaskValue {
    type Err = BadMaskRule;

    fn from_str(text: &str) -> Result<Self, BadMaskRule> {
        let Some(digits) = text.strip_prefix('#') else {
            return text.parse().map(Self::Gray).map_err(|_| BadMaskRule);
        };
        let is_colour = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = u32::from_str_radix(digits, 16).ok().filter(|_| is_colour).ok_or(BadMaskRule)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Self::Color([red, green, blue]))
    }
}

impl TryFrom<String> for MaskRule {
    type Error = BadMaskRule;

    fn try_from(text: String) -> Result<Self, BadMaskRule> {
        text.parse()
    }
}

impl From<MaskRule> for String {
    fn from(rule: MaskRule) -> Self {
        rule.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{BadMaskRule, MaskRule, MaskValue};

    #[test]
    fn a_rule_is_read_as_it_is_written() {
        let values = vec![MaskValue::Gray(0), MaskValue::Gray(65535), MaskValue::Color([255, 0, 10])];
        let rules = [MaskRule::Levels, MaskRule::Lesion(values), MaskRule::Threshold(1), MaskRule::Alpha];
        for rule in rules {
            assert_eq!(rule.to_string().parse(), Ok(rule));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["lesion=", "lesion=1,", "lesion=65536", "lesion=#12345", "lesion=#+12345", "lesion=#ää", "threshold=0"]
        {
            assert_eq!(text.parse::<MaskRule>(), Err(BadMaskRule), "{text}");
        }
        for text in ["threshold=x", "channel=red", "lesion", "=", "x=1"] {
            assert_eq!(text.parse::<MaskRule>(), Err(BadMaskRule), "{text}");
        }
        let many = vec!["1"; MaskRule::MAX_VALUES + 1].join(",");
        assert_eq!(format!("lesion={many}").parse::<MaskRule>(), Err(BadMaskRule));
    }
}
