//! `model.toml` of a model of tables: everything about it but its weights.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    data::{ColumnKind, DataSettings, Scaler, Schema, Target},
    models::{MlpConfig, Task},
    train::TrainConfig,
    zoo::{
        Evaluation, Provenance, Weights,
        description::{Description, described},
    },
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
    /// How many columns the training table had, if they had no names: those of a file to predict are told by position then.
    pub columns: Option<usize>,
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

/// The precision of the noise of each target, fitted on the validation part: in its unit to the power of -2, or that of its logarithm if the
/// transform is that, without a unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tau {
    /// About the sampled networks.
    pub monte_carlo: Vec<f64>,
    /// About the mean network, which needs one of its own.
    pub mean_network: Vec<f64>,
}

described!(ModelFile);

impl Description for ModelFile {
    const FAMILY: &'static str = "mlp";

    fn mask_scheme(&self) -> u32 {
        self.mask_scheme
    }

    fn train(&self) -> &TrainConfig {
        &self.train
    }

    fn check(&self) -> Result<(), String> {
        self.model.check().map_err(|error| error.to_string())?;
        self.inputs.check()?;
        self.data.settings.check().map_err(|error| error.to_string())?;
        let (task, classes) = (self.model.task, self.target.classes.len());
        let targets = match task {
            Task::Regression { targets, .. } if classes == 0 => targets,
            Task::Binary if classes == 2 => 0,
            Task::MultiClass { classes: n } if classes == n => 0,
            _ => return Err(format!("{classes} classes for {task}")),
        };
        if targets > 1 {
            return Err(format!("{targets} targets: expected 1"));
        }
        let means = self.scaling.features.mean.iter().chain(&self.scaling.targets.mean);
        if let Some(x) = means.clone().find(|x| !x.is_finite()) {
            return Err(format!("a mean is {x}: expected a finite number"));
        }
        for (what, expected, found) in [
            ("features", self.model.d_input, self.inputs.width()),
            ("shares of classes", classes, self.data.frequencies.len()),
            ("checksums of tables", self.data.names.len().max(1), self.data.sha256.len()),
            ("feature means", self.model.d_input, self.scaling.features.mean.len()),
            ("feature standard deviations", self.model.d_input, self.scaling.features.sd.len()),
            ("target means", targets, self.scaling.targets.mean.len()),
            ("target standard deviations", targets, self.scaling.targets.sd.len()),
            ("precisions tau", targets, self.tau.as_ref().map_or(targets, |tau| tau.monte_carlo.len())),
            ("precisions tau", targets, self.tau.as_ref().map_or(targets, |tau| tau.mean_network.len())),
        ] {
            if expected != found {
                return Err(format!("{found} {what}: expected {expected}"));
            }
        }
        let scales = self.scaling.features.sd.iter().chain(&self.scaling.targets.sd).map(|sd| (sd, sd * sd));
        let tau =
            self.tau.iter().flat_map(|tau| tau.monte_carlo.iter().chain(&tau.mean_network)).map(|tau| (tau, *tau));
        // Variances and precisions are each other's inverses.
        let is_one = |square: f64| square.is_normal() && square.recip().is_normal();
        match scales.chain(tau).find(|(x, square)| !(**x > 0.0 && is_one(*square))).map(|(x, _)| x) {
            Some(x) => Err(format!("a standard deviation or a precision is {x}: expected a positive number")),
            None => Ok(()),
        }
    }
}
