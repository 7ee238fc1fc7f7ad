//! Reading single values: text, integers, numbers, truth values, lists and maps of them.

use std::collections::{BTreeMap, HashSet};

use crate::snapshot::code;
use crate::snapshot::fault::Faults;
use crate::snapshot::path::Path;
use crate::snapshot::text;
use crate::snapshot::tree::{Entry, Node, Value};

/// Says that a key is stated twice.
pub(super) fn repeated(entry: &Entry<'_>, path: &Path<'_>, faults: &mut Faults) {
    let cause = format!("the key {} is stated twice", text::quote(&entry.key));
    let action = "keep one of the two";
    faults.add_at(
        code::DUPLICATE_KEY,
        &path.key(&entry.key),
        Some(entry.offset),
        cause,
        action,
    );
}

/// What a value is, for messages.
fn found(node: &Node<'_>) -> String {
    match &node.value {
        Value::Null => "nothing (null)".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => text::cut(number),
        Value::Plain(content) => text::quote(content),
        Value::Text(content) => format!("the text {}", text::quote(content)),
        Value::List(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// Says that a value has the wrong type.
pub(super) fn wrong_type(node: &Node<'_>, path: &Path<'_>, rule: &str, faults: &mut Faults) {
    let action = match &node.value {
        Value::Text(content) if content.parse::<f64>().is_ok() => "write the number without quotes",
        Value::Number(_) if rule.ends_with("text") => "write it in double quotes",
        _ => "see the format's documentation",
    };
    faults.add(
        code::TYPE,
        path,
        format!("{rule}, found {}", found(node)),
        action,
    );
}

/// Text. A plain scalar of YAML is text as it is written, whatever it looks like.
pub(super) fn text_of(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<String> {
    let read = node.text().map(str::to_owned);
    if read.is_none() {
        wrong_type(node, path, "must be text", faults);
    }
    read
}

/// An integer of 64 bits.
pub(super) fn integer_of(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<i64> {
    match &node.value {
        Value::Number(written) => integer_written(written, node, path, faults),
        Value::Plain(written) => integer_written(written, node, path, faults),
        _ => {
            wrong_type(node, path, "must be an integer", faults);
            None
        }
    }
}

fn integer_written(
    written: &str,
    node: &Node<'_>,
    path: &Path<'_>,
    faults: &mut Faults,
) -> Option<i64> {
    if let Ok(integer) = written.parse() {
        return Some(integer);
    }
    let digits = written.strip_prefix(['-', '+']).unwrap_or(written);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let cause = format!("{} does not fit 64 bits", text::cut(written));
        faults.add(code::NUMBER_RANGE, path, cause, "state a smaller number");
    } else if is_number(written) {
        let cause = format!("must be an integer, found {}", text::cut(written));
        let action = "round it, in the unit that the key names";
        faults.add(code::NOT_INTEGER, path, cause, action);
    } else {
        wrong_type(node, path, "must be an integer", faults);
    }
    None
}

/// A number of YAML or JSON, infinities and NaN of YAML included.
fn float(written: &str) -> Option<f64> {
    let bare = written.strip_prefix(['-', '+']).unwrap_or(written);
    let sign = if written.starts_with('-') { -1.0 } else { 1.0 };
    match bare {
        ".inf" | ".Inf" | ".INF" => Some(sign * f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        // Rust's parser also takes words such as `inf` and `nan`, which are text in YAML.
        _ if bare.starts_with(|c: char| c.is_ascii_digit() || c == '.') => written.parse().ok(),
        _ => None,
    }
}

fn is_number(written: &str) -> bool {
    float(written).is_some()
}

/// A finite number.
pub(super) fn number_of(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<f64> {
    let number = match &node.value {
        Value::Number(written) => float(written),
        Value::Plain(written) => float(written),
        _ => None,
    };
    match number {
        None => wrong_type(node, path, "must be a number", faults),
        Some(number) if !number.is_finite() => {
            let cause = format!("{} is not a finite number", found(node));
            faults.add(code::NUMBER_RANGE, path, cause, "state a finite number");
            return None;
        }
        Some(_) => {}
    }
    number
}

/// A truth value.
pub(super) fn truth_of(node: &Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<bool> {
    match &node.value {
        Value::Bool(truth) => return Some(*truth),
        Value::Plain(word) if matches!(&**word, "true" | "True" | "TRUE") => return Some(true),
        Value::Plain(word) if matches!(&**word, "false" | "False" | "FALSE") => return Some(false),
        _ => wrong_type(node, path, "must be true or false", faults),
    }
    None
}

/// A list of texts; elements that are not are reported and left out.
pub(super) fn texts_of(
    node: &Node<'_>,
    path: &Path<'_>,
    faults: &mut Faults,
) -> Option<Vec<String>> {
    list_of(node, "texts", path, faults, text_of)
}

/// A list of `what`; elements that are not are reported and left out.
pub(super) fn list_of<'t, T>(
    node: &Node<'t>,
    what: &str,
    path: &Path<'_>,
    faults: &mut Faults,
    read: impl Fn(&Node<'t>, &Path<'_>, &mut Faults) -> Option<T>,
) -> Option<Vec<T>> {
    let Value::List(nodes) = &node.value else {
        wrong_type(node, path, &format!("must be a list of {what}"), faults);
        return None;
    };
    let element = |(index, node)| read(node, &path.at(index), faults);
    Some(nodes.iter().enumerate().filter_map(element).collect())
}

/// Values by name.
pub(super) fn map_of<'t, T>(
    node: &Node<'t>,
    path: &Path<'_>,
    faults: &mut Faults,
    read: impl Fn(&Node<'t>, &Path<'_>, &mut Faults) -> Option<T>,
) -> BTreeMap<String, T> {
    let Value::Object(entries) = &node.value else {
        wrong_type(node, path, "must be an object", faults);
        return BTreeMap::new();
    };
    let mut map = BTreeMap::new();
    let mut seen = HashSet::new();
    for entry in entries {
        if !seen.insert(&*entry.key) {
            repeated(entry, path, faults);
        } else if let Some(value) = read(&entry.node, &path.key(&entry.key), faults) {
            map.insert(entry.key.clone().into_owned(), value);
        }
    }
    map
}

/// Any value, for parameters of policies.
pub(super) fn any_of(
    node: &Node<'_>,
    path: &Path<'_>,
    faults: &mut Faults,
) -> Option<serde_json::Value> {
    use serde_json::Value as Json;
    Some(match &node.value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Text(content) => Json::String(content.clone().into_owned()),
        Value::Number(written) => return json_number(written, node, path, faults),
        Value::Plain(word) => match &**word {
            "true" | "True" | "TRUE" => Json::Bool(true),
            "false" | "False" | "FALSE" => Json::Bool(false),
            number if is_number(number) => return json_number(number, node, path, faults),
            content => Json::String(content.to_owned()),
        },
        Value::List(nodes) => {
            let element = |(index, node)| any_of(node, &path.at(index), faults);
            Json::Array(nodes.iter().enumerate().filter_map(element).collect())
        }
        Value::Object(_) => Json::Object(map_of(node, path, faults, any_of).into_iter().collect()),
    })
}

fn json_number(
    written: &str,
    node: &Node<'_>,
    path: &Path<'_>,
    faults: &mut Faults,
) -> Option<serde_json::Value> {
    if let Ok(integer) = written.parse::<i64>() {
        return Some(integer.into());
    }
    if let Ok(integer) = written.parse::<u64>() {
        return Some(integer.into());
    }
    number_of(node, path, faults).map(Into::into)
}
