//! Progressive filling in steps, for many members.
//!
//! Everybody's dominant share over weight rises by the same small step, on the classes where most room is left, until a
//! step finds no room: then its member is done. First, what is guaranteed is taken by whoever it is guaranteed to, and what
//! they cannot use of it is held.

use super::super::market::{Column, Group, Market, Scope, needs};
use super::dominant_share;

/// Steps in which the whole cluster would be filled if nobody shared a resource.
const STEPS: f64 = 200.0;

/// Capacity rows with what an instance needs of each, and how many instances a unit of it is.
type Needs = Vec<(usize, f64, f64)>;

/// What is left of every row, and what is taken.
struct Room<'a> {
    market: &'a Market,
    capacities: Vec<f64>,
    halves: Vec<f64>,
    limits: Vec<f64>,
    demands: Vec<Vec<f64>>,
    /// By member, group and column.
    taken: Vec<Vec<Vec<f64>>>,
    /// What an instance needs of which capacity rows; by member, group and column.
    needs: Vec<Vec<Vec<Needs>>>,
    /// Room on each column of a group, for one step.
    rooms: Vec<f64>,
}

/// Amounts by block and column of the market's problem; what is held is left out.
pub(super) fn fill(market: &Market, whole: &Scope, total: &[i128]) -> Vec<Vec<f64>> {
    let mut room = Room {
        market,
        capacities: whole.capacities.clone(),
        halves: whole.halves.clone(),
        limits: whole
            .limits
            .iter()
            .map(|limit| limit.unwrap_or(f64::INFINITY))
            .collect(),
        demands: (market.members.iter())
            .map(|member| member.groups.iter().map(|group| group.most).collect())
            .collect(),
        taken: (market.members.iter())
            .map(|member| {
                let groups = member.groups.iter();
                groups.map(|group| vec![0.0; group.columns.len()]).collect()
            })
            .collect(),
        needs: (market.members.iter())
            .map(|member| {
                member
                    .groups
                    .iter()
                    .map(|group| rows(market, group))
                    .collect()
            })
            .collect(),
        rooms: Vec::new(),
    };
    for at in 0..market.holds.len() {
        room.reserve(at);
    }
    let n_members = market.members.len();
    let mut open: Vec<usize> = (0..n_members).collect();
    let step = 1.0 / STEPS;
    while !open.is_empty() {
        open.retain(|&member| {
            let mut left = step * market.members[member].weight;
            for group in 0..market.members[member].groups.len() {
                let unit = dominant_share(&market.members[member].groups[group].demand, total);
                left -= unit * room.take(member, group, left / unit);
                if left <= 1e-12 {
                    return true;
                }
            }
            false
        });
    }
    let problem_blocks = room.taken.into_iter().enumerate();
    let mut x: Vec<Vec<f64>> = problem_blocks
        .map(|(member, groups)| {
            let mut x: Vec<f64> = groups.into_iter().flatten().collect();
            let (_, holds) = market.own_rows(member, whole);
            let held: usize = holds.iter().map(|&at| market.holds[at].classes.len()).sum();
            x.resize(x.len() + held, 0.0);
            x
        })
        .collect();
    let problem = market.problem(whole, apportion_models::welfare::Objective::Linear, None);
    for block in &problem.blocks()[n_members..] {
        x.push(vec![0.0; block.columns()]);
    }
    x
}

/// What an instance of a group needs of which capacity rows, by column.
fn rows(market: &Market, group: &Group) -> Vec<Needs> {
    let of_column = |column: &Column| {
        let needs = needs(&group.demand);
        needs
            .map(|(resource, need)| {
                let row = market.capacity_row[&(column.class, resource)];
                (row, need as f64, 1.0 / need as f64)
            })
            .collect()
    };
    group.columns.iter().map(of_column).collect()
}

impl Room<'_> {
    /// Takes up to `amount` instances of a group, where most room is left first; how many there were.
    fn take(&mut self, member: usize, group: usize, amount: f64) -> f64 {
        let market = self.market;
        let it = &market.members[member].groups[group];
        let limits = market.limits_on[member].iter().filter_map(|&at| {
            let need = it.demand.0[market.limits[at].resource];
            (need > 0).then(|| self.limits[at] / need as f64)
        });
        let most = limits.fold(amount.min(self.demands[member][group]), f64::min);
        let mut left = most.max(0.0);
        let mut rooms = std::mem::take(&mut self.rooms);
        rooms.clear();
        rooms.extend((0..it.columns.len()).map(|column| self.room(member, group, column)));
        while left > 0.0 {
            let mut best = 0;
            for (column, &room) in rooms.iter().enumerate() {
                if room > rooms[best] {
                    best = column;
                }
            }
            if rooms[best] <= 1e-12 {
                break;
            }
            let part = left.min(rooms[best]);
            for &(row, need, _) in &self.needs[member][group][best] {
                self.capacities[row] -= part * need;
            }
            for &half in &it.columns[best].halves {
                self.halves[half] -= part;
            }
            self.taken[member][group][best] += part;
            left -= part;
            rooms[best] = 0.0;
        }
        self.rooms = rooms;
        let taken = most.max(0.0) - left;
        for &at in &market.limits_on[member] {
            self.limits[at] -= taken * it.demand.0[market.limits[at].resource] as f64;
        }
        self.demands[member][group] -= taken;
        taken
    }

    fn room(&self, member: usize, group: usize, column: usize) -> f64 {
        let it = &self.market.members[member].groups[group];
        let at = &it.columns[column];
        let by_need = self.needs[member][group][column].iter();
        let by_need = by_need.map(|&(row, _, per_unit)| self.capacities[row] * per_unit);
        let by_half = at.halves.iter().map(|&half| self.halves[half]);
        by_need
            .chain(by_half)
            .fold(at.fit - self.taken[member][group][column], f64::min)
    }

    /// Lets the members below a guarantee take it, and holds what they leave of it, in proportion to what is left.
    fn reserve(&mut self, at: usize) {
        let market = self.market;
        let hold = &market.holds[at];
        let mut open = hold.amount;
        for &member in &hold.members {
            for group in 0..market.members[member].groups.len() {
                let it = &market.members[member].groups[group];
                let need = it.demand.0[hold.resource] as f64;
                let has: f64 = self.taken[member][group].iter().sum();
                open -= has * need;
                if need > 0.0 && open > 0.0 {
                    open -= need * self.take(member, group, open / need);
                }
            }
        }
        let rows = || {
            hold.classes
                .iter()
                .map(|&class| market.capacity_row[&(class, hold.resource)])
        };
        let left: f64 = rows().map(|row| self.capacities[row].max(0.0)).sum();
        if open > 0.0 && left > 0.0 {
            let part = (open / left).min(1.0);
            for row in rows().collect::<Vec<_>>() {
                self.capacities[row] -= part * self.capacities[row].max(0.0);
            }
        }
    }
}
