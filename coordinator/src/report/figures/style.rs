//! `figure.css` for a reader that is no browser: which properties a mark has by its element's name and its classes. Knows no drawing.
//!
//! All properties are inherited, and later rules win. That is what this style sheet comes to in a browser too, on light paper.

use std::collections::BTreeMap;

/// The properties of a mark, the variables among them.
#[derive(Debug, Clone, Default)]
pub(super) struct Style<'a>(BTreeMap<&'a str, &'a str>);

/// The rules of a style sheet.
#[derive(Debug)]
pub(super) struct Sheet<'a> {
    rules: Vec<(Selector<'a>, Vec<(&'a str, &'a str)>)>,
}

/// An element's name and a class of it: the last part of a selector.
#[derive(Debug)]
struct Selector<'a> {
    element: &'a str,
    class: Option<&'a str>,
}

impl<'a> Sheet<'a> {
    /// Reads a style sheet. What is for some media only is left out.
    #[must_use]
    pub(super) fn read(text: &'a str) -> Self {
        let mut rules = Vec::new();
        for (selectors, block) in blocks(text).filter(|(selectors, _)| !selectors.starts_with('@')) {
            for selector in selectors.split(',') {
                let last = selector.split_whitespace().last().unwrap_or_default();
                let (element, class) =
                    last.split_once('.').map_or((last, None), |(element, class)| (element, Some(class)));
                rules.push((Selector { element, class }, declarations(block).collect()));
            }
        }
        Self { rules }
    }

    /// The style of an element inside of one that has that style.
    #[must_use]
    pub(super) fn of(&self, outer: &Style<'a>, element: &str, classes: &str) -> Style<'a> {
        let fits = |Selector { element: wanted, class }: &Selector<'_>| {
            let is_root = *wanted == ":root" && element == "svg";
            let has_class = class.is_none_or(|class| classes.split_whitespace().any(|other| other == class));
            is_root || ((wanted.is_empty() || *wanted == element) && has_class)
        };
        let mut style = outer.clone();
        style.0.extend(
            self.rules.iter().filter(|(selector, _)| fits(selector)).flat_map(|(_, block)| block.iter().copied()),
        );
        style
    }
}

impl Style<'_> {
    /// The value of a property, with the values of variables in their place.
    #[must_use]
    pub(super) fn get(&self, property: &str) -> Option<&str> {
        self.resolved(self.0.get(property)?)
    }

    /// A number, whatever its unit.
    #[must_use]
    pub(super) fn number(&self, property: &str) -> Option<f64> {
        self.get(property)?.trim_end_matches("px").parse().ok()
    }

    /// Red, green and blue, 0 to 1; `None` if it is transparent.
    #[must_use]
    pub(super) fn color(&self, property: &str) -> Option<[f32; 3]> {
        let digits = self.get(property)?.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        let number = u32::from_str_radix(digits, 16).ok()?;
        Some([16, 8, 0].map(|shift| ((number >> shift) & 255) as f32 / 255.0))
    }

    fn resolved<'b>(&'b self, value: &'b str) -> Option<&'b str> {
        let Some(inner) = value.strip_prefix("var(").and_then(|inner| inner.strip_suffix(')')) else {
            return Some(value);
        };
        let (name, other) = inner.split_once(',').map_or((inner, None), |(name, other)| (name, Some(other.trim())));
        match self.0.get(name) {
            Some(value) => self.resolved(value),
            None => self.resolved(other?),
        }
    }
}

/// Selectors and what stands in their braces.
fn blocks(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (selectors, after) = rest.split_once('{')?;
        let mut depth = 1;
        let end = after.find(|char| {
            depth += i32::from(char == '{') - i32::from(char == '}');
            depth == 0
        })?;
        rest = &after[end + 1..];
        Some((selectors.trim(), &after[..end]))
    })
}

fn declarations(block: &str) -> impl Iterator<Item = (&str, &str)> {
    block
        .split(';')
        .filter_map(|declaration| declaration.split_once(':'))
        .map(|(key, value)| (key.trim(), value.trim()))
}

#[cfg(test)]
mod tests {
    use super::{Sheet, Style};
    use crate::report::figures::STYLE;

    #[test]
    fn later_rules_win_and_variables_are_those_of_the_place() {
        let sheet = Sheet::read(
            ":root { --ink: #ff0000; --a: #0000ff }\n@media print { :root { --ink: #123456; } }\n.figure { fill: none }\n\
             .figure text { fill: var(--ink); font-size: 12px } .hued { --hue: var(--a) } .figure .x, .figure .y { stroke: var(--hue, var(--ink)); }\n\
             .figure text.small { font-size: 10px; }",
        );
        let root = sheet.of(&Style::default(), "svg", "figure");
        assert_eq!((root.get("fill"), root.color("fill"), root.get("stroke")), (Some("none"), None, None));
        let text = sheet.of(&root, "text", "x small");
        assert_eq!((text.color("fill"), text.color("stroke")), (Some([1.0, 0.0, 0.0]), Some([1.0, 0.0, 0.0])));
        assert_eq!(text.number("font-size"), Some(10.0));
        let line = sheet.of(&sheet.of(&root, "g", "hued"), "line", "y");
        assert_eq!((line.color("stroke"), line.get("font-size")), (Some([0.0, 0.0, 1.0]), None));
    }

    #[test]
    fn all_colours_of_the_figures_are_known() {
        let sheet = Sheet::read(STYLE);
        let root = sheet.of(&Style::default(), "svg", "figure");
        for (selector, block) in &sheet.rules {
            let style = sheet.of(&root, selector.element, selector.class.unwrap_or_default());
            for key in ["fill", "stroke"].into_iter().filter(|key| block.iter().any(|(known, _)| known == key)) {
                assert!(style.get(key) == Some("none") || style.color(key).is_some(), "{key} of {selector:?}");
            }
        }
    }
}
