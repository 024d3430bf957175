//! Folders of PNG and JPEG files, a folder for each class.

use std::path::Path;

use super::{ImageReading, Images, Labelled};
use crate::error::Result;

#[cfg(feature = "images")]
mod files;

/// A picture by its name: its pixels, or why there are none.
type Named = (String, Result<Images, String>);

/// The pictures of a folder of class folders: the classes, the pictures, and the sha256 of what was read.
pub(super) fn read(
    directory: &Path,
    reading: &ImageReading,
    notes: &mut Vec<String>,
) -> Result<(Vec<String>, Labelled, String)> {
    #[cfg(feature = "images")]
    return files::read(directory, reading, notes);
    #[cfg(not(feature = "images"))]
    {
        let _ = (reading, notes);
        Err(not_built(directory))
    }
}

/// A picture, or the pictures of a folder and its sub-folders by name; a file that cannot be read has the reason in its place.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) if `path` cannot be listed; [`Error::Data`](crate::Error::Data) if no picture is in it; [`Error::Config`](crate::Error::Config) for the reading.
pub fn read_images(path: &Path, reading: &ImageReading) -> Result<Vec<Named>> {
    reading.check()?;
    #[cfg(feature = "images")]
    return files::read_images(path, reading);
    #[cfg(not(feature = "images"))]
    Err(not_built(path))
}

#[cfg(not(feature = "images"))]
fn not_built(path: &Path) -> crate::error::Error {
    let reason = "PNG and JPEG are not compiled in: build with --features images".to_string();
    crate::error::Error::Data { place: path.display().to_string(), reason }
}
