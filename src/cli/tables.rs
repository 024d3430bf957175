//! Tables to train on and to judge by: files, standard input, or built in.

use std::{
    fs,
    io::{Read, stdin},
};

use anyhow::{Context, Result};
use burn_zoo::data::{self, Frame, series};

use super::{Usage, reading::Reading};

/// A table and where it is from.
pub struct Source {
    pub frame: Frame,
    pub sha256: String,
}

/// What a table is called in messages.
pub fn shown(name: &str) -> &str {
    if name == "-" { "standard input" } else { name }
}

impl Source {
    /// Reads a file, standard input for `-`, or a built-in table; these cells are missing besides the usual ones.
    pub fn read(name: &str, reading: &Reading, missing: &[String]) -> Result<Self> {
        if let Ok(built_in) = data::find(name) {
            let frame = Frame::of(name, &built_in.table());
            return Ok(Self { frame, sha256: built_in.sha256() });
        }
        Self::of_file(name, reading, missing, || {
            data::find(name).err().map_or(String::new(), |error| error.to_string())
        })
    }

    /// The same of series: those that come with burn-zoo are others.
    pub fn read_series(name: &str, reading: &Reading, missing: &[String]) -> Result<Self> {
        if let Ok(built_in) = series::find(name) {
            return Ok(Self { frame: built_in.frame(), sha256: built_in.sha256() });
        }
        Self::of_file(name, reading, missing, || {
            series::find(name).err().map_or(String::new(), |error| error.to_string())
        })
    }

    /// Reads a file, or standard input for `-`; `unknown` says that nothing built in has its name.
    fn of_file(name: &str, reading: &Reading, missing: &[String], unknown: impl Fn() -> String) -> Result<Self> {
        let shown = shown(name);
        let mut bytes = Vec::new();
        match name {
            "-" => drop(stdin().read_to_end(&mut bytes).context(shown.to_string())?),
            file => match fs::read(file) {
                Ok(read) => bytes = read,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && !file.contains(['/', '.']) => {
                    return Err(Usage(format!("{name}: no such file, and {}", unknown())).into());
                }
                Err(error) => return Err(error).context(shown.to_string()),
            },
        }
        let sha256 = data::sha256(&bytes);
        let frame = Frame::read(shown, reading.read(shown, bytes, missing)?)?;
        Ok(Self { frame, sha256 })
    }
}
