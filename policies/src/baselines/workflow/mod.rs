//! What others do with streams and batches: Storm's default, R-Storm, and HEFT.
//!
//! They look at the model of a slice, so that all are held against the same estimate. They are written anew, beside the methods of the
//! engine, and share nothing with them.

mod heft;
mod order;
mod plan;
mod storm;

use apportion_models::assignment::{Assignment, Objective, Placement};
use apportion_models::schedule::{Schedule, Timetable};

use self::heft::heft;
use self::order::{breadth_first, stream_edges, topological};
use self::plan::Plan;
use self::storm::{Storm, racks_of};

/// A way to place what sends data to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkflowBaseline {
    /// Instances are dealt out to agents in turn, as Storm does by default.
    RoundRobin,
    /// Breadth first, each beside the one before it where it fits best: R-Storm (Peng et al., Middleware 2015).
    RStorm,
    /// The longest way to the end first, each where it ends first: HEFT (Topcuoglu, Hariri and Wu, IEEE TPDS 2002), with insertion.
    /// Of streams, in which nothing ends, as [`RStorm`](Self::RStorm).
    Heft,
}

impl WorkflowBaseline {
    /// Every baseline.
    pub const ALL: [Self; 3] = [Self::RoundRobin, Self::RStorm, Self::Heft];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::RStorm => "r-storm",
            Self::Heft => "heft",
        }
    }

    /// A placement of a stream; copies for which there is no room are left out. Of the rules it knows capacity and eligibility.
    #[must_use]
    pub fn place(self, model: &Assignment) -> Placement {
        let traffic = model
            .stages
            .iter()
            .find_map(|stage| match &stage.objective {
                Objective::Traffic(traffic) => Some(traffic),
                _ => None,
            });
        let mut free: Vec<Vec<i64>> = model.bins.iter().map(|bin| bin.capacity.clone()).collect();
        let mut entries = Vec::new();
        let order = match self {
            Self::RoundRobin => (0..model.items.len() as u32).collect(),
            Self::RStorm | Self::Heft => breadth_first(model.items.len(), &stream_edges(traffic)),
        };
        let mut storm = Storm::new(&free, racks_of(model, traffic));
        for item in order {
            let of = &model.items[item as usize];
            for _ in 0..of.count {
                let fits = |bin: u32| {
                    let free = &free[bin as usize];
                    of.demand.iter().zip(free).all(|(need, free)| need <= free)
                };
                let open: Vec<u32> = of
                    .eligible
                    .iter()
                    .copied()
                    .filter(|&bin| fits(bin))
                    .collect();
                let chosen = match self {
                    Self::RoundRobin => storm.next_in_turn(&open),
                    Self::RStorm | Self::Heft => storm.nearest(&open, &free, &of.demand),
                };
                let Some(bin) = chosen else {
                    break;
                };
                for (free, need) in free[bin as usize].iter_mut().zip(&of.demand) {
                    *free -= need;
                }
                entries.push((item, bin, 1));
            }
        }
        Placement::new(entries)
    }

    /// A timetable of a batch. What no bin can hold, and all that follows it, is left out.
    #[must_use]
    pub fn schedule(self, model: &Schedule) -> Timetable {
        match self {
            Self::Heft => heft(model),
            Self::RoundRobin | Self::RStorm => self.schedule_in_order(model),
        }
    }

    /// Operations breadth first, to bins that are chosen without a look at time, each as early as it then can.
    ///
    /// R-Storm reserves for all tasks at once. What has no room beside what is reserved already starts a new round in which all is free.
    fn schedule_in_order(self, model: &Schedule) -> Timetable {
        let edges: Vec<(u32, u32)> = model
            .edges
            .iter()
            .map(|edge| (edge.from, edge.to))
            .collect();
        let whole: Vec<Vec<i64>> = model.bins.iter().map(|bin| bin.capacity.clone()).collect();
        let mut free = whole.clone();
        let mut storm = Storm::new(&whole, model.group_of.to_vec());
        let mut plan = Plan::new(model);
        for operation in topological(model.operations.len(), &edges) {
            let of = &model.operations[operation as usize];
            let fits = |free: &[Vec<i64>], bin: u32| {
                let free = &free[bin as usize];
                of.demand.iter().zip(free).all(|(need, free)| need <= free)
            };
            for _ in 0..of.count {
                let can = |free: &[Vec<i64>]| -> Vec<u32> {
                    of.eligible
                        .iter()
                        .copied()
                        .filter(|&bin| fits(free, bin))
                        .collect()
                };
                let chosen = match self {
                    Self::RoundRobin => storm.next_in_turn(&can(&whole)),
                    Self::RStorm | Self::Heft => {
                        if can(&free).is_empty() {
                            free.clone_from(&whole);
                        }
                        storm.nearest(&can(&free), &free, &of.demand)
                    }
                };
                let Some(bin) = chosen else {
                    break;
                };
                for (free, need) in free[bin as usize].iter_mut().zip(&of.demand) {
                    *free -= need;
                }
                if plan
                    .start(operation, bin)
                    .is_some_and(|start| plan.put(operation, bin, start))
                {
                    continue;
                }
                break;
            }
        }
        plan.timetable()
    }
}
