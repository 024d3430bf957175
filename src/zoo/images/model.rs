//! A trained model of pictures with its preprocessing.

use std::{ops::Range, path::Path};

use burn::tensor::{Device, Tensor, TensorData};

use super::file::ImageFile;
use crate::{
    data::image::{ImageReading, Images, Labelled},
    error::{Error, Result},
    models::Cnn,
    uncertainty::{ClassPrediction, MonteCarlo},
    zoo::{
        Evaluation, Scores,
        weights::{Precision, Weights, saved},
    },
};

/// A trained model with its preprocessing: pictures in, classes with their uncertainty out.
#[derive(Clone, Debug)]
pub struct ImageModel {
    file: ImageFile,
    cnn: Cnn,
    device: Device,
}

saved!(ImageModel, ImageFile, cnn: Cnn);

impl ImageModel {
    /// A model of its description and its network; the description's `weights` are filled in.
    ///
    /// # Panics
    /// When it is used, if the network is not the one described.
    pub fn new(mut file: ImageFile, cnn: Cnn, device: &Device) -> Self {
        (_, file.weights) = Weights::pack(&cnn, file.model.parameters(), file.weights.dtype);
        Self { file, cnn, device: device.clone() }
    }

    /// The same model with kernels and matrices rounded to `f16`, which halves the file of its weights. Its scores are those of the weights as they were:
    /// look again whether they hold ([`evaluate`](Self::evaluate)).
    ///
    /// # Errors
    /// [`Error::Model`] for a weight that is none in `f16`: beyond 65504.
    pub fn with_half_weights(self) -> Result<Self> {
        let (bytes, weights) = Weights::pack(&self.cnn, Some(self.file.weights.params), Precision::F16);
        Self::from_parts(ImageFile { weights, ..self.file }, &bytes, Path::new("f16"), &self.device)
    }

    /// The same model with its scores on these pictures in its description: a test part, which nothing was chosen by.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub fn judged(self, test: &Labelled, monte_carlo: &MonteCarlo) -> Result<Self> {
        let scores = self.evaluate(test, monte_carlo)?;
        Ok(Self { file: ImageFile { test: Some(scores), ..self.file }, ..self })
    }

    /// The names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.file.classes
    }

    /// How pictures are read for this model: they all get the size and the channels that it was trained on.
    pub fn reading(&self) -> ImageReading {
        self.file.reading()
    }

    /// What many sampled networks say together about pictures.
    ///
    /// # Errors
    /// [`Error::NoRows`]; [`Error::Data`] for pictures of another shape than [`reading`](Self::reading) gives; and as [`MonteCarlo::predict`].
    pub fn predict(&self, images: &Images, monte_carlo: &MonteCarlo) -> Result<ClassPrediction> {
        self.within(monte_carlo).predict(&self.cnn, self.normalise(images)?)?.classes()
    }

    /// The same in blocks of pictures: `each` gets the range of their numbers and their prediction.
    ///
    /// # Errors
    /// As [`predict`](Self::predict), and what `each` returns.
    pub fn predict_each(
        &self,
        images: &Images,
        monte_carlo: &MonteCarlo,
        mut each: impl FnMut(Range<usize>, ClassPrediction) -> Result<()>,
    ) -> Result<()> {
        let inputs = self.normalise(images)?;
        let monte_carlo = self.within(monte_carlo);
        monte_carlo.predict_each(&self.cnn, inputs, |range, prediction| each(range, prediction.classes()?))
    }

    /// What the mean network says about pictures.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn predict_mean(&self, images: &Images) -> Result<ClassPrediction> {
        self.within(&MonteCarlo::new(1)).mean_network(&self.cnn, self.normalise(images)?)?.classes()
    }

    /// What somebody says who knows nothing but the training part's shares of classes.
    ///
    /// # Errors
    /// [`Error::NoRows`].
    pub fn predict_baseline(&self, rows: usize) -> Result<ClassPrediction> {
        ClassPrediction::constant(&self.file.data.frequencies, rows)
    }

    /// The scores of the Monte Carlo prediction, the mean network and the baseline on pictures whose labels are places in [`classes`](Self::classes).
    ///
    /// # Errors
    /// As [`predict`](Self::predict), and as [`ClassPrediction::scores`].
    pub fn evaluate(&self, pictures: &Labelled, monte_carlo: &MonteCarlo) -> Result<Evaluation> {
        let Labelled { images, labels, .. } = pictures;
        let (sampled, mean) = (self.predict(images, monte_carlo)?, self.predict_mean(images)?);
        self.judge(&sampled, &mean, labels)
    }

    /// The scores of predictions that are there already: of many sampled networks, and of the mean network.
    ///
    /// # Errors
    /// As [`ClassPrediction::scores`].
    pub fn judge(&self, sampled: &ClassPrediction, mean: &ClassPrediction, labels: &[usize]) -> Result<Evaluation> {
        let scores = |prediction: &ClassPrediction| prediction.scores(labels).map(Scores::Classes);
        Ok(Evaluation {
            passes: sampled.passes(),
            interval: None,
            monte_carlo: scores(sampled)?,
            mean_network: scores(mean)?,
            baseline: scores(&self.predict_baseline(labels.len())?)?,
        })
    }

    /// Labels that are places in `classes` as places in the model's.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a class that the model does not know, if a label is of it.
    pub fn labels(&self, classes: &[String], labels: &[usize]) -> Result<Vec<usize>> {
        let place = |name: &String| self.classes().iter().position(|known| known == name);
        let places: Vec<Option<usize>> = classes.iter().map(place).collect();
        let of = |&label: &usize| {
            places[label].ok_or_else(|| Error::unknown("class", &classes[label], self.classes().iter().cloned()))
        };
        labels.iter().map(of).collect()
    }

    /// Fewer pictures at a time where maps are large.
    fn within(&self, monte_carlo: &MonteCarlo) -> MonteCarlo {
        monte_carlo.clone().chunk_within(self.cnn.rows_at_once())
    }

    /// Pictures on the scale that the network was trained on.
    ///
    /// # Shapes
    /// - output: `[pictures, channels, height, width]`
    fn normalise(&self, images: &Images) -> Result<Tensor<4>> {
        let (expected, found) = (self.file.model.input, images.shape());
        if expected != found {
            let reason = format!(
                "{found:?} (channels, height, width): the model reads {expected:?}: read them by `ImageModel::reading`"
            );
            return Err(Error::Data { place: "pictures".to_string(), reason });
        }
        if images.rows() == 0 {
            return Err(Error::NoRows);
        }
        let ([channels, height, width], rows) = (expected, images.rows());
        let values = self.file.normalisation.apply(images.clone()).into_values();
        Ok(Tensor::from_data(TensorData::new(values, [rows, channels, height, width]), &self.device))
    }
}
