//! A trained model of text with its preprocessing.

use std::{collections::BTreeMap, path::Path};

use burn::tensor::{Device, Tensor, TensorData};

use super::file::TextFile;
use crate::{
    data::{
        Targets,
        text::{Sequences, Vocabulary},
    },
    error::{Error, Result},
    models::{Lstm, OverWindows},
    uncertainty::{ClassPrediction, MonteCarlo, Prediction, RegressionPrediction},
    zoo::{
        Evaluation, Scores, Tau,
        weights::{Weights, saved},
    },
};

/// A trained model with its vocabulary: texts in; classes or numbers with their uncertainty out, or how likely each next token is.
#[derive(Clone, Debug)]
pub struct TextModel {
    pub(super) file: TextFile,
    pub(super) lstm: Lstm,
    pub(super) device: Device,
}

/// Which networks predict.
#[derive(Clone, Copy)]
pub(crate) enum Way<'a> {
    Sampled(&'a MonteCarlo),
    Mean,
}

/// A prediction, and which text each of its rows is of.
type Joined = (Vec<usize>, Prediction);

saved!(TextModel, TextFile, lstm: Lstm);

impl TextModel {
    /// A model of its description and its network; the description's `weights` are filled in.
    ///
    /// # Panics
    /// When it is used, if the network is not the one described.
    pub fn new(mut file: TextFile, lstm: Lstm, device: &Device) -> Self {
        (_, file.weights) = Weights::pack(&lstm, file.model.parameters(), file.weights.dtype);
        Self { file, lstm, device: device.clone() }
    }

    /// The same model with matrices rounded to `f16`, which halves the file of its weights. Its scores are those of the weights as they were: look again
    /// whether they hold.
    ///
    /// # Errors
    /// [`Error::Model`] for a weight that is none in `f16`: beyond 65504.
    pub fn with_half_weights(self) -> Result<Self> {
        let (bytes, weights) = Weights::pack(&self.lstm, Some(self.file.weights.params), super::super::Precision::F16);
        Self::from_parts(TextFile { weights, ..self.file }, &bytes, Path::new("f16"), &self.device)
    }

    /// The same network with another description: scores, tau.
    #[cfg(feature = "train")]
    pub(crate) fn described(self, change: impl FnOnce(&mut TextFile)) -> Self {
        let mut model = self;
        change(&mut model.file);
        model
    }

    /// The tokens.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.file.vocabulary
    }

    /// What many sampled networks say together about texts, and which text each row of the prediction is of: those of one number of windows come together.
    ///
    /// # Errors
    /// [`Error::NoRows`]; [`Error::Task`] for a model of a language; and as [`MonteCarlo::predict`].
    pub fn predict(&self, texts: &[&str], monte_carlo: &MonteCarlo) -> Result<(Vec<usize>, Prediction)> {
        self.joined(texts, Way::Sampled(monte_carlo))
    }

    /// What the mean network says about texts, likewise.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn predict_mean(&self, texts: &[&str]) -> Result<(Vec<usize>, Prediction)> {
        self.joined(texts, Way::Mean)
    }

    /// What somebody says who knows nothing but the training part's targets.
    ///
    /// # Errors
    /// [`Error::NoRows`].
    pub fn predict_baseline(&self, rows: usize) -> Result<Prediction> {
        if let Some(scaler) = &self.file.scaling {
            return RegressionPrediction::constant(&scaler.mean, &scaler.sd, rows).map(Prediction::Regression);
        }
        let counts: Vec<f64> = self.file.data.counts.iter().map(|&count| count as f64).collect();
        ClassPrediction::constant(&counts, rows).map(Prediction::Classes)
    }

    /// The scores of the Monte Carlo prediction, the mean network and the baseline on texts with known targets.
    ///
    /// # Errors
    /// As [`predict`](Self::predict), and as [`RegressionPrediction::scores`]; [`Error::Prediction`] for targets of another kind.
    pub fn evaluate(
        &self,
        texts: &[&str],
        targets: &Targets,
        monte_carlo: &MonteCarlo,
        interval: f64,
    ) -> Result<Evaluation> {
        let scores = |(order, prediction): Joined| match targets.select(&order) {
            Targets::Numbers(numbers) => Ok(Scores::Regression(prediction.regression()?.scores(&numbers, interval)?)),
            Targets::Classes(classes) => Ok(Scores::Classes(prediction.classes()?.scores(&classes)?)),
        };
        Ok(Evaluation {
            passes: monte_carlo.passes(),
            interval: matches!(targets, Targets::Numbers(_)).then_some(interval),
            monte_carlo: scores(self.predict(texts, monte_carlo)?)?,
            mean_network: scores(self.predict_mean(texts)?)?,
            baseline: scores(((0..texts.len()).collect(), self.predict_baseline(texts.len())?))?,
        })
    }

    /// The precision of the noise by the way of predicting, fitted to texts with known targets.
    #[cfg(feature = "train")]
    pub(crate) fn fit_tau(&self, texts: &[&str], numbers: &[f64], way: Way<'_>) -> Result<Vec<f64>> {
        let (order, prediction) = self.joined(texts, way)?;
        let numbers: Vec<f64> = order.iter().map(|&text| numbers[text]).collect();
        prediction.regression()?.fit_tau(&numbers)
    }

    fn joined(&self, texts: &[&str], way: Way<'_>) -> Result<Joined> {
        use crate::stochastic::Joinable;
        if self.file.is_language() {
            return Err(Error::Task {
                wanted: "a classifier or a regression",
                found: self.file.model.task.to_string(),
            });
        }
        let (mut order, mut all): (Vec<usize>, Option<Prediction>) = (Vec::new(), None);
        for (windows, of) in self.by_windows(texts) {
            let some: Vec<&str> = of.iter().map(|&text| texts[text]).collect();
            let prediction = self.predict_alike(&some, windows, way).map_err(|error| match error {
                Error::NotFinite { row, pass, value } => Error::NotFinite { row: of[row], pass, value },
                other => other,
            })?;
            match &mut all {
                Some(all) => all.join(prediction),
                None => all = Some(prediction),
            }
            order.extend(of);
        }
        Ok((order, all.ok_or(Error::NoRows)?))
    }

    /// Texts by the number of their windows.
    fn by_windows(&self, texts: &[&str]) -> BTreeMap<usize, Vec<usize>> {
        let settings = &self.file.data.settings;
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (text, content) in texts.iter().enumerate() {
            let rows = Sequences::of([*content], self.vocabulary(), settings.length, settings.long).rows();
            groups.entry(rows).or_default().push(text);
        }
        groups
    }

    /// The prediction for texts of so many windows each.
    fn predict_alike(&self, texts: &[&str], windows: usize, way: Way<'_>) -> Result<Prediction> {
        let settings = &self.file.data.settings;
        let rows = Sequences::of(texts.iter().copied(), self.vocabulary(), settings.length, settings.long);
        let width = rows.longest();
        let values = TensorData::new(rows.padded(width)?, [texts.len(), windows * width]);
        let (input, network) = (Tensor::<2>::from_data(values, &self.device), self.lstm.over_windows(windows));
        let together = (NUMBERS / (windows * width * self.file.model.hidden)).max(1);
        let prediction = match way {
            Way::Sampled(monte_carlo) => {
                monte_carlo.clone().chunk_within(together).predict::<_, OverWindows<'_>>(&network, input)?
            }
            Way::Mean => MonteCarlo::new(1).chunk_within(together).mean_network(&network, input)?,
        };
        let Prediction::Regression(prediction) = prediction else { return Ok(prediction) };
        let scaler = self.file.scaling.as_ref().expect("a regression has a scale");
        let prediction = prediction.in_units(&scaler.sd, &scaler.mean)?;
        let prediction = match (&self.file.tau, way) {
            (Some(Tau { monte_carlo, .. }), Way::Sampled(_)) => prediction.with_tau(monte_carlo)?,
            (Some(Tau { mean_network, .. }), Way::Mean) => prediction.with_tau(mean_network)?,
            (None, _) => prediction,
        };
        match prediction.infinite(false) {
            Some(row) => Err(Error::NotFinite { row, pass: 0, value: f32::INFINITY }),
            None => Ok(Prediction::Regression(prediction)),
        }
    }
}

/// Numbers of states that are in a forward pass at a time.
const NUMBERS: usize = 1 << 24;
