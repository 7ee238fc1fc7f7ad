//! Policies by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::contract::Policy;
use crate::mapreduce::MapReduce;
use crate::ml::Ml;
use crate::service::Service;
use crate::storage::Storage;
use crate::workflow::Workflow;

/// Policies by name: the built-in ones, and those that an embedder adds.
#[derive(Clone)]
pub struct Registry {
    policies: BTreeMap<String, Arc<dyn Policy>>,
}

impl Default for Registry {
    fn default() -> Self {
        let mut registry = Self {
            policies: BTreeMap::new(),
        };
        registry.register(Arc::new(Service));
        registry.register(Arc::new(Ml));
        registry.register(Arc::new(MapReduce));
        registry.register(Arc::new(Storage));
        registry.register(Arc::new(Workflow));
        registry
    }
}

impl Registry {
    /// Adds `policy` under its own name, in place of one of the same name.
    pub fn register(&mut self, policy: Arc<dyn Policy>) {
        self.policies.insert(policy.name().to_owned(), policy);
    }

    /// The policy called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Policy>> {
        self.policies.get(name)
    }

    /// Names in ascending order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.policies.keys().map(String::as_str)
    }
}
