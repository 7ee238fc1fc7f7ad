//! The data set for topology-aware placement of virtual machines (Huawei Cloud) as a snapshot.
//!
//! | data set | snapshot |
//! |---|---|
//! | server (row k: `host-k`) with two NUMA nodes | agent `host-k`; resources per node: `numa0_cpu_milli`, `numa0_memory_mib`, `numa1_...` |
//! | rack | level `rack` |
//! | VM (row k) | job and task `vm-k` in the framework `vms` (policy `service`) |
//! | VM over two NUMA nodes | half of its demand on each node of one server: exact |
//! | VM on one NUMA node | its demand on one of the two, chosen here (`numa.rs`): stricter |
//! | `anti-affinity` | one VM of the group to an agent |
//! | `fault_domain` | VMs of a group with different domains share no rack (`rules.rs`) |
//! | `affinity` | not expressed: a rule cannot say "all on one rack, whichever" |
//!
//! Rows count from 0, as the data set numbers hosts, groups and domains. A plan of the snapshot is a correct
//! placement of the data set in everything but the affinity.
//!
//! Source: mdl1104/Dataset-for-topology-aware-VM-placement (CC0). It names the columns without defining them:
//! that CPU are cores, memory is GiB, and what groups and domains mean, is read from the names and the data.

mod numa;
mod rules;

use std::collections::BTreeMap;

use apportion_cluster::file::{
    AgentFile, Amounts, FrameworkFile, JobFile, SnapshotFile, TaskFile, VERSION,
};

use super::csv::{Columns, Faults, Record, Table};
use super::notes::{Notes, codes};
use super::{ImportError, Imported, Importer, Settings, named_files, stem};
use crate::snapshot::text::quote;

const SERVERS: Columns = Columns {
    needed: &["CPU1", "RAM1", "CPU2", "RAM2"],
    optional: &[],
    noted: &[],
};
const RACKS: Columns = Columns {
    needed: &["host_id", "rack_id"],
    optional: &[],
    noted: &[],
};
const VMS: Columns = Columns {
    needed: &["flavor_vcpus", "flavor_ram", "numa"],
    optional: &["strategy", "group", "domain"],
    noted: &[],
};

/// Most cores or GiB of one server or VM.
const MOST: i64 = 1_000_000;

codes! {
    AFFINITY NotExpressed "affinity" "VMs that should be together: the snapshot lets each go anywhere";
    FAULT_DOMAIN NotExpressed "fault-domain" "VMs of different fault domains that the snapshot does not keep apart: there are fewer racks than domains";
    COLUMN NotExpressed "column" "a column that is not known here, not read";
    NUMA_CHOSEN Reworded "numa-chosen" "a VM on one NUMA node: which of the two is chosen here, so a plan cannot use the other";
    RACKS_DIVIDED Reworded "racks-divided" "VMs of different fault domains share no rack, because racks are divided among fault domains beforehand";
    NO_NODE Fact "numa-node-missing" "a server of which one NUMA node has nothing";
}

/// What a VM asks for.
struct Vm<'t> {
    /// In thousandths of a core and MiB; on each node if it has two.
    cpu_milli: i64,
    memory_mib: i64,
    nodes: i64,
    strategy: Strategy<'t>,
}

/// Which other VMs it minds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Strategy<'t> {
    None,
    Affinity(&'t str),
    AntiAffinity(&'t str),
    /// Group and domain in it.
    FaultDomain(&'t str, i64),
}

/// Imports servers, racks and VMs; no VM is placed.
///
/// # Errors
/// Every fault of the input, with line and column.
pub fn vm_topology(inputs: &[(&str, &[u8])]) -> Result<Imported, ImportError> {
    let names = ["SERVERS.csv", "RACKS.csv", "VMS.csv"];
    let [servers, racks, vms] = named_files("vm-topology", names, inputs)?;
    let mut faults = Faults::default();
    let mut notes = Notes::default();
    let cluster = stem(vms.0, "vm-topology");
    let servers = Table::read(servers.0, servers.1, SERVERS, &mut faults);
    let racks = Table::read(racks.0, racks.1, RACKS, &mut faults);
    let vms = Table::read(vms.0, vms.1, VMS, &mut faults);
    let rack_of = racks_by_host(&racks, &servers, &mut faults);
    let mut agents = agents(&servers, rack_of.as_deref(), &mut notes, &mut faults);
    let records = vms.records();
    let wanted: Vec<Option<Vm<'_>>> = records.map(|row| vm(&row, &mut faults)).collect();
    for (table, rows) in [(&servers, "servers"), (&racks, "racks"), (&vms, "VMs")] {
        table.remark(rows, COLUMN, &mut notes);
    }
    // With a faulty row there is no snapshot: positions below are those of the file.
    let wanted = faults.finish(wanted).map_err(ImportError::Input)?;
    let wanted: Vec<Vm<'_>> = wanted.into_iter().flatten().collect();
    let demands = numa::demands(&agents, &wanted, &mut notes);
    let rules = rules::constraints(&wanted, &mut agents, &mut notes);
    let jobs = demands.into_iter().zip(rules).enumerate();
    let jobs = jobs.map(|(row, (resources, (groups, constraints)))| {
        let id = name(row);
        let task = TaskFile {
            id: id.clone(),
            instances: 1,
            value: 1,
            resources,
            groups,
            constraints,
            ..TaskFile::default()
        };
        JobFile {
            id,
            framework: "vms".to_owned(),
            tasks: vec![task],
            ..JobFile::default()
        }
    });
    let snapshot = SnapshotFile {
        version: VERSION.to_owned(),
        cluster,
        levels: vec!["rack".to_owned()],
        jobs: jobs.collect(),
        agents,
        frameworks: vec![FrameworkFile {
            id: "vms".to_owned(),
            policy: "service".to_owned(),
            ..FrameworkFile::default()
        }],
        ..SnapshotFile::default()
    };
    Ok(Imported {
        order: snapshot.jobs.iter().map(|job| job.id.clone()).collect(),
        snapshot,
        notes: notes.into_sorted(),
    })
}

/// What the VM of a row is called.
fn name(row: usize) -> String {
    format!("vm-{row}")
}

/// The rack of each host, by its number; every server has one. None if one of the two files has no rows that can be
/// read: what one says of the other is then no fault.
fn racks_by_host<'t>(
    racks: &'t Table<'_>,
    servers: &Table<'_>,
    faults: &mut Faults,
) -> Option<Vec<Option<&'t str>>> {
    if !racks.readable() || !servers.readable() {
        return None;
    }
    let n_servers = servers.records().len();
    let mut rack_of = vec![None; n_servers];
    for row in racks.records() {
        let host = row.name("host_id", faults);
        let rack = row.name("rack_id", faults);
        let (Some(host), Some(rack)) = (host, rack) else {
            continue;
        };
        let number = host
            .strip_prefix("host-")
            .and_then(|it| it.parse::<usize>().ok());
        let number = number.filter(|it| format!("host-{it}") == host);
        match number.and_then(|number| rack_of.get_mut(number)) {
            Some(known @ None) => *known = Some(rack),
            Some(Some(_)) => {
                let cause = format!("{} is there twice", quote(host));
                row.fault("host_id", cause, "state one rack per host", faults);
            }
            None => {
                let cause = format!("{} is none of the {n_servers} servers", quote(host));
                let action = "hosts are called `host-0`, `host-1` ... in the order of the servers";
                row.fault("host_id", cause, action, faults);
            }
        }
    }
    Some(rack_of)
}

fn agents(
    servers: &Table<'_>,
    rack_of: Option<&[Option<&str>]>,
    notes: &mut Notes,
    faults: &mut Faults,
) -> Vec<AgentFile> {
    let agent = |(row, server): (usize, Record<'_>)| {
        let id = format!("host-{row}");
        let resources = numa_nodes(&id, &server, notes, faults);
        let rack = rack_of?.get(row).copied().flatten();
        if rack.is_none() {
            let cause = format!("no rack is stated for `{id}`");
            server.fault("CPU1", cause, "add it to the file of racks", faults);
        }
        Some(AgentFile {
            id,
            domains: BTreeMap::from([("rack".to_owned(), rack?.to_owned())]),
            resources: resources?,
            ..AgentFile::default()
        })
    };
    servers.records().enumerate().filter_map(agent).collect()
}

/// What the two NUMA nodes of a server have.
fn numa_nodes(
    id: &str,
    server: &Record<'_>,
    notes: &mut Notes,
    faults: &mut Faults,
) -> Option<Amounts> {
    let stated = [(0, "CPU1", "RAM1"), (1, "CPU2", "RAM2")].map(|(node, cpu, memory)| {
        let cores = server.integer(cpu, 0..=MOST, faults);
        let gib = server.integer(memory, 0..=MOST, faults);
        (node, cores, gib)
    });
    let mut resources = Amounts::new();
    for (node, cores, gib) in stated {
        let (cores, gib) = (cores?, gib?);
        if cores == 0 && gib == 0 {
            notes.add(NO_NODE, id, format!("node {node}"));
        }
        resources.insert(numa::cpu(node), cores * 1000);
        resources.insert(numa::memory(node), gib * 1024);
    }
    Some(resources)
}

fn vm<'t>(row: &Record<'t>, faults: &mut Faults) -> Option<Vm<'t>> {
    let vcpus = row.integer("flavor_vcpus", 0..=MOST, faults);
    let gib = row.integer("flavor_ram", 0..=MOST, faults);
    let nodes = row.integer("numa", 1..=2, faults);
    let strategy = strategy(row, faults);
    // A thousandth of a core and a MiB are even numbers to an integer of cores and GiB.
    let nodes = nodes?;
    Some(Vm {
        cpu_milli: vcpus? * 1000 / nodes,
        memory_mib: gib? * 1024 / nodes,
        nodes,
        strategy: strategy?,
    })
}

fn strategy<'t>(row: &Record<'t>, faults: &mut Faults) -> Option<Strategy<'t>> {
    match row.text("strategy") {
        "" => Some(Strategy::None),
        "affinity" => row.name("group", faults).map(Strategy::Affinity),
        "anti-affinity" => row.name("group", faults).map(Strategy::AntiAffinity),
        "fault_domain" => {
            let group = row.name("group", faults);
            let domain = row.integer("domain", 0..=MOST, faults);
            Some(Strategy::FaultDomain(group?, domain?))
        }
        other => {
            let cause = format!("{} is not a strategy", quote(other));
            let action = "use `affinity`, `anti-affinity` or `fault_domain`, or leave it empty";
            row.fault("strategy", cause, action, faults);
            None
        }
    }
}

/// The importer of this module, by name.
pub(super) struct VmTopology;

impl Importer for VmTopology {
    fn name(&self) -> &'static str {
        "vm-topology"
    }

    fn about(&self) -> &'static str {
        "servers with NUMA nodes in racks, and VMs with placement groups (Huawei Cloud)"
    }

    fn inputs(&self) -> &'static str {
        "SERVERS.csv RACKS.csv VMS.csv; .gz"
    }

    fn import(&self, inputs: &[(&str, &[u8])], _: &Settings) -> Result<Imported, ImportError> {
        vm_topology(inputs)
    }
}
