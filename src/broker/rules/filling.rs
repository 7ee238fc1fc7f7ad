//! Progressive filling in steps, for many members.
//!
//! Everybody's dominant share over weight rises by the same small step (in a tree of roles, as `fluid` says), on the classes where
//! most room is left, until a step finds no room: then its member is done. First, what is guaranteed is taken by whoever it is guaranteed to, and what
//! they cannot use of it is held.

use std::ops::Range;

use apportion_models::welfare::Problem;

use super::super::market::{Group, Limits, Market, Scope, needs};
use super::fluid::Fluid;
use super::{dominant_share, held_parts, way};

/// Steps in which the whole cluster would be filled if nobody shared a resource.
const STEPS: f64 = 200.0;
/// Instances below which there is no room.
const NOTHING: f64 = 1e-12;

/// What is left of every row, and what is taken. Steps look at all classes of a group: what they read lies side by side, class by
/// class.
struct Room<'a> {
    market: &'a Market,
    /// By resource and class; 0 where there is no such row.
    capacities: Vec<Vec<f64>>,
    halves: Vec<f64>,
    limits: Vec<f64>,
    /// By member and group.
    groups: Vec<Vec<Open<'a>>>,
    /// Room on each class of a group, for one step.
    rooms: Vec<f64>,
}

/// What a group may still take, and what it took.
struct Open<'a> {
    group: &'a Group,
    demand: f64,
    /// Its dominant share, by instance.
    dominant: f64,
    /// From its first class to its last.
    classes: Range<usize>,
    /// By class of these: what fits, 0 where the group has no column; what is taken; the column.
    fits: Vec<f64>,
    taken: Vec<f64>,
    columns: Vec<Option<usize>>,
    /// Resources with what an instance needs of each, and how many instances a unit of it is.
    needs: Vec<(usize, f64, f64)>,
    /// Whether half rows count any of its columns.
    has_halves: bool,
}

impl<'a> Open<'a> {
    fn new(group: &'a Group, total: &[i128], (n_halves, limits): (usize, Limits)) -> Self {
        // Columns are in the order of their classes.
        let first = group.columns.first().map_or(0, |column| column.class);
        let end = group.columns.last().map_or(0, |column| column.class + 1);
        let classes = first..end;
        let mut fits = vec![0.0; classes.len()];
        let mut columns = vec![None; classes.len()];
        for (at, column) in group.columns.iter().enumerate() {
            fits[column.class - first] = column.most(limits);
            columns[column.class - first] = Some(at);
        }
        let needs = needs(&group.demand);
        Self {
            group,
            demand: group.most,
            dominant: dominant_share(&group.demand, total),
            taken: vec![0.0; classes.len()],
            classes,
            fits,
            columns,
            needs: needs
                .map(|(resource, need)| (resource, need as f64, 1.0 / need as f64))
                .collect(),
            has_halves: (group.columns.iter())
                .any(|column| column.halves(n_halves).next().is_some()),
        }
    }

    /// Of the first so many half rows, those that count the column at a place among the classes, and how much of each one
    /// instance takes.
    fn halves(&self, place: usize, n_rows: usize) -> impl Iterator<Item = (usize, f64)> + 'a {
        let column = self.columns[place].map(|column| &self.group.columns[column]);
        column
            .into_iter()
            .flat_map(move |column| column.halves(n_rows))
    }
}

/// Amounts by block and column of the market's problem; what is held is left out.
pub(super) fn fill(
    market: &Market,
    whole: &Scope,
    problem: &Problem,
    (fluid, total): (&Fluid, &[i128]),
) -> Vec<Vec<f64>> {
    let mut capacities = vec![vec![0.0; market.census.classes.len()]; total.len()];
    for (&(class, resource), &amount) in market.capacities.iter().zip(&whole.capacities) {
        capacities[resource][class] = amount;
    }
    let limits = whole.limits.iter();
    let mut room = Room {
        market,
        capacities,
        halves: whole.halves.clone(),
        limits: limits.map(|limit| limit.unwrap_or(f64::INFINITY)).collect(),
        groups: (market.members.iter())
            .map(|member| {
                let groups = member.groups.iter();
                groups
                    .map(|group| Open::new(group, total, (whole.halves.len(), whole.of_domains)))
                    .collect()
            })
            .collect(),
        rooms: Vec::new(),
    };
    for at in 0..market.holds.len() {
        room.reserve(at);
    }
    let mut open: Vec<usize> = (0..market.members.len()).collect();
    let step = 1.0 / STEPS;
    let weights: Vec<f64> = market.members.iter().map(|member| member.weight).collect();
    let is_flat = fluid.is_flat();
    while !open.is_empty() {
        let rates = if is_flat {
            &weights
        } else {
            &room.rates(fluid, &weights, &open)
        };
        open.retain(|&member| {
            let mut left = step * rates[member];
            for group in 0..room.groups[member].len() {
                if left <= NOTHING {
                    return true;
                }
                let unit = room.groups[member][group].dominant;
                left -= unit * room.take(member, group, left / unit);
            }
            left <= NOTHING
        });
    }
    let nobody = Vec::new();
    let groups = room.groups.iter().chain(std::iter::repeat(&nobody));
    let blocks = problem.blocks().iter().zip(groups);
    let amounts = blocks.map(|(block, groups)| {
        let mut x: Vec<f64> = Vec::with_capacity(block.columns());
        for it in groups {
            let classes = it.group.columns.iter().map(|column| column.class);
            x.extend(classes.map(|class| it.taken[class - it.classes.start]));
        }
        x.resize(block.columns(), 0.0);
        x
    });
    amounts.collect()
}

impl Room<'_> {
    /// How fast those who are open rise, as much together as their weights.
    fn rates(&self, fluid: &Fluid, weights: &[f64], open: &[usize]) -> Vec<f64> {
        let held = self.groups.iter().map(|groups| {
            let taken = groups.iter().map(|it| it.taken.iter().sum());
            let taken: Vec<f64> = taken.collect();
            let groups = groups.iter().map(|it| it.group);
            held_parts(fluid, groups.zip(&taken))
        });
        let held: Vec<Vec<f64>> = held.collect();
        let mut ways = vec![None; self.groups.len()];
        for &member in open {
            let groups = &self.groups[member];
            let next = groups.iter().find(|it| it.demand > NOTHING);
            let next = next.unwrap_or(&groups[0]);
            ways[member] = Some(way(fluid, &next.group.demand));
        }
        let mut rates = fluid.course(&held, &ways).rates;
        let sum: f64 = rates.iter().sum();
        let most: f64 = open.iter().map(|&member| weights[member]).sum();
        rates.iter_mut().for_each(|rate| *rate *= most / sum);
        rates
    }

    /// Takes up to `amount` instances of a group, where most room is left first; how many there were.
    fn take(&mut self, member: usize, group: usize, amount: f64) -> f64 {
        let market = self.market;
        let it = &mut self.groups[member][group];
        let limits = market.limits_on[member].iter().filter_map(|&at| {
            let need = it.group.demand.0[market.limits[at].resource];
            (need > 0).then(|| self.limits[at] / need as f64)
        });
        let most = limits.fold(amount.min(it.demand), f64::min).max(0.0);
        let mut left = most;
        if left > 0.0 {
            measure(it, &self.capacities, &self.halves, &mut self.rooms);
        }
        while left > 0.0 {
            let (mut best, mut most) = (0, NOTHING);
            for (place, &room) in self.rooms.iter().enumerate() {
                if room > most {
                    (best, most) = (place, room);
                }
            }
            if most <= NOTHING {
                break;
            }
            let part = left.min(most);
            for &(resource, need, _) in &it.needs {
                self.capacities[resource][it.classes.start + best] -= part * need;
            }
            for (half, count) in it.halves(best, self.halves.len()) {
                self.halves[half] -= part * count;
            }
            it.taken[best] += part;
            left -= part;
            self.rooms[best] = 0.0;
        }
        let taken = most - left;
        for &at in &market.limits_on[member] {
            self.limits[at] -= taken * it.group.demand.0[market.limits[at].resource] as f64;
        }
        it.demand -= taken;
        taken
    }

    /// Lets the members below a guarantee take it, and holds what they leave of it, in proportion to what is left.
    fn reserve(&mut self, at: usize) {
        let market = self.market;
        let hold = &market.holds[at];
        let mut open = hold.amount;
        for &member in &hold.members {
            for group in 0..self.groups[member].len() {
                let it = &self.groups[member][group];
                let need = it.group.demand.0[hold.resource] as f64;
                let has: f64 = it.taken.iter().sum();
                open -= has * need;
                if need > 0.0 && open > 0.0 {
                    open -= need * self.take(member, group, open / need);
                }
            }
        }
        let capacities = &mut self.capacities[hold.resource];
        let rest = hold.classes.iter().map(|&class| capacities[class].max(0.0));
        let left: f64 = rest.sum();
        if open > 0.0 && left > 0.0 {
            let part = (open / left).min(1.0);
            for &class in &hold.classes {
                capacities[class] -= part * capacities[class].max(0.0);
            }
        }
    }
}

/// Room for a group on each of its classes.
fn measure(it: &Open<'_>, capacities: &[Vec<f64>], halves: &[f64], rooms: &mut Vec<f64>) {
    rooms.clear();
    let fits = it.fits.iter().zip(&it.taken);
    rooms.extend(fits.map(|(fit, taken)| fit - taken));
    for &(resource, _, per_unit) in &it.needs {
        let capacities = &capacities[resource][it.classes.clone()];
        for (room, capacity) in rooms.iter_mut().zip(capacities) {
            let here = capacity * per_unit;
            // Nothing here is no number: a comparison takes one instruction where `min` takes several.
            *room = if here < *room { here } else { *room };
        }
    }
    if it.has_halves {
        for (place, room) in rooms.iter_mut().enumerate() {
            let counted = it.halves(place, halves.len());
            let here = counted.map(|(half, count)| halves[half] / count);
            *room = here.fold(*room, f64::min);
        }
    }
}
