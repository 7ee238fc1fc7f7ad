//! What several rule families look up: which offers a task may use, and what stays running where.

use std::collections::BTreeMap;
use std::sync::Arc;

use apportion_cluster::{
    AgentIdx, DomainIdx, Eligibility, JobIdx, LevelIdx, Offer, Quantities, Slice, Task, TaskIdx,
};
use apportion_models::assignment::{Bin, DeviceNeed, Item, Packing, Probe};

/// A slice with the tables that its rules share.
pub(crate) struct Tables<'a> {
    /// The slice.
    pub slice: &'a Slice<'a>,
    /// Eligible bins per item (shape: `slice.pending`).
    eligible: Vec<Arc<Vec<u32>>>,
    /// Per level, the domain of each bin, renumbered to those with an offer.
    offered: Vec<Offered>,
    /// Jobs of the framework with their pending items, by job.
    pub jobs: Vec<(JobIdx, Vec<u32>)>,
}

/// The domains of one level that have an offer.
struct Offered {
    /// Domain behind each group, ascending.
    domains: Vec<DomainIdx>,
    /// Their names.
    names: Arc<Vec<String>>,
    /// Group of each bin.
    group_of: Arc<Vec<u32>>,
}

impl<'a> Tables<'a> {
    pub(crate) fn new(slice: &'a Slice<'a>) -> Self {
        let n_levels = slice.cluster.levels.len();
        let offered = (0..n_levels)
            .map(|level| Offered::new(slice, LevelIdx::of(level)))
            .collect();
        Self {
            slice,
            eligible: eligible_bins(slice),
            offered,
            jobs: jobs_with_items(slice),
        }
    }

    /// One item per pending task.
    pub(crate) fn items(&self) -> Vec<Item> {
        let pending = self.slice.pending.iter().zip(&self.eligible);
        let items = pending.map(|(&(task, count), eligible)| Item {
            name: self.slice.cluster.task_name(task),
            count,
            demand: self.demand(task),
            eligible: Arc::clone(eligible),
            devices: devices(self.slice.cluster.task(task)),
        });
        items.collect()
    }

    /// One bin per offer.
    pub(crate) fn bins(&self) -> Vec<Bin> {
        let bins = self.slice.offers.iter().map(|offer| Bin {
            name: self.slice.cluster.agent(offer.agent).id.clone(),
            capacity: offer.resources.0.clone(),
            devices: self.devices_of(offer),
        });
        bins.collect()
    }

    /// What one instance needs but for devices, whose totals would only repeat what is said of each.
    fn demand(&self, task: TaskIdx) -> Vec<i64> {
        let cluster = self.slice.cluster;
        let mut demand = cluster.task(task).demand.0.clone();
        for need in &cluster.task(task).devices {
            if let Some(at) = cluster.device_total(need.kind) {
                demand[at] = 0;
            }
        }
        demand
    }

    /// What is offered of each device, by kind; nothing where no agent has any.
    fn devices_of(&self, offer: &Offer) -> Vec<Vec<i64>> {
        let mut by_kind = vec![Vec::new(); self.slice.cluster.devices.len()];
        let devices = &self.slice.cluster.agent(offer.agent).devices;
        for (devices, offered) in devices.iter().zip(&offer.devices) {
            by_kind[devices.kind.at()].clone_from(offered);
        }
        by_kind
    }

    /// Items of the tasks that `counts` accepts, ascending.
    pub(crate) fn items_of(&self, counts: impl Fn(TaskIdx) -> bool) -> Arc<Vec<u32>> {
        let pending = (0u32..).zip(&self.slice.pending);
        Arc::new(
            pending
                .filter(|(_, (task, _))| counts(*task))
                .map(|(item, _)| item)
                .collect(),
        )
    }

    /// Instances that stay running of the tasks that `counts` accepts, per domain of `level`.
    pub(crate) fn kept_by_domain(
        &self,
        level: LevelIdx,
        counts: impl Fn(TaskIdx) -> bool,
    ) -> BTreeMap<DomainIdx, i64> {
        let mut by_domain = BTreeMap::new();
        for kept in self.slice.kept.iter().filter(|kept| counts(kept.task)) {
            *by_domain
                .entry(self.slice.cluster.domain(kept.agent, level))
                .or_insert(0) += kept.instances;
        }
        by_domain
    }

    /// Instances that stay running of the tasks that `counts` accepts.
    pub(crate) fn kept(&self, counts: impl Fn(TaskIdx) -> bool) -> i64 {
        self.slice
            .kept
            .iter()
            .filter(|kept| counts(kept.task))
            .map(|kept| kept.instances)
            .sum()
    }

    /// Counts of a job over the domains of `level`: those with an offer, then those where it only stays.
    pub(crate) fn packing(&self, job: JobIdx, items: &[u32], level: LevelIdx) -> Packing {
        let offered = &self.offered[level.at()];
        let mut kept = self.kept_by_domain(level, |task| self.slice.cluster.task(task).job == job);
        let in_offers = offered
            .domains
            .iter()
            .map(|domain| kept.remove(domain).unwrap_or(0));
        let mut base: Vec<i64> = in_offers.collect();
        base.extend(kept.into_values());
        Packing {
            items: Arc::new(items.to_vec()),
            group_of: Arc::clone(&offered.group_of),
            base,
        }
    }

    /// Counts over all domains of `level`, whether or not they have an offer.
    pub(crate) fn all_domains(
        &self,
        items: Arc<Vec<u32>>,
        level: LevelIdx,
        counts: impl Fn(TaskIdx) -> bool,
    ) -> Packing {
        let cluster = self.slice.cluster;
        let mut base = vec![0; cluster.levels[level.at()].domains.len()];
        for (domain, kept) in self.kept_by_domain(level, counts) {
            base[domain.at()] = kept;
        }
        let offers = self.slice.offers.iter();
        let group_of = offers.map(|offer| cluster.domain(offer.agent, level).0);
        Packing {
            items,
            group_of: Arc::new(group_of.collect()),
            base,
        }
    }

    /// Counts of a job by agent: those with an offer (`on_agents` numbers them), then those where it only stays.
    pub(crate) fn packing_on_agents(
        &self,
        job: JobIdx,
        items: &[u32],
        on_agents: &Arc<Vec<u32>>,
    ) -> Packing {
        let slice = self.slice;
        let mut kept: BTreeMap<AgentIdx, i64> = BTreeMap::new();
        for running in &slice.kept {
            if slice.cluster.task(running.task).job == job {
                *kept.entry(running.agent).or_insert(0) += running.instances;
            }
        }
        let offered = slice.offers.iter();
        let mut base: Vec<i64> = offered
            .map(|offer| kept.remove(&offer.agent).unwrap_or(0))
            .collect();
        base.extend(kept.into_values());
        Packing {
            items: Arc::new(items.to_vec()),
            group_of: Arc::clone(on_agents),
            base,
        }
    }

    /// A task as one that may come: what it would need, and where it might go. Its weight is still 0.
    pub(crate) fn probe(&self, task: TaskIdx) -> Probe {
        let cluster = self.slice.cluster;
        let offers = (0u32..).zip(&self.slice.offers);
        let usable =
            offers.filter(|(_, offer)| cluster.refusal(cluster.task(task), offer.agent).is_none());
        Probe {
            demand: self.demand(task),
            devices: devices(cluster.task(task)),
            eligible: Arc::new(usable.map(|(bin, _)| bin).collect()),
            weight: 0,
        }
    }

    /// Counts over the domains of `level` that have an offer, with the domains' names.
    pub(crate) fn offered_packing(
        &self,
        items: Arc<Vec<u32>>,
        level: LevelIdx,
        counts: impl Fn(TaskIdx) -> bool,
    ) -> (Arc<Vec<String>>, Packing) {
        let offered = &self.offered[level.at()];
        let kept = self.kept_by_domain(level, counts);
        let base = offered
            .domains
            .iter()
            .map(|domain| kept.get(domain).copied().unwrap_or(0))
            .collect();
        let packing = Packing {
            items,
            group_of: Arc::clone(&offered.group_of),
            base,
        };
        (Arc::clone(&offered.names), packing)
    }
}

impl Offered {
    fn new(slice: &Slice<'_>, level: LevelIdx) -> Self {
        let domain_of = |offer: &apportion_cluster::Offer| slice.cluster.domain(offer.agent, level);
        let mut domains: Vec<DomainIdx> = slice.offers.iter().map(domain_of).collect();
        domains.sort_unstable();
        domains.dedup();
        let groups = slice.offers.iter().map(|offer| {
            let group = domains
                .binary_search(&domain_of(offer))
                .expect("every offer's domain was collected");
            u32::try_from(group).expect("there are fewer domains than agents")
        });
        let group_of = Arc::new(groups.collect());
        let names = &slice.cluster.levels[level.at()].domains;
        let names = Arc::new(
            domains
                .iter()
                .map(|domain| names[domain.at()].clone())
                .collect(),
        );
        Self {
            domains,
            names,
            group_of,
        }
    }
}

/// Bins that each pending task may use and that hold at least one instance; alike tasks share a list.
fn eligible_bins(slice: &Slice<'_>) -> Vec<Arc<Vec<u32>>> {
    let mut known: BTreeMap<(Eligibility<'_>, &Quantities), Arc<Vec<u32>>> = BTreeMap::new();
    let lists = slice.pending.iter().map(|&(of, _)| {
        let task = slice.cluster.task(of);
        let key = (task.eligibility(), &task.demand);
        let bins = known.entry(key).or_insert_with(|| {
            let usable = (0u32..).zip(&slice.offers).filter(|(_, offer)| {
                offer.holds(slice.cluster, of) && slice.cluster.refusal(task, offer.agent).is_none()
            });
            Arc::new(usable.map(|(bin, _)| bin).collect())
        });
        Arc::clone(bins)
    });
    lists.collect()
}

/// The devices of one instance, in the model's words.
fn devices(task: &Task) -> Vec<DeviceNeed> {
    let needs = task.devices.iter().map(|need| DeviceNeed {
        kind: need.kind.0,
        count: need.count,
        milli: need.milli,
    });
    needs.collect()
}

fn jobs_with_items(slice: &Slice<'_>) -> Vec<(JobIdx, Vec<u32>)> {
    let mut items: BTreeMap<JobIdx, Vec<u32>> = BTreeMap::new();
    for (item, &(task, _)) in (0u32..).zip(&slice.pending) {
        items
            .entry(slice.cluster.task(task).job)
            .or_default()
            .push(item);
    }
    let jobs = &slice.cluster.framework(slice.framework).jobs;
    jobs.iter()
        .map(|&job| (job, items.remove(&job).unwrap_or_default()))
        .collect()
}
