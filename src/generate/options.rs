//! What to generate.

/// What to generate.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerateOptions {
    /// Agents, exactly.
    pub agents: usize,
    /// Jobs, exactly.
    pub jobs: usize,
    /// Frameworks, exactly; at least one for each policy if there are jobs.
    pub frameworks: usize,
    /// What frameworks do: each has the next of these, in turn; jobs are divided evenly among the policies.
    pub policies: Vec<Kind>,
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// Part of the capacity that is asked for in the scarcer of CPU and memory. It may not be reached
    /// when there are too few instances to fill the agents. `ml` asks for this part of the GPUs, the other policies
    /// together for this part of the agents without, in equal parts; `storage` also for this part of the units.
    pub load: f64,
    /// Instances over all jobs, exactly; as many as the load needs if absent.
    pub instances: Option<usize>,
    /// Distinct task shapes of each policy (amounts, devices and rules on agents), at most.
    pub shapes: usize,
    /// Storage units, for the policy `storage`; one for every eight agents if absent.
    pub units: Option<usize>,
}

/// What a framework does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Long-running services, of the policy `service`.
    Service,
    /// Training and inference on GPUs, of the policy `ml`.
    Ml,
    /// Maps over blocks, and what reduces them, of the policy `mapreduce`.
    MapReduce,
    /// Databases with replicas on storage units, of the policy `storage`.
    Storage,
    /// Streams and batches, of the policy `workflow`.
    Workflow,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Service,
        Self::Ml,
        Self::MapReduce,
        Self::Storage,
        Self::Workflow,
    ];

    /// The name of its policy.
    #[must_use]
    pub fn policy(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Ml => "ml",
            Self::MapReduce => "mapreduce",
            Self::Storage => "storage",
            Self::Workflow => "workflow",
        }
    }
}

impl GenerateOptions {
    /// The load in thousandths.
    pub(super) fn load_milli(&self) -> i128 {
        (self.load.clamp(0.0, 1_000.0) * 1_000.0).round() as i128
    }

    /// The load of CPU and memory that each policy without GPUs asks for, in thousandths.
    pub(super) fn part_milli(&self) -> i128 {
        let kinds = self.kinds();
        let plain = kinds.iter().filter(|kind| **kind != Kind::Ml);
        self.load_milli() / (plain.count().max(1) as i128)
    }

    /// Jobs of a kind, and their instances if they are stated.
    pub(super) fn part(&self, kind: Kind) -> (usize, Option<usize>) {
        let kinds = self.kinds();
        let before = |at: usize, total: usize| total * at / kinds.len();
        let Some(at) = kinds.iter().position(|it| *it == kind) else {
            return (0, self.instances.map(|_| 0));
        };
        let jobs = before(at + 1, self.jobs) - before(at, self.jobs);
        let instances = self.instances.map(|instances| {
            // One for each job first, as far as they go. Where jobs are fewer than policies, each job is one's first.
            let first = instances.min(self.jobs);
            let beyond = instances - first;
            let part = before(at + 1, first) - before(at, first);
            let busy: Vec<usize> = (0..kinds.len())
                .filter(|&at| before(at + 1, self.jobs) > before(at, self.jobs))
                .collect();
            let turn = busy.binary_search(&at);
            part + turn.map_or(0, |turn| {
                beyond * (turn + 1) / busy.len() - beyond * turn / busy.len()
            })
        });
        (jobs, instances)
    }

    /// The kinds, each once.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        let mut kinds = Vec::new();
        for &kind in &self.policies {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        if kinds.is_empty() {
            kinds.push(Kind::Service);
        }
        kinds
    }
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            agents: 100,
            jobs: 30,
            frameworks: 3,
            policies: vec![Kind::Service],
            seed: 1,
            load: 0.7,
            instances: None,
            shapes: 30,
            units: None,
        }
    }
}
