//! The cluster at one moment: what is asked for, what runs since when, and which agents are lost.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::events::{EndFile, EventFile};
use apportion_cluster::file::{DeviceFile, JobFile, PlacementFile, ShardFile, SnapshotFile};
use apportion_cluster::plan::PlanFile;

/// Where instances run, alike in all but the time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    job: String,
    task: String,
    /// Of a replica: its shard, and the unit that holds its data.
    shard: Option<String>,
    unit: Option<String>,
    agent: String,
    devices: Vec<DeviceFile>,
}

/// A task of a job, and the shard that an instance of it is a replica of.
type What = (String, Option<String>);

/// The state of the virtual cluster.
#[derive(Clone, Debug)]
pub(super) struct World {
    /// Accounts, agents and jobs as they are now; `placements` is not kept up to date.
    file: SnapshotFile,
    /// How many instances run at a place, by the moment they began.
    running: BTreeMap<Place, BTreeMap<i64, i64>>,
    /// How long the instances of a job run, for jobs that end by themselves.
    run_ms: BTreeMap<String, i64>,
    /// Lost agents.
    lost: BTreeSet<String>,
}

impl World {
    /// The cluster of a snapshot, at moment 0.
    pub(super) fn new(snapshot: &SnapshotFile) -> Self {
        let mut world = Self {
            file: snapshot.clone(),
            running: BTreeMap::new(),
            run_ms: BTreeMap::new(),
            lost: BTreeSet::new(),
        };
        for placed in std::mem::take(&mut world.file.placements) {
            let begun = world.running.entry(Place::of(&placed)).or_default();
            *begun.entry(0).or_default() += placed.instances;
        }
        world
    }

    /// The snapshot of this moment. A lost agent is one that takes nothing new and on which nothing runs: rules may
    /// go on naming it.
    pub(super) fn snapshot(&self) -> SnapshotFile {
        let mut file = self.file.clone();
        for agent in &mut file.agents {
            agent.cordoned |= self.lost.contains(&agent.id);
        }
        for (place, begun) in &self.running {
            let instances: i64 = begun.values().sum();
            let entry = |instances| PlacementFile {
                job: place.job.clone(),
                task: place.task.clone(),
                shard: place.shard.clone(),
                unit: place.unit.clone(),
                agent: place.agent.clone(),
                instances,
                devices: place.devices.clone(),
                ..PlacementFile::default()
            };
            if place.devices.is_empty() {
                file.placements.push(entry(instances));
            } else {
                file.placements.extend((0..instances).map(|_| entry(1)));
            }
        }
        file
    }

    /// Ids of the lost agents.
    pub(super) fn lost(&self) -> &BTreeSet<String> {
        &self.lost
    }

    /// The next moment at which running instances end by themselves.
    pub(super) fn next_end(&self) -> Option<i64> {
        let ends = self.running.iter().filter_map(|(place, begun)| {
            let run = self.run_ms.get(&place.job)?;
            let (first, _) = begun.first_key_value()?;
            Some(first.saturating_add(*run))
        });
        ends.min()
    }

    /// Ends what has run its time by `now`; says how many instances of which jobs.
    pub(super) fn end_by_themselves(&mut self, now: i64) -> Vec<String> {
        let mut ended: BTreeMap<(String, What), i64> = BTreeMap::new();
        for (place, begun) in &mut self.running {
            let Some(run) = self.run_ms.get(&place.job) else {
                continue;
            };
            while let Some(first) = begun.first_entry() {
                if first.key().saturating_add(*run) > now {
                    break;
                }
                let what = (place.job.clone(), place.what());
                *ended.entry(what).or_default() += first.remove();
            }
        }
        self.tidy();
        let mut said = Vec::new();
        for ((job, what), instances) in ended {
            let (task, shard) = &what;
            let of = shard
                .iter()
                .fold(task.clone(), |task, shard| format!("{task}/{shard}"));
            said.push(format!("{instances} of {job}/{of} run their time and end"));
            self.want_less(&job, &what, instances);
        }
        said
    }

    /// Lets an event happen; says what happened.
    pub(super) fn happen(&mut self, event: &EventFile) -> String {
        if let Some(arrive) = &event.arrive {
            return self.arrive(&arrive.job, arrive.run_ms);
        }
        if let Some(end) = &event.complete {
            return self.complete(end);
        }
        if let Some(end) = &event.restart {
            let ended = self.end(end);
            return format!("{ended} of {} end and are wanted again", name(end));
        }
        if let Some(agent) = &event.fail {
            return self.fail(agent);
        }
        let agent = event.returns.as_deref().unwrap_or_default();
        self.lost.remove(agent);
        format!("agent {agent} is back")
    }

    fn arrive(&mut self, job: &JobFile, run_ms: Option<i64>) -> String {
        let instances = wanted(job);
        self.file.jobs.push(job.clone());
        if let Some(run) = run_ms {
            self.run_ms.insert(job.id.clone(), run);
        }
        let (id, framework) = (&job.id, &job.framework);
        format!("{framework} submits {id}: {instances} instances")
    }

    fn complete(&mut self, end: &EndFile) -> String {
        let before = self.by_task(&end.job);
        let ended = self.end(end);
        let after = self.by_task(&end.job);
        for (what, count) in before {
            let gone = count - after.get(&what).copied().unwrap_or(0);
            self.want_less(&end.job, &what, gone);
        }
        if end.instances.is_none() {
            self.want_no_more(end);
        }
        format!("{ended} of {} complete", name(end))
    }

    fn fail(&mut self, agent: &str) -> String {
        self.lost.insert(agent.to_owned());
        let here = self
            .running
            .iter()
            .filter(|(place, _)| place.agent == agent);
        let lost: i64 = here.flat_map(|(_, begun)| begun.values()).sum();
        self.running.retain(|place, _| place.agent != agent);
        format!("agent {agent} fails, {lost} instances are lost")
    }

    /// Running instances by task and shard of a job.
    fn by_task(&self, job: &str) -> BTreeMap<What, i64> {
        let mut counts = BTreeMap::new();
        for (place, begun) in self.running.iter().filter(|(place, _)| place.job == job) {
            *counts.entry(place.what()).or_default() += begun.values().sum::<i64>();
        }
        counts
    }

    /// Ends running instances, those that run longest first; how many there were.
    fn end(&mut self, end: &EndFile) -> i64 {
        let mut ended = 0;
        let by_task = self.by_task(&end.job).into_iter();
        let mut tasks: BTreeMap<String, i64> = BTreeMap::new();
        for ((task, _), running) in by_task {
            *tasks.entry(task).or_default() += running;
        }
        for (task, running) in tasks {
            if end.task.as_ref().is_some_and(|only| *only != task) {
                continue;
            }
            let mut open = end.instances.unwrap_or(running).min(running);
            ended += open;
            let places = self.running.iter();
            let own = places.filter(|(place, _)| place.job == end.job && place.task == task);
            let mut oldest: Vec<(i64, Place)> = own
                .flat_map(|(place, begun)| begun.keys().map(|&begun| (begun, place.clone())))
                .collect();
            oldest.sort();
            for (begun, place) in oldest {
                open -= self.take(&place, begun, open);
            }
        }
        self.tidy();
        ended
    }

    /// Takes up to `most` instances away; how many there were.
    fn take(&mut self, place: &Place, begun: i64, most: i64) -> i64 {
        let counts = self.running.get_mut(place);
        let Some(count) = counts.and_then(|counts| counts.get_mut(&begun)) else {
            return 0;
        };
        let taken = most.min(*count);
        *count -= taken;
        taken
    }

    /// Forgets places where nothing runs.
    fn tidy(&mut self) {
        self.running.retain(|_, begun| {
            begun.retain(|_, count| *count > 0);
            !begun.is_empty()
        });
    }

    /// Fewer instances of a task are wanted. A gang that is over in part needs what is left of it.
    fn want_less(&mut self, job: &str, (task, shard): &What, instances: i64) {
        let Some(job) = self.file.jobs.iter_mut().find(|it| it.id == job) else {
            return;
        };
        let less = |count: i64| (count - instances).max(0);
        let own = job.tasks.iter_mut().find(|it| it.id == *task);
        match (shard, own) {
            (Some(shard), own) => {
                let shards = match own {
                    Some(own) if job.shards.is_empty() => &mut own.shards,
                    _ => &mut job.shards,
                };
                for it in shards.iter_mut().filter(|it| it.id == *shard) {
                    it.replicas = less(it.replicas);
                }
            }
            (None, Some(own)) => own.instances = less(own.instances),
            (None, None) => {}
        }
        self.shrink();
    }

    /// Nothing more of a job, or of one of its tasks, is wanted.
    fn want_no_more(&mut self, end: &EndFile) {
        let Some(job) = self.file.jobs.iter_mut().find(|it| it.id == end.job) else {
            return;
        };
        let none = |shards: &mut Vec<ShardFile>| shards.iter_mut().for_each(|it| it.replicas = 0);
        // Shards that a job states are of its only task.
        none(&mut job.shards);
        for task in &mut job.tasks {
            if end.task.as_ref().is_none_or(|only| *only == task.id) {
                task.instances = 0;
                none(&mut task.shards);
            }
        }
        self.shrink();
    }

    /// Jobs of which nothing is wanted are over; what of a gang is over is no part of it any more. Words that rules
    /// refer to may be lost with a job: so it stays where another job's rules name a group of it.
    fn shrink(&mut self) {
        for job in &mut self.file.jobs {
            let wanted = wanted(job);
            match &mut job.gang {
                Some(_) if wanted == 0 => job.gang = None,
                Some(gang) => gang.min_instances = gang.min_instances.min(wanted),
                None => {}
            }
        }
        let over: Vec<String> = self
            .file
            .jobs
            .iter()
            .filter(|job| is_over(job))
            .map(|job| job.id.clone())
            .collect();
        for id in over {
            let others = self.file.jobs.iter().filter(|job| job.id != id);
            let needed = others.flat_map(|job| &job.tasks).any(|task| {
                let limits = task
                    .constraints
                    .limit
                    .iter()
                    .filter_map(|rule| rule.group.as_ref());
                let spreads = task
                    .constraints
                    .spread
                    .iter()
                    .filter_map(|rule| rule.group.as_ref());
                let mut groups = limits.chain(spreads);
                groups.any(|group| self.is_of(&id, group))
            });
            if !needed {
                self.file.jobs.retain(|job| job.id != id);
                self.run_ms.remove(&id);
            }
        }
    }

    /// Whether some task of a job belongs to a group.
    fn is_of(&self, id: &str, group: &String) -> bool {
        let mut own = self.file.jobs.iter().filter(|job| job.id == id);
        own.any(|job| job.tasks.iter().any(|task| task.groups.contains(group)))
    }

    /// Carries out a plan: what it keeps goes on, what it places begins now, what it does not place ends.
    pub(super) fn carry_out(&mut self, plan: &PlanFile, now: i64) {
        let mut wanted: BTreeMap<Place, i64> = BTreeMap::new();
        for placed in &plan.placements {
            *wanted.entry(Place::of(placed)).or_default() += placed.instances;
        }
        let mut before = std::mem::take(&mut self.running);
        for (place, mut open) in wanted {
            let mut begun = BTreeMap::new();
            // What runs longest stays.
            for (since, count) in before.remove(&place).unwrap_or_default() {
                let kept = open.min(count);
                if kept > 0 {
                    begun.insert(since, kept);
                }
                open -= kept;
            }
            if open > 0 {
                *begun.entry(now).or_default() += open;
            }
            self.running.insert(place, begun);
        }
    }
}

impl Place {
    fn what(&self) -> What {
        (self.task.clone(), self.shard.clone())
    }

    fn of(placed: &PlacementFile) -> Self {
        let mut devices = placed.devices.clone();
        devices.sort();
        Self {
            job: placed.job.clone(),
            task: placed.task.clone(),
            shard: placed.shard.clone(),
            unit: placed.unit.clone(),
            agent: placed.agent.clone(),
            devices,
        }
    }
}

fn is_over(job: &JobFile) -> bool {
    wanted(job) == 0
}

/// Instances that a job wants, replicas included.
fn wanted(job: &JobFile) -> i64 {
    let shapes = job.shapes();
    let counts = shapes
        .iter()
        .map(|(task, shards)| JobFile::wanted(task, shards));
    counts.sum()
}

fn name(end: &EndFile) -> String {
    match &end.task {
        Some(task) => format!("{}/{task}", end.job),
        None => end.job.clone(),
    }
}
