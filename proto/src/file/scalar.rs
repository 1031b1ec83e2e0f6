//! The meaning of a scalar without quotes: nothing, a truth value, a number or a text.
//!
//! The rules are YAML 1.2's core schema, with binary numbers and signs before `0x` and `0o` as extensions. A number with needless
//! leading zeros is a text, and so is one too large to be finite.

/// A scalar, resolved. Its text stays beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scalar {
    /// `null`, `~`, or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// A real number, infinities and not-a-number included.
    Real(f64),
    /// Anything else, and whatever stands in quotes.
    Text,
}

impl Scalar {
    /// Resolves a scalar without quotes and without a tag.
    pub(super) fn resolve(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "true" | "True" | "TRUE" => Self::Bool(true),
            "false" | "False" | "FALSE" => Self::Bool(false),
            _ if has_leading_zeros(text) => Self::Text,
            _ => integer(text).map(Self::Integer).or_else(|| real(text).map(Self::Real)).unwrap_or(Self::Text),
        }
    }

    /// Resolves a scalar with a tag of the core schema, such as `!!str` or `!!int`; `None` if the two do not agree.
    pub(super) fn tagged(tag: &str, text: &str) -> Option<Self> {
        let plain = Self::resolve(text);
        match tag {
            "str" => Some(Self::Text),
            "null" => (plain == Self::Null).then_some(plain),
            "bool" => matches!(plain, Self::Bool(_)).then_some(plain),
            "int" => matches!(plain, Self::Integer(_)).then_some(plain),
            "float" => real(text).map(Self::Real),
            _ => None,
        }
    }
}

/// Whether it is digits that begin with a needless zero, such as 007.
fn has_leading_zeros(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, radix) = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find_map(|(prefix, radix)| Some((digits.strip_prefix(prefix)?, radix)))
        .unwrap_or((digits, 10));
    // the standard library would accept a second sign
    if digits.starts_with(['-', '+']) {
        return None;
    }
    i128::from_str_radix(&format!("{sign}{digits}"), radix).ok()
}

fn real(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned {
        ".inf" | ".Inf" | ".INF" => Some(sign * f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" if unsigned == text => Some(f64::NAN),
        _ if unsigned.starts_with(['-', '+']) => None,
        // the standard library knows words such as `infinity`, YAML does not
        _ => text.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

#[cfg(test)]
mod tests {
    use super::Scalar::{self, Bool, Integer, Null, Real, Text};

    #[test]
    fn scalars_are_what_yaml_says() {
        let of = |scalar: Scalar, texts: &[&str]| {
            for text in texts {
                assert_eq!(Scalar::resolve(text), scalar, "{text}");
            }
        };
        of(Null, &["", "~", "null", "NULL"]);
        of(Bool(true), &["true", "True", "TRUE"]);
        of(Integer(16), &["16", "+16", "0x10", "0o20", "0b10000", "+0x10"]);
        of(Integer(-16), &["-16", "-0x10"]);
        of(Integer(0), &["0", "-0"]);
        of(Integer(1 << 64), &["18446744073709551616"]);
        of(Real(0.5), &[".5", "+.5", "5e-1", "0.5", "5.0E-1"]);
        of(Real(1000.0), &["1e3", "1.e3", "+1e3"]);
        of(Real(f64::INFINITY), &[".inf", "+.INF"]);
        of(Real(f64::NEG_INFINITY), &["-.inf"]);
        assert!(matches!(Scalar::resolve(".nan"), Real(number) if number.is_nan()));
        of(
            Text,
            &[
                "007", "-01", "1e400", "inf", "nan", "infinity", "0x", "0o8", "0X10", "--1", "+-1", "0x-1", "1_000",
                "yes", "１",
            ],
        );
    }

    #[test]
    fn tags_of_the_core_schema_say_what_a_scalar_is() {
        assert_eq!(Scalar::tagged("str", "1"), Some(Text));
        assert_eq!(Scalar::tagged("float", "1"), Some(Real(1.0)));
        assert_eq!(Scalar::tagged("int", "1"), Some(Integer(1)));
        assert_eq!(
            (Scalar::tagged("int", "1.5"), Scalar::tagged("null", "x"), Scalar::tagged("set", "x")),
            (None, None, None)
        );
    }
}
