//! What every policy has to satisfy, one line per policy.
//!
//! A policy in a crate of its own copies this file and the folder beside it, and changes the last lines.
#![allow(clippy::unwrap_used)]

#[path = "conformance/clusters.rs"]
mod clusters;
#[path = "conformance/suite.rs"]
mod suite;

/// The suite for one policy: `conformance!(module_name, policy)`.
macro_rules! conformance {
    ($name:ident, $policy:expr) => {
        mod $name {
            use super::suite;

            #[test]
            fn has_a_stable_name() {
                suite::has_a_stable_name(&$policy);
            }

            #[test]
            fn accepts_a_framework_without_parameters_and_refuses_nonsense() {
                suite::accepts_a_framework_without_parameters_and_refuses_nonsense(&$policy);
            }

            #[test]
            fn bids_for_its_own_tasks_the_same_every_time() {
                suite::bids_for_its_own_tasks_the_same_every_time(&$policy);
            }

            #[test]
            fn formulates_valid_models_inside_the_slice() {
                suite::formulates_valid_models_inside_the_slice(&$policy);
            }

            #[test]
            fn formulates_the_same_every_time() {
                suite::formulates_the_same_every_time(&$policy);
            }

            #[test]
            fn decodes_answers_into_proposals_inside_the_slice() {
                suite::decodes_answers_into_proposals_inside_the_slice(&$policy);
            }

            #[test]
            fn knows_no_names() {
                suite::knows_no_names(&$policy);
            }

            #[test]
            fn takes_slices_of_nothing() {
                suite::takes_slices_of_nothing(&$policy);
            }

            #[test]
            fn measures_finite_numbers() {
                suite::measures_finite_numbers(&$policy);
            }
        }
    };
}

conformance!(service, apportion_policies::service::Service);
conformance!(ml, apportion_policies::ml::Ml);
conformance!(mapreduce, apportion_policies::mapreduce::MapReduce);
conformance!(workflow, apportion_policies::workflow::Workflow);
conformance!(storage, apportion_policies::storage::Storage);

#[test]
fn the_guide_quotes_the_example_as_it_is() {
    let file = |path: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(path);
        std::fs::read_to_string(&path).unwrap()
    };
    let (guide, example) = (
        file("docs/add-a-policy.md"),
        file("examples/third_party_policy.rs"),
    );
    let code: Vec<&str> = example.lines().map(str::trim).collect();
    let quoted = guide
        .split("```rust\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let quoted: Vec<&str> = quoted
        .flat_map(str::lines)
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    assert!(
        !quoted.is_empty() && code.windows(quoted.len()).any(|lines| lines == quoted),
        "{quoted:#?}"
    );
}
