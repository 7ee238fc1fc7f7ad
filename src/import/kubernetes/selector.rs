//! Label selectors and node selectors: what they match, and how a snapshot says the same.
//!
//! A node rule becomes attribute rules where it is one conjunction that attribute rules can spell;
//! anything else (several terms, `Gt`, `Lt`, fields, values that our notation reserves) is evaluated
//! on the nodes and becomes a list of agents. Both say exactly what Kubernetes says of these nodes.

use std::collections::{BTreeMap, BTreeSet};

use super::objects::{LabelSelector, Labels, NodeSelector, NodeSelectorTerm, Requirement};

/// Requirements that must all hold, in canonical order; the empty one matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Selector(BTreeSet<Requirement>);

/// A rule on nodes: all requirements, and one of the terms.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeRule {
    all: BTreeSet<Requirement>,
    any: Option<Vec<NodeSelectorTerm>>,
}

/// How a node rule is written in a snapshot.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wording {
    /// As attribute rules.
    Attributes(BTreeMap<String, Vec<String>>),
    /// Only by naming the agents, for this reason.
    Agents(&'static str),
}

/// `key operator values`.
pub(super) fn requirement(key: &str, operator: &str, values: &[&str]) -> Requirement {
    Requirement {
        key: key.to_owned(),
        operator: operator.to_owned(),
        values: values.iter().map(|&value| value.to_owned()).collect(),
    }
}

impl Selector {
    /// The selector, with its labels as `In` requirements.
    pub fn of(selector: &LabelSelector) -> Self {
        let labels = selector.match_labels.iter();
        let labels = labels.map(|(key, value)| requirement(key, "In", &[value]));
        let expressions = selector.match_expressions.iter().map(|stated| {
            let mut canonical = stated.clone();
            canonical.values.sort_unstable();
            canonical.values.dedup();
            canonical
        });
        Self(labels.chain(expressions).collect())
    }

    /// Also asks for `key operator value`.
    pub fn and(&mut self, key: &str, operator: &str, value: &str) {
        self.0.insert(requirement(key, operator, &[value]));
    }

    /// Whether an object with these labels is selected.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|asked| holds(asked, labels, false))
    }

    /// The label keys that it looks at.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|asked| asked.key.as_str())
    }

    /// Operators that are none of Kubernetes'.
    pub fn unknown_operators(&self) -> impl Iterator<Item = &str> {
        unknown(self.0.iter(), false)
    }
}

impl NodeRule {
    /// The rule of a pod's `nodeSelector` and required node affinity.
    pub fn of(node_selector: &Labels, affinity: Option<&NodeSelector>) -> Self {
        let all = node_selector.iter();
        let all = all.map(|(key, value)| requirement(key, "In", &[value]));
        let mut rule = Self {
            all: all.collect(),
            any: affinity.map(|selector| selector.node_selector_terms.clone()),
        };
        // One term without fields is part of the conjunction. (A term without anything matches nothing.)
        if let Some([term]) = rule.any.as_deref()
            && term.match_fields.is_empty()
            && !term.match_expressions.is_empty()
        {
            rule.all.extend(term.match_expressions.iter().cloned());
            rule.any = None;
        }
        rule
    }

    /// Also asks for the presence of `key`.
    pub fn with_label(&mut self, key: &str) {
        self.all.insert(requirement(key, "Exists", &[]));
    }

    /// Whether the node of this name and these labels satisfies it.
    pub fn matches(&self, name: &str, labels: &Labels) -> bool {
        self.all.iter().all(|asked| holds(asked, labels, true))
            && (self.any.iter()).all(|terms| terms.iter().any(|t| term_matches(t, name, labels)))
    }

    /// The only nodes that can match, if the rule itself names them (`metadata.name In`): a quick way
    /// past the other nodes.
    pub fn named_nodes(&self) -> Option<BTreeSet<&str>> {
        let mut names = BTreeSet::new();
        for term in self.any.as_ref()? {
            let named = term
                .match_fields
                .iter()
                .find(|field| field.key == "metadata.name" && field.operator == "In")?;
            names.extend(named.values.iter().map(String::as_str));
        }
        Some(names)
    }

    /// Operators that are none of Kubernetes'.
    pub fn unknown_operators(&self) -> impl Iterator<Item = &str> {
        let terms = self.any.iter().flatten();
        let in_terms = terms.flat_map(|t| t.match_expressions.iter().chain(&t.match_fields));
        unknown(self.all.iter().chain(in_terms), true)
    }

    /// How a snapshot says it; `reserved` are the keys that mean something else there.
    pub fn wording(&self, reserved: &dyn Fn(&str) -> bool) -> Wording {
        if self.any.is_some() {
            return Wording::Agents("it has alternative terms or asks for the node's name");
        }
        let mut keys: BTreeMap<&str, Vec<&Requirement>> = BTreeMap::new();
        for asked in &self.all {
            keys.entry(&asked.key).or_default().push(asked);
        }
        let mut attributes = BTreeMap::new();
        for (key, asked) in keys {
            if reserved(key) {
                return Wording::Agents("it asks for a label whose name means something else here");
            }
            match spell(&asked) {
                Ok(words) => attributes.insert(key.to_owned(), words),
                Err(reason) => return Wording::Agents(reason),
            };
        }
        Wording::Attributes(attributes)
    }
}

/// All requirements on one key as one attribute rule.
fn spell(asked: &[&Requirement]) -> Result<Vec<String>, &'static str> {
    let mut any_of: Option<BTreeSet<&str>> = None;
    let mut others = BTreeSet::new();
    for requirement in asked {
        let values = || requirement.values.iter().map(String::as_str);
        if values().any(|value| value.starts_with('!') || value == "*") {
            return Err("it asks for a value that attribute rules would read as a sign");
        }
        match requirement.operator.as_str() {
            "In" => {
                let stated: BTreeSet<&str> = values().collect();
                any_of = Some(match any_of {
                    Some(before) => before.intersection(&stated).copied().collect(),
                    None => stated,
                });
            }
            "NotIn" => others.extend(values().map(|value| format!("!{value}"))),
            "Exists" => {
                others.insert("*".to_owned());
            }
            "DoesNotExist" => {
                others.insert("!*".to_owned());
            }
            "Gt" | "Lt" => return Err("it compares numbers"),
            _ => return Err("it uses an operator that Kubernetes does not have"),
        }
    }
    if any_of.as_ref().is_some_and(BTreeSet::is_empty) {
        return Err("no value satisfies it");
    }
    if others.is_empty() && any_of.is_none() {
        return Err("it excludes no value"); // NotIn of nothing.
    }
    let any_of = any_of.into_iter().flatten().map(str::to_owned);
    Ok(any_of.chain(others).collect())
}

/// `nodes`: `Gt` and `Lt` are known there only.
fn holds(asked: &Requirement, labels: &Labels, nodes: bool) -> bool {
    let value = labels.get(&asked.key);
    match asked.operator.as_str() {
        "In" => value.is_some_and(|v| asked.values.contains(v)),
        "NotIn" => value.is_none_or(|v| !asked.values.contains(v)),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" if nodes => compare(asked, value).is_some_and(|(have, bound)| have > bound),
        "Lt" if nodes => compare(asked, value).is_some_and(|(have, bound)| have < bound),
        _ => false,
    }
}

fn compare(asked: &Requirement, value: Option<&String>) -> Option<(i64, i64)> {
    let [bound] = asked.values.as_slice() else {
        return None;
    };
    Some((value?.parse().ok()?, bound.parse().ok()?))
}

fn term_matches(term: &NodeSelectorTerm, name: &str, labels: &Labels) -> bool {
    let stated = !(term.match_expressions.is_empty() && term.match_fields.is_empty());
    stated
        && (term.match_expressions.iter()).all(|asked| holds(asked, labels, true))
        && (term.match_fields.iter()).all(|asked| field_holds(asked, name))
}

/// Kubernetes knows one field, `metadata.name`, with `In` and `NotIn` of one value.
fn field_holds(asked: &Requirement, name: &str) -> bool {
    let named = asked.values.iter().any(|value| value == name);
    asked.key == "metadata.name"
        && match asked.operator.as_str() {
            "In" => named,
            "NotIn" => !named,
            _ => false,
        }
}

fn unknown<'a>(
    asked: impl Iterator<Item = &'a Requirement>,
    nodes: bool,
) -> impl Iterator<Item = &'a str> {
    asked
        .map(|requirement| requirement.operator.as_str())
        .filter(move |operator| match *operator {
            "In" | "NotIn" | "Exists" | "DoesNotExist" => false,
            "Gt" | "Lt" => !nodes,
            _ => true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let pairs = pairs.iter();
        pairs
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn term(expressions: &[Requirement], fields: &[Requirement]) -> NodeSelectorTerm {
        NodeSelectorTerm {
            match_expressions: expressions.to_vec(),
            match_fields: fields.to_vec(),
        }
    }

    fn rule(terms: &[NodeSelectorTerm]) -> NodeRule {
        let selector = NodeSelector {
            node_selector_terms: terms.to_vec(),
        };
        NodeRule::of(&Labels::new(), Some(&selector))
    }

    #[test]
    fn requirements_hold_as_kubernetes_says() {
        let node = labels(&[("disk", "ssd"), ("cores", "16"), ("role", "")]);
        let table: &[(&str, &str, &[&str], bool)] = &[
            ("disk", "In", &["ssd", "nvme"], true),
            ("disk", "In", &["hdd"], false),
            ("disk", "In", &[], false),
            ("gone", "In", &["ssd"], false),
            ("role", "In", &[""], true),
            ("disk", "NotIn", &["hdd"], true),
            ("disk", "NotIn", &["ssd"], false),
            ("gone", "NotIn", &["ssd"], true),
            ("disk", "NotIn", &[], true),
            ("role", "Exists", &[], true),
            ("gone", "Exists", &[], false),
            ("gone", "DoesNotExist", &[], true),
            ("role", "DoesNotExist", &[], false),
            ("cores", "Gt", &["8"], true),
            ("cores", "Gt", &["16"], false),
            ("cores", "Lt", &["17"], true),
            ("cores", "Lt", &["16"], false),
            ("gone", "Gt", &["8"], false),
            ("gone", "Lt", &["8"], false),
            ("disk", "Gt", &["8"], false),
            ("cores", "Gt", &["x"], false),
            ("cores", "Gt", &["1", "2"], false),
            ("disk", "Like", &["ssd"], false),
        ];
        for (key, operator, values, expected) in table {
            let asked = requirement(key, operator, values);
            let terms = rule(&[term(&[asked], &[])]);
            assert_eq!(
                terms.matches("n1", &node),
                *expected,
                "{key} {operator} {values:?}"
            );
        }
    }

    #[test]
    fn terms_are_alternatives_and_an_empty_one_matches_nothing() {
        let node = labels(&[("disk", "ssd")]);
        let ssd = requirement("disk", "In", &["ssd"]);
        let hdd = requirement("disk", "In", &["hdd"]);
        assert!(
            rule(&[
                term(std::slice::from_ref(&hdd), &[]),
                term(std::slice::from_ref(&ssd), &[])
            ])
            .matches("n1", &node)
        );
        assert!(!rule(&[term(&[hdd, ssd], &[])]).matches("n1", &node));
        assert!(!rule(&[term(&[], &[])]).matches("n1", &node));
        assert!(!rule(&[]).matches("n1", &node));
        assert!(NodeRule::of(&Labels::new(), None).matches("n1", &node));
    }

    #[test]
    fn fields_know_the_node_by_its_name() {
        let named = rule(&[term(&[], &[requirement("metadata.name", "In", &["n1"])])]);
        assert!(named.matches("n1", &Labels::new()));
        assert!(!named.matches("n2", &Labels::new()));
        assert_eq!(named.named_nodes(), Some(BTreeSet::from(["n1"])));
        let other = rule(&[term(&[], &[requirement("metadata.name", "NotIn", &["n1"])])]);
        assert!(!other.matches("n1", &Labels::new()));
        assert_eq!(other.named_nodes(), None);
        let unknown = rule(&[term(&[], &[requirement("spec.x", "In", &["n1"])])]);
        assert!(!unknown.matches("n1", &Labels::new()));
    }

    #[test]
    fn one_conjunction_is_spelled_as_attributes() {
        let asked = [
            requirement("disk", "In", &["ssd", "nvme"]),
            requirement("disk", "NotIn", &["hdd"]),
            requirement("gpu", "DoesNotExist", &[]),
            requirement("role", "Exists", &[]),
        ];
        let Wording::Attributes(words) = rule(&[term(&asked, &[])]).wording(&|_| false) else {
            panic!("not spelled");
        };
        assert_eq!(words["disk"], ["nvme", "ssd", "!hdd"]);
        assert_eq!(words["gpu"], ["!*"]);
        assert_eq!(words["role"], ["*"]);
    }

    #[test]
    fn what_attributes_cannot_spell_names_the_agents() {
        let ssd = requirement("disk", "In", &["ssd"]);
        let table = [
            rule(&[
                term(std::slice::from_ref(&ssd), &[]),
                term(&[requirement("a", "Exists", &[])], &[]),
            ]),
            rule(&[term(&[requirement("cores", "Gt", &["8"])], &[])]),
            rule(&[term(&[requirement("disk", "In", &["!ssd"])], &[])]),
            rule(&[term(&[requirement("disk", "NotIn", &["*"])], &[])]),
            rule(&[term(
                &[requirement("disk", "In", &["hdd"]), ssd.clone()],
                &[],
            )]),
            rule(&[term(&[], &[requirement("metadata.name", "In", &["n1"])])]),
            rule(&[]),
        ];
        for stated in table {
            let wording = stated.wording(&|_| false);
            assert!(matches!(wording, Wording::Agents(_)), "{stated:?}");
        }
        let zone = rule(&[term(&[requirement("zone", "In", &["a"])], &[])]);
        assert!(matches!(
            zone.wording(&|key| key == "zone"),
            Wording::Agents(_)
        ));
    }

    #[test]
    fn label_selectors_do_not_depend_on_the_order_written() {
        let stated = LabelSelector {
            match_labels: labels(&[("app", "web")]),
            match_expressions: vec![requirement("tier", "In", &["b", "a"])],
        };
        let other = LabelSelector {
            match_labels: Labels::new(),
            match_expressions: vec![
                requirement("tier", "In", &["a", "b"]),
                requirement("app", "In", &["web"]),
            ],
        };
        assert_eq!(Selector::of(&stated), Selector::of(&other));
        assert!(Selector::of(&stated).matches(&labels(&[("app", "web"), ("tier", "a")])));
        assert!(!Selector::of(&stated).matches(&labels(&[("app", "web")])));
        assert!(Selector::of(&LabelSelector::default()).matches(&Labels::new()));
    }
}
