//! Models of the target's logarithm: the prediction of the target itself is a mixture of log-normals.

mod common;

use burn_zoo::{
    Error, Joinable, Key, Predictive, Samples,
    models::{MlpConfig, Noise, Task},
    outputs::{Gaussian, Point},
    uncertainty::{MonteCarlo, RegressionPrediction},
};
use common::{assert_near, assert_standard_errors, assert_within, devices, mean, normal, rate};

/// f64 on the host, a few dozen operations.
const F64: f64 = 1e-12;

/// Pass means of ln y of one row: networks that disagree by about as much as the noise.
const MEANS: [f32; 4] = [0.5, 1.0, 1.25, 2.0];
const TAU: f64 = 4.0;

/// One row of given pass means of ln y.
fn logarithms(means: &[f32]) -> RegressionPrediction {
    Point::summarise((), Samples::new([means.len(), 1, 1], means.to_vec())).unwrap()
}

fn log_normals() -> RegressionPrediction {
    logarithms(&MEANS).with_tau(&[TAU]).unwrap().exponentiated().unwrap()
}

/// Four passes over three rows of two targets, each with its noise: means, then log variances.
fn with_predicted_noise() -> RegressionPrediction {
    let values = Key::new(3).normal(0, 1, 4 * 3 * 4).into_iter().map(|x| 0.5 * x - 0.25).collect();
    Gaussian::summarise((), Samples::new([4, 3, 4], values)).unwrap()
}

#[test]
fn moments_interval_and_score_are_those_of_drawn_targets() {
    let (prediction, n) = (log_normals(), 400_000);
    let noise = Key::new(1).normal(0, 1, 2 * n);
    let draw = |i: usize| (f64::from(MEANS[i % MEANS.len()]) + f64::from(noise[i]) / TAU.sqrt()).exp();
    let drawn: Vec<f64> = (0..n).map(draw).collect();
    let near = |found: f64, values: &[f64], what: &str| {
        let (expected, error) = mean(values);
        assert_standard_errors(found, expected, error, 4.0, what);
    };
    let map = |f: &dyn Fn(f64) -> f64| drawn.iter().map(|&y| f(y)).collect::<Vec<_>>();
    near(prediction.mean()[0], &drawn, "mean");
    let centre = prediction.mean()[0];
    near(prediction.total_variance().unwrap()[0], &map(&|y| (y - centre).powi(2)), "total variance");
    for level in [0.5, 0.9] {
        let interval = prediction.interval(level).unwrap();
        near((1.0 - level) / 2.0, &map(&|y| f64::from(u8::from(y < interval.lower[0]))), "below");
        near((1.0 - level) / 2.0, &map(&|y| f64::from(u8::from(y > interval.upper[0]))), "above");
    }
    for y in [0.1, 2.0, 30.0] {
        // Another draw, of a pass that is independent of the first's.
        let second = |i: usize| (f64::from(MEANS[i / 4 % 4]) + f64::from(noise[n + i]) / TAU.sqrt()).exp();
        let scores: Vec<f64> = (0..n).map(|i| (drawn[i] - y).abs() - 0.5 * (drawn[i] - second(i)).abs()).collect();
        near(prediction.crps(&[y]).unwrap()[0], &scores, &format!("score at {y}"));
    }
}

#[test]
fn each_passes_mean_is_that_of_its_log_normal() {
    let prediction = log_normals();
    let means: Vec<f64> = MEANS.iter().map(|&m| (f64::from(m) + 0.5 / TAU).exp()).collect();
    for (pass, expected) in means.iter().enumerate() {
        assert_within(&[prediction.sample(pass, 0, 0).unwrap()], &[*expected], F64, "sample");
    }
    let (mean, spread) = (means.iter().sum::<f64>() / 4.0, means.iter().map(|m| m * m).sum::<f64>() / 4.0);
    assert_within(prediction.mean(), &[mean], F64, "mean");
    assert_near(prediction.epistemic_variance(), &[spread - mean * mean], F64, "epistemic");
    let aleatoric = (1.0 / TAU).exp_m1() * spread;
    assert_near(&prediction.aleatoric_variance().unwrap(), &[aleatoric], F64, "aleatoric");
    let interval = prediction.epistemic_interval(1.0 / 3.0).unwrap(); // a third and two thirds of three steps
    assert_within(&[interval.lower[0], interval.upper[0]], &means[1..3], F64, "epistemic interval");
    assert_eq!(prediction.tau().unwrap(), [TAU], "of the logarithms");
}

#[test]
fn an_interval_ends_at_the_exponentials_of_the_logarithms_ends() {
    let before = with_predicted_noise();
    let exp = |values: &[f64]| values.iter().map(|x| x.exp()).collect::<Vec<_>>();
    let (logs, found) = (before.interval(0.8).unwrap(), before.clone().exponentiated().unwrap().interval(0.8).unwrap());
    assert_eq!((found.lower, found.upper), (exp(&logs.lower), exp(&logs.upper)));
}

#[test]
fn a_likelihood_is_the_logarithms_per_unit_of_the_target() {
    let before = with_predicted_noise();
    let y = [0.5, 1.0, 2.0, 3.0, 0.1, 9.0];
    let logs: Vec<f64> = y.iter().map(|y: &f64| y.ln()).collect();
    let expected: Vec<f64> = before.log_likelihood(&logs).unwrap().iter().zip(&logs).map(|(l, z)| l - z).collect();
    let found = before.exponentiated().unwrap().log_likelihood(&y).unwrap();
    assert_within(&found, &expected, F64, "the density of y is that of ln y, over y");
}

#[test]
fn targets_in_a_thousandth_of_the_unit_are_a_thousand_times_as_many() {
    // Networks of ln y of which one is trained in kg and one in g: the same, but for a shift by ln 1000.
    let model = with_predicted_noise();
    let unit = |shift: f64| model.clone().in_units(&[2.0, 0.5], &[shift; 2]).unwrap().exponentiated().unwrap();
    let (kilo, gram) = (unit(0.0), unit(1000f64.ln()));
    let y = [0.5, 1.0, 2.0, 3.0, 0.1, 9.0];
    let times = |values: &[f64], factor: f64| values.iter().map(|x| factor * x).collect::<Vec<_>>();
    let near =
        |gram: &[f64], kilo: &[f64], factor: f64, what: &str| assert_near(gram, &times(kilo, factor), 1e-11, what);
    near(gram.mean(), kilo.mean(), 1e3, "mean");
    near(gram.epistemic_variance(), kilo.epistemic_variance(), 1e6, "epistemic variance");
    near(&gram.aleatoric_variance().unwrap(), &kilo.aleatoric_variance().unwrap(), 1e6, "aleatoric variance");
    near(&gram.sd().unwrap(), &kilo.sd().unwrap(), 1e3, "sd");
    for (gram, kilo) in [
        (gram.interval(0.9).unwrap(), kilo.interval(0.9).unwrap()),
        (gram.epistemic_interval(0.9).unwrap(), kilo.epistemic_interval(0.9).unwrap()),
    ] {
        near(&gram.lower, &kilo.lower, 1e3, "lower");
        near(&gram.upper, &kilo.upper, 1e3, "upper");
    }
    near(&gram.crps(&times(&y, 1e3)).unwrap(), &kilo.crps(&y).unwrap(), 1e3, "score");
    let likelihood: Vec<f64> = kilo.log_likelihood(&y).unwrap().iter().map(|l| l - 1000f64.ln()).collect();
    assert_within(&gram.log_likelihood(&times(&y, 1e3)).unwrap(), &likelihood, 1e-11, "likelihood");
}

#[test]
fn the_noise_may_be_given_before_or_after() {
    let after = logarithms(&MEANS).exponentiated().unwrap();
    let medians = MEANS.iter().map(|&m| f64::from(m).exp()).sum::<f64>() / 4.0;
    assert_within(after.mean(), &[medians], F64, "unknown noise counts as none");
    assert!(matches!(after.aleatoric_variance(), Err(Error::NoTau)) && matches!(after.crps(&[1.0]), Err(Error::NoTau)));
    assert!(matches!(after.interval(0.9), Err(Error::NoTau)) && after.epistemic_interval(0.9).is_ok());
    let (after, before) = (after.with_tau(&[TAU]).unwrap(), log_normals());
    assert_eq!((after.mean(), after.total_variance().unwrap()), (before.mean(), before.total_variance().unwrap()));
    assert_eq!(after.crps(&[2.0]).unwrap(), before.crps(&[2.0]).unwrap());
}

#[test]
fn a_precision_is_fitted_to_logarithms_before_and_to_targets_after() {
    for (name, device) in devices() {
        let task = Task::Regression { targets: 1, noise: Noise::Constant };
        let mlp = MlpConfig::new(3, task).with_rates(vec![rate(0.3)]).init(&device, Key::new(1));
        let x = normal(2, [6, 3], &device);
        let model = MonteCarlo::new(20).predict(&mlp, x).unwrap().regression().unwrap();
        let logs: Vec<f64> = Key::new(9).normal(0, 1, 6).into_iter().map(f64::from).collect();
        let y: Vec<f64> = logs.iter().map(|z| z.exp()).collect();
        let before = model.fit_tau(&logs).unwrap();
        let after = model.exponentiated().unwrap().fit_tau(&y).unwrap();
        assert_near(&after, &before, 1e-5, name); // a maximum is flat: half the digits
    }
}

#[test]
fn networks_that_agree_are_one_log_normal() {
    // Rate 0: every pass says N(1, 1/4).
    let prediction = logarithms(&[1.0; 5]).with_tau(&[4.0]).unwrap().exponentiated().unwrap();
    assert_eq!(prediction.epistemic_variance(), [0.0]);
    assert_within(prediction.mean(), &[1.125f64.exp()], F64, "mean");
    let interval = prediction.interval(0.9).unwrap();
    let z: f64 = 0.5 * 1.644_853_626_951_472_2;
    assert_within(&[interval.lower[0], interval.upper[0]], &[(1.0 - z).exp(), (1.0 + z).exp()], 1e-10, "quantiles");
    // The score of a log-normal (Baran & Lerch 2015): y (2 F(y) - 1) - 2 m (F shifted by sd + Phi(sd / sqrt 2) - 1).
    let phi = |u: f64| 0.5 * libm::erfc(-u / 2f64.sqrt());
    for y in [0.5f64, 2.0, 20.0] {
        let u = (y.ln() - 1.0) / 0.5;
        let shifted = phi(u - 0.5) + phi(0.5 / 2f64.sqrt()) - 1.0;
        let expected = y * (2.0 * phi(u) - 1.0) - 2.0 * 1.125f64.exp() * shifted;
        assert_within(&prediction.crps(&[y]).unwrap(), &[expected], F64, "score");
    }
}

#[test]
fn a_target_without_a_logarithm_is_named_by_its_row() {
    let two = Point::summarise((), Samples::new([1, 2, 1], vec![0.0; 2])).unwrap().with_tau(&[1.0]).unwrap();
    let two = two.exponentiated().unwrap();
    for bad in [0.0, -2.5, f64::NAN, f64::INFINITY] {
        let words = format!("row 1: `{bad}` is not a positive number, which a model of logarithms needs");
        assert_eq!(two.log_likelihood(&[1.0, bad]).unwrap_err().to_string(), words);
        assert_eq!(two.crps(&[1.0, bad]).unwrap_err().to_string(), words);
        assert_eq!(two.fit_tau(&[1.0, bad]).unwrap_err().to_string(), words);
    }
    let error = with_predicted_noise().exponentiated().unwrap().log_likelihood(&[1.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
    assert!(error.unwrap_err().to_string().starts_with("row 1, target 1: `0`"));
}

#[test]
fn a_variance_beyond_the_numbers_is_an_error() {
    let error = logarithms(&[1.0, 400.0]).exponentiated().unwrap_err().to_string();
    assert_eq!(error, "row 0: `exp(400)` is not a prediction whose variance is a finite number");
    assert!(logarithms(&[1.0, 300.0]).exponentiated().unwrap().with_tau(&[1e-3]).is_err(), "exp(2 * 300 + 2 * 1000)");
    let widest = logarithms(&[340.0]).with_tau(&[0.1]).unwrap().exponentiated().unwrap();
    assert!(widest.interval(1.0 - 1e-15).unwrap().upper[0].is_finite(), "a finite variance has finite quantiles");
}

#[test]
fn the_exponential_is_taken_once_of_numbers_in_their_unit_and_of_samples() {
    let twice = log_normals().exponentiated().unwrap_err().to_string();
    assert_eq!(twice, "the prediction is not on the model's own scale, it is exponentiated already");
    assert!(matches!(log_normals().in_units(&[2.0], &[0.0]), Err(Error::Prediction { .. })));
    let mut forgetful = logarithms(&MEANS);
    forgetful.forget_samples();
    assert!(matches!(forgetful.exponentiated(), Err(Error::SamplesNotKept)));
}

#[test]
fn joined_blocks_are_the_whole() {
    let values: Vec<f32> = Key::new(5).normal(0, 1, 6);
    let of = |values: &[f32]| {
        let samples = Samples::new([2, values.len() / 2, 1], values.to_vec());
        Point::summarise((), samples).unwrap().with_tau(&[2.0]).unwrap().exponentiated().unwrap()
    };
    // [passes, rows]: rows 0 and 1, then row 2
    let (whole, mut first) = (of(&values), of(&[values[0], values[1], values[3], values[4]]));
    first.join(of(&[values[2], values[5]]));
    assert_eq!((first.mean(), first.sd().unwrap()), (whole.mean(), whole.sd().unwrap()));
    assert_eq!(first.crps(&[1.0, 2.0, 3.0]).unwrap(), whole.crps(&[1.0, 2.0, 3.0]).unwrap());
}

#[test]
#[should_panic(expected = "predictions of different models")]
fn logarithms_are_not_joined_to_targets() {
    logarithms(&MEANS).with_tau(&[TAU]).unwrap().join(log_normals());
}

#[test]
fn a_constant_prediction_is_one_gaussian_for_every_row() {
    let baseline = RegressionPrediction::constant(&[2.0, -50_000.3], &[0.5, 1000.0], 3).unwrap();
    assert_eq!((baseline.rows(), baseline.targets(), baseline.passes()), (3, 2, 1));
    assert_eq!(baseline.mean(), [2.0, -50_000.3].repeat(3), "to the last bit");
    assert_eq!(baseline.epistemic_variance(), [0.0; 6]);
    assert_near(&baseline.sd().unwrap(), &[0.5, 1000.0].repeat(3), F64, "sd");
    for (mean, sd) in [([f64::NAN], [1.0]), ([0.0], [0.0]), ([0.0], [f64::NAN]), ([0.0], [f64::INFINITY])] {
        assert!(matches!(RegressionPrediction::constant(&mean, &sd, 1), Err(Error::Config { .. })), "{mean:?} {sd:?}");
    }
    assert!(matches!(RegressionPrediction::constant(&[0.0], &[1.0], 0), Err(Error::NoRows)));
    assert!(matches!(RegressionPrediction::constant(&[], &[], 1), Err(Error::Length { .. })));
    assert!(matches!(RegressionPrediction::constant(&[0.0], &[1.0, 1.0], 1), Err(Error::Length { .. })));
}
