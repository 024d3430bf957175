//! From a table to a model: split, scale, train, fit the noise, judge.

use burn::tensor::Device;

use crate::{
    data::{Scaler, Split, Table},
    error::{Error, Result},
    key::{Key, MASK_SCHEME},
    models::Noise,
    settings::Settings,
    train::{self, Epoch, Examples, Progress},
    uncertainty::MonteCarlo,
    zoo::{Data, Model, ModelFile, Provenance, Scaling, Tau, Weights},
};

/// Passes of the Monte Carlo prediction that tau is fitted to and the test part is judged by.
pub const PASSES: usize = 50;
/// The level of the interval that the test part is judged by.
pub const INTERVAL: f64 = 0.9;

/// What a table is called, and what came before the training.
#[derive(Clone, Debug)]
pub struct Origin {
    /// A built-in table, or a file.
    pub data: String,
    /// Of the table as CSV.
    pub sha256: String,
    /// What trains the model.
    pub command: String,
    /// The device's name.
    pub device: String,
}

/// A trained model, and how it got there.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// With its scores on the test part.
    pub model: Model,
    /// The epochs that were run.
    pub curve: Vec<Epoch>,
    /// Which rows did what.
    pub split: Split,
}

/// Trains an [`Mlp`](crate::models::Mlp) to predict the column `target` of a table of numbers from the others.
///
/// The standardisation is fitted to the training part only. The noise's precision tau is fitted to the validation part, which also stopped the
/// training; the test part is looked at once, at the end.
///
/// # Errors
/// [`Error::Unknown`] for a target that is no column; [`Error::Config`], [`Error::Value`] and [`Error::Training`] as [`train::fit`].
pub fn train_mlp(
    table: &Table,
    target: &str,
    settings: &Settings,
    origin: Origin,
    device: &Device,
    progress: impl Progress + 'static,
) -> Result<Outcome> {
    settings.check()?;
    let (features, targets) = table.without(target)?;
    let run = Key::new(settings.train.seed);
    let split = Split::random(table.rows(), settings.data.split, run.fold_str("split"))?;
    let part = |rows: &[usize]| (features.select(rows), rows.iter().map(|&row| targets[row]).collect::<Vec<f64>>());
    let [train, valid, test] = [&split.train, &split.valid, &split.test].map(|rows| part(rows));

    let scaling = Scaling { features: Scaler::fit(train.0.iter())?, targets: Scaler::fit(train.1.chunks(1))? };
    if train.1.iter().all(|y| *y == train.1[0]) {
        return Err(Error::Value {
            place: format!("column `{target}`"),
            value: train.1[0].to_string(),
            expected: "a target that varies: every row of the training part has this value",
        });
    }
    let examples = |(features, targets): &(Table, Vec<f64>)| {
        let inputs = features.iter().flat_map(|row| scaling.features.apply(row)).collect();
        let outputs = targets.chunks(1).flat_map(|row| scaling.targets.apply(row)).collect();
        Examples::new(inputs, outputs, features.rows())
    };

    let chosen = &settings.model;
    let config = chosen.config(features.columns().len(), 1);
    config.check()?; // no features at all
    let mlp = config.init(device, run.fold_str("init"));
    let trained = train::fit(mlp, &settings.train, [examples(&train)?, examples(&valid)?], device, progress)?;

    let file = ModelFile {
        schema: 1,
        family: "mlp".to_string(),
        mask_scheme: MASK_SCHEME,
        provenance: Provenance {
            command: origin.command,
            version: env!("CARGO_PKG_VERSION").to_string(),
            device: origin.device,
            best_epoch: trained.best_epoch,
        },
        data: Data {
            name: origin.data,
            sha256: origin.sha256,
            split: settings.data.split,
            rows: [train.0.rows(), valid.0.rows(), test.0.rows()],
            features: features.columns().to_vec(),
            targets: vec![target.to_string()],
        },
        model: config,
        train: settings.train.clone(),
        scaling: scaling.clone(),
        tau: None,
        weights: Weights { params: 0, bytes: 0, sha256: String::new() },
        test: None,
    };
    let monte_carlo = MonteCarlo::new(PASSES);
    let mut model = Model::new(file, trained.model, device);
    if chosen.noise == Noise::Constant {
        let rows: Vec<&[f64]> = valid.0.iter().collect();
        let tau = Tau {
            monte_carlo: model.predict(&rows, &monte_carlo)?.regression()?.fit_tau(&valid.1)?,
            mean_network: model.predict_mean(&rows)?.regression()?.fit_tau(&valid.1)?,
        };
        let file = ModelFile { tau: Some(tau), ..model.file().clone() };
        model = model.described(file);
    }
    if chosen.noise != Noise::None {
        let rows: Vec<&[f64]> = test.0.iter().collect();
        let scores = model.evaluate(&rows, &test.1, &monte_carlo, INTERVAL)?;
        let file = ModelFile { test: Some(scores), ..model.file().clone() };
        model = model.described(file);
    }
    Ok(Outcome { model, curve: trained.curve, split })
}
