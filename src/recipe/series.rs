//! From series to a model.

use std::path::Path;

use burn::tensor::Device;

use super::{BURN, INTERVAL, Origin, Outcome, PASSES};
use crate::{
    data::{
        Frame, Split,
        series::{Part, SeriesSchema, Windows},
    },
    error::Result,
    key::{Key, MASK_SCHEME},
    models::LstmConfig,
    settings::ForecastSettings,
    train::{self, Examples, Progress},
    uncertainty::MonteCarlo,
    zoo::{Provenance, SeriesData, SeriesFile, SeriesModel, Weights},
};

/// Origins that a training judges its model from, at most: of more, some are left out, evenly.
const MOST_JUDGED: usize = 2000;

/// Series that are ready to train on: regular, scaled, cut into windows.
#[derive(Clone, Debug)]
pub struct PreparedSeries {
    /// What the model will read and forecast.
    pub schema: SeriesSchema,
    /// The windows, of which those of each part have their targets in it.
    pub windows: Windows,
    /// The network.
    pub config: LstmConfig,
    /// How many windows do what, as numbers one after the other.
    pub split: Split,
    /// What a user should be told, one line each.
    pub notes: Vec<String>,
    settings: ForecastSettings,
}

/// Trains an [`Lstm`](crate::models::Lstm) to forecast the series of a table: [`prepare_series`], then [`PreparedSeries::train`].
///
/// # Errors
/// As those two.
///
/// # Examples
/// ```no_run
/// use burn::tensor::Device;
/// use burn_zoo::{data::series, recipe::{self, Origin}, settings::ForecastSettings, train::Quiet, uncertainty::MonteCarlo};
///
/// # #[cfg(feature = "flex")] {
/// let airline = series::find("airline")?;
/// let settings = ForecastSettings { data: airline.settings(), ..ForecastSettings::default() };
/// let origin = Origin::of_built_in("airline", airline.sha256(), "my program", "flex");
/// let model = recipe::train_series(&airline.frame(), &settings, origin, &Device::flex(), Quiet)?.model;
/// let (_, windows) = model.read(&airline.frame())?;
/// let forecast = &model.forecast(&windows, &windows.last_origins(), 24, &MonteCarlo::new(50))?[0];
/// println!("{:?} {:?}", forecast.mean(), forecast.interval(0.9)?);
/// # }
/// # Ok::<(), burn_zoo::Error>(())
/// ```
pub fn train_series(
    frame: &Frame,
    settings: &ForecastSettings,
    origin: Origin,
    device: &Device,
    progress: impl Progress + 'static,
) -> Result<Outcome<SeriesModel>> {
    prepare_series(frame, settings)?.train(origin, device, progress, None)
}

/// Makes regular series of a table, and finds out what the model will read.
///
/// # Errors
/// As [`SeriesSchema::fit`]; [`Error::Config`](crate::Error::Config) for settings that do not fit together or the table.
pub fn prepare_series(frame: &Frame, settings: &ForecastSettings) -> Result<PreparedSeries> {
    settings.check()?;
    let (schema, panel) = SeriesSchema::fit(frame, &settings.data, &settings.schema)?;
    let windows = Windows::new(&schema, &panel)?;
    let config = settings.model.checked(windows.shape())?;
    let train = windows.origins_every(Part::Train, settings.data.stride).len();
    let (valid, test) = (windows.origins(Part::Valid).len(), windows.origins(Part::Test).len());
    let part = |first: usize, rows: usize| (first..first + rows).collect();
    let split = Split { train: part(0, train), valid: part(train, valid), test: part(train + valid, test) };
    Ok(PreparedSeries { schema, windows, config, split, notes: panel.notes, settings: settings.clone() })
}

impl PreparedSeries {
    /// Trains on the windows of the training part, changed as the settings say, fits the noise to those of the validation part, and looks at the test part
    /// once, at the end: from at most some 2000 origins.
    ///
    /// With a file `checkpoint`, an interrupted training goes on ([`train::fit_from`]).
    ///
    /// # Errors
    /// As [`train::fit_from`].
    pub fn train(
        self,
        origin: Origin,
        device: &Device,
        progress: impl Progress + 'static,
        checkpoint: Option<&Path>,
    ) -> Result<Outcome<SeriesModel>> {
        self.trained(origin, device, Box::new(progress), checkpoint)
    }

    /// Not generic, so that it is compiled once, here, and not in every program that trains.
    fn trained(
        self,
        origin: Origin,
        device: &Device,
        progress: Box<dyn Progress>,
        checkpoint: Option<&Path>,
    ) -> Result<Outcome<SeriesModel>> {
        let ForecastSettings { train: config, data, augment, schema: said, .. } = self.settings;
        let windows = self.windows;
        let of_train = windows.origins_every(Part::Train, data.stride);
        let examples = |origins: &[_]| {
            let (inputs, targets) = windows.rows(origins)?;
            Examples::new(inputs, targets, origins.len())
        };
        let (mut train, valid) = (examples(&of_train)?, examples(&windows.origins(Part::Valid))?);
        if !augment.is_none() {
            let name = toml::to_string(&augment).expect("settings are TOML");
            let (augment, windows) = (augment.clone(), windows.clone());
            train = train.with_renewal(name, move |row, input, target, key| {
                augment.renew(&windows, of_train[row], input, target, key);
            });
        }
        let lstm = self.config.init(device, Key::new(config.seed).fold_str("init"));
        let trained = train::fit_from(lstm, &config, [train, valid], device, progress, checkpoint)?;
        let [first, second] = [origin.data, origin.sha256].map(|all| all.into_iter().next().unwrap_or_default());
        let file = SeriesFile {
            schema: SeriesFile::LAYOUT,
            family: "lstm".to_string(),
            kind: SeriesFile::KIND.to_string(),
            mask_scheme: MASK_SCHEME,
            correlation: 0.0,
            provenance: Provenance {
                command: origin.command,
                version: env!("CARGO_PKG_VERSION").to_string(),
                burn: BURN.to_string(),
                device: origin.device,
                best_epoch: trained.best_epoch,
            },
            data: SeriesData {
                name: first,
                sha256: second,
                windows: self.split.parts().map(<[usize]>::len),
                reading: origin.reading,
                settings: data,
                schema: said,
            },
            series: self.schema,
            model: self.config,
            train: config,
            augment,
            tau: None,
            weights: Weights::default(),
            test: None,
        };
        let monte_carlo = MonteCarlo::new(PASSES);
        let model = SeriesModel::new(file, trained.model, device).with_noise(&windows, &monte_carlo)?;
        let stride = windows.origins(Part::Test).len().div_ceil(MOST_JUDGED);
        let test = model.evaluate(&windows, Part::Test, stride, &monte_carlo, INTERVAL)?.all;
        let file = SeriesFile { test: Some(test), ..model.file().clone() };
        Ok(Outcome { model: model.described(file), curve: trained.curve, split: self.split })
    }
}
