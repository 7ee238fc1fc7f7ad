//! Clusters of other systems as snapshots. Each format is a folder; [`importers`] lists them.
//!
//! To add one: implement [`Importer`] in a folder of its own, and name it in [`importers`].

mod csv;
pub mod dlrm;
pub mod kubernetes;
mod notes;
pub mod openb;
mod report;
pub mod vm_topology;

use std::collections::BTreeMap;

pub use dlrm::dlrm;
pub use kubernetes::{Frameworks, KubernetesOptions, kubernetes};
pub use openb::openb;
pub use report::{Code, ImportError, Imported, InputFault, Note, NoteGroup, Weight};
pub use vm_topology::vm_topology;

/// A foreign format that can be read.
pub trait Importer: Sync {
    /// What the command calls it.
    fn name(&self) -> &'static str;
    /// What it holds, in a phrase.
    fn about(&self) -> &'static str;
    /// Which files it takes.
    fn inputs(&self) -> &'static str;
    /// What can be chosen; the first value of each is the default.
    fn settings(&self) -> &'static [Setting] {
        &[]
    }

    /// Imports files: pairs of a name and its bytes. `settings` holds a known value for each key given.
    ///
    /// # Errors
    /// Every fault of the input.
    fn import(
        &self,
        inputs: &[(&str, &[u8])],
        settings: &BTreeMap<&'static str, &'static str>,
    ) -> Result<Imported, ImportError>;
}

/// A choice that an importer offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub key: &'static str,
    /// Its values, the default first.
    pub values: &'static [&'static str],
    /// What it decides.
    pub about: &'static str,
}

/// Every importer, by name.
#[must_use]
pub fn importers() -> &'static [&'static dyn Importer] {
    &[
        &dlrm::Dlrm,
        &kubernetes::Kubernetes,
        &openb::Openb,
        &vm_topology::VmTopology,
    ]
}

/// Imports files of the format called `format`.
///
/// # Errors
/// An unknown format, setting or value; every fault of the input.
pub fn import(
    format: &str,
    inputs: &[(&str, &[u8])],
    settings: &[(&str, &str)],
) -> Result<Imported, ImportError> {
    let importer = importers().iter().find(|known| known.name() == format);
    let Some(importer) = importer else {
        let known: Vec<&str> = importers().iter().map(|known| known.name()).collect();
        return Err(ImportError::UnknownFormat {
            name: format.chars().take(60).collect(),
            known: known.join(", "),
        });
    };
    let mut chosen = BTreeMap::new();
    for &(key, value) in settings {
        let setting = importer.settings().iter().find(|known| known.key == key);
        let known = setting.and_then(|known| {
            let value = known.values.iter().find(|allowed| **allowed == value);
            value.map(|value| (known.key, *value))
        });
        let Some((key, value)) = known else {
            return Err(unknown_setting(*importer, key, value));
        };
        chosen.insert(key, value);
    }
    importer.import(inputs, &chosen)
}

fn unknown_setting(importer: &dyn Importer, key: &str, value: &str) -> ImportError {
    let takes = importer.settings().iter();
    let takes: Vec<String> = takes
        .map(|known| format!("{}={}", known.key, known.values.join("|")))
        .collect();
    ImportError::UnknownSetting {
        format: importer.name(),
        setting: format!("{key}={value}").chars().take(60).collect(),
        known: match &takes[..] {
            [] => "nothing".to_owned(),
            takes => takes.join(", "),
        },
    }
}

/// A name and its bytes.
type Input<'i> = (&'i str, &'i [u8]);

/// The files of a format that takes a fixed number of them.
fn named_files<'i, const N: usize>(
    format: &str,
    names: [&str; N],
    inputs: &[Input<'i>],
) -> Result<[Input<'i>; N], ImportError> {
    <[Input<'i>; N]>::try_from(inputs).map_err(|_| {
        let given: Vec<&str> = inputs.iter().map(|(name, _)| *name).collect();
        ImportError::Input(vec![InputFault {
            file: given.join(", "),
            place: String::new(),
            cause: format!("`{format}` takes {N} files, {} are given", inputs.len()),
            action: format!("give {}", names.join(" ")),
        }])
    })
}

/// What a file is called without its folder and endings; `otherwise` if that is nothing.
fn stem(file: &str, otherwise: &str) -> String {
    let name = file.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(name);
    match name.strip_suffix(".csv").unwrap_or(name) {
        "" | "-" | "standard input" => otherwise.to_owned(),
        stem => stem.to_owned(),
    }
}
