//! A loss in a file: a name, or a mapping of names to weights.
//!
//! ```yaml
//! loss: bce
//! loss: {bce: 1.0, dice: 1.0}
//! loss: {dice: 1.0, boundary: {weight: 0.01}}
//! ```

use super::interval::Interval;
use super::mistake::Mistake;
use super::reader::Node;
use super::section::Section;
use crate::spec::{Loss, LossName};

/// Reads a loss that networks can be trained on.
pub(super) fn read(node: &Node<'_>) -> Option<Loss> {
    let weights = if node.is_mapping() {
        weights(node)?
    } else {
        vec![(LossName::from_name(node.choice(LossName::NAMES)?)?, 1.0)]
    };
    let reasons: Vec<_> = weights.iter().map_while(|(loss, _)| Some((loss, loss.insufficiency()?))).collect();
    if let (Some((loss, reason)), true) = (reasons.first(), reasons.len() == weights.len()) {
        node.reject(Mistake::Insufficient { loss: loss.name(), reason });
        return None;
    }
    Some(Loss::sum(weights))
}

/// The losses of a sum with their weights.
fn weights(node: &Node<'_>) -> Option<Vec<(LossName, f64)>> {
    let section = Section::read(node, LossName::NAMES)?;
    if section.entries().is_empty() {
        node.mistyped("a loss, or a mapping of losses to their weights");
        return None;
    }
    let term = |(name, node): &(&str, Node<'_>)| Some((LossName::from_name(name)?, weight(node)?));
    // all of them, so that every mistake is found
    let terms: Vec<_> = section.entries().iter().map(term).collect();
    terms.into_iter().collect()
}

/// A number, or a mapping with the key `weight`.
fn weight(node: &Node<'_>) -> Option<f64> {
    if !node.is_mapping() {
        return node.real(Interval::Positive);
    }
    Section::read(node, &["weight"])?.required("weight", |node| node.real(Interval::Positive))
}
