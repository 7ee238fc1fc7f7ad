//! One recorded workflow as a job.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::file::{Amounts, EdgeFile, JobFile, TaskFile};
use apportion_cluster::{MAX_QUANTITY, MAX_WORK_MS};

use super::format::{Instance, Run, Task};
use super::{CPU_USE, EDGE_OF_FILES, FILE_IO, ONE_CORE, PLACES, PRIORITY, ROUNDED_UP, fault};
use crate::import::InputFault;
use crate::import::notes::Notes;
use crate::snapshot::circle;
use crate::snapshot::text::quote;

/// Bytes.
pub(super) const MIB: f64 = 1_048_576.0;

/// The job of a file; what cannot be read is reported and left out of it.
pub(super) fn job(
    file: &str,
    name: &str,
    instance: &Instance,
    notes: &mut Notes,
    faults: &mut Vec<InputFault>,
) -> JobFile {
    let mut reader = Reader {
        file,
        notes,
        faults,
    };
    let tasks = &instance.tasks;
    let runs = reader.runs(instance);
    let known = reader.known(tasks);
    let wanted = tasks.iter().enumerate().filter_map(|(at, task)| {
        let Some(&run) = runs.get(task.id.as_str()) else {
            let place = format!("workflow.specification.tasks[{at}]");
            let cause = format!("nothing is said of how {} ran", quote(&task.id));
            reader.fault(place, cause, "add it to `workflow.execution.tasks`");
            return None;
        };
        reader.task(&task.id, run)
    });
    let wanted: Vec<TaskFile> = wanted.collect();
    if tasks.is_empty() {
        let place = "workflow.specification.tasks".to_owned();
        reader.fault(
            place,
            "there is no task".to_owned(),
            "give a workflow with tasks",
        );
    }
    let edges = reader.edges(instance, &known);
    let at = |edge: &EdgeFile| Some((*known.get(&edge.from[..])?, *known.get(&edge.to[..])?));
    if let Some(walk) = circle::find(tasks.len(), edges.iter().filter_map(at)) {
        let place = "workflow.specification.tasks".to_owned();
        let cause = circle::written(&walk, |at| &tasks[at].id);
        reader.fault(place, cause, "remove one of these dependencies");
    }
    JobFile {
        id: name.to_owned(),
        framework: "workflows".to_owned(),
        tasks: wanted,
        edges,
        ..JobFile::default()
    }
}

struct Reader<'r> {
    file: &'r str,
    notes: &'r mut Notes,
    faults: &'r mut Vec<InputFault>,
}

impl Reader<'_> {
    fn fault(&mut self, place: String, cause: String, action: &str) {
        self.faults.push(fault(self.file, place, cause, action));
    }

    fn note(&mut self, code: crate::import::Code, text: &str) {
        self.notes.add(code, self.file, text);
    }

    /// How each task ran, with its position.
    fn runs<'i>(&mut self, instance: &'i Instance) -> BTreeMap<&'i str, (usize, &'i Run)> {
        let mut runs = BTreeMap::new();
        let specified = instance.tasks.iter();
        let specified: BTreeSet<&str> = specified.map(|task| task.id.as_str()).collect();
        for (at, run) in instance.runs.iter().enumerate() {
            let place = || format!("workflow.execution.tasks[{at}].id");
            if !specified.contains(run.id.as_str()) {
                let cause = format!("the workflow has no task {}", quote(&run.id));
                self.fault(place(), cause, "add it to `workflow.specification.tasks`");
            }
            if runs.insert(run.id.as_str(), (at, run)).is_some() {
                let cause = format!("{} ran twice", quote(&run.id));
                self.fault(place(), cause, "keep one of the two");
            }
        }
        runs
    }

    /// Positions of tasks by id.
    fn known<'i>(&mut self, tasks: &'i [Task]) -> BTreeMap<&'i str, usize> {
        let mut known = BTreeMap::new();
        for (at, task) in tasks.iter().enumerate() {
            let place = || format!("workflow.specification.tasks[{at}].id");
            if task.id.is_empty() {
                self.fault(place(), "a task has no id".to_owned(), "name it");
            } else if known.insert(task.id.as_str(), at).is_some() {
                let cause = format!("another task is called {} too", quote(&task.id));
                self.fault(place(), cause, "rename one of the two");
            }
        }
        known
    }

    fn task(&mut self, id: &str, (at, run): (usize, &Run)) -> Option<TaskFile> {
        let place = |key: &str| format!("workflow.execution.tasks[{at}].{key}");
        self.not_said(run);
        let work = seconds_to_ms(run.runtime_in_seconds);
        let cpu = cores_to_milli(run.core_count.unwrap_or(1.0));
        let memory = bytes_to_mib(run.memory_in_bytes.unwrap_or(0.0));
        let found = [
            ("runtimeInSeconds", &work),
            ("coreCount", &cpu),
            ("memoryInBytes", &memory),
        ];
        for (key, cause) in found {
            if let Err(cause) = cause {
                self.fault(
                    place(key),
                    cause.clone(),
                    "correct the number, or record the task again",
                );
            }
        }
        let (work, cpu, memory) = (work.ok()?, cpu.ok()?, memory.ok()?);
        let mut resources = Amounts::from([("cpu_milli".to_owned(), cpu)]);
        if memory > 0 {
            resources.insert("memory_mib".to_owned(), memory);
        }
        Some(TaskFile {
            id: id.to_owned(),
            instances: 1,
            value: 1,
            work_ms: Some(work),
            resources,
            ..TaskFile::default()
        })
    }

    /// Remarks on what a snapshot does not say of a task.
    fn not_said(&mut self, run: &Run) {
        if run.core_count.is_none() {
            self.note(ONE_CORE, "one core for each task that states none");
        }
        if run.average_cpu.is_some() {
            self.note(CPU_USE, "`avgCPU` is not read");
        }
        if run.read_bytes.is_some() || run.written_bytes.is_some() {
            self.note(FILE_IO, "`readBytes` and `writtenBytes` are not read");
        }
        if run.machines.is_some() {
            self.note(PLACES, "`machines` of tasks are not read");
        }
        if run.priority.is_some() {
            self.note(PRIORITY, "`priority` is not read");
        }
    }

    /// Edges by sender and receiver: who is whose child, and who reads what another writes.
    fn edges(&mut self, instance: &Instance, known: &BTreeMap<&str, usize>) -> Vec<EdgeFile> {
        let tasks = &instance.tasks;
        let sizes = self.sizes(instance);
        let mut bytes: BTreeMap<(usize, usize), f64> = BTreeMap::new();
        for (at, task) in tasks.iter().enumerate() {
            for (list, others) in [("children", &task.children), ("parents", &task.parents)] {
                for (position, other) in others.iter().enumerate() {
                    let Some(&other) = known.get(other.as_str()) else {
                        let place =
                            format!("workflow.specification.tasks[{at}].{list}[{position}]");
                        let cause = format!("the workflow has no task {}", quote(other));
                        self.fault(place, cause, "add the task, or remove the dependency");
                        continue;
                    };
                    let pair = if list == "children" {
                        (at, other)
                    } else {
                        (other, at)
                    };
                    bytes.entry(pair).or_insert(0.0);
                }
            }
        }
        let mut writers: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
        for (at, task) in tasks.iter().enumerate() {
            for (position, file) in task.output_files.iter().enumerate() {
                self.is_listed(&sizes, file, at, "outputFiles", position);
                writers.entry(file).or_default().insert(at);
            }
        }
        for (at, task) in tasks.iter().enumerate() {
            let mut read = BTreeSet::new();
            for (position, file) in task.input_files.iter().enumerate() {
                self.is_listed(&sizes, file, at, "inputFiles", position);
                if !read.insert(file) {
                    continue;
                }
                let size = sizes.get(file.as_str()).copied().unwrap_or(0.0);
                for &writer in writers.get(file.as_str()).into_iter().flatten() {
                    // What a task both reads and writes it had from elsewhere.
                    if writer == at {
                        continue;
                    }
                    if !bytes.contains_key(&(writer, at)) {
                        let text = format!("reads {} of {}", quote(file), quote(&tasks[writer].id));
                        self.notes.add(EDGE_OF_FILES, &task.id, text);
                    }
                    *bytes.entry((writer, at)).or_insert(0.0) += size;
                }
            }
        }
        if bytes.values().any(|bytes| bytes % MIB != 0.0) {
            self.note(ROUNDED_UP, "to the next MiB");
        }
        let edge = |((from, to), bytes): ((usize, usize), f64)| EdgeFile {
            from: tasks[from].id.clone(),
            to: tasks[to].id.clone(),
            mib_s: None,
            // Each file is within range, and a sum that is not is cut off: it would take years to send.
            mib: Some(((bytes / MIB).ceil() as i64).min(MAX_QUANTITY)),
        };
        bytes.into_iter().map(edge).collect()
    }

    /// Bytes by file.
    fn sizes<'i>(&mut self, instance: &'i Instance) -> BTreeMap<&'i str, f64> {
        let mut sizes = BTreeMap::new();
        for (at, file) in instance.files.iter().enumerate() {
            let place = |key: &str| format!("workflow.specification.files[{at}].{key}");
            if let Err(cause) = bytes_to_mib(file.size_in_bytes) {
                self.fault(place("sizeInBytes"), cause, "state the size of the file");
            }
            let other = sizes.insert(file.id.as_str(), file.size_in_bytes);
            if other.is_some_and(|other| other != file.size_in_bytes) {
                let cause = format!("{} is there twice, in two sizes", quote(&file.id));
                self.fault(place("id"), cause, "keep one of the two");
            }
        }
        sizes
    }

    fn is_listed(
        &mut self,
        sizes: &BTreeMap<&str, f64>,
        file: &str,
        at: usize,
        list: &str,
        position: usize,
    ) {
        if !sizes.contains_key(file) {
            let place = format!("workflow.specification.tasks[{at}].{list}[{position}]");
            let cause = format!("the size of {} is not stated", quote(file));
            self.fault(
                place,
                cause,
                "add the file to `workflow.specification.files`",
            );
        }
    }
}

/// A number from 0 to the largest amount, in other units and rounded up.
fn scaled(number: f64, factor: f64, noun: &str) -> Result<i64, String> {
    let scaled = (number * factor).ceil();
    if number < 0.0 || !(0.0..=MAX_QUANTITY as f64).contains(&scaled) {
        return Err(format!("{number} {noun} are out of range"));
    }
    Ok(scaled as i64)
}

fn seconds_to_ms(seconds: f64) -> Result<i64, String> {
    // Decimal seconds are no binary fractions: 1.001 s is 1001 ms, not 1002.
    let ms = seconds * 1000.0;
    let nearest = ms.round();
    let ms = if (ms - nearest).abs() < 1e-6 {
        nearest
    } else {
        ms
    };
    match scaled(ms, 1.0, "ms")? {
        work if work > MAX_WORK_MS => Err(format!(
            "{seconds} s are more than the {MAX_WORK_MS} ms that a snapshot can state"
        )),
        work => Ok(work),
    }
}

pub(super) fn cores_to_milli(cores: f64) -> Result<i64, String> {
    scaled(cores, 1000.0, "cores")
}

pub(super) fn bytes_to_mib(bytes: f64) -> Result<i64, String> {
    scaled(bytes, 1.0 / MIB, "bytes")
}
