//! Small stories with known answers: a folder of `tests/scenarios` each, with `snapshot.json` and
//! `expect.json`. Nothing here looks for an exact plan: plans are judged by claims, and by the verifier.
//!
//! To add one: copy a folder, and add its name to the list below. `tests/scenarios/README.md` lists the claims.
#![allow(clippy::unwrap_used)]

#[path = "common/claims.rs"]
mod claims;
mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apportion::engine::{Mode, Options};
use apportion::snapshot;
use apportion_cluster::file::SnapshotFile;
use apportion_cluster::plan::PlanFile;
use apportion_cluster::{Cluster, Fairness, Framework, Proposal, Slice};
use apportion_models::assignment::Placement;
use apportion_policies::service::Service;
use apportion_policies::{Bid, Formulation, ParameterFault, Policy, PolicyError, Standing, View};

use claims::Expectation;
use common::{
    applied, assert_verified, cluster_with, planned, quiet, random, result, without_timings,
};

macro_rules! scenarios {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name));
        })*

        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

scenarios! {
    what_has_no_place_uses_up_no_limit
    a_gang_beyond_a_limit_blocks_nobody
    floors_of_opposite_needs_are_reached
    a_batch_keeps_a_limit
    a_batch_keeps_a_spread
    what_runs_moves_rather_than_break_a_limit
    a_limit_counts_all_shards_of_a_task
    five_in_turn_on_one_agent
    what_follows_the_impossible_waits
    attributes_dedicated_and_cordoned_agents_are_respected
    best_fit_leaves_room_for_the_large_jobs
    certificate_of_two_agents_with_cpu_for_all_and_gpu_for_one
    certificate_of_two_mirrored_agents
    certificate_of_nine_cpu_and_eighteen_gb
    five_replicas_one_per_rack
    five_replicas_one_per_rack_in_four_racks
    a_framework_that_declines_everything_holds_nothing
    a_framework_without_demand_holds_nothing
    a_limit_counts_what_runs
    min_available_that_cannot_be_had
    never_fits_and_blocks_nobody
    an_empty_cluster
    a_lost_agent
    a_running_instance_leaves_an_agent_that_its_rules_forbid
    a_running_instance_stays_where_it_has_no_other_place
    priorities_decide_inside_a_framework_only
    a_quarter_is_not_paid_for_its_sibling
    soft_spread_yields_to_placement
    spread_over_racks_and_zones
    three_gpus_and_two_jobs_of_two
    large_parts_of_devices_share_none
    two_gangs_of_a_hundred
    an_unplaceable_gang_blocks_nobody
    weights_divide_what_all_want
    sixteen_gpus_in_pairs_hold_no_eight
    the_faster_model_goes_to_who_gains_most
    speed_makes_nobody_of_another_priority_wait
    what_runs_on_a_model_that_is_not_allowed_stays_and_counts
    the_second_choice_where_the_first_is_missing
    the_first_choice_has_too_few_devices
    three_devices_and_two_roles
    twenty_close_together_leave_the_large_rack_whole
    twenty_close_together_on_agents_of_one
    two_halves_share_a_device_and_two_larger_parts_do_not
    sixteen_free_gpus_in_pairs_hold_no_eight
    two_gangs_of_a_hundred_gpus
    a_disk_of_five_hundred_and_three_of_two_hundred
    two_volumes_go_where_both_fit
    two_volumes_that_never_fit
    a_group_member_is_told_the_limit_of_another
    a_gang_that_runs_in_part_waits_for_the_rest
    drf_of_nine_cpu_and_eighteen_gb
    drf_with_a_weight_of_two
    drf_gives_six_agents_to_weights_of_one_two_three
    maxmin_of_cpu_for_all_and_gpu_for_one
    nash_of_three_agents_in_a_chain
    maxmin_of_three_agents_in_a_chain
    drf_of_three_agents_in_a_chain
    a_subtree_keeps_its_own_half
    no_leaf_is_paid_for_its_siblings_saturation
    a_limit_counts_what_may_have_to_go_back
    a_move_adds_nothing_to_a_limit
    what_stays_beyond_its_agent_counts
    five_sevenths_of_a_guarantee_are_whole
    a_parents_limit_binds_its_children
    a_guarantee_is_held_for_a_role_without_a_framework
    a_guarantee_is_lent_for_a_role_without_a_framework
    a_lost_agent_shortens_guarantees
    a_guarantee_goes_before_weights
    a_guarantee_beyond_demand_is_held_all_the_same
    a_lent_guarantee_counts_as_far_as_there_is_demand
    a_limit_leaves_the_rest_to_others
    a_limit_chops_an_agent
    a_limit_of_one_resource_binds_no_other
    children_share_the_limit_of_their_parent
    a_childs_guarantee_lies_within_its_parents
    two_frameworks_of_a_role_share_its_part
    drf_in_a_tree_reads_it_in_pre_order
    drf_counts_what_runs
    drf_serves_gangs_whole_or_not_at_all
    drf_obeys_limits_and_guarantees
    a_guarantee_is_held_where_its_role_can_use_it
    who_has_only_what_is_held_for_others_is_left_out
    a_guarantee_of_everything_leaves_nothing_to_others
    every_rack_is_left_to_who_spreads
    a_limit_below_what_runs_takes_nothing_away
    three_levels_of_roles
    agents_with_gpus_are_left_to_who_needs_them
    a_thousand_maps_whose_data_is_on_one_agent
    maps_that_start_now_take_the_slots_beside_their_data
    reducers_follow_their_maps
    reducers_go_to_the_rack_that_holds_most_of_the_output
    who_waited_longer_goes_first_unless_the_network_says_otherwise
    two_into_one_with_room_for_three
    two_into_one_with_room_for_two
    two_into_one_as_an_exchange
    volumes_go_together_to_the_local_unit_that_holds_both
    who_reads_data_is_served_beside_it
    volumes_that_fit_on_no_unit_are_short
    a_unit_of_five_hundred_and_three_replicas_of_two_hundred
    a_unit_limits_what_survives
    replicas_in_distinct_racks_next_to_their_units
    a_fourth_replica_finds_no_fourth_rack
    data_is_not_copied_without_need
    load_is_even_over_units_where_nothing_else_decides
    replicas_that_run_keep_their_units
}

/// One agent of 4 cpu, on which the `old` runs; others want the cpu. Under every rule of shares, with few frameworks and so
/// many that `drf` fills in steps.
fn beside_what_runs(old: &str) {
    for n_frameworks in [2, 300] {
        let ids: Vec<String> = (1..n_frameworks).map(|at| format!("f{at:03}")).collect();
        let framework = |id: &str| format!(r#"{{"id": "{id}", "policy": "service"}}"#);
        let job = |id: &str, resources: &str| {
            let task = format!(r#"{{"id": "t", "instances": 1, "resources": {resources}}}"#);
            format!(r#"{{"id": "{id}", "framework": "{id}", "tasks": [{task}]}}"#)
        };
        let frameworks: Vec<String> = ids.iter().map(|id| framework(id)).collect();
        let jobs: Vec<String> = { ids.iter() }
            .map(|id| job(id, r#"{"cpu_milli": 5}"#))
            .collect();
        let file = format!(
            r#"{{"version": "apportion/v1",
                "agents": [{{"id": "one", "resources": {{"cpu_milli": 4000}}}}],
                "frameworks": [{}, {}], "jobs": [{}, {}],
                "placements": [{{"job": "old", "task": "t", "agent": "one", "instances": 1}}]}}"#,
            framework("old"),
            frameworks.join(", "),
            job("old", old),
            jobs.join(", ")
        );
        let file = snapshot::parse(file.as_bytes()).unwrap();
        let cluster = cluster_with(&file, &quiet());
        for fairness in Fairness::ALL {
            let options = Options {
                fairness: Some(fairness),
                ..quiet()
            };
            let plan = planned(&cluster, &options);
            assert_eq!(result(&plan, "old").placed, 1, "{fairness:?}");
            let written = serde_json::to_vec(&plan).unwrap();
            let read: PlanFile = serde_json::from_slice(&written).unwrap();
            assert_eq!(read, plan, "{fairness:?}");
        }
    }
}

#[test]
fn what_runs_may_need_what_no_agent_has_any_more() {
    beside_what_runs(r#"{"gpu_milli": 1000}"#);
    beside_what_runs(r#"{"gpu_milli": 1000, "cpu_milli": 1000}"#);
}

#[test]
fn what_runs_may_be_larger_than_its_agent() {
    beside_what_runs(r#"{"cpu_milli": 5000}"#);
}

#[test]
fn every_folder_is_in_the_list() {
    let folders = std::fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut folders: Vec<String> = folders
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    folders.sort();
    let mut names = NAMES.to_vec();
    names.sort_unstable();
    assert_eq!(folders, names);
}

/// Stories of other allocators' tests and papers say which.
#[test]
fn stories_told_before_name_their_source() {
    let sources = NAMES.iter().filter_map(|name| {
        let bytes = std::fs::read(root().join(name).join("expect.json")).unwrap();
        serde_json::from_slice::<Expectation>(&bytes)
            .unwrap()
            .source
    });
    let sources: Vec<String> = sources.collect();
    assert!(sources.len() >= 20, "{sources:?}");
    assert!(
        sources.iter().all(|source| source.split(", ").count() >= 3),
        "{sources:?}"
    );
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

/// Plans a scenario every way there is, and checks its claims on the default one.
fn run(name: &str) {
    let bytes = std::fs::read(root().join(name).join("snapshot.json")).unwrap();
    let expectation = std::fs::read(root().join(name).join("expect.json")).unwrap();
    let expectation: Expectation = serde_json::from_slice(&expectation).unwrap();
    assert!(
        !expectation.claims.is_empty() && expectation.why.lines().count() == 1,
        "{name} says what and why"
    );

    let options = options();
    let file = snapshot::parse(&bytes).unwrap();
    let cluster = cluster_with(&file, &options);
    let plan = planned(&cluster, &options);
    let wrong = expectation
        .claims
        .iter()
        .filter_map(|claim| claim.check(&cluster, &plan).err());
    let wrong: Vec<String> = wrong.collect();
    assert!(
        wrong.is_empty(),
        "{}\n{}\n{}",
        expectation.why,
        wrong.join("\n"),
        without_timings(&plan)
    );

    shuffled_input_gives_the_same_plan(&file, &plan, &options);
    the_plan_applied_has_nothing_left_to_do(&file, &cluster, &plan, &options);
    planned(
        &cluster,
        &Options {
            mode: Mode::Greedy,
            ..options
        },
    );
}

fn shuffled_input_gives_the_same_plan(file: &SnapshotFile, plan: &PlanFile, options: &Options) {
    let shuffled = cluster_with(&random::shuffled(file, 1), options);
    assert_eq!(
        without_timings(&planned(&shuffled, options)),
        without_timings(plan),
        "another order, another plan"
    );
}

fn the_plan_applied_has_nothing_left_to_do(
    file: &SnapshotFile,
    cluster: &Cluster,
    plan: &PlanFile,
    options: &Options,
) {
    let next = cluster_with(&applied(file, cluster, plan), options);
    let again = planned(&next, options);
    // Of what follows in time only the first starts now: what comes next is planned anew, and verified.
    if plan.placements.iter().any(|it| it.start_ms.is_some()) {
        return;
    }
    assert_eq!(
        again.placements, plan.placements,
        "planned again, something changes"
    );
    assert_eq!(again.moves, []);
}

/// The default options with the policies that scenarios use.
fn options() -> Options {
    let mut options = quiet();
    options.policies.register(Arc::new(Declines));
    options
}

/// A third party's policy: it wants everything and takes nothing.
struct Declines;

impl Policy for Declines {
    fn name(&self) -> &'static str {
        "declines"
    }

    fn check(&self, _: &Cluster, _: &Framework) -> Vec<ParameterFault> {
        Vec::new()
    }

    fn bid(&self, view: &View<'_>) -> Bid {
        Service.bid(view)
    }

    fn formulate(&self, slice: &Slice<'_>) -> Result<Formulation, PolicyError> {
        Service.formulate(slice)
    }

    fn decode(&self, _: &Formulation, _: &Placement) -> Proposal {
        Proposal::default()
    }

    fn metrics(&self, _: &Standing<'_>) -> BTreeMap<String, f64> {
        BTreeMap::new()
    }
}

/// Mesos keeps filtering for a framework that declines, and lets its share idle.
#[test]
fn what_a_framework_declines_goes_to_the_others() {
    let name = "a_framework_that_declines_everything_holds_nothing";
    let bytes = std::fs::read(root().join(name).join("snapshot.json")).unwrap();
    let with = snapshot::parse(&bytes).unwrap();
    let mut without = with.clone();
    without
        .frameworks
        .retain(|framework| framework.policy != "declines");
    without.jobs.retain(|job| {
        without
            .frameworks
            .iter()
            .any(|framework| framework.id == job.framework)
    });
    let options = options();
    let with = planned(&cluster_with(&with, &options), &options);
    let without = planned(&cluster_with(&without, &options), &options);
    for left in &without.frameworks {
        assert_eq!(result(&with, &left.id).placed, left.placed);
    }
}

/// A snapshot of ten agents loses them one by one: what runs elsewhere stays, and what can be is restored.
#[test]
fn agents_are_lost_one_by_one() {
    let options = options();
    let mut file = random::snapshot(
        7,
        random::Size {
            agents: 10,
            instances: 40,
            frameworks: 2,
            room: 12,
            running: false,
        },
    );
    while file.agents.len() > 1 {
        let cluster = cluster_with(&file, &options);
        let plan = planned(&cluster, &options);
        file = applied(&file, &cluster, &plan);
        let lost = file.agents.pop().unwrap().id;
        file.placements.retain(|placed| placed.agent != lost);
        for task in file.jobs.iter_mut().flat_map(|job| &mut job.tasks) {
            if let Some(named) = &mut task.constraints.agents {
                named.retain(|agent| *agent != lost);
                if named.is_empty() {
                    task.constraints.agents = None;
                }
            }
        }
    }
    let cluster = cluster_with(&file, &options);
    assert_verified(&cluster, &planned(&cluster, &options));
}

/// Nothing moves without strict gain: for 100 random clusters, crowded ones included, the applied plan is
/// its own plan.
#[test]
fn planning_an_applied_plan_again_changes_nothing() {
    let options = options();
    let (mut partial, mut complete) = (0, 0);
    for seed in 0..100 {
        // Every second one is crowded.
        let instances = if seed % 2 == 0 { 30 } else { 10 };
        let size = random::Size {
            agents: 8,
            instances,
            frameworks: 3,
            room: 8,
            running: true,
        };
        let file = random::snapshot(seed, size);
        let cluster = cluster_with(&file, &options);
        let plan = planned(&cluster, &options);
        match plan.unplaced.is_empty() {
            true => complete += 1,
            false => partial += 1,
        }
        let next = random::shuffled(&applied(&file, &cluster, &plan), seed + 1);
        let again = planned(&cluster_with(&next, &options), &options);
        assert_eq!(again.placements, plan.placements, "seed {seed}");
        assert!(again.moves.is_empty(), "seed {seed}");
    }
    assert!(
        partial >= 10 && complete >= 10,
        "{partial} partial, {complete} complete: too one-sided a generator"
    );
}
