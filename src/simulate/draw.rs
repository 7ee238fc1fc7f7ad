//! Events drawn with a seed: arrivals, ends, restarts, and failures of agents with their returns.

use apportion_cluster::events::{ArriveFile, EndFile, EventFile, EventsFile, MAX_TIME_MS};
use apportion_cluster::file::{JobFile, SnapshotFile, VERSION};
use apportion_policies::online::SplitMix64;

/// Most instances that one drawn event ends.
const MOST_ENDED: i64 = 8;
/// At least one agent in so many is there at any time.
const LOST_AT_MOST: usize = 4;

/// What to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Draws {
    /// Events, exactly; fewer only if nothing can happen.
    pub events: usize,
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// Mean time between events.
    pub gap_ms: i64,
    /// Mean time that instances of jobs that arrive run.
    pub run_ms: i64,
    /// Mean time until a lost agent returns.
    pub outage_ms: i64,
    /// How often each kind happens, relative to the others.
    pub mix: Mix,
}

/// How often each kind of event happens, relative to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// A copy of one of the snapshot's jobs, with at most as many instances, is submitted.
    pub arrive: u32,
    /// Some instances of a job end and are wanted no more.
    pub complete: u32,
    /// Some instances of a job end and are wanted again.
    pub restart: u32,
    /// An agent is lost, to return later.
    pub fail: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            arrive: 4,
            complete: 2,
            restart: 3,
            fail: 1,
        }
    }
}

impl Default for Draws {
    fn default() -> Self {
        const MINUTE: i64 = 60_000;
        Self {
            events: 100,
            seed: 0,
            gap_ms: MINUTE,
            run_ms: 30 * MINUTE,
            outage_ms: 10 * MINUTE,
            mix: Mix::default(),
        }
    }
}

/// Draws events for a snapshot: the same for the same numbers, and always such that they can happen.
///
/// # Model
/// The times between events, the times that jobs run, and outages are exponential. Who submits is drawn evenly among
/// frameworks with jobs, then which of its jobs is copied.
#[must_use]
pub fn draw(snapshot: &SnapshotFile, draws: &Draws) -> EventsFile {
    let mut drawing = Drawing {
        snapshot,
        draws,
        jobs: snapshot
            .jobs
            .iter()
            .filter(|job| !job.tasks.is_empty())
            .collect(),
        random: SplitMix64::new(draws.seed),
        now: 0.0,
        up: snapshot
            .agents
            .iter()
            .map(|agent| agent.id.as_str())
            .collect(),
        returns: Vec::new(),
        arrived: 0,
        events: Vec::new(),
    };
    drawing.random.next_u64(); // So that neighboring seeds do not begin alike.
    while drawing.events.len() < draws.events && drawing.next() {}
    EventsFile {
        version: VERSION.to_owned(),
        events: drawing.events,
    }
}

struct Drawing<'a> {
    snapshot: &'a SnapshotFile,
    draws: &'a Draws,
    /// The jobs that are copied and ended.
    jobs: Vec<&'a JobFile>,
    random: SplitMix64,
    now: f64,
    /// Agents that are there.
    up: Vec<&'a str>,
    /// Lost agents, with when they return.
    returns: Vec<(f64, &'a str)>,
    /// Copies of jobs so far.
    arrived: usize,
    events: Vec<EventFile>,
}

impl<'a> Drawing<'a> {
    /// Draws one event; whether there was one to draw.
    fn next(&mut self) -> bool {
        let moment = self.now + self.exponential(self.draws.gap_ms);
        let due = self.returns.iter().copied().filter(|(at, _)| *at <= moment);
        if let Some((at, agent)) = due.min_by(|left, right| left.0.total_cmp(&right.0)) {
            self.now = at;
            self.returns.retain(|(_, other)| *other != agent);
            self.up.push(agent);
            return self.push(EventFile {
                returns: Some(agent.to_owned()),
                ..EventFile::default()
            });
        }
        self.now = moment;
        match self.kind() {
            Some(event) => self.push(event),
            None => false,
        }
    }

    fn push(&mut self, event: EventFile) -> bool {
        // Whole milliseconds, and never beyond what a file may state.
        let at_ms = (self.now.round() as i64).min(MAX_TIME_MS);
        self.events.push(EventFile { at_ms, ..event });
        true
    }

    fn kind(&mut self) -> Option<EventFile> {
        let has_jobs = !self.jobs.is_empty();
        let can_fail =
            self.up.len() > self.snapshot.agents.len() / LOST_AT_MOST && self.up.len() > 1;
        let Mix {
            arrive,
            complete,
            restart,
            fail,
        } = self.draws.mix;
        let of_jobs = |weight: u32| if has_jobs { weight } else { 0 };
        let weights = [
            of_jobs(arrive),
            of_jobs(complete),
            of_jobs(restart),
            if can_fail { fail } else { 0 },
        ];
        let total: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
        let mut drawn = self.below(i64::try_from(total).ok()?)?;
        let kind = weights.iter().position(|&weight| {
            let here = drawn < i64::from(weight);
            drawn -= i64::from(weight);
            here
        })?;
        let event = EventFile::default();
        Some(match kind {
            0 => EventFile {
                arrive: Some(self.arrive()),
                ..event
            },
            1 => EventFile {
                complete: Some(self.end()),
                ..event
            },
            2 => EventFile {
                restart: Some(self.end()),
                ..event
            },
            _ => EventFile {
                fail: Some(self.fail()),
                ..event
            },
        })
    }

    /// One of the snapshot's jobs: an even choice among frameworks, then among their jobs.
    fn job(&mut self) -> &'a JobFile {
        let mut owners: Vec<&str> = self.jobs.iter().map(|job| &*job.framework).collect();
        owners.sort_unstable();
        owners.dedup();
        let owner = owners[self.random.below(owners.len())];
        let own = self.jobs.iter().filter(|job| job.framework == owner);
        let own: Vec<&JobFile> = own.copied().collect();
        own[self.random.below(own.len())]
    }

    fn arrive(&mut self) -> ArriveFile {
        let mut job = self.job().clone();
        let taken = |id: &str| self.snapshot.jobs.iter().any(|job| job.id == id);
        let id = loop {
            self.arrived += 1;
            let id = format!("{}-{}", job.id, self.arrived);
            if !taken(&id) {
                break id;
            }
        };
        job.id = id;
        // A gang is copied whole: fewer would not be one. So are replicas.
        if job.gang.is_none() && job.shards.is_empty() {
            for task in job.tasks.iter_mut().filter(|task| task.shards.is_empty()) {
                task.instances = 1 + self.below(task.instances).unwrap_or(0);
            }
        }
        let run = self.exponential(self.draws.run_ms).round() as i64;
        ArriveFile {
            job,
            run_ms: Some(run.clamp(1, MAX_TIME_MS)),
        }
    }

    fn end(&mut self) -> EndFile {
        let job = self.job();
        let task = &job.tasks[self.random.below(job.tasks.len())];
        let most = task.instances.clamp(1, MOST_ENDED);
        EndFile {
            job: job.id.clone(),
            task: Some(task.id.clone()),
            instances: Some(1 + self.below(most).unwrap_or(0)),
        }
    }

    fn fail(&mut self) -> String {
        let at = self.random.below(self.up.len());
        let agent = self.up.remove(at);
        let outage = self.exponential(self.draws.outage_ms);
        // Never at the very moment: it would be back before it is gone.
        self.returns.push((self.now + outage.max(1.0), agent));
        agent.to_owned()
    }

    /// A number in `0..bound`; `None` if there is none.
    fn below(&mut self, bound: i64) -> Option<i64> {
        let bound = usize::try_from(bound).ok().filter(|&bound| bound > 0)?;
        i64::try_from(self.random.below(bound)).ok()
    }

    /// An exponential time with this mean.
    fn exponential(&mut self, mean_ms: i64) -> f64 {
        // 53 bits, in (0, 1].
        let uniform = ((self.random.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        -uniform.ln() * mean_ms as f64
    }
}
