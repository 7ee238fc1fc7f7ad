//! What a framework could reach within its offers: bounds by counting, and by prices.
//!
//! Kept instances `K[t,a]` stay; `P_t = wanted - K_t` are pending; `O_a` is the offer on agent `a`;
//! `copies[t,a]` is how many pending instances `O_a` holds where the task may go.

mod copies;
mod multipliers;
mod network;
mod opened;
mod prices;
mod rooms;
mod values;

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::ahead::Ahead;
use super::stages::{Measure, Timed, placed_value, thousandths};
use super::state::{State, total};
use super::units_bounds::DataReach;
use super::workflow::Flows;

/// Copies of one task by agent.
type Copies = Vec<(usize, i128)>;

/// One framework's tasks with the most that each could place alone.
pub(super) struct Reach<'a> {
    state: &'a State<'a>,
    framework: usize,
    tasks: Vec<usize>,
    /// Tasks of one shape ask the same questions: each is answered once.
    shapes: BTreeMap<usize, usize>,
    /// `copies[t,a]` by shape, once somebody asked.
    copies: Vec<OnceCell<Copies>>,
    /// `K_t`.
    kept: BTreeMap<usize, i128>,
    /// `B_t`: the most of the pending instances that the task could place if it were alone.
    most: BTreeMap<usize, i128>,
    /// What one more instance is worth on the fastest agent that it could be placed on, in thousandths; 0 for none.
    best_worth: BTreeMap<usize, i128>,
    /// `U - V`: value in reach that the plan does not place.
    lost: i128,
    /// The same times speed in thousandths, every instance in reach at the best speed of its task.
    lost_worth: i128,
}

impl<'a> Reach<'a> {
    pub(super) fn of(state: &'a State<'a>, framework: usize) -> Self {
        let mut reach = Self::without_bounds(state, framework);
        let mut known: BTreeMap<usize, (i128, i128)> = BTreeMap::new();
        for task in reach.tasks.clone() {
            let (most, worth) = *known.entry(reach.shapes[&task]).or_insert_with(|| {
                let copies = reach.copies(task);
                let speeds = copies.iter().map(|&(agent, _)| state.speed(task, agent));
                let worth = state.value(task) * speeds.max().unwrap_or(0);
                (reach.most_alone(task, copies), worth)
            });
            reach.most.insert(task, most);
            reach.best_worth.insert(task, worth);
        }
        if state.cluster.frameworks[framework].policy == "storage" {
            // Replicas need a unit, too.
            let data = DataReach::of(state, framework);
            for (&task, most) in &mut reach.most {
                *most = data.most(task).min(*most);
            }
        }
        let placed = placed_value(state, framework, None, &state.placed);
        reach.lost = (reach.value_in_reach(None) - placed).max(0);
        reach.lost_worth = reach.worth_not_placed();
        reach
    }

    fn without_bounds(state: &'a State<'a>, framework: usize) -> Self {
        let tasks = state.tasks_of(framework);
        let kept: BTreeMap<usize, i128> = (tasks.iter())
            .map(|&task| (task, total(&state.kept[task])))
            .collect();
        let mut known = BTreeMap::new();
        let mut shapes = BTreeMap::new();
        for &task in &tasks {
            let it = &state.cluster.tasks[task];
            let rules = (
                &it.attributes,
                &it.agents,
                &it.tolerates,
                &state.limits_on[task],
            );
            // Where what asks for nothing may be depends on where it is.
            let alone = it.demand.0.iter().all(|&need| need <= 0).then_some(task);
            let wants = (
                &it.demand,
                &it.devices,
                it.value,
                state.wanted(task) - kept[&task],
                alone,
            );
            let n_known = known.len();
            shapes.insert(task, *known.entry((rules, wants)).or_insert(n_known));
        }
        let mut copies = Vec::new();
        copies.resize_with(known.len(), OnceCell::new);
        Self {
            state,
            framework,
            shapes,
            copies,
            kept,
            most: BTreeMap::new(),
            best_worth: BTreeMap::new(),
            lost: 0,
            lost_worth: 0,
            tasks,
        }
    }

    /// `sum_t v_t (K_t + min(P_t, sum_a copies))`: one task at a time, limits aside.
    pub(super) fn offered_value(state: &'a State<'a>, framework: usize) -> i128 {
        let reach = Self::without_bounds(state, framework);
        let values = reach.tasks.iter().map(|&task| {
            let copies: i128 = reach.copies(task).iter().map(|(_, count)| count).sum();
            state.value(task) * (reach.kept[&task] + copies.min(reach.pending(task)))
        });
        values.sum()
    }

    /// `P_t`.
    fn pending(&self, task: usize) -> i128 {
        (self.state.wanted(task) - self.kept[&task]).max(0)
    }

    pub(super) fn ahead(&self) -> Ahead<'a> {
        Ahead::of(self.state, self.framework)
    }

    /// The bound by counting.
    pub(super) fn combinatorial(&self, measure: Measure) -> f64 {
        match measure {
            Measure::Placed(priority) => {
                let by_edges = Flows::of(self.state, self.framework).value_in_reach(self);
                let all = self.value_in_reach(priority);
                by_edges.map_or(all, |it| it.min(all)) as f64
            }
            Measure::Throughput(priority) => thousandths(self.worth_in_reach(priority)),
            Measure::MinAvailable => self.least_shortfall() as f64,
            Measure::Spread => self.least_worst_shares(),
            Measure::AgentsUsed => self.least_opened() as f64,
            Measure::Span => self.fewest_domains() as f64,
            Measure::Network => self.least_network_alone(),
            Measure::Ahead(Timed::Placed) => self.ahead().value_in_reach(),
            Measure::Ahead(Timed::Makespan) => self.ahead().least_makespan(),
            Measure::Ahead(Timed::Network) => self.ahead().least_network(),
            Measure::Ahead(Timed::Shuffle) => self.ahead().least_shuffled(),
            Measure::Ahead(Timed::Completion) => self.ahead().least_completion(),
            Measure::Traffic { .. } | Measure::Makespan { .. } | Measure::Completion => {
                Flows::of(self.state, self.framework).least(self, measure)
            }
            Measure::Shuffle | Measure::Distance | Measure::Utilization | Measure::Claimed => 0.0,
        }
    }
}
