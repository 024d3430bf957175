//! A file of tensors with names: PyTorch's own, or SafeTensors.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use burn::store::{ModuleStore, PytorchStore, SafetensorsStore, bridge, burn_pack};

use crate::error::{Error, Result};

/// The tensors of a file, of which numbers are read when they are asked for.
pub(super) struct TensorFile {
    path: PathBuf,
    tensors: BTreeMap<String, burn_pack::Tensor>,
}

impl TensorFile {
    /// Of which format a file is, is told by its first bytes: names mislead.
    pub fn open(path: &Path) -> Result<Self> {
        let bad = |reason: String| Error::Model { path: path.to_path_buf(), reason };
        let tensors = match Format::of(path)? {
            Format::Nothing(reason) => return Err(bad(reason.to_string())),
            Format::SafeTensors => {
                let bytes = fs::read(path).map_err(Error::io(path))?;
                SafetensorsStore::from_bytes(Some(bytes)).get_all_tensors().cloned().map_err(|error| error.to_string())
            }
            // Names are taken as they stand: a store that closed gaps between layers would mend a file that lacks one.
            Format::PyTorch => PytorchStore::from_file(path)
                .map_indices_contiguous(false)
                .get_all_tensors()
                .cloned()
                .map_err(|error| error.to_string()),
        };
        let damaged = |reason: String| bad(format!("damaged, or no file of weights: {}", one_line(&reason)));
        Ok(Self { path: path.to_path_buf(), tensors: tensors.map_err(damaged)? })
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// A tensor's shape, if it is there.
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.tensors.get(name).map(|tensor| tensor.shape.to_vec())
    }

    /// The numbers of a tensor, row by row.
    pub fn values(&self, name: &str) -> Result<Vec<f64>> {
        let tensor = self.tensors.get(name).ok_or_else(|| self.bad(format!("no `{name}`")))?;
        if !tensor.dtype.is_float() {
            return Err(self.bad(format!("`{name}` holds {:?}: expected floating-point numbers", tensor.dtype)));
        }
        let damaged = |error: String| self.bad(format!("`{name}` cannot be read: {}", one_line(&error)));
        let data = bridge::to_data(tensor).map_err(|error| damaged(error.to_string()))?;
        let values: Vec<f64> = data.try_into_vec_as().map_err(|error| damaged(error.to_string()))?;
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(self.bad(format!("`{name}` holds {value}: expected finite numbers"))),
            None => Ok(values),
        }
    }

    /// The error that says what is wrong with the file.
    pub fn bad(&self, reason: impl Into<String>) -> Error {
        Error::Model { path: self.path.clone(), reason: reason.into() }
    }
}

/// What a file is by its first bytes.
enum Format {
    PyTorch,
    SafeTensors,
    /// Neither, and why not.
    Nothing(&'static str),
}

impl Format {
    fn of(path: &Path) -> Result<Self> {
        let mut head = Vec::new();
        let file = File::open(path).map_err(Error::io(path))?;
        file.take(512).read_to_end(&mut head).map_err(Error::io(path))?;
        Ok(match head.as_slice() {
            [] => Self::Nothing("empty"),
            // Eight bytes say how long the header is, which is JSON.
            [_, _, _, _, _, _, _, _, b'{', ..] => Self::SafeTensors,
            [b'P', b'K', ..] | [0x80, ..] => Self::PyTorch, // an archive; a pickle
            head if head.get(257..262) == Some(b"ustar") => Self::PyTorch,
            head if head.trim_ascii_start().first() == Some(&b'<') => {
                Self::Nothing("looks like a web page, not weights")
            }
            _ => Self::Nothing("neither a file of PyTorch's nor SafeTensors"),
        })
    }
}

/// An error of somebody else's in one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
