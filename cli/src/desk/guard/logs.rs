//! Logs in files.

use crate::exit::Failure;
use collect_guard::Guard;
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// Reads a file, all files below a folder in the order of their names, or standard input (`-`).
pub(super) fn read(path: &Path, guard: &mut Guard, gaps: &mut Vec<String>) -> Result<(), Failure> {
    if path == Path::new("-") {
        return guard.read(io::stdin().lock()).map_err(|error| unreadable(path, &error));
    }
    let info = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !info.is_dir() {
        return File::open(path)
            .and_then(|file| guard.read(file))
            .map_err(|error| unreadable(path, &error));
    }
    read_folder(path, guard, gaps);
    Ok(())
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::unusable(format!("cannot read `{}`: {error}", path.display()))
        .help("`--logs` takes a file, a folder, `-` or `s3://BUCKET/PREFIX`")
}

/// What cannot be read is named, and the rest is read.
fn read_folder(folder: &Path, guard: &mut Guard, gaps: &mut Vec<String>) {
    let mut gap = |path: &Path, error: &io::Error| {
        gaps.push(format!("cannot read `{}`: {error}", path.display()));
    };
    let entries: Vec<PathBuf> = match fs::read_dir(folder) {
        Ok(entries) => {
            let mut paths = Vec::new();
            for entry in entries {
                match entry {
                    Ok(entry) => paths.push(entry.path()),
                    Err(error) => gap(folder, &error),
                }
            }
            // Names of logs begin with their time.
            paths.sort();
            paths
        }
        Err(error) => return gap(folder, &error),
    };
    for path in entries {
        // A link to a folder may lead round in a circle.
        let is_folder = fs::symlink_metadata(&path).is_ok_and(|info| info.is_dir());
        if is_folder {
            read_folder(&path, guard, gaps);
        } else if fs::metadata(&path).is_ok_and(|info| info.is_file())
            && let Err(error) = File::open(&path).and_then(|file| guard.read(file))
        {
            gaps.push(format!("cannot read `{}`: {error}", path.display()));
        }
    }
}
