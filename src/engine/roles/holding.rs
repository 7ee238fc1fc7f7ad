//! What is held for guarantees, and kept out of offers to others.

use std::collections::BTreeMap;
use std::sync::Arc;

use apportion_cluster::{AgentIdx, FrameworkIdx, Offer, Quantities};

use super::Roles;
use crate::broker::Guarantee;

/// A held guarantee.
#[derive(Clone)]
pub(super) struct Hold {
    role: usize,
    amounts: Vec<i128>,
    /// What is missing, by agent.
    reserved: BTreeMap<AgentIdx, Quantities>,
    /// Where it may be held.
    agents: Arc<Vec<AgentIdx>>,
}

impl Roles<'_> {
    /// Keeps free what is reserved for guarantees that are held.
    pub(in crate::engine) fn hold(&mut self, guarantees: &[Guarantee]) {
        let held = guarantees.iter().filter(|guarantee| guarantee.held);
        self.holds = held
            .map(|guarantee| Hold {
                role: guarantee.role.at(),
                amounts: guarantee.amounts.0.iter().map(|&it| it.into()).collect(),
                reserved: guarantee.reserved.clone(),
                agents: Arc::clone(&guarantee.agents),
            })
            .collect();
        self.sum_up();
    }

    fn sum_up(&mut self) {
        self.held.clear();
        for (&agent, amounts) in self.holds.iter().flat_map(|hold| &hold.reserved) {
            let sum = self.held.entry(agent);
            sum.or_insert_with(|| Quantities::zero(self.cluster.resources.len()))
                .add(amounts, 1);
        }
    }

    /// What is held, by role and agent.
    pub(in crate::engine) fn held_for(
        &self,
        role: usize,
    ) -> impl Iterator<Item = (AgentIdx, &Quantities)> {
        let hold = self.holds.iter().find(|hold| hold.role == role);
        hold.into_iter()
            .flat_map(|hold| &hold.reserved)
            .map(|(&agent, amounts)| (agent, amounts))
    }

    /// After a framework placed something: what is still missing to the guarantees above it is held, out of what is free.
    pub(in crate::engine) fn settle(&mut self, framework: FrameworkIdx, free: &[Quantities]) {
        if self.holds.is_empty() {
            return;
        }
        let above = self.above(framework);
        // Upward: what is held below a role counts for it.
        for role in above {
            let Ok(at) = self.holds.binary_search_by_key(&role, |hold| hold.role) else {
                continue;
            };
            self.settle_one(at, free);
        }
    }

    fn settle_one(&mut self, at: usize, free: &[Quantities]) {
        let n_resources = self.cluster.resources.len();
        let hold = &self.holds[at];
        let below = self.holds.iter().filter(|other| {
            other.role != hold.role && self.tree.upward(other.role).any(|role| role == hold.role)
        });
        let mut open: Vec<i128> = (hold.amounts.iter().zip(&self.usage[hold.role]))
            .map(|(amount, used)| amount - used)
            .collect();
        for amounts in below.flat_map(|other| other.reserved.values()) {
            for (open, &amount) in open.iter_mut().zip(&amounts.0) {
                *open -= i128::from(amount);
            }
        }
        let narrow = |open: i128| i64::try_from(open.max(0)).unwrap_or(i64::MAX);
        let mut open = Quantities(open.into_iter().map(narrow).collect());
        let zero = Quantities::zero(n_resources);
        let mut before = std::mem::take(&mut self.holds[at].reserved);
        for (agent, amounts) in &before {
            if let Some(sum) = self.held.get_mut(agent) {
                sum.subtract(amounts, 1);
            }
        }
        let room = |agent: AgentIdx| {
            let others = self.held.get(&agent).unwrap_or(&zero);
            let amounts = free[agent.at()].0.iter().zip(&others.0);
            amounts.map(|(free, held)| (free - held).max(0)).collect()
        };
        // Where it was held, as far as it is still free; then wherever it may be.
        let mut reserved: BTreeMap<AgentIdx, Quantities> = BTreeMap::new();
        for (&agent, was) in &mut before {
            for (was, room) in was.0.iter_mut().zip::<Vec<i64>>(room(agent)) {
                *was = (*was).min(room);
            }
            crate::broker::guarantees::take(&mut open, was, agent, &mut reserved);
        }
        if !open.is_zero() {
            for &agent in &*Arc::clone(&self.holds[at].agents) {
                if open.is_zero() {
                    break;
                }
                let mut left = Quantities(room(agent));
                if let Some(own) = reserved.get(&agent) {
                    left.subtract(own, 1);
                }
                crate::broker::guarantees::take(&mut open, &mut left, agent, &mut reserved);
            }
        }
        for (&agent, amounts) in &reserved {
            let sum = self.held.entry(agent);
            sum.or_insert_with(|| Quantities::zero(n_resources))
                .add(amounts, 1);
        }
        self.holds[at].reserved = reserved;
    }

    /// Takes what is held for others out of an offer to a framework.
    pub(in crate::engine) fn withhold(&self, framework: FrameworkIdx, offer: &mut Offer) {
        let Some(all) = self.held.get(&offer.agent) else {
            return;
        };
        let mut held = all.clone();
        for role in self.above(framework) {
            if let Ok(at) = self.holds.binary_search_by_key(&role, |hold| hold.role)
                && let Some(own) = self.holds[at].reserved.get(&offer.agent)
            {
                held.subtract(own, 1);
            }
        }
        self.take_out(&held, offer);
    }

    /// Takes everything that is held out of an offer.
    pub(in crate::engine) fn withhold_all(&self, offer: &mut Offer) {
        if let Some(held) = self.held.get(&offer.agent) {
            self.take_out(held, offer);
        }
    }

    fn take_out(&self, held: &Quantities, offer: &mut Offer) {
        if held.is_zero() {
            return;
        }
        for (amount, held) in offer.resources.0.iter_mut().zip(&held.0) {
            *amount = (*amount - held).max(0);
        }
        let kinds = self.cluster.agent(offer.agent).devices.iter();
        for (kind, free) in kinds.zip(&mut offer.devices) {
            let Some(total) = self.cluster.device_total(kind.kind) else {
                continue;
            };
            // Devices that are in part taken already are held first: whole ones are worth more to whoever may use them.
            let mut order: Vec<usize> = (0..free.len()).collect();
            order.sort_by_key(|&at| (free[at], at));
            let mut left = held.0[total];
            for at in order {
                let part = left.min(free[at]);
                free[at] -= part;
                left -= part;
            }
        }
        self.cluster.total_devices(offer);
    }

    /// Whether an instance fits into what is free on an agent beside what is held for others.
    pub(in crate::engine) fn leaves_room(
        &self,
        framework: FrameworkIdx,
        demand: &Quantities,
        agent: AgentIdx,
        free: &Quantities,
    ) -> bool {
        if !self.held.contains_key(&agent) {
            return true;
        }
        let mut offer = Offer {
            agent,
            resources: free.clone(),
            devices: Vec::new(),
        };
        self.withhold(framework, &mut offer);
        demand.fits_in(&offer.resources)
    }

    /// Whether a guarantee of a role above a framework is held.
    pub(in crate::engine) fn is_promised(&self, framework: FrameworkIdx) -> bool {
        let above = self.above(framework);
        self.holds.iter().any(|hold| above.contains(&hold.role))
    }

    /// What guarantees lack, beside what is used and what is held, summed over resources.
    pub(in crate::engine) fn missing(&self) -> i128 {
        let open = (0..self.holds.len()).flat_map(|at| self.open(at));
        open.map(|open| open.max(0)).sum()
    }

    /// What of a guarantee is neither used nor held for the role or those below.
    fn open(&self, at: usize) -> Vec<i128> {
        let hold = &self.holds[at];
        let below = self
            .holds
            .iter()
            .filter(|other| self.tree.upward(other.role).any(|role| role == hold.role));
        let mut open: Vec<i128> = (hold.amounts.iter().zip(&self.usage[hold.role]))
            .map(|(amount, used)| amount - used)
            .collect();
        for amounts in below.flat_map(|other| other.reserved.values()) {
            for (open, &amount) in open.iter_mut().zip(&amounts.0) {
                *open -= i128::from(amount);
            }
        }
        open
    }

    /// Whether anything is held for any role.
    pub(in crate::engine) fn holds_anything(&self) -> bool {
        !self.holds.is_empty()
    }
}
