//! The smallest worked example, the rows of the model, each alone, and what becomes of a class.
#![allow(clippy::unwrap_used)]

mod support;

use apportion_cluster::{
    AgentIdx, Cluster, FrameworkIdx, Proposal, Quantities, RunningUnit, Shard, Slice, TaskIdx,
    UnitIdx,
};
use apportion_models::assignment::Placement;

use self::support::{
    RACK, bin, broken, cluster, formulate, of_classes, proposal, shard, solved, values,
};
use super::Storage;
use crate::baselines::StorageBaseline;
use crate::contract::{Policy, Standing};

#[test]
fn smallest_worked_example() {
    let shards = vec![(1, shard("s", [0, 1, 0], &[(60, None), (60, None)]))];
    let units = [(None, 0, [100, 9, 9]), (None, 0, [130, 9, 9])];
    let cluster = cluster(&[(0, 4)], &units, shards);
    let (formulation, placement) = solved(&cluster);
    let proposal = Storage.decode(&formulation, &placement);
    assert_eq!(proposal.units.len(), 1);
    assert_eq!(proposal.units[0].unit, UnitIdx(1));
    let metrics = Storage.metrics(&Standing {
        cluster: &cluster,
        framework: FrameworkIdx(0),
        placements: &proposal.placements,
        units: &proposal.units,
        devices: &[],
        times: &[],
        free: &cluster.free(),
        free_devices: &cluster.free_devices(),
    });
    assert_eq!(metrics["io_hops"], 1.0);
    assert_eq!(metrics["copied_mib"], 0.0);
    assert_eq!(metrics["max_utilization"], 1.0 / 9.0);
    assert_eq!((metrics["complete_shards"], metrics["shards"]), (1.0, 1.0));
}

#[test]
fn a_unit_holds_so_much_of_each_resource() {
    for (need, row) in [
        ([60, 1, 1], "unit[u0,capacity_mib]"),
        ([1, 6, 1], "unit[u0,iops]"),
        ([1, 1, 6], "unit[u0,mib_s]"),
    ] {
        let units = [(None, 0, [100, 10, 10]), (None, 0, [100, 10, 10])];
        let cluster = cluster(&[(0, 4)], &units, vec![(2, shard("s", need, &[]))]);
        assert_eq!(broken(&cluster, &[(0, 0), (0, 1)]), Vec::<String>::new());
        assert_eq!(broken(&cluster, &[(0, 0), (0, 0)]), [row]);
    }
}

#[test]
fn an_agent_holds_what_runs_there_and_the_count_is_kept() {
    let cluster = cluster(
        &[(0, 1), (0, 4)],
        &[(None, 0, [100; 3])],
        vec![(2, shard("s", [1; 3], &[]))],
    );
    assert_eq!(
        broken(&cluster, &[(0, 0), (0, 0)]),
        ["capacity[a0,cpu_milli]"]
    );
    let three = [(1, 0), (1, 0), (1, 0)];
    assert_eq!(broken(&cluster, &three), ["once[pg/server/s]"]);
}

#[test]
fn distinct_counts_units_and_agents_and_what_stays() {
    let apart = Shard {
        distinct: Some(RACK),
        ..shard("s", [1; 3], &[])
    };
    let units = [(None, 0, [9; 3]), (None, 1, [9; 3])];
    let mut cluster = cluster(&[(0, 4), (1, 4)], &units, vec![(2, apart)]);
    assert_eq!(broken(&cluster, &[(0, 0), (1, 1)]), Vec::<String>::new());
    let unit = ["distinct_unit[pg/server/s,rack][r0]"];
    assert_eq!(broken(&cluster, &[(0, 0), (1, 0)]), unit);
    let agent = ["distinct_agent[pg/server/s,rack][r0]"];
    assert_eq!(broken(&cluster, &[(0, 0), (0, 1)]), agent);
    let running = proposal(&[(0, 0)]);
    cluster.running = running.placements;
    cluster.running_units = running.units;
    assert_eq!(broken(&cluster, &[(1, 0)]), unit);
    assert_eq!(broken(&cluster, &[(1, 1)]), Vec::<String>::new());
}

#[test]
fn distance_is_io_times_hops_and_what_is_copied() {
    // Ten operations; 60 MiB on u0 and 5 on no unit yet.
    let of = shard("s", [0, 10, 0], &[(60, Some(0)), (5, None)]);
    let units = [(Some(0), 0, [200; 3]), (None, 1, [200; 3])];
    let mut cluster = cluster(&[(0, 4), (0, 4), (1, 4)], &units, vec![(2, of)]);
    let distance = |cluster: &Cluster, place| values(cluster, &[place])[1];
    assert_eq!(
        distance(&cluster, (0, 0)),
        0.0,
        "its own unit, where the data is"
    );
    assert_eq!(distance(&cluster, (1, 0)), 10.0, "within the rack");
    assert_eq!(distance(&cluster, (2, 0)), 20.0, "across racks");
    assert_eq!(
        distance(&cluster, (2, 1)),
        10.0 + 60.0,
        "copied to the other unit"
    );
    // Where a replica runs, all its volumes are: the other copies them all, and the one that runs only reads.
    let running = proposal(&[(1, 0)]);
    cluster.running = running.placements;
    cluster.running_units = running.units;
    assert_eq!(distance(&cluster, (2, 1)), 10.0 + 10.0 + 65.0);
    assert_eq!(distance(&cluster, (0, 0)), 10.0 + 0.0);
}

#[test]
fn utilization_is_the_fullest_units_part_and_says_nothing_of_capacity() {
    let units = [(None, 0, [100, 100, 10]), (None, 0, [100, 50, 100])];
    let cluster = cluster(&[(0, 4)], &units, vec![(2, shard("s", [90, 10, 2], &[]))]);
    assert_eq!(values(&cluster, &[(0, 0), (0, 1)])[2], 200.0);
    assert_eq!(values(&cluster, &[(0, 1)])[2], 200.0);
    assert_eq!(values(&cluster, &[])[2], 0.0);
}

/// Units of [`of_classes`], by (agent, rack, amounts): one in the first rack, two in the second.
const ONE_AND_TWO: [(Option<u32>, u32, [i64; 3]); 3] = [
    (None, 0, [100; 3]),
    (None, 1, [100; 3]),
    (None, 1, [100; 3]),
];

#[test]
fn many_agents_are_classes_and_what_fits_none_of_a_class_goes_elsewhere() {
    let units = [(None, 0, [100; 3]), (None, 1, [100; 3])];
    let cluster = of_classes(&units, vec![(2, shard("s", [1; 3], &[]))]);
    let formulation = formulate(&cluster);
    assert!(formulation.bins.len() < 20, "{}", formulation.bins.len());
    let task = cluster.tasks[0].id.clone();
    // Both in the class of the first rack, which is large enough in sum alone.
    let answer = Placement::new(vec![(0, bin(&formulation, 0, 0), 2)]);
    let dealt = Storage.decode(&formulation, &answer);
    let agents: Vec<u32> = dealt.placements.iter().map(|it| it.agent.0).collect();
    let placed: i64 = dealt.placements.iter().map(|it| it.instances).sum();
    assert_eq!(placed, 2, "{task}: {agents:?}");
    assert!(agents.iter().all(|agent| *agent >= 398), "{agents:?}");
}

/// What went elsewhere may have filled a unit: others leave it for one that is as near, and keep their agents.
#[test]
fn what_goes_elsewhere_leaves_no_unit_fuller_than_it_must_be() {
    let shards = vec![
        (2, shard("large", [1; 3], &[])),
        (2, shard("busy", [1, 30, 1], &[])),
    ];
    let cluster = of_classes(&ONE_AND_TWO, shards);
    let formulation = formulate(&cluster);
    // The large ones fit on no agent of the first rack; both busy ones are on one unit of the second.
    let answer = Placement::new(vec![
        (0, bin(&formulation, 0, 0), 2),
        (1, bin(&formulation, 1, 300), 2),
    ]);
    let dealt = Storage.decode(&formulation, &answer);
    let busy = dealt.units.iter().filter(|it| it.task == TaskIdx(1));
    let mut on: Vec<(u32, i64)> = busy.map(|it| (it.unit.0, it.instances)).collect();
    on.sort_unstable();
    assert_eq!(on, [(1, 1), (2, 1)]);
    let in_rack = |it: &RunningUnit| it.agent.0 >= 200;
    assert!(dealt.units.iter().all(in_rack), "{:?}", dealt.units);
}

/// Where no replica may leave the fullest unit, two are exchanged.
#[test]
fn what_goes_elsewhere_lets_others_be_exchanged() {
    let busy = |id, iops| (1, shard(id, [1, iops, 1], &[]));
    let shards = vec![
        (2, shard("large", [1; 3], &[])),
        busy("a", 50),
        busy("b", 40),
        busy("c", 20),
        busy("d", 30),
    ];
    let cluster = of_classes(&ONE_AND_TWO, shards);
    let formulation = formulate(&cluster);
    let [elsewhere, first, second] =
        [(0, 0), (1, 300), (2, 300)].map(|(unit, agent)| bin(&formulation, unit, agent));
    let placed = [(1, first), (2, first), (3, second), (4, second)];
    let placed = placed.map(|(item, bin)| (item, bin, 1));
    let answer = Placement::new([&[(0, elsewhere, 2)][..], &placed].concat());
    let dealt = Storage.decode(&formulation, &answer);
    let load = |unit: u32| -> i64 {
        let on = dealt.units.iter().filter(|it| it.unit == UnitIdx(unit));
        on.map(|it| {
            let need = cluster.task(it.task).shard.as_ref().unwrap().need;
            need[1] * it.instances
        })
        .sum()
    };
    // Before, one had 90 and the other no room for 40 below that.
    assert_eq!(load(1) + load(2), 142);
    assert!(load(1).max(load(2)) <= 72, "{} {}", load(1), load(2));
}

#[test]
fn baselines_keep_every_rule_and_each_does_what_it_is_called() {
    // Local to a1, and one that is half full by what is offered.
    let units = [(Some(1), 0, [100, 100, 100]), (None, 1, [400, 400, 400])];
    let apart = Shard {
        distinct: Some(RACK),
        ..shard("s", [60, 10, 10], &[(60, Some(1))])
    };
    let cluster = cluster(&[(0, 4), (0, 4), (1, 4)], &units, vec![(2, apart)]);
    for baseline in StorageBaseline::ALL {
        let slice = Slice::whole(&cluster, FrameworkIdx(0));
        let placed = baseline.place(&slice);
        let formulation = formulate(&cluster);
        let faults = formulation
            .assignment
            .faults(&formulation.placement(&placed));
        assert!(faults.is_empty(), "{}: {faults:?}", baseline.name());
        assert_eq!(placed.units.len(), 2, "{}", baseline.name());
    }
    let first = |baseline: StorageBaseline| {
        let mut slice = Slice::whole(&cluster, FrameworkIdx(0));
        slice.pending = vec![(TaskIdx(0), 1)];
        let units = baseline.place(&slice).units;
        (units[0].agent.0, units[0].unit.0)
    };
    assert_eq!(first(StorageBaseline::FirstFitDecreasing), (0, 0));
    assert_eq!(first(StorageBaseline::LeastLoaded), (2, 1));
    assert_eq!(first(StorageBaseline::Nearest), (2, 1));
}

/// A cluster that is full to the brim: dealt out by size, the last replica fits nowhere. The places that all of them had before are there for
/// replicas of the same demand, next to the unit that the answer gives each.
#[test]
fn what_fits_in_sum_alone_takes_the_places_that_there_were() {
    let mut agents = vec![(0, 0); 400];
    (agents[0].1, agents[1].1) = (6, 5);
    let units = [(None, 0, [100; 3]), (None, 0, [100; 3])];
    let shards = [("s4", 1), ("s3", 1), ("s2", 2)];
    // Their data is on the second unit.
    let shards = shards.map(|(id, replicas)| (replicas, shard(id, [1; 3], &[(1, Some(1))])));
    let mut cluster = cluster(&agents, &units, shards.to_vec());
    for (task, cpu) in cluster.tasks.iter_mut().zip([4, 3, 2]) {
        task.demand = Quantities(vec![cpu]);
    }
    let formulation = formulate(&cluster);
    let place = |task: u32, agent: u32| (TaskIdx(task), AgentIdx(agent), Some(UnitIdx(0)), 1);
    let places = [place(0, 0), place(1, 1), place(2, 0), place(2, 1)];
    let start = Proposal::on_units(places.into_iter());
    let there = bin(&formulation, 1, 0);
    assert_eq!(there, bin(&formulation, 1, 1), "one class");
    let answer = Placement::new(vec![(0, there, 1), (1, there, 1), (2, there, 2)]);
    let n_placed = |dealt: &Proposal| dealt.placements.iter().map(|it| it.instances).sum::<i64>();
    assert_eq!(n_placed(&Storage.decode(&formulation, &answer)), 3);
    let near = Storage.decode_near(&formulation, &answer, &start);
    assert_eq!(near.placements, start.placements);
    assert!(near.units.iter().all(|it| it.unit == UnitIdx(1)));
    // Where the answer fits as it is, nothing that was before it counts.
    let answer = Placement::new(vec![(1, there, 1), (2, there, 2)]);
    let dealt = Storage.decode(&formulation, &answer);
    assert_eq!(n_placed(&dealt), 3);
    let near = Storage.decode_near(&formulation, &answer, &start);
    assert_eq!(
        (near.placements, near.units),
        (dealt.placements, dealt.units)
    );
}
