//! Agents in racks, circuits and zones.

use apportion_cluster::file::AgentFile;

use super::RACK;
use super::random::Random;

/// Racks that share power circuits.
pub(super) const ROW: usize = 8;

/// Power circuits in a row of racks.
const CIRCUITS: usize = 4;

/// CPU cores, GiB of memory, GB of disk, MiB/s of network, disk, CPU class, relative speed.
type AgentShape = (i64, i64, i64, i64, &'static str, &'static str, i64);

const AGENT_SHAPES: [AgentShape; 12] = [
    (16, 64, 500, 625, "hdd", "slow", 800),
    (16, 128, 500, 625, "ssd", "standard", 1_000),
    (32, 64, 1_000, 1_250, "hdd", "standard", 1_000),
    (32, 128, 1_000, 1_250, "ssd", "standard", 1_000),
    (32, 128, 2_000, 1_250, "hdd", "slow", 800),
    (32, 256, 1_000, 1_250, "ssd", "standard", 1_000),
    (48, 192, 1_000, 1_250, "ssd", "fast", 1_250),
    (48, 384, 2_000, 1_250, "ssd", "standard", 1_000),
    (64, 256, 2_000, 3_125, "ssd", "fast", 1_250),
    (64, 512, 4_000, 3_125, "hdd", "standard", 1_000),
    (96, 384, 2_000, 3_125, "ssd", "fast", 1_250),
    (96, 768, 4_000, 3_125, "ssd", "standard", 1_000),
];

pub(super) fn agents(n_agents: usize, random: &mut Random) -> Vec<AgentFile> {
    let n_racks = n_agents.div_ceil(RACK);
    let racks_per_zone = n_racks
        .div_ceil(n_racks.div_ceil(2 * ROW).clamp(1, 6))
        .max(1);
    // Machines are bought by the rack: a rack holds two shapes.
    let shapes: Vec<[&AgentShape; 2]> = (0..n_racks)
        .map(|_| [random.pick(&AGENT_SHAPES), random.pick(&AGENT_SHAPES)])
        .collect();
    let agent = |at: usize| {
        let rack = at / RACK;
        let power = rack / ROW * CIRCUITS + at % CIRCUITS;
        let (cores, memory, disk, network, disk_kind, class, speed) = *shapes[rack][at / 2 % 2];
        let domains = [
            ("zone", format!("zone-{}", rack / racks_per_zone + 1)),
            ("power", format!("power-{:03}", power + 1)),
            ("rack", format!("rack-{:04}", rack + 1)),
        ];
        let resources = [
            ("cpu_milli", cores * 1_000),
            ("memory_mib", memory * 1_024),
            ("disk_mib", disk * 1_000),
            ("network_mib_s", network),
        ];
        let attributes = [("disk", disk_kind), ("cpu_class", class)];
        AgentFile {
            id: format!("agent-{:05}", at + 1),
            domains: domains.map(|(k, v)| (k.to_owned(), v)).into(),
            attributes: attributes.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            resources: resources.map(|(k, v)| (k.to_owned(), v)).into(),
            devices: Vec::new(),
            speed: (speed != 1_000).then_some(speed),
            ..AgentFile::default()
        }
    };
    let mut agents: Vec<AgentFile> = (0..n_agents).map(agent).collect();
    // One in a hundred is set aside for a team, one in two hundred is being emptied.
    for n in 0..n_agents / 100 {
        let team = format!("team-{}", n % 3 + 1);
        agents[random.below(n_agents)].dedicated = Some(team);
    }
    for _ in 0..n_agents / 200 {
        agents[random.below(n_agents)].cordoned = true;
    }
    agents
}
