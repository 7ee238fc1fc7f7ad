//! A registry that knows the name `ml`, which tasks with devices belong to. Where no such policy is built in, one
//! stands in that takes every snapshot and plans as `service` does: tests of formats look at no plan of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use apportion_cluster::{Cluster, Framework, Slice};
use apportion_policies::service::Service;
use apportion_policies::{
    Bid, Formulation, ParameterFault, Policy, PolicyError, Registry, Standing, View,
};

struct StandIn;

impl Policy for StandIn {
    fn name(&self) -> &'static str {
        "ml"
    }

    fn check(&self, _: &Cluster, _: &Framework) -> Vec<ParameterFault> {
        Vec::new()
    }

    fn bid(&self, view: &View<'_>) -> Bid {
        Bid::everything(view)
    }

    fn formulate(&self, slice: &Slice<'_>) -> Result<Formulation, PolicyError> {
        Service.formulate(slice)
    }

    fn metrics(&self, _: &Standing<'_>) -> BTreeMap<String, f64> {
        BTreeMap::new()
    }
}

/// The built-in policies, and one called `ml`.
pub fn registry() -> Registry {
    let mut registry = Registry::default();
    if registry.get("ml").is_none() {
        registry.register(Arc::new(StandIn));
    }
    registry
}
