//! The machines of recorded workflows, or made-up ones.

use std::collections::BTreeMap;
use std::fmt;

use apportion_cluster::file::{AgentFile, Amounts};

use super::format::Machine;
use super::job::{MIB, bytes_to_mib, cores_to_milli};
use super::{MACHINE_SPEED, MACHINE_TWICE, MACHINE_UNSTATED, fault};
use crate::import::InputFault;
use crate::import::notes::Notes;

/// The memory of a machine that does not state it: 1 TiB, which no task of the kind asks for.
const UNSTATED_MIB: i64 = 1 << 20;

/// Agents that are all alike, spread evenly over racks: `agent-01`, `agent-02`, ... in `rack-1`, `rack-2`, ..., in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MadeUp {
    /// So many.
    pub agents: i64,
    /// Over so many racks.
    pub racks: i64,
    /// The cores of each.
    pub cores: i64,
    /// The memory of each.
    pub memory_mib: i64,
    /// The network of each.
    pub network_mib_s: i64,
}

impl Default for MadeUp {
    fn default() -> Self {
        Self {
            agents: 20,
            racks: 1,
            cores: 4,
            memory_mib: 16_384,
            network_mib_s: 125,
        }
    }
}

impl fmt::Display for MadeUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            agents,
            racks,
            cores,
            memory_mib,
            network_mib_s,
        } = self;
        write!(
            f,
            "{agents} in {racks} racks, each with {cores} cores, {memory_mib} MiB and {network_mib_s} MiB/s"
        )
    }
}

impl MadeUp {
    pub(super) fn agents(self) -> Vec<AgentFile> {
        let numbered = |stem: &str, number: i64, of: i64| {
            let width = of.to_string().len();
            format!("{stem}-{number:0width$}")
        };
        let agent = |at: i64| AgentFile {
            id: numbered("agent", at + 1, self.agents),
            domains: [(
                "rack".to_owned(),
                numbered("rack", at % self.racks + 1, self.racks),
            )]
            .into(),
            resources: [
                ("cpu_milli".to_owned(), self.cores * 1000),
                ("memory_mib".to_owned(), self.memory_mib),
                ("network_mib_s".to_owned(), self.network_mib_s),
            ]
            .into(),
            ..AgentFile::default()
        };
        (0..self.agents).map(agent).collect()
    }
}

/// The machines of all files by name.
#[derive(Debug, Default)]
pub(super) struct Machines(BTreeMap<String, Amounts>);

impl Machines {
    /// Adds the machines of a file.
    pub(super) fn add(
        &mut self,
        file: &str,
        machines: &[Machine],
        notes: &mut Notes,
        faults: &mut Vec<InputFault>,
    ) {
        for (at, machine) in machines.iter().enumerate() {
            let place = |key: &str| format!("workflow.execution.machines[{at}].{key}");
            if machine.node_name.is_empty() {
                let cause = "a machine has no name".to_owned();
                faults.push(fault(file, place("nodeName"), cause, "name it"));
                continue;
            }
            if machine.cpu.speed_in_mhz.is_some() {
                notes.add(MACHINE_SPEED, file, "the usual speed for all");
            }
            let name = &machine.node_name;
            if machine.cpu.core_count.is_none() {
                notes.add(MACHINE_UNSTATED, name, format!("no cores in {file}"));
            }
            if machine.memory_in_bytes.is_none() {
                notes.add(MACHINE_UNSTATED, name, format!("no memory in {file}"));
            }
            let mut amounts = Amounts::new();
            let cores = machine.cpu.core_count.unwrap_or(1.0);
            match cores_to_milli(cores) {
                Ok(milli) => _ = amounts.insert("cpu_milli".to_owned(), milli),
                Err(cause) => {
                    let action = "state how many cores the machine has";
                    faults.push(fault(file, place("cpu.coreCount"), cause, action));
                }
            }
            // Of what tasks need the next whole MiB is taken, of what there is the last.
            let memory = machine
                .memory_in_bytes
                .map(|bytes| bytes_to_mib(bytes - MIB + 1.0));
            match memory.transpose() {
                Ok(stated) => {
                    let mib = stated.unwrap_or(UNSTATED_MIB);
                    amounts.insert("memory_mib".to_owned(), mib);
                }
                Err(cause) => {
                    let action = "state how many bytes of memory the machine has";
                    faults.push(fault(file, place("memoryInBytes"), cause, action));
                }
            }
            self.keep(file, name, amounts, notes);
        }
    }

    fn keep(&mut self, file: &str, name: &str, amounts: Amounts, notes: &mut Notes) {
        let Some(known) = self.0.get_mut(name) else {
            self.0.insert(name.to_owned(), amounts);
            return;
        };
        if *known != amounts {
            notes.add(MACHINE_TWICE, name, format!("otherwise in {file}"));
        }
        for (resource, amount) in amounts {
            let known = known.entry(resource).or_insert(0);
            *known = amount.max(*known);
        }
    }

    /// One agent per machine.
    pub(super) fn into_agents(
        self,
        inputs: &[(&str, &[u8])],
        faults: &mut Vec<InputFault>,
    ) -> Vec<AgentFile> {
        if self.0.is_empty() && faults.is_empty() {
            let files: Vec<&str> = inputs.iter().map(|input| input.0).collect();
            let cause = "no file lists machines".to_owned();
            let action = "make agents up with --agents";
            faults.push(fault(&files.join(", "), String::new(), cause, action));
        }
        let agent = |(id, resources): (String, Amounts)| AgentFile {
            id,
            resources,
            ..AgentFile::default()
        };
        self.0.into_iter().map(agent).collect()
    }
}
