//! The events file: what happens to a cluster over time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::file::JobFile;

/// The largest moment, and the longest time, that an events file may state: ten thousand years.
pub const MAX_TIME_MS: i64 = 315_576_000_000_000;

/// What happens to the cluster of a snapshot, event by event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsFile {
    /// Must be `apportion/v1`.
    pub version: String,
    /// The events. Their order matters only among those of one moment.
    pub events: Vec<EventFile>,
}

/// One event: the moment, and exactly one of the things that can happen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventFile {
    /// Milliseconds after the moment of the snapshot.
    pub at_ms: i64,
    /// A job is submitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrive: Option<ArriveFile>,
    /// Work is done: running instances end, and are wanted no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<EndFile>,
    /// Running instances end, and as many are wanted again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<EndFile>,
    /// An agent is lost, with everything that runs on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail: Option<String>,
    /// A lost agent is back, empty.
    #[serde(default, rename = "return", skip_serializing_if = "Option::is_none")]
    pub returns: Option<String>,
}

/// A job that is submitted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArriveFile {
    /// The job, as a snapshot has it.
    pub job: JobFile,
    /// How long each instance runs, from where it is placed to its end; until an event ends it if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_ms: Option<i64>,
}

/// Which instances end: the longest running first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndFile {
    /// Job id.
    pub job: String,
    /// Task id; all tasks of the job if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// How many of each task, as far as so many run; all if absent, and then a `complete` ends what waits too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<i64>,
}
