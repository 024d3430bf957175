//! Trained models: those that come with this crate, and those that you saved.
//!
//! A model is weights *and* preprocessing: raw rows or pictures in, predictions with uncertainty in the target's unit out.

mod description;
mod images;
mod scores;
mod series;
mod table;
mod text;
mod weights;

pub use description::{MODEL_TOML, Provenance};
pub use images::{ImageFile, ImageModel, Pictures};
pub use scores::{Evaluation, Scores};
pub use series::{Forecast, ForecastEvaluation, Rolling, SeriesData, SeriesFile, SeriesModel};
pub use table::{Data, Features, Model, ModelFile, Reading, Rows, Scaling, Tau};
#[cfg(feature = "train")]
pub(crate) use text::Way;
pub use text::{Generated, TextData, TextFile, TextModel, TextReading};
pub use weights::{Precision, WEIGHTS, Weights};

use std::path::Path;

use burn::tensor::Device;

use crate::{
    device::{Check, device_faults},
    error::{Error, Result},
};

/// A trained model that comes with this crate.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// `family/variant`
    pub name: &'static str,
    toml: &'static str,
    weights: &'static [u8],
    card: &'static str,
}

const ENTRIES: [Entry; 5] = [
    Entry {
        name: "cnn/digits",
        toml: include_str!("../../models/cnn/digits.toml"),
        weights: include_bytes!("../../models/cnn/digits.safetensors"),
        card: include_str!("../../models/cnn/README.md"),
    },
    Entry {
        name: "cnn/fashion-mnist",
        toml: include_str!("../../models/cnn/fashion-mnist.toml"),
        weights: include_bytes!("../../models/cnn/fashion-mnist.safetensors"),
        card: include_str!("../../models/cnn/README.md"),
    },
    Entry {
        name: "lstm/airline",
        toml: include_str!("../../models/lstm/airline.toml"),
        weights: include_bytes!("../../models/lstm/airline.safetensors"),
        card: include_str!("../../models/lstm/README.md"),
    },
    Entry {
        name: "lstm/shakespeare-char",
        toml: include_str!("../../models/lstm/shakespeare-char.toml"),
        weights: include_bytes!("../../models/lstm/shakespeare-char.safetensors"),
        card: include_str!("../../models/lstm/README.md"),
    },
    Entry {
        name: "mlp/wine-red",
        toml: include_str!("../../models/mlp/wine-red.toml"),
        weights: include_bytes!("../../models/mlp/wine-red.safetensors"),
        card: include_str!("../../models/mlp/README.md"),
    },
];

/// All models of the zoo, by name.
pub fn list() -> &'static [Entry] {
    &ENTRIES
}

/// The model of that name.
///
/// # Errors
/// [`Error::Unknown`] with the nearest name.
///
/// # Examples
/// ```
/// use burn_zoo::{uncertainty::MonteCarlo, zoo};
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::Device;
///
/// let model = zoo::find("mlp/wine-red")?.load(&Device::flex())?;
/// let wine = [7.4, 0.7, 0.0, 1.9, 0.076, 11.0, 34.0, 0.9978, 3.51, 0.56, 9.4];
/// let quality = model.predict(&[wine], &MonteCarlo::new(50))?.regression()?;
/// let interval = quality.interval(0.9)?;
/// assert!(interval.lower[0] < quality.mean()[0] && quality.mean()[0] < interval.upper[0]);
/// # }
/// # Ok::<(), burn_zoo::Error>(())
/// ```
pub fn find(name: &str) -> Result<&'static Entry> {
    let known = ENTRIES.iter().map(|entry| entry.name);
    ENTRIES.iter().find(|entry| entry.name == name).ok_or_else(|| Error::unknown("model", name, known))
}

impl Entry {
    /// What is written about a model of tables: settings, scaling, claims, provenance.
    ///
    /// # Errors
    /// [`Error::Model`] if it is of another family.
    pub fn file(&self) -> Result<ModelFile> {
        ModelFile::read(self.toml, self.path())
    }

    /// What is written about the model, whatever its family.
    ///
    /// # Errors
    /// None for the models of this crate: a test reads them all.
    pub fn describe(&self) -> Result<AnyFile> {
        AnyFile::read(self.toml, self.path())
    }

    /// The card of the model's family, in Markdown.
    pub fn card(&self) -> &'static str {
        self.card
    }

    /// The model of tables on a device.
    ///
    /// # Errors
    /// [`Error::Model`] if it is of another family.
    pub fn load(&self, device: &Device) -> Result<Model> {
        Model::from_parts(self.file()?, self.weights, self.path(), device)
    }

    /// The model of pictures on a device.
    ///
    /// # Errors
    /// [`Error::Model`] if it is of another family.
    pub fn load_images(&self, device: &Device) -> Result<ImageModel> {
        ImageModel::from_parts(ImageFile::read(self.toml, self.path())?, self.weights, self.path(), device)
    }

    /// The model of series on a device.
    ///
    /// # Errors
    /// [`Error::Model`] if it is of another family.
    pub fn load_series(&self, device: &Device) -> Result<SeriesModel> {
        SeriesModel::from_parts(SeriesFile::read(self.toml, self.path())?, self.weights, self.path(), device)
    }

    /// The model of text on a device.
    ///
    /// # Errors
    /// [`Error::Model`] if it is of another family.
    pub fn load_text(&self, device: &Device) -> Result<TextModel> {
        TextModel::from_parts(TextFile::read(self.toml, self.path())?, self.weights, self.path(), device)
    }

    /// The model on a device, whatever its family.
    ///
    /// # Errors
    /// None for the models of this crate: a test loads them all.
    pub fn open(&self, device: &Device) -> Result<AnyModel> {
        AnyModel::from_parts(self.describe()?, self.weights, self.path(), device)
    }

    fn path(&self) -> &'static Path {
        Path::new(self.name)
    }
}

/// Everything about a model of any family but its weights.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant)] // there is one at a time
pub enum AnyFile {
    /// Of tables.
    Table(ModelFile),
    /// Of pictures.
    Images(ImageFile),
    /// Of series.
    Series(SeriesFile),
    /// Of text.
    Text(TextFile),
}

impl AnyFile {
    /// Reads the text of a `model.toml` that was found at `path`.
    ///
    /// # Errors
    /// As [`ModelFile::read`] and [`ImageFile::read`].
    pub fn read(text: &str, path: &Path) -> Result<Self> {
        match description::family(text, path)?.as_deref() {
            Some("mlp") | None => ModelFile::read(text, path).map(Self::Table),
            Some("cnn") => ImageFile::read(text, path).map(Self::Images),
            Some("lstm") => match description::kind(text, path)?.as_deref() {
                Some(SeriesFile::KIND) | None => SeriesFile::read(text, path).map(Self::Series),
                Some(TextFile::KIND) => TextFile::read(text, path).map(Self::Text),
                Some(other) => {
                    let known = [SeriesFile::KIND, TextFile::KIND];
                    Err(description::bad(path)(Error::unknown("kind", other, known).to_string()))
                }
            },
            Some(other) => {
                Err(description::bad(path)(Error::unknown("family", other, ["mlp", "cnn", "lstm"]).to_string()))
            }
        }
    }

    /// Reads the `model.toml` of a model that was saved in `directory`.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that cannot be read; as [`read`](Self::read).
    pub fn open(directory: &Path) -> Result<Self> {
        Self::read(&description::text(directory)?, &directory.join(MODEL_TOML))
    }

    /// The text of `model.toml`.
    pub fn to_toml(&self) -> String {
        match self {
            Self::Table(file) => file.to_toml(),
            Self::Images(file) => file.to_toml(),
            Self::Series(file) => file.to_toml(),
            Self::Text(file) => file.to_toml(),
        }
    }
}

/// A trained model of any family, with its preprocessing.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // there is one at a time
pub enum AnyModel {
    /// Of tables.
    Table(Model),
    /// Of pictures.
    Images(ImageModel),
    /// Of series.
    Series(SeriesModel),
    /// Of text.
    Text(TextModel),
}

impl AnyModel {
    /// Opens a model that was saved in `directory`.
    ///
    /// # Errors
    /// As [`Model::open`] and [`ImageModel::open`].
    pub fn open(directory: &Path, device: &Device) -> Result<Self> {
        let (file, (weights, path)) = (AnyFile::open(directory)?, weights::read(directory)?);
        Self::from_parts(file, &weights, &path, device)
    }

    /// Saves the model as a new directory: whole, or not at all.
    ///
    /// # Errors
    /// As [`Model::save`] and [`ImageModel::save`].
    pub fn save(&self, directory: &Path, others: &[(&str, String)]) -> Result<()> {
        match self {
            Self::Table(model) => model.save(directory, others),
            Self::Images(model) => model.save(directory, others),
            Self::Series(model) => model.save(directory, others),
            Self::Text(model) => model.save(directory, others),
        }
    }

    /// What the model's device gets wrong of what the model asks of it: see [`device_faults`].
    ///
    /// # Errors
    /// [`Error::Device`] if the device cannot be read.
    pub fn device_faults(&self) -> Result<Vec<Check>> {
        match self {
            Self::Table(model) => device_faults(model.mlp(), 1),
            Self::Images(model) => device_faults(model.cnn(), 1),
            Self::Series(model) => device_faults(model.lstm(), 1),
            Self::Text(model) => device_faults(model.lstm(), 1),
        }
    }

    fn from_parts(file: AnyFile, weights: &[u8], path: &Path, device: &Device) -> Result<Self> {
        match file {
            AnyFile::Table(file) => Model::from_parts(file, weights, path, device).map(Self::Table),
            AnyFile::Images(file) => ImageModel::from_parts(file, weights, path, device).map(Self::Images),
            AnyFile::Series(file) => SeriesModel::from_parts(file, weights, path, device).map(Self::Series),
            AnyFile::Text(file) => TextModel::from_parts(file, weights, path, device).map(Self::Text),
        }
    }
}
