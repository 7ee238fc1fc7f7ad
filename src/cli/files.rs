//! Files in and out. A file that is written is either wholly new or wholly what it was.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::console;
use super::exit::Failure;

/// The argument that stands for standard input or output.
const STANDARD_STREAM: &str = "-";

/// The bytes of a file, or of standard input for `-`.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if is_standard_stream(path) {
        io::stdin().lock().read_to_end(&mut bytes).map(|_| ())
    } else {
        fs::read(path).map(|content| bytes = content)
    };
    match read {
        Ok(()) => Ok(bytes),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let message = format!("`{}` cannot be read: {error}", path.display());
    match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::NotADirectory => Failure::usage(message),
        _ => Failure::error(message),
    }
}

/// How messages call a file.
pub(crate) fn name(path: &Path) -> String {
    if is_standard_stream(path) {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

pub(crate) fn is_standard_stream(path: &Path) -> bool {
    path.as_os_str() == STANDARD_STREAM
}

/// That only one of several files is standard input.
pub(crate) fn one_standard_input(paths: &[&Path]) -> Result<(), Failure> {
    let n_standard = paths.iter().filter(|path| is_standard_stream(path)).count();
    if n_standard > 1 {
        return Err(Failure::usage("standard input (`-`) can be read only once"));
    }
    Ok(())
}

/// A place to write a result to, looked at before the work begins.
pub(crate) struct Destination {
    path: PathBuf,
}

impl Destination {
    /// The place that `-o` names.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let folder = folder_of(path);
        if !is_standard_stream(path) && !folder.is_dir() {
            let message = format!("there is no folder `{}` to write to", folder.display());
            return Err(Failure::usage(message));
        }
        if path.is_dir() {
            let message = format!("`{}` is a folder, not a file", path.display());
            return Err(Failure::usage(message));
        }
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// The place that `-o` names, or standard output without it.
    pub(crate) fn or_standard_output(path: Option<&Path>) -> Result<Self, Failure> {
        Self::open(path.unwrap_or(Path::new(STANDARD_STREAM)))
    }

    /// Whether this is standard output.
    pub(crate) fn is_standard_output(&self) -> bool {
        is_standard_stream(&self.path)
    }

    /// How messages call it.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Writes all of it, or changes nothing.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        if self.is_standard_output() {
            return console::print_raw(bytes);
        }
        replace(&self.path, bytes).map_err(|error| {
            Failure::error(format!("`{}` cannot be written: {error}", self.name()))
        })
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Writes beside the file, then renames. Links are followed; pipes and devices are written to as they are.
///
/// There is no `fsync`: it has no bound in time, and a deadline covers the writing. After a power loss a file system that
/// reorders renames may show an old or an empty file; after a crash of this process it cannot.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let existing = fs::metadata(&target).ok();
    if existing.as_ref().is_some_and(|meta| !meta.is_file()) {
        return fs::OpenOptions::new()
            .write(true)
            .open(&target)?
            .write_all(bytes);
    }
    let temporary = temporary_beside(&target);
    let written = write_new(&temporary, bytes)
        .and_then(|()| match &existing {
            Some(meta) => fs::set_permissions(&temporary, meta.permissions()),
            None => Ok(()),
        })
        .and_then(|()| fs::rename(&temporary, &target));
    if written.is_err() {
        // What failed is told; a leftover that cannot be removed either is not worth a second message.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn temporary_beside(target: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    folder_of(target).join(name)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)?;
    file.write_all(bytes)
}
