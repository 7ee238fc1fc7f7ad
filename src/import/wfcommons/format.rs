//! WfFormat 1.5, as serde sees it: the parts that a snapshot can say, and the keys of the rest.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::fault;
use crate::import::InputFault;
use crate::snapshot::text::quote;

/// The version of the format that is read.
const SCHEMA: &str = "1.5";
/// Where the lists are.
const SPECIFICATION: &str = "workflow.specification";
const EXECUTION: &str = "workflow.execution";

/// One recorded workflow.
#[derive(Debug)]
pub(super) struct Instance {
    /// What is to be done.
    pub tasks: Vec<Task>,
    pub files: Vec<DataFile>,
    /// What was done.
    pub runs: Vec<Run>,
    pub machines: Vec<Machine>,
}

impl Instance {
    /// The workflow that a file's value says; with faults, if there are any, what of it is whole.
    pub(super) fn of(file: &str, value: Value, faults: &mut Vec<InputFault>) -> Option<Self> {
        let mut reader = Reader { file, faults };
        // Of another version the first missing key would say less.
        let version = value.get("schemaVersion").and_then(Value::as_str);
        if let Some(version) = version.filter(|version| *version != SCHEMA) {
            let cause = format!("is of the version {}", quote(version));
            reader.fault("schemaVersion".to_owned(), cause);
            return None;
        }
        let mut whole = reader.object(value, "")?;
        let workflow = reader.part(&mut whole, "", "workflow");
        let mut workflow = reader.object(workflow?, "workflow")?;
        let mut section = |key: &str| {
            let value = reader.part(&mut workflow, "workflow", key)?;
            reader.object(value, &format!("workflow.{key}"))
        };
        let (specification, execution) = (section("specification"), section("execution"));
        let (mut specification, mut execution) = (specification?, execution?);
        let tasks = reader.part(&mut specification, SPECIFICATION, "tasks");
        let runs = reader.part(&mut execution, EXECUTION, "tasks");
        let (files, machines) = (specification.remove("files"), execution.remove("machines"));
        Some(Self {
            tasks: reader.list(tasks, SPECIFICATION, "tasks"),
            files: reader.list(files, SPECIFICATION, "files"),
            runs: reader.list(runs, EXECUTION, "tasks"),
            machines: reader.list(machines, EXECUTION, "machines"),
        })
    }
}

/// Reads elements one by one, so that each that is wrong is told.
struct Reader<'r> {
    file: &'r str,
    faults: &'r mut Vec<InputFault>,
}

impl Reader<'_> {
    fn fault(&mut self, place: String, cause: String) {
        let action =
            "give a workflow in WfFormat 1.5 (`workflow.specification` and `workflow.execution`)";
        self.faults.push(fault(self.file, place, cause, action));
    }

    fn object(&mut self, value: Value, place: &str) -> Option<Map<String, Value>> {
        match value {
            Value::Object(object) => Some(object),
            other => {
                let cause = format!("{} is no object", kind(&other));
                self.fault(place.to_owned(), cause);
                None
            }
        }
    }

    fn part(&mut self, of: &mut Map<String, Value>, place: &str, key: &str) -> Option<Value> {
        let part = of.remove(key);
        if part.is_none() {
            self.fault(place.to_owned(), format!("`{key}` is missing"));
        }
        part
    }

    /// The elements of a list that is there, as far as they are whole.
    fn list<T: DeserializeOwned>(&mut self, list: Option<Value>, place: &str, key: &str) -> Vec<T> {
        let place = format!("{place}.{key}");
        let elements = match list {
            None => Vec::new(),
            Some(Value::Array(elements)) => elements,
            Some(other) => {
                let cause = format!("{} is no list", kind(&other));
                self.fault(place.clone(), cause);
                Vec::new()
            }
        };
        let mut read = Vec::with_capacity(elements.len());
        for (at, element) in elements.into_iter().enumerate() {
            match serde_path_to_error::deserialize(element) {
                Ok(element) => read.push(element),
                Err(error) => {
                    let within = match error.path().to_string() {
                        path if path == "." => String::new(),
                        path => format!(".{path}"),
                    };
                    let cause = error.into_inner().to_string();
                    self.fault(format!("{place}[{at}]{within}"), cause);
                }
            }
        }
        read
    }
}

/// What a value is, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Task {
    pub id: String,
    #[serde(default)]
    pub parents: Vec<String>,
    #[serde(default)]
    pub children: Vec<String>,
    #[serde(default)]
    pub input_files: Vec<String>,
    #[serde(default)]
    pub output_files: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DataFile {
    pub id: String,
    pub size_in_bytes: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run {
    pub id: String,
    pub runtime_in_seconds: f64,
    pub core_count: Option<f64>,
    pub memory_in_bytes: Option<f64>,
    pub machines: Option<Vec<String>>,
    #[serde(rename = "avgCPU")]
    pub average_cpu: Option<f64>,
    pub read_bytes: Option<f64>,
    pub written_bytes: Option<f64>,
    pub priority: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Machine {
    pub node_name: String,
    #[serde(default)]
    pub cpu: Cpu,
    pub memory_in_bytes: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cpu {
    pub core_count: Option<f64>,
    #[serde(rename = "speedInMHz")]
    pub speed_in_mhz: Option<f64>,
}
