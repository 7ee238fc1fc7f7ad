//! What others do with map and reduce tasks: Hadoop's queue, and delay scheduling.
//!
//! Both are told as events: an agent that has room asks, one instance at a time, and is given something or not. They keep what the policy's
//! model in time keeps: capacity at every moment, where tasks may go, how long instances take there, and that reduce instances start when
//! all map instances of their job that were pending have ended. Nothing is shared with the methods of the engine.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use apportion_cluster::{
    AgentIdx, Cluster, Distances, DomainIdx, LevelIdx, MapWork, Phase, Quantities, Slice, TaskIdx,
    Timed,
};

/// A way to run map and reduce tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MapReduceBaseline {
    /// Job by job, the higher priority and then the longer wait first; of the first job that has one, the map task nearest to the agent
    /// that asks: Hadoop's default.
    Fifo,
    /// The job with the fewest instances running first; it lets an agent pass that has none of its data, for a time, before it takes one in
    /// the rack of its data, and as long again before it takes any: Zaharia et al., "Delay Scheduling", EuroSys 2010, algorithm 2. Agents
    /// with room ask all the time here, not with a heartbeat.
    Delay {
        /// The time, in milliseconds.
        wait_ms: i64,
    },
}

impl MapReduceBaseline {
    /// Every baseline, with the wait that its paper used.
    pub const ALL: [Self; 2] = [Self::Fifo, Self::Delay { wait_ms: 5000 }];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fifo => "fifo",
            Self::Delay { .. } => "delay",
        }
    }

    /// When and where instances run, sorted; `rack` is the level at which agents are near each other. What no offer holds, and the
    /// reduce tasks that wait for it, is left out.
    #[must_use]
    pub fn run(self, slice: &Slice<'_>, rack: Option<LevelIdx>) -> Vec<Timed> {
        let mut queue = Queue::new(self, slice, rack);
        queue.ask_all();
        while let Some(now) = queue.next_moment() {
            queue.now = now;
            let (ended, is_new_ready) = queue.end_due();
            if is_new_ready || queue.is_waited_out() {
                queue.ask_all();
            } else {
                queue.ask(ended);
            }
        }
        queue.started.sort_unstable();
        queue.started
    }
}

/// How near a map task's input is: on the agent, in its rack, elsewhere.
const NODE: usize = 0;
const RACK: usize = 1;
const ANY: usize = 2;

/// A job with what it has left to start.
#[derive(Default)]
struct Job {
    /// Map tasks by offer that has all of their input, by rack that has, and all; those that read nothing are near everything.
    by_offer: BTreeMap<usize, Vec<TaskIdx>>,
    by_rack: BTreeMap<DomainIdx, Vec<TaskIdx>>,
    anywhere: Vec<TaskIdx>,
    maps: Vec<TaskIdx>,
    reduces: Vec<TaskIdx>,
    /// Pending map instances that have not started, and that have not ended.
    unstarted: i64,
    unended: i64,
    /// Reduce instances that have not started.
    reducing: i64,
    running: i64,
    /// How near the map instance was that it started last.
    level: usize,
    /// Since when it has let agents pass.
    passed_since: Option<i64>,
}

impl Job {
    /// Whether it has anything that may start.
    fn is_open(&self) -> bool {
        self.unstarted > 0 || (self.unended == 0 && self.reducing > 0)
    }
}

/// All jobs, agents and events.
struct Queue<'s> {
    baseline: MapReduceBaseline,
    slice: &'s Slice<'s>,
    rack: Option<LevelIdx>,
    /// In the order in which they came.
    jobs: Vec<Job>,
    job_of: BTreeMap<TaskIdx, usize>,
    /// Instances that have not started, by task.
    left: BTreeMap<TaskIdx, i64>,
    /// Jobs with something that may start, the next first.
    open: BTreeSet<(i64, usize)>,
    free: Vec<Quantities>,
    /// The least that any task needs.
    least: Quantities,
    ends: BinaryHeap<Reverse<(i64, usize, TaskIdx)>>,
    started: Vec<Timed>,
    now: i64,
}

impl<'s> Queue<'s> {
    fn new(baseline: MapReduceBaseline, slice: &'s Slice<'s>, rack: Option<LevelIdx>) -> Self {
        let cluster = slice.cluster;
        let mut order: Vec<_> = (slice.pending.iter())
            .map(|&(task, _)| {
                let job = cluster.task(task).job;
                let of = cluster.job(job);
                (Reverse(of.priority), Reverse(of.waited_ms), job)
            })
            .collect();
        order.sort_unstable();
        order.dedup();
        let position: BTreeMap<_, usize> = order.iter().map(|it| it.2).zip(0..).collect();
        let demands = slice.pending.iter().map(|it| &cluster.task(it.0).demand);
        let least = demands.cloned().reduce(|mut least, demand| {
            for (least, need) in least.0.iter_mut().zip(demand.0) {
                *least = need.min(*least);
            }
            least
        });
        let mut queue = Self {
            baseline,
            slice,
            rack,
            jobs: order.iter().map(|_| Job::default()).collect(),
            job_of: BTreeMap::new(),
            left: slice.pending.iter().copied().collect(),
            open: BTreeSet::new(),
            free: slice.offers.iter().map(|it| it.resources.clone()).collect(),
            least: least.unwrap_or_default(),
            ends: BinaryHeap::new(),
            started: Vec::new(),
            now: 0,
        };
        // Lists are taken from the end: the first task comes last.
        for &(task, count) in slice.pending.iter().rev() {
            queue.add(position[&cluster.task(task).job], task, count);
        }
        for at in 0..queue.jobs.len() {
            queue.reopen(at);
        }
        queue
    }

    fn add(&mut self, at: usize, task: TaskIdx, count: i64) {
        self.job_of.insert(task, at);
        let cluster = self.slice.cluster;
        let Some(Phase::Map(work)) = &cluster.task(task).phase else {
            self.jobs[at].reduces.push(task);
            self.jobs[at].reducing += count;
            return;
        };
        let job = &mut self.jobs[at];
        job.unstarted += count;
        job.unended += count;
        job.maps.push(task);
        if work.inputs.is_empty() {
            job.anywhere.push(task);
            return;
        }
        for (offer, of) in self.slice.offers.iter().enumerate() {
            if holds_all(cluster, work, |replica| replica == of.agent) {
                job.by_offer.entry(offer).or_default().push(task);
            }
        }
        let Some(level) = self.rack else { return };
        let racks = work.inputs.iter().flat_map(|&input| {
            let replicas = cluster.block(input).replicas.iter();
            replicas.map(|&agent| cluster.domain(agent, level))
        });
        for rack in racks.collect::<BTreeSet<DomainIdx>>() {
            if holds_all(cluster, work, |agent| cluster.domain(agent, level) == rack) {
                job.by_rack.entry(rack).or_default().push(task);
            }
        }
    }

    /// Puts a job into its place among the open ones, or takes it away.
    fn reopen(&mut self, at: usize) {
        let job = &self.jobs[at];
        let rank = match self.baseline {
            MapReduceBaseline::Fifo => 0,
            MapReduceBaseline::Delay { .. } => job.running,
        };
        if job.is_open() {
            self.open.insert((rank, at));
        }
    }

    fn close(&mut self, at: usize) {
        let running = self.jobs[at].running;
        self.open.remove(&(running, at));
        self.open.remove(&(0, at));
    }

    /// Every agent asks.
    fn ask_all(&mut self) {
        self.ask((0..self.free.len()).collect());
    }

    /// Some agents ask in turn, as long as any is given something.
    fn ask(&mut self, mut asking: BTreeSet<usize>) {
        while !asking.is_empty() {
            asking.retain(|&offer| self.least.fits_in(&self.free[offer]) && self.answer(offer));
        }
    }

    /// Starts an instance on an agent; whether there was one to start.
    fn answer(&mut self, offer: usize) -> bool {
        let open: Vec<usize> = self.open.iter().map(|it| it.1).collect();
        for at in open {
            if let Some((task, level)) = self.nearest_map(at, offer) {
                self.jobs[at].level = level;
                self.jobs[at].passed_since = None;
                self.start(at, task, offer);
                return true;
            }
            if let Some(task) = self.ready_reduce(at, offer) {
                self.start(at, task, offer);
                return true;
            }
            if self.jobs[at].unstarted > 0 {
                self.jobs[at].passed_since.get_or_insert(self.now);
            }
        }
        false
    }

    /// The farthest from its input that a job starts a map instance now.
    fn allowed(&self, job: &Job) -> usize {
        let MapReduceBaseline::Delay { wait_ms } = self.baseline else {
            return ANY;
        };
        let waited = job.passed_since.map_or(0, |since| self.now - since);
        let turns = if wait_ms > 0 { waited / wait_ms } else { 2 };
        (job.level + usize::try_from(turns.clamp(0, 2)).unwrap_or(ANY)).min(ANY)
    }

    /// The map task of a job that is nearest to an agent and fits, no farther than the job allows.
    fn nearest_map(&mut self, at: usize, offer: usize) -> Option<(TaskIdx, usize)> {
        let allowed = self.allowed(&self.jobs[at]);
        let agent = self.slice.offers[offer].agent;
        let here = self.rack.map(|it| self.slice.cluster.domain(agent, it));
        let (left, slice, free) = (&self.left, self.slice, &self.free[offer]);
        let job = &mut self.jobs[at];
        let near = here.and_then(|rack| job.by_rack.get_mut(&rack));
        let lists = [
            (NODE, job.by_offer.get_mut(&offer)),
            (NODE, Some(&mut job.anywhere)),
            (RACK, near),
            (ANY, Some(&mut job.maps)),
        ];
        let lists = lists.into_iter().filter(|it| it.0 <= allowed);
        for (level, list) in lists {
            let Some(list) = list else { continue };
            while list.last().is_some_and(|task| left[task] == 0) {
                list.pop();
            }
            let mut waiting = list.iter().rev().filter(|task| left[task] > 0);
            if let Some(&task) = waiting.find(|&&task| may_start(slice, task, agent, free)) {
                return Some((task, level));
            }
        }
        None
    }

    /// A reduce task of a job whose map instances have all ended, if one fits.
    fn ready_reduce(&self, at: usize, offer: usize) -> Option<TaskIdx> {
        let job = &self.jobs[at];
        let agent = self.slice.offers[offer].agent;
        let ready = job.reduces.iter().rev().filter(|_| job.unended == 0);
        let mut waiting = ready.copied().filter(|task| self.left[task] > 0);
        waiting.find(|&task| may_start(self.slice, task, agent, &self.free[offer]))
    }

    fn start(&mut self, at: usize, task: TaskIdx, offer: usize) {
        self.close(at);
        let cluster = self.slice.cluster;
        let agent = self.slice.offers[offer].agent;
        let end_ms = self.now + duration(cluster, self.rack, task, agent);
        self.free[offer].subtract(&cluster.task(task).demand, 1);
        self.ends.push(Reverse((end_ms, offer, task)));
        self.started.push(Timed {
            task,
            agent,
            start_ms: self.now,
            end_ms,
            instances: 1,
        });
        if let Some(left) = self.left.get_mut(&task) {
            *left -= 1;
        }
        let job = &mut self.jobs[at];
        job.running += 1;
        match cluster.task(task).phase {
            Some(Phase::Map(_)) => job.unstarted -= 1,
            _ => job.reducing -= 1,
        }
        self.reopen(at);
    }

    /// Ends what ends now: the agents where something did, and whether reduce tasks became ready.
    fn end_due(&mut self) -> (BTreeSet<usize>, bool) {
        let (mut ended, mut is_new_ready) = (BTreeSet::new(), false);
        while let Some(&Reverse((end, offer, task))) = self.ends.peek()
            && end <= self.now
        {
            self.ends.pop();
            let at = self.job_of[&task];
            self.close(at);
            let of = self.slice.cluster.task(task);
            self.free[offer].add(&of.demand, 1);
            let job = &mut self.jobs[at];
            job.running -= 1;
            if matches!(of.phase, Some(Phase::Map(_))) {
                job.unended -= 1;
                is_new_ready |= job.unended == 0 && job.reducing > 0;
            }
            self.reopen(at);
            ended.insert(offer);
        }
        (ended, is_new_ready)
    }

    /// When something ends, or a job has waited long enough to go farther.
    fn next_moment(&self) -> Option<i64> {
        let end = self.ends.peek().map(|it| it.0.0);
        let waits = self.jobs.iter().filter(|job| job.unstarted > 0);
        let waits = waits.filter_map(|job| self.waited_out(job)).flatten();
        waits.filter(|&at| at > self.now).chain(end).min()
    }

    /// The moments at which a job goes farther.
    fn waited_out(&self, job: &Job) -> Option<[i64; 2]> {
        match self.baseline {
            MapReduceBaseline::Delay { wait_ms } if wait_ms > 0 => {
                let since = job.passed_since?;
                Some([since + wait_ms, since + 2 * wait_ms])
            }
            _ => None,
        }
    }

    /// Whether some job goes farther from now on.
    fn is_waited_out(&self) -> bool {
        let mut waits = self.jobs.iter().filter_map(|job| self.waited_out(job));
        waits.any(|moments| moments.contains(&self.now))
    }
}

fn may_start(slice: &Slice<'_>, task: TaskIdx, agent: AgentIdx, free: &Quantities) -> bool {
    let of = slice.cluster.task(task);
    of.demand.fits_in(free) && slice.cluster.refusal(of, agent).is_none()
}

/// Whether each input has a copy on some agent of a kind.
fn holds_all(cluster: &Cluster, work: &MapWork, is_right: impl Fn(AgentIdx) -> bool) -> bool {
    let mut inputs = work.inputs.iter().map(|&input| cluster.block(input));
    inputs.all(|block| block.replicas.iter().any(|&agent| is_right(agent)))
}

fn duration(cluster: &Cluster, rack: Option<LevelIdx>, task: TaskIdx, agent: AgentIdx) -> i64 {
    let speed = cluster.agent(agent).speed;
    match &cluster.task(task).phase {
        Some(Phase::Map(work)) => {
            let mut away = Distances::default();
            for &input in &work.inputs {
                let block = cluster.block(input);
                let near = |it: &AgentIdx| {
                    rack.is_some_and(|rack| {
                        cluster.domain(*it, rack) == cluster.domain(agent, rack)
                    })
                };
                if block.replicas.contains(&agent) {
                    away.node += block.mib;
                } else if block.replicas.iter().any(near) {
                    away.rack += block.mib;
                } else {
                    away.remote += block.mib;
                }
            }
            work.duration(away, speed)
        }
        Some(Phase::Reduce(work)) => work.duration(speed),
        None => 0,
    }
}
