//! Folders of PNG and JPEG files, a folder for each class.

use std::path::{Path, PathBuf};

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

/// A file that should be a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureFile {
    /// What it is called below the folder that was named.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// A picture, and what was done to it to make it one of the shape that was asked for; or why there is none.
pub type ReadPicture = Result<(Images, Vec<String>), String>;

/// A picture, or the pictures of a folder and its sub-folders by name.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) if `path` cannot be listed; [`Error::Data`](crate::Error::Data) if no picture is in it.
pub fn find_pictures(path: &Path) -> Result<Vec<PictureFile>> {
    #[cfg(feature = "images")]
    return files::find_pictures(path);
    #[cfg(not(feature = "images"))]
    Err(not_built(path))
}

/// The pictures in files, in their order, read by several threads.
pub fn read_pictures(files: &[PictureFile], reading: &ImageReading) -> Vec<ReadPicture> {
    #[cfg(feature = "images")]
    return files::read_pictures(files, reading);
    #[cfg(not(feature = "images"))]
    {
        let _ = reading;
        files.iter().map(|file| Err(not_built(&file.path).to_string())).collect()
    }
}

/// A picture, or the pictures of a folder and its sub-folders by name; a file that cannot be read has the reason in its place.
///
/// # Errors
/// As [`find_pictures`]; [`Error::Config`](crate::Error::Config) for the reading.
pub fn read_images(path: &Path, reading: &ImageReading) -> Result<Vec<Named>> {
    reading.check()?;
    let files = find_pictures(path)?;
    let read = read_pictures(&files, reading);
    Ok(files.into_iter().zip(read).map(|(file, read)| (file.name, read.map(|(image, _)| image))).collect())
}

#[cfg(not(feature = "images"))]
fn not_built(path: &Path) -> crate::error::Error {
    let reason = "PNG and JPEG are not compiled in: build with --features images".to_string();
    crate::error::Error::Data { place: path.display().to_string(), reason }
}
