//! What a snapshot of the right shape may still get wrong: names, ranges, rules that refer to nothing.
//!
//! One function per part of the file; each walks its part once, so the whole is near linear.

mod accounts;
mod agents;
mod data;
mod devices;
mod edges;
mod names;
mod placements;
mod storage;
mod time;
mod values;
mod work;

use std::collections::HashMap;

use apportion_cluster::Fairness;
use apportion_cluster::file::{SnapshotFile, VERSION};
use apportion_policies::{Policy, Registry};

pub(super) use names::Words;

use names::Names;

use super::code;
use super::fault::Faults;
use super::path::Path;
use super::text;

/// Adds every fault of `file` to `faults`.
pub(super) fn check(file: &SnapshotFile, registry: &Registry, faults: &mut Faults) {
    let names = Names::of(file);
    version(&file.version, faults);
    fairness(file, faults);
    agents::levels(file, faults);
    agents::agents(file, &names, faults);
    accounts::roles(file, faults);
    accounts::guarantees(file, faults);
    accounts::frameworks(file, registry, faults);
    storage::units(file, &names, faults);
    work::jobs(file, &names, faults);
    work::groups(file, faults);
    devices::devices(file, registry, faults);
    data::blocks(file, &names, faults);
    data::phases(file, registry, faults);
    edges::edges(file, registry, faults);
    time::total(file, faults);
    storage::policies(file, registry, faults);
    placements::placements(file, &names, faults);
}

/// Frameworks whose policy lacks a capability, by id with the name of their policy.
fn lacking<'f>(
    file: &'f SnapshotFile,
    registry: &Registry,
    has: impl Fn(&dyn Policy) -> bool,
) -> HashMap<&'f str, &'f str> {
    file.frameworks
        .iter()
        .map(|framework| (framework.id.as_str(), framework.policy.as_str()))
        .filter(|(_, policy)| registry.get(policy).is_some_and(|it| !has(&**it)))
        .collect()
}

/// The file states the version that this program reads.
pub(super) fn version(version: &str, faults: &mut Faults) {
    if version != VERSION {
        let cause = format!(
            "the version {} is not one that this program reads",
            text::quote(version)
        );
        let action = format!("state `{VERSION}`, or use the program that the file was written for");
        faults.add(code::VERSION, &Path::Root.key("version"), cause, action);
    }
}

fn fairness(file: &SnapshotFile, faults: &mut Faults) {
    let root = Path::Root;
    let path = root.key("fairness");
    if let Some(word) = file.fairness.as_deref()
        && Fairness::named(word).is_none()
    {
        let cause = format!("{} is not a fairness rule", text::quote(word));
        let known = Fairness::ALL.map(Fairness::name);
        let action = values::suggestion(word, known, "fairness rules", faults);
        faults.add(code::WORD, &path, cause, action);
    }
}
