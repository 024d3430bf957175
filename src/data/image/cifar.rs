//! CIFAR-10, its binary version: records of a label and 32 x 32 pixels, red, green and blue.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{
    Labelled,
    bytes::{Contents, other},
    reading::ImageReading,
};
use crate::error::{Error, Result};

const SHAPE: [usize; 3] = [3, 32, 32];
const RECORD: usize = 1 + 3 * 32 * 32;
/// Records in a file, at most: the real ones have 10000.
const MOST: usize = 100_000;
const NAMES: &str = "batches.meta.txt";

/// The files that train.
pub(super) const TRAIN: [&str; 5] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
/// The file that tests.
pub(super) const TEST: [&str; 1] = ["test_batch.bin"];

const CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// The folder of the files: this one, or `cifar-10-batches-bin` in it.
pub(super) fn directory(directory: &Path) -> PathBuf {
    let inner = directory.join("cifar-10-batches-bin");
    if inner.is_dir() { inner } else { directory.to_path_buf() }
}

/// The names of the classes: those of `batches.meta.txt`, or the usual ones.
pub(super) fn classes(directory: &Path) -> Result<Vec<String>> {
    let path = directory.join(NAMES);
    if !path.exists() {
        return Ok(CLASSES.map(str::to_string).to_vec());
    }
    let mut file = Contents::open(&path)?;
    let text = String::from_utf8_lossy(&file.read(1 << 16)?).into_owned();
    let names: Vec<String> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_string).collect();
    let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
    if distinct.len() != CLASSES.len() || names.len() != CLASSES.len() {
        return Err(file.data(format!("{} names, expected the {} of the classes", names.len(), CLASSES.len())));
    }
    Ok(names)
}

/// The pictures of these files; none if none of them is there.
pub(super) fn part(
    directory: &Path,
    files: &[&str],
    reading: &ImageReading,
    sha256: &mut Sha256,
    notes: &mut Vec<String>,
) -> Result<Option<Labelled>> {
    let paths: Vec<PathBuf> = files.iter().map(|file| directory.join(file)).collect();
    if paths.iter().all(|path| !path.exists()) {
        return Ok(None);
    }
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for path in paths {
        if !path.exists() {
            return Err(missing(directory, files));
        }
        let mut file = Contents::open(&path)?;
        let bytes = file.read((MOST * RECORD + 1) as u64)?;
        if let Some(found) = other(&bytes[..bytes.len().min(512)]).filter(|_| !bytes.len().is_multiple_of(RECORD)) {
            return Err(file.data(found));
        }
        if bytes.is_empty() || !bytes.len().is_multiple_of(RECORD) || bytes.len() > MOST * RECORD {
            let found = if bytes.len() > MOST * RECORD { "more".to_string() } else { bytes.len().to_string() };
            let reason = format!("{found} bytes found, expected 1 to {MOST} records of {RECORD} bytes");
            return Err(file.data(reason));
        }
        for (row, record) in bytes.chunks_exact(RECORD).enumerate() {
            let label = usize::from(record[0]);
            if label >= CLASSES.len() {
                return Err(file.data(format!("label {label} of row {row}: expected 0 to {}", CLASSES.len() - 1)));
            }
            labels.push(label);
            pixels.extend_from_slice(&record[1..]);
        }
        sha256.update(&bytes);
    }
    let images = reading.bytes(SHAPE, &pixels, notes)?;
    Ok(Some(Labelled { images, labels, names: Vec::new() }))
}

/// That a directory lacks files.
pub(super) fn missing(directory: &Path, files: &[&str]) -> Error {
    let absent: Vec<&str> = files.iter().copied().filter(|file| fs::metadata(directory.join(file)).is_err()).collect();
    let reason = format!("no {} here: expected the binary version of CIFAR-10", absent.join(", "));
    Error::Data { place: directory.display().to_string(), reason }
}
