//! From pictures to a model.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    path::Path,
};

use burn::tensor::Device;

use super::{BURN, Outcome, PASSES, class_targets, copies, frequencies};
use crate::{
    data::{
        Split,
        image::{ImageData, Images, Labelled, Normalisation},
    },
    error::{Error, Result},
    key::{Key, MASK_SCHEME},
    models::{CnnConfig, Task},
    settings::CnnSettings,
    train::{self, Examples, Progress},
    uncertainty::MonteCarlo,
    zoo::{ImageFile, ImageModel, Pictures, Provenance, Weights},
};

/// What trains a model of pictures, and where.
#[derive(Clone, Debug)]
pub struct ImageOrigin {
    /// The command.
    pub command: String,
    /// The device's name.
    pub device: String,
}

/// Pictures that are ready to train on: which do what, and what is predicted.
#[derive(Clone, Debug)]
pub struct PreparedImages {
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The network, with the shape of the pictures and the kind of prediction.
    pub config: CnnConfig,
    /// Which pictures do what; those of an official test part have numbers of their own.
    pub split: Split,
    /// What a user should be told, one line each.
    pub notes: Vec<String>,
    settings: CnnSettings,
    source: String,
    sha256: String,
    parts: [Labelled; 3],
}

/// Trains a [`Cnn`](crate::models::Cnn) to tell the classes of pictures: [`prepare_images`], then [`PreparedImages::train`].
///
/// # Errors
/// As those two.
///
/// # Examples
/// ```no_run
/// use burn::tensor::Device;
/// use burn_zoo::{data::image::ImageSource, recipe::{self, ImageOrigin}, settings::CnnSettings, train::Quiet};
///
/// # #[cfg(feature = "flex")] {
/// let settings = CnnSettings::variant("lenet")?;
/// let source: ImageSource = "fashion-mnist:data/fashion-mnist".parse()?;
/// let data = source.read(&settings.data.reading)?;
/// let origin = ImageOrigin { command: "my program".to_string(), device: "flex".to_string() };
/// let outcome = recipe::train_cnn(data, &source.to_string(), &settings, origin, &Device::flex(), Quiet)?;
/// # }
/// # Ok::<(), burn_zoo::Error>(())
/// ```
pub fn train_cnn(
    data: ImageData,
    source: &str,
    settings: &CnnSettings,
    origin: ImageOrigin,
    device: &Device,
    progress: impl Progress + 'static,
) -> Result<Outcome<ImageModel>> {
    prepare_images(data, source, settings)?.train(origin, device, progress, None)
}

/// Deals the pictures out, by class, and finds out what is predicted. An official test part stays one.
///
/// # Errors
/// [`Error::Config`] for settings that do not fit together or the pictures; [`Error::Data`] for pictures that there is nothing to learn from.
pub fn prepare_images(data: ImageData, source: &str, settings: &CnnSettings) -> Result<PreparedImages> {
    settings.check()?;
    let ImageData { classes, train, test, sha256, mut notes } = data;
    let refuse = |reason: String| Error::Data { place: source.to_string(), reason };
    if let [only] = &classes[..] {
        return Err(refuse(format!("one class only, `{only}`: nothing to learn")));
    }
    let task = if classes.len() == 2 { Task::Binary } else { Task::MultiClass { classes: classes.len() } };
    let config = settings.model.checked(train.images.shape(), task)?;
    let (shares, key) = (settings.data.split, Key::new(settings.train.seed).fold_str("split"));
    let split = match &test {
        Some(test) => Split::stratified_beside(&train.labels, shares, test.labels.len(), key),
        None => Split::stratified(&train.labels, shares, key),
    };
    // The shares are checked: there are too few pictures.
    let split = split.map_err(|few| refuse(few.to_string()))?;
    let part = |rows: &[usize]| select(&train, rows);
    let parts = [part(&split.train), part(&split.valid), test.unwrap_or_else(|| part(&split.test))];
    let shares = frequencies(&parts[0].labels, classes.len());
    if let Some(class) = shares.iter().position(|share| *share == 0.0) {
        let name = &classes[class];
        return Err(refuse(format!(
            "no picture of the training part is of the class `{name}`: add some, or leave it out"
        )));
    }
    let numbers = parts.each_ref().map(|part| (0..part.images.rows()).map(|i| number(part.images.row(i))).collect());
    notes.extend(copies("pictures are copies of others, pixel by pixel", numbers));
    let (settings, source) = (settings.clone(), source.to_string());
    Ok(PreparedImages { classes, config, split, notes, settings, source, sha256, parts })
}

/// Some of the pictures.
fn select(pictures: &Labelled, rows: &[usize]) -> Labelled {
    Labelled {
        images: pictures.images.select(rows),
        labels: rows.iter().map(|&row| pictures.labels[row]).collect(),
        names: Vec::new(),
    }
}

/// A number that pictures have in common if they are alike.
fn number(pixels: &[f32]) -> u64 {
    let mut hasher = DefaultHasher::new(); // the same keys in every run
    bytemuck::cast_slice::<f32, u8>(pixels).hash(&mut hasher);
    hasher.finish()
}

impl PreparedImages {
    /// Trains on pictures on the standard scale of the training part, changed as the settings say, and looks at the test part once, at the end.
    ///
    /// With a file `checkpoint`, an interrupted training goes on ([`train::fit_from`]).
    ///
    /// # Errors
    /// As [`train::fit_from`].
    pub fn train(
        self,
        origin: ImageOrigin,
        device: &Device,
        progress: impl Progress + 'static,
        checkpoint: Option<&Path>,
    ) -> Result<Outcome<ImageModel>> {
        self.trained(origin, device, Box::new(progress), checkpoint)
    }

    /// Not generic, so that it is compiled once, here, and not in every program that trains.
    fn trained(
        self,
        origin: ImageOrigin,
        device: &Device,
        progress: Box<dyn Progress>,
        checkpoint: Option<&Path>,
    ) -> Result<Outcome<ImageModel>> {
        let CnnSettings { train: config, data, augment, .. } = self.settings;
        let (shape, classes) = (self.config.input, self.classes.len());
        let rows = self.parts.each_ref().map(|part| part.labels.len());
        let [train, valid, test] = self.parts;
        let shares = frequencies(&train.labels, classes);
        let normalisation = Normalisation::of(&train.images);
        let examples = |images: Images, labels: &[usize]| {
            let values = normalisation.apply(images).into_values();
            Examples::new(values, class_targets(labels, classes), labels.len())
        };
        let (mut train, valid) = (examples(train.images, &train.labels)?, examples(valid.images, &valid.labels)?);
        if !augment.is_none() {
            let name = toml::to_string(&augment).expect("settings are TOML");
            let (augment, normalisation) = (augment.clone(), normalisation.clone());
            let change = move |pixels: &mut [f32], key: Key| augment.apply(pixels, shape, &normalisation, key);
            train = train.with_augmentation(name, change);
        }
        let cnn = self.config.init(device, Key::new(config.seed).fold_str("init"));
        let trained = train::fit_from(cnn, &config, [train, valid], device, progress, checkpoint)?;
        let file = ImageFile {
            schema: ImageFile::LAYOUT,
            family: "cnn".to_string(),
            mask_scheme: MASK_SCHEME,
            classes: self.classes,
            provenance: Provenance {
                command: origin.command,
                version: env!("CARGO_PKG_VERSION").to_string(),
                burn: BURN.to_string(),
                device: origin.device,
                best_epoch: trained.best_epoch,
            },
            data: Pictures { source: self.source, sha256: self.sha256, rows, frequencies: shares, settings: data },
            model: self.config,
            train: config,
            normalisation,
            augment,
            weights: Weights::default(),
            test: None,
        };
        let model = ImageModel::new(file, trained.model, device).judged(&test, &MonteCarlo::new(PASSES))?;
        Ok(Outcome { model, curve: trained.curve, split: self.split })
    }
}
