//! Table 1 of Gal & Ghahramani 2016 (<https://arxiv.org/abs/1506.02142>), one hidden layer, 400 epochs: data, settings and one split of it.

use std::{
    error::Error,
    fs,
    path::Path,
    str::FromStr,
    time::{Duration, Instant},
};

use burn::tensor::{Device, Tensor, TensorData};
use burn_zoo::{
    Key, Rate,
    data::Scaler,
    models::{Mlp, MlpConfig, Noise, Task},
    nn::{Init, init_weights_with},
    train::{Examples, OptimizerKind, TrainConfig, fit_epochs},
    uncertainty::{
        MonteCarlo, RegressionPrediction,
        metrics::{Estimate, rmse},
    },
};

/// Errors that may cross threads.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The level of the intervals.
pub const LEVEL: f64 = 0.9;

/// The authors' experiments with one hidden layer: Table 1, 400 epochs; and the same settings for 4000, made later.
pub const EXPERIMENTS: [&str; 2] = ["paper_1layer", "10x_1layer"];

/// One data set, with the settings that the authors found for it and held over all splits.
#[derive(Debug)]
pub struct Set {
    /// Its folder.
    pub name: &'static str,
    /// How many of the splits are run if nothing else is said.
    pub splits: usize,
    /// Of dropping, on inputs and hidden units alike.
    pub rate: f64,
    /// The precision of the noise, in the target's unit to the power of -2.
    pub tau: f64,
    /// The prior length-scale l.
    pub length_scale: f64,
}

/// The data sets of the table that are at hand.
pub const SETS: [Set; 5] = [
    Set { name: "bostonHousing", splits: 20, rate: 0.05, tau: 0.15971, length_scale: 0.01 },
    Set { name: "concrete", splits: 20, rate: 0.01, tau: 0.055732, length_scale: 0.01 },
    Set { name: "energy", splits: 20, rate: 0.05, tau: 0.42711, length_scale: 0.01 },
    Set { name: "naval-propulsion-plant", splits: 5, rate: 0.05, tau: 42173.5, length_scale: 1.0 },
    Set { name: "wine-quality-red", splits: 20, rate: 0.05, tau: 2.95834, length_scale: 0.01 },
];

impl Set {
    /// The largest mean log-likelihood that a fixed tau allows: every target met exactly by every network.
    pub fn ceiling(&self) -> f64 {
        0.5 * (self.tau / std::f64::consts::TAU).ln()
    }

    /// The factor of the squared weights in the loss, for `n` training rows.
    pub fn l2(&self, n: usize) -> f64 {
        self.length_scale.powi(2) * (1.0 - self.rate) / (2.0 * n as f64 * self.tau)
    }
}

/// What the settings leave open.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// 400 in Table 1.
    pub epochs: usize,
    /// 32 in the paper's text, which Table 1 agrees with; 128 in the code that was released later.
    pub batch_size: usize,
    /// T.
    pub passes: usize,
    /// Draws initial weights, orders and masks.
    pub seed: u64,
}

impl Default for Protocol {
    fn default() -> Self {
        Self { epochs: 400, batch_size: 32, passes: 1000, seed: 0 }
    }
}

/// A data set as it is in its folder.
pub struct Data {
    inputs: Vec<Vec<f64>>,
    targets: Vec<f64>,
    /// Row numbers of the training and the test part of each split, in the authors' order.
    splits: Vec<[Vec<usize>; 2]>,
    /// The authors' results of each split.
    pub paper: Vec<Paper>,
}

/// The authors' results of one split.
#[derive(Clone, Copy, Debug)]
pub struct Paper {
    pub rmse: f64,
    pub mean_network_rmse: f64,
    pub log_likelihood: f64,
}

impl Data {
    /// Reads the folder of a set, and the authors' results of one of their experiments ([`EXPERIMENTS`]).
    pub fn read(folder: &Path, experiment: &str) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let features: Vec<usize> = numbers(&read("index_features.txt")?)?;
        let target: usize = read("index_target.txt")?.trim().parse()?;
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for line in read("data.txt")?.lines().filter(|line| !line.trim().is_empty()) {
            let row: Vec<f64> = numbers(line)?;
            let at = |column: usize| row.get(column).copied().ok_or(format!("no column {column} in `{line}`"));
            inputs.push(features.iter().map(|&column| at(column)).collect::<std::result::Result<_, _>>()?);
            targets.push(at(target)?);
        }
        let mut splits: Vec<[Vec<usize>; 2]> = Vec::new();
        for record in csv::Reader::from_reader(read("splits.csv")?.as_bytes()).records() {
            let record = record?;
            let (split, part): (usize, usize) = (record[0].parse()?, usize::from(&record[1] == "test"));
            splits.resize(splits.len().max(split + 1), Default::default());
            splits[split][part] = numbers(&record[2])?;
        }
        let mut paper = Vec::new();
        for record in csv::Reader::from_reader(read("reference_gal2016_bo.csv")?.as_bytes()).records() {
            let record = record?;
            if &record[0] == experiment {
                let [mean_network_rmse, rmse, log_likelihood] =
                    [record[3].parse()?, record[4].parse()?, record[5].parse()?];
                paper.push(Paper { rmse, mean_network_rmse, log_likelihood });
            }
        }
        match splits.len() == paper.len() && splits.iter().flatten().flatten().all(|&row| row < targets.len()) {
            true => Ok(Self { inputs, targets, splits, paper }),
            false => Err(format!("{}: splits, results and rows do not belong together", folder.display()).into()),
        }
    }

    /// The training and the test part of a split.
    pub fn split(&self, number: usize) -> [&[usize]; 2] {
        self.splits[number].each_ref().map(Vec::as_slice)
    }

    /// Rows on the standard scale of `scalers`.
    pub fn examples(&self, rows: &[usize], [of_inputs, of_target]: &[Scaler; 2]) -> burn_zoo::Result<Examples> {
        let targets = rows.iter().flat_map(|&row| of_target.apply(&self.targets[row..=row])).collect();
        Examples::new(self.scaled(rows, of_inputs), targets, rows.len())
    }

    /// Scalers of inputs and target, fitted to some rows.
    pub fn scalers(&self, rows: &[usize]) -> burn_zoo::Result<[Scaler; 2]> {
        Ok([
            Scaler::fit(rows.iter().map(|&row| &self.inputs[row][..]))?,
            Scaler::fit(rows.iter().map(|&row| &self.targets[row..=row]))?,
        ])
    }

    fn scaled(&self, rows: &[usize], of_inputs: &Scaler) -> Vec<f32> {
        rows.iter().flat_map(|&row| of_inputs.apply(&self.inputs[row])).collect()
    }

    fn targets(&self, rows: &[usize]) -> Vec<f64> {
        rows.iter().map(|&row| self.targets[row]).collect()
    }
}

fn numbers<T: FromStr<Err: Error + Send + Sync + 'static>>(text: &str) -> Result<Vec<T>> {
    text.split_whitespace().map(|word| word.parse().map_err(|error: T::Err| error.into())).collect()
}

/// Our results of one split.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Of the Monte Carlo mean.
    pub rmse: f64,
    /// Dropout off: weight scaling.
    pub mean_network_rmse: f64,
    /// With the authors' tau.
    pub log_likelihood: f64,
    /// The precision that a validation fifth of the training part makes most likely.
    pub fitted_tau: f64,
    /// With the fitted tau.
    pub fitted_log_likelihood: f64,
    /// Of the intervals with the fitted tau, about the network that it was fitted to.
    pub coverage: f64,
    /// The same on the test rows with the lower and with the higher predictions.
    pub halves_coverage: [f64; 2],
    /// The same on the fifth that tau was fitted to.
    pub validation_coverage: f64,
    /// Of the intervals with the fitted tau, about the network of the whole training part.
    pub whole_coverage: f64,
    /// Of the intervals with the authors' tau.
    pub paper_tau_coverage: f64,
    /// Optimiser steps of both trainings.
    pub steps: usize,
    /// What they took.
    pub elapsed: Duration,
}

/// Trains on the training part of a split and judges on its test part; does so again with a validation fifth, to fit tau.
pub fn run(data: &Data, set: &Set, split: usize, protocol: &Protocol, device: &Device) -> Result<Outcome> {
    let key = Key::new(protocol.seed).fold_str("uci").fold_str(set.name).fold(split as u64);
    let [train, test] = data.split(split);
    let whole = Network::train(data, set, train, protocol, key.fold_str("whole"), device)?;
    let prediction = whole.monte_carlo(data, test, protocol, key)?;
    let mean_network = whole.mean_network(data, test)?;

    let (fitting, validation) = train.split_at(train.len() * 4 / 5);
    let part = Network::train(data, set, fitting, protocol, key.fold_str("part"), device)?;
    let (of_validation, held_out) = (part.monte_carlo(data, validation, protocol, key)?, data.targets(validation));
    let tau = of_validation.fit_tau(&held_out)?;

    let truth = data.targets(test);
    let coverage = |prediction: &RegressionPrediction| prediction.interval(LEVEL)?.coverage(&truth);
    let log_likelihood = |prediction: &RegressionPrediction| -> burn_zoo::Result<f64> {
        Ok(Estimate::mean(&prediction.log_likelihood(&truth)?)?.value)
    };
    let of_part = part.monte_carlo(data, test, protocol, key)?.with_tau(&tau)?;
    let with_paper_tau = prediction.clone().with_tau(&[set.tau])?;
    let with_fitted_tau = prediction.with_tau(&tau)?;
    Ok(Outcome {
        rmse: rmse(with_paper_tau.mean(), &truth)?.value,
        mean_network_rmse: rmse(mean_network.mean(), &truth)?.value,
        log_likelihood: log_likelihood(&with_paper_tau)?,
        fitted_tau: tau[0],
        fitted_log_likelihood: log_likelihood(&with_fitted_tau)?,
        coverage: coverage(&of_part)?,
        halves_coverage: halves(&of_part, &truth)?,
        validation_coverage: of_validation.with_tau(&tau)?.interval(LEVEL)?.coverage(&held_out)?,
        whole_coverage: coverage(&with_fitted_tau)?,
        paper_tau_coverage: coverage(&with_paper_tau)?,
        steps: whole.steps + part.steps,
        elapsed: whole.elapsed + part.elapsed,
    })
}

/// The coverage of the rows with the lower and with the higher predictions: where one tau is right for all, they are alike.
fn halves(prediction: &RegressionPrediction, truth: &[f64]) -> burn_zoo::Result<[f64; 2]> {
    let interval = prediction.interval(LEVEL)?;
    let mut order: Vec<usize> = (0..truth.len()).collect();
    order.sort_by(|&a, &b| prediction.mean()[a].total_cmp(&prediction.mean()[b]));
    let inside = |row: usize| (interval.lower[row]..=interval.upper[row]).contains(&truth[row]);
    let share = |rows: &[usize]| rows.iter().filter(|&&row| inside(row)).count() as f64 / rows.len() as f64;
    let (low, high) = order.split_at(order.len() / 2);
    Ok([share(low), share(high)])
}

/// The network of one training.
struct Network {
    mlp: Mlp,
    scalers: [Scaler; 2],
    device: Device,
    steps: usize,
    elapsed: Duration,
}

impl Network {
    fn train(
        data: &Data,
        set: &Set,
        rows: &[usize],
        protocol: &Protocol,
        key: Key,
        device: &Device,
    ) -> burn_zoo::Result<Self> {
        let scalers = data.scalers(rows)?;
        let examples = data.examples(rows, &scalers)?;
        let config = config(set, rows.len(), protocol, key);
        let mlp = mlp(set, examples.d_input(), &config, device)?;
        let steps = config.epochs * rows.len().div_ceil(config.batch_size);
        let start = Instant::now();
        let mlp = fit_epochs(mlp, &config, examples, device)?;
        Ok(Self { mlp, scalers, device: device.clone(), steps, elapsed: start.elapsed() })
    }

    fn monte_carlo(
        &self,
        data: &Data,
        rows: &[usize],
        protocol: &Protocol,
        key: Key,
    ) -> burn_zoo::Result<RegressionPrediction> {
        let monte_carlo = MonteCarlo::new(protocol.passes).seed(key.fold_str("passes").to_u64());
        self.in_units(monte_carlo.predict(&self.mlp.regression()?, self.inputs(data, rows))?)
    }

    fn mean_network(&self, data: &Data, rows: &[usize]) -> burn_zoo::Result<RegressionPrediction> {
        self.in_units(MonteCarlo::new(1).mean_network(&self.mlp.regression()?, self.inputs(data, rows))?)
    }

    fn inputs(&self, data: &Data, rows: &[usize]) -> Tensor<2> {
        let values = data.scaled(rows, &self.scalers[0]);
        let width = values.len() / rows.len();
        Tensor::from_data(TensorData::new(values, [rows.len(), width]), &self.device)
    }

    fn in_units(&self, prediction: RegressionPrediction) -> burn_zoo::Result<RegressionPrediction> {
        prediction.in_units(&self.scalers[1].sd, &self.scalers[1].mean)
    }
}

/// The settings of a training on `n` rows.
pub fn config(set: &Set, n: usize, protocol: &Protocol, key: Key) -> TrainConfig {
    TrainConfig::new()
        .with_epochs(protocol.epochs)
        .with_batch_size(protocol.batch_size)
        .with_optimizer(OptimizerKind::Adam)
        .with_learning_rate(1e-3)
        .with_weight_decay(0.0)
        .with_l2(set.l2(n))
        .with_seed(key.to_u64() >> 1) // a seed fits into an i64
}

/// 50 relu units, dropout before both weight layers, and Keras' initial weights.
pub fn mlp(set: &Set, d_input: usize, config: &TrainConfig, device: &Device) -> burn_zoo::Result<Mlp> {
    let rate = Rate::new(set.rate)?;
    let mlp = MlpConfig::new(d_input, Task::Regression { targets: 1, noise: Noise::Constant })
        .with_hidden(vec![50])
        .with_input_rate(rate)
        .with_rates(vec![rate]);
    let init_key = Key::new(config.seed).fold_str("init");
    Ok(init_weights_with(mlp.init(device, init_key), init_key, Init::GlorotUniform))
}
