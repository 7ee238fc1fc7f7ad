//! A file as a tree of values with positions: what the thorough reader works on, so that it can say
//! where everything is that is wrong.

use std::borrow::Cow;

use super::path::Step;

/// Most levels of nesting in a file.
pub(super) const DEEPEST: usize = 127;

/// Most values in a tree: bounds memory, aliases of YAML included.
pub(super) const MOST_NODES: usize = 20_000_000;

/// A parsed text.
#[derive(Debug)]
pub(super) struct Tree<'t> {
    /// The text.
    pub(super) text: &'t str,
    /// Its value.
    pub(super) root: Node<'t>,
}

/// A value and where it begins.
#[derive(Clone, Debug)]
pub(super) struct Node<'t> {
    /// Offset in bytes.
    pub(super) offset: usize,
    /// The value.
    pub(super) value: Value<'t>,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value<'t> {
    /// Nothing.
    Null,
    /// `true` or `false` in JSON.
    Bool(bool),
    /// A number of JSON, as written.
    Number(&'t str),
    /// A plain scalar of YAML: text, number or truth value as the reader wants it.
    Plain(Cow<'t, str>),
    /// Text.
    Text(Cow<'t, str>),
    /// Values in order.
    List(Vec<Node<'t>>),
    /// Values by key, in the order of the file, repetitions included.
    Object(Vec<Entry<'t>>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry<'t> {
    /// The key.
    pub(super) key: Cow<'t, str>,
    /// Where the key begins.
    pub(super) offset: usize,
    /// The value.
    pub(super) node: Node<'t>,
}

impl<'t> Node<'t> {
    /// The value under `key`, if this is an object that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Object(entries) = &self.value else {
            return None;
        };
        entries.iter().find(|e| e.key == key).map(|e| &e.node)
    }

    /// The text, if this can be read as one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Plain(text) => Some(text),
            _ => None,
        }
    }
}

impl Tree<'_> {
    /// Where the value at `steps` begins, or its nearest ancestor that is there.
    pub(super) fn offset_of(&self, steps: &[Step]) -> usize {
        let mut node = &self.root;
        for step in steps {
            let next = match (step, &node.value) {
                (Step::Key(key), _) => node.get(key),
                (Step::At(index), Value::List(nodes)) => nodes.get(*index),
                (Step::At(_), _) => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node.offset
    }
}
