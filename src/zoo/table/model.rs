//! A trained model with its preprocessing.

use std::{borrow::Cow, ops::Range, path::Path};

use burn::tensor::{Device, Tensor, TensorData};

use super::file::{ModelFile, Tau};
use crate::{
    data::{Frame, Missing, MissingTarget, Remark, Schema, Target, Targets, Transform},
    error::{Error, Result},
    key::Key,
    models::Mlp,
    uncertainty::{ClassPrediction, MonteCarlo, Prediction, RegressionPrediction},
    zoo::{Evaluation, Scores, Weights, weights},
};

/// A trained model with its preprocessing: raw rows in, predictions in the target's unit out.
#[derive(Clone, Debug)]
pub struct Model {
    file: ModelFile,
    mlp: Mlp,
    device: Device,
}

impl Model {
    /// A model of its description and its network; the description's `weights` are filled in.
    ///
    /// # Panics
    /// When it is used, if the network is not the one described.
    pub fn new(mut file: ModelFile, mlp: Mlp, device: &Device) -> Self {
        (_, file.weights) = Weights::pack(&mlp, file.model.parameters(), file.weights.dtype);
        Self { file, mlp, device: device.clone() }
    }

    /// The same network with more said about it; `file` describes the same weights.
    #[cfg(feature = "train")]
    pub(crate) fn described(self, file: ModelFile) -> Self {
        Self { file, ..self }
    }

    /// Opens a model that was saved in `directory`.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that cannot be read; [`Error::Model`] for one that is not what it should be.
    pub fn open(directory: &Path, device: &Device) -> Result<Self> {
        let (file, (weights, path)) = (ModelFile::open(directory)?, weights::read(directory)?);
        Self::from_parts(file, &weights, &path, device)
    }

    /// A model of its description and the bytes of its weights, which were found at `path`.
    pub(in crate::zoo) fn from_parts(file: ModelFile, weights: &[u8], path: &Path, device: &Device) -> Result<Self> {
        let init = || file.model.init(device, Key::new(0));
        let mlp = file.weights.unpack(weights, path, file.model.parameters(), init)?;
        Ok(Self { file, mlp, device: device.clone() })
    }

    /// Saves the model as a new directory: whole, or not at all.
    ///
    /// # Errors
    /// [`Error::Model`] if there is something at `directory`; [`Error::Io`].
    pub fn save(&self, directory: &Path, others: &[(&str, String)]) -> Result<()> {
        let (weights, _) = Weights::pack(&self.mlp, Some(self.file.weights.params), self.file.weights.dtype);
        weights::save(directory, &self.file.to_toml(), &weights, others)
    }

    /// What is written about the model.
    pub fn file(&self) -> &ModelFile {
        &self.file
    }

    /// The network, without its preprocessing.
    pub fn mlp(&self) -> &Mlp {
        &self.mlp
    }

    /// What the model reads of which columns.
    pub fn schema(&self) -> &Schema {
        &self.file.inputs
    }

    /// The column that it predicts.
    pub fn target(&self) -> &Target {
        &self.file.target
    }

    /// The names of the columns that it reads, in order.
    pub fn features(&self) -> Vec<&str> {
        self.schema().names().collect()
    }

    /// What many sampled networks say together about rows, in the target's unit.
    ///
    /// # Errors
    /// [`Error::NoRows`]; of rows of numbers, what [`Rows`] says; and as [`MonteCarlo::predict`].
    pub fn predict(&self, rows: &(impl Rows + ?Sized), monte_carlo: &MonteCarlo) -> Result<Prediction> {
        let prediction = monte_carlo.predict(&self.mlp, self.standardise(rows)?)?;
        self.in_units(prediction, 0, |tau| &tau.monte_carlo)
    }

    /// The same in blocks of rows: `each` gets the rows' range and their prediction.
    ///
    /// # Errors
    /// As [`predict`](Self::predict), and what `each` returns.
    pub fn predict_each(
        &self,
        rows: &(impl Rows + ?Sized),
        monte_carlo: &MonteCarlo,
        mut each: impl FnMut(Range<usize>, Prediction) -> Result<()>,
    ) -> Result<()> {
        monte_carlo.predict_each(&self.mlp, self.standardise(rows)?, |range, prediction| {
            let prediction = self.in_units(prediction, range.start, |tau| &tau.monte_carlo)?;
            each(range, prediction)
        })
    }

    /// What the mean network says about rows, in the target's unit, with the tau that was fitted to it.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn predict_mean(&self, rows: &(impl Rows + ?Sized)) -> Result<Prediction> {
        let prediction = MonteCarlo::new(1).mean_network(&self.mlp, self.standardise(rows)?)?;
        self.in_units(prediction, 0, |tau| &tau.mean_network)
    }

    /// What is predicted before a transform of the target is inverted: the noise is fitted there.
    #[cfg(feature = "train")]
    pub(crate) fn transformed(
        &self,
        features: &Features,
        monte_carlo: Option<&MonteCarlo>,
    ) -> Result<RegressionPrediction> {
        let scaler = &self.file.scaling.targets;
        let inputs = self.standardise(features)?;
        let prediction = match monte_carlo {
            Some(monte_carlo) => monte_carlo.predict(&self.mlp, inputs)?,
            None => MonteCarlo::new(1).mean_network(&self.mlp, inputs)?,
        };
        prediction.regression()?.in_units(&scaler.sd, &scaler.mean)
    }

    /// What somebody says who knows nothing but the training part's targets.
    ///
    /// # Errors
    /// [`Error::NoRows`].
    pub fn predict_baseline(&self, rows: usize) -> Result<Prediction> {
        if self.target().is_classes() {
            return Ok(Prediction::Classes(ClassPrediction::constant(&self.file.data.frequencies, rows)?));
        }
        let scaler = &self.file.scaling.targets;
        let constant = RegressionPrediction::constant(&scaler.mean, &scaler.sd, rows)?;
        Ok(Prediction::Regression(self.inverted(constant)?))
    }

    /// The scores of the Monte Carlo prediction, the mean network and the baseline on rows with known targets.
    ///
    /// # Errors
    /// As [`predict`](Self::predict), and as [`RegressionPrediction::scores`]; [`Error::Prediction`] for targets of another kind.
    pub fn evaluate(
        &self,
        rows: &(impl Rows + ?Sized),
        targets: &Targets,
        monte_carlo: &MonteCarlo,
        interval: f64,
    ) -> Result<Evaluation> {
        let scores = |prediction: Prediction| match targets {
            Targets::Numbers(numbers) => Ok(Scores::Regression(prediction.regression()?.scores(numbers, interval)?)),
            Targets::Classes(classes) => Ok(Scores::Classes(prediction.classes()?.scores(classes)?)),
        };
        let features = rows.features(self)?;
        let features = features.as_ref();
        Ok(Evaluation {
            passes: monte_carlo.passes(),
            interval: (!self.target().is_classes()).then_some(interval),
            monte_carlo: scores(self.predict(features, monte_carlo)?)?,
            mean_network: scores(self.predict_mean(features)?)?,
            baseline: scores(self.predict_baseline(features.rows())?)?,
        })
    }

    /// The rows of a table that this model judges by the settings of its training: all, or those without missing cells or targets where such are dropped.
    ///
    /// # Errors
    /// [`Error::Data`] for a column that is not there.
    pub fn usable(&self, frame: &Frame) -> Result<Vec<usize>> {
        let settings = &self.file.data.settings;
        let target = self.target().place(frame)?;
        let binding = self.schema().bind(frame.columns(), frame.name())?;
        let drops = |row: usize| {
            let (cell, dialect) = (|column| frame.cell(row, column), frame.dialect(row));
            settings.missing == Missing::Drop && binding.misses(cell, dialect)
                || settings.missing_target == MissingTarget::Drop && dialect.is_missing(cell(target))
        };
        Ok((0..frame.rows()).filter(|&row| !drops(row)).collect())
    }

    /// The features of a whole table, whose columns are matched by name, and what is worth telling about each row.
    ///
    /// # Errors
    /// [`Error::Data`] for a column that is not there, and for a cell that the model cannot read.
    pub fn read(&self, frame: &Frame) -> Result<(Features, Vec<Vec<Remark>>)> {
        let mut remarks = Vec::with_capacity(frame.rows());
        let features = self.read_each(frame, |of_row| remarks.push(of_row))?;
        Ok((features, remarks))
    }

    /// The same, but `each` gets what is worth telling about a row: a table of many rows may hold more of that than of cells.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_each(&self, frame: &Frame, mut each: impl FnMut(Vec<Remark>)) -> Result<Features> {
        let binding = self.schema().bind(frame.columns(), frame.name())?;
        let mut features = Features::new(self.schema().width());
        for row in 0..frame.rows() {
            let mut of_row = Vec::new();
            binding
                .encode(|column| frame.cell(row, column), frame.dialect(row), &mut features.values, &mut of_row)
                .map_err(|bad| Error::Data { place: frame.place_of(row, bad.at), reason: bad.reason })?;
            each(of_row);
        }
        Ok(features)
    }

    /// Rows on the scale that the network was trained on.
    ///
    /// # Shapes
    /// - output: `[rows, features]`
    ///
    /// # Errors
    /// [`Error::NoRows`]; [`Error::Length`] for features of another width; of rows of numbers, what [`Rows`] says.
    pub fn standardise(&self, rows: &(impl Rows + ?Sized)) -> Result<Tensor<2>> {
        let features = rows.features(self)?;
        let (rows, width) = (features.rows(), self.schema().width());
        if features.width != width {
            return Err(Error::length("features of a row", width, features.width));
        }
        if rows == 0 {
            return Err(Error::NoRows);
        }
        let scaler = &self.file.scaling.features;
        let values: Vec<f32> = features.iter().flat_map(|row| scaler.apply(row)).collect();
        Ok(Tensor::from_data(TensorData::new(values, [rows, width]), &self.device))
    }

    /// The network's prediction in the target's unit, with its tau if it has one; `first` is the number of its first row.
    fn in_units(&self, prediction: Prediction, first: usize, tau: fn(&Tau) -> &Vec<f64>) -> Result<Prediction> {
        let Prediction::Regression(prediction) = prediction else { return Ok(prediction) };
        let scaler = &self.file.scaling.targets;
        let prediction: RegressionPrediction = prediction.in_units(&scaler.sd, &scaler.mean)?;
        let prediction = match &self.file.tau {
            Some(both) => prediction.with_tau(tau(both))?,
            None => prediction,
        };
        let transformed = self.target().transform == Transform::Log;
        match prediction.infinite(transformed) {
            Some(row) => Err(Error::NotFinite { row: first + row, pass: 0, value: f32::INFINITY }),
            None => Ok(Prediction::Regression(self.inverted(prediction)?)),
        }
    }

    /// A prediction of the transformed target as one of the target.
    fn inverted(&self, prediction: RegressionPrediction) -> Result<RegressionPrediction> {
        match self.target().transform {
            Transform::None => Ok(prediction),
            Transform::Log => prediction.exponentiated(),
        }
    }
}

/// What a model predicts: rows of numbers in the order of its columns, or [`Features`] that it read of a table.
pub trait Rows {
    /// The features that `model` reads of them.
    ///
    /// # Errors
    /// Of rows of numbers: [`Error::NoRows`]; [`Error::Length`] for a row of another width; [`Error::Value`] for a number that is not finite;
    /// [`Error::Task`] if the model reads text ([`Model::read`] does).
    fn features(&self, model: &Model) -> Result<Cow<'_, Features>>;
}

impl Rows for Features {
    fn features(&self, _: &Model) -> Result<Cow<'_, Features>> {
        Ok(Cow::Borrowed(self))
    }
}

impl<T: AsRef<[f64]>> Rows for [T] {
    fn features(&self, model: &Model) -> Result<Cow<'_, Features>> {
        let schema = model.schema();
        if let Some(column) = schema.columns.iter().find(|column| column.kind() != "numeric") {
            let found = format!("one of text: `{}` is {}", column.name(), column.kind());
            return Err(Error::Task { wanted: "a model of numbers alone", found });
        }
        if self.is_empty() {
            return Err(Error::NoRows);
        }
        let names = model.features();
        let mut features = Features::new(schema.width());
        for (i, row) in self.iter().map(AsRef::as_ref).enumerate() {
            if row.len() != names.len() {
                return Err(Error::length(format!("numbers of row {i}"), names.len(), row.len()));
            }
            if let Some(j) = row.iter().position(|x| !x.is_finite()) {
                let place = format!("row {i}, `{}`", names[j]);
                return Err(Error::Value { place, value: row[j].to_string(), expected: "a finite number" });
            }
            for (column, &x) in schema.columns.iter().zip(row) {
                features.values.push(x);
                features.values.extend(column.has_indicator().then_some(0.0));
            }
        }
        Ok(Cow::Owned(features))
    }
}

impl<T: AsRef<[f64]>> Rows for Vec<T> {
    fn features(&self, model: &Model) -> Result<Cow<'_, Features>> {
        self[..].features(model)
    }
}

impl<T: AsRef<[f64]>, const N: usize> Rows for [T; N] {
    fn features(&self, model: &Model) -> Result<Cow<'_, Features>> {
        self[..].features(model)
    }
}

/// The numbers that a model reads of some rows, before they are standardised.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    pub(crate) values: Vec<f64>,
    width: usize,
}

impl Features {
    /// No rows yet, of so many numbers each.
    ///
    /// # Panics
    /// For no numbers.
    pub fn new(width: usize) -> Self {
        assert!(width > 0, "rows of no features");
        Self { values: Vec::new(), width }
    }

    /// The number of whole rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.width
    }

    /// The rows one after the other.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f64]> + Clone {
        self.values.chunks_exact(self.width)
    }

    /// Keeps the first `rows` rows.
    pub fn truncate(&mut self, rows: usize) {
        self.values.truncate(rows * self.width);
    }

    /// Takes a row out.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn remove(&mut self, row: usize) {
        self.values.drain(row * self.width..(row + 1) * self.width);
    }

    /// Adds a row by `fill`, or nothing if that fails.
    ///
    /// # Errors
    /// What `fill` returns.
    ///
    /// # Panics
    /// If the row has another width.
    pub fn push<E>(&mut self, fill: impl FnOnce(&mut Vec<f64>) -> Result<(), E>) -> Result<(), E> {
        let before = self.values.len();
        let filled = fill(&mut self.values);
        match filled {
            Ok(()) => assert_eq!(self.values.len(), before + self.width, "a row of another width"),
            Err(_) => self.values.truncate(before),
        }
        filled
    }
}
