//! How many instances jobs ask for, and the load that they make.

use apportion_cluster::file::AgentFile;

use super::options::GenerateOptions;
use super::random::Random;
use super::shapes::Shape;

/// At most this part of the smallest agent that could hold it is asked by one instance: 1 in so many.
const LEAST_PER_AGENT: i64 = 2;

/// How many instances of which shape a job asks for.
pub(super) struct Demand {
    pub shape: usize,
    pub weight: i128,
    pub instances: i64,
}

/// Gives each demand its part of what is wanted, by its weight, where all of them ask for `asked` by theirs.
pub(super) fn size(demands: &mut [Demand], wanted: i128, asked: i128) {
    /// Most instances of a job.
    const MOST: i128 = 1_000_000;
    for demand in demands {
        let instances = (demand.weight * wanted / asked).clamp(1, MOST);
        demand.instances = i64::try_from(instances).expect("it was clamped");
    }
}

pub(super) fn weights(n_jobs: usize, n_shapes: usize, random: &mut Random) -> Vec<Demand> {
    let demand = |at: usize| {
        // Each doubling of the size is half as likely.
        let doublings = random.next().trailing_zeros().min(8);
        let weight = (16 + i128::from(random.next() % 16)) << doublings;
        Demand {
            // Every shape is used before one is used again.
            shape: at % n_shapes,
            weight,
            instances: 0,
        }
    };
    (0..n_jobs).map(demand).collect()
}

/// Sizes jobs, or the amounts of their instances, so that they ask for a policy's part of the load of agents without GPUs.
pub(super) fn fill(
    options: &GenerateOptions,
    instances: Option<usize>,
    agents: &[AgentFile],
    shapes: &mut [Shape],
    demands: &mut [Demand],
) {
    let load_milli = options.part_milli();
    let agents: Vec<&AgentFile> = agents.iter().filter(|it| it.devices.is_empty()).collect();
    let capacity = |resource: &str| -> i128 {
        let open = agents
            .iter()
            .filter(|a| a.dedicated.is_none() && !a.cordoned);
        open.map(|agent| i128::from(agent.resources[resource]))
            .sum()
    };
    let scarce = ["cpu_milli", "memory_mib"];
    // (asked, wanted) of the resource whose ratio is the largest.
    let ratio = |shapes: &[Shape], demands: &[Demand], count: &dyn Fn(&Demand) -> i128| {
        let ratios = scarce.map(|resource| {
            let each = |d: &Demand| i128::from(shapes[d.shape].resources[resource]) * count(d);
            let asked: i128 = demands.iter().map(each).sum();
            (asked.max(1), capacity(resource) * load_milli / 1_000)
        });
        let [(asked_0, wanted_0), (asked_1, wanted_1)] = ratios;
        if asked_0 * wanted_1 >= asked_1 * wanted_0 {
            ratios[0]
        } else {
            ratios[1]
        }
    };
    let Some(instances) = instances else {
        let (asked, wanted) = ratio(shapes, demands, &|d| d.weight);
        size(demands, wanted, asked);
        return;
    };
    share_out(instances, demands);
    let (asked, wanted) = ratio(shapes, demands, &|d| i128::from(d.instances));
    for shape in shapes {
        for resource in scarce {
            let most = |agent: &&AgentFile| agent.resources[resource] / LEAST_PER_AGENT;
            let most = agents.iter().map(most).min().unwrap_or(i64::MAX);
            let amount = shape.resources.entry(resource.to_owned()).or_insert(1);
            let scaled = (i128::from(*amount) * wanted / asked).clamp(1, i128::from(most.max(1)));
            *amount = i64::try_from(scaled).expect("it was clamped to an agent's amount");
        }
    }
}

/// Divides `instances` over the jobs by weight, one for each job first.
pub(super) fn share_out(instances: usize, demands: &mut [Demand]) {
    let total: i128 = demands.iter().map(|demand| demand.weight).sum();
    let beyond = instances.saturating_sub(demands.len()) as i128;
    let mut left = instances;
    let mut give = |demand: &mut Demand, wanted: usize| {
        let given = wanted.min(left);
        left -= given;
        demand.instances += i64::try_from(given).expect("instances fit 63 bits");
    };
    for demand in demands.iter_mut() {
        let share = usize::try_from(beyond * demand.weight / total).expect("it is a part");
        give(demand, 1 + share);
    }
    // What rounding left: fewer than there are jobs.
    for demand in demands.iter_mut() {
        give(demand, 1);
    }
}
