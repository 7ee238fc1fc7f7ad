//! The fields of one object: which there are, which are missing, unknown or repeated.

use std::collections::BTreeMap;

use apportion_cluster::file::Amounts;

use crate::snapshot::code;
use crate::snapshot::fault::Faults;
use crate::snapshot::path::Path;
use crate::snapshot::text;
use crate::snapshot::tree::{Entry, Node, Value};

use super::values::{
    integer_of, list_of, map_of, number_of, repeated, text_of, texts_of, truth_of, wrong_type,
};

/// What an object may contain.
pub(super) struct Shape {
    /// What it is, for messages.
    pub(super) noun: &'static str,
    /// Its keys.
    pub(super) keys: &'static [&'static str],
}

/// The fields of one object, found by key.
pub(super) struct Fields<'n, 'p, 't> {
    shape: &'static Shape,
    values: Vec<Option<&'n Node<'t>>>,
    path: &'p Path<'p>,
    /// Whether the value was an object at all; if not, nothing is reported as missing.
    whole: bool,
}

impl<'n, 'p, 't> Fields<'n, 'p, 't> {
    /// Finds the fields of `node`; reports what is repeated, unknown, or not an object at all.
    pub(super) fn open(
        shape: &'static Shape,
        node: &'n Node<'t>,
        path: &'p Path<'p>,
        faults: &mut Faults,
    ) -> Self {
        let mut fields = Self {
            shape,
            values: vec![None; shape.keys.len()],
            path,
            whole: true,
        };
        let Value::Object(entries) = &node.value else {
            wrong_type(
                node,
                path,
                &format!("{} must be an object", shape.noun),
                faults,
            );
            fields.whole = false;
            return fields;
        };
        let mut unknown = Vec::new();
        for entry in entries {
            match shape.keys.iter().position(|key| *key == entry.key) {
                Some(at) if fields.values[at].is_some() => repeated(entry, path, faults),
                Some(at) => fields.values[at] = Some(&entry.node),
                None => unknown.push(entry),
            }
        }
        for entry in unknown {
            fields.unknown(entry, faults);
        }
        fields
    }

    /// Reports an unknown key. If it looks like a misspelled one that is missing, its value is read
    /// in that one's place, so that faults inside it are found too.
    fn unknown(&mut self, entry: &'n Entry<'t>, faults: &mut Faults) {
        let path = self.path.key(&entry.key);
        let key = text::quote(&entry.key);
        let noun = self.shape.noun;
        let close = text::closest(&entry.key, self.shape.keys.iter().copied());
        let action = match close {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!(
                "the keys of {noun} are {}",
                text::list(self.shape.keys.iter().copied(), 12)
            ),
        };
        let cause = format!("{noun} has no key {key}");
        faults.add_at(code::UNKNOWN_KEY, &path, Some(entry.offset), cause, action);
        if let Some(at) = self.shape.keys.iter().position(|key| Some(*key) == close) {
            self.values[at].get_or_insert(&entry.node);
        }
    }

    /// The value under `key`, which the shape must name; `null` counts as a value.
    fn find(&self, key: &'static str) -> Option<&'n Node<'t>> {
        let at = self.shape.keys.iter().position(|known| *known == key);
        self.values[at.expect("fields are read by keys of their shape")]
    }

    /// As [`Fields::find`], with `null` as good as absent.
    fn find_some(&self, key: &'static str) -> Option<&'n Node<'t>> {
        self.find(key)
            .filter(|node| !matches!(node.value, Value::Null))
    }

    fn required<T: Default>(
        &self,
        key: &'static str,
        faults: &mut Faults,
        read: impl Fn(&Node<'t>, &Path<'_>, &mut Faults) -> Option<T>,
    ) -> T {
        let path = self.path.key(key);
        match self.find(key) {
            Some(node) => read(node, &path, faults).unwrap_or_default(),
            None => {
                if self.whole {
                    let cause = format!("{} has no {}", self.shape.noun, text::quote(key));
                    faults.add(code::MISSING_KEY, &path, cause, format!("add `{key}`"));
                }
                T::default()
            }
        }
    }

    /// Text that must be there.
    pub(super) fn text(&self, key: &'static str, faults: &mut Faults) -> String {
        self.required(key, faults, text_of)
    }

    /// Text, empty if absent.
    pub(super) fn text_or_empty(&self, key: &'static str, faults: &mut Faults) -> String {
        let read = |node| text_of(node, &self.path.key(key), faults);
        self.find(key).and_then(read).unwrap_or_default()
    }

    /// Text that may be absent.
    pub(super) fn optional_text(&self, key: &'static str, faults: &mut Faults) -> Option<String> {
        let node = self.find_some(key)?;
        text_of(node, &self.path.key(key), faults)
    }

    /// An integer that must be there.
    pub(super) fn integer(&self, key: &'static str, faults: &mut Faults) -> i64 {
        self.required(key, faults, integer_of)
    }

    /// An integer, `default` if absent.
    pub(super) fn integer_or(&self, key: &'static str, default: i64, faults: &mut Faults) -> i64 {
        let read = |node| integer_of(node, &self.path.key(key), faults);
        self.find(key).and_then(read).unwrap_or(default)
    }

    /// An integer that may be absent.
    pub(super) fn optional_integer(&self, key: &'static str, faults: &mut Faults) -> Option<i64> {
        let node = self.find_some(key)?;
        integer_of(node, &self.path.key(key), faults)
    }

    /// A number that may be absent.
    pub(super) fn optional_number(&self, key: &'static str, faults: &mut Faults) -> Option<f64> {
        let node = self.find_some(key)?;
        number_of(node, &self.path.key(key), faults)
    }

    /// A truth value, `default` if absent.
    pub(super) fn truth_or(&self, key: &'static str, default: bool, faults: &mut Faults) -> bool {
        let read = |node| truth_of(node, &self.path.key(key), faults);
        self.find(key).and_then(read).unwrap_or(default)
    }

    /// A list of texts, empty if absent.
    pub(super) fn texts(&self, key: &'static str, faults: &mut Faults) -> Vec<String> {
        let read = |node| texts_of(node, &self.path.key(key), faults);
        self.find(key).and_then(read).unwrap_or_default()
    }

    /// A list of texts that must be there.
    pub(super) fn required_texts(&self, key: &'static str, faults: &mut Faults) -> Vec<String> {
        self.required(key, faults, texts_of)
    }

    /// A list of integers that may be absent.
    pub(super) fn optional_integers(
        &self,
        key: &'static str,
        faults: &mut Faults,
    ) -> Option<Vec<i64>> {
        let node = self.find_some(key)?;
        list_of(node, "integers", &self.path.key(key), faults, integer_of)
    }

    /// A list of texts that may be absent.
    pub(super) fn optional_texts(
        &self,
        key: &'static str,
        faults: &mut Faults,
    ) -> Option<Vec<String>> {
        let node = self.find_some(key)?;
        texts_of(node, &self.path.key(key), faults)
    }

    /// Values by name, empty if absent.
    pub(super) fn map<T>(
        &self,
        key: &'static str,
        faults: &mut Faults,
        read: impl Fn(&Node<'t>, &Path<'_>, &mut Faults) -> Option<T>,
    ) -> BTreeMap<String, T> {
        let Some(node) = self.find(key) else {
            return BTreeMap::new();
        };
        map_of(node, &self.path.key(key), faults, read)
    }

    /// Amounts by resource that may be absent.
    pub(super) fn optional_amounts(
        &self,
        key: &'static str,
        faults: &mut Faults,
    ) -> Option<Amounts> {
        let node = self.find_some(key)?;
        Some(map_of(node, &self.path.key(key), faults, integer_of))
    }

    /// A list of objects named by `id`, empty if absent.
    pub(super) fn objects<T>(
        &self,
        key: &'static str,
        id: &str,
        faults: &mut Faults,
        read: impl Fn(&Node<'t>, &Path<'_>, &mut Faults) -> T,
    ) -> Vec<T> {
        let Some(node) = self.find(key) else {
            return Vec::new();
        };
        let list = self.path.key(key);
        let Value::List(nodes) = &node.value else {
            wrong_type(node, &list, &format!("`{key}` must be a list"), faults);
            return Vec::new();
        };
        let element = |(index, node): (usize, &Node<'t>)| {
            let name = node.get(id).and_then(Node::text).unwrap_or("");
            read(node, &list.element(index, name), faults)
        };
        nodes.iter().enumerate().map(element).collect()
    }

    /// A list of objects named by `id` that may be absent.
    pub(super) fn optional_objects<T>(
        &self,
        key: &'static str,
        id: &str,
        faults: &mut Faults,
        read: impl Fn(&Node<'t>, &Path<'_>, &mut Faults) -> T,
    ) -> Option<Vec<T>> {
        self.find_some(key)?;
        Some(self.objects(key, id, faults, read))
    }

    /// A list of objects that must be there.
    pub(super) fn required_objects<T>(
        &self,
        key: &'static str,
        id: &str,
        faults: &mut Faults,
        read: impl Fn(&Node<'t>, &Path<'_>, &mut Faults) -> T,
    ) -> Vec<T> {
        self.required(key, faults, |_, _, _| Some(()));
        self.objects(key, id, faults, read)
    }

    /// An object that must be there.
    pub(super) fn required_object<T>(
        &self,
        key: &'static str,
        faults: &mut Faults,
        read: impl Fn(&Node<'t>, &Path<'_>, &mut Faults) -> T,
    ) -> Option<T> {
        self.required(key, faults, |_, _, _| Some(()));
        let node = self.find(key)?;
        Some(read(node, &self.path.key(key), faults))
    }

    /// An object that may be absent.
    pub(super) fn optional_object<T>(
        &self,
        key: &'static str,
        faults: &mut Faults,
        read: impl Fn(&Node<'t>, &Path<'_>, &mut Faults) -> T,
    ) -> Option<T> {
        let node = self.find_some(key)?;
        Some(read(node, &self.path.key(key), faults))
    }

    /// An object, its default if absent.
    pub(super) fn object<T: Default>(
        &self,
        key: &'static str,
        faults: &mut Faults,
        read: impl Fn(&Node<'t>, &Path<'_>, &mut Faults) -> T,
    ) -> T {
        let read = |node| read(node, &self.path.key(key), faults);
        self.find(key).map(read).unwrap_or_default()
    }
}
