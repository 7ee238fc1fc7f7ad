//! What roles may hold at most, and what is kept free for them, while a plan is made.
//!
//! Limits bind whole subtrees. What they leave is a row of a model ([`ceilings`](super::ceilings)); where frameworks below one limit
//! are asked side by side, each is promised a part, and its pending counts are cut to it ([`Roles::allowance`]). So no answer of a
//! solver can go beyond them. What runs may be above a limit already; then nothing is added. Held guarantees are amounts on agents that only frameworks below the role are offered; as these place
//! something, less is held ([`Roles::settle`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use apportion_cluster::{AgentIdx, Cluster, FrameworkIdx, Offer, Quantities, Running, TaskIdx};

use crate::broker::Guarantee;
use crate::broker::tree::{self, Tree};

/// Counts of instances that a framework may place, by task.
pub(super) type Counts = BTreeMap<TaskIdx, i64>;

/// A held guarantee.
#[derive(Clone)]
struct Hold {
    role: usize,
    amounts: Vec<i128>,
    /// What is missing, by agent.
    reserved: BTreeMap<AgentIdx, Quantities>,
    /// Where it may be held.
    agents: Arc<Vec<AgentIdx>>,
}

/// Usage, limits and held guarantees of all roles.
#[derive(Clone)]
pub(super) struct Roles<'a> {
    cluster: &'a Cluster,
    tree: Arc<Tree>,
    limits: Arc<Vec<Vec<Option<i128>>>>,
    /// Roles that have a limit.
    limited: Vec<bool>,
    /// What each subtree uses.
    usage: Vec<Vec<i128>>,
    /// What each framework uses.
    used: Vec<Vec<i128>>,
    /// How many instances of each task were released: as they may have to go back, limits count them until as many were added.
    released: Arc<Counts>,
    /// What each framework may add to that, and others may not: it counts for limits, not for guarantees.
    promised: Vec<Vec<i128>>,
    /// What is promised below each role.
    promises: Vec<Vec<i128>>,
    /// By role, ascending.
    holds: Vec<Hold>,
    /// The sum of all that is held, by agent.
    held: BTreeMap<AgentIdx, Quantities>,
}

impl<'a> Roles<'a> {
    pub(super) fn new(cluster: &'a Cluster, released: &[Running]) -> Self {
        let mut used = vec![vec![0; cluster.resources.len()]; cluster.frameworks.len()];
        for running in &cluster.running {
            let demand = &cluster.task(running.task).demand;
            add(
                &mut used[cluster.framework_of(running.task).at()],
                demand,
                running.instances,
            );
        }
        let limited = cluster.roles.iter();
        Self {
            cluster,
            tree: Arc::new(Tree::of(cluster)),
            limits: Arc::new(tree::limits(cluster)),
            limited: limited
                .map(|role| role.limit.iter().any(Option::is_some))
                .collect(),
            usage: tree::running_usage(cluster),
            promised: vec![vec![0; cluster.resources.len()]; cluster.frameworks.len()],
            promises: vec![vec![0; cluster.resources.len()]; cluster.roles.len()],
            used,
            released: Arc::new(by_task(released)),
            holds: Vec::new(),
            held: BTreeMap::new(),
        }
    }

    /// Counts only these as released, from the next count of their framework on.
    pub(super) fn set_released(&mut self, released: &[Running]) {
        self.released = Arc::new(by_task(released));
    }

    /// How many instances of each task were released.
    pub(super) fn released(&self) -> &Arc<Counts> {
        &self.released
    }

    /// Of a resource, what of a framework was released.
    pub(super) fn moving(&self, framework: FrameworkIdx, resource: usize) -> i128 {
        let own = self.released.iter();
        let own = own.filter(|(task, _)| self.cluster.framework_of(**task) == framework);
        let amounts = own.map(|(&task, &instances)| {
            i128::from(self.cluster.task(task).demand.0[resource]) * i128::from(instances)
        });
        amounts.sum()
    }

    /// Keeps free what is reserved for guarantees that are held.
    pub(super) fn hold(&mut self, guarantees: &[Guarantee]) {
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
    pub(super) fn held_for(&self, role: usize) -> impl Iterator<Item = (AgentIdx, &Quantities)> {
        let hold = self.holds.iter().find(|hold| hold.role == role);
        hold.into_iter()
            .flat_map(|hold| &hold.reserved)
            .map(|(&agent, amounts)| (agent, amounts))
    }

    /// The roles at and above a framework's, upward.
    pub(super) fn above(&self, framework: FrameworkIdx) -> Vec<usize> {
        let role = self.cluster.framework(framework).role.at();
        self.tree.upward(role).collect()
    }

    /// What everything below a role uses.
    pub(super) fn usage(&self, role: usize) -> &[i128] {
        &self.usage[role]
    }

    /// Whether a limit stands above a framework.
    pub(super) fn is_limited(&self, framework: FrameworkIdx) -> bool {
        self.above(framework).iter().any(|&role| self.limited[role])
    }

    /// The limits of a role, by resource.
    pub(super) fn limits(&self, role: usize) -> &[Option<i128>] {
        &self.limits[role]
    }

    /// What of a resource is used or promised below a role.
    pub(super) fn taken(&self, role: usize, resource: usize) -> i128 {
        self.usage[role][resource] + self.promises[role][resource]
    }

    /// What a framework uses, or is promised, of a resource beside what of it stays running.
    pub(super) fn beside(
        &self,
        framework: FrameworkIdx,
        kept: &[Running],
        resource: usize,
    ) -> i128 {
        let own = self.used[framework.at()][resource] + self.promised[framework.at()][resource];
        let kept = kept.iter().map(|kept| {
            let need = self.cluster.task(kept.task).demand.0[resource];
            i128::from(need) * i128::from(kept.instances)
        });
        own - kept.sum::<i128>()
    }

    /// What of each resource a framework may hold beside what stays running.
    fn headroom(&self, framework: FrameworkIdx, kept: &[Running]) -> Vec<Option<i128>> {
        let mut room = vec![None; self.cluster.resources.len()];
        for ceiling in self.ceilings(&[(framework, kept)]) {
            let most = i128::from(ceiling.most);
            let room: &mut Option<i128> = &mut room[ceiling.resource];
            *room = Some(room.map_or(most, |room| room.min(most)));
        }
        room
    }

    /// How many instances of each pending task a framework may place beside what stays running, so that no limit above it
    /// is broken: first what it `has`, then the rest by priority; of a gang what it lacks, or nothing. `None` without limits.
    pub(super) fn allowance(
        &self,
        framework: FrameworkIdx,
        kept: &[Running],
        pending: &[(TaskIdx, i64)],
        has: &[Running],
    ) -> Option<Counts> {
        if !self.is_limited(framework) {
            return None;
        }
        let cluster = self.cluster;
        let mut grants = Grants {
            cluster,
            room: self.headroom(framework, kept),
            released: &self.released,
            wants: pending.iter().copied().collect(),
            counts: Counts::new(),
        };
        for placed in has {
            grants.grant(placed.task, placed.instances);
        }
        let mut order: Vec<TaskIdx> = pending.iter().map(|&(task, _)| task).collect();
        order.sort_by_key(|&task| {
            let job = cluster.job(cluster.task(task).job);
            (std::cmp::Reverse(job.priority), task)
        });
        for tasks in
            order.chunk_by(|&left, &right| cluster.task(left).job == cluster.task(right).job)
        {
            let had: Vec<i64> = tasks.iter().map(|&task| grants.count(task)).collect();
            for &task in tasks {
                grants.grant(task, i64::MAX);
            }
            let job = cluster.task(tasks[0]).job;
            let stays = kept.iter().filter(|it| cluster.task(it.task).job == job);
            let stays: i64 = stays.map(|it| it.instances).sum();
            let granted: i64 = tasks.iter().map(|&task| grants.count(task)).sum();
            let gang_min = cluster.job(job).gang_min.unwrap_or(0);
            if stays + granted < gang_min {
                for (&task, had) in tasks.iter().zip(had) {
                    grants.take_back(task, grants.count(task) - had);
                }
            }
        }
        Some(grants.counts)
    }

    /// Counts what a framework holds now: what stays, and of what was released or added the more. Nothing is promised beyond that.
    pub(super) fn count(&mut self, framework: FrameworkIdx, kept: &[Running], added: &[Running]) {
        let now = self.sum(framework, kept, added);
        let above = self.above(framework);
        replace(&mut self.usage, &above, &mut self.used[framework.at()], now);
        let nothing = vec![0; self.cluster.resources.len()];
        let promised = &mut self.promised[framework.at()];
        replace(&mut self.promises, &above, promised, nothing);
    }

    /// Leaves a framework room below its limits for as much as it may add at most.
    pub(super) fn promise(&mut self, framework: FrameworkIdx, kept: &[Running], most: &[Running]) {
        let most = self.sum(framework, kept, most).into_iter();
        let beyond = most.zip(&self.used[framework.at()]);
        let beyond = beyond.map(|(most, used)| (most - used).max(0)).collect();
        let above = self.above(framework);
        let promised = &mut self.promised[framework.at()];
        replace(&mut self.promises, &above, promised, beyond);
    }

    /// What stays, and of what was released or added the more.
    fn sum(&self, framework: FrameworkIdx, kept: &[Running], added: &[Running]) -> Vec<i128> {
        let cluster = self.cluster;
        let mut now = vec![0; cluster.resources.len()];
        for kept in kept {
            add(&mut now, &cluster.task(kept.task).demand, kept.instances);
        }
        let mut moving: BTreeMap<TaskIdx, (i64, i64)> = BTreeMap::new();
        for (&task, &released) in &*self.released {
            if cluster.framework_of(task) == framework {
                moving.entry(task).or_default().0 = released;
            }
        }
        for added in added {
            moving.entry(added.task).or_default().1 += added.instances;
        }
        for (task, (released, added)) in moving {
            add(&mut now, &cluster.task(task).demand, released.max(added));
        }
        now
    }

    /// After a framework placed something: what is still missing to the guarantees above it is held, out of what is free.
    pub(super) fn settle(&mut self, framework: FrameworkIdx, free: &[Quantities]) {
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
    pub(super) fn withhold(&self, framework: FrameworkIdx, offer: &mut Offer) {
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
    pub(super) fn withhold_all(&self, offer: &mut Offer) {
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
    pub(super) fn leaves_room(
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

    /// Whether one more instance keeps every limit above its framework.
    pub(super) fn lets_in(&self, task: TaskIdx) -> bool {
        let demand = &self.cluster.task(task).demand.0;
        self.above(self.cluster.framework_of(task))
            .iter()
            .all(|&role| {
                let limits = self.limits[role].iter().zip(&self.usage[role]).zip(demand);
                limits.into_iter().all(|((limit, used), &need)| {
                    need == 0 || limit.is_none_or(|limit| used + i128::from(need) <= limit)
                })
            })
    }

    /// The first limit that keeps so many instances of a task out: role and resource, with the limit and what is used.
    pub(super) fn obstacle(
        &self,
        task: TaskIdx,
        instances: i64,
    ) -> Option<(usize, usize, i128, i128)> {
        let demand = &self.cluster.task(task).demand.0;
        let above = self.above(self.cluster.framework_of(task));
        above.into_iter().find_map(|role| {
            let mut limits = self.limits[role].iter().enumerate();
            limits.find_map(|(resource, limit)| {
                let (limit, used) = ((*limit)?, self.usage[role][resource]);
                let need = i128::from(demand[resource]) * i128::from(instances);
                (need > 0 && used + need > limit).then_some((role, resource, limit, used))
            })
        })
    }

    /// Counts one instance more, or less, of a task.
    pub(super) fn change(&mut self, task: TaskIdx, instances: i64) {
        let framework = self.cluster.framework_of(task);
        let demand = &self.cluster.task(task).demand;
        add(&mut self.used[framework.at()], demand, instances);
        for role in self.above(framework) {
            add(&mut self.usage[role], demand, instances);
        }
    }

    /// Whether a guarantee of a role above a framework is held.
    pub(super) fn is_promised(&self, framework: FrameworkIdx) -> bool {
        let above = self.above(framework);
        self.holds.iter().any(|hold| above.contains(&hold.role))
    }

    /// What guarantees lack, beside what is used and what is held, summed over resources.
    pub(super) fn missing(&self) -> i128 {
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

    /// Whether no role limits or holds anything.
    pub(super) fn are_free(&self) -> bool {
        self.holds.is_empty() && !self.limited.contains(&true)
    }

    /// Whether anything is held for roles that a framework is not below, on some agent.
    pub(super) fn holds_anything(&self) -> bool {
        !self.holds.is_empty()
    }
}

/// Counts that are cut to what limits leave.
struct Grants<'a> {
    cluster: &'a Cluster,
    /// Beside what was released.
    room: Vec<Option<i128>>,
    released: &'a Counts,
    wants: Counts,
    counts: Counts,
}

impl Grants<'_> {
    fn count(&self, task: TaskIdx) -> i64 {
        self.counts.get(&task).copied().unwrap_or(0)
    }

    fn released_of(&self, task: TaskIdx) -> i64 {
        self.released.get(&task).copied().unwrap_or(0)
    }

    /// Grants a task as many more of what it wants as there is room for, `most` at most.
    fn grant(&mut self, task: TaskIdx, most: i64) {
        let want = self.wants.get(&task).copied().unwrap_or(0);
        let demand = &self.cluster.task(task).demand.0;
        let fit = self.room.iter().zip(demand).filter(|(_, need)| **need > 0);
        let fit = fit.filter_map(|(room, &need)| Some((*room)?.max(0) / i128::from(need)));
        let moving = (self.released_of(task) - self.count(task)).max(0);
        let fit = fit.min().unwrap_or(i128::MAX);
        let fit = fit.saturating_add(moving.into());
        let granted = i64::try_from(fit).unwrap_or(i64::MAX).min(most).min(want);
        self.take_back(task, -granted);
    }

    /// Takes some of what was granted back.
    fn take_back(&mut self, task: TaskIdx, instances: i64) {
        *self.wants.entry(task).or_insert(0) += instances;
        let released = self.released_of(task);
        let count = self.counts.entry(task).or_insert(0);
        let before = (*count - released).max(0);
        *count -= instances;
        let back = before - (*count - released).max(0);
        let demand = &self.cluster.task(task).demand.0;
        for (room, &need) in self.room.iter_mut().zip(demand) {
            if let Some(room) = room {
                *room += i128::from(need) * i128::from(back);
            }
        }
    }
}

fn by_task(released: &[Running]) -> Counts {
    let mut counts = Counts::new();
    for it in released {
        *counts.entry(it.task).or_insert(0) += it.instances;
    }
    counts
}

/// Puts other amounts of a framework into the sums of the roles above it.
fn replace(sums: &mut [Vec<i128>], above: &[usize], before: &mut Vec<i128>, now: Vec<i128>) {
    for &role in above {
        for ((sum, now), before) in sums[role].iter_mut().zip(&now).zip(&*before) {
            *sum += now - before;
        }
    }
    *before = now;
}

fn add(sums: &mut [i128], demand: &Quantities, instances: i64) {
    for (sum, &need) in sums.iter_mut().zip(&demand.0) {
        *sum += i128::from(need) * i128::from(instances);
    }
}
