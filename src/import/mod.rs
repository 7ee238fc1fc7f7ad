//! Clusters of other systems as snapshots. Each format is a folder; [`importers`] lists them.
//!
//! To add one: implement [`Importer`] in a folder of its own, and name it in [`importers`].

mod csv;
pub mod dlrm;
pub mod kubernetes;
mod notes;
pub mod openb;
mod report;
mod settings;
pub mod swim;
pub mod vm_topology;
pub mod wfcommons;

pub use dlrm::{CpuNodes, DlrmOptions, dlrm, dlrm_with};
pub use kubernetes::{Frameworks, KubernetesOptions, kubernetes};
pub use openb::{OpenbOptions, Resample, openb, openb_with};
pub use report::{Code, ImportError, Imported, InputFault, Note, NoteGroup, Weight};
pub use settings::{Setting, Settings, Takes};
pub use swim::{SwimOptions, swim, swim_with};
pub use vm_topology::vm_topology;
pub use wfcommons::{MadeUp, WfcommonsOptions, wfcommons, wfcommons_with};

/// A foreign format that can be read.
pub trait Importer: Sync {
    /// What the command calls it.
    fn name(&self) -> &'static str;
    /// What it holds, in a phrase.
    fn about(&self) -> &'static str;
    /// Which files it takes.
    fn inputs(&self) -> &'static str;
    /// What can be chosen.
    fn settings(&self) -> &'static [Setting] {
        &[]
    }

    /// Imports files: pairs of a name and its bytes.
    ///
    /// # Errors
    /// Every fault of the input.
    fn import(
        &self,
        inputs: &[(&str, &[u8])],
        settings: &Settings,
    ) -> Result<Imported, ImportError>;
}

/// Every importer, by name.
#[must_use]
pub fn importers() -> &'static [&'static dyn Importer] {
    &[
        &dlrm::Dlrm,
        &kubernetes::Kubernetes,
        &openb::Openb,
        &swim::Swim,
        &vm_topology::VmTopology,
        &wfcommons::Wfcommons,
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
    importer.import(inputs, &Settings::read(*importer, settings)?)
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
    let endings = [".csv", ".tsv"];
    match endings
        .iter()
        .find_map(|it| name.strip_suffix(it))
        .unwrap_or(name)
    {
        "" | "-" | "standard input" => otherwise.to_owned(),
        stem => stem.to_owned(),
    }
}
