//! `model.toml`: what the descriptions of all families have in common.

use std::{collections::HashSet, fs, path::Path};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    error::{Error, Result},
    key::MASK_SCHEME,
    settings::{leaves, read_toml},
    train::TrainConfig,
};

/// The name of the file that describes a saved model.
pub const MODEL_TOML: &str = "model.toml";

/// The version of the layout of `model.toml`.
pub(super) const LAYOUT: u32 = 2;

/// Where a model is from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// What trained it.
    pub command: String,
    /// By which version of this crate.
    pub version: String,
    /// On which version of Burn.
    pub burn: String,
    /// On which device.
    pub device: String,
    /// The epoch whose weights these are, from 1.
    pub best_epoch: usize,
}

/// The description of a model of one family.
pub(super) trait Description: Serialize + DeserializeOwned {
    /// The family.
    const FAMILY: &'static str;

    fn mask_scheme(&self) -> u32;

    fn train(&self) -> &TrainConfig;

    /// That it agrees with itself, where [`read`] does not look.
    fn check(&self) -> Result<(), String>;
}

/// The beginning of a description: what an older version or another family lacks would be reported as missing.
#[derive(Deserialize)]
struct Head {
    schema: u32,
    family: Option<String>,
    kind: Option<String>,
}

impl Head {
    fn read(text: &str) -> Result<Self, String> {
        let head: Self = read_toml(text).map_err(|reason| format!("not a model: {reason}"))?;
        if head.schema == LAYOUT {
            return Ok(head);
        }
        let age = match head.schema < LAYOUT {
            true => "an older version of burn-zoo: train it again",
            false => "a newer version of burn-zoo",
        };
        Err(format!("schema {}, of {age} (this version reads schema {LAYOUT})", head.schema))
    }
}

/// The family of a description.
pub(super) fn family(text: &str, path: &Path) -> Result<Option<String>> {
    Ok(Head::read(text).map_err(bad(path))?.family)
}

/// The kind of data that a model reads, where its family reads several.
pub(super) fn kind(text: &str, path: &Path) -> Result<Option<String>> {
    Ok(Head::read(text).map_err(bad(path))?.kind)
}

/// Reads the text of a description that was found at `path`.
pub(super) fn read<D: Description>(text: &str, path: &Path) -> Result<D> {
    parse(text).map_err(bad(path))
}

fn parse<D: Description>(text: &str) -> Result<D, String> {
    if let Some(family) = Head::read(text)?.family.filter(|family| family != D::FAMILY) {
        return Err(format!("a model of the family `{family}`: expected `{}`", D::FAMILY));
    }
    let of_another_version = |error: String| format!("not a model of this version: {error}");
    let file: D = read_toml(text).map_err(of_another_version)?;
    file.train().check().map_err(|error| error.to_string())?;
    // Burn's configs ignore keys that they do not know.
    // And whole numbers beyond 2^63 are numbers to serde, but none that TOML can write.
    let known = toml::Table::try_from(&file).map_err(|error| error.to_string().trim().replace('\n', " "));
    let known = leaves(&known.map_err(of_another_version)?);
    let given = leaves(&read_toml(text).map_err(of_another_version)?);
    let names: HashSet<&str> = known.iter().map(|(path, _)| path.as_str()).collect();
    if let Some((unknown, _)) = given.iter().find(|(path, _)| !names.contains(path.as_str())) {
        let names = known.iter().map(|(path, _)| path.as_str());
        return Err(of_another_version(Error::unknown("key", unknown, names).to_string()));
    }
    if file.mask_scheme() != MASK_SCHEME {
        let found = file.mask_scheme();
        return Err(format!("mask scheme {found}: this version draws by mask scheme {MASK_SCHEME}"));
    }
    file.check()?;
    Ok(file)
}

/// The text of the description in `directory`.
pub(super) fn text(directory: &Path) -> Result<String> {
    let path = directory.join(MODEL_TOML);
    let bytes = fs::read(&path).map_err(Error::io(&path))?;
    String::from_utf8(bytes).map_err(|_| bad(&path)("not text".to_string()))
}

/// That what was found at `path` is no model.
pub(super) fn bad(path: &Path) -> impl Fn(String) -> Error {
    |reason| Error::Model { path: path.to_path_buf(), reason }
}

/// What every description can do.
macro_rules! described {
    ($file:ident) => {
        impl $file {
            /// The version of the layout of `model.toml`.
            pub const LAYOUT: u32 = $crate::zoo::description::LAYOUT;

            /// Reads the text of a `model.toml` that was found at `path`.
            ///
            /// # Errors
            /// [`Error::Model`](crate::Error::Model) with the line, for text that is no such file, of another version or family, or does not agree
            /// with itself.
            pub fn read(text: &str, path: &std::path::Path) -> $crate::error::Result<Self> {
                $crate::zoo::description::read(text, path)
            }

            /// Reads the `model.toml` of a model that was saved in `directory`.
            ///
            /// # Errors
            /// [`Error::Io`](crate::Error::Io) for a file that cannot be read; [`Error::Model`](crate::Error::Model) as [`read`](Self::read).
            pub fn open(directory: &std::path::Path) -> $crate::error::Result<Self> {
                Self::read(&$crate::zoo::description::text(directory)?, &directory.join($crate::zoo::MODEL_TOML))
            }

            /// The text of `model.toml`.
            pub fn to_toml(&self) -> String {
                toml::to_string(self).expect("a model file is TOML")
            }
        }
    };
}
pub(super) use described;
