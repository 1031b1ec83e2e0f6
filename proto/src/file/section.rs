//! A mapping of which the keys are known.

use super::mistake::Mistake;
use super::reader::Node;
use super::suggestion::{nearest, owned};

/// A mapping of which the keys are known.
#[derive(Debug)]
pub struct Section<'a> {
    node: Node<'a>,
    entries: Vec<(&'a str, Node<'a>)>,
}

impl<'a> Section<'a> {
    /// Reads a mapping and notes its unknown keys.
    #[must_use]
    pub fn read(node: &Node<'a>, keys: &[&str]) -> Option<Self> {
        let (entries, unknown): (Vec<_>, Vec<_>) = node.entries()?.into_iter().partition(|(key, _)| keys.contains(key));
        // the document has a better word for a merge
        for (key, entry) in unknown.into_iter().filter(|(key, _)| *key != "<<") {
            entry.reject_key(Mistake::UnknownKey { nearest: nearest(key, keys), allowed: owned(keys) });
        }
        Some(Self { node: node.clone(), entries })
    }

    /// The known entries, in the file's order.
    #[must_use]
    pub fn entries(&self) -> &[(&'a str, Node<'a>)] {
        &self.entries
    }

    /// The value of a key, if given.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.entries.iter().find(|(name, _)| *name == key).map(|(_, node)| node)
    }

    /// Reads the value of a key; `default` if it is not given.
    pub fn optional<T>(&self, key: &str, default: T, read: impl FnOnce(&Node<'a>) -> Option<T>) -> Option<T> {
        self.get(key).map_or(Some(default), read)
    }

    /// Reads the value of a key that must be given.
    pub fn required<T>(&self, key: &str, read: impl FnOnce(&Node<'a>) -> Option<T>) -> Option<T> {
        let node = self.get(key);
        if node.is_none() {
            self.node.reject_key(Mistake::MissingKey(key.to_owned()));
        }
        node.and_then(read)
    }

    /// The section itself.
    #[must_use]
    pub fn node(&self) -> &Node<'a> {
        &self.node
    }
}
