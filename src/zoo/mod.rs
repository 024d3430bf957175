//! Trained models: those that come with this crate, and those that you saved.
//!
//! A model is weights *and* preprocessing: raw rows in, predictions with uncertainty in the target's unit out.

mod file;
mod model;

pub use file::{Data, Evaluation, ModelFile, Provenance, Reading, Scaling, Scores, Tau, Weights};
pub use model::{Features, MODEL_TOML, Model, Rows, WEIGHTS};

use burn::tensor::Device;

use crate::error::{Error, Result};

/// A trained model that comes with this crate.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// `family/variant`
    pub name: &'static str,
    toml: &'static str,
    weights: &'static [u8],
    card: &'static str,
}

const ENTRIES: [Entry; 1] = [Entry {
    name: "mlp/wine-red",
    toml: include_str!("../../models/mlp/wine-red.toml"),
    weights: include_bytes!("../../models/mlp/wine-red.safetensors"),
    card: include_str!("../../models/mlp/README.md"),
}];

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
    /// What is written about the model: settings, scaling, claims, provenance.
    ///
    /// # Errors
    /// None for the models of this crate: a test reads them all.
    pub fn file(&self) -> Result<ModelFile> {
        ModelFile::read(self.toml, std::path::Path::new(self.name))
    }

    /// The card of the model's family, in Markdown.
    pub fn card(&self) -> &'static str {
        self.card
    }

    /// The model on a device.
    ///
    /// # Errors
    /// None for the models of this crate: a test loads them all.
    pub fn load(&self, device: &Device) -> Result<Model> {
        Model::from_parts(self.file()?, self.weights, std::path::Path::new(self.name), device)
    }
}
