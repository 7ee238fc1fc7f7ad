//! The workload of the published experiments: pods drawn from a list until they ask for a multiple of the GPUs.
//!
//! The list in random order, then pods drawn from it with replacement, up to the last that keeps the thousandths
//! requested within the multiple: [`resampled`], which the example `openb` of the crate `apportion-policies` uses too, so
//! that both have the same pods in the same order for a seed. The first copy of a pod keeps its name `p`; the others
//! are `p#2`, `p#3` and so on.
//!
//! The experiments count GPU thousandths and nothing else: pods without GPUs take up CPU and memory and are worth
//! nothing. A snapshot has no value 0 (what is worth nothing would never be placed), so here all pods belong to one
//! framework, `ml`, in which pods with GPUs have the priority 1 and pods without have 0: the stage `placed:1` is GPU
//! thousandths, and no number of pods without GPUs outweighs one of them.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::WHOLE_DEVICE;
use apportion_cluster::file::{AgentFile, JobFile};
use apportion_policies::online::resampled;

use super::{RESAMPLED, WORTH_NOTHING};
use crate::import::notes::Notes;

/// Pods drawn from a list with replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resample {
    /// What the pods ask for together, in thousandths of what the nodes' GPUs are: 1300 in the published experiments.
    pub demand_milli: u64,
    /// Decides which pods, and in which order.
    pub seed: u64,
}

impl Resample {
    /// The jobs drawn from `jobs`, in the order of their arrival.
    pub(super) fn jobs(
        self,
        jobs: &[JobFile],
        agents: &[AgentFile],
        notes: &mut Notes,
    ) -> Vec<JobFile> {
        let milli: Vec<i64> = jobs.iter().map(milli).collect();
        let devices = agents.iter().flat_map(|agent| &agent.devices);
        let capacity: i64 = devices.map(|devices| devices.count * WHOLE_DEVICE).sum();
        let limit = i128::from(capacity) * i128::from(self.demand_milli) / 1000;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let drawn = resampled(&milli, limit, self.seed);
        let asked: i64 = drawn.iter().map(|&at| milli[at]).sum();
        let text = format!(
            "{} pods drawn from {} with the seed {}; they ask for {asked} thousandths of GPUs, the nodes have {capacity}",
            drawn.len(),
            jobs.len(),
            self.seed
        );
        notes.add(RESAMPLED, "pods", text);
        let without = drawn.iter().filter(|&&at| milli[at] == 0).count();
        if without > 0 {
            notes.add(WORTH_NOTHING, "pods", format!("{without} ask for no GPU"));
        }
        let mut names = Names::of(jobs);
        let copy = |at: usize| {
            let mut job = jobs[at].clone();
            job.id = names.next(at, &jobs[at].id);
            job.tasks[0].id.clone_from(&job.id);
            "ml".clone_into(&mut job.framework);
            job.priority = i64::from(milli[at] > 0);
            job
        };
        drawn.into_iter().map(copy).collect()
    }
}

fn milli(job: &JobFile) -> i64 {
    let needs = job.tasks.iter().flat_map(|task| &task.devices);
    needs.map(|need| need.count * need.milli).sum()
}

/// Names for copies of pods, none twice.
struct Names<'j> {
    taken: BTreeSet<&'j str>,
    /// Copies named so far, by position in the list.
    copies: BTreeMap<usize, usize>,
}

impl<'j> Names<'j> {
    fn of(jobs: &'j [JobFile]) -> Self {
        Self {
            taken: jobs.iter().map(|job| job.id.as_str()).collect(),
            copies: BTreeMap::new(),
        }
    }

    fn next(&mut self, at: usize, name: &str) -> String {
        let copies = self.copies.entry(at).or_default();
        loop {
            *copies += 1;
            let numbered = format!("{name}#{copies}");
            if *copies == 1 {
                return name.to_owned();
            }
            // A list may hold such names itself.
            if !self.taken.contains(numbered.as_str()) {
                return numbered;
            }
        }
    }
}
