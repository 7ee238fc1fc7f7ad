//! Reading events files: bytes in, events out that fit their snapshot, or *all* that is wrong with them.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::MAX_INSTANCES;
use apportion_cluster::events::{EndFile, EventFile, EventsFile, MAX_TIME_MS};
use apportion_cluster::file::{JobFile, SnapshotFile, VERSION};
use apportion_policies::Registry;

use super::fault::{Faults, InputFaults};
use super::path::{Path, Step};
use super::tree::Value;
use super::{Format, check, code, json, shape, source, text, yaml};

/// Reads the events of a snapshot: JSON or YAML, possibly compressed. `snapshot` is one that resolves.
///
/// # Errors
/// Everything that is wrong with them.
pub fn events(bytes: &[u8], snapshot: &SnapshotFile) -> Result<EventsFile, InputFaults> {
    let text = source::text(bytes)?;
    let tree = match Format::of(&text) {
        Format::Json => json::tree(&text)?,
        Format::Yaml => yaml::tree(&text)?,
    };
    if !matches!(tree.root.value, Value::Object(_)) {
        let cause = "the top level must be an object with the keys `version` and `events`";
        let action = "give events in JSON or YAML";
        return Err(InputFaults::whole(code::TOP_LEVEL, None, cause, action));
    }
    let mut faults = Faults::default();
    let file = shape::events(&tree.root, &mut faults);
    faults.end_of_pass();
    let misread = !faults.is_empty();
    check::version(&file.version, &mut faults);
    jobs(&file, snapshot, &mut faults);
    let root = Path::Root;
    let list = root.key("events");
    for (at, event) in file.events.iter().enumerate() {
        times(event, &list.at(at), &mut faults);
    }
    // What was misread may be what a later event is about.
    if !misread {
        Course::of(snapshot, &file).check(&mut faults);
    }
    faults.finish(Some(&tree))?;
    Ok(file)
}

/// Jobs that arrive are as good as those of the snapshot: together they make one that resolves.
fn jobs(file: &EventsFile, snapshot: &SnapshotFile, faults: &mut Faults) {
    let mut together = SnapshotFile {
        version: VERSION.to_owned(),
        placements: Vec::new(),
        ..snapshot.clone()
    };
    let first = together.jobs.len();
    let mut events = Vec::new();
    for (at, event) in file.events.iter().enumerate() {
        if let Some(arrive) = &event.arrive {
            together.jobs.push(arrive.job.clone());
            events.push(at);
        }
    }
    let mut found = Faults::default();
    check::check(&together, &Registry::default(), &mut found);
    faults.absorb(found, |steps| match steps {
        [Step::Key(list), Step::At(at), rest @ ..] if list == "jobs" && *at >= first => {
            let mut path = vec![
                Step::Key("events".to_owned()),
                Step::At(events[at - first]),
                Step::Key("arrive".to_owned()),
                Step::Key("job".to_owned()),
            ];
            path.extend_from_slice(rest);
            path
        }
        _ => vec![Step::Key("events".to_owned())],
    });
}

/// One thing happens, at a moment that there is.
fn times(event: &EventFile, path: &Path<'_>, faults: &mut Faults) {
    let kinds = [
        event.arrive.is_some(),
        event.complete.is_some(),
        event.restart.is_some(),
        event.fail.is_some(),
        event.returns.is_some(),
    ];
    let n_kinds = kinds.iter().filter(|&&stated| stated).count();
    if n_kinds != 1 {
        let cause = format!("an event is one thing that happens; this one states {n_kinds}");
        let action = "state one of `arrive`, `complete`, `restart`, `fail`, `return`";
        faults.add(code::EVENT_KIND, path, cause, action);
    }
    if !(0..=MAX_TIME_MS).contains(&event.at_ms) {
        let cause = format!("{} is not in 0 to {MAX_TIME_MS}", event.at_ms);
        let action = "state milliseconds after the moment of the snapshot";
        faults.add(code::EVENT_TIME, &path.key("at_ms"), cause, action);
    }
    if let Some(run) = event.arrive.as_ref().and_then(|arrive| arrive.run_ms)
        && !(1..=MAX_TIME_MS).contains(&run)
    {
        let cause = format!("{run} is not in 1 to {MAX_TIME_MS}");
        let action = "state milliseconds, or leave it out for work that an event ends";
        let arrive = path.key("arrive");
        faults.add(code::EVENT_TIME, &arrive.key("run_ms"), cause, action);
    }
}

/// What there is as events happen, in the order of their moments.
struct Course<'f> {
    file: &'f EventsFile,
    /// Jobs that arrived and were not ended, with their tasks.
    jobs: BTreeMap<&'f str, Vec<&'f str>>,
    /// Jobs that were ended.
    ended: BTreeSet<&'f str>,
    /// Agents, and whether they are there.
    agents: BTreeMap<&'f str, bool>,
}

impl<'f> Course<'f> {
    fn of(snapshot: &'f SnapshotFile, file: &'f EventsFile) -> Self {
        let agents = snapshot
            .agents
            .iter()
            .map(|agent| (agent.id.as_str(), true));
        let mut course = Self {
            file,
            jobs: BTreeMap::new(),
            ended: BTreeSet::new(),
            agents: agents.collect(),
        };
        for job in &snapshot.jobs {
            course.add(job);
        }
        course
    }

    fn add(&mut self, job: &'f JobFile) {
        let tasks = job.tasks.iter().map(|task| task.id.as_str());
        self.jobs.insert(&job.id, tasks.collect());
    }

    fn check(&mut self, faults: &mut Faults) {
        let mut order: Vec<usize> = (0..self.file.events.len()).collect();
        order.sort_by_key(|&at| self.file.events[at].at_ms);
        let root = Path::Root;
        let list = root.key("events");
        for at in order {
            let event = &self.file.events[at];
            let path = list.at(at);
            if let Some(arrive) = &event.arrive {
                self.add(&arrive.job);
            }
            if let Some(end) = &event.complete {
                self.end(end, &path.key("complete"), faults);
                if end.instances.is_none() && end.task.is_none() {
                    self.jobs.remove(end.job.as_str());
                    self.ended.insert(&end.job);
                }
            }
            if let Some(end) = &event.restart {
                self.end(end, &path.key("restart"), faults);
            }
            if let Some(agent) = &event.fail {
                self.turn(agent, false, &path.key("fail"), faults);
            }
            if let Some(agent) = &event.returns {
                self.turn(agent, true, &path.key("return"), faults);
            }
        }
    }

    fn end(&self, end: &EndFile, path: &Path<'_>, faults: &mut Faults) {
        if let Some(instances) = end.instances
            && !(1..=MAX_INSTANCES).contains(&instances)
        {
            let cause = format!("{instances} is not in 1 to {MAX_INSTANCES}");
            let action = "state how many end, or leave it out for all";
            faults.add(code::COUNT, &path.key("instances"), cause, action);
        }
        let Some(tasks) = self.jobs.get(end.job.as_str()) else {
            self.unknown_job(&end.job, &path.key("job"), faults);
            return;
        };
        if let Some(task) = &end.task
            && !tasks.contains(&task.as_str())
        {
            let (job, name) = (text::quote(&end.job), text::quote(task));
            let cause = format!("the job {job} has no task {name}");
            let action = suggestion(task, tasks.iter().copied(), "its tasks");
            faults.add(code::UNKNOWN_TASK, &path.key("task"), cause, action);
        }
    }

    fn unknown_job(&self, job: &str, path: &Path<'_>, faults: &mut Faults) {
        let name = text::quote(job);
        let mut arrivals = self
            .file
            .events
            .iter()
            .filter_map(|event| event.arrive.as_ref());
        if self.ended.contains(job) {
            let cause = format!("the job {name} is over by then");
            let action = "state an earlier moment, or leave the event out";
            faults.add(code::EVENT_ORDER, path, cause, action);
        } else if arrivals.any(|arrive| arrive.job.id == job) {
            let cause = format!("the job {name} arrives only later");
            let action = "state a later moment; at one moment, list the arrival first";
            faults.add(code::EVENT_ORDER, path, cause, action);
        } else {
            let cause = format!("there is no job {name}");
            let action = suggestion(job, self.jobs.keys().copied(), "the jobs there are then");
            faults.add(code::UNKNOWN_JOB, path, cause, action);
        }
    }

    fn turn(&mut self, agent: &str, up: bool, path: &Path<'_>, faults: &mut Faults) {
        let name = text::quote(agent);
        let Some(is_up) = self.agents.get_mut(agent) else {
            let cause = format!("there is no agent {name}");
            let action = suggestion(agent, self.agents.keys().copied(), "the agents");
            faults.add(code::UNKNOWN_AGENT, path, cause, action);
            return;
        };
        if *is_up == up {
            let state = if up { "there" } else { "lost" };
            let cause = format!("the agent {name} is {state} already");
            let action = "let each agent fail and return in turn";
            faults.add(code::EVENT_ORDER, path, cause, action);
        }
        *is_up = up;
    }
}

fn suggestion<'n>(word: &str, names: impl Iterator<Item = &'n str> + Clone, what: &str) -> String {
    match text::closest(word, names.clone()) {
        Some(close) => format!("did you mean {}?", text::quote(close)),
        None => format!("use one of {what}: {}", text::list(names, 8)),
    }
}
