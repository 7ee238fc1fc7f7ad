//! A part of the cluster and who is in it.

use super::Market;
use super::domain_rows::Limits;
use super::role_rows::Place;
use crate::broker::half::Whole;

/// A part of the cluster, and who is in it: right-hand sides of the rows that frameworks share.
#[derive(Clone, Debug)]
pub(in crate::broker) struct Scope {
    /// Ascending.
    pub members: Vec<usize>,
    /// By capacity row.
    pub capacities: Vec<f64>,
    /// By half row; those of devices, which are the last, may be left out.
    pub halves: Vec<f64>,
    /// By limit row; `None` where it is no part of this.
    pub limits: Vec<Option<f64>>,
    /// By guarantee row: whether it is a part of this.
    pub holds: Vec<bool>,
    pub of_domains: Limits,
}

impl Market {
    /// Everything and everybody, as shares see it: a part of a device is as good as any other, and what whole devices
    /// lose is the plan's to show.
    pub fn fractional(&self) -> Scope {
        let mut scope = self.whole();
        let of_agents = self.halves.iter();
        let of_agents = of_agents.take_while(|half| half.whole == Whole::Agent);
        scope.halves.truncate(of_agents.count());
        scope
    }

    /// Everything and everybody.
    pub fn whole(&self) -> Scope {
        let capacity = |&(class, resource): &(usize, usize)| {
            self.census.classes[class].capacity[resource] as f64
        };
        Scope {
            members: (0..self.members.len()).collect(),
            capacities: self.capacities.iter().map(capacity).collect(),
            halves: self.halves.iter().map(|half| half.most).collect(),
            limits: self.limits.iter().map(|limit| Some(limit.amount)).collect(),
            holds: vec![true; self.holds.len()],
            of_domains: Limits::All,
        }
    }

    /// Leaves out limits of members with one group that its demand implies.
    pub fn leave_out_loose(&self, scope: &mut Scope) {
        for (at, limit) in self.limits.iter().enumerate() {
            if let Place::Own(member) = self.limit_places[at]
                && let [group] = &self.members[member].groups[..]
                && group.most * group.demand.0[limit.resource] as f64 <= limit.amount
            {
                scope.limits[at] = None;
            }
        }
    }

    /// Leaves out guarantees of members with one group of which these values use as much.
    pub fn leave_out_reached(&self, scope: &mut Scope, values: &[f64]) {
        for (at, hold) in self.holds.iter().enumerate() {
            if let Place::Own(member) = self.hold_places[at]
                && let [group] = &self.members[member].groups[..]
            {
                let need = group.demand.0[hold.resource] as f64;
                let used = need * values[member] / group.value as f64;
                scope.holds[at] &= used < hold.amount;
            }
        }
    }

    /// Limits and guarantees at a place, of those that a scope has.
    pub fn rows_at(&self, place: Place, scope: &Scope) -> (Vec<usize>, Vec<usize>) {
        let limits = 0..self.limits.len();
        let holds = 0..self.holds.len();
        (
            limits
                .filter(|&at| self.limit_places[at] == place && scope.limits[at].is_some())
                .collect(),
            holds
                .filter(|&at| self.hold_places[at] == place && scope.holds[at])
                .collect(),
        )
    }

    /// A member's own limits and guarantees, of those that a scope has.
    pub fn own_rows(&self, member: usize, scope: &Scope) -> (Vec<usize>, Vec<usize>) {
        let own = Place::Own(member);
        let limits = self.limits_on[member].iter().copied();
        let holds = self.holds_on[member].iter().copied();
        (
            limits
                .filter(|&at| self.limit_places[at] == own && scope.limits[at].is_some())
                .collect(),
            holds
                .filter(|&at| self.hold_places[at] == own && scope.holds[at])
                .collect(),
        )
    }
}
