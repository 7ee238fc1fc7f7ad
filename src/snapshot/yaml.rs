//! YAML into a [`Tree`]: one document, anchors and aliases, no tags and no merge keys.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::code;
use super::fault::{InputFaults, places};
use super::text;
use super::tree::{DEEPEST, Entry, MOST_NODES, Node, Tree, Value};

/// Most values that anchors and aliases may copy: a small file must not become a large tree.
const MOST_COPIES: usize = 2_000_000;

/// Why parsing stopped: the offset, a code, and the cause.
type Stop = (usize, &'static str, String);

/// Parses `text`.
///
/// # Errors
/// One fault, at the first thing that YAML or this format does not allow.
pub(super) fn tree(text: &str) -> Result<Tree<'_>, InputFaults> {
    let mut builder = Builder {
        text,
        ..Builder::default()
    };
    for next in Parser::new_from_str(text) {
        let step = match next {
            Ok((event, span)) => builder.event(event, &span),
            Err(error) => Err(malformed(&error)),
        };
        if let Err((offset, code, cause)) = step {
            let place = places(text, &[offset])[0];
            let action = match code {
                code::TOO_DEEP => "make the file flatter or smaller",
                _ => "correct the YAML there",
            };
            return Err(InputFaults::whole(code, Some(place), cause, action));
        }
    }
    let root = builder.root.unwrap_or(Node {
        offset: 0,
        value: Value::Null,
    });
    Ok(Tree { text, root })
}

fn malformed(error: &ScanError) -> Stop {
    let offset = error.marker().byte_offset().unwrap_or(0);
    (
        offset,
        code::YAML,
        format!("malformed YAML: {}", text::cut(&error.to_string())),
    )
}

/// A collection that is not complete yet.
struct Open<'t> {
    offset: usize,
    anchor: usize,
    nodes_before: usize,
    items: Items<'t>,
}

enum Items<'t> {
    List(Vec<Node<'t>>),
    Object(Vec<Entry<'t>>, Option<(Cow<'t, str>, usize)>),
}

#[derive(Default)]
struct Builder<'t> {
    text: &'t str,
    open: Vec<Open<'t>>,
    root: Option<Node<'t>>,
    /// Anchored nodes with their sizes, by the parser's number.
    anchors: BTreeMap<usize, (Node<'t>, usize)>,
    nodes: usize,
    copies: usize,
    documents: usize,
}

impl<'t> Builder<'t> {
    fn event(&mut self, event: Event<'t>, span: &Span) -> Result<(), Stop> {
        let offset = span.start.byte_offset().unwrap_or(0).min(self.text.len());
        if let Some(tag) = event.tag()
            && !["str", "int", "float", "bool", "null", "seq", "map"]
                .into_iter()
                .any(|known| tag.is_yaml_core_schema_tag(known))
        {
            let tag = text::quote(&tag.original());
            return Err((
                offset,
                code::YAML,
                format!("the tag {tag} means nothing here"),
            ));
        }
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err((offset, code::YAML, "a second document begins".to_owned()));
                }
                Ok(())
            }
            Event::Scalar(content, style, anchor, tag) => {
                self.count(1, offset)?;
                let as_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let value = if style != ScalarStyle::Plain || as_text {
                    Value::Text(content)
                } else if matches!(&*content, "" | "~" | "null" | "Null" | "NULL") {
                    Value::Null
                } else {
                    Value::Plain(content)
                };
                let node = Node { offset, value };
                if anchor > 0 {
                    self.anchors.insert(anchor, (node.clone(), 1));
                }
                self.add(node, offset)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.begin(offset, anchor, Items::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, _) => {
                self.begin(offset, anchor, Items::Object(Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => {
                // An alias inside its own anchor stands for something that is not complete yet.
                let Some((_, size)) = self.anchors.get(&anchor) else {
                    let cause = "an alias stands for a value that it is part of".to_owned();
                    return Err((offset, code::YAML, cause));
                };
                let size = *size;
                self.copy(size, offset)?;
                let node = self.anchors[&anchor].0.clone();
                if self.open.len() + depth(&node) > DEEPEST {
                    return Err(too_deep(offset));
                }
                self.add(node, offset)
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, nodes: usize, offset: usize) -> Result<(), Stop> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES {
            return Err((
                offset,
                code::TOO_DEEP,
                format!("the file holds more than {MOST_NODES} values"),
            ));
        }
        Ok(())
    }

    fn copy(&mut self, nodes: usize, offset: usize) -> Result<(), Stop> {
        self.copies += nodes;
        if self.copies > MOST_COPIES {
            let cause = format!("anchors and aliases copy more than {MOST_COPIES} values");
            return Err((offset, code::TOO_DEEP, cause));
        }
        self.count(nodes, offset)
    }

    fn begin(&mut self, offset: usize, anchor: usize, items: Items<'t>) -> Result<(), Stop> {
        if self.open.len() >= DEEPEST {
            return Err(too_deep(offset));
        }
        let nodes_before = self.nodes;
        self.count(1, offset)?;
        self.open.push(Open {
            offset,
            anchor,
            nodes_before,
            items,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.items {
            Items::List(nodes) => Value::List(nodes),
            Items::Object(entries, _) => Value::Object(entries),
        };
        let node = Node {
            offset: open.offset,
            value,
        };
        if open.anchor > 0 {
            let size = self.nodes - open.nodes_before;
            self.copy(size, open.offset)?;
            self.anchors.insert(open.anchor, (node.clone(), size));
        }
        self.add(node, open.offset)
    }

    /// Puts a complete node where it belongs: into a list, as a key, as a key's value, or as the root.
    fn add(&mut self, node: Node<'t>, offset: usize) -> Result<(), Stop> {
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.root = Some(node),
            Some(Items::List(nodes)) => nodes.push(node),
            Some(Items::Object(entries, pending)) => match pending.take() {
                Some((key, offset)) => entries.push(Entry { key, offset, node }),
                None => {
                    let (Value::Text(key) | Value::Plain(key)) = node.value else {
                        return Err((offset, code::YAML, "a key is not text".to_owned()));
                    };
                    *pending = Some((key, offset));
                }
            },
        }
        Ok(())
    }
}

fn too_deep(offset: usize) -> Stop {
    (
        offset,
        code::TOO_DEEP,
        format!("the file nests deeper than {DEEPEST} levels"),
    )
}

fn depth(node: &Node<'_>) -> usize {
    match &node.value {
        Value::List(nodes) => 1 + nodes.iter().map(depth).max().unwrap_or(0),
        Value::Object(entries) => 1 + entries.iter().map(|e| depth(&e.node)).max().unwrap_or(0),
        _ => 0,
    }
}
