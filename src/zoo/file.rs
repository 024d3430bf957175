//! `model.toml`: everything about a model but its weights.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::model::MODEL_TOML;
use crate::{
    data::{ColumnKind, DataSettings, Scaler, Schema, Target},
    error::{Error, Result},
    key::MASK_SCHEME,
    models::{MlpConfig, Task},
    settings::{leaves, read_toml},
    train::TrainConfig,
    uncertainty::{ClassScores, RegressionScores},
};

/// Everything about a model but its weights, as it stands in `model.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// The version of this layout: 2.
    pub schema: u32,
    /// The kind of model: `mlp`.
    pub family: String,
    /// The rule by which keys become masks.
    pub mask_scheme: u32,
    /// Where the model is from.
    pub provenance: Provenance,
    /// What it was trained on.
    pub data: Data,
    /// What it predicts.
    pub target: Target,
    /// What it reads.
    pub inputs: Schema,
    /// The network.
    pub model: MlpConfig,
    /// Its training.
    pub train: TrainConfig,
    /// The standardisation, fitted to the training part.
    pub scaling: Scaling,
    /// The noise of the data, if it is constant.
    pub tau: Option<Tau>,
    /// The file with the weights.
    pub weights: Weights,
    /// How good it is on the test part; nothing is said where nothing is said about the noise.
    pub test: Option<Evaluation>,
}

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

/// What a model was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Built-in tables, or files: one, or one for each part.
    pub names: Vec<String>,
    /// Of each table: of the file's bytes, or of the built-in table as CSV.
    pub sha256: Vec<String>,
    /// How many rows trained, validated and tested.
    pub rows: [usize; 3],
    /// The share of each class in the training part; none for numbers.
    pub frequencies: Vec<f64>,
    /// What the cells stand in, if it was said, and what groups digits.
    pub reading: Reading,
    /// What was chosen.
    pub settings: DataSettings,
    /// What was said about columns.
    pub schema: BTreeMap<String, ColumnKind>,
}

/// How the files of a training were said to be written; files to predict are written alike unless somebody says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// `double`, `single` or `none`.
    pub quote: Option<String>,
    /// The mark between thousands.
    pub thousands: Option<char>,
}

/// The standardisation of features and targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// Of the features.
    pub features: Scaler,
    /// Of the targets.
    pub targets: Scaler,
}

/// The precision of the noise of each target, in its unit to the power of -2, fitted on the validation part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tau {
    /// About the sampled networks.
    pub monte_carlo: Vec<f64>,
    /// About the mean network, which needs one of its own.
    pub mean_network: Vec<f64>,
}

/// The file with the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// The number of trained parameters.
    pub params: usize,
    /// The size of the file.
    pub bytes: usize,
    /// Of the file.
    pub sha256: String,
}

/// How good a model is on rows that nothing was chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// The number of Monte Carlo passes.
    pub passes: usize,
    /// The level of the interval of `coverage` and `width`; none for classes.
    pub interval: Option<f64>,
    /// Many sampled networks.
    pub monte_carlo: Scores,
    /// The mean network (weight scaling), with a tau of its own.
    pub mean_network: Scores,
    /// The training part's mean and standard deviation, or its shares of classes, for every row.
    pub baseline: Scores,
}

/// The scores of one way to predict.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scores {
    /// Of numbers.
    Regression(RegressionScores),
    /// Of classes.
    Classes(ClassScores),
}

impl Scores {
    /// The names of the scores, in order.
    pub fn names(&self) -> &'static [&'static str] {
        match self {
            Self::Regression(_) => &RegressionScores::NAMES,
            Self::Classes(_) => &ClassScores::NAMES,
        }
    }

    /// The scores, in the order of their names.
    pub fn values(&self) -> Vec<f64> {
        match self {
            Self::Regression(scores) => scores.values().to_vec(),
            Self::Classes(scores) => scores.values().to_vec(),
        }
    }

    /// Their standard errors over rows, in the order of their names; the number of rows has none.
    pub fn standard_errors(&self) -> Vec<Option<f64>> {
        match self {
            Self::Regression(scores) => scores.standard_errors().to_vec(),
            Self::Classes(scores) => scores.standard_errors().to_vec(),
        }
    }

    /// The scores of numbers, if they are.
    pub fn regression(&self) -> Option<RegressionScores> {
        if let Self::Regression(scores) = self { Some(*scores) } else { None }
    }

    /// The scores of classes, if they are.
    pub fn classes(&self) -> Option<ClassScores> {
        if let Self::Classes(scores) = self { Some(*scores) } else { None }
    }

    /// The score of that name, if these scores have it.
    pub fn get(&self, name: &str) -> Option<f64> {
        Some(self.values()[self.names().iter().position(|known| *known == name)?])
    }
}

impl ModelFile {
    /// The version of the layout of `model.toml`.
    pub const LAYOUT: u32 = 2;

    /// Reads the text of a `model.toml` that was found at `path`.
    ///
    /// # Errors
    /// [`Error::Model`] with the line, for text that is no such file, of another version, or does not agree with itself.
    pub fn read(text: &str, path: &Path) -> Result<Self> {
        let bad = |reason: String| Error::Model { path: path.to_path_buf(), reason };
        // The version first: what an older one lacks would be reported as missing.
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let version: Version = read_toml(text).map_err(|reason| bad(format!("not a model: {reason}")))?;
        if version.schema != Self::LAYOUT {
            let age = if version.schema < Self::LAYOUT {
                "an older version of burn-zoo: train it again"
            } else {
                "a newer version of burn-zoo"
            };
            return Err(bad(format!(
                "schema {}, of {age} (this version reads schema {})",
                version.schema,
                Self::LAYOUT
            )));
        }
        let file: Self = read_toml(text).map_err(|reason| bad(format!("not a model of this version: {reason}")))?;
        file.train.check().map_err(|error| bad(error.to_string()))?;
        // Burn's configs ignore keys that they do not know.
        // And whole numbers beyond 2^63 are numbers to serde, but none that TOML can write.
        let beyond = |error: String| bad(format!("not a model of this version: {error}"));
        let known =
            leaves(&toml::Table::try_from(&file).map_err(|error| beyond(error.to_string().trim().replace('\n', " ")))?);
        let given = leaves(&read_toml(text).map_err(beyond)?);
        let names: HashSet<&str> = known.iter().map(|(path, _)| path.as_str()).collect();
        if let Some((unknown, _)) = given.iter().find(|(path, _)| !names.contains(path.as_str())) {
            let names = known.iter().map(|(path, _)| path.as_str());
            return Err(bad(format!("not a model of this version: {}", Error::unknown("key", unknown, names))));
        }
        if file.mask_scheme != MASK_SCHEME {
            let found = file.mask_scheme;
            return Err(bad(format!("mask scheme {found}: this version draws by mask scheme {MASK_SCHEME}")));
        }
        if file.family != "mlp" {
            return Err(bad(format!("unknown family `{}`: expected `mlp`", file.family)));
        }
        file.model.check().map_err(|error| bad(error.to_string()))?;
        file.inputs.check().map_err(bad)?;
        file.data.settings.check().map_err(|error| bad(error.to_string()))?;
        let (task, classes) = (file.model.task, file.target.classes.len());
        let targets = match task {
            Task::Regression { targets, .. } if classes == 0 => targets,
            Task::Binary if classes == 2 => 0,
            Task::MultiClass { classes: n } if classes == n => 0,
            _ => return Err(bad(format!("{classes} classes for {task}"))),
        };
        if targets > 1 {
            return Err(bad(format!("{targets} targets: expected 1")));
        }
        let means = file.scaling.features.mean.iter().chain(&file.scaling.targets.mean);
        if let Some(x) = means.clone().find(|x| !x.is_finite()) {
            return Err(bad(format!("a mean is {x}: expected a finite number")));
        }
        for (what, expected, found) in [
            ("features", file.model.d_input, file.inputs.width()),
            ("shares of classes", classes, file.data.frequencies.len()),
            ("checksums of tables", file.data.names.len().max(1), file.data.sha256.len()),
            ("feature means", file.model.d_input, file.scaling.features.mean.len()),
            ("feature standard deviations", file.model.d_input, file.scaling.features.sd.len()),
            ("target means", targets, file.scaling.targets.mean.len()),
            ("target standard deviations", targets, file.scaling.targets.sd.len()),
            ("precisions tau", targets, file.tau.as_ref().map_or(targets, |tau| tau.monte_carlo.len())),
            ("precisions tau", targets, file.tau.as_ref().map_or(targets, |tau| tau.mean_network.len())),
        ] {
            if expected != found {
                return Err(bad(format!("{found} {what}: expected {expected}")));
            }
        }
        let scales = file.scaling.features.sd.iter().chain(&file.scaling.targets.sd).map(|sd| (sd, sd * sd));
        let tau =
            file.tau.iter().flat_map(|tau| tau.monte_carlo.iter().chain(&tau.mean_network)).map(|tau| (tau, *tau));
        // Variances and precisions are each other's inverses.
        let is_one = |square: f64| square.is_normal() && square.recip().is_normal();
        match scales.chain(tau).find(|(x, square)| !(**x > 0.0 && is_one(*square))).map(|(x, _)| x) {
            Some(x) => Err(bad(format!("a standard deviation or a precision is {x}: expected a positive number"))),
            None => Ok(file),
        }
    }

    /// Reads the `model.toml` of a model that was saved in `directory`.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that cannot be read; [`Error::Model`] as [`read`](Self::read).
    pub fn open(directory: &Path) -> Result<Self> {
        let path = directory.join(MODEL_TOML);
        let bytes = fs::read(&path).map_err(Error::io(&path))?;
        let text = String::from_utf8(bytes);
        let text = text.map_err(|_| Error::Model { path: path.clone(), reason: "not text".to_string() })?;
        Self::read(&text, &path)
    }

    /// The text of `model.toml`.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a model file is TOML")
    }
}
