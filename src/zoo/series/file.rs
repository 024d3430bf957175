//! `model.toml` of a model of series: everything about it but its weights.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    data::{
        ColumnKind,
        series::{SeriesAugmentation, SeriesSchema, SeriesSettings},
    },
    models::{LstmConfig, Noise, SequenceInput, Task},
    train::TrainConfig,
    uncertainty::ForecastScores,
    zoo::{
        Provenance, Reading, Tau, Weights,
        description::{Description, described},
    },
};

/// Everything about a model of series but its weights, as it stands in `model.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesFile {
    /// The version of this layout: 2.
    pub schema: u32,
    /// The kind of model: `lstm`.
    pub family: String,
    /// The kind of data: `series`.
    pub kind: String,
    /// The rule by which keys become masks.
    pub mask_scheme: u32,
    /// Where the model is from.
    pub provenance: Provenance,
    /// What it was trained on.
    pub data: SeriesData,
    /// What it reads, on which scales, and what it forecasts.
    pub series: SeriesSchema,
    /// The network.
    pub model: LstmConfig,
    /// Its training.
    pub train: TrainConfig,
    /// What happened to the windows of the training part.
    pub augment: SeriesAugmentation,
    /// The noise of the data at each step of the horizon, if it is constant: of the targets transformed and on the scale of their training part, without a
    /// unit.
    pub tau: Option<Tau>,
    /// The file with the weights.
    pub weights: Weights,
    /// How good it is on the test part, by rolling origin.
    pub test: Option<ForecastEvaluation>,
}

/// What a model of series was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesData {
    /// A file, or series that come with the crate.
    pub name: String,
    /// Of the file's bytes, or of the built-in table as CSV.
    pub sha256: String,
    /// How many windows trained, validated and tested.
    pub windows: [usize; 3],
    /// What the cells stand in, if it was said, and what groups digits.
    pub reading: Reading,
    /// What was chosen.
    pub settings: SeriesSettings,
    /// What was said about columns.
    pub schema: BTreeMap<String, ColumnKind>,
}

/// How good forecasts are from many origins, one step after the other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForecastEvaluation {
    /// The number of sampled networks.
    pub passes: usize,
    /// The level of the interval of `coverage` and `width`.
    pub interval: f64,
    /// The number of origins.
    pub origins: usize,
    /// Many sampled networks.
    pub monte_carlo: ForecastScores,
    /// The mean network (weight scaling), with a tau of its own.
    pub mean_network: ForecastScores,
    /// The value a season before, if the series are long enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seasonal_naive: Option<ForecastScores>,
    /// The straight line through the first and the last value, if the series are long enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<ForecastScores>,
}

impl ForecastEvaluation {
    /// The ways to forecast, with their names.
    pub fn ways(&self) -> [(&'static str, Option<ForecastScores>); 4] {
        [
            ("monte_carlo", Some(self.monte_carlo)),
            ("mean_network", Some(self.mean_network)),
            ("seasonal_naive", self.seasonal_naive),
            ("drift", self.drift),
        ]
    }

    /// The forecasts without a training that Monte Carlo does not beat, and by which scores: MASE and CRPS.
    pub fn not_beaten(&self) -> Vec<(&'static str, Vec<&'static str>)> {
        let mine = self.monte_carlo;
        let baselines = self.ways().into_iter().skip(2).filter_map(|(name, scores)| Some((name, scores?)));
        let lost = baselines.map(|(name, other)| {
            let mase = mine.mase.zip(other.mase).is_some_and(|(mine, other)| mine >= other);
            let lost = [("mase", mase), ("crps", mine.crps >= other.crps)];
            (name, lost.into_iter().filter(|(_, lost)| *lost).map(|(score, _)| score).collect::<Vec<_>>())
        });
        lost.filter(|(_, scores)| !scores.is_empty()).collect()
    }
}

described!(SeriesFile);

impl SeriesFile {
    /// What `kind` says.
    pub const KIND: &'static str = "series";
}

impl Description for SeriesFile {
    const FAMILY: &'static str = "lstm";

    fn mask_scheme(&self) -> u32 {
        self.mask_scheme
    }

    fn train(&self) -> &TrainConfig {
        &self.train
    }

    fn check(&self) -> Result<(), String> {
        if self.kind != Self::KIND {
            return Err(format!("a model of the kind `{}`: expected `{}`", self.kind, Self::KIND));
        }
        self.model.check().map_err(|error| error.to_string())?;
        self.data.settings.check().map_err(|error| error.to_string())?;
        self.augment.check().map_err(|error| error.to_string())?;
        self.series.check()?;
        let series = &self.series;
        let (features, known) = (series.features().len(), series.horizon * series.known_features().len());
        if self.model.input != (SequenceInput::Numbers { features, known }) {
            return Err(format!("{:?}: expected {features} features, and {known} numbers known", self.model.input));
        }
        let targets = series.horizon * series.targets.len();
        let noise = match self.model.task {
            Task::Regression { targets: found, noise } if found == targets => noise,
            task => return Err(format!("{targets} targets for {task}")),
        };
        match (&self.tau, noise) {
            (_, Noise::None) => return Err("a model that says nothing of the noise".to_string()),
            (None, Noise::Constant) => return Err("no tau for constant noise".to_string()),
            (Some(_), Noise::Predicted) => return Err("a tau for predicted noise".to_string()),
            _ => {}
        }
        let taus = || self.tau.iter().flat_map(|tau| [&tau.monte_carlo, &tau.mean_network]);
        if let Some(tau) = taus().find(|tau| tau.len() != targets) {
            return Err(format!("{} precisions tau: expected {targets}", tau.len()));
        }
        match taus().flatten().find(|tau| !(tau.is_finite() && tau.is_normal() && **tau > 0.0)) {
            Some(tau) => Err(format!("a precision is {tau}: expected a positive number")),
            None if series.scales.is_empty() => Err("no scale of any series".to_string()),
            None => Ok(()),
        }
    }
}
