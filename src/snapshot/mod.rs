//! Reading snapshots: bytes in, one immutable [`Cluster`] out, or *all* that is wrong with them.
//!
//! ```text
//! bytes --text--> text --parse--> SnapshotFile --resolve--> Cluster
//!       gzip, BOM      JSON, YAML              names, ranges, rules
//! ```
//!
//! JSON takes a fast road through serde. Whatever that refuses, and all YAML, takes the thorough one: a
//! tree with positions, from which the same types are read part by part, so that one run reports every
//! fault of structure *and* of meaning, each with code, path, place, cause and action.
//!
//! Format: `docs/snapshot.md`. Codes: `docs/errors.md`.

mod build;
mod canonical;
mod check;
pub(crate) mod circle;
pub mod code;
mod events;
mod fault;
mod json;
mod path;
mod phases;
mod roles;
mod shape;
mod source;
mod strict;
pub(crate) mod text;
mod tree;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::Cluster;
use apportion_cluster::file::{FrameworkFile, SnapshotFile};
use apportion_policies::Registry;

pub use canonical::{canonical, digest};
pub use events::events;
pub use fault::{Fault, InputFaults, Place};
pub use source::{Format, text as text_of};

use fault::Faults;
use path::Path;
use tree::Tree;

/// Reads a snapshot: JSON or YAML, possibly compressed.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(bytes: &[u8]) -> Result<Cluster, InputFaults> {
    read_with(bytes, &Registry::default())
}

/// As [`read`], with the policies of `registry`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read_with(bytes: &[u8], registry: &Registry) -> Result<Cluster, InputFaults> {
    let text = source::text(bytes)?;
    let Parsed {
        file,
        tree,
        mut faults,
    } = parse_text(&text)?;
    match checked(file, registry, &mut faults) {
        Some(cluster) => Ok(cluster),
        None => Err(report(faults, tree, &text)),
    }
}

/// Reads a snapshot into the file's types: structure and version only.
///
/// # Errors
/// Every fault of structure.
pub fn parse(bytes: &[u8]) -> Result<SnapshotFile, InputFaults> {
    let text = source::text(bytes)?;
    let Parsed {
        file,
        tree,
        mut faults,
    } = parse_text(&text)?;
    check::version(&file.version, &mut faults);
    if faults.is_empty() {
        Ok(file)
    } else {
        Err(report(faults, tree, &text))
    }
}

/// Resolves the names of a file and checks its meaning.
///
/// # Errors
/// Every fault of meaning.
pub fn resolve(file: &SnapshotFile) -> Result<Cluster, InputFaults> {
    resolve_with(file, &Registry::default())
}

/// As [`resolve`], with the policies of `registry`.
///
/// # Errors
/// Every fault of meaning.
pub fn resolve_with(file: &SnapshotFile, registry: &Registry) -> Result<Cluster, InputFaults> {
    let mut faults = Faults::default();
    let cluster = checked(file.clone(), registry, &mut faults);
    faults.finish(None)?;
    Ok(cluster.expect("without faults there is a cluster"))
}

/// The file as indented JSON, ending in a newline.
#[must_use]
pub fn to_json(file: &SnapshotFile) -> String {
    let json = serde_json::to_string_pretty(file);
    json.expect("a snapshot has text keys and finite numbers") + "\n"
}

/// A text that is well-formed, with what is wrong with its structure.
struct Parsed<'t> {
    file: SnapshotFile,
    /// Absent where the fast reader was content.
    tree: Option<Tree<'t>>,
    faults: Faults,
}

fn parse_text(text: &str) -> Result<Parsed<'_>, InputFaults> {
    let format = Format::of(text);
    if format == Format::Json
        && let Ok(file) = serde_json::from_str(text)
        && strict::holds(text)
    {
        return Ok(Parsed {
            file,
            tree: None,
            faults: Faults::default(),
        });
    }
    let tree = match format {
        Format::Json => json::tree(text)?,
        Format::Yaml => yaml::tree(text)?,
    };
    if !matches!(tree.root.value, tree::Value::Object(_)) {
        let cause = "the top level must be an object with the key `version`";
        let action = "give a snapshot in JSON or YAML";
        return Err(InputFaults::whole(code::TOP_LEVEL, None, cause, action));
    }
    let mut faults = Faults::default();
    let file = shape::snapshot(&tree.root, &mut faults);
    faults.end_of_pass();
    Ok(Parsed {
        file,
        tree: Some(tree),
        faults,
    })
}

/// The report, with places.
fn report<'t>(faults: Faults, tree: Option<Tree<'t>>, text: &'t str) -> InputFaults {
    let tree = tree.or_else(|| json::tree(text).ok());
    faults
        .finish(tree.as_ref())
        .expect_err("only faults are reported")
}

/// Checks everything; the cluster if nothing was found, now or before.
fn checked(mut file: SnapshotFile, registry: &Registry, faults: &mut Faults) -> Option<Cluster> {
    check::check(&file, registry, faults);
    let frameworks = file.frameworks.iter();
    let frameworks: Vec<(String, String)> = frameworks
        .map(|it| (it.id.clone(), it.policy.clone()))
        .collect();
    let is_whole = faults.is_empty();
    if !is_whole {
        if faults.lost("levels") {
            return None;
        }
        file = who_asks(file, registry);
    }
    canonical::canonicalize(&mut file);
    let digest = canonical::digest_of(&file);
    let cluster = build::build(&file, digest);
    parameters(&frameworks, &cluster, registry, faults);
    (is_whole && faults.is_empty()).then_some(cluster)
}

/// Of a file with faults, what policies need to judge their parameters: its levels, and the frameworks whose policies are known.
fn who_asks(file: SnapshotFile, registry: &Registry) -> SnapshotFile {
    let levels: BTreeSet<String> = file.levels.into_iter().collect();
    let mut known: BTreeMap<String, FrameworkFile> = BTreeMap::new();
    for framework in file.frameworks {
        if registry.get(&framework.policy).is_some() {
            known.entry(framework.id.clone()).or_insert(FrameworkFile {
                role: Some("any".to_owned()),
                weight: None,
                ..framework
            });
        }
    }
    SnapshotFile {
        version: file.version,
        levels: levels.into_iter().collect(),
        frameworks: known.into_values().collect(),
        ..SnapshotFile::default()
    }
}

/// What the policies say about the parameters of `frameworks`, ids and policies in the file's order.
fn parameters(
    frameworks: &[(String, String)],
    cluster: &Cluster,
    registry: &Registry,
    faults: &mut Faults,
) {
    let root = Path::Root;
    let list = root.key("frameworks");
    let mut judged = BTreeSet::new();
    for (index, (id, policy)) in frameworks.iter().enumerate() {
        // What is not known, or has an id that another one before it has, is a fault already.
        let Some(policy) = registry.get(policy).filter(|_| judged.insert(id)) else {
            continue;
        };
        let found = cluster.frameworks.binary_search_by(|f| f.id.cmp(id));
        let framework = &cluster.frameworks[found.expect("every known framework is resolved")];
        let path = list.element(index, id);
        let path = path.key("parameters");
        for fault in policy.check(cluster, framework) {
            // A policy names a part of a parameter as `parameter.part`.
            let (key, part) = fault
                .key
                .split_once('.')
                .map_or((&*fault.key, None), |(key, part)| (key, Some(part)));
            let key = path.key(key);
            let path = part.map_or(key, |part| key.key(part));
            faults.add(code::PARAMETER, &path, fault.cause, fault.action);
        }
    }
}
