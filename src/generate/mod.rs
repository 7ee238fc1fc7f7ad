//! Synthetic clusters of any size: the same seed gives the same snapshot, and every snapshot is valid.
//!
//! Agents come in a dozen shapes and stand in racks of forty; a power circuit feeds a quarter of the
//! agents in each of eight racks, so circuits and racks cross; zones are runs of racks. A few agents
//! are dedicated or cordoned. Jobs are services whose sizes double in weight as they halve in number;
//! some state limits, spread rules, minimal availability, priorities, or a group over two tasks. The other
//! policies bring what they need: `ml` hosts of GPUs (`training.rs`), `mapreduce` blocks (`analytics.rs`), `storage` units
//! (`databases.rs`), `workflow` edges (`pipelines.rs`).

mod agents;
mod analytics;
mod databases;
mod demands;
mod options;
mod pipelines;
mod random;
mod services;
mod shapes;
#[cfg(test)]
mod tests;
mod training;

use apportion_cluster::file::{DataFile, FrameworkFile, RoleFile, SnapshotFile, VERSION};

use agents::agents;
use demands::{fill, weights};
use random::Random;
use services::services;
use shapes::plain_shapes;

pub use options::{GenerateOptions, Kind};

/// Agents in a rack.
const RACK: usize = 40;

/// A snapshot by these options.
#[must_use]
pub fn generate(options: &GenerateOptions) -> SnapshotFile {
    // A stream of chance for each part: changing one count leaves the other parts as they were.
    let stream = |part: u64| Random::new(options.seed, part);
    let mut agents = agents(options.agents, &mut stream(1));
    let (roles, frameworks) = accounts(options, &mut stream(2));
    let of = |kind: Kind| -> Vec<FrameworkFile> {
        let frameworks = frameworks.iter().filter(|it| it.policy == kind.policy());
        frameworks.cloned().collect()
    };
    if options.kinds().contains(&Kind::Ml) {
        training::add_devices(&mut agents, &mut stream(6));
    }
    let mut jobs = Vec::new();
    let mut data = DataFile::default();
    for kind in options.kinds() {
        let part = options.part(kind);
        let frameworks = of(kind);
        // The shapes of a policy's instances, and how many there are of each.
        let plain = |random: &mut Random| {
            let mut shapes = plain_shapes(options.shapes.max(1), random);
            let mut demands = weights(part.0, shapes.len(), random);
            fill(options, part.1, &agents, &mut shapes, &mut demands);
            (shapes, demands)
        };
        jobs.extend(match kind {
            Kind::Service => services(options, part, &frameworks, &agents),
            Kind::Ml => training::jobs(options, part, &frameworks, &agents, &mut stream(7)),
            Kind::MapReduce => {
                let random = &mut stream(8);
                let (shapes, demands) = plain(random);
                let (jobs, blocks) =
                    analytics::jobs(&demands, &shapes, &frameworks, &agents, random);
                data.blocks = blocks;
                jobs
            }
            Kind::Storage => {
                let random = &mut stream(9);
                let (shapes, demands) = plain(random);
                let n_units = options.units.unwrap_or(options.agents.div_ceil(8));
                data.units = databases::units(n_units, &agents, random);
                let n_racks = options.agents.div_ceil(RACK);
                let there = (&frameworks[..], &data.units[..], n_racks);
                databases::jobs(options.load_milli(), &demands, &shapes, there, random)
            }
            Kind::Workflow => {
                let random = &mut stream(10);
                let (shapes, demands) = plain(random);
                pipelines::jobs(&demands, &shapes, &frameworks, random)
            }
        });
    }
    SnapshotFile {
        version: VERSION.to_owned(),
        cluster: format!("generated-{}", options.seed),
        levels: ["zone", "power", "rack"].map(str::to_owned).to_vec(),
        agents,
        roles,
        frameworks,
        jobs,
        data,
        ..SnapshotFile::default()
    }
}

fn accounts(options: &GenerateOptions, random: &mut Random) -> (Vec<RoleFile>, Vec<FrameworkFile>) {
    let kinds = options.kinds();
    let least = if options.jobs > 0 { kinds.len() } else { 0 };
    let n_frameworks = options.frameworks.max(least);
    let n_roles = n_frameworks.div_ceil(3);
    let roles = (1..=n_roles).map(|n| RoleFile {
        path: format!("role-{n:02}"),
        weight: Some(*random.pick(&[1.0, 1.0, 1.0, 2.0, 3.0, 5.0])),
        ..RoleFile::default()
    });
    let roles: Vec<RoleFile> = roles.collect();
    let frameworks = (1..=n_frameworks).map(|n| FrameworkFile {
        id: format!("framework-{n:02}"),
        policy: kinds[(n - 1) % kinds.len()].policy().to_owned(),
        role: Some(format!("role-{:02}", (n - 1) % n_roles + 1)),
        weight: Some(*random.pick(&[1.0, 1.0, 1.0, 2.0])),
        ..FrameworkFile::default()
    });
    (roles, frameworks.collect())
}
