//! Which pods a pod's selector means: the labels it asks for, in the namespaces it looks at.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::objects::{LabelSelector, Labels, PodAffinityTerm, SpreadConstraint};
use super::pods::PodView;
use super::selector::Selector;

/// The label that every namespace carries with its own name.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// A selector over pods with the namespaces that it looks at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PeerSelector {
    pub labels: Selector,
    /// Ascending; only namespaces that hold a pod.
    namespaces: Rc<BTreeSet<String>>,
}

/// Finds the pods that selectors mean.
pub(super) struct Peers<'a> {
    by_namespace: BTreeMap<&'a str, Vec<(usize, &'a Labels)>>,
    namespaces: &'a BTreeMap<String, Labels>,
    found: BTreeMap<PeerSelector, Rc<Vec<usize>>>,
}

impl<'a> Peers<'a> {
    /// Among these pods; `namespaces` are the labels of those that the input holds.
    pub fn new(pods: &[PodView<'a>], namespaces: &'a BTreeMap<String, Labels>) -> Self {
        let mut by_namespace: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (at, view) in pods.iter().enumerate() {
            let metadata = &view.pod.metadata;
            let pods = by_namespace.entry(&metadata.namespace).or_default();
            pods.push((at, &metadata.labels));
        }
        Self {
            by_namespace,
            namespaces,
            found: BTreeMap::new(),
        }
    }

    /// What a term of affinity or anti-affinity selects; `None` if it selects nothing by definition.
    ///
    /// # Errors
    /// If the input does not tell which namespaces it looks at.
    pub fn of_term(
        &self,
        term: &PodAffinityTerm,
        own: &'a PodView<'_>,
    ) -> Result<Option<PeerSelector>, &'static str> {
        let Some(stated) = &term.label_selector else {
            return Ok(None);
        };
        let metadata = &own.pod.metadata;
        let mut labels = keyed(stated, &term.match_label_keys, &metadata.labels);
        for key in &term.mismatch_label_keys {
            if let Some(value) = metadata.labels.get(key) {
                labels.and(key, "NotIn", value);
            }
        }
        let mut namespaces: BTreeSet<String> = term.namespaces.iter().cloned().collect();
        match &term.namespace_selector {
            Some(selector) => namespaces.extend(self.namespaces_of(selector)?),
            None if namespaces.is_empty() => {
                namespaces.insert(metadata.namespace.clone());
            }
            None => {}
        }
        namespaces.retain(|namespace| self.by_namespace.contains_key(namespace.as_str()));
        Ok(Some(PeerSelector {
            labels,
            namespaces: Rc::new(namespaces),
        }))
    }

    /// What a spread constraint counts; `None` if nothing by definition.
    pub fn of_spread(
        &self,
        constraint: &SpreadConstraint,
        own: &PodView<'_>,
    ) -> Option<PeerSelector> {
        let stated = constraint.label_selector.as_ref()?;
        let metadata = &own.pod.metadata;
        Some(PeerSelector {
            labels: keyed(stated, &constraint.match_label_keys, &metadata.labels),
            namespaces: Rc::new(BTreeSet::from([metadata.namespace.clone()])),
        })
    }

    /// The pods that a selector means, ascending.
    pub fn find(&mut self, selector: &PeerSelector) -> Rc<Vec<usize>> {
        if let Some(found) = self.found.get(selector) {
            return Rc::clone(found);
        }
        let namespaces = selector.namespaces.iter();
        let pods = namespaces.filter_map(|namespace| self.by_namespace.get(namespace.as_str()));
        let selected = pods
            .flatten()
            .filter(|(_, labels)| selector.labels.matches(labels));
        let mut found: Vec<usize> = selected.map(|(at, _)| *at).collect();
        found.sort_unstable();
        let found = Rc::new(found);
        self.found.insert(selector.clone(), Rc::clone(&found));
        found
    }

    fn namespaces_of(&self, selector: &LabelSelector) -> Result<Vec<String>, &'static str> {
        let selector = Selector::of(selector);
        let by_name_only = selector.keys().all(|key| key == NAMESPACE_NAME);
        let mut chosen = Vec::new();
        for &namespace in self.by_namespace.keys() {
            let known = self.namespaces.get(namespace);
            if known.is_none() && !by_name_only {
                return Err("it selects namespaces by labels, and the input does not hold them");
            }
            let mut labels = known.cloned().unwrap_or_default();
            labels.insert(NAMESPACE_NAME.to_owned(), namespace.to_owned());
            if selector.matches(&labels) {
                chosen.push(namespace.to_owned());
            }
        }
        Ok(chosen)
    }
}

/// A selector that also asks for the pod's own values of these labels.
fn keyed(stated: &LabelSelector, keys: &[String], own: &Labels) -> Selector {
    let mut labels = Selector::of(stated);
    for key in keys {
        if let Some(value) = own.get(key) {
            labels.and(key, "In", value);
        }
    }
    labels
}
