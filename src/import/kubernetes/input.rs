//! From bytes to objects: JSON or YAML, plain or gzipped, single objects, lists, or several of them in
//! a row.
//!
//! Objects are read one by one, so that a fault names its object and the others are still looked at.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::io::Read;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::notes::{self, Notes};
use super::objects::{Labels, Namespace, Node, Pod};
use crate::import::InputFault;

/// What the input holds, each kind in name order.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub nodes: BTreeMap<String, Node>,
    /// By (namespace, name).
    pub pods: BTreeMap<(String, String), Pod>,
    /// Labels by namespace.
    pub namespaces: BTreeMap<String, Labels>,
}

/// One object of a file, or why it could not be read.
enum Item {
    Node(Box<Node>),
    Pod(Box<Pod>),
    Namespace(Box<Namespace>),
    Other(String),
    Faulty { place: String, cause: String },
}

/// A top-level value of a file.
#[derive(Default)]
struct Document {
    items: Vec<Item>,
    /// Items that do not state their kind, until the list's own kind is known.
    untyped: Vec<Value>,
}

/// Reads every file; a fault does not keep the other files from being read.
pub(super) fn read(
    inputs: &[(&str, &[u8])],
    notes: &mut Notes,
) -> Result<Objects, Vec<InputFault>> {
    let mut objects = Objects::default();
    let mut faults = Vec::new();
    let mut ignored: BTreeMap<String, usize> = BTreeMap::new();
    for &(file, bytes) in inputs {
        let fault = |place: String, cause: String, action: &str| InputFault {
            file: file.to_owned(),
            place,
            cause,
            action: action.to_owned(),
        };
        match documents(bytes) {
            Ok(documents) => {
                for item in documents.into_iter().flat_map(Document::finish) {
                    match item {
                        Item::Other(kind) => *ignored.entry(kind).or_insert(0) += 1,
                        Item::Faulty { place, cause } => faults.push(fault(
                            place,
                            cause,
                            "correct the object, or take it out of the input",
                        )),
                        known => objects.keep(known, notes),
                    }
                }
            }
            Err(cause) => faults.push(fault(
                String::new(),
                cause,
                "give what `kubectl get nodes,pods -A -o json` prints",
            )),
        }
    }
    for (kind, count) in ignored {
        notes.add(notes::IGNORED, &kind, format!("{count} of this kind"));
    }
    if faults.is_empty() && objects.nodes.is_empty() {
        let files: Vec<&str> = inputs.iter().map(|(file, _)| *file).collect();
        faults.push(InputFault {
            file: files.join(", "),
            place: String::new(),
            cause: "no node in the input".to_owned(),
            action: "give what `kubectl get nodes,pods -A -o json` prints".to_owned(),
        });
    }
    if faults.is_empty() {
        Ok(objects)
    } else {
        Err(faults)
    }
}

impl Objects {
    fn keep(&mut self, item: Item, notes: &mut Notes) {
        let duplicate = match item {
            Item::Node(node) => {
                let name = node.metadata.name.clone();
                insert(&mut self.nodes, name.clone(), *node).then_some(name)
            }
            Item::Pod(mut pod) => {
                if pod.metadata.namespace.is_empty() {
                    "default".clone_into(&mut pod.metadata.namespace);
                }
                let key = (pod.metadata.namespace.clone(), pod.metadata.name.clone());
                let name = format!("{}/{}", key.0, key.1);
                insert(&mut self.pods, key, *pod).then_some(name)
            }
            Item::Namespace(namespace) => {
                let metadata = namespace.metadata;
                let name = metadata.name.clone();
                insert(&mut self.namespaces, name.clone(), metadata.labels).then_some(name)
            }
            Item::Other(_) | Item::Faulty { .. } => None,
        };
        if let Some(name) = duplicate {
            notes.add(notes::DUPLICATE, &name, "stated again");
        }
    }
}

/// Whether the key was taken; the first value stays.
fn insert<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V) -> bool {
    match map.entry(key) {
        Entry::Occupied(_) => true,
        Entry::Vacant(place) => {
            place.insert(value);
            false
        }
    }
}

fn documents(bytes: &[u8]) -> Result<Vec<Document>, String> {
    let unpacked;
    let mut bytes = bytes;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        unpacked = unpack(bytes)?;
        bytes = &unpacked;
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let documents = match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => return Err("the file is empty".to_owned()),
        Some(b'{' | b'[') => json(bytes)?,
        Some(_) => yaml(bytes)?,
    };
    Ok(documents)
}

/// Packed files grow by a factor of about thirty; what grows far more is no such file.
fn unpack(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let limit = (64_u64 << 20)
        .saturating_add(200_u64.saturating_mul(bytes.len() as u64))
        .min(4 << 30);
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .take(limit + 1)
        .read_to_end(&mut unpacked)
        .map_err(|fault| format!("cannot be unpacked: {fault}"))?;
    if unpacked.len() as u64 > limit {
        return Err(format!("unpacks to more than {limit} bytes"));
    }
    Ok(unpacked)
}

fn json(bytes: &[u8]) -> Result<Vec<Document>, String> {
    serde_json::Deserializer::from_slice(bytes)
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|fault| format!("not valid JSON: {}", cut(&fault.to_string())))
}

fn yaml(bytes: &[u8]) -> Result<Vec<Document>, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 200_000_000,
            max_nodes: 100_000_000,
            max_total_scalar_bytes: 4 << 30,
        },
    };
    serde_saphyr::from_slice_multiple_with_options(bytes, options)
        .map_err(|fault| format!("not valid JSON or YAML: {}", cut(&fault.to_string())))
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Document;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a Kubernetes object or a list of them")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Document, A::Error> {
                let mut document = Document::default();
                while let Some(item) = items.next_element()? {
                    document.add(item);
                }
                Ok(document)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Document, A::Error> {
                let mut document = Document::default();
                let mut rest = serde_json::Map::new();
                while let Some(key) = fields.next_key::<String>()? {
                    if key == "items" {
                        let listed: Option<Document> = fields.next_value()?;
                        document = listed.unwrap_or_default();
                        rest.insert(key, Value::Null);
                    } else {
                        rest.insert(key, fields.next_value()?);
                    }
                }
                document.close(rest);
                Ok(document)
            }
        }
        deserializer.deserialize_any(Object)
    }
}

impl Document {
    /// Takes in one element of a list.
    fn add(&mut self, mut value: Value) {
        match value.get_mut("items").map(Value::take) {
            Some(Value::Array(listed)) => {
                let mut inner = Self::default();
                for item in listed {
                    inner.add(item);
                }
                if let Value::Object(rest) = value {
                    inner.close(rest);
                }
                self.items.append(&mut inner.items);
            }
            _ if value.get("kind").is_some_and(Value::is_string) => self.items.push(typed(value)),
            _ => self.untyped.push(value),
        }
    }

    /// The object around `items` is complete: its kind decides about the items that state none.
    fn close(&mut self, rest: serde_json::Map<String, Value>) {
        if !rest.contains_key("items") {
            self.add(Value::Object(rest));
            return;
        }
        let kind = rest.get("kind").and_then(Value::as_str).unwrap_or("List");
        let kind = kind.strip_suffix("List").unwrap_or(kind).to_owned();
        let version = rest.get("apiVersion").cloned().unwrap_or("v1".into());
        for mut value in std::mem::take(&mut self.untyped) {
            if let (Some(fields), false) = (value.as_object_mut(), kind.is_empty()) {
                fields.insert("kind".to_owned(), kind.as_str().into());
                fields.insert("apiVersion".to_owned(), version.clone());
            }
            self.items.push(typed(value));
        }
    }

    fn finish(mut self) -> Vec<Item> {
        self.items.extend(self.untyped.into_iter().map(typed));
        self.items
    }
}

/// The object as what it says it is.
fn typed(mut value: Value) -> Item {
    let faulty = |cause: &str| Item::Faulty {
        place: String::new(),
        cause: cause.to_owned(),
    };
    if !value.is_object() {
        return faulty("an element of a list is not an object");
    }
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let version = text("apiVersion").unwrap_or("v1");
    let Some(kind) = text("kind") else {
        return faulty("an object does not state its kind");
    };
    if version != "v1" {
        return Item::Other(cut(&format!("{kind}.{version}")));
    }
    match kind {
        "Node" | "Pod" | "Namespace" => {
            let kind = kind.to_owned();
            remove_nulls(&mut value);
            object(&kind, value)
        }
        other => Item::Other(cut(other)),
    }
}

fn object(kind: &str, value: Value) -> Item {
    let metadata = |key: &str| {
        let text = value.get("metadata").and_then(|m| m.get(key));
        text.and_then(Value::as_str).unwrap_or("").to_owned()
    };
    let (namespace, name) = (metadata("namespace"), metadata("name"));
    let place = match (namespace.as_str(), name.as_str()) {
        ("", name) => cut(&format!("{kind} {name}")),
        (namespace, name) => cut(&format!("{kind} {namespace}/{name}")),
    };
    if name.is_empty() {
        return Item::Faulty {
            place,
            cause: "it has no metadata.name".to_owned(),
        };
    }
    let item = match kind {
        "Node" => convert(value).map(Item::Node),
        "Pod" => convert(value).map(Item::Pod),
        _ => convert(value).map(Item::Namespace),
    };
    item.unwrap_or_else(|cause| Item::Faulty { place, cause })
}

fn convert<T: DeserializeOwned>(value: Value) -> Result<Box<T>, String> {
    serde_path_to_error::deserialize(value)
        .map(Box::new)
        .map_err(|fault| cut(&format!("{}: {}", fault.path(), fault.inner())))
}

/// Kubernetes writes `null` for what is absent.
fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(remove_nulls);
        }
        Value::Array(items) => {
            items.retain(|item| !item.is_null());
            items.iter_mut().for_each(remove_nulls);
        }
        _ => {}
    }
}

/// At most 300 characters, so that no message echoes the input.
fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(300).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
