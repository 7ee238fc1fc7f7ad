//! Everything that frameworks were offered, with names.

use apportion_cluster::file::DeviceFile;
use apportion_cluster::plan::{OfferFile, UnitOfferFile};
use apportion_cluster::{Cluster, Offer};

use crate::engine::state::State;

/// Everything that frameworks were offered of storage units; offers of nothing are left out.
pub(in crate::engine) fn unit_offers(state: &State<'_>) -> Vec<UnitOfferFile> {
    let cluster = state.cluster;
    let mut files = Vec::new();
    for (framework, offered) in cluster.frameworks.iter().zip(&state.offered_units) {
        for (unit, &[capacity_mib, iops, mib_s]) in cluster.units.iter().zip(offered) {
            if capacity_mib > 0 || iops > 0 || mib_s > 0 {
                files.push(UnitOfferFile {
                    framework: framework.id.clone(),
                    unit: unit.id.clone(),
                    capacity_mib,
                    iops,
                    mib_s,
                });
            }
        }
    }
    files
}

/// Everything that frameworks were offered, by (framework, agent); offers of nothing are left out, but for those that have a task which asks
/// for nothing.
pub(in crate::engine) fn offers(state: &State<'_>) -> Vec<OfferFile> {
    let cluster = state.cluster;
    let mut files = Vec::new();
    for (framework, offered) in cluster.frameworks.iter().zip(&state.offered) {
        let jobs = framework.jobs.iter().map(|&job| cluster.job(job));
        let mut tasks = jobs.flat_map(|job| &job.tasks);
        let takes_nothing = tasks.any(|&task| cluster.task(task).demand.is_zero());
        for (agent, offer) in offered
            .iter()
            .filter(|(_, offer)| takes_nothing || !offer.resources.is_zero())
        {
            let amounts = cluster
                .resources
                .iter()
                .zip(&offer.resources.0)
                .filter(|(_, amount)| **amount > 0);
            files.push(OfferFile {
                framework: framework.id.clone(),
                agent: cluster.agent(*agent).id.clone(),
                resources: amounts
                    .map(|(name, &amount)| (name.clone(), amount))
                    .collect(),
                devices: offered_devices(cluster, offer),
            });
        }
    }
    files
}

/// The devices of an offer of which there is anything.
fn offered_devices(cluster: &Cluster, offer: &Offer) -> Vec<DeviceFile> {
    let kinds = cluster.agent(offer.agent).devices.iter();
    let all = kinds.zip(&offer.devices).flat_map(|(kind, offered)| {
        let name = &cluster.devices[kind.kind.at()];
        (0..).zip(offered).map(move |(index, &milli)| DeviceFile {
            name: name.clone(),
            index,
            milli,
        })
    });
    all.filter(|device| device.milli > 0).collect()
}
