//! The fair fractional share.

use apportion_cluster::{Cluster, FrameworkIdx, TaskIdx};
use apportion_models::welfare::{Duals, Objective, Settings, marginal_values, repair, solve_until};
use apportion_policies::Bid;

use super::classes::AgentClass;
use super::floors::{alone, fit_into_rows};
use super::market::{Amounts, Market, Member};

/// Relative accuracy of shares and of the numbers that prove them.
pub(super) const ACCURACY: Settings = Settings {
    tolerance: 1e-9,
    max_iterations: 150,
};
/// How much below what its witness reaches a floor is set: what rounding may take from the witness.
const FLOOR_MARGIN: f64 = 1e-12;

/// Every framework's share, and what its certificate is made from.
#[derive(Debug)]
pub struct Shares {
    /// Agent classes; together all agents, each once.
    pub classes: Vec<AgentClass>,
    /// Shares by framework.
    pub frameworks: Vec<FrameworkShare>,
    pub(super) market: Market,
    /// Multipliers that prove how far the shares are from the best, every column covered.
    pub(super) duals: Duals,
    /// By member.
    pub(super) floors: Vec<f64>,
    /// What each member could place alone in its fraction.
    pub(super) witness: Amounts,
    pub(super) deserved: Vec<f64>,
}

/// One framework's share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FrameworkShare {
    /// Whether it takes part: it has demand, some of which could be placed.
    pub active: bool,
    /// It has demand, of which nothing can ever be placed: why.
    pub excluded: Option<String>,
    /// Weight among the active frameworks, whose weights sum to 1.
    pub weight: f64,
    /// Value of its share.
    pub deserved: f64,
    /// The most value that it alone could place in its fraction of every class.
    pub floor: f64,
    /// Its share: task, position of the class, instances (fractional).
    pub allocation: Vec<(TaskIdx, usize, f64)>,
}

/// Computes every framework's fair share (see the [module](super)).
///
/// When `stop` says so, what is there counts: shares are then at least the floors found so far, and their
/// certificate is as honest, but its epsilon may be large.
#[must_use]
pub fn shares(cluster: &Cluster, bids: &[Bid], stop: &dyn Fn() -> bool) -> Shares {
    let market = Market::of(cluster, bids);
    let witness = witness(&market, stop);
    let floors: Vec<f64> = market
        .values(&witness)
        .iter()
        .map(|value| value * (1.0 - FLOOR_MARGIN))
        .collect();
    // Alone, the share is the floor: the row would only repeat the objective.
    let floor_rows = (market.members.len() > 1).then_some(&floors[..]);
    let problem = market.problem(Objective::LogUtility, floor_rows);
    let solution = solve_until(&problem, &ACCURACY, stop)
        .expect("capacities, demands, values and weights are finite");
    let mut x = solution.x;
    fit_into_rows(&problem, &mut x);
    let mut amounts = market.amounts(&x);
    let reached = |values: &[f64]| {
        values
            .iter()
            .zip(&floors)
            .all(|(value, floor)| *value >= floor * (1.0 - 1e-7))
    };
    let mut deserved = market.values(&amounts);
    if !reached(&deserved) || deserved.contains(&0.0) {
        // A solve that was stopped early: the witnesses together are feasible, and each reaches its floor.
        amounts.clone_from(&witness);
        deserved = market.values(&amounts);
    }
    let required = marginal_values(&problem, &deserved);
    let repaired = repair(&problem, &required, &solution.duals)
        .expect("every column has a demand row to pay from");
    let frameworks = describe(cluster, &market, &amounts, &deserved, &floors);
    Shares {
        classes: market.census.classes.clone(),
        frameworks,
        duals: repaired.duals,
        floors,
        witness,
        deserved,
        market,
    }
}

/// What each member could place alone in its fraction, taken apart by task and put together again, so that the
/// witness that is published reaches the floor that is used.
fn witness(market: &Market, stop: &dyn Fn() -> bool) -> Amounts {
    let census = &market.census;
    let one = |member: &Member| -> Vec<Vec<f64>> {
        if stop() {
            return member
                .groups
                .iter()
                .map(|group| vec![0.0; group.columns.len()])
                .collect();
        }
        let mut amounts = alone(member, member.weight, census, &market.halves);
        for (group, amounts) in member.groups.iter().zip(&mut amounts) {
            if group.tasks.len() > 1 {
                let mut placed = vec![0.0; amounts.len()];
                for (_, column, amount) in group.split(amounts, census) {
                    placed[column] += amount;
                }
                *amounts = placed;
            }
        }
        amounts
    };
    market.members.iter().map(one).collect()
}

impl Market {
    /// The value of each member's amounts.
    pub(super) fn values(&self, amounts: &Amounts) -> Vec<f64> {
        let value = |(member, amounts): (&Member, &Vec<Vec<f64>>)| {
            let groups = member.groups.iter().zip(amounts);
            groups
                .map(|(group, amounts)| group.value as f64 * amounts.iter().sum::<f64>())
                .sum()
        };
        self.members.iter().zip(amounts).map(value).collect()
    }
}

fn describe(
    cluster: &Cluster,
    market: &Market,
    amounts: &Amounts,
    deserved: &[f64],
    floors: &[f64],
) -> Vec<FrameworkShare> {
    let mut frameworks = vec![FrameworkShare::default(); cluster.frameworks.len()];
    for (framework, reason) in &market.excluded {
        frameworks[framework.at()].excluded = Some(reason.clone());
    }
    for (position, member) in market.members.iter().enumerate() {
        let FrameworkIdx(at) = member.framework;
        let mut allocation = Vec::new();
        for (group, amounts) in member.groups.iter().zip(&amounts[position]) {
            let parts = group.split(amounts, &market.census).into_iter();
            allocation.extend(
                parts.map(|(task, column, amount)| (task, group.columns[column].class, amount)),
            );
        }
        allocation.sort_by_key(|&(task, class, _)| (task, class));
        frameworks[at as usize] = FrameworkShare {
            active: true,
            excluded: None,
            weight: member.weight,
            deserved: deserved[position],
            floor: floors[position],
            allocation,
        };
    }
    frameworks
}
