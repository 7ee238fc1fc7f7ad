//! Snapshots and plans from files.

use std::borrow::Cow;
use std::path::Path;

use apportion_cluster::Cluster;
use apportion_cluster::events::EventsFile;
use apportion_cluster::file::SnapshotFile;
use apportion_cluster::plan::PlanFile;

use super::exit::Failure;
use super::files;
use crate::snapshot::{self, Fault, InputFaults, Place, code};

/// The validated cluster of a snapshot file.
pub(crate) fn cluster(path: &Path) -> Result<Cluster, Failure> {
    let bytes = files::read(path)?;
    snapshot::read(&bytes).map_err(|faults| failure(path, bytes, faults))
}

/// A snapshot both as it is written and as a validated cluster.
pub(crate) fn snapshot_and_cluster(path: &Path) -> Result<(SnapshotFile, Cluster), Failure> {
    let bytes = files::read(path)?;
    let parsed = snapshot::parse(&bytes).and_then(|file| {
        let cluster = snapshot::resolve(&file)?;
        Ok((file, cluster))
    });
    // `read` knows the places of all faults at once.
    parsed.map_err(|faults| {
        let faults = snapshot::read(&bytes).err().unwrap_or(faults);
        failure(path, bytes, faults)
    })
}

/// The events of a snapshot.
pub(crate) fn events(path: &Path, snapshot: &SnapshotFile) -> Result<EventsFile, Failure> {
    let bytes = files::read(path)?;
    snapshot::events(&bytes, snapshot).map_err(|faults| failure(path, bytes, faults))
}

/// A plan file. What it claims is not believed here: see [`crate::verify`].
pub(crate) fn plan(path: &Path) -> Result<PlanFile, Failure> {
    let bytes = files::read(path)?;
    snapshot::text_of(&bytes)
        .and_then(|text| parse_plan(&text))
        .map_err(|faults| failure(path, bytes, faults))
}

fn parse_plan(text: &str) -> Result<PlanFile, InputFaults> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let parsed: Result<PlanFile, _> = serde_path_to_error::deserialize(&mut reader);
    let fault = match parsed {
        Ok(plan) => match reader.end() {
            Ok(()) => return Ok(plan),
            Err(error) => plan_fault("$".to_owned(), &error, text),
        },
        Err(error) => plan_fault(error.path().to_string(), error.inner(), text),
    };
    Err(InputFaults(vec![fault]))
}

fn plan_fault(path: String, error: &serde_json::Error, json: &str) -> Fault {
    let code = if error.is_data() {
        code::TYPE
    } else {
        code::JSON
    };
    let text = error.to_string();
    // The place is stated apart from the words.
    let cause = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(cause, _)| cause);
    Fault {
        code,
        path: if path == "." { "$".to_owned() } else { path },
        subject: String::new(),
        cause: format!("this is not a plan: {cause}"),
        action: "give a file that `apportion plan -o` wrote".to_owned(),
        place: place(error.line(), error.column(), json.as_bytes()),
    }
}

/// The place of a JSON error: serde_json counts columns in bytes, and the end of what it had read.
fn place(line: usize, column: usize, bytes: &[u8]) -> Option<Place> {
    let before: usize = bytes
        .split_inclusive(|&byte| byte == b'\n')
        .take(line.checked_sub(1)?)
        .map(<[u8]>::len)
        .sum();
    Some(Place {
        line,
        column: column.max(1),
        offset: (before + column.saturating_sub(1)).min(bytes.len()),
    })
}

fn failure(path: &Path, bytes: Vec<u8>, faults: InputFaults) -> Failure {
    // Places speak of the unpacked text; what cannot be unpacked has no places.
    let text = snapshot::text_of(&bytes)
        .map(Cow::into_owned)
        .map(String::into_bytes);
    Failure::Input {
        file: files::name(path),
        bytes: text.unwrap_or(bytes),
        faults: faults.0,
    }
}
