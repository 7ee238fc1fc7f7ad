//! `--dump-models`: every first-round model as an LP file.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use apportion_models::{Milp, formats};

use crate::cli::exit::Failure;
use crate::engine::ModelSink;

/// A folder that models are written to while the plan is made.
pub(super) struct Dump {
    folder: PathBuf,
    /// The first file that could not be written.
    failed: Arc<Mutex<Option<String>>>,
}

impl Dump {
    /// The folder, created if it is not there.
    pub(super) fn open(folder: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(folder).map_err(|error| {
            Failure::usage(format!(
                "the folder `{}` cannot be made: {error}",
                folder.display()
            ))
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            failed: Arc::default(),
        })
    }

    /// What the engine calls with each model.
    pub(super) fn sink(&self) -> ModelSink {
        let folder = self.folder.clone();
        let failed = Arc::clone(&self.failed);
        Arc::new(move |name, model| {
            let path = folder.join(format!("{}.lp", file_name(name)));
            let written = write(&path, model);
            if let (Err(message), Ok(mut failed)) = (written, failed.lock()) {
                failed.get_or_insert(format!("`{}` cannot be written: {message}", path.display()));
            }
        })
    }

    /// Whether everything was written.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let failed = self.failed.lock().ok().and_then(|mut failed| failed.take());
        failed.map_or(Ok(()), |message| Err(Failure::error(message)))
    }
}

fn write(path: &Path, model: &Milp) -> Result<(), String> {
    let text = formats::lp::write(model).map_err(|error| error.to_string())?;
    fs::write(path, text).map_err(|error| error.to_string())
}

/// A name that is a file name everywhere: what is not a letter, a digit, a dot, a dash or an underscore becomes a `_`.
fn file_name(name: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let text: String = name
        .chars()
        .map(|c| if safe(c) { c } else { '_' })
        .collect();
    text.trim_start_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_the_folder() {
        assert_eq!(file_name("aurora.placed"), "aurora.placed");
        assert_eq!(file_name("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(file_name("team a/b.spread"), "team_a_b.spread");
    }
}
