//! A trained model of series with its preprocessing.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};

use super::{
    file::{ForecastEvaluation, SeriesFile},
    forecast::Forecast,
};
use crate::{
    data::{
        Frame,
        series::{Origin, Panel, Part, Windows},
    },
    error::{Error, Result},
    key::Key,
    models::Lstm,
    outputs::{Gaussian, Point},
    pass::Pass,
    stochastic::{Joinable, Predictive, Samples, Stochastic},
    uncertainty::{Baseline, ForecastScores, Judged, MonteCarlo, RegressionPrediction, crps_of_gaussian},
    zoo::weights::{Precision, Weights, saved},
};
#[cfg(feature = "train")]
use crate::{
    models::{Noise, Task},
    zoo::Tau,
};

/// A trained model with its preprocessing: tables of series in, forecasts with their uncertainty out.
#[derive(Clone, Debug)]
pub struct SeriesModel {
    file: SeriesFile,
    lstm: Lstm,
    device: Device,
}

/// A path, on the model's scale.
#[derive(Clone, Debug, Default)]
struct Walk {
    /// `[steps, targets]`
    z: Vec<f32>,
    /// The noise of each target at the last step, in standard deviations.
    errors: Vec<f64>,
}

/// How good forecasts are from many origins, in all and at each step of the horizon.
#[derive(Clone, Debug, PartialEq)]
pub struct Rolling {
    /// In all.
    pub all: ForecastEvaluation,
    /// At each step.
    pub steps: Vec<ForecastEvaluation>,
}

/// Paths that the intervals of a forecast are quantiles of, where they are: some of each sampled network.
pub const PATHS: usize = 1000;
/// Origins whose paths are in memory at a time, and rows of a forward pass.
const ORIGINS: usize = 64;
const ROWS: usize = 2048;

saved!(SeriesModel, SeriesFile, lstm: Lstm);

impl SeriesModel {
    /// A model of its description and its network; the description's `weights` are filled in.
    ///
    /// # Panics
    /// When it is used, if the network is not the one described.
    pub fn new(mut file: SeriesFile, lstm: Lstm, device: &Device) -> Self {
        (_, file.weights) = Weights::pack(&lstm, file.model.parameters(), file.weights.dtype);
        Self { file, lstm, device: device.clone() }
    }

    /// The same model with matrices rounded to `f16`, which halves the file of its weights. Its scores are those of the weights as they were.
    ///
    /// # Errors
    /// [`Error::Model`] for a weight that is none in `f16`: beyond 65504.
    pub fn with_half_weights(self) -> Result<Self> {
        let (bytes, weights) = Weights::pack(&self.lstm, Some(self.file.weights.params), Precision::F16);
        Self::from_parts(SeriesFile { weights, ..self.file }, &bytes, Path::new("f16"), &self.device)
    }

    /// The same model with another description of everything but the network.
    #[cfg(feature = "train")]
    pub(crate) fn described(self, file: SeriesFile) -> Self {
        Self { file, ..self }
    }

    /// The series of a table, and their windows.
    ///
    /// # Errors
    /// As [`SeriesSchema::read`](crate::data::series::SeriesSchema::read).
    pub fn read(&self, frame: &Frame) -> Result<(Panel, Windows)> {
        let panel = self.file.series.read(frame)?;
        let windows = Windows::new(&self.file.series, &panel)?;
        Ok((panel, windows))
    }

    /// What many sampled networks say of so many steps behind each origin.
    ///
    /// Up to the horizon, and without differences, each step's law is the mixture of the networks' laws, exactly. Else it is that of some
    /// 1000 paths, some of each network: differences are added up along them, and behind the horizon the networks read what was sampled.
    ///
    /// # Errors
    /// [`Error::NoRows`] for no origin; [`Error::Config`] for no step; as [`Windows::input`], [`Windows::input_after`] and [`MonteCarlo::predict`].
    pub fn forecast(
        &self,
        windows: &Windows,
        origins: &[Origin],
        steps: usize,
        monte_carlo: &MonteCarlo,
    ) -> Result<Vec<Forecast>> {
        let networks: Vec<Key> = (0..monte_carlo.passes()).map(|pass| monte_carlo.key(pass)).collect();
        self.forecast_by(windows, origins, steps, Some(&networks), monte_carlo)
    }

    /// What the mean network (weight scaling) says, with a tau of its own, for comparison.
    ///
    /// # Errors
    /// As [`forecast`](Self::forecast).
    pub fn forecast_mean(&self, windows: &Windows, origins: &[Origin], steps: usize) -> Result<Vec<Forecast>> {
        self.forecast_by(windows, origins, steps, None, &MonteCarlo::new(1))
    }

    /// Joint paths of so many steps behind each origin, in the targets' unit: `paths[i][origin]` is `[steps, targets]`, one step after the other. Each path
    /// is of one sampled network, the i-th of the seed, with the noise of the data in it: what adds up along a path has the right law.
    ///
    /// # Errors
    /// As [`forecast`](Self::forecast).
    pub fn paths(
        &self,
        windows: &Windows,
        origins: &[Origin],
        steps: usize,
        paths: usize,
        seed: u64,
    ) -> Result<Vec<Vec<Vec<f64>>>> {
        self.check(origins, steps)?;
        let monte_carlo = MonteCarlo::new(paths.max(1)).seed(seed);
        let networks: Vec<Key> = (0..paths).map(|path| monte_carlo.key(path)).collect();
        self.audit(windows, origins[0], &monte_carlo)?;
        self.sampled(windows, origins, steps, Some(&networks), 1, &monte_carlo)
    }

    /// That there are origins, and steps that can be forecast.
    fn check(&self, origins: &[Origin], steps: usize) -> Result<()> {
        if origins.is_empty() {
            return Err(Error::NoRows);
        }
        if !(1..=MOST_STEPS).contains(&steps) {
            return Err(Error::config("steps", steps, format!("1 to {MOST_STEPS}")));
        }
        let (horizon, observed) = (self.file.series.horizon, self.file.series.observed.names().collect::<Vec<_>>());
        if steps > horizon && !observed.is_empty() {
            let are = if observed.len() == 1 { "is" } else { "are" };
            let names = observed.join("`, `");
            let expected = format!("at most {horizon}: `{names}` {are} not known of the steps to come");
            return Err(Error::config("steps", steps, expected));
        }
        Ok(())
    }

    /// That the first network draws what it should, and whether it ever drops anything.
    fn audit(&self, windows: &Windows, origin: Origin, monte_carlo: &MonteCarlo) -> Result<bool> {
        let input = windows.input(origin)?;
        let width = input.len();
        Ok(monte_carlo.audit(&self.lstm, &self.tensor(input, width))?.all_rates_zero())
    }

    fn forecast_by(
        &self,
        windows: &Windows,
        origins: &[Origin],
        steps: usize,
        networks: Option<&[Key]>,
        monte_carlo: &MonteCarlo,
    ) -> Result<Vec<Forecast>> {
        self.check(origins, steps)?;
        // Networks that never drop anything are one.
        let same = networks.is_some() && self.audit(windows, origins[0], monte_carlo)?;
        let networks = if same { networks.map(|keys| &keys[..1]) } else { networks };
        let series = &self.file.series;
        let exact = steps <= series.horizon && series.transform.lag() == 0;
        let passes = networks.map_or(1, <[Key]>::len);
        let draws = PATHS.div_ceil(passes).max(2);
        let targets = series.targets.len();
        let mut forecasts = Vec::with_capacity(origins.len());
        for origins in origins.chunks(ORIGINS) {
            let is_exact = |origin: &Origin| exact && !windows.scale(*origin).constant.contains(&true);
            let (mixtures, paths): (Vec<Origin>, Vec<Origin>) = origins.iter().partition(|origin| is_exact(origin));
            let mut of = Vec::with_capacity(origins.len());
            if !mixtures.is_empty() {
                let samples = self.outputs(windows, &mixtures, networks)?;
                for (row, &origin) in mixtures.iter().enumerate() {
                    let prediction = self.in_units(windows, origin, &samples, row, networks.is_some())?;
                    of.push(Forecast::of_mixture(origin, targets, steps, prediction)?);
                }
            }
            if !paths.is_empty() {
                let sampled = self.sampled(windows, &paths, steps, networks, draws, monte_carlo)?;
                for (at, &origin) in paths.iter().enumerate() {
                    let of_origin: Vec<Vec<f64>> = sampled.iter().map(|path| path[at].clone()).collect();
                    of.push(Forecast::of_paths(origin, targets, &of_origin, draws)?);
                }
            }
            of.sort_by_key(|forecast| origins.iter().position(|origin| *origin == forecast.origin));
            forecasts.extend(of);
        }
        Ok(forecasts)
    }

    /// The law of the networks' mixture at one origin, in the targets' unit.
    fn in_units(
        &self,
        windows: &Windows,
        origin: Origin,
        samples: &Samples,
        row: usize,
        sampled: bool,
    ) -> Result<RegressionPrediction> {
        let ([passes, _, width], horizon) = (samples.dims(), self.file.series.horizon);
        let values = (0..passes).flat_map(|pass| samples.row(pass, row)).copied().collect();
        let one = Samples::new([passes, 1, width], values);
        let scale = windows.scale(origin);
        let all = |values: &[f64]| values.iter().copied().cycle().take(horizon * values.len()).collect::<Vec<f64>>();
        let (sd, mean) = (all(&scale.sd), all(&scale.mean));
        let prediction = match self.tau(sampled) {
            Some(tau) => {
                let tau: Vec<f64> = tau.iter().zip(&sd).map(|(tau, sd)| tau / (sd * sd)).collect();
                Point::summarise((), one)?.in_units(&sd, &mean)?.with_tau(&tau)?
            }
            None => Gaussian::summarise((), one)?.in_units(&sd, &mean)?,
        };
        if self.file.series.transform.is_log() { prediction.exponentiated() } else { Ok(prediction) }
    }

    /// The precision of the noise, if it is constant.
    fn tau(&self, sampled: bool) -> Option<&[f64]> {
        self.file.tau.as_ref().map(|tau| if sampled { &tau.monte_carlo[..] } else { &tau.mean_network })
    }

    /// What networks, or the mean network, say at some origins, on the model's scale.
    fn outputs(&self, windows: &Windows, origins: &[Origin], networks: Option<&[Key]>) -> Result<Samples> {
        let passes: Vec<Pass<'_>> = match networks {
            Some(keys) => keys.iter().map(|&key| Pass::network(key)).collect(),
            None => vec![Pass::mean()],
        };
        let mut all: Option<Samples> = None;
        for origins in origins.chunks(ROWS) {
            let mut inputs = Vec::with_capacity(origins.len() * windows.shape().d_input());
            for &origin in origins {
                inputs.extend(windows.input(origin)?);
            }
            let tensor = self.tensor(inputs, windows.shape().d_input());
            let mut outputs: Vec<Option<Tensor<2>>> = vec![None; passes.len()];
            self.lstm.run_many(tensor, &passes, &mut |number, output| outputs[number] = Some(output.packed()));
            let outputs: Vec<Tensor<2>> = outputs.into_iter().map(|output| output.expect("every pass runs")).collect();
            let (passes, [rows, width]) = (outputs.len(), outputs[0].dims());
            let samples = Samples::new([passes, rows, width], self.numbers(Tensor::cat(outputs, 0), rows)?);
            match &mut all {
                Some(all) => all.join(samples),
                None => all = Some(samples),
            }
        }
        all.ok_or(Error::NoRows)
    }

    fn tensor(&self, values: Vec<f32>, width: usize) -> Tensor<2> {
        let rows = values.len() / width;
        Tensor::from_data(TensorData::new(values, [rows, width]), &self.device)
    }

    /// The numbers of passes of so many rows each.
    fn numbers(&self, tensor: Tensor<2>, rows: usize) -> Result<Vec<f32>> {
        let width = tensor.dims()[1];
        let values = tensor.try_into_vec_as::<f32>().map_err(|error| Error::Device {
            device: "of the model".to_string(),
            reason: format!("reading the output failed: {error}"),
        })?;
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(Error::NotFinite { row: at / width % rows, pass: at / (width * rows), value: values[at] }),
            None => Ok(values),
        }
    }

    /// Paths, `draws` of each network one after the other: `[networks * draws][origins][steps * targets]`, in the targets' unit.
    fn sampled(
        &self,
        windows: &Windows,
        origins: &[Origin],
        steps: usize,
        networks: Option<&[Key]>,
        draws: usize,
        monte_carlo: &MonteCarlo,
    ) -> Result<Vec<Vec<Vec<f64>>>> {
        let block = windows.shape().d_target();
        let (passes, width) = (networks.map_or(1, <[Key]>::len), steps * windows.shape().targets);
        let tau = self.tau(networks.is_some());
        // A noise for each network, draw and origin, whatever else is sampled.
        let noise_key = monte_carlo.key(0).fold_str("noise");
        let noise = |pass: usize, draw: usize, origin: Origin, block_number: usize| {
            let key = noise_key.fold(pass as u64).fold(draw as u64).fold(origin.series as u64).fold(origin.at as u64);
            key.fold(block_number as u64).normal(0, 1, block)
        };
        let (rho, targets) = (self.file.correlation, windows.shape().targets);
        let go_on = |walk: &mut Walk, output: &[f32], noise: &[f32]| {
            for at in 0..block {
                let (u, target) = (f64::from(noise[at]), at % targets);
                // A step's noise is a part of the one before, and for the rest its own: its variance is 1 all the same.
                match walk.errors.get_mut(target) {
                    Some(error) => *error = rho * *error + (1.0 - rho * rho).sqrt() * u,
                    None => walk.errors.push(u),
                }
                let sd = match tau {
                    Some(tau) => tau[at].sqrt().recip(),
                    None => (0.5 * f64::from(output[block + at])).exp(),
                };
                walk.z.push((f64::from(output[at]) + sd * walk.errors[target]) as f32);
            }
        };
        let first = self.outputs(windows, origins, networks)?;
        let mut paths: Vec<Vec<Walk>> = Vec::with_capacity(passes * draws);
        for pass in 0..passes {
            for draw in 0..draws {
                let of = |(row, &origin): (usize, &Origin)| {
                    let mut walk = Walk::default();
                    go_on(&mut walk, first.row(pass, row), &noise(pass, draw, origin, 0));
                    walk
                };
                paths.push(origins.iter().enumerate().map(of).collect());
            }
        }
        let mut number = 0;
        while paths[0][0].z.len() < width {
            number += 1;
            let each = draws * origins.len();
            for passes in (0..passes).collect::<Vec<_>>().chunks((ROWS / each).max(1)) {
                let range = passes[0] * draws..(passes[passes.len() - 1] + 1) * draws;
                let mut inputs = Vec::with_capacity(range.len() * origins.len() * windows.shape().d_input());
                for path in &paths[range.clone()] {
                    for (walk, &origin) in path.iter().zip(origins) {
                        inputs.extend(windows.input_after(origin, &walk.z)?);
                    }
                }
                let tensor = self.tensor(inputs, windows.shape().d_input());
                let keys: Option<Vec<Key>> = networks.map(|keys| passes.iter().map(|&pass| keys[pass]).collect());
                let pass = match &keys {
                    Some(keys) => Pass::networks(keys, each),
                    None => Pass::mean(),
                };
                let output = self.lstm.run(tensor, &pass).packed();
                let output_width = output.dims()[1];
                let output = self.numbers(output, each)?;
                let mut rows = output.chunks(output_width);
                for (at, path) in range.clone().zip(&mut paths[range]) {
                    for (walk, &origin) in path.iter_mut().zip(origins) {
                        let row = rows.next().expect("a row for each path and origin");
                        go_on(walk, row, &noise(at / draws, at % draws, origin, number));
                    }
                }
            }
        }
        let back = |(walk, &origin): (&Walk, &Origin)| {
            let path: Vec<f64> = walk.z[..width].iter().map(|&z| f64::from(z)).collect();
            windows.invert(origin, &path)
        };
        Ok(paths.iter().map(|path| path.iter().zip(origins).map(back).collect()).collect())
    }

    /// The model with the noise of the data as the validation part shows it: its precision at each step of the horizon, if the model does not predict it, of
    /// many sampled networks and of the mean network; and how much of it goes on into the next step. Series that never change do not count.
    #[cfg(feature = "train")]
    pub(crate) fn with_noise(self, windows: &Windows, monte_carlo: &MonteCarlo) -> Result<Self> {
        let constant = matches!(self.file.model.task, Task::Regression { noise: Noise::Constant, .. });
        let block = windows.shape().d_target();
        let mut origins = windows.origins(Part::Valid);
        origins.retain(|origin| !windows.scale(*origin).constant.contains(&true));
        if origins.is_empty() {
            // Nothing ever changed: there is no noise to fit, and the way back adds none.
            let tau = constant.then(|| Tau { monte_carlo: vec![1.0; block], mean_network: vec![1.0; block] });
            return Ok(Self { file: SeriesFile { tau, ..self.file }, ..self });
        }
        let targets: Vec<f64> = origins.iter().flat_map(|&origin| windows.target(origin)).map(f64::from).collect();
        let networks: Vec<Key> = (0..monte_carlo.passes()).map(|pass| monte_carlo.key(pass)).collect();
        let sampled = self.outputs(windows, &origins, Some(&networks))?;
        let tau = match constant {
            true => Some(Tau {
                monte_carlo: Point::summarise((), sampled.clone())?.fit_tau(&targets)?,
                mean_network: Point::summarise((), self.outputs(windows, &origins, None)?)?.fit_tau(&targets)?,
            }),
            false => None,
        };
        let sds = tau.as_ref().map(|tau| tau.monte_carlo.iter().map(|tau| tau.sqrt().recip()).collect::<Vec<f64>>());
        let correlation = correlation(&sampled, &targets, sds.as_deref(), windows.shape().targets);
        Ok(Self { file: SeriesFile { tau, correlation, ..self.file }, ..self })
    }

    /// The scores of forecasts of the horizon from all origins of a part, so many steps apart: of many sampled networks, of the mean network, and of two
    /// forecasts that take no training.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no origin; as [`forecast`](Self::forecast).
    pub fn evaluate(
        &self,
        windows: &Windows,
        part: Part,
        stride: usize,
        monte_carlo: &MonteCarlo,
        interval: f64,
    ) -> Result<Rolling> {
        let (series, horizon) = (&self.file.series, windows.shape().horizon);
        let origins = windows.origins_every(part, stride);
        if origins.is_empty() {
            let reason = format!(
                "no window of {} steps has {horizon} steps behind it that the model was not trained on",
                series.window
            );
            return Err(Error::Data { place: "rolling origin".to_string(), reason });
        }
        // Of each way, what came of each step: `[way][step][origins * targets]`.
        let mut judged: [Vec<Vec<Judged>>; 4] = std::array::from_fn(|_| vec![Vec::new(); horizon]);
        for chunk in origins.chunks(ORIGINS) {
            let sampled = self.forecast(windows, chunk, horizon, monte_carlo)?;
            let mean = self.forecast_mean(windows, chunk, horizon)?;
            for (way, forecasts) in [sampled, mean].into_iter().enumerate() {
                for forecast in forecasts {
                    let of_steps = self.judged(windows, &forecast, interval)?;
                    judged[way].iter_mut().zip(of_steps).for_each(|(all, step)| all.extend(step));
                }
            }
            for &origin in chunk {
                for target in 0..windows.shape().targets {
                    let history = windows.history(origin, target);
                    let naive = Baseline::seasonal_naive(&history, series.season, horizon).ok();
                    for (way, baseline) in [naive, Baseline::drift(&history, horizon).ok()].into_iter().enumerate() {
                        let Some(baseline) = baseline else { continue };
                        let of_steps = baseline_judged(windows, origin, target, &baseline, interval)?;
                        judged[2 + way].iter_mut().zip(of_steps).for_each(|(all, step)| all.push(step));
                    }
                }
            }
        }
        let scores = |steps: &[Vec<Judged>]| -> Result<Option<ForecastScores>> {
            let all = steps.concat();
            // A baseline that some origins lack would be judged by others.
            let whole = all.len() == origins.len() * windows.shape().targets * steps.len();
            if whole { ForecastScores::of(&all).map(Some) } else { Ok(None) }
        };
        let evaluation = |range: std::ops::Range<usize>| -> Result<ForecastEvaluation> {
            Ok(ForecastEvaluation {
                passes: monte_carlo.passes(),
                interval,
                origins: origins.len(),
                monte_carlo: scores(&judged[0][range.clone()])?.expect("every origin has a forecast"),
                mean_network: scores(&judged[1][range.clone()])?.expect("every origin has a forecast"),
                seasonal_naive: scores(&judged[2][range.clone()])?,
                drift: scores(&judged[3][range])?,
            })
        };
        let steps = (0..horizon).map(|step| evaluation(step..step + 1)).collect::<Result<_>>()?;
        Ok(Rolling { all: evaluation(0..horizon)?, steps })
    }

    /// A forecast of the horizon and what came, step by step.
    fn judged(&self, windows: &Windows, forecast: &Forecast, level: f64) -> Result<Vec<Vec<Judged>>> {
        let (origin, targets) = (forecast.origin, windows.shape().targets);
        let actual = windows.actual(origin);
        let (median, interval, crps) = (forecast.median()?, forecast.interval(level)?, forecast.crps(actual)?);
        let one = |entry: usize| Judged {
            actual: actual[entry],
            mean: forecast.mean()[entry],
            median: median[entry],
            lower: interval.lower[entry],
            upper: interval.upper[entry],
            crps: crps[entry],
            scale: naive_mae(windows, origin, entry % targets),
        };
        Ok((0..forecast.steps()).map(|step| (step * targets..(step + 1) * targets).map(one).collect()).collect())
    }
}

/// How much of the noise of a step goes on into the next, over all networks and rows: the share that makes the squares least.
#[cfg(feature = "train")]
fn correlation(sampled: &Samples, targets: &[f64], sds: Option<&[f64]>, width: usize) -> f64 {
    let [passes, rows, _] = sampled.dims();
    let block = targets.len() / rows;
    let (mut products, mut squares) = (0.0, 0.0);
    for pass in 0..passes {
        for row in 0..rows {
            let output = sampled.row(pass, row);
            let error = |at: usize| {
                let sd = sds.map_or_else(|| (0.5 * f64::from(output[block + at])).exp(), |sds| sds[at]);
                (targets[row * block + at] - f64::from(output[at])) / sd
            };
            let errors: Vec<f64> = (0..block).map(error).collect();
            for (before, after) in errors.iter().zip(errors.iter().skip(width)) {
                products += before * after;
                squares += 0.5 * (before * before + after * after);
            }
        }
    }
    if squares > 0.0 { (products / squares).clamp(-MOST_CORRELATED, MOST_CORRELATED) } else { 0.0 }
}

/// More is a constant, of which a few windows are no evidence.
#[cfg(feature = "train")]
const MOST_CORRELATED: f64 = 0.95;

/// The scale of errors of a series, if it has one.
fn naive_mae(windows: &Windows, origin: Origin, target: usize) -> Option<f64> {
    Some(windows.scale(origin).naive_mae[target]).filter(|mae| *mae > 0.0)
}

/// A forecast that takes no training and what came, step by step.
fn baseline_judged(
    windows: &Windows,
    origin: Origin,
    target: usize,
    baseline: &Baseline,
    level: f64,
) -> Result<Vec<Judged>> {
    let actual = windows.actual(origin).iter().skip(target).step_by(windows.shape().targets);
    let ends = baseline.interval(level)?;
    let laws = baseline.mean.iter().zip(&baseline.sd).zip(ends);
    let one = |((&mean, &sd), [lower, upper]): ((&f64, &f64), [f64; 2]), actual: f64| Judged {
        actual,
        mean,
        median: mean,
        lower,
        upper,
        crps: crps_of_gaussian(mean, sd, actual),
        scale: naive_mae(windows, origin, target),
    };
    Ok(laws.zip(actual).map(|(law, &actual)| one(law, actual)).collect())
}

/// More steps than that are a mistake.
const MOST_STEPS: usize = 10_000;
