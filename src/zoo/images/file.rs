//! `model.toml` of a model of pictures: everything about it but its weights.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{
    data::{
        ImageDataSettings,
        image::{Augmentation, ImageReading, Normalisation},
    },
    error::Error,
    models::{CnnConfig, Task},
    train::TrainConfig,
    zoo::{
        Evaluation, Provenance, Weights,
        description::{Description, described},
    },
};

/// Everything about a model of pictures but its weights, as it stands in `model.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageFile {
    /// The version of this layout: 2.
    pub schema: u32,
    /// The kind of model: `cnn`.
    pub family: String,
    /// The rule by which keys become masks.
    pub mask_scheme: u32,
    /// What it predicts: two names or more.
    pub classes: Vec<String>,
    /// Where the model is from.
    pub provenance: Provenance,
    /// What it was trained on.
    pub data: Pictures,
    /// The network.
    pub model: CnnConfig,
    /// Its training.
    pub train: TrainConfig,
    /// The scale of the pictures, fitted to the training part.
    pub normalisation: Normalisation,
    /// What happened to the pictures of the training part.
    pub augment: Augmentation,
    /// The file with the weights.
    pub weights: Weights,
    /// How good it is on the test part.
    pub test: Option<Evaluation>,
}

/// What a model of pictures was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pictures {
    /// Where they are from, such as `mnist:DIR`.
    pub source: String,
    /// Of everything that was read.
    pub sha256: String,
    /// How many pictures trained, validated and tested.
    pub rows: [usize; 3],
    /// The share of each class in the training part.
    pub frequencies: Vec<f64>,
    /// What was chosen.
    pub settings: ImageDataSettings,
}

described!(ImageFile);

impl ImageFile {
    /// How pictures are read for this model.
    pub fn reading(&self) -> ImageReading {
        self.data.settings.reading.fixed(self.model.input)
    }
}

impl Description for ImageFile {
    const FAMILY: &'static str = "cnn";

    fn mask_scheme(&self) -> u32 {
        self.mask_scheme
    }

    fn train(&self) -> &TrainConfig {
        &self.train
    }

    fn check(&self) -> Result<(), String> {
        let data = &self.data;
        let checks = [
            self.model.check(),
            data.settings.check(),
            self.reading().check(),
            self.normalisation.check(),
            self.augment.check(),
        ];
        checks.into_iter().collect::<Result<(), Error>>().map_err(|error| error.to_string())?;
        let classes = self.classes.len();
        match self.model.task {
            Task::Binary if classes == 2 => {}
            Task::MultiClass { classes: n } if classes == n => {}
            task => return Err(format!("{classes} classes for {task}")),
        }
        let mut seen = HashSet::new();
        if let Some(name) = self.classes.iter().find(|name| !seen.insert(*name)) {
            return Err(format!("2 classes `{name}`"));
        }
        let channels = self.model.input[0];
        if ![1, 3].contains(&channels) {
            return Err(format!("{channels} channels: expected 1 or 3"));
        }
        for (what, expected, found) in [
            ("shares of classes", classes, data.frequencies.len()),
            ("means of channels", channels, self.normalisation.mean.len()),
        ] {
            if expected != found {
                return Err(format!("{found} {what}: expected {expected}"));
            }
        }
        match data.frequencies.iter().find(|share| !(**share > 0.0 && **share <= 1.0)) {
            Some(share) => Err(format!("a share of a class is {share}: expected one above 0")),
            None => Ok(()),
        }
    }
}
