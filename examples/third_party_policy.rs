//! A policy of one's own, as it would stand in a crate of one's own: `pack` places what it can, and then
//! uses as few agents as it can, so that the rest may be switched off.
//!
//! Run it: `cargo run --release --example third_party_policy`. `docs/add-a-policy.md` goes through it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apportion::engine::{self, Options};
use apportion::{snapshot, verify};

/// What would be `src/lib.rs` of the crate `my-pack-policy`.
mod pack {
    use super::{Arc, BTreeMap, BTreeSet};
    use apportion_cluster::{Cluster, Framework, Slice};
    use apportion_models::assignment::{Cap, Objective, Stage, Term};
    use apportion_policies::service::Service;
    use apportion_policies::{
        Bid, Formulation, ParameterFault, Policy, PolicyError, StageRole, Standing, View,
    };

    /// Place, then open as few agents as possible.
    ///
    /// # Model
    /// Columns and hard rules are those of [`Service`]: `capacity`, `once`, `limit`, `spread` and `gang` mean
    /// the same in every policy. One row is its own: `crowd[a]`, at most `max_per_agent` instances on an agent.
    /// Objective: `placed` (maximize), then `agents_used` (minimize): agents opened on which nothing runs.
    pub struct Pack {
        /// Most instances of one framework on one agent.
        pub max_per_agent: i64,
    }

    impl Policy for Pack {
        fn name(&self) -> &'static str {
            "pack"
        }

        fn check(&self, _: &Cluster, framework: &Framework) -> Vec<ParameterFault> {
            let faults = framework.parameters.keys().map(|key| ParameterFault {
                key: key.clone(),
                cause: "the policy `pack` has no parameters".to_owned(),
                action: "remove it".to_owned(),
            });
            faults.collect()
        }

        fn bid(&self, view: &View<'_>) -> Bid {
            Bid::everything(view)
        }

        fn formulate(&self, slice: &Slice<'_>) -> Result<Formulation, PolicyError> {
            let mut formulation = Service.formulate(slice)?;
            formulation
                .assignment
                .caps
                .extend(crowd(slice, self.max_per_agent));
            formulation.assignment.stages = vec![placed(slice), agents_used(slice)];
            formulation.roles = vec![StageRole::Placed, StageRole::Quality];
            formulation.units = vec![1, 1];
            formulation.constants = vec![value_of_kept(slice), 0.0];
            Ok(formulation)
        }

        fn metrics(&self, standing: &Standing<'_>) -> BTreeMap<String, f64> {
            let agents: BTreeSet<_> = standing
                .placements
                .iter()
                .map(|placed| placed.agent)
                .collect();
            BTreeMap::from([("agents_used".to_owned(), agents.len() as f64)])
        }
    }

    /// `crowd[a]`: at most `most` instances on an agent, those that stay running included.
    fn crowd(slice: &Slice<'_>, most: i64) -> Vec<Cap> {
        let items = Arc::new((0u32..).take(slice.pending.len()).collect::<Vec<u32>>());
        let rows = (0u32..).zip(&slice.offers).map(|(bin, offer)| {
            let kept = slice.kept.iter().filter(|kept| kept.agent == offer.agent);
            let kept: i64 = kept.map(|kept| kept.instances).sum();
            Cap {
                name: format!("crowd[{}]", slice.cluster.agent(offer.agent).id),
                items: Arc::clone(&items),
                bins: Arc::new(vec![bin]),
                max: (most - kept).max(0),
                weights: Vec::new(),
            }
        });
        rows.collect()
    }

    fn placed(slice: &Slice<'_>) -> Stage {
        let terms = (0u32..).zip(&slice.pending);
        let terms = terms.map(|(item, (task, _))| Term {
            item,
            value: slice.cluster.task(*task).value,
        });
        Stage {
            name: "placed".to_owned(),
            objective: Objective::Value(terms.collect()),
        }
    }

    fn value_of_kept(slice: &Slice<'_>) -> f64 {
        let kept = slice
            .kept
            .iter()
            .map(|kept| slice.cluster.task(kept.task).value * kept.instances);
        kept.sum::<i64>() as f64
    }

    fn agents_used(slice: &Slice<'_>) -> Stage {
        let costs = slice
            .offers
            .iter()
            .map(|offer| i64::from(!slice.occupied[offer.agent.at()]));
        Stage {
            name: "agents_used".to_owned(),
            objective: Objective::Opened(costs.collect()),
        }
    }
}

/// Five agents; nightly work of twelve instances, and a web service that spreads over two racks.
const SNAPSHOT: &str = r#"{
  "version": "apportion/v1", "cluster": "example", "levels": ["rack"],
  "agents": [
    {"id": "a1", "domains": {"rack": "r1"}, "resources": {"cpu_milli": 8000}},
    {"id": "a2", "domains": {"rack": "r1"}, "resources": {"cpu_milli": 8000}},
    {"id": "a3", "domains": {"rack": "r2"}, "resources": {"cpu_milli": 8000}},
    {"id": "a4", "domains": {"rack": "r2"}, "resources": {"cpu_milli": 8000}},
    {"id": "a5", "domains": {"rack": "r2"}, "resources": {"cpu_milli": 8000}}
  ],
  "frameworks": [
    {"id": "nightly", "policy": "pack"},
    {"id": "site", "policy": "service"}
  ],
  "jobs": [
    {"id": "reports", "framework": "nightly", "tasks": [{"id": "t", "instances": 12, "resources": {"cpu_milli": 1000}}]},
    {"id": "web", "framework": "site", "tasks": [{"id": "t", "instances": 6, "resources": {"cpu_milli": 1000}}]}
  ]
}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = Options::default();
    options
        .policies
        .register(Arc::new(pack::Pack { max_per_agent: 4 }));

    let cluster = snapshot::read_with(SNAPSHOT.as_bytes(), &options.policies)?;
    let plan = engine::plan(&cluster, &options)?;

    let report = verify::verify(&cluster, &plan);
    assert!(report.holds(), "{:?}", report.violations);
    assert_eq!(plan.unplaced, []);

    let nightly = &plan.frameworks[0];
    assert_eq!((nightly.policy.as_str(), nightly.placed), ("pack", 12));
    // Twelve instances, at most four to an agent: three agents, and no plan on these offers has fewer.
    let agents_used = nightly.stages.last().ok_or("pack has two stages")?;
    assert_eq!((agents_used.objective, agents_used.bound), (3.0, Some(3.0)));
    let here = |agent: &str| {
        let here = plan
            .placements
            .iter()
            .filter(|placed| placed.job == "reports" && placed.agent == agent);
        here.map(|placed| placed.instances).sum::<i64>()
    };
    assert!(cluster.agents.iter().all(|agent| here(&agent.id) <= 4));

    for placed in &plan.placements {
        println!("{:8} {} on {}", placed.job, placed.instances, placed.agent);
    }
    let wrong = SNAPSHOT.replace(
        r#""policy": "pack""#,
        r#""policy": "pack", "parameters": {"tight": true}"#,
    );
    let faults = snapshot::read_with(wrong.as_bytes(), &options.policies)
        .expect_err("pack has no parameters");
    println!("with a parameter: {faults}");
    Ok(())
}
