//! The fair fractional share.

use apportion_cluster::{Cluster, Fairness, FrameworkIdx, TaskIdx};
use apportion_models::welfare::{
    Duals, Objective, Problem, Settings, Status, marginal_values, repair, solve_until,
};
use apportion_policies::Bid;

use super::alone::fit_into_rows;
use super::classes::AgentClass;
use super::floors::{Own, witness};
use super::guarantees::Guarantee;
use super::market::{Amounts, Limits, Market, Scope};
use super::rules;

/// Relative accuracy of shares and of the numbers that prove them.
pub(super) const ACCURACY: Settings = Settings {
    tolerance: 1e-9,
    max_iterations: 150,
};
/// The same where there are few columns: an error in the objective is squared in a share.
const EXACT: Settings = Settings {
    tolerance: 1e-13,
    max_iterations: 150,
};
/// Columns up to which shares are [`EXACT`].
const FEW_COLUMNS: usize = 4_000;
/// The same where there are many columns: what a share lacks of the best then is far below what whole instances lose, and
/// the certificate says how much it is.
const QUICK: Settings = Settings {
    tolerance: 1e-5,
    max_iterations: 60,
};
/// Columns beyond which shares are [`QUICK`], and the certificate of a plan is made from the multipliers of the shares.
pub(super) const MANY_COLUMNS: usize = 30_000;
/// How far below its floor a share may be, relatively, for the floor to be stated as what it is; where shares are quick, and
/// else.
const QUICK_SLACK: f64 = 1e-4;
const FLOOR_SLACK: f64 = 1e-7;
/// Accuracy of prices where there are many columns: they are repaired, and prove what they prove.
const ROUGH: Settings = Settings {
    tolerance: 1e-3,
    max_iterations: 60,
};
/// Times that shares are computed before every limit per failure domain is a row, whether something reached it or not.
const MOST_TURNS: usize = 4;
/// A share below this part of what a framework reaches by itself is none: its price would be no number to work with.
const LEAST_PART: f64 = 1e-9;
/// How much below what its witness reaches a floor is set: what rounding may take from the witness.
const FLOOR_MARGIN: f64 = 1e-12;

/// Every framework's share; [`Shares::prove`] says how far they are from the best.
#[derive(Debug)]
pub struct Shares {
    /// The rule.
    pub fairness: Fairness,
    /// What roles are promised, as far as it can be had.
    pub guarantees: Vec<Guarantee>,
    /// Agent classes; together all agents, each once.
    pub classes: Vec<AgentClass>,
    /// Shares by framework.
    pub frameworks: Vec<FrameworkShare>,
    pub(super) market: Market,
    /// Multipliers that the rule found with the shares, if it does.
    duals: Option<Duals>,
    /// By member.
    pub(super) floors: Vec<f64>,
    /// Whether the certificate is about allocations above the floors.
    pub(super) has_floors: bool,
    /// Everybody and everything, rows left out that the floors imply.
    scope: Scope,
    /// What each member could place alone in its fraction.
    pub(super) witness: Vec<Own>,
    pub(super) deserved: Vec<f64>,
}

/// What proves how far shares are from the best.
#[derive(Debug)]
pub struct Proof {
    /// Multipliers that cover every column's relative gain.
    pub(super) duals: Duals,
    /// The rows that they are of.
    pub(super) scope: Scope,
    /// The linear program over these rows, without its weights.
    pub(super) problem: Problem,
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
pub fn shares(
    cluster: &Cluster,
    bids: &[Bid],
    fairness: Fairness,
    stop: &dyn Fn() -> bool,
) -> Shares {
    let mut out = Vec::new();
    let (mut market, witness) = loop {
        let market = Market::of(cluster, bids, &out);
        let witness = witness(&market, cluster, stop);
        let shut_out = shut_out(&market, &witness, stop);
        if shut_out.is_empty() {
            break (market, witness);
        }
        let text = "all that it could use is held for guarantees of others";
        out.extend(
            shut_out
                .into_iter()
                .map(|framework| (framework, text.to_owned())),
        );
    };
    let mut floors: Vec<f64> = market
        .values_of(&witness)
        .iter()
        .map(|value| value * (1.0 - FLOOR_MARGIN))
        .collect();
    let mut whole = market.fractional();
    // Mesos knows no floors. Alone, the share is the floor: the row would only repeat the objective.
    let above_floors = fairness != Fairness::Drf;
    let has_floors = market.members.len() > 1 && above_floors;
    let floor_rows = has_floors.then_some(&floors[..]);
    market.leave_out_loose(&mut whole);
    if has_floors {
        market.leave_out_reached(&mut whole, &floors);
    }
    whole.of_domains = Limits::Reached;
    let mut division = divide(cluster, &market, (fairness, &whole, floor_rows), stop);
    for turn in 1.. {
        let amounts = market.amounts(&whole.members, &division.x);
        if whole.of_domains == Limits::All || stop() || !market.reach(&amounts) {
            break;
        }
        if turn == MOST_TURNS {
            whole.of_domains = Limits::All;
        }
        division = divide(cluster, &market, (fairness, &whole, floor_rows), stop);
    }
    let mut duals = division.duals;
    if whole.of_domains == Limits::Reached {
        duals = duals.map(|duals| market.with_all_limits(duals));
        whole.of_domains = Limits::All;
    }
    let problem = market.problem(&whole, Objective::LogUtility, floor_rows);
    let fitted = |mut x: Vec<Vec<f64>>| {
        fit_into_rows(&problem, &mut x);
        market.amounts(&whole.members, &x)
    };
    let found = fitted(division.x);
    let is_fair = !above_floors || are_above(&market.values(&found), &floors, division.slack);
    // Where a solve is stopped early, the witnesses together are feasible, and each reaches its floor.
    let mut amounts = match is_fair && is_something(&market.values(&found), &floors) {
        true => found,
        false => witness.iter().map(|own| own.amounts.clone()).collect(),
    };
    let is_nothing = |value: &f64| *value <= 0.0 || !value.recip().is_finite();
    if market.values(&amounts).iter().any(is_nothing) && stop() {
        // Too early for witnesses and levels: where the method for `nash` begins, everybody has something.
        let solution = solve_until(&problem, accuracies(&market, fairness)[0], stop)
            .expect("capacities, demands, values and weights are finite");
        amounts = fitted(solution.x);
    }
    let deserved = market.values(&amounts);
    if above_floors {
        // A floor is stated as far as the share is sure to reach it.
        for (floor, &value) in floors.iter_mut().zip(&deserved) {
            *floor = floor.min(value);
        }
    }
    let frameworks = describe(cluster, &market, &amounts, &deserved, &floors);
    Shares {
        fairness,
        classes: market.census.classes.clone(),
        guarantees: market.guarantees.clone(),
        frameworks,
        duals,
        floors,
        has_floors,
        scope: whole,
        witness,
        deserved,
        market,
    }
}

/// Shares by the columns of a program, and multipliers, if the rule finds some.
struct Division {
    x: Vec<Vec<f64>>,
    duals: Option<Duals>,
    /// How far below its floor a share may be, relatively, for it to count as reached.
    slack: f64,
}

/// The shares of a rule over a scope.
fn divide(
    cluster: &Cluster,
    market: &Market,
    (fairness, scope, floors): (Fairness, &Scope, Option<&[f64]>),
    stop: &dyn Fn() -> bool,
) -> Division {
    let problem = market.problem(scope, Objective::LogUtility, floors);
    let solved = |accuracy: &Settings| {
        let solution = solve_until(&problem, accuracy, stop)
            .expect("capacities, demands, values and weights are finite");
        (solution.x, Some(solution.duals))
    };
    let is_close = |x: &[Vec<f64>]| {
        let mut x = x.to_vec();
        fit_into_rows(&problem, &mut x);
        let values = market.values(&market.amounts(&scope.members, &x));
        floors.is_none_or(|floors| are_above(&values, floors, QUICK_SLACK))
    };
    let mut slack = FLOOR_SLACK;
    let (x, duals) = match (fairness, accuracies(market, fairness)) {
        (Fairness::Nash, [quick, exact]) => {
            let (x, duals) = solved(quick);
            if is_close(&x) {
                slack = QUICK_SLACK;
                (x, duals)
            } else {
                solved(exact)
            }
        }
        (Fairness::Nash, accuracies) => solved(accuracies[0]),
        (Fairness::Maxmin, _) => (rules::maxmin(market, scope, floors, stop), None),
        (Fairness::Drf, _) => (rules::drf(cluster, market, scope, &problem, stop), None),
    };
    Division { x, duals, slack }
}

/// How well shares are computed: where the first is too far below a floor, as the next says.
fn accuracies(market: &Market, fairness: Fairness) -> &'static [&'static Settings] {
    let n_columns = market.n_columns();
    if n_columns <= FEW_COLUMNS {
        &[&EXACT]
    } else if n_columns <= MANY_COLUMNS || fairness != Fairness::Nash {
        &[&ACCURACY]
    } else {
        &[&QUICK, &ACCURACY]
    }
}

fn are_above(values: &[f64], floors: &[f64], slack: f64) -> bool {
    let mut pairs = values.iter().zip(floors);
    pairs.all(|(value, floor)| *value >= floor * (1.0 - slack))
}

/// Whether everybody has something: what a solve that was stopped leaves may be nearly nothing, and no price could pay for that.
fn is_something(values: &[f64], floors: &[f64]) -> bool {
    let mut pairs = values.iter().zip(floors);
    pairs.all(|(value, floor)| *value > floor * LEAST_PART && value.recip().is_finite())
}

impl Shares {
    /// Proves how far the shares are from the best. Offers need no proof: it may be made beside them.
    #[must_use]
    pub fn prove(&self, stop: &dyn Fn() -> bool) -> Proof {
        let market = &self.market;
        let mut scope = self.scope.clone();
        if self.duals.is_none() && market.n_columns() > MANY_COLUMNS {
            // Whoever uses its guarantee up will hardly be better off below it: a row less, at worst a larger epsilon.
            market.leave_out_reached(&mut scope, &self.deserved);
        }
        let floors = self.has_floors.then_some(&self.floors[..]);
        let problem = market.problem(&scope, Objective::Linear, floors);
        let found = match &self.duals {
            Some(duals) => duals,
            None => &multipliers(market, &problem, &self.deserved, stop),
        };
        // Blocks of what is held have no utility.
        let mut utilities = self.deserved.clone();
        utilities.resize(problem.blocks().len(), 0.0);
        let required = marginal_values(&problem, &utilities);
        let repaired = repair(&problem, &required, found);
        let duals = repaired.expect("every column has a row to pay from").duals;
        Proof {
            duals,
            scope,
            problem,
        }
    }

    /// The value of each framework's smallest task or gang; 0 for those without a share.
    #[must_use]
    pub fn units(&self, cluster: &Cluster) -> Vec<f64> {
        let mut units = vec![0.0; cluster.frameworks.len()];
        for member in &self.market.members {
            units[member.framework.at()] = member.unit as f64;
        }
        units
    }
}

/// Multipliers of the linear program whose objective is the relative gain over these utilities.
fn multipliers(
    market: &Market,
    problem: &Problem,
    utilities: &[f64],
    stop: &dyn Fn() -> bool,
) -> Duals {
    let mut problem = problem.clone();
    for (p, (member, utility)) in market.members.iter().zip(utilities).enumerate() {
        let weight = if *utility > 0.0 {
            member.weight / utility
        } else {
            0.0
        };
        problem.block_mut(p).set_weight(weight);
    }
    let many = market.n_columns() > MANY_COLUMNS;
    solve_until(&problem, if many { &ROUGH } else { &ACCURACY }, stop)
        .expect("capacities, demands, values and weights are finite")
        .duals
}

/// Frameworks that can have nothing beside what is held for others. Whoever runs something takes part, and so does whoever
/// there was no time to look at.
fn shut_out(market: &Market, witness: &[Own], stop: &dyn Fn() -> bool) -> Vec<FrameworkIdx> {
    if market.holds.is_empty() || stop() {
        return Vec::new();
    }
    let values = market.values_of(witness);
    let runs = |position: usize| {
        let groups = &market.members[position].groups;
        groups
            .iter()
            .flat_map(|group| &group.tasks)
            .any(|it| it.runs)
    };
    let suspects = (0..values.len()).filter(|&position| values[position] <= 0.0 && !runs(position));
    let can_have_nothing = |&position: &usize| {
        let mut problem = market.problem(&market.whole(), Objective::Linear, None);
        for other in 0..values.len() {
            problem
                .block_mut(other)
                .set_weight(f64::from(u8::from(other == position)));
        }
        let solution = solve_until(&problem, &ACCURACY, stop)
            .expect("capacities, demands, values and weights are finite");
        solution.status == Status::Optimal && solution.utilities[position] < 1e-6
    };
    suspects
        .filter(can_have_nothing)
        .map(|position| market.members[position].framework)
        .collect()
}

impl Market {
    /// The value of a member's amounts.
    pub(super) fn value(&self, member: usize, amounts: &[Vec<f64>]) -> f64 {
        let groups = self.members[member].groups.iter().zip(amounts);
        groups
            .map(|(group, amounts)| group.value as f64 * amounts.iter().sum::<f64>())
            .sum()
    }

    /// The value of what each member reaches on its own.
    pub(super) fn values_of(&self, witness: &[Own]) -> Vec<f64> {
        let each = witness.iter().enumerate();
        each.map(|(member, own)| self.value(member, &own.amounts))
            .collect()
    }

    /// The value of each member's amounts.
    pub(super) fn values(&self, amounts: &Amounts) -> Vec<f64> {
        let each = amounts.iter().enumerate();
        each.map(|(member, amounts)| self.value(member, amounts))
            .collect()
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
