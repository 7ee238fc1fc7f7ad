//! WfFormat 1.5, as serde sees it: the parts that a snapshot can say, and the keys of the rest.

use serde::Deserialize;

/// One recorded workflow.
#[derive(Debug, Deserialize)]
pub(super) struct Instance {
    pub workflow: Workflow,
}

#[derive(Debug, Deserialize)]
pub(super) struct Workflow {
    pub specification: Specification,
    pub execution: Execution,
}

/// What is to be done.
#[derive(Debug, Deserialize)]
pub(super) struct Specification {
    pub tasks: Vec<Task>,
    #[serde(default)]
    pub files: Vec<DataFile>,
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

/// What was done.
#[derive(Debug, Deserialize)]
pub(super) struct Execution {
    pub tasks: Vec<Run>,
    #[serde(default)]
    pub machines: Vec<Machine>,
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
