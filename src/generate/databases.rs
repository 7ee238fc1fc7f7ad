//! Storage units, and jobs of the policy `storage` that keep data on them.
//!
//! Every second unit is local to an agent, the others stand in a rack by themselves. A shard has three replicas in distinct racks (fewer
//! where its job asks for no more); its volumes, one or two, are on some unit already in two of three cases.

use apportion_cluster::file::{
    AgentFile, FrameworkFile, JobFile, ShardFile, TaskFile, UnitFile, VolumeFile,
};

use super::demands::Demand;
use super::random::Random;
use super::shapes::Shape;

/// Replicas of a shard.
const REPLICAS: i64 = 3;
/// At most this part of the smallest unit is taken by one replica: 1 in so many.
const LEAST_PER_UNIT: i64 = 4;

/// Units in racks that follow one another.
pub(super) fn units(n_units: usize, agents: &[AgentFile], random: &mut Random) -> Vec<UnitFile> {
    let unit = |at: usize| {
        let agent = &agents[at * agents.len() / n_units];
        let local = at.is_multiple_of(2);
        UnitFile {
            id: format!("unit-{:04}", at + 1),
            agent: local.then(|| agent.id.clone()),
            domains: match local {
                true => Default::default(),
                false => agent.domains.clone(),
            },
            capacity_mib: random.pick(&[2, 4, 8]) * 1_048_576,
            iops: *random.pick(&[20_000, 40_000, 80_000]),
            mib_s: *random.pick(&[500, 1_000, 2_000]),
        }
    };
    match agents.is_empty() {
        true => Vec::new(),
        false => (0..n_units).map(unit).collect(),
    }
}

/// Jobs with these demands. Their shards ask for the load of the units, in the scarcest of capacity, operations and bandwidth.
pub(super) fn jobs(
    load_milli: i128,
    demands: &[Demand],
    shapes: &[Shape],
    (frameworks, units, n_racks): (&[FrameworkFile], &[UnitFile], usize),
    random: &mut Random,
) -> Vec<JobFile> {
    let level = if n_racks >= 3 { "rack" } else { "agent" };
    let job = |(at, demand): (usize, &Demand)| {
        let shard = |number: i64| {
            let before = (number - 1) * REPLICAS;
            let iops = *random.pick(&[100, 200, 500, 1_000, 2_000]);
            ShardFile {
                id: format!("shard-{number:05}"),
                replicas: (demand.instances - before).min(REPLICAS),
                distinct: Some(level.to_owned()),
                disk_mib: random.pick(&[10, 20, 50, 100]) * 1_024,
                iops,
                mib_s: iops / random.pick(&[20, 40]),
                volumes: Vec::new(),
            }
        };
        let n_shards = (demand.instances + REPLICAS - 1) / REPLICAS;
        let shards: Vec<ShardFile> = (1..=n_shards).map(shard).collect();
        JobFile {
            id: format!("database-{:05}", at + 1),
            framework: frameworks[at % frameworks.len()].id.clone(),
            tasks: vec![TaskFile {
                id: "server".to_owned(),
                instances: demand.instances,
                value: 1,
                resources: shapes[demand.shape].resources.clone(),
                shards,
                ..TaskFile::default()
            }],
            ..JobFile::default()
        }
    };
    let mut jobs: Vec<JobFile> = demands.iter().enumerate().map(job).collect();
    scale(load_milli, &mut jobs, units);
    let tasks = jobs.iter_mut().flat_map(|job| &mut job.tasks);
    for shard in tasks.flat_map(|task| &mut task.shards) {
        shard.volumes = volumes(shard.disk_mib, units, random);
    }
    jobs
}

/// What of a unit or of a shard is counted.
type Amounts = [i64; 3];

/// Changes what shards take so that the load is met, as far as no replica takes too large a part of any unit.
fn scale(load_milli: i128, jobs: &mut [JobFile], units: &[UnitFile]) {
    let has = |unit: &UnitFile| [unit.capacity_mib, unit.iops, unit.mib_s];
    let asks = |shard: &ShardFile| [shard.disk_mib, shard.iops, shard.mib_s];
    let mut asked = [0_i128; 3];
    for shard in jobs
        .iter()
        .flat_map(|job| &job.tasks)
        .flat_map(|it| &it.shards)
    {
        for (sum, amount) in asked.iter_mut().zip(asks(shard)) {
            *sum += i128::from(amount) * i128::from(shard.replicas);
        }
    }
    let total = |at: usize| -> i128 { units.iter().map(|unit| i128::from(has(unit)[at])).sum() };
    let most: Amounts = std::array::from_fn(|at| {
        let least = units.iter().map(|unit| has(unit)[at]).min();
        least.unwrap_or(LEAST_PER_UNIT) / LEAST_PER_UNIT
    });
    // Of what is asked the part that is there, of the resource where that is least.
    let ratio = |at: usize| (total(at) * load_milli / 1_000, asked[at].max(1));
    let scarcest = (0..3).min_by(|&left, &right| {
        let ((part, of), (other, of_other)) = (ratio(left), ratio(right));
        (part * of_other).cmp(&(other * of))
    });
    let (part, of) = ratio(scarcest.expect("there are three resources"));
    let tasks = jobs.iter_mut().flat_map(|job| &mut job.tasks);
    for shard in tasks.flat_map(|task| &mut task.shards) {
        let amounts = [&mut shard.disk_mib, &mut shard.iops, &mut shard.mib_s];
        for (amount, most) in amounts.into_iter().zip(most) {
            let scaled = (i128::from(*amount) * part / of).clamp(1, i128::from(most.max(1)));
            *amount = i64::try_from(scaled).expect("it was clamped to a unit's amount");
        }
    }
}

/// One volume or two, which fill nine tenths of what is set aside for them.
fn volumes(disk_mib: i64, units: &[UnitFile], random: &mut Random) -> Vec<VolumeFile> {
    let home = (!units.is_empty() && !random.one_in(3)).then(|| random.pick(units).id.clone());
    let full = disk_mib * 9 / 10;
    let log = if random.one_in(2) { full / 10 } else { 0 };
    let sizes = [("data", full - log), ("log", log)];
    let sizes = sizes.into_iter().filter(|(_, mib)| *mib > 0);
    let volume = |(id, mib): (&str, i64)| VolumeFile {
        id: id.to_owned(),
        mib,
        unit: home.clone(),
    };
    sizes.map(volume).collect()
}
